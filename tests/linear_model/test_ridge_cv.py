"""RidgeCV and RidgeClassifierCV: parity with scikit-learn, with and without rows left out one by one."""

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn
import sklearn.linear_model
from sklearn.datasets import load_diabetes, load_digits
from sklearn.model_selection import KFold

import mlfast
from mlfast.linear_model import RidgeClassifierCV, RidgeCV

from .data import assert_same_model, regression, with_zeros

PARENT = sklearn.linear_model.RidgeCV
PARENT_CLASSIFIER = sklearn.linear_model.RidgeClassifierCV
ALPHAS = (0.01, 1.0, 30.0, 1000.0)


def assert_same_choice(ours, theirs, rtol=1e-8):
    """The same penalty, score and results, and the same model."""
    assert_same_model(ours, theirs, rtol)
    assert type(ours.alpha_) is type(theirs.alpha_)
    np.testing.assert_array_equal(ours.alpha_, theirs.alpha_)
    assert np.shape(ours.best_score_) == np.shape(theirs.best_score_)
    np.testing.assert_allclose(ours.best_score_, theirs.best_score_, rtol=rtol)
    if hasattr(theirs, "cv_results_"):
        assert (ours.cv_results_.dtype, ours.cv_results_.shape) == (theirs.cv_results_.dtype, theirs.cv_results_.shape)
        atol = rtol * np.abs(theirs.cv_results_).max()
        np.testing.assert_allclose(ours.cv_results_, theirs.cv_results_, rtol=0, atol=atol)


def fit_both(X, y, weights=None, makers=(RidgeCV, PARENT), **params):
    return [make(**{"alphas": ALPHAS, **params}).fit(X, y, weights) for make in makers]


SHAPES = [(100, 6), (3_000, 6), (6, 6), (7, 6), (20, 50)]


@pytest.mark.parametrize("gcv_mode", [None, "svd", "eigen"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("n_targets", [None, 1, 3])
def test_leave_one_out(gcv_mode, shape, fit_intercept, n_targets):
    X, y = regression(0, *shape, n_targets)
    weights = np.random.RandomState(1).uniform(0.5, 2, size=len(X))
    params = {"gcv_mode": gcv_mode, "fit_intercept": fit_intercept}
    for given in (None, weights):
        assert_same_choice(*fit_both(X, y, given, store_cv_results=True, **params))
    ours, theirs = fit_both(X, y, **params)
    assert_same_choice(ours, theirs)


@pytest.mark.parametrize("kind", [sp.csr_array, sp.csc_array, sp.coo_array])
@pytest.mark.parametrize("shape", [(100, 6), (3_000, 6), (6, 6), (20, 50)], ids=str)
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("n_targets", [None, 3])
def test_sparse(kind, shape, fit_intercept, n_targets):
    X, y = regression(19, *shape, n_targets)
    X = kind(with_zeros(X, 20))
    weights = np.random.RandomState(21).uniform(0.5, 2, size=shape[0])
    for given in (None, weights):
        for alphas in (ALPHAS, 1.0):
            params = {"alphas": alphas, "fit_intercept": fit_intercept}
            assert_same_choice(*fit_both(X, y, given, store_cv_results=True, **params))


def test_singular_values_of_sparse_data():
    X, y = regression(22, 50, 3)
    X = sp.csr_array(with_zeros(X, 23))
    with pytest.warns(FutureWarning, match="not supported for sparse X"):
        ours = RidgeCV(gcv_mode="svd").fit(X, y)
    with pytest.warns(FutureWarning, match="not supported for sparse X"):
        theirs = PARENT(gcv_mode="svd").fit(X, y)
    assert_same_choice(ours, theirs)


@pytest.mark.parametrize("gcv_mode", ["svd", "eigen"])
def test_more_features_than_a_pack_holds(gcv_mode):
    X, y = regression(18, 600, 270)
    assert_same_choice(*fit_both(X, y, gcv_mode=gcv_mode, store_cv_results=True))


@pytest.mark.parametrize("scoring", ["r2", "neg_mean_absolute_error"])
@pytest.mark.parametrize("shape", [(100, 6), (20, 50)], ids=str)
@pytest.mark.parametrize("alpha_per_target", [False, True])
@pytest.mark.parametrize("n_targets", [None, 1, 3])
def test_scoring(scoring, shape, alpha_per_target, n_targets):
    X, y = regression(2, *shape, n_targets)
    weights = np.random.RandomState(3).uniform(0.5, 2, size=len(X))
    if n_targets is None and alpha_per_target:
        return  # scikit-learn asks for a second axis there
    params = {"scoring": scoring, "alpha_per_target": alpha_per_target, "store_cv_results": True}
    for given in (None, weights):
        assert_same_choice(*fit_both(X, y, given, **params))


@pytest.mark.parametrize("n_targets", [None, 1, 3])
@pytest.mark.parametrize("shape", [(100, 6), (20, 50)], ids=str)
def test_alpha_for_each_target(shape, n_targets):
    X, y = regression(4, *shape, n_targets)
    if n_targets == 3:
        y[:, 1] = np.random.RandomState(5).standard_normal(len(y))
        y[:, 2] /= 100
    ours, theirs = fit_both(X, y, alpha_per_target=True, store_cv_results=True)
    assert_same_choice(ours, theirs)
    if n_targets == 3:
        assert len(set(theirs.alpha_)) > 1, "the data must make a difference"


def test_single_precision():
    """Computed in double precision by both."""
    X, y = regression(6, 200, 5, None, np.float32)
    ours, theirs = fit_both(X, y, store_cv_results=True)
    assert ours.coef_.dtype == np.float32
    assert_same_choice(ours, theirs, rtol=1e-6)
    assert_same_choice(*fit_both((10 * X).astype(int), y))


@pytest.mark.parametrize("alphas", [0.5, [2.0], np.array([1, 10]), [1.0, 1.0, 10.0], np.logspace(-8, 8, 17)], ids=str)
def test_penalties(alphas):
    X, y = regression(7, 200, 5)
    assert_same_choice(*fit_both(X, y, alphas=alphas, store_cv_results=True))


def test_weights_of_zero():
    """A row that does not count adds nothing to the score; what a scorer sees of it is not a number."""
    X, y = regression(8, 60, 4)
    weights = (np.arange(60) % 3).astype(float)
    assert_same_choice(*fit_both(X, y, weights, store_cv_results=True))


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("weighted", [False, True])
def test_search(kind, weighted):
    X, y = regression(9, 300, 5)
    X = kind(with_zeros(X, 10))
    weights = np.random.RandomState(11).uniform(0.5, 2, size=300) if weighted else None
    params = {"alphas": (0.0, *ALPHAS)}  # a penalty of zero is allowed here
    with mlfast.profile() as seen:
        ours, theirs = fit_both(X, y, weights, cv=KFold(3), **params)
    assert {record.engine for record in seen.records} == {"rust"}
    # scikit-learn stops conjugate gradients at the tolerance of its default.
    assert_same_choice(ours, theirs, rtol=1e-9 if kind is np.asarray else 1e-3)


def test_real_data():
    X, y = load_diabetes(return_X_y=True)
    assert_same_choice(*fit_both(X, y, alphas=np.logspace(-4, 2, 20), store_cv_results=True))


@pytest.mark.fallback
def test_what_the_parent_fits():
    X, y = regression(12, 60, 3)
    with sklearn.config_context(enable_metadata_routing=True):
        assert_same_choice(*fit_both(X, y))


@pytest.mark.parametrize(
    "params",
    [
        {"alphas": (1.0,)},
        {"alphas": [0.0, 1.0]},
        {"alphas": [1.0, -1.0]},
        {"alphas": [1.0, "2"]},
        {"alphas": [-1.0, 1.0], "cv": 3},
        {"cv": 3, "store_cv_results": True},
        {"cv": 3, "alpha_per_target": True},
        {"scoring": "best"},
    ],
    ids=str,
)
def test_what_scikit_learn_refuses(params):
    X, y = regression(14, 30, 3)
    with pytest.raises((TypeError, ValueError)) as theirs:
        PARENT(**params).fit(X, y)
    with pytest.raises(theirs.type) as ours:
        RidgeCV(**params).fit(X, y)
    assert str(ours.value).replace("RidgeCV", "") == str(theirs.value).replace("RidgeCV", "")


class TestClassifier:
    MAKERS = (RidgeClassifierCV, PARENT_CLASSIFIER)

    @pytest.mark.parametrize("n_classes", [2, 5])
    @pytest.mark.parametrize("class_weight", [None, "balanced", {0: 2.0, 1: 0.5}])
    @pytest.mark.parametrize("params", [{}, {"scoring": "accuracy"}, {"cv": 3}], ids=str)
    def test_classes(self, n_classes, class_weight, params):
        X, y = load_digits(return_X_y=True)
        X, y = X[y < n_classes][:300], y[y < n_classes][:300]
        weights = np.random.RandomState(15).uniform(0.5, 2, size=len(y))
        if "scoring" in params and n_classes == 2:
            return  # scikit-learn takes the one column of two classes for the class itself
        for given in (None, weights):
            ours, theirs = fit_both(X, y, given, self.MAKERS, class_weight=class_weight, **params)
            assert_same_choice(ours, theirs)
            np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
            np.testing.assert_array_equal(ours.predict(X[:1]), theirs.predict(X[:1]))
            scores, expected = ours.decision_function(X), theirs.decision_function(X)
            np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-8)

    def test_labels(self):
        X, _ = regression(16, 200, 5)
        y = (X[:, :2] + np.random.RandomState(17).standard_normal((200, 2)) > 0).astype(int)
        ours, theirs = fit_both(X, y, None, self.MAKERS, store_cv_results=True)
        assert_same_choice(ours, theirs)
        np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
        np.testing.assert_array_equal(ours.predict(X[:1]), theirs.predict(X[:1]))
