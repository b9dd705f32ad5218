"""The entries of gradient boosting, without `apply`: its first tree judges the data, and says other words of them."""

import scipy.sparse as sp
import sklearn.ensemble

import mlfast.ensemble

from . import trees
from .entry import BAD_CLASSES, BAD_NUMBERS, Entry, names_of_classes, numbers


def decided_by_data(X, weights, params):
    """
    Whether sums are taken in scikit-learn's order.

    It walks the samples of a sparse column in an order of its own. Gradients are no whole numbers, so sums round, and
    that decides between equally good splits.
    """
    return not sp.issparse(X)


NOT_OF_ENSEMBLES = ("splitter", "monotonic_cst", "criterion")
FUZZ = {
    **{name: values for name, values in trees.FUZZ.items() if name != "splitter"},
    "n_estimators": (1, 5),
    "learning_rate": (0.0, 0.3, 1.0),
    "subsample": (0.4, 0.8),
    "init": (None, "zero"),
    "n_iter_no_change": (None, 2),
}
BAD = (
    *(params for params in trees.BAD if not set(params) & set(NOT_OF_ENSEMBLES)),
    {"criterion": "purity"},
    {"loss": "deviance"},
    {"n_estimators": 0},
    {"learning_rate": -0.1},
    {"subsample": 0.0},
    {"subsample": 1.5},
    {"init": "one"},
    {"init": 3},
    {"n_iter_no_change": 0},
    {"validation_fraction": 1.0},
    {"tol": -1.0},
    {"verbose": -1},
    {"warm_start": "no"},
)
BY_CHANCE = {"subsample": 0.5, "max_features": 2, "max_leaf_nodes": 5}
KINDS = {
    "Classifier": {
        "like": "GradientBoostingRegressor",
        "target": names_of_classes,
        "bad_targets": BAD_CLASSES,
        "outputs": ("predict", "predict_proba", "predict_log_proba", "decision_function", "score"),
        "fuzz": FUZZ,
        "bad_params": (*BAD, {"loss": "exponential"}),
        "state": ("estimators_", "init_", "train_score_", "classes_", "n_classes_", "max_features_", "n_features_in_"),
        "ways": {"by chance": BY_CHANCE},
    },
    "Regressor": {
        "target": numbers,
        "bad_targets": BAD_NUMBERS,
        "outputs": ("predict", "score"),
        "fuzz": {
            **FUZZ,
            "loss": ("squared_error", "absolute_error", "huber", "quantile"),
            "alpha": (0.2, 0.9),
        },
        "bad_params": (*BAD, {"alpha": 1.0}),
        "state": ("estimators_", "init_", "train_score_", "max_features_", "n_features_in_"),
        "ways": {"by chance": {**BY_CHANCE, "loss": "huber"}},
    },
}

ENTRIES = [
    Entry(
        ours=getattr(mlfast.ensemble, f"GradientBoosting{kind}"),
        parent=getattr(sklearn.ensemble, f"GradientBoosting{kind}"),
        params={"random_state": 0, "n_estimators": 2},
        scales=False,  # thresholds are data, and values closer than 1e-7 are one value
        typed=None,
        decided=decided_by_data,
        endless={"max_depth": None, "n_estimators": 1000},
        large_params={"n_estimators": 1},
        scant_params={"n_estimators": 1},
        **settings,
    )
    for kind, settings in KINDS.items()
]
