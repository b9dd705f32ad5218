"""The entries of the room `tree`."""

import numpy as np
import scipy.sparse as sp
import sklearn.tree

import mlfast.tree

from .entry import BAD_CLASSES, BAD_NUMBERS, Entry, names_of_classes


def whole_numbers(seed, n):
    """A target of shape (n,): sums have no rounding error, which among equally good splits would decide for one."""
    return np.random.RandomState(seed).randint(0, 9, size=n).astype(float)


def decided_by_data(X, weights, params):
    """
    Whether sums are exact, or taken in scikit-learn's order.

    It walks the samples of a sparse column in an order of its own; where sums round, that decides between equally good
    splits, and whether a split that gains nothing gains something.
    """
    if not sp.issparse(X):
        return True
    is_whole = weights is None or bool((np.asarray(weights) % 1 == 0).all())
    return is_whole and params.get("class_weight") is None and params.get("criterion") != "poisson"


FUZZ = {
    "splitter": ("best", "random"),
    "max_depth": (None, 1, 2, 5),
    "min_samples_split": (2, 5, 0.1, 1.0),
    "min_samples_leaf": (1, 3, 0.05),
    "min_weight_fraction_leaf": (0.0, 0.1, 0.4),
    "max_features": (None, 1, 2, 0.5, "sqrt", "log2"),
    "max_leaf_nodes": (None, 2, 7),
    "min_impurity_decrease": (0.0, 0.01),
    "ccp_alpha": (0.0, 0.01),
}
CLASSES_FUZZ = {
    **FUZZ,
    "criterion": ("gini", "entropy", "log_loss"),
    "class_weight": (None, "balanced", {"ash": 1.0, "birch": 2.5, "cedar": 0.5}),
}
NUMBERS_FUZZ = {**FUZZ, "criterion": ("squared_error", "absolute_error", "poisson")}
BAD = (
    {"criterion": "purity"},
    {"criterion": None},
    {"splitter": "worst"},
    {"max_depth": 0},
    {"max_depth": 2.5},
    {"max_depth": 10**30},
    {"min_samples_split": 1},
    {"min_samples_split": 1.5},
    {"min_samples_leaf": 0},
    {"min_samples_leaf": 1.0},
    {"min_weight_fraction_leaf": 0.6},
    {"max_features": 0},
    {"max_features": "auto"},
    {"max_features": 1.5},
    {"max_leaf_nodes": 1},
    {"max_leaf_nodes": 10**30},
    {"min_impurity_decrease": -1e-9},
    {"ccp_alpha": -0.1},
    {"monotonic_cst": [1, 0]},
    {"monotonic_cst": [2, 0, 0, 0]},
    {"monotonic_cst": [[1, 0, 0, 0]]},
    {"monotonic_cst": "up"},
    {"random_state": -1},
    {"random_state": "seed"},
)

WAYS = {"random": {"splitter": "random"}, "few features": {"max_features": 2}, "best first": {"max_leaf_nodes": 9}}
CLASSES = {
    "target": names_of_classes,
    "bad_targets": BAD_CLASSES,
    "outputs": ("predict", "predict_proba", "apply", "decision_path", "score"),
    "fuzz": CLASSES_FUZZ,
    "bad_params": (*BAD, {"class_weight": "even"}, {"class_weight": {"elm": 2.0}}, {"monotonic_cst": [1, 0, 0, -1]}),
    "state": ("tree_", "classes_", "n_classes_", "max_features_", "n_outputs_", "n_features_in_"),
}
NUMBERS = {
    "target": whole_numbers,
    "bad_targets": BAD_NUMBERS,
    "outputs": ("predict", "apply", "decision_path", "score"),
    "fuzz": NUMBERS_FUZZ,
    "bad_params": BAD,
    "state": ("tree_", "max_features_", "n_outputs_", "n_features_in_"),
}

ENTRIES = [
    Entry(
        ours=getattr(mlfast.tree, name),
        like=name.replace("Extra", "Decision") if name.startswith("Extra") else "",
        parent=getattr(sklearn.tree, name),
        params={"random_state": 0, "max_depth": 6},
        ways=WAYS,
        scales=False,  # thresholds are data, and values closer than 1e-7 are one value
        typed=None,
        decided=decided_by_data,
        endless={"max_depth": None, "max_features": None, "criterion": criterion},
        **kind,
    )
    for name, kind, criterion in (
        ("DecisionTreeClassifier", CLASSES, "entropy"),
        ("DecisionTreeRegressor", NUMBERS, "absolute_error"),
        ("ExtraTreeClassifier", CLASSES, "entropy"),
        ("ExtraTreeRegressor", NUMBERS, "absolute_error"),
    )
]
