"""The table of README.md: eight rows of docs/benchmarks.md, with the figures that stand there."""

from __future__ import annotations

import re

#: (room, title of the row) in docs/benchmarks.md.
ROWS = (
    ("kmeans", "Colour quantisation (KMeans 20 iterations), 273k pixels, k=64, f32"),
    ("neighbors", "KNeighborsClassifier.predict of one row, 5k x 20, f64"),
    ("neighbors", "KNNImputer.fit_transform, 10k x 20, 10 % missing, f64"),
    ("ensemble", "RandomForestClassifier fit, 50k x 20, 100 trees"),
    ("ensemble", "GradientBoostingRegressor fit, 20k x 20, 100 trees of depth 3"),
    ("linear", "LinearRegression fit, 1M x 50"),
    ("linear_logistic", "LogisticRegression fit, 500k x 50"),
    ("neural_network", "MLPClassifier fit, 20k x 784, hidden 256, 10 classes, 5 epochs, f32"),
)
COLUMNS = {"sklearn": "scikit-learn", "mlfast": "mlfast", "to scikit-learn": "speed-up"}


def highlights(benchmarks: str) -> str:
    """Return the table of README.md from the text of docs/benchmarks.md."""
    lines = ["| work | " + " | ".join(COLUMNS.values()) + " |", "|---|" + "---:|" * len(COLUMNS)]
    for room, title in ROWS:
        row = _rows(_between(benchmarks, room))[title]
        lines.append(f"| {title} | " + " | ".join(row[column] for column in COLUMNS) + " |")
    return "\n".join(lines)


def replaced(text: str, room: str, table: str) -> str:
    """Return the text with a table between the marks of a room, which must be there."""
    return text.replace(_between(text, room), f"\n{table}\n")


def _between(text: str, room: str) -> str:
    found = re.findall(f"<!-- bench:{room}:begin -->(.*?)<!-- bench:{room}:end -->", text, re.S)
    if len(found) != 1:
        raise SystemExit(f"bench:{room}:begin and bench:{room}:end must stand once each, in this order")
    return str(found[0])


def _rows(table: str) -> dict[str, dict[str, str]]:
    """The rows of a table in Markdown by their first cell, each by the names of its columns."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line[:1] == "|"]
    head, _, *rows = cells
    return {row[0]: dict(zip(head, row, strict=True)) for row in rows}
