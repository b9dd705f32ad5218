"""MLflow's quick start: parameters, metrics and a model are logged, and the model is loaded and asked."""

import os
import tempfile

import mlflow
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

folder = tempfile.TemporaryDirectory()
os.environ.update(
    MLFLOW_TRACKING_URI=f"file://{folder.name}", MLFLOW_ALLOW_FILE_STORE="true", GIT_PYTHON_REFRESH="quiet"
)
X, X_test, y, y_test = train_test_split(*load_iris(return_X_y=True), test_size=0.2, random_state=42)
mlflow.set_experiment("quick start")
mlflow.sklearn.autolog(log_models=False, silent=True)
with mlflow.start_run() as run:
    model = LogisticRegression(max_iter=1000, tol=1e-10).fit(X, y)
    print(model.score(X_test, y_test))
    info = mlflow.sklearn.log_model(model, name="model", serialization_format="cloudpickle", pip_requirements=[])
data = mlflow.get_run(run.info.run_id).data
print(sorted(data.params.items()))
print({name: round(value, 6) for name, value in sorted(data.metrics.items())})
print(mlflow.sklearn.load_model(info.model_uri).predict(X_test).tolist())
