"""Neighbours as sparse graphs."""

from typing import TYPE_CHECKING, Any, Self

import sklearn.neighbors
from sklearn.neighbors import _graph as parent
from sklearn.neighbors._base import KNeighborsMixin, RadiusNeighborsMixin
from sklearn.utils._param_validation import validate_params

from mlfast.neighbors._base import KNeighborsDropIn, RadiusNeighborsDropIn
from mlfast.neighbors._unsupervised import NearestNeighbors


class KNeighborsTransformer(KNeighborsDropIn, sklearn.neighbors.KNeighborsTransformer):
    __doc__ = sklearn.neighbors.KNeighborsTransformer.__doc__

    if TYPE_CHECKING:  # scikit-learn's own, which says nothing about types

        def fit(self, X: Any, y: Any = None) -> Self: ...


class RadiusNeighborsTransformer(RadiusNeighborsDropIn, sklearn.neighbors.RadiusNeighborsTransformer):
    __doc__ = sklearn.neighbors.RadiusNeighborsTransformer.__doc__

    if TYPE_CHECKING:  # scikit-learn's own, which says nothing about types

        def fit(self, X: Any, y: Any = None) -> Self: ...


@validate_params(parent.kneighbors_graph._skl_parameter_constraints, prefer_skip_nested_validation=False)
def kneighbors_graph(
    X: Any,
    n_neighbors: int,
    *,
    mode: str = "connectivity",
    metric: Any = "minkowski",
    p: float | None = 2,
    metric_params: dict[str, Any] | None = None,
    include_self: Any = False,
    n_jobs: int | None = None,
) -> Any:
    """Link each row to its nearest neighbours.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features), or estimator
        The rows, or an estimator that was fitted on them.
    n_neighbors : int
        How many neighbours each row is linked to.
    mode : {'connectivity', 'distance'}, default='connectivity'
        What an entry of the graph holds: 1, or the distance.
    metric : str or callable, default='minkowski'
        How distance is measured; see `NearestNeighbors`.
    p : float, default=2
        Exponent of the Minkowski metric.
    metric_params : dict, default=None
        Further settings of the metric.
    include_self : bool or 'auto', default=False
        Whether a row counts as its own neighbour; 'auto': in the mode 'connectivity' only.
    n_jobs : int, default=None
        Number of threads; None: all.

    Returns
    -------
    A : CSR matrix of shape (n_samples, n_samples)
        ``A[i, j]`` is the link from row i to row j.
    """
    if not isinstance(X, KNeighborsMixin):
        rows = NearestNeighbors(n_neighbors=n_neighbors, metric=metric, p=p, metric_params=metric_params, n_jobs=n_jobs)
        X = rows.fit(X)
    return parent.kneighbors_graph(
        X, n_neighbors, mode=mode, metric=metric, p=p, metric_params=metric_params, include_self=include_self
    )


@validate_params(parent.radius_neighbors_graph._skl_parameter_constraints, prefer_skip_nested_validation=False)
def radius_neighbors_graph(
    X: Any,
    radius: float,
    *,
    mode: str = "connectivity",
    metric: Any = "minkowski",
    p: float | None = 2,
    metric_params: dict[str, Any] | None = None,
    include_self: Any = False,
    n_jobs: int | None = None,
) -> Any:
    """Link each row to all others within a radius.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features), or estimator
        The rows, or an estimator that was fitted on them.
    radius : float
        The largest distance of a neighbour.
    mode : {'connectivity', 'distance'}, default='connectivity'
        What an entry of the graph holds: 1, or the distance.
    metric : str or callable, default='minkowski'
        How distance is measured; see `NearestNeighbors`.
    p : float, default=2
        Exponent of the Minkowski metric.
    metric_params : dict, default=None
        Further settings of the metric.
    include_self : bool or 'auto', default=False
        Whether a row counts as its own neighbour; 'auto': in the mode 'connectivity' only.
    n_jobs : int, default=None
        Number of threads; None: all.

    Returns
    -------
    A : CSR matrix of shape (n_samples, n_samples)
        ``A[i, j]`` is the link from row i to row j.
    """
    if not isinstance(X, RadiusNeighborsMixin):
        X = NearestNeighbors(radius=radius, metric=metric, p=p, metric_params=metric_params, n_jobs=n_jobs).fit(X)
    return parent.radius_neighbors_graph(
        X, radius, mode=mode, metric=metric, p=p, metric_params=metric_params, include_self=include_self
    )
