"""Passive-aggressive models: each step is as long as it takes to correct the prediction."""

from typing import Any, Self

import sklearn.linear_model

from mlfast._state import keeps_state
from mlfast.linear_model._sgd import own, with_checked_rows
from mlfast.linear_model._stochastic import DescendingClassifier, DescendingRegressor


class PassiveAggressiveClassifier(DescendingClassifier, sklearn.linear_model.PassiveAggressiveClassifier):
    __doc__ = sklearn.linear_model.PassiveAggressiveClassifier.__doc__

    @keeps_state
    def fit(self, X: Any, y: Any, coef_init: Any = None, intercept_init: Any = None) -> Self:
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

        Returns
        -------
        self : PassiveAggressiveClassifier
            The fitted model.
        """
        return super().fit(with_checked_rows(X), y, coef_init, intercept_init)

    @keeps_state
    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Self:
        """Take each of some samples once.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples,)
            Their classes.
        classes : array-like of shape (n_classes,), default=None
            All classes that there will be; needed by the first call.

        Returns
        -------
        self : PassiveAggressiveClassifier
            The model.
        """
        return super().partial_fit(with_checked_rows(X), y, classes)


class PassiveAggressiveRegressor(DescendingRegressor, sklearn.linear_model.PassiveAggressiveRegressor):
    __doc__ = sklearn.linear_model.PassiveAggressiveRegressor.__doc__

    @keeps_state
    def fit(self, X: Any, y: Any, coef_init: Any = None, intercept_init: Any = None) -> Self:
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

        Returns
        -------
        self : PassiveAggressiveRegressor
            The fitted model.
        """
        return super().fit(with_checked_rows(X), y, own(coef_init), intercept_init)

    @keeps_state
    def partial_fit(self, X: Any, y: Any) -> Self:
        """Take each of some samples once.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples,)
            Their targets.

        Returns
        -------
        self : PassiveAggressiveRegressor
            The model.
        """
        return super().partial_fit(with_checked_rows(X), y)
