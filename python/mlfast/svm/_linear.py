"""Linear support vector machines."""

from typing import Any, Self

import numpy as np
import scipy.sparse as sp
import sklearn.svm
from sklearn.svm._classes import _validate_dual_parameter
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from mlfast._dispatch import Condition, dispatch
from mlfast._state import _fit_context, keeps_state
from mlfast.linear_model._base import LinearDropIn
from mlfast.linear_model._classes import LinearClassifierDropIn
from mlfast.linear_model._liblinear import fit_liblinear, with_narrow_indices

FIT_CONDITIONS = (Condition("verbose is set: LIBLINEAR prints as it goes along", lambda model: bool(model.verbose)),)


class LinearSVC(LinearClassifierDropIn, sklearn.svm.LinearSVC):
    __doc__ = sklearn.svm.LinearSVC.__doc__

    def _check_state(self, state: dict[str, Any]) -> None:
        coef: Any = state.get("coef_")
        classes: Any = state.get("classes_", ())
        if sp.issparse(coef):  # by `sparsify`
            coef = coef.toarray()
            state = {**state, "coef_": coef}
        # As in scikit-learn, a class whose samples weigh nothing has no coefficients.
        if np.ndim(coef) == 2 and np.ndim(classes) == 1 and len(coef) < len(classes) > 2:
            LinearDropIn._check_state(self, state)
        else:
            super()._check_state(state)

    @keeps_state
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the coefficients that leave the classes the widest margin.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data, computed in float64.
        y : array-like of shape (n_samples,)
            Classes.
        sample_weight : array-like of shape (n_samples,), default=None
            What the cost of each sample is multiplied by; None: all 1.

        Returns
        -------
        self : LinearSVC
            The fitted model.
        """
        return dispatch(
            self,
            "fit",
            FIT_CONDITIONS,
            self,
            lambda: self._fit_in_rust(X, y, sample_weight),
            lambda: super(LinearSVC, self).fit(X, y, sample_weight),
        )

    def _fit_in_rust(self: Any, X: Any, y: Any, sample_weight: Any) -> "LinearSVC":
        X, y = _checked(self, X, y)
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        coef, intercept, n_iter = fit_liblinear(
            X,
            y,
            self.C,
            self.fit_intercept,
            self.intercept_scaling,
            self.class_weight,
            self.penalty,
            _validate_dual_parameter(self.dual, self.loss, self.penalty, self.multi_class, X),
            self.verbose,
            self.max_iter,
            self.tol,
            self.random_state,
            self.multi_class,
            self.loss,
            sample_weight=sample_weight,
        )
        if self.multi_class == "crammer_singer" and len(self.classes_) == 2:
            coef = coef[1:] - coef[:1]
            if self.fit_intercept:
                intercept = np.diff(intercept)
        self.coef_, self.intercept_, self.n_iter_ = coef, intercept, n_iter.max().item()
        return self


class LinearSVR(LinearDropIn, sklearn.svm.LinearSVR):
    __doc__ = sklearn.svm.LinearSVR.__doc__

    @keeps_state
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the coefficients with the least error outside a tube.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data, computed in float64.
        y : array-like of shape (n_samples,)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            What the cost of each sample is multiplied by; None: all 1.

        Returns
        -------
        self : LinearSVR
            The fitted model.
        """
        return dispatch(
            self,
            "fit",
            FIT_CONDITIONS,
            self,
            lambda: self._fit_in_rust(X, y, sample_weight),
            lambda: super(LinearSVR, self).fit(X, y, sample_weight),
        )

    def _fit_in_rust(self: Any, X: Any, y: Any, sample_weight: Any) -> "LinearSVR":
        X, y = _checked(self, X, y)
        coef, self.intercept_, n_iter = fit_liblinear(
            X,
            y,
            self.C,
            self.fit_intercept,
            self.intercept_scaling,
            None,
            "l2",
            _validate_dual_parameter(self.dual, self.loss, "l2", "ovr", X),
            self.verbose,
            self.max_iter,
            self.tol,
            self.random_state,
            loss=self.loss,
            epsilon=self.epsilon,
            sample_weight=sample_weight,
        )
        self.coef_, self.n_iter_ = coef.ravel(), n_iter.max().item()
        return self

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
        return self._answered("predict", X, lambda: super(LinearSVR, self).predict(X))


def _checked(est: Any, X: Any, y: Any) -> tuple[Any, np.ndarray]:
    """Check training data as scikit-learn does for LIBLINEAR, which counts in 32 bits."""
    X = with_narrow_indices(X)
    return validate_data(est, X, y, accept_sparse="csr", dtype=np.float64, order="C", accept_large_sparse=False)
