"""NearestCentroid against its parent on real data and on made-up classes."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn.neighbors as parent
from sklearn.datasets import load_digits, load_iris

import mlfast
from mlfast.neighbors import NearestCentroid

from ..compare import assert_same_complaint, bits, fitted, outcome
from ..contract.entry import mixture

METRICS = ["euclidean", "manhattan"]
SCORES = ("decision_function", "predict_proba", "predict_log_proba")
RTOL = {"float64": 1e-12, "float32": 1e-5}
DATA = {"iris": load_iris, "digits": load_digits}


def data(name, dtype=np.float64):
    X, y = DATA[name](return_X_y=True)
    return X.astype(dtype), y


def classes(seed, n=90, d=5, k=4, dtype=np.float64):
    """Continuous rows with labels that follow the first column."""
    X = mixture(seed, n, d, dtype)
    return X, np.digitize(X[:, 0], np.quantile(X[:, 0], np.linspace(0, 1, k + 1)[1:-1]))


def parity(X, y, new=None, scores=True, **params):
    """Fit both; attributes, warnings, predictions and scores must agree. Returns both."""
    ours, theirs = NearestCentroid(**params), parent.NearestCentroid(**params)
    did = [outcome(est.fit, X, y) for est in (ours, theirs)]
    assert_same_complaint(*did)
    assert did[1].error is None, did[1].error
    mine, parents = fitted(ours), fitted(theirs)
    assert mine.keys() == parents.keys()
    dtype = "float32" if X.dtype == np.float32 else "float64"
    for name, value in parents.items():
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            assert (mine[name].dtype, mine[name].shape) == (value.dtype, value.shape), name
            floor = RTOL[dtype] * float(np.max(np.abs(value[np.isfinite(value)]), initial=0.0))
            np.testing.assert_allclose(mine[name], value, rtol=RTOL[dtype], atol=floor, err_msg=name)
        else:
            assert bits(mine[name]) == bits(value), name
    new = X if new is None else new
    assert bits(ours.predict(new)) == bits(theirs.predict(new))
    if scores and ours.metric == "euclidean":
        for name in SCORES:
            a, b = (getattr(est, name)(new) for est in (ours, theirs))
            assert (a.dtype, a.shape) == (b.dtype, b.shape)
            atol = RTOL[dtype] * 1e3 * max(1.0, float(np.max(np.abs(theirs.decision_function(new)))))
            np.testing.assert_allclose(a, b, rtol=RTOL[dtype] * 1e3, atol=atol, err_msg=name)
    return ours, theirs


@pytest.mark.parametrize("dtype", [np.float64, np.float32, int, np.int32, np.uint8])
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("name", DATA)
def test_real_data(name, metric, dtype):
    parity(*data(name, dtype), metric=metric)


@pytest.mark.parametrize("metric", METRICS)
def test_same_centroids_to_the_bit(metric):
    for seed in range(5):
        X, y = classes(seed)
        for values in (X, X.astype(np.float32)):
            mine, parents = (est(metric=metric).fit(values, y) for est in (NearestCentroid, parent.NearestCentroid))
            for name in ("centroids_", "within_class_std_dev_", "deviations_", "class_prior_", "classes_"):
                assert bits(getattr(mine, name)) == bits(getattr(parents, name)), name


@pytest.mark.parametrize("shrink_threshold", [None, 0.1, 1.0, 5.0])
@pytest.mark.parametrize("priors", ["uniform", "empirical", [0.1, 0.2, 0.3, 0.4], [1, 2, 3, 4]])
@pytest.mark.parametrize("metric", METRICS)
def test_settings(metric, priors, shrink_threshold):
    for seed in range(3):
        X, y = classes(seed)
        new = mixture(seed + 50, 40, 5)
        parity(X, y, new=new, metric=metric, priors=priors, shrink_threshold=shrink_threshold)


@pytest.mark.parametrize("make", [sp.csr_array, sp.csc_array, sp.csr_matrix, sp.csc_matrix, sp.coo_array])
@pytest.mark.parametrize("metric", METRICS)
def test_sparse(metric, make):
    X, y = data("digits")
    X[:, 5] = 0
    for values in (X, X.astype(np.float32), X.astype(int)):
        parity(make(values[:400]), y[:400], new=make(values[400:500]), scores=False, metric=metric)


@pytest.mark.fallback
def test_scores_of_sparse_rows_go_to_the_parent():
    X, y = classes(0)
    ours, theirs = (est().fit(X, y) for est in (NearestCentroid, parent.NearestCentroid))
    did = [outcome(est.decision_function, sp.csr_array(X)) for est in (ours, theirs)]
    assert did[0].complaint == did[1].complaint
    assert bits(did[0].value) == bits(did[1].value)


@pytest.mark.fallback
@pytest.mark.parametrize("dtype", [np.float16, np.longdouble])
def test_odd_types_go_to_the_parent(dtype):
    X, y = classes(0)
    X = X.astype(dtype)
    mine, parents = (est().fit(X, y) for est in (NearestCentroid, parent.NearestCentroid))
    assert bits(mine.centroids_) == bits(parents.centroids_)
    assert bits(mine.predict(X)) == bits(parents.predict(X))


def test_labels_of_any_kind():
    X, y = classes(1)
    for labels in (y.astype(str), y * 10 - 7, y.astype(float), np.array(["a", "b", "c", "d"], dtype=object)[y], y > 1):
        parity(X, labels)
        parity(X, labels.tolist())


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_few_rows_and_features():
    """One row a class divides by zero, as in the parent; one feature; constant features; even and odd counts."""
    X, y = classes(2, n=12, d=1, k=2)
    for metric in METRICS:
        parity(X, y, metric=metric)
        parity(np.c_[X, np.ones(12), X**2], y, metric=metric)
        parity(np.c_[X, y], y, metric=metric, scores=False)
        parity(mixture(3, 4, 3), np.arange(4), metric=metric, scores=False)


def test_layouts_are_one():
    X, y = classes(4)
    expected = bits(fitted(NearestCentroid().fit(X, y)))
    frozen = X.copy()
    frozen.setflags(write=False)
    for same in (np.asfortranarray(X), np.repeat(X, 2, axis=1)[:, ::2], frozen, X.astype(">f8"), X.tolist()):
        est = NearestCentroid().fit(same, y)
        assert bits(fitted(est)) == expected
        assert bits(est.decision_function(same)) == bits(NearestCentroid().fit(X, y).decision_function(X))
    assert bits(frozen) == bits(X)


@pytest.mark.parametrize("metric", METRICS)
def test_same_bits_for_any_number_of_threads(threads, metric):
    X, y = classes(5, n=20_000, d=12)
    found = set()
    for n_threads in (1, 2, 3, 7):
        threads(n_threads)
        est = NearestCentroid(metric=metric, priors="empirical").fit(X, y)
        found.add(str(bits([fitted(est), est.predict(X), est._decision_function(X)])))
    assert len(found) == 1


X_GOOD, Y_GOOD = classes(6, n=20, d=2, k=2)
BAD = {
    "one class": (X_GOOD, np.zeros(20, dtype=int)),
    "continuous target": (X_GOOD, np.linspace(0, 1, 20)),
    "too few targets": (X_GOOD, Y_GOOD[:-1]),
    "no target": (X_GOOD, None),
    "NaN": (np.where(X_GOOD > 3, np.nan, X_GOOD), Y_GOOD),
    "1-D": (X_GOOD[:, 0], Y_GOOD),
    "no rows": (X_GOOD[:0], Y_GOOD[:0]),
    "equal rows": (np.ones((20, 2)), Y_GOOD),
    "equal sparse rows": (sp.csr_array(np.ones((20, 2))), Y_GOOD),
    "strings": (X_GOOD.astype(str).astype(object) + "a", Y_GOOD),
    "several targets": (X_GOOD, np.c_[Y_GOOD, Y_GOOD]),
    "column target": (X_GOOD, Y_GOOD[:, None]),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("metric", METRICS)
def test_bad_input(metric, case):
    ours, theirs = (est(metric=metric).fit(X_GOOD, Y_GOOD) for est in (NearestCentroid, parent.NearestCentroid))
    before = bits(vars(ours))
    did = [outcome(est.fit, *BAD[case]) for est in (ours, theirs)]
    assert_same_complaint(*did)
    if did[0].error is not None:
        assert bits(vars(ours)) == before
    ours, theirs = (est(metric=metric).fit(X_GOOD, Y_GOOD) for est in (NearestCentroid, parent.NearestCentroid))
    for wrong in (np.ones((3, 3)), [["a", "b"]], np.full((2, 2), np.inf), np.empty((0, 2))):
        assert_same_complaint(*(outcome(est.predict, wrong) for est in (ours, theirs)))


@pytest.mark.parametrize(
    "params",
    [
        {"metric": "cosine"},
        {"metric": None},
        {"shrink_threshold": 0},
        {"shrink_threshold": -1.0},
        {"priors": "none"},
        {"priors": None},
        {"priors": [-0.5, 1.5]},
        {"priors": [0.2, 0.2]},
    ],
)
def test_bad_parameters(params):
    did = [outcome(est(**params).fit, X_GOOD, Y_GOOD) for est in (NearestCentroid, parent.NearestCentroid)]
    assert_same_complaint(*did)


def test_scores_are_there_for_the_euclidean_metric_only():
    for metric in METRICS:
        ours, theirs = (est(metric=metric).fit(X_GOOD, Y_GOOD) for est in (NearestCentroid, parent.NearestCentroid))
        for name in SCORES:
            assert hasattr(ours, name) == hasattr(theirs, name)
    assert_same_complaint(*(outcome(est().predict, X_GOOD) for est in (NearestCentroid, parent.NearestCentroid)))


def test_state():
    X, y = classes(7)
    est = NearestCentroid(priors="empirical").fit(X, y)
    expected = bits([est.predict(X), est.predict_proba(X)])
    for same in (pickle.loads(pickle.dumps(est)), mlfast.from_sklearn(mlfast.to_sklearn(est))):
        assert bits([same.predict(X), same.predict_proba(X)]) == expected
    for name, value in {
        "centroids_": est.centroids_[:2],
        "classes_": est.classes_[:2],
        "class_prior_": None,
        "within_class_std_dev_": np.ones(2),
        "n_features_in_": 9,
    }.items():
        with pytest.raises(ValueError, match="corrupt state"):
            NearestCentroid().__setstate__(est.__getstate__() | {name: value})
