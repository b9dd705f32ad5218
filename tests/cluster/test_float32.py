"""
How often float32 rounding flips a choice, and how much it changes: counted over many seeds, and bounded.

Measured over seeds 0 to 23 on four data sets, dense and CSR (192 fits each): labels differ from the parent's in 3 fits
of KMeans, none of MiniBatchKMeans, 3 of BisectingKMeans; the inertia then differs by at most 0.14 %, mostly in our
favour. float64 has no such fit.
"""

import os

import numpy as np
import pytest
import sklearn.cluster as parent

from mlfast import cluster as ours

from ..spread import elsewhere
from .parity import as_kind

CLUSTERS = {"digits": 10, "iris": 3, "photo": 16, "california": 8}
SEEDS = range(24 if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else 8)
ALLOWED = len(SEEDS) // 8  # per data set and storage
WORST = 5e-3  # relative difference of the inertia when the labels differ


def parents_answer(estimator, n_clusters, seed, X):
    model = getattr(parent, estimator)(n_clusters, random_state=seed).fit(X)
    return model.labels_, model.inertia_


@pytest.mark.per_change(name=["digits", "iris"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("kind", ["dense", "csr"])
@pytest.mark.parametrize("estimator", ["KMeans", "MiniBatchKMeans", "BisectingKMeans"])
@pytest.mark.parametrize("name", CLUSTERS)
def test_fits_that_differ(real, name, estimator, kind, dtype):
    X = as_kind(real(name, dtype), kind)
    differ = []
    rtol = 1e-6 if dtype is np.float64 else 1e-4
    for seed in SEEDS:
        mine = getattr(ours, estimator)(CLUSTERS[name], random_state=seed).fit(X)
        args = (estimator, CLUSTERS[name], seed, X)
        labels, inertia = parents_answer(*args)
        if not np.array_equal(mine.labels_, labels):
            # As the parent's under another BLAS kernel is as good.
            same = [value for found, value in elsewhere(parents_answer, *args) if np.array_equal(mine.labels_, found)]
            if not same:
                differ.append(seed)
                assert abs(mine.inertia_ / inertia - 1) < WORST
                continue
            inertia = same[0]
        np.testing.assert_allclose(mine.inertia_, inertia, rtol=rtol)
    assert len(differ) <= (0 if dtype is np.float64 else ALLOWED), f"seeds {differ}"


@pytest.mark.per_change(name=["digits", "iris"])
@pytest.mark.parametrize(("dtype", "allowed"), [(np.float64, 1), (np.float32, 3)])
@pytest.mark.parametrize("kind", ["dense", "csr"])
@pytest.mark.parametrize("name", CLUSTERS)
def test_picks_that_differ(real, name, kind, dtype, allowed):
    """Of 30 seeds at most `allowed` pick another row among twelve: two candidates were equally good within rounding."""
    X = as_kind(real(name, dtype), kind)
    differ = [
        seed
        for seed in range(30)
        if not np.array_equal(*(m.kmeans_plusplus(X, 12, random_state=seed)[1] for m in (ours, parent)))
    ]
    assert len(differ) <= allowed, f"seeds {differ}"
