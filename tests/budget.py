"""
A plugin that sums the seconds of a run by theme and by estimator, and names what takes longest.

A theme is a file of tests, an estimator a public name of mlfast in the brackets of a node id. Seconds are those of set
up, call and tear down in the worker that ran the test. The budgets are for one core; what exceeds them is named, and
fails nothing, because a loaded machine takes longer.
"""

import re
from collections import Counter

from mlfast.accel._registry import KNOWN

from .tiers import theme_of

#: Seconds of one run by tier: all tests of an estimator, and those of one theme.
BUDGETS = {"fast": (3, 1), "change": (20, 4), "nightly": (2000, 500)}
WORST = 10
NAMES = {name.rpartition(".")[2] for name in KNOWN}


def entry_of(nodeid):
    """The estimator or function that an item is about; where its case names none, an empty string."""
    case = nodeid.partition("[")[2]
    return next((word for word in re.findall(r"\w+", case) if word in NAMES), "")


class Seconds:
    """Sums the durations of reports; under xdist those of all workers arrive in the one process that prints."""

    def __init__(self, tier):
        self.budgets = BUDGETS[tier]
        self.spent = Counter()

    def pytest_runtest_logreport(self, report):
        self.spent[entry_of(report.nodeid), theme_of(report.nodeid)] += report.duration

    def pytest_terminal_summary(self, terminalreporter):
        if len(self.spent) < WORST:
            return
        themes, entries = Counter(), Counter()
        for (entry, theme), seconds in self.spent.items():
            themes[theme] += seconds
            entries[entry] += seconds
        del entries[""]  # tests that are about no single estimator
        of_entry, of_pair = self.budgets
        terminalreporter.section(f"{self.spent.total():.0f} seconds of tests")
        self.print(terminalreporter, "by theme", themes)
        self.print(terminalreporter, f"by estimator, budget {of_entry} s", entries, of_entry)
        pairs = Counter({f"{entry} {theme}": n for (entry, theme), n in self.spent.items() if entry})
        self.print(terminalreporter, f"by estimator and theme, budget {of_pair} s", pairs, of_pair)

    def print(self, terminalreporter, title, seconds, budget=float("inf")):
        """Print the largest sums; an exclamation mark stands behind what exceeds the budget."""
        largest = (f"{what} {n:.1f}{'!' if n > budget else ''}" for what, n in seconds.most_common(WORST))
        terminalreporter.write_line(f"{title}: {', '.join(largest)}")
        over = sum(n > budget for n in seconds.values())
        if over:
            terminalreporter.write_line(f"  {over} over the budget")
