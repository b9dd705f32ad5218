"""The entry of the room `naive_bayes`."""

import numpy as np

import mlfast.naive_bayes

from .entry import Entry


def known_classes(X, weights, params):
    """Where all classes have weight: the density of one without has no logarithm, and scikit-learn warns of it."""
    return weights is None or bool(np.all(np.asarray(weights) > 0))


ENTRIES = [
    Entry(
        ours=mlfast.naive_bayes.GaussianNB,
        params={"var_smoothing": 1e-9},
        outputs=("predict", "predict_proba", "predict_log_proba", "predict_joint_log_proba", "score"),
        fuzz={"var_smoothing": (1e-9, 1e-3, 0.5)},
        bad_params=({"var_smoothing": -1.0}, {"var_smoothing": "some"}, {"priors": 1.0}, {"priors": (0.2, 0.3)}),
        scales=False,  # a density is one per unit of each feature
        degree={"theta_": 1, "var_": 2, "epsilon_": 2},
        quadratic=("var_", "epsilon_"),
        weight_degree={"class_count_": 1},
        state=("theta_", "var_", "class_count_", "class_prior_", "classes_", "epsilon_", "n_features_in_"),
        unread=("class_count_", "epsilon_"),
        typed="theta_",
        endless={},
        endless_shape=(120_000, 20),
        endless_target=lambda n: np.arange(n) // 2,
        lasts="predict",
        decided=known_classes,
    )
]
