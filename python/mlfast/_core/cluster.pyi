from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "assign",
    "assign_and_score",
    "bisecting_fit",
    "bisecting_predict",
    "inertia",
    "kmeans_fit",
    "kmeans_plusplus",
    "minibatch_fit",
    "minibatch_step",
    "predict_small",
    "transform",
]

_Samples = Any  # ndarray, or scipy.sparse CSR, of float32 or float64
_Report = Callable[[str, list[Any]], None] | None
_Watch = object | None  # with the methods centred(means), begin(task) and end(task, snapshot)

def assign(*, x: _Samples, centers: NDArray[Any], n_threads: int) -> NDArray[np.int32]: ...
def assign_and_score(
    *,
    x: _Samples,
    sample_weight: NDArray[Any] | None,
    centers: NDArray[Any],
    n_threads: int,
) -> tuple[NDArray[np.int32], float]: ...
def bisecting_fit(
    *,
    x: _Samples,
    sample_weight: NDArray[Any] | None,
    n_clusters: int,
    init: str,
    n_init: int,
    max_iter: int,
    tol: float,
    elkan: bool,
    by_inertia: bool,
    random_state: Any,
    report: _Report,
    watch: _Watch,
    n_threads: int,
) -> dict[str, Any]: ...
def bisecting_predict(
    *,
    x: _Samples,
    node_centers: NDArray[Any],
    node_children: list[tuple[int, int] | None],
    node_labels: list[int],
    n_threads: int,
) -> NDArray[np.int32]: ...
def inertia(
    *,
    x: _Samples,
    sample_weight: NDArray[Any] | None,
    centers: NDArray[Any],
    labels: NDArray[np.int32],
    n_threads: int,
) -> float: ...
def kmeans_fit(
    *,
    x: _Samples,
    sample_weight: NDArray[Any] | None,
    n_clusters: int,
    init: str | NDArray[Any],
    init_is_centred: bool,
    n_init: int,
    max_iter: int,
    tol: float,
    elkan: bool,
    random_state: Any,
    report: _Report,
    watch: _Watch,
    n_threads: int,
) -> dict[str, Any]: ...
def kmeans_plusplus(
    *,
    x: _Samples,
    x_squared_norms: NDArray[np.float64] | None,
    sample_weight: NDArray[Any] | None,
    n_clusters: int,
    n_local_trials: int | None,
    random_state: Any,
    n_threads: int,
) -> tuple[NDArray[Any], NDArray[np.int64]]: ...
def minibatch_fit(
    *,
    x: _Samples,
    sample_weight: NDArray[Any] | None,
    n_clusters: int,
    init: str | NDArray[Any],
    n_init: int,
    init_size: int,
    validation: NDArray[Any] | None,
    draws_subset: bool,
    batch_size: int,
    n_steps: int,
    tol: float,
    max_no_improvement: int | None,
    reassignment_ratio: float,
    compute_labels: bool,
    random_state: Any,
    report: _Report,
    watch: _Watch,
    n_threads: int,
) -> dict[str, Any]: ...
def minibatch_step(
    *,
    x: _Samples,
    sample_weight: NDArray[Any] | None,
    centers: NDArray[Any],
    counts: NDArray[Any],
    since_reassignment: int,
    batch_size: int,
    reassignment_ratio: float,
    random_state: Any,
    report: _Report,
    n_threads: int,
) -> dict[str, Any]: ...
def predict_small(state: dict[str, Any], x: Any) -> NDArray[np.int32] | None: ...
def transform(*, x: _Samples, centers: NDArray[Any], n_threads: int) -> NDArray[Any]: ...
