"""Networks with more than scikit-learn's have: what both share."""

from itertools import pairwise
from numbers import Integral, Real
from os import PathLike
from typing import Any, ClassVar

import numpy as np
from sklearn.neural_network._multilayer_perceptron import BaseMultilayerPerceptron
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from mlfast._sparse import with_checked_indices
from mlfast._state import keeps_state
from mlfast.neural_network._base import FLOATS, NetworkDropIn
from mlfast.neural_network._checkpoint import Checkpoint

#: Added to variances before sums are divided by their roots, as in Rust.
EPSILON = 1e-5

#: Variance of the first weights, times what they are counted by: the mean of units before and behind, or those before.
_VARIANCES: dict[str, tuple[float, bool]] = {"glorot": (1.0, True), "he": (2.0, False), "lecun": (1.0, False)}

#: Parameters that only some solvers have.
_STEPWISE = ("dropout", "batch_normalization", "clip_norm", "clip_value", "checkpoint")


class LayersDropIn(NetworkDropIn):
    """A network whose layers may be normalised, silenced by chance, and added to each other."""

    _doc_link_module = ""  # scikit-learn has no page about them

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseMultilayerPerceptron._parameter_constraints,
        "activation": [
            StrOptions({"identity", "logistic", "tanh", "relu", "leaky_relu", "elu", "gelu", "softmax"}),
        ],
        "solver": [StrOptions({"lbfgs", "sgd", "adam", "adamw", "rmsprop"})],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "batch_normalization": ["boolean"],
        "residual": ["boolean"],
        "clip_norm": [Interval(Real, 0, None, closed="neither"), None],
        "clip_value": [Interval(Real, 0, None, closed="neither"), None],
        "initializer": [
            StrOptions(
                {"auto", "orthogonal", "zeros"}
                | {f"{name}_{kind}" for name in _VARIANCES for kind in ("uniform", "normal")}
            )
        ],
        "checkpoint": [str, PathLike, None],
        "checkpoint_every": [Interval(Integral, 1, None, closed="left")],
        "resume": ["boolean"],
    }

    # ---- training ----

    @keeps_state
    def _fit_or_keep(
        self: Any, X: Any, y: Any, sample_weight: Any, incremental: bool, validation_data: Any = None
    ) -> Any:
        sizes = self._sizes()
        self._check_solver_has()
        is_first = not hasattr(self, "coefs_") or (not self.warm_start and not incremental)
        X, y = self._validate_input(X, y, incremental, reset=is_first)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X)
        y = y.reshape(-1, 1) if y.ndim == 1 else y
        sample_weight = self._balanced(y, sample_weight, incremental)
        if sample_weight is not None and not np.any(sample_weight):
            raise ValueError("All weights are zero: there is nothing to learn from.")
        y = self._wide(y)
        units = [X.shape[1], *sizes, y.shape[1]]
        self.n_outputs_ = y.shape[1]
        self._random_state = _mt19937(check_random_state(self.random_state))
        checkpoint = None
        if self.checkpoint is not None and not incremental:
            checkpoint = Checkpoint(self.checkpoint, self.checkpoint_every, self.resume)
            checkpoint.start(self._random_state)
        if is_first:
            self._initialize(y, units, X.dtype)
        elif [coef.shape for coef in self.coefs_] != list(pairwise(units)):
            known = [len(self.coefs_[0]), *(len(intercept) for intercept in self.intercepts_)]
            raise ValueError(f"The network goes on with the layers of the last fit, {known}; now they are {units}.")
        elif self.batch_normalization != ("batch_norm_scales_" in self.__dict__):
            raise ValueError("The network goes on with the batch_normalization of the last fit; now it is another.")
        if self.solver == "lbfgs":
            if validation_data is not None:
                raise ValueError("solver='lbfgs' has no epochs after which it could look at validation_data.")
            self._minimize(X, y, sample_weight)
        else:
            held_out = None if validation_data is None else self._checked_validation(validation_data, X.dtype)
            self._train(X, y, sample_weight, incremental, held_out, checkpoint)
        return self

    def _sizes(self: Any) -> list[int]:
        """Return the units of the hidden layers."""
        sizes: Any = self.hidden_layer_sizes
        sizes = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
        if any(not isinstance(size, int | np.integer) or size <= 0 for size in sizes):
            raise ValueError(f"hidden_layer_sizes must be > 0, and integers; got {sizes}.")
        return [int(size) for size in sizes]

    def _check_solver_has(self: Any) -> None:
        """Raise ValueError if the solver cannot do what is asked for."""
        if self.resume and self.checkpoint is None:
            raise ValueError("resume=True needs to be told the checkpoint to go on from.")
        if self.solver == "lbfgs":
            for name in _STEPWISE:
                if getattr(self, name) not in (None, False, 0.0):
                    raise ValueError(f"solver='lbfgs' looks at all samples at once: it does not go with {name}.")

    def _balanced(self: Any, y: np.ndarray, sample_weight: np.ndarray | None, incremental: bool) -> np.ndarray | None:
        """Return weights of samples, those of classes among them."""
        return sample_weight

    def _wide(self: Any, y: np.ndarray) -> np.ndarray:
        """Return targets, one column for each output."""
        return y

    def _checked_validation(self: Any, given: Any, dtype: np.dtype) -> tuple[Any, np.ndarray, np.ndarray | None]:
        """Return what is not learnt from: X, targets and weights or None."""
        if not isinstance(given, tuple | list) or len(given) not in (2, 3):
            raise ValueError("validation_data must be a tuple (X, y) or (X, y, sample_weight).")
        X, y = validate_data(
            self,
            with_checked_indices(given[0]),
            given[1],
            accept_sparse=["csr", "csc"],
            multi_output=True,
            y_numeric=not hasattr(self, "classes_"),
            dtype=dtype,
            reset=False,
        )
        weights = given[2] if len(given) == 3 else None
        if weights is not None:
            weights = _check_sample_weight(weights, X)
            if not np.any(weights):
                raise ValueError("All weights of validation_data are zero.")
        y = self._encoded(y)
        y = self._wide(y.reshape(-1, 1) if y.ndim == 1 else y)
        if y.shape[1] != self.n_outputs_:
            raise ValueError(f"validation_data has {y.shape[1]} outputs; the network has {self.n_outputs_}.")
        return X, y, weights

    def _encoded(self: Any, y: np.ndarray) -> np.ndarray:
        """Return targets of `validation_data` as those that are learnt."""
        return y

    def _initialize(self: Any, y: np.ndarray, layer_units: list[int], dtype: np.dtype) -> None:
        parent: Any = super()
        parent._initialize(y, layer_units, dtype)
        if self.solver not in ("lbfgs", "sgd", "adam"):  # scikit-learn does not know the others
            self.loss_curve_: list[float] = []
            self._no_improvement_count = 0
            self.validation_scores_: list[float] | None = [] if self.early_stopping else None
            self.best_validation_score_ = -np.inf if self.early_stopping else None
            self.best_loss_ = None if self.early_stopping else np.inf
        self.__dict__.pop("validation_loss_curve_", None)
        for name in _NORMALS:
            self.__dict__.pop(name, None)
        if self.batch_normalization:
            hidden = layer_units[1:-1]
            self.batch_norm_scales_ = [np.ones(size, dtype) for size in hidden]
            self.batch_norm_means_ = [np.zeros(size, dtype) for size in hidden]
            self.batch_norm_variances_ = [np.ones(size, dtype) for size in hidden]
        self._keep_best()

    def _init_coef(self: Any, fan_in: int, fan_out: int, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
        name = self.initializer
        if name == "auto":
            parent: Any = super()
            drawn: tuple[np.ndarray, np.ndarray] = parent._init_coef(fan_in, fan_out, dtype)
            return drawn
        shape = fan_in, fan_out
        if name == "zeros":
            coef = np.zeros(shape)
        elif name == "orthogonal":
            # Of a square of noise, the rotation; the signs of the triangle make it uniform among all rotations.
            rotation, triangle = np.linalg.qr(self._random_state.standard_normal((max(shape), min(shape))))
            rotation *= np.where(np.diag(triangle) < 0, -1.0, 1.0)
            coef = rotation if fan_in >= fan_out else rotation.T
        else:
            by, kind = name.split("_")
            gain, counts_both = _VARIANCES[by]
            deviation = np.sqrt(gain / ((fan_in + fan_out) / 2 if counts_both else fan_in))
            if kind == "uniform":
                coef = self._random_state.uniform(-np.sqrt(3) * deviation, np.sqrt(3) * deviation, shape)
            else:
                coef = deviation * self._random_state.standard_normal(shape)
        return np.ascontiguousarray(coef, dtype=dtype), np.zeros(fan_out, dtype)

    def _extras(self: Any) -> dict[str, Any]:
        return {
            "delta": float(getattr(self, "delta", 1.0)),
            "residual": bool(self.residual),
            "normalizes": "batch_norm_scales_" in self.__dict__,
            "dropout": float(self.dropout),
            "decay": float(self.alpha) if self.solver == "adamw" else 0.0,
            "clip_value": None if self.clip_value is None else float(self.clip_value),
            "clip_norm": None if self.clip_norm is None else float(self.clip_norm),
            # Nothing is drawn where scikit-learn draws nothing.
            "seed": int(self._random_state.randint(2**63 - 1, dtype=np.int64)) if self.dropout else 0,
            "stops_early": bool(self.early_stopping),
        }

    def _common(self: Any) -> dict[str, Any]:
        # The weights of 'adamw' shrink by themselves.
        return super()._common() | ({"alpha": 0.0} if self.solver == "adamw" else {})

    def _betas(self: Any) -> tuple[float, float, float]:
        return (0.0, self.beta_2, self.epsilon) if self.solver == "rmsprop" else super()._betas()

    def _known_optimizer(self: Any, incremental: bool) -> Any:
        if self.solver in ("sgd", "adam"):
            return super()._known_optimizer(incremental)
        if not incremental or not hasattr(self, "_optimizer"):
            # It holds what is remembered; steps are taken in Rust.
            self._optimizer = AdamOptimizer(
                self._optimized(), self.learning_rate_init, self.beta_1, self.beta_2, self.epsilon
            )
        return self._optimizer

    def _steps_taken(self: Any, optimizer: Any) -> int:
        # Normalised layers and silent units count for every solver.
        known: int = getattr(optimizer, "mlfast_steps", 0)
        return known

    def _take_over(self: Any, found: dict[str, Any], optimizer: Any) -> None:
        super()._take_over(found, optimizer)
        optimizer.mlfast_steps = found["count"]

    def _reach(self: Any, found: dict[str, Any]) -> None:
        super()._reach(found)
        if found["held_out_losses"]:
            before = self.__dict__.get("validation_loss_curve_", [])
            self.validation_loss_curve_ = before + found["held_out_losses"]
        if found["scores"] and not self.early_stopping:
            self.validation_scores_ = (self.validation_scores_ or []) + found["scores"]

    def _optimized(self: Any) -> list[np.ndarray]:
        return super()._optimized() + self.__dict__.get("batch_norm_scales_", [])

    def _values(self: Any) -> list[np.ndarray]:
        state = self.__dict__
        return super()._values() + state.get("batch_norm_means_", []) + state.get("batch_norm_variances_", [])

    def _set_values(self: Any, values: list[np.ndarray]) -> None:
        super()._set_values(values)
        if "batch_norm_scales_" in self.__dict__:
            first, size = 2 * len(self.coefs_), len(self.batch_norm_scales_)
            for at, name in enumerate(_NORMALS):
                setattr(self, name, values[first + at * size : first + (at + 1) * size])

    def _keep_best(self: Any) -> None:
        super()._keep_best()
        self._best_normals = {name: self.__dict__[name] for name in _NORMALS if name in self.__dict__}

    def _restore_best(self: Any) -> None:
        super()._restore_best()
        self.__dict__.update(self._best_normals)

    # ---- asking ----

    def _forward_pass_fast(self: Any, X: Any, check_input: bool = True) -> np.ndarray:
        # scikit-learn knows none of these layers: whatever the type of the rows is, it is not asked.
        outputs: np.ndarray | None = self._predict_small(X)
        if outputs is not None:
            return outputs
        check_is_fitted(self)
        if check_input:
            X = validate_data(self, with_checked_indices(X), accept_sparse=["csr", "csc"], reset=False)
        if np.result_type(X.dtype, *self.coefs_) not in FLOATS:
            X = X.astype(np.float64)
        computed: np.ndarray = self._outputs(X)
        return computed

    def _layers(self: Any) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return weights and intercepts of the network that says the same and normalises nothing."""
        state = self.__dict__
        if "batch_norm_scales_" not in state:
            return self.coefs_, self.intercepts_
        coefs, intercepts = list(self.coefs_), list(self.intercepts_)
        for layer, scales in enumerate(self.batch_norm_scales_):
            factors = scales / np.sqrt(self.batch_norm_variances_[layer] + scales.dtype.type(EPSILON))
            coefs[layer] = coefs[layer] * factors
            intercepts[layer] = intercepts[layer] - self.batch_norm_means_[layer] * factors
        return coefs, intercepts

    def _check_state(self, state: dict[str, Any]) -> None:
        super()._check_state(state)
        if "batch_norm_scales_" not in state:
            return
        units = [len(intercept) for intercept in state["intercepts_"][:-1]]
        for name in _NORMALS:
            arrays: Any = state.get(name)
            if not isinstance(arrays, list) or not all(isinstance(array, np.ndarray) for array in arrays):
                raise ValueError(f"corrupt state: {name} must be a list of arrays")
            if [array.shape for array in arrays] != [(size,) for size in units]:
                raise ValueError(f"corrupt state: {name} and intercepts_ disagree")


#: What is known of normalised layers, in the order in which Rust holds it.
_NORMALS = ("batch_norm_scales_", "batch_norm_means_", "batch_norm_variances_")


def _mt19937(random: np.random.RandomState) -> np.random.RandomState:
    """Return a generator that Rust can go on with: this one, or one that it seeds."""
    if random.get_state(legacy=False)["bit_generator"] == "MT19937":
        return random
    return np.random.RandomState(random.randint(2**31 - 1))
