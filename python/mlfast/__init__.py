"""mlfast: scikit-learn's estimators on a Rust core. Same answer, faster, never a surprise.

Importing this package loads nothing else, so that `mlfast.accel` can wait in processes that never meet scikit-learn.
What is asked for is loaded then; a version of scikit-learn that is not supported is refused then, too.
"""

from __future__ import annotations

import importlib
import os
import sys

TYPE_CHECKING = False  # type checkers know the name; importing typing would be a good part of the time of a start
if TYPE_CHECKING:
    from typing import Any

    from mlfast import accel as accel
    from mlfast import cluster as cluster
    from mlfast import ensemble as ensemble
    from mlfast import impute as impute
    from mlfast import linear_model as linear_model
    from mlfast import metrics as metrics
    from mlfast import naive_bayes as naive_bayes
    from mlfast import neighbors as neighbors
    from mlfast import neural_network as neural_network
    from mlfast import svm as svm
    from mlfast import tree as tree
    from mlfast._config import config_context, get_config, set_config
    from mlfast._conversion import from_sklearn, to_sklearn
    from mlfast._core import InternalError, __version__
    from mlfast._dispatch import FallbackError, FallbackWarning
    from mlfast._doctor import doctor
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
    "doctor",
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
    "doctor": "mlfast._doctor",
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
#: What also works, or says what is amiss, where the core or a supported scikit-learn is missing.
_WITHOUT_CORE = ("mlfast.accel", "mlfast._doctor")
#: Public modules: the folders and files beside this one, but for what has to be imported by its full name.
_ROOMS = tuple(
    sorted(
        name.removesuffix(".py")
        for name in os.listdir(os.path.dirname(__file__))
        if name[0] not in "._" and name not in ("onnx.py", "py.typed")
    )
)


if not TYPE_CHECKING:  # which would take a module with a __getattr__ to have every name

    def __getattr__(name: str) -> Any:
        if name in _ROOMS:
            return importlib.import_module(f"mlfast.{name}")
        if name not in _HOMES:
            from mlfast._hints import unknown_name

            raise unknown_name("mlfast", name, sys._getframe(1))
        if not _HOMES[name].startswith(_WITHOUT_CORE):
            importlib.import_module("mlfast._compat")
            importlib.import_module("mlfast._threads")  # loads the Rust core and registers with threadpoolctl
        value = globals()[name] = getattr(importlib.import_module(_HOMES[name]), name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_ROOMS})


class _Finder:
    """Asked for modules of mlfast that nobody finds; says what was meant, where Python would say that there is none."""

    @staticmethod
    def find_spec(fullname: str, path: object = None, target: object = None) -> None:
        """Raise ModuleNotFoundError with a hint, if it is an import that asks and not `importlib.util.find_spec`."""
        if fullname.startswith("mlfast.") and sys._getframe(2).f_code.co_name == "_find_and_load_unlocked":
            from mlfast._hints import of_module

            hint = of_module(fullname)
            if hint:
                raise ModuleNotFoundError(f"No module named {fullname!r}: {hint}", name=fullname)


if not any(getattr(finder, "__module__", None) == __name__ for finder in sys.meta_path):  # as after a reload
    sys.meta_path.append(_Finder)
