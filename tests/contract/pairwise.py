"""The functions of `metrics.pairwise`."""

import numpy as np
import scipy.sparse as sp
import sklearn.metrics.pairwise

import mlfast.metrics.pairwise

from .entry import Function, with_gaps
from .neighbors import METRICS as SEARCHED
from .neighbors import decided_by_data

METRICS = (*SEARCHED, "braycurtis")


def every_other_row(X):
    """The second table: some rows of an array; any other table itself (SciPy cannot cut one that is corrupt)."""
    return X[::2] if isinstance(X, np.ndarray) and X.ndim == 2 and X.shape[0] > 1 else X


def decided_for_pairs(X, weights, params):
    """As for searches; of CSR rows the parent takes the distances below, and fails by accident on wide indices."""
    if not sp.issparse(X):
        return decided_by_data(X, weights, params)
    known = params.get("metric", "euclidean") in ("euclidean", "l2", "manhattan", "l1", "cityblock")
    return known and X.indices.dtype == np.int32


SQUARE = {"large": (1_203, 7), "scant_shape": (3_000, 16), "endless_shape": (8_000, 2_000)}
SLOW = {"metric": "minkowski", "p": 2.5}

FUNCTIONS = [
    Function(
        ours=mlfast.metrics.pairwise.euclidean_distances,
        parent=sklearn.metrics.pairwise.euclidean_distances,
        params={},
        fuzz={"squared": (False, True)},
        bad_params=(
            {"squared": "yes"},
            {"squared": None},
            {"X_norm_squared": np.ones(3)},
            {"X_norm_squared": np.ones((2, 20))},
            {"X_norm_squared": "norms"},
            {"Y_norm_squared": np.ones(3)},
            {"Y_norm_squared": 3},
        ),
        distances=("result",),
        ways={"squared": {"squared": True}},
        endless={},
        **SQUARE,
    ),
    Function(
        ours=mlfast.metrics.pairwise.nan_euclidean_distances,
        parent=sklearn.metrics.pairwise.nan_euclidean_distances,
        params={},
        data=with_gaps,
        accepts_nan=True,
        sparse=False,
        fuzz={"squared": (False, True), "copy": (False, True)},
        bad_params=({"squared": "yes"}, {"missing_values": "gap"}, {"missing_values": None}, {"copy": 3}),
        distances=("result",),
        ways={"squared": {"squared": True}},
        endless={},
        **SQUARE,
    ),
    Function(
        ours=mlfast.metrics.pairwise.manhattan_distances,
        parent=sklearn.metrics.pairwise.manhattan_distances,
        decided=decided_for_pairs,
        params={},
        fuzz={},
        bad_params=({"Y": "rows"}, {"Y": np.ones(3)}, {"Y": np.ones((3, 1))}),
        endless={},
        **SQUARE,
    ),
    Function(
        ours=mlfast.metrics.pairwise.cosine_distances,
        parent=sklearn.metrics.pairwise.cosine_distances,
        params={},
        fuzz={},
        bad_params=({"Y": "rows"}, {"Y": np.ones(3)}, {"Y": np.ones((3, 1))}),
        distances=("result",),
        endless={},
        **SQUARE,
    ),
    Function(
        ours=mlfast.metrics.pairwise.pairwise_distances,
        parent=sklearn.metrics.pairwise.pairwise_distances,
        decided=decided_for_pairs,
        params={},
        fuzz={"metric": METRICS, "n_jobs": (None, 1, 2)},
        bad_params=(
            {"metric": "euclid"},
            {"metric": None},
            {"metric": 3},
            {"Y": np.ones((3, 1))},
            {"n_jobs": "two"},
            {"ensure_all_finite": "perhaps"},
        ),
        distances=("result",),
        ways={metric: {"metric": metric} for metric in ("manhattan", "cosine")},
        endless=SLOW,
        large=(1_203, 7),
        scant_shape=(3_000, 16),
        endless_shape=(8_000, 500),
    ),
    Function(
        ours=mlfast.metrics.pairwise.pairwise_distances_chunked,
        parent=sklearn.metrics.pairwise.pairwise_distances_chunked,
        decided=decided_for_pairs,
        params={},
        finish=lambda chunks: np.vstack(list(chunks)),
        fuzz={"metric": METRICS, "working_memory": (None, 0, 1)},
        bad_params=(
            {"metric": "euclid"},
            {"metric": None},
            {"working_memory": -1},
            {"working_memory": "much"},
            {"reduce_func": 3},
            {"reduce_func": lambda chunk, start: chunk[:0]},
        ),
        distances=("result",),
        ways={metric: {"metric": metric} for metric in ("manhattan", "cosine")},
        endless=SLOW,
        large=(1_203, 7),
        scant_shape=(3_000, 16),
        endless_shape=(8_000, 500),
    ),
    Function(
        ours=mlfast.metrics.pairwise.pairwise_distances_argmin,
        parent=sklearn.metrics.pairwise.pairwise_distances_argmin,
        params={},
        second=every_other_row,
        fuzz={"axis": (0, 1), "metric": METRICS},
        bad_params=({"axis": 2}, {"axis": None}, {"metric": "euclid"}, {"metric": None}, {"metric_kwargs": 3}),
        decided=decided_for_pairs,
        ways={metric: {"metric": metric} for metric in ("manhattan", "cosine")},
        endless={},
        large=(5_003, 7),
        scant_shape=(3_000, 1_000),
    ),
    Function(
        ours=mlfast.metrics.pairwise.pairwise_distances_argmin_min,
        parent=sklearn.metrics.pairwise.pairwise_distances_argmin_min,
        params={},
        second=every_other_row,
        results=("indices", "distances"),
        fuzz={"axis": (0, 1), "metric": METRICS},
        bad_params=({"axis": 2}, {"axis": None}, {"metric": "euclid"}, {"metric": None}, {"metric_kwargs": 3}),
        decided=decided_for_pairs,
        distances=("distances",),
        ways={metric: {"metric": metric} for metric in ("manhattan", "cosine")},
        endless={},
        large=(5_003, 7),
        scant_shape=(3_000, 1_000),
    ),
]
