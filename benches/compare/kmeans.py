"""The rows of the k-means room.

Lloyd rows run on uniform noise from a given init, one init, tol 0 and 20 iterations, so that everybody does the same
work: noise neither converges before nor lets bounds prune much. faiss knows float32 only, so it takes part there; it
adds the labels by a search at the end, as the others' fit gives them too. sklearnex is imported directly, never
patched in.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
from harness import Data, Row, Scores, Work
from peers import Peer
from scores import agreement

TITLE = "K-means"
NOTES: tuple[str, ...] = ()
ALL = ("mlfast", "sklearn", "sklearnex")
PAIR = ("mlfast", "sklearn")
LLOYD = {"n_init": 1, "tol": 0.0, "max_iter": 20}


# ---- data ----


def noise(n: int, d: int, k: int, dtype: str) -> Callable[[int], Data]:
    """Uniform noise (n x d) and its first k rows as the init."""

    def make(scale: int) -> Data:
        rows = max(n // scale, 4 * k)
        x = np.random.default_rng(0).random((rows, d), dtype=np.dtype(dtype).type)
        return {"x": x, "init": x[:k].copy()}

    return make


def sparse_noise(scale: int) -> Data:
    import scipy.sparse as sp

    n = max(50_000 // scale, 200)
    x = sp.random_array((n, 1000), density=0.01, format="csr", rng=np.random.default_rng(0))
    return {"x": x, "init": x[:20].toarray()}


def photograph(scale: int) -> Data:
    """scikit-learn's photograph of a palace in China: 273,280 pixels, three colours."""
    from sklearn.datasets import load_sample_image

    pixels = load_sample_image("china.jpg").reshape(-1, 3) / np.float32(255)
    pixels = np.ascontiguousarray(pixels[::scale])
    picks = np.random.default_rng(0).choice(len(np.unique(pixels, axis=0)), 64, replace=False)
    return {"x": pixels, "init": np.unique(pixels, axis=0)[picks]}


def small(_scale: int) -> Data:
    """A hundred iris flowers of all three kinds."""
    from sklearn.datasets import load_iris

    return {"x": np.ascontiguousarray(load_iris().data[25:125])}


# ---- jobs ----


def fit(estimator: str, given_init: bool = False, **params: Any) -> Callable[[Peer, Data, int], Work]:
    def job(peer: Peer, data: Data, threads: int) -> Work:
        settings = {**params, "init": data["init"], "n_clusters": len(data["init"])} if given_init else params
        return lambda: peer.build(f"cluster.{estimator}", threads, **settings).fit(data["x"])

    return job


def faiss_fit(peer: Peer, data: Data, _threads: int) -> Work:
    """faiss would subsample to 256 rows a centre and warn below 39: both limits are lifted."""
    x, init = data["x"], data["init"]

    def work() -> Any:
        model = peer.module.Kmeans(
            x.shape[1], len(init), niter=20, nredo=1, max_points_per_centroid=len(x), min_points_per_centroid=1
        )
        model.train(x, init_centroids=init)
        labels = model.assign(x)[1]
        return SimpleNamespace(cluster_centers_=model.centroids, labels_=labels)

    return work


def one_row(peer: Peer, data: Data, threads: int) -> Work:
    model = peer.build("cluster.KMeans", threads, n_clusters=8, init=data["init"], **LLOYD).fit(data["x"])
    row = data["x"][:1]
    return lambda: model.predict(row)


def on_small(estimator: str, method: str) -> Callable[[Peer, Data, int], Work]:
    def job(peer: Peer, data: Data, threads: int) -> Work:
        x = data["x"]
        if estimator == "kmeans_plusplus":
            return lambda: peer.get("cluster.kmeans_plusplus")(x, 3, random_state=0)[0]
        if method == "fit":
            return lambda: peer.build(f"cluster.{estimator}", threads, n_clusters=3, random_state=0).fit(x)
        call = getattr(peer.build(f"cluster.{estimator}", threads, n_clusters=3, random_state=0).fit(x), method)
        return lambda: call(x)

    return job


# ---- scores ----


def inertia(data: Data, result: Any, _reference: Any) -> Scores:
    """Sum of squared distances to the nearest centre, by the same arithmetic (float64) for every contestant."""
    x, centres = data["x"], np.asarray(result.cluster_centers_, dtype=np.float64)
    norms = (centres * centres).sum(1)
    total = 0.0
    for start in range(0, x.shape[0], 4096):
        block = x[start : start + 4096]
        block = np.asarray(block.toarray() if hasattr(block, "toarray") else block, dtype=np.float64)
        total += float(((block * block).sum(1) + (norms - 2.0 * (block @ centres.T)).min(1)).sum())
    return {"inertia": total}


# ---- rows ----


def lloyd(key: str, title: str, shape: tuple[int, int, int], dtype: str, goal: float) -> Row:
    jobs: dict[str, Any] = {name: fit("KMeans", given_init=True, **LLOYD) for name in ALL}
    if dtype == "float32":
        jobs["faiss"] = faiss_fit
    return Row(key, title, noise(*shape, dtype), jobs, inertia, goal)


ROWS = [
    lloyd("lloyd-32-f32", "KMeans 20 iterations, 200k x 32, k=64, f32", (200_000, 32, 64), "float32", 2.2),
    lloyd("lloyd-32-f64", "KMeans 20 iterations, 200k x 32, k=64, f64", (200_000, 32, 64), "float64", 2.0),
    lloyd("lloyd-8-f64", "KMeans 20 iterations, 500k x 8, k=16, f64", (500_000, 8, 16), "float64", 2.5),
    lloyd("lloyd-784-f32", "KMeans 20 iterations, 20k x 784, k=100, f32", (20_000, 784, 100), "float32", 1.15),
    Row(
        "plusplus",
        "k-means++ and 20 iterations, 100k x 16, k=50, 3 inits, f64",
        noise(100_000, 16, 50, "float64"),
        {name: fit("KMeans", n_clusters=50, n_init=3, tol=0.0, max_iter=20, random_state=0) for name in ALL},
        inertia,
        3.0,
        note="sklearnex draws other seeds from the same random_state",
    ),
    Row(
        "minibatch",
        "MiniBatchKMeans 200k x 20, k=50, f64",
        noise(200_000, 20, 50, "float64"),
        {name: fit("MiniBatchKMeans", n_clusters=50, random_state=0) for name in PAIR},
        inertia,
        3.0,
        "sklearn",
    ),
    Row(
        "one-row",
        "KMeans.predict of one row, d=16, k=8, f64",
        noise(10_000, 16, 8, "float64"),
        dict.fromkeys(ALL, one_row),
        agreement,
        15.0,
        "sklearn",
        short=True,
    ),
    Row(
        "bisecting",
        "BisectingKMeans 100k x 16, k=16, f64",
        noise(100_000, 16, 16, "float64"),
        {name: fit("BisectingKMeans", n_clusters=16, n_init=1, max_iter=20, random_state=0) for name in PAIR},
        inertia,
    ),
    Row(
        "csr",
        "KMeans 20 iterations, CSR 50k x 1000 at 1 %, k=20, f64",
        sparse_noise,
        {name: fit("KMeans", given_init=True, **LLOYD) for name in ALL},
        inertia,
    ),
    Row(
        "colours",
        "Colour quantisation (KMeans 20 iterations), 273k pixels, k=64, f32",
        photograph,
        {**{name: fit("KMeans", given_init=True, **LLOYD) for name in ALL}, "faiss": faiss_fit},
        inertia,
    ),
    *[
        Row(
            f"small-{estimator.lower()}-{method}",
            f"100 x 4: {estimator}.{method}",
            small,
            {name: on_small(estimator, method) for name in PAIR},
            agreement,
            1.0,
            "sklearn",
            short=True,
            minor=True,
        )
        for estimator in ("KMeans", "MiniBatchKMeans", "BisectingKMeans")
        for method in ("fit", "predict", "transform")
    ],
    Row(
        "small-kmeans_plusplus",
        "100 x 4: kmeans_plusplus",
        small,
        {name: on_small("kmeans_plusplus", "") for name in PAIR},
        agreement,
        1.0,
        "sklearn",
        short=True,
        minor=True,
    ),
]
