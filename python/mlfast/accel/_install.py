"""The switch: put mlfast's objects in the place of scikit-learn's, and take them away again."""

import sys
import threading
from collections import Counter
from collections.abc import Iterable
from types import TracebackType

from mlfast.accel import _modules
from mlfast.accel._registry import KNOWN, REGISTRY

_lock = threading.RLock()
#: How many installations ask for a name. A new object after each `uninstall`, which ends all earlier ones.
_wanted: Counter[str] = Counter()


class Installation:
    """What `install` returns: used in a ``with`` statement, it undoes that installation at the end."""

    def __init__(self, names: frozenset[str], wanted: Counter[str]) -> None:
        self._names = names
        self._wanted = wanted

    def __enter__(self) -> "Installation":
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

    Code that imports them from scikit-learn's public modules from now on gets mlfast's; scikit-learn's own code keeps
    its own. Installing what is installed changes nothing.

    Parameters
    ----------
    estimators : str or iterable of str, default=None
        Names such as ``"KMeans"`` or ``"sklearn.cluster.KMeans"``; None: all that mlfast has.

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
        _wanted.update(names)
        _apply()
        return Installation(names, _wanted)


def uninstall() -> None:
    """Give scikit-learn's classes and functions their place back, however often mlfast was installed."""
    global _wanted
    with _lock:
        _wanted = Counter()
        _apply()


def installed() -> list[str]:
    """Return the full names that mlfast stands in for, sorted; empty if it is not installed."""
    return sorted(_modules.active)


def _full_names(estimators: str | Iterable[str] | None) -> frozenset[str]:
    if estimators is None:
        return KNOWN
    asked = [estimators] if isinstance(estimators, str) else list(estimators)
    found = {name: [full for full in KNOWN if name in (full, full.rpartition(".")[2])] for name in asked}
    unknown = [name for name in asked if not found[name]]
    if unknown:
        known = ", ".join(sorted({full.rpartition(".")[2] for full in KNOWN}))
        raise ValueError(f"mlfast has no counterpart of {', '.join(map(repr, unknown))}; known are: {known}")
    return frozenset(full for names in found.values() for full in names)


def _apply() -> None:
    """Bring finder and modules in line with what is wanted."""
    _modules.active = frozenset(+_wanted)
    loaded = [sys.modules[name] for name in REGISTRY if name in sys.modules]
    if _modules.active:
        if _modules.finder not in sys.meta_path:
            sys.meta_path.insert(0, _modules.finder)
        for module in loaded:
            if module.__name__ not in _modules.originals:
                _modules.take_over(module)
    else:
        if _modules.finder in sys.meta_path:
            sys.meta_path.remove(_modules.finder)
        for module in loaded:
            _modules.give_back(module)
