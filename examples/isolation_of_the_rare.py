"""Who is not like the others? Rare cases found without a label, as in the search for fraud.

All benign tumours of the Wisconsin diagnostic data and a few malignant ones, nobody says which. An isolation forest
parts the tumours at random until each is alone; what is rare is alone early. The most suspicious are looked at first:
the picture shows how many of the rare ones are found by how many looks, and the two measurements that show them best.
Writes examples/output/isolation_of_the_rare.png.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import roc_auc_score

from mlfast.ensemble import IsolationForest

OUTPUT = Path(__file__).resolve().parent / "output"
RARE = 20


def main() -> None:
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    data = load_breast_cancer()
    random = np.random.default_rng(0)
    rare = random.choice(np.flatnonzero(data.target == 0), RARE, replace=False)
    rows = np.concatenate([np.flatnonzero(data.target == 1), rare])
    X, is_rare = data.data[rows], np.arange(len(rows)) >= len(rows) - RARE

    model = IsolationForest(n_estimators=300, contamination=RARE / len(rows), random_state=0).fit(X)
    scores = model.score_samples(X)
    found = is_rare[scores.argsort()].cumsum()
    print(f"{RARE} rare cases among {len(rows)}; area under the curve {roc_auc_score(is_rare, -scores):.3f}")
    for looks in (10, RARE, 2 * RARE, 4 * RARE):
        print(f"the {looks:>3} most suspicious hold {found[looks - 1]:>2} of them")
    flagged = model.predict(X) == -1
    print(f"{flagged.sum()} are called outliers, {(flagged & is_rare).sum()} of them rightly")

    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 5))
    looks = np.arange(1, len(rows) + 1)
    left.plot(looks, found, color="#c8452f", label="by suspicion")
    left.plot(looks, looks * RARE / len(rows), color="#9aa5b1", label="in any order")
    left.set_xlabel("tumours looked at")
    left.set_ylabel("rare ones found")
    left.legend()
    first, second = 27, 20  # worst concave points, worst radius
    marks = right.scatter(X[:, first], X[:, second], c=-scores, s=22, cmap="viridis")
    right.scatter(X[is_rare, first], X[is_rare, second], s=90, facecolors="none", edgecolors="#c8452f", label="rare")
    right.set_xlabel(data.feature_names[first])
    right.set_ylabel(data.feature_names[second])
    right.legend()
    figure.colorbar(marks, label="suspicion")
    figure.tight_layout()
    OUTPUT.mkdir(exist_ok=True)
    figure.savefig(OUTPUT / "isolation_of_the_rare.png", dpi=110)
    print(f"\nwrote {OUTPUT / 'isolation_of_the_rare.png'}")


if __name__ == "__main__":
    main()
