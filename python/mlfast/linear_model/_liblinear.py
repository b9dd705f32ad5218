"""LIBLINEAR's solvers: what linear support vector machines and logistic regression are fitted by."""

import warnings
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm._base import _get_liblinear_solver_type
from sklearn.utils import check_random_state
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.validation import _check_sample_weight

from mlfast import _threads
from mlfast._core import UnsupportedInputError
from mlfast._core import svm as core
from mlfast._dispatch import callers_level
from mlfast._sparse import with_checked_indices

#: Losses of regressions.
TUBES = ("epsilon_insensitive", "squared_epsilon_insensitive")


def with_narrow_indices(X: Any) -> Any:
    """Return ``X`` with checked indices, unless it is a CSR matrix with indices of 64 bits, which scikit-learn refuses.

    Parameters
    ----------
    X : object
        Input of any kind. The check makes a copy of a sparse matrix, which may have smaller indices.
    """
    if sp.issparse(X) and X.format == "csr" and np.int64 in (X.indices.dtype, X.indptr.dtype):
        raise UnsupportedInputError("indices are of 64 bits")
    return with_checked_indices(X)


def fit_liblinear(
    X: Any,
    y: np.ndarray,
    C: float,
    fit_intercept: bool,
    intercept_scaling: float,
    class_weight: Any,
    penalty: str,
    dual: bool,
    verbose: int,
    max_iter: int,
    tol: float,
    random_state: Any = None,
    multi_class: str = "ovr",
    loss: str = "logistic_regression",
    epsilon: float = 0.1,
    sample_weight: Any = None,
) -> tuple[np.ndarray, np.ndarray | float, np.ndarray]:
    """Fit what the solver of a loss and a penalty finds, drawing from ``random_state`` what scikit-learn draws.

    Takes and gives what scikit-learn's function ``_fit_liblinear`` does, so that it can stand in its place.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_samples, n_features), of float32 or float64
        Training data.
    y : ndarray of shape (n_samples,)
        Classes, or targets of a regression.
    C : float
        Cost of errors.
    fit_intercept : bool
        Whether there is an intercept. It is penalised as the coefficients are.
    intercept_scaling : float
        The constant feature that the intercept is the product with.
    class_weight : dict, 'balanced' or None
        What the cost of each class is multiplied by.
    penalty : {'l1', 'l2'}
        Norm of the coefficients.
    dual : bool
        Whether the dual problem is solved.
    verbose : int
        Must be 0: LIBLINEAR prints as it goes along.
    max_iter : int
        Most steps.
    tol : float
        When to stop.
    random_state : int, RandomState instance or None, default=None
        Gives the seed of the order of coordinates.
    multi_class : {'ovr', 'crammer_singer'}, default='ovr'
        One problem for each class against the others, or one for all.
    loss : str, default='logistic_regression'
        Name of the loss, in scikit-learn's words.
    epsilon : float, default=0.1
        Half the width of the tube of a regression.
    sample_weight : array-like of shape (n_samples,), default=None
        What the cost of each sample is multiplied by.

    Returns
    -------
    coef : ndarray of shape (n_models, n_features)
        One row for two classes or a regression, else one for each class.
    intercept : ndarray of shape (n_models,), or 0.0 without an intercept
    n_iter : ndarray of int32, one for each problem
    """
    if verbose:
        raise UnsupportedInputError("verbose is set: LIBLINEAR prints as it goes along")
    if loss in TUBES:
        if epsilon < 0:
            raise UnsupportedInputError("epsilon is negative")
        targets, class_weights = np.ascontiguousarray(y, dtype=np.float64).ravel(), np.empty(0)
    else:
        classes, numbers = np.unique(y, return_inverse=True)
        targets = numbers.astype(np.float64)
        if len(classes) < 2:
            raise UnsupportedInputError("y holds one class")
        class_weights = compute_class_weight(class_weight, classes=classes, y=y, sample_weight=sample_weight)
    if fit_intercept and intercept_scaling <= 0:
        raise UnsupportedInputError("intercept_scaling is not positive")
    random = check_random_state(random_state)
    weights = _check_sample_weight(sample_weight, X, dtype=np.float64)
    solver = _get_liblinear_solver_type(multi_class, penalty, loss, dual)
    found = core.train(
        x=X,
        y=targets,
        weights=weights,
        solver=solver,
        tol=tol,
        bias=float(intercept_scaling) if fit_intercept else None,
        cost=C,
        class_weights=class_weights,
        max_iter=max_iter,
        seed=random.randint(np.iinfo("i").max),
        epsilon=epsilon,
        n_threads=_threads.resolve(),
    )
    if max(found["n_iter"]) >= max_iter:
        message = "Liblinear failed to converge, increase the number of iterations."
        warnings.warn(message, ConvergenceWarning, stacklevel=callers_level())
    return found["coef"], intercept_scaling * found["intercept"] if fit_intercept else 0.0, found["n_iter"]
