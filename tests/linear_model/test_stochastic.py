"""Stochastic gradient descent goes scikit-learn's way, parameter by parameter and on real data."""

import pickle
import re

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn.linear_model
from sklearn.datasets import load_breast_cancer, load_diabetes

import mlfast
import mlfast.linear_model
from mlfast.linear_model import SGDClassifier, SGDOneClassSVM, SGDRegressor

from .data import with_zeros
from .descents import assert_same_descent, both

CLASSIFIERS = (SGDClassifier, sklearn.linear_model.SGDClassifier)
REGRESSORS = (SGDRegressor, sklearn.linear_model.SGDRegressor)
ONE_CLASS = (SGDOneClassSVM, sklearn.linear_model.SGDOneClassSVM)
LOSSES = sorted(sklearn.linear_model.SGDClassifier.loss_functions)
NUMBER_LOSSES = sorted(sklearn.linear_model.SGDRegressor.loss_functions)
PENALTIES = [None, "l1", "l2", "elasticnet"]
SCHEDULES = ["optimal", "constant", "invscaling", "adaptive"]
EXTRAS = [
    {},
    {"average": True},
    {"average": 300, "early_stopping": True},
    {"early_stopping": True, "tol": 1e-2, "n_iter_no_change": 2},
    {"fit_intercept": False, "class_weight": "balanced"},
    {"tol": None, "shuffle": False, "max_iter": 3},
]


def table(seed, n=120, d=6, dtype=np.float64, sparse=False):
    """Features, sides, classes, numbers and weights of n samples."""
    rng = np.random.RandomState(seed)
    X = rng.standard_normal((n, d))
    numbers = X @ rng.standard_normal(d) + 0.3 * rng.standard_normal(n)
    classes = np.array(["ash", "birch", "cedar"])[np.digitize(numbers, [-1, 1])]
    X = with_zeros(X, seed + 1).astype(dtype) if sparse else X.astype(dtype)
    return sp.csr_array(X) if sparse else X, numbers > 0, classes, numbers, rng.uniform(0, 2, size=n)


@pytest.mark.per_change(dtype=[np.float64])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_losses_of_classes(loss, penalty, dtype):
    for number, extra in enumerate(EXTRAS):
        schedule = SCHEDULES[(number + PENALTIES.index(penalty)) % 4]
        params = {"loss": loss, "penalty": penalty, "learning_rate": schedule, "eta0": 0.01, "alpha": 0.01}
        params |= {"max_iter": 12, "random_state": number, **extra}
        X, sides, classes, _, weights = table(number, dtype=dtype, sparse=number % 2 == 1)
        for y in (sides, classes):
            assert_same_descent(
                *both(lambda make, X=X, y=y, p=params, w=weights: make(**p).fit(X, y, sample_weight=w), *CLASSIFIERS)
            )


@pytest.mark.parametrize("loss", NUMBER_LOSSES)
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_losses_of_numbers(loss, penalty, dtype):
    for number, extra in enumerate(EXTRAS):
        schedule = ["adaptive", "constant", "invscaling"][(number + PENALTIES.index(penalty)) % 3]
        params = {"loss": loss, "penalty": penalty, "learning_rate": schedule, "eta0": 0.005, "alpha": 0.01}
        params |= {"max_iter": 12, "random_state": number, **extra}
        params.pop("class_weight", None)
        X, _, _, y, weights = table(number, dtype=dtype, sparse=number % 2 == 1)
        assert_same_descent(
            *both(lambda make, X=X, y=y, p=params, w=weights: make(**p).fit(X, y, sample_weight=w), *REGRESSORS)
        )


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("average", [False, True, 200])
@pytest.mark.parametrize("sparse", [False, True])
def test_one_class(schedule, average, sparse):
    X, _, _, _, weights = table(1, sparse=sparse)
    params = {"nu": 0.3, "learning_rate": schedule, "eta0": 0.01, "average": average, "random_state": 2}
    ours, theirs = both(lambda make: make(**params).fit(X, sample_weight=weights), *ONE_CLASS)
    assert_same_descent(ours, theirs)
    for method in ("decision_function", "score_samples", "predict"):
        for rows in (X, X[:1]):
            np.testing.assert_allclose(getattr(ours, method)(rows), getattr(theirs, method)(rows), rtol=0, atol=1e-9)
    again = both(lambda make: make(**params).partial_fit(X[:40]).partial_fit(X[40:]), *ONE_CLASS)
    assert_same_descent(*again)


@pytest.mark.parametrize("rate", ["pa1", "pa2"])
def test_passive_aggressive_schedules(rate):
    X, sides, classes, numbers, weights = table(3)
    X[5] = 0
    params = {"learning_rate": rate, "eta0": 0.3, "random_state": 1}
    for y in (sides, classes):
        fit = lambda make, y=y: make(loss="hinge", penalty="l2", **params).fit(X, y, sample_weight=weights)  # noqa: E731
        assert_same_descent(*both(fit, *CLASSIFIERS))
    fit = lambda make: make(loss="epsilon_insensitive", penalty="elasticnet", **params).fit(X, numbers)  # noqa: E731
    assert_same_descent(*both(fit, *REGRESSORS))


def test_steps_too_long_for_the_data():
    """Features as they come make every rounding error count, and scikit-learn's are met all the same."""
    X, y = load_breast_cancer(return_X_y=True)
    for params in ({"loss": "log_loss"}, {"loss": "hinge"}, {"loss": "modified_huber", "penalty": "l1"}):
        ours, theirs = both(lambda make, p=params: make(random_state=0, **p).fit(X, y), *CLASSIFIERS)
        assert_same_descent(ours, theirs)
        np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))


@pytest.mark.parametrize("name", ["iris", "digits"])
def test_real_classes(name, real):
    X = real(name)
    rng = np.random.RandomState(0)
    y = (X @ rng.standard_normal((X.shape[1], 4))).argmax(axis=1)
    ours, theirs = both(lambda make: make(random_state=0, max_iter=20).fit(X, y), *CLASSIFIERS)
    assert_same_descent(ours, theirs)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))


def test_real_numbers():
    X, y = load_diabetes(return_X_y=True)
    assert_same_descent(*both(lambda make: make(random_state=0).fit(X, y), *REGRESSORS))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_large(dtype):
    """
    Past a million values sums are taken in lanes as soon as steps are short enough not to make errors larger.

    In single precision the prediction is rounded, and at times the other way: a last bit of a coefficient.
    """
    rng = np.random.RandomState(0)
    X = rng.standard_normal((24_000, 50)).astype(dtype)
    y = X @ rng.standard_normal(50) + rng.standard_normal(len(X))
    for params in ({"loss": "log_loss"}, {"loss": "squared_hinge"}, {"loss": "hinge", "penalty": "elasticnet"}):
        fit = lambda make, p=params: make(random_state=0, alpha=1e-3, max_iter=3, tol=None, **p).fit(X, y > 0)  # noqa: E731
        assert_same_descent(*both(fit, *CLASSIFIERS), rtol=1e-10 if dtype is np.float64 else 1e-5)
    fit = lambda make: make(random_state=0, max_iter=3, tol=None).fit(sp.csr_array(with_zeros(X, 1)), y)  # noqa: E731
    assert_same_descent(*both(fit, *REGRESSORS), rtol=1e-10 if dtype is np.float64 else 1e-5)


@pytest.mark.parametrize("average", [False, 50, True])
def test_in_parts(average):
    X, sides, classes, numbers, _ = table(4)
    for y, names in ((sides, [False, True]), (classes, ["ash", "birch", "cedar", "elm"])):

        def fit(make, y=y, names=names):
            model = make(average=average, random_state=0, loss="log_loss")
            return model.partial_fit(X[:30], y[:30], classes=names).partial_fit(X[30:], y[30:]).partial_fit(X, y)

        assert_same_descent(*both(fit, *CLASSIFIERS))
        again = lambda make, y=y: make(average=average, random_state=0, warm_start=True).fit(X, y).fit(X, y)  # noqa: E731
        assert_same_descent(*both(again, *CLASSIFIERS))
    fit = lambda make: make(average=average, random_state=0).partial_fit(X[:30], numbers[:30]).partial_fit(X, numbers)  # noqa: E731
    assert_same_descent(*both(fit, *REGRESSORS))
    again = lambda make: make(average=average, random_state=0, warm_start=True).fit(X, numbers).fit(X, numbers)  # noqa: E731
    assert_same_descent(*both(again, *REGRESSORS))


def test_first_coefficients():
    X, sides, _, _, _ = table(5)
    coef, intercept = np.ones((1, 6)), np.array([2.0])

    def fit(make):
        given = {"coef_init": coef, "intercept_init": intercept}
        if make is not SGDClassifier:
            given = {name: value.copy() for name, value in given.items()}  # scikit-learn writes there
        return make(random_state=0, tol=None, max_iter=2).fit(X, sides, **given)

    assert_same_descent(*both(fit, *CLASSIFIERS))
    assert (coef == 1).all()
    assert (intercept == 2).all()


def test_a_generator_gives_the_same_draws():
    X, _, classes, numbers, _ = table(6)
    for fit, pair in (
        (lambda make, random: make(random_state=random, early_stopping=True).fit(X, classes), CLASSIFIERS),
        (lambda make, random: make(random_state=random, early_stopping=True).fit(X, numbers), REGRESSORS),
        (lambda make, random: make(random_state=random).fit(X), ONE_CLASS),
    ):
        generators = []

        def drawn(make, fit=fit, generators=generators):
            generators.append(np.random.RandomState(3))
            return fit(make, generators[-1])

        assert_same_descent(*both(drawn, *pair))
        ours, theirs = (generator.randint(1 << 30) for generator in generators)
        assert ours == theirs
    both(lambda make: make().fit(X), *ONE_CLASS)
    left = [np.random.RandomState(0), np.random.RandomState(0)]
    for make in ONE_CLASS:
        np.random.seed(0)
        make(random_state=1).fit(X)
        left.append(np.random.randint(1 << 30))
    assert left[-1] == left[-2], "scikit-learn draws a number from the generator of all"


@pytest.mark.parametrize("shared", [False, True])
def test_numbers_out_of_bounds(shared):
    """scikit-learn says it, after the same draws."""
    X, _, _, y, _ = table(7)
    said, left = [], []
    for make in REGRESSORS:
        random = np.random.RandomState(0)
        model = make(learning_rate="constant", eta0=1e3, random_state=random if shared else 0)
        with pytest.raises(ValueError, match="under-/overflow") as caught:
            model.fit(X * 1e150, y)
        said.append(str(caught.value))
        left.append(random.randint(1 << 30))
        assert make is not SGDRegressor or not hasattr(model, "coef_")
    assert said[0] == said[1]
    assert left[0] == left[1]


@pytest.mark.parametrize("early_stopping", [False, True])
def test_what_is_printed(early_stopping, capsys):
    X, sides, classes, numbers, _ = table(8)
    for pair, y in ((CLASSIFIERS, sides), (REGRESSORS, numbers)):
        printed = []
        for make in pair:
            make(verbose=1, random_state=0, early_stopping=early_stopping, max_iter=40).fit(X, y)
            printed.append(re.sub(r"[\d.]+ seconds", "seconds", capsys.readouterr().out))
        assert printed[0] == printed[1]
        assert "-- Epoch 2\n" in printed[0]
    SGDClassifier(verbose=1, random_state=0, max_iter=2, tol=None).fit(X, classes)
    assert capsys.readouterr().out.count("-- Epoch 1\n") == 3


@pytest.mark.parametrize(("n", "d"), [(3000, 20), (24_000, 50)])
def test_threads_change_nothing(threads, n, d):
    """Shuffled rows of the larger table are brought by other threads."""
    X, _, classes, _, _ = table(9, n=n, d=d)
    found = []
    for count in (1, 2, 7):
        threads(count)
        found.append(
            SGDClassifier(random_state=0, tol=None, max_iter=5, loss="log_loss").fit(X, classes).coef_.tobytes()
        )
    assert len(set(found)) == 1


@pytest.mark.parametrize("loss", ["log_loss", "modified_huber"])
def test_probabilities(loss):
    X, sides, classes, _, _ = table(10)
    for y in (sides, classes):
        ours, theirs = both(lambda make, y=y: make(loss=loss, random_state=0).fit(X, y), *CLASSIFIERS)
        for rows in (X, X[:1]):
            np.testing.assert_allclose(ours.predict_proba(rows), theirs.predict_proba(rows), rtol=1e-9, atol=1e-12)


CASES = {
    "constant": lambda X: np.ones_like(X),
    "zero": lambda X: np.zeros_like(X),
    "collinear": lambda X: np.c_[X, X],
    "tiny": lambda X: X * 1e-200,
    "one row of each": lambda X: X[:2],
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("alpha", [1e-300, 1e-4, 1e6])
def test_degenerate(case, alpha):
    X = CASES[case](table(11)[0])
    y = np.arange(len(X)) % 2
    for penalty in ("l2", "l1"):
        params = {"alpha": alpha, "penalty": penalty, "random_state": 0, "max_iter": 6}
        fit = lambda make, p=params: make(learning_rate="invscaling", **p).fit(X, y)  # noqa: E731
        assert_same_descent(*both(fit, *CLASSIFIERS))
        assert_same_descent(*both(fit, *REGRESSORS))


def test_zero_weights_are_refused():
    X, sides, _, numbers, _ = table(12)
    for (ours, theirs), y in ((CLASSIFIERS, sides), (REGRESSORS, numbers)):
        said = []
        for make in (ours, theirs):
            with pytest.raises(ValueError, match="zero") as caught:
                make().fit(X, y, sample_weight=np.zeros(len(X)))
            said.append(str(caught.value))
        assert said[0] == said[1]


class Doubtful(SGDClassifier):
    def score(self, X, y, sample_weight=None):
        return 0.5


def test_a_score_of_ones_own_is_scikit_learns_to_ask():
    X, sides, _, _, _ = table(13)
    with pytest.raises(mlfast.FallbackError, match="a score of one's own"):
        Doubtful(early_stopping=True).fit(X, sides)
    Doubtful().fit(X, sides)


def test_sparse_coefficients():
    """scikit-learn answers with them, and they can be saved."""
    X, sides, classes, _, _ = table(14)
    for y in (sides, classes):
        model = SGDClassifier(penalty="l1", random_state=0).fit(X, y)
        before = model.predict(X)
        back = pickle.loads(pickle.dumps(model.sparsify()))
        with mlfast.config_context(fallback="sklearn"):
            np.testing.assert_array_equal(back.predict(X), before)
        with pytest.raises(mlfast.FallbackError, match="coef_ is not an array"):
            back.predict(X)


def test_coefficients_are_kept_where_they_are():
    X, _, _, numbers, _ = table(15)
    model, given = SGDRegressor(random_state=0), np.ones(6)
    coef = model.fit(X, numbers, coef_init=given).coef_
    assert (given == 1).all()
    before = coef.copy()
    assert model.partial_fit(X, numbers).coef_ is coef
    assert (coef != before).any()
    coef = SGDOneClassSVM(random_state=0).fit(X, coef_init=given).coef_
    assert (given == 1).all()
