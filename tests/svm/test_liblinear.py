"""Logistic regression by LIBLINEAR's solvers, as LogisticRegression calls them, against scikit-learn's."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.preprocessing import StandardScaler
from sklearn.svm._base import _fit_liblinear

from mlfast.svm._liblinear import fit_liblinear

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
