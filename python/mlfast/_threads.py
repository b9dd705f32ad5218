"""Thread counts, and mlfast as one of the libraries that threadpoolctl limits."""

import ctypes
from numbers import Integral

import threadpoolctl
from joblib.parallel import get_active_backend

from mlfast import _core

_core.instruction_set()  # bad values of MLFAST_ISA and MLFAST_NUM_THREADS are refused here


def get_num_threads() -> int:
    """Return the number of threads that a call uses unless it says otherwise.

    It is the number given to `set_num_threads`, else the smallest of ``MLFAST_NUM_THREADS`` (or
    ``RAYON_NUM_THREADS``), ``OMP_NUM_THREADS`` and the processors that this process may use.
    """
    return _core.get_num_threads()


def set_num_threads(n_threads: int | None) -> None:
    """Choose the number of threads for later calls in this process; None goes back to the default.

    Results do not depend on it. It may exceed the number of processors.
    """
    if n_threads is not None:
        if isinstance(n_threads, bool) or not isinstance(n_threads, Integral):
            raise TypeError(f"n_threads must be an integer or None, got {n_threads!r}")
        if n_threads < 1:
            raise ValueError(f"n_threads must be at least 1, got {n_threads}")
    _core.set_num_threads(n_threads)


def resolve(n_jobs: int | None = None) -> int:
    """Return the number of threads for a call with this ``n_jobs``.

    A number means what it means in scikit-learn, counted against `get_num_threads` when negative.
    None means all threads, except inside a joblib context that names a number.
    """
    available = get_num_threads()
    if n_jobs is None:
        _, n_jobs = get_active_backend()
        if n_jobs is None:
            return available
        return min(available, _positive(n_jobs, available))
    return _positive(n_jobs, available)


def _positive(n_jobs: int, available: int) -> int:
    if n_jobs == 0:
        raise ValueError("n_jobs == 0 in Parallel has no meaning")
    return n_jobs if n_jobs > 0 else max(1, available + 1 + n_jobs)


class _Controller(threadpoolctl.LibController):
    """Lets ``threadpool_limits`` and ``threadpool_info`` see mlfast."""

    user_api = "mlfast"
    internal_api = "mlfast"
    filename_prefixes = ("_core",)
    check_symbols = ("mlfast_get_num_threads", "mlfast_set_num_threads")

    def get_num_threads(self) -> int:
        return int(self.dynlib.mlfast_get_num_threads())

    def set_num_threads(self, num_threads: int) -> None:
        self.dynlib.mlfast_set_num_threads(ctypes.c_int(num_threads))

    def get_version(self) -> str:
        return _core.__version__


threadpoolctl.register(_Controller)
