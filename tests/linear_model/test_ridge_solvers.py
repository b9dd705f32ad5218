"""Ridge by stochastic average gradients, and without negative coefficients."""

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn.linear_model
from sklearn.datasets import load_diabetes, load_digits

import mlfast
from mlfast.linear_model import Ridge, RidgeClassifier

from .data import assert_same_model, regression, with_zeros

PARENT = sklearn.linear_model.Ridge


def fit_both(X, y, weights=None, **params):
    return [make(**params).fit(X, y, weights) for make in (Ridge, PARENT)]


@pytest.mark.parametrize("solver", ["sag", "saga"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n_targets", [None, 1, 3])
@pytest.mark.parametrize("fit_intercept", [False, True])
def test_the_same_draws(solver, dtype, n_targets, fit_intercept):
    X, y = regression(0, 200, 6, n_targets, dtype)
    weights = np.random.RandomState(1).uniform(0.5, 2, size=len(X))
    for seed, given in ((0, None), (1, weights), (2, 3.0)):
        params = {"solver": solver, "random_state": seed, "fit_intercept": fit_intercept, "max_iter": 10_000}
        assert_same_model(*fit_both(X, y, given, **params), rtol=1e-9 if dtype is np.float64 else 1e-4)


def test_generators_are_drawn_from_as_often():
    X, y = regression(3, 100, 4, 2)
    ends = []
    for make in (Ridge, PARENT):
        random = np.random.RandomState(5)
        make(solver="saga", random_state=random, max_iter=10_000).fit(X, y)
        ends.append(random.randint(10**6))
    assert ends[0] == ends[1]


@pytest.mark.parametrize(
    "params",
    [
        {"solver": "sag", "tol": 1e-3},  # finds the intercept along the way
        {"solver": "sag", "tol": 1e-6},  # is left to conjugate gradients
        {"solver": "sag", "max_iter": 50},
        {"solver": "sag", "fit_intercept": False},
        {"solver": "saga", "fit_intercept": False},
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:.sag. solver requires many iterations")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_sparse(params):
    X, y = regression(6, 300, 8)
    X = sp.csr_array(with_zeros(X, 7) / 10)
    weights = np.random.RandomState(8).uniform(0.5, 2, size=len(y))
    for given in (None, weights):
        assert_same_model(*fit_both(X, y, given, random_state=0, **params), rtol=1e-6)


def test_an_intercept_that_needs_many_steps_is_warned_of():
    X, y = regression(9, 100, 3)
    for make in (Ridge, PARENT):
        with pytest.warns(UserWarning, match="requires many iterations"):
            make(solver="sag", tol=1e-2, random_state=0).fit(sp.csr_array(X), y)


def test_classifier():
    X, y = load_digits(return_X_y=True)
    X, y = X[:300] / 16, y[:300]
    makers = (RidgeClassifier, sklearn.linear_model.RidgeClassifier)
    ours, theirs = (make(solver="saga", random_state=0, class_weight="balanced").fit(X, y) for make in makers)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(ours.n_iter_, theirs.n_iter_)


def objective(est, X, y, weights):
    """What Ridge minimises, for one target."""
    errors = y - X @ est.coef_ - est.intercept_
    return np.average(errors**2, weights=weights) * np.sum(weights) + est.alpha * np.sum(est.coef_**2)


def assert_optimal(est, X, y, weights):
    """No coefficient is negative, and none can move to where the objective is less."""
    assert (est.coef_ >= 0).all()
    gradients = est.alpha * est.coef_ - X.T @ (weights * (y - X @ est.coef_ - est.intercept_))
    scale = np.abs(X.T @ (weights * y)).max()
    assert (gradients >= -1e-9 * scale).all()
    assert np.abs(gradients[est.coef_ > 0]).max(initial=0) <= 1e-9 * scale


@pytest.mark.per_change(solver=["auto"], shape=[(300, 6), (20, 50)])
@pytest.mark.parametrize("solver", ["auto", "lbfgs"])
@pytest.mark.parametrize("shape", [(300, 6), (300, 60), (20, 50)], ids=str)
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array])
def test_positive(solver, shape, fit_intercept, kind):
    """scikit-learn stops within its tolerance, and so not below the optimum."""
    X, y = regression(10, *shape)
    table = kind(X)
    for alpha in (1e-2, 1.0, 100.0):
        for weights in (np.ones(len(y)), np.random.RandomState(11).uniform(0.5, 2, size=len(y))):
            params = {"positive": True, "solver": solver, "alpha": alpha, "fit_intercept": fit_intercept}
            ours, theirs = fit_both(table, y, weights, tol=1e-8, **params)
            assert vars(ours).keys() == vars(theirs).keys()
            assert (ours.solver_, ours.n_iter_, ours.coef_.shape) == ("lbfgs", None, theirs.coef_.shape)
            assert_optimal(ours, X, y, weights)
            assert objective(ours, X, y, weights) <= objective(theirs, X, y, weights) * (1 + 1e-12)


def test_positive_with_several_targets_and_penalties():
    X, y = regression(12, 200, 10, 3)
    ours, theirs = fit_both(X, y, positive=True, alpha=[0.1, 1.0, 10.0], tol=1e-10)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=0, atol=1e-5 * np.abs(theirs.coef_).max())
    assert ours.predict(X).shape == theirs.predict(X).shape


def test_positive_on_real_data():
    X, y = load_diabetes(return_X_y=True)
    ours, theirs = fit_both(X, y, positive=True, alpha=0.1, tol=1e-8)
    np.testing.assert_array_equal(ours.coef_ > 0, theirs.coef_ > 1e-6 * theirs.coef_.max())
    assert_optimal(ours, X, y, np.ones(len(y)))


@pytest.mark.fallback
def test_no_penalty_on_dependent_columns_is_left_to_the_parent():
    X, y = regression(13, 50, 3)
    both = np.c_[X, X[:, 0]]
    with mlfast.profile() as seen:
        ours = Ridge(alpha=0.0, positive=True).fit(both, y)
    assert [record.engine for record in seen.records] == ["sklearn"]
    assert_same_model(ours, PARENT(alpha=0.0, positive=True).fit(both, y))


@pytest.mark.parametrize(
    "params", [{"solver": "lbfgs"}, {"solver": "cholesky", "positive": True}, {"solver": "sag", "positive": True}]
)
def test_solvers_and_signs_that_do_not_go_together(params):
    X, y = regression(14, 30, 2)
    said = []
    for make in (Ridge, PARENT):
        with pytest.raises(ValueError, match="positive") as caught:
            make(**params).fit(X, y)
        said.append(str(caught.value))
    assert said[0] == said[1]
