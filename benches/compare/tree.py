"""The rows of the tree room: single trees.

Classes and numbers follow from half of the features, with noise, so that trees grow deep; nothing limits them where the
row does not say so. sklearnex and the boosting libraries have no single trees.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scores
from harness import Data, Row, Work
from peers import Peer

TITLE = "Decision trees"
NOTES: tuple[str, ...] = ()
PAIR = ("mlfast", "sklearn")
Job = Callable[[Peer, Data, int], Work]


# ---- data ----


def labelled(n: int, d: int = 20, n_classes: int = 2) -> Callable[[int], Data]:
    """Clusters for each class, some labels wrong: x (n x d), y (n) of classes, z (n) of numbers, q (n x d)."""

    def make(scale: int) -> Data:
        from sklearn.datasets import make_classification

        rows = max(n // scale, 100)
        x, y = make_classification(
            2 * rows, d, n_informative=d // 2, n_classes=n_classes, flip_y=0.05, random_state=0, shuffle=True
        )
        z = x[:, 0] * x[:, 1] + np.sin(x[:, 2]) + np.random.default_rng(0).standard_normal(2 * rows)
        return {"x": x[:rows], "y": y[:rows], "z": z[:rows], "q": x[rows:]}

    return make


def with_gaps(n: int) -> Callable[[int], Data]:
    """The same with a tenth of x missing."""

    def make(scale: int) -> Data:
        data = labelled(n)(scale)
        data["x"][np.random.default_rng(1).random(data["x"].shape) < 0.1] = np.nan
        return data

    return make


def sparse(scale: int) -> Data:
    """20k x 500, one value in fifty stored."""
    import scipy.sparse as sp

    random = np.random.default_rng(0)
    rows = max(20_000 // scale, 100)
    x = sp.random_array((rows, 500), density=0.02, format="csr", rng=random)
    return {"x": x, "y": (np.asarray(x[:, :10].sum(axis=1)).ravel() + 0.1 * random.random(rows) > 0.1).astype(int)}


# ---- jobs ----


def fit(estimator: str, target: str, **params: Any) -> Job:
    def job(peer: Peer, data: Data, threads: int) -> Work:
        return lambda: peer.build(estimator, threads, random_state=0, **params).fit(data["x"], data[target])

    return job


def ask(estimator: str, target: str, method: str, rows: int | None = None, **params: Any) -> Job:
    """A method of a fitted tree on q, or on its first rows."""

    def job(peer: Peer, data: Data, threads: int) -> Work:
        model = peer.build(estimator, threads, random_state=0, **params).fit(data["x"], data[target])
        asked, call = data["q"][:rows], getattr(model, method)
        return lambda: call(asked)

    return job


def path(peer: Peer, data: Data, threads: int) -> Work:
    model = peer.build("tree.DecisionTreeClassifier", threads, random_state=0)
    return lambda: model.cost_complexity_pruning_path(data["x"], data["y"])["ccp_alphas"]


# ---- rows ----


def row(key: str, title: str, data: Any, job: Job, judge: Any, goal: float = 1.0, **more: Any) -> Row:
    return Row(key, title, data, dict.fromkeys(PAIR, job), judge, goal, "sklearn", **more)


CLASSIFIER, REGRESSOR = "tree.DecisionTreeClassifier", "tree.DecisionTreeRegressor"
MAIN = [
    row(
        "tree-classifier", f"{CLASSIFIER[5:]} fit, 100k x 20", labelled(100_000), fit(CLASSIFIER, "y"), scores.trees, 8
    ),
    row("tree-regressor", f"{REGRESSOR[5:]} fit, 100k x 20", labelled(100_000), fit(REGRESSOR, "z"), scores.trees, 7),
    row(
        "tree-classifier-entropy",
        "the same classifier, entropy, 10 classes, max_depth=12",
        labelled(100_000, n_classes=10),
        fit(CLASSIFIER, "y", criterion="entropy", max_depth=12),
        scores.trees,
    ),
    row(
        "tree-best-first",
        "the same classifier, 200 leaves",
        labelled(100_000),
        fit(CLASSIFIER, "y", max_leaf_nodes=200),
        scores.trees,
    ),
    row("tree-gaps", "the same classifier, a tenth missing", with_gaps(100_000), fit(CLASSIFIER, "y"), scores.trees),
    row("tree-csr", f"{CLASSIFIER[5:]} fit, CSR, 20k x 500 at 2 %", sparse, fit(CLASSIFIER, "y"), scores.trees),
    row(
        "tree-absolute",
        f"{REGRESSOR[5:]} fit, absolute_error, 5k x 20",
        labelled(5_000),
        fit(REGRESSOR, "z", criterion="absolute_error"),
        scores.trees,
    ),
    row(
        "extra-tree",
        "ExtraTreeClassifier fit, 100k x 20",
        labelled(100_000),
        fit("tree.ExtraTreeClassifier", "y"),
        scores.trees,
    ),
    row(
        "tree-proba",
        f"{CLASSIFIER[5:]}.predict_proba, 100k x 20",
        labelled(100_000),
        ask(CLASSIFIER, "y", "predict_proba"),
        scores.values,
    ),
    row(
        "tree-path",
        f"{CLASSIFIER[5:]}.decision_path, 100k x 20",
        labelled(100_000),
        ask(CLASSIFIER, "y", "decision_path", 10_000),
        scores.paths,
    ),
    row("tree-pruning", "cost_complexity_pruning_path, 20k x 20", labelled(20_000), path, scores.values),
    row(
        "tree-one-row",
        f"{CLASSIFIER[5:]}.predict_proba of one row, 10k x 20",
        labelled(10_000),
        ask(CLASSIFIER, "y", "predict_proba", 1),
        scores.values,
        limit=8e-6,
        short=True,
    ),
]

SMALL = [
    (name, method)
    for name in ("DecisionTreeClassifier", "DecisionTreeRegressor", "ExtraTreeClassifier", "ExtraTreeRegressor")
    for method in ("fit", "predict", "apply", "decision_path", *(["predict_proba"] if "Classifier" in name else []))
]


def small_row(name: str, method: str) -> Row:
    """A row on 100 x 5 data: mlfast must not be slower than scikit-learn."""
    target = "y" if name.endswith("Classifier") else "z"
    job = fit(f"tree.{name}", target) if method == "fit" else ask(f"tree.{name}", target, method)
    judge = {"fit": scores.trees, "decision_path": scores.paths}.get(method, scores.values)
    key = f"small-{name.lower()}-{method}"
    return row(key, f"100 x 5: {name}.{method}", labelled(100, 5), job, judge, short=True, minor=True)


ROWS = [*MAIN, *(small_row(name, method) for name, method in SMALL)]
