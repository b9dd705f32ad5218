"""Neighbours as graphs: the functions, the methods and the transformers."""

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn.neighbors as parent

import mlfast.neighbors as ours

from ..compare import assert_same_complaint, outcome
from .parity import as_csr, cloud

X = cloud(0, 120, 4)
NEW = cloud(1, 30, 4)


def assert_same_graph(mine, parents):
    assert type(mine) is type(parents)
    assert (mine.shape, mine.dtype, mine.format) == (parents.shape, parents.dtype, parents.format)
    assert mine.nnz == parents.nnz
    np.testing.assert_array_equal(mine.indptr, parents.indptr)
    mine, parents = mine.copy(), parents.copy()
    mine.sort_indices()
    parents.sort_indices()
    np.testing.assert_array_equal(mine.indices, parents.indices)
    np.testing.assert_allclose(mine.data, parents.data, rtol=1e-7, atol=1e-6)


@pytest.mark.parametrize("include_self", [True, False, "auto"])
@pytest.mark.parametrize("mode", ["connectivity", "distance"])
@pytest.mark.parametrize("params", [{}, {"metric": "manhattan"}, {"p": 3}, {"metric": "cosine", "n_jobs": 2}], ids=str)
@pytest.mark.parametrize("kind", ["dense", "csr", "list"])
def test_functions(kind, params, mode, include_self):
    if kind == "csr" and "p" in params:
        return  # the parent has no such metric for sparse rows
    data = {"dense": X, "csr": as_csr(X), "list": X.tolist()}[kind]
    radius = 0.05 if params.get("metric") == "cosine" else 2.0
    for name, size in (("kneighbors_graph", 4), ("radius_neighbors_graph", radius)):
        mine, parents = (
            getattr(module, name)(data, size, mode=mode, include_self=include_self, **params)
            for module in (ours, parent)
        )
        assert_same_graph(mine, parents)


@pytest.mark.parametrize("name", ["kneighbors_graph", "radius_neighbors_graph"])
def test_functions_of_estimators(name):
    for module in (ours, parent):
        est = module.NearestNeighbors(n_neighbors=3, radius=2.0).fit(X)
        assert_same_graph(getattr(ours, name)(est, 2), getattr(parent, name)(est, 2))
        asked = [outcome(getattr(m, name), est, 2, metric="manhattan") for m in (ours, parent)]
        assert "while the estimator has minkowski" in str(asked[1].error)
        assert_same_complaint(*asked)


@pytest.mark.parametrize(
    "bad",
    [{"mode": "weights"}, {"metric": "unheard"}, {"p": -1}, {"include_self": "yes"}, {"n_jobs": 1.5}],
    ids=str,
)
def test_functions_refuse(bad):
    for name, size in (("kneighbors_graph", 4), ("radius_neighbors_graph", 2.0)):
        asked = [outcome(getattr(module, name), X, size, **bad) for module in (ours, parent)]
        assert asked[1].error is not None
        assert_same_complaint(*asked)


@pytest.mark.parametrize(
    ("name", "sizes"), [("kneighbors_graph", (0, 2.5, 120, 500)), ("radius_neighbors_graph", (-1,))]
)
def test_functions_refuse_sizes(name, sizes):
    for size in sizes:
        asked = [outcome(getattr(module, name), X, size) for module in (ours, parent)]
        assert asked[1].error is not None
        assert_same_complaint(*asked)


@pytest.mark.parametrize("mode", ["connectivity", "distance"])
@pytest.mark.parametrize("name", ["KNeighborsTransformer", "RadiusNeighborsTransformer"])
@pytest.mark.parametrize("kind", ["dense", "csr"])
def test_transformers(name, kind, mode):
    fit, new = (X, NEW) if kind == "dense" else (as_csr(X), as_csr(NEW))
    params = {"mode": mode, **({"radius": 2.0} if name.startswith("Radius") else {"n_neighbors": 4})}
    mine, parents = (getattr(module, name)(**params) for module in (ours, parent))
    assert_same_graph(mine.fit_transform(fit), parents.fit_transform(fit))
    assert_same_graph(mine.transform(new), parents.transform(new))
    np.testing.assert_array_equal(mine.get_feature_names_out(), parents.get_feature_names_out())


def test_transformer_feeds_precomputed_distances():
    graph = ours.KNeighborsTransformer(n_neighbors=10).fit_transform(X)
    assert sp.issparse(graph)
    plain = parent.NearestNeighbors(n_neighbors=3, metric="precomputed").fit(graph).kneighbors(return_distance=False)
    np.testing.assert_array_equal(plain, ours.NearestNeighbors(n_neighbors=3).fit(X).kneighbors(return_distance=False))


def test_bad_mode():
    for name in ("kneighbors_graph", "radius_neighbors_graph"):
        asked = [outcome(getattr(m.NearestNeighbors().fit(X), name), NEW, mode="weights") for m in (ours, parent)]
        assert_same_complaint(*asked)
        assert asked[1].error is not None
