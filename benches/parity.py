"""
How often answers part from scikit-learn's, and scikit-learn's from its own: the tables of docs/parity.md.

    python benches/parity.py kmeans-ties
    python benches/parity.py instruction-sets
    python benches/parity.py early-stops
    python benches/parity.py regression-trees
"""

import argparse
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from itertools import combinations, product

import numpy as np

# On busy machines threads of OpenMP that spin while they wait take for ever.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def show(heads: list[str], rows: list[list[object]]) -> None:
    """Print a table in Markdown."""
    for row in (heads, ["---"] * len(heads), *rows):
        print("| " + " | ".join(str(cell) for cell in row) + " |")


def grids(decimals: int, count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield sets of rows with so many decimals and 1 to 8 features, and rows of theirs to begin with."""
    for seed in range(count):
        rng = np.random.RandomState(seed)
        n, d, k = rng.randint(50, 3000), rng.randint(1, 9), rng.randint(2, 21)
        X = np.round(rng.uniform(0, 10, (n, d)) if seed % 2 else rng.normal(0, 3, (n, d)), decimals)
        rows = np.unique(X, axis=0)
        yield X, rows[rng.choice(len(rows), min(k, len(rows)), replace=False)]


def kmeans_ties(count: int) -> None:
    """Count fits of grid-like data whose labels differ: ours from the parent's, and the parent's by its threads."""
    import sklearn.cluster
    from threadpoolctl import threadpool_limits

    import mlfast.cluster

    def labels(package, X, init, algorithm, threads):
        with threadpool_limits(threads, user_api="openmp"):
            model = package.KMeans(len(init), init=init, n_init=1, algorithm=algorithm).fit(X)
        return model.n_iter_, model.labels_.tobytes(), model.inertia_

    kinds = list(product((0, 1, 2), ("lloyd", "elkan")))
    share = -(-count // len(kinds))
    rows: list[list[object]] = []
    for decimals, algorithm in kinds:
        parted = {"ours, 1": 0, "2": 0, "4": 0}
        gaps = []
        for X, init in grids(decimals, share):
            parent = labels(sklearn.cluster, X, init, algorithm, 1)
            for name in parted:
                package = mlfast.cluster if name == "ours, 1" else sklearn.cluster
                found = labels(package, X, init, algorithm, int(name[-1]))
                parted[name] += found[:2] != parent[:2]
                if name == "ours, 1":
                    gaps.append(found[2] / parent[2] - 1 if parent[2] else 0.0)
        rows.append([decimals, algorithm, share, *parted.values(), f"{min(gaps):+.4f} to {max(gaps):+.4f}"])
    heads = ["decimals", "algorithm", "sets", "mlfast parts", "scikit-learn with 2 threads parts"]
    show([*heads, "scikit-learn with 4 threads parts", "inertia of mlfast, relative"], rows)


#: Prints a digest of every fit of tests/contract, by estimator and case.
DIGESTS = """
import hashlib
from tests.contract import scenarios
from tests.contract.registry import ENTRIES, FUNCTIONS
for thing in [*ENTRIES, *FUNCTIONS]:
    for case, bits in scenarios.answers(thing.name).items():
        print("", thing.name, case, hashlib.sha256(repr(bits).encode()).hexdigest(), sep="\\t")
"""


def instruction_sets(count: int) -> None:
    """Compare all fits of tests/contract between the instruction sets that this machine has."""
    found: dict[str, dict[tuple[str, str], str]] = {}
    for isa in ("portable", "avx2", "avx512"):
        env = {**os.environ, "MLFAST_ISA": isa, "MLFAST_FALLBACK": "raise"}
        done = subprocess.run([sys.executable, "-c", DIGESTS], env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"{isa}: not run ({done.stderr.strip().splitlines()[-1]})\n")
            continue
        lines = [line.split("\t")[1:] for line in done.stdout.splitlines() if line.startswith("\t")]
        found[isa] = {(name, case): digest for name, case, digest in lines}
    rows: list[list[object]] = []
    for one, other in combinations(found, 2):
        parted = sorted({key[0] for key, digest in found[one].items() if found[other][key] != digest})
        count = sum(found[other][key] != digest for key, digest in found[one].items())
        rows.append([f"{one}, {other}", len(found[one]), count, ", ".join(parted)])
    show(["sets", "fits", "with other bits", "of"], rows)


def early_stops(count: int) -> None:
    """Compare fits that `max_iter` ends."""
    import sklearn.linear_model
    from sklearn.datasets import load_breast_cancer

    import mlfast.linear_model

    X, y = load_breast_cancer(return_X_y=True)  # columns of other scales: hard for all but Newton's method
    rows: list[list[object]] = []
    for solver, max_iter in product(("lbfgs", "newton-cg", "newton-cholesky", "saga"), (10, 30, 100, 300, 3000)):
        coef = []
        for package in (mlfast.linear_model, sklearn.linear_model):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = package.LogisticRegression(solver=solver, max_iter=max_iter, random_state=0)
                coef.append(model.fit(X, y).coef_)
        rows.append(
            [solver, max_iter, model.n_iter_[0], f"{np.abs(coef[0] - coef[1]).max() / np.abs(coef[1]).max():.1e}"]
        )
    show(["solver", "max_iter", "iterations", "largest difference of coefficients, relative"], rows)


def regression_trees(count: int) -> None:
    """Count regression trees that are not node for node the parent's."""
    import sklearn.tree

    import mlfast.tree

    rows: list[list[object]] = []
    for kind, n in product(("continuous", "whole-numbered targets", "one decimal in X and y"), (200, 1000, 5000)):
        parted, worst, sets = 0, 0.0, max(count // 20, 10)
        for seed in range(sets):
            rng = np.random.RandomState(seed)
            X, y = rng.standard_normal((n, 5)), rng.standard_normal(n)
            if kind == "whole-numbered targets":
                y = np.round(3 * y)
            if kind == "one decimal in X and y":
                X, y = np.round(X, 1), np.round(y, 1)
            trees = [
                package.DecisionTreeRegressor(random_state=seed).fit(X, y) for package in (mlfast.tree, sklearn.tree)
            ]
            mine, theirs = (tree.tree_.__getstate__()["nodes"] for tree in trees)
            fields = ["feature", "threshold"]
            parted += len(mine) != len(theirs) or not all(np.array_equal(mine[f], theirs[f]) for f in fields)
            impurities = [float(np.sum(nodes["impurity"] * nodes["n_node_samples"])) for nodes in (mine, theirs)]
            worst = max(worst, abs(impurities[0] / impurities[1] - 1))
        rows.append([kind, n, sets, parted, f"{worst:.4f}"])
    show(["data", "samples", "trees", "parted", "largest difference of the summed impurity of nodes, relative"], rows)


TABLES = {
    "kmeans-ties": kmeans_ties,
    "instruction-sets": instruction_sets,
    "early-stops": early_stops,
    "regression-trees": regression_trees,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", choices=sorted(TABLES))
    parser.add_argument("--count", type=int, default=1000, help="sets of data")
    options = parser.parse_args()
    TABLES[options.table](options.count)


if __name__ == "__main__":
    main()
