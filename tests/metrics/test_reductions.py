"""The nearest row and chunks of distances, against scikit-learn's."""

import inspect

import numpy as np
import pytest
import sklearn
import sklearn.metrics
import sklearn.metrics.pairwise as parent
from scipy.sparse import csr_array

import mlfast.metrics
import mlfast.metrics.pairwise as ours
from mlfast import FallbackError

from ..compare import assert_same_complaint, outcome
from .test_pairwise import rows

METRICS = [
    "euclidean", "l2", "sqeuclidean", "manhattan", "l1", "cityblock", "chebyshev", "infinity", "minkowski", "p",
    "canberra", "braycurtis", "hamming", "cosine", "correlation", "nan_euclidean",
]  # fmt: skip


def assert_same_nearest(mine, theirs, rtol):
    for a, b in zip(mine, theirs, strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
    np.testing.assert_allclose(mine[1], theirs[1], rtol=rtol, atol=rtol)
    np.testing.assert_array_equal(mine[0], theirs[0])


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shapes", [(1, 1, 3), (7, 50, 3), (130, 400, 12), (2, 5000, 4)])
class TestNearest:
    def test_parity(self, metric, dtype, shapes):
        n, m, d = shapes
        X, Y = rows(n, d, 0, dtype), rows(m, d, 1, dtype)
        for axis in (0, 1):
            mine = ours.pairwise_distances_argmin_min(X, Y, axis=axis, metric=metric)
            theirs = parent.pairwise_distances_argmin_min(X, Y, axis=axis, metric=metric)
            assert_same_nearest(mine, theirs, 1e-6 if dtype is np.float64 else 1e-4)
            np.testing.assert_array_equal(ours.pairwise_distances_argmin(X, Y, axis=axis, metric=metric), mine[0])


@pytest.mark.parametrize("kwargs", [{"p": 3}, {"p": 1}, {"p": 0.5}])
def test_minkowski(kwargs):
    X, Y = rows(30, 4), rows(60, 4, 1)
    options = {"metric": "minkowski", "metric_kwargs": kwargs}
    if kwargs["p"] < 1:
        X, Y = np.asfortranarray(X), np.asfortranarray(Y)  # only then the parent takes such an exponent
    mine, theirs = (m.pairwise_distances_argmin_min(X, Y, **options) for m in (ours, parent))
    assert_same_nearest(mine, theirs, 1e-12)


def test_squared():
    X, Y = rows(30, 4), rows(60, 4, 1)
    mine, theirs = (m.pairwise_distances_argmin_min(X, Y, metric_kwargs={"squared": True}) for m in (ours, parent))
    assert_same_nearest(mine, theirs, 1e-12)


@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "cosine"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_sparse(metric, dtype):
    X, Y = rows(30, 20, 0, dtype), rows(60, 20, 1, dtype)
    X[X < 0.5], Y[Y < 0.5] = 0, 0
    for A, B in [(csr_array(X), csr_array(Y)), (X, csr_array(Y)), (csr_array(X), Y)]:
        mine, theirs = (m.pairwise_distances_argmin_min(A, B, metric=metric) for m in (ours, parent))
        assert_same_nearest(mine, theirs, 1e-6 if dtype is np.float64 else 1e-4)


def test_the_first_of_equals_is_found_however_far_from_zero(threads):
    Y = np.repeat(np.arange(50.0), 4)[:, np.newaxis] + 1e8
    X = np.arange(50.0)[::-1, np.newaxis] + 1e8
    for n in (1, 2, 3):
        threads(n)
        index, distance = ours.pairwise_distances_argmin_min(X, Y)
        np.testing.assert_array_equal(index, np.arange(50)[::-1] * 4)
        assert not distance.any()


def test_missing_values():
    X, Y = rows(20, 4), rows(30, 4, 1)
    X[::3, 0] = Y[::4, 1] = np.nan
    Y[7] = np.nan  # without a distance to anything: the parent finds it nearest
    mine, theirs = (m.pairwise_distances_argmin_min(X, Y, metric="nan_euclidean") for m in (ours, parent))
    assert_same_nearest(mine, theirs, 1e-7)


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        (([[1.0]], [[1.0, 2.0]]), {}),
        (([[1.0]], [[np.nan]]), {}),
        (([[1.0]], [[1.0]]), {"axis": 2}),
        (([[1.0]], [[1.0]]), {"metric": "nonsense"}),
        ((np.empty((0, 2)), [[1.0, 2.0]]), {}),
        (([[1.0]], None), {}),
        (([[1.0]], [[1.0]]), {"metric_kwargs": 3}),
    ],
)
@pytest.mark.parametrize("name", ["pairwise_distances_argmin", "pairwise_distances_argmin_min"])
def test_bad_input_as_the_parent(name, args, kwargs):
    mine, theirs = (outcome(lambda m=module: getattr(m, name)(*args, **kwargs)) for module in (ours, parent))
    assert theirs.error is not None
    assert_same_complaint(mine, theirs)


class TestChunks:
    @pytest.mark.parametrize("metric", ["euclidean", "l2", "manhattan", "cosine", "hamming", "nan_euclidean"])
    @pytest.mark.parametrize("working_memory", [None, 0.01])
    def test_parity(self, metric, working_memory):
        X, Y = rows(60, 5), rows(70, 5, 1)
        for args in [(X,), (X, Y)]:
            options = {"metric": metric, "working_memory": working_memory}
            mine = list(ours.pairwise_distances_chunked(*args, **options))
            theirs = list(parent.pairwise_distances_chunked(*args, **options))
            assert [chunk.shape for chunk in mine] == [chunk.shape for chunk in theirs]
            np.testing.assert_allclose(np.concatenate(mine), np.concatenate(theirs), atol=1e-7)
            np.testing.assert_array_equal(np.concatenate(mine), ours.pairwise_distances(*args, metric=metric))
            if len(args) == 1:
                assert not np.concatenate(mine).diagonal().any()

    def test_setting_of_scikit_learn(self):
        X = rows(60, 5)
        with sklearn.config_context(working_memory=0.01):
            assert len(list(ours.pairwise_distances_chunked(X))) == len(list(parent.pairwise_distances_chunked(X))) > 1

    @pytest.mark.parametrize(
        "reduce_func",
        [
            lambda D, start: D.argmin(axis=1) + start,
            lambda D, start: (list(D[:, :2]), D.sum(axis=1)),
            lambda D, start: None,
            lambda D, start: 3,
            lambda D, start: ([1], 3),
            lambda D, start: [1],
            lambda D, start: ([1] * len(D), [1]),
        ],
    )
    def test_reduction(self, reduce_func):
        X = rows(60, 5)

        def run(module):
            return list(module.pairwise_distances_chunked(X, reduce_func=reduce_func, working_memory=0.01))

        mine, theirs = (outcome(lambda m=module: run(m)) for module in (ours, parent))
        assert_same_complaint(mine, theirs)
        if theirs.error is None:
            assert str(mine.value) == str(theirs.value)

    @pytest.mark.filterwarnings("ignore:Could not adhere to working_memory config")
    def test_a_row_at_a_time(self):
        X = rows(5, 3)
        assert [len(chunk) for chunk in ours.pairwise_distances_chunked(X, working_memory=0)] == [1] * 5

    def test_it_is_lazy(self):
        chunks = ours.pairwise_distances_chunked([[np.nan]])
        with pytest.raises(ValueError, match="contains NaN"):
            next(chunks)

    @pytest.mark.fallback
    @pytest.mark.parametrize("metric", ["seuclidean", "precomputed", "mahalanobis"])
    def test_what_the_parent_computes(self, metric):
        X = np.abs(rows(12, 12))
        mine, theirs = (list(m.pairwise_distances_chunked(X, metric=metric)) for m in (ours, parent))
        np.testing.assert_array_equal(mine, theirs)


def test_the_parent_takes_the_rest():
    X = rows(6, 3)
    for options in [
        {"metric": "seuclidean"},
        {"metric": lambda a, b: abs(a - b).sum()},
        {"metric": "minkowski", "metric_kwargs": {"p": 3, "w": np.ones(3)}},
    ]:
        with pytest.raises(FallbackError):
            ours.pairwise_distances_argmin(X, X, **options)
    with pytest.raises(FallbackError):
        ours.pairwise_distances_argmin(csr_array(X), csr_array(X), metric="chebyshev")


def test_names_and_signatures():
    assert set(mlfast.metrics.__all__) <= set(sklearn.metrics.__all__)
    for name in ours.__all__:
        mine, theirs = (inspect.signature(getattr(module, name)).parameters for module in (ours, parent))
        assert [(p.name, p.kind, repr(p.default)) for p in mine.values()] == [
            (p.name, p.kind, repr(p.default)) for p in theirs.values()
        ]
