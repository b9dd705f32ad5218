"""A record of calls: which ran in Rust, which did not and why, and how long each took."""

import atexit
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import astuple, dataclass, field

from mlfast import _mailbox


@dataclass(frozen=True)
class Record:
    """One call of an estimator's method or of a function."""

    estimator: str
    method: str
    engine: str
    reason: str | None
    seconds: float
    threads: int
    process: int = field(default_factory=os.getpid)


@dataclass
class Profile:
    """The calls made inside a `profile` block; printed as a table, calls of one kind in one row."""

    records: list[Record] = field(default_factory=list)
    _process: int = field(default_factory=os.getpid, repr=False)

    def __str__(self) -> str:
        kinds: dict[tuple[str, str, str, str], list[Record]] = {}
        for record in self.records:
            kind = (record.estimator, record.method, record.engine, record.reason or "")
            kinds.setdefault(kind, []).append(record)
        table: list[tuple[str, ...]] = [
            ("estimator", "method", "engine", "calls", "seconds", "threads", "processes", "reason")
        ]
        for kind, calls in sorted(kinds.items(), key=lambda item: -sum(call.seconds for call in item[1])):
            *names, reason = kind
            seconds = sum(call.seconds for call in calls)
            threads = max(call.threads for call in calls)
            processes = len({call.process for call in calls})
            table.append((*names, str(len(calls)), f"{seconds:.6f}", str(threads), str(processes), reason))
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in table)


_active: ContextVar[Profile | None] = ContextVar("mlfast_profile", default=None)
_of_process: Profile | None = None


#: Whether it is certain that nobody wants a record. Calls of a microsecond look here before they ask.
is_idle = False
_lock = threading.Lock()
#: How many `profile` blocks are open in all threads.
_open = 0


def _wake(more: int = 0) -> None:
    """Count blocks that are opened or closed; have the next call ask again."""
    global is_idle, _open
    with _lock:
        _open += more
        is_idle = False


os.register_at_fork(after_in_child=_wake)


def is_wanted() -> bool:
    """Return whether anyone, here or in a parent process, wants a record of the call that has just ended."""
    global is_idle
    if _active.get() is not None or _of_process is not None:
        return True
    if _mailbox.is_worker():
        return _mailbox.address() is not None
    with _lock:
        is_idle = _open == 0 and _of_process is None
    return False


def add(record: Record) -> None:
    """Give a record to the profiles that are open here, or else send it to the process that profiles."""
    profiles = [profile for profile in (_active.get(), _of_process) if profile is not None]
    for profile in profiles:
        if profile._process == record.process:
            profile.records.append(record)
    if all(profile._process != record.process for profile in profiles):  # a fork inherits its parent's profiles
        folder = _mailbox.address(profiles[0]._process if profiles else None)
        if folder is not None:
            _mailbox.deliver(folder, astuple(record))


def _sort_mail() -> None:
    """Give what has arrived from workers to the innermost profile and to that of the process."""
    records = [Record(*values) for values in _mailbox.take_out()]
    for profile in (_active.get(), _of_process):
        if profile is not None:
            profile.records += records


@contextmanager
def profile() -> Iterator[Profile]:
    """Record the calls made within a ``with`` block: in this thread (or task), and in worker processes.

    Yields
    ------
    Profile
        Its ``records`` grow as calls are made, those of workers when the block ends; ``print`` shows a table.

    Examples
    --------
    >>> import mlfast
    >>> from mlfast.cluster import KMeans
    >>> with mlfast.profile() as calls:
    ...     _ = KMeans(n_clusters=2, random_state=0).fit([[0.0], [1.0], [9.0], [8.0]])
    >>> [(call.estimator, call.method, call.engine) for call in calls.records]
    [('KMeans', 'fit', 'rust')]
    """
    found = Profile()
    _sort_mail()
    _mailbox.open_mailbox()
    _wake(1)
    token = _active.set(found)
    try:
        yield found
    finally:
        _sort_mail()
        _active.reset(token)
        _wake(-1)
        _mailbox.close_mailbox()


def profile_process() -> None:
    """Record the calls of all threads and of worker processes until this process ends; then print them to stderr."""
    global _of_process
    _of_process = Profile()
    _wake()
    _mailbox.open_mailbox()
    atexit.register(_report)


def _report() -> None:
    if _of_process is None or _of_process._process != os.getpid():  # a fork inherits what is to be done at exit
        return
    _sort_mail()
    _mailbox.close_mailbox()
    if sys.stderr is not None:
        table = str(_of_process) if _of_process.records else "no call of a class or function that mlfast replaces"
        sys.stderr.write(f"mlfast profile\n{table}\n")
