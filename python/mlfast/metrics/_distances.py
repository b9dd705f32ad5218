"""Distances between all pairs of rows, one function per kind, and `pairwise_distances` over them."""

from collections.abc import Callable
from numbers import Real
from types import SimpleNamespace
from typing import Any

import numpy as np
import sklearn
import sklearn.metrics.pairwise as parent
from joblib import effective_n_jobs
from scipy.sparse import csr_array, issparse
from sklearn.metrics.pairwise import check_pairwise_arrays
from sklearn.utils import check_array
from sklearn.utils._mask import _get_mask
from sklearn.utils._missing import is_scalar_nan
from sklearn.utils._param_validation import validate_params

from mlfast import _threads
from mlfast._core import UnsupportedInputError
from mlfast._core import metrics as core
from mlfast._dispatch import Condition, dispatch, named

OWNER = "metrics.pairwise"

# Metrics that scikit-learn leaves to SciPy, and what of their parameters is covered.
BY_DIFFERENCES = {
    "braycurtis": (),
    "canberra": (),
    "chebyshev": (),
    "correlation": (),
    "hamming": (),
    "minkowski": ("p",),
    "sqeuclidean": (),
}


def _is_foreign(call: Any) -> bool:
    """Whether arrays of another library are to be computed on where they are."""
    return bool(sklearn.get_config()["array_api_dispatch"])


def has_odd_exponent(params: dict[str, Any]) -> bool:
    """Whether the exponent of Minkowski's distance is not a positive number."""
    p = params.get("p", 2)
    return not (isinstance(p, Real) and float(p) > 0)


def _holds_non_finite(call: Any) -> bool:
    if call.ensure_all_finite is True or call.metric not in BY_DIFFERENCES or call.is_sparse:
        return False
    arrays = (np.asarray(side) for side in (call.X, call.Y) if side is not None)
    return not all(_is_finite(array) for array in arrays)


def _is_finite(array: np.ndarray) -> bool:
    return array.dtype.kind in "biu" or (array.dtype.kind == "f" and bool(np.isfinite(array).all()))


ARRAY_CONDITIONS = (Condition("array_api_dispatch is on", _is_foreign),)

METRIC_CONDITIONS = (
    *ARRAY_CONDITIONS,
    Condition(lambda call: f"metric={named(call.given)} is not covered", lambda call: not call.is_covered),
    Condition(
        lambda call: f"metric={call.metric!r} with {', '.join(sorted(call.params))} is not covered",
        lambda call: call.metric in BY_DIFFERENCES and not set(call.params) <= set(BY_DIFFERENCES[call.metric]),
    ),
    Condition("p is not a positive number", lambda call: call.metric == "minkowski" and has_odd_exponent(call.params)),
    Condition("X or Y holds values that are not finite", _holds_non_finite),
)


def _arrays(X: Any, Y: Any, **options: Any) -> tuple[Any, Any]:
    """Return both sides as scikit-learn checks them; None for Y where it is X."""
    X, Y = check_pairwise_arrays(X, X if Y is None else Y, **options)
    return X, None if Y is X else Y


def _norms(given: Any, n_rows: int) -> np.ndarray | None:
    """Return squared norms as a vector; None if there are none, or only in float32, which is too coarse."""
    if given is None:
        return None
    norms = check_array(given, ensure_2d=False)
    if norms.shape not in ((n_rows,), (n_rows, 1), (1, n_rows)):
        raise UnsupportedInputError("the norms do not fit the rows")
    return None if norms.dtype == np.float32 else np.asarray(norms, dtype=np.float64).ravel()


def _euclidean(
    X: Any,
    Y: Any = None,
    *,
    Y_norm_squared: Any = None,
    squared: bool = False,
    X_norm_squared: Any = None,
    n_threads: int,
) -> np.ndarray:
    X, Y = _arrays(X, Y)
    x_norms = _norms(X_norm_squared, X.shape[0])
    y_norms = _norms(Y_norm_squared, (X if Y is None else Y).shape[0])
    return core.euclidean(x=X, y=Y, squared=bool(squared), x_norms=x_norms, y_norms=y_norms, n_threads=n_threads)


def _cosine(X: Any, Y: Any = None, *, n_threads: int) -> np.ndarray:
    X, Y = _arrays(X, Y)
    return core.cosine(x=X, y=Y, n_threads=n_threads)


def _manhattan(X: Any, Y: Any = None, *, n_threads: int, narrow: bool = False) -> np.ndarray:
    X, Y = _arrays(X, Y)
    if issparse(X) or issparse(Y):
        X, Y = csr_array(X, copy=False), None if Y is None else csr_array(Y, copy=False)
    return _exact(X, Y, "manhattan", n_threads=n_threads, narrow=narrow)


def _nan_euclidean(
    X: Any,
    Y: Any = None,
    *,
    squared: bool = False,
    missing_values: Any = np.nan,
    copy: bool = True,
    n_threads: int,
) -> np.ndarray:
    is_nan = is_scalar_nan(missing_values)
    X, Y = _arrays(X, Y, accept_sparse=False, ensure_all_finite="allow-nan" if is_nan else True)
    if not is_nan:
        X, Y = (side if side is None else np.where(_get_mask(side, missing_values), np.nan, side) for side in (X, Y))
    return _exact(X, Y, "nan_euclidean", n_threads=n_threads, narrow=X.dtype == np.float32, squared=bool(squared))


def _exact(
    X: Any, Y: Any, metric: str, *, n_threads: int, narrow: bool, p: float = 2.0, squared: bool = False
) -> np.ndarray:
    return core.exact(x=X, y=Y, metric=metric, p=float(p), squared=squared, narrow=bool(narrow), n_threads=n_threads)


# scikit-learn's own metrics: function, and the parameters that it takes.
_OWN: dict[str, tuple[Callable[..., np.ndarray], tuple[str, ...]]] = {
    "euclidean": (_euclidean, ("X_norm_squared", "Y_norm_squared", "squared")),
    "manhattan": (_manhattan, ()),
    "cosine": (_cosine, ()),
    "nan_euclidean": (_nan_euclidean, ("squared", "missing_values", "copy")),
}
ALIASES = {"l2": "euclidean", "l1": "manhattan", "cityblock": "manhattan"}


def _run(name: str, rust: Callable[[], np.ndarray], fallback: Callable[[], Any]) -> Any:
    return dispatch(OWNER, name, ARRAY_CONDITIONS, None, rust, fallback)


@validate_params(parent.euclidean_distances._skl_parameter_constraints, prefer_skip_nested_validation=True)
def euclidean_distances(
    X: Any, Y: Any = None, *, Y_norm_squared: Any = None, squared: bool = False, X_norm_squared: Any = None
) -> np.ndarray:
    """Compute the Euclidean distance of every row of X to every row of Y.

    Distances are taken from products and norms in float64, whatever the input. Equal rows are at distance 0.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples_X, n_features)
        Rows.
    Y : {array-like, sparse matrix} of shape (n_samples_Y, n_features), default=None
        Other rows; None: those of ``X``.
    Y_norm_squared, X_norm_squared : array-like of one value per row, default=None
        Squared norms of the rows, if known. In float32 they are not used.
    squared : bool, default=False
        Whether to return squares of the distances.

    Returns
    -------
    distances : ndarray of shape (n_samples_X, n_samples_Y)
        The distances: float32 if X and Y are, else float64.
    """
    norms = {"Y_norm_squared": Y_norm_squared, "X_norm_squared": X_norm_squared}
    return _run(
        "euclidean_distances",
        lambda: _euclidean(X, Y, squared=squared, n_threads=_threads.resolve(), **norms),
        lambda: parent.euclidean_distances(X, Y, squared=squared, **norms),
    )


@validate_params(parent.manhattan_distances._skl_parameter_constraints, prefer_skip_nested_validation=True)
def manhattan_distances(X: Any, Y: Any = None) -> np.ndarray:
    """Compute the sum of absolute differences of every row of X to every row of Y.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples_X, n_features)
        Rows.
    Y : {array-like, sparse matrix} of shape (n_samples_Y, n_features), default=None
        Other rows; None: those of ``X``.

    Returns
    -------
    distances : ndarray of shape (n_samples_X, n_samples_Y), dtype float64
        The distances.
    """
    return _run(
        "manhattan_distances",
        lambda: _manhattan(X, Y, n_threads=_threads.resolve()),
        lambda: parent.manhattan_distances(X, Y),
    )


@validate_params(parent.cosine_distances._skl_parameter_constraints, prefer_skip_nested_validation=True)
def cosine_distances(X: Any, Y: Any = None) -> np.ndarray:
    """Compute 1 minus the cosine of the angle between every row of X and every row of Y.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples_X, n_features)
        Rows.
    Y : {array-like, sparse matrix} of shape (n_samples_Y, n_features), default=None
        Other rows; None: those of ``X``.

    Returns
    -------
    distances : ndarray of shape (n_samples_X, n_samples_Y)
        The distances, between 0 and 2; 1 from a row of zeros. float32 if X and Y are, else float64.
    """
    return _run(
        "cosine_distances",
        lambda: _cosine(X, Y, n_threads=_threads.resolve()),
        lambda: parent.cosine_distances(X, Y),
    )


@validate_params(parent.nan_euclidean_distances._skl_parameter_constraints, prefer_skip_nested_validation=True)
def nan_euclidean_distances(
    X: Any, Y: Any = None, *, squared: bool = False, missing_values: Any = np.nan, copy: bool = True
) -> np.ndarray:
    """Compute Euclidean distances of rows in which values are missing.

    A pair is compared by the features that both rows have; the sum of squares is scaled up to all features. Without a
    common feature the distance is NaN. Distances are taken by differences, so they carry no cancellation error.

    Parameters
    ----------
    X : array-like of shape (n_samples_X, n_features)
        Rows.
    Y : array-like of shape (n_samples_Y, n_features), default=None
        Other rows; None: those of ``X``.
    squared : bool, default=False
        Whether to return squares of the distances.
    missing_values : np.nan, float or int, default=np.nan
        What stands for a missing value.
    copy : bool, default=True
        Present for compatibility: X and Y are never changed.

    Returns
    -------
    distances : ndarray of shape (n_samples_X, n_samples_Y)
        The distances: float32 if X and Y are, else float64.
    """
    params = {"squared": squared, "missing_values": missing_values, "copy": copy}
    return _run(
        "nan_euclidean_distances",
        lambda: _nan_euclidean(X, Y, n_threads=_threads.resolve(), **params),
        lambda: parent.nan_euclidean_distances(X, Y, **params),
    )


@validate_params(parent.pairwise_distances._skl_parameter_constraints, prefer_skip_nested_validation=True)
def pairwise_distances(
    X: Any,
    Y: Any = None,
    metric: Any = "euclidean",
    *,
    n_jobs: int | None = None,
    ensure_all_finite: Any = True,
    **kwds: Any,
) -> np.ndarray:
    """Compute the distance of every row of X to every row of Y.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples_X, n_features) or (n_samples_X, n_samples_X)
        Rows; or distances, if ``metric="precomputed"``.
    Y : {array-like, sparse matrix} of shape (n_samples_Y, n_features), default=None
        Other rows; None: those of ``X``.
    metric : str or callable, default="euclidean"
        Rust computes "euclidean" ("l2"), "manhattan" ("l1", "cityblock"), "cosine", "nan_euclidean", "sqeuclidean",
        "chebyshev", "minkowski", "hamming", "canberra", "braycurtis" and "correlation"; scikit-learn all others.
        Sparse rows are for the first three.
    n_jobs : int, default=None
        Number of threads; None: all that mlfast may use.
    ensure_all_finite : bool or "allow-nan", default=True
        Whether values that are not finite are refused. Not looked at for scikit-learn's own metrics: "euclidean",
        "manhattan", "cosine" and "nan_euclidean".
    **kwds : dict
        Parameters of the metric, such as ``p`` of "minkowski".

    Returns
    -------
    D : ndarray of shape (n_samples_X, n_samples_Y)
        The distances.
    """
    is_name = isinstance(metric, str)
    metric_name = ALIASES.get(metric, metric) if is_name else None
    call = SimpleNamespace(
        X=X,
        Y=Y,
        given=metric,
        metric=metric_name,
        params=kwds,
        ensure_all_finite=ensure_all_finite,
        is_sparse=issparse(X) or issparse(Y),
        is_covered=metric_name in _OWN or metric_name in BY_DIFFERENCES,
    )

    def rust() -> np.ndarray:
        n_threads = _threads.resolve(n_jobs)
        # With several jobs scikit-learn gathers the parts in an array of the type of the input.
        keeps_type = effective_n_jobs(n_jobs) > 1
        if call.metric in _OWN:
            function, allowed = _OWN[call.metric]
            if not set(kwds) <= set(allowed):
                raise UnsupportedInputError("the metric does not have all of these parameters")
            narrow = {"narrow": True} if keeps_type and call.metric == "manhattan" and _is_float32(X, Y) else {}
            return function(X, Y, n_threads=n_threads, **narrow, **kwds)
        if call.is_sparse:
            raise UnsupportedInputError("the metric is not for sparse rows")
        rows, others = _arrays(X, Y, ensure_all_finite=ensure_all_finite)
        narrow_type = keeps_type and rows.dtype == np.float32
        return _exact(rows, others, call.metric, n_threads=n_threads, narrow=narrow_type, **kwds)

    return dispatch(
        OWNER,
        "pairwise_distances",
        METRIC_CONDITIONS,
        call,
        rust,
        lambda: parent.pairwise_distances(X, Y, metric, n_jobs=n_jobs, ensure_all_finite=ensure_all_finite, **kwds),
    )


def _is_float32(X: Any, Y: Any) -> bool:
    return all(getattr(side, "dtype", None) == np.float32 for side in (X, Y) if side is not None)
