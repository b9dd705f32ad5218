"""What must hold between two fits, whatever the answer is."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from ..compare import bits, fitted, leaves, rounding, state_bits, take
from .entry import mixture, sparse_mixture
from .registry import ENTRIES, OWN_ENTRIES, OWN_NAMES

SEEDS = st.integers(0, 10_000)
CLUSTERERS = [e for e in ENTRIES if e.clusters]
ELKAN = [e for e in CLUSTERERS if "elkan" in e.ways]
GIVEN_START = [e for e in ENTRIES if e.start]
WEIGHTED_START = [e for e in GIVEN_START if e.sample_weight]


def assert_near(ours, theirs, but=(), rtol=1e-9):
    """Integers equal, floats within `rtol` of the largest."""
    for name in ours.keys() - set(but):
        a, b = np.asarray(ours[name]), np.asarray(theirs[name])
        if a.dtype.kind == "f":
            np.testing.assert_allclose(
                a, b, rtol=0, atol=rtol * np.abs(b).max(initial=0.0) + rounding(name), err_msg=name
            )
        else:
            np.testing.assert_array_equal(a, b, err_msg=name)


SCALED = [(e, kind) for e in ENTRIES if e.scales for kind in ("dense", "csr") if kind == "dense" or e.sparse]


@pytest.mark.per_change(entry=OWN_NAMES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("entry", "kind"), SCALED, ids=lambda v: getattr(v, "name", v))
@given(seed=SEEDS, power=st.integers(-20, 20))
def test_scaling_by_a_power_of_two_is_exact(entry, kind, dtype, seed, power):
    X = entry.data(seed, 60, 3, dtype) if kind == "dense" else sparse_mixture(seed, 60, 3, dtype)
    s = dtype(2.0**power)
    small = entry.fit(X, **entry.scalable)
    large = entry.fit(X * s, **entry.scalable, **entry.scaled(2.0**power))
    for name, value in fitted(small).items():
        factor = 2.0 ** (power * entry.degree.get(name, 0))
        expected = value * type(value)(factor) if isinstance(value, float) else value
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            expected = value * value.dtype.type(factor)
        assert bits(getattr(large, name)) == bits(expected), name
    scaled = entry.results(large, X * s)
    for name, value in entry.results(small, X).items():
        degree = entry.degree.get(name, 0)
        found, expected = np.asarray(scaled[name]), np.asarray(value)
        expected = expected * found.dtype.type(2.0 ** (power * degree)) if degree else expected
        np.testing.assert_array_equal(found, expected, err_msg=name)


@pytest.mark.parametrize("entry", OWN_ENTRIES, ids=lambda e: e.name)
@given(seed=SEEDS, cut=st.integers(1, 99), dtype=st.sampled_from([np.float64, np.float32]))
def test_outputs_of_parts_are_parts_of_the_output(entry, seed, cut, dtype):
    """predict(concat) == concat(predict) to the bit, down to single rows; dense and CSR."""
    X, new = entry.data(seed, 80, 4, dtype), entry.data(seed + 1, 100, 4, dtype)
    for kind in (np.asarray, sp.csr_array) if entry.sparse else (np.asarray,):
        est, rows = entry.fit(X if entry.mixes_storage else kind(X)), kind(new)
        for name in entry.outputs:
            whole = entry.output(est, name, rows)
            if np.ndim(whole) == 0 and not sp.issparse(whole):
                continue
            for part in (slice(None, cut), slice(cut, None), *(slice(i, i + 1) for i in (0, cut, 99))):
                alone = entry.output(est, name, rows[part])
                assert values(name, alone) == values(name, take(whole, part)), f"{name} of rows {part}"


def values(name, answer):
    """Bits of an answer; a part of a matrix may have indices of another integer type."""
    found = leaves(name, answer)
    return bits({k: v.astype(np.int64) if k.endswith(("indices", "indptr")) else v for k, v in found.items()})


@pytest.mark.parametrize("entry", CLUSTERERS, ids=lambda e: e.name)
@given(seed=SEEDS)
def test_training_labels_are_predictions(entry, seed):
    """labels_ is what predict says of the training data, when the last step did not move a centre away."""
    X = mixture(seed, 120, 3)
    est = entry.fit(X)
    np.testing.assert_array_equal(est.labels_, entry.fit(X, parent=True).labels_)
    np.testing.assert_array_equal(est.predict(X), entry.fit(X, parent=True).predict(X))


@pytest.mark.parametrize("entry", [e for e in OWN_ENTRIES if e.sparse], ids=lambda e: e.name)
@given(seed=SEEDS)
def test_sparse_is_dense(entry, seed):
    """The same numbers in CSR. Dense data are centred before the distances are taken, hence the tolerance."""
    X = sparse_mixture(seed, 80, 5)
    sparse, dense = entry.fit(X, **entry.exact), entry.fit(X.toarray(), **entry.exact)
    assert_near(fitted(sparse), fitted(dense))
    assert_near(entry.results(sparse, X), entry.results(sparse, X.toarray()), rtol=1e-7)


@pytest.mark.parametrize("algorithm", ["lloyd", "elkan"])
@pytest.mark.parametrize("entry", WEIGHTED_START, ids=lambda e: e.name)
@given(seed=SEEDS)
def test_weight_two_is_a_duplicate(entry, algorithm, seed):
    X = mixture(seed, 60, 3)
    start = {**entry.start(X, 4), "algorithm": algorithm, "tol": 0.0}
    twice = np.arange(60) % 3 == 0
    weighted = entry.fit(X, sample_weight=1.0 + twice, **start)
    doubled = entry.fit(np.vstack([X, X[twice]]), **start)
    assert_near(fitted(weighted), fitted(doubled), but={"labels_"})
    np.testing.assert_array_equal(weighted.labels_, doubled.labels_[:60])


@pytest.mark.parametrize("algorithm", ["lloyd", "elkan"])
@pytest.mark.parametrize("entry", WEIGHTED_START, ids=lambda e: e.name)
@given(seed=SEEDS)
def test_weight_zero_is_absence(entry, algorithm, seed):
    """With given centres and no tolerance, which would depend on the variance of the absent rows."""
    X = mixture(seed, 60, 3)
    keep = np.arange(60) % 4 != 3
    start = {**entry.start(X[keep], 3), "algorithm": algorithm, "tol": 0.0}
    weighted = entry.fit(X, sample_weight=keep.astype(float), **start)
    removed = entry.fit(X[keep], **start)
    assert_near(fitted(weighted), fitted(removed), but={"labels_", "n_iter_"})
    np.testing.assert_array_equal(weighted.labels_[keep], removed.labels_)


@pytest.mark.per_change(entry=OWN_NAMES)
@pytest.mark.parametrize("entry", [e for e in ENTRIES if e.sample_weight and e.weights_scale], ids=lambda e: e.name)
@given(seed=SEEDS, power=st.integers(-10, 10))
def test_weights_count_relatively(entry, seed, power):
    """All weights times 2^k: the same model, the inertia times 2^k."""
    X = mixture(seed, 60, 3)
    weights = np.random.RandomState(seed).uniform(0.5, 2, size=60)
    penalties = {name: entry.params[name] * 2.0**power for name in entry.penalties}
    plain = entry.fit(X, sample_weight=weights)
    costs = {name: entry.params[name] / 2.0**power for name in entry.costs}
    scaled = entry.fit(X, sample_weight=weights * 2.0**power, **penalties, **costs)
    a, b = fitted(plain), fitted(scaled)
    total = {name for name in a if name == "inertia_" or name.endswith("tree_.weighted_n_node_samples")}
    draws = getattr(plain, "bootstrap", False) or hasattr(plain, "_max_samples")
    if draws or hasattr(plain, "estimator_weights_"):
        total = set()  # rows are drawn by weight, and count as often as they are drawn; or the weights are shares
    assert_near(a, b, but=total | entry.weight_degree.keys())
    for name, degree in entry.weight_degree.items():
        np.testing.assert_allclose(b[name], a[name] * 2.0 ** (power * degree), rtol=1e-12, err_msg=name)
    for name in total:
        assert b[name] == pytest.approx(a[name] * 2.0**power, rel=1e-12)


@pytest.mark.parametrize("algorithm", ["lloyd", "elkan"])
@pytest.mark.parametrize("entry", GIVEN_START, ids=lambda e: e.name)
@given(seed=SEEDS)
def test_order_of_rows(entry, algorithm, seed):
    X = mixture(seed, 80, 3)
    start = {**entry.start(X, 4), "algorithm": algorithm}
    order = np.random.RandomState(seed).permutation(80)
    plain, shuffled = entry.fit(X, **start), entry.fit(X[order], **start)
    assert_near(fitted(plain), fitted(shuffled), but={"labels_"})
    np.testing.assert_array_equal(plain.labels_[order], shuffled.labels_)


@pytest.mark.parametrize("entry", GIVEN_START, ids=lambda e: e.name)
@given(seed=SEEDS)
def test_order_of_columns(entry, seed):
    X = mixture(seed, 80, 4)
    order = np.random.RandomState(seed).permutation(4)
    plain, shuffled = entry.fit(X, **entry.start(X, 4)), entry.fit(X[:, order], **entry.start(X[:, order], 4))
    assert_near({**fitted(plain), "cluster_centers_": plain.cluster_centers_[:, order]}, fitted(shuffled))


@pytest.mark.parametrize("entry", CLUSTERERS, ids=lambda e: e.name)
@given(seed=SEEDS)
def test_constant_column_changes_nothing(entry, seed):
    X = mixture(seed, 80, 3)
    plain, wider = entry.fit(X, tol=0.0), entry.fit(np.c_[X, np.zeros(80)], tol=0.0)
    np.testing.assert_array_equal(plain.labels_, wider.labels_)
    assert (wider.cluster_centers_[:, -1] == 0).all()


@pytest.mark.parametrize("entry", ELKAN, ids=lambda e: e.name)
@given(seed=SEEDS, k=st.integers(2, 8))
def test_elkan_is_lloyd(entry, seed, k):
    """Bounds save work and change nothing."""
    X = mixture(seed, 100, 3)
    lloyd, elkan = (entry.fit(X, n_clusters=k, algorithm=name) for name in ("lloyd", "elkan"))
    assert_near(fitted(lloyd), fitted(elkan))


@pytest.mark.parametrize("entry", OWN_ENTRIES, ids=lambda e: e.name)
@given(seed=SEEDS)
def test_repeatable(entry, seed):
    X = entry.data(seed, 60, 3)
    first, second = entry.fit(X), entry.fit(X.copy())
    assert state_bits(first) == state_bits(second)
    assert bits(entry.results(first, X)) == bits(entry.results(second, X))
