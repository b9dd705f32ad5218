"""AdaBoost: one estimator after the other, each told to heed what those before it got wrong.

Around a tree, the data are ranked once, and every round grows its tree on them in Rust. Between two trees there is
little to do, and it is done by NumPy: scikit-learn takes its exponentials and logarithms, whose last bits depend on the
machine, and every bit of a weight counts for the next tree. So the rounds are a loop in Python, which is scikit-learn's
own. Around any other estimator, all of it is scikit-learn's.
"""

from typing import Any, Self

import numpy as np
import sklearn.ensemble

from mlfast import _threads
from mlfast._core import UnsupportedInputError
from mlfast._core import ensemble as core
from mlfast._dispatch import dispatch
from mlfast._sparse import with_checked_indices
from mlfast._state import _fit_context, keeps_state
from mlfast.ensemble._ground import CLASSIFIERS, REGRESSORS, Ground, is_grown
from mlfast.ensemble._members import AnyMembers, are_trees, renew_cache
from mlfast.tree._base import SEEDS


class AdaBoostDropIn(AnyMembers):
    """Rounds over trees."""

    estimator: Any
    #: Depth of the trees that are made without an estimator.
    _depth: int

    def _validate_estimator(self: Any) -> None:
        if self.estimator is None:
            self.estimator_ = self._kinds[0](max_depth=self._depth)
        else:
            super()._validate_estimator()  # type: ignore[misc]

    # ---- fitting ----

    @keeps_state
    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the estimators, one after the other.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,)
            Classes or numbers.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the first round, scaled to a sum of 1; None: all the same.

        Returns
        -------
        self : estimator
            The fitted ensemble.
        """
        X = with_checked_indices(X)

        def parent() -> None:
            super(AdaBoostDropIn, self).fit(X, y, sample_weight)  # type: ignore[misc]

        def rust() -> None:
            # The first round makes the ground of the data as they have been validated by then.
            self._ground = None
            try:
                super(AdaBoostDropIn, self).fit(X, y, sample_weight)  # type: ignore[misc]
            finally:
                del self._ground

        if is_grown(self.estimator, self._kinds):
            dispatch(self, "fit", (), None, rust, parent)
        else:
            parent()
        renew_cache(self)
        return self

    def _boost(self: Any, iboost: int, X: Any, y: Any, sample_weight: np.ndarray, random_state: Any) -> Any:
        """Fit one estimator; return the next weights, its weight and its error, or None for each to end."""
        if "_ground" not in self.__dict__:
            return super()._boost(iboost, X, y, sample_weight, random_state)  # type: ignore[misc]
        if iboost == 0:
            if not (np.isfinite(sample_weight).all() and sample_weight.any()):
                raise UnsupportedInputError("the weights cannot be scaled to a sum of 1")
            try:
                self._ground = Ground(self.estimator_, X, y, None, _threads.resolve())
            except ValueError as error:
                raise UnsupportedInputError(
                    str(error)
                ) from error  # scikit-learn's words may be about the rows that it drew
        return self._round(self._ground, y, sample_weight, random_state, iboost == self.n_estimators - 1)

    def _round(
        self, ground: Ground, y: np.ndarray, weights: np.ndarray, random: np.random.RandomState, is_last: bool
    ) -> tuple[Any, Any, Any]:
        """Do one round on weights of shape (n_samples,)."""
        raise NotImplementedError

    # ---- asking ----

    def _is_walked(self: Any) -> bool:
        return are_trees(self.estimators_, self._kinds) and len(self.estimator_weights_) >= len(self.estimators_)

    def _check_X(self: Any, X: Any) -> Any:
        return super()._check_X(with_checked_indices(X))  # type: ignore[misc]

    def _validate_X_predict(self: Any, X: Any) -> Any:
        return self.estimators_[0]._validate_X_predict(self._check_X(X), True)

    # ---- state ----

    def _shape(self, state: dict[str, Any]) -> tuple[Any, Any]:
        return state.get("n_features_in_"), 1

    def _check_state(self, state: dict[str, Any]) -> None:
        super()._check_state(state)
        if "estimators_" not in state:
            return
        members, weights = state["estimators_"], state.get("estimator_weights_")
        if not members:
            raise ValueError("corrupt state: estimators_ must not be empty")
        if not isinstance(weights, np.ndarray) or weights.ndim != 1 or len(weights) < len(members):
            raise ValueError("corrupt state: estimator_weights_ must have a number for each of estimators_")
        if weights.dtype != np.float64:
            raise ValueError("corrupt state: estimator_weights_ must be of float64")


class AdaBoostClassifier(AdaBoostDropIn, sklearn.ensemble.AdaBoostClassifier):
    __doc__ = sklearn.ensemble.AdaBoostClassifier.__doc__

    _kinds = CLASSIFIERS
    _depth = 1

    def _round(
        self: Any, ground: Ground, y: np.ndarray, weights: np.ndarray, random: np.random.RandomState, is_last: bool
    ) -> tuple[Any, Any, Any]:
        tree = ground.grown(random.randint(SEEDS), weights=weights)
        if not self.estimators_:
            self.classes_, self.n_classes_ = tree.classes_, len(tree.classes_)
        wrong = ground.asked(tree) != ground.targets[:, 0]
        error = np.average(wrong, weights=weights)
        chance = 1.0 - 1.0 / self.n_classes_
        if error > 0 and error >= chance:
            if not self.estimators_:
                raise ValueError(
                    "BaseClassifier in AdaBoostClassifier ensemble is worse than random, ensemble can not be fit."
                )
            return None, None, None
        self.estimators_.append(tree)
        if error <= 0:
            return weights, 1.0, 0.0
        decide = self.learning_rate * (np.log((1.0 - error) / error) + np.log(self.n_classes_ - 1.0))
        if not is_last:
            # Not a product: its rounding, and what it makes of an overflow, would not be scikit-learn's.
            weights = np.exp(np.log(weights) + decide * wrong * (weights > 0))
        return weights, decide, error

    def _is_walked(self: Any) -> bool:
        classes = self.classes_
        return (
            self.n_classes_ == len(classes) > 1
            and super()._is_walked()
            and all(tree.classes_ is classes or np.array_equal(tree.classes_, classes) for tree in self.estimators_)
        )

    def decision_function(self: Any, X: Any) -> np.ndarray:
        """Weigh the classes against each other, by the votes of the estimators.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        score : ndarray of shape (n_samples,) or (n_samples, n_classes)
            With two classes, above zero where the second of ``classes_`` has more weight; else for each class how much
            weight is for it, between -1 / (n_classes - 1) and 1.
        """

        def ask(forest: core.Forest, samples: Any, n_threads: int) -> np.ndarray:
            weights = self.estimator_weights_
            votes = forest.votes(x=samples, weights=weights[: len(self.estimators_)], n_threads=n_threads)
            votes /= weights.sum()
            return votes[:, 1] - votes[:, 0] if self.n_classes_ == 2 else votes

        return self._asked(
            "decision_function",
            X,
            ask,
            lambda: super(AdaBoostClassifier, self).decision_function(X),
        )

    def _check_state(self, state: dict[str, Any]) -> None:
        super()._check_state(state)
        if "estimators_" in state:
            classes = state.get("classes_")
            if not isinstance(classes, np.ndarray) or classes.shape != (state.get("n_classes_"),):
                raise ValueError("corrupt state: classes_ and n_classes_ disagree")


class AdaBoostRegressor(AdaBoostDropIn, sklearn.ensemble.AdaBoostRegressor):
    __doc__ = sklearn.ensemble.AdaBoostRegressor.__doc__

    _kinds = REGRESSORS
    _depth = 3

    def _round(
        self: Any, ground: Ground, y: np.ndarray, weights: np.ndarray, random: np.random.RandomState, is_last: bool
    ) -> tuple[Any, Any, Any]:
        seed, n_samples = random.randint(SEEDS), len(y)
        rows = random.choice(n_samples, size=n_samples, replace=True, p=weights)
        tree = ground.grown(seed, rows=rows)
        self.estimators_.append(tree)
        counts = weights > 0
        own, losses = weights[counts], np.abs(ground.asked(tree) - y)[counts]
        largest = losses.max()
        if largest != 0:
            losses /= largest
        if self.loss == "square":
            losses **= 2
        elif self.loss == "exponential":
            losses = 1.0 - np.exp(-losses)
        error = (own * losses).sum()
        if error <= 0:
            return weights, 1.0, 0.0
        if error >= 0.5:
            if len(self.estimators_) > 1:
                self.estimators_.pop()
            return None, None, None
        odds = error / (1.0 - error)
        if not is_last:
            weights[counts] *= np.power(odds, (1.0 - losses) * self.learning_rate)
        return weights, self.learning_rate * np.log(1.0 / odds), error

    def predict(self: Any, X: Any) -> np.ndarray:
        """Predict the target of each sample: the median of what the estimators predict, by their weights.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            The targets.
        """
        return self._asked(
            "predict",
            X,
            lambda forest, samples, n_threads: self._medians(forest, samples, n_threads, len(self.estimators_)),
            lambda: super(AdaBoostRegressor, self).predict(X),
        )

    def _get_median_predict(self: Any, X: Any, limit: int) -> np.ndarray:
        if not self._is_walked():
            return super()._get_median_predict(X, limit)
        samples = self.estimators_[0]._validate_X_predict(X, True)
        return self._medians(self._forest(), samples, _threads.resolve(), limit)

    def _medians(self: Any, forest: core.Forest, samples: Any, n_threads: int, limit: int) -> np.ndarray:
        """Return the medians of the first ``limit`` trees."""
        weights = self.estimator_weights_[:limit]
        if len(weights) == 0:  # another thread may be fitting anew
            raise ValueError("corrupt state: estimators_ must hold an estimator")
        if not (np.isfinite(weights).all() and (weights >= 0).all()):
            return super()._get_median_predict(samples, limit)
        found, is_open = forest.medians(x=samples, weights=weights, n_threads=n_threads)
        if len(is_open) > 0:
            found[is_open] = super()._get_median_predict(samples[is_open], limit)
        return found
