"""Fitted trees: made of what Rust grows, and checked before they are believed.

`tree_` is scikit-learn's own `Tree`, so whatever reads trees reads these. Rust walks its arrays in place, and so sees
what anybody writes there; nothing is kept beside it.
"""

from typing import Any

import numpy as np
from sklearn.tree._tree import NODE_DTYPE, Tree

from mlfast._core import tree as core


def tree_of(n_features: int, n_classes: Any, state: dict[str, Any]) -> Tree:
    """Return a tree.

    Parameters
    ----------
    n_features : int
        Features of the data.
    n_classes : array-like of shape (n_outputs,)
        Classes of each output; 1 in regression.
    state : dict
        What Rust grew or pruned.
    """
    tree = Tree(n_features, np.asarray(n_classes, dtype=np.intp), len(n_classes))
    tree.__setstate__({**state, "nodes": state["nodes"].view(NODE_DTYPE)})
    return tree


def check_state(state: dict[str, Any], is_classifier: bool) -> None:
    """Raise ValueError if fitted attributes are no fitted tree.

    Parameters
    ----------
    state : dict
        Attributes of an estimator, fitted or not.
    is_classifier : bool
        Whether classes belong to it.
    """
    if "tree_" not in state:
        return
    tree = state["tree_"]
    if not isinstance(tree, Tree) or tree.node_count < 1 or tree.max_depth < 0:
        raise ValueError("corrupt state: tree_ must be a tree with a root")
    if tree.n_features < 1 or tree.n_features != state.get("n_features_in_"):
        raise ValueError("corrupt state: tree_ and n_features_in_ disagree")
    if tree.n_outputs < 1 or tree.n_outputs != state.get("n_outputs_"):
        raise ValueError("corrupt state: tree_ and n_outputs_ disagree")
    if tree.max_n_classes != max(tree.n_classes) or min(tree.n_classes) < 1:
        raise ValueError("corrupt state: the numbers of classes of tree_ disagree")
    if is_classifier:
        _check_classes(tree, state)
    elif tree.max_n_classes != 1:
        raise ValueError("corrupt state: tree_ has classes")
    nodes = tree.__getstate__()["nodes"]
    core.check(nodes=nodes, n_features=tree.n_features, max_depth=tree.max_depth)


def _check_classes(tree: Tree, state: dict[str, Any]) -> None:
    classes: Any = state.get("classes_")
    counts: Any = np.atleast_1d(np.asarray(state.get("n_classes_")))
    classes = [classes] if isinstance(classes, np.ndarray) else classes
    if not (isinstance(classes, list) and all(isinstance(known, np.ndarray) for known in classes)):
        raise ValueError("corrupt state: classes_ must be an array, or a list of one for each output")
    if counts.tolist() != tree.n_classes.tolist() or [known.shape for known in classes] != [(n,) for n in counts]:
        raise ValueError("corrupt state: tree_, classes_ and n_classes_ disagree")
