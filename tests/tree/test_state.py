"""What trees keep and take over; states that are no trees."""

import copy
import pickle

import numpy as np
import pytest
import sklearn.tree as parent
from hypothesis import given
from hypothesis import strategies as st
from sklearn.tree._tree import NODE_DTYPE, Tree

import mlfast
import mlfast.tree as ours

from ..compare import outcome
from .parity import assert_same_answers, assert_same_state, classes, cloud

X = cloud(0, 80, 3)
Y = classes(X)
NAMES = ("DecisionTreeClassifier", "DecisionTreeRegressor", "ExtraTreeClassifier", "ExtraTreeRegressor")


def theirs(name="DecisionTreeClassifier", y=Y):
    return getattr(parent, name)(random_state=0).fit(X, y)


@pytest.mark.parametrize("name", NAMES)
def test_conversion_keeps_every_attribute(name):
    plain = theirs(name)
    mine = mlfast.from_sklearn(plain)
    assert type(mine) is getattr(ours, name)
    back = mlfast.to_sklearn(mine)
    assert type(back) is type(plain)
    assert vars(back).keys() == vars(plain).keys()
    assert type(mine.tree_) is Tree
    assert_same_state(mine, plain)
    assert_same_state(back, plain)
    assert b"mlfast" not in pickle.dumps(back)


def test_prediction_adds_no_attribute():
    mine = mlfast.from_sklearn(theirs())
    before, keys = pickle.dumps(mine), set(vars(mine))
    assert_same_answers(mine, theirs(), X)
    assert set(vars(mine)) == keys
    assert pickle.dumps(mine) == before


def with_tree(name="DecisionTreeClassifier", y=Y, **changes):
    """A state of ours whose tree has other parts. changes : "nodes" and so on -> part -> another"""
    mine = mlfast.from_sklearn(theirs(name, y))
    state = mine.__getstate__()
    tree = mine.tree_
    arguments = [tree.n_features, tree.n_classes, tree.n_outputs]
    parts = {key: copy.copy(value) for key, value in tree.__getstate__().items()}
    for key, change in changes.items():
        if key in parts:
            parts[key] = change(parts[key])
        else:
            place = ("n_features", "n_classes", "n_outputs").index(key)
            arguments[place] = change(arguments[place])
    other = Tree(*arguments)
    other.__setstate__(parts)
    return {**state, "tree_": other}


def load(state, name="DecisionTreeClassifier"):
    est = object.__new__(getattr(ours, name))
    est.__setstate__(state)
    return est


def written(field, at, value):
    """A change of one field of one node."""

    def change(nodes):
        nodes = nodes.copy()
        nodes[field][at] = value
        return nodes

    return change


BROKEN = {
    "root is its own child": {"nodes": written("left_child", 0, 0)},
    "children are one node": {"nodes": lambda nodes: written("left_child", 0, nodes["right_child"][0])(nodes)},
    "child before its parent": {"nodes": written("right_child", 4, 1)},
    "child out of range": {"nodes": written("left_child", 0, 10**6)},
    "child far out of range": {"nodes": written("right_child", 0, 2**62)},
    "child of no meaning": {"nodes": written("left_child", 0, -7)},
    "one child": {"nodes": written("right_child", 0, -1)},
    "the other child": {"nodes": written("left_child", 0, -1)},
    "feature out of range": {"nodes": written("feature", 0, 3)},
    "feature far out of range": {"nodes": written("feature", 0, 2**62)},
    "feature of a leaf": {"nodes": written("feature", 0, -2)},
    "threshold is NaN": {"nodes": written("threshold", 0, np.nan)},
    "missing goes somewhere else": {"nodes": written("missing_go_to_left", 0, 5)},
    "negative samples": {"nodes": written("n_node_samples", 2, -3)},
    "no nodes": {"nodes": lambda nodes: nodes[:0], "values": lambda values: values[:0]},
    "no count": {"node_count": lambda count: 0},
    "negative count": {"node_count": lambda count: -1},
    "fewer nodes than children say": {"node_count": lambda count: count - 2},
    "too shallow": {"max_depth": lambda depth: depth - 1},
    "negative depth": {"max_depth": lambda depth: -1},
    "more features": {"n_features": lambda n: n + 1},
    "no features": {"n_features": lambda n: 0},
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_trees_are_refused(case):
    state = with_tree(**BROKEN[case])
    with pytest.raises(ValueError, match="corrupt state"):
        load(state)
    plain = theirs()
    plain.tree_ = state["tree_"]
    with pytest.raises(ValueError):  # NumPy refuses a negative count before we see it
        mlfast.from_sklearn(plain)


def test_two_parents_are_refused():
    nodes = np.zeros(4, NODE_DTYPE)
    nodes[["left_child", "right_child", "feature"]] = [(1, 2, 0), (2, 3, 0), (-1, -1, -2), (-1, -1, -2)]
    change = {"nodes": lambda _: nodes, "values": lambda values: values[:4], "node_count": lambda _: 4}
    with pytest.raises(ValueError, match="two parents"):
        load(with_tree(**change))


def test_the_unbroken_tree_is_taken():
    assert_same_state(load(with_tree()), theirs())


def test_a_branch_cut_off_by_hand_is_taken():
    def cut(nodes):
        nodes = nodes.copy()
        nodes["left_child"][1] = nodes["right_child"][1] = -1
        return nodes

    def bypass(nodes):
        nodes = nodes.copy()
        nodes["left_child"][0] = nodes["left_child"][1]
        return nodes

    for edit in (cut, bypass):
        plain = theirs()
        plain.tree_ = with_tree(nodes=edit)["tree_"]
        assert_same_answers(mlfast.from_sklearn(plain), plain, X)


OTHERS = {
    "tree_": [None, "tree", 3, {}],
    "n_features_in_": [4, None, "3"],
    "n_outputs_": [2, 0, None],
    "n_classes_": [2, None, np.array([3, 3]), "3"],
    "classes_": [None, np.arange(2), [np.arange(3), np.arange(3)], "abc", [1, 2, 3], np.arange(3).reshape(3, 1)],
}


@pytest.mark.parametrize(("attribute", "value"), [(k, v) for k, values in OTHERS.items() for v in values], ids=str)
def test_attributes_that_contradict_the_tree_are_refused(attribute, value):
    state = mlfast.from_sklearn(theirs()).__getstate__()
    with pytest.raises(ValueError, match="corrupt state"):
        load({**state, attribute: value})


def test_a_tree_of_classes_is_no_regressor():
    state = mlfast.from_sklearn(theirs("DecisionTreeRegressor")).__getstate__()
    with pytest.raises(ValueError, match="corrupt state"):
        load({**state, "tree_": theirs().tree_}, "DecisionTreeRegressor")


FIELDS = ("left_child", "right_child", "feature", "threshold", "n_node_samples", "missing_go_to_left")
WORDS = st.one_of(st.integers(-5, 60), st.sampled_from([2**31, 2**32 + 1, 2**62, -(2**62)]))
PLAIN = theirs()


@given(
    edits=st.lists(st.tuples(st.sampled_from(FIELDS), st.integers(0, PLAIN.tree_.node_count - 1), WORDS), max_size=6),
    depth=st.integers(0, 12),
)
def test_any_table_is_refused_or_answers(edits, depth):
    """
    A corrupt model raises ValueError when it is loaded. One that is let in answers, as scikit-learn does with it; and
    whoever corrupts a model after it was loaded gets an error, too.
    """
    nodes = PLAIN.tree_.__getstate__()["nodes"].copy()
    for field, at, value in edits:
        nodes[field][at] = value % 256 if field == "missing_go_to_left" else value
    state = with_tree(nodes=lambda _: nodes, max_depth=lambda known: depth or known)
    mine = outcome(load, state)
    if mine.error is None:
        plain = theirs()
        plain.tree_ = state["tree_"]
        assert_same_answers(mine.value, plain, X)
        return
    assert_is_corrupt(mine.error)
    edited = load(with_tree())
    edited.tree_ = state["tree_"]
    for new in (X, X[:1]):
        for method in ("predict", "apply", "decision_path"):
            assert_is_corrupt(outcome(getattr(edited, method), new).error)


def assert_is_corrupt(error):
    """No error, or the one that says so; an error that is no `Exception` would have ended the test."""
    assert error is None or (isinstance(error, ValueError) and "corrupt state" in str(error))
