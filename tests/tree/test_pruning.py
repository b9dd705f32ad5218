"""Cost-complexity pruning: the same cuts in the same order, to the last bit of every alpha."""

import numpy as np
import pytest
import sklearn.tree as parent
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, load_diabetes

import mlfast
import mlfast.tree as ours

from ..compare import assert_same_complaint, bits, outcome
from .parity import assert_same_tree, classes, cloud

DATA = {"DecisionTreeClassifier": load_breast_cancer, "DecisionTreeRegressor": load_diabetes}


@pytest.mark.parametrize("name", DATA)
def test_path(name):
    X, y = (part[:250] for part in DATA[name](return_X_y=True))  # grown with sums in scikit-learn's order
    for weights in (None, np.linspace(0.5, 2, len(y))):
        pair = (getattr(module, name)(random_state=0, min_samples_leaf=3) for module in (ours, parent))
        mine, theirs = (est.cost_complexity_pruning_path(X, y, sample_weight=weights) for est in pair)
        assert type(mine) is type(theirs)
        assert bits(mine) == bits(theirs)
        assert len(mine.ccp_alphas) > 5


def pruned(plain, alpha):
    """Ours and scikit-learn's way of pruning a tree that scikit-learn grew."""
    mine, theirs = mlfast.from_sklearn(plain), mlfast.to_sklearn(mlfast.from_sklearn(plain))
    for est in (mine, theirs):
        est.set_params(ccp_alpha=alpha)
        est._prune_tree()
    return mine.tree_, theirs.tree_


@given(data=st.data())
def test_any_tree_is_pruned_alike(data):
    """At alphas of the path itself, and beside them; equal alphas abound where a class is one sample in a leaf."""
    X = cloud(data.draw(st.integers(0, 10**6)), data.draw(st.integers(2, 150)), 3)
    name = data.draw(st.sampled_from(["DecisionTreeClassifier", "DecisionTreeRegressor", "ExtraTreeClassifier"]))
    leaves = data.draw(st.sampled_from([None, 20]))
    plain = getattr(parent, name)(random_state=0, max_leaf_nodes=leaves).fit(X, classes(X, seed=5))
    alphas = parent._tree.ccp_pruning_path(plain.tree_)["ccp_alphas"]
    alpha = abs(alphas[data.draw(st.integers(0, len(alphas) - 1))])
    for near in (alpha, np.nextafter(alpha, 1), np.nextafter(alpha, 0)):
        assert_same_tree(*pruned(plain, near))


def test_alpha_of_infinity_leaves_the_root():
    X = cloud(0, 100, 3)
    est = ours.DecisionTreeClassifier(ccp_alpha=1e9).fit(X, classes(X))
    assert (est.get_depth(), est.get_n_leaves()) == (0, 1)


def test_bad_data():
    mine, theirs = (
        outcome(module.DecisionTreeClassifier().cost_complexity_pruning_path, [[1.0]], [1, 2])
        for module in (ours, parent)
    )
    assert_same_complaint(mine, theirs)
