"""Random forests and extremely randomized trees."""

from typing import Any

import numpy as np
import sklearn.ensemble
from sklearn.metrics import accuracy_score, r2_score

import mlfast.tree
from mlfast._core import ensemble as core
from mlfast.ensemble._base import ForestDropIn


class ForestClassifierDropIn(ForestDropIn):
    """What forests for classification share."""

    def _name_classes(self: Any) -> None:
        if self.n_outputs_ == 1:
            self.n_classes_, self.classes_ = self.n_classes_[0], self.classes_[0]

    def _class_counts(self: Any) -> list[int]:
        return [int(count) for count in np.atleast_1d(self.n_classes_)]

    def _set_out_of_bag(self: Any, y: np.ndarray, predictions: np.ndarray) -> None:
        predictions = np.ascontiguousarray(predictions.transpose(0, 2, 1))
        self.oob_decision_function_ = predictions[:, :, 0] if self.n_outputs_ == 1 else predictions
        score = self.oob_score if callable(self.oob_score) else accuracy_score
        self.oob_score_ = score(y.astype(np.float64), np.argmax(self.oob_decision_function_, axis=1))

    def predict_proba(self: Any, X: Any) -> Any:
        """Estimate the probability of each class: the mean of what the trees estimate.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data, read as float32.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes), or a list of one for each output
            Probabilities, in the order of ``classes_``.
        """

        def ask(forest: core.Forest, samples: Any, n_threads: int) -> Any:
            fractions = forest.mean(x=samples, n_threads=n_threads)
            if self.n_outputs_ == 1:
                return fractions[:, 0, :]
            return [np.ascontiguousarray(fractions[:, output, :count]) for output, count in enumerate(self.n_classes_)]

        return self._asked(
            "predict_proba",
            X,
            ask,
            lambda: super(ForestClassifierDropIn, self).predict_proba(X),  # type: ignore[misc]
        )


class ForestRegressorDropIn(ForestDropIn):
    """What forests for regression share."""

    def _set_out_of_bag(self: Any, y: np.ndarray, predictions: np.ndarray) -> None:
        self.oob_prediction_ = predictions[:, 0, 0] if self.n_outputs_ == 1 else predictions[:, :, 0]
        score = self.oob_score if callable(self.oob_score) else r2_score
        self.oob_score_ = score(y, self.oob_prediction_)

    def predict(self: Any, X: Any) -> np.ndarray:
        """Predict the target of each sample: the mean of what the trees predict.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data, read as float32.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The targets.
        """

        def ask(forest: core.Forest, samples: Any, n_threads: int) -> np.ndarray:
            means = forest.mean(x=samples, n_threads=n_threads)
            return means[:, 0, 0] if self.n_outputs_ == 1 else means[:, :, 0]

        return self._asked(
            "predict",
            X,
            ask,
            lambda: super(ForestRegressorDropIn, self).predict(X),  # type: ignore[misc]
        )


class RandomForestClassifier(ForestClassifierDropIn, sklearn.ensemble.RandomForestClassifier):
    __doc__ = sklearn.ensemble.RandomForestClassifier.__doc__

    _tree = mlfast.tree.DecisionTreeClassifier


class RandomForestRegressor(ForestRegressorDropIn, sklearn.ensemble.RandomForestRegressor):
    __doc__ = sklearn.ensemble.RandomForestRegressor.__doc__

    _tree = mlfast.tree.DecisionTreeRegressor


class ExtraTreesClassifier(ForestClassifierDropIn, sklearn.ensemble.ExtraTreesClassifier):
    __doc__ = sklearn.ensemble.ExtraTreesClassifier.__doc__

    _tree = mlfast.tree.ExtraTreeClassifier


class ExtraTreesRegressor(ForestRegressorDropIn, sklearn.ensemble.ExtraTreesRegressor):
    __doc__ = sklearn.ensemble.ExtraTreesRegressor.__doc__

    _tree = mlfast.tree.ExtraTreeRegressor
