"""Judging a contestant's answer beside scikit-learn's; a figure whose reference is missing is left out."""

from __future__ import annotations

from typing import Any

import numpy as np
from harness import Data, Scores

LEARNT = ("cluster_centers_", "negative_outlier_factor_", "centroids_", "coef_", "_fit_X")


def flat(answer: Any) -> Any:
    """Every number of an answer in one line: arrays, sparse matrices, tuples of them, arrays of arrays, models."""
    learnt = next((name for name in LEARNT if hasattr(answer, name)), None)
    if learnt:
        return flat(getattr(answer, learnt))
    if hasattr(answer, "toarray"):
        answer = answer.toarray()
    if isinstance(answer, (tuple, list)) or getattr(getattr(answer, "dtype", None), "kind", "") == "O":
        return np.concatenate([flat(part) for part in answer])
    return np.asarray(answer).ravel()


def apart(answer: Any, reference: Any) -> float:
    """Largest relative difference, of the entries above a millionth of the largest one; absolute if all are zero."""
    got, want = flat(answer).astype(np.float64), flat(reference).astype(np.float64)
    if len(got) != len(want):
        return float("inf")
    size = np.abs(want)
    if not size.any():
        return float(np.abs(got).max(initial=0.0))
    seen = size > 1e-6 * size.max()
    return float((np.abs(got[seen] - want[seen]) / size[seen]).max())


def agreement(_data: Data, result: Any, reference: Any) -> Scores:
    """Share of entries that equal scikit-learn's within 1e-9, relative or absolute."""
    if reference is None:
        return {}
    got, want = flat(result), flat(reference)
    same = len(got) == len(want) and np.isclose(got, want, rtol=1e-9, atol=1e-9, equal_nan=True)
    return {"agreement": float(np.mean(same))}


def labels(_data: Data, result: Any, reference: Any) -> Scores:
    """Share of labels equal to scikit-learn's."""
    return {} if reference is None else {"equal labels": float(np.mean(flat(result) == flat(reference)))}


def values(_data: Data, result: Any, reference: Any) -> Scores:
    """How far the values are from scikit-learn's."""
    return {} if reference is None else {"apart by": apart(result, reference)}


def trees(_data: Data, result: Any, reference: Any) -> Scores:
    """Share of nodes that are scikit-learn's in every field; 0 where the trees differ in size."""
    if reference is None:
        return {}
    got, want = (est.tree_.__getstate__()["nodes"] for est in (result, reference))
    same = len(got) == len(want) and np.mean([got[field] == want[field] for field in want.dtype.names], axis=0) == 1
    return {"equal nodes": float(np.mean(same))}


def forests(data: Data, result: Any, reference: Any) -> Scores:
    """Mean of `trees` over the trees of an ensemble."""
    if reference is None:
        return {}
    members = (np.asarray(est.estimators_, dtype=object).ravel() for est in (result, reference))
    pairs = zip(*members, strict=True)
    return {"equal nodes": float(np.mean([trees(data, *pair)["equal nodes"] for pair in pairs]))}


def paths(_data: Data, result: Any, reference: Any) -> Scores:
    """Whether the structure of a CSR matrix is scikit-learn's."""
    if reference is None:
        return {}
    parts = [(np.array_equal(getattr(result, p), getattr(reference, p))) for p in ("indices", "indptr", "data")]
    return {"equal": float(all(parts))}


def first_paths(data: Data, result: Any, reference: Any) -> Scores:
    """`paths` of the first of two results."""
    return {} if reference is None else paths(data, result[0], reference[0])


def neighbours(_data: Data, result: Any, reference: Any) -> Scores:
    """Of (distances, indices): share of equal indices, and how far the distances are apart."""
    if reference is None:
        return {}
    return {
        "equal neighbours": float(np.mean(flat(result[1]) == flat(reference[1]))),
        "distances apart by": apart(result[0], reference[0]),
    }


def neighbourhoods(_data: Data, result: Any, reference: Any) -> Scores:
    """The same for lists of any length in any order: each list is sorted by index first."""
    if reference is None:
        return {}
    distances, indices = zip(*(_by_index(*answer) for answer in (result, reference)), strict=True)
    same = len(indices[0]) == len(indices[1]) and bool(np.all(indices[0] == indices[1]))
    return {"same neighbourhoods": float(same), "distances apart by": apart(*distances)}


def _by_index(distances: Any, indices: Any) -> tuple[Any, Any]:
    owner = np.repeat(np.arange(len(indices)), [len(found) for found in indices])
    found = flat(indices)
    order = np.lexsort((found, owner))
    return flat(distances)[order], (owner * (found.max() + 1) + found)[order]
