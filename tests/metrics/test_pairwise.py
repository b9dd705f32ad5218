"""Matrices of distances against scikit-learn's."""

import inspect

import numpy as np
import pytest
import sklearn.metrics.pairwise as parent
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.sparse import csc_array, csr_array, csr_matrix

import mlfast.metrics.pairwise as ours
from mlfast import FallbackError, config_context

from ..compare import assert_same_complaint, outcome

EPS = {np.float64: 2.0**-52, np.float32: 2.0**-23}

# Sums that SciPy takes feature by feature: ours have the same bits.
SAME_BITS = [
    "manhattan",
    "l1",
    "cityblock",
    "sqeuclidean",
    "chebyshev",
    "minkowski",
    "hamming",
    "canberra",
    "braycurtis",
]
EXPANDED = ["euclidean", "l2", "cosine", "correlation", "nan_euclidean"]
FUNCTIONS = ["euclidean_distances", "manhattan_distances", "cosine_distances", "nan_euclidean_distances"]


def rows(n, d, seed=0, dtype=np.float64, offset=0.0):
    return (np.random.RandomState(seed).standard_normal((n, d)) + offset).astype(dtype)


def assert_close(mine, theirs, X, Y=None, metric="euclidean"):
    """
    Equal types and shapes. Squared Euclidean distances may differ by 64 roundings of the largest squared norm, cosine
    distances by 64 roundings of 1, in the coarser type of X and the result: each side is off by that much itself.
    """
    assert (mine.dtype, mine.shape) == (theirs.dtype, theirs.shape)
    eps = 64 * max(EPS[X.dtype.type], EPS[mine.dtype.type])
    if metric in ("cosine", "correlation"):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=eps)
        return
    norms = [np.nanmax(np.nansum(np.square(side, dtype=np.float64), axis=1)) for side in (X, Y) if side is not None]
    scale = max(norms) * (X.shape[1] if metric == "nan_euclidean" else 1)
    mine, theirs = mine.astype(np.float64) ** 2, theirs.astype(np.float64) ** 2
    np.testing.assert_allclose(mine, theirs, rtol=eps, atol=eps * scale)


@pytest.mark.parametrize("shapes", [(1, 1, 1), (7, 5, 3), (49, 97, 4), (200, 300, 17), (3, 4500, 2), (30, 20, 900)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
class TestParity:
    def sides(self, shapes, dtype):
        n, m, d = shapes
        return rows(n, d, 0, dtype), rows(m, d, 1, dtype)

    @pytest.mark.parametrize("metric", EXPANDED)
    def test_products(self, metric, shapes, dtype):
        X, Y = self.sides(shapes, dtype)
        if metric == "correlation" and shapes[2] < 3:
            X, Y = np.tile(X, 3), np.tile(Y, 3)  # of one or two features it is rounding alone
            X[:, 0] += 1
            Y[:, -1] -= 1
        for args in [(X, Y), (X,), (X, X)]:
            mine, theirs = (
                ours.pairwise_distances(*args, metric=metric),
                parent.pairwise_distances(*args, metric=metric),
            )
            assert_close(mine, theirs, *args, metric=metric)

    @pytest.mark.parametrize("metric", SAME_BITS)
    def test_same_bits(self, metric, shapes, dtype):
        X, Y = self.sides(shapes, dtype)
        X[:, ::3] = np.round(X[:, ::3])  # equal features, for Hamming's distance
        Y[:, ::3] = np.round(Y[:, ::3])
        for args in [(X, Y), (X,), (X, X)]:
            mine, theirs = (
                ours.pairwise_distances(*args, metric=metric),
                parent.pairwise_distances(*args, metric=metric),
            )
            assert mine.dtype == theirs.dtype
            np.testing.assert_array_equal(mine, theirs)

    @pytest.mark.parametrize("metric", ["euclidean", "manhattan", "cosine", "nan_euclidean", "chebyshev"])
    def test_n_jobs(self, metric, shapes, dtype):
        X, Y = self.sides(shapes, dtype)
        mine = ours.pairwise_distances(X, Y, metric=metric, n_jobs=2)
        theirs = parent.pairwise_distances(X, Y, metric=metric, n_jobs=2)
        assert_close(mine, theirs, X, Y, metric)


@pytest.mark.parametrize("p", [0.5, 1, 1.5, 2, 3, np.inf])
def test_minkowski(p):
    X, Y = rows(40, 6), rows(30, 6, 1)
    for args in [(X, Y), (X,)]:
        mine = ours.pairwise_distances(*args, metric="minkowski", p=p)
        np.testing.assert_array_equal(mine, parent.pairwise_distances(*args, metric="minkowski", p=p))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_real_data(real, name):
    for data in ["digits", "iris", "california"]:
        X = real(data)[:500]
        mine, theirs = getattr(ours, name)(X), getattr(parent, name)(X)
        assert_close(mine, theirs, X, metric=name.removesuffix("_distances"))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_signature(name):
    assert (
        inspect.signature(getattr(ours, name)).parameters.keys()
        == inspect.signature(getattr(parent, name)).parameters.keys()
    )


@pytest.mark.parametrize("name", [*FUNCTIONS, "pairwise_distances"])
@pytest.mark.parametrize("dtype", [bool, np.int64, np.uint8, np.float16, np.float32, np.float64, list])
def test_input_types(name, dtype):
    X, Y = rows(6, 4) * 3, rows(5, 4, 1) * 3
    X, Y = (
        (X.tolist(), Y.tolist())
        if dtype is list
        else (X.astype(np.int8).astype(dtype), Y.astype(np.int8).astype(dtype))
    )
    mine, theirs = getattr(ours, name)(X, Y), getattr(parent, name)(X, Y)
    assert_close(mine, theirs, np.asarray(X, dtype=float), np.asarray(Y, dtype=float), name.removesuffix("_distances"))


def test_mixed_types_are_widened():
    X, Y = rows(6, 4), rows(5, 4, 1, np.float32)
    for name in FUNCTIONS:
        assert getattr(ours, name)(X, Y).dtype == getattr(parent, name)(X, Y).dtype == np.float64


@pytest.mark.parametrize("metric", [*SAME_BITS, *EXPANDED])
def test_layouts_and_threads_change_no_bit(metric, threads):
    X, Y = rows(300, 11), rows(150, 11, 1)
    expected = ours.pairwise_distances(X, Y, metric=metric), ours.pairwise_distances(X, metric=metric)
    wide = np.zeros((600, 22))
    wide[::2, ::2] = X
    locked = X.copy()
    locked.flags.writeable = False
    for kind in (np.asfortranarray(X), wide[::2, ::2], locked):
        np.testing.assert_array_equal(ours.pairwise_distances(kind, Y, metric=metric), expected[0])
    for n in (1, 2, 3, 7):
        threads(n)
        np.testing.assert_array_equal(ours.pairwise_distances(X, Y, metric=metric), expected[0])
        np.testing.assert_array_equal(ours.pairwise_distances(X, metric=metric), expected[1])


@pytest.mark.parametrize("metric", [*SAME_BITS, *EXPANDED])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_itself(metric, dtype):
    """The diagonal is zero and the matrix symmetric, and what is on one side of it does not depend on the other."""
    X = rows(250, 9, 2, dtype, offset=100)
    D = ours.pairwise_distances(X, metric=metric)
    assert not D.diagonal().any()
    np.testing.assert_array_equal(D, D.T)
    if metric not in ("cosine", "correlation"):
        np.testing.assert_array_equal(D, ours.pairwise_distances(X, X.copy(), metric=metric))


@pytest.mark.parametrize("offset", [0.0, 1e4, 1e8])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", ["euclidean_distances", "cosine_distances"])
def test_no_less_exact_than_the_parent(name, dtype, offset):
    X, Y = rows(60, 30, 0, dtype, offset), rows(50, 30, 1, dtype, offset)
    wide = X.astype(np.longdouble), Y.astype(np.longdouble)
    if name == "euclidean_distances":
        exact = np.sqrt(((wide[0][:, None] - wide[1][None]) ** 2).sum(axis=2))
    else:
        unit = [side / np.sqrt((side**2).sum(axis=1, keepdims=True)) for side in wide]
        exact = 1 - unit[0] @ unit[1].T
    error, allowed = (np.abs(getattr(module, name)(X, Y) - exact).max() for module in (ours, parent))
    assert error <= 2 * allowed + 1e-15


def test_known_norms():
    X, Y = rows(20, 5), rows(10, 5, 1)
    x, y = (X**2).sum(axis=1), (Y**2).sum(axis=1)
    expected = ours.euclidean_distances(X, Y)
    for shape in [(-1,), (-1, 1), (1, -1)]:
        norms = {"X_norm_squared": x.reshape(shape), "Y_norm_squared": y.reshape(shape)}
        np.testing.assert_allclose(ours.euclidean_distances(X, Y, **norms), expected, rtol=1e-12)
    # They are used as they are given, float64 only.
    for dtype in (np.float64, np.float32):
        norms = {"X_norm_squared": (x + 1).astype(dtype), "Y_norm_squared": (y + 2).astype(dtype)}
        mine, theirs = ours.euclidean_distances(X, Y, **norms), parent.euclidean_distances(X, Y, **norms)
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)
        assert not ours.euclidean_distances(X, X_norm_squared=norms["X_norm_squared"]).diagonal().any()
    squared = ours.euclidean_distances(X, Y, squared=True)
    np.testing.assert_allclose(squared, parent.euclidean_distances(X, Y, squared=True), rtol=1e-12)


class TestMissing:
    def data(self, dtype=np.float64, n=80):
        X, gaps = rows(n, 6, 3, dtype), np.random.RandomState(4).random_sample((n, 6)) < 0.3
        X[gaps] = np.nan
        X[5] = np.nan
        return X

    @pytest.mark.parametrize("dtype", [np.float64, np.float32])
    @pytest.mark.parametrize("squared", [False, True])
    def test_nan(self, dtype, squared):
        X, Y = self.data(dtype), self.data(dtype, 30)
        for args in [(X, Y), (X,)]:
            before = X.copy()
            mine = ours.nan_euclidean_distances(*args, squared=squared, copy=False)
            np.testing.assert_array_equal(X, before)
            theirs = parent.nan_euclidean_distances(*args, squared=squared)
            assert mine.dtype == theirs.dtype
            if not squared:
                mine, theirs = mine.astype(np.float64) ** 2, theirs.astype(np.float64) ** 2
            np.testing.assert_allclose(mine, theirs, rtol=256 * EPS[dtype], atol=2048 * EPS[dtype])

    def test_other_marks(self):
        X = self.data()
        marked = np.where(np.isnan(X), -1, X)
        mine = ours.nan_euclidean_distances(marked, missing_values=-1)
        np.testing.assert_array_equal(mine, ours.nan_euclidean_distances(X))
        np.testing.assert_allclose(mine, parent.nan_euclidean_distances(marked, missing_values=-1), atol=1e-7)
        assert ours.nan_euclidean_distances(marked.astype(np.float32), missing_values=-1).dtype == np.float32


@pytest.mark.parametrize("kinds", ["sparse sparse", "sparse dense", "dense sparse"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "cosine"])
def test_sparse(metric, dtype, kinds):
    def make(n, seed):
        X = rows(n, 40, seed, dtype)
        X[np.random.RandomState(seed).random_sample(X.shape) < 0.8] = 0
        X[3] = 0
        return X

    X, Y = make(70, 0), make(110, 1)
    as_kind = {"sparse": csr_array, "dense": np.asarray}
    A, B = (as_kind[kind](side) for kind, side in zip(kinds.split(), (X, Y), strict=True))
    for n_jobs in (None, 2):
        mine = ours.pairwise_distances(A, B, metric=metric, n_jobs=n_jobs)
        assert_close(mine, parent.pairwise_distances(A, B, metric=metric, n_jobs=n_jobs), X, Y, metric)
    if kinds == "sparse sparse":
        mine = ours.pairwise_distances(A, metric=metric)
        assert_close(mine, parent.pairwise_distances(A, metric=metric), X, metric=metric)
        assert not mine.diagonal().any()
        np.testing.assert_array_equal(mine, ours.pairwise_distances(csc_array(X), metric=metric))
    if metric == "manhattan":
        np.testing.assert_array_equal(ours.manhattan_distances(A, B), ours.manhattan_distances(X, Y))


def test_sparse_values_in_parts_and_long_indices():
    X = csr_matrix(([1.0, 2.0, 3.0, 4.0], [2, 0, 2, 1], [0, 3, 4]), shape=(2, 3))
    long = csr_matrix((X.data, X.indices.astype(np.int64), X.indptr.astype(np.int64)), shape=(2, 3))
    for name in ["euclidean_distances", "manhattan_distances", "cosine_distances"]:
        expected = getattr(parent, name)(X.toarray())
        np.testing.assert_allclose(getattr(ours, name)(X.copy()), expected, rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(getattr(ours, name)(long), expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "cosine"])
def test_sparse_without_values(metric):
    X = csr_array((3, 5))
    mine, theirs = ours.pairwise_distances(X, metric=metric), parent.pairwise_distances(X, metric=metric)
    np.testing.assert_array_equal(mine, theirs)


@given(
    hnp.arrays(np.float64, st.tuples(st.integers(1, 12), st.just(3)), elements=st.floats(-1e6, 1e6, width=32)),
    hnp.arrays(np.float64, st.tuples(st.integers(1, 12), st.just(3)), elements=st.floats(-1e6, 1e6, width=32)),
    st.sampled_from([*SAME_BITS, "euclidean", "cosine", "nan_euclidean"]),
)
def test_any_data(X, Y, metric):
    with np.errstate(all="ignore"):
        mine, theirs = ours.pairwise_distances(X, Y, metric=metric), parent.pairwise_distances(X, Y, metric=metric)
    if metric in SAME_BITS:
        np.testing.assert_array_equal(mine, theirs)
    else:
        assert_close(mine, theirs, X, Y, metric)


NAN, GOOD = [[np.nan, 1.0]], [[0.0, 1.0]]
BAD_CALLS = [
    ("euclidean_distances", ([],), {}),
    ("euclidean_distances", ([1.0, 2.0],), {}),
    ("euclidean_distances", (GOOD, [[1.0]]), {}),
    ("euclidean_distances", (NAN,), {}),
    ("euclidean_distances", (GOOD, [[np.inf, 1.0]]), {}),
    ("euclidean_distances", ("abc",), {}),
    ("euclidean_distances", ([["a", "b"]],), {}),
    ("euclidean_distances", (GOOD,), {"squared": "yes"}),
    ("euclidean_distances", (GOOD,), {"X_norm_squared": [1.0, 2.0]}),
    ("euclidean_distances", (GOOD, GOOD), {"Y_norm_squared": [[1.0, 2.0]]}),
    ("euclidean_distances", (GOOD,), {"axis": 1}),
    ("manhattan_distances", (NAN,), {}),
    ("manhattan_distances", (csr_array(GOOD), [[1.0]]), {}),
    ("manhattan_distances", (np.empty((0, 2)),), {}),
    ("cosine_distances", (np.empty((2, 0)),), {}),
    ("cosine_distances", (NAN,), {}),
    ("nan_euclidean_distances", (csr_array(GOOD),), {}),
    ("nan_euclidean_distances", ([[np.inf, 1.0]],), {}),
    ("nan_euclidean_distances", (NAN,), {"missing_values": 0}),
    ("nan_euclidean_distances", (GOOD,), {"missing_values": "?"}),
    ("pairwise_distances", (GOOD,), {"metric": "nonsense"}),
    ("pairwise_distances", (GOOD,), {"n_jobs": 0}),
    ("pairwise_distances", (GOOD,), {"n_jobs": "two"}),
    ("pairwise_distances", (NAN,), {"metric": "chebyshev"}),
    ("pairwise_distances", (csr_array(GOOD),), {"metric": "chebyshev"}),
    ("pairwise_distances", (GOOD, csr_array(GOOD)), {"metric": "canberra"}),
    ("pairwise_distances", (GOOD,), {"metric": "manhattan", "p": 3}),
    ("pairwise_distances", (GOOD,), {"metric": "euclidean", "nonsense": 3}),
    ("pairwise_distances", (GOOD,), {"ensure_all_finite": "maybe"}),
]


@pytest.mark.parametrize(("name", "args", "kwargs"), BAD_CALLS)
def test_bad_input_as_the_parent(name, args, kwargs):
    mine, theirs = (outcome(lambda m=module: getattr(m, name)(*args, **kwargs)) for module in (ours, parent))
    assert theirs.error is not None
    assert_same_complaint(mine, theirs)


def apart(a, b):
    """A metric of the user's own."""
    return abs(a - b).sum()


FALLBACKS = [
    {"metric": apart},
    {"metric": "precomputed"},
    {"metric": "seuclidean"},
    {"metric": "minkowski", "w": [1.0, 2.0, 1.0, 1.0]},
    {"metric": "hamming", "w": [1.0, 2.0, 1.0, 1.0]},
    {"metric": "minkowski", "p": 0},
]


@pytest.mark.parametrize("kwargs", FALLBACKS, ids=range(len(FALLBACKS)))
def test_the_parent_takes_the_rest(kwargs):
    X = np.abs(rows(4, 4))
    with pytest.raises(FallbackError):
        ours.pairwise_distances(X, **kwargs)
    with config_context(fallback="sklearn"):
        np.testing.assert_array_equal(ours.pairwise_distances(X, **kwargs), parent.pairwise_distances(X, **kwargs))


@pytest.mark.parametrize("ensure_all_finite", [False, "allow-nan"])
def test_nan_let_through_goes_to_the_parent(ensure_all_finite):
    X = rows(5, 3)
    options = {"metric": "chebyshev", "ensure_all_finite": ensure_all_finite}
    np.testing.assert_array_equal(ours.pairwise_distances(X, **options), parent.pairwise_distances(X, **options))
    X[0, 0] = np.nan
    with pytest.raises(FallbackError):
        ours.pairwise_distances(X, **options)
    with config_context(fallback="sklearn"):
        np.testing.assert_array_equal(ours.pairwise_distances(X, **options), parent.pairwise_distances(X, **options))


@pytest.mark.parametrize(
    ("dtype", "offset"), [(np.float64, 61), (np.float64, -1e6), (np.float32, 61), (np.float32, 1e6)]
)
@pytest.mark.parametrize("shape", [(40, 64), (150, 3), (20, 600)])
def test_far_from_the_origin_squares_are_not_worse_than_the_parents(shape, dtype, offset):
    X, Y = rows(*shape, 0, dtype, offset), rows(*shape, 1, dtype, offset)
    wide = [side.astype(np.longdouble) for side in (X, Y)]
    exact = np.square(wide[0][:, None] - wide[1][None]).sum(axis=2)
    for args in [(X, Y), (Y, X)]:
        expected = exact if args[0] is X else exact.T
        mine, theirs = (np.abs(e.euclidean_distances(*args, squared=True) - expected).max() for e in (ours, parent))
        assert mine <= theirs
    np.testing.assert_array_equal(ours.euclidean_distances(X, Y), ours.euclidean_distances(Y, X).T)
    assert not ours.euclidean_distances(X, X.copy()).diagonal().any()


def test_whole_numbers_far_from_the_origin_are_exact():
    X = np.random.RandomState(0).randint(1000, 1020, (50, 3)).astype(float)
    squares = np.square(X[:, None] - X[None]).sum(axis=2)
    np.testing.assert_array_equal(ours.euclidean_distances(X, squared=True), squares)
    np.testing.assert_array_equal(ours.euclidean_distances(X, X.copy()), np.sqrt(squares))


@pytest.mark.parametrize("storage", [np.asarray, csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("scale", [5e153, 1e200, 8e307])
def test_finite_rows_have_finite_distances(scale, storage):
    X = np.full((3, 4), scale)
    X[1] = 1
    X[2] /= 2
    sides = storage(X), storage(X.copy())
    exact = 2 * np.abs(X[:, None, 0] - X[None, :, 0])
    np.testing.assert_allclose(ours.euclidean_distances(*sides), exact, rtol=1e-15)
    assert not np.isnan(ours.euclidean_distances(storage(X), storage(-X), squared=True)).any()
    single = (X / X.max() * 3e38).astype(np.float32)
    assert not np.isnan(ours.euclidean_distances(storage(single), storage(single.copy()))).any()
    if scale == 5e153:
        norms = {"X_norm_squared": np.square(X).sum(axis=1)}
        assert not np.isnan(ours.euclidean_distances(*sides, **norms)).any()
