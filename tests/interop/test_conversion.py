"""`to_sklearn` and `from_sklearn` on what holds estimators: all of them are converted, the rest is the same."""

import io
import pickle
import subprocess
import sys
import venv
from pathlib import Path
from types import FunctionType

import imblearn.pipeline
import joblib
import numpy as np
import pytest
import scipy
import sklearn.cluster
import sklearn.impute
import sklearn.metrics.pairwise
import sklearn.neighbors
import threadpoolctl
from imblearn.over_sampling import SMOTE
from sklearn.base import BaseEstimator, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.manifold import Isomap
from sklearn.metrics import make_scorer
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier

import mlfast
import mlfast.accel
import mlfast.cluster
import mlfast.ensemble
import mlfast.impute
import mlfast.metrics.pairwise
import mlfast.neighbors

from ..compare import bits
from ..contract.entry import mixture
from ..contract.registry import ENTRIES
from ..isolated import clean_environment
from .meta import ANSWERS, distinct

X = mixture(0, 90, 4)
Y = (X[:, 0] > X[:, 1]).astype(int) + (X[:, 2] > 2)
Y[:3] = range(3)
NEW = mixture(1, 40, 4)


class Shelf(BaseEstimator):
    """A foreign estimator that keeps others in every kind of container."""

    def __init__(self, model=None):
        self.model = model

    def fit(self, X, y):
        self.first_ = clone(self.model).fit(X, y)
        self.pair_ = (self.first_, [self.first_, "text"])
        self.by_name_ = {"first": self.first_, ("a", "key"): {"deep": self.first_}}
        self.objects_ = np.array([self.first_, None], dtype=object)
        self.itself_ = self
        self.predictor_ = self.first_.predict  # bound to it
        self.local_ = lambda X: X + 1
        return self

    def predict(self, X):
        return self.predictor_(X)


def knn(package, **params):
    return package.neighbors.KNeighborsClassifier(3, **params)


def columns(package):
    return ColumnTransformer(
        [
            ("clusters", package.cluster.KMeans(3, n_init=1, random_state=0), [0, 1]),
            ("filled", package.impute.KNNImputer(), [2]),
        ],
        remainder=package.cluster.MiniBatchKMeans(2, n_init=1, random_state=0),
    )


def whole_steps(package):
    """A search among estimators, not among their parameters."""
    steps = make_pipeline(FunctionTransformer(lambda X: 2 * X), knn(package))
    return GridSearchCV(steps, {"kneighborsclassifier": [knn(package), package.neighbors.NearestCentroid()]}, cv=3)


def one_estimator_twice(package):
    shared = knn(package)
    return VotingClassifier([("a", shared), ("b", shared)])


COMPOUNDS = {
    "pipeline": lambda p: make_pipeline(StandardScaler(), p.impute.KNNImputer(), knn(p)),
    "union": lambda p: make_pipeline(
        FeatureUnion([("a", p.cluster.KMeans(3, n_init=1, random_state=0)), ("b", StandardScaler())]),
        p.naive_bayes.GaussianNB(),
    ),
    "columns": lambda p: make_pipeline(columns(p), p.naive_bayes.GaussianNB()),
    "grid": whole_steps,
    "random": lambda p: RandomizedSearchCV(knn(p), {"n_neighbors": [1, 5]}, n_iter=1, cv=3, random_state=0),
    "search without target": lambda p: GridSearchCV(
        p.cluster.BisectingKMeans(random_state=0), {"n_clusters": [2, 3]}, cv=3
    ),
    "stacking": lambda p: StackingClassifier(
        [("a", knn(p)), ("b", p.naive_bayes.GaussianNB())], knn(p), cv=3, passthrough=True
    ),
    "voting": one_estimator_twice,
    "calibrated": lambda p: CalibratedClassifierCV(knn(p), cv=3),
    "bagging": lambda p: BaggingClassifier(knn(p), 3, random_state=0),
    "self-training": lambda p: SelfTrainingClassifier(knn(p), threshold=0.9),
    "one against all": lambda p: OneVsRestClassifier(knn(p)),
    "frozen": lambda p: FrozenEstimator(knn(p).fit(X, Y)),
    "kept by scikit-learn itself": lambda p: make_pipeline(Isomap(n_neighbors=6), knn(p)),
    "of imbalanced-learn": lambda p: imblearn.pipeline.make_pipeline(
        SMOTE(k_neighbors=p.neighbors.NearestNeighbors(n_neighbors=4), random_state=0), knn(p)
    ),
    "shelf": lambda p: Shelf(make_pipeline(StandardScaler(), knn(p))),
    "nested": lambda p: GridSearchCV(
        StackingClassifier(
            [("a", BaggingClassifier(knn(p), 2, random_state=0))], OneVsRestClassifier(knn(p)), cv=2, passthrough=True
        ),
        {"a__estimator__n_neighbors": [1, 3]},
        cv=2,
    ),
}
#: Where it must not be Y.
TARGETS = {"self-training": np.where(np.arange(len(Y)) % 3, Y, -1)}


def answers(model, X=NEW):
    return {name: getattr(model, name)(X) for name in ANSWERS if hasattr(model, name)}


class Census(pickle.Pickler):
    """Finds the estimators with a counterpart, wherever an object keeps them."""

    NAMES = frozenset(entry.parent.__name__ for entry in ENTRIES)

    def __init__(self):
        super().__init__(io.BytesIO())
        self.found = []

    def persistent_id(self, obj):
        return "function" if isinstance(obj, FunctionType) else None

    def reducer_override(self, obj):
        if type(obj).__name__ in self.NAMES:
            self.found.append(type(obj).__module__.split(".")[0])
        return NotImplemented


def census(model):
    """The packages of the estimators inside, one for each estimator."""
    counter = Census()
    counter.dump(model)
    return counter.found


#: What is replaced itself, not only what it holds.
OURS = {BaggingClassifier: mlfast.ensemble.BaggingClassifier}


def assert_same(found, said):
    """Both packages' answers are the same, numbers up to the rounding of the parent's products of matrices."""
    assert found.keys() == said.keys()
    for name, value in said.items():
        if np.asarray(value).dtype.kind == "f":
            np.testing.assert_allclose(found[name], value, rtol=1e-9, atol=1e-12)
        else:
            assert bits(found[name]) == bits(value)


@pytest.mark.parametrize("name", COMPOUNDS)
class TestCompound:
    def test_to_sklearn(self, name):
        model = COMPOUNDS[name](mlfast).fit(X, TARGETS.get(name, Y))
        inside, said = census(model), answers(model)
        plain = mlfast.to_sklearn(model)
        assert type(plain) is type(model)
        assert len(inside) > 0 and census(plain) == ["sklearn"] * len(inside)
        assert_same(answers(plain), said)
        assert (census(model), bits(answers(model))) == (inside, bits(said)), "the original stays as it was"

    def test_from_sklearn(self, name):
        plain = COMPOUNDS[name](sklearn).fit(X, TARGETS.get(name, Y))
        inside, said = census(plain), answers(plain)
        model = mlfast.from_sklearn(plain)
        assert type(model) is OURS.get(type(plain), type(plain))
        assert len(inside) > 0 and census(model) == ["mlfast"] * len(inside)
        assert_same(answers(model), said)
        assert (census(plain), bits(answers(plain))) == (inside, bits(said)), "the original stays as it was"

    def test_there_and_back(self, name):
        model = COMPOUNDS[name](mlfast).fit(X, TARGETS.get(name, Y))
        back = mlfast.from_sklearn(mlfast.to_sklearn(model))
        assert bits(answers(back)) == bits(answers(model))

    def test_unfitted(self, name):
        y = TARGETS.get(name, Y)
        plain = mlfast.to_sklearn(COMPOUNDS[name](mlfast))
        assert bits(answers(plain.fit(X, y))) == bits(answers(COMPOUNDS[name](sklearn).fit(X, y)))


class TestWalk:
    def test_shared_parts_stay_shared(self):
        plain = mlfast.to_sklearn(one_estimator_twice(mlfast).fit(X, Y))
        assert plain.estimators[0][1] is plain.estimators[1][1]
        assert plain.named_estimators_["a"] is plain.estimators_[0]
        assert plain.estimators_[0] is not plain.estimators_[1]

    def test_containers(self):
        model = Shelf(knn(mlfast)).fit(X, Y)
        plain = mlfast.to_sklearn(model)
        first = plain.first_
        assert type(first) is sklearn.neighbors.KNeighborsClassifier
        assert plain.pair_ == (first, [first, "text"]) and type(plain.pair_) is tuple
        assert plain.by_name_["first"] is first and plain.by_name_["a", "key"]["deep"] is first
        assert plain.objects_[0] is first and plain.objects_[1] is None
        assert plain.itself_ is plain
        assert plain.predictor_.__self__ is first
        assert plain.local_ is model.local_, "functions are handed over as they are"

    def test_arrays_are_copied(self):
        model = make_pipeline(StandardScaler(), mlfast.cluster.KMeans(3, n_init=1, random_state=0)).fit(X)
        for converted in (mlfast.to_sklearn(model), mlfast.from_sklearn(mlfast.to_sklearn(model))):
            for mine, theirs in ((model[0].mean_, converted[0].mean_), (vars(model[1]), vars(converted[1]))):
                mine, theirs = ([m] if isinstance(m, np.ndarray) else list(m.values()) for m in (mine, theirs))
                for a, b in zip(mine, theirs, strict=True):
                    if isinstance(a, np.ndarray):
                        assert not np.shares_memory(a, b)
                        assert b.flags.writeable and b.flags.c_contiguous == a.flags.c_contiguous
            converted[1].cluster_centers_[:] = 0
        assert model[1].cluster_centers_.any()

    def test_order_in_memory_is_kept(self):
        model = Shelf(knn(mlfast))
        model.columns_ = np.asfortranarray(X)
        model.frozen_ = X[::2, ::-1]
        plain = mlfast.to_sklearn(model)
        assert plain.columns_.flags.f_contiguous
        np.testing.assert_array_equal(plain.columns_, X)
        np.testing.assert_array_equal(plain.frozen_, X[::2, ::-1])

    def test_classes_and_functions_of_ours(self):
        """What a parameter names is replaced too: the result must load where mlfast is not."""
        distances = FunctionTransformer(mlfast.metrics.pairwise.euclidean_distances)
        plain = mlfast.to_sklearn(make_pipeline(distances, mlfast.cluster.KMeans(3)))
        assert plain[0].func is sklearn.metrics.pairwise.euclidean_distances
        assert mlfast.to_sklearn(distances).func is sklearn.metrics.pairwise.euclidean_distances
        assert mlfast.to_sklearn(Shelf(mlfast.cluster.KMeans)).model is sklearn.cluster.KMeans

    def test_scorer_keeps_its_estimator(self):
        search = GridSearchCV(mlfast.cluster.KMeans(2, n_init=1, random_state=0), {"n_clusters": [2, 3]}, cv=2).fit(X)
        plain = mlfast.to_sklearn(search)
        assert b"mlfast" not in pickle.dumps(plain)
        assert plain.score(NEW) == pytest.approx(search.score(NEW), rel=1e-12)

    def test_metadata_requests(self):
        """They may name the estimator that they belong to."""
        with sklearn.config_context(enable_metadata_routing=True):
            model = mlfast.cluster.KMeans(2, n_init=1, random_state=0).set_fit_request(sample_weight=True).fit(X)
            plain = mlfast.to_sklearn(make_pipeline(StandardScaler(), model))
            assert b"mlfast" not in pickle.dumps(plain)
            assert plain[1].get_metadata_routing().fit.requests == {"sample_weight": True}
            assert b"mlfast" not in pickle.dumps(mlfast.to_sklearn(model))

    def test_memory_maps(self, tmp_path):
        joblib.dump(make_pipeline(StandardScaler(), knn(mlfast)).fit(X, Y), tmp_path / "model")
        mapped = joblib.load(tmp_path / "model", mmap_mode="r")
        plain = mlfast.to_sklearn(mapped)
        (tmp_path / "model").write_bytes(b"")  # what was copied needs the file no more
        assert bits(answers(plain)) == bits(answers(make_pipeline(StandardScaler(), knn(sklearn)).fit(X, Y)))

    def test_another_library_in_scikit_learns_place(self, monkeypatch):
        """Counterparts are scikit-learn's own classes, whoever has put another one under their name."""
        model, original = mlfast.cluster.KMeans(2), sklearn.cluster.KMeans
        monkeypatch.setattr(sklearn.cluster, "KMeans", type("KMeans", (original,), {}))
        assert type(mlfast.to_sklearn(model)) is original
        assert type(mlfast.from_sklearn(original(2))) is mlfast.cluster.KMeans

    @pytest.mark.filterwarnings("ignore:made with scikit-learn's classes")  # by imbalanced-learn, among others
    def test_while_mlfast_is_installed(self):
        """Then code of users finds mlfast's objects under scikit-learn's names; conversion must not."""
        distances = FunctionTransformer(mlfast.metrics.pairwise.euclidean_distances)
        with mlfast.accel.install():
            assert sklearn.cluster.KMeans is mlfast.cluster.KMeans
            steps = mlfast.to_sklearn(make_pipeline(distances, sklearn.cluster.KMeans(3)))
            back = mlfast.from_sklearn(steps)
        assert steps[0].func is sklearn.metrics.pairwise.euclidean_distances
        assert type(steps[1]) is sklearn.cluster.KMeans
        assert type(back[1]) is mlfast.cluster.KMeans

    def test_first_thing_in_a_process(self):
        """Nobody needs to import the room of an estimator that is to be converted."""
        code = "import mlfast, sklearn.cluster as c; print(type(mlfast.from_sklearn(c.KMeans())).__module__)"
        run = subprocess.run(
            [sys.executable, "-c", code],
            env=clean_environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert run.stdout == "mlfast.cluster._kmeans\n"


class Tripled(mlfast.cluster.KMeans):
    pass


def score_by_ours(y, predicted):
    return 0.0


score_by_ours.__module__ = "mlfast.made_up"


class TestRefused:
    @pytest.mark.parametrize("model", [StandardScaler(), make_pipeline(StandardScaler()), [1, 2], {}, len])
    @pytest.mark.parametrize("convert", [mlfast.to_sklearn, mlfast.from_sklearn])
    def test_nothing_to_convert(self, convert, model):
        with pytest.raises(TypeError, match=r"cannot convert .*: it neither is nor holds"):
            convert(model)

    def test_already_converted(self):
        with pytest.raises(TypeError, match=r"cannot convert sklearn\.cluster.*KMeans: it neither"):
            mlfast.to_sklearn(sklearn.cluster.KMeans())
        with pytest.raises(TypeError, match=r"cannot convert mlfast\.cluster.*KMeans: it neither"):
            mlfast.from_sklearn(mlfast.cluster.KMeans())

    @pytest.mark.parametrize(
        "model", [Tripled(), make_pipeline(Tripled(), mlfast.cluster.KMeans()), Shelf({"model": [Tripled]})]
    )
    def test_subclass_of_ours(self, model):
        """It would need mlfast where it is loaded, so it is no scikit-learn estimator."""
        with pytest.raises(TypeError, match=r"scikit-learn has no counterpart of .*Tripled"):
            mlfast.to_sklearn(model)

    def test_function_of_ours(self):
        search = GridSearchCV(mlfast.cluster.KMeans(), {}, scoring=make_scorer(score_by_ours))
        with pytest.raises(TypeError, match=r"scikit-learn has no counterpart of mlfast\.made_up\.score_by_ours"):
            mlfast.to_sklearn(search)

    def test_corrupt_part(self):
        plain = make_pipeline(StandardScaler(), sklearn.cluster.KMeans(2, n_init=1)).fit(X)
        plain[1].cluster_centers_ = plain[1].cluster_centers_[0]
        with pytest.raises(ValueError, match="corrupt state"):
            mlfast.from_sklearn(plain)

    def test_failure_leaves_the_original(self):
        model = make_pipeline(mlfast.cluster.KMeans(2), Tripled())
        before = bits(model.get_params())
        with pytest.raises(TypeError):
            mlfast.to_sklearn(model)
        assert bits(model.get_params()) == before


def test_mixed_models_become_all_ours():
    model = VotingClassifier([("a", knn(sklearn)), ("b", knn(mlfast))]).fit(X, Y)
    assert set(census(model)) == {"sklearn", "mlfast"}
    assert set(census(mlfast.from_sklearn(model))) == {"mlfast"}
    assert set(census(mlfast.to_sklearn(model))) == {"sklearn"}


WITHOUT_US = """
import pickle, sys
try:
    import mlfast
except ModuleNotFoundError as error:
    assert error.name == "mlfast"
else:
    raise SystemExit("mlfast is here: this proves nothing")
models, X = pickle.load(sys.stdin.buffer)
said = {}
for name, model in models.items():
    said[name] = {method: getattr(model, method)(rows) for method, rows in X[name].items()}
assert not any(module.split(".")[0] == "mlfast" for module in sys.modules)
pickle.dump(said, sys.stdout.buffer)
"""


@pytest.fixture
def elsewhere(tmp_path):
    """The interpreter of an environment that has everything that this one has, but for mlfast."""
    venv.create(tmp_path, with_pip=False, symlinks=True)
    (packages,) = tmp_path.glob("lib/python*/site-packages")
    for folder in {Path(module.__file__).parents[1] for module in (np, scipy, sklearn)} | {
        Path(module.__file__).parent for module in (threadpoolctl,)
    }:
        for package in folder.iterdir():
            if not package.name.startswith("mlfast") and package.suffix != ".pth":
                (packages / package.name).symlink_to(package)
    return tmp_path / "bin" / "python"


def test_loads_where_mlfast_is_not_installed(elsewhere):
    models, rows = {}, {}
    for entry in distinct():
        models[entry.name] = mlfast.to_sklearn(entry.fit(entry.data(0, 90, 4)))
        rows[entry.name] = {name: entry.data(1, 40, 4) for name in ANSWERS if hasattr(models[entry.name], name)}
    for name in ("columns", "random", "stacking", "voting", "calibrated", "bagging", "self-training", "nested"):
        models[name] = mlfast.to_sklearn(COMPOUNDS[name](mlfast).fit(X, TARGETS.get(name, Y)))
        rows[name] = dict.fromkeys(answers(models[name]), NEW)
    run = subprocess.run(
        [elsewhere, "-I", "-c", WITHOUT_US],
        input=pickle.dumps((models, rows)),
        capture_output=True,
        timeout=90,
        check=False,
    )
    assert run.returncode == 0, run.stderr.decode()
    said = pickle.loads(run.stdout)
    for name, model in models.items():
        here = {method: getattr(model, method)(X) for method, X in rows[name].items()}
        assert bits(said[name]) == bits(here), name
