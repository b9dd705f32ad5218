"""k-means."""

from types import SimpleNamespace
from typing import Any, Self

import numpy as np
import sklearn.cluster
from sklearn.utils import check_array, check_random_state
from sklearn.utils._param_validation import validate_params
from sklearn.utils.validation import _check_sample_weight

from mlfast import _threads
from mlfast._callbacks import Level
from mlfast._core import UnsupportedInputError
from mlfast._core import cluster as core
from mlfast._dispatch import dispatch
from mlfast._state import _fit_context, keeps_state
from mlfast.cluster._kmeans_base import FIT_CONDITIONS, KMeansDropIn, centred, printer, seed_of


class KMeans(KMeansDropIn, sklearn.cluster.KMeans):
    __doc__ = sklearn.cluster.KMeans.__doc__

    @keeps_state
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Compute k-means clustering.

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
        self : KMeans
            The fitted estimator.
        """
        call = self._prepare_fit(X, sample_weight)
        return self._run_fit(call, self._levels, X, y, sample_weight)

    def _levels(self) -> list[Level]:
        iterations = Level("iteration", "iteration", self.max_iter)
        return [iterations] if self._n_init == 1 else [Level("run", "init", self._n_init), iterations]

    def _fit_in_rust(self, call: SimpleNamespace) -> "KMeans":
        init, is_called = call.init, callable(call.init)
        if is_called:
            X, random = centred(call.X), check_random_state(self.random_state)
            init = np.stack([self._called_init(X, init, random) for _ in range(self._n_init)])
        elif isinstance(init, np.ndarray):
            init = init[np.newaxis]
        fit = core.kmeans_fit(
            x=call.X,
            sample_weight=call.sample_weight,
            n_clusters=self.n_clusters,
            init=init,
            init_is_centred=is_called,
            n_init=self._n_init,
            max_iter=self.max_iter,
            tol=self.tol,
            elkan=self._algorithm == "elkan",
            random_state=call.random_state,
            report=printer(self.verbose),
            watch=call.watch,
            n_threads=_threads.resolve(),
        )
        self._warn_if_fewer(fit["n_distinct"])
        self._tol = call.X.dtype.type(fit["tol"]) if self.tol else 0
        self.cluster_centers_ = fit["centers"]
        self._n_features_out = self.cluster_centers_.shape[0]
        self.labels_ = fit["labels"]
        self.inertia_ = fit["inertia"]
        self.n_iter_ = fit["n_iter"]
        return self


@validate_params(sklearn.cluster.k_means._skl_parameter_constraints, prefer_skip_nested_validation=False)
def k_means(
    X: Any,
    n_clusters: int,
    *,
    sample_weight: Any = None,
    init: Any = "k-means++",
    n_init: Any = "auto",
    max_iter: int = 300,
    verbose: Any = False,
    tol: float = 1e-4,
    random_state: Any = None,
    copy_x: bool = True,
    algorithm: str = "lloyd",
    return_n_iter: bool = False,
) -> tuple[Any, ...]:
    """Compute k-means clustering; see `KMeans` for the parameters.

    Returns
    -------
    centroid : ndarray of shape (n_clusters, n_features)
        The centers.
    label : ndarray of shape (n_samples,), dtype int32
        Index of the closest center of each sample.
    inertia : float
        Weighted sum of squared distances to the closest centers.
    best_n_iter : int
        Iterations of the best run; only if ``return_n_iter``.
    """
    estimator = KMeans(
        n_clusters=n_clusters,
        init=init,
        n_init=n_init,
        max_iter=max_iter,
        verbose=verbose,
        tol=tol,
        random_state=random_state,
        copy_x=copy_x,
        algorithm=algorithm,
    ).fit(X, sample_weight=sample_weight)
    result = estimator.cluster_centers_, estimator.labels_, estimator.inertia_
    return (*result, estimator.n_iter_) if return_n_iter else result


@validate_params(sklearn.cluster.kmeans_plusplus._skl_parameter_constraints, prefer_skip_nested_validation=True)
def kmeans_plusplus(
    X: Any,
    n_clusters: int,
    *,
    sample_weight: Any = None,
    x_squared_norms: Any = None,
    random_state: Any = None,
    n_local_trials: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Choose seeds by greedy k-means++.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Samples.
    n_clusters : int
        Number of seeds.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the samples; None: equal weights.
    x_squared_norms : array-like of shape (n_samples,), default=None
        Squared Euclidean norms of the samples, if known.
    random_state : int, RandomState instance or None, default=None
        Where the draws come from.
    n_local_trials : int, default=None
        Candidates per seed, of which the best is kept; None: ``2 + int(log(n_clusters))``.

    Returns
    -------
    centers : ndarray of shape (n_clusters, n_features)
        The seeds.
    indices : ndarray of shape (n_clusters,)
        Their positions in ``X``.

    References
    ----------
    D. Arthur and S. Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007.
    """
    parent_arguments = {
        "sample_weight": sample_weight,
        "x_squared_norms": x_squared_norms,
        "random_state": random_state,
        "n_local_trials": n_local_trials,
    }
    original = X
    kind = getattr(X, "dtype", np.dtype(float)).kind
    X = check_array(X, accept_sparse="csr", dtype=[np.float64, np.float32], order="C")
    if sample_weight is not None:
        sample_weight = _check_sample_weight(sample_weight, X, dtype=X.dtype)
    if X.shape[0] < n_clusters:
        raise ValueError(f"n_samples={X.shape[0]} should be >= n_clusters={n_clusters}.")
    if x_squared_norms is not None:
        x_squared_norms = check_array(x_squared_norms, dtype=X.dtype, ensure_2d=False)
        if x_squared_norms.shape[0] != X.shape[0]:
            raise ValueError(
                f"The length of x_squared_norms {x_squared_norms.shape[0]} should be equal to the length of "
                f"n_samples {X.shape[0]}."
            )
        # Norms in float32 are too coarse to be used: they are taken anew.
        x_squared_norms = None if X.dtype == np.float32 else x_squared_norms
    seed = seed_of(random_state)

    def rust() -> tuple[np.ndarray, np.ndarray]:
        if kind not in "fiub":
            raise UnsupportedInputError("X does not hold numbers")
        return core.kmeans_plusplus(
            x=X,
            x_squared_norms=x_squared_norms,
            sample_weight=sample_weight,
            n_clusters=n_clusters,
            n_local_trials=n_local_trials,
            random_state=seed,
            n_threads=_threads.resolve(),
        )

    centers, indices = dispatch(
        "cluster",
        "kmeans_plusplus",
        FIT_CONDITIONS,
        SimpleNamespace(random_state=seed, sample_weight=sample_weight),
        rust,
        lambda: sklearn.cluster.kmeans_plusplus(original, n_clusters, **parent_arguments),
    )
    # Seeds are rows of X: integers stay integers.
    return centers.astype(getattr(original, "dtype", X.dtype), copy=False), indices
