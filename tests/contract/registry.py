"""
The list of all public estimators and functions, with what the contract tests must know about each.

A new estimator gets every test of this folder by one more `Entry` in the file of its room.
"""

from . import clusterers

ENTRIES = [*clusterers.CLUSTERERS]
FUNCTIONS = [*clusterers.FUNCTIONS]

for room in ("neighbors", "imputers", "pairwise"):
    import importlib

    try:
        module = importlib.import_module(f"{__package__}.{room}")
    except (ImportError, AttributeError):
        continue
    ENTRIES += getattr(module, "ENTRIES", [])
    FUNCTIONS += getattr(module, "FUNCTIONS", [])

BY_NAME = {entry.name: entry for entry in ENTRIES}
FUNCTION_BY_NAME = {function.name: function for function in FUNCTIONS}
