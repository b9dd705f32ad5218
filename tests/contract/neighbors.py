"""The entries of the room `neighbors`."""

import numpy as np
import scipy.sparse as sp
import sklearn.neighbors

import mlfast.neighbors

from .entry import BAD_CLASSES, BAD_NUMBERS, Entry, Function, names_of_classes, numbers

METRICS = (
    *("euclidean", "l2", "sqeuclidean", "manhattan", "l1", "cityblock", "chebyshev", "minkowski"),
    *("cosine", "correlation", "canberra"),
)


def decided_by_data(X, weights, params):
    """
    Whether no two distances tie, in the parent as in ours.

    In few dimensions there are few angles, and most rows of CSR data have few entries; the parent takes the cosine of
    float32 rows in float32. The Canberra distance of two rows without a sign in common is the number of columns;
    such rows are rarely near, but within a radius.
    """
    metric = params.get("metric", "minkowski")
    plain = metric in ("euclidean", "l2", "sqeuclidean") or (metric == "minkowski" and params.get("p", 2) == 2)
    if sp.issparse(X) and X.indices.dtype == np.int64 and not plain:
        return False  # the parent fails by accident, or not, as its kernels take one kind of index
    if metric in ("cosine", "correlation"):
        return not sp.issparse(X) and X.shape[1] >= 4 and X.dtype == np.float64
    return metric != "canberra" or (X.shape[1] >= 4 and X.shape[0] >= 20 and "radius" not in params)


def decided_by_data_and_size(X, weights, params):
    """As `decided_by_data`; with more neighbours than rows the parent's fast vote, for some metrics, makes one up."""
    return decided_by_data(X, weights, params) and params["n_neighbors"] <= X.shape[0]


def with_sorted_columns(graph):
    """The columns of a row in their order; in the parent it is that in which it walks its tree."""
    graph.sort_indices()
    return graph


SEARCH_FUZZ = {
    "algorithm": ("auto", "brute", "kd_tree", "ball_tree"),
    "leaf_size": (1, 5, 30),
    "metric": METRICS,
    "p": (1, 1.5, 2, 3),
    "n_jobs": (None, 1, 2, -1),
}
K_FUZZ = {"n_neighbors": (1, 2, 3, 5, 8), **SEARCH_FUZZ}
RADIUS_FUZZ = {"radius": (0.3, 2.0, 6.0, 1e3), **SEARCH_FUZZ}
WEIGHTS = ("uniform", "distance", None)


def nearer_more(distances):
    """Callable weights for arrays, and for arrays of arrays of distances."""
    if distances.dtype == object:
        return np.array([nearer_more(d) for d in distances], dtype=object)
    return 1 / (1 + distances)


SEARCH_BAD = (
    {"algorithm": "fast"},
    {"algorithm": None},
    {"leaf_size": 0},
    {"leaf_size": 2.5},
    {"p": 0},
    {"p": -1},
    {"p": "two"},
    {"metric": "euclid"},
    {"metric": None},
    {"metric": 3},
    {"metric": "cosine", "algorithm": "kd_tree"},
    {"metric": "cosine", "algorithm": "ball_tree"},
    {"metric": "sqeuclidean", "algorithm": "kd_tree"},
    {"metric": "braycurtis", "algorithm": "kd_tree"},
    {"p": 0.5, "metric": "minkowski", "algorithm": "kd_tree"},
    {"p": 0.5, "metric": "minkowski", "algorithm": "ball_tree"},
)
# The tests' data are not square.
PARENTS = (
    {"metric": "precomputed"},
    {"metric": "precomputed", "algorithm": "kd_tree"},
    {"metric": len, "algorithm": "kd_tree"},
)
K_BAD = ({"n_neighbors": 0}, {"n_neighbors": -1}, {"n_neighbors": 2.5}, {"n_neighbors": "3"}, *SEARCH_BAD)
RADIUS_BAD = ({"radius": -1.0}, {"radius": "far"}, {"radius": np.nan}, *SEARCH_BAD)
WEIGHTS_BAD = ({"weights": "inverse"}, {"weights": 3})

SEARCH_STATE = ("n_features_in_", "n_samples_fit_", "effective_metric_", "effective_metric_params_")
K_WAYS = {
    "brute": {"algorithm": "brute"},
    "kd_tree": {"algorithm": "kd_tree"},
    "manhattan": {"metric": "manhattan"},
    "cosine": {"metric": "cosine", "algorithm": "brute"},
}
RADIUS_WAYS = {name: K_WAYS[name] for name in ("brute", "kd_tree", "manhattan")}
WEIGHTED_WAYS = {"by distance": {"weights": "distance"}}
BRUTE = {"algorithm": "brute"}

# What all entries have in common.
SEARCH = {
    "sample_weight": False,
    "parents_params": PARENTS,
    "mixes_storage": False,
    "decided": decided_by_data,
    "typed": "_fit_X",
    "large": (5_003, 7),
    "endless": BRUTE,
    "scant_rows": 300,
}
K = {**SEARCH, "size_param": "n_neighbors"}
RADIUS = {
    **SEARCH,
    "large": (2_003, 7),  # every row has hundreds of neighbours
    "large_params": {"radius": 3.0},
    "lengths": ("radius",),
    "scant_params": {"radius": 0.5},
}

K_DISTANCES = ("kneighbors[0]", "kneighbors_graph.data")
RADIUS_DISTANCES = ("radius_neighbors[0]", "radius_neighbors_graph.data")
SORTED = {"sort_results": True}  # otherwise the order is that in which the parent walks its tree
GRAPHS = {
    "kneighbors_graph": {"mode": "distance"},
    "radius_neighbors": SORTED,
    "radius_neighbors_graph": {"mode": "distance", **SORTED},
}

ENTRIES = [
    Entry(
        ours=mlfast.neighbors.NearestNeighbors,
        parent=sklearn.neighbors.NearestNeighbors,
        params={"n_neighbors": 3, "radius": 3.0},
        outputs=("kneighbors", "radius_neighbors", "kneighbors_graph", "radius_neighbors_graph"),
        output_params=GRAPHS,
        fuzz={**RADIUS_FUZZ, **K_FUZZ},
        bad_params=(*K_BAD, *RADIUS_BAD[:3]),
        distances=(*K_DISTANCES, *RADIUS_DISTANCES),
        degree=dict.fromkeys((*K_DISTANCES, *RADIUS_DISTANCES), 1),
        state=SEARCH_STATE,
        lasts="kneighbors",
        ways=K_WAYS,
        **{**K, "lengths": ("radius",), "scant_params": {"radius": 0.5}},
    ),
    Entry(
        ours=mlfast.neighbors.KNeighborsClassifier,
        parent=sklearn.neighbors.KNeighborsClassifier,
        params={"n_neighbors": 3},
        target=names_of_classes,
        bad_targets=BAD_CLASSES,
        outputs=("kneighbors", "predict", "predict_proba", "score"),
        fuzz={**K_FUZZ, "weights": (*WEIGHTS, nearer_more)},
        bad_params=(*K_BAD, *WEIGHTS_BAD),
        distances=K_DISTANCES,
        degree={"kneighbors[0]": 1},
        state=(*SEARCH_STATE, "classes_", "outputs_2d_"),
        lasts="predict",
        ways={**K_WAYS, **WEIGHTED_WAYS},
        **{**K, "decided": decided_by_data_and_size},
    ),
    Entry(
        ours=mlfast.neighbors.KNeighborsRegressor,
        like="KNeighborsClassifier",
        parent=sklearn.neighbors.KNeighborsRegressor,
        params={"n_neighbors": 3},
        target=numbers,
        bad_targets=BAD_NUMBERS,
        outputs=("kneighbors", "predict", "score"),
        fuzz={**K_FUZZ, "weights": (*WEIGHTS, nearer_more)},
        bad_params=(*K_BAD, *WEIGHTS_BAD),
        distances=K_DISTANCES,
        degree={"kneighbors[0]": 1},
        state=SEARCH_STATE,
        lasts="predict",
        ways={**K_WAYS, **WEIGHTED_WAYS},
        **K,
    ),
    Entry(
        ours=mlfast.neighbors.RadiusNeighborsClassifier,
        parent=sklearn.neighbors.RadiusNeighborsClassifier,
        params={"radius": 3.0, "outlier_label": "most_frequent"},
        target=names_of_classes,
        bad_targets=BAD_CLASSES,
        outputs=("radius_neighbors", "predict", "predict_proba", "score"),
        output_params={"radius_neighbors": SORTED},
        fuzz={
            **RADIUS_FUZZ,
            "weights": (*WEIGHTS, nearer_more),
            "outlier_label": ("most_frequent", None, "ash", "elm"),
        },
        bad_params=(*RADIUS_BAD, *WEIGHTS_BAD, {"outlier_label": ["ash", "birch"]}, {"outlier_label": 3.5}),
        distances=RADIUS_DISTANCES,
        degree={"radius_neighbors[0]": 1},
        state=(*SEARCH_STATE, "classes_", "outputs_2d_", "outlier_label_"),
        lasts="predict",
        ways={**RADIUS_WAYS, **WEIGHTED_WAYS},
        **RADIUS,
    ),
    Entry(
        ours=mlfast.neighbors.RadiusNeighborsRegressor,
        like="RadiusNeighborsClassifier",
        parent=sklearn.neighbors.RadiusNeighborsRegressor,
        params={"radius": 12.0},  # new rows have neighbours too; without, it warns
        target=numbers,
        bad_targets=BAD_NUMBERS,
        outputs=("radius_neighbors", "predict", "score"),
        output_params={"radius_neighbors": SORTED},
        fuzz={**RADIUS_FUZZ, "weights": (*WEIGHTS, nearer_more)},
        bad_params=(*RADIUS_BAD, *WEIGHTS_BAD),
        distances=RADIUS_DISTANCES,
        degree={"radius_neighbors[0]": 1},
        state=SEARCH_STATE,
        lasts="predict",
        ways={**RADIUS_WAYS, **WEIGHTED_WAYS},
        **RADIUS,
    ),
    Entry(
        ours=mlfast.neighbors.KNeighborsTransformer,
        like="NearestNeighbors",
        parent=sklearn.neighbors.KNeighborsTransformer,
        params={"n_neighbors": 3},
        outputs=("kneighbors", "transform"),
        fuzz={**K_FUZZ, "mode": ("distance", "connectivity")},
        bad_params=(*K_BAD, {"mode": "weights"}, {"mode": None}),
        distances=(*K_DISTANCES, "transform.data"),
        degree={"kneighbors[0]": 1, "transform.data": 1},
        state=SEARCH_STATE,
        lasts="transform",
        ways=K_WAYS,
        **K,
    ),
    Entry(
        ours=mlfast.neighbors.RadiusNeighborsTransformer,
        like="NearestNeighbors",
        parent=sklearn.neighbors.RadiusNeighborsTransformer,
        params={"radius": 3.0},
        outputs=("radius_neighbors", "transform"),
        output_params={"radius_neighbors": SORTED},
        finish={"transform": with_sorted_columns},
        fuzz={**RADIUS_FUZZ, "mode": ("distance", "connectivity")},
        bad_params=(*RADIUS_BAD, {"mode": "weights"}, {"mode": None}),
        distances=(*RADIUS_DISTANCES, "transform.data"),
        degree={"radius_neighbors[0]": 1, "transform.data": 1},
        state=SEARCH_STATE,
        lasts="transform",
        ways=RADIUS_WAYS,
        **RADIUS,
    ),
    *(
        Entry(
            ours=mlfast.neighbors.LocalOutlierFactor,
            parent=sklearn.neighbors.LocalOutlierFactor,
            label="" if not novelty else "[novelty]",
            params={"n_neighbors": 3, "novelty": novelty},
            outputs=outputs,
            fuzz={**K_FUZZ, "contamination": ("auto", 0.1, 0.5)},
            bad_params=(*K_BAD, {"contamination": 0.0}, {"contamination": 0.7}, {"novelty": "yes"}),
            distances=K_DISTANCES,
            scales=False,  # a constant is added to the mean reachability
            state=(*SEARCH_STATE, "negative_outlier_factor_", "n_neighbors_", "offset_"),
            ways=K_WAYS,
            **{**K, "scant_shape": (20_000, 8)},
        )
        for novelty, outputs in (
            (False, ("kneighbors",)),
            (True, ("predict", "decision_function", "score_samples", "kneighbors")),
        )
    ),
]


GRAPH_BAD = (
    {"n_neighbors": 0},
    {"n_neighbors": 2.5},
    {"n_neighbors": 10_000},
    {"mode": "weights"},
    {"metric": "euclid"},
    {"metric": None},
    {"p": 0},
    {"metric_params": 3},
    {"include_self": "yes"},
)
GRAPH_FUZZ = {
    "mode": ("connectivity", "distance"),
    "metric": METRICS,
    "p": (1, 1.5, 2, 3),
    "include_self": (False, True, "auto"),
    "n_jobs": (None, 1, 2, -1),
}

FUNCTIONS = [
    Function(
        ours=mlfast.neighbors.kneighbors_graph,
        like="NearestNeighbors",
        parent=sklearn.neighbors.kneighbors_graph,
        params={"n_neighbors": 3, "mode": "distance"},
        fuzz={"n_neighbors": (1, 2, 3, 5, 8), **GRAPH_FUZZ},
        bad_params=GRAPH_BAD,
        size_param="n_neighbors",
        decided=decided_by_data,
        distances=("result.data",),
        ways={"manhattan": {"metric": "manhattan"}, "cosine": {"metric": "cosine"}},
        large=(5_003, 7),
        scant_shape=(10_000, 8),
        endless={},
    ),
    Function(
        ours=mlfast.neighbors.radius_neighbors_graph,
        like="NearestNeighbors",
        parent=sklearn.neighbors.radius_neighbors_graph,
        params={"radius": 3.0, "mode": "distance"},
        finish=with_sorted_columns,
        fuzz={"radius": (0.3, 2.0, 6.0), **GRAPH_FUZZ},
        bad_params=({"radius": -1.0}, {"radius": "far"}, *GRAPH_BAD[3:]),
        decided=decided_by_data,
        distances=("result.data",),
        ways={"manhattan": {"metric": "manhattan"}},
        large=(5_003, 7),
        scant_shape=(10_000, 8),
        endless={"radius": 0.8},  # most leaves of a tree are that near
    ),
]
