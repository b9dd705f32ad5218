"""Tables of more cells than 32 bits count, or memory holds: computed, or refused, but nothing is cut to fit."""

import os
import resource
import warnings

import numpy as np
import pytest

from ..contract.registry import BY_NAME
from ..isolated import forked

#: By shape: 2^31 cells and more, each row or column the same few bytes.
SHAPES = [(2**31 + 7, 1), (2**16, 2**16), (3, 2**31 + 5)]
NAMES = ["KMeans", "NearestNeighbors", "LinearRegression", "DecisionTreeRegressor", "KNNImputer", "MLPRegressor"]
BY_DAY = [("LinearRegression", SHAPES[1]), ("DecisionTreeRegressor", SHAPES[2])]
NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
CASES = [(name, shape) for name in NAMES for shape in SHAPES if NIGHTLY or (name, shape) in BY_DAY]


def outcome_of_fit(name, shape):
    """How a fit of a table ends that has this shape, but takes a few bytes, where 3 GiB can be had."""
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
    entry = BY_NAME[name]
    X = np.broadcast_to(np.float32(1.5), shape)
    args = (X,) if entry.target is None else (X, np.broadcast_to(np.float32(0.5), shape[:1]))
    try:
        entry.make().fit(*args)
    except Exception as error:
        return type(error).__name__
    return "result"


@pytest.mark.parametrize(("name", "shape"), CASES, ids=str)
def test_more_cells_than_memory(name, shape):
    found = forked(outcome_of_fit, name, shape)
    assert found in ("result", "MemoryError", "_ArrayMemoryError", "ValueError"), found
