"""What the linear models share: data as Rust reads them, answers, state."""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import scipy.sparse as sp
from sklearn.utils import check_array
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from mlfast import _profile, _threads
from mlfast._core import UnsupportedInputError
from mlfast._core import linear_model as core
from mlfast._declared import Call, in_rust
from mlfast._dispatch import Condition, dispatch
from mlfast._sparse import with_checked_indices
from mlfast._state import DropIn

SPARSE = ["csr", "csc", "coo"]
#: Types that Rust computes in.
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
#: Values that take a while to look at.
MANY = 1 << 16

T = TypeVar("T")
R = TypeVar("R")


def _is_other_float(call: tuple[Any, Any]) -> bool:
    """Whether scikit-learn answers in numbers of a type that Rust does not compute in."""
    model, X = call
    try:
        return np.result_type(X.dtype, model.coef_, model._intercept()) not in FLOATS
    except TypeError:
        return False  # no numbers at all


def _has_no_array(call: tuple[Any, Any]) -> bool:
    return type(call[0].coef_) not in (np.ndarray, np.memmap)


NO_ARRAY = Condition("coef_ is not an array", _has_no_array)
OTHER_FLOAT = "the answer is neither of float32 nor of float64"
PREDICT_CONDITIONS = (NO_ARRAY, Condition(OTHER_FLOAT, _is_other_float))


def as_it_is(predictions: np.ndarray) -> np.ndarray:
    """Return the answers."""
    return predictions


class LinearDropIn(DropIn):
    """Answers of a linear model."""

    def _check_state(self, state: dict[str, Any]) -> None:
        if "coef_" not in state or sp.issparse(state["coef_"]):
            return
        coef: Any = state["coef_"]
        intercept: Any = state.get("intercept_")
        if not isinstance(coef, np.ndarray) or coef.dtype.kind != "f" or coef.ndim not in (1, 2):
            raise ValueError("corrupt state: coef_ must be an array of numbers for each feature")
        if coef.shape[-1] != state.get("n_features_in_") or coef.size == 0:
            raise ValueError("corrupt state: coef_ and n_features_in_ disagree")
        is_number = isinstance(intercept, (float, np.floating))
        shapes = ((1,),) if coef.ndim == 1 else ((1,), coef.shape[:1])
        if not is_number and np.shape(intercept) not in shapes:
            raise ValueError("corrupt state: coef_ and intercept_ disagree")

    def _predict_small(self: Any, X: Any) -> np.ndarray | None:
        """Return the answers for a few plain rows, which need no more checks than Rust makes by itself; else None."""
        state = self.__dict__
        if not _profile.is_idle and _profile.is_wanted():
            return None
        if "intercept_" in state or "coef_" not in state:
            return core.predict_small(state, X)
        return core.predict_small_with(state, X, state["coef_"], self._intercept())

    def _intercept(self: Any) -> Any:
        """Return what is added to the products."""
        return self.intercept_

    def _answered(
        self: Any,
        method: str,
        X: Any,
        parent: Callable[[], Any],
        finish: Callable[[np.ndarray], Any] = as_it_is,
        accept_sparse: Any = SPARSE,
    ) -> Any:
        """Return what `finish` makes of the products of X with the coefficients plus the intercepts.

        Where Rust does not answer, it is what the parent says of X.
        """
        predictions = self._predict_small(X)
        if predictions is not None:
            return finish(predictions)
        if "coef_" not in self.__dict__:
            return parent()
        check_is_fitted(self)
        X = validate_data(self, with_checked_indices(X), accept_sparse=accept_sparse, reset=False)
        return dispatch(self, method, PREDICT_CONDITIONS, (self, X), lambda: finish(self._predictions(X)), parent)

    def _predictions(self: Any, X: Any) -> np.ndarray:
        intercept = self._intercept()
        try:
            dtype = np.result_type(X.dtype, self.coef_, intercept)
        except TypeError:
            raise UnsupportedInputError("X holds no numbers") from None
        if dtype not in FLOATS:
            raise UnsupportedInputError(OTHER_FLOAT)
        coef = np.ascontiguousarray(self.coef_, dtype=dtype)
        intercept = np.ascontiguousarray(intercept, dtype=dtype) if np.ndim(intercept) else intercept
        if sp.issparse(X):
            X = X.tocsr()
        X = X.astype(dtype, copy=False)
        return core.predict(x=X, coef=coef, intercept=intercept, n_threads=_threads.resolve())


def _is_other_float_call(call: Call) -> bool:
    return getattr(getattr(call.X, "dtype", None), "kind", "") == "f" and _is_other_float((call.estimator, call.X))


CALL_CONDITIONS = (
    Condition(NO_ARRAY.reason, lambda call: _has_no_array((call.estimator, call.X))),
    Condition(OTHER_FLOAT, _is_other_float_call),
)


class LinearRegressorDropIn(LinearDropIn):
    """A linear model that predicts the products themselves."""

    @in_rust(when=CALL_CONDITIONS, small=core.predict_small)
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
        return self._predictions(validate_data(self, with_checked_indices(X), accept_sparse=SPARSE, reset=False))


def defer_finite_check(X: Any, validate: Callable[[bool], T], fit: Callable[[T], R]) -> R:
    """Return what `fit` makes of validated data, and leave it to Rust to see in its own pass whether they are finite.

    A look at all values would take as long as that pass. Where anything fails it is made up for, so that what
    scikit-learn says of the data comes first.

    Parameters
    ----------
    X : object
        Features as they were given. Only large arrays are worth it.
    validate : callable
        Returns validated data, given whether it has to see that X is finite.
    fit : callable
        Fits them. It must fail if X is not finite.
    """
    if type(X) is not np.ndarray or X.dtype not in FLOATS or X.size < MANY:
        return fit(validate(True))
    try:
        return fit(validate(False))
    except Exception:
        validate(True)
        raise


def checked_data(
    est: Any, X: Any, y: Any, sample_weight: Any, accept_sparse: Any, ensure_all_finite: bool = True
) -> tuple[Any, np.ndarray, np.ndarray | None]:
    """Check training data as scikit-learn's least squares does; `ensure_all_finite` is of X alone.

    Returns
    -------
    X : ndarray or CSR matrix of shape (n_samples, n_features), of float32 or float64
    y : ndarray of shape (n_samples,) or (n_samples, n_targets), of the type of X
    weights : ndarray of shape (n_samples,), of the type of X, or None
    """
    X, y = validate_data(
        est,
        with_checked_indices(X),
        y,
        accept_sparse=accept_sparse,
        y_numeric=True,
        multi_output=True,
        ensure_all_finite=ensure_all_finite,
    )
    if sp.issparse(y):
        raise UnsupportedInputError("y is sparse")
    weights = sample_weight
    if weights is not None:
        weights = _check_sample_weight(weights, X, dtype=X.dtype, ensure_non_negative=True)
    if X.dtype == np.float16:
        raise UnsupportedInputError("X is of half precision")
    if X.dtype not in FLOATS:
        X = check_array(X, accept_sparse=accept_sparse, dtype=np.float64)
    if y.dtype != X.dtype:
        y = check_array(y, dtype=X.dtype, ensure_2d=False)
    if weights is not None:
        weights = weights.astype(X.dtype, copy=False)
    return X.tocsr() if sp.issparse(X) else X, y, weights
