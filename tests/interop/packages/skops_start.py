"""skops' quick start: a model saved, looked at and loaded, and a card that describes it."""

import tempfile
from pathlib import Path

from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skops import card
from skops import io as sio

X, y = load_breast_cancer(return_X_y=True)
model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200)).fit(X, y)
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "model.skops"
    sio.dump(model, path)
    # What is trusted is named by module, and mlfast's modules are not scikit-learn's.
    unknown = sio.get_untrusted_types(file=path)
    print({name.rpartition(".")[2] for name in unknown} <= {"LogisticRegression", "dtype"})
    loaded = sio.load(path, trusted=unknown)
print((loaded.predict(X) == model.predict(X)).all(), round(loaded.score(X, y), 9))
described = card.Card(loaded)
described.add_metrics(accuracy=round(float(loaded.score(X, y)), 6))
print([line for line in described.render().splitlines() if "accuracy" in line or "max_iter" in line])
