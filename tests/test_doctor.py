"""`mlfast.doctor`: what it finds, here and where mlfast cannot work."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import sklearn

import mlfast
from mlfast import accel
from mlfast.accel._registry import KNOWN

from .isolated import clean_environment


def test_what_it_finds(capsys):
    found = mlfast.doctor()
    text = capsys.readouterr().out
    assert text == f"{found}\n"
    assert found["versions"]["mlfast"] == mlfast.__version__
    assert found["versions"]["scikit-learn"] == sklearn.__version__
    assert found["versions"]["numpy"] == np.__version__
    assert found["threads"] == mlfast.get_num_threads()
    assert found["limits"]["processors of the machine"] == str(os.cpu_count())
    assert found["instruction_set"] in ("portable", "avx2", "avx512")
    assert found["fallback"] == "raise"
    assert (found["replaced"], found["stale"], found["problems"]) == ([], [], [])
    for word in (mlfast.__version__, sklearn.__version__, "threads", "instruction set", "nothing", "problems"):
        assert word in text
    assert json.loads(json.dumps(found)) == found
    assert "no problems" in repr(found)


@pytest.mark.filterwarnings("ignore:made with scikit-learn's classes")
def test_what_is_replaced(capsys):
    with accel.install():
        found = mlfast.doctor()
    assert found["replaced"] == sorted(KNOWN)
    assert f"{len(KNOWN)} names: sklearn.cluster 5" in capsys.readouterr().out


STRANGE = """
import sklearn
sklearn.__version__ = "1.7.2"
import mlfast
print(len(mlfast.doctor()["problems"]))
"""


@pytest.mark.parametrize(
    ("code", "changes", "said"),
    [
        (STRANGE, {}, "1.7.2 is installed"),
        ("import mlfast; print(len(mlfast.doctor()['problems']))", {"MLFAST_ISA": "nonsense"}, "nonsense"),
        ("import mlfast; print(len(mlfast.doctor()['problems']))", {"MLFAST_FALLBACK": "never"}, "never"),
        (
            "import sys; sys.modules['mlfast._core'] = None; import mlfast; print(len(mlfast.doctor()['problems']))",
            {},
            "mlfast._core",
        ),
    ],
    ids=["scikit-learn", "instruction set", "fallback", "core"],
)
def test_what_is_amiss(code, changes, said):
    run = subprocess.run(
        [sys.executable, "-c", code], env=clean_environment(**changes), capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    *text, number = run.stdout.splitlines()
    assert int(number) >= 1
    problems = next(i for i, line in enumerate(text) if line.startswith("problems"))
    assert said in "\n".join(text[problems:])


def test_what_caps_the_threads():
    code = "import mlfast; found = mlfast.doctor(); assert found['threads'] == 1, found"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=clean_environment(OMP_NUM_THREADS=1),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "OMP_NUM_THREADS 1" in run.stdout
    if os.cpu_count() > 1:
        assert "capped by: " in run.stdout
