"""Sparse input that is not believed."""

from typing import Any

import numpy as np
import scipy.sparse as sp


def with_checked_indices(X: Any) -> Any:
    """Return ``X``, or a copy of a CSR or CSC matrix whose indices were found to stay inside.

    SciPy's conversions between formats believe the indices and write where they point. A copy cannot change after the
    check.

    Parameters
    ----------
    X : object
        Input of any kind.

    Raises
    ------
    ValueError
        If the indices of a CSR or CSC matrix point outside.
    """
    if not sp.issparse(X) or X.format not in ("csr", "csc"):
        return X
    X = X.copy()
    check_indices(X)
    return X


def check_indices(X: Any) -> None:
    """Raise ValueError if the indices of a CSR or CSC matrix point outside."""
    rows, columns = X.shape if X.format == "csr" else X.shape[::-1]
    starts, indices = X.indptr, X.indices
    if len(starts) != rows + 1 or starts[0] != 0 or (np.diff(starts) < 0).any() or starts[-1] > len(indices):
        raise ValueError("indptr of the sparse matrix does not describe its rows")
    if len(indices) > 0 and (indices.min() < 0 or indices.max() >= columns):
        raise ValueError("a column index of the sparse matrix is out of range")
