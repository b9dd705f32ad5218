"""Data on which the trees of an ensemble around a tree are grown: validated, ranked and turned into numbers once."""

from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn import get_config
from sklearn.base import clone

import mlfast.tree
from mlfast._core import ensemble as core
from mlfast._core import tree as tree_core
from mlfast.ensemble._members import build_trees
from mlfast.tree._base import FIT_CONDITIONS, readable

CLASSIFIERS = (mlfast.tree.DecisionTreeClassifier, mlfast.tree.ExtraTreeClassifier)
REGRESSORS = (mlfast.tree.DecisionTreeRegressor, mlfast.tree.ExtraTreeRegressor)


def is_grown(estimator: Any, kinds: tuple[type, ...]) -> bool:
    """Tell whether Rust grows what an ensemble makes of ``estimator``: it is of one of ``kinds``, or None."""
    if estimator is None:
        return True
    return type(estimator) in kinds and not any(condition.applies(estimator) for condition in FIT_CONDITIONS)


class Ground:
    """Data for growing trees like a given one.

    Parameters
    ----------
    tree : estimator
        What the trees are to be like.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Data.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Targets.
    n_features : int or None
        Features that each tree sees; None: all.
    n_threads : int
        Most threads.
    """

    def __init__(self, tree: Any, X: Any, y: Any, n_features: int | None, n_threads: int) -> None:
        template = clone(tree)
        if not get_config()["skip_parameter_validation"]:
            template._validate_params()
        X, y = template._checked_data(X, y)
        self.targets, n_classes, self.class_weights = template._learn(X, y)
        template._name_classes()
        if n_features is not None:
            template.n_features_in_ = n_features
        params = template._params(X.shape[0], n_classes)
        template.max_features_ = params["max_features"]
        #: Has all that the trees have in common, but no tree.
        self.template = template
        #: Arguments of every call that grows trees.
        self.common: dict[str, Any] = {
            "n_classes": n_classes,
            "min_weight_fraction_leaf": template.min_weight_fraction_leaf,
            "ccp_alpha": template.ccp_alpha,
            "params": params,
            "n_threads": n_threads,
        }
        self.columns = tree_core.Columns(x=readable(X), n_threads=n_threads)
        self.samples = X.tocsr() if sp.issparse(X) else X

    def grown(self, seed: int, weights: np.ndarray | None = None, rows: np.ndarray | None = None) -> Any:
        """Return one fitted tree.

        Parameters
        ----------
        seed : int
            Its ``random_state``.
        weights : ndarray of shape (n_samples,) or None
            Weights; None: all 1.
        rows : ndarray of shape (n_samples,) or None
            What it sees instead of all rows, in this order; for trees without ``class_weight``.
        """
        columns, targets = self.columns, self.targets
        if rows is not None:
            params, n_threads = self.common["params"], self.common["n_threads"]
            columns, targets = columns.take(rows=rows, params=params, n_threads=n_threads), targets[rows]
        if self.class_weights is not None:
            weights = self.class_weights if weights is None else weights * self.class_weights
        states = core.grow_forest(
            columns=columns, y=targets, weights=weights, draws=None, is_balanced=False, seeds=[seed], **self.common
        )
        return build_trees(self.template, states, [seed])[0]

    def asked(self, tree: Any) -> np.ndarray:
        """Return what a tree says of the data, shape (n_samples,): codes of classes, or numbers."""
        state: dict[str, Any] = tree.tree_.__getstate__()
        ask: Any = tree_core.predict if self.common["n_classes"] is None else tree_core.classify
        outputs = ask(nodes=state["nodes"], values=state["values"], x=self.samples, n_threads=self.common["n_threads"])
        return outputs.reshape(len(outputs))
