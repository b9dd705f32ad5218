"""Large tables are not looked at before they are fitted; what is not finite in them is found all the same."""

import numpy as np
import pytest
import sklearn.linear_model

import mlfast.linear_model

from ..compare import assert_same_complaint, outcome
from .data import regression

MODELS = [
    ("LinearRegression", {}),
    ("LinearRegression", {"positive": True}),
    ("LinearRegression", {"fit_intercept": False}),
    ("Ridge", {}),
    ("Ridge", {"solver": "cholesky"}),
    ("Ridge", {"solver": "svd"}),
    ("Ridge", {"solver": "lsqr"}),
    ("Ridge", {"positive": True}),
    ("Ridge", {"alpha": 0.0, "fit_intercept": False}),
    ("RidgeClassifier", {}),
]


def fit_both(name, params, X, y, weights):
    return [
        outcome(lambda room=room: getattr(room, name)(**params).fit(X, y, sample_weight=weights))
        for room in (mlfast.linear_model, sklearn.linear_model)
    ]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("shape", [(20_000, 5), (600, 120), (200, 400)])
@pytest.mark.parametrize(("name", "params"), MODELS, ids=str)
def test_one_value(name, params, shape, value, weighted):
    """In the last row, which weighs nothing if rows have weights."""
    X, y = regression(0, *shape)
    y = np.sign(y) if name == "RidgeClassifier" else y
    weights = np.r_[np.ones(len(X) - 1), 0.0] if weighted else None
    X[-1, shape[1] // 2] = value
    ours, theirs = fit_both(name, params, X, y, weights)
    assert theirs.error is not None
    assert_same_complaint(ours, theirs)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(("name", "params"), MODELS[:4], ids=str)
def test_finite_squares_may_overflow(name, params, order):
    """What is finite is fitted, or refused as the parent does, though no sum of squares is."""
    X, y = regression(0, 20_000, 5)
    X = np.asarray(X * 1e200, order=order)
    ours, theirs = fit_both(name, params, X, y, None)
    assert (ours.error is None) == (theirs.error is None)
    if theirs.error is None:
        assert np.isfinite(ours.value.coef_).all()
