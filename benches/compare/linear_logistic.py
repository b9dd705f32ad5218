"""The rows of logistic regression and of generalised linear models.

Classes follow from all features, with noise, so that no two of them can be told apart for certain.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scores
from harness import Data, Row, Work
from linear import PAIR, TRIO, Job, ask, fit
from peers import Peer

TITLE = "Logistic regression and its kind"
NOTES: tuple[str, ...] = ()
LOGISTIC = "linear_model.LogisticRegression"


# ---- data ----


def classes(n: int, d: int, count: int = 2, dtype: type = np.float64) -> Callable[[int], Data]:
    """Normal features: x (n x d), classes y (n), weights w (n)."""

    def make(scale: int) -> Data:
        random = np.random.default_rng(0)
        rows = max(n // scale, 100)
        x = random.standard_normal((rows, d)).astype(dtype)
        margins = x @ random.standard_normal((d, count)) * (3 / np.sqrt(d))
        y = (margins + random.gumbel(size=margins.shape)).argmax(axis=1)
        return {"x": x, "y": y, "w": random.uniform(0.5, 2, rows)}

    return make


def words(scale: int) -> Data:
    """100k x 20k, 40 values stored in a row."""
    import scipy.sparse as sp

    random = np.random.default_rng(0)
    rows, d, stored = max(100_000 // scale, 100), 20_000, 40
    columns = np.sort(random.integers(0, d, (rows, stored)), axis=1)
    starts = np.arange(rows + 1) * stored
    x = sp.csr_array((random.standard_normal(rows * stored), columns.ravel(), starts), shape=(rows, d))
    x.sum_duplicates()
    y = (x @ random.standard_normal(d) / 3 + random.logistic(size=rows) > 0).astype(int)
    return {"x": x, "y": y, "w": random.uniform(0.5, 2, rows)}


def counts(n: int, d: int) -> Callable[[int], Data]:
    """Normal features x (n x d), and counts y (n), from one on, whose logarithms follow from them."""

    def make(scale: int) -> Data:
        random = np.random.default_rng(0)
        rows = max(n // scale, 100)
        x = random.standard_normal((rows, d))
        y = 1.0 + random.poisson(np.exp(x @ random.standard_normal(d) / np.sqrt(d)))
        return {"x": x, "y": y}

    return make


# ---- jobs ----


def probabilities(peer: Peer, data: Data, threads: int) -> Work:
    """The probabilities of one row."""
    call = peer.build(LOGISTIC, threads).fit(data["x"], data["y"]).predict_proba
    return lambda: call(data["x"][:1])


# ---- rows ----


def row(key: str, title: str, data: Any, job: Job, goal: float = 1.0, who: tuple[str, ...] = PAIR, **more: Any) -> Row:
    against = "best" if who == TRIO else "sklearn"
    return Row(key, title, data, dict.fromkeys(who, job), scores.values, goal, against, **more)


WIDE = classes(20_000, 784, 10, np.float32)
BALANCED = fit(LOGISTIC, weighted=True, class_weight="balanced")
CHOSEN = fit("linear_model.LogisticRegressionCV", l1_ratios=(0,), scoring="accuracy", use_legacy_attributes=False)
ROWS = [
    row("logistic-binary", "LogisticRegression fit, 500k x 50", classes(500_000, 50), fit(LOGISTIC), 3, TRIO),
    row("logistic-weights", "the same, weights and class_weight, 500k x 50", classes(500_000, 50), BALANCED, 3),
    row("logistic-classes", "the same, 10 classes, 20k x 784, float32", WIDE, fit(LOGISTIC), 3, TRIO),
    row("logistic-csr", "the same, CSR, 100k x 20k at 0.2 %", words, fit(LOGISTIC), 3),
    row("logistic-csr-weights", "the same, weights and class_weight, CSR, 100k x 20k", words, BALANCED, 3),
    row(
        "logistic-newton",
        "the same, solver='newton-cholesky', 200k x 50",
        classes(200_000, 50),
        fit(LOGISTIC, solver="newton-cholesky"),
        3,
    ),
    row(
        "logistic-liblinear",
        "the same, solver='liblinear', 100k x 50",
        classes(100_000, 50),
        fit(LOGISTIC, solver="liblinear", random_state=0),
    ),
    row(
        "logistic-saga",
        "the same, solver='saga', l1_ratio=0.5, C=0.01, 50k x 50",
        classes(50_000, 50),
        fit(LOGISTIC, solver="saga", l1_ratio=0.5, C=0.01, random_state=0),
    ),
    row("logistic-cv", "LogisticRegressionCV fit, 20k x 30", classes(20_000, 30), CHOSEN, 2),
    row("poisson", "PoissonRegressor fit, 200k x 50", counts(200_000, 50), fit("linear_model.PoissonRegressor"), 3),
    row(
        "logistic-one-row",
        "LogisticRegression.predict of one row, 10k x 20",
        classes(10_000, 20),
        ask(LOGISTIC, 1),
        limit=6e-6,
        short=True,
    ),
    row("logistic-one-chance", "the same, predict_proba", classes(10_000, 20), probabilities, short=True),
    row(
        "small-logistic-fit", "100 x 5: LogisticRegression.fit", classes(100, 5), fit(LOGISTIC), short=True, minor=True
    ),
    row("small-logistic-cv", "100 x 5: LogisticRegressionCV.fit", classes(100, 5), CHOSEN, short=True, minor=True),
    *(
        row(
            f"small-{name.lower()}-fit",
            f"100 x 5: {name}.fit",
            counts(100, 5),
            fit(f"linear_model.{name}"),
            short=True,
            minor=True,
        )
        for name in ("PoissonRegressor", "GammaRegressor", "TweedieRegressor")
    ),
]
