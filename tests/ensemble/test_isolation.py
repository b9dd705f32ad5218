"""Isolation forests against scikit-learn's: the same trees and the same scores, bit for bit."""

import numpy as np
import pytest
import sklearn.ensemble as parent
from sklearn.datasets import load_breast_cancer

import mlfast
import mlfast.ensemble as ours
import mlfast.tree

from ..compare import assert_same_complaint, bits, outcome
from ..tree.parity import as_csr, cloud, with_gaps
from .parity import assert_same_answers, assert_same_refusal, fit_both

X = cloud(0, 300, 6)
WEIGHTS = np.random.RandomState(2).randint(0, 4, size=len(X)).astype(float)
METHODS = ("score_samples", "decision_function", "predict")


def pair_of(**params):
    params = {"random_state": 3, "n_estimators": 8, **params}
    return ours.IsolationForest(**params), parent.IsolationForest(**params)


def both(data=X, sample_weight=None, **params):
    return fit_both(*pair_of(**params), data, sample_weight=sample_weight)


SETTINGS = [
    {},
    {"contamination": 0.1},
    {"max_samples": 20},
    {"max_samples": 1},
    {"max_samples": 2},  # a share that is drawn by drawing again
    {"max_samples": 299},  # one that is drawn by leaving out
    {"max_samples": 0.5},
    {"max_samples": 1000},
    {"bootstrap": True},
    {"max_features": 3},
    {"max_features": 0.5, "bootstrap": True, "contamination": 0.2},
]


@pytest.mark.parametrize("weights", [None, WEIGHTS, WEIGHTS.astype(np.float32)], ids=["all 1", "whole", "float32"])
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_settings(settings, weights):
    pair = pair_of(**settings)
    did = [outcome(est.fit, X, sample_weight=weights) for est in pair]
    assert_same_complaint(*did)  # weights may leave too few rows to draw
    if did[1].error is None:
        fit_both(*pair, X, sample_weight=weights)
        assert bits(pair[0].estimators_samples_) == bits(pair[1].estimators_samples_)
        for rows in (X, X[:3]):
            assert_same_answers(*pair, rows, METHODS)


@pytest.mark.parametrize("kind", ["float32", "int", "F", "list", "csr", "csc"])
def test_data(kind):
    data = {
        "float32": X.astype(np.float32),
        "int": (10 * X).astype(int),
        "F": np.asfortranarray(X),
        "list": X.tolist(),
        "csr": as_csr(X),
        "csc": as_csr(X).tocsc(),
    }[kind]
    pair = pair_of(contamination=0.1)
    for est in pair:
        est.fit(data)
    for tree, parents in zip(pair[0].estimators_, pair[1].estimators_, strict=True):
        mine, theirs = (est.tree_.__getstate__()["nodes"] for est in (tree, parents))
        for name in ("left_child", "feature", "threshold", "n_node_samples"):
            assert bits(mine[name]) == bits(theirs[name])
    assert_same_answers(*pair, data, METHODS)


def test_many_rows():
    data = np.vstack([cloud(1, 30_000, 3), [[9.0, 9.0, 9.0]]])
    pair = both(data, n_estimators=20)
    assert_same_answers(*pair, data, METHODS)
    assert pair[0].predict(data)[-1] == -1


def test_real_data():
    data, _ = load_breast_cancer(return_X_y=True)
    assert_same_answers(*both(data, n_estimators=30, contamination=0.05), data, METHODS)


def test_missing_values_in_new_data():
    pair = both()
    assert_same_answers(*pair, with_gaps(X), METHODS)


@pytest.mark.fallback
def test_missing_values_in_training_data_are_left_to_the_parent():
    pair = pair_of()
    for est in pair:
        est.fit(with_gaps(X))
    assert_same_answers(*pair, X, METHODS)


def test_warm_start():
    pair = pair_of(warm_start=True, n_estimators=3)
    fit_both(*pair, X)
    for est in pair:
        est.set_params(n_estimators=6)
    fit_both(*pair, X)
    assert_same_answers(*pair, X, METHODS)
    fit_both(*pair, X)  # warns
    for est in pair:
        est.set_params(n_estimators=2)
    assert_same_complaint(*(outcome(est.fit, X) for est in pair))


def test_random_state_instances_advance_alike():
    states = [np.random.RandomState(5) for _ in range(2)]
    for _ in range(2):
        for est, state in zip(pair_of(), states, strict=True):
            est.set_params(random_state=state).fit(X)
    assert states[0].randint(1000) == states[1].randint(1000)


@pytest.mark.parametrize("case", [{"max_features": 7}, {"max_samples": 0.001}, {"n_jobs": 0}], ids=str)
def test_complaints(case):
    assert_same_refusal(pair_of(**case), X)


def test_members_and_conversion():
    mine, theirs = both()
    assert {type(tree) for tree in mine.estimators_} == {mlfast.tree.ExtraTreeRegressor}
    plain, fast = mlfast.to_sklearn(mine), mlfast.from_sklearn(theirs)
    assert type(plain.estimators_[0]) is type(theirs.estimators_[0])
    assert_same_answers(fast, theirs, X, METHODS)
    assert bits(plain.score_samples(X)) == bits(theirs.score_samples(X))


@pytest.mark.parametrize("name", ["_decision_path_lengths", "_average_path_length_per_tree", "estimators_features_"])
def test_broken_state_is_refused(name):
    est = ours.IsolationForest(n_estimators=2, random_state=0).fit(X)
    state = est.__getstate__()
    for broken in (None, state[name][:1], type(state[name])(part[:-1] for part in state[name])):
        if name == "estimators_features_" and broken is not None and len(broken) == 2:
            continue
        with pytest.raises(ValueError, match="corrupt state"):
            ours.IsolationForest().__setstate__({**state, name: broken})
