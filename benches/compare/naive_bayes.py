"""The rows of the naive_bayes room."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scores
from harness import Data, Row, Work
from peers import Peer

TITLE = "Naive Bayes"
NOTES: tuple[str, ...] = ()
PAIR = ("mlfast", "sklearn")
ESTIMATOR = "naive_bayes.GaussianNB"
Job = Callable[[Peer, Data, int], Work]


def classes(n: int, d: int, n_classes: int = 5) -> Callable[[int], Data]:
    """Features x (n x d), normal around a centre for each class; classes y (n)."""

    def make(scale: int) -> Data:
        random = np.random.default_rng(0)
        y = random.integers(0, n_classes, max(n // scale, 100))
        return {"x": random.standard_normal((n_classes, d))[y] + random.standard_normal((len(y), d)), "y": y}

    return make


def fit(peer: Peer, data: Data, threads: int) -> Work:
    return lambda: peer.build(ESTIMATOR, threads).fit(data["x"], data["y"]).var_


def ask(method: str, rows: int | None = None) -> Job:
    """A method of a fitted model on the rows, or on the first of them."""

    def job(peer: Peer, data: Data, threads: int) -> Work:
        call, asked = getattr(peer.build(ESTIMATOR, threads).fit(data["x"], data["y"]), method), data["x"][:rows]
        return lambda: call(asked)

    return job


def row(key: str, title: str, data: Any, job: Job, goal: float = 1.0, **more: Any) -> Row:
    return Row(key, title, data, dict.fromkeys(PAIR, job), scores.values, goal, "sklearn", **more)


MANY, FEW = classes(1_000_000, 20), classes(100, 4)
ROWS = [
    row("gaussian-nb-fit", "GaussianNB fit, 1M x 20, 5 classes", MANY, fit, 4),
    row("gaussian-nb-predict", "the same, predict", MANY, ask("predict"), 4),
    row("gaussian-nb-proba", "the same, predict_proba", MANY, ask("predict_proba"), 2),
    row("small-gaussian-nb-fit", "100 x 4: GaussianNB.fit", FEW, fit, short=True, minor=True),
    row("small-gaussian-nb-predict", "1 x 4: GaussianNB.predict", FEW, ask("predict", 1), short=True, minor=True),
]
