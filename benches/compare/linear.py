"""The rows of the linear_model room.

Targets follow from all features, with noise. sklearnex solves the normal equations; scikit-learn's LinearRegression
does not, and pays for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scores
from harness import Data, Row, Work
from peers import Peer

TITLE = "Linear models"
NOTES: tuple[str, ...] = ()
PAIR = ("mlfast", "sklearn")
TRIO = (*PAIR, "sklearnex")
Job = Callable[[Peer, Data, int], Work]
ORDINARY = "linear_model.LinearRegression"
RIDGE = "linear_model.Ridge"
RIDGE_CV = "linear_model.RidgeCV"
PENALTIES = tuple(10.0**power for power in range(-4, 5))


# ---- data ----


def noisy(n: int, d: int) -> Callable[[int], Data]:
    """Normal features about unequal means: x (n x d), y (n) and their side of the mean, weights w (n)."""

    def make(scale: int) -> Data:
        random = np.random.default_rng(0)
        rows = max(n // scale, 100)
        x = random.standard_normal((rows, d)) + random.uniform(-3, 3, d)
        y = x @ random.standard_normal(d) + random.standard_normal(rows)
        return {"x": x, "y": y, "side": y > y.mean(), "w": random.uniform(0.5, 2, rows)}

    return make


def dependent(scale: int) -> Data:
    """The same with a column that is the sum of two others."""
    data = noisy(200_000, 30)(scale)
    data["x"][:, -1] = data["x"][:, 0] + data["x"][:, 1]
    return data


def stored(n: int, d: int) -> Callable[[int], Data]:
    """CSR, n x d, one value in a hundred stored."""

    def make(scale: int) -> Data:
        import scipy.sparse as sp

        random = np.random.default_rng(0)
        rows = max(n // scale, 100)
        x = sp.random_array((rows, d), density=0.01, format="csr", rng=random)
        return {"x": x, "y": x @ random.standard_normal(d) + random.standard_normal(rows)}

    return make


# ---- jobs ----


def fit(estimator: str, weighted: bool = False, target: str = "y", **params: Any) -> Job:
    def job(peer: Peer, data: Data, threads: int) -> Work:
        weights = (data["w"],) if weighted else ()
        return lambda: peer.build(estimator, threads, **params).fit(data["x"], data[target], *weights)

    return job


def ask(estimator: str, rows: int | None = None) -> Job:
    """The answers of a fitted model for the first rows."""

    def job(peer: Peer, data: Data, threads: int) -> Work:
        model = peer.build(estimator, threads).fit(data["x"], data["y"])
        asked, call = data["x"][:rows], model.predict
        return lambda: call(asked)

    return job


# ---- rows ----


def row(key: str, title: str, data: Any, job: Job, goal: float = 1.0, who: tuple[str, ...] = PAIR, **more: Any) -> Row:
    against = "best" if who == TRIO else "sklearn"
    return Row(key, title, data, dict.fromkeys(who, job), scores.values, goal, against, **more)


MAIN = [
    row("linear-ordinary", "LinearRegression fit, 1M x 50", noisy(1_000_000, 50), fit(ORDINARY), 2, TRIO),
    row("linear-weights", "the same, with weights, 200k x 50", noisy(200_000, 50), fit(ORDINARY, weighted=True), 2),
    row("linear-dependent", "the same, a column the sum of two, 200k x 30", dependent, fit(ORDINARY), 1),
    row("linear-positive", "the same, positive=True, 200k x 30", noisy(200_000, 30), fit(ORDINARY, positive=True), 2),
    row("linear-csr", "the same, CSR, 100k x 1,000 at 1 %", stored(100_000, 1_000), fit(ORDINARY), 1),
    row("linear-predict", "LinearRegression.predict, 1M x 50", noisy(1_000_000, 50), ask(ORDINARY)),
    row("ridge", "Ridge fit, 200k x 200", noisy(200_000, 200), fit(RIDGE), 2.5, TRIO),
    row("ridge-weights", "the same, with weights, 50k x 200", noisy(50_000, 200), fit(RIDGE, weighted=True), 2.5),
    row("ridge-svd", "the same, solver='svd', 50k x 200", noisy(50_000, 200), fit(RIDGE, solver="svd"), 2.5),
    row("ridge-lsqr", "the same, solver='lsqr', 50k x 200", noisy(50_000, 200), fit(RIDGE, solver="lsqr"), 1),
    row("ridge-positive", "the same, positive=True, 50k x 200", noisy(50_000, 200), fit(RIDGE, positive=True), 1),
    row("ridge-csr", "the same, CSR, 100k x 1,000 at 1 %", stored(100_000, 1_000), fit(RIDGE), 1),
    row("ridge-cv", "RidgeCV fit, 9 penalties, 50k x 100", noisy(50_000, 100), fit(RIDGE_CV, alphas=PENALTIES), 3),
    row("ridge-cv-csr", "the same, CSR, 20k x 500 at 1 %", stored(20_000, 500), fit(RIDGE_CV, alphas=PENALTIES), 1),
    row(
        "linear-one-row",
        "LinearRegression.predict of one row, 10k x 20",
        noisy(10_000, 20),
        ask(ORDINARY, 1),
        limit=6e-6,
        short=True,
    ),
]


def small_row(name: str, method: str) -> Row:
    """A row on 100 x 5 data: mlfast must not be slower than scikit-learn."""
    estimator = f"linear_model.{name}"
    target = "side" if "Classifier" in name else "y"
    job = fit(estimator, target=target) if method == "fit" else ask(estimator)
    return row(
        f"small-{name.lower()}-{method}", f"100 x 5: {name}.{method}", noisy(100, 5), job, short=True, minor=True
    )


SMALL = [(name, method) for name in ("LinearRegression", "Ridge", "RidgeCV") for method in ("fit", "predict")]
SMALL += [("RidgeClassifier", "fit"), ("RidgeClassifierCV", "fit")]
ROWS = [*MAIN, *(small_row(name, method) for name, method in SMALL)]
