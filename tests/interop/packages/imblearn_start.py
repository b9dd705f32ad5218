"""imbalanced-learn's quick starts: samplers, a pipeline, balanced ensembles."""

from collections import Counter

from imblearn.ensemble import BalancedBaggingClassifier, BalancedRandomForestClassifier, EasyEnsembleClassifier
from imblearn.metrics import classification_report_imbalanced
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline
from imblearn.under_sampling import ClusterCentroids, EditedNearestNeighbours, NearMiss
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

X, y = make_classification(n_samples=1000, weights=[0.1, 0.9], class_sep=2, n_informative=3, random_state=10)
print(Counter(y))
for sampler in (SMOTE(random_state=42), NearMiss(), EditedNearestNeighbours(), ClusterCentroids(random_state=0)):
    found, labels = sampler.fit_resample(X, y)
    print(type(sampler).__name__, Counter(labels), found.sum(axis=0).round(6).tolist())
train, test, y_train, y_test = train_test_split(X, y, random_state=42)
pipeline = make_pipeline(SMOTE(random_state=42), KNeighborsClassifier()).fit(train, y_train)
print(classification_report_imbalanced(y_test, pipeline.predict(test)))
for kind in (BalancedBaggingClassifier, BalancedRandomForestClassifier, EasyEnsembleClassifier):
    model = kind(n_estimators=5, random_state=0).fit(train, y_train)
    print(kind.__name__, model.predict_proba(test[:5]).round(9).tolist())
