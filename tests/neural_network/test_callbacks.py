"""scikit-learn's callbacks on networks: what they hear, and that only a stop changes an answer."""

import pickle
import threading
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

import mlfast
from mlfast.neural_network import MLPClassifier, MLPRegressor, NetworkClassifier, NetworkRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Recorder:
    """Keeps what it hears of tasks and what it is shown at their ends; `act` may answer, with the end's number."""

    def __init__(self, act=None):
        self.act, self.events, self.shown, self.threads = act, [], [], set()

    def setup(self, estimator, context):
        self.events.append("setup")

    def on_fit_task_begin(self, estimator, context):
        self.events.append(f"begin {context.task_name} {context.task_id}")

    def on_fit_task_end(self, estimator, context, *, X, y, metadata, fitted_estimator):
        self.events.append(f"end {context.task_name} {context.task_id}")
        self.threads.add(threading.get_ident())
        if context.task_name == "fit":
            return False
        self.shown.append(fitted_estimator)
        self.given = X, y, metadata
        return self.act is not None and self.act(context.task_id)

    def teardown(self, estimator, context):
        self.events.append("teardown")


@pytest.fixture(scope="module")
def table():
    X, y = load_digits(return_X_y=True)
    return X[:300] / 16, y[:300]


def assert_same(a, b, name):
    """The same numbers of the same type, in whatever holds them."""
    assert type(a) is type(b), name
    if isinstance(b, dict):
        assert a.keys() == b.keys(), name
        a, b = list(a.values()), list(b.values())
    if isinstance(b, list):
        for pair in zip(a, b, strict=True):
            assert_same(*pair, name)
    else:
        assert getattr(a, "dtype", None) == getattr(b, "dtype", None), name
        np.testing.assert_array_equal(a, b, err_msg=name)


def assert_same_network(ours, other):
    """Every attribute that predicting or going on needs is the same, bit for bit; the optimizer's only at the end."""
    kept = [
        {name: value for name, value in vars(network).items() if name.endswith("_") or name.startswith("_best")}
        for network in (ours, other)
    ]
    assert len(kept[1]) > 8
    for name, value in kept[1].items():
        assert_same(kept[0][name], value, name)


WAYS = {
    "adam": {},
    "momentum": {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.05, "n_iter_no_change": 1},
    "early stop": {"early_stopping": True},
    "labels": {"early_stopping": True},
    "lbfgs": {"solver": "lbfgs"},
    "single": {},
    "sparse": {"batch_size": 40},
}


def problem(way, table):
    X, y = table
    X = {"single": X.astype(np.float32), "sparse": sp.csr_array(np.where(X > 0.4, X, 0))}.get(way, X)
    return X, np.c_[y > 4, y % 2].astype(int) if way == "labels" else y


@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
@pytest.mark.parametrize("way", WAYS)
def test_the_network_in_between_is_the_one_of_a_shorter_fit(way, name, n_threads, table, threads):
    threads(n_threads)
    X, y = problem(way, table)
    kind = MLPClassifier if name == "MLPClassifier" else MLPRegressor
    model = kind(hidden_layer_sizes=(12,), max_iter=5, random_state=1).set_params(**WAYS[way])
    weights = np.arange(len(y)) % 3 + 0.5
    heard = Recorder()
    watched = clone(model).set_callbacks(heard).fit(X, y, sample_weight=weights)
    assert_same_network(watched, clone(model).fit(X, y, sample_weight=weights))
    assert heard.threads == {threading.get_ident()}
    assert heard.given[0] is X and heard.given[1] is y and heard.given[2]["sample_weight"] is weights
    seen = heard.shown[: watched.n_iter_]
    assert len(seen) == watched.n_iter_ > 2
    for position, shown in enumerate(seen):
        shorter = clone(model).set_params(max_iter=position + 1).fit(X, y, sample_weight=weights)
        assert_same_network(shown, shorter)
        np.testing.assert_array_equal(shown.predict(X), shorter.predict(X))


EXTRAS = {
    "dropout": {"dropout": 0.4, "solver": "adamw"},
    "normalised": {"batch_normalization": True, "hidden_layer_sizes": (12, 8), "early_stopping": True},
    "residual": {"residual": True, "hidden_layer_sizes": (8, 8), "solver": "rmsprop", "clip_norm": 1.0},
    "lbfgs": {"solver": "lbfgs"},
}


@pytest.mark.parametrize("kind", [NetworkClassifier, NetworkRegressor])
@pytest.mark.parametrize("way", EXTRAS)
def test_networks_with_more_are_shown_as_they_are_in_between(way, kind, table):
    X, y = table
    model = kind(**{"hidden_layer_sizes": (12,), **EXTRAS[way]}, max_iter=4, random_state=1)
    given = {} if way == "lbfgs" else {"validation_data": (X[:50], y[:50])}
    heard = Recorder()
    watched = clone(model).set_callbacks(heard).fit(X, y, **given)
    assert_same_network(watched, clone(model).fit(X, y, **given))
    seen = heard.shown[: watched.n_iter_]
    assert len(seen) == watched.n_iter_ == 4
    for position, shown in enumerate(seen):
        shorter = clone(model).set_params(max_iter=position + 1).fit(X, y, **given)
        assert_same_network(shown, shorter)
        np.testing.assert_array_equal(shown.predict(X), shorter.predict(X))


@pytest.mark.parametrize("every", [1, 2, 10])
def test_callbacks_and_checkpoints(every, table, tmp_path):
    """A stop ends all of training, not what is between two checkpoints, and what goes on knows what was before."""
    kept = {"checkpoint": tmp_path / "kept", "checkpoint_every": every, "early_stopping": True}
    model = NetworkClassifier((5,), max_iter=6, random_state=0, **kept)
    stopped = clone(model).set_callbacks(Recorder(lambda number: number == 3)).fit(*table)
    plain = NetworkClassifier((5,), random_state=0, early_stopping=True)
    assert_same_network(stopped, clone(plain).set_params(max_iter=4).fit(*table))
    heard = Recorder()
    resumed = clone(model).set_params(resume=True).set_callbacks(heard).fit(*table)
    whole = Recorder()
    assert_same_network(resumed, clone(plain).set_params(max_iter=6).set_callbacks(whole).fit(*table))
    assert len(heard.shown) == 2
    for shown, other in zip(heard.shown, whole.shown[4:], strict=True):
        assert_same_network(shown, other)


def test_epochs_are_the_tasks_of_a_fit(table):
    heard = Recorder()
    model = MLPClassifier((5,), max_iter=3, random_state=0).set_callbacks(heard).fit(*table)
    epochs = [f"{hook} epoch {number}" for number in range(3) for hook in ("begin", "end")]
    assert heard.events == ["setup", "begin fit 0", *epochs, "end fit 0", "teardown"]
    heard.events.clear()
    model.partial_fit(*table)
    assert heard.events == []
    model.set_params(early_stopping=True, tol=9.0, n_iter_no_change=1, max_iter=50).fit(*table)
    assert heard.events[-4:] == [
        f"begin epoch {model.n_iter_ - 1}",
        f"end epoch {model.n_iter_ - 1}",
        "end fit 0",
        "teardown",
    ]
    heard.events.clear()
    model.set_params(solver="lbfgs", tol=1e-4, max_iter=3).fit(*table)
    steps = [f"{hook} lbfgs-iter {number}" for number in range(3) for hook in ("begin", "end")]
    assert heard.events == ["setup", "begin fit 0", *steps, "end fit 0", "teardown"]


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_a_stop_ends_training(solver, table):
    model = MLPClassifier((5,), max_iter=9, random_state=0, solver=solver)
    heard = Recorder(lambda number: number == 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        stopped = clone(model).set_callbacks(heard).fit(*table)
    assert stopped.n_iter_ == len(heard.shown) == 3
    assert_same_network(stopped, clone(model).set_params(max_iter=3).fit(*table))


def test_warm_starts_go_on(table):
    heard = Recorder()
    model = (
        MLPClassifier((5,), max_iter=2, random_state=0, warm_start=True).fit(*table).set_callbacks(heard).fit(*table)
    )
    assert [len(shown.loss_curve_) for shown in heard.shown] == [3, 4]
    assert [shown.n_iter_ for shown in heard.shown] == [1, 2]
    assert_same_network(heard.shown[-1], model)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_an_error_of_a_callback_leaves_the_network_as_it_was(solver, table):
    def fail(number):
        raise ZeroDivisionError("mine")

    model = MLPClassifier((5,), max_iter=4, random_state=0).fit(*table).set_params(solver=solver)
    failing = Recorder(fail)
    before = model.set_callbacks(failing).__dict__.copy()
    with pytest.raises(ZeroDivisionError, match="mine"):
        model.fit(*table)
    assert failing.events[-1] == "teardown"
    assert model.__dict__ == before


def test_an_interrupt_in_a_callback_ends_training(table):
    def interrupt(number):
        if number == 2:
            raise KeyboardInterrupt

    model = MLPClassifier((5,), max_iter=9, random_state=0)
    heard = Recorder(interrupt)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        interrupted = clone(model).set_callbacks(heard).fit(*table)
    assert heard.events[-2:] == ["end fit 0", "teardown"]
    assert_same_network(interrupted, clone(model).set_params(max_iter=3).fit(*table))


def test_networks_that_are_not_finite_are_not_shown(table):
    X, y = table
    heard = Recorder()
    model = MLPRegressor(solver="sgd", learning_rate_init=1e3, activation="identity", random_state=0)
    with pytest.raises(ValueError, match="non-finite parameter weights"):
        model.set_callbacks(heard).fit(X * 1e3, y)
    assert heard.shown[-1] is None
    assert all(np.isfinite(coef).all() for shown in heard.shown[:-1] for coef in shown.coefs_)
    assert all(np.isfinite(coef).all() for coef in model.coefs_)
    assert heard.events[-1] == "teardown"
    assert not hasattr(model, "_callback_fit_ctx")


def test_data_that_are_refused(table):
    X, y = table
    heard = Recorder()
    with pytest.raises(ValueError, match="Found input variables with inconsistent numbers of samples"):
        MLPClassifier((5,)).set_callbacks(heard).fit(X, y[:9])
    assert heard.events == ["setup", "begin fit 0", "teardown"]


def test_progress_is_printed_and_told(table, capsys):
    model = MLPClassifier((5,), max_iter=3, random_state=0, verbose=True)
    clone(model).fit(*table)
    plain = capsys.readouterr().out
    clone(model).set_callbacks(Recorder()).fit(*table)
    assert capsys.readouterr().out == plain
    assert plain.count("Iteration") == 3
    model.set_params(verbose=False).set_callbacks(ProgressBar()).fit(*table)
    printed = capsys.readouterr().out
    assert "MLPClassifier - fit" in printed and "100%" in printed


def test_scores_of_epochs(table):
    X, y = table
    monitor = ScoringMonitor(scoring="accuracy")
    model = MLPClassifier((20,), max_iter=4, random_state=0).set_callbacks(monitor).fit(X, y)
    rows = monitor.get_logs().data
    assert [row["task_name"] for row in rows] == ["fit"] + ["epoch"] * 4
    assert rows[0]["accuracy"] == rows[-1]["accuracy"] == model.score(X, y)


def test_networks_with_callbacks_are_kept(table):
    heard = Recorder()
    model = MLPClassifier((5,), max_iter=3, random_state=0).set_callbacks(heard).fit(*table)
    for network in (model, heard.shown[1]):
        assert "_handed_over" not in vars(network)
        loaded = pickle.loads(pickle.dumps(network))
        np.testing.assert_array_equal(loaded.predict_proba(table[0]), network.predict_proba(table[0]))
    assert clone(model)._skl_callbacks == [heard]
    assert not hasattr(mlfast.to_sklearn(model), "_skl_callbacks")


@pytest.mark.fallback
def test_a_fit_in_scikit_learn_is_one_task(table):
    heard = Recorder()
    odd = np.random.RandomState(np.random.PCG64(0))
    MLPClassifier((5,), max_iter=2, random_state=odd).set_callbacks(heard).fit(*table)
    assert heard.events == ["setup", "begin fit 0", "end fit 0", "teardown"]


def test_nobody_watches_without_callbacks(table, monkeypatch):
    monkeypatch.setattr("mlfast.neural_network._base.Watch", None)
    MLPClassifier((5,), max_iter=2).fit(*table)
    MLPClassifier((5,), max_iter=2).set_callbacks().fit(*table)
