"""What does a forest ask for, and what does it need? Two importances of measurements, and where the first misleads.

A random forest tells malignant from benign tumours (Wisconsin diagnostic data). Two columns of noise are added: one
with a number of its own for every tumour, one with a coin flip. The importance by impurity counts how often, and with
what gain, the trees ask for a measurement while they learn, so it honours noise that has many values. The importance by
permutation counts what new tumours lose when a measurement is shuffled, so noise gets nothing, and neither do
measurements of which the forest has another copy. Writes examples/output/forest_importances.png.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.inspection import permutation_importance
from sklearn.model_selection import train_test_split

from mlfast.ensemble import RandomForestClassifier

OUTPUT = Path(__file__).resolve().parent / "output"
SHOWN = 10


def main() -> None:
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    data = load_breast_cancer()
    random = np.random.default_rng(0)
    noise = np.column_stack([random.standard_normal(len(data.data)), random.integers(0, 2, len(data.data))])
    X = np.column_stack([data.data, noise])
    names = np.array([*data.feature_names, "noise, continuous", "noise, a coin"])
    known, new, labels, answers = train_test_split(X, data.target, random_state=0)

    model = RandomForestClassifier(n_estimators=500, oob_score=True, random_state=0).fit(known, labels)
    print(f"accuracy out of bag {model.oob_score_:.1%}, on new tumours {model.score(new, answers):.1%}\n")
    asked = model.feature_importances_
    lost = permutation_importance(model, new, answers, n_repeats=20, random_state=0)
    order = asked.argsort()[::-1]
    rows = [*order[:SHOWN], *(i for i in order[SHOWN:] if names[i].startswith("noise"))]
    print(f"{'measurement':<26}{'asked for':>12}{'needed':>10}")
    for i in rows:
        print(f"{names[i]:<26}{asked[i]:>12.1%}{lost.importances_mean[i]:>10.2%}")

    figure, axes = plt.subplots(1, 2, figsize=(12, 5), sharey=True)
    places = np.arange(len(rows))[::-1]
    colors = ["#c8452f" if names[i].startswith("noise") else "#4c78a8" for i in rows]
    axes[0].barh(places, asked[rows], color=colors)
    axes[0].set_yticks(places, names[rows])
    axes[0].set_title("By impurity, while learning")
    spread = lost.importances_std[rows]
    axes[1].barh(places, lost.importances_mean[rows], xerr=spread, color=colors, ecolor="#9aa5b1")
    axes[1].set_title("By permutation, on new tumours")
    figure.tight_layout()
    OUTPUT.mkdir(exist_ok=True)
    figure.savefig(OUTPUT / "forest_importances.png", dpi=110)
    print(f"\nwrote {OUTPUT / 'forest_importances.png'}")


if __name__ == "__main__":
    main()
