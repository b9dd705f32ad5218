"""Linear models by stochastic gradient descent."""

import numbers
from typing import Any, Self

import numpy as np
import sklearn.linear_model
from sklearn.linear_model._stochastic_gradient import MAX_INT
from sklearn.metrics import r2_score
from sklearn.utils import check_random_state

from mlfast import _threads
from mlfast._dispatch import dispatch
from mlfast._state import keeps_state
from mlfast.linear_model._base import LinearDropIn
from mlfast.linear_model._classes import LinearClassifierDropIn
from mlfast.linear_model._sgd import (
    FIT_CONDITIONS,
    LOSS_TYPES,
    descended,
    generator,
    is_averaged,
    own,
    renewed,
    restore_rng_on_fallback,
    seed_after_that_of_rows,
    with_checked_rows,
)


class DescendingClassifier(LinearClassifierDropIn):
    """A linear classifier that is fitted one sample at a time, of more than two classes each against the others."""

    _skops_types = LOSS_TYPES

    def _fit_binary(
        self: Any, X: Any, y: Any, alpha: Any, sample_weight: Any, learning_rate: Any, max_iter: Any
    ) -> None:
        given = (X, y, alpha, sample_weight, learning_rate, max_iter)
        parent: Any = super()
        dispatch(
            self, "fit", FIT_CONDITIONS, (self, y), lambda: self._descend(*given), lambda: parent._fit_binary(*given)
        )

    def _fit_multiclass(
        self: Any, X: Any, y: Any, alpha: Any, learning_rate: Any, sample_weight: Any, max_iter: Any
    ) -> None:
        parent: Any = super()
        dispatch(
            self,
            "fit",
            FIT_CONDITIONS,
            (self, y),
            lambda: self._descend_for_each(X, y, alpha, sample_weight, learning_rate, max_iter),
            lambda: parent._fit_multiclass(X, y, alpha, learning_rate, sample_weight, max_iter),
        )

    def _descend(self: Any, X: Any, y: Any, alpha: Any, sample_weight: Any, learning_rate: Any, max_iter: Any) -> None:
        """Fit the second class against the first."""
        is_log = type(self._loss_function_).__name__ == "CyHalfBinomialLoss"
        sides = np.where(y == self.classes_[1], 1, 0 if is_log else -1).astype(X.dtype)
        intercept = (self._standard_intercept if self.average else self.intercept_)[0]
        with restore_rng_on_fallback(self.random_state):
            random = generator(self.random_state)
            random.randint(1, MAX_INT)  # scikit-learn's table of rows draws a seed, and does not use it
            mask = self._make_validation_split(sides, sample_mask=sample_weight > 0)
            found = descended(
                self,
                X,
                sides,
                loss=self._loss_function_,
                alpha=alpha,
                learning_rate=learning_rate,
                sample_weight=sample_weight,
                validation_mask=mask,
                max_iter=max_iter,
                seeds=[int(random.randint(MAX_INT))],
                class_weights=[(self._expanded_class_weight[1], self._expanded_class_weight[0])],
                intercepts=[float(intercept)],
            )
        (self.n_iter_,) = found["n_iter"]
        self.t_ += self.n_iter_ * X.shape[0]
        if not self.average:
            self.coef_, self.intercept_ = found["coef"], found["intercepts"]
            return
        self._standard_coef, self._average_coef = found["coef"].ravel(), found["average_coef"].ravel()
        self._average_intercept = found["average_intercepts"].astype(X.dtype)
        if is_averaged(self):
            self.coef_, self.intercept_ = self._average_coef.reshape(1, -1), self._average_intercept
        else:
            self.coef_ = self._standard_coef.reshape(1, -1)
            self.intercept_ = self._standard_intercept = found["intercepts"]

    def _descend_for_each(
        self: Any, X: Any, y: Any, alpha: Any, sample_weight: Any, learning_rate: Any, max_iter: Any
    ) -> None:
        """Fit each class against the others."""
        codes = np.full(len(y), -1, dtype=np.int32)
        for code, name in enumerate(self.classes_):
            codes[y == name] = code
        n_threads = _threads.resolve(self.n_jobs)
        with restore_rng_on_fallback(self.random_state):
            mask = self._make_validation_split(y, sample_mask=sample_weight > 0)
            seeds = generator(self.random_state).randint(MAX_INT, size=len(self.classes_))
            found = descended(
                self,
                X,
                codes,
                loss=self._loss_function_,
                alpha=alpha,
                learning_rate=learning_rate,
                sample_weight=sample_weight,
                validation_mask=mask,
                max_iter=max_iter,
                seeds=[seed_after_that_of_rows(generator(seed)) for seed in seeds],
                class_weights=[(weight, 1.0) for weight in self._expanded_class_weight],
                intercepts=(self._standard_intercept if self.average else self.intercept_).tolist(),
                n_threads=n_threads,
            )
        self.n_iter_ = max(found["n_iter"])
        self.t_ += self.n_iter_ * X.shape[0]
        if not self.average:
            self.coef_, self.intercept_ = found["coef"], found["intercepts"].astype(X.dtype)
            return
        self._standard_coef, self._average_coef = found["coef"], found["average_coef"]
        # In place and in this order: scikit-learn's intercepts are one array with their averages, once these count.
        self._average_intercept[:] = found["average_intercepts"]
        self.intercept_[:] = found["intercepts"]
        if is_averaged(self):
            self.coef_, self.intercept_ = self._average_coef, self._average_intercept
        else:
            self.coef_, self.intercept_ = self._standard_coef, self._standard_intercept


class DescendingRegressor(LinearDropIn):
    """A linear regression that is fitted one sample at a time."""

    _skops_types = LOSS_TYPES

    def _fit_regressor(
        self: Any, X: Any, y: Any, alpha: Any, loss: Any, learning_rate: Any, sample_weight: Any, max_iter: Any
    ) -> None:
        given = (X, y, alpha, loss, learning_rate, sample_weight, max_iter)
        parent: Any = super()
        dispatch(
            self, "fit", FIT_CONDITIONS, (self, y), lambda: self._descend(*given), lambda: parent._fit_regressor(*given)
        )

    def _descend(
        self: Any, X: Any, y: Any, alpha: Any, loss: Any, learning_rate: Any, sample_weight: Any, max_iter: Any
    ) -> None:
        if not hasattr(self, "t_"):
            self.t_ = 1.0
        intercept = (self._standard_intercept if self.average else self.intercept_)[0]
        with restore_rng_on_fallback(self.random_state):
            mask = self._make_validation_split(y, sample_mask=sample_weight > 0)
            random = generator(self.random_state)
            seed = int(random.randint(0, MAX_INT))
            random.randint(1, MAX_INT)  # as scikit-learn's table of rows does
            found = descended(
                self,
                X,
                y,
                loss=self._get_loss_function(loss),
                alpha=alpha,
                learning_rate=learning_rate,
                sample_weight=sample_weight,
                validation_mask=mask,
                max_iter=max_iter,
                seeds=[seed],
                class_weights=[(1.0, 1.0)],
                intercepts=[float(intercept)],
            )
        (self.n_iter_,) = found["n_iter"]
        self.t_ += self.n_iter_ * X.shape[0]
        if self.early_stopping and mask.sum() == 1:
            for _ in range(self.n_iter_):
                r2_score(y[mask], y[mask])  # says after each pass what it cannot say
        intercept = found["intercepts"]
        if not self.average:
            coef = renewed(self.coef_, found["coef"].ravel())
        else:
            coef = self._standard_coef = found["coef"].ravel()
            self._average_coef = found["average_coef"].ravel()
            self._standard_intercept, self._average_intercept = intercept, found["average_intercepts"]
            if is_averaged(self):
                coef, intercept = self._average_coef, found["average_intercepts"].copy()
        self.coef_, self.intercept_ = coef, intercept

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
        parent: Any = super()
        return self._answered("predict", X, lambda: parent.predict(X), accept_sparse="csr")


class SGDClassifier(DescendingClassifier, sklearn.linear_model.SGDClassifier):
    __doc__ = sklearn.linear_model.SGDClassifier.__doc__

    @keeps_state
    def fit(self, X: Any, y: Any, coef_init: Any = None, intercept_init: Any = None, sample_weight: Any = None) -> Self:
        """Fit the coefficients, one sample at a time, over and over.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,)
            Classes.
        coef_init : array-like of shape (n_classes, n_features), default=None
            Where the coefficients begin; of two classes, those of the second.
        intercept_init : array-like of shape (n_classes,), default=None
            Where the intercepts begin.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights; None: all 1. They multiply those of the classes.

        Returns
        -------
        self : SGDClassifier
            The fitted model.
        """
        return super().fit(with_checked_rows(X), y, coef_init, intercept_init, sample_weight)

    @keeps_state
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Take each of some samples once.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples,)
            Their classes.
        classes : array-like of shape (n_classes,), default=None
            All classes that there will be; needed by the first call.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights; None: all 1.

        Returns
        -------
        self : SGDClassifier
            The model.
        """
        return super().partial_fit(with_checked_rows(X), y, classes, sample_weight)


class SGDRegressor(DescendingRegressor, sklearn.linear_model.SGDRegressor):
    __doc__ = sklearn.linear_model.SGDRegressor.__doc__

    @keeps_state
    def fit(self, X: Any, y: Any, coef_init: Any = None, intercept_init: Any = None, sample_weight: Any = None) -> Self:
        """Fit the coefficients, one sample at a time, over and over.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,)
            Targets.
        coef_init : array-like of shape (n_features,), default=None
            Where the coefficients begin.
        intercept_init : array-like of shape (1,), default=None
            Where the intercept begins.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights; None: all 1.

        Returns
        -------
        self : SGDRegressor
            The fitted model.
        """
        return super().fit(with_checked_rows(X), y, own(coef_init), intercept_init, sample_weight)

    @keeps_state
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Take each of some samples once.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples,)
            Their targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights; None: all 1.

        Returns
        -------
        self : SGDRegressor
            The model.
        """
        return super().partial_fit(with_checked_rows(X), y, sample_weight)


class SGDOneClassSVM(LinearDropIn, sklearn.linear_model.SGDOneClassSVM):
    __doc__ = sklearn.linear_model.SGDOneClassSVM.__doc__

    _skops_types = LOSS_TYPES

    @keeps_state
    def fit(
        self, X: Any, y: Any = None, coef_init: Any = None, offset_init: Any = None, sample_weight: Any = None
    ) -> Self:
        """Fit the side on which most samples are, one at a time, over and over.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.
        y : Ignored
            There for the sake of a common signature.
        coef_init : array-like of shape (n_features,), default=None
            Where the coefficients begin.
        offset_init : array-like of shape (1,), default=None
            Where the offset begins.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights; None: all 1.

        Returns
        -------
        self : SGDOneClassSVM
            The fitted model.
        """
        return super().fit(with_checked_rows(X), y, own(coef_init), offset_init, sample_weight)

    @keeps_state
    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Take each of some samples once.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.
        y : Ignored
            There for the sake of a common signature.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights; None: all 1.

        Returns
        -------
        self : SGDOneClassSVM
            The model.
        """
        return super().partial_fit(with_checked_rows(X), y, sample_weight)

    def _fit_one_class(self: Any, X: Any, alpha: Any, sample_weight: Any, learning_rate: Any, max_iter: Any) -> None:
        given = (X, alpha, sample_weight, learning_rate, max_iter)
        parent: Any = super()
        dispatch(
            self, "fit", FIT_CONDITIONS, (self, X), lambda: self._descend(*given), lambda: parent._fit_one_class(*given)
        )

    def _descend(self: Any, X: Any, alpha: Any, sample_weight: Any, learning_rate: Any, max_iter: Any) -> None:
        intercept = (self._standard_intercept if self.average else 1 - self.offset_)[0]
        n_samples = X.shape[0]
        # scikit-learn's table of rows, told of no generator, draws from the one that all share. A seed of one's own
        # does not care when, and to note the state of that generator takes as long as a small fit.
        draws_after = isinstance(self.random_state, numbers.Integral)
        with restore_rng_on_fallback(*() if draws_after else (None, self.random_state)):
            if not draws_after:
                check_random_state(None).randint(1, MAX_INT)
            found = descended(
                self,
                X,
                np.ones(n_samples, dtype=X.dtype),
                loss=self._loss_function_,
                alpha=alpha,
                learning_rate=learning_rate,
                sample_weight=sample_weight,
                validation_mask=np.zeros(n_samples, dtype=bool),
                max_iter=max_iter,
                seeds=[int(generator(self.random_state).randint(0, MAX_INT))],
                class_weights=[(1.0, 1.0)],
                intercepts=[float(intercept)],
                one_class=True,
            )
        if draws_after:
            check_random_state(None).randint(1, MAX_INT)
        (self.n_iter_,) = found["n_iter"]
        self.t_ += self.n_iter_ * n_samples
        intercept = found["intercepts"]
        if not self.average:
            coef = renewed(self.coef_, found["coef"].ravel())
        else:
            coef = self._standard_coef = found["coef"].ravel()
            self._average_coef = found["average_coef"].ravel()
            self._standard_intercept, self._average_intercept = intercept, found["average_intercepts"]
            if is_averaged(self):
                coef, intercept = self._average_coef, self._average_intercept
        self.coef_, self.offset_ = coef, 1 - intercept

    def _intercept(self: Any) -> Any:
        return -self.offset_

    def _check_state(self, state: dict[str, Any]) -> None:
        super()._check_state(state | {"intercept_": state.get("offset_")})

    def decision_function(self, X: Any) -> np.ndarray:
        """Return how far each sample is on the side of the fitted ones.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            Positive for inliers, negative for outliers.
        """
        parent: Any = super()
        return self._answered("decision_function", X, lambda: parent.decision_function(X), accept_sparse="csr")
