"""Input that is refused, as the parent refuses it, and calls that are left to the parent."""

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn.neighbors as parent
from sklearn.metrics import DistanceMetric

import mlfast
import mlfast.neighbors as ours

from ..compare import assert_same_complaint, bits, outcome
from .parity import as_csr
from .test_state import NAMES, NEW, X, Y

BAD_ROWS = {
    "no rows": X[:0],
    "no columns": X[:, :0],
    "vector": X[0],
    "three dimensions": X[None],
    "NaN": np.where(X.max() == X, np.nan, X),
    "infinite": np.where(X.max() == X, np.inf, X),
    "numbers as text": X.astype(str).tolist(),
    "words": [["a", "b"]] * 120,
    "complex": X + 1j,
    "ragged": [[1.0], [1.0, 2.0]] * 60,
    "none": None,
    "sparse NaN": sp.csr_array(np.where(X.max() == X, np.nan, X)),
    "coo": sp.coo_array(X),
}
BAD_PARAMS = (
    {"algorithm": "octree"},
    {"leaf_size": 0},
    {"leaf_size": "30"},
    {"p": 0},
    {"p": -1},
    {"p": "2"},
    {"p": None},
    {"p": np.nan},
    {"p": 0.5, "algorithm": "kd_tree"},
    {"p": 0.5, "algorithm": "ball_tree"},
    {"metric": "unheard"},
    {"metric": "cosine", "algorithm": "kd_tree"},
    {"metric": "infinity", "algorithm": "brute"},
    {"metric": "hamming", "algorithm": "kd_tree"},
    {"metric": "sqeuclidean", "algorithm": "ball_tree"},
    {"metric": 3},
    {"metric_params": "p"},
    {"metric_params": {"p": 0.5}, "algorithm": "kd_tree"},
    {"n_jobs": 1.5},
    {"n_jobs": "all"},
    {"weights": "heavy"},
    {"n_neighbors": 0},
    {"n_neighbors": 2.5},
    {"n_neighbors": "5"},
    {"radius": -1},
    {"radius": "1"},
    {"novelty": "yes"},
    {"contamination": 0.7},
    {"mode": "weights"},
)


def pair(name, **params):
    return [getattr(module, name)(**params) for module in (ours, parent)]


def searches(name):
    return "radius_neighbors" if name.startswith("Radius") else "kneighbors"


@pytest.mark.parametrize("bad", BAD_ROWS)
@pytest.mark.parametrize("name", NAMES)
class TestRows:
    def test_fit(self, name, bad):
        assert_same_complaint(*(outcome(est.fit, BAD_ROWS[bad], Y) for est in pair(name)))

    def test_search(self, name, bad):
        for algorithm in ("auto", "brute"):
            done = [
                outcome(getattr(est.fit(X, Y), searches(name)), BAD_ROWS[bad])
                for est in pair(name, algorithm=algorithm)
            ]
            if bad in ("coo", "sparse NaN") and algorithm == "brute":
                continue  # the parent may search dense rows for sparse ones
            assert_same_complaint(*done)

    def test_predict(self, name, bad):
        ests = [est.fit(X, Y) for est in pair(name)]
        if hasattr(ests[1], "predict") and "sparse" not in bad and bad not in ("coo", "none"):
            assert_same_complaint(*(outcome(est.predict, BAD_ROWS[bad]) for est in ests))


@pytest.mark.parametrize("bad", BAD_PARAMS, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_parameters(name, bad):
    if not set(bad) <= set(getattr(parent, name)().get_params()):
        return
    done = [outcome(est.fit, X, Y) for est in pair(name, **bad)]
    if done[1].error is None:
        done = [outcome(getattr(est, searches(name)), NEW) for est in (done[0].value, done[1].value)]
    assert_same_complaint(*done)


@pytest.mark.parametrize("y", [None, Y[:5], np.full(120, np.nan), [[1, 2], [3]] * 60, Y + 0.5, np.zeros((120, 2, 2))])
@pytest.mark.parametrize("name", ["KNeighborsClassifier", "KNeighborsRegressor", "RadiusNeighborsClassifier"])
def test_targets(name, y):
    assert_same_complaint(*(outcome(est.fit, X, y) for est in pair(name)))


@pytest.mark.parametrize("algorithm", ["auto", "brute", "kd_tree"])
class TestSearches:
    @pytest.mark.parametrize("n_neighbors", [0, -1, 121, 2.5, 3.0, "3"])
    @pytest.mark.parametrize("query", [None, NEW], ids=["rows", "new"])
    def test_n_neighbors(self, query, n_neighbors, algorithm):
        ests = [est.fit(X) for est in pair("NearestNeighbors", algorithm=algorithm)]
        done = [outcome(est.kneighbors, query, n_neighbors) for est in ests]
        assert_same_complaint(*done)
        done = [outcome(est.kneighbors_graph, query, n_neighbors) for est in ests]
        assert_same_complaint(*done)

    def test_as_many_as_rows(self, algorithm):
        for name in ("NearestNeighbors", "KNeighborsClassifier", "KNeighborsRegressor"):
            for k in (120, 121, 500):
                ests = [est.fit(X, Y) for est in pair(name, n_neighbors=k, algorithm=algorithm)]
                for query in (None, NEW):
                    assert_same_complaint(*(outcome(est.kneighbors, query) for est in ests))
                    if name != "NearestNeighbors":
                        assert_same_complaint(*(outcome(est.predict, query) for est in ests))

    def test_sorting_needs_distances(self, algorithm):
        ests = [est.fit(X) for est in pair("NearestNeighbors", algorithm=algorithm)]
        arguments = {"return_distance": False, "sort_results": True}
        assert_same_complaint(*(outcome(est.radius_neighbors, NEW, 1.0, **arguments) for est in ests))

    def test_n_jobs_zero(self, algorithm):
        ests = [est.fit(X) for est in pair("NearestNeighbors", algorithm=algorithm, n_jobs=0)]
        assert_same_complaint(*(outcome(est.kneighbors, NEW) for est in ests))

    def test_other_number_of_features(self, algorithm):
        for name in NAMES:
            ests = [est.fit(X, Y) for est in pair(name, algorithm=algorithm)]
            assert_same_complaint(*(outcome(getattr(est, searches(name)), NEW[:, :3]) for est in ests))

    def test_sparse_queries_of_a_tree(self, algorithm):
        if algorithm == "brute":
            return
        ests = [est.fit(X) for est in pair("NearestNeighbors", algorithm=algorithm)]
        assert_same_complaint(*(outcome(est.kneighbors, as_csr(NEW)) for est in ests))


def test_not_fitted():
    for name in NAMES:
        ests = pair(name)
        methods = ["predict", "predict_proba", "transform", searches(name), searches(name) + "_graph"]
        for method in methods:
            if hasattr(ests[1], method):
                assert_same_complaint(*(outcome(getattr(est, method), X) for est in ests))


@pytest.mark.parametrize("algorithm", ["auto", "kd_tree", "ball_tree", "brute"])
@pytest.mark.parametrize("metric", ["euclidean", "chebyshev", "hamming", "cosine"])
def test_sparse_rows(metric, algorithm):
    """Warned of with a tree, refused with a metric that has no sparse form."""
    assert_same_complaint(
        *(outcome(est.fit, as_csr(X)) for est in pair("NearestNeighbors", metric=metric, algorithm=algorithm))
    )


def test_warnings_of_parameters():
    for params in ({"p": 0.5}, {"p": 0.5, "algorithm": "brute"}, {"metric_params": {"p": 3}}):
        ests = pair("NearestNeighbors", **params)
        done = [outcome(est.fit, X) for est in ests]
        assert done[1].warned
        assert_same_complaint(*done)
        mine, theirs = (est.kneighbors(NEW) for est in ests)
        np.testing.assert_array_equal(mine[1], theirs[1])
        np.testing.assert_allclose(mine[0], theirs[0], rtol=1e-9)


def distance(a, b):
    return abs(a[0] - b[0])


SQUARE = np.abs(X @ X.T)
LEFT_TO_PARENT = {
    "function": ({"metric": distance}, X, "metric is distance, a function"),
    "haversine": ({"metric": "haversine"}, X[:, :2] / 10, "metric='haversine' is not covered"),
    "seuclidean": (
        {"metric": "seuclidean", "metric_params": {"V": np.ones(4)}},
        X,
        "'seuclidean' is not covered",
    ),
    "precomputed": ({"metric": "precomputed"}, SQUARE, "precomputed"),
    "weighted": ({"metric_params": {"w": np.arange(1.0, 5.0)}}, X, "metric='minkowski' with w is not covered"),
}


@pytest.mark.parametrize("case", LEFT_TO_PARENT)
@pytest.mark.parametrize("name", NAMES)
class TestLeftToParent:
    @pytest.mark.fallback
    def test_same_answer(self, case, name, caplog):
        params, data, reason = LEFT_TO_PARENT[case]
        caplog.set_level("INFO", "mlfast")
        results = [
            bits(outcome(lambda est=est: getattr(est.fit(data, Y), searches(name))(data[:9])).value)
            for est in pair(name, **params)
        ]
        assert results[0] == results[1]
        assert reason in caplog.text

    def test_is_refused_under_raise(self, case, name):
        params, data, reason = LEFT_TO_PARENT[case]
        with pytest.raises(mlfast.FallbackError, match=reason):
            pair(name, **params)[0].fit(data, Y)


@pytest.mark.fallback
def test_metric_objects():
    metric = DistanceMetric.get_metric("manhattan")
    mine, theirs = (est.fit(X, Y).predict(NEW) for est in pair("KNeighborsRegressor", metric=metric))
    assert bits(mine) == bits(theirs)


@pytest.mark.fallback
@pytest.mark.parametrize(
    "bad", [SQUARE[:, :50], -SQUARE, SQUARE[:0], as_csr(X)], ids=["oblong", "negative", "empty", "csr"]
)
def test_bad_distances(bad):
    for name in NAMES:
        assert_same_complaint(*(outcome(est.fit, bad, Y) for est in pair(name, metric="precomputed")))


@pytest.mark.fallback
@pytest.mark.parametrize("radius", [-1, np.nan, "1", np.linspace(1, 3, 30)], ids=str)
@pytest.mark.parametrize("algorithm", ["kd_tree", "brute"])
def test_odd_radius(algorithm, radius):
    done = [outcome(est.fit(X).radius_neighbors, NEW, radius) for est in pair("NearestNeighbors", algorithm=algorithm)]
    assert_same_complaint(*done)
    assert bits(done[0].value) == bits(done[1].value)


def test_small_rows_of_many_types():
    """Whatever becomes numbers is searched in float64."""
    for data in (
        X.tolist(),
        X.astype(np.float16),
        (10 * X).astype(np.int32),
        X > 0,
        X.astype(object),
        X[::-1],
        np.asfortranarray(X),
    ):
        mine, theirs = (est.fit(data) for est in pair("NearestNeighbors", n_neighbors=3))
        a, b = (est.kneighbors(data) for est in (mine, theirs))
        np.testing.assert_allclose(a[0], b[0], rtol=1e-7, atol=1e-7)
        assert (a[0].dtype, a[1].dtype) == (b[0].dtype, b[1].dtype)
