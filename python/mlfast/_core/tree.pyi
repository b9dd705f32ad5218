from collections.abc import Sequence
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Columns",
    "apply",
    "check",
    "classify",
    "decision_path",
    "grow",
    "predict",
    "prune",
    "pruning_path",
    "small_rows",
]

_Nodes = NDArray[np.void]  # records of scikit-learn's NODE_DTYPE
_Samples = Any  # ndarray, or scipy.sparse CSR, of float32
_Params = dict[str, Any]  # as `mlfast.tree._base.TreeDropIn._params` names them
_State = dict[str, Any]  # what Tree.__setstate__ takes, the nodes as words of 64 bits

@final
class Columns:
    def __new__(cls, *, x: Any, n_threads: int) -> Columns: ...
    def take(self, *, rows: NDArray[np.int64], params: _Params, n_threads: int) -> Columns: ...

# `y` is of shape (n_samples, n_outputs): int64 codes with `n_classes` by output, or float64 with None.
def grow(
    *,
    columns: Columns,
    y: NDArray[np.int64] | NDArray[np.float64],
    n_classes: Sequence[int] | None,
    weights: NDArray[np.float64] | None,
    min_weight_leaf: float,
    params: _Params,
    seed: int,
    n_threads: int,
) -> _State: ...
def predict(*, nodes: _Nodes, values: NDArray[np.float64], x: _Samples, n_threads: int) -> NDArray[np.float64]: ...
def classify(*, nodes: _Nodes, values: NDArray[np.float64], x: _Samples, n_threads: int) -> NDArray[np.int64]: ...
def apply(*, nodes: _Nodes, x: _Samples, n_threads: int) -> NDArray[np.int64]: ...
def decision_path(*, nodes: _Nodes, x: _Samples, n_threads: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]: ...
def small_rows(x: object, n_features: int) -> NDArray[np.float32] | None: ...
def check(*, nodes: _Nodes, n_features: int, max_depth: int) -> None: ...
def pruning_path(*, nodes: _Nodes, n_features: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...
def prune(*, nodes: _Nodes, values: NDArray[np.float64], n_features: int, alpha: float) -> _State: ...
