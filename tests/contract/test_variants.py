"""
Other instruction sets and other block sizes: the same labels, floats within rounding; AVX2 and AVX-512: the same bits.
"""

from functools import cache

import numpy as np
import pytest

from ..compare import bits, rounding
from ..isolated import forked, isolated
from ..tiers import REPRESENTATIVES
from . import scenarios
from .registry import ENTRIES, FUNCTIONS, OWN_NAMES, OWN_WAYS

THINGS = [*ENTRIES, *FUNCTIONS]


def cpu_flags():
    with open("/proc/cpuinfo") as f:
        return next((set(line.split()) for line in f if line.startswith("flags")), set())


NEEDS = {"portable": set(), "avx2": {"avx2", "fma"}, "avx512": {"avx512f", "avx512bw", "avx512dq", "avx512vl"}}
AVAILABLE = [isa for isa, flags in NEEDS.items() if flags <= cpu_flags()]
MISSING = [isa for isa in NEEDS if isa not in AVAILABLE]


@cache
def reference(name):
    return forked(scenarios.values, name, timeout=60)


def assert_agree(name, found):
    """Integers equal; sums of squares within 1e-12 (float32: 1e-5); other floats within 1e-9 (1e-4) of the largest."""
    thing = scenarios.known(name)
    for case, expected in reference(name).items():
        single = "float32" in case
        assert found[case].keys() == expected.keys()
        for key, value in expected.items():
            label = f"{case}: {key}"
            mine = np.asarray(found[case][key])
            value = np.asarray(value)
            if value.dtype == object:
                assert bits(found[case][key]) == bits(expected[key]), label
            elif value.dtype.kind != "f":
                np.testing.assert_array_equal(mine, value, err_msg=label)
            elif key in thing.distances:  # a root: rounding is relative to the squared norms
                atol = (1e-6 if single else 1e-12) * np.nan_to_num(np.square(value, dtype=float)).max(initial=0)
                squares = (np.square(v, dtype=float) for v in (mine, value))
                np.testing.assert_allclose(*squares, rtol=0, atol=atol, err_msg=label)
            elif key in thing.quadratic:
                np.testing.assert_allclose(mine, value, rtol=1e-5 if single else 1e-12, err_msg=label)
            else:
                atol = (1e-4 if single else 1e-9) * np.max(np.abs(np.nan_to_num(value)), initial=0) + rounding(key)
                np.testing.assert_allclose(mine, value, rtol=0, atol=atol, err_msg=label)


@pytest.mark.per_change(thing=OWN_NAMES)
@pytest.mark.parametrize("isa", AVAILABLE)
@pytest.mark.parametrize("thing", THINGS, ids=lambda e: e.name)
def test_instruction_set(thing, isa):
    env = {"MLFAST_ISA": isa, "MLFAST_PAR_THRESHOLD": 0, "MLFAST_BLOCK": 64}
    found = forked(scenarios.values, thing.name, env=env, timeout=60)
    assert_agree(thing.name, found)
    if isa == "avx512":
        narrow = forked(scenarios.values, thing.name, env=env | {"MLFAST_ISA": "avx2"}, timeout=60)
        for case, values in found.items():
            for key, value in values.items():
                assert bits(value) == bits(narrow[case][key]), f"{case}: {key}"


@pytest.mark.parametrize("isa", [*MISSING, "sse9"])
def test_instruction_set_that_this_machine_lacks(isa):
    with pytest.raises(AssertionError, match="MLFAST_ISA"):
        isolated(scenarios.reported_threads, env={"MLFAST_ISA": isa})


@pytest.mark.parametrize("isa", AVAILABLE)
def test_bits_do_not_depend_on_threads(isa):
    """Thread counts change no bit on any instruction set."""
    name = ENTRIES[0].name
    env = {"MLFAST_ISA": isa, "MLFAST_PAR_THRESHOLD": 0, "MLFAST_BLOCK": 16}
    seen = forked(scenarios.bits_by_threads, name, (1, 3), 1, env=env)
    for case, by_threads in seen.items():
        assert by_threads[1] == by_threads[3], case


SMALL_BLOCKS = {"MLFAST_BLOCK": 3, "MLFAST_PAR_THRESHOLD": 0}


@pytest.mark.per_change(thing=REPRESENTATIVES)
@pytest.mark.per_change(env=[SMALL_BLOCKS])
@pytest.mark.parametrize(
    "env",
    [
        {"MLFAST_BLOCK": 1},
        SMALL_BLOCKS,
        {"MLFAST_BLOCK": 100_000},
        {"MLFAST_PAR_THRESHOLD": 0},
    ],
    ids=str,
)
@pytest.mark.parametrize("thing", OWN_WAYS, ids=lambda e: e.name)
def test_block_size(thing, env):
    assert_agree(thing.name, forked(scenarios.values, thing.name, env=env, timeout=60))


def test_threshold_changes_no_bit():
    """Where work begins to be shared is a matter of speed: blocks, and with them the bits, depend on the shape."""
    name = ENTRIES[0].name
    found = [forked(scenarios.answers, name, env={"MLFAST_PAR_THRESHOLD": n}) for n in (0, 10**12)]
    assert bits(found[0]) == bits(found[1])
