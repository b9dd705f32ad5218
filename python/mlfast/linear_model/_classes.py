"""What the linear classifiers share: one score for each class, or one for two of them."""

from typing import Any

import numpy as np
import scipy.sparse as sp

from mlfast.linear_model._base import LinearDropIn


def flat(scores: np.ndarray) -> np.ndarray:
    """Return scores of shape (n_samples, 1) without their second axis, others as they are."""
    return scores.reshape(-1) if scores.ndim == 2 and scores.shape[1] == 1 else scores


class LinearClassifierDropIn(LinearDropIn):
    """Answers of a linear classifier."""

    def _check_state(self, state: dict[str, Any]) -> None:
        super()._check_state(state)
        if "coef_" not in state or sp.issparse(state["coef_"]):
            return
        classes: Any = state.get("classes_")
        n_scores = 1 if state["coef_"].ndim == 1 else len(state["coef_"])
        if not isinstance(classes, np.ndarray) or classes.ndim != 1:
            raise ValueError("corrupt state: classes_ must be an array with one axis")
        if n_scores != (len(classes) if len(classes) > 2 else 1):
            raise ValueError("corrupt state: coef_ and classes_ disagree")

    def decision_function(self: Any, X: Any) -> np.ndarray:
        """Return how far each sample is on the side of a class, in units of the length of its coefficients.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
            One score for each class; of two classes, that of ``classes_[1]``.
        """
        parent: Any = super()
        return self._answered("decision_function", X, lambda: parent.decision_function(X), flat, "csr")

    def predict(self: Any, X: Any) -> np.ndarray:
        """Predict the class of each sample.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Classes.
        """
        scores = self._predict_small(X)
        if scores is not None:
            return self._chosen(scores)
        parent: Any = super()
        return self._answered("predict", X, lambda: parent.predict(X), self._chosen, "csr")

    def _chosen(self: Any, scores: np.ndarray) -> np.ndarray:
        """Return the class that the scores speak for, shape (n_samples,)."""
        if scores.size == 1:
            second = scores.item() > 0
            return self.classes_[int(second) : int(second) + 1].copy()
        scores = flat(scores)
        chosen = (scores > 0).astype(np.intp) if scores.ndim == 1 else scores.argmax(axis=1)
        return self.classes_.take(chosen)
