"""Logistic regression that chooses its penalty: scikit-learn's own method, with the search for each minimum in Rust."""

from typing import Any, Self

import sklearn.linear_model
from sklearn.linear_model import _logistic as parents

from mlfast._dispatch import Condition, dispatch
from mlfast._rebound import rebound
from mlfast._sparse import with_checked_indices
from mlfast._state import _fit_context, keeps_state
from mlfast.linear_model._logistic import SOLVER_PRINTS, LogisticDropIn, fit_with, path

FIT_CONDITIONS: tuple[Condition, ...] = (SOLVER_PRINTS,)

_log_reg_scoring_path = rebound(parents._log_reg_scoring_path, _logistic_regression_path=path)
_log_reg_scoring_path.__module__ = __name__  # where other processes find it
_fit = rebound(
    sklearn.linear_model.LogisticRegressionCV.fit,
    _logistic_regression_path=path,
    _log_reg_scoring_path=_log_reg_scoring_path,
)


class LogisticRegressionCV(LogisticDropIn, sklearn.linear_model.LogisticRegressionCV):
    __doc__ = sklearn.linear_model.LogisticRegressionCV.__doc__

    @keeps_state
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, **params: Any) -> Self:
        """Fit the coefficients for each penalty and each fold, and then for the best penalty.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data, computed in float64.
        y : array-like of shape (n_samples,)
            Classes.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights; None: all 1.
        **params : dict
            What splitter and scorer are to be told.

        Returns
        -------
        self : LogisticRegressionCV
            The fitted model.
        """
        dispatch(
            self,
            "fit",
            FIT_CONDITIONS,
            self,
            lambda: fit_with(_fit, with_checked_indices, self, X, y, sample_weight, **params),
            lambda: super(LogisticRegressionCV, self).fit(X, y, sample_weight, **params),
        )
        return self
