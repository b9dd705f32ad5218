"""Linear models."""

import mlfast._compat  # first: it refuses a scikit-learn that is not supported  # noqa: F401
from mlfast._hints import explain_unknown_names
from mlfast.linear_model._coordinate_descent import ElasticNet, Lasso
from mlfast.linear_model._coordinate_descent_cv import ElasticNetCV, LassoCV
from mlfast.linear_model._descent import GradientDescentClassifier, GradientDescentRegressor
from mlfast.linear_model._glm import GammaRegressor, PoissonRegressor, TweedieRegressor
from mlfast.linear_model._huber import HuberRegressor
from mlfast.linear_model._logistic import LogisticRegression
from mlfast.linear_model._logistic_cv import LogisticRegressionCV
from mlfast.linear_model._multi_task import (
    MultiTaskElasticNet,
    MultiTaskElasticNetCV,
    MultiTaskLasso,
    MultiTaskLassoCV,
)
from mlfast.linear_model._ordinary import LinearRegression
from mlfast.linear_model._passive_aggressive import PassiveAggressiveClassifier, PassiveAggressiveRegressor
from mlfast.linear_model._paths import enet_path, lasso_path
from mlfast.linear_model._perceptron import Perceptron
from mlfast.linear_model._ridge import Ridge, RidgeClassifier
from mlfast.linear_model._ridge_cv import RidgeClassifierCV, RidgeCV
from mlfast.linear_model._stochastic import SGDClassifier, SGDOneClassSVM, SGDRegressor

__all__ = [
    "ElasticNet",
    "ElasticNetCV",
    "GammaRegressor",
    "GradientDescentClassifier",
    "GradientDescentRegressor",
    "HuberRegressor",
    "Lasso",
    "LassoCV",
    "LinearRegression",
    "LogisticRegression",
    "LogisticRegressionCV",
    "MultiTaskElasticNet",
    "MultiTaskElasticNetCV",
    "MultiTaskLasso",
    "MultiTaskLassoCV",
    "PassiveAggressiveClassifier",
    "PassiveAggressiveRegressor",
    "Perceptron",
    "PoissonRegressor",
    "Ridge",
    "RidgeCV",
    "RidgeClassifier",
    "RidgeClassifierCV",
    "SGDClassifier",
    "SGDOneClassSVM",
    "SGDRegressor",
    "TweedieRegressor",
    "enet_path",
    "lasso_path",
]

explain_unknown_names(__name__)
