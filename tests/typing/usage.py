"""How mlfast is used, for type checkers: `make lint` has mypy read it, and an ignored error that is none is one.

What a fit returns is of the estimator's own class, also of a user's subclass; an unknown name is an error.
"""

# mypy: warn-unused-ignores
# ruff: noqa: B018, E402, F401

from typing import assert_type

import mlfast
from mlfast.cluster import KMeans
from mlfast.ensemble import AdaBoostClassifier, RandomForestClassifier
from mlfast.linear_model import GradientDescentRegressor, Lasso, MultiTaskLasso, PoissonRegressor, SGDClassifier
from mlfast.neighbors import KNeighborsClassifier, NearestNeighbors
from mlfast.neural_network import MLPRegressor
from mlfast.tree import ExtraTreeClassifier

X, y = [[0.0], [1.0]], [0, 1]


class Mine(KMeans):
    """A user's subclass: a fit returns the subclass."""


assert_type(Mine().fit(X), Mine)
assert_type(KMeans().fit(X), KMeans)
assert_type(mlfast.cluster.MiniBatchKMeans().partial_fit(X), mlfast.cluster.MiniBatchKMeans)
assert_type(AdaBoostClassifier().fit(X, y), AdaBoostClassifier)
assert_type(RandomForestClassifier().fit(X, y), RandomForestClassifier)
assert_type(ExtraTreeClassifier().fit(X, y), ExtraTreeClassifier)
assert_type(Lasso().fit(X, y), Lasso)
assert_type(MultiTaskLasso().fit(X, X), MultiTaskLasso)
assert_type(PoissonRegressor().fit(X, y), PoissonRegressor)
assert_type(SGDClassifier().partial_fit(X, y, classes=y), SGDClassifier)
assert_type(GradientDescentRegressor().fit(X, y), GradientDescentRegressor)
assert_type(KNeighborsClassifier().fit(X, y), KNeighborsClassifier)
assert_type(NearestNeighbors().fit(X), NearestNeighbors)
assert_type(MLPRegressor().fit(X, y), MLPRegressor)
assert_type(mlfast.get_num_threads(), int)
with mlfast.profile() as calls:
    assert_type(calls.total_seconds, float)
mlfast.accel.install("KMeans")
mlfast.doctor()["problems"]

mlfast.kmeans  # type: ignore[attr-defined]
mlfast.preprocessing  # type: ignore[attr-defined]
mlfast.cluster.DBSCAN  # type: ignore[attr-defined]
from mlfast.decomposition import PCA  # type: ignore[import-not-found]

from mlfast import KMeans as Elsewhere  # type: ignore[attr-defined]
