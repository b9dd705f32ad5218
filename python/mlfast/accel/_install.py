"""The switch: put mlfast's objects in the place of scikit-learn's, and take them away again."""

from __future__ import annotations

import importlib
import os
import sys
import threading
import warnings
from collections import Counter

from mlfast.accel import _modules
from mlfast.accel._registry import ALSO, KNOWN, REGISTRY

TYPE_CHECKING = False  # see _modules.py
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

_lock = threading.RLock()
#: How many installations ask for a name. A new object after each `uninstall`, which ends all earlier ones.
_wanted: Counter[str] = Counter()
#: The places that a warning has already named.
_warned: set[str] = set()
#: How many of them a warning lists.
_LISTED = 10


class Installation:
    """What `install` returns: used in a ``with`` statement, it undoes that installation at the end."""

    def __init__(self, names: frozenset[str], wanted: Counter[str]) -> None:
        self._names = names
        self._wanted = wanted

    def __enter__(self) -> Installation:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with _lock:
            if self._wanted is _wanted:
                _wanted.subtract(self._names)
                _apply()
            self._names = frozenset()


def install(estimators: str | Iterable[str] | None = None) -> Installation:
    """Put mlfast's classes and functions in the place of scikit-learn's.

    Code that takes them from scikit-learn's public modules from now on gets mlfast's; scikit-learn's own code keeps
    its own. Globals of modules that were bound before are bound anew; for what cannot be changed safely see `stale`,
    of which a warning tells. Installing what is installed changes nothing.

    Where scikit-learn's version is not supported, a warning says so and scikit-learn stays as it is.

    Parameters
    ----------
    estimators : str or iterable of str, default=None
        Names of classes and functions such as ``"KMeans"`` or ``"sklearn.cluster.KMeans"``, and of rooms such as
        ``"cluster"`` for all that mlfast has of `sklearn.cluster`; None: all that it has, or what the environment
        variable ``MLFAST_ONLY`` names, with commas between.

    Returns
    -------
    Installation
        May be used in a ``with`` statement, at whose end what it installed is taken away.

    Raises
    ------
    ValueError
        If a name is not known.
    """
    names = _full_names(estimators)
    with _lock:
        before = _modules.originals_by_identity().keys()
        _wanted.update(names)
        _apply()
        if _modules.CONVERTER in sys.modules:
            _modules.on_load(sys.modules[_modules.CONVERTER])
        is_news = not _modules.originals_by_identity().keys() <= before
        places = [place for place in stale() if place not in _warned] if is_news else []
        _warned.update(places)
        installation = Installation(names, _wanted)
    if places:
        more = len(places) - _LISTED
        try:
            warnings.warn(
                f"made with scikit-learn's classes before mlfast took their place, and left as they are: "
                f"{', '.join(places[:_LISTED])}{f' and {more} more, see mlfast.accel.stale()' if more > 0 else ''}. "
                f"Install mlfast earlier, or make them again",
                stacklevel=2,
            )
        except Warning:  # where warnings are errors, nobody gets what would undo the installation
            installation.__exit__(None, None, None)
            raise
    return installation


def uninstall() -> None:
    """Give scikit-learn's classes and functions their place back, however often mlfast was installed.

    Names that were bound while mlfast was installed keep what they were bound to.
    """
    global _wanted
    with _lock:
        _wanted = Counter()
        _apply()


def installed() -> list[str]:
    """Return the full names that mlfast stands in for, sorted; empty if it is not installed."""
    return sorted(_modules.active)


def stale() -> list[str]:
    """Return the places that still hold scikit-learn's classes or instances of them, because they were made earlier.

    Subclasses, instances, containers, defaults of functions and attributes of classes are found, as far as they can be
    reached from a global of a module. Empty if mlfast is not installed.
    """
    originals = _modules.originals_by_identity()
    if not originals:
        return []
    from mlfast.accel import _bindings

    return _bindings.stale(originals)


def _full_names(estimators: str | Iterable[str] | None) -> frozenset[str]:
    if estimators is None:
        only = os.environ.get("MLFAST_ONLY")
        if not only:
            return KNOWN
        estimators = only.split(",")
    asked = [estimators] if isinstance(estimators, str) else list(estimators)
    found = {name: _named(str(name)) for name in asked}
    unknown = [name for name in asked if not found[name]]
    if unknown:
        raise ValueError("; ".join(map(_problem, unknown)))
    return frozenset(full for names in found.values() for full in names)


def _named(name: str) -> list[str]:
    """Return the full names meant by the name of a class or function, or of a room, with its package or without."""
    plain = name.removeprefix("mlfast.").removeprefix("sklearn.")
    return [
        full
        for full in KNOWN
        if plain in (full.removeprefix("sklearn."), full.rpartition(".")[2]) or full.startswith(f"sklearn.{plain}.")
    ]


def _problem(name: object) -> str:
    from mlfast import _hints

    plain = str(name).rpartition(".")[2]
    rooms = [module.removeprefix("sklearn.") for module in REGISTRY]
    alike = _hints.alike(plain, [*rooms, *(full.rpartition(".")[2] for full in KNOWN)])
    if plain in _hints.scikit_learns() or _hints.is_module_of_scikit_learn(plain):
        hint = "it stays scikit-learn's"
    elif alike:
        hint = f"did you mean {' or '.join(map(repr, alike))}?"
    else:
        hint = f"known are the rooms {', '.join(rooms)} and what is in them"
    return f"mlfast has no counterpart of {name!r}: {hint}"


def _apply() -> None:
    """Bring finder, modules and names in line with what is wanted."""
    before = _modules.originals_by_identity().keys()
    _modules.active = frozenset(+_wanted)
    if _modules.active and _modules.finder not in sys.meta_path:
        sys.meta_path.insert(0, _modules.finder)
    if not _modules.active and _modules.finder in sys.meta_path:
        sys.meta_path.remove(_modules.finder)
    for name in (*REGISTRY, *ALSO):
        if name in sys.modules:
            module = importlib.import_module(name)  # waits for another thread that may still be loading it
            if _modules.active:
                _modules.take_over(module)
            else:
                _modules.give_back(module)
    originals = _modules.originals_by_identity()
    if originals.keys() != before:
        from mlfast.accel import _bindings

        _bindings.restore(_modules.active)
        _bindings.rebind(originals)
