"""Gradient descent: step by step against NumPy, at its end against closed forms, and in the manners of an estimator."""

import os
import pickle
import signal
import threading
import time

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn.linear_model
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import ElasticNet, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.preprocessing import scale
from sklearn.utils.estimator_checks import parametrize_with_checks

import mlfast
from mlfast.linear_model import GradientDescentClassifier, GradientDescentRegressor

from ..isolated import forked
from .descent_reference import descend

LOSSES = ["squared_error", "huber", "binary", "categorical"]
BOTH = [GradientDescentRegressor, GradientDescentClassifier]


def problem(loss, seed=0, n=83, d=5, dtype=np.float64):
    """Features (n, d) and targets that go with a loss."""
    rng = np.random.RandomState(seed)
    X = rng.standard_normal((n, d)).astype(dtype)
    signal_ = X @ rng.standard_normal(d) + 0.5 + rng.standard_normal(n)
    if loss == "binary":
        return X, (signal_ > 0).astype(int)
    if loss == "categorical":
        return X, np.digitize(signal_, [-0.5, 1.0])
    return X, signal_.astype(dtype)


def make(loss, **params):
    """An estimator that has this loss and takes all its epochs."""
    params = {"tol": None, "penalty": None, "eta0": 0.1, "random_state": 7, "max_iter": 6, **params}
    if loss in ("binary", "categorical"):
        return GradientDescentClassifier(**params)
    return GradientDescentRegressor(loss, **params)


def assert_same_way(model, X, y, loss, weights=None, rtol=1e-10, **reference):
    """The model got where NumPy gets, by the same losses."""
    given = {"eta0": 0.1, "epochs": 6, "seed": 7, **reference}
    k = 3 if loss == "categorical" else 1
    coef, intercept, curve = descend(X.astype(float), y, loss=loss, k=k, weights=weights, **given)
    unit = max(np.abs(coef).max(), np.abs(intercept).max())
    assert coef.any()
    np.testing.assert_allclose(np.reshape(model.coef_, coef.shape), coef, rtol=0, atol=rtol * unit)
    np.testing.assert_allclose(model.intercept_, intercept, rtol=0, atol=rtol * unit)
    np.testing.assert_allclose(model.loss_curve_, curve, rtol=rtol)


WAYS = {
    "plain": ({}, {}),
    "momentum": ({"momentum": 0.8}, {"momentum": 0.8}),
    "nesterov": ({"momentum": 0.8, "nesterovs_momentum": True}, {"momentum": 0.8, "nesterov": True}),
    "adam": ({"solver": "adam"}, {"solver": "adam"}),
    "adamw": ({"solver": "adamw", "penalty": "l2", "alpha": 0.3}, {"solver": "adamw", "l2": 0.3}),
    "rmsprop": ({"solver": "rmsprop", "momentum": 0.5}, {"solver": "rmsprop", "momentum": 0.5}),
    "l1": ({"penalty": "l1", "alpha": 0.2}, {"l1": 0.2}),
    "l1 with momentum": ({"penalty": "l1", "alpha": 0.1, "momentum": 0.7}, {"l1": 0.1, "momentum": 0.7}),
    "elastic net": ({"penalty": "elasticnet", "alpha": 0.4, "l1_ratio": 0.25}, {"l1": 0.1, "l2": 0.3}),
    "origin": ({"fit_intercept": False}, {"fit_intercept": False}),
    "invscaling": ({"learning_rate": "invscaling", "power_t": 0.4}, {"learning_rate": "invscaling", "power_t": 0.4}),
    "exponential": (
        {"learning_rate": "exponential", "decay_rate": 0.3, "decay_epochs": 2.5},
        {"learning_rate": "exponential", "decay_rate": 0.3, "decay_epochs": 2.5},
    ),
    "step": (
        {"learning_rate": "step", "decay_rate": 0.3, "decay_epochs": 2},
        {"learning_rate": "step", "decay_rate": 0.3, "decay_epochs": 2},
    ),
}


@pytest.mark.parametrize("batch_size", ["full", 8, 1])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("loss", LOSSES)
def test_every_step_is_that_of_numpy(loss, way, batch_size):
    ours, reference = WAYS[way]
    X, y = problem(loss)
    rate = 0.1 if batch_size == "full" else 0.02
    model = make(loss, batch_size=batch_size, **{"eta0": rate, **ours}).fit(X, y)
    size = None if batch_size == "full" else batch_size
    assert_same_way(model, X, y, loss, batch_size=size, **{"eta0": rate, **reference})
    assert model.n_iter_ == 6
    assert model.t_ == 6 * -(-len(y) // (size or len(y)))


@pytest.mark.parametrize("batch_size", ["full", 8])
@pytest.mark.parametrize("loss", LOSSES)
def test_weights(loss, batch_size):
    X, y = problem(loss, seed=1)
    weights = np.random.RandomState(2).uniform(size=len(y)) * (np.arange(len(y)) % 5 > 0)
    model = make(loss, batch_size=batch_size).fit(X, y, weights)
    assert_same_way(model, X, y, loss, weights, batch_size=None if batch_size == "full" else 8)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("loss", LOSSES)
def test_single_precision(loss, seed):
    """Six epochs of ten steps, each rounded once or twice to 24 bits."""
    X, y = problem(loss, seed, dtype=np.float32)
    model = make(loss, batch_size=8, momentum=0.5, eta0=0.02).fit(X, y)
    assert model.coef_.dtype == model.intercept_.dtype == np.float32
    assert_same_way(model, X, y, loss, batch_size=8, momentum=0.5, eta0=0.02, rtol=2e-5)
    assert model.predict(X[:3]).dtype == (np.float32 if loss in LOSSES[:2] else y.dtype)


@pytest.mark.parametrize("batch_size", ["full", 8])
@pytest.mark.parametrize("loss", LOSSES)
def test_storage_and_layout(loss, batch_size):
    X, y = problem(loss, seed=3)
    X[X < 0] = 0
    model = make(loss, batch_size=batch_size, early_stopping=True).fit(X, y)
    wide = np.zeros((2 * len(X), X.shape[1]))
    wide[::2] = X
    for same in (np.asfortranarray(X), wide[::2], X.tolist()):
        other = clone(model).fit(same, y)
        np.testing.assert_array_equal(other.coef_, model.coef_)
    for kind in (sp.csr_array, sp.csc_array, sp.coo_array, sp.csr_matrix):
        other = clone(model).fit(kind(X), y)
        np.testing.assert_allclose(other.coef_, model.coef_, rtol=1e-11)
        np.testing.assert_allclose(other.predict(kind(X[:9])), model.predict(X[:9]), rtol=1e-11)
    single = clone(model).fit(sp.csr_array(X.astype(np.float32)), y)
    assert single.coef_.dtype == np.float32
    np.testing.assert_allclose(single.coef_, model.coef_, rtol=1e-3, atol=1e-4)


# ---- where it ends ----


def settled(loss, X, y, weights=None, **params):
    """A model whose descent has come to rest. Momentum swings through the minimum, which takes some patience."""
    params = {"eta0": "auto", "max_iter": 100_000, "tol": 0.0, "n_iter_no_change": 300, "momentum": 0.9, **params}
    return make(loss, **params).fit(X, y, weights)


@pytest.mark.parametrize("weighted", [False, True])
def test_least_squares(weighted):
    """The loss is flat to 1e-16 within 1e-8 of the minimum."""
    X, y = load_diabetes(return_X_y=True)
    X = scale(X)
    weights = np.random.RandomState(0).uniform(0, 2, size=len(y)) if weighted else None
    model = settled("squared_error", X, y, weights, penalty="l2", alpha=0.1)
    total = len(y) if weights is None else weights.sum()
    expected = Ridge(alpha=0.1 * total).fit(X, y, weights)
    np.testing.assert_allclose(model.coef_, expected.coef_, rtol=0, atol=1e-5 * np.abs(expected.coef_).max())
    np.testing.assert_allclose(model.intercept_[0], expected.intercept_, rtol=1e-6)


@pytest.mark.parametrize("l1_ratio", [1.0, 0.7])
def test_coefficients_of_elastic_net_vanish_where_they_should(l1_ratio):
    X, y = load_diabetes(return_X_y=True)
    X = scale(X)
    model = settled("squared_error", X, y, penalty="elasticnet", alpha=3.0, l1_ratio=l1_ratio)
    expected = ElasticNet(alpha=3.0, l1_ratio=l1_ratio, tol=1e-12, max_iter=10**6).fit(X, y)
    np.testing.assert_allclose(model.coef_, expected.coef_, rtol=0, atol=1e-4 * np.abs(expected.coef_).max())
    np.testing.assert_array_equal(model.coef_ == 0, expected.coef_ == 0)
    if l1_ratio == 1:
        assert (model.coef_ == 0).any(), "the data must make a difference"


@pytest.mark.parametrize("many", [False, True])
def test_logistic_regression(many):
    X, y = load_iris(return_X_y=True) if many else load_breast_cancer(return_X_y=True)
    X = scale(X)
    model = settled("categorical" if many else "binary", X, y, penalty="l2", alpha=0.01)
    expected = LogisticRegression(C=1 / (0.01 * len(y)), tol=1e-10, max_iter=10_000).fit(X, y)
    np.testing.assert_allclose(model.coef_, expected.coef_, rtol=0, atol=1e-5 * np.abs(expected.coef_).max())
    np.testing.assert_allclose(model.predict_proba(X), expected.predict_proba(X), rtol=0, atol=1e-5)
    np.testing.assert_allclose(model.predict_log_proba(X), np.log(expected.predict_proba(X)), rtol=1e-3, atol=1e-5)
    np.testing.assert_array_equal(model.predict(X), expected.predict(X))
    assert model.score(X, y) == expected.score(X, y)


def test_huber_withstands_outliers():
    X, y = problem("squared_error", n=200)
    truth = sklearn.linear_model.LinearRegression().fit(X, y).coef_
    y[:10] += 1000
    robust, misled = (np.abs(settled(loss, X, y).coef_ - truth).max() for loss in ("huber", "squared_error"))
    assert robust < 0.3 < 10 < misled


@pytest.mark.parametrize("batch_size", ["full", 16, 1])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e4])
def test_the_automatic_rate_goes_down_whatever_the_scale(loss, batch_size, unit):
    X, y = problem(loss, seed=4)
    model = make(loss, eta0="auto", batch_size=batch_size, max_iter=20).fit(X * unit, y)
    assert 0 < model.eta0_ < np.inf
    if batch_size == "full":
        assert (np.diff(model.loss_curve_) < 0).all()
    else:  # steps of a few samples go on jumping about the minimum, but do not leave it
        at_zero = make(loss, eta0=1e-12, max_iter=1).fit(X, y).loss_curve_[0]
        assert model.loss_curve_[-1] < 1.4 * at_zero, "a third more, for features that say nothing"


# ---- when it ends ----


def test_it_ends_without_progress():
    X, y = problem("squared_error")
    model = make("squared_error", eta0="auto", tol=1e-3, max_iter=5000, n_iter_no_change=4).fit(X, y)
    gains = -np.diff(model.loss_curve_)
    assert 4 < model.n_iter_ < 5000
    assert (gains[-4:] < 1e-3).all()
    assert not (gains[-5:] < 1e-3).all()
    with pytest.warns(ConvergenceWarning, match="max_iter=3 epochs"):
        make("squared_error", eta0="auto", tol=1e-9, max_iter=3).fit(X, y)


def test_adaptive_rates_are_divided_by_five():
    X, y = problem("squared_error")
    model = make("squared_error", learning_rate="adaptive", tol=1e-4, max_iter=5000, batch_size=5, n_iter_no_change=2)
    model.fit(X, y)
    assert model.eta0_ == 0.1
    divisions = np.log(0.1 / model.learning_rate_) / np.log(5)
    assert divisions == pytest.approx(8), "down to below 1e-6"


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_early_stopping_goes_back_to_the_best(loss, weighted):
    X, y = problem(loss, seed=5, n=120)
    weights = np.random.RandomState(1).uniform(size=len(y)) if weighted else None
    model = make(loss, early_stopping=True, eta0=0.3, batch_size=4, validation_fraction=0.25, tol=1e-4, max_iter=300)
    model.fit(X, y, weights)
    assert len(model.validation_scores_) == model.n_iter_ == len(model.loss_curve_) < 300
    stratify = y if loss in LOSSES[2:] else None
    parts = [X, y] if weights is None else [X, y, weights]
    split = train_test_split(*parts, random_state=7, test_size=0.25, stratify=stratify)
    X_aside, y_aside = split[1], split[3]
    score = model.score(X_aside, y_aside, split[5] if weighted else None)
    assert score == pytest.approx(max(model.validation_scores_), abs=1e-12)


@pytest.mark.parametrize("loss", LOSSES)
def test_divergence_is_told(loss):
    X, y = problem(loss)
    model = make(loss, eta0=1e-3).fit(X, y)
    before = pickle.dumps(model)
    model.set_params(eta0=1e200, max_iter=100, penalty="l2", alpha=1.0)
    with pytest.raises(ValueError, match=r"diverged in epoch \d+.*learning rate.*eta0=1e\+200"):
        model.fit(X, y)
    assert pickle.dumps(model.set_params(**pickle.loads(before).get_params())) == before


# ---- manners ----


DRAWN = "weights are repetitions in the mean, not in the draws"
WEIGHTS_AS_REPEATS = {
    "check_sample_weight_equivalence_on_dense_data": DRAWN,
    "check_sample_weight_equivalence_on_sparse_data": DRAWN,
}


@parametrize_with_checks(
    [
        GradientDescentRegressor(),
        GradientDescentRegressor("huber", batch_size=10, solver="adam", random_state=0),
        GradientDescentClassifier(),
        GradientDescentClassifier(batch_size=10, momentum=0.9, random_state=0),
    ],
    expected_failed_checks=lambda est: {} if est.batch_size == "full" else WEIGHTS_AS_REPEATS,
)
@pytest.mark.filterwarnings("default")
def test_sklearn_check(estimator, check):
    check(estimator)


@pytest.mark.parametrize("loss", LOSSES)
def test_partial_fit_takes_one_epoch_at_a_time(loss):
    X, y = problem(loss)
    params = {"solver": "adam", "learning_rate": "step", "decay_epochs": 3, "eta0": "auto"}
    whole = make(loss, **params).fit(X, y)
    parts = make(loss, **params)
    for _ in range(6):
        args = (np.unique(y),) if loss in LOSSES[2:] else ()
        parts.partial_fit(X, y, *args)
    np.testing.assert_array_equal(parts.coef_, whole.coef_)
    assert (parts.loss_curve_, parts.n_iter_, parts.t_) == (whole.loss_curve_, 6, 6)
    copy = pickle.loads(pickle.dumps(parts))
    np.testing.assert_array_equal(copy.partial_fit(X, y).coef_, parts.partial_fit(X, y).coef_)


def test_partial_fit_of_classes():
    X, y = problem("categorical")
    model = make("categorical").partial_fit(X[:20], np.where(y[:20] == 2, 0, y[:20]), classes=[0, 1, 2])
    assert model.coef_.shape == (3, X.shape[1])
    with pytest.raises(ValueError, match="classes that partial_fit was not told of"):
        model.partial_fit(X, y + 1)
    with pytest.raises(ValueError, match="classes must be passed"):
        make("categorical").partial_fit(X, y)
    with pytest.raises(ValueError, match="cannot balance"):
        make("categorical", class_weight="balanced").partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="early_stopping"):
        make("categorical", early_stopping=True).partial_fit(X, y, classes=[0, 1, 2])


@pytest.mark.parametrize("loss", LOSSES)
def test_warm_start_goes_on(loss):
    X, y = problem(loss)
    whole = make(loss, max_iter=12).fit(X, y)
    model = make(loss, warm_start=True).fit(X, y).fit(X, y)
    np.testing.assert_allclose(model.coef_, whole.coef_, rtol=1e-12)
    assert model.loss_curve_ == whole.loss_curve_[6:]
    with pytest.raises(ValueError, match="warm_start goes on with the features"):
        model.fit(X[:, 1:], y)
    if loss in LOSSES[2:]:
        with pytest.raises(ValueError, match="warm_start goes on with the classes"):
            model.fit(X, y + 1)
    cold = make(loss).fit(X, y).fit(X[:, 1:], y)
    assert np.shape(cold.coef_)[-1] == X.shape[1] - 1


@pytest.mark.parametrize("class_weight", ["balanced", {0: 3.0, 1: 0.5}])
def test_class_weights_are_weights(class_weight):
    X, y = problem("binary", seed=8)
    counts = np.bincount(y)
    by_class = {0: len(y) / 2 / counts[0], 1: len(y) / 2 / counts[1]} if class_weight == "balanced" else class_weight
    given = np.random.RandomState(0).uniform(size=len(y))
    ours = make("binary", class_weight=class_weight).fit(X, y, given)
    expected = make("binary").fit(X, y, given * np.array([by_class[label] for label in y]))
    np.testing.assert_allclose(ours.coef_, expected.coef_, rtol=1e-12)


def test_names_of_classes_and_a_search():
    X, y = problem("categorical", n=150)
    names = np.array(["ash", "birch", "cedar"])[y]
    search = GridSearchCV(GradientDescentClassifier(random_state=0), {"alpha": [1e-4, 10.0]}, cv=3).fit(X, names)
    assert search.best_params_ == {"alpha": 1e-4}
    assert set(search.predict(X)) == set(names)


@pytest.mark.parametrize("Estimator", BOTH)
def test_one_row_is_answered_as_many_are(Estimator):
    X, y = problem("binary")
    model = Estimator(random_state=0).fit(X, y)
    for method in ("predict", "decision_function", "predict_proba", "predict_log_proba"):
        if hasattr(model, method):
            answer = getattr(model, method)
            np.testing.assert_array_equal(np.concatenate([answer(X[i : i + 1]) for i in range(9)]), answer(X)[:9])


@pytest.mark.parametrize("Estimator", BOTH)
def test_bad_input(Estimator):
    X, y = problem("binary")
    make_one = lambda **params: Estimator(**params)  # noqa: E731
    for params in (
        {"eta0": 0.0},
        {"eta0": "large"},
        {"batch_size": 0},
        {"batch_size": "half"},
        {"alpha": -1.0},
        {"l1_ratio": 1.5},
        {"momentum": 1.0},
        {"solver": "lbfgs"},
        {"learning_rate": "optimal"},
        {"loss": "hinge"},
        {"max_iter": 0},
        {"validation_fraction": 1.0},
        {"decay_rate": 0.0},
    ):
        with pytest.raises(ValueError, match=rf"The '{next(iter(params))}' parameter"):
            make_one(**params).fit(X, y)
    with pytest.raises(ValueError, match="Negative values in data"):
        make_one().fit(X, y, -np.ones(len(y)))
    with pytest.raises(ValueError, match="zero"):
        make_one().fit(X, y, np.zeros(len(y)))
    with pytest.raises(NotFittedError):
        make_one().predict(X)
    with pytest.raises(ValueError, match="NaN"):
        make_one().fit(np.where(X > 2, np.nan, X), y)
    model = make_one(max_iter=1, tol=None).fit(X, y)
    with pytest.raises(ValueError, match="features"):
        model.predict(X[:, 1:])


@pytest.mark.parametrize("loss", LOSSES)
def test_odd_data(loss):
    X, y = problem(loss)
    odd = np.c_[X, X[:, 0], np.ones(len(X)), np.zeros(len(X))]  # collinear, constant, empty
    model = make(loss, eta0="auto", penalty="l2", max_iter=50).fit(odd, y)
    assert np.isfinite(model.coef_).all()
    assert not np.ravel(model.coef_[..., -1]).any()
    huge = make(loss, alpha=1e300, penalty="l2", eta0="auto", max_iter=5).fit(X, y)
    assert np.isfinite(huge.coef_).all()
    single = make(loss, eta0="auto").fit(np.zeros((len(y), 1)), y)
    assert np.isfinite(single.intercept_).all()


def test_one_class_is_refused():
    X, y = problem("binary")
    with pytest.raises(ValueError, match="one class"):
        make("binary").fit(X, np.zeros(len(y)))


def test_separable_classes_leave_finite_coefficients():
    X = np.arange(20.0)[:, None] - 9.5
    model = make("binary", eta0="auto", max_iter=2000).fit(X, X[:, 0] > 0)
    assert np.isfinite(model.coef_).all()
    assert model.score(X, X[:, 0] > 0) == 1


def test_unusual_generators():
    X, y = problem("binary")
    generator = np.random.RandomState(np.random.PCG64(3))
    state = np.random.RandomState(3)
    first = make("binary", batch_size=4, random_state=state).fit(X, y)
    second = make("binary", batch_size=4, random_state=state).fit(X, y)
    assert (first.coef_ != second.coef_).any(), "the generator went on"
    assert np.isfinite(make("binary", batch_size=4, random_state=generator).fit(X, y).coef_).all()


def test_verbose(capsys):
    X, y = problem("binary")
    model = make("binary", verbose=1, early_stopping=True, max_iter=2).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    losses, scores = model.loss_curve_, model.validation_scores_
    assert lines == [f"epoch {i + 1}: loss {losses[i]:.8g}, validation score {scores[i]:.6f}" for i in range(2)]


def test_states_are_checked_and_conversion_refused():
    X, y = problem("categorical")
    model = make("categorical").fit(X, y)
    state = model.__getstate__() | {"coef_": model.coef_[:, 1:]}
    with pytest.raises(ValueError, match="corrupt state"):
        GradientDescentClassifier.__new__(GradientDescentClassifier).__setstate__(state)
    with pytest.raises(TypeError):
        mlfast.to_sklearn(model)


# ---- callbacks, threads, signals ----


class Recorder:
    """Keeps the epochs that it hears of, and the estimators that it is shown; asks for the end after some."""

    def __init__(self, last=None):
        self.last, self.seen = last, []

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        if context.task_name == "epoch":
            self.seen.append((context.task_id, threading.get_ident(), fitted_estimator))
        return context.task_name == "epoch" and context.task_id == self.last

    def teardown(self, estimator, context):
        pass


@pytest.mark.parametrize("loss", LOSSES)
def test_callbacks_see_every_epoch_and_may_end_the_fit(loss):
    X, y = problem(loss)
    plain = make(loss, batch_size=9).fit(X, y)
    heard = Recorder()
    model = make(loss, batch_size=9).set_callbacks(heard).fit(X, y)
    np.testing.assert_array_equal(model.coef_, plain.coef_)
    assert [epoch for epoch, *_ in heard.seen] == list(range(6))
    assert {thread for _, thread, _ in heard.seen} == {threading.get_ident()}
    for epoch, _, shown in heard.seen:
        expected = make(loss, batch_size=9, max_iter=epoch + 1).fit(X, y)
        np.testing.assert_array_equal(shown.predict(X), expected.predict(X))
        assert shown.loss_curve_ == expected.loss_curve_
    ended = make(loss, batch_size=9).set_callbacks(Recorder(last=2)).fit(X, y)
    assert ended.n_iter_ == 3


def bits_by_threads():
    """The bits of fits in many small blocks, for several numbers of threads."""
    found = {}
    for loss in LOSSES:
        for dtype in (np.float64, np.float32):
            X, y = problem(loss, n=400, dtype=dtype)
            for data in (X, sp.csr_array(np.where(X < 0, 0, X))):
                for batch_size in ("full", 100):
                    for threads in (1, 2, 3, 7):
                        mlfast.set_num_threads(threads)
                        model = make(loss, eta0="auto", batch_size=batch_size, early_stopping=True).fit(data, y)
                        bits = model.coef_.tobytes(), model.intercept_.tobytes(), tuple(model.loss_curve_)
                        key = (loss, dtype.__name__, type(data).__name__, batch_size)
                        found.setdefault(key, set()).add(bits)
    return {key: len(bits) for key, bits in found.items()}


def test_threads_change_no_bit():
    found = forked(bits_by_threads, env={"MLFAST_PAR_THRESHOLD": 0, "MLFAST_BLOCK": 16}, timeout=90)
    assert len(found) == 32
    assert set(found.values()) == {1}


def test_threads_change_no_bit_of_large_data(threads):
    X, y = problem("binary", n=30_000, d=40)
    seen = set()
    for n in (1, 2, 3, 7):
        threads(n)
        seen.add(make("binary", max_iter=3).fit(X, y).coef_.tobytes())
    assert len(seen) == 1


def coef_of_wide_data():
    X, y = problem("categorical", n=200, d=19)
    return make("categorical", batch_size=32).fit(X, y).coef_


def test_instruction_sets_change_rounding_alone():
    """The set that is chosen for this processor against plain code; they are one where it has no vector set."""
    found = [forked(coef_of_wide_data, env={"MLFAST_ISA": isa}, timeout=60) for isa in ("portable", "")]
    np.testing.assert_allclose(*found, rtol=0, atol=1e-13)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("batch_size", ["full", 1])
def test_keyboard_interrupt(batch_size):
    X, y = problem("binary", n=20_000, d=20)
    model = make("binary", max_iter=10**6, batch_size=batch_size)
    sent = []

    def send():
        time.sleep(0.3)
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=send, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert time.perf_counter() - sent[0] < 5, "the promise is one second; a loaded machine must not make this red"
    assert not hasattr(model, "coef_")
