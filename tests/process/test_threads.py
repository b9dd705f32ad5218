"""Thread counts as a user sets them, and what threadpoolctl sees."""

import contextlib
import os
import subprocess
import sys

import numpy as np
import pytest
from joblib import parallel_config
from threadpoolctl import threadpool_info, threadpool_limits

import mlfast
from mlfast.cluster import KMeans

from ..compare import state_bits
from ..contract.entry import mixture
from ..isolated import clean_environment


def test_default_is_what_the_process_may_use():
    caps = [len(os.sched_getaffinity(0))]
    for name in ("MLFAST_NUM_THREADS", "RAYON_NUM_THREADS", "OMP_NUM_THREADS"):
        if os.environ.get(name, "").isdigit():
            caps.append(int(os.environ[name]))
    assert 1 <= mlfast.get_num_threads() <= min(caps)


@pytest.mark.parametrize("n", [1, 2, 64, np.int64(3), np.uint8(5)])
def test_set(threads, n):
    threads(n)
    assert mlfast.get_num_threads() == n
    assert type(mlfast.get_num_threads()) is int


@pytest.mark.parametrize("n", [0, -1, -(2**40)])
def test_bad_number(threads, n):
    with pytest.raises(ValueError):
        threads(n)


@pytest.mark.parametrize("n", ["2", 2.0, 1.5, True, [2], np.float64(2)])
def test_bad_type(threads, n):
    with pytest.raises(TypeError):
        threads(n)


def test_absurd_number(threads):
    """More threads than any machine has: refused or capped, but no crash, and the fit works."""
    with contextlib.suppress(ValueError, OverflowError):
        threads(10**9)
    assert KMeans(3, random_state=0).fit(mixture(0, 5000, 4)).n_iter_ >= 1


def test_threadpoolctl_lists_us():
    (entry,) = (info for info in threadpool_info() if info["user_api"] == "mlfast")
    assert entry["internal_api"] == "mlfast"
    assert entry["prefix"] == "_core"
    assert entry["num_threads"] == mlfast.get_num_threads()
    assert entry["version"] == mlfast.__version__


def test_threadpoolctl_limits_us(threads):
    threads(3)
    with threadpool_limits(2):
        assert mlfast.get_num_threads() == 2
    assert mlfast.get_num_threads() == 3
    with threadpool_limits({"mlfast": 1}):
        assert mlfast.get_num_threads() == 1
    assert mlfast.get_num_threads() == 3


def test_limits_restore_the_default():
    before = mlfast.get_num_threads()
    with threadpool_limits(1):
        assert mlfast.get_num_threads() == 1
    assert mlfast.get_num_threads() == before


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_joblib_context_rules(threads, n_jobs):
    """Inside a joblib context that names a number, that number limits a call; the bits stay."""
    threads(4)
    X = mixture(0, 20_000, 4)
    expected = state_bits(KMeans(3, random_state=0).fit(X))
    with parallel_config(n_jobs=n_jobs):
        assert state_bits(KMeans(3, random_state=0).fit(X)) == expected


def test_changing_the_number_between_calls(threads):
    X = mixture(0, 20_000, 4)
    seen = []
    for n in (1, 8, 2, None, 3):
        threads(n)
        seen.append(state_bits(KMeans(3, random_state=0).fit(X)))
    assert all(bits == seen[0] for bits in seen)


NAMES_OF_THREADS = """
import mlfast.accel
mlfast.accel.install()
import sklearn.cluster
try:
    sklearn.cluster.KMeans
except ValueError as error:
    print(error)
"""


@pytest.mark.parametrize("value", ["abc", "0", "-1", "2.5"])
def test_no_number_of_threads_is_refused_at_first_use(value):
    """Not when mlfast takes scikit-learn's place: that may be at the start of every process."""
    env = clean_environment(MLFAST_NUM_THREADS=value)
    run = subprocess.run([sys.executable, "-c", NAMES_OF_THREADS], env=env, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == f'MLFAST_NUM_THREADS="{value}": it must be a whole number of at least 1'
