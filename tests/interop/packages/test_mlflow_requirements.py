"""A model that MLflow saves requires mlfast from where it was installed, and only if it is made of mlfast."""

import importlib.metadata
import importlib.util
import subprocess
import sys

import pytest

from mlfast._mlflow import direct_reference

from ...isolated import clean_environment

SCRIPT = """
import os
import sys
import warnings
folder = sys.argv[-1]
os.environ.update(
    MLFLOW_TRACKING_URI=f"file://{folder}", MLFLOW_ALLOW_FILE_STORE="true", GIT_PYTHON_REFRESH="quiet"
)
import mlflow.pyfunc
import mlflow.sklearn
import mlfast
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
X, y = load_iris(return_X_y=True)
ours = LogisticRegression(max_iter=500).fit(X, y)
for name, model in {"stock": mlfast.to_sklearn(ours), "ours": ours}.items():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        mlflow.sklearn.save_model(model, f"{folder}/{name}", serialization_format="cloudpickle")
    with open(f"{folder}/{name}/requirements.txt") as lines:
        print(name, [line.strip() for line in lines if line.startswith("mlfast")])
    print(name, any("mlfast.to_sklearn(model)" in str(warning.message) for warning in caught))
print(type(ours).__module__, (mlflow.pyfunc.load_model(f"{folder}/ours").predict(X) == ours.predict(X)).all())
"""


@pytest.mark.nightly
@pytest.mark.timeout(600)
def test_saved_models(tmp_path):
    if importlib.util.find_spec("mlflow") is None:
        pytest.skip("mlflow is not installed")
    script = tmp_path / "save.py"
    script.write_text(SCRIPT)
    run = subprocess.run(
        [sys.executable, "-m", "mlfast", str(script), str(tmp_path)],
        env=clean_environment(MLFAST_FALLBACK="sklearn"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    reference = direct_reference() or f"mlfast=={importlib.metadata.version('mlfast')}"
    assert run.stdout.splitlines() == [
        "stock []",
        "stock False",
        f"ours {[reference]}",
        f"ours {' @ file:' in reference}",
        "mlfast.linear_model._logistic True",
    ]
