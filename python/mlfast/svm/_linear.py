"""Linear support vector machines."""

from typing import Any, Self

import numpy as np
import scipy.sparse as sp
import sklearn.svm
from sklearn.svm._classes import _validate_dual_parameter
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from mlfast._declared import in_rust
from mlfast._dispatch import Condition
from mlfast.linear_model._base import LinearDropIn, LinearRegressorDropIn
from mlfast.linear_model._classes import LinearClassifierDropIn
from mlfast.linear_model._liblinear import fit_liblinear, with_narrow_indices

FIT_CONDITIONS = (
    Condition("verbose is set: LIBLINEAR prints as it goes along", lambda call: bool(call.estimator.verbose)),
)


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

    @in_rust(when=FIT_CONDITIONS)
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


class LinearSVR(LinearRegressorDropIn, sklearn.svm.LinearSVR):
    __doc__ = sklearn.svm.LinearSVR.__doc__

    @in_rust(when=FIT_CONDITIONS)
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


def _checked(est: Any, X: Any, y: Any) -> tuple[Any, np.ndarray]:
    """Check training data as scikit-learn does for LIBLINEAR, which counts in 32 bits."""
    X = with_narrow_indices(X)
    return validate_data(est, X, y, accept_sparse="csr", dtype=np.float64, order="C", accept_large_sparse=False)
