"""Ridge and RidgeClassifier: parity with scikit-learn, solver by solver."""

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn.linear_model
from sklearn.datasets import load_digits

import mlfast
from mlfast.linear_model import LinearRegression, Ridge, RidgeClassifier

from .data import assert_same_model, regression, with_zeros

PARENT = sklearn.linear_model.Ridge
STORED_AS = {"dense": np.asarray, "csr": sp.csr_array, "csc": sp.csc_array, "coo": sp.coo_array}


def fit_both(X, y, weights=None, **params):
    return [make(**params).fit(X, y, weights) for make in (Ridge, PARENT)]


@pytest.mark.parametrize("solver", ["auto", "cholesky", "svd"])
@pytest.mark.parametrize("shape", [(200, 6), (40_000, 6), (20, 50)], ids=str)
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("n_targets", [None, 1, 3])
def test_dense(solver, shape, fit_intercept, n_targets):
    X, y = regression(0, *shape, n_targets)
    weights = np.random.RandomState(1).uniform(0, 2, size=len(X))
    for given in (None, weights, 2.0):
        for alpha in (1e-3, 1.0, 1e3):
            assert_same_model(*fit_both(X, y, given, solver=solver, alpha=alpha, fit_intercept=fit_intercept))


@pytest.mark.parametrize("solver", ["cholesky", "svd"])
@pytest.mark.parametrize("shape", [(200, 6), (20, 50)], ids=str)
def test_single_precision(solver, shape):
    X, y = regression(2, *shape, None, np.float32)
    assert_same_model(*fit_both(X, y, solver=solver), rtol=1e-4)


@pytest.mark.parametrize("solver", ["cholesky", "svd"])
@pytest.mark.parametrize("shape", [(200, 6), (20, 50)], ids=str)
def test_alpha_for_each_target(solver, shape):
    X, y = regression(3, *shape, 3)
    assert_same_model(*fit_both(X, y, solver=solver, alpha=[0.1, 1.0, 10.0]))
    with pytest.raises(ValueError, match="Number of targets and number of penalties"):
        Ridge(alpha=[1.0, 2.0]).fit(X, y)


@pytest.mark.parametrize("solver", ["cholesky", "svd"])
def test_no_penalty_on_dependent_columns(solver):
    X, y = regression(4, 100, 3)
    empty = np.c_[X, np.zeros(len(X))]
    ours, theirs = fit_both(empty, y, alpha=0.0, solver=solver)
    assert ours.solver_ == theirs.solver_ == "svd"
    assert_same_model(ours, theirs)
    # scikit-learn divides by the noise that rounding leaves of a singular value; ours is the shortest solution.
    both = np.c_[empty, X[:, 0] + X[:, 1]]
    ours = Ridge(alpha=0.0, solver=solver).fit(both, y)
    assert ours.solver_ == "svd"
    np.testing.assert_allclose(ours.coef_, LinearRegression().fit(both, y).coef_, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("n_targets", [None, 2])
def test_no_penalty_on_fewer_rows_than_features(n_targets):
    """Rows that are all the same are singular for certain."""
    X, y = np.ones((4, 9)), np.arange(4.0) if n_targets is None else np.arange(8.0).reshape(4, 2)
    with pytest.warns(UserWarning, match="Singular matrix in solving dual problem"):
        ours = Ridge(alpha=0.0, fit_intercept=False).fit(X, y)
    with pytest.warns(UserWarning, match="Singular matrix in solving dual problem"):
        theirs = PARENT(alpha=0.0, fit_intercept=False).fit(X, y)
    assert_same_model(ours, theirs)
    if n_targets:
        params = {"alpha": [0.0, 1.0], "fit_intercept": False}
        assert_same_model(*fit_both(X, y, **params))


@pytest.mark.parametrize("kind", STORED_AS)
@pytest.mark.parametrize("solver", ["auto", "sparse_cg", "lsqr"])
@pytest.mark.parametrize("shape", [(2_000, 30), (40, 100)], ids=str)
@pytest.mark.parametrize("fit_intercept", [False, True])
def test_iterative(kind, solver, shape, fit_intercept):
    """Both take the same steps, and stop at the same place up to rounding, on features of equal scales."""
    if (kind, solver) == ("csc", "auto"):
        kind = "csr"  # the only one that the parent takes there
    X, y = regression(5, *shape, 2)
    X = STORED_AS[kind](with_zeros((X - X.mean(axis=0)) / X.std(axis=0), 6))
    weights = np.random.RandomState(7).uniform(0.5, 2, size=shape[0])
    for given in (None, weights):
        for alpha in (1.0, [0.5, 50.0]):
            ours, theirs = fit_both(X, y, given, solver=solver, alpha=alpha, fit_intercept=fit_intercept, tol=1e-8)
            assert_same_model(ours, theirs, rtol=1e-7)


@pytest.mark.parametrize("solver", ["sparse_cg", "lsqr"])
def test_far_from_the_origin(solver):
    """Dense rows are centred before they are multiplied: no digits go."""
    X, y = regression(15, 5_000, 4)
    assert_same_model(*fit_both(X + 1e7, y, solver=solver, tol=1e-10), rtol=1e-7)


@pytest.mark.parametrize("seed", range(5))
def test_lsqr_of_unequal_scales(seed):
    """
    Where it takes more steps than there are features, it is rounding that decides when it stops.

    That is no more than a few steps apart, and within the tolerance of the same place.
    """
    X, y = regression(seed, 2_000, 30)
    ours, theirs = fit_both(sp.csr_array(with_zeros(X, seed)), y, solver="lsqr", tol=1e-8)
    assert theirs.n_iter_[0] > X.shape[1]
    assert abs(ours.n_iter_[0] - theirs.n_iter_[0]) <= 4
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=0, atol=1e-5 * np.abs(theirs.coef_).max())


@pytest.mark.parametrize("kind", ["dense", "csr"])
@pytest.mark.parametrize("max_iter", [1, 3])
@pytest.mark.parametrize("solver", ["sparse_cg", "lsqr"])
def test_few_steps(kind, solver, max_iter):
    X, y = regression(8, 300, 20)
    X = STORED_AS[kind](with_zeros(X, 9))
    assert_same_model(*fit_both(X, y, solver=solver, max_iter=max_iter))


@pytest.mark.fallback
def test_what_the_parent_fits():
    X, y = regression(10, 60, 3)
    params = {"solver": "cholesky", "fit_intercept": False}
    with mlfast.profile() as seen:
        ours = Ridge(**params).fit(sp.csr_array(X), y)
    assert [(record.engine, record.method) for record in seen.records] == [("sklearn", "fit")]
    assert_same_model(ours, PARENT(**params).fit(sp.csr_array(X), y))


class TestClassifier:
    @pytest.mark.parametrize("n_classes", [2, 5])
    @pytest.mark.parametrize("class_weight", [None, "balanced", {0: 2.0, 1: 0.5}])
    @pytest.mark.parametrize("kind", [np.asarray, sp.csr_array])
    def test_classes(self, n_classes, class_weight, kind):
        X, y = load_digits(return_X_y=True)
        X, y = kind(X[y < n_classes][:400]), y[y < n_classes][:400]
        weights = np.random.RandomState(11).uniform(0.5, 2, size=len(y))
        for given in (None, weights):
            makers = (RidgeClassifier, sklearn.linear_model.RidgeClassifier)
            made = [make(class_weight=class_weight, tol=1e-8) for make in makers]
            ours, theirs = (est.fit(X, y, given) for est in made)
            assert_same_model(ours, theirs, rtol=1e-6)
            np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
            scores, expected = ours.decision_function(X), theirs.decision_function(X)
            np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-6)
            np.testing.assert_array_equal(ours.predict(X[:1]), theirs.predict(X[:1]))
            assert ours.decision_function(X[:1]).shape == theirs.decision_function(X[:1]).shape

    def test_labels(self):
        X, _ = regression(12, 200, 5)
        y = (X[:, :3] + np.random.RandomState(13).standard_normal((200, 3)) > 0).astype(int)
        ours, theirs = RidgeClassifier().fit(X, y), sklearn.linear_model.RidgeClassifier().fit(X, y)
        assert_same_model(ours, theirs)
        np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))

    def test_names(self):
        X, _ = regression(14, 200, 5)
        y = np.array(["ash", "birch", "cedar"])[np.digitize(X[:, 0], [-1, 1])]
        ours, theirs = RidgeClassifier().fit(X, y), sklearn.linear_model.RidgeClassifier().fit(X, y)
        np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
