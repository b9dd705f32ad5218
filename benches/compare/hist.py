"""The rows of histogram gradient boosting, beside LightGBM and XGBoost with the same leaves, learning rate and bins.

The data are those of the tree room. Nobody stops early; LightGBM and XGBoost make their data sets within the fit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scores
from harness import Data, Row, Scores, Work
from peers import Peer
from tree import labelled

TITLE = "Histogram gradient boosting"
NOTES: tuple[str, ...] = ()
PAIR = ("mlfast", "sklearn")
ALL = (*PAIR, "lightgbm", "xgboost")
Job = Callable[[Peer, Data, int], Work]
CLASSIFIER, REGRESSOR = "HistGradientBoostingClassifier", "HistGradientBoostingRegressor"


def made(peer: Peer, estimator: str, threads: int, n_iter: int) -> Any:
    """An estimator of this contestant: 31 leaves, 20 rows to a leaf, a learning rate of 0.1, 255 bins."""
    kind = estimator.removeprefix("HistGradientBoosting")
    if peer.name == "lightgbm":
        params = {"n_estimators": n_iter, "num_leaves": 31, "min_child_samples": 20, "max_bin": 255, "verbose": -1}
        return getattr(peer.module, f"LGBM{kind}")(n_jobs=threads, **params)
    if peer.name == "xgboost":
        params = {"n_estimators": n_iter, "max_leaves": 31, "max_depth": 0, "grow_policy": "lossguide", "max_bin": 256}
        params |= {"learning_rate": 0.1, "tree_method": "hist", "min_child_weight": 1e-3, "reg_lambda": 0.0}
        return getattr(peer.module, f"XGB{kind}")(n_jobs=threads, **params)
    return peer.get(f"ensemble.{estimator}")(max_iter=n_iter, early_stopping=False, random_state=0)


def fit(estimator: str, target: str, n_iter: int) -> Job:
    def job(peer: Peer, data: Data, threads: int) -> Work:
        return lambda: made(peer, estimator, threads, n_iter).fit(data["x"], data[target])

    return job


def ask(estimator: str, target: str, method: str, rows: int | None = None) -> Job:
    """A method of a model with 100 trees, on q or on its first rows."""

    def job(peer: Peer, data: Data, threads: int) -> Work:
        part = min(len(data["x"]), 20_000)
        model = made(peer, estimator, threads, 100).fit(data["x"][:part], data[target][:part])
        asked, call = data["q"][:rows], getattr(model, method)
        return lambda: call(asked)

    return job


def fitted(data: Data, result: Any, reference: Any) -> Scores:
    """Accuracy, or R2, on other rows, and how far predictions are from scikit-learn's."""
    asked = data["q"][:2000]
    found = {"score": float(result.score(data["x"][:2000], data["y" if hasattr(result, "classes_") else "z"][:2000]))}
    if reference is not None and type(reference).__name__ == type(result).__name__:
        method = "predict_proba" if hasattr(result, "predict_proba") else "predict"
        found["apart by"] = float(np.abs(getattr(result, method)(asked) - getattr(reference, method)(asked)).max())
    return found


def row(
    key: str, title: str, data: Any, job: Job, judge: Any, goal: float, who: tuple[str, ...] = ALL, **more: Any
) -> Row:
    return Row(key, title, data, dict.fromkeys(who, job), judge, goal, "sklearn", **more)


ROWS = [
    row("hist-binary", "500k x 28, 100 iterations", labelled(500_000, 28), fit(CLASSIFIER, "y", 100), fitted, 1.8),
    row(
        "hist-numbers",
        "regression, 200k x 20, 100 iterations",
        labelled(200_000),
        fit(REGRESSOR, "z", 100),
        fitted,
        1.75,
    ),
    row(
        "hist-classes",
        "5 classes, 50k x 20, 100 iterations",
        labelled(50_000, 20, 5),
        fit(CLASSIFIER, "y", 100),
        fitted,
        1.8,
    ),
    row("hist-small", "2k x 10, 100 iterations", labelled(2_000, 10), fit(CLASSIFIER, "y", 100), fitted, 3, short=True),
    row("hist-wide", "2k x 2,000, 20 iterations", labelled(2_000, 2_000), fit(CLASSIFIER, "y", 20), fitted, 1.5),
    row("hist-tiny", "100 x 5, 20 iterations", labelled(100, 5), fit(CLASSIFIER, "y", 20), fitted, 1, short=True),
    row(
        "hist-proba",
        "predict_proba, 500k x 28, 100 trees",
        labelled(500_000, 28),
        ask(CLASSIFIER, "y", "predict_proba"),
        scores.values,
        3,
    ),
    row(
        "hist-one-row",
        "predict_proba of one row, 100 trees",
        labelled(20_000, 28),
        ask(CLASSIFIER, "y", "predict_proba", 1),
        scores.values,
        3,
        short=True,
    ),
]
