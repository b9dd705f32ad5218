from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Columns", "grow"]

class Columns:
    """A data set made ready for growing trees: float32 or float64, an array or a SciPy CSC matrix or array."""

    def __new__(cls, *, x: Any, n_threads: int) -> Columns: ...

# `y` is of shape (n_samples, n_outputs): int64 codes with `n_classes` by output, or float64 with None.
def grow(
    *,
    columns: Columns,
    y: NDArray[np.int64] | NDArray[np.float64],
    n_classes: Sequence[int] | None,
    weights: NDArray[np.float64] | None,
    criterion: str,
    splitter: str,
    max_depth: int,
    min_samples_split: int,
    min_samples_leaf: int,
    min_weight_leaf: float,
    max_features: int,
    max_leaf_nodes: int | None,
    min_impurity_decrease: float,
    monotonic: Sequence[int] | None,
    seed: int,
    n_threads: int,
) -> dict[str, Any]: ...
