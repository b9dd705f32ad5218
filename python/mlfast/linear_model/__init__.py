"""Linear models."""

import mlfast._compat  # first: it refuses a scikit-learn that is not supported  # noqa: F401
from mlfast.linear_model._ordinary import LinearRegression
from mlfast.linear_model._passive_aggressive import PassiveAggressiveClassifier, PassiveAggressiveRegressor
from mlfast.linear_model._perceptron import Perceptron
from mlfast.linear_model._stochastic import SGDClassifier, SGDOneClassSVM, SGDRegressor

__all__ = [
    "LinearRegression",
    "PassiveAggressiveClassifier",
    "PassiveAggressiveRegressor",
    "Perceptron",
    "SGDClassifier",
    "SGDOneClassSVM",
    "SGDRegressor",
]
