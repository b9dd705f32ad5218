"""The rows of stochastic gradient descent in the linear_model room: ten passes, whatever was gained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scores
from harness import Data, Row, Work
from peers import Peer

TITLE = "Stochastic gradient descent"
NOTES: tuple[str, ...] = ()
PAIR = ("mlfast", "sklearn")
Job = Callable[[Peer, Data, int], Work]
TEN_PASSES = {"max_iter": 10, "tol": None, "random_state": 0}


# ---- data ----


def sides(n: int, d: int, n_classes: int = 2) -> Callable[[int], Data]:
    """Normal features x (n x d) and classes y (n) that follow from all of them, with noise."""

    def make(scale: int) -> Data:
        random = np.random.default_rng(0)
        rows = max(n // scale, 100)
        x = random.standard_normal((rows, d))
        y = x @ random.standard_normal((d, n_classes)) + random.standard_normal((rows, n_classes))
        return {"x": x, "y": y.argmax(axis=1)}

    return make


def numbers(n: int, d: int) -> Callable[[int], Data]:
    """Normal features x (n x d) and targets y (n) that follow from all of them, with noise."""

    def make(scale: int) -> Data:
        random = np.random.default_rng(0)
        rows = max(n // scale, 100)
        x = random.standard_normal((rows, d))
        return {"x": x, "y": x @ random.standard_normal(d) + random.standard_normal(rows)}

    return make


def sparse(scale: int) -> Data:
    """100k x 20,000, two values in a thousand stored; two classes."""
    import scipy.sparse as sp

    random = np.random.default_rng(0)
    rows = max(100_000 // scale, 100)
    x = sp.random_array((rows, 20_000), density=0.002, format="csr", rng=random)
    return {"x": x, "y": x @ random.standard_normal(20_000) > 0}


# ---- jobs ----


def fit(name: str, **params: Any) -> Job:
    def job(peer: Peer, data: Data, threads: int) -> Work:
        return lambda: peer.build(f"linear_model.{name}", threads, **params).fit(data["x"], data["y"])

    return job


def ask(name: str, rows: int | None = None) -> Job:
    """The answers of a fitted model for the first rows."""

    def job(peer: Peer, data: Data, threads: int) -> Work:
        model = peer.build(f"linear_model.{name}", threads, **TEN_PASSES).fit(data["x"], data["y"])
        asked, call = data["x"][:rows], model.predict
        return lambda: call(asked)

    return job


# ---- rows ----


def row(key: str, title: str, data: Any, job: Job, goal: float = 1.0, **more: Any) -> Row:
    return Row(key, title, data, dict.fromkeys(PAIR, job), scores.values, goal, "sklearn", **more)


LARGE, SMALL = sides(500_000, 50), sides(100, 5)
MAIN = [
    row("sgd-hinge", "SGDClassifier fit, 500k x 50", LARGE, fit("SGDClassifier", **TEN_PASSES), 5),
    row("sgd-log", "the same, log_loss", LARGE, fit("SGDClassifier", loss="log_loss", **TEN_PASSES), 2),
    row("sgd-net", "the same, elasticnet", LARGE, fit("SGDClassifier", penalty="elasticnet", **TEN_PASSES), 2),
    row("sgd-classes", "the same, 4 classes, 200k x 50", sides(200_000, 50, 4), fit("SGDClassifier", **TEN_PASSES), 4),
    row("sgd-csr", "the same, CSR, 100k x 20k at 0.2 %", sparse, fit("SGDClassifier", **TEN_PASSES), 2),
    row("sgd-numbers", "SGDRegressor fit, 500k x 50", numbers(500_000, 50), fit("SGDRegressor", **TEN_PASSES), 2),
    row(
        "sgd-one-row",
        "SGDClassifier.predict of one row, 10k x 20",
        sides(10_000, 20),
        ask("SGDClassifier", 1),
        limit=6e-6,
        short=True,
    ),
]


def small_row(name: str, method: str) -> Row:
    """A row on 100 x 5 data: mlfast must not be slower than scikit-learn."""
    job = fit(name, **TEN_PASSES) if method == "fit" else ask(name)
    return row(f"small-{name.lower()}-{method}", f"100 x 5: {name}.{method}", SMALL, job, short=True, minor=True)


NAMES = (
    "SGDClassifier",
    "SGDRegressor",
    "SGDOneClassSVM",
    "Perceptron",
    "PassiveAggressiveClassifier",
    "PassiveAggressiveRegressor",
)
ROWS = [*MAIN, *(small_row(name, method) for name in NAMES for method in ("fit", "predict"))]
