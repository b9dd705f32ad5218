"""mlfast in other processes: switched on by the environment or a notebook, and kept out by a strange scikit-learn."""

import importlib.metadata
import subprocess
import sys

import pytest

from mlfast.accel._registry import KNOWN

from ..isolated import clean_environment


def lines_of(words, **changes):
    found = subprocess.run(
        [sys.executable, *words], env=clean_environment(**changes), capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    assert found.stderr == ""
    return found.stdout.splitlines()


def output_of(words, **changes):
    """The words that a program prints."""
    return " ".join(lines_of(words, **changes)).split()


def test_the_wheel_brings_what_python_reads_at_its_start():
    assert "mlfast_accel.pth" in map(str, importlib.metadata.files("mlfast"))


LOADED = "import sys; print(*sorted({name.split('.')[0] for name in sys.modules} & {'mlfast', 'sklearn', 'numpy'}))"


@pytest.mark.parametrize(
    ("value", "loaded"),
    [(None, []), ("1", ["mlfast"]), *((word, []) for word in ("", "0", "false", "No", "OFF", " 0 "))],
)
def test_the_variable_alone_loads_little(value, loaded):
    assert output_of(["-c", LOADED], **({} if value is None else {"MLFAST_ACCEL": value})) == loaded


@pytest.mark.parametrize("isolation", ["-I", "-E"])
def test_python_that_ignores_the_environment_is_left_alone(isolation):
    assert output_of([isolation, "-c", LOADED], MLFAST_ACCEL="1") == []


def test_mlflow_finds_out_what_a_model_needs_without_it():
    """It loads the model in a process of its own and writes down what that imports."""
    assert output_of(["-c", LOADED], MLFAST_ACCEL="1", MLFLOW_IN_CAPTURE_MODULE_PROCESS="true") == []


@pytest.mark.parametrize("end", ["SystemExit(3)", "KeyboardInterrupt", "ImportError('no')", "BaseException('odd')"])
def test_nothing_that_the_switch_does_ends_the_interpreter(end, tmp_path):
    """One line on stderr says what happened."""
    (tmp_path / "mlfast").mkdir()
    (tmp_path / "mlfast" / "__init__.py").write_text("")
    (tmp_path / "mlfast" / "accel.py").write_text(f"raise {end}")
    env = clean_environment(MLFAST_ACCEL="1", PYTHONPATH=tmp_path)
    words = [sys.executable, "-c", "print('alive')"]
    found = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (0, "alive\n")
    assert found.stderr.count("\n") == 1
    assert found.stderr.startswith("mlfast is not in place of scikit-learn, as MLFAST_ACCEL asks: ")


EVERY_ESTIMATOR = """
from collections import Counter
from sklearn.utils import all_estimators
found = all_estimators()
print(*(name for name, times in Counter(name for name, _ in found).items() if times > 1))
print(*{kind.__module__ for name, kind in found if name in ("KMeans", "LinearSVC")})
"""


def test_every_estimator_is_listed_once():
    """`sklearn.calibration` shows LinearSVC too, which is then mlfast's as well."""
    script = "import mlfast.accel; mlfast.accel.install()" + EVERY_ESTIMATOR
    assert sorted(output_of(["-W", "ignore", "-c", script])) == ["mlfast.cluster._kmeans", "mlfast.svm._linear"]


NOTEBOOK = """
from sklearn.cluster import KMeans
%load_ext mlfast
from sklearn.cluster import MiniBatchKMeans, BisectingKMeans as Halves
import sklearn.tree
from mlfast.linear_model import Ridge
Tree = sklearn.tree.DecisionTreeClassifier
models = KMeans, MiniBatchKMeans, Halves, Tree, Ridge
print(*(model.__module__ for model in models))
%unload_ext mlfast
print(*(model.__module__ for model in (KMeans, MiniBatchKMeans, Halves, Tree, Ridge)))
print(*(model.__module__ for model in models))
from sklearn.cluster import MiniBatchKMeans
print(MiniBatchKMeans.__module__)
"""

CELLS = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "mlfast")
shell.run_cell("from sklearn.cluster import KMeans").raise_error()
shell.run_cell("%%mlfast_profile\\nmodel = KMeans(2, random_state=0).fit([[0.0], [1.0], [9.0]])").raise_error()
shown = shell.user_ns["_"]
assert shell.user_ns["model"].n_clusters == 2
assert [(call.estimator, call.method, call.engine) for call in shown.records] == [("KMeans", "fit", "rust")]
assert shell.display_formatter.format(shown)[0]["text/html"].startswith("<table>")
waiting = "await __import__('asyncio').sleep(0)"
shell.run_cell("%%mlfast_profile\\n" + waiting + "\\nlabels = model.predict([[1.0]])").raise_error()
shown = shell.user_ns["_"]
assert [call.method for call in shown.records] == ["predict"]
shell.run_line_magic("reload_ext", "mlfast")
assert "mlfast_profile" in shell.magics_manager.magics["cell"]
shell.run_line_magic("unload_ext", "mlfast")
assert "mlfast_profile" not in shell.magics_manager.magics["cell"]
"""


def test_notebook(tmp_path):
    """A name that was bound before is bound anew; that and what was imported meanwhile is given back."""
    path = tmp_path / "cells.ipy"
    path.write_text(NOTEBOOK)
    words = ["-m", "IPython", "--quick", "--colors=NoColor", "--HistoryManager.enabled=False", str(path)]
    first, *lines = lines_of(words, IPYTHONDIR=tmp_path)
    assert first.startswith(f"mlfast stands in for {len(KNOWN)} names of scikit-learn")
    while_loaded = [
        "mlfast.cluster._kmeans",
        "mlfast.cluster._minibatch_kmeans",
        "mlfast.cluster._bisecting_kmeans",
        "mlfast.tree._classes",
        "mlfast.linear_model._ridge",
    ]
    afterwards = [
        "sklearn.cluster._kmeans",
        "sklearn.cluster._kmeans",
        "sklearn.cluster._bisect_k_means",
        "sklearn.tree._classes",
        "mlfast.linear_model._ridge",
    ]
    assert lines == [" ".join(while_loaded), " ".join(afterwards), " ".join(while_loaded), "sklearn.cluster._kmeans"]


def test_cell_magic(tmp_path):
    first, *shown = lines_of(["-W", "ignore", "-c", CELLS], IPYTHONDIR=tmp_path)
    assert "%%mlfast_profile" in first
    assert sum("KMeans  " in line for line in shown) == 2, "each profile is displayed"


STRANGE = """
import warnings
import sklearn
sklearn.__version__ = "1.7.2"
import mlfast.accel
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    mlfast.accel.install()
    import sklearn.cluster, sklearn.impute
    mlfast.accel.install()
assert len(seen) == 1, [str(one.message) for one in seen]
assert "leaves scikit-learn as it is" in str(seen[0].message) and "1.7.2 is installed" in str(seen[0].message)
assert mlfast.accel.installed() == []
print(sklearn.cluster.KMeans.__module__, sklearn.impute.KNNImputer.__module__)
import importlib
rooms = [room for room in mlfast._ROOMS if room != "accel"]
for room in rooms:
    try:
        importlib.import_module(f"mlfast.{room}")
    except ImportError as problem:
        assert "pip install 'scikit-learn>=1.9" in str(problem), problem
    else:
        raise AssertionError(room)
assert rooms
try:
    mlfast.profile
except ImportError:
    print("refused")
"""


def test_a_scikit_learn_that_is_not_supported():
    """The switch leaves it alone with one warning; whoever asks for mlfast itself is told that it cannot work."""
    assert output_of(["-c", STRANGE]) == ["sklearn.cluster._kmeans", "sklearn.impute._knn", "refused"]
