"""Distances that are reduced as they come: the nearest row, and chunks for a function of the user's."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import sklearn.metrics.pairwise as parent
from scipy.sparse import issparse
from sklearn import config_context
from sklearn.metrics._pairwise_distances_reduction import ArgKmin
from sklearn.metrics.pairwise import _check_chunk_size, _precompute_metric_params, check_pairwise_arrays
from sklearn.utils import gen_batches
from sklearn.utils._chunking import get_chunk_n_rows
from sklearn.utils._param_validation import validate_params
from sklearn.utils.validation import _num_samples

from mlfast import _threads
from mlfast._core import UnsupportedInputError
from mlfast._core import metrics as core
from mlfast._dispatch import Condition, dispatch, named
from mlfast.metrics._distances import (
    ALIASES,
    ARRAY_CONDITIONS,
    BY_DIFFERENCES,
    OWNER,
    has_odd_exponent,
    pairwise_distances,
)

_ALIASES = {**ALIASES, "infinity": "chebyshev", "p": "minkowski"}
_PARAMS = {**BY_DIFFERENCES, "euclidean": ("squared",), "manhattan": (), "cosine": (), "nan_euclidean": ()}

CONDITIONS = (
    *ARRAY_CONDITIONS,
    Condition(lambda call: f"metric={named(call.given)} is not covered", lambda call: call.metric not in _PARAMS),
    Condition(
        lambda call: f"metric={call.metric!r} with {', '.join(sorted(call.params))} is not covered",
        lambda call: not set(call.params) <= set(_PARAMS[call.metric]),
    ),
    Condition("p is not a positive number", lambda call: call.metric == "minkowski" and has_odd_exponent(call.params)),
    Condition(
        "sparse rows are covered for the Euclidean, Manhattan and cosine distance only",
        lambda call: call.is_sparse and call.metric not in ("euclidean", "manhattan", "cosine"),
    ),
)


def _nearest(name: str, X: Any, Y: Any, axis: int, metric: Any, metric_kwargs: dict[str, Any] | None) -> Any:
    params = metric_kwargs or {}
    call = SimpleNamespace(
        metric=_ALIASES.get(metric, metric) if isinstance(metric, str) else None,
        given=metric,
        params=params,
        is_sparse=issparse(X) or issparse(Y),
    )

    def rust() -> tuple[np.ndarray, np.ndarray]:
        rows, others = check_pairwise_arrays(X, Y, ensure_all_finite="allow-nan" if metric == "nan_euclidean" else True)
        if axis == 0:
            rows, others = others, rows
        # Which way scikit-learn would go: it decides on the type of the distances.
        is_fused = ArgKmin.is_usable_for(rows, others, metric)
        if not is_fused and metric in ("infinity", "p"):
            raise UnsupportedInputError("the metric has this name for some layouts only")
        keeps_type = not is_fused and call.metric in ("euclidean", "cosine", "nan_euclidean")
        dtype = rows.dtype if keeps_type else np.float64
        # Bray and Curtis's distance has two definitions, one for each way.
        if call.is_sparse or (call.metric == "braycurtis" and not is_fused):
            with config_context(assume_finite=True):
                chunks = pairwise_distances_chunked(
                    rows, others, reduce_func=_first_least, metric=call.metric, **params
                )
                indices, values = (np.concatenate(parts) for parts in zip(*chunks, strict=True))
            return indices, values.astype(dtype, copy=False)
        exact = "sqeuclidean" if call.metric == "euclidean" and params.get("squared") else call.metric
        indices, values = core.nearest(
            x=rows, y=others, metric=exact, p=float(params.get("p", 2)), n_threads=_threads.resolve()
        )
        return indices, values.astype(dtype, copy=False)

    function = getattr(parent, name)
    return dispatch(
        OWNER,
        name,
        CONDITIONS,
        call,
        rust if name.endswith("_min") else lambda: rust()[0],
        lambda: function(X, Y, axis=axis, metric=metric, metric_kwargs=metric_kwargs),
    )


def _first_least(distances: np.ndarray, _start: int) -> tuple[np.ndarray, np.ndarray]:
    indices = distances.argmin(axis=1)
    return indices, np.take_along_axis(distances, indices[:, np.newaxis], axis=1)[:, 0]


@validate_params(parent.pairwise_distances_argmin_min._skl_parameter_constraints, prefer_skip_nested_validation=False)
def pairwise_distances_argmin_min(
    X: Any, Y: Any, *, axis: int = 1, metric: Any = "euclidean", metric_kwargs: dict[str, Any] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Find the row of Y that is nearest to each row of X, and how near it is.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples_X, n_features)
        Rows.
    Y : {array-like, sparse matrix} of shape (n_samples_Y, n_features)
        Rows to choose from.
    axis : int, default=1
        0 finds the row of X that is nearest to each row of Y instead.
    metric : str or callable, default="euclidean"
        As in `pairwise_distances`.
    metric_kwargs : dict, default=None
        Parameters of the metric.

    Returns
    -------
    argmin : ndarray of shape (n_samples_X,)
        Index of the nearest row; the first of equally near ones.
    distances : ndarray of shape (n_samples_X,)
        Its distance.
    """
    return _nearest("pairwise_distances_argmin_min", X, Y, axis, metric, metric_kwargs)


@validate_params(parent.pairwise_distances_argmin._skl_parameter_constraints, prefer_skip_nested_validation=False)
def pairwise_distances_argmin(
    X: Any, Y: Any, *, axis: int = 1, metric: Any = "euclidean", metric_kwargs: dict[str, Any] | None = None
) -> np.ndarray:
    """Find the row of Y that is nearest to each row of X; see `pairwise_distances_argmin_min`.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples_X, n_features)
        Rows.
    Y : {array-like, sparse matrix} of shape (n_samples_Y, n_features)
        Rows to choose from.
    axis : int, default=1
        0 finds the row of X that is nearest to each row of Y instead.
    metric : str or callable, default="euclidean"
        As in `pairwise_distances`.
    metric_kwargs : dict, default=None
        Parameters of the metric.

    Returns
    -------
    argmin : ndarray of shape (n_samples_X,)
        Index of the nearest row; the first of equally near ones.
    """
    return _nearest("pairwise_distances_argmin", X, Y, axis, metric, metric_kwargs)


@validate_params(parent.pairwise_distances_chunked._skl_parameter_constraints, prefer_skip_nested_validation=False)
def pairwise_distances_chunked(
    X: Any,
    Y: Any = None,
    *,
    reduce_func: Callable[[np.ndarray, int], Any] | None = None,
    metric: Any = "euclidean",
    n_jobs: int | None = None,
    working_memory: float | None = None,
    **kwds: Any,
) -> Iterator[Any]:
    """Yield the distances of the rows of X to those of Y, as many rows at a time as fit a given memory.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples_X, n_features) or (n_samples_X, n_samples_X)
        Rows; or distances, if ``metric="precomputed"``.
    Y : {array-like, sparse matrix} of shape (n_samples_Y, n_features), default=None
        Other rows; None: those of ``X``.
    reduce_func : callable, default=None
        Called with the distances of a chunk and the index of its first row; what it returns (a sequence with one
        entry per row, a tuple of such, or None) is yielded in their place.
    metric : str or callable, default="euclidean"
        As in `pairwise_distances`.
    n_jobs : int, default=None
        Number of threads; None: all that mlfast may use.
    working_memory : float, default=None
        Memory of a chunk in MiB; None: scikit-learn's setting of that name. A chunk has one row at least.
    **kwds : dict
        Parameters of the metric.

    Yields
    ------
    D_chunk : ndarray of shape (n_rows, n_samples_Y), or what ``reduce_func`` returns
        The distances of some rows, in order.
    """
    n_rows = _num_samples(X)
    if metric == "precomputed":
        height = n_rows
    else:
        Y = X if Y is None else Y
        height = get_chunk_n_rows(row_bytes=8 * _num_samples(Y), max_n_rows=n_rows, working_memory=working_memory)
    kwds.update(_precompute_metric_params(X, Y, metric=metric, **kwds))
    is_zero_to_itself = isinstance(metric, str) and ALIASES.get(metric, metric) in ("euclidean", "cosine")
    for rows in gen_batches(n_rows, height):
        is_all = rows.start == 0 and rows.stop == n_rows
        chunk = pairwise_distances(X if is_all else X[rows], Y, metric=metric, n_jobs=n_jobs, **kwds)
        if X is Y and is_zero_to_itself:
            np.fill_diagonal(chunk[:, rows.start :], 0)
        if reduce_func is not None:
            n_rows_of_chunk = chunk.shape[0]
            chunk = reduce_func(chunk, rows.start)
            _check_chunk_size(chunk, n_rows_of_chunk)
        yield chunk
