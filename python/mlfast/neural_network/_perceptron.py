"""Multilayer perceptrons."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import sklearn.neural_network

from mlfast.neural_network._base import NetworkDropIn


class MLPClassifier(NetworkDropIn, sklearn.neural_network.MLPClassifier):
    __doc__ = sklearn.neural_network.MLPClassifier.__doc__

    if TYPE_CHECKING:  # scikit-learn's own, which says nothing about types

        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self: ...

    def predict(self, X: Any) -> np.ndarray:
        """Predict the class of each sample.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Classes, or which labels each sample has.
        """
        outputs = self._predict_small(X)
        if outputs is None or self._label_binarizer.sparse_input_:
            return super().predict(X)
        if self._label_binarizer.y_type_.startswith("multilabel"):
            return (outputs > 0.5).astype(int)
        if outputs.shape[1] > 1:
            return self.classes_.take(outputs.argmax(axis=1))
        # Of one class only, the first is the last too.
        return self.classes_.take((outputs[:, 0] > 0.5).astype(np.intp), mode="clip")

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        p : ndarray of shape (n_samples, n_classes)
            Probabilities, classes in the order of ``classes_``.
        """
        outputs = self._predict_small(X)
        if outputs is None:
            return super().predict_proba(X)
        return outputs if outputs.shape[1] > 1 else np.hstack([1 - outputs, outputs])

    def _metric(self) -> str:
        return "one of many" if self.out_activation_ == "softmax" else "each"


class MLPRegressor(NetworkDropIn, sklearn.neural_network.MLPRegressor):
    __doc__ = sklearn.neural_network.MLPRegressor.__doc__

    if TYPE_CHECKING:  # scikit-learn's own, which says nothing about types

        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self: ...

    def predict(self, X: Any) -> np.ndarray:
        """Predict the targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        """
        outputs = self._predict_small(X)
        if outputs is None:
            return super().predict(X)
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs

    def _metric(self) -> str:
        return "variance"
