"""Lasso, ElasticNet and their paths: parity with scikit-learn, passes included."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn.linear_model
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning

import mlfast
from mlfast.linear_model import ElasticNet, Lasso, enet_path, lasso_path

from ..compare import assert_same_complaint, outcome
from .data import regression, with_zeros

KINDS = {"dense": np.asarray, "csr": sp.csr_array, "csc": sp.csc_array, "coo": sp.coo_array}
THEIRS = {ElasticNet: sklearn.linear_model.ElasticNet, Lasso: sklearn.linear_model.Lasso}


def sparse_truth(seed, n, d, n_targets=None, dtype=np.float64):
    """`regression` in which a third of the features count."""
    X, _ = regression(seed, n, d, n_targets, dtype)
    rng = np.random.RandomState(seed)
    coef = rng.standard_normal((d, n_targets or 1)) * (rng.uniform(size=(d, 1)) < 1 / 3)
    y = X @ coef + 5 + rng.standard_normal((n, n_targets or 1))
    return X, (y if n_targets else y[:, 0]).astype(dtype)


def fit_both(X, y, weights=None, make=ElasticNet, **params):
    """Both models, after both have warned of the same."""
    both = [outcome(est(**params).fit, X, y, weights) for est in (make, THEIRS[make])]
    assert_same_complaint(*both)
    return both[0].value, both[1].value


def assert_same(ours, theirs, rtol=1e-9, gap=1e-11):
    """Attributes have the same types, counts are equal, numbers within `rtol` of the largest, gaps within `gap`."""
    assert vars(ours).keys() == vars(theirs).keys()
    assert ours.n_iter_ == theirs.n_iter_
    for name in ("coef_", "intercept_", "dual_gap_", "n_iter_"):
        mine, parents = getattr(ours, name), getattr(theirs, name)
        assert type(mine) is type(parents)
        assert (np.shape(mine), np.asarray(mine).dtype) == (np.shape(parents), np.asarray(parents).dtype)
    scale = np.abs(theirs.coef_).max(initial=1e-300)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=0, atol=rtol * scale)
    np.testing.assert_array_equal(ours.coef_ == 0, theirs.coef_ == 0)
    np.testing.assert_allclose(
        ours.intercept_, theirs.intercept_, rtol=0, atol=rtol * (scale + np.abs(theirs.intercept_).max())
    )
    # The gap is a difference of numbers as large as the squares of the targets.
    np.testing.assert_allclose(ours.dual_gap_, theirs.dual_gap_, rtol=1e-6, atol=gap)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(100, 6), (40, 90), (5_000, 20), (1, 3)], ids=str)
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_penalties(kind, shape, fit_intercept, weighted):
    X, y = sparse_truth(0, *shape)
    X = KINDS[kind](X if kind == "dense" else with_zeros(X, 1))
    weights = np.random.RandomState(2).uniform(0, 2, size=shape[0]) if weighted else None
    for alpha in (0.02, 0.5, 100.0):
        for l1_ratio in (1.0, 0.5, 0.01):
            for positive in (False, True):
                params = {"alpha": alpha, "l1_ratio": l1_ratio, "positive": positive, "fit_intercept": fit_intercept}
                assert_same(*fit_both(X, y, weights, **params))


@pytest.mark.parametrize("make", THEIRS)
@pytest.mark.parametrize("n_targets", [None, 1, 3])
@pytest.mark.parametrize("selection", ["cyclic", "random"])
def test_targets(make, n_targets, selection):
    """Each target starts anew from the same seed, or goes on with the generator that was given."""
    X, y = sparse_truth(3, 200, 30, n_targets)
    for state in (0, np.random.RandomState):
        params = [
            {"alpha": 0.1, "selection": selection, "random_state": state if state == 0 else state(4)} for _ in range(2)
        ]
        ours, theirs = (est(**given).fit(X, y) for est, given in zip((make, THEIRS[make]), params, strict=True))
        assert_same(ours, theirs)
        if state != 0:
            assert params[0]["random_state"].randint(10**9) == params[1]["random_state"].randint(10**9)


@pytest.mark.parametrize("n_targets", [None, 2])
@pytest.mark.parametrize("kind", ["dense", "csr"])
def test_single_precision(n_targets, kind):
    """scikit-learn computes in single precision: the tolerance is what that leaves, at a condition of about 100."""
    X, y = sparse_truth(5, 300, 12, n_targets, np.float32)
    X = KINDS[kind](X)
    ours, theirs = (est(alpha=0.1, tol=1e-5).fit(X, y) for est in (Lasso, THEIRS[Lasso]))
    assert ours.coef_.dtype == ours.intercept_.dtype == np.float32
    assert ours.dual_gap_.dtype == theirs.dual_gap_.dtype
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=0, atol=1e-3 * np.abs(theirs.coef_).max())
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-3)
    assert ours.predict(X).dtype == theirs.predict(X).dtype
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=0, atol=1e-3 * np.abs(y).max())


@pytest.mark.parametrize("precompute", [False, True])
@pytest.mark.parametrize("selection", ["cyclic", "random"])
@pytest.mark.parametrize("max_iter", [1, 3, 1000])
@pytest.mark.parametrize("tol", [1e-12, 1e-2])
def test_passes(precompute, selection, max_iter, tol):
    X, y = sparse_truth(6, 60, 10)
    params = {"alpha": 0.05, "precompute": precompute, "selection": selection, "max_iter": max_iter, "tol": tol}
    assert_same(*fit_both(X, y, random_state=7, **params))


def test_no_tolerance():
    """The gap is nothing but rounding in the end, and may come out negative, which ends the passes of either."""
    X, y = sparse_truth(6, 60, 10)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        ours, theirs = (est(alpha=0.05, tol=0.0).fit(X, y) for est in (Lasso, THEIRS[Lasso]))
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-12)
    assert 10 < ours.n_iter_ <= 1000


def test_path_of_warm_starts():
    X, y = sparse_truth(8, 150, 40, 2)
    ours, theirs = (est(warm_start=True) for est in (ElasticNet, THEIRS[ElasticNet]))
    for alpha in (5.0, 1.0, 0.3, 0.3, 2.0):
        for est in (ours, theirs):
            est.set_params(alpha=alpha).fit(X, y)
        assert_same(ours, theirs)
    with pytest.raises(ValueError, match=r"."):
        ours.fit(X[:, :3], y)


USELESS = {
    "constant": lambda X: np.c_[X, np.full(len(X), 0.1)],
    "empty": lambda X: np.c_[np.zeros(len(X)), X],
    "twice": lambda X: np.c_[X, X],
    "sum": lambda X: np.c_[X, X[:, 0] + X[:, 1]],
    "far from zero": lambda X: X + 1e6,
    "tiny": lambda X: X * 1e-150,
    "huge": lambda X: X * 1e150,
}


@pytest.mark.parametrize("case", USELESS)
@pytest.mark.parametrize("make", THEIRS)
def test_columns(case, make):
    """
    The residuals are told apart by both up to rounding; where a column comes twice, either may get the coefficient.
    """
    X, y = sparse_truth(9, 80, 5)
    X = USELESS[case](X)
    ours, theirs = fit_both(X, y, make=make, alpha=0.1)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=0, atol=1e-6 * np.abs(y).max())
    assert ours.n_iter_ == theirs.n_iter_


def test_constant_column_of_a_sparse_matrix():
    X, y = sparse_truth(10, 80, 5)
    X = sp.csr_array(np.c_[np.full(len(X), 3.3), with_zeros(X, 11)])
    assert_same(*fit_both(X, y, alpha=0.1, make=Lasso))


@pytest.mark.fallback
def test_sparse_columns_far_from_zero_are_left_to_scikit_learn():
    """Only products of stored values are taken: those of a column that hardly varies beside its mean have no digits."""
    X, y = sparse_truth(12, 80, 3)
    X = sp.csr_array(X + 1e6)
    with mlfast.profile() as seen:
        ours = Lasso(alpha=0.1).fit(X, y)
    assert [(record.engine, record.method) for record in seen.records] == [("sklearn", "fit")]
    assert_same(ours, THEIRS[Lasso](alpha=0.1).fit(X, y))


@pytest.mark.parametrize("alpha", [0.0, 1e-300, 1e300])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("kind", ["dense", "csr"])
def test_ends_of_the_range(alpha, l1_ratio, kind):
    X, y = sparse_truth(13, 60, 4)
    X = KINDS[kind](X)
    params = {"alpha": alpha, "l1_ratio": l1_ratio, "max_iter": 5}
    both = [outcome(est(**params).fit, X, y) for est in (ElasticNet, THEIRS[ElasticNet])]
    assert_same_complaint(*both)
    if both[1].error is None:
        assert_same(both[0].value, both[1].value)


def test_constant_target_and_zero_weights():
    X, _ = sparse_truth(14, 50, 4)
    assert_same(*fit_both(X, np.full(50, 2.5), alpha=0.1))
    both = [outcome(est().fit, X, X[:, 0], np.zeros(50)) for est in (Lasso, THEIRS[Lasso])]
    assert_same_complaint(*both)
    weights = np.r_[1.0, np.zeros(49)]
    assert_same(*fit_both(X, X[:, 0], weights))
    weights = np.r_[-1.0, np.ones(49)]
    with warnings.catch_warnings(), mlfast.config_context(fallback="sklearn"):
        warnings.simplefilter("ignore")
        both = [outcome(est().fit, X, X[:, 0], weights) for est in (Lasso, THEIRS[Lasso])]
    assert_same_complaint(*both)


def test_convergence_warning_points_here():
    X, y = sparse_truth(15, 60, 10)
    with pytest.warns(ConvergenceWarning) as caught:
        Lasso(alpha=1e-3, max_iter=2).fit(X, y)
    assert caught[0].filename == __file__


def test_real_data():
    X, y = load_diabetes(return_X_y=True)
    for alpha in (0.01, 0.1, 1.0):
        assert_same(*fit_both(X, y, make=Lasso, alpha=alpha))
        assert_same(*fit_both(X, y, alpha=alpha, positive=True))


@pytest.mark.fallback
def test_given_gram_matrix():
    X, y = sparse_truth(16, 60, 5)
    gram = (X - X.mean(axis=0)).T @ (X - X.mean(axis=0))
    with mlfast.profile() as seen:
        ours = Lasso(alpha=0.1, precompute=gram).fit(X - X.mean(axis=0), y)
    assert [(record.engine, record.method) for record in seen.records] == [("sklearn", "fit")]
    assert_same(ours, THEIRS[Lasso](alpha=0.1, precompute=gram).fit(X - X.mean(axis=0), y))


def test_check_input_false():
    X, y = sparse_truth(17, 60, 5)
    X = np.asfortranarray(X)
    ours, theirs = (est(alpha=0.1).fit(X.copy(order="F"), y.copy(), None, False) for est in (Lasso, THEIRS[Lasso]))
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-9)
    assert ours.n_iter_ == theirs.n_iter_


class TestPredict:
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("n_targets", [None, 2])
    def test_storage(self, kind, n_targets):
        X, y = sparse_truth(18, 100, 6, n_targets)
        ours, theirs = fit_both(X, y, alpha=0.1)
        new = KINDS[kind](with_zeros(X, 19))
        np.testing.assert_allclose(ours.predict(new), theirs.predict(new), rtol=1e-9)
        np.testing.assert_allclose(ours.predict(X[:1]), theirs.predict(X[:1]), rtol=1e-9)

    def test_sparse_rows_are_multiplied_as_they_are(self):
        X, y = sparse_truth(20, 50, 4)
        ours, theirs = fit_both(X, y, alpha=0.1)
        new = sp.csr_array(np.where(np.eye(4) > 0, np.nan, 0))
        np.testing.assert_allclose(ours.predict(new), theirs.predict(new))
        both = [outcome(est.predict, sp.csr_array(X[:, :2])) for est in (ours, theirs)]
        assert_same_complaint(*both)

    def test_sparse_coef(self):
        X, y = sparse_truth(21, 50, 4)
        ours, theirs = fit_both(X, y, alpha=1.0)
        np.testing.assert_allclose(ours.sparse_coef_.toarray(), theirs.sparse_coef_.toarray(), rtol=1e-9)


class TestPaths:
    @pytest.mark.parametrize("kind", ["dense", "csr", "csc"])
    @pytest.mark.parametrize("shape", [(80, 12), (30, 60)], ids=str)
    @pytest.mark.parametrize("positive", [False, True])
    def test_coefficients(self, kind, shape, positive):
        X, y = sparse_truth(22, *shape)
        X = KINDS[kind](X)
        for alphas in (7, [0.1, 3.0, 0.5], [0.2]):
            for params in ({}, {"selection": "random", "random_state": 1}, {"tol": 1e-8, "max_iter": 3}):
                both = [
                    outcome(path, X, y, alphas=alphas, positive=positive, return_n_iter=True, **params)
                    for path in (enet_path, sklearn.linear_model.enet_path)
                ]
                assert_same_complaint(*both)
                (grid, coefs, gaps, passes), expected = both[0].value, both[1].value
                np.testing.assert_allclose(grid, expected[0], rtol=1e-12)
                assert type(grid) is type(expected[0])
                np.testing.assert_allclose(coefs, expected[1], rtol=0, atol=1e-9 * np.abs(expected[1]).max())
                np.testing.assert_allclose(gaps, expected[2], rtol=1e-6, atol=1e-11)
                assert passes == expected[3]

    def test_lasso_path(self):
        X, y = sparse_truth(23, 80, 12)
        start = np.ones(12)
        ours, theirs = (path(X, y, coef_init=start) for path in (lasso_path, sklearn.linear_model.lasso_path))
        assert len(ours) == len(theirs) == 3
        assert ours[1].dtype == theirs[1].dtype
        np.testing.assert_allclose(ours[1], theirs[1], rtol=0, atol=1e-9 * np.abs(theirs[1]).max())

    @pytest.mark.parametrize(
        "params",
        [
            {"l1_ratio": 2.0},
            {"alphas": 0},
            {"alphas": [-1.0, 2.0]},
            {"alphas": []},
            {"tolerance": 1e-3},
            {"selection": "none"},
            {"l1_ratio": 0.0},
        ],
        ids=str,
    )
    def test_bad_parameters(self, params):
        X, y = sparse_truth(24, 30, 4)
        with mlfast.config_context(fallback="sklearn"):
            both = [outcome(path, X, y, **params) for path in (enet_path, sklearn.linear_model.enet_path)]
        assert_same_complaint(*both)

    def test_coefficients_of_other_features(self):
        """The parent's words are of whatever fails first; where nothing does it writes past its arrays."""
        X, y = sparse_truth(24, 30, 4)
        with pytest.raises(ValueError):
            sklearn.linear_model.enet_path(X, y, coef_init=np.ones(3))
        with pytest.raises(ValueError, match=r"coef_init has shape \(3,\), but .* have shape \(4,\)"):
            enet_path(X, y, coef_init=np.ones(3))

    @pytest.mark.fallback
    @pytest.mark.parametrize("params", [{"n_alphas": 5}, {"alphas": None}, {"Xy": np.ones(4)}, {"check_input": False}])
    def test_what_the_parent_computes(self, params):
        X, y = sparse_truth(25, 30, 4)
        X = np.asfortranarray(X)
        both = [outcome(path, X, y, **params) for path in (enet_path, sklearn.linear_model.enet_path)]
        assert_same_complaint(*both)
        np.testing.assert_array_equal(both[0].value[1], both[1].value[1])


class TestManyFeatures:
    """
    Among more than 512 features a working set is looked at, in passes of its own.

    At a gap of 1e-10 of the variance the coefficients are those of scikit-learn within its root, times the condition of
    the features that have any, which is about 10.
    """

    TOL = 1e-10

    def assert_same_optimum(self, ours, theirs, y, weights=None):
        mean = np.average(y, axis=0, weights=weights) if ours.fit_intercept else 0.0
        allowed = self.TOL * np.average((y - mean) ** 2, axis=0, weights=weights)
        assert (ours.dual_gap_ <= allowed * (1 + 1e-9)).all()
        scale = np.abs(theirs.coef_).max(initial=1e-300)
        np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=0, atol=1e-4 * scale)
        np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-12, atol=1e-3 * scale)
        np.testing.assert_array_equal(np.abs(ours.coef_) > 1e-4 * scale, np.abs(theirs.coef_) > 1e-4 * scale)

    def data(self, n_targets=None):
        rng = np.random.RandomState(0)
        X = rng.standard_normal((150, 700)) + rng.uniform(-2, 2, size=700)
        coef = rng.standard_normal((700, n_targets or 1)) * (np.arange(700) % 70 == 0)[:, None]
        y = X @ coef + rng.standard_normal((150, n_targets or 1))
        return X, y if n_targets else y[:, 0]

    @pytest.mark.parametrize("kind", ["dense", "csr"])
    @pytest.mark.parametrize("fit_intercept", [False, True])
    @pytest.mark.parametrize("positive", [False, True])
    def test_optimum(self, kind, fit_intercept, positive):
        X, y = self.data()
        X = KINDS[kind](X if kind == "dense" else with_zeros(X, 1))
        for weights in (None, np.random.RandomState(2).uniform(0, 2, size=len(y))):
            for params in ({"alpha": 0.1, "l1_ratio": 1.0}, {"alpha": 1.0, "l1_ratio": 0.5}, {"alpha": 100.0}):
                params |= {"fit_intercept": fit_intercept, "positive": positive, "tol": self.TOL, "max_iter": 100_000}
                ours, theirs = fit_both(X, y, weights, **params)
                self.assert_same_optimum(ours, theirs, y, weights)

    def test_targets_and_warm_start(self):
        X, y = self.data(2)
        pair = [est(tol=self.TOL, max_iter=100_000, warm_start=True) for est in (Lasso, THEIRS[Lasso])]
        for alpha in (0.5, 0.2, 0.2, 2.0):
            ours, theirs = (est.set_params(alpha=alpha).fit(X, y) for est in pair)
            self.assert_same_optimum(ours, theirs, y)
        assert pair[0].fit(X, y).n_iter_ == [0, 0]

    @pytest.mark.parametrize("alphas", [[2.0, 0.5, 0.1], 12])
    def test_paths(self, alphas):
        """Three penalties go by working sets, twelve by the products of all features."""
        X, y = self.data()
        params = {"alphas": alphas, "eps": 0.05, "tol": self.TOL, "max_iter": 100_000}
        ours, theirs = (path(X, y, **params) for path in (lasso_path, sklearn.linear_model.lasso_path))
        np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-12)
        np.testing.assert_allclose(ours[1], theirs[1], rtol=0, atol=1e-4 * np.abs(theirs[1]).max())

    def test_default_tolerance(self):
        """The objective is not above scikit-learn's by more than the gap that both may leave."""
        X, y = self.data()
        ours, theirs = fit_both(X, y, make=Lasso, alpha=0.05)
        objectives = [
            0.5 * np.mean((y - est.predict(X)) ** 2) + est.alpha * np.abs(est.coef_).sum() for est in (ours, theirs)
        ]
        assert objectives[0] <= objectives[1] + ours.tol * np.var(y)
        assert ours.dual_gap_ <= ours.tol * np.var(y)

    @pytest.mark.parametrize("max_iter", [1, 3])
    def test_few_passes(self, max_iter):
        X, y = self.data()
        with pytest.warns(ConvergenceWarning, match="Duality gap"):
            est = Lasso(alpha=0.01, max_iter=max_iter).fit(X, y)
        assert est.n_iter_ == max_iter
        assert est.dual_gap_ > est.tol * np.var(y)

    @pytest.mark.parametrize("kind", ["dense", "csr"])
    def test_threads_change_no_bit(self, kind, threads):
        X, y = self.data()
        X = KINDS[kind](np.vstack([with_zeros(X, seed) for seed in range(10)]))
        y = np.tile(y, 10)
        found = []
        for count in (1, 2, 3):
            threads(count)
            found.append(Lasso(alpha=0.1).fit(X, y).coef_)
        np.testing.assert_array_equal(found[0], found[1])
        np.testing.assert_array_equal(found[0], found[2])

    def test_no_penalty_on_the_size_needs_all_products(self):
        """Passes are those of scikit-learn again."""
        X, y = self.data()
        assert_same(*fit_both(X, y, l1_ratio=0.0, alpha=1.0, max_iter=5), rtol=1e-7)
