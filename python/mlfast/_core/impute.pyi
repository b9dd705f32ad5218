from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["knn_impute", "nan_euclidean"]

# Matrices of float32 or float64, both of one type; masks are uint8 of the same shape, not 0 where a value is missing.

def knn_impute(
    *,
    x: NDArray[Any],
    missing: NDArray[np.uint8],
    training: NDArray[Any],
    training_missing: NDArray[np.uint8],
    n_neighbors: int,
    by_distance: bool,
    n_threads: int,
) -> tuple[NDArray[Any], NDArray[np.int64]]: ...
def nan_euclidean(
    *,
    x: NDArray[Any],
    x_missing: NDArray[np.uint8],
    y: NDArray[Any],
    y_missing: NDArray[np.uint8],
    n_threads: int,
) -> NDArray[Any]: ...
