"""Least squares whose coefficients may not be negative, given the products of features."""

import numpy as np
import scipy.linalg

from mlfast._core import UnsupportedInputError

#: Gradient below zero, in the largest product, that rounding may leave of one that is zero.
ROUNDING = 1e-13
#: Exchanges of all wrong coefficients at once that need not leave fewer of them.
PATIENCE = 3


def nonnegative(squares: np.ndarray, products: np.ndarray, alphas: np.ndarray) -> np.ndarray:
    """Minimise ``w'(squares + alpha I)w / 2 - products'w`` over ``w >= 0`` for each target.

    Coefficients that are negative, and zeros that want to grow, change sides together, for as long as that leaves
    fewer of them; else the last of them alone, which ends for any positive definite matrix.

    Parameters
    ----------
    squares : ndarray of shape (n, n)
        Symmetric, positive semidefinite.
    products : ndarray of shape (n, n_targets)
        Right-hand sides.
    alphas : ndarray of shape (n_targets,)
        Penalties.

    Returns
    -------
    w : ndarray of shape (n_targets, n)

    Raises
    ------
    UnsupportedInputError
        If a matrix is singular or out of range, or rounding decides which coefficients are zero.

    References
    ----------
    L. Portugal, J. Judice, L. Vicente, "A comparison of block pivoting and interior-point algorithms for linear least
    squares problems with nonnegative variables", Mathematics of Computation 63 (1994).
    """
    if not (np.isfinite(squares).all() and np.isfinite(products).all()):
        raise UnsupportedInputError("products of features are out of range")
    found = np.zeros(products.T.shape)
    for target, alpha in enumerate(alphas):
        penalized = squares + alpha * np.eye(len(squares))
        found[target] = _pivoted(penalized, products[:, target])
    return found


def _pivoted(squares: np.ndarray, product: np.ndarray) -> np.ndarray:
    """Solve for one target of shape (n,)."""
    coef, gradients = np.zeros(len(product)), -product
    free = np.zeros(len(product), dtype=bool)
    least = -ROUNDING * np.abs(product).max(initial=0.0)
    fewest, patience = len(product) + 1, PATIENCE
    for _ in range(100 + 10 * len(product)):
        wrong = np.where(free, coef < 0, gradients < least)
        count = int(np.count_nonzero(wrong))
        if count == 0:
            return coef
        if count < fewest:
            fewest, patience = count, PATIENCE
        elif patience > 0:
            patience -= 1
        else:
            wrong[: np.flatnonzero(wrong)[-1]] = False
        free ^= wrong
        coef[:] = 0.0
        try:
            coef[free] = scipy.linalg.solve(squares[np.ix_(free, free)], product[free], assume_a="pos")
        except np.linalg.LinAlgError:
            raise UnsupportedInputError("the matrix of products is singular") from None
        gradients = squares @ coef - product
    raise UnsupportedInputError("rounding decides which coefficients are zero")
