"""The ported generators draw what NumPy's legacy RandomState and scikit-learn's xorshift draw, number for number."""

import numpy as np
import pytest

from mlfast._core import random as core

SEEDS = [0, 1, 42, 2**31, 2**32 - 1]
MILLION = 1_000_000


@pytest.mark.parametrize("seed", SEEDS)
def test_doubles(seed):
    mine = core.mt19937_doubles(seed, MILLION)
    np.testing.assert_array_equal(mine, np.random.RandomState(seed).random_sample(MILLION))


@pytest.mark.parametrize("high", [1, 2, 3, 7, 100, 2**16, 2**31 - 1, 2**32 - 1, 2**32, 2**32 + 1, 2**40 + 3, 2**62 + 1])
def test_bounded(high):
    n = MILLION if high in (7, 2**40 + 3) else 20_000
    mine = core.mt19937_bounded(12345, high, n)
    np.testing.assert_array_equal(mine, np.random.RandomState(12345).randint(0, high, n))


@pytest.mark.parametrize("n", [0, 1, 2, 3, 10, 1000, MILLION])
def test_permutation(n):
    mine = core.mt19937_permutation(7, n)
    np.testing.assert_array_equal(mine, np.random.RandomState(7).permutation(n))


def xorshift(seed, n):
    """Marsaglia's 32-bit xorshift with shifts 13, 17, 5; a state of 0 is replaced by 1; results below 2^31."""
    state, drawn = seed or 1, []
    for _ in range(n):
        state ^= (state << 13) & 0xFFFFFFFF
        state ^= state >> 17
        state ^= (state << 5) & 0xFFFFFFFF
        drawn.append(state % 2**31)
    return np.array(drawn, dtype=np.uint32)


@pytest.mark.parametrize(("seed", "n"), [(0, MILLION), (1, 1000), (42, 1000), (2**31, 1000), (2**32 - 1, 1000)])
def test_our_rand_r(seed, n):
    np.testing.assert_array_equal(core.our_rand_r(seed, n), xorshift(seed, n))
