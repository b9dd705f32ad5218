from typing import Any

from numpy.typing import NDArray

__all__ = ["few", "iterate", "leave_one_out", "moments", "predict", "reduce"]

# x: an array or a CSR matrix of float32 or float64; y, weights, coef and intercept are of its type.

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
    shares: NDArray[Any],
    fit_intercept: bool,
    keep: bool,
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
