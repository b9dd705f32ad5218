"""Learnt too little, or learnt by heart? Learning curves of four networks, and what dropout and L2 change.

250 digits to learn from, 30 of them with a wrong name, as happens when people name digits. Two hidden units are too
few; 256 learn every digit by heart, the wrong names too, and get worse at new digits while they do. A penalty on large
weights (L2), or units that are silent by chance while the network learns (dropout), keep it from that. A callback asks
the network after every epoch about known digits and new ones. Writes examples/output/over_and_underfitting.png.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from mlfast.neural_network import NetworkClassifier

OUTPUT = Path(__file__).resolve().parent / "output"
KNOWN, WRONG, EPOCHS = 250, 30, 150
#: Name, and parameters of the network.
NETWORKS: dict[str, dict[str, Any]] = {
    "2 units: too few": {"hidden_layer_sizes": (2,)},
    "256 units: by heart": {"hidden_layer_sizes": (256,)},
    "256 units, L2 of 0.3": {"hidden_layer_sizes": (256,), "alpha": 0.3},
    "256 units, dropout of 0.7": {"hidden_layer_sizes": (256,), "dropout": 0.7},
}


class Curves:
    """Asks the network after every epoch about sets of digits: a name, digits, what they are."""

    def __init__(self, sets: dict[str, tuple[Any, Any]]) -> None:
        self.sets = sets
        self.losses: dict[str, list[float]] = {name: [] for name in sets}
        self.scores: dict[str, list[float]] = {name: [] for name in sets}

    def setup(self, estimator: Any, context: Any) -> None:
        """There is nothing to prepare."""

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """An epoch begins where the last one ended."""

    def on_fit_task_end(self, estimator: Any, context: Any, *, fitted_estimator: Any) -> bool:
        if context.task_name == "epoch":
            for name, (X, y) in self.sets.items():
                chances = fitted_estimator.predict_proba(X)
                self.losses[name].append(log_loss(y, chances, labels=range(10)))
                self.scores[name].append(float(np.mean(chances.argmax(axis=1) == y)))
        return False  # True would end training here

    def teardown(self, estimator: Any, context: Any) -> None:
        """Nothing is left to do."""


def main() -> None:
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    X, y = load_digits(return_X_y=True)
    known, new, names, truth = train_test_split(X / 16, y, train_size=KNOWN, random_state=0, stratify=y)
    random = np.random.default_rng(0)
    mistaken = random.choice(KNOWN, WRONG, replace=False)
    names[mistaken] = (names[mistaken] + random.integers(1, 10, WRONG)) % 10

    print(f"{'':<26}{'known digits':>22}{'new digits':>22}{'new, at best':>14}")
    figure, places = plt.subplots(1, len(NETWORKS), figsize=(18, 4.4), sharey=True)
    for axes, (title, params) in zip(places, NETWORKS.items(), strict=True):
        curves = Curves({"known": (known, names), "new": (new, truth)})
        network = NetworkClassifier(
            **{"alpha": 0.0, **params},
            learning_rate_init=0.003,
            batch_size=32,
            max_iter=EPOCHS,
            tol=0.0,
            n_iter_no_change=EPOCHS,
            random_state=0,
        ).set_callbacks(curves)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # all are given the same number of epochs
            network.fit(known, names)
        (loss, new_loss), (score, new_score) = curves.losses.values(), curves.scores.values()
        print(
            f"{title:<26}{score[-1]:>8.1%}, loss {loss[-1]:6.3f}{new_score[-1]:>9.1%}, loss {new_loss[-1]:6.3f}"
            f"{max(new_score):>14.1%}"
        )
        axes.plot(loss, color="#9aa5b1", label="known digits")
        axes.plot(new_loss, color="#c8452f", label="new digits")
        axes.plot(np.argmin(new_loss), min(new_loss), "o", color="#c8452f")
        axes.set_title(f"{title}\n{new_score[-1]:.1%} of new digits right")
        axes.set_xlabel("epoch")
    places[0].set_ylabel("mean log loss")
    places[0].set_ylim(0, 2.5)
    places[0].legend()
    figure.tight_layout()
    OUTPUT.mkdir(exist_ok=True)
    figure.savefig(OUTPUT / "over_and_underfitting.png", dpi=110)
    print(f"wrote {OUTPUT.name}/over_and_underfitting.png")


if __name__ == "__main__":
    main()
