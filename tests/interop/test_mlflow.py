"""MLflow patches methods of scikit-learn's classes: a fit of ours is logged as the parent's is."""

import json
import subprocess
import sys

import pytest

from ..isolated import clean_environment

SCRIPT = """
import json
import os
import sys
import warnings
warnings.simplefilter("ignore")
order, folder = sys.argv[-2:]
os.environ.update(
    MLFLOW_TRACKING_URI=f"file://{folder}", MLFLOW_ALLOW_FILE_STORE="true", GIT_PYTHON_REFRESH="quiet"
)
if order == "imported":
    import mlfast.linear_model
import mlflow.sklearn
mlflow.set_experiment("test")
if order == "installed":
    import mlfast.accel
    mlfast.accel.install()
mlflow.sklearn.autolog(log_models=False, silent=True)
if order == "logged":
    import mlfast.accel
    mlfast.accel.install()
if order == "imported":
    from mlfast.linear_model import LogisticRegression
else:
    from sklearn.linear_model import LogisticRegression
from sklearn.datasets import load_iris
X, y = load_iris(return_X_y=True)
with mlflow.start_run() as run:
    model = LogisticRegression(max_iter=500, tol=1e-8).fit(X, y)
    model.score(X, y)
data = mlflow.get_run(run.info.run_id).data
print(json.dumps([type(model).__module__, data.params, data.metrics]))
"""


def logged(order, folder):
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, order, str(folder)],
        env=clean_environment(MLFAST_FALLBACK="sklearn"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


def test_autolog_in_all_orders(tmp_path):
    pytest.importorskip("mlflow", reason="mlflow is not installed")
    _, params, metrics = logged("stock", tmp_path / "stock")
    assert params
    assert metrics
    for order in ("installed", "logged", "imported"):
        module, found, numbers = logged(order, tmp_path / order)
        assert module.startswith("mlfast.")
        assert found == params
        assert numbers == pytest.approx(metrics, rel=1e-4)
