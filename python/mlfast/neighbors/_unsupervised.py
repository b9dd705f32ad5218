"""Searches without a target."""

from typing import TYPE_CHECKING, Any, Self

import sklearn.neighbors

from mlfast.neighbors._base import KNeighborsDropIn, RadiusNeighborsDropIn


class NearestNeighbors(KNeighborsDropIn, RadiusNeighborsDropIn, sklearn.neighbors.NearestNeighbors):
    __doc__ = sklearn.neighbors.NearestNeighbors.__doc__

    if TYPE_CHECKING:  # scikit-learn's own, which says nothing about types

        def fit(self, X: Any, y: Any = None) -> Self: ...
