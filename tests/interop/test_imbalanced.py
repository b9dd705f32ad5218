"""imbalanced-learn's ensembles derive from scikit-learn's: under accel they stand on ours, and answer as before."""

import json
import subprocess
import sys

import pytest

from ..isolated import clean_environment

SCRIPT = """
import json
import warnings
warnings.simplefilter("ignore")
import numpy as np
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier
from sklearn.tree import DecisionTreeClassifier
from imblearn.ensemble import (
    BalancedBaggingClassifier, BalancedRandomForestClassifier, EasyEnsembleClassifier, RUSBoostClassifier
)
from imblearn.pipeline import make_pipeline
from imblearn.under_sampling import RandomUnderSampler

class Own(BaggingClassifier):  # sets `estimator_` itself
    def _validate_estimator(self, *args):
        self.estimator_ = DecisionTreeClassifier(max_depth=1)

class OwnBoost(AdaBoostClassifier):
    def _validate_estimator(self):
        self.estimator_ = DecisionTreeClassifier(max_depth=3)

random = np.random.RandomState(0)
X = random.rand(200, 5)
y = (X[:, 0] + 0.2 * random.rand(200) > 0.9).astype(int)
kinds = [BalancedBaggingClassifier, BalancedRandomForestClassifier, EasyEnsembleClassifier, RUSBoostClassifier, Own]
found = {}
for kind in [*kinds, OwnBoost]:
    model = kind(n_estimators=4, random_state=0).fit(X, y)
    found[kind.__name__] = [model.predict(X).tolist(), model.predict_proba(X).tolist(), model.predict(X[:1]).tolist()]
pipeline = make_pipeline(RandomUnderSampler(random_state=0), DecisionTreeClassifier(random_state=0)).fit(X, y)
found["pipeline"] = [pipeline.predict(X).tolist()]
print(json.dumps([BaggingClassifier.__module__, found]))
"""


def output_of(*words):
    run = subprocess.run(
        [sys.executable, *words, "-c", SCRIPT],
        env=clean_environment(MLFAST_FALLBACK="sklearn"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_ensembles():
    pytest.importorskip("imblearn", reason="imbalanced-learn is not installed")
    stock, own = output_of(), output_of("-m", "mlfast")
    assert stock[0].startswith("sklearn.")
    assert own[0].startswith("mlfast.")
    assert own[1] == stock[1]
