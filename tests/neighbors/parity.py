"""Search with ours and the parent and compare what is found."""

import numpy as np
import scipy.sparse as sp

from ..compare import assert_same_complaint, bits, fitted, outcome

#: Every metric that Rust searches with -> settings of the estimator.
METRICS = {
    "euclidean": {"metric": "euclidean"},
    "l2": {"metric": "l2"},
    "sqeuclidean": {"metric": "sqeuclidean"},
    "manhattan": {"metric": "manhattan"},
    "l1": {"metric": "l1"},
    "cityblock": {"metric": "cityblock"},
    "chebyshev": {"metric": "chebyshev"},
    "infinity": {"metric": "infinity"},
    "minkowski 1": {"p": 1},
    "minkowski 1.5": {"p": 1.5},
    "minkowski 2": {"p": 2},
    "minkowski 3": {"p": 3},
    "minkowski inf": {"p": np.inf},
    "p": {"metric": "p"},
    "p 3": {"metric": "p", "metric_params": {"p": 3}, "p": None},
    "cosine": {"metric": "cosine"},
    "correlation": {"metric": "correlation"},
    "hamming": {"metric": "hamming"},
    "canberra": {"metric": "canberra"},
    "braycurtis": {"metric": "braycurtis"},
    "nan_euclidean": {"metric": "nan_euclidean"},
}
SPARSE_METRICS = ("euclidean", "l2", "manhattan", "l1", "cityblock", "cosine")


def cloud(seed, n, d, dtype=np.float64):
    """Rows of shape (n, d) from a normal distribution: no two distances are equal."""
    return (3 * np.random.RandomState(seed % 2**32).standard_normal((n, d))).astype(dtype)


def as_csr(X):
    """X as CSR, its smaller half set to zero; two columns stay, so that no two rows become parallel."""
    keep = np.abs(X) > np.quantile(np.abs(X), 0.5)
    keep[:, :2] = True
    return sp.csr_array(np.where(keep, X, 0).astype(X.dtype))


def assert_distances(ours, theirs, X):
    """
    Compare distances, those of the parent taken with the rounding that it allows itself.

    It may take a square for the difference of squared norms, so squares are compared, against the scale of X; and
    where X is float32 its brute-force search rounds differences to float32.
    """
    assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
    values = X.data if sp.issparse(X) else X
    eps = np.finfo(values.dtype if values.dtype.kind == "f" else ours.dtype).eps
    squares = X.multiply(X).sum(axis=1) if sp.issparse(X) else np.nansum(np.square(X, dtype=np.float64), axis=1)
    scale = float(np.max(squares))
    a, b = ours.astype(np.float64), theirs.astype(np.float64)
    np.testing.assert_allclose(a**2, b**2, rtol=64 * eps, atol=64 * eps * scale)


def assert_lists(ours, theirs, X, ties=False):
    """Compare (distances, indices) of equal shape; with `ties`, places may differ between equally near rows only."""
    assert_distances(ours[0], theirs[0], X)
    assert (ours[1].dtype, ours[1].shape) == (theirs[1].dtype, theirs[1].shape)
    if ties:
        assert_ordered(*ours)
    else:
        np.testing.assert_array_equal(ours[1], theirs[1])


def assert_ordered(distances, indices):
    """Neighbours come by (distance, index)."""
    assert (np.diff(distances) >= 0).all()
    assert (np.diff(indices)[np.diff(distances) == 0] > 0).all()


def assert_sets(ours, theirs, X):
    """Compare (distances, indices) of radius searches: the same rows, in whatever order."""
    assert ours[0].dtype == ours[1].dtype == object
    assert ours[0].shape == theirs[0].shape
    for my_distances, mine, distances, indices in zip(*ours, *theirs, strict=True):
        assert mine.dtype == indices.dtype
        order = np.argsort(indices, kind="stable")
        np.testing.assert_array_equal(np.sort(mine), indices[order])
        assert_distances(my_distances[np.argsort(mine)], distances[order], X)


def fit_both(ours, theirs, *args):
    """Fit both; warnings and public attributes must agree."""
    did = [outcome(est.fit, *args) for est in (ours, theirs)]
    assert_same_complaint(*did)
    assert did[1].error is None, did[1].error
    mine, parents = fitted(ours), fitted(theirs)
    assert mine.keys() == parents.keys()
    for name in mine:
        if getattr(parents[name], "dtype", np.dtype(int)).kind != "f":
            assert bits(mine[name]) == bits(parents[name]), name
    assert (ours._fit_method, ours.n_samples_fit_) == (theirs._fit_method, theirs.n_samples_fit_)
    return ours, theirs


def assert_same_answer(ours, theirs, *args, rtol=1e-9, **kwargs):
    """Call a method of both: equal errors, warnings, types and shapes; floats within rounding, all else equal."""
    mine, parents = outcome(ours, *args, **kwargs), outcome(theirs, *args, **kwargs)
    assert_same_complaint(mine, parents)
    assert type(mine.value) is type(parents.value)
    pairs = (
        zip(mine.value, parents.value, strict=True) if isinstance(mine.value, list) else [(mine.value, parents.value)]
    )
    for a, b in pairs:
        if b is None:
            continue
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        if a.dtype.kind == "f":
            np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)
        else:
            np.testing.assert_array_equal(a, b)


def labelled(n=200, d=4, n_classes=3, seed=0, dtype=np.float64):
    """Rows and labels that follow from them, but for some noise."""
    X = cloud(seed, n, d, dtype)
    noise = np.random.RandomState(seed).uniform(-1, 1, size=n)
    return X, np.digitize(X[:, 0] + noise, np.linspace(-3, 3, n_classes - 1))
