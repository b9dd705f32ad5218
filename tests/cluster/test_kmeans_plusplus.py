"""kmeans_plusplus against its parent: the same rows are picked."""

import inspect

import numpy as np
import pytest
import sklearn.cluster as parent
from sklearn.utils.extmath import row_norms

from mlfast.cluster import kmeans_plusplus

from ..compare import outcome
from ..contract.entry import mixture
from ..spread import assert_within
from .parity import SEEDS, SEEDS_FLOAT32, as_kind, orders, same_generator_state


def parity(X, n_clusters, **params):
    """The same rows are picked; or other ones, as by the parent where features are added in another order."""
    mine = named(*kmeans_plusplus(X, n_clusters, **params))
    assert_within(
        compare, mine, parents(X, n_clusters, params), parents, X, n_clusters, params, orders=orders(X.shape[1])
    )


def named(centers, indices):
    return {"indices": indices, "centers": centers}


def parents(X, n_clusters, params, order=None):
    if order is None:
        return named(*parent.kmeans_plusplus(X, n_clusters, **params))
    centers, indices = parent.kmeans_plusplus(X[:, order], n_clusters, **params)
    return named(centers[:, np.argsort(order)], indices)


def compare(ours, theirs):
    for name, value in theirs.items():
        np.testing.assert_array_equal(ours[name], value)
        assert (ours[name].dtype, ours[name].shape) == (value.dtype, value.shape)


@pytest.mark.parametrize("kind", ["dense", "csr"])
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", ["digits", "iris", "photo", "california"])
def test_picks(real, name, seed, kind):
    parity(as_kind(real(name), kind), 12, random_state=seed)


@pytest.mark.parametrize("kind", ["dense", "csr"])
@pytest.mark.parametrize("seed", SEEDS_FLOAT32)
@pytest.mark.parametrize("name", ["digits", "iris", "photo", "california"])
def test_picks_float32(real, name, seed, kind):
    parity(as_kind(real(name, np.float32), kind), 12, random_state=seed)


def test_mnist(mnist):
    for seed in range(3):
        parity(mnist, 20, random_state=seed)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("k", [1, 2, 5, 50, 200])
@pytest.mark.parametrize("trials", [None, 1, 2, 7, 40])
def test_number_of_trials(photo, k, trials, dtype):
    parity(photo[:2000].astype(dtype), k, n_local_trials=trials, random_state=0)


@pytest.mark.parametrize("kind", ["dense", "csr"])
def test_weights(digits, kind):
    weights = np.random.RandomState(0).gamma(1.0, size=len(digits))
    weights[::5] = 0
    for seed in SEEDS:
        parity(as_kind(digits, kind), 10, sample_weight=weights, random_state=seed)


def test_given_norms(digits):
    norms = row_norms(digits, squared=True)
    parity(digits, 10, x_squared_norms=norms, random_state=0)
    parity(digits, 10, x_squared_norms=norms.tolist(), random_state=0)


def test_one_row_left():
    """As many clusters as rows: every row is picked once."""
    X = mixture(0, 12, 3)
    parity(X, 12, random_state=0)
    assert sorted(kmeans_plusplus(X, 12, random_state=0)[1]) == list(range(12))


def test_generator_ends_in_the_same_state(digits):
    mine, theirs = np.random.RandomState(7), np.random.RandomState(7)
    for _ in range(3):
        a, b = kmeans_plusplus(digits, 10, random_state=mine), parent.kmeans_plusplus(digits, 10, random_state=theirs)
        np.testing.assert_array_equal(a[1], b[1])
        assert same_generator_state(mine, theirs)


@pytest.mark.parametrize("dtype", [np.int64, np.float16])
def test_other_dtypes(digits, dtype):
    """The centres have the dtype of the rows, as the parent's; what the parent refuses is refused alike."""
    X = digits.astype(dtype)
    theirs = outcome(parent.kmeans_plusplus, X, 8, random_state=0)
    if theirs.error is None:
        parity(X, 8, random_state=0)
    else:
        assert outcome(kmeans_plusplus, X, 8, random_state=0).complaint == theirs.complaint


def test_signature():
    mine, theirs = inspect.signature(kmeans_plusplus).parameters, inspect.signature(parent.kmeans_plusplus).parameters
    assert [(p.name, p.kind, p.default) for p in mine.values()] == [
        (p.name, p.kind, p.default) for p in theirs.values()
    ]
