"""What fitted neighbour estimators keep, give away, and take over."""

import copy
import pickle

import numpy as np
import pytest
import sklearn.neighbors as parent

import mlfast
import mlfast.neighbors as ours
from mlfast.neighbors._base import NeighborsDropIn

from ..compare import bits, outcome
from .parity import as_csr, cloud

X = cloud(0, 120, 4)
Y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 2)
NEW = cloud(1, 30, 4)
NAMES = (
    "KNeighborsClassifier",
    "KNeighborsRegressor",
    "KNeighborsTransformer",
    "LocalOutlierFactor",
    "NearestNeighbors",
    "RadiusNeighborsClassifier",
    "RadiusNeighborsRegressor",
    "RadiusNeighborsTransformer",
)


def fitted(name, module=ours, data=X, **params):
    if name.startswith("Radius"):
        params.setdefault("radius", 3.0)
    return getattr(module, name)(**params).fit(data, Y)


def search(est, new=NEW):
    return est.radius_neighbors(new) if "Radius" in type(est).__name__ else est.kneighbors(new)


@pytest.mark.parametrize("name", NAMES)
class TestCache:
    def test_is_no_part_of_the_state(self, name):
        est = fitted(name)
        keys = set(vars(est))
        before = pickle.dumps(est)
        search(est)
        assert est._tree is est._tree
        assert pickle.dumps(est) == before
        assert set(vars(est)) == keys, "a search adds no attribute"
        for other in (copy.copy(est), copy.deepcopy(est), pickle.loads(before)):
            assert bits(search(other)) == bits(search(est))

    def test_starts_anew_with_a_fit(self, name):
        est = fitted(name)
        search(est)
        index = est._index()
        est.fit(X[::-1].copy(), Y)
        assert est._index() is not index


@pytest.mark.parametrize("algorithm", ["kd_tree", "ball_tree", "brute"])
@pytest.mark.parametrize("name", NAMES)
class TestConversion:
    def test_to_sklearn(self, name, algorithm):
        plain = mlfast.to_sklearn(fitted(name, algorithm=algorithm))
        assert type(plain) is getattr(parent, name)
        theirs = fitted(name, parent, algorithm=algorithm)
        assert set(vars(plain)) == set(vars(theirs))
        assert type(plain._tree) is type(theirs._tree)
        assert bits(search(plain)) == bits(search(theirs))
        assert b"mlfast" not in pickle.dumps(plain)

    def test_from_sklearn(self, name, algorithm):
        mine = mlfast.from_sklearn(fitted(name, parent, algorithm=algorithm))
        assert isinstance(mine, NeighborsDropIn)
        assert "_tree" not in vars(mine) and "_given_tree" not in vars(mine)
        assert bits(search(mine)) == bits(search(fitted(name, algorithm=algorithm)))


def test_sparse_conversion():
    mine = fitted("NearestNeighbors", data=as_csr(X))
    back = mlfast.from_sklearn(mlfast.to_sklearn(mine))
    assert bits(back.kneighbors(as_csr(NEW))) == bits(mine.kneighbors(as_csr(NEW)))


class TestTree:
    def test_is_the_parents(self):
        for algorithm, params in (("kd_tree", {}), ("ball_tree", {"metric": "canberra"}), ("kd_tree", {"p": 3})):
            pair = [m.NearestNeighbors(algorithm=algorithm, leaf_size=7, **params).fit(X) for m in (ours, parent)]
            mine, theirs = (est._tree for est in pair)
            assert type(mine) is type(theirs)
            assert bits([np.asarray(a) for a in mine.get_arrays()]) == bits(
                [np.asarray(a) for a in theirs.get_arrays()]
            )

    def test_is_not_built_by_a_fit(self, monkeypatch):
        monkeypatch.setattr("sklearn.neighbors._base.KDTree", None, raising=True)
        with pytest.raises(TypeError):
            parent.NearestNeighbors(algorithm="kd_tree").fit(X)

    def test_missing_before_fit(self):
        assert not hasattr(ours.NearestNeighbors(), "_tree")
        assert ours.NearestNeighbors(algorithm="brute").fit(X)._tree is None


class TestGiven:
    """Rows may come inside a tree or another estimator: scikit-learn searches with what it was given."""

    @pytest.mark.fallback
    @pytest.mark.parametrize("tree", [parent.KDTree, parent.BallTree])
    def test_tree(self, tree, caplog):
        caplog.set_level("INFO", "mlfast")
        mine, theirs = (m.NearestNeighbors(n_neighbors=3).fit(tree(X, metric="manhattan")) for m in (ours, parent))
        assert bits(mine.kneighbors(NEW)) == bits(theirs.kneighbors(NEW))
        assert bits(mine.radius_neighbors(NEW, 2.0)) == bits(theirs.radius_neighbors(NEW, 2.0))
        assert "held by a tree or an estimator" in caplog.text

    @pytest.mark.fallback
    @pytest.mark.parametrize("algorithm", ["kd_tree", "brute"])
    def test_estimator(self, algorithm):
        found = []
        for module in (ours, parent):
            inner = module.NearestNeighbors(metric="manhattan", algorithm=algorithm).fit(X)
            outer = module.NearestNeighbors(metric="chebyshev", n_neighbors=3).fit(inner)
            found.append(outer.kneighbors(NEW))
        np.testing.assert_array_equal(found[0][1], found[1][1])
        np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-12)

    @pytest.mark.fallback
    def test_is_forgotten_by_the_next_fit(self):
        est = ours.NearestNeighbors().fit(parent.KDTree(X, metric="manhattan"))
        with mlfast.config_context(fallback="raise"):
            assert bits(est.fit(X).kneighbors(NEW)) == bits(ours.NearestNeighbors().fit(X).kneighbors(NEW))


CORRUPTIONS = {
    "rows are a vector": {"_fit_X": X[0]},
    "rows are words": {"_fit_X": X.astype("U5")},
    "rows are gone": {"_fit_X": None},
    "rows are fewer": {"_fit_X": X[:50]},
    "features are fewer": {"_fit_X": np.ascontiguousarray(X[:, :2])},
    "number of rows": {"n_samples_fit_": 7},
    "method": {"_fit_method": "octree"},
}
OF_LABELS = {
    "labels are fewer": {"_y": Y[:50]},
    "labels are out of range": {"_y": Y + 100},
    "labels are negative": {"_y": Y - 5},
    "labels are no numbers": {"_y": Y.astype(str)},
    "classes are fewer": {"classes_": np.array([0])},
    "classes are gone": {"classes_": None},
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("corruption", [*CORRUPTIONS, *OF_LABELS])
def test_corrupt_state_is_refused(name, corruption):
    change = (CORRUPTIONS | OF_LABELS)[corruption]
    if corruption in OF_LABELS and "Classifier" not in name:
        return
    state = fitted(name).__getstate__() | change
    est = getattr(ours, name).__new__(getattr(ours, name))
    with pytest.raises(ValueError, match="corrupt state"):
        est.__setstate__(state)


def test_corrupt_densities_are_refused():
    state = fitted("LocalOutlierFactor").__getstate__()
    for name in ("_lrd", "negative_outlier_factor_", "_distances_fit_X_"):
        with pytest.raises(ValueError, match="corrupt state"):
            ours.LocalOutlierFactor().__setstate__(state | {name: state[name][:5]})


@pytest.mark.parametrize("name", NAMES)
def test_failed_fit_changes_nothing(name):
    est = fitted(name)
    before = vars(est).copy()
    for bad in (np.full((5, 4), np.nan), X[:0], "text", X[0]):
        assert outcome(est.fit, bad, Y[:5]).error is not None
        assert vars(est) == before
