"""Isolation forests."""

import warnings
from math import ceil, log2
from numbers import Integral
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
import sklearn.ensemble
from sklearn.base import clone
from sklearn.ensemble._iforest import _average_path_length
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, validate_data

import mlfast.tree
from mlfast import _threads
from mlfast._core import UnsupportedInputError
from mlfast._core import ensemble as core
from mlfast._dispatch import callers_level, dispatch
from mlfast._sparse import with_checked_indices
from mlfast._state import _fit_context, keeps_state
from mlfast.ensemble._members import Members, Portioned, probabilities, renew_cache, seeds_behind
from mlfast.tree._base import refuse_unreadable, small_rows


class IsolationForest(Portioned, Members, sklearn.ensemble.IsolationForest):
    __doc__ = sklearn.ensemble.IsolationForest.__doc__

    # ---- fitting ----

    @keeps_state
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Grow the trees, each on a few rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data, read as float32.
        y : Ignored
            There for a uniform interface.
        sample_weight : array-like of shape (n_samples,), default=None
            Rows are drawn by weight; None: all alike.

        Returns
        -------
        self : IsolationForest
            The fitted forest.
        """
        dispatch(
            self,
            "fit",
            (),
            None,
            lambda: self._fit_in_rust(X, sample_weight),
            lambda: super(IsolationForest, self).fit(X, y, sample_weight),
        )
        renew_cache(self)
        return self

    def _fit_in_rust(self: Any, X: Any, sample_weight: Any) -> None:
        options = {"accept_sparse": ["csc"], "dtype": np.float32, "ensure_all_finite": False}
        X = validate_data(self, with_checked_indices(X), **options)
        if not np.isfinite(X.data if sp.issparse(X) else X).all():
            raise UnsupportedInputError("X holds NaN or infinity")
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, dtype=None)
        X = X.tocsr() if sp.issparse(X) else X
        refuse_unreadable(X)
        noise = check_random_state(self.random_state).uniform(size=X.shape[0])
        self._set_sizes(*X.shape)
        self._sample_weight = sample_weight
        self.estimator_ = mlfast.tree.ExtraTreeRegressor(
            max_features=1,
            max_depth=ceil(log2(max(self.max_samples_, 2))),
            random_state=self.random_state,
        )
        self._add_trees(X, noise)
        lengths = _average_path_length(np.concatenate([est.tree_.n_node_samples for est in self.estimators_]))
        ends = np.cumsum([est.tree_.node_count for est in self.estimators_])[:-1]
        self._average_path_length_per_tree = tuple(part.copy() for part in np.split(lengths, ends))
        self._decision_path_lengths = tuple(est.tree_.compute_node_depths() for est in self.estimators_)
        renew_cache(self)
        self.offset_ = -0.5
        if self.contamination != "auto":
            self.offset_ = np.percentile(-self._depth_scores(X), 100.0 * self.contamination)

    def _set_sizes(self: Any, n_samples: int, n_features: int) -> None:
        """Set how many rows and features each tree draws."""
        self._n_samples = n_samples
        draws: Any = self.max_samples
        if isinstance(draws, str):
            draws = min(256, n_samples)
        elif not isinstance(draws, Integral):
            draws = int(draws * n_samples)
        elif int(draws) > n_samples:
            message = (
                f"max_samples ({draws}) is greater than the total number of samples ({n_samples}). "
                "max_samples will be set to n_samples for estimation."
            )
            warnings.warn(message, stacklevel=callers_level())
            draws = n_samples
        self.max_samples_ = self._max_samples = draws
        features: Any = self.max_features
        features = features if isinstance(features, Integral) else int(features * n_features)
        self._max_features = max(1, int(features))
        if draws < 1 or features > n_features:
            raise UnsupportedInputError("there is nothing to draw, or less than is to be drawn")

    def _add_trees(self: Any, X: Any, noise: np.ndarray) -> None:
        """Grow the trees that are missing."""
        random = check_random_state(self.random_state)
        is_more = self.warm_start and hasattr(self, "estimators_")
        known, features = (self.estimators_, self.estimators_features_) if is_more else ([], [])
        n_more = self._missing(known)
        if n_more == 0:
            return
        self._seeds = seeds_behind(known, n_more, random)
        self._announce(n_more)
        grown = core.isolate(
            x=X,
            y=noise,
            probabilities=probabilities(self._sample_weight),
            n_draws=self._max_samples,
            replace=self.bootstrap,
            n_features=self._max_features,
            max_depth=self.estimator_.max_depth,
            seeds=self._seeds.tolist(),
            n_threads=_threads.resolve(self.n_jobs),
        )
        template = clone(self.estimator_)
        template._learn_shape(self._max_features, 1, None)
        template.max_features_ = 1
        self._add(template, grown, known, features)

    # ---- asking ----

    def score_samples(self, X: Any) -> np.ndarray:
        """Say how normal each sample is.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data, read as float32.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            From -1 to 0: the sooner a sample is alone, the lower.
        """

        def parent() -> np.ndarray:
            return super(IsolationForest, self).score_samples(X)

        state = self.__dict__
        if "_decision_path_lengths" not in state:
            return parent()
        rows = small_rows(self, X)
        if rows is not None:
            return -self._depth_scores(rows)
        options = {"accept_sparse": "csr", "dtype": np.float32, "ensure_all_finite": False}
        samples = validate_data(self, with_checked_indices(X), reset=False, **options)

        def rust() -> np.ndarray:
            refuse_unreadable(samples)
            return -self._depth_scores(samples)

        return dispatch(self, "score_samples", (), None, rust, parent)

    def _depth_scores(self: Any, samples: Any) -> np.ndarray:
        """Return 2 to the minus mean depth at which samples are alone, in units of what is usual."""
        if self._max_features != samples.shape[1]:  # each tree sees other features
            scores: np.ndarray = super()._compute_chunked_score_samples(samples)
            return scores
        depths = self._forest().sum(x=samples, n_threads=_threads.resolve())[:, 0, 0]
        usual = len(self.estimators_) * _average_path_length([self._max_samples])
        return 2 ** (-np.divide(depths, usual, out=np.ones_like(depths), where=usual != 0))

    def _beside(self: Any) -> tuple[Any, ...]:
        return self._decision_path_lengths, self._average_path_length_per_tree

    def _looked_up(self: Any, trees: list[Any]) -> core.Forest:
        # What scikit-learn adds up over the trees, node by node; of trees that were cut off it keeps these numbers.
        depths, lengths = self._decision_path_lengths, self._average_path_length_per_tree
        if min(len(depths), len(lengths)) < len(trees):
            raise ValueError("corrupt state: there are path lengths for fewer trees than estimators_ has")
        parts = zip(trees, depths, lengths, strict=False)
        return core.Forest(trees, [(own + rest - 1.0).reshape(-1, 1, 1) for _, own, rest in parts])

    # ---- state ----

    def _shape(self, state: dict[str, Any]) -> tuple[Any, Any]:
        return state.get("_max_features"), 1

    def _check_state(self, state: dict[str, Any]) -> None:
        super()._check_state(state)
        if "estimators_" not in state:
            return
        counts = [estimator.tree_.node_count for estimator in state["estimators_"]]
        for name in ("_decision_path_lengths", "_average_path_length_per_tree"):
            parts = state.get(name)
            shapes = [np.shape(part) for part in parts] if isinstance(parts, tuple) else []
            if shapes[: len(counts)] != [(count,) for count in counts]:
                raise ValueError(f"corrupt state: {name} must have a number for each node")
        features = state.get("estimators_features_")
        if not isinstance(features, list) or len(features) < len(counts):
            raise ValueError("corrupt state: estimators_features_ must have an array for each tree")
