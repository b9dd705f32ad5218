"""Histogram gradient boosting.

One call into Rust bins the rows and grows all trees. Validation, seeds, the split into rows to learn from and rows to
stop by, and the trees as they are stored are scikit-learn's.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import sklearn.ensemble
from sklearn._loss.loss import BaseLoss
from sklearn.base import is_classifier
from sklearn.ensemble._hist_gradient_boosting.binning import _BinMapper
from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
from sklearn.metrics import check_scoring
from sklearn.metrics._scorer import _SCORERS
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import (
    _check_monotonic_cst,
    _check_sample_weight,
    _check_y,
    check_consistent_length,
    check_is_fitted,
)

from mlfast import _profile, _threads
from mlfast._caches import cached_by
from mlfast._core import UnsupportedInputError
from mlfast._core import ensemble as core
from mlfast._dispatch import Condition, dispatch
from mlfast._state import DropIn, _fit_context, keeps_state

#: Rows from which bins are found at most.
BINNED_ROWS = 200_000
#: Sets of interacting features that are followed at most.
MAX_INTERACTIONS = 20_000
#: Rows that are predicted without the checks of a larger table.
FEW_ROWS = 16
#: Losses by name, as Rust knows them.
LOSSES = ("squared_error", "absolute_error", "quantile", "poisson", "gamma")

FIT_CONDITIONS = (
    Condition("loss is an object", lambda call: isinstance(call.loss, BaseLoss)),
    Condition("verbose is set, and prints the times of scikit-learn's steps", lambda call: bool(call.verbose)),
)


@dataclass
class _Part:
    """Rows to learn from, or to stop by."""

    X: np.ndarray
    rows: np.ndarray | None
    y: np.ndarray
    weights: np.ndarray | None

    def crossing(self, raw: np.ndarray) -> dict[str, Any]:
        """Return the rows as Rust takes them; ``raw`` are predictions so far, of shape (n_trees, n_samples)."""
        return {**table(self.X), "rows": self.rows, "targets": self.y, "weights": self.weights, "raw": raw}

    def values(self) -> np.ndarray:
        """Return the rows themselves."""
        return self.X if self.rows is None else self.X[self.rows]


def table(X: np.ndarray) -> dict[str, Any]:
    """Return an array of shape (n_samples, n_features) as Rust takes it, of either order without a copy."""
    is_fortran = X.flags.f_contiguous and not X.flags.c_contiguous
    return {"x": X.T if is_fortran else X, "is_fortran": is_fortran}


def stored(trees: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> list[TreePredictor]:
    """Return trees from Rust as scikit-learn stores them."""
    return [TreePredictor(nodes.view(PREDICTOR_RECORD_DTYPE), bins, codes) for nodes, bins, codes in trees]


def interactions(groups: list[set[int]] | None) -> list[tuple[list[int], list[int]]] | None:
    """Return which features each set of groups allows, in scikit-learn's order, and which set is left below each.

    Parameters
    ----------
    groups : list of set of int, or None
        Features that may stand together on a path.

    Raises
    ------
    UnsupportedInputError
        If there are too many sets to follow.
    """
    if groups is None:
        return None
    first = tuple(range(len(groups)))
    allowed = {first: list(set().union(*groups))}
    places, states = {first: 0}, []
    for state in (waiting := [first]):
        below = []
        for feature in allowed[state]:
            left = tuple(i for i in state if feature in groups[i])
            if left not in places:
                if len(places) == MAX_INTERACTIONS:
                    raise UnsupportedInputError("interaction_cst allows too many sets of features")
                places[left] = len(places)
                features: set[int] = set()
                for i in left:
                    features.update(groups[i])
                allowed[left] = list(features)
                waiting.append(left)
            below.append(places[left])
        states.append((allowed[state], below))
    return states


class _Cache:
    """The trees as Rust walks them, looked up when first asked."""

    __slots__ = ("known", "owner", "trees")

    def __init__(self) -> None:
        self.owner: Any = None
        self.trees: core.HistogramTrees | None = None
        #: The mapper of bins that its categories are of.
        self.known: Any = None


find_cache, renew_cache = cached_by(_Cache)


class HistDropIn(DropIn):
    """Fitting and asking trees that were boosted on histograms."""

    _skops_types = (
        "functools.partial",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.utils.validation.check_array",
    )

    def _check_state(self, state: dict[str, Any]) -> None:
        if "_predictors" not in state:
            return
        first, n_trees = state.get("_baseline_prediction"), state.get("n_trees_per_iteration_")
        shape = getattr(first, "shape", None), getattr(getattr(first, "dtype", None), "kind", None)
        if shape != ((1, n_trees), "f"):
            raise ValueError("corrupt state: _baseline_prediction must hold a number for each tree of an iteration")

    # ---- fitting ----

    @keeps_state
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """Fit the gradient boosting model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data; NaN is a missing value.
        y : array-like of shape (n_samples,)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights; None: all 1.
        X_val : array-like of shape (n_val, n_features), default=None
            Rows to stop by.
        y_val : array-like of shape (n_val,), default=None
            Their targets.
        sample_weight_val : array-like of shape (n_val,), default=None
            Their weights.

        Returns
        -------
        self : estimator
            The fitted model.
        """
        validation = {"X_val": X_val, "y_val": y_val, "sample_weight_val": sample_weight_val}
        parents: Any = super()
        dispatch(
            self,
            "fit",
            FIT_CONDITIONS,
            self,
            lambda: self._fit_or_restore(X, y, sample_weight, validation),
            lambda: parents.fit(X, y, sample_weight, **validation),
        )
        renew_cache(self)
        return self

    def _fit_or_restore(self: Any, X: Any, y: Any, sample_weight: Any, validation: dict[str, Any]) -> None:
        """Fit in Rust; if that is refused, nothing has happened."""
        before, random = self.__dict__.copy(), self.random_state
        stages = list(before.get("_predictors", ()))
        state = random.get_state() if isinstance(random, np.random.RandomState) else None
        try:
            self._fit_in_rust(X, y, sample_weight, validation)
        except UnsupportedInputError:
            self.__dict__.clear()
            self.__dict__.update(before)
            if stages:
                self._predictors = stages
            if state is not None:
                random.set_state(state)
            raise

    def _fit_in_rust(self: Any, X: Any, y: Any, sample_weight: Any, validation: dict[str, Any]) -> None:
        X, known_categories = self._preprocess_X(X, reset=True)
        y = self._encode_y(_check_y(y, estimator=self))
        check_consistent_length(X, y)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, dtype=np.float64)
            self._fitted_with_sw = True
        sample_weight = self._finalize_sample_weight(sample_weight, y)
        given = self._given_validation(validation)
        goes_on = self.warm_start and self._is_fitted()
        random = check_random_state(self.random_state)
        if not goes_on:
            limit = np.iinfo(np.uint32).max
            self._random_seed = random.randint(limit, dtype="u8")
            self._feature_subsample_rng = np.random.default_rng(random.randint(limit, dtype="u8"))
        self._validate_parameters()
        monotonic = self._reordered(_check_monotonic_cst(self, self.monotonic_cst))
        self._n_features = X.shape[1]
        groups = self._check_interaction_cst(self._n_features)
        self._loss = self._get_loss(sample_weight=sample_weight)
        self.do_early_stopping_ = X.shape[0] > 10_000 if self.early_stopping == "auto" else self.early_stopping
        self._use_validation_data = self.validation_fraction is not None or given is not None
        train, held = self._parts(X, y, sample_weight, given)
        self._bin_mapper = self._mapper(train, known_categories)
        options = {
            "edges": self._bin_mapper.bin_thresholds_,
            "is_categorical": self._bin_mapper.is_categorical_.astype(bool).tolist(),
            "monotonic": monotonic.tolist(),
            "missing": self.max_bins,
            "loss": self._loss_in_rust(),
            "max_leaf_nodes": self.max_leaf_nodes,
            "max_depth": self.max_depth,
            "min_samples_leaf": int(self.min_samples_leaf),
            "l2_regularization": float(self.l2_regularization),
            "learning_rate": float(self.learning_rate),
            "interactions": interactions(groups),
            "subsample": self._subsample(),
        }
        self._boost(train, held, options, goes_on)

    def _given_validation(self: Any, validation: dict[str, Any]) -> _Part | None:
        """Return validated rows to stop by, if they are given."""
        X, y, weights = validation.values()
        if X is None and y is None:
            return None
        if y is None:
            raise ValueError("X_val is provided, but y_val was not provided.")
        if X is None:
            raise ValueError("y_val is provided, but X_val was not provided.")
        X = self._preprocess_X(X, reset=False)
        y = self._encode_y_val(_check_y(y, estimator=self))
        check_consistent_length(X, y)
        if weights is not None:
            weights = _check_sample_weight(weights, X, dtype=np.float64)
        if self.early_stopping is False:
            raise UnsupportedInputError("early_stopping is False, but rows to stop by are given")
        return _Part(X, None, y, weights)

    def _reordered(self: Any, monotonic: np.ndarray) -> np.ndarray:
        """Return constraints in the order of the preprocessed features: those of categories come first."""
        if self.is_categorical_ is None:
            return monotonic
        monotonic = np.concatenate((monotonic[self.is_categorical_], monotonic[~self.is_categorical_]))
        if monotonic[: self.is_categorical_.sum()].any():
            raise UnsupportedInputError("a monotonic constraint is on a feature of categories")
        return monotonic

    def _parts(
        self: Any, X: np.ndarray, y: np.ndarray, weights: np.ndarray | None, given: _Part | None
    ) -> tuple[_Part, _Part | None]:
        """Return the rows to learn from and those to stop by."""
        if given is not None or not (self.do_early_stopping_ and self._use_validation_data):
            return _Part(X, None, y, weights), given
        stratify = y if hasattr(self._loss, "predict_proba") else None
        options = {"test_size": self.validation_fraction, "stratify": stratify, "random_state": self._random_seed}
        parts = train_test_split(np.arange(X.shape[0]), **options)
        of = [_Part(X, rows, y[rows], None if weights is None else weights[rows]) for rows in parts]
        return of[0], of[1]

    def _mapper(self: Any, train: _Part, known_categories: list[Any] | None) -> _BinMapper:
        """Return scikit-learn's mapper of bins, fitted by Rust."""
        n_threads = _threads.resolve()
        n_features, n_rows = train.X.shape[1], len(train.y)
        mapper = _BinMapper(
            n_bins=self.max_bins + 1,
            is_categorical=self._is_categorical_remapped,
            known_categories=known_categories,
            random_state=self._random_seed,
            n_threads=n_threads,
        )
        rows, weights = train.rows, train.weights
        if n_rows > BINNED_ROWS:
            # Weights count as how often a row is drawn.
            chances = None if weights is None else weights / np.sum(weights)
            drawn = check_random_state(self._random_seed).choice(n_rows, BINNED_ROWS, p=chances, replace=True)
            rows, weights = drawn if rows is None else rows[drawn], None
        is_categorical = np.zeros(n_features, np.uint8)
        if self._is_categorical_remapped is not None:
            is_categorical = np.asarray(self._is_categorical_remapped, dtype=np.uint8)
        edges = core.bin_edges(
            **table(train.X),
            rows=rows,
            weights=weights,
            levels=np.linspace(0, 100, num=self.max_bins + 1)[1:-1] / 100,
            wanted=(is_categorical == 0).tolist(),
            n_threads=n_threads,
        )
        for feature in np.flatnonzero(is_categorical):
            edges[feature] = known_categories[feature]  # type: ignore[index]
        mapper.is_categorical_ = is_categorical
        mapper.missing_values_bin_idx_ = self.max_bins
        mapper.bin_thresholds_ = edges
        counts = [len(found) + (not is_category) for found, is_category in zip(edges, is_categorical, strict=True)]
        mapper.n_bins_non_missing_ = np.array(counts, dtype=np.uint32)
        return mapper

    def _loss_in_rust(self: Any) -> tuple[str, float]:
        if is_classifier(self):
            return ("binomial", 0.0) if self.n_trees_per_iteration_ == 1 else ("multinomial", len(self.classes_))
        if self.loss not in LOSSES:
            raise UnsupportedInputError("the loss is none that Rust knows")
        return self.loss, float(self.quantile) if self.loss == "quantile" else 0.0

    def _subsample(self: Any) -> tuple[float, int, int, int | None] | None:
        """Return the fraction of the features that a split may be on, and the generator that draws them."""
        if self.max_features == 1.0:
            return None
        known = self._feature_subsample_rng.bit_generator.state
        half = known["uinteger"] if known["has_uint32"] else None
        return float(self.max_features), known["state"]["state"], known["state"]["inc"], half

    def _boost(self: Any, train: _Part, held: _Part | None, options: dict[str, Any], goes_on: bool) -> None:
        by_loss = self.do_early_stopping_ and self.scoring == "loss"
        by_score = self.do_early_stopping_ and not by_loss
        by_name = self.scoring in _SCORERS
        if not goes_on:
            self._clear_state()
            self._baseline_prediction = self._loss.fit_intercept_only(
                y_true=train.y, sample_weight=train.weights
            ).reshape((1, -1))
            self._predictors, self._scorer = [], None
            self.train_score_, self.validation_score_ = [], []
        else:
            if self.max_iter < self.n_iter_:
                raise ValueError(
                    f"max_iter={self.max_iter} must be larger than or equal to n_iter_={self.n_iter_} when "
                    "warm_start==True"
                )
            self.train_score_, self.validation_score_ = self.train_score_.tolist(), self.validation_score_.tolist()
        before = list(self._predictors)
        raw = self._begun(train)
        raw_of_held = None if held is None or not self.do_early_stopping_ else self._begun(held)
        score = self._scores(train, held, by_name) if by_score else None
        if score is not None and not goes_on:
            self._scorer = check_scoring(self, self.scoring)
            score(raw, raw_of_held)

        def after(trees: list[Any], raw: np.ndarray, raw_of_held: np.ndarray | None) -> bool:
            self._predictors.append(stored(trees))
            return bool(score(raw, raw_of_held))  # type: ignore[misc]

        options |= {
            "max_iter": self.max_iter - len(before),
            "stopping": (int(self.n_iter_no_change), float(self.tol)) if by_loss else None,
            "scores": (self.train_score_, self.validation_score_) if by_loss else ([], []),
        }
        n_threads = _threads.resolve()
        stages, scores, random = core.boost_histograms(
            train=train.crossing(raw),
            validation=None if held is None or raw_of_held is None else held.crossing(raw_of_held),
            options=options,
            after=after if by_score else None,
            n_threads=n_threads,
        )
        self._predictors = self._predictors + [stored(trees) for trees in stages]
        if by_loss:
            self.train_score_, self.validation_score_ = scores
        if random is not None:
            generator = self._feature_subsample_rng.bit_generator
            known = generator.state
            known["state"]["state"] = random[0]
            known["has_uint32"], known["uinteger"] = int(random[1] is not None), random[1] or 0
            generator.state = known
        self.train_score_ = np.asarray(self.train_score_)
        self.validation_score_ = np.asarray(self.validation_score_)

    def _begun(self: Any, part: _Part) -> np.ndarray:
        """Return the predictions of the trees so far, of shape (n_trees, n_samples)."""
        if not self._predictors:
            return np.repeat(self._baseline_prediction.reshape(-1, 1), len(part.y), axis=1)
        return np.ascontiguousarray(self._summed(part.values(), _threads.resolve()).T)

    def _scores(self: Any, train: _Part, held: _Part | None, by_name: bool) -> Any:
        """Return what scores the predictions of both parts and says whether to stop."""
        X, y, weights, rows = self._get_small_trainset(_binned(self, train), train.y, train.weights, self._random_seed)
        X_held = None if held is None else _binned(self, held)
        y_held, weights_held = (None, None) if held is None else (held.y, held.weights)

        def score(raw: np.ndarray, raw_of_held: np.ndarray | None) -> bool:
            known = {"raw_predictions_small_train": raw.T[rows]} if by_name else {}
            if by_name and raw_of_held is not None:
                known["raw_predictions_val"] = raw_of_held.T
            self._in_fit = True
            try:
                stops: bool = self._check_early_stopping_scorer(X, y, weights, X_held, y_held, weights_held, **known)
            finally:
                del self._in_fit
            return stops

        return score

    # ---- asking ----

    def _raw_predict(self: Any, X: Any, n_threads: int | None = None) -> np.ndarray:
        """Return raw predictions of shape (n_samples, n_trees)."""
        if getattr(self, "_in_fit", False):
            parents: Any = super()
            raw: np.ndarray = parents._raw_predict(X, n_threads)
            return raw
        known = self.__dict__
        if (
            type(X) is np.ndarray
            and X.ndim == 2
            and X.dtype == np.float64
            and 0 < X.shape[0] <= FEW_ROWS
            and X.flags.c_contiguous
            and X.shape[1] == known.get("n_features_in_")
            and known.get("_preprocessor", "") is None
            and "feature_names_in_" not in known
            and "_predictors" in known
            and (_profile.is_idle or not _profile.is_wanted())
        ):
            return self._summed(X, 1)
        check_is_fitted(self)
        X = self._preprocess_X(X, reset=False)
        parents = super()
        return dispatch(
            self,
            "predict",
            (),
            None,
            lambda: self._summed(X, _threads.resolve()),
            lambda: parents._raw_predict(X),
        )

    def _summed(self: Any, X: np.ndarray, n_threads: int) -> np.ndarray:
        """Return the first prediction and those of all trees, added up."""
        cache = find_cache(id(self)) or renew_cache(self)
        stages, mapper = self._predictors, self._bin_mapper
        trees = cache.trees
        if trees is None or cache.known is not mapper or not trees.holds(stages):
            sets, places = mapper.make_known_categories_bitsets()
            n_columns = self.n_trees_per_iteration_
            trees = core.HistogramTrees(predictors=stages, n_columns=n_columns, sets=sets, places=places)
            cache.trees, cache.known = trees, mapper
        start = self._baseline_prediction.ravel().tolist()
        raw: np.ndarray = trees.predict(**table(X), start=start, n_threads=n_threads)
        return raw


def _binned(est: Any, part: _Part) -> np.ndarray:
    """Return the bins of the rows of a part, row after row."""
    return np.ascontiguousarray(est._bin_mapper.transform(part.values()))


class HistGradientBoostingRegressor(HistDropIn, sklearn.ensemble.HistGradientBoostingRegressor):
    __doc__ = sklearn.ensemble.HistGradientBoostingRegressor.__doc__


class HistGradientBoostingClassifier(HistDropIn, sklearn.ensemble.HistGradientBoostingClassifier):
    __doc__ = sklearn.ensemble.HistGradientBoostingClassifier.__doc__
