from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

__all__ = ["descend", "few", "iterate", "moments", "predict", "reduce"]

# x: an array or a CSR matrix of float32 or float64; y, weights, coef and intercept are of its type.

def descend(
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
def few(x: Any, coef: Any, intercept: Any) -> NDArray[Any] | None: ...
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
def moments(
    *,
    x: NDArray[Any],
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
