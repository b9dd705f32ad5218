"""Processes: after any kind of start the child computes the parent's bits. Each scenario in a process of its own."""

import pytest

from ..contract import scenarios
from ..contract.registry import ENTRIES, OWN_WAYS
from ..isolated import forked, isolated
from ..tiers import REPRESENTATIVES

SETTINGS = {"MLFAST_PAR_THRESHOLD": 0, "MLFAST_BLOCK": 1024}
HANG = 60  # seconds: a deadlock, not a slow machine
ALL = [pytest.param(thing.name, id=thing.name) for thing in OWN_WAYS]
FIRST = ENTRIES[0].name


@pytest.mark.per_change(name=REPRESENTATIVES)
@pytest.mark.parametrize("name", ALL)
def test_fork_after_use(name):
    expected, threads, (child, child_threads), after = forked(scenarios.fork_once, name, env=SETTINGS, timeout=HANG)
    assert child == expected
    assert child_threads == threads, "the child keeps the thread count of its parent"
    assert after == expected, "the parent works on"


@pytest.mark.parametrize(
    "scenario",
    [
        scenarios.fork_twice,
        scenarios.fork_without_use,
        scenarios.fork_during_fit,
        scenarios.fork_with_fitted,
        scenarios.fork_before_use,
    ],
    ids=lambda s: s.__name__,
)
def test_fork(scenario):
    expected, found = isolated(scenario, FIRST, env=SETTINGS, timeout=HANG)
    assert found and all(bits == expected for bits in found)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("scenario", [scenarios.multiprocessing_pool, scenarios.process_pool_executor])
def test_start_method(scenario, method):
    expected, found = isolated(scenario, FIRST, method, env=SETTINGS, timeout=HANG)
    assert found and all(bits == expected for bits in found)


@pytest.mark.parametrize("backend", ["loky", "multiprocessing", "threading"])
def test_joblib(backend):
    expected, found = isolated(scenarios.joblib_workers, FIRST, backend, env=SETTINGS, timeout=HANG)
    assert found and all(bits == expected for bits in found)
