"""Least squares with penalties on the size and the square of coefficients, by coordinate descent.

Rust makes the products of features with features and with targets, and goes on with these alone. Passes, their order
and the tests between them are those of scikit-learn.
"""

import warnings
from numbers import Integral, Number
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
import sklearn.linear_model
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import _cd_fast as messages
from sklearn.utils import check_array, check_consistent_length, check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from mlfast import _threads
from mlfast._core import UnsupportedInputError
from mlfast._core import linear_model as core
from mlfast._dispatch import Condition, callers_level, dispatch
from mlfast._sparse import with_checked_indices
from mlfast._state import _fit_context, keeps_state
from mlfast.linear_model._base import FLOATS, PREDICT_CONDITIONS, LinearDropIn

#: Formats that Rust reads, or that become CSR.
FORMATS = ["csr", "csc"]
#: Seeds of the order of visits are drawn below this number.
SEEDS = 2**31 - 1


def is_gram_given(precompute: Any) -> bool:
    """Whether the products of features are given."""
    return not isinstance(precompute, (bool, np.bool_, str))


def drawn_seeds(random_state: Any, selection: str, count: int) -> list[int] | None:
    """Return the seeds of the orders of visits, which scikit-learn draws whether or not they are used."""
    if selection == "cyclic" and isinstance(random_state, Integral):
        return None
    seeds = check_random_state(random_state).randint(0, SEEDS, size=count).tolist()
    return seeds if selection == "random" else None


def with_narrow_indices(X: Any) -> Any:
    """Return X, or a checked copy of a sparse matrix, which may not have 64-bit indices."""
    if sp.issparse(X):
        arrays = [X.coords[0]] if X.format == "coo" else [getattr(X, name, None) for name in ("indices", "indptr")]
        if X.ndim != 2 or any(array is not None and array.dtype == np.int64 for array in arrays):
            raise UnsupportedInputError("the sparse matrix is of another kind")
    return with_checked_indices(X)


def checked_apart(est: Any, X: Any, y: Any) -> tuple[Any, np.ndarray]:
    """Return X and y of the same length, each validated by itself: both keep float32 only where they have it."""
    X, y = validate_data(
        est,
        with_narrow_indices(X),
        y,
        validate_separately=(
            {"accept_sparse": FORMATS, "dtype": [np.float64, np.float32], "accept_large_sparse": False},
            {"dtype": [np.float64, np.float32], "ensure_2d": False},
        ),
    )
    check_consistent_length(X, y)
    return X, y


def of_mean_one(weights: np.ndarray) -> np.ndarray:
    """Return weights scaled so that they add up to their number, shape (n_samples,)."""
    with np.errstate(all="ignore"):
        scaled = np.asarray(weights * (len(weights) / np.sum(weights)), dtype=weights.dtype)
    if not (scaled >= 0).all() or not np.isfinite(scaled).all():
        raise UnsupportedInputError("weights are negative or have no sum")
    return scaled


def checked_start(est: Any, coef: Any, X: Any, n_targets: int) -> None:
    """Refuse to go on from coefficients that are not of the data: scikit-learn's solvers read and write past them.

    Parameters
    ----------
    est : estimator
        What has them from an earlier fit.
    coef : ndarray of shape (n_features,) or (n_targets, n_features)
        Coefficients to begin with.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Features.
    n_targets : int
        Targets that are to be fitted.

    Raises
    ------
    ValueError
        If there are coefficients for other features, or for fewer targets.
    """
    known, n_features = np.atleast_2d(coef).shape, np.shape(X)[1]
    if known[1] != n_features:
        raise ValueError(
            f"X has {n_features} features, but with warm_start=True {type(est).__name__} goes on from coef_, which has "
            f"{known[1]} features."
        )
    if known[0] < n_targets:
        raise ValueError(
            f"y has {n_targets} targets, but with warm_start=True {type(est).__name__} goes on from coef_, which has "
            f"{known[0]} targets."
        )


def found_paths(x: Any, y: np.ndarray, alphas: Any, **given: Any) -> dict[str, np.ndarray]:
    """Return what Rust finds for all targets and penalties, and warn where it did not converge.

    Parameters
    ----------
    x : {ndarray, CSR matrix} of shape (n_samples, n_features)
        Features.
    y : ndarray of shape (n_samples, n_targets)
        Targets, of the type of x.
    alphas : array-like of shape (n_alphas,)
        Penalties.
    **given
        The other arguments of the core.
    """
    alphas = [float(alpha) for alpha in alphas]
    found = core.enet_path(x=x, y=np.ascontiguousarray(y), alphas=alphas, **given)
    for gaps, allowed in zip(found["gaps"], found["allowed"], strict=True):
        warn_of_gaps(gaps, allowed, alphas, given["l1_ratio"] * len(y))
    return found


def warn_of_gaps(gaps: np.ndarray, allowed: np.ndarray, alphas: list[float], scale: float) -> None:
    """Warn, in scikit-learn's words, of each penalty that left a larger gap than was allowed.

    Parameters
    ----------
    gaps, allowed : ndarray of shape (n_alphas,)
        Duality gaps, and how large they may be.
    alphas : list of float
        Penalties.
    scale : float
        Number of samples times the fraction of the penalty that is on the size.
    """
    for at in np.flatnonzero(~(gaps <= allowed)):
        text = f" Duality gap: {gaps[at]:.6e}, tolerance: {allowed[at]:.3e}"
        advice = "\n" + messages.message_ridge if alphas[at] * scale < np.finfo(np.float64).eps else ""
        warnings.warn(messages.message_conv + text + advice, ConvergenceWarning, stacklevel=callers_level())


FIT_CONDITIONS = (
    Condition("the Gram matrix is given", lambda call: is_gram_given(call[0].precompute)),
    Condition(
        "check_input=False with data that are not of float32 or float64",
        lambda call: not call[2] and getattr(call[1], "dtype", None) not in FLOATS,
    ),
)


class CoordinateDescentDropIn(LinearDropIn):
    """Fitting by coordinate descent."""

    @keeps_state
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, check_input: bool = True) -> Self:
        """Fit the coefficients.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data. Computed in float64, answered in the type of X.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets; each is fitted on its own.
        sample_weight : float or array-like of shape (n_samples,), default=None
            Weights; only their ratios count. None: all 1.
        check_input : bool, default=True
            Whether to validate X and y.

        Returns
        -------
        self : estimator
            The fitted model.
        """
        parent: Any = super()
        return dispatch(
            self,
            "fit",
            FIT_CONDITIONS,
            (self, X, check_input),
            lambda: self._fit_in_rust(X, y, sample_weight, check_input),
            lambda: self._fit_by_parent(parent, X, y, sample_weight, check_input),
        )

    def _fit_by_parent(self: Any, parent: Any, X: Any, y: Any, sample_weight: Any, check_input: bool) -> Any:
        shapes = np.shape(X), np.shape(y)
        if self.warm_start and hasattr(self, "coef_") and len(shapes[0]) == 2 and len(shapes[1]) in (1, 2):
            checked_start(self, self.coef_, X, shapes[1][1] if len(shapes[1]) == 2 else 1)
        return parent.fit(X, y, sample_weight, check_input)

    def _fit_in_rust(self: Any, X: Any, y: Any, sample_weight: Any, check_input: bool) -> Any:
        if self.max_iter is None:
            raise UnsupportedInputError("max_iter is None")
        if self.alpha == 0:
            text = "With alpha=0, this algorithm does not converge well. You are advised to use the LinearRegression "
            warnings.warn(text + "estimator", stacklevel=callers_level())
        X, y, weights = self._checked(X, y, sample_weight, check_input)
        (n_samples, n_features), by_target = X.shape, y.reshape(len(y), -1)
        shape = (by_target.shape[1], n_features)
        start, dtype = np.zeros(shape), X.dtype
        if self.warm_start and hasattr(self, "coef_"):
            checked_start(self, self.coef_, X, shape[0])
            if np.shape(np.atleast_2d(self.coef_)) != shape:
                raise UnsupportedInputError("coef_ is of more targets")
            start = np.ascontiguousarray(self.coef_, dtype=np.float64).reshape(shape)
            dtype = X.dtype if self.fit_intercept else self.coef_.dtype
        draws = [drawn_seeds(self.random_state, self.selection, 1) for _ in range(shape[0])]
        found = found_paths(
            X,
            by_target,
            [self.alpha],
            weights=weights,
            fit_intercept=self.fit_intercept,
            l1_ratio=float(self.l1_ratio),
            max_iter=int(self.max_iter),
            tol=float(self.tol),
            positive=self.positive,
            seeds=None if draws[0] is None else [seed for draw in draws for seed in draw or ()],
            start=start,
            multi_task=False,
            n_threads=_threads.resolve(),
        )
        coef = found["coef"][:, 0]
        gaps, passes = (found["gaps"][:, 0] / n_samples).astype(X.dtype), found["n_iter"][:, 0].tolist()
        intercept = found["intercepts"][:, 0].astype(X.dtype)
        coef = coef.astype(dtype)
        is_one = shape[0] == 1
        self.coef_ = coef[0] if is_one else coef
        self.dual_gap_ = gaps[0] if is_one else gaps
        self.n_iter_ = passes[0] if is_one else passes
        if self.fit_intercept:
            self.intercept_ = intercept[0] if y.ndim == 1 else intercept
        else:
            self.intercept_ = 0.0
        return self

    def _checked(self: Any, X: Any, y: Any, sample_weight: Any, check_input: bool) -> Any:
        """Return X as an array or CSR matrix, y, and weights that add up to the number of samples, or None."""
        X = with_narrow_indices(X)
        if check_input:
            X, y = validate_data(
                self,
                X,
                y,
                accept_sparse=FORMATS,
                dtype=[np.float64, np.float32],
                accept_large_sparse=False,
                multi_output=True,
                y_numeric=True,
            )
            y = check_array(y, dtype=X.dtype.type, ensure_2d=False)
        else:
            y = np.asarray(y, dtype=X.dtype)
        weights = None
        if sample_weight is not None and not isinstance(sample_weight, Number):
            weights = sample_weight
            if check_input:
                weights = _check_sample_weight(sample_weight, X, dtype=X.dtype)
            weights = of_mean_one(np.asarray(weights, dtype=X.dtype))
        return X.tocsr() if sp.issparse(X) else X, y, weights

    def predict(self: Any, X: Any) -> np.ndarray:
        """Predict the targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            The targets.
        """
        parent: Any = super()
        if not sp.issparse(X):
            return self._answered("predict", X, lambda: parent.predict(X))
        check_is_fitted(self)
        # scikit-learn multiplies sparse matrices as they are: what is not finite goes into the answer.
        conditions = () if X.dtype.kind == "c" else PREDICT_CONDITIONS
        return dispatch(self, "predict", conditions, (self, X), lambda: self._of_sparse(X), lambda: parent.predict(X))

    def _of_sparse(self: Any, X: Any) -> np.ndarray:
        if X.ndim != 2 or X.shape[1] != self.coef_.shape[-1]:
            raise UnsupportedInputError("X has another number of features")
        X = with_checked_indices(X)
        return X @ self.coef_.T + self.intercept_ if X.dtype.kind == "c" else self._predictions(X)


class ElasticNet(CoordinateDescentDropIn, sklearn.linear_model.ElasticNet):
    __doc__ = sklearn.linear_model.ElasticNet.__doc__


class Lasso(ElasticNet, sklearn.linear_model.Lasso):
    __doc__ = sklearn.linear_model.Lasso.__doc__
