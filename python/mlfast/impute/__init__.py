"""Imputation of missing values: `KNNImputer`."""

from mlfast.impute._knn import KNNImputer

__all__ = ["KNNImputer"]
