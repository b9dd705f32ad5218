"""Trees on weights whose sums round: node for node, and to the bit, those of scikit-learn."""

import os

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from ..ensemble.parity import fit_both, pair_around
from .growing import both, same_bits
from .test_grow_parity import california

N_CONFIGS = 400 if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else 12


def census(n, seed=0):
    """Features of shape (n, 10) of whole numbers, most of a few values, one of almost as many as there are rows."""
    rng = np.random.default_rng(seed)
    sizes = (74, 8, 16, 16, 7, 15, 2, 98, 42)
    X = np.column_stack([rng.integers(12_285, 1_484_705, n), *(rng.integers(0, size, n) for size in sizes)])
    y = X[:, 1] / 15 + X[:, 4] / 3 + 2 * (X[:, 8] > 90) + rng.normal(size=n)
    return X.astype(float), y


@pytest.mark.parametrize(
    "params",
    [
        {"min_samples_leaf": 20},
        {"criterion": "entropy", "max_features": "sqrt"},
        {"max_features": 1, "max_leaf_nodes": 300},
        {"splitter": "random", "min_samples_leaf": 5},
    ],
)
def test_balanced_classes(params):
    X, y = census(15_000)
    est = DecisionTreeClassifier(class_weight="balanced", random_state=0, **params)
    assert same_bits(*both(est, X, (y > 5.5).astype(int)))


@pytest.mark.parametrize(("criterion", "n"), [("squared_error", 15_000), ("poisson", 8_000), ("absolute_error", 2_000)])
def test_numbers(criterion, n):
    X, y = census(n)
    weights = np.random.default_rng(1).exponential(size=n)
    est = DecisionTreeRegressor(criterion=criterion, min_samples_leaf=3, random_state=0)
    assert same_bits(*both(est, X, np.abs(y), weights))


def config(seed):
    """An estimator, data with nodes too large for ties in them to be followed whatever the weights, and weights."""
    rng = np.random.default_rng(seed)

    def pick(*choices):
        return choices[rng.integers(len(choices))]

    n, d = pick(1_100, 2_500), int(rng.integers(2, 8))
    X = pick(
        rng.normal(size=(n, d)),
        np.round(rng.normal(size=(n, d)), pick(1, 2, 3)),
        rng.integers(0, pick(3, 40, 1_000, 4_000), (n, d)).astype(float),
    )
    y = X[:, 0] / X.std() + rng.normal(size=n)
    is_monotonic = rng.random() < 0.2
    if not is_monotonic and rng.random() < 0.3:
        X[rng.random((n, d)) < 0.1] = np.nan
        y = np.nan_to_num(y)
    weights = pick(rng.random(n), np.where(y > 0, 1.7, 0.33), rng.exponential(size=n) * (rng.random(n) < 0.9))
    params = {
        "splitter": pick("best", "best", "random"),
        "max_features": pick(None, None, "sqrt", 1),
        "max_leaf_nodes": pick(None, None, 40),
        "min_samples_leaf": pick(1, 1, 5),
        "min_weight_fraction_leaf": pick(0.0, 0.0, 0.002),
        "min_impurity_decrease": pick(0.0, 0.0, 1e-4),
        "monotonic_cst": rng.integers(-1, 2, d) if is_monotonic else None,
        "random_state": seed,
    }
    if rng.random() < 0.6:
        classes = np.digitize(y, [0.0] if is_monotonic else [-0.5, 0.5, 2.0])
        targets = classes if is_monotonic or rng.random() < 0.8 else np.column_stack([classes, classes // 2])
        return DecisionTreeClassifier(criterion=pick("gini", "entropy"), **params), X, targets, weights
    criterion = pick("squared_error", "squared_error", "poisson")
    return DecisionTreeRegressor(criterion=criterion, **params), X, np.abs(y), weights


def test_any_configuration():
    for seed in range(N_CONFIGS):
        est, X, y, weights = config(seed)
        assert same_bits(*both(est, X, y, weights)), (seed, est)


@pytest.mark.parametrize("load", [load_breast_cancer, load_digits])
def test_real_classes(load):
    X, y = load(return_X_y=True)
    assert same_bits(*both(DecisionTreeClassifier(class_weight="balanced", random_state=0), X, y))


def test_california():
    X, y = california()
    weights = np.random.default_rng(0).random(len(y))
    classes = np.digitize(y, [1, 2, 3, 4])
    for params in ({}, {"max_features": 3}):
        assert same_bits(*both(DecisionTreeClassifier(class_weight="balanced", random_state=0, **params), X, classes))
        assert same_bits(*both(DecisionTreeRegressor(max_depth=9, random_state=0, **params), X, y, weights))


@pytest.mark.parametrize(
    ("name", "tree", "params"),
    [
        ("RandomForestClassifier", None, {"n_estimators": 3, "class_weight": "balanced", "bootstrap": False}),
        ("RandomForestClassifier", None, {"n_estimators": 3, "class_weight": "balanced_subsample"}),
        ("ExtraTreesClassifier", None, {"n_estimators": 3, "class_weight": "balanced"}),
        ("AdaBoostClassifier", ("DecisionTreeClassifier", {"max_depth": 4}), {"n_estimators": 5}),
    ],
)
def test_ensembles(name, tree, params):
    """Those that hand fractions to their trees: where rows are drawn by weight, trees get counts."""
    X, y = census(4_000)
    fit_both(*pair_around(name, tree, **params), X, (y > 5.5).astype(int))


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("BaggingClassifier", {"n_estimators": 2}),
        ("GradientBoostingClassifier", {"n_estimators": 3, "max_depth": 4}),
        ("RandomForestRegressor", {"n_estimators": 2, "bootstrap": False}),
    ],
)
def test_weighted_ensembles(name, params):
    X, y = census(3_000)
    tree = ("DecisionTreeClassifier", {"class_weight": "balanced"}) if name.startswith("Bagging") else None
    weights = np.random.default_rng(2).random(len(y))
    target = y if name.endswith("Regressor") else (y > 5.5).astype(int)
    fit_both(*pair_around(name, tree, **params), X, target, sample_weight=weights)
