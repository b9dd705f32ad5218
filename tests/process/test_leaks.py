"""What a call has taken is given back: memory in use does not grow from call to call."""

import ctypes
import gc
import os
import pickle
import warnings

import numpy as np
import pytest

from ..contract.registry import BY_NAME, OWN_ENTRIES
from ..isolated import forked

WINDOWS, CALLS = 8, 3
#: By day one of each room; at night all that take a way of their own.
BY_DAY = ("KMeans", "RadiusNeighborsClassifier", "KNNImputer", "RandomForestClassifier", "Ridge", "MLPClassifier")
NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
WATCHED = [entry for entry in OWN_ENTRIES if NIGHTLY] or [BY_NAME[name] for name in BY_DAY]


FIELDS = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()  # noqa: SIM905


class Mallinfo2(ctypes.Structure):
    """What glibc says of its heap; Rust, and NumPy for what is not tiny, take their memory there."""

    _fields_ = [(name, ctypes.c_size_t) for name in FIELDS]


def bytes_in_use():
    gc.collect()
    libc = ctypes.CDLL(None)
    libc.mallinfo2.restype = Mallinfo2
    found = libc.mallinfo2()
    return found.uordblks + found.hblkhd


def growths(name):
    """Bytes by which the heap grew in each of some windows of a few fits, outputs, pickles and failures."""
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    entry = BY_NAME[name]
    X = entry.data(0, 120, 4)
    seen = []
    for _ in range(WINDOWS + 1):
        for _ in range(CALLS):
            est = entry.fit(X)
            entry.results(est, X)
            entry.results(pickle.loads(pickle.dumps(est)), X[:2])
            for bad in (X[:, :2], "text"):
                try:
                    entry.results(est, bad)
                except Exception:
                    continue
            del est
        seen.append(bytes_in_use())
    return np.diff(seen).tolist()


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="this C library does not count its heap")
@pytest.mark.parametrize("entry", WATCHED, ids=lambda e: e.name)
def test_memory_does_not_grow(entry):
    """A leak shows in every window; what is set up once, or comes and goes, does not."""
    found = forked(growths, entry.name, env={"MLFAST_NUM_THREADS": 1})
    assert min(found) <= 0, found
