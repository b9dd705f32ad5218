"""A user's module that takes scikit-learn's classes at once; the tests install mlfast afterwards."""

import sklearn.cluster as clusters
from sklearn.cluster import KMeans
from sklearn.cluster import MiniBatchKMeans as Small
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

MODELS = {"k-means": KMeans, "others": [KNeighborsClassifier]}
ESTIMATOR = KMeans(2)
PIPELINE = make_pipeline(StandardScaler(), KNeighborsClassifier())
NUMBERS = [1.0, 2.0]


class Derived(KMeans):
    """Made from scikit-learn's class."""


class Study:
    """Holds a class as an attribute."""

    model = Small


def distances(X, function=euclidean_distances):
    """Hold a function as a default."""
    return function(X)


def make():
    """Look a name up when called."""
    return KMeans(3), clusters.KMeans(3)
