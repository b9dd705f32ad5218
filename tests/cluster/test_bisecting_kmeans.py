"""BisectingKMeans against its parent on real data."""

import numpy as np
import pytest
import sklearn.cluster as parent

from mlfast.cluster import BisectingKMeans

from ..contract.clusterers import random_rows
from ..contract.entry import mixture
from .parity import SEEDS, SEEDS_FLOAT32, as_kind, assert_parity, assert_same_output, same_generator_state

ROWS = {"digits": 10, "iris": 3, "photo": 16, "california": 8}


def parity(X, sample_weight=None, **params):
    return assert_parity(BisectingKMeans(**params), parent.BisectingKMeans(**params), X, sample_weight)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", ROWS)
def test_default_settings(real, name, seed):
    parity(real(name), n_clusters=ROWS[name], random_state=seed)


@pytest.mark.parametrize("seed", SEEDS_FLOAT32)
@pytest.mark.parametrize("name", ROWS)
def test_float32(real, name, seed):
    parity(real(name, np.float32), n_clusters=ROWS[name], random_state=seed)


@pytest.mark.parametrize("strategy", ["biggest_inertia", "largest_cluster"])
@pytest.mark.parametrize("algorithm", ["lloyd", "elkan"])
@pytest.mark.parametrize("init", ["k-means++", "random", random_rows])
@pytest.mark.parametrize("kind", ["dense", "csr"])
@pytest.mark.parametrize("name", ["digits", "photo"])
def test_settings(real, name, kind, init, algorithm, strategy):
    X = as_kind(real(name), kind)
    parity(
        X,
        n_clusters=ROWS[name],
        init=init,
        n_init=2,
        algorithm=algorithm,
        bisecting_strategy=strategy,
        random_state=1,
    )


@pytest.mark.parametrize("kind", ["dense", "csr"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", ["digits", "california"])
def test_weights(real, name, dtype, kind):
    X = as_kind(real(name, dtype), kind)
    weights = np.random.RandomState(0).gamma(1.0, size=X.shape[0])
    parity(X, weights, n_clusters=ROWS[name], random_state=0)


@pytest.mark.parametrize("kind", ["dense", "csr"])
@pytest.mark.parametrize("k", [1, 2, 3, 40])
def test_number_of_clusters(k, kind):
    parity(as_kind(mixture(0, 200, 3), kind), n_clusters=k, random_state=0)


def test_each_row_its_cluster():
    parity(mixture(0, 12, 3), n_clusters=12, random_state=0)


@pytest.mark.parametrize(
    "params", [{"tol": 0.0}, {"tol": 1.0}, {"max_iter": 1}, {"max_iter": 3}, {"n_init": 5}], ids=str
)
def test_stopping(digits, params):
    for seed in range(3):
        parity(digits, n_clusters=8, random_state=seed, **params)


def test_tree_is_the_parents(digits):
    """Whoever walks the private tree (as some plotting code does) finds the parent's nodes."""
    pair = [cls(6, random_state=0).fit(digits) for cls in (BisectingKMeans, parent.BisectingKMeans)]
    leaves = [list(est._bisecting_tree.iter_leaves()) for est in pair]
    assert [leaf.label for leaf in leaves[0]] == [leaf.label for leaf in leaves[1]]
    for mine, theirs in zip(*leaves, strict=True):
        np.testing.assert_allclose(mine.center, theirs.center, atol=1e-9)
        np.testing.assert_allclose(mine.score, theirs.score, rtol=1e-6)


@pytest.mark.parametrize("kind", ["dense", "csr"])
def test_new_data(digits, kind):
    """predict goes down the tree: it need not be the nearest of all centres."""
    X = as_kind(digits, kind)
    pair = [cls(10, random_state=0).fit(X[:1000]) for cls in (BisectingKMeans, parent.BisectingKMeans)]
    labels = [est.predict(X[1000:]) for est in pair]
    np.testing.assert_array_equal(*labels)
    assert labels[0].dtype == labels[1].dtype
    np.testing.assert_array_equal(*[est.fit_predict(X) for est in pair])


@pytest.mark.parametrize("n_init", [1, 3])
def test_generator_ends_in_the_same_state(digits, n_init):
    mine, theirs = np.random.RandomState(7), np.random.RandomState(7)
    params = {"n_clusters": 6, "n_init": n_init}
    assert_parity(
        BisectingKMeans(**params, random_state=mine), parent.BisectingKMeans(**params, random_state=theirs), digits
    )
    assert same_generator_state(mine, theirs)


@pytest.mark.parametrize("algorithm", ["lloyd", "elkan"])
def test_verbose(iris, capsys, algorithm):
    params = {"n_clusters": 4, "n_init": 2, "algorithm": algorithm, "random_state": 0, "verbose": 1}
    assert_same_output(
        capsys,
        lambda: BisectingKMeans(**params).fit(iris),
        lambda: parent.BisectingKMeans(**params).fit(iris),
        rtol=1e-5,  # the parent prints centres with eight digits
    )
