"""Logistic regression by LIBLINEAR's solvers: the function that LogisticRegression calls, and what comes of it."""

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn.linear_model
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.preprocessing import StandardScaler
from sklearn.svm._base import _fit_liblinear

import mlfast
from mlfast.linear_model import LogisticRegression, LogisticRegressionCV
from mlfast.linear_model._liblinear import fit_liblinear

SOLVERS = {"l2": ("l2", False), "l2, dual": ("l2", True), "l1": ("l1", False)}


def data(name, dtype):
    """Features that do not all but follow from each other: there rounding would change the steps of Newton's method."""
    X, y = {"iris": load_iris, "breast cancer": load_breast_cancer}[name](return_X_y=True)
    X = StandardScaler().fit_transform(X if name == "iris" else X[:, [0, 1, 4, 5, 8, 9, 10, 11, 14, 28]])
    return X.astype(dtype), np.array(["a", "b", "c"])[y]


def fit_both(X, y, C=1.0, penalty="l2", dual=False, max_iter=100, tol=1e-4, scaling=1.0, intercept=True, weights=None):
    given = (X, y, C, intercept, scaling, "balanced" if weights is not None else None, penalty, dual)
    return [fit(*given, 0, max_iter, tol, 7, sample_weight=weights) for fit in (fit_liblinear, _fit_liblinear)]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", ["iris", "breast cancer"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("kind", [np.ascontiguousarray, sp.csr_matrix], ids=["dense", "CSR"])
def test_logistic(solver, name, dtype, kind):
    X, y = data(name, dtype)
    penalty, dual = SOLVERS[solver]
    weights = np.random.RandomState(0).uniform(0.1, 3, size=len(y))
    weights[::9] = 0
    for more in ({}, {"C": 20.0, "weights": weights}, {"C": 0.1, "intercept": False}, {"scaling": 5.0, "max_iter": 4}):
        ours, theirs = fit_both(kind(X), y, penalty=penalty, dual=dual, **more)
        np.testing.assert_array_equal(ours[2], theirs[2])
        assert (ours[2].dtype, ours[0].dtype, ours[0].shape) == (theirs[2].dtype, theirs[0].dtype, theirs[0].shape)
        scale = np.abs(theirs[0]).max()
        np.testing.assert_allclose(ours[0], theirs[0], rtol=0, atol=1e-6 * scale)
        np.testing.assert_allclose(ours[1], theirs[1], rtol=0, atol=1e-6 * max(scale, np.abs(theirs[1]).max()))
        assert type(ours[1]) is type(theirs[1])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("C", [1e-300, 1e-9, 1e9, 1e300])
def test_ends_of_the_range_of_C(solver, C):
    """Where numbers run out, the number of steps says that it did not converge."""
    X, y = data("breast cancer", np.float64)
    penalty, dual = SOLVERS[solver]
    coef, intercept, n_iter = fit_liblinear(X, y, C, True, 1.0, None, penalty, dual, 0, 20, 1e-4, 0)
    assert (np.isfinite(coef).all() and np.isfinite(intercept).all()) or n_iter.max() >= 20


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_separable_classes():
    X, y = data("iris", np.float64)
    X, y = X[y != "c"], y[y != "c"]
    for penalty, dual in SOLVERS.values():
        ours, theirs = fit_both(X, y, C=1e4, penalty=penalty, dual=dual)
        np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-5, atol=1e-8)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("kind", [np.ascontiguousarray, sp.csr_matrix], ids=["dense", "CSR"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("params", [{}, {"dual": True, "max_iter": 20}, {"l1_ratio": 1, "C": 0.2}], ids=str)
def test_estimator(kind, dtype, params):
    X, y = data("breast cancer", dtype)
    weights = np.random.RandomState(1).uniform(0.1, 3, size=len(y))
    for given, class_weight in ((None, None), (weights, "balanced")):
        ours, theirs = (
            make(solver="liblinear", random_state=2, class_weight=class_weight, **params).fit(kind(X), y, given)
            for make in (LogisticRegression, sklearn.linear_model.LogisticRegression)
        )
        assert vars(ours).keys() == vars(theirs).keys()
        np.testing.assert_array_equal(ours.n_iter_, theirs.n_iter_)
        assert ours.coef_.dtype == theirs.coef_.dtype
        np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=0, atol=1e-6 * np.abs(theirs.coef_).max())
        np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-5)
        np.testing.assert_allclose(ours.predict_proba(kind(X)), theirs.predict_proba(kind(X)), rtol=1e-4, atol=1e-6)
    assert ours.n_iter_.dtype == theirs.n_iter_.dtype


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_chosen_penalty():
    X, y = data("breast cancer", np.float64)
    ours, theirs = (
        make(solver="liblinear", Cs=[0.01, 0.1, 1.0], cv=3, random_state=2).fit(X, y)
        for make in (LogisticRegressionCV, sklearn.linear_model.LogisticRegressionCV)
    )
    np.testing.assert_array_equal(ours.C_, theirs.C_)
    np.testing.assert_array_equal(ours.n_iter_, theirs.n_iter_)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=0, atol=1e-6 * np.abs(theirs.coef_).max())


def test_refusals_are_scikit_learns():
    X, y = data("iris", np.float64)
    wide = sp.csr_array(X[y != "c"])
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    for table, targets in ((X, y), (X, np.repeat("a", 150)), (wide, y[y != "c"]), (1e31 * X[y != "c"], y[y != "c"])):
        with pytest.raises(ValueError) as theirs:
            sklearn.linear_model.LogisticRegression(solver="liblinear").fit(table, targets)
        with mlfast.config_context(fallback="sklearn"), pytest.raises(ValueError) as ours:
            LogisticRegression(solver="liblinear").fit(table, targets)
        assert str(ours.value) == str(theirs.value)
