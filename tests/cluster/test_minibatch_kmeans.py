"""MiniBatchKMeans against its parent on real data."""

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn.cluster as parent

from mlfast.cluster import MiniBatchKMeans

from ..compare import assert_same_complaint, outcome, state_bits
from ..contract.clusterers import first_rows, random_rows
from ..contract.entry import mixture
from .parity import SEEDS, SEEDS_FLOAT32, as_kind, assert_parity, assert_same_output, same_generator_state

ROWS = {"digits": 10, "iris": 3, "photo": 16, "california": 8}


def parity(X, sample_weight=None, **params):
    return assert_parity(MiniBatchKMeans(**params), parent.MiniBatchKMeans(**params), X, sample_weight)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", ROWS)
def test_default_settings(real, name, seed):
    parity(real(name), n_clusters=ROWS[name], random_state=seed)


@pytest.mark.parametrize("seed", SEEDS_FLOAT32)
@pytest.mark.parametrize("name", ROWS)
def test_float32(real, name, seed):
    parity(real(name, np.float32), n_clusters=ROWS[name], random_state=seed)


def test_mnist(mnist):
    parity(mnist, n_clusters=10, random_state=0, batch_size=256, max_iter=10)


@pytest.mark.parametrize("kind", ["dense", "csr"])
@pytest.mark.parametrize("init", ["k-means++", "random", first_rows, random_rows])
@pytest.mark.parametrize("name", ["digits", "photo"])
def test_init(real, name, init, kind):
    X = as_kind(real(name), kind)
    parity(X, n_clusters=ROWS[name], init=init, n_init=2, random_state=1, batch_size=200)


@pytest.mark.parametrize("kind", ["dense", "csr"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", ["digits", "california"])
def test_weights(real, name, dtype, kind):
    X = as_kind(real(name, dtype), kind)
    weights = np.random.RandomState(0).gamma(1.0, size=X.shape[0])
    parity(X, weights, n_clusters=ROWS[name], random_state=0)


@pytest.mark.parametrize(
    "params",
    [
        {"batch_size": 10},
        {"batch_size": 257},
        {"batch_size": 10_000},
        {"batch_size": 100, "max_no_improvement": 1},
        {"batch_size": 100, "max_no_improvement": None, "max_iter": 3},
        {"batch_size": 100, "tol": 1e-2},
        {"batch_size": 100, "tol": 1e-1, "max_no_improvement": None},
        {"batch_size": 50, "reassignment_ratio": 0.5},
        {"batch_size": 50, "reassignment_ratio": 0.0},
        {"batch_size": 50, "reassignment_ratio": 1.0, "max_iter": 5},
        {"init_size": 20},
        {"init_size": 5},
        {"init_size": 10**6},
        {"compute_labels": False},
        {"compute_labels": False, "tol": 1e-2},
        {"n_init": 4, "batch_size": 64},
        {"max_iter": 1},
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["dense", "csr"])
def test_settings(digits, params, kind):
    for seed in range(2):
        parity(as_kind(digits, kind), n_clusters=12, random_state=seed, **params)


@pytest.mark.parametrize("kind", ["dense", "csr"])
def test_given_centres(digits, kind):
    X = as_kind(digits, kind)
    parity(X, n_clusters=10, init=first_rows(X, 10), n_init=1, random_state=0)


@pytest.mark.parametrize("kind", ["dense", "csr"])
def test_far_centres_are_reassigned(kind):
    X = as_kind(mixture(0, 500, 3), kind)
    init = first_rows(X, 6)
    init[3:] = 1e3
    parity(X, n_clusters=6, init=init, n_init=1, random_state=0, batch_size=50)


class TestPartialFit:
    @pytest.mark.parametrize("kind", [np.asarray, sp.csr_array])
    @pytest.mark.parametrize("dtype", [np.float64, np.float32])
    @pytest.mark.parametrize("weighted", [False, True])
    def test_sequence(self, digits, kind, dtype, weighted):
        """Every attribute agrees after every batch."""
        ours, theirs = (cls(10, random_state=0) for cls in (MiniBatchKMeans, parent.MiniBatchKMeans))
        for start in range(0, 1700, 170):
            batch = kind(digits[start : start + 170].astype(dtype))
            weights = np.linspace(0.5, 2, 170) if weighted else None
            assert_parity(ours, theirs, batch, weights, method="partial_fit")

    def test_many_small_batches(self, photo):
        """Batches below the number of clusters, once there are centres; reassignment happens on the way."""
        params = {"n_clusters": 16, "random_state": 0, "reassignment_ratio": 0.1}
        ours, theirs = MiniBatchKMeans(**params), parent.MiniBatchKMeans(**params)
        assert_parity(ours, theirs, photo[:50], method="partial_fit")
        for i in range(60):
            assert_parity(ours, theirs, photo[50 + 7 * i : 57 + 7 * i], method="partial_fit", outputs=())

    def test_after_fit(self, digits):
        """partial_fit goes on from fit."""
        ours, theirs = (cls(10, random_state=0) for cls in (MiniBatchKMeans, parent.MiniBatchKMeans))
        assert_parity(ours, theirs, digits[:900])
        assert_parity(ours, theirs, digits[900:], method="partial_fit")

    def test_fit_after_partial_fit_starts_anew(self, digits):
        ours, theirs = (cls(10, random_state=0) for cls in (MiniBatchKMeans, parent.MiniBatchKMeans))
        assert_parity(ours, theirs, digits[:300], method="partial_fit")
        assert_parity(ours, theirs, digits)

    def test_other_dtype_between_batches(self, digits):
        """float32 batches for centres of float64, or the other way round: what the parent does."""
        for first, second in ((np.float64, np.float32), (np.float32, np.float64)):
            pair = [cls(10, random_state=0) for cls in (MiniBatchKMeans, parent.MiniBatchKMeans)]
            for est in pair:
                est.partial_fit(digits[:300].astype(first))
            import mlfast

            with mlfast.config_context(fallback="sklearn"):
                did = [outcome(est.partial_fit, digits[300:600].astype(second)) for est in pair]
            assert_same_complaint(*did)
            if did[1].error is None:
                assert pair[0].cluster_centers_.dtype == pair[1].cluster_centers_.dtype
                np.testing.assert_allclose(pair[0].cluster_centers_, pair[1].cluster_centers_, rtol=1e-3, atol=1e-3)

    def test_centres_are_not_shared(self, digits):
        """A copy taken between batches does not move with the estimator."""
        est = MiniBatchKMeans(10, random_state=0).partial_fit(digits[:300])
        import copy

        kept = copy.deepcopy(est)
        before = state_bits(kept)
        est.partial_fit(digits[300:600])
        assert state_bits(kept) == before

    def test_n_steps(self, digits):
        ours, theirs = (cls(10, random_state=0) for cls in (MiniBatchKMeans, parent.MiniBatchKMeans))
        for n in range(1, 4):
            assert_parity(ours, theirs, digits[:100], method="partial_fit")
            assert ours.n_steps_ == n


class TestRandomState:
    @pytest.mark.parametrize("init", ["k-means++", "random", random_rows])
    def test_instance_ends_in_the_same_state(self, digits, init):
        mine, theirs = np.random.RandomState(7), np.random.RandomState(7)
        params = {"n_clusters": 10, "init": init, "batch_size": 100, "reassignment_ratio": 0.1}
        assert_parity(
            MiniBatchKMeans(**params, random_state=mine), parent.MiniBatchKMeans(**params, random_state=theirs), digits
        )
        assert same_generator_state(mine, theirs)

    def test_partial_fit_draws_from_the_instance(self, digits):
        mine, theirs = np.random.RandomState(7), np.random.RandomState(7)
        params = {"n_clusters": 30, "reassignment_ratio": 0.5}
        ours = MiniBatchKMeans(**params, random_state=mine)
        parents = parent.MiniBatchKMeans(**params, random_state=theirs)
        for start in range(0, 1000, 100):
            assert_parity(ours, parents, digits[start : start + 100], method="partial_fit", outputs=())
            assert same_generator_state(mine, theirs)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"n_init": 3, "init": "random"},
        {"tol": 1e-2, "max_no_improvement": None},
        {"max_no_improvement": 2},
        {"reassignment_ratio": 0.5, "max_iter": 3},
    ],
    ids=str,
)
def test_verbose(digits, capsys, params):
    params = {"n_clusters": 12, "batch_size": 128, "random_state": 0, "verbose": 1, **params}
    assert_same_output(
        capsys, lambda: MiniBatchKMeans(**params).fit(digits), lambda: parent.MiniBatchKMeans(**params).fit(digits)
    )


def test_verbose_partial_fit(digits, capsys):
    params = {"n_clusters": 40, "random_state": 0, "verbose": 1, "reassignment_ratio": 0.9}

    def run(cls):
        est = cls(**params)
        for start in range(0, 1500, 100):
            est.partial_fit(digits[start : start + 100])

    assert_same_output(capsys, lambda: run(MiniBatchKMeans), lambda: run(parent.MiniBatchKMeans))


def test_warning_for_small_init_size(iris):
    params = {"n_clusters": 8, "init_size": 3, "random_state": 0}
    ours, theirs = (outcome(cls(**params).fit, iris) for cls in (MiniBatchKMeans, parent.MiniBatchKMeans))
    assert [w for w, _ in theirs.warned] == ["RuntimeWarning"]
    assert_same_complaint(ours, theirs)
