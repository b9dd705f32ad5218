"""How many neighbours, measured how, counted how? k-nearest neighbours on handwritten digits.

First the accuracy on all 64 pixels, by five-fold cross-validation, for every k, metric and weighting. Then the same
digits reduced to two principal components, where a plane shows which digit each choice sees at every point: few
neighbours give ragged borders and islands around single digits, many give smooth ones, and the metric bends them;
cosine knows directions only, so its regions are wedges.
Writes examples/output/knn_boundaries.png.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import StratifiedKFold, cross_val_score

from mlfast.neighbors import KNeighborsClassifier

OUTPUT = Path(__file__).resolve().parent / "output"
KS = (1, 3, 5, 9, 15, 25, 45)
METRICS = {"euclidean": "#4c78a8", "manhattan": "#c8452f", "chebyshev": "#b58db6", "cosine": "#72a276"}
WEIGHTS = {"uniform": "-", "distance": "--"}
SHOWN = [
    (1, "euclidean", "uniform"),
    (15, "euclidean", "uniform"),
    (15, "euclidean", "distance"),
    (15, "manhattan", "uniform"),
    (15, "chebyshev", "uniform"),
    (15, "cosine", "uniform"),
]


def classifier(k: int, metric: str, weights: str) -> Any:
    return KNeighborsClassifier(k, metric=metric, weights=weights)


def accuracy(model: Any, x: Any, y: Any) -> float:
    """Share of digits recognised when each fifth is predicted from the others."""
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    return float(cross_val_score(model, x, y, cv=folds).mean())


def compare(x: Any, y: Any) -> dict[tuple[int, str, str], float]:
    """Accuracy of every combination, printed as a table: a line for each metric and weighting."""
    found = {}
    print(f"{'metric':<12}{'weights':<10}" + "".join(f"{f'k={k}':>9}" for k in KS))
    for metric in METRICS:
        for weights in WEIGHTS:
            for k in KS:
                found[k, metric, weights] = accuracy(classifier(k, metric, weights), x, y)
            line = "".join(f"{found[k, metric, weights]:>9.2%}" for k in KS)
            print(f"{metric:<12}{weights:<10}{line}", flush=True)
    return found


def draw_curves(axes: Any, found: dict[tuple[int, str, str], float], best: tuple[int, str, str]) -> None:
    for metric, colour in METRICS.items():
        for weights, style in WEIGHTS.items():
            scores = [found[k, metric, weights] for k in KS]
            axes.plot(KS, scores, style, marker="o", markersize=4, color=colour, label=f"{metric}, {weights}")
    axes.plot(best[0], found[best], "o", markersize=14, markerfacecolor="none", markeredgewidth=2, color="black")
    axes.set_xscale("log")
    axes.set_xticks(KS, KS)
    axes.minorticks_off()
    axes.yaxis.set_major_formatter("{x:.1%}")
    axes.set_xlabel("neighbours k")
    axes.set_ylabel("accuracy, five-fold cross-validation")
    axes.set_title(f"All 64 pixels; the best: k = {best[0]}, {best[1]}, {best[2]}, {found[best]:.2%}")
    axes.legend(fontsize=9)


def draw_map(axes: Any, plane: Any, y: Any, choice: tuple[int, str, str]) -> None:
    """What the classifier says at every point of the plane, and the digits it learnt from."""
    (x0, y0), (x1, y1) = plane.min(0) - 2, plane.max(0) + 2
    gx, gy = np.meshgrid(np.linspace(x0, x1, 300), np.linspace(y0, y1, 300))
    model = classifier(*choice).fit(plane, y)
    says = model.predict(np.column_stack([gx.ravel(), gy.ravel()])).reshape(gx.shape)
    colours = {"cmap": "tab10", "vmin": -0.5, "vmax": 9.5}
    axes.imshow(
        says, extent=(x0, x1, y0, y1), origin="lower", aspect="auto", alpha=0.45, interpolation="nearest", **colours
    )
    axes.scatter(*plane.T, c=y, s=4, linewidths=0, **colours)
    for digit in range(10):
        middle = np.median(plane[y == digit], axis=0)
        axes.text(*middle, str(digit), fontsize=13, weight="bold", ha="center", va="center")
    k, metric, weights = choice
    axes.set_title(f"k = {k}, {metric}, {weights}: {accuracy(classifier(*choice), plane, y):.1%}", fontsize=10)
    axes.set_xticks([])
    axes.set_yticks([])


def main() -> None:
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    begin = time.perf_counter()
    digits = load_digits()
    found = compare(digits.data, digits.target)
    best = max(found, key=found.__getitem__)
    print(f"best: k = {best[0]}, metric {best[1]}, weights {best[2]}: {found[best]:.2%}")
    lost = {w: 100 * (found[KS[0], best[1], w] - found[KS[-1], best[1], w]) for w in WEIGHTS}
    print(
        f"From k = {KS[0]} to k = {KS[-1]} the {best[1]} metric loses {lost['uniform']:.1f} points where every "
        f"neighbour counts the same, {lost['distance']:.1f} where near ones count more."
    )

    plane = PCA(2, random_state=0).fit_transform(digits.data)
    figure = plt.figure(figsize=(17, 8))
    grid = figure.add_gridspec(2, 4, width_ratios=(1.6, 1, 1, 1))
    draw_curves(figure.add_subplot(grid[:, 0]), found, best)
    for place, choice in enumerate(SHOWN):
        draw_map(figure.add_subplot(grid[place // 3, 1 + place % 3]), plane, digits.target, choice)
    figure.suptitle(
        f"{len(plane):,} handwritten digits: accuracy on all pixels (left); what is seen on two principal "
        "components, with the accuracy there (right)"
    )
    figure.tight_layout()
    OUTPUT.mkdir(exist_ok=True)
    figure.savefig(OUTPUT / "knn_boundaries.png", dpi=110)
    print(f"wrote {OUTPUT.name}/knn_boundaries.png ({time.perf_counter() - begin:.0f} s)")


if __name__ == "__main__":
    main()
