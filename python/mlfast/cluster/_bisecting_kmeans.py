"""Bisecting k-means."""

from types import SimpleNamespace
from typing import Any, Self

import numpy as np
import sklearn.cluster
from sklearn.cluster._bisect_k_means import _BisectingTree
from sklearn.cluster._kmeans import _kmeans_single_elkan, _kmeans_single_lloyd
from sklearn.utils import check_random_state

from mlfast import _threads
from mlfast._callbacks import Level
from mlfast._core import cluster as core
from mlfast._declared import in_rust
from mlfast._state import _fit_context, keeps_state
from mlfast.cluster._kmeans_base import KMeansDropIn, centred, printer


class BisectingKMeans(KMeansDropIn, sklearn.cluster.BisectingKMeans):
    __doc__ = sklearn.cluster.BisectingKMeans.__doc__
    _skops_types = tuple(
        f"{part.__module__}.{part.__name__}" for part in (_BisectingTree, _kmeans_single_elkan, _kmeans_single_lloyd)
    )

    @keeps_state
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Compute bisecting k-means clustering.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples. C-ordered float32 or float64 arrays are read in place, never copied.
        y : Ignored
            Present by convention.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples; None: equal weights. Not used by ``init`` if that is a callable.

        Returns
        -------
        self : BisectingKMeans
            The fitted estimator.
        """
        call = self._prepare_fit(X, sample_weight)
        call.random_state = check_random_state(self.random_state)
        return self._run_fit(call, self._levels, X, y, sample_weight)

    def _levels(self) -> list[Level]:
        splits = Level("split", "split", self.n_clusters - 1)
        iterations = Level("iteration", "iteration", self.max_iter)
        return [splits, iterations] if self.n_init == 1 else [splits, Level("run", "init", self.n_init), iterations]

    def _fit_in_rust(self, call: SimpleNamespace) -> "BisectingKMeans":
        is_elkan = self.algorithm == "elkan" and self.n_clusters > 1
        self.__dict__.pop("_X_mean", None)
        init = self._chooser(call) if callable(call.init) else call.init
        fit = core.bisecting_fit(
            x=call.X,
            sample_weight=call.sample_weight,
            n_clusters=self.n_clusters,
            init=init,
            n_init=self.n_init,
            max_iter=self.max_iter,
            tol=self.tol,
            elkan=is_elkan,
            by_inertia=self.bisecting_strategy == "biggest_inertia",
            random_state=call.random_state,
            report=printer(self.verbose),
            watch=call.watch,
            n_threads=_threads.resolve(),
        )
        self._random_state = call.random_state
        self._kmeans_single = _kmeans_single_elkan if is_elkan else _kmeans_single_lloyd
        self.__dict__.update(_grown(fit, fit["means"] if fit["means"].size else None))
        self.labels_ = fit["labels"]
        self.inertia_ = fit["inertia"]
        return self

    def _fitted_so_far(
        self, call: SimpleNamespace, snapshot: dict[str, Any], means: np.ndarray | None
    ) -> dict[str, Any] | None:
        if "leaves" not in snapshot:
            return None  # in the middle of a split there is no model
        X = call.X
        node_centers = snapshot["node_centers"].reshape(-1, X.shape[1])
        attributes = _grown(snapshot | {"node_centers": node_centers}, means)
        labels = _descended(X, attributes["_bisecting_tree"], attributes["cluster_centers_"], means)
        inertia = core.inertia(
            x=X,
            sample_weight=call.sample_weight,
            centers=attributes["cluster_centers_"],
            labels=labels,
            n_threads=_threads.resolve(),
        )
        return attributes | {"labels_": labels, "inertia_": inertia}

    def _chooser(self, call: SimpleNamespace) -> Any:
        """Return what calls a callable ``init`` for some rows, as the parent does for the rows of each split."""
        X = centred(call.X)
        return lambda rows: self._called_init(X[rows], call.init, call.random_state, n_centroids=2)

    @in_rust()
    def predict(self, X: Any) -> np.ndarray:
        """Predict the cluster of each sample: down the tree of splits, at each to the closer center.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            New data.

        Returns
        -------
        labels : ndarray of shape (n_samples,), dtype int32
            Index of the cluster.
        """
        return _descended(self._checked(X), self._bisecting_tree, self.cluster_centers_, getattr(self, "_X_mean", None))


def _grown(fit: dict[str, Any], means: np.ndarray | None) -> dict[str, Any]:
    """Return the attributes that hold the splits. Centers of nodes are relative to ``means``."""
    centers = fit["node_centers"][fit["leaves"]]
    attributes = {"_bisecting_tree": _tree(fit), "cluster_centers_": centers, "_n_features_out": len(centers)}
    if means is not None:
        centers += means
        attributes["_X_mean"] = means
    return attributes


def _descended(X: Any, tree: _BisectingTree, like: np.ndarray, means: np.ndarray | None) -> np.ndarray:
    """Return the clusters of the rows of ``X``, of shape (n_samples,)."""
    centers, children, labels = _flattened(tree, like)
    return core.bisecting_predict(
        x=X,
        node_centers=centers if means is None else centers + means,
        node_children=children,
        node_labels=labels,
        n_threads=_threads.resolve(),
    )


def _tree(fit: dict[str, Any]) -> _BisectingTree:
    """Return the splits as the parent's own tree."""
    scores = fit["node_scores"]
    nodes = [_BisectingTree(center, None, score) for center, score in zip(fit["node_centers"], scores, strict=True)]
    for node, children in zip(nodes, fit["node_children"], strict=True):
        if children is not None:
            node.left, node.right = (nodes[child] for child in children)
    for label, leaf in enumerate(fit["leaves"]):
        nodes[leaf].label = label
    return nodes[0]


def _flattened(root: _BisectingTree, like: np.ndarray) -> tuple[np.ndarray, list[Any], list[int]]:
    """Return centers, children and labels of the nodes, parents first."""
    nodes = [root]
    children: list[tuple[int, int] | None] = []
    position = 0
    while position < len(nodes):
        node = nodes[position]
        position += 1
        if node.left is None:
            children.append(None)
        else:
            children.append((len(nodes), len(nodes) + 1))
            nodes += [node.left, node.right]
    centers = np.vstack([np.asarray(node.center, dtype=like.dtype) for node in nodes])
    return centers, children, [getattr(node, "label", -1) for node in nodes]
