"""Neural networks."""

import mlfast._compat  # first: it refuses a scikit-learn that is not supported  # noqa: F401
from mlfast._hints import explain_unknown_names
from mlfast.neural_network._autoencoder import Autoencoder
from mlfast.neural_network._networks import NetworkClassifier, NetworkRegressor
from mlfast.neural_network._perceptron import MLPClassifier, MLPRegressor

__all__ = ["Autoencoder", "MLPClassifier", "MLPRegressor", "NetworkClassifier", "NetworkRegressor"]

explain_unknown_names(__name__)
