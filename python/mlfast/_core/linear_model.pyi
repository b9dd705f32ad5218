from typing import Any

from numpy.typing import NDArray

__all__ = ["enet_folds", "enet_path", "few", "iterate", "moments", "predict", "reduce"]

# x: an array or a CSR matrix of float32 or float64; y, weights, coef and intercept are of its type.

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
