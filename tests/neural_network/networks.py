"""Networks that tests make, and data for them."""

import numpy as np

from mlfast.neural_network import MLPClassifier, MLPRegressor, NetworkClassifier, NetworkRegressor

BOTH = [NetworkClassifier, NetworkRegressor]
PLAIN = {NetworkClassifier: MLPClassifier, NetworkRegressor: MLPRegressor}
#: All that a network may have at once.
ALL = {"dropout": 0.2, "batch_normalization": True, "residual": True, "hidden_layer_sizes": (8, 8), "clip_norm": 1.0}


def problem(seed=0, n=83, d=5, classes=3, dtype=np.float64):
    """Features (n, d), classes (n,), and numbers (n, 2)."""
    rng = np.random.RandomState(seed)
    X = rng.standard_normal((n, d)).astype(dtype)
    scores = np.tanh(X @ rng.standard_normal((d, classes))) + 0.2 * rng.standard_normal((n, classes))
    return X, scores.argmax(axis=1), scores[:, :2].astype(dtype)


def target(Estimator, given):
    return given[1] if Estimator is NetworkClassifier else given[2]


def make(Estimator, **params):
    return Estimator(**{"hidden_layer_sizes": (6,), "max_iter": 4, "batch_size": 16, "random_state": 3, **params})


def learnt(network):
    """All that a fit has learnt, as bytes."""
    names = ("coefs_", "intercepts_", "batch_norm_scales_", "batch_norm_means_", "batch_norm_variances_")
    parts = [array for name in names for array in getattr(network, name, [])]
    return b"".join(array.tobytes() for array in parts), network.loss_curve_, network.validation_scores_


#: Layers that scikit-learn has not.
LAYERS = {
    "plain": {},
    "normalised": {"batch_normalization": True},
    "residual": {"residual": True},
    "dropout": {"dropout": 0.3},
    "all": {"batch_normalization": True, "residual": True, "dropout": 0.3},
}
