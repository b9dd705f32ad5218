"""Growing by the core in scikit-learn's own estimators: validation and the meaning of parameters stay the parent's."""

import contextlib
from types import SimpleNamespace
from unittest import mock

import numpy as np
from sklearn.base import clone
from sklearn.tree import _classes
from sklearn.tree._tree import NODE_DTYPE

from mlfast._core import tree as core

CRITERIA = {
    "Gini": "gini",
    "Entropy": "entropy",
    "MSE": "squared_error",
    "MAE": "absolute_error",
    "Poisson": "poisson",
}

RAND_R_MAX = 2147483647


def splitter(kind):
    """What stands in for a splitter class: it keeps what it is given."""

    def make(criterion, max_features, min_samples_leaf, min_weight_leaf, random_state, monotonic_cst):
        name = CRITERIA[type(criterion).__name__]
        signs = None if monotonic_cst is None else [int(sign) for sign in monotonic_cst]
        return SimpleNamespace(
            kind=kind, criterion=name, max_features=max_features, random_state=random_state, monotonic=signs
        )

    return make


class Builder:
    """What stands in for a tree builder: one call into the core."""

    n_threads = 1

    def __init__(self, splitter, min_samples_split, min_samples_leaf, min_weight_leaf, max_depth, *rest):
        self.splitter = splitter
        self.min_weight_leaf = float(min_weight_leaf)
        self.numbers = {
            "min_samples_split": int(min_samples_split),
            "min_samples_leaf": int(min_samples_leaf),
            "max_depth": int(max_depth),
            "max_leaf_nodes": rest[0] if len(rest) == 2 else None,
            "min_impurity_decrease": float(rest[-1]),
        }

    def build(self, tree, X, y, sample_weight=None, missing_values_in_feature_mask=None):
        chosen = self.splitter
        is_classification = chosen.criterion in ("gini", "entropy")
        params = {
            "criterion": chosen.criterion,
            "splitter": chosen.kind,
            "max_features": int(chosen.max_features),
            "monotonic": chosen.monotonic,
            **self.numbers,
        }
        state = core.grow(
            columns=core.Columns(x=X, n_threads=self.n_threads),
            y=y.astype(np.int64) if is_classification else y,
            n_classes=tree.n_classes.tolist() if is_classification else None,
            weights=sample_weight,
            min_weight_leaf=self.min_weight_leaf,
            params=params,
            seed=chosen.random_state.randint(0, RAND_R_MAX),
            n_threads=self.n_threads,
        )
        state["nodes"] = state["nodes"].view(NODE_DTYPE)
        tree.__setstate__(state)


@contextlib.contextmanager
def by_the_core():
    splitters = {kind: splitter(kind) for kind in ("best", "random")}
    with mock.patch.multiple(
        _classes,
        DENSE_SPLITTERS=splitters,
        SPARSE_SPLITTERS=splitters,
        DepthFirstTreeBuilder=Builder,
        BestFirstTreeBuilder=Builder,
    ):
        yield


def grown(est, X, y, sample_weight=None):
    """The tree that the core grows where `est` would grow one."""
    with by_the_core():
        return clone(est).fit(X, y, sample_weight=sample_weight).tree_


def both(est, X, y, sample_weight=None):
    """The parent's tree and ours."""
    return clone(est).fit(X, y, sample_weight=sample_weight).tree_, grown(est, X, y, sample_weight)


def nodes(tree):
    return tree.__getstate__()["nodes"]


def same_bits(one, other):
    """Whether all arrays of two trees are equal in every bit (NaN in values included)."""
    return (
        one.max_depth == other.max_depth
        and nodes(one).tobytes() == nodes(other).tobytes()
        and one.value.tobytes() == other.value.tobytes()
    )


def same_structure(one, other):
    """Whether two trees split alike."""
    fields = ("left_child", "right_child", "feature", "threshold", "n_node_samples", "missing_go_to_left")
    return one.node_count == other.node_count and all(
        np.array_equal(nodes(one)[name], nodes(other)[name]) for name in fields
    )


def training_impurity(tree):
    """What the leaves leave unexplained."""
    leaves = nodes(tree)[nodes(tree)["left_child"] == -1]
    return float(np.average(leaves["impurity"], weights=leaves["weighted_n_node_samples"]))
