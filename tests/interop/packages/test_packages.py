"""The quick starts of packages that build on scikit-learn print the same under mlfast.

By night: a start takes some seconds. ``make nightly`` installs the packages.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ...isolated import clean_environment

STARTS = sorted(Path(__file__).parent.glob("*_start.py"))


def run(words):
    found = subprocess.run(
        [sys.executable, "-W", "ignore", *words],
        env=clean_environment(MLFAST_FALLBACK="sklearn", MPLBACKEND="Agg"),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    return found


@pytest.mark.skipif(os.environ.get("HYPOTHESIS_PROFILE") != "nightly", reason="quick starts of packages run at night")
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("path", STARTS, ids=lambda path: path.stem.removesuffix("_start"))
def test_the_same_is_printed(path):
    package = path.stem.removesuffix("_start")
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    stock = run([str(path)])
    ours = run(["-m", "mlfast", "--profile", str(path)])
    assert ours.stdout == stock.stdout
    assert stock.stdout
    assert "  rust  " in ours.stderr, "some of it ran in Rust"
