"""Nearest centroid classification."""

import warnings
from types import SimpleNamespace
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
import sklearn.neighbors
from sklearn.utils._encode import _unique
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from mlfast import _threads
from mlfast._core import UnsupportedInputError
from mlfast._core import centroids as core
from mlfast._dispatch import Condition, callers_level, dispatch
from mlfast._sparse import with_checked_indices
from mlfast._state import DropIn, _fit_context, keeps_state


def _is_odd_type(call: Any) -> bool:
    dtype = call.X.dtype
    return not (dtype.kind in "iu" or (dtype.kind == "f" and dtype.itemsize in (4, 8)))


FIT_CONDITIONS = (Condition("X is neither of integers nor of float32 or float64", _is_odd_type),)
SCORE_CONDITIONS = (
    Condition("X is sparse and scores are asked for", lambda call: sp.issparse(call.X)),
    Condition("the centroids are not of float64", lambda call: call.is_odd),
)


class NearestCentroid(DropIn, sklearn.neighbors.NearestCentroid):
    __doc__ = sklearn.neighbors.NearestCentroid.__doc__

    @keeps_state
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any) -> Self:
        """Find the centroid of each class: the mean of its rows, or the median for the Manhattan distance.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,)
            Classes.

        Returns
        -------
        self : NearestCentroid
            The fitted estimator.
        """
        X = with_checked_indices(X)
        accepted = ["csc"] if self.metric == "manhattan" else ["csr", "csc"]
        checked, labels = validate_data(self, X, y, accept_sparse=accepted)
        check_classification_targets(labels)
        return dispatch(
            self,
            "fit",
            FIT_CONDITIONS,
            SimpleNamespace(X=checked),
            lambda: self._fit_in_rust(checked, labels),
            lambda: super(NearestCentroid, self).fit(X, y),
        )

    def _fit_in_rust(self, X: Any, y: np.ndarray) -> "NearestCentroid":
        self.classes_, labels = _unique(y, return_inverse=True)
        n_samples, n_classes = len(labels), len(self.classes_)
        if n_classes < 2:
            raise ValueError(f"The number of classes has to be greater than one; got {n_classes} class")
        counts = np.bincount(labels)
        self.class_prior_ = self._priors(counts)
        fit = core.fit(
            features=_transposed(X),
            labels=labels.astype(np.int64, copy=False),
            n_classes=n_classes,
            metric=self.metric,
            divides_first=sp.issparse(X),
            n_threads=_threads.resolve(),
        )
        self.centroids_ = fit["centroids"]
        self.within_class_std_dev_ = np.sqrt(fit["scatter"] / (n_samples - n_classes))
        if (self.within_class_std_dev_ == 0).any():
            warnings.warn(
                "self.within_class_std_dev_ has at least 1 zero standard deviation."
                "Inputs within the same classes for at least 1 feature are identical.",
                stacklevel=callers_level(),
            )
        if fit["is_constant"]:
            raise ValueError("All features have zero variance. Division by zero.")
        # Differences of centroids and mean, in units of their standard error; the median steadies small deviations.
        spread = self.within_class_std_dev_ + np.median(self.within_class_std_dev_)
        unit = np.sqrt(1 / counts - 1 / n_samples)[:, np.newaxis] * spread
        self.deviations_ = (self.centroids_ - fit["means"]) / unit
        if self.shrink_threshold:
            size = np.clip(np.abs(self.deviations_) - self.shrink_threshold, 0, None)
            self.deviations_ = size * np.sign(self.deviations_)
            self.centroids_ = fit["means"] + unit * self.deviations_
        return self

    def _priors(self, counts: np.ndarray) -> np.ndarray:
        """Return the probabilities of classes with so many samples, as `priors` says."""
        if isinstance(self.priors, str):
            return counts / counts.sum() if self.priors == "empirical" else np.full(len(counts), 1 / len(counts))
        priors = np.asarray(self.priors)
        if (priors < 0).any():
            raise ValueError("priors must be non-negative")
        if not np.isclose(priors.sum(), 1.0):
            warnings.warn(
                "The priors do not sum to 1. Normalizing such that it sums to one.",
                UserWarning,
                stacklevel=callers_level(),
            )
            priors = priors / priors.sum()
        return priors

    def predict(self, X: Any) -> np.ndarray:
        """Predict the class of each sample: that of the closest centroid, or of the highest score if priors differ.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            New data.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Classes.
        """
        check_is_fitted(self)
        if not np.isclose(self.class_prior_, 1 / len(self.classes_)).all():
            return super().predict(X)
        checked = validate_data(self, X, accept_sparse="csr", reset=False)
        return dispatch(
            self,
            "predict",
            FIT_CONDITIONS,
            SimpleNamespace(X=checked),
            lambda: self.classes_[self._nearest(checked)],
            lambda: super(NearestCentroid, self).predict(X),
        )

    def _nearest(self, X: Any) -> np.ndarray:
        if not np.isfinite(self.centroids_).all():
            raise UnsupportedInputError("a centroid is not finite")
        return core.nearest(x=_floats(X), centroids=self.centroids_, metric=self.metric, n_threads=_threads.resolve())

    def _decision_function(self, X: Any) -> np.ndarray:
        check_is_fitted(self, "centroids_")
        checked = validate_data(self, X, copy=True, reset=False, accept_sparse="csr", dtype=np.float64)
        return dispatch(
            self,
            "decision_function",
            SCORE_CONDITIONS,
            SimpleNamespace(
                X=checked, is_odd={self.centroids_.dtype, self.within_class_std_dev_.dtype} != {np.dtype(np.float64)}
            ),
            lambda: self._scores(checked),
            lambda: super(NearestCentroid, self)._decision_function(X),
        )

    def _scores(self, X: np.ndarray) -> np.ndarray:
        """Return the discriminant scores of ``X``, which is overwritten."""
        n_classes = len(self.classes_)
        if self.class_prior_.ndim != 1 or len(self.class_prior_) < n_classes:
            raise UnsupportedInputError("some class has no prior")
        units = np.where(self.within_class_std_dev_ == 0, 1.0, self.within_class_std_dev_)
        X /= units
        scores = core.scores(
            x=X,
            centroids=self.centroids_ / units,
            log_priors=np.log(self.class_prior_)[:n_classes],
            metric=self.metric,
            n_threads=_threads.resolve(),
        )
        if np.isnan(scores).any():
            raise UnsupportedInputError("a score is no number")
        return scores

    def _check_state(self, state: dict[str, Any]) -> None:
        if "centroids_" not in state:
            return
        centroids, classes = state["centroids_"], state.get("classes_")
        if not (isinstance(centroids, np.ndarray) and centroids.ndim == 2 and centroids.dtype == np.float64):
            raise ValueError("corrupt state: centroids_ must be a matrix of float64")
        if centroids.shape[1] != state.get("n_features_in_", centroids.shape[1]):
            raise ValueError("corrupt state: centroids_ and n_features_in_ disagree")
        if not (isinstance(classes, np.ndarray) and classes.shape == centroids.shape[:1]):
            raise ValueError("corrupt state: classes_ and centroids_ disagree")
        shapes = {"class_prior_": centroids.shape[:1], "within_class_std_dev_": centroids.shape[1:]}
        for name, shape in {**shapes, "deviations_": centroids.shape}.items():
            value = state.get(name)
            if not (isinstance(value, np.ndarray) and value.shape == shape and value.dtype.kind in "fiu"):
                raise ValueError(f"corrupt state: {name} and centroids_ disagree")


def _floats(X: Any) -> Any:
    """Return ``X`` as it is if it is of float32 or float64, else as float64."""
    return X if X.dtype in (np.float32, np.float64) else X.astype(np.float64)


def _transposed(X: Any) -> Any:
    """Return ``X`` with features as rows, in row order or CSR."""
    return _floats(X).tocsc().T if sp.issparse(X) else np.ascontiguousarray(_floats(X).T)
