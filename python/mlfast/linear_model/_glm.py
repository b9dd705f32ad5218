"""Generalised linear models: scikit-learn's own method, with the search for the minimum in Rust."""

from types import SimpleNamespace
from typing import Any, Self

import numpy as np
import sklearn.linear_model
from sklearn.linear_model._glm import glm as parents
from sklearn.utils.validation import check_is_fitted, validate_data

from mlfast._dispatch import Condition, dispatch, named
from mlfast._rebound import rebound
from mlfast._sparse import with_checked_indices
from mlfast._state import _fit_context, keeps_state
from mlfast.linear_model import _smooth
from mlfast.linear_model._base import PREDICT_CONDITIONS, SPARSE, LinearDropIn

FIT_CONDITIONS = (
    Condition(
        lambda model: f"solver={named(model.solver)} is not covered",
        lambda model: model.solver not in ("lbfgs", "newton-cholesky"),
    ),
    Condition("Newton's method is to print its steps", lambda model: model.solver != "lbfgs" and bool(model.verbose)),
)

_fit = rebound(
    parents._GeneralizedLinearRegressor.fit,
    scipy=SimpleNamespace(optimize=SimpleNamespace(minimize=_smooth.minimize)),
    NewtonCholeskySolver=_smooth.NewtonCholeskySolver,
)


class GeneralizedDropIn(LinearDropIn):
    """Fitting, and the products that answers are made of."""

    _skops_types = tuple(
        f"sklearn._loss.{name}"
        for name in (
            "link.IdentityLink",
            "link.Interval",
            "link.LogLink",
            "loss.HalfGammaLoss",
            "loss.HalfPoissonLoss",
            "loss.HalfTweedieLoss",
            "loss.HalfTweedieLossIdentity",
            "_loss.CyHalfGammaLoss",
            "_loss.CyHalfPoissonLoss",
            "_loss.CyHalfTweedieLoss",
            "_loss.CyHalfTweedieLossIdentity",
        )
    )

    @keeps_state
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the coefficients.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data. Products are taken in the type of X, sums over samples in float64.
        y : array-like of shape (n_samples,)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights; None: all 1.

        Returns
        -------
        self : object
            The fitted model.
        """
        parent: Any = super()
        dispatch(
            self,
            "fit",
            FIT_CONDITIONS,
            self,
            lambda: _fit(self, _smooth.readable(X), y, sample_weight),
            lambda: parent.fit(X, y, sample_weight),
        )
        return self

    def _linear_predictor(self: Any, X: Any) -> np.ndarray:
        """Return the products of X with the coefficients plus the intercept, shape (n_samples,)."""
        predictions = self._predict_small(X)
        if predictions is not None:
            return predictions
        check_is_fitted(self)
        dtypes = [np.float64, np.float32]
        X = validate_data(self, with_checked_indices(X), accept_sparse=SPARSE, dtype=dtypes, reset=False)
        parent: Any = super()
        return dispatch(
            self,
            "predict",
            PREDICT_CONDITIONS,
            (self, X),
            lambda: self._predictions(X),
            lambda: parent._linear_predictor(X),
        )


class PoissonRegressor(GeneralizedDropIn, sklearn.linear_model.PoissonRegressor):
    __doc__ = sklearn.linear_model.PoissonRegressor.__doc__


class GammaRegressor(GeneralizedDropIn, sklearn.linear_model.GammaRegressor):
    __doc__ = sklearn.linear_model.GammaRegressor.__doc__


class TweedieRegressor(GeneralizedDropIn, sklearn.linear_model.TweedieRegressor):
    __doc__ = sklearn.linear_model.TweedieRegressor.__doc__
