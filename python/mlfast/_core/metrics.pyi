from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["cosine", "euclidean", "exact", "nearest"]

_Samples = Any  # ndarray, or scipy.sparse CSR, of float32 or float64

def cosine(*, x: _Samples, y: _Samples | None, n_threads: int) -> NDArray[Any]: ...
def euclidean(
    *,
    x: _Samples,
    y: _Samples | None,
    squared: bool,
    x_norms: NDArray[np.float64] | None,
    y_norms: NDArray[np.float64] | None,
    n_threads: int,
) -> NDArray[Any]: ...
def exact(
    *,
    x: _Samples,
    y: _Samples | None,
    metric: str,
    p: float,
    squared: bool,
    narrow: bool,
    n_threads: int,
) -> NDArray[Any]: ...
def nearest(
    *, x: NDArray[Any], y: NDArray[Any], metric: str, p: float, n_threads: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]: ...
