"""Paths of coefficients: least squares for a row of penalties on the size and the square of coefficients."""

from collections.abc import Callable
from numbers import Integral
from typing import Any

import numpy as np
import scipy.sparse as sp
import sklearn.linear_model
from sklearn.linear_model._coordinate_descent import _alpha_grid
from sklearn.utils import check_array
from sklearn.utils._param_validation import validate_params

from mlfast import _threads
from mlfast._core import UnsupportedInputError
from mlfast._dispatch import Condition, dispatch
from mlfast.linear_model._coordinate_descent import (
    FORMATS,
    drawn_seeds,
    found_paths,
    is_gram_given,
    with_narrow_indices,
)

#: Keyword arguments of the solver, and what they are if they are not given.
SOLVER = {"tol": 1e-4, "max_iter": 1000, "random_state": None, "selection": "cyclic"}

CONDITIONS = (
    Condition(
        "n_alphas or alphas=None, which are deprecated",
        lambda call: call["n_alphas"] != "deprecated" or call["alphas"] is None,
    ),
    Condition("the Gram matrix is given", lambda call: is_gram_given(call["precompute"])),
    Condition("Xy is given", lambda call: call["Xy"] is not None),
    Condition("progress is printed", lambda call: bool(call["verbose"])),
    Condition("check_input=False", lambda call: not call.get("check_input", True)),
    Condition("y is sparse", lambda call: sp.issparse(call["y"])),
    Condition("arguments beyond the solver's", lambda call: not call["params"].keys() <= SOLVER.keys()),
)


def _dispatched(name: str, parent: Callable[..., Any], call: dict[str, Any]) -> Any:
    """Compute the path that the function `parent` of scikit-learn computes of the arguments `call`."""
    arguments = {key: value for key, value in call.items() if key != "params"} | call["params"]
    return dispatch("linear_model", name, CONDITIONS, call, lambda: _found(**call), lambda: parent(**arguments))


def _found(
    *,
    X: Any,
    y: Any,
    eps: float,
    alphas: Any,
    coef_init: Any,
    return_n_iter: bool,
    positive: bool,
    params: dict[str, Any],
    l1_ratio: float = 1.0,
    **_: Any,
) -> Any:
    solver: dict[str, Any] = SOLVER | params
    if sp.issparse(X) and X.format == "csr" and X.ndim == 2 and X.indices.dtype != np.int32:
        X = X.tocsc()  # as scikit-learn reads it, whose solver wants narrow indices
    X = check_array(with_narrow_indices(X), accept_sparse=FORMATS, dtype=[np.float64, np.float32])
    y = check_array(y, dtype=X.dtype.type, ensure_2d=False)
    n_samples, n_features = X.shape
    multi_task = y.ndim == 2
    if (
        y.ndim == 0
        or len(y) != n_samples
        or (multi_task and positive)
        or solver["selection"] not in ("cyclic", "random")
    ):
        raise UnsupportedInputError("the arguments contradict each other")
    if isinstance(alphas, (str, Integral)):
        count = 100 if isinstance(alphas, str) else int(alphas)
        alphas = _alpha_grid(X, y, l1_ratio=l1_ratio, fit_intercept=False, positive=positive, eps=eps, n_alphas=count)
    elif len(alphas) > 1:
        alphas = np.sort(alphas)[::-1]
    if any(alpha < 0 for alpha in alphas):
        raise UnsupportedInputError("a penalty is negative")
    shape = (y.shape[1], n_features) if multi_task else (n_features,)
    start = np.zeros(shape) if coef_init is None else np.asarray(coef_init, dtype=np.float64)
    if start.ndim != len(shape):
        raise UnsupportedInputError("coef_init has another number of dimensions")
    if start.shape != shape:
        # scikit-learn's solvers believe it, and read and write past it.
        raise ValueError(f"coef_init has shape {start.shape}, but coefficients of these X and y have shape {shape}.")
    found = found_paths(
        X.tocsr() if sp.issparse(X) else X,
        y.reshape(n_samples, -1),
        alphas,
        weights=None,
        fit_intercept=False,
        l1_ratio=float(l1_ratio),
        max_iter=int(solver["max_iter"]),
        tol=float(solver["tol"]),
        positive=positive,
        seeds=drawn_seeds(solver["random_state"], solver["selection"], len(alphas)),
        start=np.ascontiguousarray(start).reshape(-1, n_features),
        multi_task=multi_task,
        n_threads=_threads.resolve(),
    )
    coefs = found["coef"] if multi_task else found["coef"][0]
    coefs, gaps = np.ascontiguousarray(np.moveaxis(coefs, 0, -1), dtype=X.dtype), found["gaps"][0] / n_samples
    if return_n_iter:
        return alphas, coefs, gaps, found["n_iter"][0].tolist()
    return alphas, coefs, gaps


@validate_params(sklearn.linear_model.enet_path._skl_parameter_constraints, prefer_skip_nested_validation=True)
def enet_path(
    X: Any,
    y: Any,
    *,
    l1_ratio: float = 0.5,
    eps: float = 1e-3,
    n_alphas: Any = "deprecated",
    alphas: Any = "warn",
    precompute: Any = "auto",
    Xy: Any = None,
    copy_X: bool = True,
    coef_init: Any = None,
    verbose: Any = False,
    return_n_iter: bool = False,
    positive: bool = False,
    check_input: bool = True,
    **params: Any,
) -> tuple[Any, ...]:
    """Compute the coefficients of `ElasticNet`, without an intercept, for a row of penalties.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Features.
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Targets. Several share their features, as those of `MultiTaskElasticNet`.
    l1_ratio : float, default=0.5
        Fraction of the penalty that is on the size of coefficients, from 0 to 1; the rest is on their square.
    eps : float, default=1e-3
        The last penalty relative to the first.
    n_alphas : int, default="deprecated"
        Number of penalties; `alphas` takes a number too.
    alphas : int or array-like, default=100
        Penalties, or their number: from the smallest that leaves no coefficient, evenly down in logarithms.
    precompute : "auto", bool or array-like of shape (n_features, n_features), default="auto"
        The products of features with features, if known.
    Xy : array-like of shape (n_features,) or (n_features, n_targets), default=None
        The products of features with targets, if known.
    copy_X : bool, default=True
        Whether X must stay as it is. It does.
    coef_init : array-like of shape (n_features,) or (n_targets, n_features), default=None
        Coefficients to begin with.
    verbose : bool or int, default=False
        Whether to print progress.
    return_n_iter : bool, default=False
        Whether to return the numbers of passes.
    positive : bool, default=False
        Whether no coefficient may be negative.
    check_input : bool, default=True
        Whether to validate X and y.
    **params
        ``tol``, ``max_iter``, ``selection`` and ``random_state``, as of `ElasticNet`.

    Returns
    -------
    alphas : ndarray of shape (n_alphas,)
        Penalties.
    coefs : ndarray of shape (n_features, n_alphas) or (n_targets, n_features, n_alphas)
        Coefficients.
    dual_gaps : ndarray of shape (n_alphas,)
        How far the objectives may still be above their minima.
    n_iters : list of int
        Passes for each penalty; only if ``return_n_iter``.
    """
    return _dispatched("enet_path", sklearn.linear_model.enet_path, locals())


@validate_params(sklearn.linear_model.lasso_path._skl_parameter_constraints, prefer_skip_nested_validation=True)
def lasso_path(
    X: Any,
    y: Any,
    *,
    eps: float = 1e-3,
    n_alphas: Any = "deprecated",
    alphas: Any = "warn",
    precompute: Any = "auto",
    Xy: Any = None,
    copy_X: bool = True,
    coef_init: Any = None,
    verbose: Any = False,
    return_n_iter: bool = False,
    positive: bool = False,
    **params: Any,
) -> tuple[Any, ...]:
    """Compute the coefficients of `Lasso`, without an intercept, for a row of penalties.

    It is `enet_path` with ``l1_ratio=1``; see there for the parameters.

    Returns
    -------
    alphas : ndarray of shape (n_alphas,)
        Penalties.
    coefs : ndarray of shape (n_features, n_alphas) or (n_targets, n_features, n_alphas)
        Coefficients.
    dual_gaps : ndarray of shape (n_alphas,)
        How far the objectives may still be above their minima.
    n_iters : list of int
        Passes for each penalty; only if ``return_n_iter``.
    """
    return _dispatched("lasso_path", sklearn.linear_model.lasso_path, locals())
