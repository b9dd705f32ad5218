"""Data for trees, and what it means that two of them are the same."""

import numpy as np
import scipy.sparse as sp

from ..compare import assert_same_complaint, bits, fitted, outcome, parts_of

#: What a method says of samples, for both kinds of trees.
METHODS = ("predict", "apply", "decision_path")


def cloud(seed, n, d, dtype=np.float64):
    """Rows of shape (n, d): the first columns are continuous, of the others some repeat few values."""
    rng = np.random.RandomState(seed)
    X = rng.standard_normal((n, d))
    X[:, 1::3] = np.round(X[:, 1::3], 1)
    X[:, 2::3] = rng.randint(0, 3, size=X[:, 2::3].shape)
    return X.astype(dtype)


def as_csr(X):
    """X as CSR, about half of it zero."""
    return sp.csr_array(np.where(np.abs(X) > 0.7, X, 0).astype(X.dtype))


def with_gaps(X, share=0.15, seed=0):
    """X with a share of its cells missing, more of them where it is large; the last column has none."""
    X = X.copy()
    holes = np.random.RandomState(seed).uniform(size=X.shape) < share * (1 + (X > 0))
    holes[:, -1] = False
    X[holes] = np.nan
    return X


def classes(X, n_classes=3, seed=0):
    """Classes that follow from the rows, but for some noise. Missing values count as zero."""
    X = X.toarray() if sp.issparse(X) else np.nan_to_num(X)
    noise = np.random.RandomState(seed).uniform(-1, 1, size=len(X))
    return np.digitize(X[:, 0] + X[:, -1] ** 2 + noise, np.linspace(-0.5, 1.5, n_classes - 1))


def counts(X, seed=0):
    """A target of whole numbers from 0, some of it noise: sums of it have no rounding error."""
    return classes(X, 9, seed).astype(np.float64)


def fit_both(ours, theirs, *args, rtol=0.0, **kwargs):
    """Fit both: errors and warnings and all public attributes are the same, the tree node for node."""
    did = [outcome(est.fit, *args, **kwargs) for est in (ours, theirs)]
    assert_same_complaint(*did)
    assert did[1].error is None, did[1].error
    assert_same_state(ours, theirs, rtol)
    return ours, theirs


def assert_same_state(ours, theirs, rtol=0.0):
    assert_same_parts(fitted(ours), fitted(theirs), rtol)


def assert_same_tree(ours, theirs):
    assert_same_parts(parts_of("tree", ours), parts_of("tree", theirs))


def assert_same_parts(mine, parents, rtol=0.0):
    """Name for name, every number equal; that a zero may have either sign changes no decision. rtol : of floats"""
    assert mine.keys() == parents.keys()
    for name, value in parents.items():
        if isinstance(value, np.ndarray):
            assert (mine[name].dtype, mine[name].shape) == (value.dtype, value.shape), name
            if rtol and value.dtype.kind == "f":
                np.testing.assert_allclose(mine[name], value, rtol=rtol, err_msg=name)
            else:
                np.testing.assert_array_equal(mine[name], value, err_msg=name)
        else:
            assert bits(mine[name]) == bits(value), name


def assert_same_answers(ours, theirs, X, methods=METHODS, **kwargs):
    """Every method says the same of X to the bit, or raises the same."""
    methods = (*methods, *(("predict_proba",) if hasattr(theirs, "predict_proba") else ()))
    for method in methods:
        mine, parents = (outcome(getattr(est, method), X, **kwargs) for est in (ours, theirs))
        assert_same_complaint(mine, parents)
        assert type(mine.value) is type(parents.value), method
        assert bits(mine.value) == bits(parents.value), method
