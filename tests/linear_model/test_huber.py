"""HuberRegressor: the steps of scikit-learn's search, and its minimum."""

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn.linear_model
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model._huber import _huber_loss_and_gradient as loss

from mlfast.linear_model import HuberRegressor

from ..compare import assert_same_complaint, outcome
from .data import regression, with_zeros

KINDS = {"dense": np.asarray, "csr": sp.csr_array, "csc": sp.csc_array, "coo": sp.coo_array}
THEIRS = sklearn.linear_model.HuberRegressor


def spoilt(seed, n, d, dtype=np.float64):
    """`regression` in which one target in ten is off by far."""
    X, y = regression(seed, n, d, dtype=dtype)
    wrong = np.random.RandomState(seed).uniform(size=n) < 0.1
    return X, np.where(wrong, y + 50, y).astype(dtype)


def fit_both(X, y, weights=None, **params):
    """Both models, after both have warned of the same."""
    both = [outcome(est(**params).fit, X, y, weights) for est in (HuberRegressor, THEIRS)]
    assert_same_complaint(*both)
    return both[0].value, both[1].value


def objective(est, X, y, weights=None):
    """What is minimised, in scikit-learn's own words."""
    parameters = np.r_[est.coef_, [est.intercept_] * est.fit_intercept, est.scale_]
    weights = np.ones(len(y)) if weights is None else weights
    return loss(parameters, X, np.asarray(y, dtype=np.float64), est.epsilon, est.alpha, weights)[0]


def assert_same(ours, theirs, rtol):
    """Attributes have the same types, steps are as many, numbers within `rtol` of the largest."""
    assert vars(ours).keys() == vars(theirs).keys()
    for name in ("coef_", "intercept_", "scale_", "outliers_", "n_iter_"):
        mine, parents = getattr(ours, name), getattr(theirs, name)
        assert type(mine) is type(parents)
        assert (np.shape(mine), np.asarray(mine).dtype) == (np.shape(parents), np.asarray(parents).dtype)
    assert ours.n_iter_ == theirs.n_iter_
    scale = max(np.abs(theirs.coef_).max(), abs(theirs.intercept_))
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=0, atol=rtol * scale)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=0, atol=rtol * scale)
    np.testing.assert_allclose(ours.scale_, theirs.scale_, rtol=rtol)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(100, 4), (30, 40), (5_000, 12)], ids=str)
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_few_steps_are_the_same(kind, shape, fit_intercept, weighted):
    """Rounding grows with each step: after five it is still far from the digits that are compared."""
    X, y = spoilt(0, *shape)
    X = KINDS[kind](X if kind == "dense" else with_zeros(X, 1))
    weights = np.random.RandomState(2).uniform(0, 2, size=shape[0]) if weighted else None
    for params in ({}, {"epsilon": 1.0, "alpha": 10.0}, {"epsilon": 3.0}):
        assert_same(*fit_both(X, y, weights, fit_intercept=fit_intercept, max_iter=5, **params), rtol=1e-7)


@pytest.mark.per_change(seed=[0])
@pytest.mark.parametrize("kind", ["dense", "csr"])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("weighted", [False, True])
def test_minimum(kind, seed, weighted):
    """
    Either search ends where a step no longer lowers the loss by 2e-9 of it.

    The loss is then within some such shares of its minimum, and the coefficients within the root of that times the
    condition, about 10.
    """
    X, y = spoilt(seed, 300, 6)
    X = KINDS[kind](X)
    weights = np.random.RandomState(seed).uniform(0, 2, size=300) if weighted else None
    for params in ({}, {"fit_intercept": False}, {"epsilon": 1.2, "alpha": 1.0}, {"epsilon": 5.0}):
        ours, theirs = fit_both(X, y, weights, max_iter=1000, **params)
        assert objective(ours, X, y, weights) <= objective(theirs, X, y, weights) * (1 + 1e-7)
        np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=0, atol=1e-3 * np.abs(theirs.coef_).max())
        np.testing.assert_allclose(ours.scale_, theirs.scale_, rtol=1e-3)
        assert np.mean(ours.outliers_ != theirs.outliers_) < 0.01


def test_single_precision():
    """Both compute in double precision all the same."""
    X, y = spoilt(3, 200, 5, np.float32)
    assert_same(*fit_both(X, y, max_iter=5), rtol=1e-6)


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1e3, 1e6])
def test_scale_of_the_targets(scale):
    """Where targets are small, the first step leads to the floor of the scale, and the way from there is another."""
    X, y = spoilt(4, 200, 5)
    ours, theirs = fit_both(X, y * scale, max_iter=1000)
    best = min(objective(est, X, y * scale) for est in (ours, theirs))
    assert objective(ours, X, y * scale) <= best + 1e-6 * max(abs(best), scale)


def test_warm_start():
    X, y = spoilt(5, 200, 5)
    ours, theirs = (est(warm_start=True, max_iter=3) for est in (HuberRegressor, THEIRS))
    for _ in range(3):
        for est in (ours, theirs):
            with pytest.warns(ConvergenceWarning, match="max_iter=3"):
                est.fit(X, y)
        assert_same(ours, theirs, rtol=1e-7)


@pytest.mark.fallback
def test_warm_start_without_an_intercept():
    X, y = spoilt(6, 100, 4)
    both = []
    for make in (HuberRegressor, THEIRS):
        est = make(warm_start=True, fit_intercept=False, max_iter=5)
        with pytest.warns(ConvergenceWarning):
            est.fit(X, y)
        both.append(outcome(est.fit, X, y))
    assert_same_complaint(*both)
    if both[1].error is None:
        np.testing.assert_allclose(both[0].value.coef_, both[1].value.coef_, rtol=1e-6)


@pytest.mark.parametrize("n_features", [3, 6])
def test_warm_start_of_another_width(n_features):
    """scikit-learn's gradient is shorter than the parameters, and SciPy reads what lies behind it."""
    X, y = spoilt(6, 100, 6)
    est = HuberRegressor(warm_start=True).fit(X[:, :4], y)
    known = est.coef_
    with pytest.raises(ValueError, match=f"X has {n_features} features, but .* which has 4 features"):
        est.fit(X[:, :n_features], y)
    assert est.coef_ is known


@pytest.mark.parametrize("max_iter", [0, 1, 100])
def test_passes(max_iter):
    X, y = spoilt(7, 80, 3)
    assert_same(*fit_both(X, y, max_iter=max_iter), rtol=1e-6)


USELESS = {
    "constant": lambda X, y: (np.c_[X, np.full(len(X), 0.1)], y),
    "empty": lambda X, y: (np.c_[np.zeros(len(X)), X], y),
    "twice": lambda X, y: (np.c_[X, X], y),
    "constant target": lambda X, y: (X, np.full(len(y), 2.5)),
    "exact": lambda X, y: (X, X[:, 0] * 2),
    "zero target": lambda X, y: (X, np.zeros(len(y))),
}


@pytest.mark.fallback
@pytest.mark.parametrize("case", USELESS)
def test_columns(case):
    """Where the loss falls to nothing the scale goes to its floor, and the last digits of either are rounding."""
    X, y = USELESS[case](*spoilt(8, 80, 3))
    ours, theirs = (outcome(est(max_iter=1000).fit, X, y) for est in (HuberRegressor, THEIRS))
    assert (ours.error is None) == (theirs.error is None)
    if ours.error is None:
        np.testing.assert_allclose(
            ours.value.predict(X), theirs.value.predict(X), rtol=0, atol=2e-3 * max(np.abs(y).max(), 1)
        )


BAD = {
    "short": lambda X, y: (X, y[:-1]),
    "two targets": lambda X, y: (X, np.c_[y, y]),
    "infinite": lambda X, y: (np.r_[np.full((1, X.shape[1]), np.inf), X[1:]], y),
    "no weights": lambda X, y: (X, y, np.zeros(len(y))),
    "short weights": lambda X, y: (X, y, np.ones(3)),
    "scalar weights": lambda X, y: (X, y, 2.0),
}


@pytest.mark.fallback
@pytest.mark.parametrize("case", BAD)
def test_what_is_odd(case):
    both = [outcome(est(max_iter=5).fit, *BAD[case](*spoilt(9, 40, 4))) for est in (HuberRegressor, THEIRS)]
    assert_same_complaint(*both)


@pytest.mark.parametrize("kind", KINDS)
def test_predict(kind):
    X, y = spoilt(10, 100, 6)
    ours = HuberRegressor().fit(X, y)
    theirs = THEIRS()
    theirs.__dict__.update(vars(ours))
    new = KINDS[kind](with_zeros(X, 11))
    np.testing.assert_allclose(ours.predict(new), theirs.predict(new), rtol=1e-12)
    np.testing.assert_allclose(ours.predict(X[:1]), theirs.predict(X[:1]), rtol=1e-12)


def test_real_data():
    X, y = load_diabetes(return_X_y=True)
    ours, theirs = fit_both(X, y, max_iter=2000)
    assert objective(ours, X, y) <= objective(theirs, X, y) * (1 + 1e-6)


@pytest.mark.parametrize("kind", ["dense", "csr"])
def test_threads_change_no_bit(kind, threads):
    X, y = spoilt(12, 20_000, 8)
    X = KINDS[kind](X)
    found = []
    for count in (1, 2, 3):
        threads(count)
        found.append(HuberRegressor().fit(X, y))
    for est in found[1:]:
        np.testing.assert_array_equal(est.coef_, found[0].coef_)
        assert est.scale_ == found[0].scale_
