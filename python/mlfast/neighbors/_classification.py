"""Classification by a vote of the neighbours."""

import warnings
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import sklearn.neighbors
from sklearn.metrics._pairwise_distances_reduction import RadiusNeighborsClassMode
from sklearn.utils.validation import _num_samples

from mlfast import _profile, _threads
from mlfast._core import UnsupportedInputError
from mlfast._dispatch import Condition, callers_level
from mlfast._state import keeps_state
from mlfast.neighbors._base import KNeighborsDropIn, NeighborsDropIn, RadiusNeighborsDropIn, by_distance, find_cache

VOTE_CONDITIONS = (
    Condition(
        "metric_params is given, which scikit-learn's votes do not always heed",
        lambda call: bool(call.estimator.metric_params),
    ),
)


class ClassifierDropIn(NeighborsDropIn):
    """Labels as numbers and back."""

    if TYPE_CHECKING:  # scikit-learn's own, which says nothing about types

        def fit(self, X: Any, y: Any) -> Self: ...

    def _check_rows(self, state: dict[str, Any]) -> None:
        super()._check_rows(state)
        codes, classes = np.asarray(state.get("_y")), state.get("classes_")
        columns = codes.reshape(state["n_samples_fit_"], -1).T if codes.dtype.kind == "i" else ()
        classes = [classes] if isinstance(classes, np.ndarray) else (classes or ())
        if len(columns) != len(classes) or any(
            column.min() < 0 or column.max() >= len(known) for column, known in zip(columns, classes, strict=True)
        ):
            raise ValueError("corrupt state: _y must hold positions in classes_")

    def _coded(self: Any) -> dict[str, Any]:
        """Return the fitted labels as Rust reads them."""
        classes = self.classes_ if self.outputs_2d_ else [self.classes_]
        codes = np.ascontiguousarray(self._y.reshape(len(self._y), -1), dtype=np.int64)
        n_classes = [len(known) for known in classes]
        if not all(n_classes):
            raise ValueError("corrupt state: classes_ must hold a class for each output")
        return {"codes": codes, "n_classes": n_classes}

    def _decoded(self: Any, codes: np.ndarray) -> np.ndarray:
        """Return the labels of codes of shape (n_queries, n_outputs)."""
        if not self.outputs_2d_:
            return self.classes_.take(codes[:, 0])
        labels = np.empty(codes.shape, dtype=self.classes_[0].dtype)
        for output, known in enumerate(self.classes_):
            labels[:, output] = known.take(codes[:, output])
        return labels


class KNeighborsClassifier(ClassifierDropIn, KNeighborsDropIn, sklearn.neighbors.KNeighborsClassifier):
    __doc__ = sklearn.neighbors.KNeighborsClassifier.__doc__

    def predict(self, X: Any) -> np.ndarray:
        """Predict the class of each sample: the one with the largest vote.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_queries, n_features), or None
            New data; None: the fitted rows, none of which counts as its own neighbour. With precomputed distances their
            shape is ``(n_queries, n_samples_fit)``.

        Returns
        -------
        y : ndarray of shape (n_queries,) or (n_queries, n_outputs)
            The classes; of equal votes the first class in ``classes_``.
        """
        # A few plain rows need no more checks than Rust makes by itself.
        state = self.__dict__
        cache = find_cache(id(self))
        votes = None if cache is None else cache.votes
        fitted: Any = state.get("_fit_X")
        if votes is not None and type(X) is np.ndarray and X is not fitted and "feature_names_in_" not in state:
            n_neighbors, weights, rows, labels, classes, metric, p, layout, classify_few, arguments = votes
            if (
                n_neighbors is self.n_neighbors
                and weights is self.weights
                and rows is fitted
                and labels is self._y
                and classes is self.classes_
                and metric is self.effective_metric_
                and p is self.effective_metric_params_.get("p")
                and layout == (rows.shape, rows.dtype, labels.shape, labels.dtype)
                and (_profile.is_idle or not _profile.is_wanted())
            ):
                codes = classify_few(X, *arguments)
                if codes is not None:
                    return self._decoded(codes) if self.outputs_2d_ else classes.take(codes[:, 0])
        return self._dispatched(
            "predict",
            lambda: self._classified(X),
            lambda: super(KNeighborsClassifier, self).predict(X),
            VOTE_CONDITIONS,
        )

    def _classified(self, X: Any) -> np.ndarray:
        is_weighted = by_distance(self.weights)
        if is_weighted is None:
            return super().predict(X)
        self._refuse_zeros(X)
        k = self.n_neighbors
        queries, index, coded = self._queries_for(X, k), self._index(), self._coded()
        codes = index.classify(
            x=queries, n_neighbors=k, by_distance=is_weighted, n_threads=_threads.resolve(self.n_jobs), **coded
        )
        rows, labels, p = self._fit_X, self._y, self.effective_metric_params_.get("p")
        self._cached().votes = (
            *(k, self.weights, rows, labels, self.classes_, self.effective_metric_, p),
            (rows.shape, rows.dtype, labels.shape, labels.dtype),
            index.classify_few,
            (int(k), is_weighted, *coded.values()),
        )
        return self._decoded(codes)

    def predict_proba(self, X: Any) -> Any:
        """Estimate the probability of each class: its fraction of the votes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_queries, n_features), or None
            New data; None: the fitted rows, none of which counts as its own neighbour. With precomputed distances their
            shape is ``(n_queries, n_samples_fit)``.

        Returns
        -------
        p : ndarray of shape (n_queries, n_classes), or a list of one for each output
            Probabilities, in the order of ``classes_``.
        """
        return self._dispatched(
            "predict_proba",
            lambda: self._fractions(X),
            lambda: super(KNeighborsClassifier, self).predict_proba(X),
            VOTE_CONDITIONS,
        )

    def _fractions(self, X: Any) -> Any:
        is_weighted = by_distance(self.weights)
        if is_weighted is None:
            return super().predict_proba(X)
        self._refuse_zeros(X)
        fractions = self._index().vote(
            x=self._queries_for(X, self.n_neighbors),
            n_neighbors=self.n_neighbors,
            by_distance=is_weighted,
            n_threads=_threads.resolve(self.n_jobs),
            **self._coded(),
        )
        return fractions if self.outputs_2d_ else fractions[0]


class RadiusNeighborsClassifier(ClassifierDropIn, RadiusNeighborsDropIn, sklearn.neighbors.RadiusNeighborsClassifier):
    __doc__ = sklearn.neighbors.RadiusNeighborsClassifier.__doc__

    @keeps_state
    def fit(self, X: Any, y: Any) -> Self:
        """Keep the rows and their labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows; with precomputed distances of shape ``(n_samples, n_samples)``.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their labels.

        Returns
        -------
        self : RadiusNeighborsClassifier
            The fitted classifier.
        """
        return super().fit(X, y)

    def predict_proba(self, X: Any) -> Any:
        """Estimate the probability of each class: its fraction of the votes within the radius.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_queries, n_features), or None
            New data; None: the fitted rows, none of which counts as its own neighbour. With precomputed distances their
            shape is ``(n_queries, n_samples_fit)``.

        Returns
        -------
        p : ndarray of shape (n_queries, n_classes), or a list of one for each output
            Probabilities, in the order of ``classes_``. A sample without neighbours has ``outlier_label``.
        """
        return self._dispatched(
            "predict_proba",
            lambda: self._fractions(X),
            lambda: super(RadiusNeighborsClassifier, self).predict_proba(X),
            VOTE_CONDITIONS,
        )

    def _fractions(self, X: Any) -> Any:
        is_weighted = by_distance(self.weights)
        if is_weighted is None or X is None:
            return super().predict_proba(X)
        self._refuse_zeros(X)
        _num_samples(X)  # what has no length is refused in these words, before it is looked at as rows
        votes, counts = self._index().vote_radius(
            x=self._queries(X),
            radius=self._checked_radius(),
            by_distance=is_weighted,
            n_threads=_threads.resolve(self.n_jobs),
            **self._coded(),
        )
        alone = np.flatnonzero(counts == 0)
        for output, fractions in enumerate(votes):
            if alone.size:
                self._settle(fractions, alone, *self._outlier_label(X, output))
            total = fractions.sum(axis=1, keepdims=True)
            total[total == 0.0] = 1.0
            fractions /= total
        return votes if self.outputs_2d_ else votes[0]

    def _outlier_label(self: Any, X: Any, output: int) -> tuple[Any, Any]:
        """Return the label of samples without neighbours, and the labels among which scikit-learn looks for it."""
        if self.outlier_label_ is None:
            raise UnsupportedInputError("some samples have no neighbors")
        metric = "euclidean" if self.metric == "minkowski" and self.p == 2 else self.metric
        if (
            self.weights == "uniform"
            and self._fit_method == "brute"
            and not self.outputs_2d_
            and RadiusNeighborsClassMode.is_usable_for(X, self._fit_X, metric)
        ):
            # This one of its ways takes the numbers of the classes for their names.
            return self.outlier_label, np.arange(len(self.classes_))
        return self.outlier_label_[output], self.classes_[output] if self.outputs_2d_ else self.classes_

    @staticmethod
    def _settle(fractions: np.ndarray, alone: np.ndarray, label: Any, known: np.ndarray) -> None:
        found = [position for position, name in enumerate(known.tolist()) if name == label]
        if len(found) == 1:
            fractions[alone, found[0]] = 1.0
        else:
            warnings.warn(
                f"Outlier label {label} is not in training classes. All class probabilities of outliers will be "
                "assigned with 0.",
                stacklevel=callers_level(),
            )
