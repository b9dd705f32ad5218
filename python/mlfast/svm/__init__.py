"""Support vector machines."""

import mlfast._compat  # first: it refuses a scikit-learn that is not supported  # noqa: F401
from mlfast._hints import explain_unknown_names
from mlfast.svm._linear import LinearSVC, LinearSVR

__all__ = ["LinearSVC", "LinearSVR"]

explain_unknown_names(__name__)
