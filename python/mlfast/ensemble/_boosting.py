"""Gradient boosting.

The stages follow each other in scikit-learn's own loop, which draws, scores and stops as it always does. Rust grows the
trees of a stage, finds what their leaves say and adds them up, in one call; the losses and their gradients are
scikit-learn's.
"""

from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
import sklearn.ensemble
from sklearn._loss.loss import (
    AbsoluteError,
    ExponentialLoss,
    HalfBinomialLoss,
    HalfMultinomialLoss,
    HalfSquaredError,
    HuberLoss,
    PinballLoss,
)
from sklearn.base import is_classifier
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.tree._tree import Tree
from sklearn.utils.validation import check_is_fitted, validate_data

import mlfast.tree
from mlfast import _threads
from mlfast._core import UnsupportedInputError
from mlfast._core import ensemble as core
from mlfast._core import tree as tree_core
from mlfast._dispatch import dispatch
from mlfast._sparse import with_checked_indices
from mlfast._state import keeps_state
from mlfast.ensemble._members import Members, build_trees, renew_cache
from mlfast.tree._base import SEEDS, readable, refuse_unreadable, small_rows

#: Parameters that the trees have too.
OF_THE_TREES = (
    "max_depth",
    "min_samples_split",
    "min_samples_leaf",
    "min_weight_fraction_leaf",
    "min_impurity_decrease",
    "max_features",
    "max_leaf_nodes",
    "ccp_alpha",
)

#: Numbers that are predicted before they are asked for, where stages follow each other.
AHEAD = 1 << 16


class _Course:
    """What the stages of one fit share.

    Parameters
    ----------
    est : estimator
        What is fitted.
    X : ndarray of shape (n_samples, n_features), CSR or CSC matrix
        The rows, of float32.
    sample_weight : ndarray of shape (n_samples,)
        Weights.
    random_state : RandomState
        Draws the seed of each tree.
    """

    def __init__(self, est: Any, X: Any, sample_weight: np.ndarray, random_state: np.random.RandomState) -> None:
        self.n_threads = _threads.resolve()
        self.samples = X.tocsr() if sp.issparse(X) else np.ascontiguousarray(X)
        refuse_unreadable(self.samples)
        weights = np.asarray(sample_weight, dtype=np.float64)
        self.weights = None if (weights == 1.0).all() else weights
        self.template = mlfast.tree.DecisionTreeRegressor(
            random_state=random_state, **{name: getattr(est, name) for name in OF_THE_TREES}
        )
        self.template._learn_shape(X.shape[1], 1, None)
        self.params = self.template._params(X.shape[0], None)
        self.template.max_features_ = self.params["max_features"]
        self.columns = tree_core.Columns(x=readable(X), n_threads=self.n_threads)
        self.random_state = random_state

    def stage(
        self, loss: Any, y: np.ndarray, raw: np.ndarray, seen: np.ndarray | None, learning_rate: float
    ) -> tuple[list[Any], np.ndarray]:
        """Return the trees of one more stage, and the predictions with them.

        Parameters
        ----------
        loss : loss of scikit-learn
            What is made smaller.
        y : ndarray of shape (n_samples,)
            Numbers, or codes of classes.
        raw : ndarray of shape (n_samples, n_trees)
            Predictions so far.
        seen : ndarray of bool of shape (n_samples,) or None
            The rows that the stage learns from; None: all.
        learning_rate : float
            Fraction of what the trees say that is added.
        """
        if isinstance(loss, HuberLoss):
            errors = np.abs(y - raw[:, 0])
            loss.closs.delta = core.weighted_quantile(values=errors, weights=self.weights, percent=100 * loss.quantile)
        states, raw = core.boost(
            columns=self.columns,
            x=self.samples,
            y=y,
            gradient=loss.gradient(y_true=y, raw_prediction=raw).reshape(raw.shape),
            raw=raw,
            weights=self.weights,
            seen=None if seen is None else seen.view(np.uint8),
            rule=_rule(loss),
            learning_rate=learning_rate,
            min_weight_fraction_leaf=self.template.min_weight_fraction_leaf,
            ccp_alpha=self.template.ccp_alpha,
            params=self.params,
            seeds=[int(self.random_state.randint(0, SEEDS)) for _ in range(raw.shape[1])],
            n_threads=self.n_threads,
        )
        return build_trees(self.template, states, [self.random_state] * len(states)), raw


def _rule(loss: Any) -> tuple[str, float]:
    """Return how Rust finds what a leaf says, with the number that belongs to it."""
    if isinstance(loss, HalfSquaredError):
        return "mean", 0.0
    if isinstance(loss, HalfBinomialLoss):
        return "newton", 1.0
    if isinstance(loss, HalfMultinomialLoss):
        return "newton", (loss.n_classes - 1) / loss.n_classes
    if isinstance(loss, ExponentialLoss):
        return "exponential", 0.0
    if isinstance(loss, AbsoluteError):
        return "quantile", 50.0
    if isinstance(loss, PinballLoss):
        return "quantile", 100 * loss.closs.quantile
    if isinstance(loss, HuberLoss):
        return "huber", loss.closs.delta
    raise UnsupportedInputError("the loss is none that Rust knows")


class BoostingDropIn(Members):
    """Fitting and asking boosted trees."""

    # ---- fitting ----

    @keeps_state
    def fit(self, X: Any, y: Any, sample_weight: Any = None, monitor: Any = None) -> Self:
        """Grow the stages, each on what those before it leave over.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data, read as float32.
        y : array-like of shape (n_samples,)
            Classes, or numbers read as float64.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights; None: all 1.
        monitor : callable, default=None
            Called after each stage with its number, the estimator and the local variables of the loop; the fit ends
            when it returns True.

        Returns
        -------
        self : estimator
            The fitted ensemble.
        """
        X = with_checked_indices(X)

        parents: Any = super()

        def fit() -> Any:
            return parents.fit(X, y, sample_weight, monitor)

        dispatch(self, "fit", (), None, lambda: self._fit_in_rust(fit), fit)
        renew_cache(self)
        return self

    def _fit_in_rust(self: Any, fit: Callable[[], Any]) -> None:
        """Run scikit-learn's ``fit`` with stages from Rust. If they are refused, nothing has happened."""
        before = self.__dict__.copy()
        generators = [self.random_state, before.get("_rng")]
        states = [(known, known.get_state()) for known in generators if isinstance(known, np.random.RandomState)]
        self.__dict__["_course"] = None
        try:
            fit()
        except UnsupportedInputError:
            self.__dict__.clear()
            self.__dict__.update(before)
            for generator, state in states:
                generator.set_state(state)
            raise
        finally:
            self.__dict__.pop("_course", None)

    def _encode_y(self: Any, y: Any, sample_weight: Any = None) -> np.ndarray:
        """Return targets as numbers; refuse another number of classes than that of the stages so far."""
        parents: Any = super()
        codes: np.ndarray = parents._encode_y(y=y, sample_weight=sample_weight)
        stages = self.__dict__.get("estimators_")
        if stages is not None and len(stages) and stages.shape[1] != self.n_trees_per_iteration_:
            raise ValueError(
                f"y asks for {self.n_trees_per_iteration_} trees a stage, but warm_start=True goes on from stages of "
                f"{stages.shape[1]}: the number of classes has changed."
            )
        return codes

    def _fit_stage(
        self: Any,
        i: int,
        X: Any,
        y: np.ndarray,
        raw_predictions: np.ndarray,
        sample_weight: np.ndarray,
        sample_mask: np.ndarray,
        random_state: np.random.RandomState,
        X_csc: Any = None,
        X_csr: Any = None,
    ) -> np.ndarray:
        """Add stage ``i``, in the place of scikit-learn's; return predictions of shape (n_samples, n_trees)."""
        if "_course" not in self.__dict__:
            parents: Any = super()
            raw: np.ndarray = parents._fit_stage(
                i, X, y, raw_predictions, sample_weight, sample_mask, random_state, X_csc, X_csr
            )
            return raw
        course: _Course | None = self.__dict__["_course"]
        if course is None:
            course = self.__dict__["_course"] = _Course(self, X, sample_weight, random_state)
        seen = sample_mask if self.subsample < 1.0 else None
        trees, raw = course.stage(self._loss, y, raw_predictions, seen, self.learning_rate)
        for k, tree in enumerate(trees):
            self.estimators_[i, k] = tree
        return raw

    # ---- asking ----

    def _trees(self: Any) -> list[Any]:
        trees: list[Any] = self.estimators_.ravel().tolist()
        return trees

    def _start(self: Any) -> np.ndarray | None:
        """Return the raw prediction that all samples start from, of shape (1, n_trees); None: each has its own."""
        init = self.init_
        if isinstance(init, str):
            return np.zeros((1, self.n_trees_per_iteration_))
        if type(init) is DummyRegressor and not is_classifier(self):
            return np.asarray(init.constant_, dtype=np.float64).reshape(1, 1)
        if type(init) is DummyClassifier and is_classifier(self) and init.strategy == "prior":
            return self._start_of_classes(init.class_prior_)
        return None

    def _start_of_classes(self: Any, fractions: np.ndarray) -> np.ndarray:
        loss, key, cache = self._loss, fractions.tobytes(), self._known()
        if cache.start is None or cache.start[0] is not loss or cache.start[1] != key:
            eps = np.finfo(np.float64).eps
            fractions = np.clip(fractions, eps, 1 - eps).reshape(1, -1)
            cache.start = loss, key, loss.link.link(fractions if loss.is_multiclass else fractions[:, 1:])
        return cache.start[2]

    def _begun(self: Any, X: Any) -> np.ndarray:
        """Return what the first estimate says of validated rows, of shape (n_samples, n_trees)."""
        start = self._start()
        if start is None:
            parents: Any = super()
            own: np.ndarray = parents._raw_predict_init(X)
            return own
        return np.repeat(start, X.shape[0], axis=0)

    def _raw_predict(self: Any, X: Any) -> np.ndarray:
        """Return raw predictions of shape (n_samples, n_trees), for rows that were validated."""
        check_is_fitted(self)

        def rust() -> np.ndarray:
            refuse_unreadable(X)
            return self._added_up(X, _threads.resolve())

        parents: Any = super()
        return dispatch(self, "predict", (), None, rust, lambda: parents._raw_predict(X))

    def _added_up(self: Any, X: Any, n_threads: int) -> np.ndarray:
        raw = self._begun(X)
        sums: np.ndarray = self._forest().add_to(x=X, raw=raw, scale=self.learning_rate, n_threads=n_threads)
        return sums

    def _of_few(self: Any, X: Any) -> np.ndarray | None:
        """Return raw predictions of shape (n_samples, n_trees) of a few plain rows; None if X must be validated.

        Such rows need no more checks than Rust makes by itself.
        """
        state = self.__dict__
        rows = small_rows(self, X) if isinstance(state.get("estimators_"), np.ndarray) else None
        return None if rows is None else self._added_up(rows, 1)

    def _staged_raw_predict(self: Any, X: Any, check_input: bool = True) -> Iterator[np.ndarray]:
        """Yield the raw predictions after each stage, of shape (n_samples, n_trees)."""
        if check_input:
            options = {"dtype": np.float32, "order": "C", "accept_sparse": "csr"}
            X = validate_data(self, with_checked_indices(X), reset=False, **options)
        self._check_initialized()

        def rust() -> Iterator[np.ndarray]:
            refuse_unreadable(X)
            return self._stages(X)

        parents: Any = super()
        yield from dispatch(
            self, "staged_predict", (), None, rust, lambda: parents._staged_raw_predict(X, check_input=False)
        )

    def _stages(self: Any, X: Any) -> Iterator[np.ndarray]:
        raw, scale, n_threads = self._begun(X), self.learning_rate, _threads.resolve()
        if "_course" in self.__dict__:
            # scikit-learn's fit asks for each stage as soon as it is there.
            for stage in self.estimators_:
                raw = core.Forest(stage.tolist()).add_to(x=X, raw=raw, scale=scale, n_threads=n_threads)
                yield raw
            return
        n_stages = max(1, AHEAD // max(1, raw.size))
        for first in range(0, len(self.estimators_), n_stages):
            stages = self._forest().stages(
                x=X, raw=raw, scale=scale, first=first, n_stages=n_stages, n_threads=n_threads
            )
            raw = stages[-1]
            yield from map(np.copy, stages)

    def _leaves(self: Any, X: Any) -> np.ndarray:
        """Return the leaf of each sample in each tree, of shape (n_samples, n_stages, n_trees)."""
        self._check_initialized()
        samples = self.estimators_[0, 0]._validate_X_predict(with_checked_indices(X), check_input=True)
        refuse_unreadable(samples)
        leaves = self._forest().apply(x=samples, n_threads=_threads.resolve())
        return leaves.T.astype(np.float64, order="C").reshape(-1, *self.estimators_.shape)

    # ---- state ----

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        state.pop("_course", None)  # a monitor may copy what is being fitted
        return state

    def _check_state(self, state: dict[str, Any]) -> None:
        if "estimators_" not in state:
            return
        stages = state["estimators_"]
        is_table = isinstance(stages, np.ndarray) and stages.dtype == object and stages.ndim == 2 and stages.size > 0
        if not is_table or stages.shape[1] != state.get("n_trees_per_iteration_"):
            raise ValueError("corrupt state: estimators_ must have a row of trees for each stage")
        for estimator in stages.ravel():
            if estimator is None:  # a monitor copies what is not finished
                continue
            tree = getattr(estimator, "tree_", None)
            if not isinstance(tree, Tree) or (tree.n_features, tree.n_outputs) != (state.get("n_features_in_"), 1):
                raise ValueError("corrupt state: estimators_ must be trees of the features of the ensemble")
            if tree.max_n_classes != 1:
                raise ValueError("corrupt state: estimators_ must be trees of numbers")


class GradientBoostingClassifier(BoostingDropIn, sklearn.ensemble.GradientBoostingClassifier):
    __doc__ = sklearn.ensemble.GradientBoostingClassifier.__doc__

    def decision_function(self, X: Any) -> np.ndarray:
        """Add up what the trees say of each sample.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data, read as float32.

        Returns
        -------
        score : ndarray of shape (n_samples,) or (n_samples, n_classes)
            One number for two classes, above 0 for the second; else one for each class, in the order of ``classes_``.
        """
        raw = self._of_few(X)
        if raw is None:
            return super().decision_function(with_checked_indices(X))
        return raw[:, 0] if raw.shape[1] == 1 else raw

    def apply(self, X: Any) -> np.ndarray:
        """Find the leaf in which each sample ends, in each tree.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data, read as float32.

        Returns
        -------
        X_leaves : ndarray of shape (n_samples, n_estimators, n_classes)
            Positions in the ``tree_`` of each; for two classes there is one tree a stage.
        """
        return dispatch(
            self,
            "apply",
            (),
            None,
            lambda: self._leaves(X),
            lambda: super(GradientBoostingClassifier, self).apply(X),
        )


class GradientBoostingRegressor(BoostingDropIn, sklearn.ensemble.GradientBoostingRegressor):
    __doc__ = sklearn.ensemble.GradientBoostingRegressor.__doc__

    def predict(self, X: Any) -> np.ndarray:
        """Predict the target of each sample: the sum of what the trees say.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data, read as float32.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            The targets.
        """
        raw = self._of_few(X)
        return super().predict(with_checked_indices(X)) if raw is None else raw[:, 0]

    def apply(self, X: Any) -> np.ndarray:
        """Find the leaf in which each sample ends, in each tree.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data, read as float32.

        Returns
        -------
        X_leaves : ndarray of shape (n_samples, n_estimators)
            Positions in the ``tree_`` of each.
        """
        return dispatch(
            self,
            "apply",
            (),
            None,
            lambda: self._leaves(X)[:, :, 0],
            lambda: super(GradientBoostingRegressor, self).apply(X),
        )
