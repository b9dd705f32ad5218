"""
The list of all public estimators and functions, with what the contract tests must know about each.

A new estimator gets every test of this folder by one more `Entry` in the file of its room.
"""

import importlib
import os
import pkgutil
from pathlib import Path

from .entry import Entry


def _lists():
    """Yield the modules of this folder that list entries or functions, by their names."""
    for found in pkgutil.iter_modules([str(Path(__file__).parent)]):
        source = Path(__file__).with_name(f"{found.name}.py").read_text()
        if found.name != "registry" and ("\nENTRIES = " in source or "\nFUNCTIONS = " in source):
            yield importlib.import_module(f"{__package__}.{found.name}")


_LISTS = list(_lists())
ENTRIES = [entry for module in _LISTS for entry in getattr(module, "ENTRIES", ())]
FUNCTIONS = [function for module in _LISTS for function in getattr(module, "FUNCTIONS", ())]

#: Tests that set up processes for each go over these; at night over all.
OWN_WAYS = [
    thing for thing in [*ENTRIES, *FUNCTIONS] if not thing.like or os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
]
OWN_ENTRIES = [thing for thing in OWN_WAYS if isinstance(thing, Entry)]

#: Names of what takes a way of its own through the core.
OWN_NAMES = {thing.name for thing in [*ENTRIES, *FUNCTIONS] if not thing.like}

BY_NAME = {entry.name: entry for entry in ENTRIES}
FUNCTION_BY_NAME = {function.name: function for function in FUNCTIONS}
