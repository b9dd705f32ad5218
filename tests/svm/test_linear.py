"""LinearSVC and LinearSVR: parity with scikit-learn, solver by solver."""

import pickle
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn.svm
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler

import mlfast
from mlfast.svm import LinearSVC, LinearSVR

#: Settings of the solvers that draw the order of their steps, and so take the same ones as scikit-learn.
DRAWN = {
    "hinge": {"loss": "hinge"},
    "hinge through the origin": {"loss": "hinge", "fit_intercept": False, "C": 0.1},
    "squared hinge": {"dual": True},
    "squared hinge, far constant": {"dual": True, "intercept_scaling": 10.0, "C": 0.01},
    "L1": {"penalty": "l1"},
    "L1 through the origin": {"penalty": "l1", "fit_intercept": False, "C": 0.05},
    "Crammer-Singer": {"multi_class": "crammer_singer"},
    "Crammer-Singer through the origin": {"multi_class": "crammer_singer", "fit_intercept": False, "C": 0.1},
}


def scaled(load, classes=None):
    X, y = load(return_X_y=True)
    if classes is not None:
        X, y = X[y < classes], y[y < classes]
    return StandardScaler().fit_transform(X), y


DATA = {
    "iris": lambda: load_iris(return_X_y=True),
    "breast cancer": lambda: scaled(load_breast_cancer),
    "digits": lambda: scaled(load_digits, classes=4),
}


def some_weights(y):
    """Weights of shape (n,), one in seven zero."""
    weights = np.random.RandomState(len(y)).uniform(0.2, 2, size=len(y))
    weights[::7] = 0
    return weights


def fit_both(ours, X, y, weights=None, **params):
    """Both models, and whether each warned that it did not converge."""
    theirs = getattr(sklearn.svm, ours.__name__)
    models, warned = [], []
    for make in (ours, theirs):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            models.append(make(**{"random_state": 3, **params}).fit(X, y, weights))
        warned.append([(w.category, str(w.message)) for w in caught])
    assert warned[0] == warned[1]
    return models


def assert_same_model(ours, theirs, rtol=1e-6):
    assert vars(ours).keys() == vars(theirs).keys()
    assert ours.n_iter_ == theirs.n_iter_
    assert type(ours.n_iter_) is type(theirs.n_iter_)
    assert type(ours.intercept_) is type(theirs.intercept_)
    assert (ours.coef_.dtype, ours.coef_.shape) == (theirs.coef_.dtype, theirs.coef_.shape)
    assert np.shape(ours.intercept_) == np.shape(theirs.intercept_)
    scale = max(np.abs(theirs.coef_).max(), np.abs(theirs.intercept_).max())
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=0, atol=rtol * scale)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=0, atol=rtol * scale)


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array], ids=["dense", "CSR"])
@pytest.mark.parametrize("settings", DRAWN)
@pytest.mark.parametrize("data", DATA)
def test_same_steps(data, settings, kind):
    """The order of steps is drawn as scikit-learn draws it, so that even unfinished descents agree."""
    X, y = DATA[data]()
    for weights, class_weight in ((None, None), (some_weights(y), "balanced")):
        params = {**DRAWN[settings], "class_weight": class_weight, "max_iter": 60}
        if params.get("multi_class"):
            params["tol"] = 0.1  # it goes on to the end, whatever max_iter says
        assert_same_model(*fit_both(LinearSVC, kind(X), y, weights, **params))


@pytest.mark.parametrize("settings", [{}, {"fit_intercept": False}, {"C": 20.0, "intercept_scaling": 4}, {"C": 1e-3}])
@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array], ids=["dense", "CSR"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_newton_steps(n_classes, kind, settings):
    """Where features do not depend on each other, rounding does not change the way to the optimum."""
    rng = np.random.RandomState(4)
    X = rng.standard_normal((700, 12)) + 0.3
    X[rng.uniform(size=X.shape) < 0.2] = 0
    y = (X @ rng.standard_normal((12, n_classes)) + rng.standard_normal((700, n_classes))).argmax(axis=1)
    for weights, class_weight in ((None, None), (some_weights(y), "balanced")):
        ours, theirs = fit_both(LinearSVC, kind(X), y, weights, class_weight=class_weight, **settings)
        assert_same_model(ours, theirs, rtol=1e-9)
        np.testing.assert_array_equal(ours.predict(kind(X)), theirs.predict(kind(X)))
        decided, expected = ours.decision_function(kind(X)), theirs.decision_function(kind(X))
        np.testing.assert_allclose(decided, expected, rtol=0, atol=1e-8 * np.abs(expected).max())


def squared_hinge(table, y, C, point):
    """The function that LinearSVC minimises, and its gradient, for classes of -1 and 1."""
    miss = np.maximum(0, 1 - y * (table @ point))
    return 0.5 * point @ point + C * miss @ miss, point - 2 * C * (y * miss) @ table


@pytest.mark.parametrize("C", [0.01, 1.0])
@pytest.mark.parametrize("data", ["digits", "raw breast cancer"])
def test_objective_where_rounding_decides_the_way(data, C):
    """
    Both stop where the gradient is at most the tolerance times that at zero, wherever rounding has led them.

    The penalty makes the function strongly convex with modulus 1. So the value is within half the square of that length
    of the minimum, and so of scikit-learn's; and the coefficients of both are within twice that length.
    """
    X, y = load_breast_cancer(return_X_y=True) if data == "raw breast cancer" else DATA[data]()
    table = np.c_[X, np.ones(len(X))]
    for tol in (1e-4, 1e-6):
        ours, theirs = fit_both(LinearSVC, X, y, C=C, tol=tol, max_iter=100_000)
        for k in range(len(ours.coef_)):
            signs = np.where(y == ours.classes_[k if len(ours.classes_) > 2 else 1], 1.0, -1.0)
            value_at_zero, gradient_at_zero = squared_hinge(table, signs, C, np.zeros(table.shape[1]))
            share = min((signs > 0).sum(), (signs < 0).sum()) / len(signs)
            bound = tol * share * np.linalg.norm(gradient_at_zero)
            lost = 1e-12 * np.linalg.norm(gradient_at_zero)  # what rounding leaves of sums of this size
            points = [np.r_[model.coef_[k], model.intercept_[k]] for model in (ours, theirs)]
            (value, gradient), (expected, _) = (squared_hinge(table, signs, C, point) for point in points)
            assert np.linalg.norm(gradient) <= bound + lost
            assert value <= expected + 0.5 * bound**2 + 1e-12 * value_at_zero
            assert np.linalg.norm(points[0] - points[1]) <= 2 * bound + lost


TUBES = {
    "error": {},
    "error outside": {"epsilon": 5.0, "C": 100.0},
    "squared, dual": {"loss": "squared_epsilon_insensitive", "dual": True, "C": 0.5},
    "squared": {"loss": "squared_epsilon_insensitive", "dual": False, "epsilon": 2.0},
    "squared through the origin": {"loss": "squared_epsilon_insensitive", "dual": "auto", "fit_intercept": False},
}


@pytest.mark.parametrize("settings", TUBES)
@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array], ids=["dense", "CSR"])
def test_regression(settings, kind):
    X, y = load_diabetes(return_X_y=True)
    for table, weights in ((X, None), (30 * X, some_weights(y))):
        ours, theirs = fit_both(LinearSVR, kind(table), y, weights, max_iter=200, **TUBES[settings])
        assert_same_model(ours, theirs)
        np.testing.assert_allclose(ours.predict(kind(table)), theirs.predict(kind(table)), rtol=1e-6)


@pytest.mark.parametrize("n_features", [7, 8, 9, 16, 31])
def test_widths(n_features):
    """Sums of eight and more are cut in parts; they must hold all values."""
    rng = np.random.RandomState(n_features)
    X = rng.standard_normal((150, n_features)) + 0.5
    y = X @ rng.standard_normal(n_features) + rng.standard_normal(150) > 0
    for params in ({"loss": "hinge"}, {}, {"penalty": "l1"}):
        assert_same_model(*fit_both(LinearSVC, X, y, max_iter=50, tol=1e-3, **params))


def test_wide_data_are_solved_for_in_the_dual():
    rng = np.random.RandomState(0)
    X, y = rng.standard_normal((30, 100)), np.arange(30) % 3
    assert_same_model(*fit_both(LinearSVC, X, y))
    assert_same_model(*fit_both(LinearSVR, X, y.astype(float)))


def test_newton_is_the_same_for_any_number_of_threads(threads):
    """Two classes are shared out by rows, many by class."""
    rng = np.random.RandomState(1)
    X = rng.standard_normal((60_000, 12))
    for y in (X[:, 0] + rng.standard_normal(60_000) > 0, np.digitize(X[:, 0], [-1, 0, 1])):
        found = []
        for count in (1, 2, 3):
            threads(count)
            model = LinearSVC().fit(X, y)
            found.append((model.coef_.tobytes(), model.intercept_.tobytes(), model.n_iter_))
        assert len(set(found)) == 1


def test_random_state_moves_on_as_it_does_for_scikit_learn():
    X, y = load_iris(return_X_y=True)
    ours, theirs = np.random.RandomState(5), np.random.RandomState(5)
    for _ in range(2):
        a = LinearSVC(dual=True, random_state=ours, max_iter=5_000, C=0.01).fit(X, y)
        b = sklearn.svm.LinearSVC(dual=True, random_state=theirs, max_iter=5_000, C=0.01).fit(X, y)
        np.testing.assert_allclose(a.coef_, b.coef_, rtol=1e-12)
    assert ours.randint(1_000_000) == theirs.randint(1_000_000)


COLUMNS = {
    "constant": lambda X: np.c_[X, np.full(len(X), 3.0)],
    "empty": lambda X: np.c_[X, np.zeros(len(X))],
    "twice": lambda X: np.c_[X, X],
    "huge": lambda X: np.c_[X, 1e150 * X[:, 0]],
    "tiny": lambda X: np.c_[X, 1e-150 * X[:, 0]],
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("columns", COLUMNS)
@pytest.mark.parametrize("settings", [{}, {"fit_intercept": False}, *DRAWN.values()], ids=str)
def test_odd_columns(columns, settings):
    rng = np.random.RandomState(2)
    X = COLUMNS[columns](rng.standard_normal((60, 3)))
    y = np.arange(60) % 3
    X[y == 1, 1] += 20  # one class lies apart
    model = LinearSVC(max_iter=100, **settings).fit(X, y)
    assert np.isfinite(model.coef_).all()
    assert np.isfinite(model.predict(X)).all()


@pytest.mark.parametrize("C", [5e-324, 1e-300, 1e-12, 1e12, 1e300, 1.7e308])
@pytest.mark.parametrize("settings", [{}, *DRAWN.values()], ids=str)
def test_ends_of_the_range_of_C(C, settings):
    """scikit-learn hangs on some of them. No answer may be silent where numbers run out."""
    rng = np.random.RandomState(3)
    X, y = rng.standard_normal((40, 3)), np.arange(40) % 2
    params = {**settings, "C": C, "max_iter": 50, "tol": 0.1}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = LinearSVC(random_state=0, **params).fit(X, y)
    assert np.isfinite(model.coef_).all() or any(w.category is ConvergenceWarning for w in caught)


@pytest.mark.parametrize("max_iter", [0, 1])
@pytest.mark.parametrize("settings", [{}, *DRAWN.values()], ids=str)
def test_few_steps(max_iter, settings):
    X, y = load_iris(return_X_y=True)
    if settings.get("multi_class"):
        settings = {**settings, "tol": 1.0}
    ours, theirs = fit_both(LinearSVC, X, y, max_iter=max_iter, **settings)
    assert_same_model(ours, theirs)


def test_separable_classes():
    X = np.r_[np.zeros((5, 2)) - 3, np.zeros((5, 2)) + 3]
    y = np.repeat(["left", "right"], 5)
    for params in ({}, {"dual": True}, {"loss": "hinge"}, {"penalty": "l1"}):
        ours, theirs = fit_both(LinearSVC, X, y, **params)
        assert_same_model(ours, theirs)
        assert (ours.predict(X) == y).all()


def test_refusals_are_scikit_learns():
    X, y = load_iris(return_X_y=True)
    bad = [
        ({"penalty": "l1", "loss": "hinge"}, y, None),
        ({"loss": "hinge", "dual": False}, y, None),
        ({"class_weight": {7: 1.0}}, y, None),
        ({}, np.ones(150), None),
        ({}, y, np.zeros(150)),
        ({}, y, -np.ones(150)),
        ({"C": 0.0}, y, None),
    ]
    for params, targets, weights in bad:
        with pytest.raises(ValueError) as theirs:
            sklearn.svm.LinearSVC(**params).fit(X, targets, weights)
        with mlfast.config_context(fallback="sklearn"), pytest.raises(ValueError) as ours:
            LinearSVC(**params).fit(X, targets, weights)
        assert str(ours.value) == str(theirs.value)
    for params in ({"epsilon": -1.0}, {"dual": False}):
        with pytest.raises(ValueError) as theirs:
            sklearn.svm.LinearSVR(**params).fit(X, y)
        with mlfast.config_context(fallback="sklearn"), pytest.raises(ValueError) as ours:
            LinearSVR(**params).fit(X, y)
        assert str(ours.value) == str(theirs.value)


@pytest.mark.fallback
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_calls_of_scikit_learn():
    X, y = load_iris(return_X_y=True)
    for params, weights in (({"verbose": 1}, None), ({"multi_class": "crammer_singer"}, (y != 1).astype(float))):
        with mlfast.config_context(fallback="raise"), pytest.raises(mlfast.FallbackError):
            LinearSVC(**params).fit(X, y, weights)
        ours, theirs = fit_both(LinearSVC, X, y, weights, **params)
        np.testing.assert_array_equal(ours.coef_, theirs.coef_)


def test_classes_that_weigh_nothing():
    """scikit-learn leaves them out, and so has fewer rows of coefficients than classes."""
    X, y = load_iris(return_X_y=True)
    for classes in (y, y % 2, np.arange(150) % 4):
        weights = (classes != 1).astype(float)
        for params in ({}, {"dual": True, "C": 1e-3}, {"penalty": "l1"}):
            ours, theirs = fit_both(LinearSVC, X, classes, weights, tol=0.1, **params)
            assert_same_model(ours, theirs)
            np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
            np.testing.assert_array_equal(pickle.loads(pickle.dumps(ours)).predict(X), theirs.predict(X))


def test_indices_of_64_bits_are_refused():
    X, y = load_iris(return_X_y=True)
    wide = sp.csr_array(X)
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    with pytest.raises(ValueError, match="32-bit integer indices"), mlfast.config_context(fallback="sklearn"):
        LinearSVC().fit(wide, y)


def test_sparse_coefficients():
    X, y = scaled(load_breast_cancer)
    model = LinearSVC(penalty="l1", C=0.01).fit(X, y)
    expected = model.decision_function(X)
    with mlfast.config_context(fallback="sklearn"):
        for held in (model.sparsify(), pickle.loads(pickle.dumps(model))):
            np.testing.assert_allclose(held.decision_function(X), expected, rtol=1e-12)
    np.testing.assert_allclose(model.densify().decision_function(X), expected, rtol=1e-12)
