"""An optimiser that cannot move says so: the parent's warnings and steps where values overflow on the way."""

import warnings

import numpy as np
import pytest
import sklearn.linear_model
import sklearn.neural_network

import mlfast.linear_model
import mlfast.neural_network

RNG = np.random.RandomState(0)
X = RNG.standard_normal((60, 3))
CLASSES = (X[:, 0] > 0).astype(int)
COUNTS = RNG.poisson(2, 60)
SHARES = COUNTS + 0.5

MODELS = {
    "LogisticRegression": {"y": CLASSES, "solver": ("lbfgs", "newton-cholesky")},
    "PoissonRegressor": {"y": COUNTS, "solver": ("lbfgs", "newton-cholesky")},
    "GammaRegressor": {"y": SHARES, "solver": ("lbfgs", "newton-cholesky")},
    "TweedieRegressor": {"y": SHARES, "solver": ("lbfgs", "newton-cholesky")},
    "MLPClassifier": {"y": CLASSES, "solver": ("lbfgs",)},
    "MLPRegressor": {"y": SHARES, "solver": ("lbfgs",)},
}
CASES = [(name, solver) for name, how in MODELS.items() for solver in how["solver"]]


def fitted(package, name, solver, X, y):
    """The names of the warnings, the number of steps, and the coefficients."""
    params = {"hidden_layer_sizes": (4,), "random_state": 0} if name.startswith("MLP") else {}
    module = package.neural_network if name.startswith("MLP") else package.linear_model
    with warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        model = getattr(module, name)(solver=solver, **params).fit(X, y)
    said = sorted({(w.category.__name__, str(w.message)[:40]) for w in caught})
    coef = np.concatenate([c.ravel() for c in model.coefs_]) if name.startswith("MLP") else np.ravel(model.coef_)
    return said, int(np.max(model.n_iter_)), coef


def assert_same(name, solver, X, y):
    mine, theirs = (fitted(package, name, solver, X, y) for package in (mlfast, sklearn))
    assert mine[:2] == theirs[:2]
    np.testing.assert_allclose(mine[2], theirs[2], rtol=1e-6)
    return mine


@pytest.mark.parametrize("scale", [1e160, 1e200, 1e300])
@pytest.mark.parametrize(("name", "solver"), CASES)
def test_values_whose_squares_overflow(name, solver, scale):
    said, n_iter, _ = assert_same(name, solver, X * scale, MODELS[name]["y"])
    assert n_iter == 0
    assert any(category == "ConvergenceWarning" for category, _ in said)


@pytest.mark.parametrize("name", ["PoissonRegressor", "MLPRegressor"])
def test_targets_whose_squares_overflow(name):
    said, n_iter, _ = assert_same(name, "lbfgs", X, SHARES * 1e200)
    assert n_iter == 0
    assert any(category == "ConvergenceWarning" for category, _ in said)


@pytest.mark.parametrize("solver", ["lbfgs", "newton-cholesky"])
@pytest.mark.parametrize("alpha", [0, 1])
@pytest.mark.parametrize("fit_intercept", [False, True])
def test_counts_that_are_all_zero(solver, alpha, fit_intercept):
    """With an intercept the loss is 0 * log(0), which is no number, and the gradient is zero: that is a minimum."""
    params = {"solver": solver, "alpha": alpha, "fit_intercept": fit_intercept}
    found = []
    for package in (mlfast, sklearn):
        with warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"):
            warnings.simplefilter("always")
            model = package.linear_model.PoissonRegressor(**params).fit(X, np.zeros(60))
        found.append((model.n_iter_, sorted({w.category.__name__ for w in caught})))
    assert found[0] == found[1]


def test_nonnegative_coefficients_of_values_whose_squares_overflow():
    """Products are out of range: scikit-learn, which works with the rows, answers."""
    ours, parents = (package.linear_model.Ridge(positive=True) for package in (mlfast, sklearn))
    with mlfast.config_context(fallback="sklearn"), warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        np.testing.assert_array_equal(ours.fit(X * 1e200, COUNTS).coef_, parents.fit(X * 1e200, COUNTS).coef_)
