"""What was meant by a name that mlfast does not have: how it is spelt, where it is, or that only scikit-learn has it.

Nothing here runs before such a name is asked for, and scikit-learn is not loaded for it: the names that it has are read
from its files. Errors keep the types that Python gives them, and names that begin with an underscore get no hint, as it
is tools that ask for them.
"""

from __future__ import annotations

import importlib.util
import sys
from functools import cache

import mlfast

TYPE_CHECKING = False  # importing typing would be a good part of the time of a start
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import FrameType
    from typing import NoReturn

#: How alike two names must be, from 0 to 1, for one to be taken for the other.
_LIKENESS = 0.8
#: How many names a hint proposes at most.
_PROPOSED = 3
#: Of how many letters a name must be to be taken for another.
_SHORTEST = 3


def explain_unknown_names(module: str) -> None:
    """Give a loaded module of mlfast a ``__getattr__`` that raises errors with hints; type checkers do not see it."""

    def __getattr__(name: str) -> NoReturn:  # noqa: N807
        raise unknown_name(module, name, sys._getframe(1))

    vars(sys.modules[module])["__getattr__"] = __getattr__


def unknown_name(module: str, name: str, asker: FrameType) -> AttributeError | ImportError:
    """Return the error for a name that a module does not have.

    Parameters
    ----------
    module, name : str
        Full name of the module, and what was asked of it.
    asker : frame
        Who asks. Python replaces the message of an AttributeError during ``from module import name``, so there the
        error is the ImportError that it would raise next.
    """
    hint = "" if name.startswith("_") else of_name(name, module) or of_module(f"{module}.{name}")
    if hint and _is_import(asker) and not _has_submodule(module, name):
        path = sys.modules[module].__file__
        return ImportError(f"cannot import name {name!r} from {module!r}: {hint}", name=module, path=path)
    # Given a name alone, Python adds no guess of its own.
    return AttributeError(f"module {module!r} has no attribute {name!r}{hint and ': '}{hint}", name=name)


def _is_import(asker: FrameType) -> bool:
    """Return whether the statement ``from module import name`` asks, or Python, which looks for a submodule first."""
    import opcode

    if asker.f_code.co_name == "_handle_fromlist":
        return str(asker.f_globals.get("__name__")).startswith(("importlib", "_frozen_importlib"))
    return opcode.opname[asker.f_code.co_code[asker.f_lasti]] == "IMPORT_FROM"


def _has_submodule(module: str, name: str) -> bool:
    """Return whether there is a module to load: then Python must not be kept from trying."""
    return hasattr(sys.modules[module], "__path__") and importlib.util.find_spec(f"{module}.{name}") is not None


def of_name(name: str, module: str = "mlfast") -> str:
    """Return what class or function was meant by a name that was looked for in a module, or an empty string."""
    ours, theirs = homes(), scikit_learns()
    namesake = module.replace("mlfast", "sklearn", 1)
    if name in ours:
        return f"it is in {ours[name]} (from {ours[name]} import {name})"
    if name in theirs or _is_scikit_learns(namesake, name):
        return f"mlfast does not cover it, scikit-learn has it (from {theirs.get(name, namesake)} import {name})"
    everywhere = theirs | ours
    found = [f"{other} (from {everywhere[other]} import {other})" for other in alike(name, everywhere)]
    return f"did you mean {' or '.join(found)}?" if found else ""


def _is_scikit_learns(module: str, name: str) -> bool:
    """Return whether a loaded module of scikit-learn has a class or function of this name."""
    found = vars(sys.modules[module]).get(name) if module in sys.modules else None
    return callable(found) and str(getattr(found, "__module__", None)).startswith("sklearn.")


def of_module(name: str) -> str:
    """Return what module was meant by the full name of one that mlfast does not have, or an empty string."""
    room = name.split(".")[1]
    if room in mlfast._ROOMS or any(part.startswith("_") for part in name.split(".")):
        return ""
    if is_module_of_scikit_learn(room):
        return f"mlfast does not cover it, scikit-learn has it (import sklearn.{room})"
    found = alike(room, mlfast._ROOMS) or alike(room, _scikit_learns_modules())
    full = [f"mlfast.{other}" if other in mlfast._ROOMS else f"sklearn.{other}" for other in found]
    return f"did you mean {' or '.join(full)}?" if full else ""


def is_module_of_scikit_learn(name: str) -> bool:
    """Return whether scikit-learn has a public module ``sklearn.<name>``."""
    return name in _scikit_learns_modules()


def alike(name: str, names: Iterable[str]) -> list[str]:
    """Return the names that ``name`` may be a misspelling or the beginning of."""
    import difflib

    spellings: dict[str, str] = {}
    for other in sorted(names):  # classes before functions
        spellings.setdefault(_letters(other), other)
    wanted = _letters(name)
    if wanted in spellings:
        return [spellings[wanted]]
    if len(wanted) < _SHORTEST:
        return []
    longer = [other for spelling, other in spellings.items() if spelling.startswith(wanted)]
    close = difflib.get_close_matches(wanted, spellings, n=1, cutoff=_LIKENESS)
    return longer[:_PROPOSED] or [spellings[spelling] for spelling in close]


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name)).lower()


@cache
def homes() -> dict[str, str]:
    """Return the module of each public name of mlfast."""
    from mlfast.accel._registry import OWN, REGISTRY

    rooms = {module.replace("sklearn", "mlfast", 1): names for module, names in REGISTRY.items()} | {
        module: (*REGISTRY.get(module.replace("mlfast", "sklearn", 1), ()), *names) for module, names in OWN.items()
    }
    found = {name: module for module, names in sorted(rooms.items(), reverse=True) for name in names}
    return found | dict.fromkeys(mlfast.__all__, "mlfast")


@cache
def scikit_learns() -> dict[str, str]:
    """Return the public module of each public name of scikit-learn, read from the lists ``__all__`` in its files."""
    import ast
    import re

    found: dict[str, str] = {}
    for module, path in sorted(_scikit_learns_modules().items(), reverse=True):
        try:
            with open(path, encoding="utf-8") as file:
                names = re.search(r"^__all__ = (\[[^]]*\])", file.read(), re.MULTILINE)
            listed = ast.literal_eval(names[1]) if names else []
        except (OSError, ValueError, SyntaxError):  # a hint less
            continue
        found |= dict.fromkeys(listed, f"sklearn.{module}")
    return found


@cache
def _scikit_learns_modules() -> dict[str, str]:
    """Return the file of each public module of scikit-learn, such as ``cluster``."""
    import os

    try:
        spec = importlib.util.find_spec("sklearn")
    except (ImportError, ValueError):  # ValueError: what stands there as sklearn is no module that was imported
        spec = None
    found = {}
    for folder in (spec and spec.submodule_search_locations) or ():
        for entry in os.scandir(folder):
            name = entry.name.removesuffix(".py")
            inside = os.path.join(entry.path, "__init__.py")
            if name.startswith("_") or name in ("conftest", "externals", "tests"):
                continue
            if name != entry.name or os.path.isfile(inside):
                found[name] = entry.path if name != entry.name else inside
    return found
