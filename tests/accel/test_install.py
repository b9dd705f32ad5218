"""`mlfast.accel` in one process: who gets which object, and that everything is undone."""

import importlib
import inspect
import pickle
import sys
import threading
import warnings
from types import ModuleType
from unittest import mock

import cloudpickle
import numpy as np
import pytest
import sklearn
import sklearn.cluster
import sklearn.impute
import sklearn.metrics.pairwise
import sklearn.neighbors
from sklearn.cluster import _kmeans as private  # `private.KMeans` is scikit-learn's, whatever is installed

import mlfast.cluster
import mlfast.impute
import mlfast.metrics.pairwise
from mlfast import accel
from mlfast.accel._registry import KNOWN, REGISTRY

from . import early

PUBLIC = sklearn.cluster, sklearn.impute, sklearn.metrics, sklearn.metrics.pairwise, sklearn.neighbors


@pytest.fixture(autouse=True)
def undone():
    """Every test begins and ends without mlfast installed, and with modules as they were."""
    assert accel.installed() == []
    before = [vars(module).copy() for module in (*PUBLIC, early)]
    yield
    accel.uninstall()
    assert [vars(module) for module in (*PUBLIC, early)] == before
    assert {type(module) for module in PUBLIC} == {ModuleType}
    assert not [finder for finder in sys.meta_path if type(finder).__module__.startswith("mlfast")]


@pytest.fixture
def quietly():
    """Warnings about names bound earlier are not what the test is about."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="made with scikit-learn's classes")
        yield


def seen_by(caller, statement="from sklearn.cluster import KMeans as found"):
    """What a module of this name gets from a statement that binds `found`."""
    namespace = {"__name__": caller}
    exec(statement, namespace)
    return namespace["found"]


@pytest.mark.usefixtures("quietly")
class TestWhoGetsWhat:
    @pytest.mark.parametrize(
        "statement",
        [
            "from sklearn.cluster import KMeans as found",
            "from sklearn.cluster import *; found = KMeans",
            "import sklearn.cluster; found = sklearn.cluster.KMeans",
            "import sklearn; found = sklearn.cluster.KMeans",
            "import sklearn.cluster; found = getattr(sklearn.cluster, 'KMeans')",
            "import importlib; found = importlib.import_module('sklearn.cluster').KMeans",
            "import inspect, sklearn.cluster; found = dict(inspect.getmembers(sklearn.cluster))['KMeans']",
        ],
    )
    def test_users_code(self, statement):
        assert seen_by("script", statement) is private.KMeans
        with accel.install():
            assert seen_by("script", statement) is mlfast.cluster.KMeans
            assert seen_by(None, statement) is mlfast.cluster.KMeans
        assert seen_by("script", statement) is private.KMeans

    @pytest.mark.parametrize("caller", ["sklearn.cluster._spectral", "sklearn", "mlfast.cluster._kmeans"])
    def test_own_code(self, caller):
        with accel.install():
            assert seen_by(caller) is private.KMeans

    @pytest.mark.parametrize(
        "caller", ["sklearn.cluster.tests.test_k_means", "sklearn.conftest", "sklearnext", "x.sklearn"]
    )
    def test_tests_count_as_users(self, caller):
        with accel.install():
            assert seen_by(caller) is mlfast.cluster.KMeans

    @pytest.mark.parametrize("full_name", sorted(KNOWN))
    def test_each_name(self, full_name):
        module, _, name = full_name.rpartition(".")
        ours = getattr(importlib.import_module(module.replace("sklearn", "mlfast", 1)), name)
        with accel.install(full_name):
            assert accel.installed() == [full_name]
            assert seen_by("script", f"from {module} import {name} as found") is ours

    def test_scikit_learn_keeps_its_globals(self):
        spectral = sys.modules["sklearn.cluster._spectral"]
        with accel.install():
            assert spectral.k_means is vars(sklearn.cluster)["k_means"]
            assert not spectral.k_means.__module__.startswith("mlfast")

    def test_other_names_stay(self):
        before = sklearn.cluster.DBSCAN
        with accel.install():
            assert sklearn.cluster.DBSCAN is before
            with pytest.raises(AttributeError, match="Nothing"):
                _ = sklearn.cluster.Nothing


@pytest.mark.usefixtures("quietly")
class TestSwitch:
    @pytest.mark.parametrize("names", ["KMeans", "sklearn.cluster.KMeans", ("KMeans", "KMeans"), {"KMeans"}])
    def test_some(self, names):
        accel.install(names)
        assert accel.installed() == ["sklearn.cluster.KMeans"]
        assert seen_by("script", "from sklearn.cluster import MiniBatchKMeans as found").__module__.startswith(
            "sklearn"
        )

    def test_a_name_of_two_modules(self):
        accel.install("euclidean_distances")
        both = ["sklearn.metrics.euclidean_distances", "sklearn.metrics.pairwise.euclidean_distances"]
        assert accel.installed() == both

    def test_none_at_all(self):
        with accel.install([]):
            assert accel.installed() == []

    @pytest.mark.parametrize("room", ["cluster", "sklearn.cluster", "mlfast.cluster", ["KMeans", "cluster"]])
    def test_a_room(self, room):
        accel.install(room)
        assert accel.installed() == [f"sklearn.cluster.{name}" for name in REGISTRY["sklearn.cluster"]]

    def test_a_room_within_a_room(self):
        accel.install("metrics.pairwise")
        within = set(accel.installed())
        accel.install("metrics")
        assert {f"sklearn.metrics.{name}" for name in REGISTRY["sklearn.metrics"]} | within == set(accel.installed())

    def test_what_the_environment_names(self, monkeypatch):
        monkeypatch.setenv("MLFAST_ONLY", "KMeans,impute")
        accel.install()
        assert accel.installed() == ["sklearn.cluster.KMeans", "sklearn.impute.KNNImputer"]

    @pytest.mark.parametrize(
        ("names", "hint"),
        [
            ("kmeans", "'kmeans': did you mean 'KMeans'"),
            ("clusters", "did you mean 'cluster'"),
            ("RandomForest", "did you mean 'RandomForestClassifier' or 'RandomForestRegressor'"),
            (["KMeans", "DBSCAN"], "'DBSCAN': it stays scikit-learn's"),
            ("sklearn.decomposition.PCA", "it stays scikit-learn's"),
            ("decomposition", "it stays scikit-learn's"),
            ("", "known are the rooms cluster, ensemble"),
            ([None], "None: known are the rooms cluster, ensemble"),
        ],
    )
    def test_unknown_names(self, names, hint):
        with pytest.raises(ValueError, match=hint):
            accel.install(names)
        assert accel.installed() == []

    def test_idempotent(self):
        for _ in range(3):
            accel.install()
        assert accel.installed() == sorted(KNOWN)
        assert sum(type(finder).__module__.startswith("mlfast") for finder in sys.meta_path) == 1
        accel.uninstall()
        assert accel.installed() == []
        accel.uninstall()

    def test_nested(self):
        with accel.install("KMeans"):
            with accel.install():
                assert accel.installed() == sorted(KNOWN)
            assert accel.installed() == ["sklearn.cluster.KMeans"]
        assert accel.installed() == []

    def test_a_block_within_an_installation(self):
        accel.install("KMeans")
        with accel.install("KMeans"):
            pass
        assert accel.installed() == ["sklearn.cluster.KMeans"]

    def test_blocks_that_overlap(self):
        first, second = accel.install("KMeans"), accel.install("KMeans")
        first.__exit__(None, None, None)
        assert accel.installed() == ["sklearn.cluster.KMeans"]
        first.__exit__(None, None, None)
        assert accel.installed() == ["sklearn.cluster.KMeans"], "an installation ends once"
        second.__exit__(None, None, None)
        assert accel.installed() == []

    def test_uninstall_within_a_block(self):
        with accel.install("KMeans"):
            accel.uninstall()
            accel.install("KNNImputer")
        assert accel.installed() == ["sklearn.impute.KNNImputer"]

    def test_undone_after_an_error(self):
        with pytest.raises(KeyError), accel.install():
            raise KeyError
        assert accel.installed() == []

    def test_threads(self):
        """Blocks of many threads: each sees mlfast's class within, and nothing stays."""
        wrong = []
        start = threading.Barrier(4)

        def work():
            start.wait()
            for _ in range(5):
                with accel.install("KMeans"):
                    if seen_by("script") is not mlfast.cluster.KMeans:
                        wrong.append(accel.installed())

        workers = [threading.Thread(target=work) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert wrong == []
        assert accel.installed() == []


class TestBoundEarlier:
    def test_globals_are_bound_anew(self, quietly):
        with accel.install():
            assert early.KMeans is mlfast.cluster.KMeans
            assert early.Small is mlfast.cluster.MiniBatchKMeans
            assert early.euclidean_distances is mlfast.metrics.pairwise.euclidean_distances
            assert {type(est) for est in early.make()} == {mlfast.cluster.KMeans}
            with accel.install("KMeans"):
                pass
            assert early.KMeans is mlfast.cluster.KMeans
        assert {type(est) for est in early.make()} == {private.KMeans}

    def test_only_the_names_asked_for(self, quietly):
        with accel.install("MiniBatchKMeans"):
            assert early.KMeans is private.KMeans
            assert early.Small is mlfast.cluster.MiniBatchKMeans

    def test_a_name_bound_again_meanwhile_stays(self, quietly, monkeypatch):
        with monkeypatch.context() as patch:
            with accel.install():
                patch.setattr(early, "KMeans", "mine")
            assert early.KMeans == "mine"
            patch.setattr(early, "KMeans", private.KMeans)  # so that undoing leaves scikit-learn's
        early.KMeans = private.KMeans

    def test_what_stays_is_listed(self, quietly):
        here = f"{early.__name__}."
        with accel.install():
            found = {place.removeprefix(here) for place in accel.stale() if place.startswith(here)}
            assert found == {
                "Derived (subclass of KMeans)",
                "ESTIMATOR (instance of KMeans)",
                "MODELS['k-means'] (KMeans)",
                "MODELS['others'][0] (KNeighborsClassifier)",
                "PIPELINE.steps[1][1] (instance of KNeighborsClassifier)",
                "Study.model (MiniBatchKMeans)",
                "distances (default of a parameter) (euclidean_distances)",
            }
            assert early.MODELS["k-means"] is private.KMeans
            assert type(early.ESTIMATOR) is private.KMeans
        assert accel.stale() == []

    def test_a_warning_tells_once(self, monkeypatch):
        monkeypatch.setattr("mlfast.accel._install._warned", set())
        monkeypatch.setattr("mlfast.accel._install._LISTED", 10**6)  # other tests import what is listed too
        with (
            pytest.warns(UserWarning, match=r"made with scikit-learn's classes .*early\.Derived") as seen,
            accel.install(),
        ):
            pass
        assert seen[0].filename == __file__
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            accel.install()

    def test_a_warning_that_is_an_error_undoes_the_installation(self, monkeypatch):
        monkeypatch.setattr("mlfast.accel._install._warned", set())
        before = accel.installed()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(UserWarning, match="made with scikit-learn's classes"):
                accel.install("KMeans")
        assert accel.installed() == before


@pytest.mark.usefixtures("quietly")
class TestModulesStayModules:
    def test_what_they_say_of_themselves(self):
        for module in PUBLIC:
            before = {
                name: getattr(module, name) for name in ("__spec__", "__loader__", "__file__", "__doc__", "__name__")
            }
            names = dir(module)
            with accel.install():
                assert {name: getattr(module, name) for name in before} == before
                assert dir(module) == names
                assert inspect.ismodule(module)
                assert inspect.getsource(module)

    def test_the_dictionary_keeps_scikit_learns(self):
        with accel.install():
            assert vars(sklearn.cluster)["KMeans"] is private.KMeans

    def test_what_the_user_assigns_is_given(self, monkeypatch):
        with accel.install(), monkeypatch.context() as patch:
            patch.setattr(sklearn.cluster, "KMeans", "mine")
            assert seen_by("script") == "mine"
        sklearn.cluster.KMeans = private.KMeans

    def test_what_the_user_had_assigned_is_given(self, monkeypatch):
        monkeypatch.setattr(sklearn.cluster, "KMeans", "mine")
        with accel.install():
            assert seen_by("script") == "mine"
            assert seen_by("script", "from sklearn.cluster import k_means as found") is mlfast.cluster.k_means
        monkeypatch.undo()

    def test_mock(self):
        with accel.install():
            with mock.patch("sklearn.cluster.KMeans") as double:
                assert seen_by("script") is double
                with accel.install("KMeans"):
                    assert seen_by("script") is double
            assert seen_by("script") is mlfast.cluster.KMeans
            assert vars(sklearn.cluster)["KMeans"] is private.KMeans

    def test_reload(self):
        with accel.install():
            loader = sklearn.cluster.__loader__
            assert importlib.reload(sklearn.cluster) is sklearn.cluster
            assert sklearn.cluster.__loader__ is sklearn.cluster.__spec__.loader
            assert type(sklearn.cluster.__loader__) is type(loader)
            assert seen_by("script") is mlfast.cluster.KMeans

    @pytest.mark.parametrize("name", sorted(REGISTRY))
    def test_finding_a_module(self, name):
        """Tools that find a module and do not load it see its own loader's answers."""
        stock = importlib.util.find_spec(name)
        with accel.install():
            (finder,) = (one for one in sys.meta_path if type(one).__module__.startswith("mlfast"))
            spec = finder.find_spec(name, sys.modules[name.rpartition(".")[0]].__path__)
        assert (spec.name, spec.origin, spec.submodule_search_locations) == (
            stock.name,
            stock.origin,
            stock.submodule_search_locations,
        )
        assert spec.loader.get_source(name) == stock.loader.get_source(name)


@pytest.mark.usefixtures("quietly")
class TestPickle:
    def test_scikit_learns_functions(self):
        """They are stored as module and name, and pickle insists on finding the same object there."""
        original = vars(sklearn.metrics.pairwise)["euclidean_distances"]
        with accel.install():
            for dumps in (pickle.dumps, pickle._dumps, cloudpickle.dumps):
                assert pickle.loads(dumps(original)) is original

    def test_ours(self):
        with accel.install():
            for name in ("KMeans", "k_means"):
                found = seen_by("script", f"from sklearn.cluster import {name} as found")
                assert pickle.loads(pickle.dumps(found)) is found is getattr(mlfast.cluster, name)

    def test_instances_of_both(self):
        X = np.arange(12.0).reshape(6, 2)
        theirs = private.KMeans(2, random_state=0).fit(X)
        with accel.install():
            ours = seen_by("script")(2, random_state=0).fit(X)
            assert type(pickle.loads(pickle.dumps(ours))) is mlfast.cluster.KMeans
            assert type(pickle.loads(pickle.dumps(theirs))) is private.KMeans
            assert isinstance(ours, private.KMeans)

    def test_a_function_that_names_a_module(self):
        """joblib's workers get functions of a script this way, with the modules that they name."""
        namespace = {"__name__": "__main__"}
        exec("import sklearn.cluster as c\ndef make(): return c.KMeans", namespace)
        with accel.install():
            assert cloudpickle.loads(cloudpickle.dumps(namespace["make"]))() is mlfast.cluster.KMeans
