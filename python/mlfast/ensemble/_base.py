"""What the forests share: fitting, the draws of the rows, out-of-bag answers, predictions.

A fit validates, ranks the data once and grows all trees in one call into Rust. What scikit-learn would not accept is
refused, and scikit-learn is asked to say why.
"""

import warnings
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from sklearn.base import clone, is_classifier
from sklearn.exceptions import DataConversionWarning
from sklearn.utils import _align_api_if_sparse, check_random_state
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import _check_sample_weight, validate_data

from mlfast import _threads
from mlfast._core import UnsupportedInputError
from mlfast._core import ensemble as core
from mlfast._core import tree as tree_core
from mlfast._dispatch import Condition, callers_level, dispatch, named
from mlfast._sparse import with_checked_indices
from mlfast._state import _fit_context, keeps_state
from mlfast.ensemble._members import Members, build_trees, drawn_count, probabilities, renew_cache, seeds_behind
from mlfast.tree._base import readable

FIT_CONDITIONS = (
    Condition(
        lambda est: f"criterion is {named(est.criterion)}, an object and not a name",
        lambda est: not (isinstance(est.criterion, str) and est.criterion in est._tree._criteria),
    ),
)


class ForestDropIn(Members):
    """Fitting and asking a forest."""

    #: Class of the trees.
    _tree: type

    def _validate_estimator(self: Any, default: Any = None) -> None:
        self.estimator_ = self._tree()

    # ---- fitting ----

    @keeps_state
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Grow the trees, each on rows of its own.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data, read as float32.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Classes, or numbers read as float64.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights; None: all 1. With ``bootstrap`` rows are drawn by weight.

        Returns
        -------
        self : estimator
            The fitted forest.
        """
        dispatch(
            self,
            "fit",
            FIT_CONDITIONS,
            self,
            lambda: self._fit_in_rust(X, y, sample_weight),
            lambda: super(ForestDropIn, self).fit(X, y, sample_weight),  # type: ignore[misc]
        )
        renew_cache(self)
        return self

    def _fit_in_rust(self: Any, X: Any, y: Any, sample_weight: Any) -> Any:
        X, y, sample_weight = self._checked_data(X, y, sample_weight)
        self._n_samples, self.n_outputs_ = y.shape
        y, class_weights = self._validate_y_class_weight(y, sample_weight)
        y = np.ascontiguousarray(y, dtype=np.int64 if is_classifier(self) else np.float64)
        weights = class_weights if sample_weight is None else sample_weight
        if sample_weight is not None and class_weights is not None:
            weights = sample_weight * class_weights
        self._sample_weight = weights
        if not self.bootstrap and weights is not None and not np.isfinite(weights).all():
            raise UnsupportedInputError("a balanced class that weighs nothing has no finite weights")
        if not self.bootstrap and (self.max_samples is not None or self.oob_score):
            raise UnsupportedInputError("max_samples and oob_score are for bootstrap=True")
        self._n_samples_bootstrap = drawn_count(X.shape[0], self.max_samples, weights) if self.bootstrap else None
        self._validate_estimator()
        random = check_random_state(self.random_state)
        known = self.estimators_ if self.warm_start and hasattr(self, "estimators_") else []
        n_more = self._missing(known)
        if n_more > 0:
            seeds = seeds_behind(known, n_more, random).tolist()
            self.estimators_ = [*known, *self._grown(X, y, weights, seeds)]
        if self.oob_score and (n_more > 0 or not hasattr(self, "oob_score_")):
            self._judge_out_of_bag(X, y)
        self._name_classes()
        return self

    def _checked_data(self: Any, X: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
        """Check the data as scikit-learn does; the target comes out with shape (n_samples, n_outputs)."""
        if sp.issparse(y):
            raise UnsupportedInputError("y is sparse")
        X = with_checked_indices(X)
        options = {"accept_sparse": "csc", "dtype": np.float32, "ensure_all_finite": False}
        X, y = validate_data(self, X, y, multi_output=True, **options)
        judge = self._tree(criterion=self.criterion)
        judge._compute_missing_values_in_feature_mask(X, estimator_name=type(self).__name__)  # refuses what is infinite
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X)
        X = readable(X)
        y = np.atleast_1d(y)
        if y.ndim == 2 and y.shape[1] == 1:
            message = (
                "A column-vector y was passed when a 1d array was expected. "
                "Please change the shape of y to (n_samples,), for example using ravel()."
            )
            warnings.warn(message, DataConversionWarning, stacklevel=callers_level())
        y = y.reshape(-1, 1) if y.ndim == 1 else y
        if self.criterion == "poisson" and (np.any(y < 0) or np.sum(y) <= 0):
            raise UnsupportedInputError("y is no target of Poisson regression")
        return X, y, sample_weight

    def _grown(self: Any, X: Any, y: np.ndarray, weights: np.ndarray | None, seeds: list[int]) -> list[Any]:
        """Return fitted trees, one for each seed. ``y`` and ``weights`` have a row for each of ``X``."""
        if self.verbose > 1:
            for number in range(1, len(seeds) + 1):
                print(f"building tree {number} of {len(seeds)}")
        template = clone(self.estimator_)
        template.set_params(**{name: getattr(self, name) for name in self.estimator_params})
        n_classes = self.n_classes_ if is_classifier(self) else None
        template._learn_shape(X.shape[1], y.shape[1], n_classes)
        params = template._params(X.shape[0], n_classes)
        template.max_features_ = params["max_features"]
        n_threads = _threads.resolve(self.n_jobs)
        states = core.grow_forest(
            columns=tree_core.Columns(x=X, n_threads=n_threads),
            y=y,
            n_classes=n_classes,
            weights=None if self.bootstrap or weights is None else np.asarray(weights, dtype=np.float64),
            draws=self._draws() if self.bootstrap else None,
            is_balanced=getattr(self, "class_weight", None) == "balanced_subsample",
            min_weight_fraction_leaf=template.min_weight_fraction_leaf,
            ccp_alpha=template.ccp_alpha,
            params=params,
            seeds=seeds,
            n_threads=n_threads,
        )
        return build_trees(template, states, seeds)

    def _draws(self: Any) -> core.Draws:
        """Return how the trees draw their rows: by weight, if there are weights."""
        fractions, n_draws = probabilities(self._sample_weight), self._n_samples_bootstrap
        return core.Draws(n_rows=self._n_samples, n_draws=n_draws, probabilities=fractions)

    def _name_classes(self: Any) -> None:
        """Set what depends on whether there is one output."""

    # ---- out of bag ----

    def _judge_out_of_bag(self: Any, X: Any, y: np.ndarray) -> None:
        """Set the score, and what it is computed from, on ``y`` of shape (n_samples, n_outputs)."""
        kind = type_of_target(y)
        if kind == "unknown" or (is_classifier(self) and kind == "multiclass-multioutput"):
            raise UnsupportedInputError("no out-of-bag score of such targets")
        if is_classifier(self) and len(set(self.n_classes_)) > 1:
            raise UnsupportedInputError("the outputs differ in their number of classes")
        self._refuse_other_shapes(self.estimators_)
        sums, asked = core.Forest(self.estimators_).out_of_bag(
            x=X.tocsr() if sp.issparse(X) else X,
            draws=self._draws(),
            seeds=[tree.random_state for tree in self.estimators_],
            n_threads=_threads.resolve(self.n_jobs),
        )
        if (asked == 0).any():
            message = (
                "Some inputs do not have OOB scores. This probably means too few trees were used to compute "
                "any reliable OOB estimates."
            )
            warnings.warn(message, UserWarning, stacklevel=callers_level())
            asked[asked == 0] = 1
        self._set_out_of_bag(y, sums / asked[:, None, None])

    def _set_out_of_bag(self: Any, y: np.ndarray, predictions: np.ndarray) -> None:
        """Set the score from answers of shape (n_samples, n_outputs, n_classes)."""
        raise NotImplementedError

    # ---- asking ----

    def apply(self: Any, X: Any) -> np.ndarray:
        """Find the leaf in which each sample ends, in each tree.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data, read as float32.

        Returns
        -------
        X_leaves : ndarray of shape (n_samples, n_estimators)
            Positions in the trees.
        """
        return self._asked(
            "apply",
            X,
            lambda forest, samples, n_threads: forest.apply(x=samples, n_threads=n_threads).T,
            lambda: super(ForestDropIn, self).apply(X),  # type: ignore[misc]
        )

    def decision_path(self: Any, X: Any) -> tuple[Any, np.ndarray]:
        """Find the nodes that each sample passes, in each tree.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data, read as float32.

        Returns
        -------
        indicator : CSR matrix of shape (n_samples, n_nodes)
            1 where a sample passes a node.
        n_nodes_ptr : ndarray of shape (n_estimators + 1,)
            The nodes of tree i are the columns ``n_nodes_ptr[i]:n_nodes_ptr[i + 1]``.
        """

        def ask(forest: core.Forest, samples: Any, n_threads: int) -> tuple[Any, np.ndarray]:
            starts, nodes = forest.decision_path(x=samples, n_threads=n_threads)
            firsts = np.array([0, *(tree.tree_.node_count for tree in self.estimators_)]).cumsum()
            shape = (samples.shape[0], firsts[-1])
            index = sp.get_index_dtype(maxval=max(len(nodes), *shape))
            parts = np.ones(len(nodes), dtype=np.intp), nodes.astype(index), starts.astype(index)
            return _align_api_if_sparse(sp.csr_array(parts, shape=shape)), firsts

        return self._asked(
            "decision_path",
            X,
            ask,
            lambda: super(ForestDropIn, self).decision_path(X),  # type: ignore[misc]
        )
