"""Outliers by local density."""

import warnings
from typing import Any, Self

import numpy as np
import sklearn.neighbors
from sklearn.utils import check_array
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from mlfast import _threads
from mlfast._core import neighbors as core
from mlfast._dispatch import callers_level
from mlfast._state import _fit_context, keeps_state
from mlfast.neighbors._base import KNeighborsDropIn, is_numeric, shape_of


class LocalOutlierFactor(KNeighborsDropIn, sklearn.neighbors.LocalOutlierFactor):
    __doc__ = sklearn.neighbors.LocalOutlierFactor.__doc__

    def _check_state(self, state: dict[str, Any]) -> None:
        super()._check_state(state)
        if "_lrd" not in state:
            return
        n_samples = state.get("n_samples_fit_")
        arrays = [state.get(name) for name in ("_lrd", "negative_outlier_factor_", "_distances_fit_X_")]
        shapes = [shape_of(array) for array in arrays if is_numeric(array)]
        if shapes != [(n_samples,), (n_samples,), (n_samples, state.get("n_neighbors_"))]:
            raise ValueError("corrupt state: densities, factors and distances must belong to the fitted rows")

    @keeps_state
    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Compute the local outlier factor of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows; with precomputed distances of shape ``(n_samples, n_samples)``.
        y : Ignored
            Present by convention.

        Returns
        -------
        self : LocalOutlierFactor
            The fitted estimator.
        """
        self._fit(X)
        n_samples = self.n_samples_fit_
        if self.n_neighbors > n_samples:
            warnings.warn(
                f"n_neighbors ({self.n_neighbors}) is greater than the total number of samples ({n_samples}). "
                "n_neighbors will be set to (n_samples - 1) for estimation.",
                stacklevel=callers_level(),
            )
        self.n_neighbors_ = max(1, min(self.n_neighbors, n_samples - 1))
        distances, indices = self.kneighbors(n_neighbors=self.n_neighbors_)
        dtype = np.float32 if self._fit_X.dtype == np.float32 else np.float64
        self._distances_fit_X_ = distances.astype(dtype, copy=False)
        if np.isinf(self._distances_fit_X_[:, 0]).all():
            sklearn.neighbors.LocalOutlierFactor(**self.get_params()).fit(X)  # in its own words, if it has any
            raise ValueError("the distances between all rows overflow, so they have no density")
        threads = _threads.resolve(self.n_jobs)
        distances, indices = _searched(self._distances_fit_X_, indices)
        density = core.reachability(distances=distances, indices=indices, n_threads=threads)
        self._lrd = density.astype(dtype, copy=False)
        self.negative_outlier_factor_ = -self._factors(indices, self._lrd)
        if self.contamination == "auto":
            self.offset_ = -1.5
        else:
            self.offset_ = np.percentile(self.negative_outlier_factor_, 100.0 * self.contamination)
        if not self.novelty and np.min(self.negative_outlier_factor_) < -1e7:
            warnings.warn(
                "Duplicate values are leading to incorrect results. Increase the number of neighbors for more accurate "
                "results.",
                stacklevel=callers_level(),
            )
        return self

    def _factors(self, indices: np.ndarray, own: np.ndarray) -> np.ndarray:
        """Return the mean density of the neighbours of shape (n, k), relative to densities ``own`` of shape (n,)."""
        return core.outlier_factor(
            indices=indices,
            density=self._lrd.astype(np.float64, copy=False),
            own_density=own.astype(np.float64, copy=False),
            n_threads=_threads.resolve(self.n_jobs),
        ).astype(np.result_type(self._lrd, own), copy=False)

    @available_if(lambda self: self._check_novelty_score_samples())
    def score_samples(self, X: Any) -> np.ndarray:
        """Return the opposite of the local outlier factor of new samples.

        Only if ``novelty``. A fitted row that is given again counts as its own neighbour.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            New data.

        Returns
        -------
        opposite_lof_scores : ndarray of shape (n_samples,)
            The lower, the less normal.
        """
        check_is_fitted(self)
        X = check_array(X, accept_sparse="csr")
        distances, indices = self.kneighbors(X, n_neighbors=self.n_neighbors_)
        if X.dtype == np.float32:
            distances = distances.astype(np.float32, copy=False)
        reach = np.result_type(distances, self._distances_fit_X_)
        distances, indices = _searched(distances, indices)
        density = core.reachability_of(
            distances=distances,
            indices=indices,
            k_distances=self._distances_fit_X_[:, self.n_neighbors_ - 1].astype(np.float64),
            n_threads=_threads.resolve(self.n_jobs),
        )
        return -self._factors(indices, density.astype(reach, copy=False))


def _searched(distances: np.ndarray, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the result of a search as Rust reads it."""
    return np.ascontiguousarray(distances, dtype=np.float64), np.ascontiguousarray(indices, dtype=np.int64)
