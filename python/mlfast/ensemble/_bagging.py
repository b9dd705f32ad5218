"""Bagging: estimators that each see a subsample of the rows and of the features.

Trees are grown in one call into Rust, which draws their subsamples from their seeds as scikit-learn does. Around any
other estimator, and where metadata are routed to it, the loop is scikit-learn's.
"""

import warnings
from numbers import Integral
from typing import Any, Self

import numpy as np
import sklearn.ensemble
from sklearn.utils import check_random_state
from sklearn.utils.metadata_routing import _routing_enabled
from sklearn.utils.validation import _check_sample_weight, validate_data

from mlfast import _threads
from mlfast._core import UnsupportedInputError
from mlfast._core import ensemble as core
from mlfast._dispatch import callers_level, dispatch
from mlfast._sparse import with_checked_indices
from mlfast._state import _fit_context, keeps_state
from mlfast.ensemble._ground import CLASSIFIERS, REGRESSORS, Ground, is_grown
from mlfast.ensemble._members import (
    AnyMembers,
    Portioned,
    are_trees,
    drawn_count,
    probabilities,
    renew_cache,
    seeds_behind,
)

#: How X is read.
READ: dict[str, Any] = {"accept_sparse": ["csr", "csc"], "dtype": None, "ensure_all_finite": False}


class BaggingDropIn(Portioned, AnyMembers):
    """Fitting and asking a bagging ensemble."""

    estimator: Any

    def _get_estimator(self: Any) -> Any:
        return self._kinds[0]() if self.estimator is None else self.estimator

    # ---- fitting ----

    @keeps_state
    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, **fit_params: Any) -> Self:
        """Fit the estimators, each on a subsample of the data.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Classes or numbers; more than one output only for numbers.
        sample_weight : array-like of shape (n_samples,), default=None
            Rows are drawn by weight; None: all alike.
        **fit_params : dict
            What metadata routing hands on to the estimators.

        Returns
        -------
        self : estimator
            The fitted ensemble.
        """
        X = with_checked_indices(X)

        def parent() -> None:
            super(BaggingDropIn, self).fit(X, y, sample_weight, **fit_params)  # type: ignore[misc]

        if is_grown(self.estimator, self._kinds) and not fit_params and not _routing_enabled():
            dispatch(self, "fit", (), None, lambda: self._fit_in_rust(X, y, sample_weight), parent)
        else:
            parent()
        renew_cache(self)
        return self

    def _fit_in_rust(self: Any, X: Any, y: Any, sample_weight: Any) -> None:
        X, y = validate_data(self, X, y, multi_output=True, **READ)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, dtype=None)
            if not self.bootstrap:
                message = (
                    f"When fitting {type(self).__name__} with sample_weight it is recommended to use bootstrap=True, "
                    f"got {self.bootstrap}."
                )
                warnings.warn(message, stacklevel=callers_level())
        random = check_random_state(self.random_state)
        self._n_samples = X.shape[0]
        y = self._validate_y(y)
        self._validate_estimator(self._get_estimator())
        self._set_sizes(X.shape[0], sample_weight)
        if self.oob_score and (self.warm_start or not self.bootstrap or y.ndim > 1):
            raise UnsupportedInputError("no out-of-bag score of such an ensemble, or of more than one output")
        if self.warm_start:
            self.__dict__.pop("oob_score_", None)
        is_more = self.warm_start and hasattr(self, "estimators_")
        known, features = (self.estimators_, self.estimators_features_) if is_more else ([], [])
        n_more = self._missing(known)
        if n_more == 0:
            return
        fractions = probabilities(sample_weight)
        ground = Ground(self.estimator_, X, y, self._max_features, _threads.resolve(self.n_jobs))
        self._seeds = seeds_behind(known, n_more, random)
        self._announce(n_more)
        grown = core.bag(
            columns=ground.columns,
            y=ground.targets,
            weights=ground.class_weights,
            probabilities=fractions,
            subsamples={
                "n_rows": self._max_samples,
                "replace_rows": self.bootstrap,
                "n_features": self._max_features,
                "replace_features": self.bootstrap_features,
            },
            seeds=self._seeds.tolist(),
            **ground.common,
        )
        self._add(ground.template, grown, known, features)
        if self.oob_score:
            self._set_oob_score(X, y)

    def _set_sizes(self: Any, n_samples: int, weights: np.ndarray | None) -> None:
        """Set how many rows and features are drawn for each estimator."""
        self._max_samples = drawn_count(n_samples, self.max_samples, weights)
        if not self.bootstrap and self._max_samples > n_samples:
            raise UnsupportedInputError("there are more rows to draw than there are")
        n_features = self.max_features
        if not isinstance(n_features, Integral):
            n_features = int(n_features * self.n_features_in_)
        if n_features > self.n_features_in_:
            raise UnsupportedInputError("there are more features to draw than there are")
        self._max_features = max(1, int(n_features))
        self._sample_weight = weights

    # ---- asking ----

    def _is_walked(self: Any) -> bool:
        trees, features = self.estimators_, self.estimators_features_
        if not are_trees(trees, self._kinds) or not len(trees) == len(features) == self.n_estimators:
            return False
        every = range(self.n_features_in_)
        return all(len(drawn) == len(every) and drawn.tolist() == list(every) for drawn in features)

    def _validate_X_predict(self: Any, X: Any) -> Any:
        return self.estimators_[0]._validate_X_predict(validate_data(self, X, reset=False, **READ), True)

    def _mean(self: Any, forest: core.Forest, samples: Any, n_threads: int) -> np.ndarray:
        """Return the mean of what the trees say, shape (n_samples, n_outputs, n_classes)."""
        return forest.sum(x=samples, n_threads=n_threads) / self.n_estimators

    # ---- state ----

    def _shape(self, state: dict[str, Any]) -> tuple[Any, Any]:
        return state.get("_max_features"), state["estimators_"][0].tree_.n_outputs

    def _check_state(self, state: dict[str, Any]) -> None:
        super()._check_state(state)
        if "estimators_" not in state:
            return
        members, features = state["estimators_"], state.get("estimators_features_")
        # Both are empty while scikit-learn's loop hands the ensemble to the processes that fit its members.
        if not isinstance(features, list) or len(features) != len(members):
            raise ValueError("corrupt state: estimators_features_ must have an array for each of estimators_")


class BaggingClassifier(BaggingDropIn, sklearn.ensemble.BaggingClassifier):
    __doc__ = sklearn.ensemble.BaggingClassifier.__doc__

    _kinds = CLASSIFIERS

    def _is_walked(self: Any) -> bool:
        every = range(self.n_classes_)
        return super()._is_walked() and all(
            tree.n_outputs_ == 1 and tree.classes_.tolist() == list(every) for tree in self.estimators_
        )

    def predict_proba(self: Any, X: Any, **params: Any) -> np.ndarray:
        """Estimate the probability of each class: the mean of what the estimators estimate, or their votes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.
        **params : dict
            What metadata routing hands on to the estimators.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            Probabilities, in the order of ``classes_``.
        """
        X = with_checked_indices(X)
        if params or _routing_enabled():
            return super().predict_proba(X, **params)
        return self._asked(
            "predict_proba",
            X,
            lambda forest, samples, n_threads: self._mean(forest, samples, n_threads)[:, 0, :],
            lambda: super(BaggingClassifier, self).predict_proba(X),
        )

    def predict_log_proba(self: Any, X: Any, **params: Any) -> np.ndarray:
        """Estimate the logarithm of the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.
        **params : dict
            What metadata routing hands on to the estimators.

        Returns
        -------
        log_proba : ndarray of shape (n_samples, n_classes)
            Logarithms, in the order of ``classes_``.
        """
        return super().predict_log_proba(with_checked_indices(X), **params)


class BaggingRegressor(BaggingDropIn, sklearn.ensemble.BaggingRegressor):
    __doc__ = sklearn.ensemble.BaggingRegressor.__doc__

    _kinds = REGRESSORS

    def predict(self: Any, X: Any, **params: Any) -> np.ndarray:
        """Predict the target of each sample: the mean of what the estimators predict.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.
        **params : dict
            What metadata routing hands on to the estimators.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The targets.
        """
        X = with_checked_indices(X)
        if params or _routing_enabled():
            return super().predict(X, **params)

        def ask(forest: core.Forest, samples: Any, n_threads: int) -> np.ndarray:
            means = self._mean(forest, samples, n_threads)
            return means[:, 0, 0] if means.shape[1] == 1 else means[:, :, 0]

        return self._asked("predict", X, ask, lambda: super(BaggingRegressor, self).predict(X))
