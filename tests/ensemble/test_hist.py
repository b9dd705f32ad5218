"""Histogram gradient boosting: scikit-learn's trees, stage for stage."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn.ensemble
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE
from sklearn.inspection import partial_dependence

import mlfast.ensemble
from mlfast._core import ensemble as core

#: All of a node but what sums have rounded.
WHOLE = ("count", "feature_idx", "num_threshold", "missing_go_to_left", "left", "right", "depth", "is_leaf")
WHOLE += ("bin_threshold", "is_categorical", "bitset_idx")


def rows(seed, n=400, d=6, gaps=0.1):
    """Rows of shape (n, d) with missing values, numbers that depend on them, and weights."""
    rng = np.random.RandomState(seed)
    X = rng.standard_normal((n, d))
    X[:, 1] = rng.randint(0, 12, n)
    y = X[:, 0] * 2 + np.sin(X[:, 2] * 3) + (X[:, 1] % 3) + rng.standard_normal(n) * 0.3
    X[rng.uniform(size=X.shape) < gaps] = np.nan
    return X, y, rng.uniform(0.1, 3, n)


def differing(ours, theirs):
    """How many trees differ, and how many there are. Leaf values may differ by 1e-5."""
    n_differing = n_trees = 0
    assert len(ours._predictors) == len(theirs._predictors)
    for stage, parents in zip(ours._predictors, theirs._predictors, strict=True):
        for tree, parent in zip(stage, parents, strict=True):
            n_trees += 1
            same = len(tree.nodes) == len(parent.nodes)
            same = same and all((tree.nodes[name] == parent.nodes[name]).all() for name in WHOLE)
            same = same and np.allclose(tree.nodes["value"], parent.nodes["value"], rtol=1e-5, atol=1e-9)
            same = same and np.array_equal(tree.raw_left_cat_bitsets, parent.raw_left_cat_bitsets)
            same = same and np.array_equal(tree.binned_left_cat_bitsets, parent.binned_left_cat_bitsets)
            n_differing += not same
    return n_differing, n_trees


def both(kind, X, y, weights=None, **params):
    """Ours and the parent's, fitted alike."""
    params = {"random_state": 0, "max_iter": 10, "min_samples_leaf": 5, **params}
    name = f"HistGradientBoosting{kind}"
    return [
        getattr(package, name)(**params).fit(X, y, sample_weight=weights)
        for package in (mlfast.ensemble, sklearn.ensemble)
    ]


def assert_same_trees(ours, theirs, n_excused=0):
    n_differing, _ = differing(ours, theirs)
    assert n_differing <= n_excused
    assert ours.n_iter_ == theirs.n_iter_
    for name in ("train_score_", "validation_score_"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-8)
    for name in ("bin_thresholds_", "n_bins_non_missing_"):
        found, expected = getattr(ours._bin_mapper, name), getattr(theirs._bin_mapper, name)
        assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


CONFIGURATIONS = {
    "defaults": {},
    "few leaves": {"max_leaf_nodes": 4, "learning_rate": 0.5},
    "all leaves": {"max_leaf_nodes": None, "max_depth": 4},
    "regularized": {"l2_regularization": 3.0, "min_samples_leaf": 1},
    "few bins": {"max_bins": 7},
    "categories": {"categorical_features": [1]},
    "some features": {"max_features": 0.4},
    "apart": {"interaction_cst": "no_interactions"},
    "pairs": {"interaction_cst": [[0, 9 % 6], [1, 2, 3], [4, 5]], "max_features": 0.7},
    "stopped by loss": {"early_stopping": True, "n_iter_no_change": 2, "max_iter": 60, "learning_rate": 0.5},
    "stopped by train": {"early_stopping": True, "validation_fraction": None, "tol": 0.05, "max_iter": 60},
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_trees_are_the_parents(name, weighted):
    params = CONFIGURATIONS[name]
    # A set of categories gains as much as the set of all others, and rounding decides which goes left.
    n_excused = 1 if name == "categories" else 0
    X, y, weights = rows(0)
    weights = weights if weighted else None
    assert_same_trees(*both("Regressor", X, y, weights, **params), n_excused)
    target = y > 1 if weighted else np.digitize(y, [0, 2])
    assert_same_trees(*both("Classifier", X, target, weights, **params), n_excused)


@pytest.mark.parametrize("loss", ["absolute_error", "quantile", "poisson", "gamma"])
@pytest.mark.parametrize("weighted", [False, True])
def test_losses(loss, weighted):
    X, y, weights = rows(3)
    params = {"loss": loss, "quantile": 0.3 if loss == "quantile" else None}
    y = np.exp(y / 4) if loss in ("poisson", "gamma") else y
    for early_stopping in (False, True):
        ours, theirs = both("Regressor", X, y, weights if weighted else None, early_stopping=early_stopping, **params)
        assert_same_trees(ours, theirs)
        np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-7)


@pytest.mark.parametrize("constraints", [[1, 0, -1, 0, 0, 0], {"x0": 1}])
def test_monotonic_constraints(constraints):
    X, y, _ = rows(4, gaps=0)
    X = pd.DataFrame(X, columns=[f"x{i}" for i in range(6)]) if isinstance(constraints, dict) else X
    ours, theirs = both("Regressor", X, y, monotonic_cst=constraints)
    # Where a constraint binds, children predict the same but for rounding, and that decides what is split next.
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), atol=1e-6)
    grid = np.repeat(np.asarray(X)[:5], 50, axis=0)
    grid[:, 0] = np.tile(np.linspace(-2, 2, 50), 5)
    grid = pd.DataFrame(grid, columns=X.columns) if isinstance(constraints, dict) else grid
    assert (np.diff(ours.predict(grid).reshape(5, 50)) >= 0).all()


def test_frames_with_categories():
    X, y, _ = rows(5, gaps=0)
    names = np.array(["ash", "birch", "cedar", "fir", "oak"])[X[:, 1].astype(int) % 5]
    X = pd.DataFrame({"kind": pd.Categorical(names), **{f"x{i}": X[:, i] for i in range(4)}})
    for kind, target in (("Regressor", y), ("Classifier", y > 1)):
        ours, theirs = both(kind, X, target)
        assert_same_trees(ours, theirs)
        np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-8)


def test_unknown_and_missing_categories():
    X, y, _ = rows(6)
    ours, theirs = both("Regressor", X, y, categorical_features=[1])
    asked = X[:200].copy()
    asked[:50, 1], asked[50:80, 1], asked[80:120, 1] = 99, -1, np.nan
    np.testing.assert_allclose(ours.predict(asked), theirs.predict(asked), rtol=1e-8)


@pytest.mark.parametrize(
    "scoring", [None, "neg_mean_absolute_error", lambda est, X, y: -np.abs(est.predict(X) - y).max()]
)
def test_stopping_by_score(scoring):
    X, y, weights = rows(7)
    params = {"early_stopping": True, "scoring": scoring, "max_iter": 40, "n_iter_no_change": 3, "learning_rate": 0.4}
    assert_same_trees(*both("Regressor", X, y, **params))
    if isinstance(scoring, str):
        assert_same_trees(*both("Regressor", X, y, weights, validation_fraction=None, **params))
        assert_same_trees(*both("Classifier", X, y > 1, **{**params, "scoring": "roc_auc"}))


def test_given_validation_rows():
    X, y, weights = rows(8)
    fitted = []
    for package in (mlfast.ensemble, sklearn.ensemble):
        est = package.HistGradientBoostingRegressor(early_stopping=True, max_iter=50, learning_rate=0.5, random_state=0)
        est.fit(X[:300], y[:300], X_val=X[300:], y_val=y[300:], sample_weight_val=weights[300:])
        fitted.append(est)
    assert_same_trees(*fitted)


@pytest.mark.parametrize(
    "params", [{"early_stopping": True}, {"early_stopping": True, "scoring": None}, {"max_features": 0.5}]
)
def test_warm_start(params):
    X, y, _ = rows(9)
    ours, theirs = both("Classifier", X, np.digitize(y, [0, 2]), warm_start=True, max_iter=5, **params)
    for est in (ours, theirs):
        est.set_params(max_iter=12).fit(X, np.digitize(y, [0, 2]))
    assert_same_trees(ours, theirs)
    with pytest.raises(ValueError, match="must be larger than or equal to n_iter_"):
        ours.set_params(max_iter=2).fit(X, np.digitize(y, [0, 2]))


def test_more_rows_than_are_binned():
    X, y, weights = rows(10, n=201_000, d=3)
    assert_same_trees(*both("Regressor", X, y, max_iter=3))
    # Sums of so many weighted gradients round in scikit-learn: it decides where values go that are missing elsewhere.
    ours, theirs = both("Regressor", X, y, weights, max_iter=3)
    assert_same_trees(ours, theirs, n_excused=3)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-9)


@pytest.mark.parametrize("load", [load_diabetes, load_breast_cancer, load_wine])
def test_real_data(load):
    X, y = load(return_X_y=True)
    ours, theirs = both("Regressor" if load is load_diabetes else "Classifier", X, y, max_iter=60)
    n_differing, n_trees = differing(ours, theirs)
    assert n_differing <= n_trees // 100


def test_asking():
    X, y, _ = rows(11)
    ours, theirs = both("Classifier", X, np.digitize(y, [0, 2]))
    for name in ("predict_proba", "decision_function"):
        for asked in (X, X[:1], X[:40], np.asfortranarray(X), X.astype(np.float32)):
            np.testing.assert_allclose(getattr(ours, name)(asked), getattr(theirs, name)(asked), rtol=1e-6)
        for mine, other in zip(getattr(ours, f"staged_{name}")(X), getattr(theirs, f"staged_{name}")(X), strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-6)
    one = np.vstack([ours.decision_function(row[None]) for row in X])
    np.testing.assert_array_equal(one, ours.decision_function(X))
    grid = [partial_dependence(est, np.nan_to_num(X), [0], method="recursion")["average"] for est in (ours, theirs)]
    np.testing.assert_allclose(*grid, rtol=1e-6)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(ours)).predict(X), ours.predict(X))
    np.testing.assert_array_equal(mlfast.to_sklearn(ours).predict(X), ours.predict(X))


def test_threads_do_not_matter(monkeypatch):
    X, y, weights = rows(12, n=9_000, d=9)
    found = []
    for n_threads in (1, 2, 3, 7):
        mlfast.set_num_threads(n_threads)
        try:
            est = mlfast.ensemble.HistGradientBoostingClassifier(max_iter=4, max_features=0.8, random_state=0)
            est.fit(X, np.digitize(y, [0, 2]), weights)
            found.append(
                (
                    est.decision_function(X).tobytes(),
                    [tree.nodes.tobytes() for stage in est._predictors for tree in stage],
                )
            )
        finally:
            mlfast.set_num_threads(None)
    assert all(other == found[0] for other in found)


def test_trees_that_are_none():
    X, y, _ = rows(13)
    for change in ({"left": 0, "right": 0}, {"feature_idx": 77}, {"left": 10_000, "right": 10_000}):
        est, _ = both("Regressor", X, y, max_iter=2)
        for name, value in change.items():
            est._predictors[1][0].nodes[name][0] = value
        for asked in (X[:1], X):
            with pytest.raises(ValueError, match="corrupt state"):
                est.predict(asked)
    est, _ = both("Regressor", X, y, max_iter=2)
    est.predict(X[:1])
    est._predictors.pop()
    assert est.predict(X[:1]) == mlfast.to_sklearn(est).predict(X[:1])
    assert PREDICTOR_RECORD_DTYPE.itemsize == est._predictors[0][0].nodes.itemsize
    est._predictors[0][0].nodes = np.zeros(3)
    with pytest.raises(ValueError, match="other fields"):
        est.predict(X)


def test_bindings_refuse_what_does_not_fit():
    X, _, _ = rows(14)
    table = {"x": X, "is_fortran": False, "rows": None}
    with pytest.raises(ValueError, match="out of range"):
        core.bin_edges(
            **{**table, "rows": np.array([400])}, weights=None, levels=np.array([0.5]), wanted=[True] * 6, n_threads=1
        )
