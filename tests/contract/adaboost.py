"""The entries of AdaBoost."""

import scipy.sparse as sp
import sklearn.ensemble

import mlfast.ensemble
import mlfast.tree

from . import trees
from .entry import Entry

BAD = (
    {"n_estimators": 0},
    {"n_estimators": 2.0},
    {"learning_rate": 0.0},
    {"learning_rate": "fast"},
    {"estimator": "tree"},
    {"random_state": -1},
)


def decided_by_data(X, weights, params):
    """From the second round on weights are fractions: see `trees.decided_by_data`."""
    return not sp.issparse(X) or params["n_estimators"] == 1


def entry_of(kind, trees_of_kind, fuzz, **more):
    name = f"AdaBoost{kind}"
    return Entry(
        like="AdaBoostClassifier" if kind == "Regressor" else "",
        ours=getattr(mlfast.ensemble, name),
        parent=getattr(sklearn.ensemble, name),
        params={"random_state": 0, "n_estimators": 3},
        scant_shape=(40_000, 16),
        fuzz={
            "n_estimators": (1, 2, 5),
            "learning_rate": (0.1, 1.0, 2.0),
            "estimator": (None, *trees_of_kind),
            **fuzz,
        },
        ways={"deeper": {"estimator": trees_of_kind[0]}},
        decided=decided_by_data,
        scales=False,  # thresholds are data, and values closer than 1e-7 are one value
        typed=None,
        endless={"n_estimators": 10_000, "estimator": trees_of_kind[0]},
        **more,
    )


ENTRIES = [
    entry_of(
        "Classifier",
        (mlfast.tree.DecisionTreeClassifier(max_depth=3), mlfast.tree.ExtraTreeClassifier(max_depth=2)),
        {},
        outputs=("predict", "predict_proba", "decision_function", "staged_predict", "score"),
        finish={"staged_predict": list},
        target=trees.CLASSES["target"],
        bad_targets=trees.CLASSES["bad_targets"],
        bad_params=BAD,
        state=("estimators_", "estimator_", "estimator_weights_", "classes_", "n_classes_", "n_features_in_"),
    ),
    entry_of(
        "Regressor",
        (mlfast.tree.DecisionTreeRegressor(max_depth=5), mlfast.tree.ExtraTreeRegressor(max_depth=4)),
        {"loss": ("linear", "square", "exponential")},
        outputs=("predict", "staged_predict", "score"),
        finish={"staged_predict": list},
        target=trees.NUMBERS["target"],
        bad_targets=trees.NUMBERS["bad_targets"],
        bad_params=(*BAD, {"loss": "cubic"}),
        state=("estimators_", "estimator_", "estimator_weights_", "n_features_in_"),
    ),
]
