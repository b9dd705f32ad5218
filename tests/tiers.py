"""
Which tests run when: in `make test-fast`, in `make test`, or in `make nightly` alone. tests/README.md says why.

    python -m tests.tiers                  count the items of each tier by theme
    python -m tests.tiers --save FILE      write the node ids of all items, one a line
    python -m tests.tiers --compare FILE   fail unless every node id in FILE still runs in the nightly tier

HYPOTHESIS_PROFILE=nightly counts the longer tables of the night.
"""

import argparse
import contextlib
import io
import os
import sys
from collections import Counter
from pathlib import Path

TIERS = ("fast", "change", "nightly")
#: The tier that runs unless --tier says otherwise.
DEFAULT = "nightly" if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else "change"
#: One estimator for each way in which a call uses threads, memory and signals: passes over blocks of rows, queries
#: against a fitted table, trees built side by side, an iteration over a loss. One function beside them.
REPRESENTATIVES = ("KMeans", "NearestNeighbors", "RandomForestClassifier", "LogisticRegression", "euclidean_distances")
#: The fast tier runs one case in so many of each test function, the first among them.
FAST_STEP = 16
#: It leaves out the themes that start many interpreters.
NOT_FAST = ("accel/test_main", "examples/", "interop/test_meta_parallel", "process/")

OTHERWISE = "else in `make nightly` alone"
MARKERS = (
    "nightly: the test runs in `make nightly` alone",
    f"per_change(argument=values, ...): with these arguments the test runs per change, {OTHERWISE}; may be repeated",
)


def is_nightly(item):
    """Whether an item of pytest belongs to the nightly tier alone."""
    if item.get_closest_marker("nightly"):
        return True
    choices = [mark.kwargs for mark in item.iter_markers("per_change")]
    return bool(choices) and not any(matches(item.callspec.params, choice) for choice in choices)


def matches(params, choice):
    """Whether all arguments have one of the values; an estimator or a function is given by its name."""
    return all(getattr(params[name], "name", params[name]) in values for name, values in choice.items())


def split(items, tier):
    """Divide items of pytest into those that run in a tier and those that do not."""
    chosen, left, cases = [], [], Counter()
    for item in items:
        runs = tier == "nightly" or not is_nightly(item)
        if runs and tier == "fast":
            function = item.nodeid.partition("[")[0]
            runs = cases[function] % FAST_STEP == 0 and not theme_of(item.nodeid).startswith(NOT_FAST)
            cases[function] += 1
        (chosen if runs else left).append(item)
    return chosen, left


def never_per_change(items):
    """Test functions whose markers `per_change` fit no case, of which a name may be misspelt."""
    functions = {item.nodeid.partition("[")[0] for item in items if not item.get_closest_marker("nightly")}
    return sorted(functions - {item.nodeid.partition("[")[0] for item in items if not is_nightly(item)})


def theme_of(nodeid):
    """The theme of an item is its file: contract/test_fuzz."""
    return nodeid.partition("::")[0].removeprefix("tests/").removesuffix(".py")


class Collected:
    """A plugin that keeps what pytest has collected."""

    items = ()

    def pytest_collection_finish(self, session):
        self.items = session.items


def all_items():
    """All items of this folder, the nightly ones among them."""
    import pytest

    found = Collected()
    folder = str(Path(__file__).parent)
    with contextlib.redirect_stdout(io.StringIO()):
        status = pytest.main(["--collect-only", "-qq", "--tier=nightly", folder], plugins=[found])
    if status:
        sys.exit(f"pytest --collect-only ended with status {status}")
    return found.items


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--save", type=Path, metavar="FILE")
    parser.add_argument("--compare", type=Path, metavar="FILE")
    options = parser.parse_args()
    items = all_items()
    ids = [item.nodeid for item in items]
    if options.save:
        options.save.write_text("\n".join(ids) + "\n")
    elif options.compare:
        before = options.compare.read_text().splitlines()
        gone = sorted(set(before) - set(ids))
        sys.stdout.writelines(f"gone: {nodeid}\n" for nodeid in gone)
        sys.stdout.write(f"{len(before)} items before, {len(ids)} now, {len(gone)} gone\n")
        sys.exit(bool(gone))
    else:
        counts = {tier: Counter(theme_of(item.nodeid) for item in split(items, tier)[0]) for tier in TIERS}
        rows = [("all", *(count.total() for count in counts.values()))]
        rows += [(theme, *(count[theme] for count in counts.values())) for theme in sorted(counts["nightly"])]
        sys.stdout.write(f"{'':40}{''.join(f'{tier:>9}' for tier in TIERS)}\n")
        sys.stdout.writelines(f"{theme:40}{''.join(f'{n:9}' for n in numbers)}\n" for theme, *numbers in rows)
        forgotten = never_per_change(items)
        sys.stdout.writelines(f"runs at night alone without the marker nightly: {name}\n" for name in forgotten)
        sys.exit(bool(forgotten))


if __name__ == "__main__":
    main()
