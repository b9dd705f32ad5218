"""Bagging against scikit-learn's: the same portions, the same trees, and the same answers, bit for bit."""

import pickle

import numpy as np
import pytest
import sklearn
import sklearn.ensemble as parent
import sklearn.tree
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.svm import SVC

import mlfast
import mlfast.ensemble as ours
import mlfast.tree

from ..compare import assert_same_complaint, bits, outcome
from ..tree.parity import as_csr, classes, cloud, counts, with_gaps
from .parity import DATA, assert_same_answers, assert_same_refusal, assert_same_state, fit_both, pair_around

X = cloud(0, 200, 6)
Y = classes(X)
NUMBERS = counts(X)
WEIGHTS = np.random.RandomState(2).randint(0, 4, size=len(X)).astype(float)
METHODS = ["predict"]  # and what assert_same_answers adds for classes
BOTH = ("BaggingClassifier", "BaggingRegressor")


def pair_of(name, **params):
    return pair_around(name, **{"n_estimators": 4, **params})


def both(name, data=X, target=None, sample_weight=None, **params):
    target = target if target is not None else (Y if name == "BaggingClassifier" else NUMBERS)
    pair = fit_both(*pair_of(name, **params), data, target, sample_weight=sample_weight)
    assert bits(pair[0].estimators_samples_) == bits(pair[1].estimators_samples_)
    return pair


LABELS = {
    "str": np.array(["low", "medium", "h"])[Y],
    "bool": Y > 0,
    "float": Y + 0.0,
    "list": Y.tolist(),
    "one class": np.zeros_like(Y),
    "column": Y[:, None],
}


@pytest.mark.parametrize("labels", LABELS)
def test_labels(labels):
    assert_same_answers(*both("BaggingClassifier", target=LABELS[labels]), X, METHODS)


@pytest.mark.parametrize("outputs", [1, 2])
def test_numbers(outputs):
    y = NUMBERS if outputs == 1 else np.column_stack([NUMBERS, -NUMBERS])
    assert_same_answers(*both("BaggingRegressor", target=y), X, METHODS)


@pytest.mark.parametrize("max_features", [1.0, 0.5])
@pytest.mark.parametrize("kind", DATA)
@pytest.mark.parametrize("name", BOTH)
def test_data(name, kind, max_features):
    data = DATA[kind](X)
    pair = both(name, data, max_features=max_features)
    for asked in (data, data[:7], data[:1]):
        assert_same_answers(*pair, asked, METHODS)


SETTINGS = [
    {"max_samples": 40},
    {"max_samples": 0.3},
    {"bootstrap": False, "max_samples": 0.5},
    {"bootstrap": False, "max_samples": 40},
    {"bootstrap": False, "max_samples": 200},
    {"max_features": 3},
    {"max_features": 0.01},
    {"bootstrap_features": True},
    {"bootstrap_features": True, "max_features": 0.5, "bootstrap": False, "max_samples": 30},
]


@pytest.mark.parametrize("weights", [None, WEIGHTS, WEIGHTS.astype(np.float32) / 3], ids=["all 1", "whole", "float32"])
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("name", BOTH)
def test_settings(name, settings, weights):
    pair = pair_of(name, **settings)
    y = Y if name == "BaggingClassifier" else NUMBERS
    done = [outcome(est.fit, X, y, sample_weight=weights) for est in pair]
    assert_same_complaint(*done)  # there may be fewer rows with a weight than are to be drawn
    if done[1].error is None:
        assert_same_state(*pair)
        assert_same_answers(*pair, X[:20], METHODS)


TREES = [
    ("DecisionTree", {"max_depth": 3, "max_features": "sqrt"}),
    ("DecisionTree", {"splitter": "random", "min_samples_leaf": 0.05, "random_state": 1}),
    ("DecisionTree", {"max_leaf_nodes": 6, "min_weight_fraction_leaf": 0.02}),
    ("DecisionTree", {"ccp_alpha": 0.02}),
    ("ExtraTree", {"max_features": 2}),
]


@pytest.mark.parametrize("max_features", [1.0, 0.7])
@pytest.mark.parametrize("tree", TREES, ids=str)
@pytest.mark.parametrize("name", BOTH)
def test_trees(name, tree, max_features):
    pair = both(name, tree=(tree[0] + name[7:], tree[1]), max_features=max_features)
    assert_same_answers(*pair, X, METHODS)


@pytest.mark.parametrize("weighing", ["balanced", {0: 1, 1: 3, 2: 0.5}], ids=str)
def test_class_weight(weighing):
    both("BaggingClassifier", tree=("DecisionTreeClassifier", {"class_weight": weighing}), sample_weight=WEIGHTS)


def test_monotonic_constraints_are_of_the_features_drawn():
    tree = ("DecisionTreeRegressor", {"monotonic_cst": [1, 0, -1]})
    both("BaggingRegressor", tree=tree, max_features=3)


@pytest.mark.parametrize("settings", [{}, {"max_features": 0.5}, {"max_samples": 0.2, "n_estimators": 2}], ids=str)
@pytest.mark.parametrize("name", BOTH)
def test_out_of_bag(name, settings):
    for data in (X, as_csr(X)):
        both(name, data, oob_score=True, **{"n_estimators": 15, **settings})
    both(name, sample_weight=WEIGHTS, oob_score=True, **settings)


@pytest.mark.parametrize("name", BOTH)
def test_warm_start(name):
    pair = pair_of(name, warm_start=True, max_features=0.6)
    y = Y if name == "BaggingClassifier" else NUMBERS
    fit_both(*pair, X, y)
    first = pair[0].estimators_[0]
    for est in pair:
        est.set_params(n_estimators=7)
    fit_both(*pair, X, y)
    assert pair[0].estimators_[0] is first
    fit_both(*pair, X, y)  # warns
    assert_same_answers(*pair, X, METHODS)
    for est in pair:
        est.set_params(n_estimators=2)
    assert_same_complaint(*(outcome(est.fit, X, y) for est in pair))


def test_random_state_instances_advance_alike():
    states = [np.random.RandomState(5) for _ in range(2)]
    for est, state in zip(pair_of("BaggingClassifier"), states, strict=True):
        est.set_params(random_state=state).fit(X, Y)
    assert states[0].randint(1000) == states[1].randint(1000)


def test_verbose_names_the_estimators(capsys):
    ours.BaggingRegressor(n_estimators=2, verbose=2).fit(X, Y)
    expected = [f"Building estimator {i} of 2 for this parallel run (total 2)..." for i in (1, 2)]
    assert capsys.readouterr().out.splitlines() == expected


# ---- other estimators ----


def test_other_estimators_run_in_the_loop_of_scikit_learn():
    for name, estimator, y, methods in (
        ("BaggingClassifier", LogisticRegression(max_iter=200), Y, ["predict", "decision_function"]),
        ("BaggingClassifier", SVC(), Y, ["predict", "decision_function"]),
        ("BaggingClassifier", sklearn.tree.DecisionTreeClassifier(max_depth=2), Y, ["predict"]),
        ("BaggingRegressor", LinearRegression(), NUMBERS, ["predict"]),
    ):
        pair = pair_of(name, estimator=estimator, max_features=0.5, oob_score=True, n_estimators=9)
        for est in pair:
            est.fit(X, y)
        assert type(pair[0].estimators_[0]) is type(estimator)
        assert pair[0].oob_score_ == pair[1].oob_score_
        assert_same_answers(*pair, X, methods)


def test_routed_metadata_reach_the_trees():
    weights = np.linspace(0.5, 2, len(X))
    with sklearn.config_context(enable_metadata_routing=True):
        pair = pair_of("BaggingClassifier", tree=("DecisionTreeClassifier", {}))
        for est in pair:
            est.estimator.set_fit_request(sample_weight=False)
            est.fit(X, Y, sample_weight=weights)
        assert_same_state(*pair)
        assert_same_answers(*pair, X, METHODS)
        assert str(pair[0].get_metadata_routing()) == str(pair[1].get_metadata_routing())
    done = [outcome(est.fit, X, Y, check_input=False) for est in pair_of("BaggingClassifier")]
    assert_same_complaint(*done)


WRONG = {
    "infinite": {"X": np.where(X[0, 0] == X, np.inf, X)},
    "3-D": {"X": X[:, :, None]},
    "short y": {"y": Y[:-1]},
    "two outputs": {"y": np.column_stack([Y, Y])},
    "numbers": {"y": NUMBERS + 0.5},
    "no weights": {"sample_weight": np.zeros(200)},
    "weights of both signs": {"sample_weight": np.linspace(-1, 2, 200)},
    "oob without bootstrap": {"bootstrap": False, "oob_score": True},
    "oob and warm start": {"warm_start": True, "oob_score": True},
    "more rows than there are": {"bootstrap": False, "max_samples": 201},
    "more features than there are": {"max_features": 7},
    "max_depth": {"tree": {"max_depth": 0}},
    "monotonic": {"tree": {"monotonic_cst": [1, 0, 0, 0, 0, 0]}},
    "no estimator": {"estimator": "tree"},
    "n_jobs": {"n_jobs": 0},
}


@pytest.mark.parametrize("case", WRONG)
def test_complaints(case):
    wrong = {"X": X, "y": Y, "sample_weight": None, **WRONG[case]}
    if "tree" in wrong:
        wrong["tree"] = ("DecisionTreeClassifier", wrong["tree"])
    args = [wrong.pop(part) for part in ("X", "y", "sample_weight")]
    assert_same_refusal(pair_of("BaggingClassifier", **wrong), *args)


@pytest.mark.parametrize("max_features", [1.0, 0.5])
@pytest.mark.parametrize("name", BOTH)
def test_complaints_about_what_is_asked(name, max_features):
    pair = both(name, max_features=max_features)
    for asked in (X[:, :3], with_gaps(X), X[0], np.where(X[0, 0] == X, np.inf, X), X.astype(str)):
        assert_same_answers(*pair, asked, METHODS)
    assert_same_complaint(*(outcome(est.predict, X) for est in pair_of(name)))


# ---- the rest ----


@given(
    name=st.sampled_from(BOTH),
    seed=st.integers(0, 2**31 - 1),
    n=st.integers(2, 80),
    d=st.integers(1, 6),
    bootstrap=st.booleans(),
    bootstrap_features=st.booleans(),
    max_samples=st.sampled_from([None, 0.5, 1]),
    max_features=st.sampled_from([1.0, 1, 0.5]),
    gaps=st.booleans(),
    weigh=st.booleans(),
)
def test_any_bagging(name, seed, n, d, gaps, weigh, **params):
    data = cloud(seed % 2**32, n, d)
    y = classes(data) if name == "BaggingClassifier" else counts(data)
    weights = np.random.RandomState(seed).uniform(0.5, 2, size=n) if weigh else None
    data = with_gaps(data) if gaps else data
    pair = pair_of(name, random_state=seed, n_estimators=3, **params)
    done = [outcome(est.fit, data, y, sample_weight=weights) for est in pair]
    assert_same_complaint(*done)
    if done[1].error is None:
        assert_same_state(*pair)
        assert_same_answers(*pair, data, METHODS)


def test_real_data():
    assert_same_answers(*both("BaggingClassifier", *load_iris(return_X_y=True)), load_iris().data, METHODS)
    data, y = load_diabetes(return_X_y=True)
    assert_same_answers(*both("BaggingRegressor", data, y), data, METHODS)


def test_estimators_are_mlfasts():
    for name in BOTH:
        kind = getattr(mlfast.tree, "DecisionTree" + name[7:])
        est = getattr(ours, name)(n_estimators=2, random_state=0).fit(X, Y)
        assert {type(tree) for tree in [est.estimator_, *est.estimators_]} == {kind}


def test_what_is_done_to_members_is_seen():
    pair = both("BaggingRegressor")
    first = pair[0].predict(X)
    for est in pair:
        est.estimators_[1].tree_.value[...] += 2.5
    assert_same_answers(*pair, X, METHODS)
    assert not np.array_equal(pair[0].predict(X), first)
    for est in pair:
        est.n_estimators = 2  # the first two answer, and no other
    assert_same_answers(*pair, X, METHODS)
    for est in pair:
        est.n_estimators = 4
        est.estimators_features_ = [drawn[::-1] for drawn in est.estimators_features_]
    assert_same_answers(*pair, X, METHODS)
    for est in pair:
        est.estimators_[0] = LinearRegression().fit(X, Y)
    assert_same_answers(*pair, X, METHODS)


@pytest.mark.parametrize("max_features", [1.0, 0.5])
@pytest.mark.parametrize("name", BOTH)
def test_pickles_and_conversion(name, max_features):
    mine, theirs = both(name, max_features=max_features)
    before = vars(mine).copy()
    mine.predict(X)
    assert vars(mine) == before
    loaded = pickle.loads(pickle.dumps(mine))
    assert_same_state(loaded, theirs)
    assert_same_answers(loaded, theirs, X, METHODS)
    plain, fast = mlfast.to_sklearn(mine), mlfast.from_sklearn(theirs)
    assert type(plain) is getattr(parent, name)
    assert type(plain.estimators_[0]) is type(theirs.estimators_[0])
    assert type(fast.estimators_[0]) is type(mine.estimators_[0])
    assert_same_answers(fast, theirs, X, METHODS)
    assert bits(plain.predict(X)) == bits(theirs.predict(X))


def test_an_ensemble_in_the_middle_of_a_fit_is_handed_to_other_processes():
    """As scikit-learn's loop does with ``n_jobs``: there are no members yet."""
    est = ours.BaggingClassifier(LogisticRegression(), n_estimators=2)
    est.estimators_, est.estimators_features_ = [], []
    assert vars(pickle.loads(pickle.dumps(est)))["estimators_"] == []


BROKEN = {
    "no list": lambda state: state | {"estimators_": None},
    "no trees": lambda state: state | {"estimators_": []},
    "features of the data": lambda state: state | {"_max_features": 9},
    "no features": lambda state: state | {"estimators_features_": None},
    "few features": lambda state: state | {"estimators_features_": state["estimators_features_"][:1]},
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_state_is_refused(case):
    est = ours.BaggingClassifier(n_estimators=2, random_state=0).fit(X, Y)
    with pytest.raises(ValueError, match="corrupt state"):
        ours.BaggingClassifier().__setstate__(BROKEN[case](est.__getstate__()))
