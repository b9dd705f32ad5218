from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "fit",
    "predict",
    "predict_joint_log_proba",
    "predict_joint_log_proba_small",
    "predict_log_proba",
    "predict_log_proba_small",
    "predict_proba",
    "predict_proba_small",
    "predict_small",
]

class _Fit(TypedDict):
    x: NDArray[Any]
    labels: NDArray[np.int64]
    weights: NDArray[Any] | None
    n_classes: int
    n_threads: int

class _Predict(TypedDict):
    x: NDArray[Any]
    means: NDArray[Any]
    variances: NDArray[Any]
    priors: NDArray[Any]
    n_threads: int

def fit(options: _Fit) -> dict[str, Any]: ...
def predict(options: _Predict) -> NDArray[np.int64]: ...
def predict_joint_log_proba(options: _Predict) -> NDArray[Any]: ...
def predict_joint_log_proba_small(state: dict[str, Any], x: Any) -> NDArray[Any] | None: ...
def predict_log_proba(options: _Predict) -> NDArray[Any]: ...
def predict_log_proba_small(state: dict[str, Any], x: Any) -> NDArray[Any] | None: ...
def predict_proba(options: _Predict) -> NDArray[Any]: ...
def predict_proba_small(state: dict[str, Any], x: Any) -> NDArray[Any] | None: ...
def predict_small(state: dict[str, Any], x: Any) -> NDArray[Any] | None: ...
