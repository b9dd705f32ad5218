"""Gradient descent, to be watched: every epoch of it in Rust, its losses kept, its steps of the user's choice."""

import warnings
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
import scipy.sparse as sp
from scipy.special import expit, log_softmax
from sklearn.base import RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model._base import LinearClassifierMixin, LinearModel
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.extmath import softmax
from sklearn.utils.multiclass import _check_partial_fit_first_call, check_classification_targets
from sklearn.utils.validation import _check_sample_weight, validate_data

from mlfast import _threads
from mlfast._callbacks import CallbackDropIn, Level, Watch
from mlfast._core import linear_model as core
from mlfast._dispatch import callers_level
from mlfast._sparse import with_checked_indices
from mlfast._state import _fit_context, keeps_state
from mlfast.linear_model._base import LinearDropIn
from mlfast.linear_model._classes import LinearClassifierDropIn
from mlfast.linear_model._descent_doc import CLASSIFIER, REGRESSOR

#: The first step of solvers that scale gradients by themselves, where the user leaves it to mlfast.
SCALED_STEP = 0.01


class _Descent(CallbackDropIn, LinearDropIn):
    """What descents share, whatever they learn."""

    _doc_link_module = ""  # scikit-learn has no page about them

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "penalty": [StrOptions({"l2", "l1", "elasticnet"}), None],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "l1_ratio": [Interval(Real, 0, 1, closed="both")],
        "fit_intercept": ["boolean"],
        "batch_size": [StrOptions({"full"}), Interval(Integral, 1, None, closed="left")],
        "solver": [StrOptions({"sgd", "adam", "adamw", "rmsprop"})],
        "learning_rate": [StrOptions({"constant", "invscaling", "adaptive", "step", "exponential"})],
        "eta0": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "decay_rate": [Interval(Real, 0, 1, closed="right")],
        "decay_epochs": [Interval(Real, 0, None, closed="neither")],
        "momentum": [Interval(Real, 0, 1, closed="left")],
        "nesterovs_momentum": ["boolean"],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left"), None],
        "shuffle": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
    }

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.input_tags.sparse = True
        return tags

    @keeps_state
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Go down from zero, or from where the last fit ended if ``warm_start``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data. Computed in its type if that is float32, else in float64.
        y : array-like of shape (n_samples,)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights, not negative; None: all 1.

        Returns
        -------
        self : object
            The fitted model.
        """
        resumes = self.warm_start and hasattr(self, "coef_")
        known = self.__dict__.get("classes_") if resumes else None
        data = self._checked(X, y, sample_weight, reset=True)
        if known is not None and not np.array_equal(known, self.classes_):
            raise ValueError(f"warm_start goes on with the classes of the last fit, {known}; y has {self.classes_}")
        if resumes and np.shape(self.coef_)[-1] != data[0].shape[1]:
            raise ValueError(
                f"warm_start goes on with the features of the last fit, {np.shape(self.coef_)[-1]}; "
                f"X has {data[0].shape[1]}"
            )
        watch = None
        if getattr(self, "_skl_callbacks", None):
            levels = [Level("epoch", "epoch", self.max_iter)]
            watch = Watch(self, X, y, sample_weight, levels, lambda snapshot, _: self._fitted_so_far(snapshot))
        self._descend(*data, resumes=resumes, watch=watch)
        if watch is not None:
            watch.finish()
        return self

    def _checked(
        self: Any, X: Any, y: Any, sample_weight: Any, *, reset: bool, classes: Any = None
    ) -> tuple[Any, np.ndarray, np.ndarray | None]:
        """Check training data.

        Returns
        -------
        X : ndarray or CSR matrix of shape (n_samples, n_features), of float32 or float64
        y : ndarray of shape (n_samples,), of the type of X: numbers, or positions among the classes
        weights : ndarray of shape (n_samples,), of the type of X, or None
        """
        X, y = validate_data(
            self,
            with_checked_indices(X),
            y,
            accept_sparse="csr",
            dtype=[np.float64, np.float32],
            order="C",
            y_numeric=not hasattr(self, "class_weight"),
            reset=reset,
        )
        weights = sample_weight
        if weights is not None:
            weights = _check_sample_weight(weights, X, dtype=X.dtype, ensure_non_negative=True)
        y, weights = self._encoded(y, weights, classes)
        if weights is not None:
            weights = weights.astype(X.dtype, copy=False)
            if not weights.any():
                raise ValueError("All weights are zero: there is nothing to learn from.")
        return X, np.ascontiguousarray(y, dtype=X.dtype), weights

    def _encoded(
        self: Any, y: np.ndarray, weights: np.ndarray | None, classes: Any
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return targets as numbers, and weights."""
        return y, weights

    def _descend(
        self: Any,
        X: Any,
        y: np.ndarray,
        weights: np.ndarray | None,
        *,
        resumes: bool,
        watch: Any,
        goes_on: bool = False,
    ) -> None:
        """Go down in Rust and set what is fitted. goes_on : whether it is one more epoch of a descent under way."""
        random = check_random_state(self.random_state)
        aside = None
        if self.early_stopping:
            X, aside, y, weights = self._set_aside(X, y, weights, random)
        n_outputs = self._n_outputs()
        shape, dtype = (n_outputs, X.shape[1]), X.dtype
        coef = np.reshape(self.coef_, shape).astype(dtype) if resumes else np.zeros(shape, dtype)
        intercept = np.zeros(n_outputs, dtype)
        if resumes and self.fit_intercept:
            intercept[:] = self.intercept_
        memory = None
        if goes_on and resumes:
            exp_avg, exp_avg_sq, count = self._memory
            memory = exp_avg.astype(dtype), exp_avg_sq.astype(dtype), count
        found = core.descend(
            x=X,
            y=y,
            weights=weights,
            aside=aside,
            coef=coef,
            intercept=intercept,
            memory=memory,
            options=self._options(len(y), goes_on, resumes),
            random_state=_mt19937(random),
            report=_print_epoch if self.verbose else None,
            watch=watch,
            n_threads=_threads.resolve(),
        )
        self._warn_of(found, goes_on)
        losses_before = self.loss_curve_ if goes_on and resumes else []
        self.n_iter_ = len(losses_before) + len(found["losses"])
        self.loss_curve_ = losses_before + found["losses"]
        self.validation_scores_ = found["scores"] if self.early_stopping else None
        self.eta0_ = found["eta0"]
        self.learning_rate_ = found["rate"]
        self.t_ = found["memory"][2]
        self._memory = found["memory"]
        self._set_params(found)

    def _options(self: Any, n_samples: int, goes_on: bool, resumes: bool) -> dict[str, Any]:
        """Return the parameters of a descent as Rust takes them."""
        alpha = self.alpha if self.penalty is not None else 0.0
        l1_ratio = {"l1": 1.0, "elasticnet": self.l1_ratio}.get(self.penalty, 0.0)
        eta0 = self.eta0
        if eta0 == "auto":
            eta0 = SCALED_STEP if self.solver != "sgd" else self.eta0_ if goes_on and resumes else None
        return {
            "loss": self.loss,
            "epsilon": getattr(self, "epsilon", 0.0),
            "l1": alpha * l1_ratio,
            "l2": alpha * (1 - l1_ratio),
            "fit_intercept": self.fit_intercept,
            "batch_size": n_samples if self.batch_size == "full" else min(self.batch_size, n_samples),
            "solver": self.solver,
            "momentum": self.momentum,
            "nesterov": self.nesterovs_momentum,
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "learning_rate": self.learning_rate,
            "power_t": self.power_t,
            "decay_rate": self.decay_rate,
            "decay_epochs": self.decay_epochs,
            "eta0": eta0,
            "max_iter": 1 if goes_on else self.max_iter,
            "epochs_before": self.n_iter_ if goes_on and resumes else 0,
            "tol": None if goes_on else self.tol,
            "n_iter_no_change": self.n_iter_no_change,
            "shuffle": self.shuffle,
        }

    def _set_aside(
        self: Any, X: Any, y: np.ndarray, weights: np.ndarray | None, random: np.random.RandomState
    ) -> tuple[Any, tuple[Any, ...], np.ndarray, np.ndarray | None]:
        """Return the rows that are learnt from; those that are not, with their targets and weights; the others'."""
        rest = [] if weights is None else [weights]
        stratify = y if hasattr(self, "classes_") else None
        parts = train_test_split(
            X, y, *rest, random_state=random, test_size=self.validation_fraction, stratify=stratify
        )
        X, X_aside, y, y_aside = parts[:4]
        weights, aside_weights = parts[4:] if rest else (None, None)
        for part in (weights, aside_weights):
            if part is not None and not part.any():
                raise ValueError("With early_stopping, samples on both sides need a weight that is not zero.")
        if sp.issparse(X):
            X, X_aside = X.tocsr(), X_aside.tocsr()
        return X, (X_aside, y_aside, aside_weights), y, weights

    def _warn_of(self: Any, found: dict[str, Any], goes_on: bool) -> None:
        """Raise ValueError if the descent went up; warn if it did not get down."""
        if found["end"] == "diverged":
            raise ValueError(
                f"Gradient descent diverged in epoch {len(found['losses'])}: the loss or a coefficient overflowed. The "
                f"learning rate is too large for these data, eta0={found['eta0']:.6g}; take a smaller eta0, leave it "
                "to eta0='auto', or scale the features."
            )
        if found["end"] == "exhausted" and self.tol is not None and not goes_on:
            warnings.warn(
                f"Gradient descent took max_iter={self.max_iter} epochs and was still making progress. Let it take "
                "more, raise eta0, or scale the features.",
                ConvergenceWarning,
                stacklevel=callers_level(),
            )

    def _set_params(self: Any, found: dict[str, Any]) -> None:
        self.__dict__.update(self._shaped(found))

    def _fitted_so_far(self: Any, snapshot: dict[str, Any]) -> dict[str, Any]:
        """Return the attributes that the estimator would have if its fit stopped at this snapshot."""
        return self._shaped(snapshot) | {
            "n_iter_": len(snapshot["losses"]),
            "loss_curve_": snapshot["losses"],
            "validation_scores_": snapshot["scores"] if self.early_stopping else None,
            "learning_rate_": snapshot["rate"],
        }

    def _partial(self: Any, X: Any, y: Any, sample_weight: Any, classes: Any = None) -> Any:
        """Take the steps of one epoch."""
        if self.early_stopping:
            raise ValueError("partial_fit sets no samples aside: it does not go with early_stopping=True.")
        resumes = hasattr(self, "coef_")
        data = self._checked(X, y, sample_weight, reset=not resumes, classes=classes)
        self._descend(*data, resumes=resumes, watch=None, goes_on=True)
        return self


def _mt19937(random: np.random.RandomState) -> np.random.RandomState:
    """Return a generator that Rust can go on with: this one, or one that it seeds."""
    if random.get_state(legacy=False)["bit_generator"] == "MT19937":
        return random
    return np.random.RandomState(random.randint(2**31 - 1))


def _print_epoch(epoch: int, loss: float, score: float | None) -> None:
    """Print how far the descent is."""
    print(f"epoch {epoch}: loss {loss:.8g}" + ("" if score is None else f", validation score {score:.6f}"))


class GradientDescentRegressor(_Descent, RegressorMixin, LinearModel):
    __doc__ = REGRESSOR

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "loss": [StrOptions({"squared_error", "huber"})],
        **_Descent._parameter_constraints,
        "epsilon": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        loss: str = "squared_error",
        *,
        penalty: str | None = "l2",
        alpha: float = 0.0001,
        l1_ratio: float = 0.15,
        fit_intercept: bool = True,
        batch_size: int | str = "full",
        solver: str = "sgd",
        learning_rate: str = "constant",
        eta0: float | str = "auto",
        power_t: float = 0.25,
        decay_rate: float = 0.5,
        decay_epochs: float = 10,
        momentum: float = 0.0,
        nesterovs_momentum: bool = False,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1.35,
        max_iter: int = 1000,
        tol: float | None = 1e-4,
        shuffle: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        random_state: Any = None,
        warm_start: bool = False,
        verbose: int | bool = 0,
    ) -> None:
        self.loss = loss
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.batch_size = batch_size
        self.solver = solver
        self.learning_rate = learning_rate
        self.eta0 = eta0
        self.power_t = power_t
        self.decay_rate = decay_rate
        self.decay_epochs = decay_epochs
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.max_iter = max_iter
        self.tol = tol
        self.shuffle = shuffle
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose

    def _n_outputs(self) -> int:
        return 1

    def _shaped(self, found: dict[str, Any]) -> dict[str, Any]:
        return {"coef_": found["coef"][0], "intercept_": found["intercept"]}

    @keeps_state
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Take the steps of one epoch over some samples, after those taken before.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples,)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights, not negative; None: all 1.

        Returns
        -------
        self : GradientDescentRegressor
            The fitted model.
        """
        return self._partial(X, y, sample_weight)

    def predict(self, X: Any) -> np.ndarray:
        """Predict the targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            The targets.
        """
        return self._answered("predict", X, lambda: super(GradientDescentRegressor, self).predict(X), np.ravel)


class GradientDescentClassifier(_Descent, LinearClassifierDropIn, LinearClassifierMixin, LinearModel):
    __doc__ = CLASSIFIER

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "loss": [StrOptions({"log_loss"})],
        **_Descent._parameter_constraints,
        "class_weight": [StrOptions({"balanced"}), dict, None],
    }

    def __init__(
        self,
        loss: str = "log_loss",
        *,
        penalty: str | None = "l2",
        alpha: float = 0.0001,
        l1_ratio: float = 0.15,
        fit_intercept: bool = True,
        batch_size: int | str = "full",
        solver: str = "sgd",
        learning_rate: str = "constant",
        eta0: float | str = "auto",
        power_t: float = 0.25,
        decay_rate: float = 0.5,
        decay_epochs: float = 10,
        momentum: float = 0.0,
        nesterovs_momentum: bool = False,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        max_iter: int = 1000,
        tol: float | None = 1e-4,
        shuffle: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        class_weight: Any = None,
        random_state: Any = None,
        warm_start: bool = False,
        verbose: int | bool = 0,
    ) -> None:
        self.loss = loss
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.batch_size = batch_size
        self.solver = solver
        self.learning_rate = learning_rate
        self.eta0 = eta0
        self.power_t = power_t
        self.decay_rate = decay_rate
        self.decay_epochs = decay_epochs
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.max_iter = max_iter
        self.tol = tol
        self.shuffle = shuffle
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.class_weight = class_weight
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose

    def _n_outputs(self) -> int:
        return 1 if len(self.classes_) == 2 else len(self.classes_)

    def _shaped(self, found: dict[str, Any]) -> dict[str, Any]:
        return {"coef_": found["coef"], "intercept_": found["intercept"]}

    def _encoded(
        self: Any, y: np.ndarray, weights: np.ndarray | None, classes: Any
    ) -> tuple[np.ndarray, np.ndarray | None]:
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        if classes is None:
            self.classes_ = np.unique(y)
        else:
            self.classes_ = np.asarray(classes)
            if unknown := set(np.unique(y)) - set(self.classes_):
                raise ValueError(f"y holds classes that partial_fit was not told of: {sorted(unknown)}")
        if len(self.classes_) < 2:
            raise ValueError(f"At least two classes are needed; y has one class, {self.classes_[0]!r}.")
        if self.class_weight is not None:
            if classes is not None and self.class_weight == "balanced":
                raise ValueError("partial_fit sees a part of the samples and cannot balance the classes by itself.")
            by_class = compute_sample_weight(self.class_weight, y)
            weights = by_class if weights is None else weights * by_class
        return np.searchsorted(self.classes_, y), weights

    @keeps_state
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Take the steps of one epoch over some samples, after those taken before.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples,)
            Classes of the samples.
        classes : array-like of shape (n_classes,), default=None
            All classes that will ever come. Must be told at the first call.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights, not negative; None: all 1.

        Returns
        -------
        self : GradientDescentClassifier
            The fitted model.
        """
        _check_partial_fit_first_call(self, classes)
        return self._partial(X, y, sample_weight, self.classes_)

    def predict_proba(self: Any, X: Any) -> np.ndarray:
        """Predict the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        p : ndarray of shape (n_samples, n_classes)
            Probabilities, in the order of ``classes_``.
        """
        parent: Any = super()
        return self._answered("predict_proba", X, lambda: _softmax(parent.decision_function(X)), _softmax, "csr")

    def predict_log_proba(self: Any, X: Any) -> np.ndarray:
        """Predict the logarithm of the probability of each class; see `predict_proba`."""
        parent: Any = super()
        known = lambda: _log_softmax(parent.decision_function(X))  # noqa: E731
        return self._answered("predict_log_proba", X, known, _log_softmax, "csr")


def _softmax(scores: np.ndarray) -> np.ndarray:
    """Return probabilities, shape (n_samples, n_classes), from scores, one for each class or one for two of them."""
    if scores.ndim == 2 and scores.shape[1] > 1:
        return softmax(scores)
    scores = scores.reshape(-1)
    return np.column_stack([expit(-scores), expit(scores)])


def _log_softmax(scores: np.ndarray) -> np.ndarray:
    """Return the logarithms of `_softmax`; none is lost where a share is too small for a number."""
    if scores.ndim == 2 and scores.shape[1] > 1:
        return log_softmax(scores, axis=1)
    scores = scores.reshape(-1)
    return -np.column_stack([np.logaddexp(0, scores), np.logaddexp(0, -scores)])
