from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

__all__ = ["few", "forward", "minimize", "train"]

# x: an array or a CSR matrix of float32 or float64; y, weights, coefs, intercepts and params are of its type.

def few(
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
    units: list[int],
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
    units: list[int],
    hidden: str,
    output: str,
    loss: str,
    extras: dict[str, Any],
    score_by: str,
    solver: str,
    shares: tuple[float, float, float],
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
    first: NDArray[Any],
    second: NDArray[Any],
    count: int,
    rate: float,
    seen: int,
    best: float,
    stale: int,
    order: NDArray[Any] | None,
    random_state: Any,
    report: Callable[[int, float, float | None, str, float, dict[str, Any]], bool] | None,
    n_threads: int,
) -> dict[str, Any]: ...
