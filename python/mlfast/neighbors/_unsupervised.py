"""Searches without a target."""

import sklearn.neighbors

from mlfast.neighbors._base import KNeighborsDropIn, RadiusNeighborsDropIn


class NearestNeighbors(KNeighborsDropIn, RadiusNeighborsDropIn, sklearn.neighbors.NearestNeighbors):
    __doc__ = sklearn.neighbors.NearestNeighbors.__doc__
