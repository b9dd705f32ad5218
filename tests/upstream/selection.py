"""Which test modules of scikit-learn have to do with what mlfast replaces: found by reading them."""

import re
from pathlib import Path

import sklearn

from mlfast.accel._registry import KNOWN, REGISTRY

ROOT = Path(sklearn.__file__).parent
#: Tests that go over all estimators of scikit-learn name none of them.
DISCOVERY = ("all_estimators", "_tested_estimators")
#: A module is about replaced names if it mentions one in this many of its lines.
LINES_PER_MENTION = 20


def every():
    """All test modules of scikit-learn."""
    return sorted(ROOT.rglob("tests/**/test_*.py"))


def touching():
    """The test modules that name something replaced, or all estimators."""
    return [module for module in every() if mentions(module, DISCOVERY)]


def direct():
    """The test modules, in the rooms of what is replaced, that are about replaced names and little else."""
    rooms = [ROOT.joinpath(*name.split(".")[1:2], "tests") for name in REGISTRY]
    return [
        module
        for module in every()
        if module.parent in rooms and mentions(module) * LINES_PER_MENTION > len(module.read_text().splitlines())
    ]


def mentions(module, more=()):
    """How often a module mentions a replaced name, or one of `more`."""
    names = sorted({name.rpartition(".")[2] for name in KNOWN} | set(more))
    return len(re.findall(rf"\b({'|'.join(names)})\b", module.read_text()))
