"""Imputation of missing values: `KNNImputer`."""

import mlfast._compat  # first: it refuses a scikit-learn that is not supported  # noqa: F401
from mlfast._hints import explain_unknown_names
from mlfast.impute._knn import KNNImputer

__all__ = ["KNNImputer"]

explain_unknown_names(__name__)
