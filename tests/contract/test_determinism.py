"""The same bits for any number of threads, run after run."""

from functools import cache

import numpy as np
import pytest
import scipy.sparse as sp

from ..compare import bits, state_bits
from ..isolated import forked
from ..tiers import REPRESENTATIVES
from .registry import ENTRIES, FUNCTIONS, OWN_ENTRIES, OWN_NAMES
from .scenarios import bits_by_threads

THREADS = (1, 2, 3, 7, 16)
SMALL_BLOCKS = {"MLFAST_PAR_THRESHOLD": 0, "MLFAST_BLOCK": 16}
DETERMINISTIC = [entry for entry in ENTRIES if entry.deterministic]


@pytest.mark.per_change(thing=OWN_NAMES)
@pytest.mark.parametrize("thing", [*DETERMINISTIC, *FUNCTIONS], ids=lambda e: e.name)
def test_small_blocks(thing):
    """Tiny data cut into many blocks: every merge is exercised, dense and CSR, both precisions, weighted or not."""
    seen = forked(bits_by_threads, thing.name, THREADS, env=SMALL_BLOCKS, timeout=110)
    for case, by_threads in seen.items():
        for threads, runs in by_threads.items():
            for run in runs:
                assert run == by_threads[1][0], f"{case}: {threads} threads differ from one"


LARGE = [entry for entry in OWN_ENTRIES if entry.deterministic]
KINDS = [(entry, kind) for entry in LARGE for kind in ("dense", "csr") if kind == "dense" or entry.sparse]


@pytest.mark.per_change(entry=REPRESENTATIVES)
@pytest.mark.parametrize(("entry", "kind"), KINDS, ids=lambda v: getattr(v, "name", v))
def test_default_blocks(entry, kind, threads):
    """Data large enough to be cut with the default settings."""
    X = entry.data(3, *entry.large)
    if kind == "csr":
        stored = X > 1
        stored[:, 0] = True  # rows of zeros would repeat each other, of which LocalOutlierFactor warns
        X = sp.csr_array(np.where(stored, X, 0))
    seen = {}
    for n in THREADS:
        threads(n)
        est = entry.fit(X, **entry.large_params)
        seen[n] = [state_bits(est), bits(entry.results(est, X))]
    threads(2)
    est = entry.fit(X, **entry.large_params)
    assert [state_bits(est), bits(entry.results(est, X))] == seen[2], "the second run differs"
    for n in THREADS:
        assert seen[n] == seen[1], f"{n} threads differ from one"


@cache
def bits_with_two_threads(name):
    return {case: runs[2] for case, runs in forked(bits_by_threads, name, (2,), env=SMALL_BLOCKS).items()}


@pytest.mark.per_change(entry=REPRESENTATIVES)
@pytest.mark.parametrize("env", [{"MLFAST_NUM_THREADS": 1}, {"MLFAST_NUM_THREADS": 2}, {"OMP_NUM_THREADS": 1}], ids=str)
@pytest.mark.parametrize("entry", [e for e in OWN_ENTRIES if e.deterministic], ids=lambda e: e.name)
def test_thread_count_from_the_environment(entry, env):
    """One process per setting, compared with this one."""
    there = forked(bits_by_threads, entry.name, (None,), env={**SMALL_BLOCKS, **env})
    assert {case: runs[None] for case, runs in there.items()} == bits_with_two_threads(entry.name)
