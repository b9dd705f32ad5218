"""KNNImputer against its parent on real data and on patterns of missing values."""

import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import sklearn.impute as parent
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import mlfast
from mlfast.impute import KNNImputer

from ..compare import assert_same_complaint, bits, outcome
from ..contract.entry import mixture

NAN = np.nan

# The parent expands squares, we do not: an average of neighbours weighted by distance differs by the rounding of the
# parent's distances, which is relative to the squared norms and not to the distance.
RTOL = {"float64": 1e-9, "float32": 1e-4, "float16": 2e-3}


def holes(X, share=0.1, seed=0):
    """X with a share of its values missing at random."""
    X = X.copy()
    X[np.random.RandomState(seed).uniform(size=X.shape) < share] = NAN
    return X


def parity(X, new=None, **params):
    """Fit both on X, transform `new` (else X) by both; everything must agree. Returns both."""
    ours, theirs = KNNImputer(**params), parent.KNNImputer(**params)
    did = [outcome(est.fit, np.copy(X)) for est in (ours, theirs)]
    assert_same_complaint(*did)
    assert did[1].error is None, did[1].error
    assert vars(ours).keys() == vars(theirs).keys()
    for name in ("_fit_X", "_mask_fit_X", "_valid_mask"):
        assert bits(getattr(ours, name)) == bits(getattr(theirs, name)), name
    new = X if new is None else new
    assert_same_output(*(outcome(est.transform, np.copy(new)) for est in (ours, theirs)))
    assert bits(ours.get_feature_names_out()) == bits(theirs.get_feature_names_out())
    return ours, theirs


def assert_same_output(ours, theirs):
    assert_same_complaint(ours, theirs)
    assert theirs.error is None, theirs.error
    mine, parents = ours.value, theirs.value
    assert (mine.dtype, mine.shape) == (parents.dtype, parents.shape)
    np.testing.assert_allclose(mine, parents, rtol=RTOL[mine.dtype.name], atol=0)


@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("seed", range(5))
def test_seeds(seed, weights):
    X = holes(mixture(seed, 200, 6), 0.2, seed)
    parity(X, weights=weights)
    parity(X, new=holes(mixture(seed + 100, 50, 6), 0.3, seed), weights=weights, n_neighbors=3)


@pytest.mark.parametrize("n_neighbors", [1, 2, 5, 20, 70, 80, 1000])
def test_number_of_neighbours(n_neighbors):
    """Up to and beyond the number of donors of a column."""
    parity(holes(mixture(1, 80, 5), 0.25), n_neighbors=n_neighbors)
    parity(holes(mixture(2, 80, 5), 0.25), n_neighbors=n_neighbors, weights="distance")


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("name", ["iris", "digits"])
def test_data_with_many_ties(real, name, weights, dtype):
    """
    Tenths and whole numbers: donors at equal distances are common, and so are equal rows. NumPy decides among them,
    and for tenths the rounding of the parent's distances before it.
    """
    X = real(name, dtype)[:500]
    for seed, share in enumerate((0.05, 0.15, 0.3)):
        parity(holes(X, share, seed), weights=weights)


@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_california(california, weights):
    """Rows with one feature left have many donors at equal distances; far from the origin distances cancel."""
    X = holes(california[::10], 0.1)
    parity(X, weights=weights)
    parity(X * 100 + 1000, weights=weights)


def test_california_float32(california):
    """
    The neighbours are the parent's. Weights are not: in float32 rounding changes the parent's small distances in the
    third digit, so there a value is the parent's, or what the parent gives for the same numbers in float64.
    """
    X = holes(california[::10].astype(np.float32), 0.1)
    parity(X)
    mine, narrow = (est(weights="distance").fit(X).transform(X) for est in (KNNImputer, parent.KNNImputer))
    wide = X.astype(np.float64)
    exact = parent.KNNImputer(weights="distance").fit(wide).transform(wide)
    assert np.any([np.isclose(mine, theirs, rtol=RTOL["float32"], atol=0) for theirs in (narrow, exact)], axis=0).all()


def sum_of_inverses(distances):
    with np.errstate(divide="ignore"):
        return np.minimum(1 / distances, 10.0)


def test_callable_weights():
    for seed in range(3):
        parity(holes(mixture(seed, 150, 5), 0.3), weights=sum_of_inverses)
    X = holes(mixture(0, 20, 3), 0.3)
    X[0] = NAN
    parity(X, weights=sum_of_inverses)


@pytest.mark.parametrize("fit_dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, int])
def test_dtypes(dtype, fit_dtype):
    """All pairs of types; whole numbers, and as many neighbours as rows, so that rounding chooses none of them."""
    rng = np.random.RandomState(0)
    X = holes(rng.randint(-30, 30, size=(40, 5)).astype(fit_dtype), 0.2)
    new = rng.randint(-30, 30, size=(30, 5)).astype(dtype)
    if dtype is not int:
        new = holes(new, 0.3, 1)
        new[0] = NAN
    for params in ({}, {"weights": "distance"}, {"n_neighbors": 40}):
        ours, theirs = (est(**params).fit(X).transform(np.copy(new)) for est in (KNNImputer, parent.KNNImputer))
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
        np.testing.assert_allclose(ours, theirs, rtol=RTOL[ours.dtype.name])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("keep_empty_features", [True, False])
@pytest.mark.parametrize("add_indicator", [True, False])
def test_patterns(dtype, add_indicator, keep_empty_features):
    """Columns and rows without values, with a single one, and nothing missing at all."""
    full = mixture(3, 40, 4, dtype)
    params = {"add_indicator": add_indicator, "keep_empty_features": keep_empty_features}
    patterns = {"none": [], "all but the first column": np.s_[:, 1:], "column": np.s_[:, 2], "all": np.s_[:]}
    patterns |= {"row": np.s_[5], "all but one row": np.s_[1:, 1], "half": np.s_[20:, 0], "corner": np.s_[30:, 2:]}
    for name, where in patterns.items():
        X = full.copy()
        if name != "none":
            X[where] = NAN
        for new in (X, full[:7], holes(full, 0.5), np.full((3, 4), NAN, dtype=dtype)):
            parity(X, new=new, **params)


def test_donors_without_a_distance():
    """Donors that share no feature with the row count among the neighbours and weigh nothing."""
    X = np.array([[1, NAN, 3], [NAN, 2, NAN], [4, NAN, 6], [NAN, 5, 9], [2, 2, NAN]])
    for n_neighbors in (1, 2, 5):
        for weights in ("uniform", "distance"):
            parity(X, n_neighbors=n_neighbors, weights=weights)


def test_equal_rows():
    """Distance 0 takes all the weight; the parent's rounding is exact on whole numbers."""
    X = np.random.RandomState(0).randint(0, 5, size=(12, 4)).astype(float)
    X = holes(np.repeat(X, 3, axis=0), 0.15)
    parity(X, weights="distance")
    parity(X)


@pytest.mark.parametrize("missing_values", [-1, 0, 7.5, np.float64(-1), np.int64(-1)])
def test_number_as_missing_value(missing_values):
    X = mixture(4, 60, 4)
    X[np.random.RandomState(0).uniform(size=X.shape) < 0.2] = missing_values
    parity(X, missing_values=missing_values, add_indicator=True)
    parity(np.round(X).astype(int), missing_values=missing_values, n_neighbors=60)


@pytest.mark.parametrize("scale", [1e-160, 1e-20, 1e20, 1e100])
def test_scales(scale):
    parity(holes(mixture(5, 60, 4), 0.2) * scale)


def test_squares_beyond_the_type():
    """Rows whose squares overflow are at no distance: the mean of the column steps in, as in the parent."""
    for dtype, huge in ((np.float64, 1e200), (np.float32, 1e25)):
        X = holes(mixture(6, 30, 3, dtype), 0.2)
        X[3, 0], X[4] = huge, [NAN, huge, 1]
        parity(X, n_neighbors=4)


def test_layouts_are_one():
    X = holes(mixture(7, 50, 6), 0.2)
    expected = bits(KNNImputer().fit(X).transform(X))
    wide = np.zeros((50, 12))
    wide[:, ::2] = X
    frozen = X.copy()
    frozen.setflags(write=False)
    for same in (np.asfortranarray(X), wide[:, ::2], frozen, X.astype(">f8"), X.tolist(), pd.DataFrame(X)):
        assert bits(KNNImputer().fit(same).transform(same)) == expected


@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_same_bits_for_any_number_of_threads(threads, weights):
    X = holes(mixture(8, 700, 5), 0.2)
    X[::9] = np.round(X[::9])
    est = KNNImputer(weights=weights).fit(X)
    found = set()
    for n_threads in (1, 2, 3, 7):
        threads(n_threads)
        found.add(str(bits(est.transform(X))))
    assert len(found) == 1


def test_copy():
    X = holes(mixture(9, 30, 3), 0.2)
    before = bits(X)
    KNNImputer().fit(X).transform(X)
    assert bits(X) == before
    for order in "CF":
        mine, parents = (np.array(X, order=order) for _ in range(2))
        out = KNNImputer(copy=False).fit(np.copy(X)).transform(mine)
        parent.KNNImputer(copy=False).fit(np.copy(X)).transform(parents)
        np.testing.assert_allclose(mine, parents, rtol=1e-9)
        np.testing.assert_array_equal(out, mine)


def test_frames_and_set_output():
    frame = pd.DataFrame(holes(mixture(10, 30, 3), 0.2), columns=["a", "b", "c"])
    for params in ({}, {"add_indicator": True}, {"keep_empty_features": True}):
        mine, parents = (
            est(**params).set_output(transform="pandas").fit(frame).transform(frame)
            for est in (KNNImputer, parent.KNNImputer)
        )
        pd.testing.assert_frame_equal(mine, parents, rtol=1e-9)


def test_fit_transform_in_a_pipeline(iris):
    X = holes(iris, 0.1)
    mine, parents = (make_pipeline(est(), StandardScaler()).fit_transform(X) for est in (KNNImputer, parent.KNNImputer))
    np.testing.assert_allclose(mine, parents, rtol=1e-9, atol=1e-12)


BAD = {
    "infinity": np.array([[1, np.inf], [NAN, 2]]),
    "1-D": np.array([1.0, NAN]),
    "no rows": np.empty((0, 2)),
    "no columns": np.empty((2, 0)),
    "other number of columns": np.array([[1.0, 2.0, NAN]]),
    "strings": np.array([["a", "b"]]),
    "objects": np.array([[{}, 1]], dtype=object),
    "complex": np.array([[1j, 2]]),
    "sparse": sp.csr_array([[1.0, 0.0]]),
    "None": None,
    "ok": np.array([[1.0, NAN]]),
}


@pytest.mark.parametrize("missing_values", [NAN, -1])
@pytest.mark.parametrize("case", BAD)
def test_bad_input(case, missing_values):
    """Refused with the parent's words; a refused fit leaves what was fitted before."""
    good = np.where(np.arange(8).reshape(4, 2) % 3 == 0, missing_values, np.arange(8.0).reshape(4, 2))
    ours, theirs = (est(missing_values=missing_values).fit(good) for est in (KNNImputer, parent.KNNImputer))
    before = bits({name: value for name, value in vars(ours).items() if name != "missing_values"})
    did = [outcome(est.transform, BAD[case]) for est in (ours, theirs)]
    assert_same_complaint(*did)
    did = [outcome(est.fit, BAD[case]) for est in (ours, theirs)]
    assert_same_complaint(*did)
    if did[0].error is not None:
        assert bits({name: value for name, value in vars(ours).items() if name != "missing_values"}) == before


@pytest.mark.parametrize(
    "params",
    [
        {"n_neighbors": 0},
        {"n_neighbors": 2.5},
        {"weights": "near"},
        {"metric": "euclidean"},
        {"copy": "yes"},
        {"add_indicator": "no"},
        {"keep_empty_features": None},
        {"missing_values": []},
    ],
)
def test_bad_parameters(params):
    X = holes(mixture(0, 10, 3))
    did = [outcome(est(**params).fit, X) for est in (KNNImputer, parent.KNNImputer)]
    assert_same_complaint(*did)
    assert did[1].error is not None


def test_not_fitted():
    did = [outcome(est().transform, [[1.0]]) for est in (KNNImputer, parent.KNNImputer)]
    assert_same_complaint(*did)


def gap(x, y, *, missing_values=NAN):
    return float(np.nansum(np.abs(x - y)))


@pytest.mark.fallback
def test_a_callable_metric_goes_to_the_parent():
    X = holes(mixture(0, 12, 3), 0.2)
    with mlfast.profile() as calls:
        mine = KNNImputer(metric=gap).fit(X).transform(X)
    assert [(call.engine, call.reason) for call in calls.records] == [("sklearn", "metric is the function gap")]
    np.testing.assert_array_equal(mine, parent.KNNImputer(metric=gap).fit(X).transform(X))


def test_state():
    X = holes(mixture(11, 30, 4), 0.2)
    est = KNNImputer(add_indicator=True).fit(X)
    expected = bits(est.transform(X))
    assert bits(pickle.loads(pickle.dumps(est)).transform(X)) == expected
    assert bits(mlfast.from_sklearn(mlfast.to_sklearn(est)).transform(X)) == expected
    for name, value in {
        "_fit_X": X[:, :3],
        "_mask_fit_X": np.zeros((3, 3), dtype=bool),
        "_valid_mask": np.zeros(4, dtype=bool),
        "n_features_in_": 5,
    }.items():
        with pytest.raises(ValueError, match="corrupt state"):
            KNNImputer().__setstate__(est.__getstate__() | {name: value})
