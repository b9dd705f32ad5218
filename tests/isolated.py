"""
Run one function in a process of its own: for hangs, signals, limits, and settings that are read once per process.

`isolated` starts a fresh interpreter. That costs more than most scenarios, so `forked` forks an interpreter that has
imported everything and computed nothing. Settings are read on import, so one waits for each environment asked for.
"""

import atexit
import contextlib
import functools
import os
import pickle
import select
import signal
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OURS = ("MLFAST_", "RAYON_", "OMP_", "OPENBLAS_", "MKL_", "BLIS_", "NUMEXPR_", "NUMBA_", "VECLIB_")
MACHINE = ("MLFAST_ISA", "OPENBLAS_CORETYPE")  # what `make test-machines` sets holds in all processes

BOOT = """
import faulthandler, pickle, sys
faulthandler.enable()
faulthandler.dump_traceback_later({dump}, exit=False)
with open({task!r}, "rb") as f:
    name, args, kwargs = pickle.load(f)
module, _, function = name.partition(":")
if __name__ == "__main__":
    import importlib
    with open({answer!r}, "wb") as f:  # now: the scenario may give up its rights
        pickle.dump(getattr(importlib.import_module(module), function)(*args, **kwargs), f)
"""


def clean_environment(**changes):
    """The environment without any thread or mlfast setting, plus `changes`; Rust paths only unless told otherwise."""
    env = {k: v for k, v in os.environ.items() if k in MACHINE or not k.startswith(OURS)}
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(ROOT)]))
    env["MLFAST_FALLBACK"] = "raise"
    env["OMP_WAIT_POLICY"] = "PASSIVE"  # see conftest.py
    env |= {k: str(v) for k, v in changes.items()}
    return env


def isolated(function, *args, env=None, timeout=90, prefix=(), **kwargs):
    """
    Call `function(*args, **kwargs)` in a new process and return its result.

    function : a function of an importable module under tests/ (it is named, not sent).
    env : changes to the environment. timeout : seconds after which the process counts as hung.
    prefix : words put before the interpreter, such as a `taskset` command.
    Fails if the process hangs, is ended by a signal, or raises.
    """
    with tempfile.TemporaryDirectory() as folder:
        task, answer, boot = (Path(folder) / name for name in ("task", "answer", "boot.py"))
        task.write_bytes(pickle.dumps((f"{function.__module__}:{function.__qualname__}", args, kwargs)))
        boot.write_text(BOOT.format(dump=max(timeout - 3, 1), task=str(task), answer=str(answer)))
        process = subprocess.Popen(
            [*prefix, sys.executable, str(boot)],
            env=clean_environment(**(env or {})),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=folder,
            start_new_session=True,
        )
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            raise AssertionError(f"hung for {timeout} s\n{out}\n{err}") from None
        finally:
            end_group(process.pid)
        check(process.returncode, f"{out}\n{err}")
        return pickle.loads(answer.read_bytes())


def forked(function, *args, env=None, timeout=90, **kwargs):
    """
    Call `function(*args, **kwargs)` in a fork of an interpreter that was started under `env`, and return its result.

    The same promises as `isolated`, but for one: the process is a fork, so it can say nothing about the first use of
    mlfast in a process, and its module `__main__` cannot be imported by workers.
    """
    changes = {k: str(v) for k, v in (env or {}).items()}
    with tempfile.TemporaryDirectory() as folder:
        task = (f"{function.__module__}:{function.__qualname__}", args, kwargs, folder, timeout)
        return nursery_of(changes).run(task, Path(folder), timeout)


NUMBER = struct.Struct("q")


def end_group(pid):
    """Nothing that a scenario started may outlive it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def check(returncode, output):
    assert returncode >= 0, f"ended by {signal.Signals(-returncode).name}\n{output}"
    assert returncode == 0, f"exit status {returncode}\n{output}"


class Nursery:
    """A process that forks one child per task and waits for it. It is itself idle and single-threaded."""

    BOOT = "from tests.isolated import serve; serve()"

    def __init__(self, changes):
        self.process = subprocess.Popen(
            [sys.executable, "-c", self.BOOT],
            env=clean_environment(**changes),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            start_new_session=True,  # Ctrl-C is for pytest
        )

    def close(self):
        self.process.stdin.close()  # the end of its input is the end of the server
        self.process.stdout.close()
        self.process.wait()

    def answer(self, timeout):
        """The next number that the server says; None if it says nothing in time."""
        says = self.process.stdout.fileno()
        ready, _, _ = select.select([says], [], [], timeout)
        return NUMBER.unpack(os.read(says, NUMBER.size))[0] if ready else None

    def run(self, task, folder, timeout):
        pickle.dump(task, self.process.stdin)
        self.process.stdin.flush()
        child = self.answer(60)
        assert child is not None, "the interpreter that is to be forked does not start"
        status = self.answer(timeout)
        end_group(child)
        hung = status is None
        if hung:
            self.answer(60)
        output = (folder / "output").read_text(errors="replace")
        assert not hung, f"hung for {timeout} s\n{output}"
        check(os.waitstatus_to_exitcode(status), output)
        return pickle.loads((folder / "answer").read_bytes())


NURSERIES = {}  # by environment, the one used last at the end
MOST_NURSERIES = 8


def nursery_of(changes):
    key = tuple(sorted(changes.items()))
    nursery = NURSERIES.pop(key, None)
    if nursery is not None and nursery.process.poll() is not None:
        nursery = None
    NURSERIES[key] = nursery or Nursery(changes)
    while len(NURSERIES) > MOST_NURSERIES:
        NURSERIES.pop(next(iter(NURSERIES))).close()
    return NURSERIES[key]


@atexit.register
def close_nurseries():
    while NURSERIES:
        NURSERIES.popitem()[1].close()


def serve():
    """What a nursery does: read a task, fork, say the child's number, wait, say how it ended."""
    import importlib

    from .contract import scenarios  # noqa: F401  the imports are what the children are spared

    while True:
        try:
            name, args, kwargs, folder, timeout = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        module, _, function = name.partition(":")
        call = getattr(importlib.import_module(module), function)
        pid = os.fork()
        if pid == 0:
            work(functools.partial(call, *args, **kwargs), folder, timeout)
        os.write(1, NUMBER.pack(pid))
        os.write(1, NUMBER.pack(os.waitpid(pid, 0)[1]))


def work(call, folder, timeout):
    """In the child: run the task and leave. Output and answer go to files of `folder`."""
    import faulthandler
    import traceback

    code = 1
    try:
        os.setsid()
        os.chdir(folder)
        with open("output", "wb") as output, open(os.devnull, "rb") as nothing:
            os.dup2(nothing.fileno(), 0)
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        faulthandler.enable()
        faulthandler.dump_traceback_later(max(timeout - 3, 1), exit=False)
        with open("answer", "wb") as f:  # now: the scenario may give up its rights
            pickle.dump(call(), f)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
