"""
The list of all public estimators and functions, with what the contract tests must know about each.

A new estimator gets every test of this folder by one more `Entry` in `ENTRIES`. Nothing here may import pytest or
Hypothesis: the scenarios that run in fresh interpreters read this list too.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp
import sklearn.cluster

import mlfast.cluster


def mixture(seed, n, d, dtype=np.float64):
    """
    Rows of shape (n, d): a few round clouds in uniform noise. Continuous, so that no two distances tie.

    All distances between distinct rows are far above rounding, which parity by equality needs.
    """
    rng = np.random.RandomState(seed)
    centers = rng.uniform(-5, 5, size=(4, d))
    X = centers[rng.randint(0, 4, size=n)] + rng.standard_normal((n, d))
    noise = rng.uniform(size=n) < 0.3
    X[noise] = rng.uniform(-8, 8, size=(int(noise.sum()), d))
    return X.astype(dtype)


def sparse_mixture(seed, n, d, dtype=np.float64, density=0.4):
    """CSR rows of shape (n, d) from `mixture`; the first column is always there, so no two rows are equal."""
    X = mixture(seed, n, d, dtype)
    drop = np.random.RandomState((seed + 1) % 2**32).uniform(size=X.shape) > density
    drop[:, 0] = False
    X[drop] = 0
    return sp.csr_array(X)


@dataclass(frozen=True, repr=False)
class Entry:
    """One estimator: how to make it, feed it and read it."""

    ours: type
    parent: type
    params: Mapping  # cheap and repeatable settings that all tests start from
    outputs: tuple  # methods called with X after fit, whose values are compared
    fuzz: Mapping  # parameter -> values that the parity fuzz draws from
    bad_params: tuple  # settings that the parent refuses
    endless: Mapping  # settings with which a fit on `endless_shape` lasts until it is interrupted
    endless_shape: tuple = (200_000, 20)
    data: Callable = mixture  # (seed, n, d, dtype) -> X
    target: Callable | None = None  # (seed, X) -> y, for supervised estimators
    deterministic: bool = True  # same bits from the same random_state
    sparse: bool = True
    sample_weight: bool = True
    weighted_outputs: tuple = ()  # those of `outputs` that take sample_weight
    size_param: str | None = None  # the parameter that must not exceed the number of rows
    quadratic: tuple = ()  # sums of squares among attributes and outputs
    distances: tuple = ()  # distances among attributes and outputs
    degree: Mapping = field(default_factory=dict)  # X * s multiplies an attribute or output by s ** degree
    scalable: Mapping = field(default_factory=dict)  # settings without which X * s is not the same problem
    start: Callable | None = None  # (X, k) -> parameters that leave nothing to the random generator
    incremental: bool = False  # has partial_fit
    state: tuple = ()  # attributes that a fit must set

    @property
    def name(self):
        return self.ours.__name__

    def __repr__(self):
        return self.name

    def _repr_pretty_(self, printer, cycle):
        printer.text(self.name)  # Hypothesis would list all fields

    def make(self, parent=False, **params):
        """An unfitted estimator with the cheap settings, changed by `params`."""
        return (self.parent if parent else self.ours)(**{**self.params, **params})

    def fit(self, X, parent=False, sample_weight=None, **params):
        """A fitted estimator."""
        return self.refit(self.make(parent, **params), X, sample_weight)

    def refit(self, est, X, sample_weight=None):
        """Fit `est` again; a target is made up where the estimator needs one."""
        args = (X,) if self.target is None else (X, self.target(0, X))
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        return est.fit(*args, **weights)

    def results(self, est, X):
        """Values of all outputs on X, by method name."""
        return {name: getattr(est, name)(X) for name in self.outputs}


def kmeans_start(X, k):
    """The first k rows as given centres."""
    head = X[:k]
    return {"init": head.toarray() if sp.issparse(head) else np.array(head), "n_init": 1, "n_clusters": k}


def first_rows(X, n_clusters, random_state=None):
    """A callable init: the first rows, whatever the generator says."""
    head = X[:n_clusters]
    return head.toarray() if sp.issparse(head) else np.array(head)


def random_rows(X, n_clusters, random_state):
    """A callable init that draws from the generator it is handed."""
    head = X[random_state.permutation(X.shape[0])[:n_clusters]]
    return head.toarray() if sp.issparse(head) else np.array(head)


KMEANS_OUTPUTS = ("predict", "transform", "score")
KMEANS_DEGREE = {"cluster_centers_": 1, "inertia_": 2, "labels_": 0, "predict": 0, "transform": 1, "score": 2}
KMEANS_STATE = ("cluster_centers_", "labels_", "inertia_", "n_features_in_")
KMEANS_BAD = (
    {"n_clusters": 0},
    {"n_clusters": -1},
    {"n_clusters": 2.5},
    {"n_clusters": "3"},
    {"n_clusters": None},
    {"n_clusters": 10_000},
    {"init": "kmeans"},
    {"init": None},
    {"init": 3},
    {"n_init": 0},
    {"n_init": "many"},
    {"max_iter": 0},
    {"max_iter": 1.5},
    {"tol": -1e-4},
    {"tol": "small"},
    {"tol": None},
    {"verbose": "loud"},
    {"random_state": -1},
    {"random_state": "seed"},
    {"init": first_rows, "n_clusters": 3, "n_init": "auto", "max_iter": 0},
)


def tied_picks(X, weights, ours, theirs):
    """
    Whether two lists of seeds part at candidates whose potentials are equal within rounding.

    Two candidates that are each other's only gain leave the same sum of distances behind, added in another order.
    """
    dense = (X.toarray() if sp.issparse(X) else np.asarray(X)).astype(np.float64)
    mine, parents = ours["indices"], theirs["indices"]
    first = int(np.flatnonzero(mine != parents)[0])
    weights = np.ones(len(dense)) if weights is None else np.asarray(weights, dtype=np.float64)

    def potential(seeds):
        squares = ((dense[:, None] - dense[seeds]) ** 2).sum(axis=2)
        return float(weights @ squares.min(axis=1))

    a, b = potential(mine[: first + 1]), potential(parents[: first + 1])
    start = float(weights @ (dense**2).sum(axis=1))
    return first > 0 and abs(a - b) <= 64 * np.finfo(X.dtype).eps * (start + a)


BAD_STARTS = (
    {"init": np.zeros((2, 4)), "n_init": 1},
    {"init": np.zeros((3, 9)), "n_init": 1},
    {"init": np.zeros(4), "n_init": 1},
    {"init": np.full((3, 4), np.nan), "n_init": 1},
    {"init": [["a"] * 4] * 3, "n_init": 1},
    {"init": np.zeros((3, 4), dtype=complex), "n_init": 1},
)


def wrong_shape(X, n_clusters, random_state):
    """A callable init that returns one centre too few."""
    return np.zeros((n_clusters - 1, X.shape[1]))


ENTRIES = [
    Entry(
        ours=mlfast.cluster.KMeans,
        parent=sklearn.cluster.KMeans,
        params={"n_clusters": 3, "n_init": 2, "random_state": 0, "max_iter": 30},
        outputs=KMEANS_OUTPUTS,
        weighted_outputs=("score",),
        size_param="n_clusters",
        quadratic=("inertia_", "score"),
        distances=("transform",),
        degree=KMEANS_DEGREE,
        start=kmeans_start,
        state=(*KMEANS_STATE, "n_iter_"),
        fuzz={
            "n_clusters": (1, 2, 3, 5, 8),
            "init": ("k-means++", "random", first_rows, random_rows),
            "n_init": ("auto", 1, 3),
            "max_iter": (1, 2, 10, 300),
            "tol": (1e-4, 1e-2),
            "algorithm": ("lloyd", "elkan"),
            "copy_x": (True, False),
        },
        bad_params=(
            *KMEANS_BAD,
            *BAD_STARTS,
            {"init": wrong_shape, "n_init": 1},
            {"algorithm": "full"},
            {"copy_x": "yes"},
        ),
        endless={"n_clusters": 200, "init": "random", "n_init": 1000, "tol": 0.0, "max_iter": 10**6},
    ),
    Entry(
        ours=mlfast.cluster.MiniBatchKMeans,
        parent=sklearn.cluster.MiniBatchKMeans,
        params={"n_clusters": 3, "n_init": 2, "random_state": 0, "max_iter": 10, "batch_size": 64},
        outputs=KMEANS_OUTPUTS,
        weighted_outputs=("score",),
        size_param="n_clusters",
        quadratic=("inertia_", "score"),
        distances=("transform",),
        degree=KMEANS_DEGREE,
        incremental=True,
        state=(*KMEANS_STATE, "n_iter_", "n_steps_"),
        fuzz={
            "n_clusters": (1, 2, 3, 5, 8),
            "init": ("k-means++", "random", first_rows, random_rows),
            "n_init": ("auto", 1, 3),
            "max_iter": (1, 2, 10),
            "tol": (0.0, 1e-3),
            "batch_size": (7, 20, 1024),
            "compute_labels": (True, False),
            "max_no_improvement": (10, 2, None),
            "init_size": (None, 5, 30),
            "reassignment_ratio": (0.01, 0.0, 0.5),
        },
        bad_params=(
            *KMEANS_BAD,
            *BAD_STARTS,
            {"init": wrong_shape, "n_init": 1},
            {"batch_size": 0},
            {"compute_labels": "yes"},
            {"max_no_improvement": -1},
            {"init_size": 0},
            {"reassignment_ratio": -0.5},
        ),
        endless={"n_clusters": 200, "init": "random", "n_init": 1, "max_no_improvement": None, "max_iter": 10**6},
    ),
    Entry(
        ours=mlfast.cluster.BisectingKMeans,
        parent=sklearn.cluster.BisectingKMeans,
        params={"n_clusters": 3, "n_init": 2, "random_state": 0, "max_iter": 30},
        outputs=KMEANS_OUTPUTS,
        weighted_outputs=("score",),
        size_param="n_clusters",
        quadratic=("inertia_", "score"),
        distances=("transform",),
        degree=KMEANS_DEGREE,
        scalable={"tol": 0.0},  # its tolerance is absolute
        state=KMEANS_STATE,
        fuzz={
            "n_clusters": (1, 2, 3, 5, 8),
            "init": ("k-means++", "random", random_rows),
            "n_init": (1, 3),
            "max_iter": (1, 2, 10, 300),
            "tol": (1e-4, 1e-2),
            "algorithm": ("lloyd", "elkan"),
            "copy_x": (True, False),
            "bisecting_strategy": ("biggest_inertia", "largest_cluster"),
        },
        bad_params=(
            *KMEANS_BAD,
            {"init": np.zeros((3, 4))},
            {"init": wrong_shape},
            {"algorithm": "full"},
            {"copy_x": "yes"},
            {"bisecting_strategy": "smallest"},
        ),
        endless={"n_clusters": 50, "n_init": 100_000, "tol": 0.0, "max_iter": 10**6},
    ),
]


@dataclass(frozen=True, repr=False)
class Function:
    """One public function of (X, **params) that returns a tuple."""

    ours: Callable
    parent: Callable
    params: Mapping
    fuzz: Mapping
    bad_params: tuple
    endless: Mapping
    endless_shape: tuple = (200_000, 20)
    results: tuple = ()  # names of what it returns
    quadratic: tuple = ()
    size_param: str | None = None
    tied: Callable | None = None  # (X, weights, ours, parent's) -> whether the results part at a choice between equals

    @property
    def name(self):
        return self.ours.__name__

    def __repr__(self):
        return self.name

    def _repr_pretty_(self, printer, cycle):
        printer.text(self.name)  # Hypothesis would list all fields

    def call(self, X, parent=False, **params):
        """The returned values by name."""
        returned = (self.parent if parent else self.ours)(X, **{**self.params, **params})
        return dict(zip(self.results, returned, strict=True))


FUNCTIONS = [
    Function(
        ours=mlfast.cluster.k_means,
        parent=sklearn.cluster.k_means,
        params={"n_clusters": 3, "random_state": 0, "return_n_iter": True},
        results=("centers", "labels", "inertia", "n_iter"),
        quadratic=("inertia",),
        size_param="n_clusters",
        fuzz={
            "n_clusters": (1, 2, 3, 5, 8),
            "init": ("k-means++", "random", random_rows),
            "n_init": ("auto", 1, 3),
            "max_iter": (1, 10, 300),
            "tol": (1e-4, 1e-2),
            "algorithm": ("lloyd", "elkan"),
            "copy_x": (True, False),
        },
        bad_params=(*KMEANS_BAD, *BAD_STARTS, {"return_n_iter": "yes"}, {"algorithm": "full"}),
        endless={"n_clusters": 200, "init": "random", "n_init": 1000, "tol": 0.0, "max_iter": 10**6},
    ),
    Function(
        ours=mlfast.cluster.kmeans_plusplus,
        parent=sklearn.cluster.kmeans_plusplus,
        params={"n_clusters": 3, "random_state": 0},
        results=("centers", "indices"),
        tied=tied_picks,
        size_param="n_clusters",
        fuzz={"n_clusters": (1, 2, 3, 5, 8), "n_local_trials": (None, 1, 4)},
        bad_params=(
            {"n_clusters": 0},
            {"n_clusters": 2.5},
            {"n_clusters": 10_000},
            {"n_local_trials": 0},
            {"x_squared_norms": np.ones(3)},
            {"x_squared_norms": "norms"},
            {"random_state": "seed"},
        ),
        endless={"n_clusters": 5000, "n_local_trials": 50},
    ),
]

BY_NAME = {entry.name: entry for entry in ENTRIES}
FUNCTION_BY_NAME = {function.name: function for function in FUNCTIONS}
