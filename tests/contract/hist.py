"""The entries of histogram gradient boosting."""

import sklearn.ensemble

import mlfast.ensemble

from .entry import BAD_CLASSES, BAD_NUMBERS, Entry, names_of_classes, numbers

FUZZ = {
    "max_iter": (1, 4),
    "learning_rate": (0.1, 0.5, 1.0),
    "max_leaf_nodes": (2, 5, 31, None),
    "max_depth": (1, 3, None),
    "min_samples_leaf": (1, 5, 20),
    "l2_regularization": (0.0, 1.0),
    "max_features": (0.5, 1.0),
    "max_bins": (2, 10, 255),
    "categorical_features": (None, [0]),
    "interaction_cst": (None, "no_interactions", "pairwise", [[0, 1], [1]]),
    "early_stopping": ("auto", True, False),
    "scoring": ("loss", None),
    "validation_fraction": (0.2, None),
    "n_iter_no_change": (1, 3),
    "random_state": (0, 7),
}
BAD = (
    {"learning_rate": 0.0},
    {"learning_rate": "fast"},
    {"max_iter": 0},
    {"max_leaf_nodes": 1},
    {"max_depth": 0},
    {"min_samples_leaf": 0},
    {"l2_regularization": -1.0},
    {"max_features": 0.0},
    {"max_features": 1.5},
    {"max_bins": 1},
    {"max_bins": 256},
    {"categorical_features": [99]},
    {"monotonic_cst": [1]},
    {"monotonic_cst": [2] * 3},
    {"interaction_cst": [[99]]},
    {"interaction_cst": [1]},
    {"interaction_cst": "all"},
    {"early_stopping": "maybe"},
    {"scoring": "charm", "early_stopping": True},
    {"validation_fraction": 0.0, "early_stopping": True},
    {"validation_fraction": 1.0, "early_stopping": True},
    {"n_iter_no_change": 0},
    {"tol": -1.0},
    {"warm_start": "no"},
    {"verbose": -1},
    {"random_state": "x"},
    {"loss": "deviance"},
)
STATE = ("train_score_", "validation_score_", "do_early_stopping_", "n_trees_per_iteration_", "n_features_in_")
KINDS = {
    "Classifier": {
        "like": "HistGradientBoostingRegressor",
        "target": names_of_classes,
        "bad_targets": BAD_CLASSES,
        "outputs": ("predict", "predict_proba", "decision_function", "score"),
        "fuzz": {**FUZZ, "class_weight": (None, "balanced")},
        "bad_params": (*BAD, {"class_weight": "heavy"}),
        "state": (*STATE, "classes_"),
        "searched": ("predict_proba", "decision_function", "score", "train_score_", "validation_score_"),
    },
    "Regressor": {
        "target": numbers,
        "bad_targets": BAD_NUMBERS,
        "outputs": ("predict", "score"),
        "fuzz": {**FUZZ, "loss": ("squared_error", "absolute_error", "quantile"), "quantile": (0.2, 0.5)},
        "bad_params": (*BAD, {"quantile": 1.5}),
        "state": STATE,
        # Gradients are rounded to single precision, and an answer may be on either side of what is rounded.
        "searched": ("predict", "score", "train_score_", "validation_score_"),
    },
}

ENTRIES = [
    Entry(
        ours=getattr(mlfast.ensemble, f"HistGradientBoosting{kind}"),
        parent=getattr(sklearn.ensemble, f"HistGradientBoosting{kind}"),
        params={"random_state": 0, "max_iter": 2, "min_samples_leaf": 5},
        accepts_nan=True,
        parent_accepts=True,  # infinite values, which have bins like others
        sparse=False,
        scales=False,  # thresholds are data
        typed=None,
        ways={
            "by chance": {"max_features": 0.5, "early_stopping": True, "n_iter_no_change": 2, "max_iter": 6},
            "few bins": {"max_bins": 10, "max_leaf_nodes": None, "max_depth": 3},
        },
        endless={"max_iter": 10_000, "early_stopping": False, "max_leaf_nodes": None, "min_samples_leaf": 1},
        large_params={"max_iter": 1, "early_stopping": False},
        scant_params={"max_iter": 1, "early_stopping": False},
        **settings,
    )
    for kind, settings in KINDS.items()
]
