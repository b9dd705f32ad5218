"""LogisticRegressionCV: the same grid, folds, scores and choices as scikit-learn."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn.linear_model
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.model_selection import StratifiedKFold

from mlfast.linear_model import LogisticRegressionCV

PARENT = sklearn.linear_model.LogisticRegressionCV


def real(load):
    X, y = load(return_X_y=True)
    return (X - X.mean(axis=0)) / X.std(axis=0), y


def fit_both(X, y, weights=None, **params):
    """Ours and the parent's; what both warned of must be the same."""
    fitted, seen = [], []
    for make in (LogisticRegressionCV, PARENT):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            fitted.append(make(**params).fit(X, y, sample_weight=weights))
        seen.append([(str(w.message), w.category) for w in caught])
    assert seen[0] == seen[1]
    return fitted


def assert_same(found, expected, path=""):
    """Nested values are equal, floats to 1e-5 of the largest, in type and shape."""
    assert type(found) is type(expected), path
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key in expected:
            assert_same(found[key], expected[key], f"{path}.{key}")
    elif isinstance(expected, np.ndarray) and expected.dtype.kind == "f":
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape), path
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max(), err_msg=path)
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-9), path
    elif not isinstance(expected, StratifiedKFold):
        np.testing.assert_array_equal(found, expected, err_msg=path)


@pytest.mark.parametrize("load", [load_breast_cancer, load_iris])
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"scoring": "neg_log_loss", "use_legacy_attributes": False, "l1_ratios": (0,)},
        {"solver": "newton-cholesky", "class_weight": "balanced", "cv": StratifiedKFold(3)},
        {"refit": False, "Cs": [0.01, 1.0], "fit_intercept": False, "scoring": "accuracy"},
    ],
    ids=str,
)
def test_attributes(load, params):
    """The classes of cancer are separable: with little penalty rounding decides how far a fit goes."""
    X, y = real(load)
    Cs = 4 if load is load_iris else [1e-3, 0.05, 1.0]
    ours, theirs = fit_both(X, y, **{"Cs": Cs, "cv": 3, **params})
    assert_same(vars(ours), vars(theirs))
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=0, atol=1e-6)


def test_weights_and_csr():
    X, y = real(load_breast_cancer)
    weights = np.random.RandomState(0).uniform(0.5, 2, size=len(y))
    ours, theirs = fit_both(sp.csr_array(X), y, weights, Cs=3, cv=3, l1_ratios=(0,), scoring="neg_log_loss")
    assert_same(vars(ours), vars(theirs))


def test_folds_in_other_processes():
    X, y = real(load_iris)
    ours, theirs = fit_both(X, y, Cs=2, cv=2, n_jobs=2, scoring="roc_auc_ovr", l1_ratios=(0,))
    assert_same(vars(ours), vars(theirs))
