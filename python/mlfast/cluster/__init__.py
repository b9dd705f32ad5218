"""Clustering: `KMeans`, `MiniBatchKMeans`, `BisectingKMeans`, `k_means`, `kmeans_plusplus`."""

import mlfast._compat  # first: it refuses a scikit-learn that is not supported  # noqa: F401
from mlfast._hints import explain_unknown_names
from mlfast.cluster._bisecting_kmeans import BisectingKMeans
from mlfast.cluster._kmeans import KMeans, k_means, kmeans_plusplus
from mlfast.cluster._minibatch_kmeans import MiniBatchKMeans

__all__ = ["BisectingKMeans", "KMeans", "MiniBatchKMeans", "k_means", "kmeans_plusplus"]

explain_unknown_names(__name__)
