"""What runs in a fresh interpreter, where joblib's workers see no other setting than its own."""

import os
from types import SimpleNamespace

import numpy as np
from joblib import Parallel, delayed, parallel_config
from sklearn.model_selection import cross_validate
from threadpoolctl import threadpool_limits

import mlfast
from mlfast import _threads
from mlfast.cluster import KMeans

from ..compare import bits, state_bits
from ..contract.entry import mixture
from ..contract.registry import BY_NAME
from ..contract.scenarios import thread_names
from .meta import CASES

#: One of each kind: all of them share the way to a worker and back.
ENTRIES = [
    BY_NAME[name]
    for name in ("KMeans", "KNeighborsClassifier", "RadiusNeighborsRegressor", "NearestCentroid", "KNNImputer")
]
#: Those that have a parameter n_jobs.
WITH_WORKERS = (
    *("grid_search", "cross_validation", "before_a_classifier", "column_transformer", "stacking", "voting"),
    *("calibrated", "bagging", "sequential_selection", "permuted"),
)


def all_results():
    """Bits of what each meta-estimator makes of each estimator, by their names."""
    return {
        f"{case.name}-{entry.name}": bits(case.result(entry))
        for case in CASES
        for entry in ENTRIES
        if case.name in WITH_WORKERS and case.takes(entry, entry.make())
    }


def threads_of_worker(est, X, y=None):
    """A score that tells how many threads a fit in this worker may use, and how many of them were started."""
    return {
        "process": os.getpid(),
        "cap": mlfast.get_num_threads(),
        "used": _threads.resolve(),
        "started": sum(name.startswith("mlfast-") for name in thread_names()),
    }


def seen_by_workers(backend):
    """What `threads_of_worker` says, each item an array with one value a fit."""
    X = mixture(0, 20_000, 6)
    with parallel_config(backend, n_jobs=2):
        report = cross_validate(KMeans(5, n_init=1, random_state=0), X, scoring=threads_of_worker, cv=4)
    return SimpleNamespace(**{name.removeprefix("test_"): report[name] for name in report})


def fitted(est, X):
    return est.fit(X), type(est).__module__, os.getpid()


def with_class_of_main():
    """Whether an estimator whose class stands in the script goes to a worker and comes back fitted."""

    class Tripled(KMeans):
        def predict(self, X):
            return 3 * super().predict(X)

    Tripled.__module__, Tripled.__qualname__ = "__main__", "Tripled"
    X = mixture(0, 300, 4)
    est = Tripled(3, n_init=1, random_state=0)
    ((there, module, process),) = Parallel(n_jobs=2)([delayed(fitted)(est, X)])
    here = KMeans(3, n_init=1, random_state=0).fit(X)
    return (
        process != os.getpid()
        and module == "__main__"
        and type(there) is Tripled
        and state_bits(there) == state_bits(here)
        and np.array_equal(there.predict(X), 3 * here.predict(X))
    )


def with_two_workers():
    """The names of results that workers change, by backend; what workers see of threads; classes of the script."""
    with threadpool_limits(1, user_api="blas"):  # as in loky's workers: BLAS has other bits with other threads
        alone = all_results()
        found = {}
        for backend in ("threading", "loky"):
            with parallel_config(backend, n_jobs=2):
                results = all_results()
            found[backend] = [name for name in alone if results[name] != alone[name]]
    return SimpleNamespace(
        compared=len(alone),
        changed=found,
        main=with_class_of_main(),
        process=os.getpid(),
        cap=mlfast.get_num_threads(),
        threads=seen_by_workers("threading"),
        loky=seen_by_workers("loky"),
    )
