"""Ordinary least squares.

Rust turns all rows into a problem of as many rows as there are features, with the same singular values and the same
solutions; SciPy finds what is left to find in it: singular values, and, where they say that features depend on each
other, the shortest solution, or the solution without negative coefficients.
"""

from typing import Any, Self

import numpy as np
import scipy.linalg
import scipy.optimize
import scipy.sparse as sp
import sklearn.linear_model

from mlfast import _threads
from mlfast._beside import beside
from mlfast._core import linear_model as core
from mlfast._declared import in_rust
from mlfast.linear_model._base import SPARSE, LinearRegressorDropIn, checked_data, defer_finite_check


class LinearRegression(LinearRegressorDropIn, sklearn.linear_model.LinearRegression):
    __doc__ = sklearn.linear_model.LinearRegression.__doc__

    @in_rust()
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the coefficients that leave the least squared error.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data. Computed in float64, answered in the type of X.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights, not negative; None: all 1.

        Returns
        -------
        self : LinearRegression
            The fitted model.
        """
        accept_sparse = False if self.positive else SPARSE
        return defer_finite_check(
            X, lambda look: checked_data(self, X, y, sample_weight, accept_sparse, look), self._fit_in_rust
        )

    def _fit_in_rust(self, data: tuple[Any, np.ndarray, np.ndarray | None]) -> Self:
        X, y, weights = data
        # scikit-learn hands targets out to jobs only where it solves for one at a time.
        by_target = y.ndim == 2 and (self.positive or sp.issparse(X))
        given = {
            "x": X,
            "y": np.ascontiguousarray(y).reshape(len(y), -1),
            "weights": weights,
            "fit_intercept": self.fit_intercept,
            "n_threads": _threads.resolve(self.n_jobs if by_target or self.n_jobs != 0 else None),
        }
        # Solvers of scikit-learn that know float64 only; an intercept brings the type of X back.
        dtype = np.dtype(np.float64) if (sp.issparse(X) or self.positive) and not self.fit_intercept else X.dtype
        if sp.issparse(X):
            no_penalty = [0.0] * given["y"].shape[1]
            found = core.iterate(**given, alphas=no_penalty, solver="lsqr", tol=self.tol, max_iter=None)
            coef = found["coef"]
        else:
            found = core.reduce(**given)
            if self.positive:
                coef = _positive(found)
            else:
                # The least tolerance is that of LAPACK: what rounding may have left of zero never counts.
                tol = max(self.tol, np.finfo(X.dtype).eps / 2)
                coef, rank, singular = _shortest(found, tol)
                self.rank_, self.singular_ = rank, singular.astype(X.dtype)
        intercept = found.get("intercept")
        if intercept is None or coef is not found["coef"] or not np.isfinite(intercept).all():
            intercept = found["target_means"] - coef @ found["means"]
        self.coef_ = (coef[0] if y.ndim == 1 else coef).astype(dtype, copy=False)
        if self.fit_intercept:
            self.intercept_ = dtype.type(intercept[0]) if y.ndim == 1 else intercept.astype(dtype, copy=False)
        else:
            self.intercept_ = 0.0
        return self


def _shortest(found: dict[str, Any], tol: float) -> tuple[np.ndarray, int, np.ndarray]:
    """Return the shortest solution, the rank, and the singular values.

    Singular values of at most ``tol`` times the largest count as zero.

    Parameters
    ----------
    found : dict
        What `core.reduce` found.
    tol : float
        Smallest singular value that counts, relative to the largest.

    Returns
    -------
    coef : ndarray of shape (n_targets, n_features)
    rank : int
    singular : ndarray of shape (min(n_samples, n_features),)
    """
    coef, rows, unit = found["coef"], found["rows"], found["unit"]
    if coef is not None:
        singular = beside(np.linalg.svd, rows, compute_uv=False)
        if singular[-1] > tol * singular[0]:
            return coef, len(singular), singular / unit
    solution, _, rank, singular = scipy.linalg.lstsq(rows, found["targets"], cond=tol, check_finite=False)
    return np.ascontiguousarray(solution.T) * unit, int(rank), singular / unit


def _positive(found: dict[str, Any]) -> np.ndarray:
    """Return the best coefficients that are not negative, shape (n_targets, n_features)."""
    rows = found["rows"]
    return np.vstack([scipy.optimize.nnls(rows, target)[0] for target in found["targets"].T]) * found["unit"]
