"""MultiTaskLasso, MultiTaskElasticNet, their CV classes and paths: parity with scikit-learn, passes included."""

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn.linear_model
from sklearn.datasets import load_linnerud
from sklearn.model_selection import KFold, ShuffleSplit

import mlfast
from mlfast.linear_model import (
    MultiTaskElasticNet,
    MultiTaskElasticNetCV,
    MultiTaskLasso,
    MultiTaskLassoCV,
    enet_path,
    lasso_path,
)

from ..compare import assert_same_complaint, outcome
from .data import with_zeros
from .test_coordinate_descent import KINDS, USELESS, sparse_truth
from .test_coordinate_descent import assert_same as assert_same_attributes


def fit_both(X, y, weights=None, make=MultiTaskElasticNet, **params):
    """Both models, after both have warned of the same."""
    both = [outcome(est(**params).fit, X, y, weights) for est in (make, getattr(sklearn.linear_model, make.__name__))]
    assert_same_complaint(*both)
    return both[0].value, both[1].value


def assert_same(ours, theirs, rtol=1e-9):
    """Several targets have more squares to take a gap from."""
    assert_same_attributes(ours, theirs, rtol, gap=1e-10)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(100, 6), (40, 90), (3_000, 20), (1, 3)], ids=str)
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_penalties(kind, shape, fit_intercept, weighted):
    X, y = sparse_truth(0, *shape, n_targets=3)
    X = KINDS[kind](X if kind == "dense" else with_zeros(X, 1))
    weights = np.random.RandomState(2).uniform(0, 2, size=shape[0]) if weighted else None
    for alpha in (0.05, 0.5, 100.0):
        for l1_ratio in (1.0, 0.5):
            params = {"alpha": alpha, "l1_ratio": l1_ratio, "fit_intercept": fit_intercept}
            ours, theirs = fit_both(X, y, weights, **params)
            assert_same(ours, theirs)
            assert ours.eps_ == pytest.approx(theirs.eps_)


@pytest.mark.parametrize("n_targets", [1, 2, 7])
@pytest.mark.parametrize("selection", ["cyclic", "random"])
@pytest.mark.parametrize("max_iter", [1, 3, 1000])
@pytest.mark.parametrize("tol", [1e-12, 1e-2])
def test_passes(n_targets, selection, max_iter, tol):
    X, y = sparse_truth(3, 60, 10, n_targets)
    params = {"alpha": 0.05, "selection": selection, "max_iter": max_iter, "tol": tol}
    for make in (MultiTaskLasso, MultiTaskElasticNet):
        assert_same(*fit_both(X, y, make=make, random_state=4, **params))


def test_the_generator_goes_on():
    X, y = sparse_truth(5, 60, 10, 2)
    states = [np.random.RandomState(6), np.random.RandomState(6)]
    for selection in ("cyclic", "random"):
        pair = zip((MultiTaskLasso, sklearn.linear_model.MultiTaskLasso), states, strict=True)
        assert_same(*(est(alpha=0.1, selection=selection, random_state=state).fit(X, y) for est, state in pair))
    assert states[0].randint(10**9) == states[1].randint(10**9)


@pytest.mark.parametrize("kind", ["dense", "csr"])
def test_single_precision(kind):
    """scikit-learn computes in single precision: the tolerance is what that leaves, at a condition of about 100."""
    X, y = sparse_truth(7, 300, 12, 2, np.float32)
    X = KINDS[kind](X)
    ours, theirs = fit_both(X, y.astype(np.float64), alpha=0.1, tol=1e-5)
    assert ours.coef_.dtype == ours.intercept_.dtype == theirs.coef_.dtype == np.float32
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=0, atol=1e-3 * np.abs(theirs.coef_).max())
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=0, atol=1e-3 * np.abs(y).max())


def test_path_of_warm_starts():
    X, y = sparse_truth(8, 150, 40, 2)
    ours, theirs = (est(warm_start=True) for est in (MultiTaskElasticNet, sklearn.linear_model.MultiTaskElasticNet))
    for alpha in (5.0, 1.0, 0.3, 0.3, 2.0):
        for est in (ours, theirs):
            est.set_params(alpha=alpha).fit(X, y)
        assert_same(ours, theirs)
    assert ours.fit(X, y).n_iter_ == 0


@pytest.mark.fallback
def test_warm_start_of_another_type():
    X, y = sparse_truth(9, 50, 4, 2)
    both = []
    for make in (MultiTaskLasso, sklearn.linear_model.MultiTaskLasso):
        est = make(warm_start=True).fit(X, y)
        both.append(outcome(est.fit, X.astype(np.float32), y))
    assert both[1].error is not None
    assert_same_complaint(*both)


def test_warm_start_of_other_features():
    """The parent's words are of whatever fails first."""
    X, y = sparse_truth(9, 50, 4, 2)
    with pytest.raises(ValueError):
        sklearn.linear_model.MultiTaskLasso(warm_start=True).fit(X, y).fit(X[:, :3], y)
    with pytest.raises(ValueError, match=r"X has 3 features, .* coef_, which has 4 features"):
        MultiTaskLasso(warm_start=True).fit(X, y).fit(X[:, :3], y)


@pytest.mark.parametrize("case", USELESS)
def test_columns(case):
    """
    The residuals are told apart by both up to rounding; where a column comes twice, either may get the coefficient.
    """
    X, y = sparse_truth(10, 80, 5, 2)
    X = USELESS[case](X)
    ours, theirs = fit_both(X, y, alpha=0.1)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=0, atol=1e-6 * np.abs(y).max())
    assert ours.n_iter_ == theirs.n_iter_


@pytest.mark.parametrize("alpha", [0.0, 1e-300, 1e300])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("kind", ["dense", "csr"])
def test_ends_of_the_range(alpha, l1_ratio, kind):
    X, y = sparse_truth(11, 60, 4, 2)
    params = {"alpha": alpha, "l1_ratio": l1_ratio, "max_iter": 5}
    both = [
        outcome(est(**params).fit, KINDS[kind](X), y)
        for est in (MultiTaskElasticNet, sklearn.linear_model.MultiTaskElasticNet)
    ]
    assert_same_complaint(*both)
    if both[1].error is None:
        assert_same(both[0].value, both[1].value)


BAD = {
    "one task": lambda X, y: (X, y[:, 0]),
    "short": lambda X, y: (X, y[:-1]),
    "no weights": lambda X, y: (X, y, np.zeros(len(y))),
    "negative weights": lambda X, y: (X, y, np.r_[-1.0, np.ones(len(y) - 1)]),
    "sparse targets": lambda X, y: (X, sp.csr_array(y)),
    "constant targets": lambda X, y: (X, np.full_like(y, 2.5)),
    "one row counts": lambda X, y: (X, y, np.r_[1.0, np.zeros(len(y) - 1)]),
}


@pytest.mark.fallback
@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("make", [MultiTaskLasso, MultiTaskLassoCV])
def test_what_is_odd(case, make):
    theirs = getattr(sklearn.linear_model, make.__name__)
    both = [outcome(est().fit, *BAD[case](*sparse_truth(12, 40, 4, 2))) for est in (make, theirs)]
    assert_same_complaint(*both)
    if both[1].error is None and case != "negative weights":
        np.testing.assert_allclose(both[0].value.coef_, both[1].value.coef_, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_predict(kind):
    X, y = sparse_truth(13, 100, 6, 2)
    ours, theirs = fit_both(X, y, alpha=0.1)
    new = KINDS[kind](with_zeros(X, 14))
    np.testing.assert_allclose(ours.predict(new), theirs.predict(new), rtol=1e-9)
    np.testing.assert_allclose(ours.predict(X[:1]), theirs.predict(X[:1]), rtol=1e-9)
    np.testing.assert_allclose(ours.sparse_coef_.toarray(), theirs.sparse_coef_.toarray(), rtol=1e-9)


def test_real_data():
    X, y = load_linnerud(return_X_y=True)
    for alpha in (0.1, 10.0):
        assert_same(*fit_both(X, y, make=MultiTaskLasso, alpha=alpha))


class TestPaths:
    @pytest.mark.parametrize("kind", ["dense", "csr", "csc"])
    @pytest.mark.parametrize("shape", [(80, 12, 3), (30, 60, 1)], ids=str)
    def test_coefficients(self, kind, shape):
        X, y = sparse_truth(15, *shape)
        X = KINDS[kind](X)
        for alphas in (7, [0.1, 3.0, 0.5], [0.2]):
            for params in ({}, {"selection": "random", "random_state": 1}, {"tol": 1e-8, "max_iter": 3}):
                both = [
                    outcome(path, X, y, alphas=alphas, return_n_iter=True, **params)
                    for path in (enet_path, sklearn.linear_model.enet_path)
                ]
                assert_same_complaint(*both)
                (grid, coefs, gaps, passes), expected = both[0].value, both[1].value
                np.testing.assert_allclose(grid, expected[0], rtol=1e-12)
                assert coefs.shape == expected[1].shape
                np.testing.assert_allclose(coefs, expected[1], rtol=0, atol=1e-9 * np.abs(expected[1]).max())
                np.testing.assert_allclose(gaps, expected[2], rtol=1e-6, atol=1e-10)
                assert passes == expected[3]

    def test_lasso_path(self):
        X, y = sparse_truth(16, 80, 12, 2)
        start = np.ones((2, 12))
        ours, theirs = (path(X, y, coef_init=start) for path in (lasso_path, sklearn.linear_model.lasso_path))
        np.testing.assert_allclose(ours[1], theirs[1], rtol=0, atol=1e-9 * np.abs(theirs[1]).max())

    @pytest.mark.parametrize("params", [{"positive": True}, {"coef_init": np.ones(12)}], ids=str)
    def test_bad_parameters(self, params):
        X, y = sparse_truth(17, 80, 12, 2)
        with mlfast.config_context(fallback="sklearn"):
            both = [outcome(path, X, y, **params) for path in (enet_path, sklearn.linear_model.enet_path)]
        assert both[1].error is not None
        assert_same_complaint(*both)


class TestChoice:
    @pytest.mark.parametrize("make", [MultiTaskLassoCV, MultiTaskElasticNetCV])
    @pytest.mark.parametrize("kind", ["dense", "csr", "csc"])
    @pytest.mark.parametrize("weighted", [False, True])
    def test_penalty(self, make, kind, weighted):
        X, y = sparse_truth(18, 90, 8, 3)
        X = KINDS[kind](X if kind == "dense" else with_zeros(X, 1))
        weights = np.random.RandomState(2).uniform(0, 2, size=90) if weighted else None
        for params in (
            {},
            {"fit_intercept": False, "cv": ShuffleSplit(3, random_state=0)},
            {"alphas": [0.1, 3.0, 0.5], "selection": "random", "random_state": 3},
        ):
            ours, theirs = fit_both(X, y, weights, make=make, **params)
            assert ours.alpha_ == theirs.alpha_
            np.testing.assert_array_equal(ours.alphas_, theirs.alphas_)
            assert (ours.mse_path_.dtype, ours.mse_path_.shape) == (theirs.mse_path_.dtype, theirs.mse_path_.shape)
            np.testing.assert_allclose(ours.mse_path_, theirs.mse_path_, rtol=1e-9)
            assert_same(ours, theirs)

    def test_shares_of_the_penalty(self):
        X, y = sparse_truth(19, 90, 12, 2)
        for l1_ratio in (0.2, [0.1, 0.7, 1.0]):
            cv = KFold(4, shuffle=True, random_state=0)
            ours, theirs = fit_both(X, y, make=MultiTaskElasticNetCV, l1_ratio=l1_ratio, alphas=20, cv=cv, n_jobs=2)
            assert ours.l1_ratio_ == theirs.l1_ratio_
            assert ours.alphas_.shape == theirs.alphas_.shape
            np.testing.assert_allclose(ours.mse_path_, theirs.mse_path_, rtol=1e-9)

    def test_threads_change_no_bit(self, threads):
        X, y = sparse_truth(20, 4_000, 20, 2)
        found = []
        for count in (1, 2, 3):
            threads(count)
            found.append(MultiTaskLassoCV(alphas=20).fit(X, y))
        for est in found[1:]:
            np.testing.assert_array_equal(est.mse_path_, found[0].mse_path_)
            np.testing.assert_array_equal(est.coef_, found[0].coef_)


class TestManyFeatures:
    """
    Among more than 512 features a working set is looked at, in passes of its own.

    At a gap of 1e-10 of the variance the coefficients are those of scikit-learn within its root, times the condition of
    the features that have any, which is about 10.
    """

    TOL = 1e-10

    def data(self):
        rng = np.random.RandomState(21)
        X = rng.standard_normal((150, 800)) + 1
        return X, X[:, :8] @ rng.standard_normal((8, 3)) * 3 + rng.standard_normal((150, 3))

    @pytest.mark.parametrize("kind", ["dense", "csr"])
    @pytest.mark.parametrize("weighted", [False, True])
    @pytest.mark.parametrize("l1_ratio", [0.5, 1.0])
    def test_optimum(self, kind, weighted, l1_ratio):
        X, y = self.data()
        weights = np.random.RandomState(22).uniform(0, 2, size=150) if weighted else None
        X = KINDS[kind](X if kind == "dense" else with_zeros(X, 23))
        ours, theirs = fit_both(X, y, weights, alpha=0.4, l1_ratio=l1_ratio, tol=self.TOL, max_iter=100_000)
        assert ours.dual_gap_ <= ours.eps_ / 150 * (1 + 1e-9)
        assert ours.eps_ == pytest.approx(theirs.eps_)
        scale = np.abs(theirs.coef_).max()
        np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=0, atol=1e-4 * scale)
        np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=0, atol=1e-3 * scale)
        np.testing.assert_array_equal(np.abs(ours.coef_) > 1e-4 * scale, np.abs(theirs.coef_) > 1e-4 * scale)
        assert 8 <= (ours.coef_ != 0).any(axis=0).sum() < 800

    def test_paths(self):
        X, y = self.data()
        params = {"alphas": [2.0, 1.0, 0.5], "tol": self.TOL, "max_iter": 100_000}
        ours, theirs = (path(X, y, **params) for path in (lasso_path, sklearn.linear_model.lasso_path))
        np.testing.assert_allclose(ours[1], theirs[1], rtol=0, atol=1e-4 * np.abs(theirs[1]).max())
