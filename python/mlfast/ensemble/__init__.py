"""Ensembles of trees."""

import mlfast._compat  # first: it refuses a scikit-learn that is not supported  # noqa: F401
from mlfast._hints import explain_unknown_names
from mlfast.ensemble._adaboost import AdaBoostClassifier, AdaBoostRegressor
from mlfast.ensemble._bagging import BaggingClassifier, BaggingRegressor
from mlfast.ensemble._boosting import GradientBoostingClassifier, GradientBoostingRegressor
from mlfast.ensemble._embedding import RandomTreesEmbedding
from mlfast.ensemble._forest import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from mlfast.ensemble._hist import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from mlfast.ensemble._isolation import IsolationForest

__all__ = [
    "AdaBoostClassifier",
    "AdaBoostRegressor",
    "BaggingClassifier",
    "BaggingRegressor",
    "ExtraTreesClassifier",
    "ExtraTreesRegressor",
    "GradientBoostingClassifier",
    "GradientBoostingRegressor",
    "HistGradientBoostingClassifier",
    "HistGradientBoostingRegressor",
    "IsolationForest",
    "RandomForestClassifier",
    "RandomForestRegressor",
    "RandomTreesEmbedding",
]

explain_unknown_names(__name__)
