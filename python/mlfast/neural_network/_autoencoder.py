"""A network that learns to say its input again through a narrow layer."""

from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from mlfast import _threads
from mlfast._core import neural_network as core
from mlfast._state import DropIn, _fit_context, keeps_state
from mlfast.neural_network._networks import NetworkRegressor


class Autoencoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, DropIn, BaseEstimator):
    """A network that says its input again through a layer of few units.

    What passes that layer is a short description of a sample (`transform`), from which the sample is built again
    (`inverse_transform`). Samples unlike those that were learnt are built badly: how badly says how odd they are
    (`reconstruction_error`, `score_samples`).

    The features should be of one scale.

    Parameters
    ----------
    n_components : int, default=2
        Units of the narrow layer.
    hidden_layer_sizes : int or sequence of int, default=()
        Units of the layers between the input and the narrow layer; behind it they come the other way round.
    activation : {'identity', 'logistic', 'tanh', 'relu', 'leaky_relu', 'elu', 'gelu', 'softmax'}, default='elu'
        What the layers but for the last, the narrow one among them, make of their sums; see `NetworkRegressor`.
    loss : {'squared_error', 'absolute_error', 'huber'}, default='squared_error'
        What is wrong with what is outputs, while it is learnt.
    solver : {'lbfgs', 'sgd', 'adam', 'adamw', 'rmsprop'}, default='adam'
        How weights are found.
    alpha : float, default=0.0001
        Strength of the penalty on squared weights.
    batch_size : int or 'auto', default='auto'
        Samples of a batch; 'auto': 200, or all if there are fewer.
    learning_rate_init : float, default=0.001
        Length of the first steps.
    max_iter : int, default=200
        Most epochs.
    random_state : int, RandomState instance or None, default=None
        Where first weights, orders, silent units, and samples to be held out are drawn from.
    tol : float, default=1e-4
        What counts as better.
    verbose : bool or int, default=False
        Whether to print the loss after each epoch.
    early_stopping : bool, default=False
        Whether samples are held out, and decide when training ends and which weights were best.
    validation_fraction : float, default=0.1
        Fraction of the samples that ``early_stopping`` holds out.
    n_iter_no_change : int, default=10
        Epochs in a row that may pass without getting better.
    dropout : float, default=0.0
        The fraction of hidden units that are silent in a step.
    batch_normalization : bool, default=False
        Whether the sums of hidden layers are normalised over each batch.

    Attributes
    ----------
    network_ : NetworkRegressor
        The network, from samples to samples.
    n_iter_ : int
        Epochs; of 'lbfgs', steps.
    loss_ : float
        Loss of the last epoch.
    loss_curve_ : list of float
        Loss of each epoch. Not of 'lbfgs'.
    n_features_in_ : int
        Features of the samples.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, if they have names that are all strings.

    Examples
    --------
    >>> import numpy as np
    >>> from mlfast.neural_network import Autoencoder
    >>> angle = np.random.RandomState(0).uniform(0, 3, 500)
    >>> X = np.c_[np.cos(angle), np.sin(angle)]
    >>> model = Autoencoder(1, (16,), learning_rate_init=0.01, max_iter=300, random_state=0).fit(X)
    >>> model.transform(X).shape
    (500, 1)
    >>> odd = model.reconstruction_error([[0.2, 0.1]])[0]
    >>> bool(odd > model.reconstruction_error(X).max())
    True
    """

    _doc_link_module = ""  # scikit-learn has no page about it

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "loss": [StrOptions({"squared_error", "absolute_error", "huber"})],
        **{
            name: NetworkRegressor._parameter_constraints[name]
            for name in (
                "hidden_layer_sizes",
                "activation",
                "solver",
                "alpha",
                "batch_size",
                "learning_rate_init",
                "max_iter",
                "random_state",
                "tol",
                "verbose",
                "early_stopping",
                "n_iter_no_change",
                "dropout",
                "batch_normalization",
            )
        },
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    }

    def __init__(
        self,
        n_components: int = 2,
        hidden_layer_sizes: Any = (),
        activation: str = "elu",
        *,
        loss: str = "squared_error",
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate_init: float = 0.001,
        max_iter: int = 200,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: float = 10,
        dropout: float = 0.0,
        batch_normalization: bool = False,
    ) -> None:
        self.n_components = n_components
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.loss = loss
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.dropout = dropout
        self.batch_normalization = batch_normalization

    @keeps_state
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn to say samples again.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples. Computed in their type if that is float32, else in float64.
        y : None
            Not used.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights; None: all 1.

        Returns
        -------
        self : Autoencoder
            The trained model.
        """
        X = validate_data(self, X, dtype=[np.float64, np.float32])
        given = self.get_params(deep=False)
        sizes = given.pop("hidden_layer_sizes")
        sizes = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
        layers = [*sizes, given.pop("n_components"), *reversed(sizes)]
        network = NetworkRegressor(hidden_layer_sizes=layers, **given)
        targets = X[:, 0] if X.shape[1] == 1 else X
        self.network_ = network.fit(X, targets, sample_weight)
        self.n_iter_, self.loss_ = network.n_iter_, network.loss_
        self.__dict__.pop("loss_curve_", None)
        if hasattr(network, "loss_curve_"):
            self.loss_curve_ = network.loss_curve_
        fitted: Autoencoder = self
        return fitted

    @property
    def _n_features_out(self) -> int:
        return len(self.network_.intercepts_[len(self.network_.intercepts_) // 2 - 1])

    def _half(self: Any, X: np.ndarray, is_first: bool) -> np.ndarray:
        """Return what the first half of the layers, or the second, says of rows of their type."""
        coefs, intercepts = self.network_._layers()
        middle = len(coefs) // 2
        part = slice(0, middle) if is_first else slice(middle, None)
        return core.forward(
            x=X,
            coefs=[np.ascontiguousarray(coef, dtype=X.dtype) for coef in coefs[part]],
            intercepts=[np.ascontiguousarray(intercept, dtype=X.dtype) for intercept in intercepts[part]],
            hidden=self.network_.activation,
            output=self.network_.activation if is_first else self.network_.out_activation_,
            residual=False,
            n_threads=_threads.resolve(),
        )

    def _checked(self: Any, X: Any) -> np.ndarray:
        check_is_fitted(self)
        checked: np.ndarray = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        return checked

    def transform(self: Any, X: Any) -> np.ndarray:
        """Describe samples by what passes the narrow layer.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        codes : ndarray of shape (n_samples, n_components)
            Their descriptions.
        """
        return self._half(self._checked(X), is_first=True)

    def inverse_transform(self: Any, X: Any) -> np.ndarray:
        """Build samples from their descriptions.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Descriptions.

        Returns
        -------
        samples : ndarray of shape (n_samples, n_features)
            What is built.
        """
        check_is_fitted(self)
        X = check_array(X, dtype=[np.float64, np.float32])
        if X.shape[1] != self._n_features_out:
            raise ValueError(f"X has {X.shape[1]} components; the model has {self._n_features_out}.")
        return self._half(X, is_first=False)

    def reconstruction_error(self: Any, X: Any) -> np.ndarray:
        """Say how badly samples are built from their descriptions.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        errors : ndarray of shape (n_samples,)
            The squared error of each sample, averaged over features: the larger, the odder.
        """
        X = self._checked(X)
        errors: np.ndarray = np.square(self._half(self._half(X, is_first=True), is_first=False) - X).mean(axis=1)
        return errors

    def score_samples(self: Any, X: Any) -> np.ndarray:
        """Say how ordinary samples are, as scikit-learn's detectors of outliers do.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            `reconstruction_error` with its sign turned: the lower, the odder.
        """
        return -self.reconstruction_error(X)

    def score(self: Any, X: Any, y: Any = None) -> float:
        """Return the mean of `score_samples`; y is not used."""
        return float(self.score_samples(X).mean())

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _check_state(self, state: dict[str, Any]) -> None:
        super()._check_state(state)
        if "network_" not in state:
            return
        network: Any = state["network_"]
        if not isinstance(network, NetworkRegressor) or len(getattr(network, "coefs_", ())) % 2:
            raise ValueError("corrupt state: network_ must be a trained NetworkRegressor with an even number of layers")
        if network.n_features_in_ != state.get("n_features_in_") or network.n_outputs_ != network.n_features_in_:
            raise ValueError("corrupt state: network_ and n_features_in_ disagree")
