"""yellowbrick's quick starts: the elbow of k-means, silhouettes, and a report of a classifier.

It tells kinds of estimators by what scikit-learn has not any more, hence `force_model`.
"""

import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris, make_blobs
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsClassifier
from yellowbrick.classifier import ClassificationReport
from yellowbrick.cluster import KElbowVisualizer, SilhouetteVisualizer
from yellowbrick.regressor import ResidualsPlot

X, _ = make_blobs(n_samples=400, n_features=6, centers=5, random_state=4)
elbow = KElbowVisualizer(KMeans(random_state=0), k=(2, 9), timings=False, force_model=True).fit(X)
print(elbow.elbow_value_, np.round(elbow.k_scores_, 4))
silhouettes = SilhouetteVisualizer(KMeans(5, random_state=0), colors=list("rgbcm"), force_model=True).fit(X)
print(round(silhouettes.silhouette_score_, 9))
flowers, kinds = load_iris(return_X_y=True)
report = ClassificationReport(KNeighborsClassifier(), classes=["a", "b", "c"], force_model=True).fit(flowers, kinds)
print(round(report.score(flowers, kinds), 9), report.scores_["f1"])
residuals = ResidualsPlot(Ridge(), force_model=True).fit(flowers[:, :3], flowers[:, 3])
print(round(residuals.score(flowers[:, :3], flowers[:, 3]), 9))
