"""
The list of all public estimators and functions, with what the contract tests must know about each.

A new estimator gets every test of this folder by one more `Entry` in the file of its room.
"""

import os

from . import (
    adaboost,
    bagging,
    boosting,
    centroids,
    clusterers,
    forests,
    huber,
    imputers,
    lasso,
    linear,
    logistic,
    neighbors,
    networks,
    pairwise,
    stochastic,
    svm,
    trees,
)
from .entry import Entry

ENTRIES = [
    *clusterers.ENTRIES,
    *neighbors.ENTRIES,
    *centroids.ENTRIES,
    *imputers.ENTRIES,
    *trees.ENTRIES,
    *forests.ENTRIES,
    *linear.ENTRIES,
    *svm.ENTRIES,
    *stochastic.ENTRIES,
    *logistic.ENTRIES,
    *huber.ENTRIES,
    *lasso.ENTRIES,
    *networks.ENTRIES,
    *adaboost.ENTRIES,
    *bagging.ENTRIES,
    *boosting.ENTRIES,
]
FUNCTIONS = [*clusterers.FUNCTIONS, *neighbors.FUNCTIONS, *pairwise.FUNCTIONS, *lasso.FUNCTIONS]

#: Tests that set up processes for each go over these; at night over all.
OWN_WAYS = [
    thing for thing in [*ENTRIES, *FUNCTIONS] if not thing.like or os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
]
OWN_ENTRIES = [thing for thing in OWN_WAYS if isinstance(thing, Entry)]

#: Names of what takes a way of its own through the core.
OWN_NAMES = {thing.name for thing in [*ENTRIES, *FUNCTIONS] if not thing.like}

BY_NAME = {entry.name: entry for entry in ENTRIES}
FUNCTION_BY_NAME = {function.name: function for function in FUNCTIONS}
