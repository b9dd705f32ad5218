"""How do the gradient descents get there? Batch, mini-batch and stochastic steps on one map of the loss.

How a disease went on, as the body mass index and the blood pressure of 442 patients tell (scikit-learn's diabetes
data): two coefficients, so that the loss is a landscape to look at. A callback of scikit-learn 1.9 is shown the model
after every epoch; for the first epoch of the small batches, every step is taken by itself. Writes
examples/output/gradient_descents.png.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import scale
from sklearn.utils import gen_batches

from mlfast.linear_model import GradientDescentRegressor

OUTPUT = Path(__file__).resolve().parent / "output"
FEATURES = ("body mass index", "blood pressure")
EPOCHS = 30
#: Name, samples of a step, learning rate, colour.
DESCENTS = (
    ("batch: all 442", "full", 0.1, "black"),
    ("mini-batch: 32", 32, 0.1, "#c8452f"),
    ("stochastic: 1", 1, 0.02, "#2f6fc8"),
)


class Path2D:
    """Keeps the coefficients after every epoch."""

    def __init__(self) -> None:
        self.points: list[Any] = [np.zeros(2)]

    def setup(self, estimator: Any, context: Any) -> None:
        """There is nothing to prepare."""

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """An epoch begins where the last one ended."""

    def on_fit_task_end(self, estimator: Any, context: Any, *, fitted_estimator: Any) -> bool:
        if context.task_name == "epoch":
            self.points.append(fitted_estimator.coef_)
        return False  # True would end the descent here

    def teardown(self, estimator: Any, context: Any) -> None:
        """Nothing is left to do."""


def descent(batch_size: int | str, rate: float, **params: Any) -> GradientDescentRegressor:
    return GradientDescentRegressor(
        penalty=None, fit_intercept=False, batch_size=batch_size, eta0=rate, tol=None, random_state=0, **params
    )


def steps_of_first_epoch(X: Any, y: Any, batch_size: int, rate: float) -> Any:
    """Coefficients after each step of an epoch: `partial_fit` of one batch is one step."""
    order = np.random.RandomState(0).permutation(len(y))
    model, points = descent("full", rate), [np.zeros(2)]
    for batch in gen_batches(len(y), batch_size):
        points.append(model.partial_fit(X[order[batch]], y[order[batch]]).coef_)
    return np.array(points)


def draw_map(axes: Any, X: Any, y: Any, paths: dict[str, Any], first_steps: dict[str, Any]) -> None:
    """Contours of the loss, the steps of the first epoch (thin) and the ends of the epochs (dots)."""
    best = np.linalg.lstsq(X, y, rcond=None)[0]
    span = np.linspace(-0.35, 1.25, 200)
    grid = np.meshgrid(span * best[0] * 1.1, span * best[1] * 1.3)
    errors = X @ np.stack([axis.ravel() for axis in grid]) - y[:, None]
    loss = (errors**2).mean(axis=0).reshape(grid[0].shape) / 2
    levels = loss.min() + np.ptp(loss) * np.linspace(0.02, 1, 14) ** 2
    axes.contour(*grid, loss, levels=levels, colors="0.75", linewidths=0.8)
    for name, _, _, colour in DESCENTS:
        if name in first_steps:
            axes.plot(*first_steps[name].T, color=colour, linewidth=0.6, alpha=0.6)
        axes.plot(*paths[name].T, "o-", color=colour, markersize=4, linewidth=1.6, label=name)
    axes.plot(*best, "*", markersize=18, color="gold", markeredgecolor="black", label="least squares")
    axes.set_xlabel(f"coefficient of the {FEATURES[0]}")
    axes.set_ylabel(f"coefficient of the {FEATURES[1]}")
    axes.set_title("Where they are after each epoch (thin: every step of the first)")
    axes.legend(loc="lower right")


def draw_losses(axes: Any, models: dict[str, GradientDescentRegressor], least: float) -> None:
    for name, _, _, colour in DESCENTS:
        axes.plot(np.arange(EPOCHS), np.array(models[name].loss_curve_) - least, color=colour, label=name)
    axes.set_yscale("log")
    axes.set_xlabel("epoch")
    axes.set_ylabel("mean loss above that of least squares")
    axes.set_title("What each pass over the patients gains")
    axes.legend()


def main() -> None:
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    begin = time.perf_counter()
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    X, y = scale(X[["bmi", "bp"]].to_numpy()), y.to_numpy() - y.mean()
    least = ((X @ np.linalg.lstsq(X, y, rcond=None)[0] - y) ** 2).mean() / 2

    paths: dict[str, Any] = {}
    models: dict[str, GradientDescentRegressor] = {}
    for name, batch_size, rate, _ in DESCENTS:
        path = Path2D()
        models[name] = descent(batch_size, rate, max_iter=EPOCHS).set_callbacks(path).fit(X, y)
        paths[name] = np.array(path.points)
        above = models[name].loss_curve_[-1] - least
        print(f"{name:>16}: {models[name].t_:6,} steps in {EPOCHS} epochs, loss {above:8.3f} above the least")
    first_steps = {
        name: steps_of_first_epoch(X, y, size, rate) for name, size, rate, _ in DESCENTS if isinstance(size, int)
    }

    figure, (left, right) = plt.subplots(1, 2, figsize=(14, 6))
    draw_map(left, X, y, paths, first_steps)
    draw_losses(right, models, least)
    figure.tight_layout()
    OUTPUT.mkdir(exist_ok=True)
    figure.savefig(OUTPUT / "gradient_descents.png", dpi=110)
    print(f"wrote {OUTPUT.name}/gradient_descents.png ({time.perf_counter() - begin:.0f} s)")


if __name__ == "__main__":
    main()
