"""Logistic regression: scikit-learn's own method, with the search for the minimum in Rust."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Self

import numpy as np
import sklearn.linear_model
from scipy.special import expit
from sklearn.linear_model import _logistic as parents

from mlfast._dispatch import Condition, dispatch
from mlfast._rebound import rebound
from mlfast._state import _fit_context, keeps_state
from mlfast.linear_model import _smooth
from mlfast.linear_model._classes import LinearClassifierDropIn, flat
from mlfast.linear_model._liblinear import fit_liblinear, with_narrow_indices
from mlfast.linear_model._sag import sag_solver
from mlfast.linear_model._sgd import restore_rng_on_fallback

#: Solvers that draw from ``random_state``, and that take indices of 32 bits only.
DRAWING_SOLVERS = ("liblinear", "sag", "saga")

SOLVER_PRINTS = Condition(
    "the solver is to print its steps", lambda model: model.solver != "lbfgs" and bool(model.verbose)
)
FIT_CONDITIONS = (
    SOLVER_PRINTS,
    Condition(
        "callbacks hear of each step", lambda model: model.solver == "lbfgs" and hasattr(model, "_skl_callbacks")
    ),
)

path = rebound(
    parents._logistic_regression_path,
    optimize=SimpleNamespace(minimize=_smooth.minimize),
    _newton_cg=_smooth.newton_cg,
    NewtonCholeskySolver=_smooth.NewtonCholeskySolver,
    _fit_liblinear=fit_liblinear,
    sag_solver=sag_solver,
)
_fit = rebound(
    sklearn.linear_model.LogisticRegression.fit, _logistic_regression_path=path, _fit_liblinear=fit_liblinear
)


def fit_with(
    fit: Callable[..., Any], read: Callable[[Any], Any], model: Any, X: Any, y: Any, weights: Any, **params: Any
) -> None:
    """Fit ``model`` by ``fit``, a method of scikit-learn's with solvers of ours, to what ``read`` makes of ``X``."""
    if model.solver in DRAWING_SOLVERS:
        with restore_rng_on_fallback(model.random_state):
            fit(model, with_narrow_indices(X), y, weights, **params)
    else:
        fit(model, read(X), y, weights, **params)


class LogisticDropIn(LinearClassifierDropIn):
    """Probabilities."""

    def predict_proba(self: Any, X: Any) -> np.ndarray:
        """Predict the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``.
        """
        parent: Any = super()
        return self._answered("predict_proba", X, lambda: parent.predict_proba(X), _probabilities, "csr")

    def predict_log_proba(self: Any, X: Any) -> np.ndarray:
        """Predict the logarithm of the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        logarithms : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``.
        """
        return np.log(self.predict_proba(X))


def _probabilities(scores: np.ndarray) -> np.ndarray:
    """Turn scores into probabilities, shape (n_samples, n_classes)."""
    scores = flat(scores)
    if scores.size == 1:
        # A scalar costs a third of what an array with one does, and goes the same way.
        probabilities = np.empty((1, 2), dtype=scores.dtype)
        probabilities[0, 1] = second = expit(scores[0])
        probabilities[0, 0] = 1 - second
        return probabilities
    if scores.ndim == 1:
        probabilities = np.empty((len(scores), 2), dtype=scores.dtype)
        expit(scores, out=probabilities[:, 1])
        np.subtract(1, probabilities[:, 1], out=probabilities[:, 0])
        return probabilities
    scores -= scores.max(axis=1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=1, keepdims=True)
    return scores


class LogisticRegression(LogisticDropIn, sklearn.linear_model.LogisticRegression):
    __doc__ = sklearn.linear_model.LogisticRegression.__doc__

    @keeps_state
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the coefficients.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data. Products are taken in the type of X, sums over samples in float64.
        y : array-like of shape (n_samples,)
            Classes.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights; None: all 1.

        Returns
        -------
        self : LogisticRegression
            The fitted model.
        """
        dispatch(
            self,
            "fit",
            FIT_CONDITIONS,
            self,
            lambda: fit_with(_fit, _smooth.readable, self, X, y, sample_weight),
            lambda: super(LogisticRegression, self).fit(X, y, sample_weight),
        )
        return self
