"""LogisticRegression: parity with scikit-learn, solver by solver."""

import functools
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn.linear_model
from sklearn._loss.loss import HalfBinomialLoss, HalfMultinomialLoss
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.linear_model._linear_loss import LinearModelLoss

import mlfast
from mlfast.linear_model import LogisticRegression

from ..compare import fitted
from ..spread import assert_within
from .data import with_zeros

PARENT = sklearn.linear_model.LogisticRegression
SOLVERS = ["lbfgs", "newton-cg", "newton-cholesky"]
LOADERS = {"cancer": load_breast_cancer, "digits": load_digits, "iris": load_iris}


def real(name):
    """Real data of unit variance; two classes of cancer, five of digits, three of iris."""
    X, y = LOADERS[name](return_X_y=True)
    if name == "digits":
        X, y = X[y < 5][:400, 16:36], y[y < 5][:400]
    return (X - X.mean(axis=0)) / np.maximum(X.std(axis=0), 1e-9), y


def fit_both(X, y, weights=None, **params):
    """Ours, the parent's, and what both warned of, which must be the same."""
    models, seen = [], []
    for make in (LogisticRegression, PARENT):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            models.append(make(**params).fit(X, y, weights))
        # Losses differ in their last digits, and so do matrices that are singular, or nearly so.
        texts = [str(w.message).split("at loss")[0].split("The original Linear Algebra message")[0] for w in caught]
        seen.append(list(zip(texts, [w.category for w in caught], strict=True)))
    assert seen[0] == seen[1]
    return models


def objective(model, X, y, weights=None, C=1.0):
    """What a model minimises, and the smallest curvature there that is not zero, in float64."""
    count = len(model.classes_)
    base = HalfBinomialLoss() if count == 2 else HalfMultinomialLoss(n_classes=count)
    loss = LinearModelLoss(base, fit_intercept=True)
    coef = np.c_[model.coef_, model.intercept_].astype(float)
    coef = coef[0] if count == 2 else np.asfortranarray(coef)
    X = np.asarray(X.toarray() if sp.issparse(X) else X, dtype=float)
    weights = np.ones(len(y)) if weights is None else weights
    args = (X, np.searchsorted(model.classes_, y).astype(float), weights, 1 / (C * weights.sum()))
    gradient, hessian, _ = loss.gradient_hessian(coef, *args)
    curvatures = np.linalg.eigvalsh(hessian)
    return loss.loss(coef, *args), np.linalg.norm(gradient), curvatures[curvatures > 1e-10].min()


def assert_same_model(ours, theirs, rtol):
    """Attributes are of the same type and shape, and within `rtol` of the largest coefficient."""
    assert vars(ours).keys() == vars(theirs).keys()
    np.testing.assert_array_equal(ours.classes_, theirs.classes_)
    np.testing.assert_array_equal(ours.n_iter_, theirs.n_iter_)
    assert ours.n_iter_.dtype == theirs.n_iter_.dtype
    atol = rtol * max(np.abs(theirs.coef_).max(), np.abs(theirs.intercept_).max())
    for name in ("coef_", "intercept_"):
        found, expected = getattr(ours, name), getattr(theirs, name)
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        np.testing.assert_allclose(found, expected, rtol=0, atol=atol)


def parents_answer(X, y, params):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fitted(PARENT(**params).fit(X, y))


def compare_answers(atol, ours, theirs):
    """Attributes by name: floats within `atol`, all else equal."""
    assert ours.keys() == theirs.keys()
    for name, expected in theirs.items():
        found, expected = np.asarray(ours[name]), np.asarray(expected)
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        np.testing.assert_allclose(found, expected, rtol=0, atol=atol if found.dtype.kind == "f" else 0, err_msg=name)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.parametrize("fit_intercept", [False, True])
def test_real_data(solver, name, fit_intercept):
    """Both take the same steps, so what differs is rounding; conjugate gradients that stop late amplify it."""
    X, y = real(name)
    weights = np.random.RandomState(0).uniform(0, 2, size=len(y))
    for given, class_weight in ((None, None), (weights, None), (None, "balanced"), (weights, {0: 2.0, 1: 0.5})):
        ours, theirs = fit_both(
            X, y, given, solver=solver, class_weight=class_weight, fit_intercept=fit_intercept, max_iter=300
        )
        assert_same_model(ours, theirs, 1e-5 if solver == "newton-cg" else 1e-9)
        if fit_intercept and given is None and class_weight is None:
            assert objective(ours, X, y)[0] <= objective(theirs, X, y)[0] + 1e-12
        if (given is None) == (class_weight is None):
            sparse = fit_both(
                sp.csr_array(X), y, given, solver=solver, class_weight=class_weight, fit_intercept=fit_intercept
            )
            assert_same_model(*sparse, 1e-5 if solver == "newton-cg" else 1e-9)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", LOADERS)
def test_single_precision(solver, name):
    """
    Coefficients differ by at most the gradients that are left, over the smallest curvature; none has a worse objective.

    The parent's losses are sums in single precision, so its own objective is only known to about 1e-6.
    """
    X, y = real(name)
    X = X.astype(np.float32)
    for kind in (np.asarray, sp.csr_array):
        ours, theirs = fit_both(kind(X), y, solver=solver, max_iter=300)
        assert ours.coef_.dtype == ours.intercept_.dtype == theirs.coef_.dtype == np.float32
        value, gradient, curvature = objective(ours, X, y)
        expected, other, _ = objective(theirs, X, y)
        assert value <= expected + 1e-6
        apart = np.linalg.norm(np.c_[ours.coef_ - theirs.coef_, ours.intercept_ - theirs.intercept_])
        assert apart <= 2 * (gradient + other) / curvature + 1e-5 * np.linalg.norm(theirs.coef_)


@pytest.mark.per_change(count=[4], shape=[(30, 90), (5_000, 17)])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("shape", [(60, 1), (30, 90), (5_000, 17)], ids=str)
@pytest.mark.parametrize("count", [2, 4])
def test_shapes(solver, shape, count):
    rng = np.random.RandomState(1)
    X = with_zeros(rng.standard_normal(shape), 2)
    y = rng.randint(0, count, size=shape[0])
    y[:count] = range(count)
    for given in (X, np.asfortranarray(X), sp.csr_array(X), X[:, ::-1]):
        ours, theirs = fit_both(given, y, solver=solver)
        assert_same_model(ours, theirs, 1e-5 if solver == "newton-cg" else 1e-9)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("C", [1e-12, 1e-3, 1e3, 1e12, np.inf])
@pytest.mark.parametrize("name", ["cancer", "iris"])
def test_penalties_at_the_ends_of_their_range(solver, C, name):
    """
    The classes of cancer are separable: with little or no penalty there is no minimum, but an end.

    The condition is 1e9 with the strongest penalty and 1e12 with the weakest, so that rounding shows in the fourth
    digit of small coefficients, and may decide whether one more step is taken.
    """
    X, y = real(name)
    params = {"solver": solver, "C": C, "max_iter": 15}
    if C == 1e-12:
        ours, theirs = fit_both(X, y, **params)
        assert abs(ours.n_iter_[0] - theirs.n_iter_[0]) <= 1
        np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=0, atol=1e-3 * np.abs(theirs.coef_).max())
        np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=0, atol=1e-3)
    elif name == "iris" or C <= 1e3:
        ours, theirs = fit_both(X, y, **params)
        rtol = 1e-6 if C <= 1e-3 or solver == "lbfgs" else 1e-3
        atol = rtol * max(abs(theirs.coef_).max(), abs(theirs.intercept_).max())
        compare = functools.partial(compare_answers, atol)
        assert_within(compare, fitted(ours), fitted(theirs), parents_answer, X, y, params)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ours = LogisticRegression(**params).fit(X, y)
        assert np.isfinite(ours.coef_).all() and ours.score(X, y) > 0.98


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("max_iter", [0, 1, 3])
def test_few_steps(solver, max_iter):
    for name in ("cancer", "iris"):
        assert_same_model(*fit_both(*real(name), solver=solver, max_iter=max_iter), 1e-9)


@pytest.mark.parametrize("seed", [None, 1, 2, 3])
def test_lbfgs_stops_where_the_gradient_is_small_and_no_earlier(seed):
    """As the parent does. A hundred steps carry rounding: the number of both depends on the order of the rows."""
    X, y = load_iris(return_X_y=True)
    order = np.arange(len(y)) if seed is None else np.random.RandomState(seed).permutation(len(y))
    X, y = X[order], y[order]

    def largest(max_iter):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = LogisticRegression(max_iter=max_iter).fit(X, y)
        loss = LinearModelLoss(HalfMultinomialLoss(n_classes=3), fit_intercept=True)
        coef = np.asfortranarray(np.c_[model.coef_, model.intercept_])
        return model.n_iter_[0], np.abs(loss.gradient(coef, X, y.astype(float), l2_reg_strength=1 / len(y))).max()

    steps, gradient = largest(1000)
    assert 90 < steps < 130
    assert gradient <= 1e-4 < largest(steps - 1)[1]


@pytest.mark.parametrize("solver", SOLVERS)
def test_dependent_and_empty_columns(solver):
    X, y = real("iris")
    X = np.c_[X, X[:, 0] + X[:, 1], np.zeros(len(X)), np.full(len(X), 3.0)]
    for C in (1.0, np.inf):
        ours, theirs = fit_both(X, y, solver=solver, C=C, max_iter=200)
        np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=0, atol=1e-6)


@pytest.mark.parametrize("case", ["8", "155", "200", "300", "a cell of 20", "a cell of 300"])
@pytest.mark.fallback
def test_newton_cg_at_the_ends_of_the_range(case):
    """Where the line search fails the parent tries another one; it may go on with a loss that is no number."""
    X, y = real("iris")
    power = int(case.split()[-1])
    if case.startswith("a cell"):
        X = X.copy()
        X[3, 1] = 10.0**power
    else:
        X = X * 10.0**power / 10
    with np.errstate(all="ignore"):
        ours, theirs = fit_both(X, y, solver="newton-cg")
        np.testing.assert_array_equal(ours.n_iter_, theirs.n_iter_)
        np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-6)


@pytest.mark.parametrize("solver", SOLVERS)
def test_warm_start(solver):
    X, y = real("digits")
    both = [make(solver=solver, warm_start=True) for make in (LogisticRegression, PARENT)]
    for C in (1e-3, 1.0):
        ours, theirs = (est.set_params(C=C).fit(X, y) for est in both)
        assert_same_model(ours, theirs, 1e-5)
    steps = ours.n_iter_[0]
    assert ours.fit(X, y).n_iter_[0] <= 1 < steps


def test_names_of_classes_and_penalties_of_old():
    X, y = real("iris")
    names = np.array(["ash", "birch", "cedar"])[y]
    assert_same_model(*fit_both(X, names), 1e-9)
    for params in (
        {"penalty": "l2"},
        {"penalty": None},
        {"penalty": None, "C": 2.0},
        {"l1_ratio": None},
        {"n_jobs": 2},
    ):
        assert_same_model(*fit_both(X, y, **params), 1e-9)


@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_answers(name, dtype):
    """Given the same coefficients, the answers are the parent's."""
    X, y = real(name)
    X = X.astype(dtype)
    ours = LogisticRegression().fit(X, y)
    theirs = PARENT()
    vars(theirs).update(vars(ours))
    atol = 1e-12 if dtype == np.float64 else 1e-4
    for rows in (X, X[:1], sp.csr_array(X), X.tolist()):
        np.testing.assert_array_equal(ours.predict(rows), theirs.predict(rows))
        for method in ("decision_function", "predict_proba", "predict_log_proba"):
            with np.errstate(divide="ignore"):  # probabilities may vanish in single precision
                found, expected = getattr(ours, method)(rows), getattr(theirs, method)(rows)
            assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
            np.testing.assert_allclose(found, expected, rtol=atol, atol=atol)


def test_refusals():
    X, y = real("iris")
    for weights in (np.zeros(len(y)), np.ones(3)):
        for make in (LogisticRegression, PARENT):
            with pytest.raises(ValueError, match=r"[Ss]ample.weight"):
                make().fit(X, y, weights)
    with pytest.raises(ValueError, match="at least 2 classes"):
        LogisticRegression().fit(X, np.zeros(len(y)))
    with pytest.raises(ValueError, match="supports only 'l2'"):
        LogisticRegression(l1_ratio=1.0).fit(X, y)


@pytest.mark.fallback
@pytest.mark.parametrize("params", [{"solver": "saga", "verbose": 1}, {"solver": "newton-cg", "verbose": 1}])
def test_what_the_parent_fits(params, capfd):
    X, y = real("iris")
    with mlfast.profile() as seen:
        ours = LogisticRegression(random_state=0, **params).fit(X, y)
    assert [(record.engine, record.method) for record in seen.records] == [("sklearn", "fit")]
    theirs = PARENT(random_state=0, **params).fit(X, y)
    assert_same_model(ours, theirs, 1e-12)
