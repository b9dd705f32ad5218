"""The rows of gradient descent.

scikit-learn has the stochastic descent of its SGD estimators only; they take as many epochs. The descent over all
samples is compared with a loop in NumPy, which is what one writes by hand: two products and a step.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from harness import Data, Row, Scores, Work
from linear import noisy
from peers import Peer

TITLE = "Gradient descent"
NOTES: tuple[str, ...] = ()
EPOCHS = 10
RATE = 1e-3
PLAIN = {"penalty": None, "tol": None, "eta0": RATE, "max_iter": EPOCHS}


def flat(model: Any) -> np.ndarray:
    """The coefficients of a model, or of the loop in NumPy."""
    return np.ravel(getattr(model, "coef_", model))


def coefficients(_data: Data, result: Any, reference: Any) -> Scores:
    """How far the coefficients are from scikit-learn's, which draws another order, or from NumPy's."""
    if reference is None:
        return {}
    ours, theirs = flat(result), flat(reference)
    return {"apart by": float(np.abs(ours - theirs).max() / np.abs(theirs).max())}


def classes(data: Data) -> np.ndarray:
    return (data["y"] > np.median(data["y"])).astype(float)


def regress(batch_size: int | str) -> Any:
    def job(peer: Peer, data: Data, threads: int) -> Work:
        params = {**PLAIN, "batch_size": batch_size, "random_state": 0}
        return lambda: peer.build("linear_model.GradientDescentRegressor", threads, **params).fit(data["x"], data["y"])

    return job


def classify(batch_size: int | str) -> Any:
    def job(peer: Peer, data: Data, threads: int) -> Work:
        params, y = {**PLAIN, "batch_size": batch_size, "random_state": 0}, classes(data)
        return lambda: peer.build("linear_model.GradientDescentClassifier", threads, **params).fit(data["x"], y)

    return job


def sgd_regress(peer: Peer, data: Data, threads: int) -> Work:
    params = {**PLAIN, "learning_rate": "constant", "random_state": 0}
    return lambda: peer.build("linear_model.SGDRegressor", threads, **params).fit(data["x"], data["y"])


def sgd_classify(peer: Peer, data: Data, threads: int) -> Work:
    params, y = {**PLAIN, "learning_rate": "constant", "random_state": 0, "loss": "log_loss"}, classes(data)
    return lambda: peer.build("linear_model.SGDClassifier", threads, **params).fit(data["x"], y)


def by_hand(peer: Peer, data: Data, threads: int) -> Work:
    """Batch gradient descent in NumPy; its products run on the threads of BLAS."""

    def work() -> np.ndarray:
        x, y = data["x"], data["y"]
        coef, intercept = np.zeros(x.shape[1]), 0.0
        for _ in range(EPOCHS):
            error = x @ coef + intercept - y
            coef -= RATE * (x.T @ error) / len(y)
            intercept -= RATE * error.mean()
        return coef

    return work


def row(key: str, title: str, data: Any, ours: Any, theirs: Any, goal: float, **more: Any) -> Row:
    return Row(key, title, data, {"mlfast": ours, "sklearn": theirs}, coefficients, goal, "sklearn", **more)


LARGE = noisy(500_000, 50)
ROWS = [
    row(
        "descent-full", "all samples a step, 500k x 50, 10 epochs, NumPy by hand", LARGE, regress("full"), by_hand, 1.5
    ),
    row("descent-one", "one sample a step, 500k x 50, 10 epochs, SGDRegressor", LARGE, regress(1), sgd_regress, 1),
    row("descent-log", "one sample a step, 500k x 50, 10 epochs, SGDClassifier", LARGE, classify(1), sgd_classify, 1),
    row(
        "descent-batch",
        "100 samples a step, 500k x 50, 10 epochs, SGDClassifier",
        LARGE,
        classify(100),
        sgd_classify,
        2,
    ),
    row(
        "small-descent-fit",
        "100 x 5: GradientDescentRegressor.fit, 10 epochs, SGDRegressor",
        noisy(100, 5),
        regress(1),
        sgd_regress,
        1,
        short=True,
        minor=True,
    ),
    row(
        "small-descent-classifier-fit",
        "100 x 5: GradientDescentClassifier.fit, 10 epochs, SGDClassifier",
        noisy(100, 5),
        classify(1),
        sgd_classify,
        1,
        short=True,
        minor=True,
    ),
]
