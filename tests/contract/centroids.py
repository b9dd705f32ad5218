"""The entry of NearestCentroid."""

from dataclasses import replace

import numpy as np
import scipy.sparse as sp
import sklearn.neighbors

import mlfast.neighbors

from .entry import BAD_CLASSES, Entry, names_of_classes


def in_rust(X, weights, params):
    """With unequal priors a class is predicted by its score, and scores of CSR rows are scikit-learn's to compute."""
    return params.get("priors", "uniform") == "uniform" or not sp.issparse(X)


PREDICTS = Entry(
    ours=mlfast.neighbors.NearestCentroid,
    parent=sklearn.neighbors.NearestCentroid,
    params={"metric": "euclidean"},
    target=names_of_classes,
    bad_targets=BAD_CLASSES,
    outputs=("predict", "score"),
    fuzz={
        "metric": ("euclidean", "manhattan"),
        "shrink_threshold": (None, 0.1, 1.0),
        "priors": ("uniform", "empirical"),
    },
    bad_params=(
        {"metric": "cosine"},
        {"metric": None},
        {"shrink_threshold": 0},
        {"shrink_threshold": -1},
        {"shrink_threshold": "some"},
        {"priors": "equal"},
        {"priors": None},
        {"priors": (0.5, 0.7, -0.2)},
    ),
    sample_weight=False,
    degree={"centroids_": 1, "within_class_std_dev_": 1},
    state=("centroids_", "classes_", "class_prior_", "deviations_", "within_class_std_dev_", "n_features_in_"),
    decided=in_rust,
    typed=None,
    endless={},
    endless_shape=(120_000, 20),
    endless_target=lambda n: np.arange(n) // 2,
    lasts="predict",
    ways={"manhattan": {"metric": "manhattan"}, "shrunken": {"shrink_threshold": 0.5}},
)
SCORES = replace(
    PREDICTS,
    label="[scores]",
    outputs=("predict_proba", "predict_log_proba", "decision_function"),
    sparse=False,
    lasts="decision_function",
    endless_shape=(8_000, 2_000),
    ways={"shrunken": {"shrink_threshold": 0.5}},
)
ENTRIES = [PREDICTS, SCORES]
