"""What is kept for later predictions is no part of the state, and goes with its estimator."""

import copy
import gc
import pickle
import threading
import weakref

import pytest

import mlfast.ensemble._members
import mlfast.neighbors._base

from ..compare import bits
from . import odd
from .registry import ENTRIES

MODULES = (mlfast.neighbors._base, mlfast.ensemble._members)
CLASSES = (mlfast.neighbors._base.NeighborsDropIn, mlfast.ensemble._members.Members)
CACHED = [entry for entry in ENTRIES if issubclass(entry.ours, CLASSES)]


def cache_of(est):
    return next(filter(None, (module.find_cache(id(est)) for module in MODULES)), None)


@pytest.mark.parametrize("entry", CACHED)
def test_cache(entry):
    X = odd.table()
    est, theirs = entry.fit(X), entry.fit(X, parent=True)
    expected = bits(entry.results(est, X))
    assert cache_of(est) is not None
    entry.results(theirs, X)
    assert set(vars(est)) | {"_tree"} == set(vars(theirs)) | {"_tree"}  # that of neighbours is a property
    for other in (copy.copy(est), copy.deepcopy(est), pickle.loads(pickle.dumps(est))):
        assert cache_of(other) is None
        assert bits(entry.results(other, X)) == expected
        assert cache_of(other) is not cache_of(est)
    key, alive = id(est), weakref.ref(est)
    del est
    gc.collect()
    assert alive() is None, "a cache holds no estimator"
    assert all(module.find_cache(key) is None for module in MODULES)


@pytest.mark.parametrize("entry", [entry for entry in CACHED if not entry.like])
def test_threads_that_predict_first(entry):
    X = odd.table()
    expected = bits(entry.results(entry.fit(X), X))
    est = pickle.loads(pickle.dumps(entry.fit(X)))
    found, barrier = [], threading.Barrier(4)

    def ask():
        barrier.wait()
        found.append(bits(entry.results(est, X)))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4
