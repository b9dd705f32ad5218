"""`make demo`: mlfast beside scikit-learn, one kind of work a row, in under a minute.

Each row is the same call with the same data, parameters and random_state in both packages, run in turn; the least time
counts. mlfast runs with fallback="raise", so no row can be scikit-learn in disguise. A new room adds a function to
ROWS: it makes the data and returns what is timed, a function of the package (`sklearn` or `mlfast`) that returns the
answer.
Writes colours.png and speed.png into demo-output/.
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

OUTPUT = Path(__file__).resolve().parents[1] / "demo-output"
ROUNDS, PATIENCE = 5, 2.0  # rounds of a row; no further one begins after so many seconds
COLUMNS = "{:<54}{:>13}{:>11}{:>10}   {}"

Work = Callable[[Any], Any]


class Line(NamedTuple):
    """One line of the table: least times in seconds, and both answers."""

    work: str
    mlfast: float
    sklearn: float
    answer: Any
    parents_answer: Any

    @property
    def speedup(self) -> float:
        return self.sklearn / self.mlfast

    @property
    def agreement(self) -> str:
        return agreement(self.answer, self.parents_answer)

    def __str__(self) -> str:
        return COLUMNS.format(
            self.work, duration(self.sklearn), duration(self.mlfast), f"{self.speedup:.1f}x", self.agreement
        )


# ---- rows ----


def photograph() -> np.ndarray:
    from sklearn.datasets import load_sample_image

    return np.asarray(load_sample_image("china.jpg"), dtype=np.float64) / 255


def colours() -> Work:
    """KMeans: a photograph, 273,280 pixels, in 32 colours"""
    x = photograph().reshape(-1, 3)
    return lambda package: package.cluster.KMeans(32, random_state=0).fit(x).labels_


def neighbours() -> Work:
    """KNeighborsClassifier: 10,000 rows among 20,000 x 16"""
    x, y = classes(30_000, 16)
    known, new = slice(20_000), slice(20_000, None)
    return lambda package: (
        package.neighbors.KNeighborsClassifier(15, n_jobs=-1).fit(x[known], y[known]).predict_proba(x[new])
    )


def distances() -> Work:
    """manhattan_distances: 3,000 rows to 3,000 x 50"""
    x = np.random.default_rng(0).normal(size=(6_000, 50))
    return lambda package: package.metrics.pairwise.manhattan_distances(x[:3_000], x[3_000:])


def imputer() -> Work:
    """KNNImputer: 4,000 x 20, a tenth missing"""
    x, _ = classes(4_000, 20)
    x[np.random.default_rng(0).random(x.shape) < 0.1] = np.nan
    return lambda package: package.impute.KNNImputer().fit_transform(x)


def tree() -> Work:
    """DecisionTreeClassifier: 30,000 x 20"""
    x, y = classes(30_000, 20)
    return lambda package: package.tree.DecisionTreeClassifier(random_state=0).fit(x, y).predict_proba(x)


def forest() -> Work:
    """RandomForestClassifier: 100 trees, 10,000 x 20"""
    x, y = classes(10_000, 20)
    return lambda package: (
        package.ensemble.RandomForestClassifier(100, random_state=0, n_jobs=-1).fit(x, y).predict_proba(x)
    )


def boosting() -> Work:
    """GradientBoostingRegressor: 100 trees, 8,000 x 10"""
    from sklearn.datasets import make_friedman1

    x, y = make_friedman1(8_000, random_state=0)
    return lambda package: package.ensemble.GradientBoostingRegressor(random_state=0).fit(x, y).predict(x)


def histograms() -> Work:
    """HistGradientBoostingClassifier: 100 trees, 50,000 x 20"""
    x, y = classes(50_000, 20)
    return lambda package: (
        package.ensemble.HistGradientBoostingClassifier(early_stopping=False, random_state=0).fit(x, y).predict_proba(x)
    )


def least_squares() -> Work:
    """LinearRegression: a million rows, 20 features"""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1_000_000, 20))
    y = x @ rng.normal(size=20) + rng.normal(size=len(x))
    return lambda package: package.linear_model.LinearRegression().fit(x, y).coef_


def support_vectors() -> Work:
    """LinearSVC: 50,000 x 30"""
    x, y = classes(50_000, 30)
    return lambda package: package.svm.LinearSVC(random_state=0, dual=False).fit(x, y).coef_


def naive_bayes() -> Work:
    """GaussianNB: 500,000 x 20, three classes"""
    x, y = classes(500_000, 20)
    return lambda package: package.naive_bayes.GaussianNB().fit(x, y).predict(x)


def network() -> Work:
    """MLPClassifier: 1,797 handwritten digits, 30 epochs"""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    x /= 16
    return lambda package: package.neural_network.MLPClassifier(max_iter=30, random_state=0).fit(x, y).predict_proba(x)


ROWS = [
    colours,
    neighbours,
    distances,
    imputer,
    tree,
    forest,
    boosting,
    histograms,
    least_squares,
    support_vectors,
    naive_bayes,
    network,
]


def classes(n_samples: int, n_features: int) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import make_classification

    return make_classification(n_samples, n_features, n_informative=8, n_classes=3, random_state=0)


# ---- measuring ----


def measure(row: Callable[[], Work]) -> Line:
    """Run both in turn; the least time of each, and what each returned last."""
    import sklearn

    import mlfast

    work = row()
    least = {mlfast: np.inf, sklearn: np.inf}
    answer: dict[Any, Any] = {}
    begin = time.perf_counter()
    for _ in range(ROUNDS):
        for package in (mlfast, sklearn):
            start = time.perf_counter()
            with mlfast.config_context(fallback="raise"):
                answer[package] = work(package)
            least[package] = min(least[package], time.perf_counter() - start)
        if time.perf_counter() - begin > PATIENCE:
            break
    return Line(str(row.__doc__), least[mlfast], least[sklearn], answer[mlfast], answer[sklearn])


def agreement(answer: np.ndarray, parents_answer: np.ndarray) -> str:
    """How far two answers agree: labels by how many are equal, numbers by the largest difference."""
    if np.array_equal(answer, parents_answer):
        return "identical"
    if answer.dtype.kind in "iu":
        return f"{np.mean(answer == parents_answer):.3%} of labels equal"
    return f"equal to {np.abs(answer - parents_answer).max() / np.abs(parents_answer).max():.0e}"


def busy() -> float | None:
    """CPU seconds that the whole machine but this process has spent so far; None where /proc/stat is missing."""
    try:
        ticks = [int(t) for t in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    except OSError:
        return None
    return (sum(ticks[:8]) - sum(ticks[3:5])) / os.sysconf("SC_CLK_TCK") - time.process_time()


# ---- output ----


def say(text: str) -> None:
    print(text, flush=True)


def duration(seconds: float) -> str:
    return f"{seconds * 1e3:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"


def draw_colours(lines: list[Line]) -> None:
    """The photograph, and what is left of it in the colours that each package found."""
    import matplotlib.pyplot as plt

    image = photograph()
    pixels = image.reshape(-1, 3)
    figure, axes = plt.subplots(1, 3, figsize=(15, 3.7))
    answers = {"original": None, "mlfast": lines[0].answer, "scikit-learn": lines[0].parents_answer}
    for place, (title, labels) in zip(axes, answers.items(), strict=True):
        shown = image
        if labels is not None:
            count = np.bincount(labels)
            means = np.stack([np.bincount(labels, channel) / count for channel in pixels.T], axis=1)
            shown, title = means[labels].reshape(image.shape), f"{title}, {len(count)} colours"
        place.imshow(shown)
        place.set_title(title)
        place.axis("off")
    figure.tight_layout()
    figure.savefig(OUTPUT / "colours.png", dpi=110)
    plt.close(figure)


def draw_speed(lines: list[Line]) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 1 + 0.45 * len(lines)))
    bars = axes.barh([line.work for line in lines], [line.speedup for line in lines], color="#c8452f")
    axes.bar_label(bars, [f" {line.speedup:.1f}x, {line.agreement}" for line in lines], fontsize=8)
    axes.axvline(1.0, color="#555555", linewidth=0.8)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}x")
    axes.set_xlim(0.7, 6 * max(line.speedup for line in lines))
    axes.invert_yaxis()
    axes.set_xlabel("speed of mlfast, scikit-learn = 1 (log scale)")
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(OUTPUT / "speed.png", dpi=130)
    plt.close(figure)


def main() -> None:
    begin = time.perf_counter()
    try:
        import mlfast
    except ImportError as error:
        sys.exit(f"mlfast cannot be imported ({error}); `make demo` builds and installs it first.")
    try:
        import matplotlib
    except ImportError:
        sys.exit("The demo draws with matplotlib: pip install matplotlib (`make demo` does).")
    import sklearn
    from sklearn.exceptions import ConvergenceWarning

    matplotlib.use("Agg")
    warnings.simplefilter("ignore", ConvergenceWarning)
    OUTPUT.mkdir(exist_ok=True)
    say(
        f"mlfast {mlfast.__version__} beside scikit-learn {sklearn.__version__}, {mlfast.get_num_threads()} threads: "
        "same data, same parameters, in turn.\n"
    )
    head = COLUMNS.format("work", "scikit-learn", "mlfast", "speed-up", "answers")
    say(f"{head}\n{'-' * (len(head) + 15)}")
    lines, start, others = [], time.perf_counter(), busy()
    for row in ROWS:
        lines.append(measure(row))
        say(str(lines[-1]))
    say("\nidentical: to the last bit; equal to: the largest difference, as a fraction of the largest value")
    now = busy()
    if others is not None and now is not None and (share := (now - others) / (time.perf_counter() - start)) > 0.1:
        say(
            f"\nNote: other processes kept {share:.1f} CPUs busy meanwhile, which slows scikit-learn's threads "
            "more than mlfast's.\nThese speed-ups may be too high: repeat on an idle machine."
        )
    draw_colours(lines)
    draw_speed(lines)
    shown = OUTPUT.relative_to(Path.cwd()) if OUTPUT.is_relative_to(Path.cwd()) else OUTPUT
    say(f"\nPictures: {shown}/colours.png, speed.png ({time.perf_counter() - begin:.0f} s in all)")


if __name__ == "__main__":
    main()
