"""Searches of NearestNeighbors against its parent's, and against the rule for equally near rows."""

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn.neighbors as parent
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

import mlfast
from mlfast.neighbors import NearestNeighbors

from ..compare import assert_same_complaint, bits, outcome
from .parity import (
    METRICS,
    SPARSE_METRICS,
    as_csr,
    assert_distances,
    assert_lists,
    assert_ordered,
    assert_sets,
    cloud,
    fit_both,
)

ALGORITHMS = ("auto", "brute", "kd_tree", "ball_tree")
X = cloud(0, 300, 5)
NEW = cloud(1, 80, 5)


def both(data, **params):
    return fit_both(NearestNeighbors(**params), parent.NearestNeighbors(**params), data)


def is_valid(algorithm, params):
    metric = params.get("metric", "minkowski")
    return algorithm == "auto" or metric in parent.VALID_METRICS[algorithm]


def data_for(name):
    """Rows and queries on which no two distances are equal; for hamming that takes whole numbers and ties."""
    if name == "hamming":
        return np.round(X), np.round(NEW)
    if name == "braycurtis":
        return np.abs(X), np.abs(NEW)
    if name == "nan_euclidean":
        rng = np.random.RandomState(2)
        return tuple(np.where(rng.uniform(size=A.shape) < 0.15, np.nan, A) for A in (X, NEW))
    return X, NEW


CASES = [
    (algorithm, name) for algorithm in ALGORITHMS for name, params in METRICS.items() if is_valid(algorithm, params)
]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("algorithm", "name"), CASES)
class TestMetrics:
    def test_kneighbors(self, algorithm, name, dtype):
        rows, new = (A.astype(dtype) for A in data_for(name))
        ours, theirs = both(rows, n_neighbors=7, algorithm=algorithm, **METRICS[name])
        ties = name == "hamming"
        for query in (new, None):
            assert_lists(ours.kneighbors(query), theirs.kneighbors(query), rows, ties)
            alone = ours.kneighbors(query, n_neighbors=3, return_distance=False)
            assert bits(alone) == bits(ours.kneighbors(query, n_neighbors=3)[1])

    def test_radius_neighbors(self, algorithm, name, dtype):
        rows, new = (A.astype(dtype) for A in data_for(name))
        ours, theirs = both(rows, n_neighbors=7, algorithm=algorithm, **METRICS[name])
        found = theirs.kneighbors(new)[0]
        radius = float(np.nanmedian(found)) * (1 + 1e-6)  # not the distance of any row
        for query in (new, None):
            assert_sets(ours.radius_neighbors(query, radius), theirs.radius_neighbors(query, radius), rows)
        distances, indices = ours.radius_neighbors(new, radius, sort_results=True)
        for pair in zip(distances, indices, strict=True):
            assert_ordered(*pair)


@pytest.mark.parametrize("dtypes", [(np.float32, np.float64), (np.float64, np.float32), (np.int64, np.float32)])
@pytest.mark.parametrize("params", [{}, {"algorithm": "brute"}, {"metric": "cosine"}], ids=str)
def test_rows_and_queries_of_other_types(params, dtypes):
    rows, new = (100 * X).astype(dtypes[0]), (100 * NEW).astype(dtypes[1])
    ours, theirs = both(rows, **params)
    assert_lists(ours.kneighbors(new), theirs.kneighbors(new), rows)


@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "chebyshev"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", ["california", "iris", "photo", "cloud"])
def test_distances_have_the_bits_of_the_parents_tree(real, name, dtype, metric):
    data = X.astype(dtype) if name == "cloud" else np.ascontiguousarray(real(name, dtype)[:4000])
    for algorithm in ("kd_tree", "brute"):
        ours = NearestNeighbors(n_neighbors=6, metric=metric, algorithm=algorithm).fit(data)
        theirs = parent.NearestNeighbors(n_neighbors=6, metric=metric, algorithm="kd_tree").fit(data)
        assert bits(ours.kneighbors(data)[0]) == bits(theirs.kneighbors(data)[0])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("name", ["iris", "photo", "digits"])
def test_equally_near_rows_come_in_order(real, name, algorithm):
    """Measured values repeat: the rule is (distance, index), whatever the algorithm."""
    data = real(name)[:1000]
    squares = cdist(data, data, "sqeuclidean")
    wanted = np.argsort(squares, axis=1, kind="stable")[:, :12]
    distances, indices = NearestNeighbors(n_neighbors=12, algorithm=algorithm).fit(data).kneighbors(data)
    found = np.take_along_axis(squares, indices, axis=1)
    np.testing.assert_allclose(found, np.take_along_axis(squares, wanted, axis=1), rtol=1e-12)
    np.testing.assert_allclose(distances, np.sqrt(found), rtol=1e-12)
    if name == "digits":  # whole numbers: no square is rounded, so equal ones are told from others
        assert_ordered(distances, indices)
        np.testing.assert_array_equal(indices, wanted)


@pytest.mark.parametrize("algorithm", ["brute", "kd_tree"])
def test_california(california, algorithm):
    ours, theirs = both(california[:8000], algorithm=algorithm)
    new = california[8000:12000]
    mine, parents = ours.kneighbors(new), theirs.kneighbors(new)
    assert_distances(mine[0], parents[0], new)
    same = mine[1] == parents[1]
    assert (np.diff(mine[0], prepend=-1)[~same] < 1e-7).sum() >= (~same).sum() // 2, "only equally near rows may swap"
    assert same.mean() > 0.999


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("metric", SPARSE_METRICS)
@pytest.mark.parametrize("kinds", [("csr", "csr"), ("csr", "dense")], ids="-".join)
def test_sparse(kinds, metric, dtype):
    rows, new = as_csr(X.astype(dtype)), as_csr(NEW.astype(dtype))
    ours, theirs = both(rows, metric=metric)
    query = new if kinds[1] == "csr" else new.toarray()
    assert_lists(ours.kneighbors(query), theirs.kneighbors(query), rows)
    assert_lists(ours.kneighbors(), theirs.kneighbors(), rows)
    radius = float(np.median(theirs.kneighbors(query)[0])) * (1 + 1e-5)
    assert_sets(ours.radius_neighbors(query, radius), theirs.radius_neighbors(query, radius), rows)


def test_sparse_rows_are_copied():
    rows = as_csr(X)
    ours = NearestNeighbors().fit(rows)
    assert not np.shares_memory(ours._fit_X.data, rows.data)


@pytest.mark.fallback
@pytest.mark.parametrize("rows", [X, np.abs(X) * (np.arange(300) > 3)[:, None]], ids=["negative", "zero"])
def test_braycurtis_where_definitions_part(rows, caplog):
    """scikit-learn searches with |a| + |b| below the line, SciPy with |a + b|, and they differ for rows of zeros."""
    caplog.set_level("INFO", "mlfast")
    ours, theirs = both(rows, metric="braycurtis", algorithm="brute")
    assert bits(ours.kneighbors(NEW)) == bits(theirs.kneighbors(NEW))
    assert "negative numbers" in caplog.text


@pytest.mark.fallback
def test_sparse_queries_of_dense_rows(caplog):
    ours, theirs = both(X, algorithm="brute")
    query = as_csr(NEW)
    caplog.set_level("INFO", "mlfast")
    assert_lists(ours.kneighbors(query), theirs.kneighbors(query), X)
    assert "X is sparse and the fitted rows are dense" in caplog.text


class TestEdges:
    @pytest.mark.parametrize("algorithm", ALGORITHMS)
    def test_all_rows(self, algorithm):
        ours, theirs = both(X, algorithm=algorithm)
        assert_lists(ours.kneighbors(NEW, 300), theirs.kneighbors(NEW, 300), X)
        assert_lists(ours.kneighbors(None, 299), theirs.kneighbors(None, 299), X)

    @pytest.mark.parametrize("algorithm", ALGORITHMS)
    @pytest.mark.parametrize("shape", [(1, 1), (2, 1), (3, 2), (40, 1), (40, 16)], ids=str)
    def test_small(self, shape, algorithm):
        rows = cloud(3, *shape)
        ours, theirs = both(rows, n_neighbors=1, algorithm=algorithm)
        assert_lists(ours.kneighbors(rows), theirs.kneighbors(rows), rows)
        mine, parents = (outcome(est.kneighbors) for est in (ours, theirs))
        assert_same_complaint(mine, parents)

    @pytest.mark.parametrize("algorithm", ALGORITHMS)
    def test_all_rows_equal(self, algorithm):
        rows = np.ones((50, 3))
        est = NearestNeighbors(n_neighbors=4, algorithm=algorithm).fit(rows)
        distances, indices = est.kneighbors()
        assert not distances.any()
        wanted = [[j for j in range(5) if j != i][:4] if i < 5 else [1, 2, 3, 4] for i in range(50)]
        np.testing.assert_array_equal(indices, wanted)
        distances, indices = est.radius_neighbors(radius=0)
        assert not np.concatenate(distances).any()
        for row, found in enumerate(indices):
            np.testing.assert_array_equal(found, np.delete(np.arange(50), row))

    @pytest.mark.parametrize("algorithm", ALGORITHMS)
    def test_radius_zero(self, algorithm):
        rows = np.vstack([X[:40], X[:20]])
        found = NearestNeighbors(radius=0, algorithm=algorithm).fit(rows).radius_neighbors(rows[:25])
        for row, (distances, indices) in enumerate(zip(*found, strict=True)):
            assert not distances.any()
            assert indices.tolist() == ([row, row + 40] if row < 20 else [row])

    def test_radius_infinite(self):
        ours, theirs = both(X, radius=np.inf)
        assert_sets(ours.radius_neighbors(NEW[:5]), theirs.radius_neighbors(NEW[:5]), X)

    def test_results_can_be_written(self):
        for values in NearestNeighbors().fit(X).kneighbors(NEW):
            values[:] = 0
        for lists in NearestNeighbors(radius=3).fit(X).radius_neighbors(NEW):
            for values in lists:
                values[:] = 0

    @pytest.mark.parametrize("n_neighbors", [np.int64(4), 150, 299])
    def test_method_of_parent(self, n_neighbors):
        for data in (X, cloud(0, 60, 15), cloud(0, 60, 16)):
            both(data, n_neighbors=n_neighbors)


@pytest.mark.parametrize("n_jobs", [None, 1, 2, -1])
def test_threads_do_not_matter(threads, n_jobs):
    rows, new = cloud(0, 3000, 6), cloud(1, 700, 6)
    results = []
    for count in (1, 2, 3):
        threads(count)
        est = NearestNeighbors(n_jobs=n_jobs).fit(rows)
        results.append(bits([*est.kneighbors(new), *est.kneighbors(), *est.radius_neighbors(new, 0.7)]))
    assert results[0] == results[1] == results[2]


@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(2, 60),
    d=st.integers(1, 20),
    name=st.sampled_from([name for name in METRICS if name not in ("hamming", "correlation", "nan_euclidean")]),
    algorithm=st.sampled_from(ALGORITHMS),
    leaf_size=st.integers(1, 40),
    dtype=st.sampled_from([np.float32, np.float64]),
    data=st.data(),
)
def test_any_search(seed, n, d, name, algorithm, leaf_size, dtype, data):
    params = {"algorithm": algorithm, "leaf_size": leaf_size, **METRICS[name]}
    if not is_valid(algorithm, params):
        params["algorithm"] = "auto"
    rows, new = np.abs(cloud(seed, n, d, dtype)), np.abs(cloud(seed + 1, 10, d, dtype))
    k = data.draw(st.integers(1, n))
    ours, theirs = both(rows, n_neighbors=k, **params)
    ties = d == 1 or name in ("cosine", "canberra", "braycurtis")  # of bounded range, or with rows on a line
    assert_lists(ours.kneighbors(new), theirs.kneighbors(new), rows, ties)
    if k < n:
        assert_lists(ours.kneighbors(), theirs.kneighbors(), rows, ties)


class TestKept:
    """What a fit keeps, and what it does not."""

    def test_rows_are_not_copied(self):
        rows = X.copy()
        est = NearestNeighbors().fit(rows)
        assert est._fit_X is rows
        assert sp.issparse(NearestNeighbors().fit(as_csr(X))._fit_X)

    def test_fit_runs_in_rust(self):
        with mlfast.profile() as calls:
            NearestNeighbors().fit(X).kneighbors(NEW)
        assert [(call.method, call.engine) for call in calls.records] == [("fit", "rust"), ("kneighbors", "rust")]

    def test_refit_searches_the_new_rows(self):
        est = NearestNeighbors(n_neighbors=2).fit(X)
        est.kneighbors(NEW)
        assert bits(est.fit(NEW).kneighbors(X)) == bits(NearestNeighbors(n_neighbors=2).fit(NEW).kneighbors(X))
