"""Imputation by nearest neighbours."""

from numbers import Real
from typing import Any, Self

import numpy as np
import sklearn.impute
from sklearn.metrics.pairwise import nan_euclidean_distances
from sklearn.utils import gen_batches
from sklearn.utils._chunking import get_chunk_n_rows
from sklearn.utils._mask import _get_mask
from sklearn.utils._missing import is_scalar_nan
from sklearn.utils.validation import FLOAT_DTYPES, validate_data

from mlfast import _threads
from mlfast._core import impute as core
from mlfast._declared import in_rust
from mlfast._dispatch import Condition, named
from mlfast._state import DropIn, keeps_state

#: Rows of the register tiles of common BLAS libraries divide it.
TILE = 48

TRANSFORM_CONDITIONS = (
    Condition(
        lambda call: f"metric is the function {named(call.estimator.metric)}",
        lambda call: callable(call.estimator.metric),
    ),
    Condition(
        lambda call: f"missing_values={named(call.estimator.missing_values)} is not a number",
        lambda call: not isinstance(call.estimator.missing_values, Real),
    ),
)


class KNNImputer(DropIn, sklearn.impute.KNNImputer):
    __doc__ = sklearn.impute.KNNImputer.__doc__

    @keeps_state
    def fit(self, X: Any, y: Any = None) -> Self:
        """Keep the rows that later serve as donors.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data, with missing values or without.
        y : Ignored
            Present by convention.

        Returns
        -------
        self : KNNImputer
            The fitted estimator.
        """
        super().fit(X, y)
        return self

    @in_rust(when=TRANSFORM_CONDITIONS)
    def transform(self, X: Any) -> Any:
        """Fill the missing values in: each with the average of the nearest donors that have it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data to complete.

        Returns
        -------
        X_new : ndarray of shape (n_samples, n_features_out)
            The completed data, without the columns that had no value in the training data (unless
            ``keep_empty_features``), followed by the indicator's columns if ``add_indicator``.
        """
        X = validate_data(
            self,
            X,
            accept_sparse=False,
            dtype=FLOAT_DTYPES,
            force_writeable=True,
            ensure_all_finite="allow-nan" if is_scalar_nan(self.missing_values) else True,
            copy=self.copy,
            reset=False,
        )
        missing = _get_mask(X, self.missing_values)
        indicator = self._transform_indicator(missing)
        cells = missing & self._valid_mask
        if cells.any():
            X[cells] = self._imputed(X, missing, cells)
        if self.keep_empty_features:
            X[:, ~self._valid_mask] = 0
        else:
            X = X[:, self._valid_mask]
        return self._concatenate_indicator(X, indicator)

    def _imputed(self, X: np.ndarray, missing: np.ndarray, cells: np.ndarray) -> np.ndarray:
        """Return the values for ``cells``, a mask of shape ``X.shape``, in row order."""
        training = self._fit_X
        if X.dtype != training.dtype or X.dtype == np.float16:
            X, training = X.astype(np.float64), training.astype(np.float64)
        values, unsettled = core.knn_impute(
            x=X,
            missing=missing.view(np.uint8),
            training=training,
            training_missing=self._mask_fit_X.view(np.uint8),
            n_neighbors=min(self.n_neighbors, len(training)),
            by_distance=self.weights == "distance",
            n_threads=_threads.resolve(),
        )
        columns = np.nonzero(cells)[1]
        without = np.flatnonzero(np.isnan(values))
        for column in np.unique(columns[without]):
            mean = np.ma.array(self._fit_X[:, column], mask=self._mask_fit_X[:, column]).mean()
            values[without[columns[without] == column]] = mean
        if callable(self.weights):
            unsettled = np.delete(np.arange(len(values)), without)
        if unsettled.size:
            self._settle(values, unsettled, X, training, missing, cells)
        return values

    def _settle(
        self,
        values: np.ndarray,
        unsettled: np.ndarray,
        X: np.ndarray,
        training: np.ndarray,
        missing: np.ndarray,
        cells: np.ndarray,
    ) -> None:
        """Overwrite the ``unsettled`` ones of ``values`` with what the parent computes.

        NumPy's argpartition chooses among donors at equal distances, and a weight may hang on a distance being 0 or
        nearly so: there the distances must be the parent's to the bit. On whole numbers ours are.
        """
        rows, columns = np.nonzero(cells)
        n_receivers = int(cells.any(axis=1).sum())
        in_rust = _squares_are_exact(X, missing) and _squares_are_exact(training, self._mask_fit_X)
        size = get_chunk_n_rows(row_bytes=8 * len(training), max_n_rows=len(unsettled))
        for batch in gen_batches(len(unsettled), size):
            own = unsettled[batch]
            receivers, place = np.unique(rows[own], return_inverse=True)
            if in_rust:
                distances = core.nan_euclidean(
                    x=X[receivers],
                    x_missing=missing[receivers].view(np.uint8),
                    y=training,
                    y_missing=self._mask_fit_X.view(np.uint8),
                    n_threads=_threads.resolve(),
                )
            else:
                distances = self._parents_distances(X, receivers, training, n_receivers)
            for column in np.unique(columns[own]):
                here = columns[own] == column
                values[own[here]] = self._by_argpartition(distances[place[here]], column)

    def _parents_distances(self, X: np.ndarray, rows: np.ndarray, training: np.ndarray, n_receivers: int) -> np.ndarray:
        """Return distances of some ``rows`` to all of ``training`` with the bits they have when the parent takes
        ``n_receivers`` rows at once.

        The last bit of a matrix product depends on whether a row is met in a full register tile or in a remainder, so
        rows are repeated to whole tiles, as far as the parent itself has that many.
        """
        n_rows = min(-(-len(rows) // TILE) * TILE, max(n_receivers, len(rows)))
        distances = nan_euclidean_distances(X[np.resize(rows, n_rows)], training, missing_values=self.missing_values)
        return distances[: len(rows)]

    def _by_argpartition(self, distances: np.ndarray, column: int) -> np.ndarray:
        """Return the values of ``column`` for rows at these distances, shape (n_rows, n_fit), by the parent."""
        donors = np.flatnonzero(~self._mask_fit_X[:, column])
        return self._calc_impute(
            distances[:, donors],
            min(self.n_neighbors, len(donors)),
            self._fit_X[donors, column],
            self._mask_fit_X[donors, column],
        )

    def _check_state(self, state: dict[str, Any]) -> None:
        if "_fit_X" not in state:
            return
        X, missing, valid = (state.get(name) for name in ("_fit_X", "_mask_fit_X", "_valid_mask"))
        if not (isinstance(X, np.ndarray) and X.ndim == 2 and X.dtype.kind == "f"):
            raise ValueError("corrupt state: _fit_X must be a matrix of floats")
        if not (isinstance(missing, np.ndarray) and missing.shape == X.shape and missing.dtype == np.bool_):
            raise ValueError("corrupt state: _mask_fit_X and _fit_X disagree")
        if not (isinstance(valid, np.ndarray) and np.array_equal(valid, ~missing.all(axis=0))):
            raise ValueError("corrupt state: _valid_mask and _mask_fit_X disagree")
        if X.shape[1] != state.get("n_features_in_", X.shape[1]):
            raise ValueError("corrupt state: _fit_X and n_features_in_ disagree")


def _squares_are_exact(X: np.ndarray, missing: np.ndarray) -> bool:
    """Return whether squared distances between such rows are free of rounding: whole numbers that are not too large."""
    present = X[~missing]
    largest = float(np.max(np.abs(present), initial=0.0))
    is_small = 4 * X.shape[1] * largest**2 < 1 / np.finfo(X.dtype).eps
    return bool(is_small and np.array_equal(present, np.rint(present)))
