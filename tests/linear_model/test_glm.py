"""Generalised linear models: parity with scikit-learn, loss by loss."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn.linear_model

import mlfast
from mlfast.linear_model import GammaRegressor, PoissonRegressor, TweedieRegressor

from .data import with_zeros

SOLVERS = ["lbfgs", "newton-cholesky"]
#: Name -> (ours, the parent's, parameters).
MODELS = {
    "poisson": (PoissonRegressor, sklearn.linear_model.PoissonRegressor, {}),
    "gamma": (GammaRegressor, sklearn.linear_model.GammaRegressor, {}),
    **{
        f"tweedie {power} {link}": (
            TweedieRegressor,
            sklearn.linear_model.TweedieRegressor,
            {"power": power, "link": link},
        )
        for power, link in [
            (0, "auto"),
            (0, "log"),
            (1, "log"),
            (1.5, "auto"),
            (2, "auto"),
            (3, "log"),
            (1.5, "identity"),
        ]
    },
}


def data(seed, n, d, dtype=np.float64):
    """Features of shape (n, d), and positive targets whose logarithm follows from them."""
    rng = np.random.RandomState(seed)
    X = rng.uniform(0.1, 1, size=(n, d))
    y = rng.gamma(2.0, np.exp(X @ rng.uniform(-1, 1, size=d)) / 2.0) + 0.1
    return X.astype(dtype), y.astype(dtype)


def fit_both(model, X, y, weights=None, **params):
    """Ours, the parent's, and what both warned of, which must be the same."""
    ours, theirs, own = MODELS[model]
    fitted, seen = [], []
    for make in (ours, theirs):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            fitted.append(make(**own, **params).fit(X, y, weights))
        # Powers of negative means are the parent's own noise.
        kept = [w for w in caught if w.category is not RuntimeWarning]
        # Whether a matrix is singular or only nearly so is a matter of rounding.
        seen.append([(str(w.message).split("The original Linear Algebra message")[0], w.category) for w in kept])
    assert seen[0] == seen[1]
    return fitted


def assert_same_model(ours, theirs, rtol):
    assert vars(ours).keys() == vars(theirs).keys()
    assert ours.n_iter_ == theirs.n_iter_ and type(ours.n_iter_) is type(theirs.n_iter_)
    assert type(ours.intercept_) is type(theirs.intercept_)
    assert (ours.coef_.dtype, ours.coef_.shape) == (theirs.coef_.dtype, theirs.coef_.shape)
    atol = rtol * max(np.abs(theirs.coef_).max(), abs(theirs.intercept_))
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=0, atol=atol)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=0, atol=atol)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("fit_intercept", [False, True])
def test_models(solver, model, fit_intercept):
    """Both take the same steps, so what differs is rounding."""
    X, y = data(0, 400, 5)
    weights = np.random.RandomState(1).uniform(0, 2, size=len(X))
    for alpha in (0.0, 0.1, 10.0):
        for given in (None, weights):
            params = {"alpha": alpha, "solver": solver, "fit_intercept": fit_intercept}
            ours, theirs = fit_both(model, X, y, given, **params)
            assert_same_model(ours, theirs, 1e-6)
            np.testing.assert_allclose(ours.score(X, y, given), theirs.score(X, y, given), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("model", ["poisson", "gamma", "tweedie 1.5 auto"])
def test_storages(solver, model):
    X, y = data(2, 3_000, 12)
    X = with_zeros(X, 3)
    for given in (np.asfortranarray(X), X[:, ::-1], sp.csr_array(X), sp.csc_array(X)):
        assert_same_model(*fit_both(model, given, y, solver=solver, alpha=0.1), 1e-6)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("model", ["poisson", "gamma", "tweedie 1.5 auto", "tweedie 0 auto"])
def test_single_precision(solver, model):
    """The parent's losses and gradients are of single precision, and so is where it stops."""
    X, y = data(4, 500, 4, np.float32)
    ours, theirs = fit_both(model, X, y, solver=solver, alpha=0.1)
    assert ours.coef_.dtype == theirs.coef_.dtype == np.float32
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=0, atol=2e-3 * np.abs(theirs.coef_).max())
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=2e-3)


@pytest.mark.parametrize("model", ["poisson", "gamma", "tweedie 0 auto"])
def test_answers(model):
    X, y = data(5, 60, 4)
    ours, _ = fit_both(model, X, y)
    theirs = MODELS[model][1](**MODELS[model][2])
    vars(theirs).update(vars(ours))
    for rows in (X, X[:1], X.astype(np.float32), (10 * X).astype(np.int8), sp.csr_array(X), X.tolist()):
        found, expected = ours.predict(rows), theirs.predict(rows)
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("solver", SOLVERS)
def test_warm_start_and_few_steps(solver):
    X, y = data(6, 200, 5)
    both = [make(warm_start=True, solver=solver) for make in MODELS["poisson"][:2]]
    for alpha in (1.0, 1e-3, 1e-3):
        assert_same_model(*(est.set_params(alpha=alpha).fit(X, y) for est in both), 1e-6)
    for max_iter in (1, 2):
        assert_same_model(*fit_both("gamma", X, y, solver=solver, max_iter=max_iter, alpha=0.0), 1e-9)


@pytest.mark.parametrize("solver", SOLVERS)
def test_dependent_columns(solver):
    X, y = data(7, 200, 3)
    X = np.c_[X, X[:, 0] + X[:, 1], np.zeros(len(X))]
    ours, theirs = fit_both("poisson", X, y, solver=solver, alpha=0.0)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-4)


def test_refusals():
    X, y = data(8, 50, 3)
    with pytest.raises(ValueError, match="out of the valid range"):
        GammaRegressor().fit(X, y - y.min())
    with pytest.raises(ValueError, match="out of the valid range"):
        PoissonRegressor().fit(X, -y)
    for make in MODELS["poisson"][:2]:
        with pytest.raises((ValueError, ZeroDivisionError)):
            make().fit(X, y, np.zeros(len(y)))


@pytest.mark.fallback
def test_what_the_parent_fits(capfd):
    X, y = data(9, 50, 3)
    with mlfast.profile() as seen:
        PoissonRegressor(solver="newton-cholesky", verbose=1).fit(X, y)
    assert [(record.engine, record.method) for record in seen.records] == [("sklearn", "fit")]
