"""Interrupts, and memory that changes or ends under a running fit."""

import pytest

from ..contract import scenarios
from ..contract.registry import OWN_ENTRIES, OWN_WAYS
from ..isolated import forked
from ..tiers import REPRESENTATIVES

HANG = 5  # seconds; the promise is one, but a loaded machine must not make this red: it detects hangs only


@pytest.mark.per_change(thing=REPRESENTATIVES)
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("thing", OWN_WAYS, ids=lambda e: e.name)
def test_keyboard_interrupt(thing, threads):
    env = {"MLFAST_NUM_THREADS": threads}
    took, unchanged, next_fit_works = forked(scenarios.interrupted, thing.name, 0.8, env=env, timeout=60)
    assert took < HANG
    assert unchanged, "the interrupted fit changed the estimator"
    assert next_fit_works


KINDS = ["nan", "csr data", "csr indices", "csr indptr"]


def has(thing, kind):
    """Whether the thing takes that kind of input."""
    return (thing.sparse or not kind.startswith("csr")) and (thing.sample_weight or kind != "weights")


def pairs(things, kinds):
    chosen = [(thing, kind) for thing in things for kind in kinds if has(thing, kind)]
    return pytest.mark.parametrize(("thing", "kind"), chosen, ids=lambda v: getattr(v, "name", v))


@pytest.mark.per_change(thing=REPRESENTATIVES)
@pairs(OWN_ENTRIES, [*KINDS, "weights"])
def test_input_mutated_during_fit(thing, kind):
    """A result or an exception, never a signal, a panic or a hang."""
    ended = forked(scenarios.mutated_during_fit, thing.name, kind, timeout=60)
    assert ended
    assert set(ended) <= {"result", "ValueError", "IndexError", "OverflowError", "FallbackError"}


@pytest.mark.per_change(thing=REPRESENTATIVES)
@pairs(OWN_WAYS, ["dense", "csr"])
def test_short_of_memory(thing, kind):
    """Under a shrinking address space every call ends in its result or in MemoryError."""
    env = {"MALLOC_MMAP_THRESHOLD_": 65536}  # memory that is freed goes back, so that the limit is felt
    ended = forked(scenarios.short_of_memory, thing.name, kind, env=env, timeout=110)
    assert set(ended) <= {"result", "MemoryError"}, ended
    assert ended[-1] == "result", f"the last step must suffice: {ended}"
    assert "MemoryError" in ended, f"the limit was never felt: {ended}"
