"""
The rows of the svm room: linear support vector machines.

Classes and targets follow from all features, with noise. scikit-learn's LIBLINEAR is the only peer that solves the same
problems; the solvers that draw the order of their steps run on one thread, as they do there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scores
from harness import Data, Row, Work
from peers import Peer

TITLE = "Linear support vector machines"
NOTES: tuple[str, ...] = ()
PAIR = ("mlfast", "sklearn")
Job = Callable[[Peer, Data, int], Work]
CLASSIFIER = "svm.LinearSVC"
REGRESSOR = "svm.LinearSVR"


# ---- data ----


def classes(n: int, d: int, n_classes: int = 2) -> Callable[[int], Data]:
    """Normal features x (n x d), and the class y (n) with the largest noisy score."""

    def make(scale: int) -> Data:
        random = np.random.default_rng(0)
        rows = max(n // scale, 100)
        x = random.standard_normal((rows, d))
        told = x @ random.standard_normal((d, n_classes)) + 2 * random.standard_normal((rows, n_classes))
        return {"x": x, "y": told.argmax(axis=1), "w": random.uniform(0.5, 2, rows)}

    return make


def targets(n: int, d: int) -> Callable[[int], Data]:
    """The same with a number to explain."""

    def make(scale: int) -> Data:
        data = classes(n, d)(scale)
        random = np.random.default_rng(1)
        data["y"] = data["x"] @ random.standard_normal(d) + random.standard_normal(len(data["x"]))
        return data

    return make


def sparse(scale: int) -> Data:
    """50k x 20,000, 0.2 % stored; two classes."""
    import scipy.sparse as sp

    random = np.random.default_rng(0)
    rows = max(50_000 // scale, 100)
    x = sp.random_array((rows, 20_000), density=0.002, format="csr", rng=random)
    return {"x": x, "y": x @ random.standard_normal(20_000) + 0.3 * random.standard_normal(rows) > 0}


# ---- jobs ----


def fit(estimator: str, weighted: bool = False, **params: Any) -> Job:
    def job(peer: Peer, data: Data, threads: int) -> Work:
        weights = (data["w"],) if weighted else ()
        return lambda: peer.build(estimator, threads, **params).fit(data["x"], data["y"], *weights)

    return job


def ask(estimator: str, rows: int | None = None) -> Job:
    """The answers of a fitted model for the first rows."""

    def job(peer: Peer, data: Data, threads: int) -> Work:
        model = peer.build(estimator, threads, random_state=0).fit(data["x"], data["y"])
        asked, call = data["x"][:rows], model.predict
        return lambda: call(asked)

    return job


# ---- rows ----


def row(key: str, title: str, data: Any, job: Job, goal: float = 1.0, **more: Any) -> Row:
    return Row(key, title, data, dict.fromkeys(PAIR, job), scores.values, goal, "sklearn", **more)


LARGE = classes(100_000, 50)
DRAWN = {"random_state": 0, "max_iter": 20}
MAIN = [
    row("svm-linear", "LinearSVC fit, 100k x 50", LARGE, fit(CLASSIFIER), 6),
    row(
        "svm-linear-weights",
        "the same, with weights",
        LARGE,
        fit(CLASSIFIER, weighted=True, class_weight="balanced"),
        6,
    ),
    row("svm-linear-classes", "the same, 10 classes, 20k x 100", classes(20_000, 100, 10), fit(CLASSIFIER), 6),
    row("svm-linear-hinge", "the same, hinge, 20 passes", LARGE, fit(CLASSIFIER, loss="hinge", **DRAWN), 2),
    row("svm-linear-l1", "the same, L1, 20 passes", LARGE, fit(CLASSIFIER, penalty="l1", **DRAWN), 2),
    row("svm-linear-csr", "the same, CSR, 50k x 20,000 at 0.2 %", sparse, fit(CLASSIFIER), 3),
    row("svm-linear-csr-hinge", "the same, hinge, 20 passes", sparse, fit(CLASSIFIER, loss="hinge", **DRAWN)),
    row("svm-linear-tube", "LinearSVR fit, 50k x 30", targets(50_000, 30), fit(REGRESSOR, **DRAWN), 2),
    row(
        "svm-linear-one-row",
        "LinearSVC.predict of one row, 10k x 20",
        classes(10_000, 20),
        ask(CLASSIFIER, 1),
        limit=6e-6,
        short=True,
    ),
]


def small_row(estimator: str, method: str, label: str = "", **params: Any) -> Row:
    """A row on 100 x 5 data: mlfast must not be slower than scikit-learn."""
    name = estimator.partition(".")[2]
    data = targets(100, 5) if estimator == REGRESSOR else classes(100, 5)
    job = fit(estimator, random_state=0, **params) if method == "fit" else ask(estimator)
    title = f"100 x 5: {name}.{method}{', ' * bool(label)}{label}"
    return row(f"small-{name.lower()}-{method}{label}", title, data, job, short=True, minor=True)


SMALL = [
    small_row(CLASSIFIER, "fit"),
    small_row(CLASSIFIER, "fit", "hinge", loss="hinge"),
    small_row(CLASSIFIER, "fit", "l1", penalty="l1"),
    small_row(CLASSIFIER, "predict"),
    small_row(REGRESSOR, "fit"),
    small_row(REGRESSOR, "predict"),
]
ROWS = [*MAIN, *SMALL]
