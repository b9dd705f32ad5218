"""How many clusters? Inertia and silhouette of k-means for k = 2 to 8, and a picture of the elbow.

Blobs whose number we pretend not to know, and the iris flowers. Writes elbow.png into the current folder.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris, make_blobs
from sklearn.metrics import adjusted_rand_score, silhouette_score
from sklearn.preprocessing import StandardScaler

iris = load_iris()
blobs, truth = make_blobs(n_samples=500, centers=4, n_features=3, cluster_std=1.3, random_state=3)
data = {
    "blobs": (blobs, truth),
    "iris": (StandardScaler().fit_transform(iris.data), iris.target),
}
candidates = range(2, 9)


def elbow(inertias):
    """The k whose point lies farthest below the line from the first point of the curve to the last."""
    across = np.linspace(0, 1, len(inertias))
    up = (np.array(inertias) - inertias[-1]) / (inertias[0] - inertias[-1])
    return candidates[int(np.argmax(1 - across - up))]


figure, axes = plt.subplots(1, len(data), figsize=(11, 4))
for place, (name, (X, known)) in zip(axes, data.items(), strict=True):
    print(f"{name}: {X.shape[0]} rows, {X.shape[1]} columns")
    inertias, silhouettes = [], []
    for k in candidates:
        model = KMeans(n_clusters=k, n_init=10, random_state=0).fit(X)
        inertias.append(model.inertia_)
        silhouettes.append(silhouette_score(X, model.labels_))
        print(f"  k = {k}: inertia {inertias[-1]:10.2f}, silhouette {silhouettes[-1]:.3f}")

    best = elbow(inertias)
    chosen = KMeans(n_clusters=best, n_init=10, random_state=0)
    labels = chosen.fit_predict(X)
    print(f"  elbow at k = {best}, best silhouette at k = {candidates[int(np.argmax(silhouettes))]}")
    print(f"  clusters of {sorted(np.bincount(labels).tolist(), reverse=True)} rows")
    print(f"  adjusted Rand index against the truth: {adjusted_rand_score(known, labels):.3f}")
    print("  centres, by their first coordinate:")
    for centre in chosen.cluster_centers_[np.argsort(chosen.cluster_centers_[:, 0])]:
        print("   ", " ".join(f"{value:7.2f}" for value in centre))

    place.plot(candidates, inertias, "o-", label="inertia")
    place.axvline(best, linestyle=":", color="grey", label=f"elbow: k = {best}")
    place.set(title=name, xlabel="number of clusters k", ylabel="inertia")
    place.legend()
figure.tight_layout()
figure.savefig("elbow.png")
print("wrote elbow.png")
