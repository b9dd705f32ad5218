"""mlfast: scikit-learn's estimators on a Rust core. Same answer, faster, never a surprise.

Importing this package loads nothing else, so that `mlfast.accel` can wait in processes that never meet scikit-learn.
What is asked for is loaded then; a version of scikit-learn that is not supported is refused then, too.
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False  # type checkers know the name; importing typing would be a good part of the time of a start
if TYPE_CHECKING:
    from typing import Any

    from mlfast._config import config_context, get_config, set_config
    from mlfast._conversion import from_sklearn, to_sklearn
    from mlfast._core import InternalError, __version__
    from mlfast._dispatch import FallbackError, FallbackWarning
    from mlfast._profile import profile
    from mlfast._skops import skops_trusted_types
    from mlfast._state import VersionWarning
    from mlfast._threads import get_num_threads, set_num_threads
    from mlfast.accel._notebook import load_ipython_extension, unload_ipython_extension

__all__ = [
    "FallbackError",
    "FallbackWarning",
    "InternalError",
    "VersionWarning",
    "__version__",
    "config_context",
    "from_sklearn",
    "get_config",
    "get_num_threads",
    "load_ipython_extension",
    "profile",
    "set_config",
    "set_num_threads",
    "skops_trusted_types",
    "to_sklearn",
    "unload_ipython_extension",
]

_HOMES = {
    "FallbackError": "mlfast._dispatch",
    "FallbackWarning": "mlfast._dispatch",
    "InternalError": "mlfast._core",
    "VersionWarning": "mlfast._state",
    "__version__": "mlfast._core",
    "config_context": "mlfast._config",
    "from_sklearn": "mlfast._conversion",
    "get_config": "mlfast._config",
    "get_num_threads": "mlfast._threads",
    "load_ipython_extension": "mlfast.accel._notebook",
    "profile": "mlfast._profile",
    "set_config": "mlfast._config",
    "set_num_threads": "mlfast._threads",
    "skops_trusted_types": "mlfast._skops",
    "to_sklearn": "mlfast._conversion",
    "unload_ipython_extension": "mlfast.accel._notebook",
}
_ROOMS = (
    "accel",
    "cluster",
    "ensemble",
    "impute",
    "linear_model",
    "metrics",
    "neighbors",
    "neural_network",
    "svm",
    "tree",
)


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"mlfast.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'mlfast' has no attribute {name!r}")
    if not _HOMES[name].startswith("mlfast.accel"):
        importlib.import_module("mlfast._compat")
        importlib.import_module("mlfast._threads")  # loads the Rust core and registers with threadpoolctl
    value = globals()[name] = getattr(importlib.import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_ROOMS})
