"""The entries of the room `ensemble`."""

from operator import itemgetter

import sklearn.ensemble

import mlfast.ensemble

from . import trees
from .entry import Entry

FUZZ = {
    **{name: values for name, values in trees.FUZZ.items() if name != "splitter"},
    "n_estimators": (1, 2),
    "bootstrap": (True, False),
}
#: What a single tree refuses, but for what a forest does not have.
BAD = (
    *(params for params in trees.BAD if "splitter" not in params),
    {"n_estimators": 0},
    {"n_estimators": 2.0},
    {"bootstrap": "yes"},
    {"bootstrap": False, "max_samples": 5},
    {"bootstrap": True, "max_samples": 0},
    {"bootstrap": True, "max_samples": -0.5},
    {"bootstrap": False, "oob_score": True},
    {"n_jobs": 0},
    {"n_jobs": 1.5},
    {"verbose": -1},
    {"warm_start": "no"},
)
#: Of a decision path the matrix; what it comes with counts nodes, not samples.
FINISH = {"decision_path": itemgetter(0)}
KINDS = {
    "Classifier": {
        **trees.CLASSES,
        "fuzz": {**trees.CLASSES_FUZZ, **FUZZ, "class_weight": (None, "balanced", "balanced_subsample")},
        "bad_params": (*BAD, {"class_weight": "even"}, {"class_weight": {"elm": 2.0}}),
        "state": ("estimators_", "estimator_", "classes_", "n_classes_", "n_outputs_", "n_features_in_"),
        "endless": {"max_depth": None, "criterion": "entropy", "n_estimators": 20},
    },
    "Regressor": {
        **trees.NUMBERS,
        "fuzz": {**trees.NUMBERS_FUZZ, **FUZZ},
        "bad_params": BAD,
        "state": ("estimators_", "estimator_", "n_outputs_", "n_features_in_"),
        "endless": {"max_depth": None, "criterion": "absolute_error", "n_estimators": 20},
    },
}
for kind in KINDS.values():
    kind["fuzz"].pop("splitter")

ENTRIES = [
    Entry(
        ours=getattr(mlfast.ensemble, forest + kind),
        like="RandomForest" + kind if forest == "ExtraTrees" else "",
        parent=getattr(sklearn.ensemble, forest + kind),
        params={"random_state": 0, "max_depth": 4, "n_estimators": 3},
        ways={"other rows": {"bootstrap": forest == "ExtraTrees"}, "best first": {"max_leaf_nodes": 5}},
        scales=False,  # thresholds are data, and values closer than 1e-7 are one value
        typed=None,
        finish=FINISH,
        large_params={"n_estimators": 2},
        decided=trees.decided_by_data,
        **KINDS[kind],
    )
    for forest in ("RandomForest", "ExtraTrees")
    for kind in KINDS
]
ENTRIES += [
    Entry(
        ours=mlfast.ensemble.IsolationForest,
        parent=sklearn.ensemble.IsolationForest,
        params={"random_state": 0, "n_estimators": 4},
        outputs=("predict", "score_samples", "decision_function"),
        parent_accepts=True,
        fuzz={
            "n_estimators": (1, 5),
            "max_samples": ("auto", 1, 7, 0.5, 1.0),
            "max_features": (1, 0.5, 1.0),
            "contamination": ("auto", 0.1, 0.5),
            "bootstrap": (True, False),
        },
        bad_params=(
            {"n_estimators": 0},
            {"max_samples": 0},
            {"max_samples": 1.5},
            {"max_samples": "most"},
            {"max_features": 5},
            {"max_features": 1.5},
            {"contamination": 0.6},
            {"bootstrap": None},
            {"n_jobs": 0},
            {"random_state": -1},
        ),
        state=("estimators_", "estimators_features_", "estimator_", "max_samples_", "offset_", "n_features_in_"),
        ways={"other features": {"max_features": 2}, "twice": {"bootstrap": True}},
        scales=False,
        typed=None,
        endless={"n_estimators": 100_000},
    ),
    Entry(
        ours=mlfast.ensemble.RandomTreesEmbedding,
        like="RandomForestRegressor",
        parent=sklearn.ensemble.RandomTreesEmbedding,
        params={"random_state": 0, "n_estimators": 4, "max_depth": 3},
        outputs=("transform", "apply", "decision_path"),
        fuzz={
            name: trees.FUZZ[name]
            for name in (
                "max_depth",
                "min_samples_split",
                "min_samples_leaf",
                "min_weight_fraction_leaf",
                "max_leaf_nodes",
            )
        },
        bad_params=(
            {"n_estimators": 0},
            {"max_depth": 0},
            {"min_samples_leaf": 0},
            {"max_leaf_nodes": 1},
            {"sparse_output": 2},
            {"n_jobs": 0},
            {"random_state": -1},
        ),
        state=("estimators_", "estimator_", "one_hot_encoder_", "n_outputs_", "n_features_in_"),
        ways={"best first": {"max_leaf_nodes": 5}},
        scales=False,
        typed=None,
        finish=FINISH,
        endless={"n_estimators": 10_000, "max_depth": None},
    ),
]
