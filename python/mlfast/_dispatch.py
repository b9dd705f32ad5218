"""Which call runs in Rust and which goes to scikit-learn, and why: decided here, reported here.

Each estimator states, per method, the conditions under which a call goes to scikit-learn. The same list decides,
fills the message of the fallback and documents the coverage.
"""

import logging
import sys
import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from mlfast import _profile, _threads
from mlfast._config import get_config
from mlfast._core import UnsupportedInputError

T = TypeVar("T")

logger = logging.getLogger("mlfast")


class FallbackError(RuntimeError):
    """A call would have gone to scikit-learn while ``fallback="raise"`` was set."""


class FallbackWarning(UserWarning):
    """A call went to scikit-learn while ``fallback="warn"`` was set."""


@dataclass(frozen=True)
class Condition:
    """A reason for which a call goes to scikit-learn; one that names what was given is made from the call."""

    reason: str | Callable[[Any], str]
    applies: Callable[[Any], bool]

    def words(self, call: Any) -> str:
        """Return the reason, once the condition applies to a call."""
        return self.reason if isinstance(self.reason, str) else self.reason(call)


def named(value: object) -> str:
    """Return how a reason names the value of a parameter: words and numbers as they are, objects by their name."""
    if value is None or isinstance(value, str | int | float):
        return repr(value)
    return str(getattr(value, "__name__", type(value).__name__))


def dispatch(
    owner: object,
    method: str,
    conditions: Iterable[Condition],
    call: Any,
    rust: Callable[[], T],
    parent: Callable[[], T],
) -> T:
    """Run a call in Rust, or in scikit-learn if one of the conditions applies.

    Parameters
    ----------
    owner : object
        The estimator, or the name of the module of a function.
    method : str
        The method or function.
    conditions : iterable of Condition
        Asked in order about ``call``; the first that applies is the reason of the fallback.
    call : object
        What the conditions look at.
    rust, parent : callable
        Do the work, in Rust or in scikit-learn.

    Raises
    ------
    FallbackError
        If a condition applies and ``fallback="raise"`` is set.
    """
    name = owner if isinstance(owner, str) else type(owner).__name__
    reason = next((condition.words(call) for condition in conditions if condition.applies(call)), None)
    start = time.perf_counter()
    refused = False
    if reason is None:
        try:
            result = rust()
        except UnsupportedInputError as refusal:
            # The data allow no answer. scikit-learn says so in its own words.
            reason, refused = str(refusal), True
    if reason is not None:
        result = _fall_back(f"{name}.{method}", reason, refused, parent)
    if not _profile.is_idle and _profile.is_wanted():
        engine = "rust" if reason is None else "sklearn"
        seconds = time.perf_counter() - start
        _profile.add(_profile.Record(name, method, engine, reason, seconds, _threads.get_num_threads()))
    return result


def _fall_back(name: str, reason: str, refused: bool, parent: Callable[[], T]) -> T:
    message = f"{name} runs in scikit-learn: {reason}"
    policy = get_config()["fallback"]
    if policy == "raise" and not refused:
        raise FallbackError(message)
    result = parent()
    if policy == "raise":
        raise FallbackError(message)
    logger.info(message)
    if policy == "warn":
        warnings.warn(message, FallbackWarning, stacklevel=callers_level())
    return result


def callers_level() -> int:
    """Return the ``stacklevel`` with which a warning of the calling function points at the user's own line."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] in ("mlfast", "sklearn"):
        frame, level = frame.f_back, level + 1
    return level
