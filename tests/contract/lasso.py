"""The entries of coordinate descent."""

from dataclasses import replace

import numpy as np
import sklearn.linear_model

import mlfast.linear_model

from .entry import BAD_NUMBERS, Entry, numbers


def two_numbers(seed, n):
    """A continuous target of shape (n, 2)."""
    return np.random.RandomState(seed).standard_normal((n, 2))


def in_double_precision(X, weights, params):
    """scikit-learn computes float32 in single precision, in which it may take other numbers of passes."""
    return X.dtype == np.float64


LASSO = Entry(
    ours=mlfast.linear_model.Lasso,
    parent=sklearn.linear_model.Lasso,
    params={"alpha": 0.05},
    exact={"tol": 1e-13, "max_iter": 100_000},
    decided=in_double_precision,
    target=numbers,
    bad_targets=BAD_NUMBERS,
    outputs=("predict", "score"),
    fuzz={
        "alpha": (0.01, 1.0),
        "fit_intercept": (True, False),
        "precompute": (True, False),
        "copy_X": (True, False),
        "positive": (True, False),
        "selection": ("cyclic", "random"),
        "random_state": (0, 1),
        "max_iter": (1, 1000),
        "tol": (1e-2, 1e-8),
    },
    bad_params=(
        {"alpha": -1.0},
        {"alpha": "strong"},
        {"fit_intercept": "yes"},
        {"precompute": "auto"},
        {"copy_X": 2},
        {"tol": -1e-9},
        {"max_iter": 0},
        {"positive": None},
        {"selection": "sorted"},
        {"warm_start": "yes"},
    ),
    state=("coef_", "intercept_", "dual_gap_", "n_iter_", "n_features_in_"),
    scales=False,  # alpha is not on the scale of X
    ways={"through the origin": {"fit_intercept": False}},
    typed=None,
    large=(50_011, 7),
    endless={"alpha": 1e-9, "tol": 0.0, "max_iter": 10**9},
    endless_shape=(2_000, 300),
)
ELASTIC_NET = replace(
    LASSO,
    ours=mlfast.linear_model.ElasticNet,
    parent=sklearn.linear_model.ElasticNet,
    like="Lasso",
    params={"alpha": 0.1},
    fuzz={**LASSO.fuzz, "l1_ratio": (0.1, 0.9)},
    bad_params=(*LASSO.bad_params, {"l1_ratio": 1.5}, {"l1_ratio": None}),
)

ENTRIES = [
    LASSO,
    ELASTIC_NET,
    replace(ELASTIC_NET, label="[two targets]", target=two_numbers),
]
