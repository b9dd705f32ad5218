from typing import Any

from numpy.typing import NDArray

__all__ = ["train"]

# x: an array or a CSR matrix of float32 or float64; y and weights are of float64.

def train(
    *,
    x: Any,
    y: NDArray[Any],
    weights: NDArray[Any],
    solver: int,
    tol: float,
    bias: float | None,
    cost: float,
    class_weights: NDArray[Any] | list[float],
    max_iter: int,
    seed: int,
    epsilon: float,
    n_threads: int,
) -> dict[str, Any]: ...
