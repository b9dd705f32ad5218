"""Tables of the record beside this crate, from CSV files of several runs: the best figure of each counts.

Usage: python report.py FILE...
"""

import sys
from collections import defaultdict


def main(paths: list[str]) -> None:
    figures: dict[tuple[str, str, int, int, int], list[float]] = defaultdict(list)
    for path in paths:
        with open(path) as lines:
            for line in lines:
                what, dtype, d, k, _, threads, value = line.split(",")
                figures[what, dtype, int(threads), int(d), int(k)].append(float(value))
    best = {key: max(values) for key, values in figures.items()}
    names = [*dict.fromkeys(key[0] for key in best if key[3])]
    names.sort(key=lambda name: (name.startswith("fused"), name == "openblas"))
    for key in sorted(key for key in best if not key[3]):
        print(f"{key[0]} {key[1]} {key[2]} threads: {best[key]:.1f} (runs {min(figures[key]):.1f} to {best[key]:.1f})")
    for dtype in ("f32", "f64"):
        print(f"\n{dtype}, GFLOP/s, 1 thread / 2 threads\n")
        print("| d | k | " + " | ".join(names) + " |")
        print("|---|---|" + "---|" * len(names))
        for d, k in sorted({key[3:] for key in best if key[3]}):
            cells = []
            for name in names:
                pair = [best.get((name, dtype, threads, d, k)) for threads in (1, 2)]
                cells.append(" / ".join("-" if v is None else f"{v:.1f}" for v in pair))
            print(f"| {d} | {k} | " + " | ".join(cells) + " |")
    print("\ngeometric mean of the ratio to openblas, 1 thread / 2 threads\n")
    for dtype in ("f32", "f64"):
        for name in names:
            means = []
            for threads in (1, 2):
                product, count = 1.0, 0
                for d, k in {key[3:] for key in best if key[3]}:
                    ours = best.get((name, dtype, threads, d, k))
                    theirs = best.get(("openblas", dtype, threads, d, k))
                    if ours and theirs:
                        product, count = product * ours / theirs, count + 1
                means.append(product ** (1 / count) if count else float("nan"))
            print(f"{dtype} {name}: {means[0]:.2f} / {means[1]:.2f}")


if __name__ == "__main__":
    main(sys.argv[1:])
