"""
The list of all public estimators and functions, with what the contract tests must know about each.

A new estimator gets every test of this folder by one more `Entry` in the file of its room.
"""

from . import boosting, centroids, clusterers, forests, imputers, neighbors, pairwise, trees

ENTRIES = [
    *clusterers.ENTRIES,
    *neighbors.ENTRIES,
    *centroids.ENTRIES,
    *imputers.ENTRIES,
    *trees.ENTRIES,
    *forests.ENTRIES,
    *boosting.ENTRIES,
]
FUNCTIONS = [*clusterers.FUNCTIONS, *neighbors.FUNCTIONS, *pairwise.FUNCTIONS]

BY_NAME = {entry.name: entry for entry in ENTRIES}
FUNCTION_BY_NAME = {function.name: function for function in FUNCTIONS}
