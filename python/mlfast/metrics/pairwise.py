"""Distances between all pairs of rows, under the names of `sklearn.metrics.pairwise`."""

from mlfast._hints import explain_unknown_names
from mlfast.metrics._distances import (
    cosine_distances,
    euclidean_distances,
    manhattan_distances,
    nan_euclidean_distances,
    pairwise_distances,
)
from mlfast.metrics._reductions import (
    pairwise_distances_argmin,
    pairwise_distances_argmin_min,
    pairwise_distances_chunked,
)

__all__ = [
    "cosine_distances",
    "euclidean_distances",
    "manhattan_distances",
    "nan_euclidean_distances",
    "pairwise_distances",
    "pairwise_distances_argmin",
    "pairwise_distances_argmin_min",
    "pairwise_distances_chunked",
]

explain_unknown_names(__name__)
