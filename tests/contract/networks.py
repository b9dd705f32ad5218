"""The entries of the room `neural_network`."""

import numpy as np
import sklearn.neural_network

import mlfast.neural_network

from .entry import BAD_CLASSES, BAD_NUMBERS, Entry, names_of_classes, numbers

FUZZ = {
    "hidden_layer_sizes": ((3,), (7, 4), ()),
    "activation": ("identity", "logistic", "tanh", "relu"),
    "solver": ("adam", "sgd"),
    "alpha": (0.0, 1.0),
    "batch_size": ("auto", 7),
    "learning_rate": ("constant", "invscaling", "adaptive"),
    "learning_rate_init": (1e-3, 0.02),
    "shuffle": (True, False),
    "momentum": (0.0, 0.9),
    "nesterovs_momentum": (True, False),
    "max_iter": (1, 4),
}
BAD = (
    {"hidden_layer_sizes": (3, 0)},
    {"hidden_layer_sizes": -1},
    {"hidden_layer_sizes": "wide"},
    {"activation": "softmax"},
    {"solver": "newton"},
    {"alpha": -1.0},
    {"batch_size": 0},
    {"learning_rate": "fast"},
    {"learning_rate_init": 0.0},
    {"power_t": -1.0},
    {"max_iter": 0},
    {"shuffle": "yes"},
    {"tol": -1.0},
    {"momentum": 1.5},
    {"nesterovs_momentum": 2},
    {"validation_fraction": 1.0},
    {"beta_1": 1.0},
    {"beta_2": -0.1},
    {"epsilon": 0.0},
    {"n_iter_no_change": 0},
    {"max_fun": 0},
)
STATE = (
    "coefs_",
    "intercepts_",
    "n_iter_",
    "n_layers_",
    "n_outputs_",
    "out_activation_",
    "loss_",
    "t_",
    "n_features_in_",
)
COMMON = {
    # Nothing counts as better: three epochs, and no warning that there should have been more.
    "params": {
        "random_state": 0,
        "alpha": 1e-4,
        "hidden_layer_sizes": (5,),
        "max_iter": 9,
        "tol": 1e300,
        "n_iter_no_change": 1,
    },
    "fuzz": FUZZ,
    "bad_params": BAD,
    "scales": False,
    "penalties": ("alpha",),
    "typed": None,
    "incremental": True,
    "keeps_interrupted": True,
    "ways": {"all rows at once": {"solver": "lbfgs", "tol": 0.1}, "early stop": {"early_stopping": True}},
    "endless": {"max_iter": 100_000, "tol": 0.0, "n_iter_no_change": 100_000},
    "endless_shape": (20_000, 50),
}


def digits_to_spare(X, weights, params):
    """
    Whether not all depends on the last digits of activations that saturate, in single precision.

    Where the one row of all saturates a neuron, Adam makes a step of the rounding of its gradient. The parent's own
    answers move as much when NumPy's vector functions are switched off (NPY_DISABLE_CPU_FEATURES=X86_V3).
    """
    saturates = params.get("activation") in ("logistic", "tanh") and params.get("solver", "adam") == "adam"
    return X.shape[0] > 1 or X.dtype == np.float64 or not saturates


ENTRIES = [
    Entry(
        ours=mlfast.neural_network.MLPClassifier,
        parent=sklearn.neural_network.MLPClassifier,
        target=names_of_classes,
        bad_targets=BAD_CLASSES,
        outputs=("predict", "predict_proba", "predict_log_proba", "score"),
        state=(*STATE, "classes_"),
        **COMMON,
    ),
    Entry(
        ours=mlfast.neural_network.MLPRegressor,
        parent=sklearn.neural_network.MLPRegressor,
        like="MLPClassifier",
        target=numbers,
        decided=digits_to_spare,
        bad_targets=BAD_NUMBERS,
        outputs=("predict", "score"),
        state=STATE,
        **COMMON,
    ),
]
