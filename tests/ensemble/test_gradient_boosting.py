"""Gradient boosting against scikit-learn's: the same trees, leaves, scores and draws, bit for bit."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn.ensemble as parent
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.inspection import partial_dependence
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.utils.stats import _weighted_percentile

import mlfast
import mlfast.ensemble as ours
import mlfast.tree
from mlfast._core.ensemble import weighted_quantile

from ..compare import assert_same_complaint, assert_same_text, bits, outcome, taken_apart
from ..tree.growing import same_structure
from ..tree.parity import as_csr, classes, cloud, with_gaps
from .parity import assert_same_answers, fit_both, members

X = cloud(0, 150, 6)
CLASSES = classes(X)
RANDOM = np.random.RandomState(2)
NUMBERS = CLASSES + RANDOM.standard_normal(len(X))
WHOLE = RANDOM.randint(0, 4, size=len(X)).astype(float)
WEIGHTS = {"all 1": None, "whole": WHOLE, "float32": (WHOLE / 3 + 0.1).astype(np.float32)}
NAMES = {"regressor": "GradientBoostingRegressor", "classifier": "GradientBoostingClassifier"}
#: Every loss, with the estimator and the target that it is for.
LOSSES = {
    "squared_error": ("regressor", NUMBERS),
    "absolute_error": ("regressor", NUMBERS),
    "huber": ("regressor", NUMBERS),
    "quantile": ("regressor", NUMBERS),
    "exponential": ("classifier", CLASSES > 0),
    "log_loss": ("classifier", CLASSES > 0),
    "log_loss of three": ("classifier", CLASSES),
}


def pair_of(loss, **params):
    kind, _ = LOSSES[loss]
    params = {"loss": loss.split()[0], "random_state": 3, "n_estimators": 4, **params}
    return getattr(ours, NAMES[kind])(**params), getattr(parent, NAMES[kind])(**params)


def both(loss, data=X, sample_weight=None, **params):
    return fit_both(*pair_of(loss, **params), data, LOSSES[loss][1], sample_weight=sample_weight)


def methods_of(est):
    """What is asked; `assert_same_answers` adds probabilities."""
    return ("predict", "apply", *(("decision_function",) if hasattr(est, "decision_function") else ()))


def assert_same_stages(mine, theirs, data):
    for method in ("staged_predict", "staged_decision_function", "staged_predict_proba"):
        if hasattr(theirs, method):
            found = [list(getattr(est, method)(data)) for est in (mine, theirs)]
            assert bits(found[0]) == bits(found[1]), method


def assert_same(pair, data):
    assert_same_answers(*pair, data, methods_of(pair[1]))


SETTINGS = [
    {},
    {"subsample": 0.5},
    {"subsample": 0.6, "max_features": "sqrt", "max_depth": 5},
    {"init": "zero", "learning_rate": 1.0},
    {"max_depth": None, "min_samples_leaf": 4},
    {"max_leaf_nodes": 5, "min_samples_split": 0.1},
    {"min_weight_fraction_leaf": 0.1, "subsample": 0.9},
    {"min_impurity_decrease": 0.02, "max_features": 2},
    {"ccp_alpha": 0.01, "max_depth": 4},
    {"n_iter_no_change": 2, "tol": 0.1, "n_estimators": 12, "criterion": "squared_error"},  # warns
]


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("loss", LOSSES)
def test_settings(loss, settings, weights):
    pair = both(loss, sample_weight=WEIGHTS[weights], **settings)
    assert bits(pair[0].feature_importances_) == bits(pair[1].feature_importances_)
    if weights == "all 1":
        assert_same(pair, X)
        assert_same_stages(*pair, X[:20])


@pytest.mark.parametrize("alpha", [0.05, 0.5, 0.99])
@pytest.mark.parametrize("loss", ["huber", "quantile"])
def test_alpha(loss, alpha):
    both(loss, alpha=alpha, sample_weight=WHOLE)


DATA = {
    "float32": lambda A: A.astype(np.float32),
    "float32 F": lambda A: np.asfortranarray(A, dtype=np.float32),
    "int": lambda A: (10 * A).astype(np.int16),
    "strided": lambda A: np.repeat(A, 2, axis=0)[::2],
}


@pytest.mark.parametrize("kind", DATA)
@pytest.mark.parametrize("loss", ["squared_error", "log_loss of three"])
def test_data(loss, kind):
    data = DATA[kind](X)
    pair = both(loss, data)
    for asked in (data, data[:5], data[:1]):
        assert_same(pair, asked)


@pytest.mark.parametrize("form", ["csr", "csc", "coo"])
@pytest.mark.parametrize("loss", ["huber", "log_loss of three"])
def test_sparse(loss, form):
    """scikit-learn walks sparse columns in an order of its own; continuous values leave it one best split."""
    dense = np.random.RandomState(7).standard_normal((len(X), 4))
    data = as_csr(dense).asformat(form)
    pair = [est.set_params(subsample=0.7).fit(data, LOSSES[loss][1]) for est in pair_of(loss)]
    for mine, theirs in zip(*map(members, pair), strict=True):
        assert same_structure(mine.tree_, theirs.tree_)
    for asked in (data, data.tocsr()[:1], dense):
        for method in methods_of(pair[1]):
            mine, theirs = (getattr(est, method)(asked) for est in pair)
            np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-12)


LABELS = {
    "str": np.array(["low", "medium", "h"])[CLASSES],
    "bool": CLASSES > 0,
    "float": CLASSES + 0.5 - 0.5,
    "list": CLASSES.tolist(),
    "column": CLASSES[:, None],
}


@pytest.mark.parametrize("labels", LABELS)
def test_labels(labels):
    assert_same(fit_both(*pair_of("log_loss", n_estimators=2), X, LABELS[labels]), X)


INITS = {
    "squared_error": [LinearRegression(), DummyRegressor(strategy="median"), DummyClassifier(strategy="prior")],
    "log_loss": [LogisticRegression(), DummyClassifier(strategy="prior"), DummyClassifier(strategy="uniform")],
    "log_loss of three": [LogisticRegression(), DummyClassifier(strategy="prior")],
}


@pytest.mark.parametrize("weights", [None, WHOLE], ids=["all 1", "whole"])
@pytest.mark.parametrize(("loss", "init"), [(loss, init) for loss in INITS for init in INITS[loss]], ids=str)
def test_first_estimates(loss, init, weights):
    target = LOSSES[loss][1]
    target = np.round(target) if loss == "squared_error" else target
    pair = [est.set_params(init=clone(init)) for est in pair_of(loss)]
    fit_both(*pair, X, target, weights)
    for asked in (X, X[:1]):
        assert_same(pair, asked)
    assert_same_stages(*pair, X[:3])


@pytest.mark.parametrize("loss", ["squared_error", "log_loss of three"])
def test_warm_start(loss):
    pair = pair_of(loss, warm_start=True, subsample=0.8)
    y = LOSSES[loss][1]
    fit_both(*pair, X, y)
    first = pair[0].estimators_[0, 0]
    for est in pair:
        est.set_params(n_estimators=7)
    fit_both(*pair, X, y)
    assert pair[0].estimators_[0, 0] is first
    fit_both(*pair, X, y)
    for est in pair:
        est.set_params(n_estimators=9, n_iter_no_change=3)
    fit_both(*pair, X, y)
    assert_same(pair, X)
    for est in pair:
        est.set_params(n_estimators=2)
    assert_same_complaint(*(outcome(est.fit, X, y) for est in pair))
    assert_same(pair, X)


def test_a_monitor_sees_and_stops():
    seen = []

    def monitor(i, est, local):
        copied = copy.deepcopy(est)
        known = {name: local[name] for name in ("i", "raw_predictions", "sample_mask", "n_inbag")}
        seen.append((i, bits(known), bits(est.train_score_), len(pickle.dumps(copied)) > 0, sorted(local)))
        return i == 2

    pair = pair_of("log_loss of three", subsample=0.5)
    fit_both(*pair, X, CLASSES, monitor=monitor)
    assert len(seen) == 6
    assert seen[:3] == seen[3:]
    assert pair[0].n_estimators_ == 3


@pytest.mark.parametrize("subsample", [1.0, 0.5])
@pytest.mark.parametrize("verbose", [1, 2])
def test_verbose(verbose, subsample, capsys):
    texts = []
    for est in pair_of("huber", verbose=verbose, subsample=subsample, n_estimators=12):
        est.fit(X, NUMBERS)
        texts.append("\n".join(line[: line.rfind(" ")] for line in capsys.readouterr().out.splitlines()))
    assert_same_text(*texts)


def test_random_state_instances_advance_alike():
    states = [np.random.RandomState(5) for _ in range(2)]
    for _ in range(2):
        pair = pair_of("log_loss", subsample=0.5, n_iter_no_change=2)
        for est, state in zip(pair, states, strict=True):
            est.set_params(random_state=state)
        fit_both(*pair, X, CLASSES > 0)
    assert states[0].randint(1000) == states[1].randint(1000)


@given(
    loss=st.sampled_from(list(LOSSES)),
    seed=st.integers(0, 2**31 - 1),
    n=st.integers(4, 80),
    d=st.integers(1, 5),
    subsample=st.sampled_from([1.0, 0.5]),
    max_features=st.sampled_from([None, 1, "sqrt"]),
    max_depth=st.sampled_from([None, 1, 3]),
    max_leaf_nodes=st.sampled_from([None, 4]),
    weigh=st.booleans(),
)
def test_any_boosting(loss, seed, n, d, weigh, **params):
    data = cloud(seed % 2**32, n, d)
    random = np.random.RandomState(seed)
    kind, y = LOSSES[loss]
    n_classes = len(np.unique(y))
    y = random.standard_normal(n) if kind == "regressor" else np.arange(n) % n_classes
    weights = random.uniform(0.5, 2, size=n) if weigh else None
    pair = fit_both(*pair_of(loss, random_state=seed, n_estimators=3, **params), data, y, sample_weight=weights)
    assert_same(pair, data)


def test_real_data():
    for load, loss in ((load_iris, "log_loss of three"), (load_breast_cancer, "exponential")):
        data, y = load(return_X_y=True)
        pair = pair_of(loss, n_estimators=15, max_features="sqrt")
        assert_same(fit_both(*pair, data, y), data)


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", "quantile"])
def test_values_that_repeat_in_large_nodes(loss):
    """There sums are not taken in scikit-learn's order: they round otherwise, and here no tree grows otherwise."""
    data, y = load_diabetes(return_X_y=True)
    pair = [est.set_params(n_estimators=25, subsample=0.8).fit(data, y) for est in pair_of(loss)]
    for mine, theirs in zip(*map(members, pair), strict=True):
        assert same_structure(mine.tree_, theirs.tree_)
    np.testing.assert_allclose(*(est.predict(data) for est in pair), rtol=1e-12)
    np.testing.assert_allclose(*(est.train_score_ for est in pair), rtol=1e-12)


def test_names_of_columns():
    """The first tree judges what `apply` is given, and no tree knows the names."""
    frame = pd.DataFrame(X, columns=list("abcdef"))
    pair = both("squared_error", frame)
    assert_same(pair, frame)
    assert_same(pair, X)
    assert outcome(pair[0].apply, frame).warned
    assert not outcome(pair[0].predict, frame).warned


def test_many_rows():
    """So many that samples are cut into blocks and features are looked at side by side."""
    data = np.random.RandomState(1).standard_normal((6000, 4))
    y = np.sin(data[:, 0]) + data[:, 1] * data[:, 2]
    pair = pair_of("squared_error", n_estimators=3)
    assert_same(fit_both(*pair, data, y), data)


WRONG = {
    "short y": {"y": NUMBERS[:-1]},
    "two outputs": {"y": np.column_stack([NUMBERS, NUMBERS])},
    "infinite": {"X": np.where(X[0, 0] == X, np.inf, X)},
    "gaps": {"X": with_gaps(X)},
    "no weights": {"sample_weight": np.zeros(len(X))},
    "huge max_depth": {"max_depth": 10**30},
    "huge min_samples_leaf": {"min_samples_leaf": 10**30},
    "criterion": {"criterion": "friedman_mse", "max_depth": 0},
    "leaves without weight": {"loss": "huber", "sample_weight": np.where(np.arange(len(X)) % 2, 1.0, -1.0)},
    "validation": {"n_iter_no_change": 2, "validation_fraction": 0.999},
}


@pytest.mark.parametrize("seed", [0, np.random.RandomState(0)], ids=["number", "instance"])
@pytest.mark.parametrize("case", WRONG)
def test_complaints(case, seed):
    wrong = {"X": X, "y": NUMBERS, "sample_weight": None, "loss": "squared_error", **WRONG[case]}
    args = [wrong.pop(part) for part in ("X", "y", "sample_weight")]
    pair = [est.set_params(random_state=copy.deepcopy(seed)) for est in pair_of(wrong.pop("loss"), **wrong)]
    done = [outcome(est.fit, *args) for est in pair]
    assert_same_complaint(*done)
    assert done[0].error is not None
    assert set(vars(pair[0])) == set(pair[0].get_params())
    assert bits(taken_apart("seed", pair[0].random_state)) == bits(taken_apart("seed", pair[1].random_state))


@pytest.mark.fallback
def test_what_the_leaves_refuse_the_parent_answers_from_the_start():
    """With weights of both signs a leaf may have none, some stages on: the parent starts as if nothing had been."""
    weights = np.where(np.arange(len(X)) % 7, 1.0, -1.0)
    refused = 0
    for seed in range(6):
        pair = pair_of("log_loss", random_state=np.random.RandomState(seed), n_estimators=6, max_depth=6)
        pair[1].set_params(random_state=np.random.RandomState(seed))
        done = [outcome(est.fit, X, CLASSES > 0, weights) for est in pair]
        assert_same_complaint(*done)
        refused += done[1].error is not None
    assert refused > 0


def test_gradients_that_grow_without_bounds():
    """Infinity and NaN go where scikit-learn lets them go."""
    for loss in ("squared_error", "exponential"):
        pair = pair_of(loss, learning_rate=1e200, n_estimators=5)
        done = [outcome(est.fit, X, LOSSES[loss][1]) for est in pair]
        assert_same_complaint(*done)
        np.testing.assert_array_equal(*(did.value.train_score_ for did in done))
        assert not np.isfinite(done[0].value.train_score_).all()


@given(
    values=st.lists(st.sampled_from([-1.5, 0.0, 0.25, 1.0, 7.0, np.nan]), min_size=1, max_size=12),
    seed=st.integers(0, 1000),
    percent=st.sampled_from([0.0, 10.0, 50.0, 90.0, 100.0]),
)
def test_weighted_quantile(values, seed, percent):
    values = np.array(values)
    weights = np.random.RandomState(seed).randint(0, 3, size=len(values)).astype(float)
    for given_weights in (weights, np.ones(len(values))):
        found = weighted_quantile(values=values, weights=given_weights, percent=percent)
        np.testing.assert_array_equal(found, _weighted_percentile(values, given_weights, percent))
    assert bits(weighted_quantile(values=values, weights=None, percent=percent)) == bits(float(found))


# ---- trees and answers that change ----


def test_estimators_are_mlfasts_and_read_by_others():
    est, theirs = both("log_loss of three")
    assert est.estimators_.shape == (4, 3)
    assert {type(tree) for tree in est.estimators_.ravel()} == {mlfast.tree.DecisionTreeRegressor}
    assert isinstance(clone(est.estimators_[0, 0]).fit(X, NUMBERS), mlfast.tree.DecisionTreeRegressor)
    found = [partial_dependence(e, X, [0], method="recursion")["average"] for e in both("squared_error")]
    assert bits(found[0]) == bits(found[1])
    assert est.estimators_[0, 0].random_state is est._rng
    assert theirs.estimators_[0, 0].random_state is theirs._rng


@pytest.mark.parametrize("rows", [1, 3, 150])
def test_what_is_done_to_trees_is_seen(rows):
    pair = both("squared_error")
    first = pair[0].predict(X[:rows])
    for est in pair:
        est.estimators_[1, 0].tree_.value[...] += 2.5
    assert_same(pair, X[:rows])
    assert not np.array_equal(pair[0].predict(X[:rows]), first)
    for est in pair:
        est.estimators_ = est.estimators_[[3, 0]]
        est.learning_rate = 0.7
    assert_same(pair, X[:rows])
    assert_same_stages(*pair, X[:rows])


def test_missing_values_in_new_data():
    pair = both("squared_error")
    assert_same_answers(*pair, with_gaps(X), ["predict", "apply"])


def test_a_prediction_changes_no_attribute():
    est = ours.GradientBoostingClassifier(n_estimators=3, random_state=0).fit(X, CLASSES)
    before = vars(est).copy()
    est.predict(X)
    list(est.staged_predict(X))
    assert vars(est) == before


def test_pickles_hold_little_more_than_the_parents():
    pair = both("squared_error", n_estimators=40)
    pair[0].predict(X)
    mine, parents = (len(pickle.dumps(est)) for est in pair)
    assert mine <= 1.02 * parents
    loaded = pickle.loads(pickle.dumps(pair[0]))
    assert_same((loaded, pair[1]), X)


@pytest.mark.parametrize("loss", ["huber", "log_loss of three"])
def test_conversion_both_ways(loss):
    mine, theirs = both(loss)
    plain, fast = mlfast.to_sklearn(mine), mlfast.from_sklearn(theirs)
    assert type(plain) is type(theirs)
    assert type(plain.estimators_[0, 0]) is type(theirs.estimators_[0, 0])
    assert type(fast.estimators_[0, 0]) is mlfast.tree.DecisionTreeRegressor
    assert_same((fast, theirs), X)
    assert bits(plain.predict(X)) == bits(theirs.predict(X))
    plain.set_params(warm_start=True, n_estimators=6).fit(X, LOSSES[loss][1])


def swapped(stages, tree):
    stages = stages.copy()
    stages[0, 0] = tree
    return stages


BROKEN = {
    "no table": lambda stages: None,
    "list": lambda stages: stages.tolist(),
    "one dimension": lambda stages: stages[:, 0],
    "no stages": lambda stages: stages[:0],
    "another number of trees": lambda stages: np.hstack([stages, stages]),
    "no tree": lambda stages: swapped(stages, object()),
    "features": lambda stages: swapped(stages, mlfast.tree.DecisionTreeRegressor().fit(X[:, :2], NUMBERS)),
    "outputs": lambda stages: swapped(stages, mlfast.tree.DecisionTreeRegressor().fit(X, X)),
    "classes": lambda stages: swapped(stages, mlfast.tree.DecisionTreeClassifier().fit(X, CLASSES)),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_state_is_refused(case):
    est = ours.GradientBoostingRegressor(n_estimators=2, random_state=0).fit(X, NUMBERS)
    state = est.__getstate__()
    with pytest.raises(ValueError, match="corrupt state"):
        ours.GradientBoostingRegressor().__setstate__({**state, "estimators_": BROKEN[case](state["estimators_"])})
