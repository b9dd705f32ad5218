"""MLflow patches methods of scikit-learn's classes: a fit of ours is logged as the parent's is, and a model saved."""

import json
import pickle
import subprocess
import sys
import types
import warnings

import pytest

import mlfast.linear_model
from mlfast import _mlflow

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


ORIGINS = {
    '{"url": "file:///wheels/mlfast.whl", "archive_info": {"hash": "sha256=ab", "hashes": {"sha256": "ab"}}}': (
        "mlfast @ file:///wheels/mlfast.whl#sha256=ab"
    ),
    '{"url": "https://example.org/mlfast.whl", "archive_info": {"hash": "sha256=ab"}}': (
        "mlfast @ https://example.org/mlfast.whl#sha256=ab"
    ),
    '{"url": "https://example.org/mlfast.whl", "archive_info": {}}': "mlfast @ https://example.org/mlfast.whl",
    '{"url": "file:///src/mlfast", "dir_info": {"editable": true}}': "mlfast @ file:///src/mlfast",
    '{"url": "https://x.org/a.git", "vcs_info": {"vcs": "git", "commit_id": "c0"}, "subdirectory": "b"}': (
        "mlfast @ git+https://x.org/a.git@c0#subdirectory=b"
    ),
    None: "mlfast==1.0",
}


@pytest.mark.parametrize("origin", ORIGINS)
def test_requirement(origin, monkeypatch):
    """Where mlfast was installed from an index, MLflow's own words stand."""
    module = types.ModuleType(_mlflow.MODULE)
    module._get_pinned_requirement = lambda name, version=None, module=None: f"{name}=={version or '1.0'}"
    monkeypatch.setitem(sys.modules, _mlflow.MODULE, module)
    installed = types.SimpleNamespace(read_text={"direct_url.json": origin}.get)
    monkeypatch.setattr(_mlflow, "distribution", lambda name: {"mlfast": installed}[name])
    for _ in range(2):
        pickle.dumps(mlfast.linear_model.LinearRegression())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert module._get_pinned_requirement("mlfast") == ORIGINS[origin]
    assert len(caught) == ("file:" in ORIGINS[origin])
    assert module._get_pinned_requirement("numpy", version="2.0") == "numpy==2.0"


def test_another_mlflow(monkeypatch):
    """An MLflow that writes requirements otherwise is left alone."""
    monkeypatch.setitem(sys.modules, _mlflow.MODULE, types.ModuleType(_mlflow.MODULE))
    pickle.dumps(mlfast.linear_model.LinearRegression())
