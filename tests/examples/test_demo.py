"""`make demo`: a row for every room, each measured fairly."""

import ast
import importlib.util

import numpy as np
import pytest

import mlfast
from mlfast.accel._registry import REGISTRY

from ..isolated import ROOT

SCRIPT = ROOT / "examples" / "demo.py"


@pytest.fixture(scope="module")
def demo():
    spec = importlib.util.spec_from_file_location("demo", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_room_has_a_row(demo):
    """A row names its room as `package.<room>`, and itself in its docstring."""
    rooms = {}
    for node in ast.parse(SCRIPT.read_text()).body:
        if isinstance(node, ast.FunctionDef):
            named = [n for n in ast.walk(node) if isinstance(n, ast.Attribute) and ast.unparse(n.value) == "package"]
            rooms[node.name] = {n.attr for n in named}
    shown = [rooms[row.__name__] for row in demo.ROWS]
    assert all(len(room) == 1 for room in shown)
    assert set.union(*shown) == {module.split(".")[1] for module in REGISTRY}
    for row in demo.ROWS:
        estimator, _, what = row.__doc__.partition(": ")
        assert estimator.isidentifier()
        assert what
        assert len(row.__doc__) <= 54, "the column of the table"


def test_a_row_is_measured_and_printed(demo, monkeypatch):
    monkeypatch.setattr(demo, "ROUNDS", 2)
    x = np.random.default_rng(0).normal(size=(50, 3))
    packages = []

    def clusters():
        """KMeans: fifty rows"""

        def work(package):
            packages.append(package.__name__)
            return package.cluster.KMeans(3, random_state=0).fit(x).labels_

        return work

    line = demo.measure(clusters)
    assert packages == ["mlfast", "sklearn"] * 2
    assert line.speedup == line.sklearn / line.mlfast
    assert str(line).startswith("KMeans: fifty rows  ")
    assert str(line).endswith("x   identical")


def test_a_row_cannot_be_scikit_learn_in_disguise(demo):
    x = np.eye(4)

    def fallback():
        return lambda package: package.neighbors.NearestNeighbors(metric=lambda a, b: 0.0).fit(x)

    with pytest.raises(mlfast.FallbackError, match="function"):
        demo.measure(fallback)


def test_agreement(demo):
    ones = np.ones(1000)
    assert demo.agreement(ones, ones) == "identical"
    assert demo.agreement(np.r_[2.0, ones], np.r_[2.0 + 1e-9, ones]) == "equal to 5e-10"
    assert demo.agreement(np.r_[0, [1] * 999], np.ones(1000, dtype=int)) == "99.900% of labels equal"
    assert demo.agreement(np.array([0.0, np.nan]), np.array([0.0, 1.0])) == "equal to nan"
