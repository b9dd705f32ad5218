"""Linear models."""

import mlfast._compat  # first: it refuses a scikit-learn that is not supported  # noqa: F401
from mlfast.linear_model._coordinate_descent import ElasticNet, Lasso
from mlfast.linear_model._coordinate_descent_cv import ElasticNetCV, LassoCV
from mlfast.linear_model._ordinary import LinearRegression
from mlfast.linear_model._paths import enet_path, lasso_path

__all__ = ["ElasticNet", "ElasticNetCV", "Lasso", "LassoCV", "LinearRegression", "enet_path", "lasso_path"]
