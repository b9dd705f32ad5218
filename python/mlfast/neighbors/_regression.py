"""Regression by the mean of the neighbours' targets."""

import warnings
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import sklearn.neighbors

from mlfast import _threads
from mlfast._dispatch import Condition, callers_level
from mlfast.neighbors._base import (
    KNeighborsDropIn,
    NeighborsDropIn,
    RadiusNeighborsDropIn,
    by_distance,
    is_numeric,
)


def _has_odd_targets(call: Any) -> bool:
    y = call.estimator._y
    return not (isinstance(y, np.ndarray) and is_numeric(y))


MEAN_CONDITIONS = (Condition("y is not an array of real numbers", _has_odd_targets),)


class RegressorDropIn(NeighborsDropIn):
    """Means as scikit-learn returns them."""

    if TYPE_CHECKING:  # scikit-learn's own, which says nothing about types

        def fit(self, X: Any, y: Any) -> Self: ...

    def _mean_dtype(self: Any, is_weighted: bool) -> np.dtype[Any]:
        """Return the type of a mean: weights are float64, and so is the mean of anything that is not floating."""
        is_narrow = self._y.dtype.kind == "f" and not is_weighted
        return self._y.dtype if is_narrow else np.dtype(np.float64)

    def _shaped(self: Any, means: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
        means = means.astype(dtype, copy=False)
        return means.ravel() if self._y.ndim == 1 else means


class KNeighborsRegressor(RegressorDropIn, KNeighborsDropIn, sklearn.neighbors.KNeighborsRegressor):
    __doc__ = sklearn.neighbors.KNeighborsRegressor.__doc__

    def predict(self, X: Any) -> np.ndarray:
        """Predict the target of each sample: the mean of its neighbours'.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_queries, n_features), or None
            New data; None: the fitted rows, none of which counts as its own neighbour. With precomputed distances their
            shape is ``(n_queries, n_samples_fit)``.

        Returns
        -------
        y : ndarray of shape (n_queries,) or (n_queries, n_outputs)
            The means, weighted if ``weights`` says so.
        """
        return self._dispatched(
            "predict", lambda: self._means(X), lambda: super(KNeighborsRegressor, self).predict(X), MEAN_CONDITIONS
        )

    def _means(self, X: Any) -> np.ndarray:
        is_weighted = by_distance(self.weights)
        if is_weighted is None:
            return super().predict(X)
        self._refuse_zeros(X)
        means = self._index().average(
            x=self._queries_for(X, self.n_neighbors),
            n_neighbors=self.n_neighbors,
            by_distance=is_weighted,
            y=self._y,
            n_threads=_threads.resolve(self.n_jobs),
        )
        return self._shaped(means, self._mean_dtype(is_weighted))


class RadiusNeighborsRegressor(RegressorDropIn, RadiusNeighborsDropIn, sklearn.neighbors.RadiusNeighborsRegressor):
    __doc__ = sklearn.neighbors.RadiusNeighborsRegressor.__doc__

    def predict(self, X: Any) -> np.ndarray:
        """Predict the target of each sample: the mean of its neighbours' within the radius.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_queries, n_features), or None
            New data; None: the fitted rows, none of which counts as its own neighbour. With precomputed distances their
            shape is ``(n_queries, n_samples_fit)``.

        Returns
        -------
        y : ndarray of shape (n_queries,) or (n_queries, n_outputs)
            The means, weighted if ``weights`` says so; NaN where there is no neighbour.
        """
        return self._dispatched(
            "predict", lambda: self._means(X), lambda: super(RadiusNeighborsRegressor, self).predict(X), MEAN_CONDITIONS
        )

    def _means(self, X: Any) -> np.ndarray:
        is_weighted = by_distance(self.weights)
        if is_weighted is None or X is None:
            return super().predict(X)
        self._refuse_zeros(X)
        means, counts = self._index().average_radius(
            x=self._queries(X),
            radius=self._checked_radius(),
            by_distance=is_weighted,
            y=self._y,
            n_threads=_threads.resolve(self.n_jobs),
        )
        # What stands for no mean is of the targets' type, in which NaN may be another number: NumPy warns then.
        nothing = np.full_like(self._y[:1], np.nan).ravel()
        dtype, alone = self._mean_dtype(is_weighted), counts == 0
        if alone.any():
            dtype = nothing.dtype if alone.all() else np.result_type(dtype, nothing.dtype)
            means[alone] = nothing
        if np.isnan(means).any():
            warnings.warn(
                "One or more samples have no neighbors within specified radius; predicting NaN.",
                stacklevel=callers_level(),
            )
        return self._shaped(means, dtype)
