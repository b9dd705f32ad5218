"""What happens in a network? The one that solves XOR, written out in NumPy, beside mlfast's.

No line separates the points around (0, 0) and (1, 1) from those around (0, 1) and (1, 0); a hidden layer of four units
bends the plane until one does. The network by hand starts from the draws of the same `random_state` and takes the same
steps, so both end at the same weights. A callback of scikit-learn 1.9 keeps mlfast's network after some epochs, to be
drawn. Writes examples/output/xor_from_scratch.png.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from mlfast.neural_network import MLPClassifier

OUTPUT = Path(__file__).resolve().parent / "output"
UNITS, RATE, EPOCHS, SEED = 4, 1.0, 1000, 2
SHOWN = (10, 100, 300, 1000)


# ---- by hand ----


def start(random: np.random.RandomState, fan_in: int, fan_out: int) -> tuple[Any, Any]:
    """Weights and offsets of a layer, after Glorot: the fewer neighbours a unit has, the more each counts."""
    bound = np.sqrt(6 / (fan_in + fan_out))
    return random.uniform(-bound, bound, (fan_in, fan_out)), random.uniform(-bound, bound, fan_out)


def by_hand(X: Any, y: Any) -> tuple[list[Any], list[float]]:
    """Gradient descent on the mean log loss of 2 - 4 - 1 units; the weights at its end, and its losses."""
    random = np.random.RandomState(SEED)
    W1, b1 = start(random, 2, UNITS)
    W2, b2 = start(random, UNITS, 1)
    target, losses = y[:, None], []
    for _ in range(EPOCHS):
        # Forward: each layer is a product, an offset, a bend.
        hidden = np.tanh(X @ W1 + b1)
        chance = 1 / (1 + np.exp(-(hidden @ W2 + b2)))
        losses.append(-np.mean(np.log(np.where(target == 1, chance, 1 - chance))))
        # Backward: the error of the output, then what each hidden unit had to do with it.
        error = (chance - target) / len(X)
        error_hidden = (error @ W2.T) * (1 - hidden**2)
        # A step downhill.
        W2 -= RATE * hidden.T @ error
        b2 -= RATE * error.sum(axis=0)
        W1 -= RATE * X.T @ error_hidden
        b1 -= RATE * error_hidden.sum(axis=0)
    return [W1, b1, W2, b2], losses


# ---- by mlfast ----


class Album:
    """Keeps the network as it is after some epochs."""

    def __init__(self) -> None:
        self.networks: dict[int, MLPClassifier] = {}

    def setup(self, estimator: Any, context: Any) -> None:
        """There is nothing to prepare."""

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """An epoch begins where the last one ended."""

    def on_fit_task_end(self, estimator: Any, context: Any, *, fitted_estimator: Any) -> bool:
        if context.task_name == "epoch" and context.task_id + 1 in SHOWN:
            self.networks[context.task_id + 1] = fitted_estimator
        return False  # True would end training here

    def teardown(self, estimator: Any, context: Any) -> None:
        """Nothing is left to do."""


def draw(axes: Any, network: MLPClassifier, X: Any, y: Any, title: str) -> None:
    span = np.linspace(-0.6, 1.6, 150)
    grid = np.stack(np.meshgrid(span, span), axis=-1)
    chance = network.predict_proba(grid.reshape(-1, 2))[:, 1].reshape(grid.shape[:2])
    axes.contourf(span, span, chance, levels=np.linspace(0, 1, 11), cmap="coolwarm", alpha=0.8)
    axes.contour(span, span, chance, levels=[0.5], colors="black")
    axes.scatter(*X.T, c=y, cmap="coolwarm", s=10, edgecolors="white", linewidths=0.3)
    axes.set_title(title)
    axes.set_aspect("equal")


def main() -> None:
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    random = np.random.default_rng(1)
    corners = random.integers(0, 2, size=(400, 2))
    X, y = corners + random.normal(scale=0.15, size=corners.shape), corners[:, 0] ^ corners[:, 1]

    weights, losses = by_hand(X, y)
    album = Album()
    network = MLPClassifier(
        (UNITS,),
        activation="tanh",
        solver="sgd",
        momentum=0.0,
        alpha=0.0,
        batch_size=len(X),
        shuffle=False,
        learning_rate_init=RATE,
        max_iter=EPOCHS,
        tol=0.0,
        n_iter_no_change=EPOCHS,
        random_state=SEED,
    ).set_callbacks(album)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # as many epochs as by hand are wanted, and no more
        network.fit(X, y)
    found = [network.coefs_[0], network.intercepts_[0], network.coefs_[1], network.intercepts_[1]]
    apart = max(float(np.abs(a - b).max()) for a, b in zip(found, weights, strict=True))
    print(f"{EPOCHS} steps by hand and by mlfast end at weights that are {apart:.0e} apart at most")
    for epoch, shown in album.networks.items():
        print(f"epoch {epoch:>4}: loss {losses[epoch - 1]:.4f}, {shown.score(X, y):7.2%} of the points right")
    for a, b in ((0, 0), (0, 1), (1, 0), (1, 1)):
        print(f"  {a} xor {b}: {network.predict_proba([[a, b]])[0, 1]:.3f}")

    figure, axes = plt.subplots(1, len(SHOWN) + 1, figsize=(20, 4.2))
    for place, (epoch, shown) in zip(axes, album.networks.items(), strict=False):
        draw(place, shown, X, y, f"after {epoch} epochs")
    axes[-1].plot(losses, color="#9aa5b1", linewidth=5, label="by hand")
    axes[-1].plot(network.loss_curve_, color="#c8452f", linewidth=1.5, label="mlfast")
    axes[-1].set_xscale("log")
    axes[-1].set_xlabel("epoch")
    axes[-1].set_ylabel("mean log loss")
    axes[-1].legend()
    figure.tight_layout()
    OUTPUT.mkdir(exist_ok=True)
    figure.savefig(OUTPUT / "xor_from_scratch.png", dpi=110)
    print(f"wrote {OUTPUT.name}/xor_from_scratch.png")


if __name__ == "__main__":
    main()
