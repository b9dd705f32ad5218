"""The documentation of the networks: parameters and attributes that both have are described once."""

_LAYERS = """\
    hidden_layer_sizes : int or sequence of int, default=(100,)
        Units of the hidden layers.
    activation : {'identity', 'logistic', 'tanh', 'relu', 'leaky_relu', 'elu', 'gelu', 'softmax'}, default='relu'
        What hidden layers make of their sums ``x``:

        - 'identity': ``x``;
        - 'logistic': ``1 / (1 + exp(-x))``;
        - 'tanh': the hyperbolic tangent;
        - 'relu': ``max(0, x)``;
        - 'leaky_relu': ``x``, a hundredth of it below zero;
        - 'elu': ``x``, below zero ``exp(x) - 1``;
        - 'gelu': ``x`` times the fraction of a normal distribution that is below it, by its approximation with 'tanh';
        - 'softmax': shares that add up to one over the layer.
    solver : {'lbfgs', 'sgd', 'adam', 'adamw', 'rmsprop'}, default='adam'
        How weights are found. 'lbfgs' looks at all samples at once, the others take a step after each batch: 'sgd'
        along the gradient, with ``momentum``; 'adam' along its mean, measured by its size; 'adamw' as 'adam', with
        weights that shrink by themselves at the rate ``alpha`` instead of a penalty; 'rmsprop' along the gradient,
        measured by its size, of whose square it keeps the share ``beta_2`` at each step.
    alpha : float, default=0.0001
        Strength of the penalty on squared weights.
    batch_size : int or 'auto', default='auto'
        Samples of a batch; 'auto': 200, or all if there are fewer.
    learning_rate : {'constant', 'invscaling', 'adaptive'}, default='constant'
        How the steps of 'sgd' change: not at all; with the power ``power_t`` of the samples seen; a fifth whenever
        nothing gets better any more.
    learning_rate_init : float, default=0.001
        Length of the first steps.
    power_t : float, default=0.5
        See ``learning_rate``.
    max_iter : int, default=200
        Most epochs, passes over all samples; of 'lbfgs', steps.
    shuffle : bool, default=True
        Whether samples come in another order in each epoch.
    random_state : int, RandomState instance or None, default=None
        Where first weights, orders, silent units, and samples to be held out are drawn from.
    tol : float, default=1e-4
        What counts as better.
    verbose : bool or int, default=False
        Whether to print the loss after each epoch.
    warm_start : bool, default=False
        Whether `fit` goes on from the weights of the last one.
    momentum : float, default=0.9
        Fraction of the last step in the next, of 'sgd'.
    nesterovs_momentum : bool, default=True
        Whether 'sgd' looks one step of its momentum ahead.
    early_stopping : bool, default=False
        Whether samples that are held out decide: training ends when their score has not been better by ``tol`` for
        ``n_iter_no_change`` epochs, and goes back to the weights that scored best. They are ``validation_data`` if
        `fit` is given any.
    validation_fraction : float, default=0.1
        Fraction of the samples that ``early_stopping`` holds out.
    beta_1, beta_2 : float, default=0.9, 0.999
        What the mean gradient, and the mean square, of 'adam' and 'adamw' keep of themselves at each step.
    epsilon : float, default=1e-8
        Added to what gradients are measured by.
    n_iter_no_change : int, default=10
        Epochs in a row that may pass without getting better.
    max_fun : int, default=15000
        Most times that 'lbfgs' asks for the loss.
"""

_EXTRAS = """\
    dropout : float, default=0.0
        The fraction of hidden units that are silent in a step, others for each sample; what is left is scaled up by as
        much.
    batch_normalization : bool, default=False
        Whether the sums of hidden layers are normalised over each batch, and scaled by what is learnt; the intercepts
        are what is added then. Samples that are asked about are normalised by means and variances that batches had on
        the way. All samples of a batch count alike, whatever they weigh.
    residual : bool, default=False
        Whether a hidden layer adds to what it says what the hidden layer before outputs, where both have as many units.
    initializer : {'auto', 'glorot_uniform', 'glorot_normal', 'he_uniform', 'he_normal', 'lecun_uniform', \
'lecun_normal', 'orthogonal', 'zeros'}, default='auto'
        Where weights begin; 'auto': as in scikit-learn, which is 'glorot_uniform' (of smaller weights for 'logistic')
        with intercepts that are drawn too. They are zero otherwise.
    clip_norm : float, default=None
        Bound of the length of a step's gradient, of all parameters together.
    clip_value : float, default=None
        Bound of the magnitude of each of its components; before ``clip_norm``.
    checkpoint : str or PathLike, default=None
        A file to which training is saved on its way.
    checkpoint_every : int, default=1
        Epochs between two times that it is saved.
    resume : bool, default=False
        Whether `fit` goes on from the file, if it is there. It ends with the same weights, to the last bit, as if it
        had never been interrupted; samples and parameters must be the same, but for ``max_iter``.

    Attributes
    ----------
    coefs_ : list of ndarray of shape (fan_in, fan_out)
        Weights of each layer.
    intercepts_ : list of ndarray of shape (fan_out,)
        Intercepts of each layer.
    batch_norm_scales_, batch_norm_means_, batch_norm_variances_ : list of ndarray of shape (n_units,)
        Of each hidden layer, what normalised sums are multiplied by, and what they are normalised by. Only with
        ``batch_normalization``.
"""

_FITTED = """\
    loss_ : float
        Loss of the last epoch.
    loss_curve_ : list of float
        Loss of each epoch: the mean over its batches, each before its step. Not of 'lbfgs'.
    best_loss_ : float or None
        The least of them; None with ``early_stopping``.
    validation_scores_ : list of float or None
        Score of what is held out after each epoch: accuracy, or the fraction of variance.
    validation_loss_curve_ : list of float
        Mean loss of what is held out after each epoch, if anything is.
    best_validation_score_ : float or None
        The best score, with ``early_stopping``.
    n_iter_ : int
        Epochs; of 'lbfgs', steps.
    t_ : int
        Samples seen.
    n_layers_ : int
        Layers, inputs and outputs among them.
    n_outputs_ : int
        Outputs.
    out_activation_ : str
        What the last layer makes of its sums.
    n_features_in_ : int
        Features of the samples.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, if they have names that are all strings.
"""

CLASSIFIER = f"""A neural network that tells classes apart.

    `MLPClassifier` with more layers, losses and solvers; where all of its own parameters are left as they are, it is
    that, to the last bit.

    Parameters
    ----------
{_LAYERS}    loss : {{'log_loss', 'binary_crossentropy', 'categorical_crossentropy'}}, default='log_loss'
        Cross-entropy of shares that add up to one over the classes ('categorical_crossentropy'), or of each output by
        itself. 'log_loss': the first of three classes and more, the second of two, and of labels.
    class_weight : dict, 'balanced' or None, default=None
        Weights of the classes; 'balanced': in inverse proportion to their frequencies.
{_EXTRAS}    classes_ : ndarray of shape (n_classes,)
        The classes.
{_FITTED}
    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.preprocessing import scale
    >>> from mlfast.neural_network import NetworkClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> network = NetworkClassifier(
    ...     (16, 16), "gelu", dropout=0.1, residual=True, learning_rate_init=0.01, max_iter=300, random_state=0
    ... )
    >>> bool(network.fit(scale(X), y).score(scale(X), y) > 0.95)
    True
    """

REGRESSOR = f"""A neural network that predicts numbers.

    `MLPRegressor` with more layers, losses and solvers; where all of its own parameters are left as they are, it is
    that, to the last bit.

    Parameters
    ----------
    loss : {{'squared_error', 'absolute_error', 'huber', 'poisson'}}, default='squared_error'
        Half the squared error; the error without its sign; half the squared error up to ``delta`` and linear beyond;
        half the Poisson deviance, of predictions that are exponentials of the last sums.
{_LAYERS}    delta : float, default=1.0
        The error up to which ``loss='huber'`` is quadratic.
{_EXTRAS}{_FITTED}
    Examples
    --------
    >>> import numpy as np
    >>> from mlfast.neural_network import NetworkRegressor
    >>> X = np.linspace(-1, 1, 200).reshape(-1, 1)
    >>> y = np.sin(3 * X[:, 0])
    >>> y[::20] = 50.0  # wrong by far
    >>> network = NetworkRegressor("huber", (32,), "tanh", solver="lbfgs", max_iter=1000, random_state=0).fit(X, y)
    >>> bool(abs(network.predict([[0.5]])[0] - np.sin(1.5)) < 0.2)
    True
    """

FIT = """Train the network.

        Parameters
        ----------
        X : {{array-like, sparse matrix}} of shape (n_samples, n_features)
            Samples. Computed in their type if that is float32, else in float64.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            {targets}
        sample_weight : array-like of shape (n_samples,), default=None
            Weights; None: all 1.
        validation_data : tuple (X, y) or (X, y, sample_weight), default=None
            Samples that are scored after each epoch and not learnt from.

        Returns
        -------
        self : object
            The trained network.
        """

PARTIAL_FIT = """Take the steps of one epoch, after those taken before.

        Parameters
        ----------
        X : {{array-like, sparse matrix}} of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            {targets}
        sample_weight : array-like of shape (n_samples,), default=None
            Weights; None: all 1.
{classes}
        Returns
        -------
        self : object
            The network.
        """
