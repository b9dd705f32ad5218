"""Settings of a thread of execution: what happens when a call cannot run in Rust."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal, get_args

Fallback = Literal["sklearn", "warn", "raise"]


def _checked(fallback: str) -> Fallback:
    for known in get_args(Fallback):
        if fallback == known:
            return known
    raise ValueError(f"fallback must be one of {', '.join(map(repr, get_args(Fallback)))}; got {fallback!r}")


_fallback: ContextVar[Fallback | None] = ContextVar("mlfast_fallback", default=None)
_everywhere: Fallback = _checked(os.environ.get("MLFAST_FALLBACK", "sklearn"))


def get_config() -> dict[str, str]:
    """Return the settings in force: a dict with the key ``fallback``."""
    return {"fallback": _fallback.get() or _everywhere}


def set_config(*, fallback: Fallback | None = None) -> None:
    """Change settings for the whole process; None leaves one as it is. See `config_context`."""
    global _everywhere
    if fallback is not None:
        _everywhere = _checked(fallback)


@contextmanager
def config_context(*, fallback: Fallback | None = None) -> Iterator[None]:
    """Change settings within a ``with`` block, for this thread (or task) only.

    Parameters
    ----------
    fallback : {"sklearn", "warn", "raise"}, default=None
        What happens when a call cannot run in Rust: scikit-learn computes it and the reason is logged
        at level INFO on the logger ``mlfast``; or it also warns (`FallbackWarning`); or it raises
        `FallbackError` instead of computing. None leaves the setting as it is.
    """
    token = _fallback.set(_fallback.get() if fallback is None else _checked(fallback))
    try:
        yield
    finally:
        _fallback.reset(token)
