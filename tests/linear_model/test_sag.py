"""Logistic regression and least squares by stochastic average gradient and SAGA: the same draws and steps."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn.linear_model
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.linear_model._base import SPARSE_INTERCEPT_DECAY
from sklearn.linear_model._sag import sag_solver as parents_solver

import mlfast
from mlfast.linear_model import LogisticRegression, LogisticRegressionCV
from mlfast.linear_model._sag import sag_solver

from .data import with_zeros

#: Steps are taken in the type of the data; sums of products have another order.
ATOL = {np.float64: 1e-9, np.float32: 1e-4}
PENALTIES = {"sag": ({}, {"C": 0.05}), "saga": ({}, {"l1_ratio": 1, "C": 0.1}, {"l1_ratio": 0.4, "C": 0.1})}
CASES = [(solver, params) for solver, known in PENALTIES.items() for params in known]
KINDS = {"dense": np.ascontiguousarray, "Fortran": np.asfortranarray, "CSR": sp.csr_matrix}


def real(load, dtype=np.float64):
    """Real data of unit variance, most values zero."""
    X, y = load(return_X_y=True)
    X = with_zeros((X - X.mean(axis=0)) / np.maximum(X.std(axis=0), 1e-9), seed=0)
    return X.astype(dtype), y


def fit_both(X, y, weights=None, make=(LogisticRegression, sklearn.linear_model.LogisticRegression), **params):
    """Ours and the parent's; what both warned of must be the same."""
    fitted, seen = [], []
    for own in make:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            fitted.append(own(**params).fit(X, y, sample_weight=weights))
        seen.append([(str(w.message), w.category) for w in caught])
    assert seen[0] == seen[1]
    return fitted


def assert_same_model(ours, theirs, atol):
    assert vars(ours).keys() == vars(theirs).keys()
    np.testing.assert_array_equal(ours.n_iter_, theirs.n_iter_)
    assert ours.n_iter_.dtype == theirs.n_iter_.dtype
    for name in ("coef_", "intercept_"):
        found, expected = getattr(ours, name), getattr(theirs, name)
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        np.testing.assert_allclose(found, expected, rtol=0, atol=atol * max(1, np.abs(expected).max()))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ATOL)
@pytest.mark.parametrize("load", [load_breast_cancer, load_iris])
@pytest.mark.parametrize(("solver", "params"), CASES, ids=str)
def test_real_data(kind, dtype, load, solver, params):
    """Two classes and three, weighted in all ways; far fewer passes than it takes to converge, so that paths count."""
    X, y = real(load, dtype)
    weights = np.random.RandomState(0).uniform(0, 2, size=len(y))
    weights[::5] = 0
    for seed, given, class_weight in ((0, None, None), (1, weights, None), (2, weights, "balanced")):
        settings = {"max_iter": 12, "random_state": seed, "class_weight": class_weight, **params}
        ours, theirs = fit_both(KINDS[kind](X), y, given, solver=solver, **settings)
        assert_same_model(ours, theirs, ATOL[dtype])
        np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=0, atol=10 * ATOL[dtype])


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize(("solver", "params"), CASES, ids=str)
def test_until_it_converges(solver, params, fit_intercept):
    X, y = real(load_iris)
    settings = {"max_iter": 5000, "tol": 1e-6, "fit_intercept": fit_intercept, "random_state": 3}
    for rows in (slice(None), y < 2):
        ours, theirs = fit_both(X[rows], y[rows], solver=solver, **settings, **params)
        assert ours.n_iter_[0] < 5000
        assert_same_model(ours, theirs, 1e-9)


@pytest.mark.parametrize("solver", PENALTIES)
def test_many_classes_and_a_warm_start(solver):
    X, y = real(load_digits)
    both = fit_both(X[:300], y[:300], solver=solver, max_iter=3, random_state=0, warm_start=True)
    assert_same_model(*both, 1e-9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert_same_model(*(est.fit(X[300:500], y[300:500]) for est in both), 1e-9)


@pytest.mark.parametrize("solver", PENALTIES)
def test_strong_penalties_make_the_common_factor_small(solver):
    """Within a pass it falls below the bound at which it is put into the coefficients."""
    X, y = real(load_breast_cancer)
    ours, theirs = fit_both(X / 100, y, solver=solver, C=1e-4, max_iter=5, random_state=0)
    assert_same_model(ours, theirs, 1e-9)


def test_generators_end_alike():
    X, y = real(load_iris)
    generators = [np.random.RandomState(5) for _ in range(2)]
    parent = sklearn.linear_model.LogisticRegression
    for make, generator in zip((LogisticRegression, parent), generators, strict=True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            make(solver="saga", max_iter=2, random_state=generator).fit(X, y)
    assert generators[0].randint(1 << 30) == generators[1].randint(1 << 30)


def test_chosen_penalty():
    X, y = real(load_iris)
    make = (LogisticRegressionCV, sklearn.linear_model.LogisticRegressionCV)
    settings = {"Cs": [0.01, 1.0], "l1_ratios": [0.0, 0.5], "cv": 3, "max_iter": 8, "use_legacy_attributes": False}
    ours, theirs = fit_both(X, y, make=make, solver="saga", random_state=1, scoring="neg_log_loss", **settings)
    assert (ours.C_, ours.l1_ratio_) == (theirs.C_, theirs.l1_ratio_)
    np.testing.assert_allclose(ours.scores_, theirs.scores_, rtol=0, atol=1e-9)
    assert_same_model(ours, theirs, 1e-9)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("is_saga", [False, True])
def test_least_squares(kind, is_saga):
    """The solver as Ridge calls it, with intercept and without."""
    X, y = real(load_breast_cancer)
    X, y = KINDS[kind](X) if kind == "CSR" else np.ascontiguousarray(X), np.sin(np.arange(len(y), dtype=float))
    for width in (X.shape[1], X.shape[1] + 1):
        settings = {
            "sample_weight": np.linspace(0.1, 2, len(y)),
            "loss": "squared",
            "alpha": 0.5,
            "tol": 1e-4,
            "max_iter": 7,
            "random_state": 4,
            "is_saga": is_saga,
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ours, theirs = (
                solve(X, y, check_input=False, warm_start_mem={"coef": np.zeros((width, 1))}, **settings)
                for solve in (sag_solver, parents_solver)
            )
        np.testing.assert_allclose(ours[0], theirs[0], rtol=0, atol=1e-9)
        assert ours[1] == theirs[1]
        assert ours[2].keys() == theirs[2].keys()
        for name, expected in theirs[2].items():
            np.testing.assert_allclose(ours[2][name], expected, rtol=0, atol=1e-7, err_msg=name)
    assert SPARSE_INTERCEPT_DECAY < 1  # what CSR is slowed down by


def test_refusals_are_scikit_learns():
    """Also of what only the steps find out; the generator is then where scikit-learn leaves it."""
    X, y = real(load_iris)
    wide = sp.csr_array(X)
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    endless = np.full(len(y), 1e308)
    for table, weights, C, error in (
        (wide, None, 1.0, ValueError),
        (X * 1e-100, None, 1e-200, ZeroDivisionError),
        (X, endless, 1.0, ValueError),
    ):
        seen = []
        for make in (LogisticRegression, sklearn.linear_model.LogisticRegression):
            generator = np.random.RandomState(5)
            est = make(solver="sag", C=C, random_state=generator)
            with mlfast.config_context(fallback="sklearn"), pytest.raises(error) as raised, np.errstate(all="ignore"):
                est.fit(table, y, weights)
            seen.append((str(raised.value), generator.randint(1 << 30)))
        assert seen[0] == seen[1]
