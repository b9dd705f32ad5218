"""Huge, tiny, constant and duplicate data; sizes at the edge."""

import numpy as np
import pytest
import scipy.sparse as sp

import mlfast

from ..compare import assert_same_complaint, fitted, outcome
from ..tiers import REPRESENTATIVES
from .answers import assert_same_fit
from .entry import mixture
from .registry import ENTRIES, FUNCTIONS, OWN_NAMES

CLUSTERERS = [e for e in ENTRIES if e.clusters]
ELKAN = [e for e in CLUSTERERS if "elkan" in e.ways]


@pytest.fixture(autouse=True)
def policy(request):
    """Data that overflow in float32 are left to the parent where it fits infinite values."""
    params = request.node.callspec.params
    thing = params.get("entry", params.get("thing"))
    if not getattr(thing, "parent_accepts", False):
        yield
        return
    with mlfast.config_context(fallback="sklearn"):
        yield


def compare(entry, X, sample_weight=None, **params):
    """Fit both on X: same complaint, else the same attributes and outputs, or as good ones if rounding decides them."""
    if entry.as_good and not entry.decided(X, sample_weight, {**entry.params, **params}):
        ours = outcome(entry.fit, X.copy(), sample_weight=sample_weight, **params)
        theirs = outcome(entry.fit, X.copy(), parent=True, sample_weight=sample_weight, **params)
        assert_same_complaint(ours, theirs)
        if theirs.error is None:
            entry.as_good(ours.value, theirs.value, X, sample_weight)
        return
    assert_same_fit(entry, X, sample_weight, params)


def partition(labels):
    """The clustering without the names of its clusters."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return first[inverse]


SHAPES = [(1, 1), (1, 5), (2, 1), (2, 3), (3, 1), (5, 40), (60, 1), (7, 200)]


SIZES = [(entry, k) for entry in ENTRIES for k in ((1, 2, 3) if entry.size_param else (None,))]


@pytest.mark.per_change(entry=REPRESENTATIVES)
@pytest.mark.per_change(entry=OWN_NAMES, dtype=[np.float64])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("entry", "k"), SIZES, ids=lambda v: getattr(v, "name", v))
def test_edge_shape(entry, k, shape, dtype):
    """n = 1, 2, 3; d = 1; d > n; k up to and above n."""
    X = entry.data(3, *shape, dtype)
    compare(entry, X, **entry.sized(k))
    if entry.sparse:
        compare(entry, sp.csr_array(X), **entry.sized(k))


@pytest.mark.per_change(entry=REPRESENTATIVES)
@pytest.mark.per_change(entry=OWN_NAMES, scale=[1e-150, 1e150])
@pytest.mark.parametrize("scale", [1e-150, 1e-100, 2.0**-60, 1e-5, 1e5, 2.0**60, 1e100, 1e150])
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.name)
def test_scaled_float64(entry, scale):
    """Squares stay within the range of float64 (just: 1e150 squared is 1e300)."""
    compare(entry, entry.data(1, 80, 4) * scale, **entry.scaled(scale))


@pytest.mark.per_change(entry=REPRESENTATIVES)
@pytest.mark.per_change(entry=OWN_NAMES, scale=[1e-15, 1e15])
@pytest.mark.parametrize("scale", [1e-15, 1e-5, 1e5, 1e15])
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.name)
def test_scaled_float32(entry, scale):
    compare(entry, (entry.data(1, 80, 4) * scale).astype(np.float32), **entry.scaled(scale))


@pytest.mark.per_change(thing=OWN_NAMES)
@pytest.mark.parametrize(("dtype", "scale"), [(np.float64, 1e300), (np.float64, 1e160), (np.float32, 1e30)])
@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("thing", [*ENTRIES, *FUNCTIONS], ids=lambda e: e.name)
def test_squares_overflow(thing, kind, dtype, scale):
    """
    Finite data whose squares are infinite.

    The parent returns NaN centres or arbitrary labels here, so it is no measure. We must end (no hang, no panic), and
    either raise as the parent does or return labels in range. Paths of penalties are left to the parent.
    """
    if kind is sp.csr_array and not thing.sparse:
        return
    X = kind((thing.data(1, 80, 4) / 10 * scale).astype(dtype))
    run = thing.fit if hasattr(thing, "fit") else thing.call
    ours, theirs = outcome(run, X.copy()), outcome(run, X.copy(), parent=True)
    if isinstance(ours.error, mlfast.FallbackError) and thing.name.endswith(("_path", "CV")):
        with mlfast.config_context(fallback="sklearn"):
            ours = outcome(run, X.copy())
        assert ours.complaint == theirs.complaint
        return
    if ours.error is not None:
        assert ours.complaint == theirs.complaint
        return
    found = fitted(ours.value) if hasattr(thing, "fit") else ours.value
    if hasattr(thing, "fit") and thing.lasts != "fit":
        used = outcome(thing.results, ours.value, X)
        assert isinstance(used.error, (ValueError, type(None))), used.error
        found |= used.value or {}
    for name in ("labels_", "labels"):
        if name in found:
            assert found[name].min() >= 0 and found[name].max() < 3
    for name in ("indices", "result.indices", "kneighbors[1]", "radius_neighbors[1]"):
        if name in found and found[name].size:
            assert found[name].min() >= 0 and found[name].max() < 80


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("entry", CLUSTERERS, ids=lambda e: e.name)
def test_subnormal(entry, dtype):
    """Distances underflow to zero: all rows are one point to the parent. We must end with labels in range."""
    X = (mixture(1, 80, 4) * np.finfo(dtype).smallest_subnormal * 100).astype(dtype)
    ours, theirs = outcome(entry.fit, X), outcome(entry.fit, X, parent=True)
    assert ours.complaint == theirs.complaint
    if ours.error is None:
        found = fitted(ours.value)
        assert found["labels_"].min() >= 0 and found["labels_"].max() < 3
        assert all(np.isfinite(v).all() for v in found.values() if isinstance(v, np.ndarray) and v.dtype.kind == "f")


@pytest.mark.parametrize("offset", [1e4, 1e8])
@pytest.mark.parametrize("kind", ["dense", "csr"])
@pytest.mark.parametrize("entry", CLUSTERERS, ids=lambda e: e.name)
def test_offset(entry, offset, kind):
    """
    Far from the origin the expanded form of the distance cancels. Dense data are centred first, in the parent and in
    ours; for CSR, and for MiniBatchKMeans, which centre nothing, only the inertia is asked for, and loosely.
    """
    X = np.vstack([mixture(1, 60, 3) / 10 + shift for shift in (-20, 0, 20)]) + offset
    fits = [entry.fit(X if kind == "dense" else sp.csr_array(X), parent=parent) for parent in (False, True)]
    direct = [((X - est.cluster_centers_[est.labels_]) ** 2).sum() for est in fits]
    assert direct[0] <= direct[1] * (1 + 1e-6)
    if kind == "dense" and entry.name != "MiniBatchKMeans":
        np.testing.assert_array_equal(partition(fits[0].labels_), partition(fits[1].labels_))


CONSTANT = {
    "zeros": np.zeros((30, 3)),
    "ones": np.ones((30, 3)),
    "0.1": np.full((30, 3), 0.1),
    "constant columns": np.c_[np.ones(30), mixture(0, 30, 1), np.full(30, -7.0)],
    "one row differs": np.vstack([np.zeros((29, 3)), np.ones((1, 3))]),
    "two values": np.repeat([[0.0, 0, 0], [4, 4, 4]], 15, axis=0),
    "three rows repeated": np.tile(mixture(5, 3, 3), (10, 1)),
}


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("k", [1, 2, 3, 5])
@pytest.mark.parametrize("case", CONSTANT)
@pytest.mark.parametrize("entry", CLUSTERERS, ids=lambda e: e.name)
def test_few_distinct_rows(entry, case, k, kind):
    """
    Constant and duplicate rows, with more clusters than distinct rows among them.

    Which of two equal centres a row belongs to is decided by rounding in the parent, so the grouping of distinct rows
    is compared: equal rows share a label, the warnings are the parent's, and the inertia is its inertia.
    """
    dense = CONSTANT[case]
    X = kind(dense)
    ours, theirs = (outcome(entry.fit, X.copy(), parent=parent, n_clusters=k) for parent in (False, True))
    assert ours.complaint == theirs.complaint
    assert {w[0] for w in ours.warned} == {w[0] for w in theirs.warned}
    if theirs.error is not None:
        return
    mine, parents = fitted(ours.value), fitted(theirs.value)
    assert np.isfinite(mine["cluster_centers_"]).all()
    _, group = np.unique(dense, axis=0, return_inverse=True)
    for g in np.unique(group):
        assert len(set(mine["labels_"][group == g])) == 1, "equal rows in different clusters"
    if len(np.unique(group)) <= k and entry.name != "MiniBatchKMeans":
        assert mine["inertia_"] <= parents["inertia_"] + 1e-20 * dense.size
    if case == "constant columns":
        compare(entry, X, n_clusters=k)


@pytest.mark.parametrize("algorithm", ["lloyd", "elkan"])
@pytest.mark.parametrize("entry", ELKAN, ids=lambda e: e.name)
def test_ill_scaled_columns(entry, algorithm):
    X = mixture(2, 100, 4) * np.array([1e-8, 1.0, 1e8, 1e3])
    compare(entry, X, algorithm=algorithm)


@pytest.mark.per_change(entry=OWN_NAMES)
@pytest.mark.parametrize("spread", [1e-12, 1e12])
@pytest.mark.parametrize("entry", [e for e in ENTRIES if e.sample_weight], ids=lambda e: e.name)
def test_extreme_weights(entry, spread):
    """Weights over 12 orders of magnitude, and all tiny or all huge."""
    X = mixture(2, 100, 4)
    compare(entry, X, sample_weight=np.full(100, spread))
    compare(entry, X, sample_weight=np.where(np.arange(100) % 2, spread, 1.0))
