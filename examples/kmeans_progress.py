"""How does k-means get there? The paths of the centres and the inertia after every pass, seen by callbacks.

load_digits on its two principal components. A callback of scikit-learn 1.9 hears of every start and every iteration
while Rust works, and is shown the model as it then is; ProgressBar, a callback too, shows how far the fit has come.
Writes examples/output/kmeans_progress.png.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from sklearn.callback import ProgressBar
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from mlfast.cluster import KMeans

OUTPUT = Path(__file__).resolve().parent / "output"
STARTS = 6


class Paths:
    """Keeps inertia and centres after every iteration, one list per start."""

    def __init__(self) -> None:
        self.starts: list[list[tuple[float, Any]]] = []

    def setup(self, estimator: Any, context: Any) -> None:
        self.starts.clear()

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        if context.task_name == "init":
            self.starts.append([])

    def on_fit_task_end(self, estimator: Any, context: Any, *, fitted_estimator: Any) -> bool:
        if context.task_name == "iteration":
            self.starts[-1].append((fitted_estimator.inertia_, fitted_estimator.cluster_centers_))
        return False  # True would end the loop here

    def teardown(self, estimator: Any, context: Any) -> None:
        """Nothing is left to do."""


def main() -> None:
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plane = PCA(2, random_state=0).fit_transform(load_digits().data)
    paths = Paths()
    model = KMeans(10, init="random", n_init=STARTS, random_state=0).set_callbacks(paths, ProgressBar()).fit(plane)
    best = int(np.argmin([start[-1][0] for start in paths.starts]))
    for number, start in enumerate(paths.starts):
        kept = "   <- kept" if number == best else ""
        print(f"start {number}: inertia {start[0][0]:8.0f} to {start[-1][0]:8.0f}, {len(start):2} iterations{kept}")

    figure, (left, right) = plt.subplots(1, 2, figsize=(13, 5.4))
    for number, start in enumerate(paths.starts):
        style = {"color": "#c8452f", "linewidth": 2.5} if number == best else {"color": "#9aa5b1"}
        left.plot(range(1, len(start) + 1), [inertia for inertia, _ in start], **style)
    left.set_xlabel("iteration")
    left.set_ylabel("inertia")
    left.set_title(f"{STARTS} starts; the best one in colour")

    steps = np.stack([centers for _, centers in paths.starts[best]])  # shape (n_iterations, n_clusters, 2)
    right.scatter(*plane.T, c=model.labels_, cmap="tab10", s=9, linewidths=0, alpha=0.4)
    for cluster in range(steps.shape[1]):
        right.plot(*steps[:, cluster].T, ".-", color="black", linewidth=1, markersize=4)
    right.scatter(*model.cluster_centers_.T, marker="x", s=90, linewidths=2.5, color="black", label="where they end")
    right.set_xlabel("first component")
    right.set_ylabel("second component")
    right.set_title("Paths of its centres")
    right.legend(loc="upper right")
    figure.tight_layout()
    OUTPUT.mkdir(exist_ok=True)
    figure.savefig(OUTPUT / "kmeans_progress.png", dpi=120)
    print(f"wrote {OUTPUT.name}/kmeans_progress.png")


if __name__ == "__main__":
    main()
