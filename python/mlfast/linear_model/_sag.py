"""Stochastic average gradient and SAGA, for the models that can be solved with them."""

import warnings
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model._base import SPARSE_INTERCEPT_DECAY
from sklearn.linear_model._sag import get_auto_step_size
from sklearn.linear_model._stochastic_gradient import MAX_INT
from sklearn.utils import check_random_state
from sklearn.utils.extmath import row_norms
from sklearn.utils.validation import _check_sample_weight

from mlfast._core import UnsupportedInputError
from mlfast._core import linear_model as core
from mlfast.linear_model._sgd import restore_rng_on_fallback


def sag_solver(
    X: Any,
    y: np.ndarray,
    sample_weight: np.ndarray | None = None,
    loss: str = "log",
    alpha: float = 1.0,
    beta: float = 0.0,
    max_iter: int | None = 1000,
    tol: float = 0.001,
    verbose: int = 0,
    random_state: Any = None,
    check_input: bool = False,
    max_squared_sum: float | None = None,
    warm_start_mem: dict[str, Any] | None = None,
    is_saga: bool = False,
) -> tuple[np.ndarray, int, dict[str, Any]]:
    """Fit a linear predictor, with the draws and steps of scikit-learn's solver of that name.

    Takes and gives what that does, so that it can stand in its place.

    Parameters
    ----------
    X : {ndarray, CSR matrix} of shape (n_samples, n_features)
        Features, of float32 or float64.
    y : ndarray of shape (n_samples,)
        Targets of the type of X: numbers; 0 and 1 for "log"; numbers of the classes for "multinomial".
    sample_weight : ndarray of shape (n_samples,), default=None
        Weights; None: all 1.
    loss : {"log", "squared", "multinomial"}, default="log"
        What errors cost.
    alpha, beta : float, default=1.0 and 0.0
        Penalties on half the squares and, for SAGA, on the magnitudes of the coefficients.
    max_iter : int or None, default=1000
        Most passes; None: 1000.
    tol : float, default=0.001
        The largest change of a coefficient in a pass, in the largest one, at which to stop.
    verbose : int, default=0
        Must be 0: scikit-learn prints as it goes along.
    random_state : int, RandomState or None, default=None
        Where the seed of the draws comes from.
    check_input : bool, default=False
        Must be False: data are checked already.
    max_squared_sum : float or None, default=None
        The largest squared length of a sample; None: it is computed.
    warm_start_mem : dict or None, default=None
        Where to begin: what another call has returned, or "coef" alone, of shape (n_features, n_classes); with one more
        row there are intercepts.
    is_saga : bool, default=False
        Whether it is SAGA.

    Returns
    -------
    coef : ndarray of shape (n_features,) or (n_classes, n_features)
        Coefficients, intercepts last; of the second shape if the loss is "multinomial".
    n_iter : int
        Passes.
    warm_start_mem : dict
        Where another call may begin.

    Raises
    ------
    UnsupportedInputError
        If the numbers grow out of all bounds, or steps are to be printed, or data to be checked.
    """
    if verbose or check_input:
        raise UnsupportedInputError("steps are to be printed, or data to be checked")
    given = warm_start_mem or {}
    n_samples, n_features = X.shape
    max_iter = 1000 if max_iter is None else max_iter
    if "coef" in given:
        coef = given["coef"]  # of all classes; a fold may lack the last of them
    else:
        coef = np.zeros((n_features, int(y.max()) + 1 if loss == "multinomial" else 1), dtype=X.dtype)
    n_classes = coef.shape[1]
    fit_intercept = coef.shape[0] == n_features + 1
    sample_weight = _check_sample_weight(sample_weight, X, dtype=X.dtype)
    if max_squared_sum is None:
        max_squared_sum = row_norms(X, squared=True).max()
    alpha, beta = float(alpha) / n_samples, float(beta) / n_samples
    step = float(get_auto_step_size(max_squared_sum, alpha, loss, fit_intercept, n_samples, is_saga))
    if step * alpha == 1:
        raise UnsupportedInputError("a step takes all of the coefficients away")
    start = {
        "coef": coef[:n_features],
        "intercept": coef[-1] if fit_intercept else np.zeros(n_classes, dtype=X.dtype),
        "sums": given.get("sum_gradient", np.zeros((n_features, n_classes), dtype=X.dtype)),
        "intercept_sums": given.get("intercept_sum_gradient", np.zeros(n_classes, dtype=X.dtype)),
        "gradients": given.get("gradient_memory", np.zeros((n_samples, n_classes), dtype=X.dtype)),
        "seen": given.get("seen", np.zeros(n_samples, dtype=np.int32)),
        "n_seen": given.get("num_seen", 0),
    }
    with restore_rng_on_fallback(random_state):
        seed = int(check_random_state(random_state).randint(1, MAX_INT))
        found = core.average_gradient(
            x=X,
            y=y,
            weights=sample_weight,
            start=start,
            settings={
                "loss": loss,
                "step": step,
                "alpha": alpha,
                "beta": beta,
                "max_iter": int(max_iter),
                "tol": float(tol),
                "fit_intercept": fit_intercept,
                "intercept_decay": SPARSE_INTERCEPT_DECAY if sp.issparse(X) else 1.0,
                "is_saga": is_saga,
                "seed": seed,
            },
        )
        if found["diverged"]:
            raise UnsupportedInputError("numbers grew out of all bounds")
    if found["n_iter"] == max_iter:
        warnings.warn(
            "The max_iter was reached which means the coef_ did not converge", ConvergenceWarning, stacklevel=2
        )
    coef = np.vstack((found["coef"], found["intercept"])) if fit_intercept else found["coef"]
    memory = {
        "coef": coef,
        "sum_gradient": found["sums"],
        "intercept_sum_gradient": found["intercept_sums"],
        "gradient_memory": found["gradients"],
        "seen": found["seen"],
        "num_seen": found["n_seen"],
    }
    return (coef.T if loss == "multinomial" else coef[:, 0]), found["n_iter"], memory
