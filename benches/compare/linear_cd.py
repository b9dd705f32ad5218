"""The rows of coordinate descent, in the linear_model room.

Targets follow from few of the features, with noise; penalties are shares of the smallest that leaves no coefficient.
All stop at their own tolerance, whose defaults are near each other; "apart by" says how much that matters.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scores
from harness import Data, Row, Work
from peers import Peer

TITLE = "Lasso and elastic net"
NOTES: tuple[str, ...] = ()
PAIR = ("mlfast", "sklearn")
OTHERS = ("celer", "skglm")  # their models are not in a module of that name
Job = Callable[[Peer, Data, int], Work]


def few_count(n: int, d: int, count: int) -> Callable[[int], Data]:
    """Normal features of which `count` count: x (n x d), y (n), weights w (n), and the penalty that leaves none."""

    def make(scale: int) -> Data:
        random = np.random.default_rng(0)
        rows = max(n // scale, 100)
        x = random.standard_normal((rows, d))
        coef = np.zeros(d)
        coef[random.choice(d, count, replace=False)] = 3 * random.standard_normal(count)
        y = x @ coef + random.standard_normal(rows)
        most = np.abs((x - x.mean(axis=0)).T @ (y - y.mean())).max() / rows
        return {"x": x, "y": y, "w": random.uniform(0.5, 2, rows), "most": most}

    return make


def tasks(n: int, d: int, count: int) -> Callable[[int], Data]:
    """The same with five targets, y (n x 5)."""

    def make(scale: int) -> Data:
        random = np.random.default_rng(0)
        rows = max(n // scale, 100)
        x = random.standard_normal((rows, d))
        y = x[:, :count] @ (3 * random.standard_normal((count, 5))) + random.standard_normal((rows, 5))
        most = np.sqrt((((x - x.mean(axis=0)).T @ (y - y.mean(axis=0))) ** 2).sum(axis=1).max()) / rows
        return {"x": x, "y": y, "most": most}

    return make


def sparse(scale: int) -> Data:
    """100k x 2,000 in CSR form, one value in a hundred stored, of which 50 features count."""
    import scipy.sparse as sp

    random = np.random.default_rng(0)
    rows = max(100_000 // scale, 100)
    x = sp.random_array((rows, 2_000), density=0.01, format="csr", rng=random)
    coef = np.zeros(2_000)
    coef[:50] = 3
    y = x @ coef + 0.1 * random.standard_normal(rows)
    return {"x": x, "y": y, "most": np.abs(x.T @ (y - y.mean())).max() / rows}


def fit(name: str, share: float | None = None, weighted: bool = False, **params: Any) -> Job:
    """A fit, with a penalty of so much of the smallest that leaves no coefficient."""

    def job(peer: Peer, data: Data, threads: int) -> Work:
        weights = (data["w"],) if weighted else ()
        alpha = {} if share is None else {"alpha": share * data["most"]}
        model = name if peer.name in OTHERS else f"linear_model.{name}"
        return lambda: peer.build(model, threads, **alpha, **params).fit(data["x"], data["y"], *weights)

    return job


def ask(name: str, rows: int | None = None) -> Job:
    """The answers of a fitted model for the first rows."""

    def job(peer: Peer, data: Data, threads: int) -> Work:
        model = peer.build(f"linear_model.{name}", threads).fit(data["x"], data["y"])
        asked, call = data["x"][:rows], model.predict
        return lambda: call(asked)

    return job


def row(key: str, title: str, data: Any, job: Job, goal: float = 1.0, peers: tuple[str, ...] = (), **more: Any) -> Row:
    against = "best" if peers else "sklearn"
    return Row(key, title, data, dict.fromkeys((*PAIR, *peers), job), scores.values, goal, against, **more)


WIDE = few_count(5_000, 5_000, 50)
MAIN = [
    row("lasso-wide", "Lasso fit, 5k x 5k, 50 count", WIDE, fit("Lasso", 0.1), 3, OTHERS),
    row("lasso-weights", "the same, with weights", WIDE, fit("Lasso", 0.1, weighted=True), 3),
    row("lasso-long", "Lasso fit, 200k x 50", few_count(200_000, 50, 10), fit("Lasso", 0.01), 2, OTHERS),
    row("elastic-wide", "ElasticNet fit, 5k x 5k, 50 count", WIDE, fit("ElasticNet", 0.2), 2, OTHERS),
    row("lasso-csr", "Lasso fit, CSR, 100k x 2,000 at 1 %", sparse, fit("Lasso", 0.1)),
    row("lasso-cv", "LassoCV fit, 2k x 1k", few_count(2_000, 1_000, 20), fit("LassoCV"), 4),
    row("tasks-wide", "MultiTaskLasso fit, 2k x 2k, 5 targets", tasks(2_000, 2_000, 50), fit("MultiTaskLasso", 0.1), 2),
    row("tasks-long", "MultiTaskLasso fit, 50k x 50, 5 targets", tasks(50_000, 50, 10), fit("MultiTaskLasso", 0.01), 2),
    row("tasks-cv", "MultiTaskLassoCV fit, 1k x 200, 5 targets", tasks(1_000, 200, 20), fit("MultiTaskLassoCV"), 2),
    row(
        "lasso-one-row",
        "Lasso.predict of one row, 10k x 20",
        few_count(10_000, 20, 5),
        ask("Lasso", 1),
        limit=6e-6,
        short=True,
    ),
]


def small_row(name: str, method: str = "fit") -> Row:
    """A row on 100 x 5 data: mlfast must not be slower than scikit-learn."""
    job = fit(name) if method == "fit" else ask(name)
    data = tasks(100, 5, 3) if name.startswith("MultiTask") else few_count(100, 5, 3)
    key, title = f"small-{name.lower()}-{method}", f"100 x 5: {name}.{method}"
    return row(key, title, data, job, short=True, minor=True)


def path_row(name: str) -> Row:
    """The same of a function."""

    def job(peer: Peer, data: Data, threads: int) -> Work:
        call = peer.get(f"linear_model.{name}")
        return lambda: call(data["x"], data["y"])[1]

    return row(f"small-{name}", f"100 x 5: {name}", few_count(100, 5, 3), job, short=True, minor=True)


NAMES = ("Lasso", "ElasticNet", "LassoCV", "ElasticNetCV")
SEVERAL = ("MultiTaskLasso", "MultiTaskElasticNet", "MultiTaskLassoCV", "MultiTaskElasticNetCV")
ROWS = [
    *MAIN,
    small_row("Lasso", "predict"),
    *(small_row(name) for name in (*NAMES, *SEVERAL)),
    *(path_row(name) for name in ("lasso_path", "enet_path")),
]
