"""Why this answer? A decision tree on the irises, drawn, and one flower's way through it read out in words.

The tree is scikit-learn's own `Tree`, so `plot_tree` draws it and `decision_path` names the nodes that a flower passes.
Of the measurements on the way only the tightest bounds matter: they are the box in the plane of the petals in which
the flower lies. Impurity and permutation importances say which measurement the tree asks for, and which it needs.
Writes examples/output/tree_in_words.png.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from sklearn.datasets import load_iris
from sklearn.inspection import permutation_importance
from sklearn.model_selection import train_test_split
from sklearn.tree import plot_tree

from mlfast.tree import DecisionTreeClassifier

OUTPUT = Path(__file__).resolve().parent / "output"
COLORS = ("#4c78a8", "#e0a030", "#72a276")


def reasons(model: Any, row: Any, names: Any) -> list[str]:
    """What is asked of a sample on its way, and its answer: one line for each node above the leaf."""
    tree = model.tree_
    path = model.decision_path(row.reshape(1, -1)).indices[:-1]
    lines = []
    for node in path:
        feature, threshold = tree.feature[node], tree.threshold[node]
        sign = "<=" if np.float32(row[feature]) <= threshold else ">"
        lines.append(f"{names[feature]} is {row[feature]:.9g} {sign} {threshold:.9g}")
    return lines


def in_words(model: Any, row: Any, names: Any, classes: Any) -> str:
    """The way of a sample and its answer, as a sentence on several lines."""
    shares = model.predict_proba(row.reshape(1, -1))[0]
    leaf = model.apply(row.reshape(1, -1))[0]
    known = model.tree_.n_node_samples[leaf]
    answer = f"{classes[shares.argmax()]}, like {shares.max():.0%} of the {known} known ones there"
    return "\n".join([*(f"  since {line}," for line in reasons(model, row, names)), f"  it is {answer}."])


def main() -> None:
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    iris = load_iris()
    names = [name.replace(" (cm)", "") for name in iris.feature_names]
    known, new, labels, answers = train_test_split(iris.data, iris.target, random_state=0)
    model = DecisionTreeClassifier(max_depth=3, random_state=0).fit(known, labels)
    accuracy = model.score(new, answers)
    print(f"{model.get_n_leaves()} leaves, depth {model.get_depth()}; accuracy on new flowers {accuracy:.1%}\n")
    asked = next(row for row in new if model.predict([row])[0] == 2)
    for row in (new[0], asked):
        print(f"The flower {dict(zip(names, row.tolist(), strict=True))}:")
        print(in_words(model, row, names, iris.target_names), end="\n\n")
    needed = permutation_importance(model, new, answers, n_repeats=20, random_state=0).importances_mean
    print(f"{'measurement':<16}{'asked for':>12}{'needed':>10}")
    for name, asks, needs in zip(names, model.feature_importances_, needed, strict=True):
        print(f"{name:<16}{asks:>12.1%}{needs:>10.1%}")

    figure, (left, right) = plt.subplots(1, 2, figsize=(15, 6), width_ratios=(3, 2))
    boxes = plot_tree(model, ax=left, feature_names=names, class_names=iris.target_names, rounded=True, fontsize=7)
    passed = set(model.decision_path(asked.reshape(1, -1)).indices.tolist())
    nodes = [box for box in boxes if box.get_bbox_patch() is not None]  # the words on the arrows have none
    for node, box in enumerate(nodes):
        color = COLORS[model.tree_.value[node, 0].argmax()]
        box.get_bbox_patch().set(facecolor=color + "55", edgecolor="#c8452f" if node in passed else "#9aa5b1")
        box.get_bbox_patch().set_linewidth(2.5 if node in passed else 0.8)
    left.set_title("The tree; the way of one flower in red")

    low, high = iris.data.min(axis=0), iris.data.max(axis=0)
    gx, gy = np.meshgrid(np.linspace(low[2], high[2], 300), np.linspace(low[3], high[3], 300))
    grid = np.tile(asked, (gx.size, 1))
    grid[:, 2], grid[:, 3] = gx.ravel(), gy.ravel()
    shown = matplotlib.colors.ListedColormap(COLORS)
    right.pcolormesh(gx, gy, model.predict(grid).reshape(gx.shape), cmap=shown, alpha=0.3, vmin=0, vmax=2)
    for code, name in enumerate(iris.target_names):
        mine, style = answers == code, {"s": 22, "color": COLORS[code], "edgecolor": "white", "linewidth": 0.5}
        right.scatter(new[mine, 2], new[mine, 3], label=name, **style)
    right.plot(asked[2], asked[3], "*", markersize=17, color="#c8452f", markeredgecolor="white", label="read out")
    right.set_xlabel(iris.feature_names[2])
    right.set_ylabel(iris.feature_names[3])
    right.set_title("What it answers in the plane of the petals, and the new flowers")
    right.legend(loc="upper left")
    figure.tight_layout()
    OUTPUT.mkdir(exist_ok=True)
    figure.savefig(OUTPUT / "tree_in_words.png", dpi=110)
    print(f"\nwrote {OUTPUT / 'tree_in_words.png'}")


if __name__ == "__main__":
    main()
