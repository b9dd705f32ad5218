"""How a row is measured: the contestants in turn (A B C A B C ...) in one process on the same arrays.

Times are the minimum and the median over the rounds; garbage collection is off while the clock runs; scores are
computed apart from them. Peak memory is measured apart, each contestant in a fresh process.

A contestant that needs more than ten seconds and four times the fastest one's time runs in two rounds only: its least
time is then a little too high, and nothing hangs on it.

Threads that wait for each other by spinning (OpenMP) lose far more than their share when a strange process takes a
core, up to ten times; own pools lose less. Each row therefore says how many CPUs others kept busy meanwhile: a row
with more than a few hundredths of a CPU is no evidence for anybody.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from peers import Peer, installed

RUN = Path(__file__).with_name("run.py")
Data = dict[str, Any]
Work = Callable[[], Any]
Scores = dict[str, float]

SLOW_ROUNDS = 2


@dataclass(frozen=True)
class Row:
    """One line of the table.

    `data(scale)` makes the arrays; `jobs[peer](peer, data, threads)` returns the work to be timed, a callable
    without arguments; `scores(data, result, reference)` judges what that work returned, beside what scikit-learn
    returned (None where it is not there). The goal reads: mlfast takes at most 1/`goal` of the time of `against`,
    and at most `limit` seconds. With `short=True` the work is repeated until a round lasts 50 ms, and its time is per
    call. A row with `minor=True` is measured like the others; docs/benchmarks.md sums such rows up in a sentence.
    """

    key: str
    title: str
    data: Callable[[int], Data]
    jobs: dict[str, Callable[[Peer, Data, int], Work]]
    scores: Callable[[Data, Any, Any], Scores]
    goal: float = 1.0
    against: str = "best"
    limit: float | None = None
    short: bool = False
    minor: bool = False
    note: str = ""


@dataclass
class Figures:
    """What one contestant did on one row."""

    seconds: list[float] = field(default_factory=list)
    scores: Scores = field(default_factory=dict)
    peak_mb: float | None = None

    @property
    def least(self) -> float:
        return min(self.seconds)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


@dataclass
class Result:
    row: Row
    threads: int
    peers: dict[str, Figures]
    disturbed: float | None = None

    def ratio(self, against: str) -> float | None:
        """Time of `against` (a contestant, or "best": the fastest but mlfast) over the time of mlfast."""
        others = {n: f.least for n, f in self.peers.items() if n != "mlfast" and f.seconds}
        if "mlfast" not in self.peers or not others:
            return None
        base = min(others.values()) if against == "best" else others.get(against)
        return None if base is None else base / self.peers["mlfast"].least

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; a row without a higher goal must only not be slower, within 2 % of noise."""
        ratio = self.ratio(self.row.against)
        if ratio is None:
            return None
        in_time = self.row.limit is None or self.peers["mlfast"].least <= self.row.limit
        return in_time and ratio >= (self.row.goal if self.row.goal > 1 else 0.98)

    @property
    def heavier(self) -> bool:
        """Whether mlfast's peak memory is seen to be above scikit-learn's, by more than 1 MB and 2 %."""
        ours, theirs = (self.peers[n].peak_mb if n in self.peers else None for n in ("mlfast", "sklearn"))
        return ours is not None and theirs is not None and ours > 1.02 * theirs + 1.0


def timed(work: Work, calls: int) -> tuple[float, Any]:
    """Seconds per call, and what the last call returned."""
    gc.collect()
    gc.disable()
    try:
        start = time.perf_counter()
        for _ in range(calls):
            result = work()
        return (time.perf_counter() - start) / calls, result
    finally:
        gc.enable()


def _cpu() -> tuple[float, float, float] | None:
    """Now, CPU seconds of the whole machine, CPU seconds of this process; None where /proc/stat is missing."""
    try:
        ticks = [int(t) for t in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    except OSError:
        return None
    idle, guests = sum(ticks[3:5]), sum(ticks[8:])
    return time.perf_counter(), (sum(ticks) - idle - guests) / os.sysconf("SC_CLK_TCK"), time.process_time()


def measure(row: Row, peers: dict[str, Peer], threads: int, rounds: int, scale: int) -> Result:
    """Time every contestant that has a job on this row; the first turn warms up and is not counted."""
    data = row.data(scale)
    names = [name for name in peers if name in row.jobs]
    works = {name: row.jobs[name](peers[name], data, threads) for name in names}
    figures = {name: Figures() for name in names}
    calls = 1
    firsts: dict[str, float] = {}
    results: dict[str, Any] = {}
    for name in names:
        with peers[name].running(threads):
            firsts[name], results[name] = timed(works[name], 1)
            if row.short and name == "sklearn":
                second, results[name] = timed(works[name], 3)
                calls = max(1, round(0.05 / min(firsts[name], second)))
    for name, result in results.items():
        figures[name].scores = row.scores(data, result, results.get("sklearn"))
    results.clear()
    result = None
    slow = {name for name in names if firsts[name] > max(10.0, 4.0 * min(firsts.values()))}
    before = _cpu()
    for turn in range(rounds):
        for name in names:
            if name in slow and turn >= SLOW_ROUNDS:
                continue
            with peers[name].running(threads):
                figures[name].seconds.append(timed(works[name], calls)[0])
    after = _cpu()
    disturbed = None
    if before and after:
        passed, machine, own = (b - a for a, b in zip(before, after, strict=True))
        disturbed = max(0.0, (machine - own) / passed)
    return Result(row, threads, figures, disturbed)


# ---- memory ----


def _status(field_name: str) -> float | None:
    """A field of /proc/self/status in MB (10^6 bytes); None where there is no such file."""
    try:
        text = Path("/proc/self/status").read_text()
    except OSError:
        return None
    found = [line.split()[1] for line in text.splitlines() if line.startswith(field_name + ":")]
    return int(found[0]) * 1024 / 1e6 if found else None


def _peak() -> float:
    """The highest resident size so far, in MB."""
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    high = _status("VmHWM")
    return high if high is not None else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def _give_back() -> None:
    """Return freed memory to the system, else work that reuses it would seem to need none (glibc only)."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def child(row: Row, name: str, threads: int, scale: int) -> None:
    """In a fresh process: print by how many MB the work raises the resident size above data and imports.

    The work runs on a hundredth of the data first, so that what a library loads at its first call is not counted.
    Linux forgets the peak of making the data on request; elsewhere that peak is the floor of what can be seen.
    """
    peer = installed((name,))[0][name]
    with peer.running(threads):
        row.jobs[name](peer, row.data(scale * 100), threads)()
        data = row.data(scale)
        work = row.jobs[name](peer, data, threads)
        _give_back()
        try:
            Path("/proc/self/clear_refs").write_text("5")
            floor = _status("VmRSS") or _peak()
        except OSError:
            floor = _peak()
        kept = work()
        print(json.dumps({"peak_mb": max(0.0, _peak() - floor)}))
        del kept


def memory(result: Result, scale: int) -> None:
    """Fill in `peak_mb`, each contestant in a process of its own."""
    for name, figures in result.peers.items():
        command = [sys.executable, str(RUN), "--memory-of", name, "--only", result.row.key]
        command += ["--threads", str(result.threads), "--scale", str(scale)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            figures.peak_mb = json.loads(done.stdout.splitlines()[-1])["peak_mb"]
        else:
            print(f"  no memory figure for {name}: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
