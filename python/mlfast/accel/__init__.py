"""mlfast in the place of scikit-learn, for code that imports scikit-learn and is not edited.

>>> import mlfast.accel
>>> with mlfast.accel.install():
...     from sklearn.cluster import KMeans
>>> KMeans.__module__
'mlfast.cluster._kmeans'
"""

from mlfast.accel._install import install, installed, stale, uninstall

__all__ = ["install", "installed", "stale", "uninstall"]
