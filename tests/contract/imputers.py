"""The entries of the room `impute`."""

import sklearn.impute

import mlfast.impute

from .entry import Entry, with_gaps

ENTRIES = [
    Entry(
        ours=mlfast.impute.KNNImputer,
        parent=sklearn.impute.KNNImputer,
        params={"n_neighbors": 3},
        outputs=("transform",),
        data=with_gaps,
        accepts_nan=True,
        fuzz={
            "n_neighbors": (1, 2, 5, 100),
            "weights": ("uniform", "distance"),
            "copy": (True, False),
            "add_indicator": (True, False),
            "keep_empty_features": (True, False),
        },
        bad_params=(
            {"n_neighbors": 0},
            {"n_neighbors": 2.5},
            {"n_neighbors": None},
            {"weights": "inverse"},
            {"metric": "euclidean"},
            {"metric": None},
            {"missing_values": [1]},
            {"copy": "yes"},
            {"add_indicator": "yes"},
            {"keep_empty_features": 3},
        ),
        sparse=False,
        sample_weight=False,
        degree={"transform": 1},
        state=("indicator_", "n_features_in_"),
        typed="_fit_X",
        lasts="transform",
        endless={},
        endless_shape=(60_000, 20),
        large=(3_001, 7),
        scant_shape=(20_000, 8),
        scant_rows=300,
        ways={"by distance": {"weights": "distance"}, "marked": {"add_indicator": True}},
    ),
]
