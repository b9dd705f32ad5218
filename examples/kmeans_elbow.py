"""How many clusters? The elbow of the inertia on handwritten digits, and the clusters it suggests.

load_digits, reduced to two principal components so that a plane shows everything. For every k the same
KMeans call as with scikit-learn; the elbow is the k farthest from the line that joins the ends of the curve.
Writes examples/output/kmeans_elbow.png.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from mlfast.cluster import KMeans

OUTPUT = Path(__file__).resolve().parent / "output"
CANDIDATES = range(2, 21)


def elbow(ks: Any, inertias: Any) -> int:
    """The k whose point lies farthest below the line between the first and the last, both axes scaled to 0..1."""
    x = (np.asarray(ks) - ks[0]) / (ks[-1] - ks[0])
    y = (np.asarray(inertias) - inertias[-1]) / (inertias[0] - inertias[-1])
    return int(ks[np.argmax(1 - x - y)])


def main() -> None:
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    digits = load_digits()
    plane = PCA(2, random_state=0).fit_transform(digits.data)
    models = {}
    for k in CANDIDATES:
        models[k] = KMeans(k, n_init=10, random_state=0).fit(plane)
        print(f"k = {k:2}: inertia {models[k].inertia_:12.1f} after {models[k].n_iter_} iterations", flush=True)
    ks, inertias = list(models), [m.inertia_ for m in models.values()]
    best = elbow(ks, inertias)
    model = models[best]

    figure, (left, right) = plt.subplots(1, 2, figsize=(13, 5.4))
    left.plot(ks, inertias, "o-", color="#4c78a8")
    left.plot([ks[0], ks[-1]], [inertias[0], inertias[-1]], ":", color="#9aa5b1")
    left.plot(best, model.inertia_, "o", markersize=13, markerfacecolor="none", markeredgewidth=2, color="#c8452f")
    left.annotate(f"elbow: k = {best}", (best, model.inertia_), xytext=(18, 22), textcoords="offset points")
    left.set_xticks(ks)
    left.set_xlabel("clusters k")
    left.set_ylabel("inertia (sum of squared distances to the nearest centre)")
    left.set_title("The elbow of the inertia")

    # The cell of every centre, by predicting a grid over the plane.
    (x0, y0), (x1, y1) = plane.min(0) - 2, plane.max(0) + 2
    gx, gy = np.meshgrid(np.linspace(x0, x1, 400), np.linspace(y0, y1, 400))
    cells = model.predict(np.column_stack([gx.ravel(), gy.ravel()])).reshape(gx.shape)
    palette = plt.get_cmap("tab20" if best > 10 else "tab10", best)
    right.imshow(
        cells, extent=(x0, x1, y0, y1), origin="lower", aspect="auto", cmap=palette, alpha=0.25, interpolation="nearest"
    )
    right.scatter(*plane.T, c=model.labels_, cmap=palette, s=9, linewidths=0)
    right.scatter(*model.cluster_centers_.T, marker="x", s=90, linewidths=2.5, color="black", label="centres")
    for label, centre in enumerate(model.cluster_centers_):
        usual = np.bincount(digits.target[model.labels_ == label]).argmax()
        right.annotate(f"mostly {usual}", centre, xytext=(7, 7), textcoords="offset points", fontsize=9, weight="bold")
    right.set_title(f"{len(plane):,} digits on two principal components, {best} clusters")
    right.set_xlabel("first component")
    right.set_ylabel("second component")
    right.legend(loc="upper right")
    figure.tight_layout()
    OUTPUT.mkdir(exist_ok=True)
    figure.savefig(OUTPUT / "kmeans_elbow.png", dpi=120)
    print(f"elbow at k = {best}; wrote {OUTPUT.name}/kmeans_elbow.png")


if __name__ == "__main__":
    main()
