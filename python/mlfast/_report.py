"""``python -m mlfast --report``: time by estimator, what ran in Rust, and what did not for want of coverage.

Of the calls that mlfast decides about there are records (`mlfast._profile`). Estimators of scikit-learn that mlfast
does not have are timed by wrapping their methods, which is done for a report only.
"""

import functools
import inspect
import threading
import time
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any

from mlfast import _profile
from mlfast._profile import Profile, Record, own_seconds
from mlfast.accel._registry import KNOWN

#: The reason in the records of estimators that mlfast does not have.
NOT_COVERED = "mlfast does not have it"
_TIMED = (
    *("fit", "fit_predict", "fit_transform", "partial_fit", "transform", "inverse_transform"),
    *("predict", "predict_proba", "predict_log_proba", "decision_function", "score", "score_samples"),
)
_started = time.perf_counter()
_watched: set[type] = set()
_running = threading.local()


def watch(module: ModuleType) -> None:
    """Time the public estimators of a module of scikit-learn that mlfast does not have."""
    for name, kind in list(vars(module).items()):
        if (
            isinstance(kind, type)
            and hasattr(kind, "get_params")
            and kind.__module__.startswith(module.__name__)
            and not name.startswith(("_", "Base"))  # what others are derived from
            and f"{module.__name__}.{name}" not in KNOWN
            and kind not in _watched
        ):
            _watched.add(kind)
            for method in _TIMED:
                original = inspect.getattr_static(kind, method, None)
                if isinstance(original, FunctionType):
                    setattr(kind, method, _timed(original, method))
                elif hasattr(original, "__get__") and not isinstance(original, property | staticmethod | classmethod):
                    setattr(kind, method, _Conditional(original, method))


def _timed(function: Callable[..., Any], method: str) -> Callable[..., Any]:
    """Return a method that leaves a record of each call that ends well."""

    @functools.wraps(function)
    def timed(self: Any, *args: Any, **kwargs: Any) -> Any:
        return _run(function, self, method, self, *args, **kwargs)

    return timed


class _Conditional:
    """A method that an estimator has under a condition only, timed."""

    def __init__(self, original: Any, method: str) -> None:
        self._original = original
        self._method = method

    def __get__(self, estimator: Any, owner: type | None = None) -> Any:
        found = self._original.__get__(estimator, owner)
        if estimator is None:
            return found
        return functools.wraps(found)(functools.partial(_run, found, estimator, self._method))


def _run(function: Callable[..., Any], estimator: Any, method: str, *args: Any, **kwargs: Any) -> Any:
    calls: set[tuple[int, str]] = vars(_running).setdefault("calls", set())
    call = (id(estimator), method)
    if call in calls:  # the method of a base class, called by that of its child
        return function(*args, **kwargs)
    calls.add(call)
    start = time.perf_counter()
    try:
        result = function(*args, **kwargs)
    finally:
        calls.discard(call)
    if _profile.is_wanted():
        seconds = time.perf_counter() - start
        _profile.add(Record(type(estimator).__name__, method, "sklearn", NOT_COVERED, seconds, 1))
    return result


def in_words(calls: Profile) -> str:
    """Return the text that ``python -m mlfast --report`` prints."""
    if not calls.records:
        return "mlfast report\nno call of an estimator\n"
    own = own_seconds(calls.records)
    total = sum(own)
    estimators: dict[str, list[tuple[Record, float]]] = {}
    for record, seconds in zip(calls.records, own, strict=True):
        estimators.setdefault(record.estimator, []).append((record, seconds))
    in_rust = _sum(calls.records, own, lambda record: record.engine == "rust")
    missing = _sum(calls.records, own, lambda record: record.reason == NOT_COVERED)
    table: list[tuple[str, ...]] = [
        ("estimator", "calls", "seconds", "in Rust", "in scikit-learn", "why in scikit-learn")
    ]
    for name, found in sorted(estimators.items(), key=lambda item: -sum(seconds for _, seconds in item[1])):
        rust = sum(seconds for record, seconds in found if record.engine == "rust")
        whole = sum(seconds for _, seconds in found)
        reasons = dict.fromkeys(_why(record) for record, _ in found if record.reason is not None)
        counts = (str(len(found)), *(f"{seconds:.3f}" for seconds in (whole, rust, whole - rust)))
        table.append((name, *counts, "; ".join(reasons)))
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    engines = f"{_percentage(in_rust, total)} in Rust, {_percentage(total - in_rust, total)} in scikit-learn"
    lines = [
        "mlfast report",
        f"The program ran for {time.perf_counter() - _started:.3f} s, its estimators for {total:.3f} s: {engines},",
        f"of which {missing:.3f} s in classes that mlfast does not have. A call within another of its thread counts",
        "once; waiting for other threads and processes counts for who waits.",
        "",
        *("  ".join(map(str.ljust, row, widths)).rstrip() for row in table),
        "",
        "Time won: none where scikit-learn ran; where Rust did, it is known only by timing the program without mlfast.",
        "Not counted: functions that mlfast does not have, and what --only left to scikit-learn.",
    ]
    return "\n".join(lines) + "\n"


def _sum(records: list[Record], own: list[float], which: Callable[[Record], bool]) -> float:
    return sum(seconds for record, seconds in zip(records, own, strict=True) if which(record))


def _percentage(seconds: float, total: float) -> str:
    return f"{seconds:.3f} s ({seconds / total:.0%})" if total else f"{seconds:.3f} s"


def _why(record: Record) -> str:
    return NOT_COVERED if record.reason == NOT_COVERED else f"{record.method}: {record.reason}"
