"""Which threads exist, when, and how many."""

import os
import subprocess
import sys

import pytest
from threadpoolctl import threadpool_limits

import mlfast

from ..compare import state_bits
from ..contract import scenarios
from ..contract.entry import mixture
from ..contract.registry import ENTRIES, OWN_ENTRIES
from ..isolated import clean_environment, forked, isolated
from ..tiers import REPRESENTATIVES

FIRST = ENTRIES[0].name
CORES = len(os.sched_getaffinity(0))
IMPORT = """
import os
def threads():
    names = []
    for task in os.listdir("/proc/self/task"):
        with open("/proc/self/task/%s/comm" % task) as f:
            names.append(f.read().strip())
    return sorted(names)
import numpy, scipy.sparse, sklearn.cluster
before = threads()
import mlfast, mlfast.cluster
mlfast.get_num_threads()
print(before == threads(), threads())
"""


def ours(names):
    return [name for name in names if name.startswith("mlfast-")]


def test_import_starts_no_thread():
    run = subprocess.run(
        [sys.executable, "-c", IMPORT], env=clean_environment(), capture_output=True, text=True, timeout=60, check=True
    )
    assert run.stdout.startswith("True"), run.stdout
    assert run.stderr == ""


@pytest.mark.per_change(entry=REPRESENTATIVES)
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.name)
def test_small_input_starts_no_thread(entry):
    assert forked(scenarios.started_by_small_input, entry.name) == []


@pytest.mark.per_change(entry=REPRESENTATIVES)
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.name)
def test_pool_threads_have_our_name(entry):
    env = {"MLFAST_PAR_THRESHOLD": 0, "MLFAST_BLOCK": 512}
    started, threads = forked(scenarios.started_by_large_input, entry.name, env=env)
    assert threads == CORES
    assert started == ours(started), "a thread that is not ours was started"
    assert 0 < len(started) <= threads or threads == 1


CAPS = [
    ({"MLFAST_NUM_THREADS": 1}, 1),
    ({"RAYON_NUM_THREADS": 1}, 1),
    ({"OMP_NUM_THREADS": 1}, 1),
    ({"MLFAST_NUM_THREADS": 64, "OMP_NUM_THREADS": 1}, 1),
    ({"MLFAST_NUM_THREADS": 1, "OMP_NUM_THREADS": 64}, 1),
    ({"MLFAST_NUM_THREADS": 1, "RAYON_NUM_THREADS": 64}, 1),
    ({"MLFAST_NUM_THREADS": 64}, CORES),
    ({"OMP_NUM_THREADS": 64}, CORES),
    ({}, CORES),
    ({"MLFAST_NUM_THREADS": ""}, CORES),
    ({"OMP_NUM_THREADS": "1,2"}, 1),  # OpenMP's list: the first number is the outermost level
]


@pytest.mark.parametrize(("env", "cap"), CAPS, ids=str)
def test_cap_from_the_environment(env, cap):
    assert isolated(scenarios.reported_threads, env=env) == cap


@pytest.mark.parametrize("env", [{"MLFAST_NUM_THREADS": 1}, {"OMP_NUM_THREADS": 1}], ids=str)
def test_cap_binds(env):
    """With a cap of one there is no second thread at all."""
    started, threads = isolated(scenarios.started_by_large_input, FIRST, env={**env, "MLFAST_PAR_THRESHOLD": 0})
    assert (threads, len(ours(started)) <= 1) == (1, True)


def test_cap_from_affinity():
    one = str(min(os.sched_getaffinity(0)))
    started, threads = isolated(
        scenarios.started_by_large_input, FIRST, prefix=("taskset", "-c", one), env={"MLFAST_PAR_THRESHOLD": 0}
    )
    assert (threads, len(ours(started)) <= 1) == (1, True)


def test_cap_in_loky_workers():
    """n_jobs workers share the cores: joblib sets OMP_NUM_THREADS, and we follow it."""
    for started, threads in isolated(scenarios.threads_in_loky, CORES, env={"MLFAST_PAR_THRESHOLD": 0}):
        assert threads == 1
        assert len(ours(started)) <= 1


def test_threadpool_limits(threads):
    threads(2)
    X = mixture(0, 30_000, 6)
    expected = state_bits(ENTRIES[0].fit(X))
    with threadpool_limits(1):
        assert mlfast.get_num_threads() == 1
        assert state_bits(ENTRIES[0].fit(X)) == expected
    assert mlfast.get_num_threads() == 2
    with threadpool_limits(1, user_api="mlfast"):
        assert mlfast.get_num_threads() == 1
    with threadpool_limits(1, user_api="blas"):
        assert mlfast.get_num_threads() == 2


@pytest.mark.per_change(entry=REPRESENTATIVES)
@pytest.mark.parametrize("entry", OWN_ENTRIES, ids=lambda e: e.name)
def test_serial_when_no_thread_can_be_started(entry):
    env = {"MLFAST_PAR_THRESHOLD": 0, "MLFAST_BLOCK": 256}
    expected, found, started = forked(scenarios.no_threads_available, entry.name, env=env)
    assert found == [expected, expected]
    assert started == []


@pytest.mark.per_change(entry=REPRESENTATIVES)
@pytest.mark.parametrize("entry", OWN_ENTRIES, ids=lambda e: e.name)
def test_many_python_threads(entry):
    env = {"MLFAST_PAR_THRESHOLD": 0, "MLFAST_BLOCK": 64, "MLFAST_NUM_THREADS": 2}
    assert forked(scenarios.many_python_threads, entry.name, env=env, timeout=110) == []
