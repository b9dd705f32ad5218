"""Means: KNeighborsRegressor and RadiusNeighborsRegressor against their parents."""

import numpy as np
import pytest
import sklearn.neighbors as parent
from hypothesis import given
from hypothesis import strategies as st

import mlfast.neighbors as ours

from ..compare import assert_same_complaint, bits, outcome
from .parity import METRICS, as_csr, assert_same_answer, cloud, fit_both

X = cloud(0, 250, 4)
NEW = cloud(7, 60, 4)
Y = X[:, 0] + np.sin(X[:, 1])
WEIGHTS = ("uniform", "distance", None)
TARGETS = {
    "float64": Y,
    "float32": Y.astype(np.float32),
    "int": np.round(10 * Y).astype(int),
    "bool": Y > 0,
    "column": Y[:, None],
    "two outputs": np.column_stack([Y, -3 * Y]),
    "two int outputs": np.round(10 * np.column_stack([Y, Y**2])).astype(int),
    "two float32 outputs": np.column_stack([Y, -3 * Y]).astype(np.float32),
}
FAR = np.full((2, 4), 1e3)


def both(name, data, target, **params):
    return fit_both(getattr(ours, name)(**params), getattr(parent, name)(**params), data, target)


def tolerance(target):
    """Of the mean; the parent adds float32 in float32."""
    return 1e-5 if TARGETS[target].dtype == np.float32 else 1e-9


def queries(algorithm, weights):
    """
    New rows, and where the parent is of one mind about them the fitted ones.

    Its brute force finds a row some 1e-8 away from itself, and so does not give it all the weight.
    """
    near = NEW[np.linalg.norm(NEW, axis=1) < 5]
    return (near, near[:1]) if algorithm == "brute" and weights == "distance" else (near, X, X + 0.01, None)


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("algorithm", ["auto", "brute"])
class TestTargets:
    def test_k(self, algorithm, target, weights):
        mine, parents = both("KNeighborsRegressor", X, TARGETS[target], weights=weights, algorithm=algorithm)
        for new in queries(algorithm, weights):
            assert_same_answer(mine.predict, parents.predict, new, rtol=tolerance(target))
        if TARGETS[target].dtype.kind == "f":
            score = mine.score(X, TARGETS[target]), parents.score(X, TARGETS[target])
            np.testing.assert_allclose(*score, rtol=1e-5)

    def test_radius(self, algorithm, target, weights):
        params = {"radius": 5.0, "weights": weights, "algorithm": algorithm}
        mine, parents = both("RadiusNeighborsRegressor", X, TARGETS[target], **params)
        for new in queries(algorithm, weights):
            if new is not None:
                new = np.vstack([new, NEW[:1] * 0.1])  # not all fitted rows: the type of that mean is another
                assert_same_answer(mine.predict, parents.predict, np.vstack([new, FAR]), rtol=tolerance(target))
            assert_same_answer(mine.predict, parents.predict, new, rtol=tolerance(target))
        assert_same_answer(mine.predict, parents.predict, FAR)


@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", [name for name in METRICS if name not in ("nan_euclidean", "hamming")])
def test_metrics(name, dtype, weights):
    rows, new = (np.abs(A).astype(dtype) for A in (X, NEW))
    mine, parents = both("KNeighborsRegressor", rows, Y, weights=weights, **METRICS[name])
    assert_same_answer(mine.predict, parents.predict, new, rtol=1e-9 if dtype == np.float64 else 1e-3)


@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_sparse(weights):
    for name, params in (("KNeighborsRegressor", {}), ("RadiusNeighborsRegressor", {"radius": 40.0})):
        mine, parents = both(name, as_csr(X), Y, weights=weights, **params)
        assert_same_answer(mine.predict, parents.predict, as_csr(NEW), rtol=1e-7)


@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_california(california, weights):
    """Predict the logarithm of one column from the others."""
    rows, target = np.ascontiguousarray(california[:6000, 1:]), california[:6000, 0]
    new = np.ascontiguousarray(california[6000:8000, 1:])
    mine, parents = both("KNeighborsRegressor", rows, target, n_neighbors=8, weights=weights)
    found = [np.sort(est.kneighbors(new, return_distance=False), axis=1) for est in (mine, parents)]
    same = (found[0] == found[1]).all(axis=1)
    assert same.mean() > 0.99
    assert_same_answer(mine.predict, parents.predict, new[same])


def closeness(distances):
    return np.exp(-np.asarray(distances, dtype=float))


def each_closeness(lists):
    return np.array([closeness(distances) for distances in lists] + [None], dtype=object)[:-1]


def test_weights_by_function():
    for target in ("float64", "two outputs"):
        mine, parents = both("KNeighborsRegressor", X, TARGETS[target], weights=closeness)
        for new in (NEW, None):
            assert_same_answer(mine.predict, parents.predict, new)
        mine, parents = both("RadiusNeighborsRegressor", X, TARGETS[target], weights=each_closeness, radius=5.0)
        assert_same_answer(mine.predict, parents.predict, X)


def test_rows_that_are_met():
    rows, target = np.vstack([X, X[:30]]), np.concatenate([Y, Y[:30] + 1])
    for name, params in (("KNeighborsRegressor", {"n_neighbors": 4}), ("RadiusNeighborsRegressor", {"radius": 3.0})):
        mine, parents = both(name, rows, target, weights="distance", algorithm="kd_tree", **params)
        assert_same_answer(mine.predict, parents.predict, X)


@pytest.mark.fallback
@pytest.mark.parametrize("y", [np.array(["1", "2"])[(Y > 0).astype(int)], Y.astype(object)], ids=["str", "object"])
def test_targets_that_are_no_numbers(y):
    asked = [m.KNeighborsRegressor().fit(X, y) for m in (ours, parent)]
    done = [outcome(est.predict, NEW) for est in asked]
    assert_same_complaint(*done)


def test_threads_do_not_matter(threads):
    rows = cloud(0, 3000, 6)
    results = []
    for count in (1, 2, 3):
        threads(count)
        k = ours.KNeighborsRegressor(15, weights="distance").fit(rows, rows[:, :2])
        radius = ours.RadiusNeighborsRegressor(4.0, weights="distance").fit(rows, rows[:, 0])
        results.append(bits([k.predict(rows + 0.1), radius.predict(rows[:500])]))
    assert results[0] == results[1] == results[2]


@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(2, 80),
    d=st.integers(2, 18),
    weights=st.sampled_from(WEIGHTS),
    algorithm=st.sampled_from(["auto", "brute", "kd_tree", "ball_tree"]),
    data=st.data(),
)
def test_any_mean(seed, n, d, weights, algorithm, data):
    rows, new = cloud(seed, n, d), cloud(seed + 1, 12, d)
    target = cloud(seed, n, data.draw(st.integers(1, 3)))
    params = {"n_neighbors": data.draw(st.integers(1, n - 1)), "weights": weights, "algorithm": algorithm}
    mine, parents = both("KNeighborsRegressor", rows, target, **params)
    for query in (new, None):
        assert_same_answer(mine.predict, parents.predict, query, rtol=1e-8)
