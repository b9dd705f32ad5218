"""The entry of Huber's regression."""

import numpy as np
import scipy.sparse as sp
import sklearn.linear_model
from sklearn.linear_model._huber import _huber_loss_and_gradient

import mlfast.linear_model

from .entry import BAD_NUMBERS, Entry


def from_features(seed, n):
    """
    A target of shape (n,) about a line, with a few values far off.

    Targets without any sense leave a flat loss, whose minimum rounding would decide.
    """
    rng = np.random.RandomState(seed)
    y = rng.standard_normal(n)
    y[rng.uniform(size=n) < 0.1] += 20
    return y


def with_rows_to_spare(X, weights, params):
    """
    Where there are hardly more rows than features the loss falls to nothing, and the scale with it.

    A second step divides differences of losses once more: `tests/linear_model` compares those.
    """
    count = X.shape[0] if weights is None else np.count_nonzero(weights)
    return count >= 2 * (X.shape[1] + 2) and params["max_iter"] <= 1


def objective_is_no_larger(ours, theirs, X, weights):
    """Attributes are of the same kind, and the minimum is as low."""
    assert vars(ours).keys() == vars(theirs).keys()
    assert (ours.coef_.dtype, ours.coef_.shape) == (theirs.coef_.dtype, theirs.coef_.shape)
    y = from_features(0, X.shape[0])
    weights = np.ones(len(y)) if weights is None else np.asarray(weights, dtype=float)
    table = X.toarray() if sp.issparse(X) else X
    mine, parents = (
        _huber_loss_and_gradient(np.r_[e.coef_, e.intercept_, e.scale_], table, y, e.epsilon, e.alpha, weights)
        for e in (ours, theirs)
    )
    assert mine[0] <= parents[0] + 1e-5 * weights.sum()


HUBER = Entry(
    ours=mlfast.linear_model.HuberRegressor,
    like="LogisticRegression",
    parent=sklearn.linear_model.HuberRegressor,
    params={"max_iter": 1000, "tol": 0.1},
    decided=with_rows_to_spare,
    as_good=objective_is_no_larger,
    target=from_features,
    bad_targets=BAD_NUMBERS,
    outputs=("predict", "score"),
    searched=("coef_", "intercept_", "scale_", "predict", "score"),
    fuzz={
        "epsilon": (1.2, 1.35, 3.0),
        "alpha": (0.0, 1e-4, 1.0),
        "fit_intercept": (True, False),
        "max_iter": (0, 1),
        "tol": (1e-2, 1e-8),
    },
    bad_params=(
        {"epsilon": 0.5},
        {"epsilon": "far"},
        {"alpha": -1.0},
        {"max_iter": -1},
        {"tol": -1e-9},
        {"fit_intercept": "yes"},
        {"warm_start": "yes"},
    ),
    state=("coef_", "intercept_", "scale_", "outliers_", "n_iter_", "n_features_in_"),
    unread=("outliers_", "scale_"),
    scales=False,  # the first step is as long as one, in the unit of the data
    weights_scale=False,  # and the penalty does not follow the weights
    ways={"through the origin": {"fit_intercept": False}},
    typed=None,
    large=(50_011, 7),
    endless={"tol": 0.0, "max_iter": 10**9, "epsilon": 1.01},
    endless_shape=(200_000, 30),
)

ENTRIES = [HUBER]
