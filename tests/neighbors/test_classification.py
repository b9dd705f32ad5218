"""Votes: KNeighborsClassifier and RadiusNeighborsClassifier against their parents."""

import numpy as np
import pytest
import sklearn.neighbors as parent
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits, load_iris

import mlfast
import mlfast.neighbors as ours
from mlfast._core import neighbors as core

from ..compare import assert_same_complaint, bits, outcome
from .parity import METRICS, as_csr, assert_same_answer, cloud, fit_both, labelled

X, Y = labelled(250)
NEW = cloud(7, 60, 4)
WEIGHTS = ("uniform", "distance", None)
LABELS = {
    "int": Y,
    "negative": 5 - 10 * Y,
    "str": np.array(["low", "medium", "h"])[Y],
    "object": np.array(["low", "medium", "h"], dtype=object)[Y],
    "bool": Y > 0,
    "float": Y + 0.0,
    "one class": np.zeros_like(Y),
    "column": Y[:, None],
    "two outputs": np.column_stack([Y, Y % 2 + 7]),
    "string outputs": np.array(["a", "bcd"])[np.column_stack([Y == 1, Y == 2]).astype(int)],
    "multilabel": np.column_stack([Y == 0, Y == 1, Y == 2]).astype(int),
}


def both(name, data, target, **params):
    return fit_both(getattr(ours, name)(**params), getattr(parent, name)(**params), data, target)


def assert_same_votes(mine, parents, new, rtol=1e-9):
    for method in ("predict", "predict_proba"):
        assert_same_answer(getattr(mine, method), getattr(parents, method), new, rtol=rtol)


def tolerance(algorithm, weights):
    """The parent's brute force takes a row for some 1e-8 away from itself, and so does not give it all the weight."""
    return 1e-6 if algorithm == "brute" and weights == "distance" else 1e-9


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("algorithm", ["auto", "brute"])
class TestLabels:
    def test_k(self, algorithm, labels, weights):
        mine, parents = both("KNeighborsClassifier", X, LABELS[labels], weights=weights, algorithm=algorithm)
        for new in (NEW, X, None):
            assert_same_votes(mine, parents, new, rtol=tolerance(algorithm, weights))
            y = LABELS[labels]
            if new is not NEW and labels not in ("two outputs", "string outputs"):
                assert mine.score(new, y) == parents.score(new, y)

    def test_radius(self, algorithm, labels, weights):
        params = {"radius": 4.0, "weights": weights, "algorithm": algorithm}
        mine, parents = both("RadiusNeighborsClassifier", X, LABELS[labels], **params)
        new = NEW[np.linalg.norm(NEW, axis=1) < 5]
        for query in (new, X):
            assert_same_votes(mine, parents, query, rtol=tolerance(algorithm, weights))
        assert_same_complaint(outcome(mine.predict, None), outcome(parents.predict, None))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", [name for name in METRICS if name not in ("nan_euclidean", "p 3")])
def test_metrics(name, dtype):
    rows, new = (np.abs(A).astype(dtype) for A in (X, NEW))
    if name == "hamming":
        rows, new = np.round(rows), np.round(new)
    rtol = 1e-9 if dtype == np.float64 else 1e-3
    for weights in ("uniform", "distance"):
        mine, parents = both("KNeighborsClassifier", rows, Y, weights=weights, **METRICS[name])
        if name == "hamming":  # nothing but equally near rows
            assert_follows_the_rule(mine, new)
        else:
            assert_same_votes(mine, parents, new, rtol)


def assert_follows_the_rule(est, new):
    """The votes are those of the neighbours that `kneighbors` names."""
    distances, indices = est.kneighbors(new)
    votes = np.zeros((len(new), len(est.classes_)))
    weights = np.ones_like(distances)
    if est.weights == "distance":
        with np.errstate(divide="ignore"):
            weights = np.where((distances == 0).any(axis=1, keepdims=True), distances == 0, 1 / distances)
    for column in range(indices.shape[1]):
        np.add.at(votes, (np.arange(len(new)), est._y[indices[:, column]]), weights[:, column])
    np.testing.assert_allclose(est.predict_proba(new), votes / votes.sum(axis=1, keepdims=True), rtol=1e-12)
    if est.weights == "uniform":
        np.testing.assert_array_equal(est.predict(new), est.classes_[votes.argmax(axis=1)])


@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("load", [load_digits, load_iris])
def test_real_data(load, weights):
    """Measured values repeat, and of equally near rows scikit-learn takes any; elsewhere the answers are equal."""
    data, target = load(return_X_y=True)
    rows, labels, new = data[::2], target[::2], data[1::2]
    mine, parents = both("KNeighborsClassifier", rows, labels, n_neighbors=5, weights=weights)
    assert_follows_the_rule(mine, new)
    found = [np.sort(est.kneighbors(new, return_distance=False), axis=1) for est in (mine, parents)]
    same = (found[0] == found[1]).all(axis=1)
    assert same.mean() > 0.75
    assert_same_votes(mine, parents, new[same])


@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_sparse(weights):
    for name, params in (("KNeighborsClassifier", {}), ("RadiusNeighborsClassifier", {"radius": 40.0})):
        mine, parents = both(name, as_csr(X), Y, weights=weights, **params)
        assert_same_votes(mine, parents, as_csr(NEW), rtol=1e-7)


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("KNeighborsClassifier", {"weights": "distance", "n_neighbors": 4}),
        ("RadiusNeighborsClassifier", {"weights": "distance", "radius": 3.0}),
        ("RadiusNeighborsClassifier", {"weights": "uniform", "radius": 3.0}),
    ],
)
def test_rows_that_are_met(name, params):
    """A neighbour at distance 0 has all the weight, together with those that are there too."""
    rows = np.vstack([X, X[:30]])
    labels = np.concatenate([Y, (Y[:30] + 1) % 3])
    mine, parents = both(name, rows, labels, algorithm="kd_tree", **params)
    assert_same_votes(mine, parents, X)


def closeness(distances):
    return np.exp(-np.asarray(distances, dtype=float))


def each_closeness(lists):
    return np.array([closeness(distances) for distances in lists] + [None], dtype=object)[:-1]


def test_weights_by_function():
    mine, parents = both("KNeighborsClassifier", X, Y, weights=closeness)
    for new in (NEW, None):
        assert_same_votes(mine, parents, new)
    mine, parents = both("RadiusNeighborsClassifier", X, Y, weights=each_closeness, radius=5.0)
    assert_same_votes(mine, parents, X)
    nothing = both("KNeighborsClassifier", X, Y, weights=np.zeros_like)
    assert_same_complaint(*(outcome(est.predict, NEW) for est in nothing))


@pytest.mark.parametrize("metric", ["minkowski", "manhattan"])
@pytest.mark.parametrize("algorithm", ["kd_tree", "brute"])
@pytest.mark.parametrize("weights", ["uniform", "distance"])
class TestOutliers:
    FAR = np.vstack([np.zeros((2, 4)), np.full((3, 4), 100.0)])

    @pytest.mark.parametrize("label", [None, "most_frequent", 0, 2, 9, [1]])
    def test_one_output(self, label, weights, algorithm, metric):
        for y in (Y, 3 - Y):
            params = {"weights": weights, "algorithm": algorithm, "metric": metric, "radius": 4.0}
            mine, parents = both("RadiusNeighborsClassifier", X, y, outlier_label=label, **params)
            for method in ("predict", "predict_proba"):
                done = [outcome(getattr(est, method), self.FAR) for est in (mine, parents)]
                assert_same_complaint(*done)
                if label is not None:
                    assert_same_answer(getattr(mine, method), getattr(parents, method), self.FAR)

    @pytest.mark.parametrize("label", [None, "most_frequent", "a", "unheard"])
    def test_strings(self, label, weights, algorithm, metric):
        y = np.array(["a", "much longer", "b"])[Y]
        params = {"weights": weights, "algorithm": algorithm, "metric": metric, "radius": 4.0}
        mine, parents = both("RadiusNeighborsClassifier", X, y, outlier_label=label, **params)
        for method in ("predict", "predict_proba"):
            assert_same_complaint(*(outcome(getattr(est, method), self.FAR) for est in (mine, parents)))

    @pytest.mark.parametrize("label", ["most_frequent", [1, 8], [1, 70], 1])
    def test_two_outputs(self, label, weights, algorithm, metric):
        params = {"weights": weights, "algorithm": algorithm, "metric": metric, "radius": 4.0}
        mine, parents = both("RadiusNeighborsClassifier", X, LABELS["two outputs"], outlier_label=label, **params)
        assert_same_votes(mine, parents, self.FAR)


@pytest.mark.parametrize("label", [[1, 2], "text", 1.5, [[1]]], ids=str)
def test_refused_outlier_labels(label):
    asked = [outcome(m.RadiusNeighborsClassifier(outlier_label=label).fit, X, Y) for m in (ours, parent)]
    assert asked[1].error is not None
    assert_same_complaint(*asked)


class TestFewRows:
    """The way past all checks gives what the long way gives, and is left where there is something to check."""

    @pytest.mark.parametrize("labels", LABELS)
    @pytest.mark.parametrize("weights", WEIGHTS)
    def test_same_answer(self, labels, weights):
        y = LABELS[labels]
        est = ours.KNeighborsClassifier(weights=weights).fit(X, y.ravel() if labels == "column" else y)
        whole = est.predict(NEW)
        for n in (1, 2, 33):
            assert bits(est.predict(NEW[:n])) == bits(whole[:n])
            assert bits(est.predict(NEW[:n].astype(np.float32))) == bits(
                est.predict(NEW[:n].astype(np.float32).tolist())
            )

    def test_is_taken(self, monkeypatch):
        est = ours.KNeighborsClassifier().fit(X, Y)
        est.predict(NEW)
        monkeypatch.setattr(est, "_classified", None)
        est.predict(NEW[:1])

    def test_changed_parameters_count(self):
        est = ours.KNeighborsClassifier(n_neighbors=1).fit(X, Y)
        est.predict(X)
        for change in ({"n_neighbors": 60}, {"weights": "distance"}, {"weights": closeness}):
            est.set_params(**change)
            wanted = ours.KNeighborsClassifier(**est.get_params()).fit(X, Y).predict(NEW)
            np.testing.assert_array_equal(est.predict(NEW[:20]), wanted[:20])

    @pytest.mark.parametrize(
        "bad",
        [X[:2, :3], X[0], np.full((1, 4), np.nan), np.full((1, 4), np.inf), X[:0], X[:1] * 1j, "text"],
        ids=range(7),
    )
    def test_bad_rows(self, bad):
        mine, parents = both("KNeighborsClassifier", X, Y)
        mine.predict(X)
        assert_same_complaint(outcome(mine.predict, bad), outcome(parents.predict, bad))

    def test_feature_names_are_looked_at(self):
        pandas = pytest.importorskip("pandas")
        frame = pandas.DataFrame(X, columns=list("abcd"))
        mine, parents = both("KNeighborsClassifier", frame, Y)
        for new in (NEW[:1], frame[:1]):
            done = [outcome(est.predict, new) for est in (mine, parents)]
            assert_same_complaint(*done)

    def test_profile_sees_it(self):
        est = ours.KNeighborsClassifier().fit(X, Y)
        est.predict(NEW)
        with mlfast.profile() as calls:
            est.predict(NEW[:1])
        assert [(call.method, call.engine) for call in calls.records] == [("predict", "rust")]


@pytest.mark.fallback
def test_metric_params_are_left_to_the_parent(caplog):
    """Its brute-force vote overwrites the given exponent: whatever it answers is the answer."""
    caplog.set_level("INFO", "mlfast")
    for algorithm in ("brute", "kd_tree"):
        params = {"metric_params": {"p": 3}, "p": None, "algorithm": algorithm}
        mine, parents = (m.KNeighborsClassifier(**params).fit(X, Y) for m in (ours, parent))
        assert_same_complaint(outcome(mine.predict, NEW), outcome(parents.predict, NEW))
    assert "metric_params is given" in caplog.text


def test_threads_do_not_matter(threads):
    rows, labels = labelled(1500, 6)
    results = []
    for count in (1, 2, 3):
        threads(count)
        k = ours.KNeighborsClassifier(15, weights="distance").fit(rows, labels)
        radius = ours.RadiusNeighborsClassifier(3.0, outlier_label=0, weights="distance").fit(rows, labels)
        results.append(bits([k.predict(rows), k.predict_proba(rows), radius.predict_proba(rows[:500])]))
    assert results[0] == results[1] == results[2]


@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(3, 80),
    d=st.integers(2, 18),
    n_classes=st.integers(1, 6),
    weights=st.sampled_from(WEIGHTS),
    algorithm=st.sampled_from(["auto", "brute", "kd_tree", "ball_tree"]),
    data=st.data(),
)
def test_any_vote(seed, n, d, n_classes, weights, algorithm, data):
    rows, new = cloud(seed, n, d), cloud(seed + 1, 12, d)
    labels = np.random.RandomState(seed).randint(0, n_classes, size=n)
    params = {"n_neighbors": data.draw(st.integers(1, n - 1)), "weights": weights, "algorithm": algorithm}
    mine, parents = both("KNeighborsClassifier", rows, labels, **params)
    for query in (new, None):
        assert_same_votes(mine, parents, query)


def test_the_core_is_handed_what_it_needs():
    """One call into Rust for a prediction, none back."""
    est = ours.KNeighborsClassifier().fit(X, Y)
    assert isinstance(est._index(), core.Index)
    assert est._index() is est._index()
