"""Run one function in a fresh interpreter: for hangs, signals, limits, and settings that are read once per process."""

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OURS = ("MLFAST_", "RAYON_", "OMP_", "OPENBLAS_", "MKL_", "BLIS_", "NUMEXPR_", "NUMBA_", "VECLIB_")

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
    env = {k: v for k, v in os.environ.items() if not k.startswith(OURS)}
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
            with contextlib.suppress(ProcessLookupError):  # nothing that the scenario started may outlive it
                os.killpg(process.pid, signal.SIGKILL)
        assert process.returncode >= 0, f"ended by {signal.Signals(-process.returncode).name}\n{out}\n{err}"
        assert process.returncode == 0, f"exit status {process.returncode}\n{out}\n{err}"
        return pickle.loads(answer.read_bytes())
