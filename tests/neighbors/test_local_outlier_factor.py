"""LocalOutlierFactor against its parent."""

import numpy as np
import pytest
import sklearn.neighbors as parent
from hypothesis import given
from hypothesis import strategies as st

from mlfast.neighbors import LocalOutlierFactor

from ..compare import assert_same_complaint, bits, outcome
from .parity import as_csr, assert_same_answer, cloud, fit_both

X = np.vstack([cloud(0, 200, 3), cloud(1, 10, 3) * 6])
NEW = np.vstack([cloud(2, 60, 3), cloud(3, 10, 3) * 6])


def both(data, **params):
    mine, parents = fit_both(LocalOutlierFactor(**params), parent.LocalOutlierFactor(**params), data)
    tolerance = 1e-4 if data.dtype == np.float32 else 1e-7
    assert mine.n_neighbors_ == parents.n_neighbors_
    assert type(mine.offset_) is type(parents.offset_)
    for name in ("negative_outlier_factor_", "offset_", "_lrd", "_distances_fit_X_"):
        pair = [np.asarray(getattr(est, name)) for est in (mine, parents)]
        assert pair[0].dtype == pair[1].dtype, name
        np.testing.assert_allclose(*pair, rtol=tolerance, atol=tolerance, err_msg=name)
    return mine, parents


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("contamination", ["auto", 0.1, 0.5])
@pytest.mark.parametrize("params", [{}, {"n_neighbors": 5, "algorithm": "brute"}, {"metric": "manhattan"}], ids=str)
def test_outliers(params, contamination, dtype):
    data = X.astype(dtype)
    both(data, contamination=contamination, **params)
    labels = [
        cls(contamination=contamination, **params).fit_predict(data)
        for cls in (LocalOutlierFactor, parent.LocalOutlierFactor)
    ]
    assert bits(labels[0]) == bits(labels[1])
    assert (labels[0] == -1).any()


@pytest.mark.parametrize("dtypes", [(a, b) for a in (np.float64, np.float32) for b in (np.float64, np.float32)])
@pytest.mark.parametrize("contamination", ["auto", 0.1])
def test_novelty(contamination, dtypes):
    mine, parents = both(X.astype(dtypes[0]), novelty=True, contamination=contamination)
    rtol = 1e-9 if np.float32 not in dtypes else 1e-4
    for method in ("score_samples", "decision_function", "predict"):
        for new in (NEW, X):
            new = new.astype(dtypes[1])
            assert_same_answer(getattr(mine, method), getattr(parents, method), new, rtol=rtol)


def test_methods_of_the_other_kind():
    for novelty in (False, True):
        ests = [c(novelty=novelty).fit(X) for c in (LocalOutlierFactor, parent.LocalOutlierFactor)]
        for method in ("predict", "decision_function", "score_samples", "fit_predict"):
            assert len({hasattr(est, method) for est in ests}) == 1
            if not hasattr(ests[0], method):
                assert_same_complaint(*(outcome(getattr, est, method) for est in ests))


def test_sparse():
    mine, parents = both(as_csr(X), novelty=True, n_neighbors=7)
    assert_same_answer(mine.score_samples, parents.score_samples, as_csr(NEW), rtol=1e-7)


@pytest.mark.parametrize("n", [2, 3, 20, 21])
def test_fewer_rows_than_neighbors(n):
    both(X[:n])


@pytest.mark.parametrize("novelty", [False, True])
def test_duplicates(novelty):
    """Many equal rows: the density is bounded, and the parent warns of it."""
    data = np.vstack([np.zeros((30, 2)), cloud(5, 6, 2)])
    mine, parents = (c(n_neighbors=5, novelty=novelty) for c in (LocalOutlierFactor, parent.LocalOutlierFactor))
    done = [outcome(est.fit, data) for est in (mine, parents)]
    assert_same_complaint(*done)
    assert bool(done[1].warned) is not novelty
    np.testing.assert_allclose(mine.negative_outlier_factor_, parents.negative_outlier_factor_, rtol=1e-9)


def test_one_row():
    done = [outcome(c().fit, X[:1]) for c in (LocalOutlierFactor, parent.LocalOutlierFactor)]
    assert done[1].error is not None
    assert_same_complaint(*done)


def test_failed_fit_changes_nothing():
    est = LocalOutlierFactor(novelty=True).fit(X)
    before = vars(est).copy()
    assert outcome(est.fit, X[:1]).error is not None
    assert vars(est) == before


def test_california(california):
    both(np.ascontiguousarray(california[:5000]), algorithm="kd_tree")


def test_threads_do_not_matter(threads):
    data = cloud(0, 3000, 6)
    results = []
    for count in (1, 2, 3):
        threads(count)
        est = LocalOutlierFactor(novelty=True).fit(data)
        results.append(bits([est.negative_outlier_factor_, est._lrd, est.score_samples(data + 0.1)]))
    assert results[0] == results[1] == results[2]


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(3, 90), d=st.integers(2, 18), k=st.integers(1, 30))
def test_any_factor(seed, n, d, k):
    mine, parents = both(cloud(seed, n, d), n_neighbors=k, novelty=True)
    assert_same_answer(mine.score_samples, parents.score_samples, cloud(seed + 1, 9, d), rtol=1e-7)
