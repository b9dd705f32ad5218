from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["fit", "nearest", "scores"]

_Samples = Any  # ndarray, or scipy.sparse CSR, of float32 or float64

def fit(
    *,
    features: _Samples,
    labels: NDArray[np.int64],
    n_classes: int,
    metric: str,
    divides_first: bool,
    n_threads: int,
) -> dict[str, Any]: ...
def nearest(*, x: _Samples, centroids: NDArray[np.float64], metric: str, n_threads: int) -> NDArray[np.int64]: ...
def scores(
    *,
    x: _Samples,
    centroids: NDArray[np.float64],
    log_priors: NDArray[np.float64],
    metric: str,
    n_threads: int,
) -> NDArray[np.float64]: ...
