"""The rows of Huber's regression, in the linear_model room."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scores
from harness import Data, Row, Work
from peers import Peer

TITLE = "Huber's regression"
NOTES: tuple[str, ...] = ()
PAIR = ("mlfast", "sklearn")
Job = Callable[[Peer, Data, int], Work]


def spoilt(n: int, d: int) -> Callable[[int], Data]:
    """Normal features x (n x d), targets y (n) of which one in twenty is far off, weights w (n)."""

    def make(scale: int) -> Data:
        random = np.random.default_rng(0)
        rows = max(n // scale, 100)
        x = random.standard_normal((rows, d))
        y = x @ random.standard_normal(d) + random.standard_normal(rows)
        y[random.uniform(size=rows) < 0.05] += 50
        return {"x": x, "y": y, "w": random.uniform(0.5, 2, rows)}

    return make


def fit(weighted: bool = False) -> Job:
    """A fit."""

    def job(peer: Peer, data: Data, threads: int) -> Work:
        weights = (data["w"],) if weighted else ()
        return lambda: peer.build("linear_model.HuberRegressor", threads).fit(data["x"], data["y"], *weights)

    return job


def row(key: str, title: str, data: Any, job: Job, goal: float = 1.0, **more: Any) -> Row:
    return Row(key, title, data, dict.fromkeys(PAIR, job), scores.values, goal, "sklearn", **more)


ROWS = [
    row("huber", "HuberRegressor fit, 200k x 50", spoilt(200_000, 50), fit(), 3),
    row("huber-weights", "the same, with weights", spoilt(200_000, 50), fit(weighted=True), 3),
    row("small-huber-fit", "100 x 5: HuberRegressor.fit", spoilt(100, 5), fit(), short=True, minor=True),
]
