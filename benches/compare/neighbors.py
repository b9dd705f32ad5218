"""The rows of the neighbours room: nearest neighbours, what is built on them, distances, imputation.

Points are uniform or normal noise, which no structure helps with; only the digits are real. Everybody gets all the
threads of the row: scikit-learn's trees through `n_jobs`, as its default would be one thread. faiss knows float32
only. Where sklearnex has no code of its own for a distance, its row is scikit-learn's over threads. Indices are built
inside the clock where the row says so.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scores
from harness import Data, Row, Work
from peers import Peer

TITLE = "Neighbours, distances, imputation"
ALL = ("mlfast", "sklearn", "sklearnex")
PAIR = ("mlfast", "sklearn")
Job = Callable[[Peer, Data, int], Work]


# ---- data ----


def uniform(n: int, d: int, queries: int = 0, dtype: str = "float64") -> Callable[[int], Data]:
    """Uniform noise: x (n x d) and q (queries x d)."""

    def make(scale: int) -> Data:
        random = np.random.default_rng(0)
        kind = np.dtype(dtype).type
        rows, asked = max(n // scale, 50), max(queries // scale, 10) if queries else 0
        return {"x": random.random((rows, d), dtype=kind), "q": random.random((asked, d), dtype=kind)}

    return make


def classes(n: int, d: int, queries: int, n_classes: int) -> Callable[[int], Data]:
    """Normal noise around a centre for each class, near enough to overlap: x (n x d), y (n), q (queries x d)."""

    def make(scale: int) -> Data:
        random = np.random.default_rng(0)
        rows, asked = max(n // scale, 50), max(queries // scale, 10)
        y = random.integers(n_classes, size=rows + asked)
        x = random.standard_normal((n_classes, d))[y] + random.standard_normal((rows + asked, d))
        return {"x": x[:rows], "y": y[:rows], "q": x[rows:]}

    return make


def normal(n: int, d: int) -> Callable[[int], Data]:
    return lambda scale: {"x": np.random.default_rng(0).standard_normal((max(n // scale, 50), d))}


def with_gaps(n: int, d: int, share: float) -> Callable[[int], Data]:
    """Normal noise (n x d) of which a share is missing."""

    def make(scale: int) -> Data:
        random = np.random.default_rng(0)
        x = random.standard_normal((max(n // scale, 50), d))
        x[random.random(x.shape) < share] = np.nan
        return {"x": x}

    return make


def two(n: int, d: int) -> Callable[[int], Data]:
    """Two sets of uniform noise, x and y (n x d each)."""

    def make(scale: int) -> Data:
        random = np.random.default_rng(0)
        rows = max(n // scale, 50)
        return {"x": random.random((rows, d)), "y": random.random((rows, d))}

    return make


def sparse(scale: int) -> Data:
    import scipy.sparse as sp

    random = np.random.default_rng(0)
    x = sp.random_array((max(20_000 // scale, 50), 1000), density=0.01, format="csr", rng=random)
    q = sp.random_array((max(2_000 // scale, 10), 1000), density=0.01, format="csr", rng=random)
    return {"x": x, "q": q}


def _idx_file(name: str) -> Path | None:
    folders = [os.environ.get("SCIKIT_LEARN_DATA"), Path(__file__).resolve().parents[3] / "shared" / "data"]
    return next((Path(f) / name for f in folders if f and (Path(f) / name).is_file()), None)


IMAGES, LABELS = _idx_file("t10k-images-idx3-ubyte.gz"), _idx_file("t10k-labels-idx1-ubyte.gz")
NOTES = () if IMAGES and LABELS else ("MNIST is left out: t10k-*.gz is not in SCIKIT_LEARN_DATA",)


def mnist(scale: int) -> Data:
    """The 10,000 handwritten digits of MNIST's test set, 28 x 28 pixels: the first 8,000 known, the others asked."""
    assert IMAGES and LABELS
    with gzip.open(IMAGES) as images, gzip.open(LABELS) as answers:
        x = np.frombuffer(images.read()[16:], dtype=np.uint8).reshape(10_000, 784).astype(np.float32) / np.float32(255)
        y = np.frombuffer(answers.read()[8:], dtype=np.uint8).astype(np.int64)
    return {"x": x[:8_000:scale].copy(), "y": y[:8_000:scale].copy(), "q": x[8_000::scale].copy()}


def small(_scale: int) -> Data:
    """A hundred points of three blobs, their kinds as y; `gaps` is the same with a tenth missing."""
    from sklearn.datasets import make_blobs

    x, y = make_blobs(100, 4, centers=3, random_state=0)
    gaps = x.copy()
    gaps[np.random.default_rng(0).random(x.shape) < 0.1] = np.nan
    return {"x": x, "y": y, "gaps": gaps}


# ---- jobs ----


def over_threads(peer: Peer, threads: int) -> dict[str, int]:
    """What lets scikit-learn's trees use all threads; the others are told in their own ways."""
    return {"n_jobs": threads} if peer.name == "sklearn" else {}


def search(**params: Any) -> Job:
    """Neighbours of the queries; the index is fitted before."""

    def job(peer: Peer, data: Data, threads: int) -> Work:
        model = peer.build("neighbors.NearestNeighbors", threads, **params, **over_threads(peer, threads))
        model.fit(data["x"])
        return lambda: model.kneighbors(data["q"])

    return job


def faiss_search(k: int) -> Job:
    def job(peer: Peer, data: Data, _threads: int) -> Work:
        index = peer.module.IndexFlatL2(data["x"].shape[1])
        index.add(data["x"])

        def work() -> Any:
            squares, found = index.search(data["q"], k)
            return np.sqrt(squares), found

        return work

    return job


def all_neighbours(**params: Any) -> Job:
    """Fit, then the neighbours of the same rows."""

    def job(peer: Peer, data: Data, threads: int) -> Work:
        settings = {**params, **over_threads(peer, threads)}
        return lambda: (
            peer.build("neighbors.NearestNeighbors", threads, **settings).fit(data["x"]).kneighbors(data["x"])
        )

    return job


def pykdtree_all(k: int) -> Job:
    def job(_peer: Peer, data: Data, _threads: int) -> Work:
        from pykdtree.kdtree import KDTree

        return lambda: KDTree(data["x"]).query(data["x"], k=k)

    return job


def scipy_all(k: int) -> Job:
    def job(_peer: Peer, data: Data, threads: int) -> Work:
        from scipy.spatial import cKDTree

        return lambda: cKDTree(data["x"]).query(data["x"], k=k, workers=threads)

    return job


def all_within(expected: int) -> Job:
    """Fit, then everything within the radius that holds about `expected` points of the unit cube."""

    def job(peer: Peer, data: Data, threads: int) -> Work:
        radius = (expected / len(data["x"]) * 3 / (4 * np.pi)) ** (1 / 3)
        settings = {"radius": radius, **over_threads(peer, threads)}
        return lambda: (
            peer.build("neighbors.NearestNeighbors", threads, **settings).fit(data["x"]).radius_neighbors(data["x"])
        )

    return job


def all_in_reach(**wanted: bool) -> Job:
    """Everything within a radius that holds all points of the unit cube."""

    def job(peer: Peer, data: Data, threads: int) -> Work:
        fitted = peer.build("neighbors.NearestNeighbors", threads, radius=9.0, **over_threads(peer, threads)).fit(
            data["x"]
        )
        if wanted.get("return_distance", True):
            return lambda: fitted.radius_neighbors(data["q"], **wanted)
        return lambda: ([np.zeros(len(data["x"]))] * len(data["q"]), fitted.radius_neighbors(data["q"], **wanted))

    return job


def classify(estimator: str, **params: Any) -> Job:
    """Fit and predict."""

    def job(peer: Peer, data: Data, threads: int) -> Work:
        more = over_threads(peer, threads) if "n_neighbors" in params else {}
        return lambda: peer.build(estimator, threads, **params, **more).fit(data["x"], data["y"]).predict(data["q"])

    return job


def faiss_classify(k: int, n_classes: int) -> Job:
    """Search by faiss, votes by NumPy; the lowest of equally frequent classes wins, as in scikit-learn."""

    def job(peer: Peer, data: Data, _threads: int) -> Work:
        def work() -> Any:
            index = peer.module.IndexFlatL2(data["x"].shape[1])
            index.add(data["x"])
            found = index.search(data["q"], k)[1]
            places = np.arange(len(found))[:, None] * n_classes + data["y"][found]
            return np.bincount(places.ravel(), minlength=len(found) * n_classes).reshape(-1, n_classes).argmax(1)

        return work

    return job


def one_row(peer: Peer, data: Data, threads: int) -> Work:
    model = peer.build("neighbors.KNeighborsClassifier", threads).fit(data["x"], data["y"])
    row = data["q"][:1]
    return lambda: model.predict(row)


def outliers(peer: Peer, data: Data, threads: int) -> Work:
    more = over_threads(peer, threads)
    return lambda: peer.build("neighbors.LocalOutlierFactor", threads, **more).fit(data["x"])


def impute(peer: Peer, data: Data, threads: int) -> Work:
    return lambda: peer.build("impute.KNNImputer", threads).fit_transform(data["x"])


def distances(metric: str, symmetric: bool = False) -> dict[str, Job]:
    """`<metric>_distances` of mlfast and scikit-learn, the same of sklearnex and SciPy."""

    def named(peer: Peer, data: Data, _threads: int) -> Work:
        call = peer.get(f"metrics.pairwise.{metric}_distances")
        return (lambda: call(data["x"])) if symmetric else (lambda: call(data["x"], data["y"]))

    def threaded(peer: Peer, data: Data, threads: int) -> Work:
        call = peer.get("metrics.pairwise_distances")
        return lambda: call(data["x"], None if symmetric else data["y"], metric=metric, n_jobs=threads)

    def scipy(_peer: Peer, data: Data, _threads: int) -> Work:
        from scipy.spatial.distance import cdist

        name = {"manhattan": "cityblock"}.get(metric, metric)
        return lambda: cdist(data["x"], data["x"] if symmetric else data["y"], name)

    return {"mlfast": named, "sklearn": named, "sklearnex": threaded, "scipy": scipy}


# ---- rows ----


def brute(dtype: str) -> Row:
    short = {"float32": "f32", "float64": "f64"}[dtype]
    jobs = {name: search(algorithm="brute", n_neighbors=10) for name in ALL}
    if dtype == "float32":
        jobs["faiss"] = faiss_search(10)
    title = f"brute kneighbors, 10k queries in 50k x 64, k=10, {short}"
    return Row(f"knn-brute-{short}", title, uniform(50_000, 64, 10_000, dtype), jobs, scores.neighbours, 1.6)


MAIN = [
    brute("float32"),
    brute("float64"),
    Row(
        "knn-kd-tree",
        "kd-tree, fit and kneighbors of its rows, 500k x 3, k=5, f64",
        uniform(500_000, 3),
        {
            **{name: all_neighbours(algorithm="kd_tree", n_neighbors=5) for name in ALL},
            "pykdtree": pykdtree_all(5),
            "scipy": scipy_all(5),
        },
        scores.neighbours,
        2.0,
    ),
    Row(
        "knn-radius",
        "fit and radius_neighbors of its rows, 100k x 3, about 20 each, f64",
        uniform(100_000, 3),
        {name: all_within(20) for name in PAIR},
        scores.neighbourhoods,
    ),
    Row(
        "knn-radius-wide",
        "radius_neighbors, 1.5k queries that find all of 3k x 5, f64",
        uniform(3_000, 5, 1_500),
        {name: all_in_reach() for name in PAIR},
        scores.neighbourhoods,
        1.0,
    ),
    Row(
        "knn-radius-wide-indices",
        "the same without distances",
        uniform(3_000, 5, 1_500),
        {name: all_in_reach(return_distance=False) for name in PAIR},
        scores.neighbourhoods,
        1.0,
    ),
    Row(
        "knn-csr",
        "brute kneighbors, CSR, 2k queries in 20k x 1000 at 1 %, k=10, f64",
        sparse,
        {name: search(algorithm="brute", n_neighbors=10) for name in PAIR},
        scores.neighbours,
    ),
    Row(
        "knn-classifier",
        "KNeighborsClassifier fit and predict, 20k in 20k x 20, k=15, f64",
        classes(20_000, 20, 20_000, 10),
        {name: classify("neighbors.KNeighborsClassifier", n_neighbors=15) for name in ALL},
        scores.labels,
        2.5,
    ),
    *[
        Row(
            "knn-mnist",
            "KNeighborsClassifier fit and predict, MNIST, 2k in 8k x 784, k=5, f32",
            mnist,
            {
                **{name: classify("neighbors.KNeighborsClassifier", n_neighbors=5) for name in ALL},
                "faiss": faiss_classify(5, 10),
            },
            scores.labels,
        )
        for _ in range(not NOTES)
    ],
    Row(
        "knn-one-row",
        "KNeighborsClassifier.predict of one row, 5k x 20, k=5, f64",
        classes(5_000, 20, 10, 3),
        dict.fromkeys(ALL, one_row),
        scores.labels,
        limit=20e-6,
        short=True,
    ),
    Row(
        "lof",
        "LocalOutlierFactor fit, 50k x 10, k=20, f64",
        normal(50_000, 10),
        dict.fromkeys(ALL, outliers),
        scores.values,
        4.0,
    ),
    Row(
        "nearest-centroid",
        "NearestCentroid fit and predict, 500k in 500k x 20, 10 classes, f64",
        classes(500_000, 20, 500_000, 10),
        {name: classify("neighbors.NearestCentroid") for name in PAIR},
        scores.labels,
    ),
    Row(
        "distances-euclidean",
        "euclidean_distances, 5k x 5k x 128, f64",
        two(5_000, 128),
        distances("euclidean"),
        scores.values,
        1.6,
    ),
    Row(
        "distances-euclidean-self",
        "euclidean_distances of 5k x 128 among themselves, f64",
        two(5_000, 128),
        distances("euclidean", symmetric=True),
        scores.values,
        1.6,
    ),
    Row(
        "distances-manhattan",
        "manhattan_distances, 5k x 5k x 128, f64",
        two(5_000, 128),
        distances("manhattan"),
        scores.values,
        8.0,
    ),
    Row(
        "imputer",
        "KNNImputer.fit_transform, 10k x 20, 10 % missing, f64",
        with_gaps(10_000, 20, 0.1),
        dict.fromkeys(PAIR, impute),
        scores.values,
        15.0,
        "sklearn",
    ),
]

# What is called on 100 x 4 data. Estimators: their parameters, then the methods; "fit" counts building the object.
SMALL_ESTIMATORS: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    (
        "neighbors.NearestNeighbors",
        {"radius": 2.0},
        ("fit", "kneighbors", "radius_neighbors", "kneighbors_graph", "radius_neighbors_graph"),
    ),
    ("neighbors.KNeighborsClassifier", {}, ("fit", "predict", "predict_proba")),
    ("neighbors.KNeighborsRegressor", {}, ("fit", "predict")),
    ("neighbors.RadiusNeighborsClassifier", {"radius": 2.0}, ("fit", "predict", "predict_proba")),
    ("neighbors.RadiusNeighborsRegressor", {"radius": 2.0}, ("fit", "predict")),
    ("neighbors.KNeighborsTransformer", {}, ("fit", "transform")),
    ("neighbors.RadiusNeighborsTransformer", {"radius": 2.0}, ("fit", "transform")),
    ("neighbors.LocalOutlierFactor", {}, ("fit",)),
    ("neighbors.LocalOutlierFactor", {"novelty": True}, ("predict", "score_samples")),
    ("neighbors.NearestCentroid", {}, ("fit", "predict", "predict_proba")),
    ("impute.KNNImputer", {}, ("fit", "transform")),
]
# Functions of x alone, but the argmins, which look for the nearest of ten rows.
SMALL_FUNCTIONS: list[tuple[str, dict[str, Any]]] = [
    ("neighbors.kneighbors_graph", {"n_neighbors": 5}),
    ("neighbors.radius_neighbors_graph", {"radius": 2.0}),
    ("metrics.pairwise.euclidean_distances", {}),
    ("metrics.pairwise.manhattan_distances", {}),
    ("metrics.pairwise.cosine_distances", {}),
    ("metrics.pairwise.nan_euclidean_distances", {}),
    ("metrics.pairwise.pairwise_distances", {}),
    ("metrics.pairwise.pairwise_distances_argmin", {}),
    ("metrics.pairwise.pairwise_distances_argmin_min", {}),
    ("metrics.pairwise.pairwise_distances_chunked", {}),
]


def on_small(estimator: str, params: dict[str, Any], method: str) -> Job:
    def job(peer: Peer, data: Data, threads: int) -> Work:
        x = data["gaps" if estimator.startswith("impute") else "x"]
        if method == "fit":
            return lambda: peer.build(estimator, threads, **params).fit(x, data["y"])
        call = getattr(peer.build(estimator, threads, **params).fit(x, data["y"]), method)
        return lambda: call(x)

    return job


def of_small(function: str, params: dict[str, Any]) -> Job:
    def job(peer: Peer, data: Data, _threads: int) -> Work:
        x, call = data["x"], peer.get(function)
        if "argmin" in function:
            return lambda: call(x, x[:10])
        if "chunked" in function:
            return lambda: list(call(x))
        return lambda: call(x, **params)

    return job


def small_row(call: str, job: Job) -> Row:
    """A row on 100 x 4 data, named after the call: mlfast must not be slower than scikit-learn."""
    key = "small-" + call.lower().replace(".", "-")
    judge = scores.neighbourhoods if call.endswith("radius_neighbors") else scores.agreement
    return Row(key, f"100 x 4: {call}", small, dict.fromkeys(PAIR, job), judge, 1.0, "sklearn", short=True, minor=True)


ROWS = [
    *MAIN,
    *[
        small_row(f"{name.rpartition('.')[2]}.{method}", on_small(name, params, method))
        for name, params, methods in SMALL_ESTIMATORS
        for method in methods
    ],
    *[small_row(name.rpartition(".")[2], of_small(name, params)) for name, params in SMALL_FUNCTIONS],
]
