from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

__all__ = ["forward", "minimize", "predict_small", "train"]

# x: an array or a CSR matrix of float32 or float64; y, weights, coefs, intercepts and params are of its type.

def predict_small(
    x: Any, coefs: list[NDArray[Any]], intercepts: list[NDArray[Any]], hidden: str, output: str, residual: bool
) -> NDArray[Any] | None: ...
def forward(
    *,
    x: Any,
    coefs: list[NDArray[Any]],
    intercepts: list[NDArray[Any]],
    hidden: str,
    output: str,
    residual: bool,
    n_threads: int,
) -> NDArray[Any]: ...
def minimize(
    *,
    x: Any,
    y: NDArray[Any],
    sample_weight: NDArray[Any] | None,
    sums_in_single: bool,
    keeps_single: bool,
    layer_sizes: list[int],
    hidden: str,
    output: str,
    loss: str,
    extras: dict[str, Any],
    params: NDArray[Any],
    alpha: float,
    max_iter: int,
    max_fun: int,
    tol: float,
    report: Callable[[int, float, NDArray[Any]], bool] | None,
    n_threads: int,
) -> dict[str, Any]: ...
def train(
    *,
    x: Any,
    y: NDArray[Any],
    sample_weight: NDArray[Any] | None,
    sums_in_single: bool,
    keeps_single: bool,
    held_out: tuple[Any, NDArray[Any], NDArray[Any] | None] | None,
    layer_sizes: list[int],
    hidden: str,
    output: str,
    loss: str,
    extras: dict[str, Any],
    metric: str,
    solver: str,
    betas: tuple[float, float, float],
    nesterov: bool,
    learning_rate: str,
    power: float,
    learning_rate_init: float,
    alpha: float,
    batch_size: int,
    shuffle: bool,
    max_iter: int,
    tol: float,
    patience: float,
    params: NDArray[Any],
    exp_avg: NDArray[Any],
    exp_avg_sq: NDArray[Any],
    count: int,
    rate: float,
    n_samples_seen: int,
    best: float,
    n_no_improvement: int,
    order: NDArray[Any] | None,
    random_state: Any,
    report: Callable[[int, float, float | None, str, float, dict[str, Any]], bool] | None,
    n_threads: int,
) -> dict[str, Any]: ...
