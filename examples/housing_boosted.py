"""What does boosting learn of house prices, when should it stop, and can it be told what must hold?

Districts of California (1990): their median house value from income, age, rooms, people and place. A model is boosted
on histograms until new stages no longer help on rows that it does not learn from. A second one is told that prices rise
with income, and gives hardly anything away. Writes examples/output/housing_boosted.png.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from sklearn.datasets import fetch_california_housing
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.model_selection import train_test_split

from mlfast.ensemble import HistGradientBoostingRegressor

OUTPUT = Path(__file__).resolve().parent / "output"
INCOME = "MedInc"


def main() -> None:
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    data = fetch_california_housing(as_frame=True)
    known, new, prices, answers = train_test_split(data.data, data.target, random_state=0)
    params = {"max_iter": 1000, "early_stopping": True, "n_iter_no_change": 20, "random_state": 0}
    free = HistGradientBoostingRegressor(**params).fit(known, prices)
    told = HistGradientBoostingRegressor(**params, monotonic_cst={INCOME: 1}).fit(known, prices)
    for name, model in (("free", free), ("told that prices rise with income", told)):
        print(f"{name:<36}{model.n_iter_:>5} stages, R2 on new districts {model.score(new, answers):.3f}")

    importances = permutation_importance(free, new, answers, n_repeats=5, random_state=0)
    order = importances.importances_mean.argsort()
    print(f"\n{'feature':<14}{'R2 lost when shuffled':>24}")
    for i in order[::-1]:
        print(f"{known.columns[i]:<14}{importances.importances_mean[i]:>24.3f}")

    figure, axes = plt.subplots(1, 3, figsize=(15, 4.5))
    axes[0].plot(-free.train_score_, label="learnt from", color="#9aa5b1")
    axes[0].plot(-free.validation_score_, label="held back", color="#c8452f")
    axes[0].set(title="When to stop", xlabel="stage", ylabel="half of the squared error", yscale="log")
    axes[0].legend()
    axes[1].barh(known.columns[order], importances.importances_mean[order], color="#4c78a8")
    axes[1].set_title("What it needs: R2 lost when shuffled")
    for name, model in (("free", free), ("told", told)):
        found = partial_dependence(model, known, [INCOME], method="brute", grid_resolution=60)
        axes[2].plot(found["grid_values"][0], found["average"][0], label=name)
    axes[2].set(title="Price by income, all else as it is", xlabel="median income", ylabel="100,000 $")
    axes[2].legend()
    figure.tight_layout()
    OUTPUT.mkdir(exist_ok=True)
    figure.savefig(OUTPUT / "housing_boosted.png", dpi=110)
    rises = np.diff(partial_dependence(told, known, [INCOME], method="brute")["average"][0]) >= 0
    print(f"\ntold: prices rise with income at {rises.mean():.0%} of the steps")
    print(f"wrote {OUTPUT / 'housing_boosted.png'}")


if __name__ == "__main__":
    main()
