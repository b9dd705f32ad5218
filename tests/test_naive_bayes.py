"""GaussianNB against scikit-learn's: bit for bit where NumPy's sums have one order, in float64 and rows in C order."""

import warnings

import numpy as np
import pytest
import sklearn.naive_bayes

import mlfast
from mlfast.naive_bayes import GaussianNB

from .contract.entry import mixture

LEARNT = ("theta_", "var_", "class_count_", "class_prior_", "classes_")
ASKED = ("predict", "predict_proba", "predict_log_proba", "predict_joint_log_proba")


def table(n=300, d=9, n_classes=4, seed=0, dtype=np.float64):
    """Rows, classes that depend on them, and weights, some of them zero."""
    X = mixture(seed, n, d, dtype)
    random = np.random.RandomState(seed)
    y = (np.digitize(X[:, 0], np.linspace(-4, 4, n_classes - 1)) + random.randint(0, 2, n)) % n_classes
    return X, y, random.randint(0, 4, n).astype(float)


def pair(X, y, **given):
    """Both, fitted."""
    params = {name: given.pop(name) for name in ("priors", "var_smoothing") if name in given}
    return [cls(**params).fit(X, y, **given) for cls in (GaussianNB, sklearn.naive_bayes.GaussianNB)]


def assert_equal_state(ours, stock):
    for name in LEARNT:
        value, expected = getattr(ours, name), getattr(stock, name)
        assert value.dtype == expected.dtype, name
        np.testing.assert_array_equal(value, expected, err_msg=name)
    assert type(ours.epsilon_) is type(stock.epsilon_)
    np.testing.assert_allclose(ours.epsilon_, stock.epsilon_, rtol=1e-14)


@pytest.mark.parametrize("d", [2, 3, 9, 40])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_leaf_of_rows_is_summed_as_numpy_does(d, weighted):
    X, y, weights = table(d=d)
    ours, stock = pair(X, y, sample_weight=weights if weighted else None)
    assert_equal_state(ours, stock)
    np.testing.assert_array_equal(ours.predict_joint_log_proba(X), stock.predict_joint_log_proba(X))
    np.testing.assert_array_equal(ours.predict(X), stock.predict(X))
    for method in ASKED[1:]:
        np.testing.assert_allclose(getattr(ours, method)(X), getattr(stock, method)(X), rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-12), (np.float32, 2e-4)])
def test_many_rows(dtype, rtol):
    """Sums of many numbers round otherwise; scikit-learn adds them in the type of X, mlfast in float64."""
    X, y, weights = table(n=30_000, d=5, dtype=dtype)
    for given in ({}, {"sample_weight": weights}):
        ours, stock = pair(X, y, **given)
        for name in (*LEARNT, "epsilon_"):
            value, expected = getattr(ours, name), getattr(stock, name)
            assert value.dtype == expected.dtype
            np.testing.assert_allclose(value, expected, rtol=rtol, atol=rtol, err_msg=name)
        for method in ASKED:
            value, expected = getattr(ours, method)(X[:500]), getattr(stock, method)(X[:500])
            assert value.dtype == expected.dtype
            np.testing.assert_allclose(value, expected, rtol=5 * rtol, atol=5 * rtol, err_msg=method)


def test_many_rows_in_single_precision_are_summed_in_double():
    X, y, _ = table(n=100_000, d=3, dtype=np.float32)
    found, exact = GaussianNB().fit(X, y), sklearn.naive_bayes.GaussianNB().fit(X.astype(np.float64), y)
    np.testing.assert_allclose(found.theta_, exact.theta_, rtol=2e-7)
    np.testing.assert_allclose(found.var_, exact.var_, rtol=2e-7)


@pytest.mark.parametrize("weighted", [False, True])
def test_batches(weighted):
    """Each batch is merged as the parent merges it; a class may be missing in one, or have no weight."""
    X, y, weights = table(n=400)
    y[:100] = y[:100] % 2
    weights[100:200][y[100:200] == 3] = 0.0
    ours, stock = GaussianNB(), sklearn.naive_bayes.GaussianNB()
    for start in range(0, 400, 100):
        rows = slice(start, start + 100)
        given = {"sample_weight": weights[rows]} if weighted else {}
        for est in (ours, stock):
            est.partial_fit(X[rows], y[rows], classes=np.arange(4) if start == 0 else None, **given)
        assert_equal_state(ours, stock)
    np.testing.assert_array_equal(ours.predict(X), stock.predict(X))


def test_a_class_without_rows_is_warned_of_and_never_predicted():
    X, y, _ = table(n_classes=3)
    answers = []
    for cls in (GaussianNB, sklearn.naive_bayes.GaussianNB):
        est = cls().partial_fit(X, y, classes=np.arange(4))
        for rows in (X, X[:1]):
            with pytest.warns(RuntimeWarning, match="divide by zero encountered in log"):
                answers.append(est.predict(rows))
        with np.errstate(divide="ignore"):
            answers.append(est.predict_proba(X))
    np.testing.assert_array_equal(answers[0], answers[3])
    np.testing.assert_array_equal(answers[1], answers[4])
    np.testing.assert_allclose(answers[2], answers[5], atol=1e-15)
    assert not answers[2][:, 3].any()


@pytest.mark.parametrize("labels", [["b", "a", "c"], [10**12, -5, 7], [True, False], [2.0, 1.0]])
def test_kinds_of_classes(labels):
    X, y, _ = table(n_classes=len(labels))
    y = np.array(labels)[y]
    ours, stock = pair(X, y)
    assert ours.classes_.dtype == stock.classes_.dtype
    assert_equal_state(ours, stock)
    assert ours.predict(X[:1]).dtype == y.dtype
    np.testing.assert_array_equal(ours.predict(X), stock.predict(X))


@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.bool_, np.uint16])
def test_integers(dtype):
    X, y, _ = table()
    X = np.abs(X).astype(dtype)
    ours, stock = pair(X, y)
    assert_equal_state(ours, stock)
    for dtype in (np.float32, np.float64):
        ours, stock = pair(table(dtype=dtype)[0], y)
        value, expected = ours.predict_joint_log_proba(X), stock.predict_joint_log_proba(X)
        assert value.dtype == expected.dtype
        np.testing.assert_allclose(value, expected, rtol=1e-5 if dtype == np.float32 else 0)


def test_given_priors():
    X, y, _ = table(n_classes=3)
    ours, stock = pair(X, y, priors=[0.2, 0.5, 0.3])
    assert_equal_state(ours, stock)
    np.testing.assert_array_equal(ours.predict_joint_log_proba(X), stock.predict_joint_log_proba(X))
    for priors, message in (([0.5, 0.5], "must match"), ([0.2, 0.2, 0.2], "should be 1"), ([-0.5, 1, 0.5], "non-neg")):
        with pytest.raises(ValueError, match=message):
            GaussianNB(priors=priors).fit(X, y)


def test_what_a_failed_batch_leaves():
    """The parent's message; the state stays, where the parent's variances would have lost their smoothing."""
    X, y, _ = table(n_classes=3)
    est = GaussianNB().fit(X, y)
    before = est.var_.copy()
    with pytest.raises(
        ValueError, match=r"The target label\(s\) \[7\] in y do not exist in the initial classes \[0 1 2\]"
    ):
        est.partial_fit(X, np.where(y == 0, 7, y))
    np.testing.assert_array_equal(est.var_, before)
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        GaussianNB().partial_fit(X, y)


@pytest.mark.fallback
def test_what_rust_does_not_answer():
    X, y, _ = table(n_classes=3)
    X[:, 2] = 1.0
    for cls in (GaussianNB, sklearn.naive_bayes.GaussianNB):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            cls(var_smoothing=0.0).fit(X, y).predict(X[:3])
        assert {str(warning.message)[:14] for warning in caught} == {"divide by zero", "invalid value "}
    half = X.astype(np.float16)
    ours, stock = pair(half, y)
    assert ours.theta_.dtype == stock.theta_.dtype == np.float16


def test_one_row_has_the_bits_of_many():
    X, y, _ = table()
    est = GaussianNB().fit(X, y)
    for method in ASKED:
        answer = getattr(est, method)
        with mlfast.profile() as calls:
            many = answer(X)
        assert [(call.method, call.engine) for call in calls.records] == [(method, "rust")]
        np.testing.assert_array_equal(np.concatenate([answer(X[i : i + 1]) for i in range(5)]), many[:5])


def test_docstrings_are_the_parents():
    parent = sklearn.naive_bayes.GaussianNB
    assert GaussianNB.__doc__ == parent.__doc__
    for name in ("fit", "partial_fit", *ASKED):
        assert getattr(GaussianNB, name).__doc__ == getattr(parent, name).__doc__
