"""Meta-estimators with n_jobs=2, in processes (loky) and threads: the same bits, and no more threads than cores."""

import os

from ..isolated import isolated
from . import parallel

CORES = len(os.sched_getaffinity(0))


def test_two_workers():
    """One test, because the pool of processes is the expensive part."""
    run = isolated(parallel.with_two_workers, env={"MLFAST_PAR_THRESHOLD": 0, "MLFAST_BLOCK": 512}, timeout=110)
    assert run.compared > 25
    assert run.changed == {"loky": [], "threading": []}

    # cloudpickle writes a class of the script by value, and what it is derived from by name.
    assert run.main

    # joblib gives each process its share of the cores, and we keep to it.
    share = max(1, CORES // 2)
    assert run.process not in run.loky.process
    assert (run.loky.cap == share).all() and (run.loky.used == share).all()
    assert (run.loky.started <= share).all()

    # Threads of one process share one pool, which has no more threads than there are cores.
    assert (run.threads.process == run.process).all()
    assert run.cap == CORES and (run.threads.cap == CORES).all()
    assert (run.threads.started <= CORES).all()
