"""What the multilayer perceptrons share: training in Rust, the way forward, state."""

import copy
import warnings
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.optimize import OptimizeResult
from sklearn.base import is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer
from sklearn.utils.optimize import _check_optimize_result
from sklearn.utils.validation import check_is_fitted, validate_data

from mlfast import _profile, _threads
from mlfast._callbacks import CallbackDropIn, Level, Watch
from mlfast._core import UnsupportedInputError
from mlfast._core import neural_network as core
from mlfast._dispatch import Condition, callers_level, dispatch
from mlfast._sparse import with_checked_indices
from mlfast._state import DropIn, keeps_state

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))

#: What a network has beyond scikit-learn's, where it has nothing.
PLAIN: dict[str, Any] = {
    "delta": 1.0,
    "residual": False,
    "normalizes": False,
    "dropout": 0.0,
    "decay": 0.0,
    "clip_value": None,
    "clip_norm": None,
    "seed": 0,
    "stops_early": True,
}


def _draws_otherwise(network: Any) -> bool:
    return network._random_state.get_state(legacy=False)["bit_generator"] != "MT19937"


TRAIN_CONDITIONS = (Condition("random_state draws from another generator than MT19937", _draws_otherwise),)


def _is_other_float(call: tuple[Any, Any]) -> bool:
    network, X = call
    try:
        return np.result_type(X.dtype, *network.coefs_, *network.intercepts_) not in FLOATS
    except TypeError:
        return False  # no numbers at all


FORWARD_CONDITIONS = (Condition("the answer is neither of float32 nor of float64", _is_other_float),)


class DivergedError(ValueError):
    """Weights stopped being finite; ``state`` is the estimator's as it was before."""

    def __init__(self, state: dict[str, Any]) -> None:
        super().__init__(
            "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
            "preprocessed."
        )
        self.state = state


class NetworkDropIn(CallbackDropIn, DropIn):
    """Training a multilayer perceptron and asking it."""

    #: Whether hidden layers add what the one before said.
    residual: bool = False
    _skops_types: tuple[str, ...] = (
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    )

    def _check_state(self, state: dict[str, Any]) -> None:
        if "coefs_" not in state:
            return
        coefs: Any = state["coefs_"]
        intercepts: Any = state.get("intercepts_")
        is_listed = isinstance(coefs, list) and isinstance(intercepts, list) and len(coefs) > 0
        if not is_listed or len(coefs) != len(intercepts):
            raise ValueError("corrupt state: coefs_ and intercepts_ must be lists of as many arrays")
        arrays = [*coefs, *intercepts]
        if not all(isinstance(array, np.ndarray) and array.dtype.kind == "f" for array in arrays):
            raise ValueError("corrupt state: coefs_ and intercepts_ must hold arrays of numbers")
        units = [state.get("n_features_in_"), *(len(intercept) for intercept in intercepts)]
        if any(coef.shape != shape for coef, shape in zip(coefs, pairwise(units), strict=True)):
            raise ValueError("corrupt state: the shapes of coefs_ and intercepts_ disagree")
        if units[-1] != state.get("n_outputs_"):
            raise ValueError("corrupt state: coefs_ and n_outputs_ disagree")

    # ---- training ----

    def _fit(self: Any, X: Any, y: Any, sample_weight: Any = None, incremental: bool = False, **given: Any) -> Any:
        """Train; what fails leaves the network as it was, but for weights that stopped being finite.

        Then those of the last epoch in which they were are left.
        """
        watch = None if incremental else self._watch(X, y, sample_weight)
        self._handed_over = watch  # to what trains, past the parent's `_fit`, which has no argument for it
        try:
            self._fit_or_keep(with_checked_indices(X), y, sample_weight, incremental, **given)
        except DivergedError as error:
            self.__dict__.update(error.state)
            raise ValueError(str(error)) from None
        finally:
            self.__dict__.pop("_handed_over", None)
        if watch is not None:
            watch.finish()
        return self

    def _watch(self: Any, X: Any, y: Any, sample_weight: Any) -> Watch | None:
        """Return what tells callbacks of epochs, or of steps to a minimum; None if there are no callbacks."""
        if not getattr(self, "_skl_callbacks", None):
            return None
        task, reached = ("lbfgs-iter", self._after_step) if self.solver == "lbfgs" else ("epoch", self._after_epoch)
        levels = [Level(task, task, self.max_iter)]
        return Watch(self, X, y, sample_weight, levels, lambda snapshot, _: reached(**snapshot))

    @keeps_state
    def _fit_or_keep(self, X: Any, y: Any, sample_weight: Any, incremental: bool) -> Any:
        parent: Any = super()
        return parent._fit(X, y, sample_weight=sample_weight, incremental=incremental)

    def _common(self: Any) -> dict[str, Any]:
        """Return what both ways of training are told of the network."""
        loss = self.loss
        if loss == "log_loss" and self.out_activation_ == "logistic":
            loss = "binary_log_loss"
        return {
            "layer_sizes": [self.n_features_in_, *(len(intercept) for intercept in self.intercepts_)],
            "hidden": self.activation,
            "output": self.out_activation_,
            "loss": loss,
            "extras": self._extras(),
            "alpha": float(self.alpha),
            "n_threads": _threads.resolve(),
        }

    def _extras(self: Any) -> dict[str, Any]:
        """Return what the network has beyond scikit-learn's."""
        return PLAIN

    def _optimized(self: Any) -> list[np.ndarray]:
        """Return the parameters that are trained, in the order in which Rust holds them."""
        return self.coefs_ + self.intercepts_

    def _values(self: Any) -> list[np.ndarray]:
        """Return the same, and whatever else is learnt."""
        return self._optimized()

    def _set_values(self: Any, values: list[np.ndarray]) -> None:
        n_layers = len(self.coefs_)
        self.coefs_, self.intercepts_ = values[:n_layers], values[n_layers : 2 * n_layers]

    def _keep_best(self: Any) -> None:
        """Remember what is learnt as the best so far."""
        self._best_coefs, self._best_intercepts = self.coefs_, self.intercepts_

    def _restore_best(self: Any) -> None:
        self.coefs_, self.intercepts_ = self._best_coefs, self._best_intercepts

    def _fit_stochastic(
        self: Any,
        X: Any,
        y: np.ndarray,
        sample_weight: np.ndarray | None,
        activations: Any,
        deltas: Any,
        coef_grads: Any,
        intercept_grads: Any,
        layer_units: Any,
        incremental: bool,
    ) -> None:
        self._refuse_other_outputs(y)
        parent: Any = super()
        dispatch(
            self,
            "fit",
            TRAIN_CONDITIONS,
            self,
            lambda: self._train(X, y, sample_weight, incremental),
            lambda: parent._fit_stochastic(
                X,
                y,
                sample_weight,
                activations,
                deltas,
                coef_grads,
                intercept_grads,
                layer_units,
                incremental,
            ),
        )

    def _refuse_other_outputs(self: Any, y: np.ndarray) -> None:
        """Refuse targets of shape (n_samples, n_outputs) if the network is of an earlier fit with other outputs."""
        known = len(self.intercepts_[-1])
        if y.shape[1] != known:
            raise ValueError(f"y has {y.shape[1]} outputs, but the network of the earlier fit has {known}.")

    def _train(
        self: Any,
        X: Any,
        y: np.ndarray,
        sample_weight: np.ndarray | None,
        incremental: bool,
        held_out: tuple[Any, Any, Any] | None = None,
        checkpoint: Any = None,
    ) -> None:
        """Train by batches in Rust.

        held_out : X, y and weights that are not learnt from; None: as `early_stopping` says. checkpoint : where
        training is saved.
        """
        watch = self.__dict__.pop("_handed_over")
        _refuse_no_numbers(y)
        optimizer = self._known_optimizer(incremental)
        if self.early_stopping and incremental:
            raise ValueError("partial_fit does not support early_stopping=True")
        if self.early_stopping and held_out is None:
            (X, y, sample_weight), held_out = self._split(X, y, sample_weight)
        n_samples = X.shape[0]
        if self.batch_size == "auto":
            batch_size = min(200, n_samples)
        else:
            if self.batch_size > n_samples:
                warnings.warn(
                    "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped",
                    stacklevel=callers_level(),
                )
            batch_size = min(self.batch_size, n_samples)
        has_squares = self.solver != "sgd"
        exp_avg, exp_avg_sq = (optimizer.ms, optimizer.vs) if has_squares else (optimizer.velocities, [])
        # scikit-learn takes errors of wide targets in double precision, and keeps weights in single.
        dtype, computed = self.coefs_[0].dtype, _computed(self.coefs_[0].dtype, y)
        best = self.best_validation_score_ if self.early_stopping else self.best_loss_
        given = {
            **self._common(),
            **_table(X, y, sample_weight, computed),
            "keeps_single": computed != dtype,
            "held_out": None if held_out is None else tuple(_table(*held_out, computed).values())[:3],
            "metric": self._metric(),
            "solver": self.solver,
            "betas": self._betas(),
            "nesterov": self.nesterovs_momentum,
            "learning_rate": "constant" if has_squares else self.learning_rate,
            "power": float(self.power_t),
            "learning_rate_init": float(optimizer.learning_rate_init),
            "batch_size": int(batch_size),
            "shuffle": self.shuffle,
            "tol": float(self.tol),
            "patience": float(self.n_iter_no_change),
            "random_state": self._random_state,
            "report": self._listener(watch, None if checkpoint is None else checkpoint.saved),
        }
        state: dict[str, Any] = {
            "params": _flat(self._values(), computed),
            "exp_avg": _flat(exp_avg, computed),
            "exp_avg_sq": _flat(exp_avg_sq, computed),
            "count": self._steps_taken(optimizer),
            "rate": float(optimizer.learning_rate_init if has_squares else optimizer.learning_rate),
            "n_samples_seen": int(self.t_),
            "best": float(best),
            "n_no_improvement": int(self._no_improvement_count),
            "order": None,
        }
        if watch is not None:
            watch.begin("epoch")
        max_iter = 1 if incremental else self.max_iter
        if checkpoint is None:
            found = core.train(**given, **state, max_iter=max_iter)
        else:
            found = checkpoint.run(given, state, max_iter)
        self._take_over(found, optimizer)
        is_unsettled = found["verdict"] in ("go on", "lower") and self.n_iter_ == self.max_iter
        has_diverged = found["verdict"] == "diverged"
        if found["was_interrupted"]:
            warnings.warn("Training interrupted by user.", stacklevel=callers_level())
        elif not incremental and (is_unsettled or has_diverged):  # the parent goes on to the end with what is no number
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and the optimization hasn't "
                "converged yet.",
                ConvergenceWarning,
                stacklevel=callers_level(),
            )
        if has_diverged:
            raise DivergedError(self.__dict__.copy())

    def _steps_taken(self: Any, optimizer: Any) -> int:
        """Return how many steps what the optimizer remembers is of; 'sgd' does not count."""
        return optimizer.t if self.solver != "sgd" else 0

    def _betas(self: Any) -> tuple[float, float, float]:
        """Return what the rule of steps is told."""
        if self.solver == "sgd":
            return self.momentum, 0.0, 0.0
        return self.beta_1, self.beta_2, self.epsilon

    def _known_optimizer(self: Any, incremental: bool) -> Any:
        """Return the optimizer of an earlier `partial_fit`, or a new one, whose state Rust goes on from."""
        if not incremental or not hasattr(self, "_optimizer"):
            params = self._optimized()
            if self.solver == "sgd":
                rates = self.learning_rate_init, self.learning_rate
                self._optimizer = SGDOptimizer(params, *rates, self.momentum, self.nesterovs_momentum, self.power_t)
            else:
                betas = self.beta_1, self.beta_2, self.epsilon
                self._optimizer = AdamOptimizer(params, self.learning_rate_init, *betas)
        return self._optimizer

    def _split(
        self: Any, X: Any, y: np.ndarray, sample_weight: np.ndarray | None
    ) -> tuple[tuple[Any, Any, Any], tuple[Any, Any, Any]]:
        """Return samples to learn from and samples to be held out, drawn as the parent draws them."""
        stratify = y if is_classifier(self) and self.n_outputs_ == 1 else None
        given = () if sample_weight is None else (sample_weight,)
        parts = train_test_split(
            X, y, *given, random_state=self._random_state, test_size=self.validation_fraction, stratify=stratify
        )
        if parts[1].shape[0] < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
            )
        (X, y, *weights), (X_held, y_held, *weights_held) = parts[::2], parts[1::2]
        return (X, y, weights[0] if weights else None), (X_held, y_held, weights_held[0] if weights_held else None)

    def _take_over(self: Any, found: dict[str, Any], optimizer: Any) -> None:
        trained = [param.shape for param in self._optimized()]
        if self.solver != "sgd":
            optimizer.ms, optimizer.vs = _apart(found["exp_avg"], trained), _apart(found["exp_avg_sq"], trained)
            optimizer.t = found["count"]
            if optimizer.t > 0:
                unbiased = np.sqrt(1 - optimizer.beta_2**optimizer.t) / (1 - optimizer.beta_1**optimizer.t)
                optimizer.learning_rate = optimizer.learning_rate_init * unbiased
        else:
            optimizer.velocities, optimizer.learning_rate = _apart(found["exp_avg"], trained), found["rate"]
        self._reach(found)

    def _reach(self: Any, found: dict[str, Any]) -> None:
        """Become the network that Rust has come to; nothing is changed in place, so that a copy can do it too."""
        shapes = [value.shape for value in self._values()]
        dtype = self.coefs_[0].dtype
        self._set_values(_apart(found["params"].astype(dtype, copy=False), shapes))
        losses = [np.float64(loss) for loss in found["losses"]]
        self.n_iter_ = len(losses)
        self.loss_curve_ = self.loss_curve_ + losses
        if losses:
            self.loss_ = losses[-1]
        self.t_, self._no_improvement_count = found["n_samples_seen"], found["n_no_improvement"]
        if self.early_stopping:
            self.validation_scores_ = self.validation_scores_ + found["scores"]
            self.best_validation_score_ = found["best"]
            if found["best_params"] is not None:
                self._set_values(_apart(found["best_params"].astype(dtype, copy=False), shapes))
                self._keep_best()
            self._restore_best()
        elif losses:
            self.best_loss_ = np.float64(found["best"])

    def _after_epoch(self: Any, is_finite: bool, **reached: Any) -> dict[str, Any] | None:
        """Return the attributes that the network would have if training stopped here; None if some are not finite."""
        if not is_finite:
            return None
        twin = copy.copy(self)
        twin._reach(reached)
        return vars(twin)

    def _listener(self: Any, watch: Watch | None, saved: dict[str, Any] | None) -> Callable[..., bool] | None:
        """Return what prints the progress of training and tells callbacks of it; None if nobody wants to hear.

        saved : the checkpoint that training goes on from.
        """
        tell = self._printer() if self.verbose else None
        if watch is None:
            return tell
        names = ("losses", "scores", "held_out_losses")
        curves: dict[str, list[float]] = {name: [] if saved is None else list(saved[name]) for name in names}

        def report(
            number: int, loss: float, score: float | None, verdict: str, rate: float, reached: dict[str, Any]
        ) -> bool:
            if tell is not None:
                tell(number, loss, score, verdict, rate, reached)
            for curve, value in zip(curves.values(), (loss, score, reached["held_out_loss"]), strict=True):
                curve.extend([] if value is None else [value])
            if watch.end("epoch", {**reached, **curves, "is_finite": verdict != "diverged"}):
                return True
            if verdict in ("go on", "lower") and number < self.max_iter:
                watch.begin("epoch")
            return False

        return report

    def _printer(self: Any) -> Callable[..., bool]:
        """Return what prints the progress of training as the parent does."""
        what = "Validation score" if self.early_stopping else "Training loss"
        patience = self.n_iter_no_change if self.n_iter_no_change == np.inf else int(self.n_iter_no_change)
        message = f"{what} did not improve more than tol={self.tol:f} for {patience} consecutive epochs."

        def report(number: int, loss: float, score: float | None, verdict: str, rate: float, _: Any) -> bool:
            print(f"Iteration {number}, loss = {loss:.8f}")
            if score is not None:
                print(f"Validation score: {score:f}")
            if verdict == "stop":
                print(f"{message} Stopping.")
            elif verdict == "too small":
                print(f"{message} Learning rate too small. Stopping.")
            elif verdict == "lower":
                print(f"{message} Setting learning rate to {rate:f}")
            return False

        return report

    def _fit_lbfgs(
        self: Any,
        X: Any,
        y: np.ndarray,
        sample_weight: np.ndarray | None,
        activations: Any,
        deltas: Any,
        coef_grads: Any,
        intercept_grads: Any,
        layer_units: Any,
    ) -> None:
        self._refuse_other_outputs(y)
        parent: Any = super()
        dispatch(
            self,
            "fit",
            (),
            None,
            lambda: self._minimize(X, y, sample_weight),
            lambda: parent._fit_lbfgs(
                X, y, sample_weight, activations, deltas, coef_grads, intercept_grads, layer_units
            ),
        )

    def _minimize(self: Any, X: Any, y: np.ndarray, sample_weight: np.ndarray | None) -> None:
        watch = self.__dict__.pop("_handed_over")
        _refuse_no_numbers(y)
        shapes = [param.shape for param in self.coefs_ + self.intercepts_]
        n_layers = len(self.coefs_)
        found = core.minimize(
            **self._common(),
            **_table(X, y, sample_weight, _computed(X.dtype, y)),
            keeps_single=_computed(X.dtype, y) != X.dtype,
            params=_flat(self.coefs_ + self.intercepts_, np.dtype(np.float64)),
            max_iter=self.max_iter,
            max_fun=self.max_fun,
            tol=float(self.tol),
            report=None if watch is None else self._step_listener(watch),
        )
        result = OptimizeResult(nit=found["n_iter"], **_ENDINGS[found["end"]])
        self.n_iter_ = _check_optimize_result("lbfgs", result, self.max_iter)
        self.loss_ = np.float64(found["loss"])
        params = _apart(found["params"], shapes)
        self.coefs_, self.intercepts_ = params[:n_layers], params[n_layers:]
        ends = np.cumsum([0, *(int(np.prod(shape)) for shape in shapes)]).tolist()
        spans = list(pairwise(ends))
        self._coef_indptr = [(*span, shape) for span, shape in zip(spans[:n_layers], shapes[:n_layers], strict=True)]
        self._intercept_indptr = spans[n_layers:]

    def _after_step(self: Any, params: np.ndarray, loss: float, number: int) -> dict[str, Any]:
        """Return the attributes of a network that took so many steps to `params`, shape (n_params,)."""
        n_layers = len(self.coefs_)
        arrays = _apart(params, [param.shape for param in self.coefs_ + self.intercepts_])
        learnt = {"coefs_": arrays[:n_layers], "intercepts_": arrays[n_layers:]}
        return {**learnt, "loss_": np.float64(loss), "n_iter_": number}

    def _step_listener(self: Any, watch: Watch) -> Callable[..., bool]:
        """Return what tells callbacks of steps.

        One more may begin than are taken, as where scikit-learn tells of steps; it ends without an estimator.
        """
        watch.begin("lbfgs-iter")

        def report(number: int, loss: float, params: np.ndarray) -> bool:
            if watch.end("lbfgs-iter", {"params": params, "loss": loss, "number": number}):
                return True
            if number < self.max_iter:
                watch.begin("lbfgs-iter")
            return False

        return report

    # ---- asking ----

    def _predict_small(self: Any, X: Any) -> np.ndarray | None:
        """Return what the network says of a few plain rows, which need no more checks than Rust makes; else None."""
        state = self.__dict__
        if "coefs_" not in state or "feature_names_in_" in state or (not _profile.is_idle and _profile.is_wanted()):
            return None
        coefs, intercepts = self._layers()
        return core.predict_small(X, coefs, intercepts, self.activation, self.out_activation_, self.residual)

    def _layers(self: Any) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return weights and intercepts with which rows are answered."""
        return self.coefs_, self.intercepts_

    def _forward_pass_fast(self: Any, X: Any, check_input: bool = True) -> np.ndarray:
        outputs = self._predict_small(X)
        if outputs is not None:
            return outputs
        check_is_fitted(self)
        if check_input:
            X = validate_data(self, with_checked_indices(X), accept_sparse=["csr", "csc"], reset=False)
        parent: Any = super()
        return dispatch(
            self,
            "predict",
            FORWARD_CONDITIONS,
            (self, X),
            lambda: self._outputs(X),
            lambda: parent._forward_pass_fast(X, check_input=False),
        )

    def _outputs(self: Any, X: Any) -> np.ndarray:
        coefs, intercepts = self._layers()
        try:
            dtype = np.result_type(X.dtype, *coefs, *intercepts)
        except TypeError:
            raise UnsupportedInputError("X holds no numbers") from None
        if sp.issparse(X):
            X = X.tocsr()
        if X.shape[0] == 0:
            raise UnsupportedInputError("there are no samples")
        return core.forward(
            x=X.astype(dtype, copy=False),
            coefs=[np.ascontiguousarray(coef, dtype=dtype) for coef in coefs],
            intercepts=[np.ascontiguousarray(intercept, dtype=dtype) for intercept in intercepts],
            hidden=self.activation,
            output=self.out_activation_,
            residual=self.residual,
            n_threads=_threads.resolve(),
        )


_ENDINGS: dict[str, dict[str, Any]] = {
    "converged": {"status": 0, "message": "CONVERGENCE"},
    "steps": {"status": 1, "message": "STOP: TOTAL NO. OF ITERATIONS REACHED LIMIT"},
    "evaluations": {"status": 1, "message": "STOP: TOTAL NO. OF F,G EVALUATIONS EXCEEDS LIMIT"},
    "stuck": {"status": 2, "message": "ABNORMAL: "},
}


def _table(X: Any, y: np.ndarray, sample_weight: np.ndarray | None, dtype: np.dtype) -> dict[str, Any]:
    """Return features, targets and weights as Rust reads them, all of one type."""
    X = X.tocsr() if sp.issparse(X) else X
    is_single = sample_weight is not None and sample_weight.dtype == np.float32
    return {
        "x": X.astype(dtype, copy=False),
        "y": np.ascontiguousarray(y, dtype=dtype),
        "sample_weight": None if sample_weight is None else np.ascontiguousarray(sample_weight, dtype=dtype),
        "sums_in_single": is_single,
    }


def _refuse_no_numbers(y: np.ndarray) -> None:
    if sp.issparse(y) or y.dtype.kind not in "fiub":
        raise UnsupportedInputError("y holds no numbers")
    if y.dtype.itemsize > 8:
        raise UnsupportedInputError("y is of more than double precision")


def _computed(dtype: np.dtype, y: np.ndarray) -> np.dtype:
    """Return the type in which errors are taken, of a network of `dtype`."""
    return np.dtype(np.float64) if y.dtype == np.float64 else dtype


def _flat(arrays: list[np.ndarray], dtype: np.dtype) -> np.ndarray:
    return np.concatenate([array.ravel() for array in arrays], dtype=dtype) if arrays else np.empty(0, dtype=dtype)


def _apart(flat: np.ndarray, shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
    """Return arrays of `shapes` that lie one behind the other in `flat`."""
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
    return [part.reshape(shape) for part, shape in zip(np.split(flat, ends), shapes, strict=True)]
