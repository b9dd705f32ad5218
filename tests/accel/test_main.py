"""`python -m mlfast`: a program cannot tell the difference, and neither can who started it."""

import os
import re
import subprocess
import sys
import textwrap

import pytest
import sklearn

import mlfast

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
        (["--report=yes", "plain.py"], "unknown option --report=yes"),
        (["--report", "--fallback"], "argument expected for the option --fallback"),
        (["--fallback", "never", "plain.py"], "--fallback is one of sklearn, warn, raise, not never"),
        (["--only=", "plain.py"], "argument expected for the option --only"),
        (["--only", "KMeans,PCA", "plain.py"], "mlfast has no counterpart of 'PCA': it stays scikit-learn's"),
        (["--only=kmeans", "plain.py"], "mlfast has no counterpart of 'kmeans': did you mean 'KMeans'?"),
    ],
)
def test_usage(folder, words, problem):
    found = run(["-m", "mlfast", *words], folder)
    assert found.returncode == 2
    assert found.stdout == ""
    assert found.stderr.startswith("usage: python -m mlfast [option ...] script.py")
    assert found.stderr.endswith(f"python -m mlfast: {problem}\n")


def test_help(folder):
    found = run(["-m", "mlfast", "--help"], folder)
    assert found.returncode == 0
    for option in ("--report", "--profile", "--only", "--fallback", "--version", "mlfast.doctor()"):
        assert option in found.stdout
    assert found.stderr == ""


def test_version(folder):
    found = run(["-m", "mlfast", "--version"], folder)
    assert (found.returncode, found.stderr) == (0, "")
    python = ".".join(map(str, sys.version_info[:3]))
    assert found.stdout.startswith(f"mlfast {mlfast.__version__}, scikit-learn {sklearn.__version__}, Python {python}")


SWITCHED = """
import subprocess, sys
code = "import sklearn.cluster, sklearn.svm; print(sklearn.cluster.KMeans.__module__, sklearn.svm.LinearSVC.__module__)"
code += "; import mlfast; print(mlfast.get_config()['fallback'])"
exec(code)
sys.stdout.flush()
subprocess.run([sys.executable, "-c", code], check=True)
"""


@pytest.mark.parametrize(
    "words", [["--only", "KMeans,tree", "--fallback=warn"], ["--fallback", "warn", "--only=cluster"]]
)
@pytest.mark.parametrize("everywhere", ["", "1"])
def test_options_reach_the_program_and_its_children(folder, words, everywhere):
    """Also where the environment has already put all of mlfast in scikit-learn's place."""
    found = run(["-m", "mlfast", *words, "-c", SWITCHED], folder, MLFAST_ACCEL=everywhere, MLFAST_FALLBACK="raise")
    assert found.stderr == ""
    assert found.stdout.splitlines() == ["mlfast.cluster._kmeans sklearn.svm._classes", "warn"] * 2


REPORTED = """
import sys
import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

X = np.random.RandomState(0).uniform(size=(60, 4))
y = (X[:, 0] > 0.5).astype(int)
model = make_pipeline(StandardScaler(), PCA(2), KMeans(2, random_state=0)).fit(X)
assert hasattr(GridSearchCV(KMeans(), {}), "fit") and not hasattr(GridSearchCV(PCA(), {}), "predict")
KNeighborsClassifier(metric="haversine").fit(X[:, :2], y)
GridSearchCV(SVC(), {"C": [1.0, 2.0]}, cv=2, n_jobs=2).fit(X, y)
print(PCA.__module__, PCA.fit.__qualname__, model[1].components_.shape)
"""
ENDS = {"as it should": "", "by exit": "sys.exit(3)", "by an error": "1 / 0"}


@pytest.mark.parametrize("end", ENDS)
def test_report(folder, end):
    """What ran where, with the classes that mlfast does not have and those in workers, however the program ends."""
    program = folder / "reported.py"
    program.write_text(REPORTED + ENDS[end])
    found = run(["-m", "mlfast", "--report", program.name], folder, MLFAST_FALLBACK="sklearn")
    assert found.returncode == {"as it should": 0, "by exit": 3, "by an error": 1}[end], found.stderr
    assert found.stdout.split()[:2] == ["sklearn.decomposition._pca", "PCA.fit"]
    errors, _, report = found.stderr.partition("mlfast report\n")
    assert ("ZeroDivisionError" in errors) == (end == "by an error")
    summary, _, table = report.partition("\n\n")
    assert summary.startswith("The program ran for ")
    header, *rows = table.partition("\n\n")[0].splitlines()
    assert header.split()[:3] == ["estimator", "calls", "seconds"]
    cells = {row.split()[0]: row.split(maxsplit=5) for row in rows}
    why = {name: row[5] if len(row) > 5 else "" for name, row in cells.items()}
    missing = "mlfast does not have it"
    assert why == {
        "KMeans": "",
        "PCA": missing,
        "StandardScaler": missing,
        "Pipeline": missing,
        "SVC": missing,
        "GridSearchCV": missing,
        "KNeighborsClassifier": "fit: metric='haversine' is not covered",
    }
    assert int(cells["KMeans"][1]) == 1
    assert float(cells["SVC"][3]) == 0.0, "no time in Rust"
    assert int(cells["SVC"][1]) >= 5, "four fits in workers and one here"
    assert "Time won: none where scikit-learn ran" in table


def test_report_of_nothing(folder):
    found = run(["-m", "mlfast", "--report", "-c", "pass"], folder)
    assert (found.stdout, found.stderr) == ("", "mlfast report\nno call of an estimator\n")


WRAPPED = """
import importlib, inspect, sys
from sklearn.utils import all_estimators
from mlfast import _report
from mlfast.accel import _modules
named = dict(all_estimators())
watched = {kind.__name__ for kind in _report._watched}
replaced = [value for names in _modules.originals.values() for value in names.values() if isinstance(value, type)]
for kind in replaced:
    assert not _report._watched.intersection(kind.__mro__), (kind, "what mlfast stands on is left as it is")
forgotten = set(named) - watched - {kind.__name__ for kind in replaced}
assert not forgotten, forgotten
from sklearn.preprocessing import StandardScaler
assert list(inspect.signature(StandardScaler.fit).parameters) == ["self", "X", "y", "sample_weight"]
assert StandardScaler().get_metadata_routing() is not None
"""


def test_every_estimator_that_mlfast_does_not_have_is_reported(folder):
    found = run(["-W", "ignore", "-m", "mlfast", "--report", "-c", WRAPPED], folder)
    assert found.returncode == 0, found.stderr


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
    assert header.split() == [
        *("estimator", "method", "engine", "calls", "seconds", "own", "threads", "processes", "reason")
    ]
    table = {row.split()[2]: row.split(maxsplit=8) for row in rows}
    assert table["rust"][:4] == ["KMeans", "fit", "rust", str(1 + 4 + 6 + 1 + 1)]
    assert table["sklearn"][:4] == ["KMeans", "fit", "sklearn", "1"]
    assert table["sklearn"][8] == "random_state draws from another generator than MT19937"
    assert int(table["rust"][7]) >= 3
    assert not [name for name in os.listdir(tmp_path) if name.startswith("mlfast-profile-")], (
        "and goes with the program"
    )


def test_profile_of_a_program_that_fails(folder):
    found = run(["-m", "mlfast", "--profile", "error.py"], folder)
    stock = run(["error.py"], folder)
    assert found.returncode == stock.returncode == 1
    assert found.stderr.startswith(stock.stderr)
    assert re.search(r"^mlfast profile\nno call", found.stderr.removeprefix(stock.stderr))
