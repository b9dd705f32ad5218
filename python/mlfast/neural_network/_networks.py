"""Networks of layers that scikit-learn's have not."""

from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call, type_of_target

from mlfast._state import _fit_context
from mlfast.neural_network._layers import LayersDropIn
from mlfast.neural_network._networks_doc import CLASSIFIER, FIT, PARTIAL_FIT, REGRESSOR
from mlfast.neural_network._perceptron import MLPClassifier, MLPRegressor


def _has_epochs(network: Any) -> bool:
    if network.solver == "lbfgs":
        raise AttributeError("solver='lbfgs' looks at all samples at once: it has no partial_fit.")
    return True


class NetworkClassifier(LayersDropIn, MLPClassifier):
    __doc__ = CLASSIFIER

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **LayersDropIn._parameter_constraints,
        "loss": [StrOptions({"log_loss", "binary_crossentropy", "categorical_crossentropy"})],
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: str = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        loss: str = "log_loss",
        class_weight: Any = None,
        dropout: float = 0.0,
        batch_normalization: bool = False,
        residual: bool = False,
        initializer: str = "auto",
        clip_norm: float | None = None,
        clip_value: float | None = None,
        checkpoint: Any = None,
        checkpoint_every: int = 1,
        resume: bool = False,
    ) -> None:
        super().__init__(
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            solver=solver,
            alpha=alpha,
            batch_size=batch_size,
            learning_rate=learning_rate,
            learning_rate_init=learning_rate_init,
            power_t=power_t,
            max_iter=max_iter,
            shuffle=shuffle,
            random_state=random_state,
            tol=tol,
            verbose=verbose,
            warm_start=warm_start,
            momentum=momentum,
            nesterovs_momentum=nesterovs_momentum,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            n_iter_no_change=n_iter_no_change,
            max_fun=max_fun,
        )
        self.loss = loss
        self.class_weight = class_weight
        self.dropout = dropout
        self.batch_normalization = batch_normalization
        self.residual = residual
        self.initializer = initializer
        self.clip_norm = clip_norm
        self.clip_value = clip_value
        self.checkpoint = checkpoint
        self.checkpoint_every = checkpoint_every
        self.resume = resume

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, validation_data: Any = None) -> Self:
        fitted: NetworkClassifier = self._fit(X, y, sample_weight, validation_data=validation_data)
        return fitted

    @available_if(_has_epochs)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        if _check_partial_fit_first_call(self, classes):
            known = y if type_of_target(y).startswith("multilabel") else classes
            self._label_binarizer = LabelBinarizer().fit(known)
        fitted: NetworkClassifier = self._fit(X, y, sample_weight, incremental=True)
        return fitted

    fit.__doc__ = FIT.format(targets="Classes, or which labels each sample has.")
    partial_fit.__doc__ = PARTIAL_FIT.format(
        targets="Classes, or which labels each sample has.",
        classes="""        classes : array-like of shape (n_classes,), default=None
            All classes that will ever come. Must be told at the first call.
""",
    )

    def _balanced(self: Any, y: np.ndarray, sample_weight: np.ndarray | None, incremental: bool) -> np.ndarray | None:
        if self.class_weight is None:
            return sample_weight
        if incremental and self.class_weight == "balanced":
            raise ValueError("partial_fit sees a part of the samples and cannot balance the classes by itself.")
        if self._is_multilabel():
            raise ValueError("class_weight goes with classes; samples that have several labels have none.")
        at = y.argmax(axis=1) if y.shape[1] > 1 else y[:, 0].astype(np.intp)
        at = np.minimum(at, len(self.classes_) - 1)
        by_class = compute_class_weight(self.class_weight, classes=self.classes_, y=self.classes_[at])[at]
        return by_class if sample_weight is None else sample_weight * by_class

    def _is_multilabel(self: Any) -> bool:
        is_one: bool = self._label_binarizer.y_type_.startswith("multilabel")
        return is_one

    def _wide(self: Any, y: np.ndarray) -> np.ndarray:
        if self.loss != "categorical_crossentropy":
            return y
        if self._is_multilabel():
            raise ValueError(
                "loss='categorical_crossentropy' is of classes; samples that have several labels have none."
            )
        return np.hstack([~y, y]) if y.shape[1] == 1 else y

    def _encoded(self: Any, y: np.ndarray) -> np.ndarray:
        known: np.ndarray = self._label_binarizer.transform(y).astype(bool)
        if not self._is_multilabel():
            unknown = np.setdiff1d(y, self.classes_)
            if len(unknown):
                raise ValueError(f"validation_data has classes that are not learnt: {unknown.tolist()}.")
        return known

    def _initialize(self: Any, y: np.ndarray, layer_units: list[int], dtype: np.dtype) -> None:
        super()._initialize(y, layer_units, dtype)
        if self.loss == "categorical_crossentropy":
            self.out_activation_ = "softmax"
        elif self.loss == "binary_crossentropy":
            self.out_activation_ = "logistic"

    def _common(self: Any) -> dict[str, Any]:
        loss = "log_loss" if self.out_activation_ == "softmax" else "binary_log_loss"
        return super()._common() | {"loss": loss}

    def _metric(self: Any) -> str:
        return "one of many" if self.n_outputs_ > 1 and not self._is_multilabel() else "each"

    def predict_proba(self: Any, X: Any) -> np.ndarray:
        """Predict the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        p : ndarray of shape (n_samples, n_classes)
            Probabilities, classes in the order of ``classes_``. Those of single classes, of
            ``loss='binary_crossentropy'``, are divided by their sum.
        """
        outputs = super().predict_proba(X)
        if self.loss == "binary_crossentropy" and self.n_outputs_ > 1 and not self._is_multilabel():
            total = outputs.sum(axis=1, keepdims=True)
            # Where no class is probable, all are as probable.
            outputs = np.divide(outputs, total, out=np.full_like(outputs, 1 / outputs.shape[1]), where=total > 0)
        return outputs


class NetworkRegressor(LayersDropIn, MLPRegressor):
    __doc__ = REGRESSOR

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **LayersDropIn._parameter_constraints,
        "loss": [StrOptions({"squared_error", "absolute_error", "huber", "poisson"})],
        "delta": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        loss: str = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: str = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        delta: float = 1.0,
        dropout: float = 0.0,
        batch_normalization: bool = False,
        residual: bool = False,
        initializer: str = "auto",
        clip_norm: float | None = None,
        clip_value: float | None = None,
        checkpoint: Any = None,
        checkpoint_every: int = 1,
        resume: bool = False,
    ) -> None:
        super().__init__(
            loss=loss,
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            solver=solver,
            alpha=alpha,
            batch_size=batch_size,
            learning_rate=learning_rate,
            learning_rate_init=learning_rate_init,
            power_t=power_t,
            max_iter=max_iter,
            shuffle=shuffle,
            random_state=random_state,
            tol=tol,
            verbose=verbose,
            warm_start=warm_start,
            momentum=momentum,
            nesterovs_momentum=nesterovs_momentum,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            n_iter_no_change=n_iter_no_change,
            max_fun=max_fun,
        )
        self.delta = delta
        self.dropout = dropout
        self.batch_normalization = batch_normalization
        self.residual = residual
        self.initializer = initializer
        self.clip_norm = clip_norm
        self.clip_value = clip_value
        self.checkpoint = checkpoint
        self.checkpoint_every = checkpoint_every
        self.resume = resume

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, validation_data: Any = None) -> Self:
        fitted: NetworkRegressor = self._fit(X, y, sample_weight, validation_data=validation_data)
        return fitted

    @available_if(_has_epochs)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        fitted: NetworkRegressor = self._fit(X, y, sample_weight, incremental=True)
        return fitted

    fit.__doc__ = FIT.format(targets="Targets.")
    partial_fit.__doc__ = PARTIAL_FIT.format(targets="Targets.", classes="")
