from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

__all__ = [
    "average_gradient",
    "descend",
    "descend_by_rows",
    "enet_folds",
    "enet_path",
    "huber_loss",
    "iterate",
    "leave_one_out",
    "minimize",
    "moments",
    "predict",
    "predict_small",
    "predict_small_with",
    "reduce",
]

# x: an array or a CSR matrix of float32 or float64; y, weights, coef and intercept are of its type.

def average_gradient(
    *,
    x: Any,
    y: NDArray[Any],
    weights: NDArray[Any],
    start: dict[str, Any],
    settings: dict[str, Any],
) -> dict[str, Any]: ...
def descend(
    *,
    x: Any,
    y: NDArray[Any],
    weights: NDArray[Any] | None,
    aside: tuple[Any, NDArray[Any], NDArray[Any] | None] | None,
    coef: NDArray[Any],
    intercept: NDArray[Any],
    memory: tuple[NDArray[Any], NDArray[Any], int] | None,
    options: dict[str, Any],
    random_state: Any,
    report: Callable[..., None] | None,
    watch: Any,
    n_threads: int,
) -> dict[str, Any]: ...
def descend_by_rows(
    *,
    x: Any,
    y: NDArray[Any],
    weights: NDArray[Any],
    held_out: NDArray[Any] | None,
    coef: NDArray[Any],
    intercepts: list[float],
    average_coef: NDArray[Any] | None,
    average_intercepts: list[float],
    seeds: list[int],
    side_weights: list[tuple[float, float]],
    scoring: str,
    settings: dict[str, Any],
    report: Callable[..., None] | None,
    n_threads: int,
) -> dict[str, Any]: ...
def enet_folds(
    *,
    x: Any,
    y: NDArray[Any],
    weights: NDArray[Any] | None,
    fit_intercept: bool,
    splits: list[tuple[NDArray[Any], NDArray[Any]]],
    l1_ratios: list[float],
    alphas: list[list[float]],
    max_iter: int,
    tol: float,
    positive: bool,
    seeds: list[list[int]] | None,
    n_threads: int,
) -> dict[str, Any]: ...
def enet_path(
    *,
    x: Any,
    y: NDArray[Any],
    weights: NDArray[Any] | None,
    fit_intercept: bool,
    alphas: list[float],
    l1_ratio: float,
    max_iter: int,
    tol: float,
    positive: bool,
    seeds: list[int] | None,
    start: NDArray[Any],
    multi_task: bool,
    n_threads: int,
) -> dict[str, Any]: ...
def predict_small(state: dict[str, Any], x: Any) -> NDArray[Any] | None: ...
def predict_small_with(state: dict[str, Any], x: Any, coef: Any, intercept: Any) -> NDArray[Any] | None: ...
def huber_loss(
    *,
    x: Any,
    y: NDArray[Any],
    weights: NDArray[Any],
    parameters: NDArray[Any],
    epsilon: float,
    alpha: float,
    n_threads: int,
) -> tuple[float, NDArray[Any]]: ...
def iterate(
    *,
    x: Any,
    y: NDArray[Any],
    weights: NDArray[Any] | None,
    alphas: list[float],
    fit_intercept: bool,
    solver: str,
    tol: float,
    max_iter: int | None,
    n_threads: int,
) -> dict[str, Any]: ...
def leave_one_out(
    *,
    x: Any,
    y: NDArray[Any],
    weights: NDArray[Any] | None,
    means: NDArray[Any],
    target_means: NDArray[Any],
    unit: float,
    directions: NDArray[Any],
    inverse: NDArray[Any],
    fractions: NDArray[Any],
    fit_intercept: bool,
    keep: bool,
    n_threads: int,
) -> dict[str, Any]: ...
def minimize(
    *,
    x: Any,
    y: NDArray[Any],
    weights: NDArray[Any] | None,
    loss: str,
    power: float,
    count: int,
    coef: NDArray[Any],
    fit_intercept: bool,
    penalty: float,
    solver: str,
    tol: float,
    max_iter: int,
    n_threads: int,
) -> dict[str, Any]: ...
def moments(
    *,
    x: Any,
    y: NDArray[Any],
    weights: NDArray[Any] | None,
    fit_intercept: bool,
    n_threads: int,
) -> dict[str, Any]: ...
def predict(*, x: Any, coef: NDArray[Any], intercept: Any, n_threads: int) -> NDArray[Any]: ...
def reduce(
    *,
    x: NDArray[Any],
    y: NDArray[Any],
    weights: NDArray[Any] | None,
    fit_intercept: bool,
    n_threads: int,
) -> dict[str, Any]: ...
