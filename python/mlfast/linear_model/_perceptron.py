"""The perceptron: stochastic gradient descent that only learns from samples on the wrong side."""

from typing import Any, Self

import sklearn.linear_model

from mlfast._state import keeps_state
from mlfast.linear_model._sgd import with_checked_rows
from mlfast.linear_model._stochastic import DescendingClassifier


class Perceptron(DescendingClassifier, sklearn.linear_model.Perceptron):
    __doc__ = sklearn.linear_model.Perceptron.__doc__

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
        self : Perceptron
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
        self : Perceptron
            The model.
        """
        return super().partial_fit(with_checked_rows(X), y, classes, sample_weight)
