"""What mlfast replaces: for each public module of scikit-learn the names, one a line.

The counterpart of ``sklearn.<module>.<name>`` is ``mlfast.<module>.<name>``. A class or function joins by its line.
"""

REGISTRY: dict[str, tuple[str, ...]] = {
    "sklearn.cluster": (
        "BisectingKMeans",
        "KMeans",
        "MiniBatchKMeans",
        "k_means",
        "kmeans_plusplus",
    ),
    "sklearn.ensemble": (
        "AdaBoostClassifier",
        "AdaBoostRegressor",
        "BaggingClassifier",
        "BaggingRegressor",
        "ExtraTreesClassifier",
        "ExtraTreesRegressor",
        "GradientBoostingClassifier",
        "GradientBoostingRegressor",
        "IsolationForest",
        "RandomForestClassifier",
        "RandomForestRegressor",
        "RandomTreesEmbedding",
    ),
    "sklearn.impute": ("KNNImputer",),
    "sklearn.linear_model": (
        "ElasticNet",
        "ElasticNetCV",
        "GammaRegressor",
        "HuberRegressor",
        "Lasso",
        "LassoCV",
        "LinearRegression",
        "LogisticRegression",
        "LogisticRegressionCV",
        "MultiTaskElasticNet",
        "MultiTaskElasticNetCV",
        "MultiTaskLasso",
        "MultiTaskLassoCV",
        "PassiveAggressiveClassifier",
        "PassiveAggressiveRegressor",
        "Perceptron",
        "PoissonRegressor",
        "Ridge",
        "RidgeCV",
        "RidgeClassifier",
        "RidgeClassifierCV",
        "SGDClassifier",
        "SGDOneClassSVM",
        "SGDRegressor",
        "TweedieRegressor",
        "enet_path",
        "lasso_path",
    ),
    "sklearn.neural_network": ("MLPClassifier", "MLPRegressor"),
    "sklearn.metrics": (
        "euclidean_distances",
        "nan_euclidean_distances",
        "pairwise_distances",
        "pairwise_distances_argmin",
        "pairwise_distances_argmin_min",
        "pairwise_distances_chunked",
    ),
    "sklearn.metrics.pairwise": (
        "cosine_distances",
        "euclidean_distances",
        "manhattan_distances",
        "nan_euclidean_distances",
        "pairwise_distances",
        "pairwise_distances_argmin",
        "pairwise_distances_argmin_min",
        "pairwise_distances_chunked",
    ),
    "sklearn.neighbors": (
        "KNeighborsClassifier",
        "KNeighborsRegressor",
        "KNeighborsTransformer",
        "LocalOutlierFactor",
        "NearestCentroid",
        "NearestNeighbors",
        "RadiusNeighborsClassifier",
        "RadiusNeighborsRegressor",
        "RadiusNeighborsTransformer",
        "kneighbors_graph",
        "radius_neighbors_graph",
    ),
    "sklearn.svm": (
        "LinearSVC",
        "LinearSVR",
    ),
    "sklearn.tree": (
        "DecisionTreeClassifier",
        "DecisionTreeRegressor",
        "ExtraTreeClassifier",
        "ExtraTreeRegressor",
    ),
}

#: Classes that other public modules show too, where `sklearn.utils.all_estimators` finds them: name -> its own module.
ALSO: dict[str, dict[str, str]] = {"sklearn.calibration": {"LinearSVC": "sklearn.svm"}}

#: Every replaced name in full, such as ``sklearn.cluster.KMeans``.
KNOWN = frozenset(f"{module}.{name}" for module, names in REGISTRY.items() for name in names)

#: What scikit-learn has no counterpart of, by the module of mlfast: it takes no place, and is converted to nothing.
OWN: dict[str, tuple[str, ...]] = {
    "mlfast.linear_model": ("GradientDescentClassifier", "GradientDescentRegressor"),
    "mlfast.neural_network": ("Autoencoder", "NetworkClassifier", "NetworkRegressor"),
}
