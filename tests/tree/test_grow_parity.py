"""Trees grown by the core against those of scikit-learn, node for node."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.datasets import (
    fetch_california_housing,
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_wine,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor

from ..realdata import ABSENT, shared_file
from .growing import Builder, both, grown, same_bits, same_structure, training_impurity

# Ties are followed to the bit in nodes of up to this many samples (src/tree/grow/search.rs).
FOLLOWED = 256

N_CONFIGS = 120


def features(rng, n, d):
    """Continuous, whole, coarse, partly constant or mirrored features."""
    X = rng.normal(size=(n, d))
    kind = rng.integers(5)
    if kind == 0:
        X = np.round(3 * X)
    elif kind == 1:
        X[:, ::2] = np.round(X[:, ::2], 1)
    elif kind == 2:
        X[:, rng.random(d) < 0.4] = 1.0
        X[:, 0] = 1.0 + 1e-7 * rng.normal(size=n)
    elif kind == 3 and d > 1:
        X[:, 1] = -X[:, 0]
    return X


def parameters(rng):
    def pick(*choices):
        return choices[rng.integers(len(choices))]

    return {
        "max_depth": pick(None, None, 1, 4),
        "min_samples_leaf": pick(1, 1, 1, 3, 0.1),
        "min_samples_split": pick(2, 2, 5, 0.2),
        "min_weight_fraction_leaf": pick(0.0, 0.0, 0.05),
        "max_features": pick(None, None, "sqrt", 1, 0.5),
        "max_leaf_nodes": pick(None, None, None, 2, 7, 50),
        "min_impurity_decrease": pick(0.0, 0.0, 0.01),
        "splitter": pick("best", "best", "random"),
        "random_state": int(rng.integers(1 << 31)),
    }


def config(seed, is_classification):
    """An estimator and data to fit it on."""
    rng = np.random.default_rng(seed)
    n, d = int(rng.choice([2, 7, 15, 16, 40, 150, FOLLOWED])), int(rng.integers(1, 8))
    n_outputs = int(rng.choice([1, 1, 1, 2]))
    X, params = features(rng, n, d), parameters(rng)
    if is_classification:
        params["criterion"] = str(rng.choice(["gini", "entropy", "log_loss"]))
        y = rng.integers(0, rng.integers(2, 6), (n, n_outputs))
    else:
        params["criterion"] = str(rng.choice(["squared_error", "squared_error", "absolute_error", "poisson"]))
        y = rng.normal(size=(n, n_outputs)) + X[:, :1]
        if rng.random() < 0.3:
            y = np.round(y, 1)
        if params["criterion"] == "poisson":
            y = np.abs(y) + 0.01
    is_monotonic = n_outputs == 1 and rng.random() < 0.25
    if is_monotonic:
        params["monotonic_cst"] = rng.integers(-1, 2, d)
        y = y % 2 if is_classification else y
    elif params["criterion"] != "absolute_error" and rng.random() < 0.3:
        X[rng.random((n, d)) < rng.choice([0.05, 0.3, 0.9])] = np.nan
    weights = [None, None, rng.integers(0, 4, n).astype(float), rng.random(n)][rng.integers(4)]
    if weights is not None and not weights.any():
        weights = None
    est = DecisionTreeClassifier if is_classification else DecisionTreeRegressor
    return est(**params), X, y if n_outputs > 1 else y[:, 0], weights


@pytest.mark.parametrize("block", range(4))
@pytest.mark.parametrize("is_classification", [True, False])
def test_any_configuration_gives_the_same_bits(is_classification, block):
    for seed in range(block * N_CONFIGS // 4, (block + 1) * N_CONFIGS // 4):
        est, X, y, weights = config(seed, is_classification)
        assert same_bits(*both(est, X, y, weights)), (seed, est)


@pytest.mark.parametrize("load", [load_iris, load_wine, load_breast_cancer, load_digits])
@pytest.mark.parametrize(
    "est",
    [
        DecisionTreeClassifier(random_state=3),
        DecisionTreeClassifier(criterion="entropy", max_features="sqrt", random_state=4),
        DecisionTreeClassifier(max_leaf_nodes=30, class_weight={0: 2, 1: 3}, random_state=5),
        ExtraTreeClassifier(random_state=6),
    ],
)
def test_real_classes(load, est):
    X, y = load(return_X_y=True)
    assert same_bits(*both(est, X, y))


@pytest.mark.parametrize(
    "est",
    [
        DecisionTreeRegressor(random_state=3),
        DecisionTreeRegressor(criterion="poisson", random_state=4),
        DecisionTreeRegressor(criterion="absolute_error", max_features=0.5, random_state=5),
        ExtraTreeRegressor(random_state=6),
    ],
)
def test_real_numbers(est):
    X, y = load_diabetes(return_X_y=True)
    assert same_structure(*both(est, X, y))


def california():
    found = shared_file("cal_housing_py3.pkz")
    if found is None:
        pytest.skip(ABSENT)
    return fetch_california_housing(data_home=found.parent, download_if_missing=False, return_X_y=True)


@pytest.mark.parametrize("max_features", [None, 3])
def test_california(max_features):
    """Ties in nodes too large to be followed may end otherwise; the fit is as good then."""
    X, y = california()
    est = DecisionTreeRegressor(max_features=max_features, min_samples_leaf=2, random_state=0)
    theirs, ours = both(est, X, y)
    assert same_structure(theirs, ours) or np.isclose(
        training_impurity(theirs), training_impurity(ours), rtol=1e-10, atol=0
    )


def test_california_in_classes():
    X, y = california()
    est = DecisionTreeClassifier(criterion="gini", max_features=3, random_state=1)
    assert same_bits(*both(est, X, np.digitize(y, [1, 2, 3, 4])))


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("density", [0.05, 0.5])
def test_sparse_columns_give_the_tree_of_dense_ones(density, seed):
    rng = np.random.default_rng(seed)
    X = np.where(rng.random((150, 5)) < density, np.round(rng.normal(size=(150, 5)), 1), 0.0)
    y = rng.integers(0, 3, 150)
    est = DecisionTreeClassifier(
        splitter=["best", "random"][seed % 2], max_features=[None, 2][seed // 2 % 2], random_state=seed
    )
    theirs, ours = both(est, sp.csc_matrix(X), y)
    assert same_bits(theirs, ours)
    assert same_bits(ours, grown(est, X, y))


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"criterion": "entropy", "max_features": "sqrt"},
        {"max_features": 3, "min_samples_leaf": 4, "max_leaf_nodes": 40},
        {"class_weight": {0: 2, 1: 3}, "min_weight_fraction_leaf": 0.01},
    ],
)
def test_many_sparse_columns(params):
    """Stored values are read from columns or from rows; some are negative, or next to zero; some columns are full."""
    rng = np.random.default_rng(1)
    X = np.where(rng.random((400, 60)) < 0.06, np.round(rng.normal(size=(400, 60)), 1), 0.0)
    X[:, 7] = 1.0 + rng.integers(0, 3, 400)
    X[rng.random(400) < 0.1, 9] = 5e-8
    X[:, 11] = 0.0
    y = rng.integers(0, 3, 400) + (X[:, 0] < 0) % 3
    est = DecisionTreeClassifier(random_state=2, **params)
    assert same_bits(*both(est, sp.csc_array(X), y))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sparse_regression_is_dense_regression(dtype):
    rng = np.random.default_rng(0)
    X = sp.random_array((400, 6), density=0.2, format="csc", rng=rng, dtype=dtype)
    y = rng.normal(size=400)
    est = DecisionTreeRegressor(min_samples_leaf=3, random_state=0)
    assert same_bits(grown(est, X, y), grown(est, X.toarray(), y))


@pytest.mark.parametrize("criterion", ["gini", "squared_error"])
def test_threads_change_no_bit(criterion, monkeypatch):
    """Nodes large enough for their features to be looked at side by side; ties abound."""
    rng = np.random.default_rng(0)
    X = np.round(rng.normal(size=(12_000, 6)), 1)
    X[:, 3] = X[:, 0]
    est = DecisionTreeClassifier(max_depth=6, random_state=0)
    y = rng.integers(0, 3, 12_000)
    if criterion == "squared_error":
        est, y = DecisionTreeRegressor(max_depth=6, random_state=0), X[:, 0] + rng.normal(size=12_000)
    one = grown(est, X, y)
    for n_threads in (2, 3, 7):
        monkeypatch.setattr(Builder, "n_threads", n_threads)
        assert same_bits(one, grown(est, X, y))
    if criterion == "gini":
        assert same_bits(one, est.fit(X, y).tree_)


def test_close_values_are_one_value():
    """Neighbours within 1e-7 are never split, however long the chain of them."""
    x = np.float32(0.5) + np.arange(40, dtype=np.float32) * np.float32(6e-8)
    X = np.r_[x, np.float32(3)].reshape(-1, 1)
    y = np.arange(41) % 2
    theirs, ours = both(DecisionTreeClassifier(random_state=0), X, y)
    assert same_bits(theirs, ours)


def test_negative_zero_is_zero():
    X = np.array([[-0.0], [0.0], [-0.0], [0.0], [1.0]])
    y = np.array([0, 1, 0, 1, 1])
    assert same_bits(*both(DecisionTreeClassifier(random_state=0), X, y))
