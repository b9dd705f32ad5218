"""scikit-learn's callbacks on the iterative clusterers: what they hear, and that only a stop changes an answer."""

import pickle
import threading
from operator import itemgetter

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.callback import FitCallback, ProgressBar, ScoringMonitor
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import mlfast
from mlfast.cluster import BisectingKMeans, KMeans, MiniBatchKMeans, _kmeans_base


class Recorder:
    """Keeps the hooks that were called, each with the names of the tasks around it."""

    def __init__(self):
        self.events = []

    def hear(self, hook, context):
        path = []
        while context is not None:
            path.insert(0, (context.task_name, context.task_id))
            context = context.parent
        self.events.append((hook, *path))

    def setup(self, estimator, context):
        self.hear("setup", context)

    def on_fit_task_begin(self, estimator, context):
        self.hear("begin", context)

    def on_fit_task_end(self, estimator, context):
        self.hear("end", context)
        return False

    def teardown(self, estimator, context):
        self.hear("teardown", context)

    def ended(self, name):
        return [event[1:] for event in self.events if event[0] == "end" and event[-1][0] == name]


class Propagated(Recorder):
    """Reaches the estimators within the one that it is set on."""

    max_propagation_depth = None


class Asking(Recorder):
    """Keeps what it was given at the end of every task."""

    def __init__(self):
        super().__init__()
        self.given = []

    def on_fit_task_end(self, estimator, context, *, X, y, metadata, fitted_estimator):
        self.hear("end", context)
        self.given.append((context.task_name, X, y, metadata, fitted_estimator))

    def estimators(self, name):
        return [given[-1] for given in self.given if given[0] == name]


class Acting(Recorder):
    """Does something at the end of every task of a name, and returns what comes of it."""

    def __init__(self, name, act):
        super().__init__()
        self.name, self.act = name, act

    def on_fit_task_end(self, estimator, context):
        super().on_fit_task_end(estimator, context)
        return self.act(context.task_id) if context.task_name == self.name else False


MODELS = [
    KMeans(n_clusters=7, random_state=3),
    KMeans(n_clusters=7, n_init=3, init="random", random_state=3, algorithm="elkan"),
    MiniBatchKMeans(n_clusters=7, random_state=3, batch_size=200, n_init=2),
    BisectingKMeans(n_clusters=6, random_state=3, n_init=2),
]


def ids(models):
    return [f"{type(model).__name__}-{position}" for position, model in enumerate(models)]


def assert_same_fit(ours, other, ignored=()):
    """Every fitted attribute is the same, bit for bit."""
    for name, value in vars(other).items():
        if name.endswith("_") and not name.endswith("__") and name not in ignored:
            np.testing.assert_array_equal(getattr(ours, name), value, err_msg=name)
    np.testing.assert_array_equal(ours.cluster_centers_, other.cluster_centers_)


def test_the_recorders_are_callbacks():
    assert isinstance(Recorder(), FitCallback)
    with pytest.raises(TypeError, match="FitCallback protocol"):
        KMeans().set_callbacks(Recorder)


def test_iterations_are_the_tasks_of_one_run(iris):
    heard = Recorder()
    model = KMeans(n_clusters=3, random_state=0, n_init=1).set_callbacks(heard).fit(iris)
    fit = ("fit", 0)
    turns = [(hook, fit, ("iteration", turn)) for turn in range(model.n_iter_) for hook in ("begin", "end")]
    assert heard.events == [("setup", fit), ("begin", fit), *turns, ("end", fit), ("teardown", fit)]
    assert model.n_iter_ > 2


def test_iterations_are_nested_in_runs(iris):
    heard = Recorder()
    model = KMeans(n_clusters=3, random_state=0, n_init=4).set_callbacks(heard).fit(iris)
    assert heard.ended("init") == [(("fit", 0), ("init", run)) for run in range(4)]
    iterations = heard.ended("iteration")
    assert {path[1] for path in iterations} == {("init", run) for run in range(4)}
    assert model.n_iter_ in [len([path for path in iterations if path[1] == ("init", run)]) for run in range(4)]


def test_tasks_of_mini_batches_and_of_bisections(iris):
    heard = Recorder()
    model = MiniBatchKMeans(n_clusters=3, random_state=0, batch_size=50).set_callbacks(heard).fit(iris)
    assert heard.ended("step") == [(("fit", 0), ("step", step)) for step in range(model.n_steps_)]
    heard = Recorder()
    BisectingKMeans(n_clusters=4, random_state=0, n_init=2).set_callbacks(heard).fit(iris)
    assert heard.ended("split") == [(("fit", 0), ("split", split)) for split in range(3)]
    assert {path[1:3] for path in heard.ended("iteration")} == {
        (("split", split), ("init", run)) for split in range(3) for run in range(2)
    }


@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("is_sparse", [False, True])
@pytest.mark.parametrize("model", MODELS, ids=ids(MODELS))
def test_callbacks_change_no_bit(model, is_sparse, n_threads, digits, threads):
    threads(n_threads)
    X = sp.csr_matrix(digits) if is_sparse else digits
    weight = np.arange(len(digits)) % 3 + 0.5
    asking = Asking()
    watched = clone(model).set_callbacks(asking).fit(X, sample_weight=weight)
    assert_same_fit(watched, clone(model).fit(X, sample_weight=weight))
    assert len(asking.given) > 5


@pytest.mark.parametrize("is_sparse", [False, True])
def test_the_estimator_in_between_is_the_one_of_a_shorter_fit(is_sparse, photo):
    X = sp.csr_matrix(photo[:900]) if is_sparse else photo[:900]
    weight = np.arange(900) % 3 + 0.5
    cases = [
        (KMeans(n_clusters=5, random_state=1, tol=0, n_init=1), "iteration", "max_iter", 1),
        (MiniBatchKMeans(n_clusters=5, random_state=1, batch_size=900, max_iter=4), "step", "max_iter", 1),
        (BisectingKMeans(n_clusters=5, random_state=1), "split", "n_clusters", 2),
    ]
    for model, task, param, first in cases:
        asking = Asking()
        clone(model).set_callbacks(asking).fit(X, sample_weight=weight)
        in_between = asking.estimators(task)
        assert len(in_between) > 2
        for position, estimator in enumerate(in_between[:4]):
            shorter = clone(model).set_params(**{param: first + position}).fit(X, sample_weight=weight)
            assert_same_fit(estimator, shorter, ignored=("inertia_",))
            np.testing.assert_allclose(estimator.inertia_, shorter.inertia_, rtol=1e-10)
            np.testing.assert_array_equal(estimator.predict(X), shorter.predict(X))


def test_callbacks_get_what_fit_was_given(iris):
    y, weight = np.arange(150) % 3, np.ones(150)
    asking = Asking()
    model = KMeans(n_clusters=3, random_state=0).set_callbacks(asking).fit(iris, y, sample_weight=weight)
    assert all(given[1] is iris and given[2] is y for given in asking.given)
    assert all(given[3]["sample_weight"] is weight for given in asking.given)
    assert asking.given[-1][0] == "fit"
    assert_same_fit(asking.given[-1][-1], model)


@pytest.mark.parametrize("n_init", [1, 3])
def test_a_stopped_iteration_ends_its_run(n_init, digits):
    stop = Acting("iteration", lambda iteration: iteration == 2)
    model = KMeans(n_clusters=10, random_state=0, n_init=n_init)
    stopped = clone(model).set_callbacks(stop).fit(digits)
    assert stopped.n_iter_ == 3
    assert len(stop.ended("iteration")) == 3 * n_init
    assert_same_fit(stopped, clone(model).set_params(max_iter=3).fit(digits))
    np.testing.assert_array_equal(stopped.labels_, stopped.predict(digits))


def test_a_stop_ends_the_loop_of_its_task(digits):
    cases = [
        (KMeans(n_clusters=8, n_init=5), "init", {"n_init": 2}),
        (MiniBatchKMeans(n_clusters=8, batch_size=len(digits)), "step", {"max_iter": 2}),
        (BisectingKMeans(n_clusters=8), "split", {"n_clusters": 3}),
    ]
    for model, task, shorter in cases:
        model.set_params(random_state=0)
        stopped = clone(model).set_callbacks(Acting(task, lambda turn: turn == 1)).fit(digits)
        assert_same_fit(stopped, clone(model).set_params(**shorter).fit(digits))
        np.testing.assert_array_equal(stopped.labels_, stopped.predict(digits))
        assert stopped.transform(digits[:5]).shape == (5, len(stopped.cluster_centers_))


def test_a_loop_of_one_turn_each(iris):
    model = KMeans(n_clusters=3, n_init=5, random_state=0).set_callbacks(Acting("iteration", lambda _: True))
    assert model.fit(iris).n_iter_ == 1
    assert len(model._skl_callbacks[0].ended("init")) == 5


@pytest.mark.parametrize("error", [ZeroDivisionError("mine"), KeyboardInterrupt("mine")], ids=["error", "interrupt"])
@pytest.mark.parametrize("model", MODELS, ids=ids(MODELS))
def test_an_error_of_a_callback_leaves_the_estimator_as_it_was(model, error, digits):
    def fail(turn):
        raise error

    random = np.random.RandomState(5)
    model = clone(model).fit(digits[:, :20]).set_params(random_state=random)
    task = {"MiniBatchKMeans": "step"}.get(type(model).__name__, "iteration")
    failing = Acting(task, fail)
    model.set_callbacks(failing)
    before, draws = model.__dict__.copy(), random.get_state()[1].copy()
    with pytest.raises(type(error)) as caught:
        model.fit(digits)
    assert caught.value is error
    assert failing.events[-1][0] == "teardown"
    assert model.__dict__ == before
    np.testing.assert_array_equal(random.get_state()[1], draws)
    model.set_callbacks().fit(digits)


def test_a_fit_on_other_features_can_be_asked_for_estimators(iris):
    for model in MODELS:
        asking = Asking()
        model = clone(model).set_params(n_clusters=3).fit(iris[:, :2]).set_callbacks(asking).fit(iris)
        assert asking.given[-1][-1].n_features_in_ == model.n_features_in_ == 4


def test_callbacks_run_on_the_thread_of_the_fit(digits, threads):
    threads(3)
    where = set()
    callback = Acting("iteration", lambda _: where.add((threading.get_ident(), mlfast.get_config()["fallback"])))
    KMeans(n_clusters=10, random_state=0).set_callbacks(callback).fit(digits)
    assert where == {(threading.get_ident(), "raise")}


def test_a_callback_may_fit_and_predict(digits, threads):
    threads(2)

    def fit_within(depth):
        inner = KMeans(n_clusters=5, random_state=depth, max_iter=3)
        if depth:
            inner.set_callbacks(Acting("iteration", lambda _: fit_within(depth - 1)))
        return len(inner.fit(digits).predict(digits)) == 0

    callback = Acting("iteration", lambda _: fit_within(2))
    model = KMeans(n_clusters=10, random_state=0, max_iter=2).set_callbacks(callback).fit(digits)
    assert model.n_iter_ == 2


def test_progress_bar_prints(iris, capsys):
    KMeans(n_clusters=3, random_state=0, n_init=2).set_callbacks(ProgressBar()).fit(iris)
    printed = capsys.readouterr().out
    for line in ("KMeans - fit", "KMeans - init #0", "KMeans - init #1", "100%"):
        assert line in printed


def test_scoring_monitor_logs(iris):
    y, weight = np.repeat([0, 1, 2], 50), np.arange(150) + 1.0
    by_labels = ScoringMonitor(scoring="adjusted_rand_score")
    own = ScoringMonitor(
        scoring=lambda estimator, *given, sample_weight: {"score": estimator.score(*given, sample_weight)}
    )
    model = KMeans(n_clusters=3, random_state=0, n_init=1).set_callbacks(by_labels).fit(iris, y)
    rows = by_labels.get_logs().data
    assert [row["task_name"] for row in rows] == ["fit"] + ["iteration"] * model.n_iter_
    assert rows[0]["adjusted_rand_score"] == rows[-1]["adjusted_rand_score"] == adjusted_rand_score(y, model.labels_)

    model.set_callbacks(own).fit(iris, y, sample_weight=weight)
    scores = [row["score"] for row in own.get_logs().data[1:]]
    assert scores == sorted(scores)  # every iteration is an improvement
    np.testing.assert_allclose(scores[-1], -model.inertia_, rtol=1e-12)


def test_callbacks_reach_through_pipelines_and_searches(iris):
    heard = Propagated()
    steps = make_pipeline(StandardScaler(), KMeans(random_state=0, n_init=1))
    search = GridSearchCV(steps, {"kmeans__n_clusters": [2, 3]}, cv=2).set_callbacks(heard).fit(iris)
    paths = heard.ended("iteration")
    fits = {path[:-1] for path in paths}
    assert len(fits) == 2 * 2 + 1  # candidates times folds, and the best one again
    assert all(path[0] == ("fit", 0) and len(path) > 3 for path in paths)
    best = search.best_estimator_[-1]
    assert len([path for path in paths if len(path) == min(map(len, paths))]) >= best.n_iter_
    assert not hasattr(best, "_skl_callbacks") and not hasattr(best, "_parent_callback_ctx")

    heard = Propagated()
    distances = make_pipeline(KMeans(n_clusters=3, random_state=0), StandardScaler()).set_callbacks(heard)
    distances.fit_transform(iris)
    assert len(heard.ended("iteration")) == distances[0].n_iter_


def test_callbacks_survive_clones_pickles_and_reprs(iris):
    heard = Recorder()
    model = KMeans(n_clusters=3, random_state=0).set_callbacks(heard).fit(iris)
    assert clone(model)._skl_callbacks == [heard]
    loaded = pickle.loads(pickle.dumps(model))
    assert loaded._skl_callbacks[0].events == heard.events
    assert_same_fit(loaded, model)
    assert repr(model) == repr(clone(model)) == "KMeans(n_clusters=3, random_state=0)"
    assert "KMeans" in model._repr_html_()
    assert not hasattr(mlfast.to_sklearn(model), "_skl_callbacks")
    assert not hasattr(model.set_callbacks(), "_skl_callbacks")


@pytest.mark.fallback
def test_a_fit_in_scikit_learn_is_one_task(iris):
    for model in MODELS:
        heard = Recorder()
        odd = np.random.RandomState(np.random.PCG64(0))
        model = clone(model).set_params(n_clusters=3, random_state=odd).set_callbacks(heard)
        with mlfast.profile() as calls:
            model.fit(iris)
        assert [call.engine for call in calls.records if call.method == "fit"] == ["sklearn"]
        assert list(map(itemgetter(0), heard.events)) == ["setup", "begin", "end", "teardown"]


def test_data_that_rust_refuses_in_the_middle_of_a_task(iris):
    weight = np.zeros(150)
    weight[:2] = 1
    heard = Recorder()
    model = KMeans(n_clusters=3, n_init=2, init="random", random_state=0).set_callbacks(heard)
    with pytest.raises(ValueError, match="Fewer non-zero entries in p than size"):
        model.fit(iris, sample_weight=weight)
    assert list(map(itemgetter(0), heard.events)) == ["setup", "begin", "begin", "teardown"]


def test_nobody_watches_without_callbacks(iris, monkeypatch):
    monkeypatch.setattr(_kmeans_base, "Watch", None)
    for model in MODELS:
        clone(model).set_params(n_clusters=3).fit(iris)
        clone(model).set_params(n_clusters=3).set_callbacks().fit(iris)
