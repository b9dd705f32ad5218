"""
The figures of docs/reliability.md: `python -m tests.process.figures` prints them.

They are counted from the same lists that the tests go over, so they say what a run of the tests shows.
"""

import inspect
import math
import sys
import warnings

import numpy as np

from ..contract.registry import BY_NAME, ENTRIES, FUNCTIONS, OWN_ENTRIES, OWN_WAYS
from ..contract.scenarios import short_of_memory
from . import mutations, test_fork


def ways_of(name):
    """In how many ways the fitted estimator of an entry is edited."""
    entry = BY_NAME[name]
    settings = mutations.settings_of(entry)
    X = entry.data(0, 40, 4)
    return sum(sum(1 for _ in mutations.mutations(entry.fit(X, **setting))) for setting in settings)


def cases_of(test):
    """How many cases a parametrised test has."""
    return math.prod(len(mark.args[1]) for mark in test.pytestmark)


def figures():
    """Yield (what is counted, how many)."""
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    yield "estimators, with settings that take another way", len(ENTRIES)
    yield "functions", len(FUNCTIONS)
    yield "edits of fitted models, each before and after use", sum(ways_of(entry.name) for entry in ENTRIES)
    yield (
        "ways of starting a process after use, for one estimator",
        sum(cases_of(test) for test in (test_fork.test_fork, test_fork.test_start_method, test_fork.test_joblib)),
    )
    yield "estimators and functions that are forked after use", len(OWN_WAYS)
    yield "estimators and functions that are interrupted, with 1 and with 2 threads", len(OWN_WAYS)
    yield "steps at which memory ends, for each of them", inspect.signature(short_of_memory).parameters["steps"].default
    yield "estimators whose heap is watched at night", len(OWN_ENTRIES)


if __name__ == "__main__":
    for what, count in figures():
        sys.stdout.write(f"{count:7,d}  {what}\n")
