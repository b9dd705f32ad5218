"""Nearest neighbours: searches, graphs, classification, regression, outliers."""

import mlfast._compat  # first: it refuses a scikit-learn that is not supported  # noqa: F401
from mlfast._hints import explain_unknown_names
from mlfast.neighbors._classification import KNeighborsClassifier, RadiusNeighborsClassifier
from mlfast.neighbors._graph import (
    KNeighborsTransformer,
    RadiusNeighborsTransformer,
    kneighbors_graph,
    radius_neighbors_graph,
)
from mlfast.neighbors._lof import LocalOutlierFactor
from mlfast.neighbors._nearest_centroid import NearestCentroid
from mlfast.neighbors._regression import KNeighborsRegressor, RadiusNeighborsRegressor
from mlfast.neighbors._unsupervised import NearestNeighbors

__all__ = [
    "KNeighborsClassifier",
    "KNeighborsRegressor",
    "KNeighborsTransformer",
    "LocalOutlierFactor",
    "NearestCentroid",
    "NearestNeighbors",
    "RadiusNeighborsClassifier",
    "RadiusNeighborsRegressor",
    "RadiusNeighborsTransformer",
    "kneighbors_graph",
    "radius_neighbors_graph",
]

explain_unknown_names(__name__)
