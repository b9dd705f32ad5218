"""Names that mlfast does not have: the error says what was meant, and is of the type that tools expect."""

import importlib
import importlib.util
import pickle
import pkgutil
import pydoc
import subprocess
import sys

import pytest

import mlfast

from .isolated import clean_environment

MEANT = [
    ("mlfast.KMeans", AttributeError, "it is in mlfast.cluster (from mlfast.cluster import KMeans)"),
    ("mlfast.Autoencoder", AttributeError, "it is in mlfast.neural_network ("),
    ("mlfast.pairwise_distances", AttributeError, "it is in mlfast.metrics ("),
    ("mlfast.kmeans", AttributeError, "did you mean KMeans (from mlfast.cluster import KMeans)?"),
    ("mlfast.profil", AttributeError, "did you mean profile (from mlfast import profile)?"),
    ("mlfast.neighbours", AttributeError, "did you mean mlfast.neighbors?"),
    ("mlfast.PCA", AttributeError, "scikit-learn has it (from sklearn.decomposition import PCA)"),
    ("mlfast.datasets", AttributeError, "scikit-learn has it (import sklearn.datasets)"),
    ("mlfast.ensemble.VotingClassifier", AttributeError, "(from sklearn.ensemble import VotingClassifier)"),
    ("from mlfast import KMeans", ImportError, "it is in mlfast.cluster (from mlfast.cluster import KMeans)"),
    ("from mlfast import datasets", ImportError, "scikit-learn has it (import sklearn.datasets)"),
    ("from mlfast.ensemble import VotingClassifier", ImportError, "(from sklearn.ensemble import VotingClassifier)"),
    ("from mlfast.ensemble import VotingClasifier", ImportError, "did you mean VotingClassifier (from sklearn.ens"),
    ("from mlfast.ensemble import KMeans", ImportError, "it is in mlfast.cluster ("),
    ("from mlfast.ensemble import RandomForest", ImportError, "did you mean RandomForestClassifier ("),
    ("from mlfast.metrics.pairwise import rbf_kernel", ImportError, "(from sklearn.metrics.pairwise import rbf_k"),
    ("from mlfast.datasets import load_iris", ModuleNotFoundError, "scikit-learn has it (import sklearn.datasets)"),
    ("import mlfast.clusters", ModuleNotFoundError, "did you mean mlfast.cluster?"),
]


@pytest.mark.parametrize(("statement", "kind", "hint"), MEANT, ids=[statement for statement, _, _ in MEANT])
def test_what_was_meant(statement, kind, hint):
    with pytest.raises(kind) as raised:
        exec(statement, {"mlfast": mlfast})
    assert type(raised.value) is kind
    assert hint in str(raised.value)


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("mlfast.nothing_like_it", AttributeError),
        ("mlfast._nothing", AttributeError),
        ("mlfast.__wrapped__", AttributeError),
        ("mlfast.cluster._kmeanz", AttributeError),
        ("from mlfast import nothing_like_it", ImportError),
        ("from mlfast.cluster import _nothing", ImportError),
        ("import mlfast._nothing", ModuleNotFoundError),
        ("import mlfast.cluster.nothing", ModuleNotFoundError),
    ],
)
def test_no_guesses(statement, kind):
    with pytest.raises(kind) as raised:
        exec(statement, {"mlfast": mlfast})
    assert type(raised.value) is kind
    for word in ("did you mean", "scikit-learn", "it is in"):
        assert word not in str(raised.value)


def test_each_room_explains():
    for room in [*mlfast._ROOMS, "metrics.pairwise"]:
        if room != "accel":
            module = importlib.import_module(f"mlfast.{room}")
            with pytest.raises(AttributeError, match="PCA"):
                module.PCA  # noqa: B018


def test_tools_are_not_disturbed():
    assert not hasattr(mlfast, "PCA")
    assert not hasattr(mlfast.ensemble, "VotingClassifier")
    assert importlib.util.find_spec("mlfast.datasets") is None
    assert pydoc.locate("mlfast.datasets.load_iris") is None
    with pytest.raises(AttributeError):
        pkgutil.resolve_name("mlfast.datasets")
    with pytest.raises(AttributeError, match="PCA"):
        pickle.loads(b"cmlfast.cluster\nPCA\n.")
    from mlfast import onnx  # a module that no attribute names before it is loaded

    assert onnx is sys.modules["mlfast.onnx"]
    from mlfast.cluster import _kmeans

    assert _kmeans.KMeans is mlfast.cluster.KMeans


LITTLE = """
import sys
import mlfast
before = set(sys.modules)
for name in ("KMeans", "PCA", "datasets", "kmeans"):
    try:
        getattr(mlfast, name)
    except AttributeError as error:
        assert "sklearn" in str(error) or "mlfast.cluster" in str(error)
try:
    import mlfast.datasets
except ModuleNotFoundError as error:
    assert "sklearn.datasets" in str(error), error
print(*sorted({name.partition(".")[0] for name in sys.modules} & {"sklearn", "numpy", "scipy", "joblib"}))
print(mlfast._hints is not None, "mlfast._hints" in before)
"""


def test_scikit_learn_is_not_loaded_for_a_hint():
    run = subprocess.run(
        [sys.executable, "-c", LITTLE], env=clean_environment(), capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == ["", "True False"]
