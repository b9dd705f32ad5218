"""LassoCV and ElasticNetCV: the same penalty, by the same errors, as scikit-learn."""

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn
import sklearn.linear_model
from sklearn.datasets import load_diabetes
from sklearn.model_selection import KFold, ShuffleSplit, TimeSeriesSplit

import mlfast
from mlfast.linear_model import ElasticNet, ElasticNetCV, Lasso, LassoCV

from ..compare import assert_same_complaint, outcome
from .test_coordinate_descent import KINDS, sparse_truth, with_zeros

THEIRS = {LassoCV: sklearn.linear_model.LassoCV, ElasticNetCV: sklearn.linear_model.ElasticNetCV}


def fit_both(X, y, weights=None, make=LassoCV, **params):
    both = [outcome(est(**params).fit, X, y, weights) for est in (make, THEIRS[make])]
    assert_same_complaint(*both)
    return both[0].value, both[1].value


def assert_same(ours, theirs, rtol=1e-9):
    assert vars(ours).keys() == vars(theirs).keys()
    assert ours.alpha_ == theirs.alpha_
    assert type(ours.alpha_) is type(theirs.alpha_)
    np.testing.assert_array_equal(ours.alphas_, theirs.alphas_)
    assert (ours.mse_path_.dtype, ours.mse_path_.shape) == (theirs.mse_path_.dtype, theirs.mse_path_.shape)
    np.testing.assert_allclose(ours.mse_path_, theirs.mse_path_, rtol=rtol)
    assert ours.n_iter_ == theirs.n_iter_
    assert getattr(ours, "l1_ratio_", None) == getattr(theirs, "l1_ratio_", None)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=0, atol=rtol * np.abs(theirs.coef_).max())
    np.testing.assert_array_equal(ours.coef_ == 0, theirs.coef_ == 0)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e3 * rtol, atol=1e3 * rtol)


@pytest.mark.parametrize("make", THEIRS)
@pytest.mark.parametrize("kind", ["dense", "csr", "csc"])
@pytest.mark.parametrize("shape", [(90, 8), (50, 70), (3_000, 12)], ids=str)
@pytest.mark.parametrize("weighted", [False, True])
def test_choice(make, kind, shape, weighted):
    X, y = sparse_truth(0, *shape)
    X = KINDS[kind](X if kind == "dense" else with_zeros(X, 1))
    weights = np.random.RandomState(2).uniform(0, 2, size=shape[0]) if weighted else None
    for params in ({}, {"fit_intercept": False}, {"positive": True, "alphas": 20}, {"alphas": [0.1, 3.0, 0.5]}):
        assert_same(*fit_both(X, y, weights, make=make, **params))


SPLITTERS = {
    "shuffled": KFold(4, shuffle=True, random_state=0),
    "drawn": ShuffleSplit(3, random_state=0),
    "in time": TimeSeriesSplit(3),
    "masks": [(np.arange(80) % 3 != 0, np.arange(80) % 3 == 0), (np.arange(80) > 20, np.arange(80) <= 20)],
    "twice": [(np.r_[0:40, 0:40], np.r_[40:80, 40:50])] * 2,
    "from the end": [(np.arange(-40, 0), np.arange(40))],
}


@pytest.mark.parametrize("splitter", SPLITTERS)
@pytest.mark.parametrize("kind", ["dense", "csr"])
@pytest.mark.parametrize("weighted", [False, True])
def test_splits(splitter, kind, weighted):
    """Those that make up the table share one pass over it, others take their own."""
    X, y = sparse_truth(3, 80, 10)
    weights = np.random.RandomState(4).uniform(0.1, 2, size=80) if weighted else None
    assert_same(*fit_both(KINDS[kind](X), y, weights, cv=SPLITTERS[splitter]))


def test_rows_unlike_the_others():
    """
    Where one part holds nearly all of a column, little is left of its products in the difference.

    A column that varies in one part only is constant in training.
    """
    X, y = sparse_truth(5, 100, 6)
    X[:20, 0] *= 1e9
    X[20:, 1] = 3.0
    X[:, 2] += np.r_[np.full(50, 1e6), np.full(50, -1e6)]
    ours, theirs = fit_both(X, y, alphas=[1.0, 0.1])
    np.testing.assert_allclose(ours.mse_path_, theirs.mse_path_, rtol=1e-5)
    assert ours.alpha_ == theirs.alpha_


@pytest.mark.parametrize("state", [0, None, np.random.RandomState])
@pytest.mark.parametrize("selection", ["cyclic", "random"])
def test_random_order(state, selection):
    X, y = sparse_truth(6, 60, 10)
    found = []
    for est in (ElasticNetCV, THEIRS[ElasticNetCV]):
        np.random.seed(7)
        given = state(8) if state is np.random.RandomState else state
        params = {"l1_ratio": [0.3, 1.0], "selection": selection, "random_state": given, "alphas": 10}
        found.append((est(**params).fit(X, y), np.random.randint(10**9), given and given != 0 and given.randint(10**9)))
    assert_same(found[0][0], found[1][0])
    assert found[0][1:] == found[1][1:]


@pytest.mark.parametrize("n_jobs", [1, 2, None])
def test_shares_of_the_penalty(n_jobs):
    X, y = sparse_truth(9, 90, 12)
    for l1_ratio in (0.2, [0.2], [0.1, 0.7, 1.0]):
        ours, theirs = fit_both(X, y, make=ElasticNetCV, l1_ratio=l1_ratio, n_jobs=n_jobs)
        assert_same(ours, theirs)
        assert ours.alphas_.shape == theirs.alphas_.shape


def test_single_precision():
    X, y = sparse_truth(10, 200, 8, None, np.float32)
    ours, theirs = fit_both(X, y, alphas=20)
    assert ours.mse_path_.dtype == theirs.mse_path_.dtype
    np.testing.assert_allclose(ours.mse_path_, theirs.mse_path_, rtol=1e-3)
    assert ours.coef_.dtype == ours.intercept_.dtype == np.float32


def test_many_features():
    """
    Among 700 features the products of all are made, and the path is scikit-learn's; among more than 2,048 a working set
    is looked at for each penalty, which reaches the same optima to the tolerance.
    """
    rng = np.random.RandomState(11)
    X = rng.standard_normal((60, 700))
    y = X[:, :5].sum(axis=1) + rng.standard_normal(60)
    ours, theirs = fit_both(X, y, cv=3, alphas=20, eps=0.05)
    np.testing.assert_allclose(ours.mse_path_, theirs.mse_path_, rtol=1e-9)
    assert ours.alpha_ == theirs.alpha_
    X = np.c_[X, rng.standard_normal((60, 1_400))]
    for kind in (np.asarray, sp.csr_array):
        weights = rng.uniform(0.5, 2, size=60)
        ours, theirs = fit_both(kind(X), y, weights, cv=3, alphas=8, eps=0.1, tol=1e-9, max_iter=10_000)
        np.testing.assert_allclose(ours.mse_path_, theirs.mse_path_, rtol=1e-3)
        assert ours.alpha_ == theirs.alpha_


def test_warnings_of_each_path():
    X, y = sparse_truth(12, 60, 10)
    assert_same(*fit_both(X, y, max_iter=3, alphas=[0.01, 0.001], cv=3))


def test_real_data():
    X, y = load_diabetes(return_X_y=True)
    assert_same(*fit_both(X, y, cv=10))
    assert_same(*fit_both(X, y, make=ElasticNetCV, l1_ratio=[0.5, 0.9, 1.0]))


def test_threads_change_no_bit(threads):
    X, y = sparse_truth(13, 4_000, 20)
    found = []
    for count in (1, 2, 3):
        threads(count)
        found.append(LassoCV().fit(X, y))
    for est in found[1:]:
        np.testing.assert_array_equal(est.mse_path_, found[0].mse_path_)
        np.testing.assert_array_equal(est.coef_, found[0].coef_)


BAD = {
    "column": lambda X, y: (X, y[:, None]),
    "two targets": lambda X, y: (X, np.c_[y, y]),
    "short": lambda X, y: (X, y[:-1]),
    "few": lambda X, y: (X[:3], y[:3]),
    "no weights": lambda X, y: (X, y, np.zeros(len(y))),
    "no weights in a part": lambda X, y: (X, y, np.r_[np.zeros(20), np.ones(len(y) - 20)]),
    "negative weights": lambda X, y: (X, y, np.r_[-1.0, np.ones(len(y) - 1)]),
}


@pytest.mark.fallback
@pytest.mark.parametrize("case", BAD)
def test_what_is_not_accepted(case):
    both = [outcome(est(cv=5).fit, *BAD[case](*sparse_truth(14, 40, 4))) for est in (LassoCV, THEIRS[LassoCV])]
    assert_same_complaint(*both)
    for params in ({"alphas": [-1.0]}, {"alphas": ["a"]}, {"alphas": [1.0, None]}):
        both = [outcome(est(**params).fit, *sparse_truth(14, 40, 4)) for est in (LassoCV, THEIRS[LassoCV])]
        assert_same_complaint(*both)


@pytest.mark.fallback
def test_what_the_parent_fits():
    X, y = sparse_truth(15, 40, 4)
    for verbose in (False, True):
        with mlfast.profile() as seen:
            ours = LassoCV(verbose=verbose, cv=3).fit(X, y)
        assert seen.records[-1].engine == ("sklearn" if verbose else "rust")
        assert ours.alpha_ == THEIRS[LassoCV](cv=3).fit(X, y).alpha_
    with sklearn.config_context(enable_metadata_routing=True), mlfast.profile() as seen:
        LassoCV(cv=3).fit(X, y)
    assert seen.records[-1].engine == "sklearn"


def test_the_last_fit_is_that_of_the_model_alone():
    X, y = sparse_truth(16, 80, 10)
    for make, alone in ((LassoCV, Lasso), (ElasticNetCV, ElasticNet)):
        chosen = make().fit(X, y)
        np.testing.assert_array_equal(chosen.coef_, alone(alpha=chosen.alpha_).fit(X, y).coef_)
        assert chosen.score(X, y) == pytest.approx(alone(alpha=chosen.alpha_).fit(X, y).score(X, y))
