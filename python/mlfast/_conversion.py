"""Conversion from and to scikit-learn: of an estimator, and of whatever holds estimators.

Pickle knows the parts of every object, so the copy is a pickle that is read back at once: parts that are shared stay
shared, and the original is only read. Two things differ from an ordinary pickle: what has a counterpart is written as
that, and classes and functions are handed over as they are, so that local ones and lambdas do no harm.
"""

import importlib
import io
import pickle
import sys
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any

from sklearn.base import BaseEstimator

from mlfast._state import DropIn
from mlfast.accel._registry import REGISTRY


def to_sklearn(estimator: BaseEstimator) -> BaseEstimator:
    """Return a copy in which all of mlfast's estimators are scikit-learn's, with the same parameters and fitted state.

    It can be used, pickled and loaded where mlfast is not installed.

    Parameters
    ----------
    estimator : estimator
        An estimator of mlfast, or one that holds such: a pipeline, a search, an ensemble of any package; fitted or not.

    Returns
    -------
    estimator
        Where mlfast's estimators were, it has those of the same names of scikit-learn; arrays are copied.

    Raises
    ------
    TypeError
        If there is nothing to convert, or something of mlfast that scikit-learn has no counterpart of, such as an
        instance of a subclass.
    """
    return _converted(estimator, dict(_pairs()), _refuse_ours, "it neither is nor holds anything of mlfast")


def from_sklearn(estimator: BaseEstimator) -> BaseEstimator:
    """Return a copy in which estimators of scikit-learn are mlfast's, with the same parameters and fitted state.

    Parameters
    ----------
    estimator : estimator
        An estimator of scikit-learn that mlfast has a counterpart of, or one that holds such: a pipeline, a search, an
        ensemble of any package; fitted or not.

    Returns
    -------
    estimator
        Where estimators with a counterpart were, it has those of the same names of mlfast; arrays are copied.

    Raises
    ------
    TypeError
        If there is nothing to convert.
    """
    counterparts = {theirs: ours for ours, theirs in _pairs() if isinstance(theirs, type)}
    missing = "it neither is nor holds an estimator that mlfast has a counterpart of"
    return _converted(estimator, counterparts, lambda thing: None, missing)


def _pairs() -> Iterator[tuple[Any, Any]]:
    """Yield classes and functions of mlfast with scikit-learn's.

    Modules of scikit-learn that are not loaded are left out: nothing of them can be met.
    """
    for name in REGISTRY:
        if name in sys.modules:
            ours = importlib.import_module(name.replace("sklearn", "mlfast", 1))
            for each in REGISTRY[name]:
                yield getattr(ours, each), _namesake(getattr(ours, each), sys.modules[name])


def _namesake(ours: Any, module: Any) -> Any:
    """Return scikit-learn's own, even if somebody else's stands under that name in its module."""
    name = ours.__name__
    bases = [base for base in getattr(ours, "__mro__", ()) if base.__module__.startswith("sklearn.")]
    return next((base for base in bases if base.__name__ == name), None) or getattr(module, name)


def _refuse_ours(thing: Any) -> None:
    """Raise TypeError if a class or function is mlfast's, or a class is derived from one of mlfast's."""
    if thing in _PARTS:
        return
    origins = [base.__module__ for base in thing.__mro__] if isinstance(thing, type) else [thing.__module__]
    if any(origin and origin.split(".")[0] == "mlfast" for origin in origins):
        raise TypeError(f"scikit-learn has no counterpart of {thing.__module__}.{thing.__qualname__}")


def _converted(thing: Any, counterparts: dict[Any, Any], refuse: Callable[[Any], None], nothing_to_convert: str) -> Any:
    writer = _Writer(counterparts, refuse)
    writer.dump(thing)
    if not writer.has_converted:
        raise TypeError(f"cannot convert {type(thing).__module__}.{type(thing).__qualname__}: {nothing_to_convert}")
    return writer.read()


class _Writer(pickle.Pickler):
    """Writes an object with the counterparts in place of what has one."""

    def __init__(self, counterparts: dict[Any, Any], refuse: Callable[[Any], None]) -> None:
        self._stream = io.BytesIO()
        self._arrays: list[pickle.PickleBuffer] = []
        super().__init__(self._stream, protocol=5, buffer_callback=self._arrays.append)
        self._counterparts = counterparts
        self._refuse = refuse
        self._handed_over: list[Any] = []
        self.has_converted = False

    def persistent_id(self, obj: Any) -> int | None:
        if not isinstance(obj, (type, FunctionType)):
            return None
        if obj in self._counterparts:
            obj = self._counterparts[obj]
            self.has_converted = True
        else:
            self._refuse(obj)
        self._handed_over.append(obj)
        return len(self._handed_over) - 1

    def reducer_override(self, obj: Any) -> Any:
        target = self._counterparts.get(type(obj))
        if target is None:
            return NotImplemented
        self.has_converted = True
        state = obj._parents_state() if isinstance(obj, DropIn) else obj.__dict__
        return _blank, (target,), state, None, None, _fill

    def read(self) -> Any:
        self._stream.seek(0)
        arrays = [bytearray(array.raw()) for array in self._arrays]  # raw: in the order in which they lie in memory
        return _Reader(self._stream, arrays, self._handed_over).load()


class _Reader(pickle.Unpickler):
    def __init__(self, stream: io.BytesIO, arrays: list[bytearray], handed_over: list[Any]) -> None:
        super().__init__(stream, buffers=arrays)
        self._handed_over = handed_over

    def persistent_load(self, pid: int) -> Any:
        return self._handed_over[pid]


def _blank(target: type) -> Any:
    return object.__new__(target)


def _fill(converted: Any, state: dict[str, Any]) -> None:
    if isinstance(converted, DropIn):
        state = converted._own_state(state)
        converted._check_state(state)
    converted.__dict__.update(state)


#: Of mlfast, but in no result.
_PARTS = (_blank, _fill)
