"""Modules of scikit-learn that answer by who asks: its own code gets its own objects, everyone else mlfast's.

A replaced module keeps its dictionary, so scikit-learn's globals never change and nothing can recurse. Only its class
changes, to one whose attribute access looks at the calling frame; ``from sklearn.cluster import KMeans`` goes through
attribute access too. mlfast's counterpart is imported when it is first asked for. A name that somebody has assigned
anew is theirs and is given as it is.
"""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from types import ModuleType

from mlfast.accel._registry import ALSO, REGISTRY

TYPE_CHECKING = False  # what only annotations need is not imported: this module is, at the start of every process
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import FrameType
    from typing import Any

#: By module and name, scikit-learn's object; only of modules that are taken over.
originals: dict[str, dict[str, Any]] = {}
#: The full names in force. Replaced as a whole, never changed in place: other threads read it.
active: frozenset[str] = frozenset()
#: Whether it was said that this version of scikit-learn is not supported.
has_warned = False

#: Whether a report is made, here or in the process that started this one, of what mlfast does not replace.
has_report = bool(os.environ.get("MLFAST_REPORT"))

#: The names of a notebook (None: there is none), and the full names of what its code was given of mlfast's instead of
#: scikit-learn's, to be taken back when it wants that.
notebook: dict[str, Any] | None = None
given: set[str] = set()

#: Goes by exact classes, so it keeps scikit-learn's and is told of mlfast's by `mlfast.onnx`.
CONVERTER = "skl2onnx"
#: Patch what modules and classes hold, and insist on finding the same by attribute and in the dictionary. What they put
#: there is given to everyone, and mlfast's methods go to it (`mlfast._guard`).
PATCHERS = ("gorilla", "mlflow")

_IMPORT_SYSTEM = ("importlib._bootstrap", "_frozen_importlib")


def is_users(module: str) -> bool:
    """Return whether code of the module of this name gets mlfast's objects.

    scikit-learn's tests, and what they know about each estimator (``sklearn.utils._test_common``), count as code of
    users.
    """
    top, *rest = module.split(".")
    if top == "sklearn":
        return "tests" in rest or "_test_common" in rest or rest == ["conftest"]
    return top not in ("mlfast", CONVERTER, *PATCHERS) and module not in _IMPORT_SYSTEM


def counterpart(module: str, name: str) -> Any:
    """Return what mlfast has in place of a name of a module of scikit-learn."""
    return getattr(importlib.import_module(module.replace("sklearn", "mlfast", 1)), name)


def _is_call(frame: FrameType) -> bool:
    """Return whether a frame is calling a function, rather than reading an attribute or importing a name."""
    import opcode

    name = opcode.opname[frame.f_code.co_code[frame.f_lasti]]
    return "CALL" in name and "INTRINSIC" not in name  # in later versions the latter is ``from module import *``


class ReplacedModule(ModuleType):
    """A module of scikit-learn that gives mlfast's objects to everyone but scikit-learn and mlfast."""

    def __getattribute__(self, name: str) -> Any:
        value = super().__getattribute__(name)
        module = super().__getattribute__("__name__")
        if value is not originals.get(module, {}).get(name, originals):
            return value
        home = ALSO.get(module, {}).get(name, module)
        if f"{home}.{name}" not in active:
            return value
        frame = sys._getframe().f_back
        if frame is None or not is_users(str(frame.f_globals.get("__name__"))):
            return value
        # pickle stores a function as its module and name, and insists on finding the same function there.
        if value.__module__ == module and _is_call(frame):
            return value
        if frame.f_globals is notebook:
            given.add(f"{home}.{name}")
        return counterpart(home, name)

    def __reduce__(self) -> tuple[Any, ...]:
        # cloudpickle sends modules by name, but knows them by their exact type.
        return importlib.import_module, (self.__name__,)


def originals_by_identity() -> dict[int, tuple[str, Any]]:
    """Return, by identity, the full names and the objects of scikit-learn that are replaced at present."""
    return {
        id(value): (f"{module}.{name}", value)
        for module, names in originals.items()
        for name, value in names.items()
        if f"{module}.{name}" in active
    }


def take_over(module: ModuleType) -> None:
    """Make a module of scikit-learn answer by who asks; but not if its version is not supported."""
    global active, has_warned
    try:
        importlib.import_module("mlfast._compat")
    except ImportError as problem:
        active = frozenset()
        if not has_warned:
            has_warned = True
            warnings.warn(f"mlfast leaves scikit-learn as it is: {problem}", stacklevel=2)
        return
    known = vars(module)
    # A name that holds something else was assigned by the user and is given as it is, as long as it holds that.
    originals[module.__name__] = originals.get(module.__name__, {}) | {
        name: known[name]
        for name in REGISTRY.get(module.__name__) or ALSO[module.__name__]
        if str(getattr(known.get(name), "__module__", None)).startswith("sklearn.")
    }
    module.__class__ = ReplacedModule


def give_back(module: ModuleType) -> None:
    """Make a module of scikit-learn an ordinary one again."""
    if originals.pop(module.__name__, None) is not None:
        module.__class__ = ModuleType


def _is_reported(module: str) -> bool:
    top, *rest = module.split(".")
    return has_report and top == "sklearn" and not any(part.startswith("_") or part == "tests" for part in rest)


class _Loader:
    """Loads a module as another loader does, then takes it over; answers all other questions as that loader."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        # From here on the module shows the loader that it would have without mlfast.
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        on_load(module)


class _Finder:
    """Finds the modules of the registry as the other finders do, and has them taken over once they are loaded."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        is_known = fullname in REGISTRY or fullname in ALSO or fullname == CONVERTER
        if not is_known and not _is_reported(fullname):
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(fullname, path, target)
            if spec is not None:
                loader: Any = _Loader(spec.loader)
                spec.loader = loader
                return spec
        return None


finder = _Finder()


def on_load(module: ModuleType) -> None:
    """Take a module over that has just been loaded, or tell it of mlfast, if anything is in force."""
    if not active:
        return
    if module.__name__ == CONVERTER:
        importlib.import_module("mlfast.onnx")
        return
    if module.__name__ in REGISTRY or module.__name__ in ALSO:
        take_over(module)
    if _is_reported(module.__name__):
        importlib.import_module("mlfast._report").watch(module)
