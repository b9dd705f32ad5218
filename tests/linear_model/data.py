"""Data for linear models, and what it means that two of them are the same."""

import numpy as np


def regression(seed, n, d, n_targets=None, dtype=np.float64):
    """Features of shape (n, d) of unequal means and scales, and targets that follow from them, with noise."""
    rng = np.random.RandomState(seed)
    X = rng.standard_normal((n, d)) * np.logspace(-1, 1, d) + rng.uniform(-3, 3, size=d)
    coef = rng.standard_normal((d, n_targets or 1))
    y = X @ coef + 5 + rng.standard_normal((n, n_targets or 1))
    return X.astype(dtype), (y if n_targets else y[:, 0]).astype(dtype)


def with_zeros(X, seed):
    """X with seven of ten values zero."""
    return np.where(np.random.RandomState(seed).uniform(size=X.shape) < 0.7, 0, X)


def assert_same_model(ours, theirs, rtol=1e-9):
    """The attributes are those of scikit-learn, in type and shape, and in value within `rtol` of the largest."""
    assert vars(ours).keys() == vars(theirs).keys()
    assert type(ours.intercept_) is type(theirs.intercept_)
    assert (ours.coef_.dtype, ours.coef_.shape) == (theirs.coef_.dtype, theirs.coef_.shape)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=0, atol=rtol * np.abs(theirs.coef_).max())
    scale = np.max(np.abs(theirs.intercept_)) + np.abs(theirs.coef_).max()
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=0, atol=rtol * scale)
    if hasattr(theirs, "rank_"):
        assert ours.rank_ == theirs.rank_
        assert ours.singular_.dtype == theirs.singular_.dtype
        np.testing.assert_allclose(ours.singular_, theirs.singular_, rtol=0, atol=rtol * theirs.singular_[0])
    if hasattr(theirs, "solver_"):
        assert ours.solver_ == theirs.solver_
        np.testing.assert_array_equal(ours.n_iter_, theirs.n_iter_)
