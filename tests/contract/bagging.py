"""The entries of bagging."""

import sklearn.ensemble

import mlfast.ensemble
import mlfast.tree

from . import trees
from .entry import Entry

FUZZ = {
    "n_estimators": (1, 2, 4),
    "max_samples": (None, 1, 0.5),
    "max_features": (1.0, 0.5, 1),
    "bootstrap": (True, False),
    "bootstrap_features": (True, False),
}
BAD = (
    {"n_estimators": 0},
    {"max_samples": 0},
    {"max_samples": 1.5},
    {"max_features": 0},
    {"max_features": 5},
    {"bootstrap": "yes"},
    {"bootstrap": False, "max_samples": 41},
    {"bootstrap": False, "oob_score": True},
    {"warm_start": True, "oob_score": True},
    {"warm_start": "no"},
    {"estimator": "tree"},
    {"n_jobs": 0},
    {"n_jobs": 1.5},
    {"verbose": -1},
    {"random_state": -1},
)


def entry_of(kind, known, **more):
    name, tree = f"Bagging{kind}", getattr(mlfast.tree, f"DecisionTree{kind}")
    return Entry(
        like="BaggingClassifier" if kind == "Regressor" else "",
        ours=getattr(mlfast.ensemble, name),
        parent=getattr(sklearn.ensemble, name),
        params={"random_state": 0, "n_estimators": 2},
        fuzz={**FUZZ, "estimator": (None, tree(max_depth=2, max_features=1))},
        bad_params=BAD,
        ways={"some features": {"max_features": 2}},
        target=known["target"],
        bad_targets=known["bad_targets"],
        scales=False,  # thresholds are data, and values closer than 1e-7 are one value
        typed=None,
        scant_shape=(20_000, 16),
        endless={"n_estimators": 10_000},
        **more,
    )


ENTRIES = [
    entry_of(
        "Classifier",
        trees.CLASSES,
        outputs=("predict", "predict_proba", "score"),
        state=("estimators_", "estimator_", "estimators_features_", "classes_", "n_classes_", "n_features_in_"),
    ),
    entry_of(
        "Regressor",
        trees.NUMBERS,
        outputs=("predict", "score"),
        state=("estimators_", "estimator_", "estimators_features_", "n_features_in_"),
    ),
]
