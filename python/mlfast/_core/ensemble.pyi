from collections.abc import Callable, Sequence
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from mlfast._core.tree import Columns

__all__ = [
    "Draws",
    "Forest",
    "HistogramTrees",
    "bag",
    "bin_edges",
    "boost",
    "boost_histograms",
    "grow_forest",
    "isolate",
    "weighted_quantile",
]

_Samples = Any  # ndarray, or scipy.sparse CSR, of float32

@final
class Draws:
    def __new__(cls, *, n_rows: int, n_draws: int, probabilities: NDArray[np.float64] | None) -> Draws: ...

# `y` is of shape (n_samples, n_outputs): int64 codes with `n_classes` by output, or float64 with None.
def grow_forest(
    *,
    columns: Columns,
    y: NDArray[np.int64] | NDArray[np.float64],
    n_classes: Sequence[int] | None,
    weights: NDArray[np.float64] | None,
    draws: Draws | None,
    is_balanced: bool,
    min_weight_fraction_leaf: float,
    ccp_alpha: float,
    params: dict[str, Any],
    seeds: Sequence[int],
    n_threads: int,
) -> list[dict[str, Any]]: ...
def bag(
    *,
    columns: Columns,
    y: NDArray[np.int64] | NDArray[np.float64],
    n_classes: Sequence[int] | None,
    weights: NDArray[np.float64] | None,
    probabilities: NDArray[np.float64] | None,
    subsamples: dict[str, Any],  # n_rows, replace_rows, n_features, replace_features
    min_weight_fraction_leaf: float,
    ccp_alpha: float,
    params: dict[str, Any],
    seeds: Sequence[int],
    n_threads: int,
) -> list[tuple[dict[str, Any], NDArray[np.int64], int]]: ...
def isolate(
    *,
    x: _Samples,
    y: NDArray[np.float64],
    probabilities: NDArray[np.float64] | None,
    n_draws: int,
    replace: bool,
    n_features: int,
    max_depth: int,
    seeds: Sequence[int],
    n_threads: int,
) -> list[tuple[dict[str, Any], NDArray[np.int64], int]]: ...

# `rule`: "mean" | "newton", factor | "exponential" | "quantile", percent | "huber", delta.
def boost(
    *,
    columns: Columns,
    x: _Samples,
    y: NDArray[np.float64],
    gradient: NDArray[np.float64],
    raw: NDArray[np.float64],
    weights: NDArray[np.float64] | None,
    seen: NDArray[np.uint8] | None,
    rule: tuple[str, float],
    learning_rate: float,
    min_weight_fraction_leaf: float,
    ccp_alpha: float,
    params: dict[str, Any],
    seeds: Sequence[int],
    n_threads: int,
) -> tuple[list[dict[str, Any]], NDArray[np.float64]]: ...
def weighted_quantile(*, values: NDArray[np.float64], weights: NDArray[np.float64] | None, percent: float) -> float: ...

@final
class Forest:
    def __new__(cls, estimators: list[Any], outputs: Sequence[NDArray[np.float64]] | None = None) -> Forest: ...
    def holds(self, estimators: list[Any]) -> bool: ...
    def mean(self, *, x: _Samples, n_threads: int) -> NDArray[np.float64]: ...
    def sum(self, *, x: _Samples, n_threads: int) -> NDArray[np.float64]: ...
    def votes(self, *, x: _Samples, weights: NDArray[np.float64], n_threads: int) -> NDArray[np.float64]: ...
    def medians(
        self, *, x: _Samples, weights: NDArray[np.float64], n_threads: int
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]: ...
    def add_to(self, *, x: _Samples, raw: NDArray[np.float64], scale: float, n_threads: int) -> NDArray[np.float64]: ...
    def stages(
        self, *, x: _Samples, raw: NDArray[np.float64], scale: float, first: int, n_stages: int, n_threads: int
    ) -> NDArray[np.float64]: ...
    def apply(self, *, x: _Samples, n_threads: int) -> NDArray[np.int64]: ...
    def decision_path(self, *, x: _Samples, n_threads: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]: ...
    def out_of_bag(
        self, *, x: _Samples, draws: Draws, seeds: Sequence[int], n_threads: int
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]: ...

# A tree of histogram gradient boosting: bytes of its nodes; bins, and codes of categories, that go left.
_HistogramTree = tuple[NDArray[np.uint8], NDArray[np.uint32], NDArray[np.uint32]]

# `x` is of shape (n_samples, n_features), float32 or float64; its transpose if `is_fortran`.
def bin_edges(
    *,
    x: NDArray[np.floating],
    is_fortran: bool,
    rows: NDArray[np.int64] | None,
    weights: NDArray[np.float64] | None,
    levels: NDArray[np.float64],
    wanted: Sequence[bool],
    n_threads: int,
) -> list[NDArray[np.float64]]: ...

# A set of rows: x, is_fortran, rows, targets, weights, raw of shape (n_trees, n_rows).
def boost_histograms(
    *,
    train: dict[str, Any],
    validation: dict[str, Any] | None,
    options: dict[str, Any],
    after: Callable[[list[_HistogramTree], NDArray[np.float64], NDArray[np.float64] | None], bool] | None,
    n_threads: int,
) -> tuple[list[list[_HistogramTree]], tuple[list[float], list[float]], tuple[int, int | None] | None]: ...

@final
class HistogramTrees:
    def __new__(
        cls, *, predictors: list[list[Any]], n_columns: int, sets: NDArray[np.uint32], places: NDArray[np.uint32]
    ) -> HistogramTrees: ...
    def holds(self, predictors: list[list[Any]]) -> bool: ...
    def predict(
        self, *, x: NDArray[np.floating], is_fortran: bool, start: list[float], n_threads: int
    ) -> NDArray[np.float64]: ...
