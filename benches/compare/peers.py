"""The contestants: what is installed, under which version, and how each is told its number of threads."""

from __future__ import annotations

import importlib
import importlib.metadata
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

ORDER = (
    "mlfast",
    "sklearn",
    "sklearnex",
    "faiss",
    "pykdtree",
    "scipy",
    "celer",
    "skglm",
    "lightgbm",
    "xgboost",
    "torch",
)
_DISTRIBUTIONS = {
    "mlfast": "mlfast",
    "sklearn": "scikit-learn",
    "sklearnex": "scikit-learn-intelex",
    "faiss": "faiss-cpu",
    "pykdtree": "pykdtree",
    "scipy": "scipy",
    "celer": "celer",
    "skglm": "skglm",
    "lightgbm": "lightgbm",
    "xgboost": "xgboost",
    "torch": "torch",
}
_REMEDY = {
    "mlfast": "make bench builds and installs it",  # the index has an unrelated project under that name
    "torch": "it is large, so make bench leaves it to you: pip install torch",
}


@dataclass(frozen=True)
class Peer:
    """One installed contestant; `module` is its package, imported directly and never patched over another."""

    name: str
    version: str
    module: Any

    def build(self, estimator: str, threads: int, **params: Any) -> Any:
        """An estimator, named as in "cluster.KMeans"; sklearnex takes its threads as a parameter."""
        if self.name == "sklearnex":
            params["n_jobs"] = threads
        return self.get(estimator)(**params)

    def get(self, name: str) -> Any:
        """What this contestant has under that name of scikit-learn's, as in "cluster.KMeans"."""
        part, _, last = f"{self.module.__name__}.{name}".rpartition(".")
        return getattr(importlib.import_module(part), last)

    @contextmanager
    def running(self, threads: int) -> Iterator[None]:
        """Limit this contestant, and nothing of the limit inside the timed part."""
        from threadpoolctl import threadpool_limits

        with ExitStack() as stack:
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")  # twenty iterations on noise do not converge, and are not meant to
            stack.enter_context(threadpool_limits(limits=threads))
            if self.name == "mlfast":
                before = self.module.get_num_threads()
                self.module.set_num_threads(threads)
                stack.callback(self.module.set_num_threads, before)
                stack.enter_context(self.module.config_context(fallback="raise"))
            elif self.name == "faiss":
                self.module.omp_set_num_threads(threads)
            elif self.name == "torch":
                before = self.module.get_num_threads()
                self.module.set_num_threads(threads)
                stack.callback(self.module.set_num_threads, before)
            yield


def installed(wanted: tuple[str, ...] = ORDER) -> tuple[dict[str, Peer], list[str]]:
    """Whoever is there, in the order of the tables, and a note about whoever is not."""
    peers: dict[str, Peer] = {}
    notes: list[str] = []
    for name in ORDER:
        if name not in wanted:
            continue
        try:
            module = importlib.import_module(name)
            importlib.import_module("mlfast.cluster" if name == "mlfast" else name)
        except ImportError as error:
            notes.append(f"{name} is left out: {error} ({_REMEDY.get(name, 'pip install ' + _DISTRIBUTIONS[name])})")
            continue
        try:
            version = importlib.metadata.version(_DISTRIBUTIONS[name])
        except importlib.metadata.PackageNotFoundError:  # run from a source tree
            version = getattr(module, "__version__", "unknown")
        peers[name] = Peer(name, version, module)
    return peers, notes
