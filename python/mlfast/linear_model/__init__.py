"""Linear models."""

import mlfast._compat  # first: it refuses a scikit-learn that is not supported  # noqa: F401
from mlfast.linear_model._descent import GradientDescentClassifier, GradientDescentRegressor
from mlfast.linear_model._glm import GammaRegressor, PoissonRegressor, TweedieRegressor
from mlfast.linear_model._logistic import LogisticRegression
from mlfast.linear_model._logistic_cv import LogisticRegressionCV
from mlfast.linear_model._ordinary import LinearRegression
from mlfast.linear_model._ridge import Ridge, RidgeClassifier
from mlfast.linear_model._ridge_cv import RidgeClassifierCV, RidgeCV

__all__ = [
    "GradientDescentClassifier",
    "GradientDescentRegressor",
    "LinearRegression",
    "Ridge",
    "RidgeCV",
    "RidgeClassifier",
    "RidgeClassifierCV",
    "GammaRegressor",
    "LogisticRegression",
    "LogisticRegressionCV",
    "PoissonRegressor",
    "TweedieRegressor",
]
