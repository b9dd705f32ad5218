"""Mini-batch k-means."""

from types import SimpleNamespace
from typing import Any, Self

import numpy as np
import sklearn.cluster
from sklearn.utils import check_array, check_random_state
from sklearn.utils._openmp_helpers import _openmp_effective_n_threads
from sklearn.utils.extmath import row_norms
from sklearn.utils.validation import _check_sample_weight, _is_arraylike_not_scalar

from mlfast import _threads
from mlfast._callbacks import Level
from mlfast._core import cluster as core
from mlfast._dispatch import dispatch
from mlfast._state import _fit_context, keeps_state
from mlfast.cluster._kmeans_base import FIT_CONDITIONS, KMeansDropIn, check_like_parent, printer


class MiniBatchKMeans(KMeansDropIn, sklearn.cluster.MiniBatchKMeans):
    __doc__ = sklearn.cluster.MiniBatchKMeans.__doc__

    @keeps_state
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Compute the centers on random mini-batches of ``X``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples. C-ordered float32 or float64 arrays are read in place, never copied.
        y : Ignored
            Present by convention.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples; None: equal weights. Not used by ``init`` if that is a callable or an array.

        Returns
        -------
        self : MiniBatchKMeans
            The fitted estimator.
        """
        call = self._prepare_fit(X, sample_weight)
        call.n_steps = (self.max_iter * call.X.shape[0]) // self._batch_size
        return self._run_fit(call, lambda: [Level("iteration", "step", call.n_steps)], X, y, sample_weight)

    def _fit_in_rust(self, call: SimpleNamespace) -> "MiniBatchKMeans":
        X, init, random, validation = call.X, call.init, call.random_state, None
        n_samples, is_called = X.shape[0], callable(call.init)
        if is_called:
            # The callable may draw too, so all draws up to here are made where it can see them.
            random = check_random_state(self.random_state)
            validation = random.randint(0, n_samples, self._init_size)
            init = np.stack([self._called_on_subset(X, init, random) for _ in range(self._n_init)])
        elif isinstance(init, np.ndarray):
            init = init[np.newaxis]
        fit = core.minibatch_fit(
            x=X,
            sample_weight=call.sample_weight,
            n_clusters=self.n_clusters,
            init=init,
            n_init=self._n_init,
            init_size=self._init_size,
            validation=validation,
            draws_subset=not is_called,
            batch_size=self._batch_size,
            n_steps=call.n_steps,
            tol=self.tol,
            max_no_improvement=self.max_no_improvement,
            reassignment_ratio=self.reassignment_ratio,
            compute_labels=self.compute_labels,
            random_state=random,
            report=self._printer(),
            watch=call.watch,
            n_threads=_threads.resolve(),
        )
        self._tol = X.dtype.type(fit["tol"]) if self.tol else 0
        self._take(fit)
        self._ewa_inertia = fit["smoothed"]
        self._ewa_inertia_min = fit["min_smoothed"]
        self._no_improvement = fit["no_improvement"]
        self.n_steps_ = fit["n_steps"]
        self.n_iter_ = self._passes(self.n_steps_, n_samples)
        if self.compute_labels:
            self.labels_, self.inertia_ = fit["labels"], fit["inertia"]
        else:
            total = X.dtype.type(n_samples) if call.sample_weight is None else np.sum(call.sample_weight)
            self.inertia_ = self._ewa_inertia * total
        return self

    def _passes(self, n_steps: int, n_samples: int) -> int:
        return int(np.ceil(n_steps * self._batch_size / n_samples))

    def _fitted_so_far(
        self, call: SimpleNamespace, snapshot: dict[str, Any], means: np.ndarray | None
    ) -> dict[str, Any]:
        n_steps = snapshot["n_iter"]
        attributes = super()._fitted_so_far(call, snapshot, means)
        return attributes | {"n_steps_": n_steps, "n_iter_": self._passes(n_steps, call.X.shape[0])}

    def _called_on_subset(self, X: Any, init: Any, random: np.random.RandomState) -> np.ndarray:
        if self._init_size < X.shape[0]:
            X = X[random.randint(0, X.shape[0], self._init_size)]
        return self._called_init(X, init, random)

    def _printer(self) -> Any:
        if not self.verbose:
            return None
        return lambda template, numbers: print(template.format(*numbers, init=self.init))

    def _take(self, fit: dict[str, Any]) -> None:
        self.cluster_centers_ = fit["centers"]
        self._n_features_out = self.cluster_centers_.shape[0]
        self._counts = fit["counts"]
        self._n_since_last_reassign = fit["since_reassignment"]

    @keeps_state
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Update the centers with one mini-batch, all of ``X``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The mini-batch.
        y : Ignored
            Present by convention.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples; None: equal weights. Not used by ``init`` if that is a callable or an array.

        Returns
        -------
        self : MiniBatchKMeans
            The updated estimator.
        """
        is_first = not hasattr(self, "cluster_centers_")
        validated = self._validated(X, reset=is_first)
        random = getattr(self, "_random_state", None) or check_random_state(self.random_state)
        weight = sample_weight
        if weight is not None:
            weight = _check_sample_weight(weight, validated, dtype=validated.dtype)
        call = SimpleNamespace(X=validated, sample_weight=weight, random_state=random)
        return dispatch(
            self,
            "partial_fit",
            FIT_CONDITIONS,
            call,
            lambda: self._partial_fit_in_rust(call, is_first),
            lambda: super(MiniBatchKMeans, self).partial_fit(X, y, sample_weight),
        )

    def _partial_fit_in_rust(self, call: SimpleNamespace, is_first: bool) -> "MiniBatchKMeans":
        X, weight = call.X, call.sample_weight
        if not is_first:
            self._refuse_other_dtype(X)
        self._random_state = call.random_state
        self.n_steps_ = getattr(self, "n_steps_", 0)
        if is_first:
            check_like_parent(self, X)
            self._n_threads = _openmp_effective_n_threads()
            self.cluster_centers_ = self._first_centers(X, weight)
            self._counts = np.zeros(self.n_clusters, dtype=X.dtype)
            self._n_since_last_reassign = 0
        self._take(
            core.minibatch_step(
                x=X,
                sample_weight=weight,
                centers=self.cluster_centers_,
                counts=self._counts,
                since_reassignment=self._n_since_last_reassign,
                batch_size=self._batch_size,
                reassignment_ratio=self.reassignment_ratio,
                random_state=self._random_state,
                report=printer(self.verbose),
                n_threads=1,
            )
        )
        if self.compute_labels:
            self.labels_, self.inertia_ = core.assign_and_score(
                x=X, sample_weight=weight, centers=self.cluster_centers_, n_threads=_threads.resolve()
            )
        self.n_steps_ += 1
        return self

    def _first_centers(self, X: Any, weight: Any) -> np.ndarray:
        init = self.init
        if _is_arraylike_not_scalar(init):
            init = check_array(init, dtype=X.dtype, copy=True, order="C")
            self._validate_center_shape(X, init)
        if weight is None:
            weight = np.ones(X.shape[0], dtype=X.dtype)
        if isinstance(init, str) and init == "k-means++":
            if self._init_size < X.shape[0]:
                rows = self._random_state.randint(0, X.shape[0], self._init_size)
                X, weight = X[rows], weight[rows]
            centers, _ = core.kmeans_plusplus(
                x=X,
                x_squared_norms=None,
                sample_weight=weight,
                n_clusters=self.n_clusters,
                n_local_trials=None,
                random_state=self._random_state,
                n_threads=_threads.resolve(),
            )
            return centers
        # Random rows, an array or a callable: nothing to compute, so the parent's own drawing serves.
        return self._init_centroids(
            X,
            x_squared_norms=row_norms(X, squared=True),
            init=init,
            random_state=self._random_state,
            init_size=self._init_size,
            sample_weight=weight,
        )
