"""Linear models."""

import mlfast._compat  # first: it refuses a scikit-learn that is not supported  # noqa: F401
from mlfast.linear_model._glm import GammaRegressor, PoissonRegressor, TweedieRegressor
from mlfast.linear_model._logistic import LogisticRegression
from mlfast.linear_model._logistic_cv import LogisticRegressionCV
from mlfast.linear_model._ordinary import LinearRegression

__all__ = [
    "GammaRegressor",
    "LinearRegression",
    "LogisticRegression",
    "LogisticRegressionCV",
    "PoissonRegressor",
    "TweedieRegressor",
]
