"""A record of calls: which ran in Rust, which did not and why, and how long each took."""

import atexit
import html
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import astuple, dataclass, field, fields
from importlib import import_module
from typing import Any

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
    thread: int = field(default_factory=threading.get_ident)
    #: When the call ended, in seconds of `time.perf_counter`.
    end: float = field(default_factory=time.perf_counter)


HEADER = ("estimator", "method", "engine", "calls", "seconds", "own", "threads", "processes", "reason")


@dataclass
class Profile:
    """The calls made inside a `profile` block; shown as a table, calls of one kind in one row.

    Attributes
    ----------
    records : list of Record
        One for each call, in the order in which they ended.
    """

    records: list[Record] = field(default_factory=list)
    _process: int = field(default_factory=os.getpid, repr=False)

    @property
    def total_seconds(self) -> float:
        """The time of all calls; that of a call within another one, in the same thread, counts once."""
        return sum(own_seconds(self.records))

    def __str__(self) -> str:
        table = [HEADER, *self._rows()]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in table)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # IPython in a terminal
        printer.text(str(self))

    def _repr_html_(self) -> str:
        def line(cell: str, row: tuple[str, ...]) -> str:
            return "<tr>" + "".join(f"<{cell}>{html.escape(value)}</{cell}>" for value in row) + "</tr>"

        *rows, total = self._rows()
        lines = [line("th", HEADER), *(line("td", row) for row in rows), line("th", total)]
        return f"<table>{''.join(lines)}</table>"

    def to_frame(self) -> Any:
        """Return the calls as a `pandas.DataFrame`, one a row.

        Its columns are those of `Record` and ``own_seconds``, the seconds of a call less those of the calls within it.
        """
        pandas = import_module("pandas")  # which mlfast does not require
        columns = [column.name for column in fields(Record)]
        frame = pandas.DataFrame([astuple(record) for record in self.records], columns=columns)
        frame.insert(columns.index("seconds") + 1, "own_seconds", own_seconds(self.records))
        return frame

    def _rows(self) -> list[tuple[str, ...]]:
        """Return the table's rows, those that took longest first, and the total."""
        kinds: dict[tuple[str, str, str, str], list[tuple[Record, float]]] = {}
        for record, own in zip(self.records, own_seconds(self.records), strict=True):
            kind = (record.estimator, record.method, record.engine, record.reason or "")
            kinds.setdefault(kind, []).append((record, own))
        rows = []
        for kind, calls in sorted(kinds.items(), key=lambda item: -sum(own for _, own in item[1])):
            *names, reason = kind
            seconds = sum(record.seconds for record, _ in calls)
            own = sum(own for _, own in calls)
            threads = max(record.threads for record, _ in calls)
            processes = len({record.process for record, _ in calls})
            counts = (str(len(calls)), f"{seconds:.6f}", f"{own:.6f}", str(threads), str(processes))
            rows.append((*names, *counts, reason))
        processes = len({record.process for record in self.records})
        total = f"{self.total_seconds:.6f}"
        return [*rows, ("total", "", "", str(len(self.records)), "", total, "", str(processes), "")]


def own_seconds(records: Sequence[Record]) -> list[float]:
    """Return how long each call took, less the calls within it in the same thread.

    Parameters
    ----------
    records : sequence of Record
        In the order in which the calls of a thread ended, so that a call comes after those within it.
    """
    own = [record.seconds for record in records]
    outermost: dict[tuple[int, int], list[int]] = {}
    for position, record in enumerate(records):
        before = outermost.setdefault((record.process, record.thread), [])
        start = record.end - record.seconds
        while before and records[before[-1]].end > start:
            own[position] -= records[before.pop()].seconds
        before.append(position)
    return [max(seconds, 0.0) for seconds in own]


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
        Its ``records`` grow as calls are made, those of workers when the block ends. ``print`` shows a table, a
        notebook too; ``to_frame()`` makes a data frame. In a notebook ``%%mlfast_profile`` profiles a cell.

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


def profile_process(in_words: Callable[[Profile], str]) -> None:
    """Record the calls of all threads and of worker processes until this process ends; then print them to stderr.

    Parameters
    ----------
    in_words : callable
        Makes a text of the profile.
    """
    global _of_process
    _of_process = Profile()
    _wake()
    _mailbox.open_mailbox()
    atexit.register(_report, in_words)


def table_in_words(calls: Profile) -> str:
    """Return the text that ``python -m mlfast --profile`` prints."""
    table = str(calls) if calls.records else "no call of a class or function that mlfast replaces"
    return f"mlfast profile\n{table}\n"


def _report(in_words: Callable[[Profile], str]) -> None:
    if _of_process is None or _of_process._process != os.getpid():  # a fork inherits what is to be done at exit
        return
    _sort_mail()
    _mailbox.close_mailbox()
    if sys.stderr is not None:
        sys.stderr.write(in_words(_of_process))
