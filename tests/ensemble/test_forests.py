"""Forests against scikit-learn's: the same trees, node for node, and the same answers, bit for bit."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn.ensemble as parent
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits
from sklearn.inspection import permutation_importance
from sklearn.metrics import balanced_accuracy_score
from sklearn.tree._criterion import Gini

import mlfast
import mlfast.ensemble as ours
import mlfast.tree

from ..compare import assert_same_complaint, bits, outcome
from ..tree.parity import as_csr, classes, cloud, counts, with_gaps
from .parity import DATA, assert_same_answers, assert_same_refusal, assert_same_state, fit_both

X = cloud(0, 200, 6)
Y = classes(X)
WEIGHTS = np.random.RandomState(2).randint(0, 4, size=len(X)).astype(float)
CLASSIFIERS = ("RandomForestClassifier", "ExtraTreesClassifier")
REGRESSORS = ("RandomForestRegressor", "ExtraTreesRegressor")


def pair_of(name, **params):
    params = {"random_state": 3, "n_estimators": 5, **params}
    return getattr(ours, name)(**params), getattr(parent, name)(**params)


def both(name, data=X, target=None, sample_weight=None, **params):
    target = target if target is not None else (Y if name in CLASSIFIERS else counts(data))
    return fit_both(*pair_of(name, **params), data, target, sample_weight=sample_weight)


LABELS = {
    "str": np.array(["low", "medium", "h"])[Y],
    "bool": Y > 0,
    "float": Y + 0.0,
    "list": Y.tolist(),
    "one class": np.zeros_like(Y),
    "column": Y[:, None],
    "two outputs": np.column_stack([Y, Y % 2 + 7]),
    "string outputs": np.array(["a", "bcd"])[np.column_stack([Y == 1, Y == 2]).astype(int)],
}


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_labels(name, labels):
    pair = both(name, target=LABELS[labels])
    assert_same_answers(*pair, X)
    assert bits(pair[0].feature_importances_) == bits(pair[1].feature_importances_)


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("name", REGRESSORS)
def test_numbers(name, outputs):
    y = counts(X)
    pair = both(name, target=y if outputs == 1 else np.column_stack([y, -y]))
    assert_same_answers(*pair, X)
    assert bits(pair[0].feature_importances_) == bits(pair[1].feature_importances_)


@pytest.mark.parametrize("kind", DATA)
@pytest.mark.parametrize("name", [*CLASSIFIERS, *REGRESSORS])
def test_data(name, kind):
    data = DATA[kind](X)
    pair = both(name, data, Y, n_estimators=3)
    for asked in (data, data[:7], data[:1]):
        assert_same_answers(*pair, asked)


SETTINGS = [
    {"bootstrap": True, "max_samples": 40},
    {"bootstrap": True, "max_samples": 0.3},
    {"bootstrap": True, "min_weight_fraction_leaf": 0.1},
    {"bootstrap": False},
    {"bootstrap": False, "min_weight_fraction_leaf": 0.1},
    {"max_depth": 3, "max_features": 2},
    {"max_leaf_nodes": 9, "min_samples_leaf": 2},
    {"min_samples_split": 0.1, "min_impurity_decrease": 0.01},
    {"ccp_alpha": 0.02, "bootstrap": True},
]


@pytest.mark.parametrize("weights", [None, WEIGHTS, WEIGHTS.astype(np.float32) / 3], ids=["all 1", "whole", "float32"])
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("name", [*CLASSIFIERS, *REGRESSORS])
def test_settings(name, settings, weights):
    both(name, sample_weight=weights, n_estimators=3, **settings)


@pytest.mark.parametrize("criterion", ["entropy", "log_loss"])
def test_criteria_of_classes(criterion):
    both("RandomForestClassifier", criterion=criterion)


@pytest.mark.parametrize("criterion", ["absolute_error", "poisson"])
@pytest.mark.parametrize("name", REGRESSORS)
def test_criteria_of_numbers(name, criterion):
    both(name, criterion=criterion, max_depth=4)


WEIGHINGS = ["balanced", "balanced_subsample", {0: 1, 1: 3, 2: 0.5}]


@pytest.mark.parametrize("bootstrap", [True, False])
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["all 1", "whole"])
@pytest.mark.parametrize("weighing", WEIGHINGS, ids=str)
def test_class_weight(weighing, weights, bootstrap):
    both("RandomForestClassifier", sample_weight=weights, class_weight=weighing, bootstrap=bootstrap)


@pytest.mark.parametrize("bootstrap", [True, False])
@pytest.mark.parametrize("weighing", ["balanced", "balanced_subsample"])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_balanced_class_that_weighs_nothing(name, weighing, bootstrap):
    weights = np.where(Y[0] == Y, 0.0, 1.0)
    pair = pair_of(name, class_weight=weighing, bootstrap=bootstrap)
    mine, theirs = (outcome(est.fit, X, Y, sample_weight=weights) for est in pair)
    assert_same_complaint(mine, theirs)


def test_balanced_subsample_of_rare_classes_and_two_outputs():
    """Most trees miss one of the rare classes, and a leaf must have a share of a weight that is a sum of fractions."""
    y = np.column_stack([np.arange(len(X)) // 66, Y])
    params = {"class_weight": "balanced_subsample", "max_samples": 60, "min_weight_fraction_leaf": 0.03}
    both("RandomForestClassifier", target=y, bootstrap=True, n_estimators=8, **params)


@pytest.mark.parametrize("name", [*CLASSIFIERS, *REGRESSORS])
def test_monotonic(name):
    both(name, target=Y > 0, monotonic_cst=[1, 0, -1, 0, 0, 0])


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("name", [*CLASSIFIERS, *REGRESSORS])
def test_out_of_bag(name, outputs, sparse):
    y = (Y > 0).astype(int) if outputs == 1 else np.column_stack([Y > 0, Y > 1]).astype(int)
    data = as_csr(X) if sparse else X
    both(name, data, y, bootstrap=True, oob_score=True, n_estimators=20)


def test_out_of_bag_with_weights_few_trees_and_a_score_of_ones_own():
    both(
        "RandomForestClassifier",
        sample_weight=WEIGHTS,
        oob_score=lambda y, found: balanced_accuracy_score(y.ravel(), found),
        n_estimators=3,
    )
    both("RandomForestRegressor", oob_score=True, n_estimators=2)


@pytest.mark.parametrize("name", [*CLASSIFIERS, *REGRESSORS])
def test_warm_start(name):
    pair = pair_of(name, warm_start=True, n_estimators=3, bootstrap=True, oob_score=True)
    y = (Y > 0).astype(int)
    fit_both(*pair, X, y)
    first = pair[0].estimators_[0]
    for est in pair:
        est.set_params(n_estimators=6)
    fit_both(*pair, X, y)
    assert pair[0].estimators_[0] is first
    fit_both(*pair, X, y)  # warns
    assert_same_answers(*pair, X)
    for est in pair:
        est.set_params(n_estimators=2)
    assert_same_complaint(*(outcome(est.fit, X, y) for est in pair))


def test_random_state_instances_advance_alike():
    states = [np.random.RandomState(5) for _ in range(2)]
    for _ in range(2):
        pair = pair_of("RandomForestClassifier")
        for est, state in zip(pair, states, strict=True):
            est.set_params(random_state=state)
            est.fit(X, Y)
        for tree, parents in zip(pair[0].estimators_, pair[1].estimators_, strict=True):
            assert tree.random_state == parents.random_state
    assert states[0].randint(1000) == states[1].randint(1000)


def test_samples_of_the_trees():
    for weights in (None, WEIGHTS):
        pair = both("RandomForestClassifier", sample_weight=weights)
        assert bits(pair[0].estimators_samples_) == bits(pair[1].estimators_samples_)
    pair = both("ExtraTreesClassifier")
    assert bits(pair[0].estimators_samples_) == bits(pair[1].estimators_samples_)


@given(
    name=st.sampled_from([*CLASSIFIERS, *REGRESSORS]),
    seed=st.integers(0, 2**31 - 1),
    n=st.integers(2, 60),
    d=st.integers(2, 6),
    bootstrap=st.booleans(),
    max_features=st.sampled_from([None, 1, "sqrt", 0.5]),
    max_depth=st.sampled_from([None, 2, 5]),
    max_leaf_nodes=st.sampled_from([None, 4]),
    gaps=st.booleans(),
    weigh=st.booleans(),
)
def test_any_forest(name, seed, n, d, gaps, weigh, **params):
    data = cloud(seed % 2**32, n, d)
    y = classes(data) if name in CLASSIFIERS else counts(data)
    weights = np.random.RandomState(seed).randint(1, 3, size=n).astype(float) if weigh else None
    data = with_gaps(data) if gaps else data
    pair = both(name, data, y, sample_weight=weights, random_state=seed, n_estimators=3, **params)
    assert_same_answers(*pair, data)


def test_digits():
    data, y = load_digits(return_X_y=True)
    assert_same_answers(*both("RandomForestClassifier", data, y, n_estimators=20), data)
    assert_same_answers(*both("ExtraTreesClassifier", data, y, n_estimators=20), data)


def test_continuous_targets():
    """Sums round, so a tie may end the other way; here none does."""
    data, y = load_diabetes(return_X_y=True)
    for name in REGRESSORS:
        assert_same_answers(*both(name, data, y, n_estimators=20), data)


@pytest.mark.fallback
def test_a_criterion_object_is_left_to_the_parent():
    # The object's state is for one tree; the parent copies it for each.
    pair = pair_of("RandomForestClassifier", criterion=Gini(1, np.array([3], dtype=np.intp)))
    for est in pair:
        est.fit(X, Y)
    assert_same_answers(*pair, X)


WRONG = {
    "sparse y": {"y": sp.csr_array(np.eye(200, 3))},
    "short y": {"y": Y[:-1]},
    "max_samples without bootstrap": {"bootstrap": False, "max_samples": 10},
    "oob without bootstrap": {"bootstrap": False, "oob_score": True},
    "oob of many classes and outputs": {"bootstrap": True, "oob_score": True, "y": np.column_stack([Y, Y])},
    "infinite": {"X": np.where(X[0, 0] == X, np.inf, X)},
    "weights of both signs": {"bootstrap": True, "sample_weight": np.linspace(-1, 2, 200)},
    "no weights": {"bootstrap": True, "sample_weight": np.zeros(200)},
    "three classes and monotonic": {"monotonic_cst": [1, 0, 0, 0, 0, 0]},
    "n_jobs": {"n_jobs": 0},
    "huge max_depth": {"max_depth": 10**30},
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_complaints(name, case):
    wrong = {"X": X, "y": Y, "sample_weight": None, **WRONG[case]}
    args = [wrong.pop(part) for part in ("X", "y", "sample_weight")]
    assert_same_refusal(pair_of(name, **wrong), *args)


def test_verbose_names_the_trees(capsys):
    ours.ExtraTreesClassifier(n_estimators=2, verbose=2).fit(X, Y)
    assert capsys.readouterr().out.splitlines() == ["building tree 1 of 2", "building tree 2 of 2"]


# ---- trees and answers that change ----


def test_estimators_are_mlfasts_and_answer_alone():
    est = ours.RandomForestClassifier(n_estimators=4, random_state=0).fit(X, Y)
    assert {type(tree) for tree in est.estimators_} == {mlfast.tree.DecisionTreeClassifier}
    assert type(est.estimator_) is mlfast.tree.DecisionTreeClassifier
    mean = sum(tree.predict_proba(X) for tree in est.estimators_) / 4
    np.testing.assert_allclose(est.predict_proba(X), mean, rtol=1e-15)
    assert isinstance(clone(est.estimators_[0]).fit(X, Y), mlfast.tree.DecisionTreeClassifier)


@pytest.mark.parametrize("rows", [3, 200])
def test_what_is_done_to_trees_is_seen(rows):
    pair = both("RandomForestRegressor")
    first = pair[0].predict(X[:rows])
    for est in pair:
        est.estimators_[1].tree_.value[...] += 2.5
    assert_same_answers(*pair, X[:rows], ["predict"])
    assert not np.array_equal(pair[0].predict(X[:rows]), first)
    for est in pair:
        del est.estimators_[0]
    assert_same_answers(*pair, X[:rows], ["predict", "apply"])
    for est in pair:
        est.estimators_.append(est.estimators_[0])
        est.estimators_[0] = est.estimators_[-2]
    assert_same_answers(*pair, X[:rows], ["predict", "apply"])


def test_a_tree_that_moved_is_found():
    """A tree that is given another state makes new room for its nodes."""
    est, _ = both("RandomForestRegressor")
    est.predict(X[:1])
    tree, other = est.estimators_[0].tree_, est.estimators_[1].tree_
    tree.__setstate__(other.__getstate__())
    expected = np.mean([each.tree_.predict(X[:1].astype(np.float32))[0, 0] for each in est.estimators_])
    np.testing.assert_allclose(est.predict(X[:1]), expected, rtol=1e-12)


def test_a_prediction_changes_no_attribute():
    est = ours.RandomForestClassifier(n_estimators=3, random_state=0).fit(X, Y)
    before = vars(est).copy()
    est.predict(X)
    assert vars(est) == before


def test_pickles_hold_no_more_than_the_parents():
    pair = both("RandomForestClassifier", n_estimators=30)
    pair[0].predict(X)
    ours_size, parents = (len(pickle.dumps(est)) for est in pair)
    assert ours_size <= 1.02 * parents
    loaded = pickle.loads(pickle.dumps(pair[0]))
    assert_same_state(loaded, pair[1])
    assert_same_answers(loaded, pair[1], X)


def test_conversion_both_ways():
    mine, theirs = both("ExtraTreesClassifier")
    plain, fast = mlfast.to_sklearn(mine), mlfast.from_sklearn(theirs)
    assert type(plain) is parent.ExtraTreesClassifier
    assert type(plain.estimators_[0]) is type(theirs.estimators_[0])
    assert type(fast.estimators_[0]) is mlfast.tree.ExtraTreeClassifier
    assert_same_answers(fast, theirs, X)
    assert bits(plain.predict_proba(X)) == bits(theirs.predict_proba(X))


BROKEN = {
    "no list": lambda state: state | {"estimators_": None},
    "no trees": lambda state: state | {"estimators_": []},
    "no tree": lambda state: state | {"estimators_": [object()]},
    "features": lambda state: state | {"n_features_in_": 9},
    "outputs": lambda state: state | {"n_outputs_": 2},
    "classes": lambda state: (
        state | {"estimators_": [*state["estimators_"], mlfast.tree.DecisionTreeClassifier().fit(X, Y > 0)]}
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_state_is_refused(case):
    est = ours.RandomForestClassifier(n_estimators=2, random_state=0).fit(X, Y)
    with pytest.raises(ValueError, match="corrupt state"):
        ours.RandomForestClassifier().__setstate__(BROKEN[case](est.__getstate__()))


def test_importances_by_permutation():
    mine, theirs = both("RandomForestClassifier")
    importances = [permutation_importance(est, X, Y, n_repeats=2, random_state=0).importances for est in (mine, theirs)]
    assert bits(importances[0]) == bits(importances[1])
