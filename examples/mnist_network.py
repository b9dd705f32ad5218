"""How well does a plain network read handwriting? MNIST, 10,000 digits of 28 x 28 pixels.

The test set of MNIST (t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz) is looked for in the folder that
SCIKIT_LEARN_DATA names and in ../shared/data; where it is not, the smaller digits of scikit-learn do. Training stops
when held-out digits are read no better any more. The picture shows how that went, what the hidden units look for, and
digits that are misread. Writes examples/output/mnist_network.png.
"""

from __future__ import annotations

import gzip
import os
import time
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from mlfast.neural_network import MLPClassifier

OUTPUT = Path(__file__).resolve().parent / "output"
IMAGES, LABELS = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"


def digits() -> tuple[str, Any, Any]:
    """A name, images of shape (n_digits, side, side) between 0 and 1, and which digits they are."""
    folders = [Path(__file__).resolve().parents[2] / "shared" / "data"]
    if os.environ.get("SCIKIT_LEARN_DATA"):
        folders.insert(0, Path(os.environ["SCIKIT_LEARN_DATA"]))
    for folder in folders:
        if (folder / IMAGES).is_file() and (folder / LABELS).is_file():
            with gzip.open(folder / IMAGES) as images, gzip.open(folder / LABELS) as labels:
                pixels = np.frombuffer(images.read(), dtype=np.uint8, offset=16).reshape(-1, 28, 28)
                return "MNIST", pixels / np.float32(255), np.frombuffer(labels.read(), dtype=np.uint8, offset=8)
    print(f"{IMAGES} is in none of the folders; the digits of scikit-learn take its place")
    data = load_digits()
    return "load_digits", data.images.astype(np.float32) / 16, data.target


def draw_images(figure: Any, images: Any, titles: list[str], **colours: Any) -> None:
    """Five by five images."""
    for axes, image, title in zip(figure.subplots(5, 5).flat, images, titles, strict=False):
        axes.imshow(image, **colours)
        axes.set_title(title, fontsize=8, pad=2)
        axes.axis("off")


def main() -> None:
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    name, images, target = digits()
    known, asked, names, truth = train_test_split(images, target, test_size=0.2, random_state=0, stratify=target)
    begin = time.perf_counter()
    network = MLPClassifier((256,), alpha=1e-3, early_stopping=True, n_iter_no_change=5, random_state=0)
    network.fit(known.reshape(len(known), -1), names)
    spent = time.perf_counter() - begin
    said = network.predict(asked.reshape(len(asked), -1))
    print(f"{name}: {len(known):,} digits learnt in {network.n_iter_} epochs, {spent:.2f} s")
    for epoch in range(0, network.n_iter_, 5):
        score = network.validation_scores_[epoch]
        print(
            f"  epoch {epoch + 1:>2}: loss {network.loss_curve_[epoch]:.4f}, {score:.2%} of the held-out digits right"
        )
    print(f"{np.mean(said == truth):.2%} of {len(asked):,} new digits are read rightly")

    figure = plt.figure(figsize=(17, 5.4))
    left, middle, right = figure.subfigures(1, 3, width_ratios=(1.2, 1, 1))
    axes = left.subplots()
    left.subplots_adjust(left=0.13, right=0.84)
    left.suptitle("Training; the weights of the dotted epoch are kept")
    axes.plot(network.loss_curve_, color="#9aa5b1")
    axes.set_xlabel("epoch")
    axes.set_ylabel("loss")
    scores = axes.twinx()
    scores.plot(network.validation_scores_, color="#c8452f")
    scores.axvline(np.argmax(network.validation_scores_), color="black", linewidth=0.8, linestyle=":")
    scores.set_ylabel("share of held-out digits read rightly", color="#c8452f")

    middle.suptitle("What the hidden units that count most look for")
    weights = network.coefs_[0].T.reshape(-1, *images.shape[1:])
    strongest = np.square(network.coefs_[1]).sum(axis=1).argsort()[::-1]
    most = np.abs(weights[strongest[:25]]).max() / 2
    draw_images(middle, weights[strongest], [""] * 25, cmap="coolwarm", vmin=-most, vmax=most)
    right.suptitle("Misread digits")
    wrong = np.flatnonzero(said != truth)
    draw_images(right, asked[wrong], [f"{truth[row]} as {said[row]}" for row in wrong], cmap="gray_r")
    OUTPUT.mkdir(exist_ok=True)
    figure.savefig(OUTPUT / "mnist_network.png", dpi=110)
    print(f"wrote {OUTPUT.name}/mnist_network.png")


if __name__ == "__main__":
    main()
