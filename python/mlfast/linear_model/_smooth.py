"""What scikit-learn hands smooth linear models to: SciPy's L-BFGS-B and its own two of Newton's methods, in Rust.

Each takes the arguments of its namesake and answers as it does, warnings included, so that scikit-learn's methods can
call it instead (`mlfast._rebound`). The function to minimise is always that of a `LinearModelLoss`.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from scipy.optimize import OptimizeResult
from scipy.optimize._linesearch import LineSearchWarning
from sklearn._loss import loss as losses
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model._linear_loss import LinearModelLoss
from sklearn.utils.optimize import _check_optimize_result

from mlfast import _threads
from mlfast._core import UnsupportedInputError
from mlfast._core import linear_model as core
from mlfast._sparse import with_checked_indices

#: How L-BFGS ended: SciPy's status and message.
ENDS = {
    "gradient": (0, "CONVERGENCE: NORM OF PROJECTED GRADIENT <= PGTOL"),
    "value": (0, "CONVERGENCE: RELATIVE REDUCTION OF F <= FACTR*EPSMCH"),
    "steps": (1, "STOP: TOTAL NO. OF ITERATIONS REACHED LIMIT"),
    "evaluations": (1, "STOP: TOTAL NO. OF F,G EVALUATIONS EXCEEDS LIMIT"),
    "stuck": (2, "ABNORMAL: "),
}


def readable(X: Any) -> Any:
    """Return X as scikit-learn may handle it: SciPy believes indices of what it converts, Rust checks those of CSR."""
    return X if sp.issparse(X) and X.format == "csr" else with_checked_indices(X)


def _loss(base_loss: Any) -> dict[str, Any]:
    """Return name, power and number of margins of a loss of scikit-learn's."""
    # A subclass may compute something else.
    kind = type(base_loss)
    if kind is losses.HalfBinomialLoss:
        return {"loss": "binomial", "power": 0.0, "count": 1}
    if kind is losses.HalfMultinomialLoss:
        return {"loss": "multinomial", "power": 0.0, "count": base_loss.n_classes}
    if kind is losses.HalfSquaredError:
        return {"loss": "tweedie_identity", "power": 0.0, "count": 1}
    if kind is losses.HalfPoissonLoss:
        return {"loss": "tweedie", "power": 1.0, "count": 1}
    if kind is losses.HalfGammaLoss:
        return {"loss": "tweedie", "power": 2.0, "count": 1}
    if kind is losses.HalfTweedieLoss:
        return {"loss": "tweedie", "power": base_loss.closs.power, "count": 1}
    if kind is losses.HalfTweedieLossIdentity:
        return {"loss": "tweedie_identity", "power": base_loss.closs.power, "count": 1}
    raise UnsupportedInputError(f"{kind.__name__} is not built")


def _solve(
    linear_loss: LinearModelLoss, start: np.ndarray, args: tuple[Any, ...], solver: str, tol: float, max_iter: int
) -> dict[str, Any]:
    """Minimise a `LinearModelLoss`.

    Parameters
    ----------
    linear_loss : LinearModelLoss
        The loss, and whether there are intercepts.
    start : ndarray of shape (n_variables,)
        Where to begin; numbers of all classes for the first feature, then for the second, and so on.
    args : tuple
        X, y, weights, penalty and number of threads, as `LinearModelLoss` takes them. X is of shape
        (n_samples, n_features), y and weights (or None) are of shape (n_samples,).
    solver : {"lbfgs", "newton-cg", "newton-cholesky"}
        How.
    tol : float
        Largest magnitude in the gradient of a minimum.
    max_iter : int
        Most steps.

    Returns
    -------
    found : dict
        What `core.minimize` gives, with ``coef`` in the order of ``start``.
    """
    X, y, weights, penalty, _ = args
    if weights is not None and (weights < 0).any():
        # The function may have no minimum, and what is found is a matter of rounding.
        raise UnsupportedInputError("weights are negative")
    loss = _loss(linear_loss.base_loss)
    count = loss["count"]
    found = core.minimize(
        x=X.tocsr() if sp.issparse(X) else X,
        y=np.ascontiguousarray(y, dtype=X.dtype),
        weights=None if weights is None else np.ascontiguousarray(weights, dtype=X.dtype),
        coef=start.astype(np.float64).reshape(-1, count).T.ravel(),
        fit_intercept=linear_loss.fit_intercept,
        penalty=float(penalty),
        solver=solver,
        tol=float(tol),
        max_iter=int(max_iter),
        n_threads=_threads.resolve(),
        **loss,
    )
    found["coef"] = found["coef"].reshape(count, -1).T.ravel()
    return found


def _result(found: dict[str, Any]) -> OptimizeResult:
    """Return how L-BFGS ended, in SciPy's words."""
    status, message = ENDS[found["lbfgs"]]
    return OptimizeResult(
        x=found["coef"],
        fun=found["value"],
        nit=found["lbfgs_steps"],
        status=status,
        success=status == 0,
        message=message,
    )


def minimize(
    fun: Callable[..., Any],
    x0: np.ndarray,
    *,
    args: tuple[Any, ...],
    options: dict[str, Any],
    method: str,
    jac: bool,
    callback: None = None,
) -> OptimizeResult:
    """Take the place of ``scipy.optimize.minimize(method="L-BFGS-B")`` for ``fun``, `LinearModelLoss.loss_gradient`."""
    linear_loss: Any = fun.__self__  # type: ignore[attr-defined]
    return _result(_solve(linear_loss, x0, args, "lbfgs", options["gtol"], options["maxiter"]))


def newton_cg(
    *,
    grad_hess: Callable[..., Any],
    func: Callable[..., Any],
    grad: Callable[..., Any],
    x0: np.ndarray,
    args: tuple[Any, ...],
    maxiter: int,
    tol: float,
    verbose: int,
) -> tuple[np.ndarray, int]:
    """Take the place of ``sklearn.utils.optimize._newton_cg`` for functions of a `LinearModelLoss`."""
    linear_loss: Any = func.__self__  # type: ignore[attr-defined]
    found = _solve(linear_loss, x0, args, "newton-cg", tol, maxiter)
    if found["newton"] == "stuck":
        raise UnsupportedInputError("the line search of newton-cg fails, after which scikit-learn tries another one")
    if found["newton"] == "rounding":  # that other one fails too, and says so first
        warnings.warn("Rounding errors prevent the line search from converging", LineSearchWarning, stacklevel=2)
        warnings.warn("The line search algorithm did not converge", LineSearchWarning, stacklevel=2)
        warnings.warn("Line Search failed", stacklevel=2)
    elif found["newton"] == "steps":
        warnings.warn(
            f"newton-cg failed to converge at loss = {found['value']}. Increase the number of iterations.",
            ConvergenceWarning,
            stacklevel=2,
        )
    return found["coef"].astype(x0.dtype, copy=False), found["steps"]


class NewtonCholeskySolver:
    """Takes the place of scikit-learn's class of this name."""

    def __init__(
        self,
        *,
        coef: np.ndarray,
        linear_loss: LinearModelLoss,
        l2_reg_strength: float,
        tol: float,
        max_iter: int,
        n_threads: int,
        verbose: int,
    ) -> None:
        self.coef = coef
        self.linear_loss = linear_loss
        self.l2_reg_strength = l2_reg_strength
        self.tol = tol
        self.max_iter = max_iter
        self.iteration = 0

    def solve(self, X: Any, y: np.ndarray, sample_weight: np.ndarray | None) -> np.ndarray:
        """Return the coefficients, of the shape in which they were given, and set ``iteration``."""
        args = (X, y, sample_weight, self.l2_reg_strength, 1)
        start = self.coef.ravel(order="F")
        found = _solve(self.linear_loss, start, args, "newton-cholesky", self.tol, self.max_iter)
        self.iteration = found["steps"]
        name, step = type(self).__name__, found["steps"]
        if found["newton"] == "steps":
            warnings.warn(f"Newton solver did not converge after {step} iterations.", ConvergenceWarning, stacklevel=2)
        elif found["newton"] == "concave":
            warnings.warn(
                f"The inner solver of {name} detected a pointwise hessian with many negative values at iteration "
                f"#{step}. It will now resort to lbfgs instead.",
                ConvergenceWarning,
                stacklevel=2,
            )
        elif found["newton"] == "singular":
            condition = found["condition"]
            reason = (
                "A singular matrix detected: slice(s) [0] are singular."
                if condition is None
                else f"An ill-conditioned matrix detected: slice 0 has rcond = {condition}."
            )
            warnings.warn(
                f"The inner solver of {name} stumbled upon a singular or very ill-conditioned Hessian matrix at "
                f"iteration {step}. It will now resort to lbfgs instead.\n"
                "Further options are to use another solver or to avoid such situation in the first place. Possible "
                "remedies are removing collinear features of X or increasing the penalization strengths.\n"
                "The original Linear Algebra message was:\n" + reason,
                scipy.linalg.LinAlgWarning,
                stacklevel=2,
            )
        elif found["newton"] == "stuck":
            warnings.warn(
                f"Line search of Newton solver {name} at iteration #{step} did not converge after 21 line search "
                "refinement iterations. It will now resort to lbfgs instead.",
                ConvergenceWarning,
                stacklevel=2,
            )
        if found["lbfgs"] is not None:
            self.iteration += _check_optimize_result("lbfgs", _result(found), max_iter=self.max_iter - step) - 1
        coef: np.ndarray = found["coef"].astype(self.coef.dtype, copy=False)
        return coef.reshape(self.coef.shape, order="F")
