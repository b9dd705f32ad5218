"""A record of calls: which ran in Rust, which did not and why, and how long each took."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import astuple, dataclass, field, fields


@dataclass(frozen=True)
class Record:
    """One call of an estimator's method or of a function."""

    estimator: str
    method: str
    engine: str
    reason: str | None
    seconds: float
    threads: int


@dataclass
class Profile:
    """The calls made inside a `profile` block; printed as a table."""

    records: list[Record] = field(default_factory=list)

    def __str__(self) -> str:
        header = tuple(column.name for column in fields(Record))
        rows = [header]
        for record in self.records:
            estimator, method, engine, reason, seconds, threads = astuple(record)
            rows.append((estimator, method, engine, reason or "", f"{seconds:.6f}", str(threads)))
        widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
        return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


_active: ContextVar[Profile | None] = ContextVar("mlfast_profile", default=None)


def active() -> Profile | None:
    """Return the profile that calls are recorded in, if there is one."""
    return _active.get()


@contextmanager
def profile() -> Iterator[Profile]:
    """Record the calls made within a ``with`` block, in this thread (or task).

    Yields
    ------
    Profile
        Its ``records`` grow as calls are made; ``print`` shows them as a table.

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
    token = _active.set(found)
    try:
        yield found
    finally:
        _active.reset(token)
