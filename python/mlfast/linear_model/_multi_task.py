"""Elastic net for several tasks that share their features: a feature counts for all of them, or for none."""

from numbers import Number
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
import sklearn.linear_model
from sklearn.utils.validation import _check_sample_weight

from mlfast import _threads
from mlfast._core import UnsupportedInputError
from mlfast._dispatch import dispatch
from mlfast._state import _fit_context, keeps_state
from mlfast.linear_model._coordinate_descent import (
    CoordinateDescentDropIn,
    checked_apart,
    checked_start,
    drawn_seeds,
    found_paths,
    of_mean_one,
)
from mlfast.linear_model._coordinate_descent_cv import CrossValidatedDropIn


class MultiTaskElasticNet(CoordinateDescentDropIn, sklearn.linear_model.MultiTaskElasticNet):
    __doc__ = sklearn.linear_model.MultiTaskElasticNet.__doc__

    @keeps_state
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(  # type: ignore[override]  # nor has scikit-learn's a check_input
        self, X: Any, y: Any, sample_weight: Any = None
    ) -> Self:
        """Fit the coefficients of all tasks together.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data. Computed in float64, answered in the type of X.
        y : array-like of shape (n_samples, n_targets)
            Targets, one for each task.
        sample_weight : float or array-like of shape (n_samples,), default=None
            Weights; only their ratios count. None: all 1.

        Returns
        -------
        self : estimator
            The fitted model.
        """
        parent: Any = super(CoordinateDescentDropIn, self)
        return dispatch(
            self,
            "fit",
            (),
            None,
            lambda: self._fit_together(X, y, sample_weight),
            lambda: parent.fit(X, y, sample_weight),
        )

    def _fit_together(self: Any, X: Any, y: Any, sample_weight: Any) -> Any:
        X, y = checked_apart(self, X, y)
        if y.ndim == 1:
            raise UnsupportedInputError("there is one task")
        weights = None
        if sample_weight is not None and not isinstance(sample_weight, Number):
            weights = of_mean_one(_check_sample_weight(sample_weight, X, dtype=X.dtype))
        (n_samples, n_features), n_targets = X.shape, y.shape[1]
        start = np.zeros((n_targets, n_features))
        if self.warm_start and hasattr(self, "coef_"):
            checked_start(self, self.coef_, X, n_targets)
            if np.shape(self.coef_) != start.shape or self.coef_.dtype != X.dtype:
                raise UnsupportedInputError("coef_ is of more targets or of another type")
            start = np.ascontiguousarray(self.coef_, dtype=np.float64)
        found = found_paths(
            X.tocsr() if sp.issparse(X) else X,
            y.astype(X.dtype, copy=False),
            [self.alpha],
            weights=weights,
            fit_intercept=self.fit_intercept,
            l1_ratio=float(self.l1_ratio),
            max_iter=int(self.max_iter),
            tol=float(self.tol),
            positive=False,
            seeds=drawn_seeds(self.random_state, self.selection, 1),
            start=start,
            multi_task=True,
            n_threads=_threads.resolve(),
        )
        self.coef_ = found["coef"][0].astype(X.dtype)
        self.intercept_ = found["intercepts"][0].astype(X.dtype) if self.fit_intercept else 0.0
        self.dual_gap_ = float(found["gaps"][0, 0]) / n_samples
        self.eps_ = float(found["allowed"][0, 0])
        self.n_iter_ = int(found["n_iter"][0, 0])
        return self


class MultiTaskLasso(MultiTaskElasticNet, sklearn.linear_model.MultiTaskLasso):
    __doc__ = sklearn.linear_model.MultiTaskLasso.__doc__


class MultiTaskElasticNetCV(CrossValidatedDropIn, sklearn.linear_model.MultiTaskElasticNetCV):
    __doc__ = sklearn.linear_model.MultiTaskElasticNetCV.__doc__

    _alone = MultiTaskElasticNet


class MultiTaskLassoCV(CrossValidatedDropIn, sklearn.linear_model.MultiTaskLassoCV):
    __doc__ = sklearn.linear_model.MultiTaskLassoCV.__doc__

    _alone = MultiTaskLasso
