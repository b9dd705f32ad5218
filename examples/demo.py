"""`make demo`: mlfast beside scikit-learn on real data, in under a minute.

Every section runs the same work with both, in turn, and yields one line of the table; a later room adds its
function to SECTIONS. mlfast runs with fallback="raise", so no line can be scikit-learn in disguise.
Writes quantised.png, misread.png and speed.png into demo-output/.
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

OUTPUT = Path(__file__).resolve().parents[1] / "demo-output"
ROUNDS, PATIENCE = 5, 5.0  # rounds of a section; no further one begins after so many seconds


@dataclass
class Line:
    """One line of the table: least times in seconds, and how far the answers agree."""

    work: str
    ours: float
    theirs: float
    equal: float  # share of equal labels
    rand: float | None  # adjusted Rand index of two clusterings; classes have names, so it says nothing more of them
    score: str  # what the two scores are
    our_score: float
    their_score: float

    @property
    def speedup(self) -> float:
        return self.theirs / self.ours


def say(text: str) -> None:
    print(text, flush=True)


def race(ours: Callable[[], Any], theirs: Callable[[], Any]) -> tuple[float, float, Any, Any]:
    """Run both in turn; the least time of each, and what each returned last."""
    import mlfast

    least = {"mlfast": float("inf"), "scikit-learn": float("inf")}
    result: dict[str, Any] = {}
    begin = time.perf_counter()
    for turn in range(ROUNDS):
        print(f"    round {turn + 1}:", end="", flush=True)
        for name, work in (("mlfast", ours), ("scikit-learn", theirs)):
            with mlfast.config_context(fallback="raise"):
                print(f"  {name} ...", end="", flush=True)
                start = time.perf_counter()
                result[name] = work()
                spent = time.perf_counter() - start
            least[name] = min(least[name], spent)
            print(f" {duration(spent):>8}", end="", flush=True)
        print()
        if time.perf_counter() - begin > PATIENCE:
            break
    return least["mlfast"], least["scikit-learn"], result["mlfast"], result["scikit-learn"]


def compare(work: str, estimator: str, x: Any, **params: Any) -> tuple[Line, Any, Any]:
    """Fit `estimator` of both packages with the same parameters on x and compare labels and inertia."""
    import sklearn.cluster
    from sklearn.metrics import adjusted_rand_score

    import mlfast.cluster

    our_class, their_class = getattr(mlfast.cluster, estimator), getattr(sklearn.cluster, estimator)
    ours_s, theirs_s, ours, theirs = race(lambda: our_class(**params).fit(x), lambda: their_class(**params).fit(x))
    line = Line(
        work,
        ours_s,
        theirs_s,
        float(np.mean(ours.labels_ == theirs.labels_)),
        float(adjusted_rand_score(theirs.labels_, ours.labels_)),
        "inertia",
        float(ours.inertia_),
        float(theirs.inertia_),
    )
    return line, ours, theirs


def busy() -> float | None:
    """CPU seconds that the whole machine but this process has spent so far; None where /proc/stat is missing."""
    try:
        ticks = [int(t) for t in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    except OSError:
        return None
    return (sum(ticks[:8]) - sum(ticks[3:5])) / os.sysconf("SC_CLK_TCK") - time.process_time()


# ---- sections ----


def pixels() -> tuple[Any, tuple[int, int]]:
    from sklearn.datasets import load_sample_image

    image = load_sample_image("china.jpg")
    return np.ascontiguousarray(image.reshape(-1, 3) / 255.0), image.shape[:2]


def colours() -> Line:
    """A photograph of 273,280 pixels in 64 colours."""
    x, shape = pixels()
    line, ours, theirs = compare(
        f"KMeans, photograph, {len(x):,} pixels, 64 colours", "KMeans", x, n_clusters=64, random_state=0
    )
    pictures = [("original", x)]
    pictures += [(f"{name}, 64 colours", m.cluster_centers_[m.labels_]) for name, m in both(ours, theirs)]
    draw_pictures([(title, p.reshape(*shape, 3)) for title, p in pictures])
    return line


def colours_in_batches() -> Line:
    """The same photograph by mini-batches."""
    x, _ = pixels()
    work = "MiniBatchKMeans, the same photograph, 64 colours"
    return compare(work, "MiniBatchKMeans", x, n_clusters=64, random_state=0)[0]


def digits() -> Line:
    """1,797 handwritten digits in ten clusters, ten starts."""
    from sklearn.datasets import load_digits
    from sklearn.metrics import adjusted_rand_score

    data = load_digits()
    line, ours, theirs = compare(
        "KMeans, 1,797 digits, 10 clusters, 10 starts", "KMeans", data.data, n_clusters=10, n_init=10, random_state=0
    )
    for name, model in both(ours, theirs):
        rand = adjusted_rand_score(data.target, model.labels_)
        say(f"    {name}: adjusted Rand index against the true digits {rand:.4f}")
    return line


def digits_divided() -> Line:
    """The digits again, divided in two until there are ten clusters."""
    from sklearn.datasets import load_digits

    work = "BisectingKMeans, 1,797 digits, 10 clusters"
    return compare(work, "BisectingKMeans", load_digits().data, n_clusters=10, n_init=5, random_state=0)[0]


def digits_read() -> Line:
    """Which digit is it? Half of the digits are read by their five nearest neighbours among the other half."""
    import sklearn.neighbors
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    import mlfast.neighbors

    data = load_digits()
    known, asked, names, truth = train_test_split(
        data.data, data.target, test_size=0.5, random_state=0, stratify=data.target
    )
    ours_s, theirs_s, ours, theirs = race(
        lambda: mlfast.neighbors.KNeighborsClassifier(5).fit(known, names).predict(asked),
        lambda: sklearn.neighbors.KNeighborsClassifier(5).fit(known, names).predict(asked),
    )
    draw_misread(asked, truth, ours)
    for name, read in both(ours, theirs):
        say(f"    {name}: {np.sum(read == truth):,} of {len(truth):,} digits read as they were meant")
    return Line(
        f"KNeighborsClassifier, {len(asked)} digits among {len(known)}, k=5",
        ours_s,
        theirs_s,
        float(np.mean(ours == theirs)),
        None,
        "accuracy",
        float(np.mean(ours == truth)),
        float(np.mean(theirs == truth)),
    )


SECTIONS: list[Callable[[], Line]] = [colours, colours_in_batches, digits, digits_divided, digits_read]


# ---- output ----


def both(ours: Any, theirs: Any) -> list[tuple[str, Any]]:
    return [("mlfast", ours), ("scikit-learn", theirs)]


def duration(seconds: float) -> str:
    return f"{seconds * 1e3:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def draw_pictures(pictures: list[tuple[str, Any]]) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(pictures), figsize=(5 * len(pictures), 3.7))
    for place, (title, picture) in zip(axes, pictures, strict=True):
        place.imshow(np.clip(picture, 0, 1))
        place.set_title(title)
        place.axis("off")
    figure.tight_layout()
    figure.savefig(OUTPUT / "quantised.png", dpi=110)
    plt.close(figure)


def draw_misread(images: Any, truth: Any, read: Any) -> None:
    """The digits that were not read as they were meant, at most eighteen."""
    import matplotlib.pyplot as plt

    wrong = np.flatnonzero(read != truth)[:18]
    figure, axes = plt.subplots(2, 9, figsize=(11, 3.2))
    for place in axes.flat:
        place.axis("off")
    for place, row in zip(axes.flat, wrong, strict=False):
        place.imshow(images[row].reshape(8, 8), cmap="gray_r")
        place.set_title(f"{truth[row]}, read as {read[row]}", fontsize=9)
    figure.suptitle(f"{np.sum(read != truth)} of {len(truth)} digits were misread", fontsize=11)
    figure.tight_layout()
    figure.savefig(OUTPUT / "misread.png", dpi=110)
    plt.close(figure)


def draw_speed(lines: list[Line]) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 1.3 + 0.75 * len(lines)))
    for place, line in enumerate(lines):
        axes.barh(place - 0.19, 1.0, 0.36, color="#9aa5b1", label="scikit-learn" if place == 0 else None)
        axes.barh(place + 0.19, line.speedup, 0.36, color="#c8452f", label="mlfast" if place == 0 else None)
        axes.text(1.0, place - 0.19, f" {duration(line.theirs)}", va="center", fontsize=8)
        axes.text(line.speedup, place + 0.19, f" {duration(line.ours)}, {line.speedup:.1f}x", va="center", fontsize=8)
    axes.set_xlim(0, 1.3 * max(1.0, *(line.speedup for line in lines)))
    axes.set_yticks(range(len(lines)), [line.work.replace(", ", "\n", 1) for line in lines], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("speed, scikit-learn = 1")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(frameon=False, loc="upper right", ncols=2)
    figure.tight_layout(rect=(0, 0, 1, 0.93))
    figure.savefig(OUTPUT / "speed.png", dpi=130)
    plt.close(figure)


def table(lines: list[Line]) -> str:
    width = max(len(line.work) for line in lines)
    head = f"{'work':<{width}}{'mlfast':>11}{'sklearn':>11}{'speed-up':>10}{'equal labels':>14}{'adj. Rand':>11}"
    head += f"  {'score':<10}{'of mlfast':>12}{'of sklearn':>12}"
    rows = [
        f"{line.work:<{width}}{duration(line.ours):>11}{duration(line.theirs):>11}{line.speedup:>9.2f}x"
        f"{line.equal:>13.2%} {'-' if line.rand is None else f'{line.rand:.4f}':>10}"
        f"  {line.score:<10}{line.our_score:>12.8g}{line.their_score:>12.8g}"
        for line in lines
    ]
    return "\n".join([head, "-" * len(head), *rows])


def main() -> None:
    begin = time.perf_counter()
    try:
        import mlfast
        import mlfast.cluster
        import mlfast.neighbors
    except ImportError as error:
        sys.exit(f"mlfast cannot be imported ({error}); `make demo` builds and installs it first.")
    try:
        import matplotlib
    except ImportError:
        sys.exit("The demo draws with matplotlib: pip install matplotlib (`make demo` does).")
    import sklearn.cluster
    import sklearn.neighbors

    matplotlib.use("Agg")
    warnings.simplefilter("ignore", sklearn.exceptions.ConvergenceWarning)
    OUTPUT.mkdir(exist_ok=True)
    say(
        f"mlfast {mlfast.__version__} beside scikit-learn {sklearn.__version__}, {mlfast.get_num_threads()} threads at "
        "most: the same data, parameters and random_state, in turn; the least time counts."
    )
    say("Warming up both on a few points ...")
    for package in (sklearn, mlfast):
        package.cluster.KMeans(2, n_init=1).fit(np.eye(4))
        package.neighbors.KNeighborsClassifier(1).fit(np.eye(4), np.arange(4)).predict(np.eye(4))

    lines, start, others = [], time.perf_counter(), busy()
    for number, section in enumerate(SECTIONS, 1):
        say(f"[{number}/{len(SECTIONS)}] {section.__doc__}")
        lines.append(section())
    draw_speed(lines)
    say("\n" + table(lines))
    now = busy()
    if others is not None and now is not None and (share := (now - others) / (time.perf_counter() - start)) > 0.1:
        say(
            f"\nNote: other processes kept {share:.1f} CPUs busy meanwhile. scikit-learn's threads wait for each other "
            "and suffer\nfar more from that than mlfast's, so these speed-ups are too high: repeat on an idle machine."
        )
    shown = OUTPUT.relative_to(Path.cwd()) if OUTPUT.is_relative_to(Path.cwd()) else OUTPUT
    say(f"\nPictures: {shown}/quantised.png, misread.png, speed.png ({time.perf_counter() - begin:.0f} s in all)")


if __name__ == "__main__":
    main()
