"""The tree estimators."""

from typing import Any, Self

import numpy as np
import sklearn.tree
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets

from mlfast._core import tree as core
from mlfast._state import _fit_context, keeps_state
from mlfast.tree._base import TreeDropIn


class DecisionTreeClassifier(TreeDropIn, sklearn.tree.DecisionTreeClassifier):
    __doc__ = sklearn.tree.DecisionTreeClassifier.__doc__

    _criteria = ("gini", "entropy", "log_loss")

    @keeps_state
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, check_input: bool = True) -> Self:
        """Grow the tree.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data, read as float32.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Classes.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights; None: all 1. No split leaves a side without weight, or with a class of negative weight.
        check_input : bool, default=True
            Whether to validate the data; without it ``X`` must be of float32, dense or CSC.

        Returns
        -------
        self : DecisionTreeClassifier
            The fitted tree.
        """
        return self._fitted(
            X,
            y,
            sample_weight,
            check_input,
            lambda: super(DecisionTreeClassifier, self).fit(X, y, sample_weight, check_input),
        )

    def _targets(self: Any, y: np.ndarray) -> tuple[np.ndarray, list[int] | None, np.ndarray | None]:
        # Whole numbers are classes; scikit-learn may only find that they are too many.
        is_plain = y.dtype.kind in "iub" and y.shape[1] == 1
        if not is_plain:
            check_classification_targets(y)
        self.classes_, columns = [], []
        for column in y.T:
            known, codes = np.unique(column, return_inverse=True)
            self.classes_.append(known)
            columns.append(codes)
        n_classes = [len(known) for known in self.classes_]
        if is_plain and 2 * n_classes[0] > len(y):
            check_classification_targets(y)
        self.n_classes_ = np.array(n_classes, dtype=np.intp)
        weights = None if self.class_weight is None else compute_sample_weight(self.class_weight, y)
        return np.ascontiguousarray(np.column_stack(columns), dtype=np.int64), n_classes, weights

    def _name_classes(self: Any) -> None:
        if self.n_outputs_ == 1:
            self.n_classes_, self.classes_ = self.n_classes_[0], self.classes_[0]

    def predict(self, X: Any, check_input: bool = True) -> np.ndarray:
        """Predict the class of each sample: the most frequent one in its leaf.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data, read as float32.
        check_input : bool, default=True
            Whether to validate ``X``; without it ``X`` must be of float32, dense or CSR.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The classes; of equally frequent ones the first in ``classes_``.
        """
        return self._walked(
            "predict",
            X,
            check_input,
            self._elected,
            lambda: super(DecisionTreeClassifier, self).predict(X, check_input),
        )

    def _elected(self: Any, state: dict[str, Any], samples: Any, n_threads: int) -> np.ndarray:
        codes = core.classify(nodes=state["nodes"], values=state["values"], x=samples, n_threads=n_threads)
        if self.n_outputs_ == 1:
            return self.classes_.take(codes[:, 0], axis=0)
        labels = np.zeros(codes.shape, dtype=self.classes_[0].dtype)
        for output, known in enumerate(self.classes_):
            labels[:, output] = known.take(codes[:, output], axis=0)
        return labels

    def predict_proba(self, X: Any, check_input: bool = True) -> Any:
        """Estimate the probability of each class: its fraction of the samples in the leaf.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data, read as float32.
        check_input : bool, default=True
            Whether to validate ``X``; without it ``X`` must be of float32, dense or CSR.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes), or a list of one for each output
            Probabilities, in the order of ``classes_``.
        """
        return self._walked(
            "predict_proba",
            X,
            check_input,
            self._fractions,
            lambda: super(DecisionTreeClassifier, self).predict_proba(X, check_input),
        )

    def _fractions(self, state: dict[str, Any], samples: Any, n_threads: int) -> Any:
        fractions = self._values(state, samples, n_threads)
        if self.n_outputs_ == 1:
            return fractions[:, 0, : self.n_classes_]
        return [fractions[:, output, :count] for output, count in enumerate(self.n_classes_)]


class DecisionTreeRegressor(TreeDropIn, sklearn.tree.DecisionTreeRegressor):
    __doc__ = sklearn.tree.DecisionTreeRegressor.__doc__

    _criteria = ("squared_error", "absolute_error", "poisson")

    @keeps_state
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, check_input: bool = True) -> Self:
        """Grow the tree.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data, read as float32.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets, read as float64.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights; None: all 1. No split leaves a side without weight.
        check_input : bool, default=True
            Whether to validate the data; without it ``X`` must be of float32, dense or CSC.

        Returns
        -------
        self : DecisionTreeRegressor
            The fitted tree.
        """
        return self._fitted(
            X,
            y,
            sample_weight,
            check_input,
            lambda: super(DecisionTreeRegressor, self).fit(X, y, sample_weight, check_input),
        )

    def predict(self, X: Any, check_input: bool = True) -> np.ndarray:
        """Predict the target of each sample: the mean (or median) of its leaf.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data, read as float32.
        check_input : bool, default=True
            Whether to validate ``X``; without it ``X`` must be of float32, dense or CSR.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The targets.
        """
        return self._walked(
            "predict",
            X,
            check_input,
            self._means,
            lambda: super(DecisionTreeRegressor, self).predict(X, check_input),
        )

    def _means(self, state: dict[str, Any], samples: Any, n_threads: int) -> np.ndarray:
        means = self._values(state, samples, n_threads)
        return means[:, 0, 0] if self.n_outputs_ == 1 else means[:, :, 0]


class ExtraTreeClassifier(DecisionTreeClassifier, sklearn.tree.ExtraTreeClassifier):
    __doc__ = sklearn.tree.ExtraTreeClassifier.__doc__


class ExtraTreeRegressor(DecisionTreeRegressor, sklearn.tree.ExtraTreeRegressor):
    __doc__ = sklearn.tree.ExtraTreeRegressor.__doc__
