"""Linear models."""

import mlfast._compat  # first: it refuses a scikit-learn that is not supported  # noqa: F401
__all__ = [
    "ElasticNet",
    "GammaRegressor",
    "GradientDescentClassifier",
    "GradientDescentRegressor",
    "Lasso",
    "LinearRegression",
    "LogisticRegression",
    "LogisticRegressionCV",
    "PoissonRegressor",
    "Ridge",
    "RidgeCV",
    "RidgeClassifier",
    "RidgeClassifierCV",
    "TweedieRegressor",
    "enet_path",
    "lasso_path",
]
