"""Which digits are taken for which? A network reads the digits of scikit-learn, and its mistakes are drawn.

Two thirds of the 1,797 digits are learnt, the others read. Left the confusion matrix, without its diagonal: what was
taken for what, and how often. Right the misread digits, the surest mistakes first. Writes
examples/output/digits_confusion.png.
"""

from __future__ import annotations

import time
from pathlib import Path

import matplotlib
import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import classification_report, confusion_matrix
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlfast.neural_network import MLPClassifier

OUTPUT = Path(__file__).resolve().parent / "output"
COLUMNS, LINES = 6, 3


def main() -> None:
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    data = load_digits()
    known, asked, names, truth = train_test_split(
        data.data, data.target, test_size=1 / 3, random_state=0, stratify=data.target
    )
    begin = time.perf_counter()
    model = make_pipeline(StandardScaler(), MLPClassifier((64,), alpha=0.1, max_iter=100, tol=1e-3, random_state=0))
    model.fit(known, names)
    spent = time.perf_counter() - begin
    said = model.predict(asked)
    print(f"{len(known)} digits learnt in {model[-1].n_iter_} epochs, {spent:.2f} s; {len(asked)} read\n")
    print(classification_report(truth, said, digits=3))

    figure, (left, *_) = plt.subplots(1, 2, figsize=(13, 5.4))
    confused = confusion_matrix(truth, said)
    right = np.trace(confused)
    np.fill_diagonal(confused, 0)
    left.imshow(confused, cmap="Reds", vmax=2 * confused.max())  # pale enough to write on
    for row, column in zip(*confused.nonzero(), strict=True):
        left.text(column, row, confused[row, column], ha="center", va="center")
    left.set_xticks(range(10))
    left.set_yticks(range(10))
    left.set_xlabel("read as")
    left.set_ylabel("digit")
    left.set_title(f"{right} of {len(asked)} digits are read rightly; the others:")

    figure.axes[1].axis("off")
    sure = model.predict_proba(asked).max(axis=1)
    wrong = np.flatnonzero(said != truth)
    wrong = wrong[sure[wrong].argsort()[::-1]][: COLUMNS * LINES]
    for place, row in enumerate(wrong):
        axes = figure.add_subplot(LINES, 2 * COLUMNS, 2 * COLUMNS * (place // COLUMNS) + COLUMNS + 1 + place % COLUMNS)
        axes.imshow(asked[row].reshape(8, 8), cmap="gray_r")
        axes.set_title(f"{truth[row]} as {said[row]}\n{sure[row]:.0%} sure", fontsize=8)
        axes.axis("off")
    figure.tight_layout()
    OUTPUT.mkdir(exist_ok=True)
    figure.savefig(OUTPUT / "digits_confusion.png", dpi=110)
    print(f"wrote {OUTPUT.name}/digits_confusion.png")


if __name__ == "__main__":
    main()
