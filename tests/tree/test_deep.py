"""Trees as deep as they have leaves: nothing here may need a stack frame per level."""

import pickle

import numpy as np
import pytest
import sklearn.tree as parent
from sklearn.tree._tree import NODE_DTYPE

import mlfast
import mlfast.tree as ours
from mlfast.tree._state import tree_of

from ..compare import bits
from .parity import assert_same_answers, assert_same_tree, fit_both

LEVELS = 100_000


def alternating(n):
    """One feature along which two classes alternate: the best split is always to take off one end."""
    return np.arange(n, dtype=np.float64)[:, None], np.arange(n) % 2


def chain(levels):
    """A tree that has a leaf to the left at every level, and one more at the end."""
    nodes = np.zeros(2 * levels + 1, NODE_DTYPE)
    at = np.arange(0, 2 * levels, 2)
    nodes["left_child"], nodes["right_child"], nodes["feature"], nodes["threshold"] = -1, -1, -2, -2.0
    nodes["left_child"][at], nodes["right_child"][at] = at + 1, at + 2
    nodes["feature"][at], nodes["threshold"][at] = 0, np.arange(levels) + 0.5
    nodes["n_node_samples"] = nodes["weighted_n_node_samples"] = 1
    values = np.arange(len(nodes), dtype=np.float64).reshape(-1, 1, 1)
    state = {"max_depth": levels, "node_count": len(nodes), "nodes": nodes, "values": values}
    plain = parent.DecisionTreeRegressor().fit([[0.0]], [0.0])
    plain.tree_ = tree_of(1, [1], state)
    return plain


@pytest.mark.parametrize("leaves", [None, 10_000])
def test_a_chain_is_grown(leaves):
    """Depth first and best first. The work is the square of the depth, so this chain is no longer than it must be."""
    X, y = alternating(1500)
    mine, theirs = fit_both(
        *(m.DecisionTreeClassifier(random_state=0, max_leaf_nodes=leaves) for m in (ours, parent)), X, y
    )
    assert mine.get_depth() == len(X) - 1
    assert_same_answers(mine, theirs, X)


def test_a_long_chain_is_grown():
    X, y = alternating(20_000)
    mine = ours.DecisionTreeClassifier(random_state=0).fit(X, y)
    assert mine.get_depth() == len(X) - 1
    assert (mine.predict(X) == y).all()


def test_a_chain_is_walked_saved_and_dropped():
    plain = chain(LEVELS)
    mine = mlfast.from_sklearn(plain)
    assert mine.get_depth() == LEVELS
    X = np.array([[-1.0], [17.0], [LEVELS * 0.5], [LEVELS * 2.0]])
    assert_same_answers(mine, plain, X)
    assert_same_answers(mine, plain, np.repeat(X, 9, axis=0), ("predict", "apply"))
    back = pickle.loads(pickle.dumps(mine))
    assert bits(back.predict(X)) == bits(mine.predict(X))
    assert_same_tree(mlfast.to_sklearn(back).tree_, plain.tree_)
    del mine, back


def test_a_chain_is_pruned():
    """Cut at the top: everything below goes at once."""
    mine = mlfast.from_sklearn(chain(300))
    mine.tree_.impurity[:] = 1.0  # no split gains anything
    theirs = mlfast.to_sklearn(mine)
    for est in (mine, theirs):
        est.set_params(ccp_alpha=0.1)
        est._prune_tree()
    assert_same_tree(mine.tree_, theirs.tree_)
