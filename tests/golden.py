"""
The bits of every estimator's answers on fixed data, before and after a change that must not move them.

``python -m tests.golden record FILE`` writes what the installed mlfast answers, ``python -m tests.golden compare FILE``
lists the answers that differ from those of the file, and the largest difference of each. They hold on one machine.
"""

import argparse
import pickle
import warnings
from pathlib import Path

import numpy as np

from .compare import bits
from .contract.answers import of_batches, of_call, of_fit
from .contract.entry import sparse_mixture
from .contract.registry import ENTRIES, FUNCTIONS

#: Rows of the tables: few, and more than one block of any kernel.
SIZES = (60, 2_500)
#: Of larger arrays only the digest is recorded.
MAX_RECORDED = 20_000


def tables(thing):
    """Pairs (name, table) of the storages that an estimator or a function takes."""
    for n in SIZES:
        yield f"{n} float64", thing.data(1, n, 5, np.float64)
        yield f"{n} float32", thing.data(1, n, 5, np.float32)
        if thing.sparse:
            yield f"{n} CSR", sparse_mixture(1, n, 5)


def answers(wanted):
    """All answers of what has `wanted` in its name: name of the case -> name of the value -> value."""
    found = {}
    for thing in [*ENTRIES, *FUNCTIONS]:
        if wanted.lower() not in thing.name.lower():
            continue
        for table, X in tables(thing):
            for way, params in {"": {}, **thing.ways}.items():
                case = f"{thing.name} {way} {table}"
                if thing in FUNCTIONS:
                    found[case] = recorded(of_call(thing.name, X, params, parent=False))
                    continue
                found[case] = recorded(of_fit(thing.name, X, None, params, X[:50], parent=False))
                if thing.sample_weight:
                    weights = np.linspace(0.5, 2, X.shape[0])
                    found[f"{case} weighted"] = recorded(of_fit(thing.name, X, weights, params, X[:50], parent=False))
                if thing.incremental:
                    batches = [(X[:40], None), (X[40:], None)]
                    found[f"{case} in batches"] = recorded(of_batches(thing.name, batches, params, parent=False))
    return found


def recorded(values):
    """What is kept of answers: the values, but of large arrays the digest."""
    large = {name for name, value in values.items() if isinstance(value, np.ndarray) and value.size > MAX_RECORDED}
    return {name: bits(value) if name in large else value for name, value in values.items()}


def difference(old, new):
    """What to print of a value that has changed."""
    if isinstance(old, (float, np.ndarray)) and isinstance(new, (float, np.ndarray)):
        old, new = np.asarray(old), np.asarray(new)
        if old.shape == new.shape and old.dtype.kind == new.dtype.kind == "f":
            largest = np.nanmax(np.abs(old), initial=0.0)
            return f"{np.nanmax(np.abs(new - old)):.1e} of {largest:.1e}"
    return f"{str(old)[:60]} -> {str(new)[:60]}"


def changes(old, new):
    """Pairs (case, [what changed]) of two recordings; a case or value of one of them only has changed."""
    for case in sorted(old.keys() | new.keys()):
        before, after = old.get(case, {}), new.get(case, {})
        lines = []
        for name in sorted(before.keys() | after.keys()):
            if name not in before or name not in after:
                lines.append(f"{name} is {'new' if name in after else 'gone'}")
            elif bits(before[name]) != bits(after[name]):
                lines.append(f"{name}: {difference(before[name], after[name])}")
        if lines:
            yield case, lines


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("verb", choices=["record", "compare"])
    parser.add_argument("file", type=Path)
    parser.add_argument("--only", default="", help="only what has this in its name, such as KMeans")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    found = answers(given.only)
    if given.verb == "record":
        given.file.write_bytes(pickle.dumps(found))
        print(f"{len(found)} cases")
        return
    old = pickle.loads(given.file.read_bytes())
    old = {case: values for case, values in old.items() if given.only.lower() in case.split(" ")[0].lower()}
    differing = list(changes(old, found))
    for case, lines in differing:
        print(case, *lines, sep="\n    ")
    print(f"{len(differing)} of {len(found)} cases differ")
    raise SystemExit(bool(differing))


if __name__ == "__main__":
    main()
