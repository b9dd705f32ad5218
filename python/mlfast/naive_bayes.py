"""Naive Bayes."""

from typing import Any, Self

import numpy as np
import sklearn
import sklearn.naive_bayes
from sklearn.utils.multiclass import _check_partial_fit_first_call
from sklearn.utils.validation import _check_sample_weight, validate_data

import mlfast._compat  # first: it refuses a scikit-learn that is not supported  # noqa: F401
from mlfast import _threads
from mlfast._core import UnsupportedInputError
from mlfast._core import naive_bayes as core
from mlfast._declared import Call, in_rust
from mlfast._dispatch import Condition
from mlfast._hints import explain_unknown_names
from mlfast._state import DropIn

__all__ = ["GaussianNB"]

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
#: Integer classes that lie closer than this times their number are counted, not sorted.
CLOSE = 4


def _is_array_api(call: Call) -> bool:
    return bool(sklearn.get_config()["array_api_dispatch"])


CONDITIONS = (Condition("array_api_dispatch is on", _is_array_api),)


class GaussianNB(DropIn, sklearn.naive_bayes.GaussianNB):  # noqa: D101
    __doc__ = sklearn.naive_bayes.GaussianNB.__doc__

    @in_rust(when=CONDITIONS)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        self.__dict__.pop("classes_", None)
        y = validate_data(self, y=y)
        return self._learn(X, y, _classes_of(y), sample_weight)

    @in_rust(when=CONDITIONS)
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        return self._learn(X, y, classes, sample_weight)

    def _learn(self, X: Any, y: Any, classes: Any, sample_weight: Any) -> Self:
        is_first = _check_partial_fit_first_call(self, classes)
        X, y = validate_data(self, X, y, reset=is_first)
        dtype = np.result_type(X.dtype) if X.dtype.kind == "f" else np.dtype(np.float64)  # in native byte order
        if X.dtype.kind not in "fiub" or dtype not in FLOATS:
            raise UnsupportedInputError("X is neither of integers nor of float32 or float64")
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, dtype=dtype)
        if is_first:
            self.class_prior_ = self._given_priors(dtype)
        found = core.fit(
            {
                "x": X.astype(dtype, copy=False),
                "labels": _codes(y, self.classes_),
                "weights": sample_weight,
                "n_classes": len(self.classes_),
                "n_threads": _threads.resolve(),
            }
        )
        counts, means, variances = (found[name].astype(dtype) for name in ("counts", "means", "variances"))
        self.epsilon_ = self.var_smoothing * dtype.type(found["max_variance"])
        if sample_weight is not None:
            weightless = np.isclose(counts, 0.0)
            means[weightless] = variances[weightless] = 0.0
        if not is_first:
            counts, means, variances = self._merged(counts, means, variances)
        self.theta_, self.class_count_ = means, counts
        self.var_ = (variances + self.epsilon_).astype(variances.dtype, copy=False)
        if self.priors is None:
            self.class_prior_ = self.class_count_ / np.sum(self.class_count_)
        return self

    def _given_priors(self, dtype: np.dtype) -> np.ndarray:
        if self.priors is None:
            return np.zeros(len(self.classes_), dtype=dtype)
        priors = np.asarray(self.priors, dtype=dtype)
        if priors.shape != self.classes_.shape or not np.isclose(priors.sum(), 1.0) or (priors < 0).any():
            raise UnsupportedInputError("the priors are not the probabilities of the classes")
        return priors

    def _merged(
        self, counts: np.ndarray, means: np.ndarray, variances: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the moments of all rows so far, given those of new rows; variances are without `epsilon_`."""
        merged_means = self.theta_.copy()
        merged = (self.var_ - self.epsilon_).astype(self.var_.dtype, copy=False)
        is_new = ~np.isclose(counts, 0.0)
        first = is_new & (self.class_count_ == 0)
        merged_means[first], merged[first] = means[first], variances[first]
        at = np.flatnonzero(is_new & (self.class_count_ != 0))
        past, new = self.class_count_[at, np.newaxis], counts[at, np.newaxis]
        total, apart = past + new, (merged_means[at] - means[at]) ** 2
        merged[at] = (past * merged[at] + new * variances[at] + (new * past / total) * apart) / total
        merged_means[at] = (new * means[at] + past * merged_means[at]) / total
        merged_counts = self.class_count_.copy()
        merged_counts += counts
        return merged_counts, merged_means, merged

    @in_rust(when=CONDITIONS, small=core.predict_small)
    def predict(self, X: Any) -> np.ndarray:
        given = self._given(X)
        return super().predict(X) if given is None else self.classes_[core.predict(given)]

    @in_rust(when=CONDITIONS, small=core.predict_proba_small)
    def predict_proba(self, X: Any) -> np.ndarray:
        given = self._given(X)
        return super().predict_proba(X) if given is None else core.predict_proba(given)

    @in_rust(when=CONDITIONS, small=core.predict_log_proba_small)
    def predict_log_proba(self, X: Any) -> np.ndarray:
        given = self._given(X)
        return super().predict_log_proba(X) if given is None else core.predict_log_proba(given)

    @in_rust(when=CONDITIONS, small=core.predict_joint_log_proba_small)
    def predict_joint_log_proba(self, X: Any) -> np.ndarray:
        given = self._given(X)
        return super().predict_joint_log_proba(X) if given is None else core.predict_joint_log_proba(given)

    def _given(self, X: Any) -> Any:
        """Return what is asked about ``X``, in the type in which scikit-learn computes.

        Where a variance is zero or not finite it is None: what scikit-learn's arithmetic makes of that, and what it
        warns of, it says itself.
        """
        if not np.all((self.var_ > 0) & np.isfinite(self.var_)):
            return None
        X = self._check_X(X)
        dtype = np.result_type(X.dtype, self.theta_, self.var_) if X.dtype.kind in "fiub" else X.dtype
        if dtype not in FLOATS:
            raise UnsupportedInputError("X is neither of integers nor of float32 or float64")
        if not np.all(self.class_prior_):
            np.log(self.class_prior_)  # warns, as scikit-learn does
        return {
            "x": X.astype(dtype, copy=False),
            "means": self.theta_.astype(dtype, copy=False),
            "variances": self.var_.astype(dtype, copy=False),
            "priors": self.class_prior_.astype(dtype, copy=False),
            "n_threads": _threads.resolve(),
        }

    def _check_state(self, state: dict[str, Any]) -> None:
        if "theta_" not in state:
            return
        means, classes = state["theta_"], state.get("classes_")
        if not (isinstance(means, np.ndarray) and means.ndim == 2 and means.dtype.kind == "f"):
            raise ValueError("corrupt state: theta_ must be a matrix of numbers")
        if means.shape[1] != state.get("n_features_in_", means.shape[1]):
            raise ValueError("corrupt state: theta_ and n_features_in_ disagree")
        if not (isinstance(classes, np.ndarray) and classes.shape == means.shape[:1]):
            raise ValueError("corrupt state: classes_ and theta_ disagree")
        for name, shape in (
            ("var_", means.shape),
            ("class_prior_", means.shape[:1]),
            ("class_count_", means.shape[:1]),
        ):
            value = state.get(name)
            if not (isinstance(value, np.ndarray) and value.shape == shape and value.dtype.kind in "fiu"):
                raise ValueError(f"corrupt state: {name} and theta_ disagree")


def _are_close(y: np.ndarray, first: int, last: int) -> bool:
    """Return whether classes from ``first`` to ``last`` are better counted than sorted."""
    return last - first <= CLOSE * (len(y) + 64)


def _are_integers(values: np.ndarray) -> bool:
    return values.dtype.kind in "iu" and bool(np.can_cast(values.dtype, np.int64))


def _classes_of(y: np.ndarray) -> np.ndarray:
    """Return the distinct values of ``y``."""
    if _are_integers(y):
        first, last = int(y.min()), int(y.max())
        if _are_close(y, first, last):
            counts = np.bincount(np.subtract(y, first, dtype=np.int64))
            return (np.flatnonzero(counts) + first).astype(y.dtype)
    return np.unique_values(y)


def _codes(y: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return the positions of ``y`` in the sorted ``classes``, int64 of shape (n_samples,)."""
    if _are_integers(y) and _are_integers(classes) and _are_close(y, int(classes[0]), int(classes[-1])):
        first, last = int(classes[0]), int(classes[-1])
        positions = np.full(last - first + 1, -1, dtype=np.int64)
        positions[np.subtract(classes, first, dtype=np.int64)] = np.arange(len(classes))
        is_known = bool(first <= y.min() and y.max() <= last)
        codes = positions[np.subtract(y, first, dtype=np.int64)] if is_known else positions
        is_known = is_known and bool(codes.min() >= 0)
    else:
        codes = np.searchsorted(classes, y).astype(np.int64, copy=False)
        is_known = bool((classes.take(codes, mode="clip") == y).all())
    if not is_known:
        labels = np.unique_values(y)
        unknown = labels[~np.isin(labels, classes)]
        raise ValueError(f"The target label(s) {unknown} in y do not exist in the initial classes {classes}")
    return codes


explain_unknown_names(__name__)
