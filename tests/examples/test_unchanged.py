"""Scripts that know nothing of mlfast say the same under `python -m mlfast`, and the work is done in Rust."""

import subprocess
import sys
from dataclasses import dataclass

import matplotlib.image
import numpy as np
import pytest

from .. import realdata
from ..isolated import ROOT, clean_environment

FOLDER = ROOT / "examples" / "unchanged"
# What the script uses that mlfast has too: the work of these must be seen in Rust.
REPLACED = {
    "model_comparison": {"KNeighborsClassifier"},
    "imbalanced_data": {"KNeighborsClassifier", "NearestNeighbors"},  # the latter in imbalanced-learn's samplers
    "feature_selection": {"KNeighborsRegressor"},
    "kmeans_elbow": {"KMeans"},
    "xor_network": {"LogisticRegression", "MLPClassifier"},
}


@dataclass
class Run:
    """What a run printed, and the rows (estimator, method, engine, ...) of its profile but the total, if it has one."""

    printed: str
    profile: list[list[str]]


def run(words, folder, env):
    """Run Python with these words in a new folder. Calls that Rust does not cover are errors."""
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=folder,
        env=clean_environment(MPLBACKEND="Agg", **env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    said, _, table = done.stderr.partition("mlfast profile\n")
    assert "Warning" not in said, said
    return Run(done.stdout, [line.split() for line in table.splitlines()[1:-1]])


def test_every_script_is_tested_and_none_knows_mlfast():
    scripts = {path.stem: path.read_text() for path in FOLDER.glob("*.py")}
    assert set(scripts) == set(REPLACED)
    assert [name for name, text in scripts.items() if "mlfast" in text] == []


@pytest.mark.parametrize("name", sorted(REPLACED))
def test_script_says_the_same_under_mlfast(name, tmp_path):
    env = {}
    if name == "feature_selection":
        data = realdata.shared_file("cal_housing_py3.pkz")
        if data is None:
            pytest.skip(realdata.ABSENT)
        env["SCIKIT_LEARN_DATA"] = data.parent
    script = FOLDER / f"{name}.py"
    stock = run([script], tmp_path / "stock", env)
    fast = run(["-m", "mlfast", "--profile", script], tmp_path / "mlfast", env)

    assert stock.printed.count("\n") > 10, "the script prints what it finds"
    assert fast.printed == stock.printed
    assert {row[2] for row in fast.profile} <= {"rust"}
    assert {row[0] for row in fast.profile} >= REPLACED[name]
    assert stock.profile == []

    written = {kind: sorted(path.name for path in (tmp_path / kind).iterdir()) for kind in ("stock", "mlfast")}
    assert written["mlfast"] == written["stock"] == (["elbow.png"] if name == "kmeans_elbow" else [])
    if name == "kmeans_elbow":
        ours, theirs = (matplotlib.image.imread(tmp_path / kind / "elbow.png") for kind in ("mlfast", "stock"))
        assert ours.std() > 0.01, "something is drawn"
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=2 / 255)  # shades of lines, by inertia's last digits
