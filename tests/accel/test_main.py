"""`python -m mlfast`: a program cannot tell the difference, and neither can who started it."""

import os
import re
import subprocess
import sys
import textwrap

import pytest

from ..isolated import clean_environment

SCRIPTS = {
    "plain.py": """
        import sys
        names = sorted(globals())
        print(__name__, __file__, sys.argv, sys.path[0], __doc__, __package__, type(__loader__).__name__)
        print(names, __spec__ and __spec__.name, sys.modules["__main__"].__dict__ is globals())
        """,
    "error.py": """
        def inner():
            raise ValueError("mine")
        try:
            {}["key"]
        except KeyError:
            inner()
        """,
    "group.py": "raise ExceptionGroup('several', [ValueError('one'), TypeError('two')])",
    "syntax.py": "print('never printed')\nif True print(1)\n",
    "encoding.py": b"# -*- coding: latin-1 -*-\nprint(ascii('\xe9'))\n",
    "exit.py": "import sys; sys.exit(7)",
    "message.py": "raise SystemExit('a message')",
    "interrupt.py": "raise KeyboardInterrupt",
    "killed.py": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "hook.py": """
        import sys, traceback, atexit
        atexit.register(lambda: print("at exit", sys.last_type.__name__, traceback.extract_tb(sys.last_traceback)))
        sys.excepthook = lambda kind, error, tb: print("hook", kind, error, traceback.extract_tb(tb))
        1 / 0
        """,
    "thread.py": "import threading; threading.Thread(target=lambda: print('still runs')).start(); raise ValueError",
    "pickled.py": """
        import pickle
        class Mine: pass
        print(pickle.loads(pickle.dumps(Mine())).__class__ is Mine, Mine.__module__)
        """,
    "spawned.py": """
        import multiprocessing
        def work(x): return x + 1
        if __name__ == "__main__":
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                print(pool.map(work, [1, 2]))
        """,
    "folder/__main__.py": "import sys, beside; print(sys.argv, sys.path[0], __name__, __file__, __package__); 1 / 0",
    "folder/beside.py": "",
    "package/__init__.py": "",
    "package/__main__.py": "import sys; print(sys.argv, __name__, __spec__.name, __package__); 1 / 0",
}

COMMANDS = [
    *(pytest.param([name, "--profile", "-m", "a b"], id=name) for name in SCRIPTS if "/" not in name),
    pytest.param(["missing.py"], id="a missing script"),
    pytest.param(["folder"], id="a folder"),
    pytest.param(["-m", "package", "-c", "x"], id="a package"),
    pytest.param(["-m", "plain", "x"], id="a module"),
    pytest.param(["-m", "nothing_of_this_name"], id="a missing module"),
    pytest.param(["-c", "import sys; print(sys.argv, sys.path[0], sorted(globals())); 1 / 0", "x"], id="code"),
    pytest.param(["-c", "if True print(1)"], id="wrong code"),
    pytest.param(["-", "x"], id="stdin"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("programs")
    for name, text in SCRIPTS.items():
        (path / name).parent.mkdir(exist_ok=True)
        content = text if isinstance(text, bytes) else textwrap.dedent(text).lstrip("\n").encode()
        (path / name).write_bytes(content)
    return path


def run(words, folder, **changes):
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=clean_environment(PYTHONDONTWRITEBYTECODE=1, **changes),
        input="import sys; print(sys.argv, sys.path[0], __name__); undefined\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_the_same_as_plain_python(folder, command):
    stock = run(command, folder)
    ours = run(["-m", "mlfast", *command], folder)
    assert ours.returncode == stock.returncode
    assert ours.stdout == stock.stdout
    assert ours.stderr == stock.stderr
    assert stock.stdout or stock.stderr or stock.returncode, "the program does something"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ([], "what is to be run?"),
        (["--profile"], "what is to be run?"),
        (["-m"], "argument expected for the option -m"),
        (["-c"], "argument expected for the option -c"),
        (["--fast", "plain.py"], "unknown option --fast"),
    ],
)
def test_usage(folder, words, problem):
    found = run(["-m", "mlfast", *words], folder)
    assert found.returncode == 2
    assert found.stdout == ""
    assert found.stderr.startswith("usage: python -m mlfast [--profile] script.py")
    assert found.stderr.endswith(f"python -m mlfast: {problem}\n")


def test_help(folder):
    found = run(["-m", "mlfast", "--help"], folder)
    assert found.returncode == 0
    assert "--profile" in found.stdout
    assert found.stderr == ""


def test_nothing_is_loaded_before_it_is_needed(folder):
    """What a program under mlfast pays at its start: no scikit-learn, no NumPy, none of mlfast's estimators."""
    code = "import sys; print(*sorted(name for name in sys.modules if name.split('.')[0] in {!r}))".format(
        ["mlfast", "sklearn", "numpy", "scipy", "joblib", "typing", "dataclasses", "zipfile"]
    )
    loaded = set(run(["-m", "mlfast", "-c", code], folder).stdout.split())
    assert "mlfast.accel" in loaded
    assert {name.removeprefix("mlfast.") for name in loaded} <= {
        "mlfast",
        "accel",
        "accel._install",
        "accel._modules",
        "accel._registry",
    }


WORKERS = """
import os, subprocess, sys, threading
import numpy as np
from joblib import Parallel, delayed
from sklearn.cluster import KMeans

X = np.arange(60.0).reshape(20, 3)

def work(seed, kind=np.random.MT19937):
    KMeans(2, random_state=np.random.RandomState(kind(seed))).fit(X)
    return KMeans.__module__

if __name__ == "__main__":
    print(work(0))
    import mlfast
    print(*Parallel(2)(delayed(work)(i) for i in range(4)))  # starts the workers
    with mlfast.profile() as calls:
        print(*Parallel(2)(delayed(work)(i) for i in range(6)))  # finds them alive
    print(len(calls.records), {record.process for record in calls.records}.isdisjoint([os.getpid()]))
    thread = threading.Thread(target=work, args=[0])
    thread.start()
    thread.join()
    child = os.fork()
    if child == 0:
        work(0, np.random.PCG64)
        os._exit(0)
    os.waitpid(child, 0)
    code = "from sklearn.cluster import KMeans; KMeans(2, random_state=0).fit([[1.0], [2.0]]); print(KMeans.__module__)"
    print(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip())
    print([name for name in os.listdir(os.path.dirname(os.environ["MLFAST_PROFILE"])) if str(os.getpid()) in name])
"""


def test_workers_run_mlfast_and_are_counted(tmp_path):
    """joblib's workers, new ones and those that are alive, threads, forks and subprocesses."""
    (tmp_path / "workers.py").write_text(WORKERS)
    found = run(["-m", "mlfast", "--profile", "workers.py"], tmp_path, MLFAST_FALLBACK="sklearn", TMPDIR=tmp_path)
    assert found.returncode == 0, found.stderr
    ours = "mlfast.cluster._kmeans"
    lines = found.stdout.splitlines()
    assert lines[:4] == [ours, " ".join([ours] * 4), " ".join([ours] * 6), "6 True"]
    assert lines[4] == ours
    assert lines[5].startswith("['mlfast-profile-"), "the folder is there while it is needed"
    _, header, *rows = found.stderr.splitlines()
    assert header.split() == ["estimator", "method", "engine", "calls", "seconds", "threads", "processes", "reason"]
    table = {row.split()[2]: row.split(maxsplit=7) for row in rows}
    assert table["rust"][:4] == ["KMeans", "fit", "rust", str(1 + 4 + 6 + 1 + 1)]
    assert table["sklearn"][:4] == ["KMeans", "fit", "sklearn", "1"]
    assert table["sklearn"][7] == "random_state draws from another generator than MT19937"
    assert int(table["rust"][6]) >= 3
    assert not [name for name in os.listdir(tmp_path) if name.startswith("mlfast-profile-")], (
        "and goes with the program"
    )


def test_profile_of_a_program_that_fails(folder):
    found = run(["-m", "mlfast", "--profile", "error.py"], folder)
    stock = run(["error.py"], folder)
    assert found.returncode == stock.returncode == 1
    assert found.stderr.startswith(stock.stderr)
    assert re.search(r"^mlfast profile\nno call", found.stderr.removeprefix(stock.stderr))
