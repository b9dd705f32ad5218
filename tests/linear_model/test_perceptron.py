"""The perceptron and the passive-aggressive models go scikit-learn's way."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn.linear_model

import mlfast.linear_model

from .data import with_zeros
from .descents import assert_same_descent, both


def pair(name):
    return getattr(mlfast.linear_model, name), getattr(sklearn.linear_model, name)


@pytest.fixture(params=["dense", "float32", "csr"])
def data(request):
    """Features, classes and numbers."""
    rng = np.random.RandomState(0)
    X = rng.standard_normal((150, 7))
    numbers = X @ rng.standard_normal(7) + 0.2 * rng.standard_normal(150)
    if request.param == "float32":
        X = X.astype(np.float32)
    return sp.csr_array(with_zeros(X, 1)) if request.param == "csr" else X, np.digitize(numbers, [-1, 1]), numbers


@pytest.mark.parametrize("penalty", [None, "l1", "l2", "elasticnet"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_perceptron(data, penalty, early_stopping):
    X, classes, _ = data
    params = {"penalty": penalty, "early_stopping": early_stopping, "max_iter": 20}
    for y in (classes, classes > 0):
        ours, theirs = both(lambda make, y=y: make(**params).fit(X, y), *pair("Perceptron"))
        assert_same_descent(ours, theirs)
        np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
        again = lambda make, y=y: make(**params, warm_start=True).fit(X, y).fit(X, y)  # noqa: E731
        assert_same_descent(*both(again, *pair("Perceptron")))


def test_perceptron_of_whole_numbers(digits):
    """Samples on the border itself count as errors."""
    y = np.arange(len(digits)) % 3
    assert_same_descent(*both(lambda make: make(max_iter=5, tol=None).fit(digits, y), *pair("Perceptron")), rtol=0)


@pytest.mark.parametrize("loss", ["hinge", "squared_hinge"])
@pytest.mark.parametrize("average", [False, True])
def test_passive_aggressive_classes(data, loss, average):
    X, classes, _ = data
    params = {"loss": loss, "average": average, "C": 0.3, "random_state": 0, "max_iter": 20}
    for y in (classes, classes > 0):
        names = pair("PassiveAggressiveClassifier")
        assert_same_descent(*both(lambda make, y=y: make(**params).fit(X, y), *names))
        parts = lambda make, y=y: make(**params).partial_fit(X, y, classes=np.unique(y)).partial_fit(X, y)  # noqa: E731
        assert_same_descent(*both(parts, *names))


@pytest.mark.parametrize("loss", ["epsilon_insensitive", "squared_epsilon_insensitive"])
@pytest.mark.parametrize("average", [False, True])
def test_passive_aggressive_numbers(data, loss, average):
    X, _, y = data
    params = {"loss": loss, "average": average, "C": 0.3, "random_state": 0, "max_iter": 20}
    ours, theirs = both(lambda make: make(**params).fit(X, y), *pair("PassiveAggressiveRegressor"))
    assert_same_descent(ours, theirs)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=0, atol=1e-5)
    parts = lambda make: make(**params).partial_fit(X[:50], y[:50]).partial_fit(X, y)  # noqa: E731
    assert_same_descent(*both(parts, *pair("PassiveAggressiveRegressor")))


def test_deprecation_is_scikit_learns():
    for name in ("PassiveAggressiveClassifier", "PassiveAggressiveRegressor"):
        said = []
        for make in pair(name):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                make()
            said.append([(w.category, str(w.message)) for w in caught])
        assert said[0] == said[1]
        assert said[0]
