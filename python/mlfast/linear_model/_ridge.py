"""Least squares with a penalty on the squared length of the coefficients.

Dense data become the products of features with features and with targets, or, where there are fewer rows than features,
stay themselves; the system that is left is as large as the fewer of both. CSR data are only multiplied with vectors.
"""

import warnings
from typing import Any, Self

import numpy as np
import scipy.linalg
import scipy.sparse as sp
import sklearn.linear_model
from sklearn.linear_model._ridge import _BaseRidge, _get_valid_accept_sparse, _ridge_regression
from sklearn.utils import check_array
from sklearn.utils.validation import _check_sample_weight, validate_data

from mlfast import _threads
from mlfast._beside import beside
from mlfast._core import UnsupportedInputError
from mlfast._core import linear_model as core
from mlfast._dispatch import Condition, dispatch, named
from mlfast._rebound import rebound
from mlfast._sparse import with_checked_indices
from mlfast._state import _fit_context, keeps_state
from mlfast.linear_model._base import FLOATS, LinearDropIn, LinearRegressorDropIn, defer_finite_check
from mlfast.linear_model._classes import LinearClassifierDropIn, flat
from mlfast.linear_model._nonnegative import nonnegative
from mlfast.linear_model._sag import sag_solver

#: Solvers that are built, for arrays and for sparse matrices.
DENSE_SOLVERS = ("auto", "cholesky", "svd", "lsqr", "sparse_cg", "sag", "saga", "lbfgs")
SPARSE_SOLVERS = ("auto", "lsqr", "sparse_cg", "sag", "saga", "lbfgs")
#: Features whose products are still made where no coefficient may be negative.
MAX_FEATURES = 5_000

FIT_CONDITIONS = (
    Condition(
        lambda call: (
            f"solver={named(call[0].solver)} is not covered for {'sparse' if sp.issparse(call[1]) else 'dense'} X"
        ),
        lambda call: call[0].solver not in (SPARSE_SOLVERS if sp.issparse(call[1]) else DENSE_SOLVERS),
    ),
)

#: scikit-learn's way from validated data to the stochastic solvers, which are ours.
_fit_by_averages = rebound(_BaseRidge.fit, _ridge_regression=rebound(_ridge_regression, sag_solver=sag_solver))


class RidgeDropIn(LinearDropIn):
    """Fitting with a penalty."""

    def _fit_penalized(self: Any, X: Any, y: np.ndarray, weights: np.ndarray | None) -> Any:
        """Fit validated data.

        Parameters
        ----------
        X : {ndarray, sparse matrix} of shape (n_samples, n_features)
            Features, of float32 or float64.
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        weights : ndarray of shape (n_samples,) or None
            Weights of the type of X.
        """
        is_positive = bool(self.positive)
        if is_positive != (self.solver == "lbfgs") and not (is_positive and self.solver == "auto"):
            raise UnsupportedInputError("positive=True and solver='lbfgs' go together")
        if weights is not None and (weights < 0).any():
            raise UnsupportedInputError("weights are negative")
        if X.dtype not in FLOATS:
            raise UnsupportedInputError("X is neither of float32 nor of float64")
        targets = check_array(y, dtype=X.dtype, ensure_2d=False)
        by_target = targets.reshape(len(targets), -1)
        alphas = np.asarray(self.alpha, dtype=X.dtype).ravel().astype(np.float64)
        if len(alphas) not in (1, by_target.shape[1]):
            raise UnsupportedInputError("alpha and y differ in their number of targets")
        alphas = np.broadcast_to(alphas, by_target.shape[1])
        given = {
            "x": X.tocsr() if sp.issparse(X) else X,
            "y": np.ascontiguousarray(by_target),
            "weights": weights,
            "fit_intercept": self.fit_intercept,
            "n_threads": _threads.resolve(),
        }
        self.n_iter_ = None
        self.solver_ = self.solver
        if is_positive:
            self.solver_ = "lbfgs"
        elif self.solver == "auto":
            self.solver_ = "sparse_cg" if sp.issparse(X) else "cholesky"
        elif self.solver == "sag" and sp.issparse(X) and self.fit_intercept:
            # Unless it is told to stop early, scikit-learn takes another one to find an intercept.
            self.solver_ = "sag" if self.max_iter is None and self.tol > 1e-4 else "sparse_cg"
        if self.solver_ in ("sag", "saga"):
            return _fit_by_averages(self, given["x"], y, weights)
        if self.solver_ in ("lsqr", "sparse_cg"):
            found = core.iterate(
                **given, alphas=alphas.tolist(), solver=self.solver_, tol=self.tol, max_iter=self.max_iter
            )
            coef = found["coef"]
            if self.solver_ == "lsqr":
                self.n_iter_ = found["steps"]
        else:
            found, coef = self._solved(given, alphas)
        intercept = found["target_means"] - coef @ found["means"]
        self.coef_ = np.ascontiguousarray(coef[0] if len(coef) == 1 else coef, dtype=X.dtype)
        if self.fit_intercept:
            self.intercept_ = X.dtype.type(intercept[0]) if y.ndim == 1 else intercept.astype(X.dtype, copy=False)
        else:
            self.intercept_ = 0.0
        return self

    def _solved(self: Any, given: dict[str, Any], alphas: np.ndarray) -> tuple[dict[str, Any], np.ndarray]:
        """Return what Rust found, and the coefficients, shape (n_targets, n_features)."""
        n_samples, n_features = given["x"].shape
        if self.solver_ == "lbfgs":
            if n_features > MAX_FEATURES:
                raise UnsupportedInputError("positive coefficients of so many features")
            found = core.moments(**given)
            squares = found["squares"] / found["unit"] / found["unit"]
            return found, nonnegative(squares, found["products"] / found["unit"], alphas)
        if self.solver_ == "cholesky":
            try:
                if n_features > n_samples:
                    found = core.reduce(**given)
                    rows = found["rows"] / found["unit"]
                    return found, _dual(beside(np.matmul, rows, rows.T), found["targets"], alphas) @ rows
                found = core.moments(**given)
                squares, products = found["squares"], found["products"]
                if found["unit"] != 1:
                    squares, products = squares / found["unit"] / found["unit"], products / found["unit"]
                return found, _penalized(squares, products, alphas)
            except np.linalg.LinAlgError:
                self.solver_ = "svd"  # as scikit-learn does with a singular matrix
        found = core.reduce(**given)
        left, singular, right = beside(np.linalg.svd, found["rows"] / found["unit"], full_matrices=False)
        # What scikit-learn takes for zero, and what rounding leaves of it.
        kept = singular > max(1e-15, np.finfo(float).eps * max(n_samples, n_features) * singular[0])
        l1_ratios = np.zeros((len(singular), len(alphas)))
        l1_ratios[kept] = singular[kept, None] / (singular[kept, None] ** 2 + alphas)
        return found, (l1_ratios * (left.T @ found["targets"])).T @ right


def _penalized(squares: np.ndarray, products: np.ndarray, alphas: np.ndarray) -> np.ndarray:
    """Solve ``(squares + alpha I) w = products`` for each target.

    Parameters
    ----------
    squares : ndarray of shape (n, n)
        Symmetric, positive semidefinite.
    products : ndarray of shape (n, n_targets)
        Right-hand sides.
    alphas : ndarray of shape (n_targets,)
        Penalties.

    Returns
    -------
    w : ndarray of shape (n_targets, n)
    """
    diagonal = np.diag_indices(len(squares))
    if (alphas == alphas[0]).all():
        squares[diagonal] += alphas[0]
        return scipy.linalg.solve(squares, products, assume_a="pos", overwrite_a=True).T
    found = np.empty(products.T.shape)
    for target, alpha in enumerate(alphas):
        penalized = squares.copy()
        penalized[diagonal] += alpha
        found[target] = scipy.linalg.solve(penalized, products[:, target], assume_a="pos", overwrite_a=True)
    return found


def _dual(squares: np.ndarray, targets: np.ndarray, alphas: np.ndarray) -> np.ndarray:
    """Return the factors of the rows; where these depend on each other, and say so, the shortest for one penalty.

    Parameters
    ----------
    squares : ndarray of shape (n_samples, n_samples)
        Products of rows with rows.
    targets : ndarray of shape (n_samples, n_targets)
        Right-hand sides.
    alphas : ndarray of shape (n_targets,)
        Penalties.

    Returns
    -------
    factors : ndarray of shape (n_targets, n_samples)
    """
    try:
        return _penalized(squares.copy(), targets, alphas)
    except np.linalg.LinAlgError:
        if (alphas != alphas[0]).any():
            raise
        warnings.warn("Singular matrix in solving dual problem. Using least-squares solution instead.", stacklevel=2)
        squares[np.diag_indices(len(squares))] += alphas[0]
        return scipy.linalg.lstsq(squares, targets)[0].T


class Ridge(RidgeDropIn, LinearRegressorDropIn, sklearn.linear_model.Ridge):
    __doc__ = sklearn.linear_model.Ridge.__doc__

    @keeps_state
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the coefficients.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data. Computed in float64, answered in the type of X.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        sample_weight : float or array-like of shape (n_samples,), default=None
            Weights; None: all 1.

        Returns
        -------
        self : Ridge
            The fitted model.
        """
        return dispatch(
            self,
            "fit",
            FIT_CONDITIONS,
            (self, X),
            lambda: self._fit_in_rust(X, y, sample_weight),
            lambda: super(Ridge, self).fit(X, y, sample_weight),
        )

    def _fit_in_rust(self: Any, X: Any, y: Any, sample_weight: Any) -> "Ridge":
        def validate(ensure_all_finite: bool) -> tuple[Any, np.ndarray, np.ndarray | None]:
            checked, targets = validate_data(
                self,
                with_checked_indices(X),
                y,
                accept_sparse=_get_valid_accept_sparse(sp.issparse(X), self.solver),
                dtype=[np.float64, np.float32],
                multi_output=True,
                y_numeric=True,
                ensure_all_finite=ensure_all_finite,
            )
            given = sample_weight is not None
            weights = _check_sample_weight(sample_weight, checked, dtype=checked.dtype) if given else None
            return checked, targets, weights

        if self.solver in ("auto", "cholesky", "svd"):
            return defer_finite_check(X, validate, lambda data: self._fit_penalized(*data))
        return self._fit_penalized(*validate(True))


class RidgeClassifierDropIn(LinearClassifierDropIn):
    """Answers of a classifier that knows labels too, of which a sample may have many."""

    def _check_state(self: Any, state: dict[str, Any]) -> None:
        binarizer: Any = state.get("_label_binarizer")
        if "coef_" in state and not isinstance(getattr(binarizer, "y_type_", None), str):
            raise ValueError("corrupt state: _label_binarizer must be fitted")
        if "coef_" not in state or not binarizer.y_type_.startswith("multilabel"):
            super()._check_state(state)
            return
        LinearDropIn._check_state(self, state)
        classes: Any = state.get("classes_")
        if np.shape(classes) != (1 if state["coef_"].ndim == 1 else len(state["coef_"]),):
            raise ValueError("corrupt state: coef_ and classes_ disagree")

    def _chosen(self: Any, scores: np.ndarray) -> np.ndarray:
        """Return the class that the scores speak for, shape (n_samples,), or all such labels, (n_samples, n_labels)."""
        if not self._label_binarizer.y_type_.startswith("multilabel"):
            return super()._chosen(scores)
        return self._label_binarizer.inverse_transform(np.where(flat(scores) > 0, 1.0, -1.0))


class RidgeClassifier(RidgeClassifierDropIn, RidgeDropIn, sklearn.linear_model.RidgeClassifier):
    __doc__ = sklearn.linear_model.RidgeClassifier.__doc__

    @keeps_state
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the coefficients of each class against the others.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data. Computed in float64, answered in the type of X.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Classes, or which labels each sample has.
        sample_weight : float or array-like of shape (n_samples,), default=None
            Weights; None: all 1.

        Returns
        -------
        self : RidgeClassifier
            The fitted model.
        """
        return dispatch(
            self,
            "fit",
            FIT_CONDITIONS,
            (self, X),
            lambda: self._fit_in_rust(X, y, sample_weight),
            lambda: super(RidgeClassifier, self).fit(X, y, sample_weight),
        )

    def _fit_in_rust(self: Any, X: Any, y: Any, sample_weight: Any) -> "RidgeClassifier":
        X, y, weights, signs = self._prepare_data(with_checked_indices(X), y, sample_weight, self.solver)
        if sample_weight is None and not self.class_weight:
            weights = None
        if X.dtype == np.float16:
            raise UnsupportedInputError("X is of half precision")
        if X.dtype not in FLOATS:
            X = check_array(X, accept_sparse=True, dtype=np.float64)
        return self._fit_penalized(X, signs, None if weights is None else weights.astype(X.dtype, copy=False))
