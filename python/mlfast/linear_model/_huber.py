"""Linear regression that outliers do not pull.

SciPy's L-BFGS-B, which keeps the scale above a bound, searches as it does for scikit-learn; what it asks for, the loss
and its gradient, is one pass over the rows in Rust.
"""

from typing import Any, Self

import numpy as np
import sklearn.linear_model

from mlfast import _threads
from mlfast._core import UnsupportedInputError
from mlfast._core import linear_model as core
from mlfast._dispatch import dispatch
from mlfast._rebound import rebound
from mlfast._sparse import with_checked_indices
from mlfast._state import _fit_context, keeps_state
from mlfast.linear_model._base import LinearDropIn


def _loss_and_gradient(
    parameters: np.ndarray, X: Any, y: np.ndarray, epsilon: float, alpha: float, sample_weight: np.ndarray
) -> tuple[float, np.ndarray]:
    """Return the loss and its gradient; the arguments are those of scikit-learn's function.

    Parameters
    ----------
    parameters : ndarray of shape (n_features + 1,) or (n_features + 2,)
        Coefficients, the intercept if there is one, and the scale.
    X : {ndarray, CSR matrix} of shape (n_samples, n_features)
        Features, of float32 or float64.
    y : ndarray of shape (n_samples,)
        Targets.
    epsilon : float
        Residuals of so many scales are the last whose squares count.
    alpha : float
        What the squared length of the coefficients costs.
    sample_weight : ndarray of shape (n_samples,)
        Weights.

    Returns
    -------
    loss : float
    gradient : ndarray of the shape of ``parameters``

    Raises
    ------
    ValueError
        If the parameters are of a fit with other features (``warm_start=True``).
    """
    if len(parameters) - X.shape[1] not in (1, 2):
        # scikit-learn's gradient is shorter than the parameters then, and SciPy reads what lies behind it.
        raise ValueError(
            f"X has {X.shape[1]} features, but with warm_start=True HuberRegressor goes on from coef_, which has "
            f"{len(parameters) - 2} features."
        )
    if y.dtype.kind not in "fiub":
        raise UnsupportedInputError("y holds no numbers")
    return core.huber_loss(
        x=X,
        y=np.ascontiguousarray(y, dtype=np.float64),
        weights=np.ascontiguousarray(sample_weight, dtype=np.float64),
        parameters=np.ascontiguousarray(parameters, dtype=np.float64),
        epsilon=float(epsilon),
        alpha=float(alpha),
        n_threads=_threads.resolve(),
    )


_fit = rebound(sklearn.linear_model.HuberRegressor.fit, _huber_loss_and_gradient=_loss_and_gradient)


class HuberRegressor(LinearDropIn, sklearn.linear_model.HuberRegressor):
    __doc__ = sklearn.linear_model.HuberRegressor.__doc__

    @keeps_state
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the coefficients, the intercept and the scale.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights; None: all 1.

        Returns
        -------
        self : HuberRegressor
            The fitted model.
        """
        return dispatch(
            self,
            "fit",
            (),
            None,
            lambda: _fit(self, with_checked_indices(X), y, sample_weight),
            lambda: super(HuberRegressor, self).fit(X, y, sample_weight),
        )

    def predict(self, X: Any) -> np.ndarray:
        """Predict the targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            The targets.
        """
        return self._answered("predict", X, lambda: super(HuberRegressor, self).predict(X))
