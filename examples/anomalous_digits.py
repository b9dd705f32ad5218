"""Which digits are in the wrong pile? An autoencoder finds them, and nobody tells it any digit's name.

Ten piles, one for each digit of scikit-learn, and ten strangers in each. For each pile an autoencoder learns to draw
its digits again from a description of four numbers. What is common in the pile can be described so; what is not is
drawn badly, and how badly says how odd it is. The picture shows the oddest digits of one pile beside what the
autoencoder makes of them, and how many strangers are found by how many looks. Writes
examples/output/anomalous_digits.png.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import roc_auc_score

from mlfast.neural_network import Autoencoder

OUTPUT = Path(__file__).resolve().parent / "output"
STRANGERS, SHOWN, LOOKS = 10, 3, 12


def pile(data: Any, digit: int, random: np.random.Generator) -> tuple[Any, Any]:
    """All pictures of a digit and some of others, and which digits they are."""
    strangers = random.choice(np.flatnonzero(data.target != digit), STRANGERS, replace=False)
    rows = np.concatenate([np.flatnonzero(data.target == digit), strangers])
    return data.data[rows] / 16, data.target[rows]


def main() -> None:
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    data, random = load_digits(), np.random.default_rng(0)
    figure = plt.figure(figsize=(15, 5.2))
    left, right = figure.subfigures(1, 2, width_ratios=(1.9, 1))
    axes = right.subplots()
    print(f"{STRANGERS} strangers in each pile; how many are among the {LOOKS} that are drawn worst?")
    for digit in range(10):
        X, target = pile(data, digit, random)
        is_strange = target != digit
        model = Autoencoder(4, (32,), learning_rate_init=0.005, batch_size=20, max_iter=100, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # to draw strangers well is not wanted at all
            model.fit(X)
        errors = model.reconstruction_error(X)
        odd = errors.argsort()[::-1]
        found = is_strange[odd].cumsum()
        area = roc_auc_score(is_strange, errors)
        print(
            f"  {digit}s: {found[LOOKS - 1]:>2} of {STRANGERS} among {len(X)} digits, area under the curve {area:.3f}"
        )
        axes.plot(
            np.arange(1, len(X) + 1),
            found,
            color="#c8452f" if digit == SHOWN else "#9aa5b1",
            linewidth=2.5 if digit == SHOWN else 1,
            zorder=3 if digit == SHOWN else 2,
        )
        if digit == SHOWN:
            drawn = model.inverse_transform(model.transform(X[odd[:LOOKS]]))
            places = left.subplots(4, LOOKS // 2)
            for at, row in enumerate(odd[:LOOKS]):
                line, column = 2 * (at // (LOOKS // 2)), at % (LOOKS // 2)
                for place, picture in zip(places[line : line + 2, column], (X[row], drawn[at]), strict=True):
                    place.imshow(picture.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
                    place.set_xticks([])
                    place.set_yticks([])
                colour = "#c8452f" if is_strange[row] else "black"
                places[line, column].set_title(f"a {target[row]}, error {errors[row]:.3f}", fontsize=9, color=colour)
                places[line + 1, column].set_title("as it is drawn", fontsize=8, color="0.5")
    left.subplots_adjust(hspace=0.45)
    left.suptitle(f"What is worst drawn of the {SHOWN}s; strangers in red")
    axes.axhline(STRANGERS, color="black", linewidth=0.8, linestyle=":")
    axes.set_xlim(0, 60)
    axes.set_xlabel("digits looked at, the oddest first")
    axes.set_ylabel("strangers found")
    axes.set_title(f"Ten piles; that of the {SHOWN}s in red")
    OUTPUT.mkdir(exist_ok=True)
    figure.savefig(OUTPUT / "anomalous_digits.png", dpi=110)
    print(f"wrote {OUTPUT.name}/anomalous_digits.png")


if __name__ == "__main__":
    main()
