"""What a report of a problem should say: versions, threads, instruction set, what is replaced, what is amiss."""

import os
import platform
import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from mlfast import accel

_BESIDE = ("scikit-learn", "numpy", "scipy", "joblib", "threadpoolctl")
_MACHINE = "processors of the machine"


class Diagnosis(dict[str, Any]):
    """What `doctor` found, by topic; ``str`` gives the text that it prints."""

    def __repr__(self) -> str:
        return f"<mlfast.doctor: {len(self['problems']) or 'no'} problem{'' if len(self['problems']) == 1 else 's'}>"

    def __str__(self) -> str:
        versions = dict(self["versions"])
        lines = [
            ("mlfast", f"{versions.pop('mlfast')}, {self['folder']}"),
            ("beside it", ", ".join(f"{name} {number}" for name, number in versions.items())),
            ("machine", self["machine"]),
            ("instruction set", self["instruction_set"] or "unknown"),
            ("threads", f"{self['threads'] or 'unknown'}; {_limits_in_words(self['limits'], self['threads'])}"),
            *(("BLAS", library) for library in self["blas"]),
            ("fallback", self["fallback"] or "unknown"),
            ("replaced", _replaced_in_words(self["replaced"])),
            ("stale", ", ".join(self["stale"]) or "none"),
            ("problems", "none" if not self["problems"] else self["problems"][0]),
            *(("", problem) for problem in self["problems"][1:]),
        ]
        return "\n".join(f"{topic:<17}{text}" for topic, text in lines)


def doctor() -> Diagnosis:
    """Print what mlfast is and runs on, and what keeps it from working, if anything does.

    It works where mlfast itself does not: without its core, or with a scikit-learn that is not supported.

    Returns
    -------
    Diagnosis
        A dict of what was printed: ``versions``, ``folder``, ``machine``, ``instruction_set``, ``threads`` (that a
        call uses), ``limits`` (on them, by where they come from), ``blas``, ``fallback``, ``replaced`` (names that
        mlfast stands in for), ``stale`` (see `mlfast.accel.stale`) and ``problems`` (a list of str).
    """
    problems: list[str] = []
    found = Diagnosis(
        versions={"mlfast": "unknown", "python": platform.python_version()}
        | {name: _version(name) for name in _BESIDE},
        folder=str(Path(__file__).parent),
        machine=f"{platform.machine()}, {platform.system()} {platform.release()}",
        instruction_set=None,
        threads=None,
        limits=_limits(),
        blas=[],
        fallback=None,
        replaced=accel.installed(),
        stale=accel.stale(),
        problems=problems,
    )
    for look in (_look_at_core, _look_at_scikit_learn, _look_at_settings):
        try:
            look(found)
        except Exception as problem:  # whatever it is, it is what was looked for
            problems.append(f"{type(problem).__name__}: {problem}")
    if found["stale"]:
        problems.append("what is stale holds scikit-learn's objects: install mlfast earlier, or make it again")
    sys.stdout.write(f"{found}\n")
    return found


def _look_at_core(found: Diagnosis) -> None:
    core = import_module("mlfast._core")
    found["versions"]["mlfast"] = core.__version__
    installed = _version("mlfast")
    if installed not in ("not installed", core.__version__):
        found["problems"].append(
            f"the package installed as mlfast is {installed}, the one that runs {core.__version__}"
        )
    found["instruction_set"] = core.instruction_set()
    found["threads"] = core.get_num_threads()


def _look_at_scikit_learn(found: Diagnosis) -> None:
    import_module("mlfast._compat")
    from threadpoolctl import threadpool_info

    for library in threadpool_info():
        if library["user_api"] == "blas":
            kernel = library.get("architecture") or "unknown kernel"
            name = f"{library['internal_api']} {library.get('version') or ''} ({kernel})"
            found["blas"].append(f"{name}, {library['num_threads']} threads")


def _look_at_settings(found: Diagnosis) -> None:
    found["fallback"] = import_module("mlfast._config").get_config()["fallback"]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _limits() -> dict[str, str]:
    """Return what limits the number of threads, by where it is set."""
    limits = {_MACHINE: str(os.cpu_count())}
    if hasattr(os, "sched_getaffinity"):
        limits["processors that this process may use"] = str(len(os.sched_getaffinity(0)))
    quota = _quota()
    if quota is not None:
        limits["quota of the control group"] = f"{quota:g}"
    variables = ("MLFAST_NUM_THREADS", "RAYON_NUM_THREADS", "OMP_NUM_THREADS")
    return limits | {name: os.environ[name] for name in variables if name in os.environ}


def _quota() -> float | None:
    """Return how many processors the control groups of this process grant, if they limit them."""
    try:
        groups = Path("/proc/self/cgroup").read_text()
        path = next(line.split(":")[2] for line in groups.splitlines() if line.startswith("0:"))
    except (OSError, StopIteration):
        return None
    quotas = []
    group = Path("/sys/fs/cgroup") / path.lstrip("/")
    for folder in (group, *group.parents):
        try:
            granted, period = (folder / "cpu.max").read_text().split()
            quotas.append(int(granted) / int(period))
        except (OSError, ValueError):  # there is none, or it is "max"
            continue
    return min(quotas, default=None)


def _limits_in_words(limits: dict[str, str], threads: int | None) -> str:
    words = ", ".join(f"{name} {value}" for name, value in limits.items())
    caps = [name for name, value in limits.items() if value == str(threads)]
    if not caps or caps[0] == _MACHINE:
        return words
    return f"{words}; capped by: {', '.join(caps)}"


def _replaced_in_words(names: list[str]) -> str:
    if not names:
        return "nothing: import from mlfast, or see mlfast.accel.install"
    rooms = dict.fromkeys(name.rpartition(".")[0] for name in names)
    counts = {room: sum(name.rpartition(".")[0] == room for name in names) for room in rooms}
    return f"{len(names)} names: " + ", ".join(f"{room} {count}" for room, count in counts.items())
