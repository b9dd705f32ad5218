"""What all searches for neighbours share: sizes at the edge, rows that are equal, and what a call may ask for."""

import numpy as np
import pytest
import scipy.sparse as sp

from ..compare import assert_close, assert_same_complaint, bits, leaves, outcome
from .entry import mixture
from .registry import ENTRIES

N = 40
BY_COUNT = [entry for entry in ENTRIES if "kneighbors" in entry.outputs]
BY_RADIUS = [entry for entry in ENTRIES if "radius_neighbors" in entry.outputs]
EQUAL = {
    "all equal": np.ones((N, 3)),
    "all zero": np.zeros((N, 3)),
    "0.1": np.full((N, 3), 0.1),
    "one differs": np.vstack([np.zeros((N - 1, 3)), np.ones((1, 3))]),
    "two values": np.repeat([[0.0, 0, 0], [4, 4, 4]], N // 2, axis=0),
    "each row twice": np.repeat(mixture(5, N // 2, 3), 2, axis=0),
}
ALGORITHMS = ("brute", "kd_tree", "ball_tree")


def same_call(entry, X, name, queries, params, **asked):
    """Fit both on X and ask both the same; returns both answers, None where both refused."""
    pair = [entry.fit(X, parent=parent, **params) for parent in (False, True)]
    before = bits(pair[0].__getstate__())
    ours, theirs = (outcome(getattr(est, name), queries, **asked) for est in pair)
    assert_same_complaint(ours, theirs)
    assert bits(pair[0].__getstate__()) == before
    return ours.value, theirs.value


@pytest.mark.parametrize("queries", [mixture(1, 5, 3), None], ids=["rows", "themselves"])
@pytest.mark.parametrize("k", [0, -1, 2.5, "3", None, 1, N - 1, N, N + 1, np.int32(4)])
@pytest.mark.parametrize("entry", BY_COUNT, ids=lambda e: e.name)
def test_number_of_neighbors(entry, k, queries):
    """More neighbours than rows, none, no number: the parent's words. All rows: the parent's answer."""
    ours, theirs = same_call(entry, mixture(0, N, 3), "kneighbors", queries, {}, n_neighbors=k)
    if theirs is not None:
        np.testing.assert_array_equal(ours[1], theirs[1])


@pytest.mark.parametrize("queries", [mixture(1, 5, 3), None], ids=["rows", "themselves"])
@pytest.mark.parametrize("radius", [0, 0.0, "far", None, np.inf, 2, 1e300])
@pytest.mark.parametrize("entry", BY_RADIUS, ids=lambda e: e.name)
def test_radius(entry, radius, queries):
    """A radius of zero, without end, or none: the parent's answer or its words."""
    ask_within(entry, radius, queries)


@pytest.mark.fallback  # the parent refuses such a radius under some algorithms and finds nothing under others
@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("radius", [-1.0, np.nan])
@pytest.mark.parametrize("entry", BY_RADIUS, ids=lambda e: e.name)
def test_radius_below_zero(entry, radius, algorithm):
    ask_within(entry, radius, mixture(1, 5, 3), algorithm=algorithm)


def ask_within(entry, radius, queries, **params):
    X = mixture(0, N, 3)
    ours, theirs = same_call(entry, X, "radius_neighbors", queries, params, radius=radius, sort_results=True)
    if theirs is not None:
        mine, parents = leaves("neighbors", ours), leaves("neighbors", theirs)
        assert mine.keys() == parents.keys()
        for name in parents:
            assert_close(name, mine[name], parents[name], X, "float64", distances=("neighbors[0]",))


@pytest.mark.parametrize("case", EQUAL)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("entry", BY_COUNT, ids=lambda e: e.name)
def test_equal_rows(entry, algorithm, case):
    """
    Equally near rows come in the order of their indices, whatever the algorithm.

    The parent's order is that of its tree or of a partition, so its distances are compared, and its indices where
    they are the only answer.
    """
    X = EQUAL[case]
    fits = [outcome(entry.fit, X, parent=parent, algorithm=algorithm) for parent in (False, True)]
    assert_same_complaint(*fits)
    ours, theirs = (done.value for done in fits)
    distances, indices = ours.kneighbors(X, n_neighbors=N)
    rows = np.arange(N)
    exact = np.sqrt(((X[:, None] - X[None]) ** 2).sum(axis=2))
    np.testing.assert_array_equal(indices, [np.lexsort((rows, row)) for row in exact])
    np.testing.assert_allclose(distances, theirs.kneighbors(X, n_neighbors=N)[0], rtol=0, atol=1e-6)
    assert (distances[:, 0] == 0).all()
    alone = ours.kneighbors(n_neighbors=N - 1)[1]
    assert all(sorted(row) == [j for j in rows if j != i] for i, row in enumerate(alone.tolist()))
    for name in entry.outputs:
        pair = [outcome(entry.output, est, name, X) for est in (ours, theirs)]
        assert_same_complaint(*pair)


@pytest.mark.parametrize("case", EQUAL)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("entry", BY_RADIUS, ids=lambda e: e.name)
def test_radius_zero_finds_equal_rows(entry, algorithm, case):
    """No distance is less than nothing: exactly the equal rows. The parent's own rounding may hide them from it."""
    X = EQUAL[case]
    est = entry.fit(X, algorithm=algorithm)
    found = est.radius_neighbors(X, radius=0, return_distance=False, sort_results=False)
    for row, neighbors in zip(X, found, strict=True):
        np.testing.assert_array_equal(np.sort(neighbors), np.flatnonzero((row == X).all(axis=1)))
    alone = est.radius_neighbors(radius=0, return_distance=False)
    assert all(i not in neighbors for i, neighbors in enumerate(alone))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "nan_euclidean"])
@pytest.mark.parametrize("entry", [*BY_COUNT, *BY_RADIUS], ids=lambda e: e.name)
def test_values_that_are_no_numbers(entry, metric, kind, value):
    """NaN is refused but where the metric is made for it; infinity always; at fit and at the queries."""
    X = mixture(0, N, 3)
    spoiled = X.copy()
    spoiled[2, 1] = value
    params = {"metric": metric, "algorithm": "brute"}
    fits = [outcome(entry.fit, kind(spoiled), parent=parent, **params) for parent in (False, True)]
    assert_same_complaint(*fits)
    pair = [outcome(entry.fit, kind(X), parent=parent, **params) for parent in (False, True)]
    assert_same_complaint(*pair)
    if pair[1].error is None:
        for name in entry.outputs:
            if entry.name == "RadiusNeighborsClassifier" and name != "radius_neighbors" and metric == "manhattan":
                continue  # there the parent takes the queries unseen
            assert_same_complaint(*[outcome(entry.output, done.value, name, kind(spoiled)) for done in pair])
