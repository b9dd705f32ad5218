"""The rows of the ensemble room: forests, bagging, boosting.

The data are those of the tree room: classes and numbers follow from half of the features, with noise, and nothing
limits the trees where the row does not say so. Everybody may use all threads. sklearnex looks at 256 values of a
feature only, and so grows other trees.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import scores
from harness import Data, Row, Work
from peers import Peer
from tree import labelled

TITLE = "Ensembles of trees"
NOTES = ("sklearnex looks at 256 values of a feature: its forests are not the same",)
PAIR = ("mlfast", "sklearn")
TRIO = (*PAIR, "sklearnex")
Job = Callable[[Peer, Data, int], Work]
CLASSIFIER, REGRESSOR = "ensemble.RandomForestClassifier", "ensemble.RandomForestRegressor"
BOOSTED, BOOSTED_CLASSES = "ensemble.GradientBoostingRegressor", "ensemble.GradientBoostingClassifier"
EXTRA, ISOLATION = "ensemble.ExtraTreesClassifier", "ensemble.IsolationForest"
ADA, ADA_NUMBERS = "ensemble.AdaBoostClassifier", "ensemble.AdaBoostRegressor"
BAGGED = "ensemble.BaggingClassifier"


def made(peer: Peer, estimator: str, threads: int, params: dict[str, Any]) -> Any:
    jobs = {"n_jobs": threads} if "n_jobs" in inspect.signature(peer.get(estimator)).parameters else {}
    return peer.build(estimator, threads, **{"random_state": 0, **jobs, **params})


def fit(estimator: str, target: str, **params: Any) -> Job:
    def job(peer: Peer, data: Data, threads: int) -> Work:
        return lambda: made(peer, estimator, threads, params).fit(data["x"], data[target])

    return job


def ask(estimator: str, target: str, method: str, rows: int | None = None, **params: Any) -> Job:
    """A method of a fitted forest on q, or on its first rows."""

    def job(peer: Peer, data: Data, threads: int) -> Work:
        model = made(peer, estimator, threads, params).fit(data["x"], data[target])
        asked, call = data["q"][:rows], getattr(model, method)
        return lambda: call(asked)

    return job


def scored(peer: Peer, data: Data, threads: int) -> Work:
    """Fit an isolation forest and score what it was fitted on."""
    return lambda: made(peer, ISOLATION, threads, {}).fit(data["x"]).score_samples(data["x"])


def embedded(peer: Peer, data: Data, threads: int) -> Work:
    model = made(peer, "ensemble.RandomTreesEmbedding", threads, {})
    return lambda: model.fit_transform(data["x"])


def row(
    key: str, title: str, n: int, job: Job, judge: Any, goal: float = 1.0, who: tuple[str, ...] = PAIR, **more: Any
) -> Row:
    return Row(key, title, labelled(n), dict.fromkeys(who, job), judge, goal, "sklearn", **more)


MAIN = [
    row(
        "forest-classifier",
        f"{CLASSIFIER[9:]} fit, 50k x 20, 100 trees",
        50_000,
        fit(CLASSIFIER, "y"),
        scores.forests,
        1.5,
        TRIO,
    ),
    row(
        "forest-regressor",
        f"{REGRESSOR[9:]} fit, 50k x 20, 50 trees",
        50_000,
        fit(REGRESSOR, "z", n_estimators=50),
        scores.forests,
        3,
        TRIO,
    ),
    row(
        "extra-trees",
        f"{EXTRA[9:]} fit, 50k x 20, 100 trees",
        50_000,
        fit(EXTRA, "y"),
        scores.forests,
        2.5,
        TRIO,
    ),
    row(
        "forest-balanced",
        "the first, classes balanced in each sample, out-of-bag score",
        20_000,
        fit(CLASSIFIER, "y", class_weight="balanced_subsample", oob_score=True, n_estimators=20),
        scores.forests,
    ),
    row(
        "forest-proba",
        f"{CLASSIFIER[9:]}.predict_proba, 100k x 20, 100 trees",
        100_000,
        ask(CLASSIFIER, "y", "predict_proba"),
        scores.values,
        3,
    ),
    row(
        "forest-path",
        f"{CLASSIFIER[9:]}.decision_path, 10k x 20, 20 trees",
        10_000,
        ask(CLASSIFIER, "y", "decision_path", n_estimators=20),
        scores.first_paths,
    ),
    row("isolation", "IsolationForest fit and score, 100k x 20", 100_000, scored, scores.values, 6),
    row("embedding", "RandomTreesEmbedding fit_transform, 20k x 20", 20_000, embedded, scores.paths),
    row(
        "adaboost-classifier",
        f"{ADA[9:]} fit, 20k x 20, 50 stumps",
        20_000,
        fit(ADA, "y", n_estimators=50),
        scores.forests,
        15,
    ),
    row(
        "adaboost-regressor",
        f"{ADA_NUMBERS[9:]} fit, 20k x 20, 50 trees of depth 3",
        20_000,
        fit(ADA_NUMBERS, "z", n_estimators=50),
        scores.forests,
    ),
    row(
        "adaboost-decision",
        f"{ADA[9:]}.decision_function, 20k x 20, 50 stumps",
        20_000,
        ask(ADA, "y", "decision_function", n_estimators=50),
        scores.values,
    ),
    row(
        "adaboost-medians",
        f"{ADA_NUMBERS[9:]}.predict, 20k x 20, 50 trees of depth 3",
        20_000,
        ask(ADA_NUMBERS, "z", "predict", n_estimators=50),
        scores.values,
    ),
    row(
        "bagging-classifier",
        f"{BAGGED[9:]} fit, 20k x 20, 20 trees",
        20_000,
        fit(BAGGED, "y", n_estimators=20),
        scores.forests,
    ),
    row(
        "bagging-features",
        "the same, half of the features each, out-of-bag score",
        20_000,
        fit(BAGGED, "y", n_estimators=20, max_features=0.5, oob_score=True),
        scores.forests,
    ),
    row(
        "adaboost-one-row",
        f"{ADA[9:]}.decision_function of one row, 10k x 20, 50 stumps",
        10_000,
        ask(ADA, "y", "decision_function", 1, n_estimators=50),
        scores.values,
        short=True,
    ),
    row(
        "forest-one-row",
        f"{CLASSIFIER[9:]}.predict_proba of one row, 10k x 20, 100 trees",
        10_000,
        ask(CLASSIFIER, "y", "predict_proba", 1),
        scores.values,
        limit=25e-6,
        short=True,
    ),
    row(
        "boosting-regressor",
        f"{BOOSTED[9:]} fit, 20k x 20, 100 trees of depth 3",
        20_000,
        fit(BOOSTED, "z"),
        scores.forests,
        15,
    ),
    row(
        "boosting-classifier",
        f"{BOOSTED_CLASSES[9:]} fit, 20k x 20, 100 trees of depth 3",
        20_000,
        fit(BOOSTED_CLASSES, "y"),
        scores.forests,
    ),
    row(
        "boosting-huber",
        "GradientBoostingRegressor fit, Huber's loss, half of the rows for each of 30 trees, 20k x 20",
        20_000,
        fit(BOOSTED, "z", loss="huber", subsample=0.5, n_estimators=30),
        scores.forests,
    ),
    row(
        "boosting-predict",
        f"{BOOSTED[9:]}.predict, 20k x 20, 100 trees of depth 3",
        20_000,
        ask(BOOSTED, "z", "predict"),
        scores.values,
    ),
    row(
        "boosting-one-row",
        f"{BOOSTED_CLASSES[9:]}.predict_proba of one row, 2k x 20, 100 trees of depth 3",
        2000,
        ask(BOOSTED_CLASSES, "y", "predict_proba", 1),
        scores.values,
        short=True,
    ),
]


def small_row(name: str, method: str) -> Row:
    """A row on 1,000 x 10 data with 10 trees, n_jobs=None: mlfast must not be slower than scikit-learn."""
    target = "z" if name.endswith("Regressor") else "y"
    estimator, params = f"ensemble.{name}", {"n_estimators": 10}
    params |= {} if "Boost" in name else {"n_jobs": None}
    job = fit(estimator, target, **params) if method == "fit" else ask(estimator, target, method, **params)
    judge = scores.forests if method == "fit" else scores.values
    key, title = f"small-{name.lower()}-{method}", f"1,000 x 10, 10 trees: {name}.{method}"
    data = labelled(1000, 10)
    return Row(key, title, data, dict.fromkeys(PAIR, job), judge, 1.0, "sklearn", short=True, minor=True)


FORESTS = ("RandomForestClassifier", "RandomForestRegressor", "ExtraTreesClassifier", "ExtraTreesRegressor")
SMALL = [
    (name, method)
    for name in (*FORESTS, "GradientBoostingClassifier", "GradientBoostingRegressor")
    for method in ("fit", "predict", "apply")
] + [("IsolationForest", method) for method in ("fit", "predict", "score_samples")]
SMALL += [
    (name, method)
    for name in ("AdaBoostClassifier", "AdaBoostRegressor", "BaggingClassifier", "BaggingRegressor")
    for method in ("fit", "predict")
]
ROWS = [*MAIN, *(small_row(name, method) for name, method in SMALL)]
