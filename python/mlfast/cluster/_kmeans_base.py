"""What the estimators of the k-means family share: conditions, validation, prediction."""

import warnings
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.cluster._kmeans import _BaseKMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array, check_random_state
from sklearn.utils._openmp_helpers import _openmp_effective_n_threads
from sklearn.utils.validation import (
    _check_sample_weight,
    _is_arraylike_not_scalar,
    validate_data,
)

from mlfast import _threads
from mlfast._callbacks import CallbackDropIn, Level, Watch
from mlfast._core import UnsupportedInputError, metrics
from mlfast._core import cluster as core
from mlfast._declared import in_rust
from mlfast._dispatch import Condition, callers_level, dispatch
from mlfast._state import DropIn


def _uses_mt19937(call: Any) -> bool:
    random = call.random_state
    return not isinstance(random, np.random.RandomState) or (
        random.get_state(legacy=False)["bit_generator"] == "MT19937"
    )


def _has_odd_weights(call: Any) -> bool:
    weight = call.sample_weight
    return weight is not None and not (weight.min() >= 0 and 0 < weight.sum() < np.inf)


FIT_CONDITIONS = (
    Condition("random_state draws from another generator than MT19937", lambda call: not _uses_mt19937(call)),
    Condition("sample_weight has negative values, or a sum that is not positive and finite", _has_odd_weights),
)


class _Shape:
    """Stands for X where scikit-learn's checks look at its shape: the variances they ask for are taken in Rust."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape = shape

    def var(self, **_: Any) -> np.ndarray:
        return np.zeros(1)


def check_like_parent(estimator: Any, X: Any) -> None:
    """Check parameters against the shape of ``X`` with the parent's own code."""
    estimator._check_params_vs_input(_Shape(X.shape))


def seed_of(random_state: Any) -> Any:
    """Return what the core seeds from: an int as it is, anything else as a ``RandomState``."""
    if isinstance(random_state, (int, np.integer)) and not isinstance(random_state, bool):
        return int(random_state)
    return check_random_state(random_state)


def printer(verbose: Any) -> Callable[..., None] | None:
    """Return the function that prints progress lines, or None when nobody wants them."""
    return (lambda template, numbers: print(template.format(*numbers))) if verbose else None


class KMeansDropIn(CallbackDropIn, DropIn, _BaseKMeans):
    """Validation and prediction of the k-means family."""

    def _check_state(self, state: dict[str, Any]) -> None:
        if "cluster_centers_" not in state:
            return
        centers, labels = state["cluster_centers_"], state.get("labels_")
        if not (isinstance(centers, np.ndarray) and centers.ndim == 2 and centers.dtype in (np.float32, np.float64)):
            raise ValueError("corrupt state: cluster_centers_ must be a matrix of float32 or float64")
        if centers.shape[1] != state.get("n_features_in_", centers.shape[1]):
            raise ValueError("corrupt state: cluster_centers_ and n_features_in_ disagree")
        if labels is not None and not (isinstance(labels, np.ndarray) and labels.ndim == 1):
            raise ValueError("corrupt state: labels_ must be a vector")

    def _validated(self, X: Any, *, reset: bool = True) -> Any:
        """Check ``X`` as the parent does, without copying it."""
        return validate_data(
            self,
            X,
            accept_sparse="csr",
            dtype=[np.float64, np.float32],
            order="C",
            accept_large_sparse=False,
            reset=reset,
        )

    def _prepare_fit(self: Any, X: Any, sample_weight: Any) -> SimpleNamespace:
        """Validate the input of a fit in the parent's order; return what the conditions and the fit look at."""
        X = self._validated(X)
        check_like_parent(self, X)
        random_state = seed_of(self.random_state)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, dtype=X.dtype)
        self._n_threads = _openmp_effective_n_threads()
        init = self.init
        if _is_arraylike_not_scalar(init):
            init = check_array(init, dtype=X.dtype, copy=True, order="C")
            self._validate_center_shape(X, init)
        return SimpleNamespace(X=X, sample_weight=sample_weight, random_state=random_state, init=init)

    def _run_fit(
        self: Any, call: SimpleNamespace, levels: Callable[[], Sequence[Level]], X: Any, y: Any, sample_weight: Any
    ) -> Any:
        """Fit in Rust or in scikit-learn; tell callbacks, if there are any, about the tasks of ``levels``."""
        call.watch = None
        if getattr(self, "_skl_callbacks", None):
            call.watch = Watch(self, X, y, sample_weight, levels(), lambda *at: self._fitted_so_far(call, *at))
        # Without what is wrapped around the parent's fit: parameters are checked, and callbacks go on after it.
        parent = super().fit.__wrapped__  # type: ignore[misc]
        result = dispatch(
            self,
            "fit",
            FIT_CONDITIONS,
            call,
            lambda: self._fit_in_rust(call),
            lambda: parent(self, X, y, sample_weight),
        )
        if call.watch is not None:
            call.watch.finish()
        return result

    def _fitted_so_far(self: Any, call: SimpleNamespace, snapshot: dict[str, Any], means: np.ndarray | None) -> Any:
        """Return the attributes that the estimator would have if its fit stopped at this snapshot."""
        centers = snapshot["centers"].reshape(self.n_clusters, -1)
        if means is not None:
            centers += means
        attributes = {"cluster_centers_": centers, "_n_features_out": len(centers), "n_iter_": snapshot["n_iter"]}
        if getattr(self, "compute_labels", True):
            attributes["labels_"], attributes["inertia_"] = core.assign_and_score(
                x=call.X, sample_weight=call.sample_weight, centers=centers, n_threads=_threads.resolve()
            )
        return attributes

    def _called_init(
        self: Any, X: Any, init: Callable[..., Any], random_state: Any, n_centroids: int | None = None
    ) -> np.ndarray:
        """Call a callable ``init`` once; check what it returns as the parent does."""
        n_centroids = n_centroids or self.n_clusters
        centers = init(X, n_centroids, random_state=random_state)
        centers = check_array(centers, dtype=X.dtype, copy=False, order="C")
        self._validate_center_shape(X, centers, n_centroids=n_centroids)
        return centers

    def _warn_if_fewer(self: Any, n_distinct: int) -> None:
        if n_distinct < self.n_clusters:
            warnings.warn(
                f"Number of distinct clusters ({n_distinct}) found smaller than n_clusters ({self.n_clusters}). "
                "Possibly due to duplicate points in X.",
                ConvergenceWarning,
                stacklevel=callers_level(),
            )

    def _checked(self: Any, X: Any) -> Any:
        """Return ``X`` as it is handed to Rust, for a method of a fitted estimator."""
        X = self._validated(X, reset=False)
        self._refuse_other_dtype(X)
        return X

    def _refuse_other_dtype(self: Any, X: Any) -> None:
        if X.dtype != self.cluster_centers_.dtype:
            raise UnsupportedInputError("X and cluster_centers_ differ in dtype")

    @in_rust(small=core.predict_small)
    def predict(self: Any, X: Any) -> np.ndarray:
        """Predict the closest cluster of each sample.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            New data.

        Returns
        -------
        labels : ndarray of shape (n_samples,), dtype int32
            Index of the closest center; the lowest of equally close ones.
        """
        return self._assigned(self._checked(X))

    def _assigned(self: Any, X: Any) -> np.ndarray:
        return core.assign(x=X, centers=self.cluster_centers_, n_threads=_threads.resolve())

    @in_rust()
    def transform(self: Any, X: Any) -> np.ndarray:
        """Compute the distances of each sample to the centers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            New data.

        Returns
        -------
        X_new : ndarray of shape (n_samples, n_clusters)
            Euclidean distances.
        """
        return self._distances(self._checked(X))

    def fit_transform(self: Any, X: Any, y: Any = None, sample_weight: Any = None) -> np.ndarray:
        """Fit, then compute the distances of each sample to the centers; see `fit` and `transform`."""
        return self.fit(X, sample_weight=sample_weight)._transform(X)

    def _transform(self: Any, X: Any) -> np.ndarray:
        # Not `transform`: a subclass may have another, and scikit-learn's `fit_transform` does not heed it.
        return dispatch(
            self,
            "transform",
            (),
            None,
            lambda: self._distances(self._checked(X)),
            lambda: super(KMeansDropIn, self)._transform(X),
        )

    def _distances(self: Any, X: Any) -> np.ndarray:
        n_threads = _threads.resolve()
        if X is self.cluster_centers_:  # every center is at distance 0 from itself, whatever rounding would say
            return metrics.euclidean(x=X, y=None, squared=False, x_norms=None, y_norms=None, n_threads=n_threads)
        return core.transform(x=X, centers=self.cluster_centers_, n_threads=n_threads)

    @in_rust()
    def score(self: Any, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the opposite of the inertia of ``X``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            New data.
        y : Ignored
            Present by convention.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples; None: equal weights.

        Returns
        -------
        score : float
            Minus the weighted sum of squared distances to the closest centers.
        """

        X = self._checked(X)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, dtype=X.dtype)
        _, inertia = core.assign_and_score(
            x=X, sample_weight=sample_weight, centers=self.cluster_centers_, n_threads=_threads.resolve()
        )
        return -inertia


def centred(X: Any) -> Any:
    """Return ``X`` less its column means, as the parent hands it to a callable ``init``; sparse ``X`` as it is."""
    return X if sp.issparse(X) else X - X.mean(axis=0)
