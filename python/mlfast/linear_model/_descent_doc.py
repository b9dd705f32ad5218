"""The documentation of the descents: parameters and attributes that both have are described once."""

_STEPS = """\
    penalty : {'l2', 'l1', 'elasticnet'} or None, default='l2'
        What is added to the mean loss: ``alpha`` times half the sum of squared coefficients, times the sum of their
        magnitudes, or a mixture. The intercept is never penalised. A coefficient that a step would take through zero
        stops there if magnitudes are penalised, so that coefficients may end at zero exactly.
    alpha : float, default=0.0001
        Strength of the penalty.
    l1_ratio : float, default=0.15
        Fraction of the magnitudes in the mixture of ``penalty='elasticnet'``.
    fit_intercept : bool, default=True
        Whether to learn an intercept.
    batch_size : int or 'full', default='full'
        How many samples the gradient of a step is taken of: all of them (batch gradient descent), a few (mini-batches),
        or one (stochastic gradient descent).
    solver : {'sgd', 'adam', 'adamw', 'rmsprop'}, default='sgd'
        How a step follows from the gradient: 'sgd' goes along it, with ``momentum``; 'adam' and 'rmsprop' measure each
        coefficient's gradient by its size so far; 'adamw' is 'adam' with coefficients that shrink towards zero by
        themselves, instead of a penalty 'l2' in the gradient.
    learning_rate : {'constant', 'invscaling', 'adaptive', 'step', 'exponential'}, default='constant'
        How the length of steps follows from ``eta0``:

        - 'constant': ``eta0``;
        - 'invscaling': ``eta0 / t**power_t`` for step number ``t``;
        - 'adaptive': ``eta0``, divided by 5 when ``n_iter_no_change`` epochs made no progress, down to 1e-6;
        - 'step': ``eta0 * decay_rate**floor(epoch / decay_epochs)``;
        - 'exponential': ``eta0 * decay_rate**(epoch / decay_epochs)``.
    eta0 : float or 'auto', default='auto'
        The learning rate to begin with. 'auto' is a rate with which 'sgd' comes down: one over a bound of the curvature
        of what is minimised, about half of that for batches; for the other solvers it is 0.01.
    power_t : float, default=0.25
        See ``learning_rate='invscaling'``.
    decay_rate : float, default=0.5
        See ``learning_rate='step'`` and ``'exponential'``.
    decay_epochs : float, default=10
        See ``learning_rate='step'`` and ``'exponential'``.
    momentum : float, default=0.0
        Fraction of the last step in the next, for 'sgd' and 'rmsprop'.
    nesterovs_momentum : bool, default=False
        Whether 'sgd' looks one step of its momentum ahead.
    beta_1 : float, default=0.9
        What the mean gradient of 'adam' keeps of itself at each step.
    beta_2 : float, default=0.999
        What the mean squared gradient of 'adam' and 'rmsprop' keeps of itself.
"""

_END = """\
    max_iter : int, default=1000
        Most epochs, passes over all samples.
    tol : float or None, default=1e-4
        An epoch makes progress if the loss falls, or the validation score rises, by more than ``tol`` beyond the best
        so far. None: the descent takes ``max_iter`` epochs.
    shuffle : bool, default=True
        Whether the samples come in another order in each epoch, unless they are all in one batch.
    early_stopping : bool, default=False
        Whether to set samples aside, to end when their score rises no more, and to go back to the coefficients that
        scored best.
    validation_fraction : float, default=0.1
        Fraction of the samples that ``early_stopping`` sets aside.
    n_iter_no_change : int, default=5
        How many epochs without progress end the descent.
"""

_STATE = """\
    random_state : int, RandomState instance or None, default=None
        Where the order of samples, and the choice of those set aside, is drawn from.
    warm_start : bool, default=False
        Whether `fit` goes on from the coefficients of the last fit.
    verbose : int, default=0
        Whether to print loss and validation score after each epoch.

    Attributes
    ----------
"""

_FITTED = """\
    n_iter_ : int
        Epochs taken.
    t_ : int
        Steps taken.
    loss_curve_ : list of float
        Of each epoch, the mean loss with its penalty; that of each batch is taken before its step.
    validation_scores_ : list of float or None
        Score after each epoch of the samples that were set aside; None without ``early_stopping``.
    eta0_ : float
        Length of the first step: ``eta0``, or what it was chosen to be.
    learning_rate_ : float
        Length of the last step.
    n_features_in_ : int
        Features of the samples.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, if they have names that are all strings.
"""

REGRESSOR = f"""Linear regression by gradient descent: batch, mini-batch or stochastic.

    The mean loss of the samples and a penalty are minimised by steps against their gradient. Others get to the minimum
    sooner (`LinearRegression`, `Ridge`); here the way is what is to be seen. Callbacks of scikit-learn hear of every
    epoch.

    Parameters
    ----------
    loss : {{'squared_error', 'huber'}}, default='squared_error'
        Half the squared error, or the same for errors up to ``epsilon`` and linear beyond.
{_STEPS}    epsilon : float, default=1.35
        The error up to which ``loss='huber'`` is quadratic.
{_END}{_STATE}    coef_ : ndarray of shape (n_features,)
        Coefficients.
    intercept_ : ndarray of shape (1,)
        Intercept.
{_FITTED}
    Examples
    --------
    >>> import numpy as np
    >>> from mlfast.linear_model import GradientDescentRegressor
    >>> X = np.array([[-1.0], [0.0], [1.0]])
    >>> model = GradientDescentRegressor(penalty=None, eta0=0.5, tol=None, max_iter=3).fit(X, [-2.0, 0.0, 2.0])
    >>> model.coef_.round(3)
    array([1.407])
    >>> [round(loss, 3) for loss in model.loss_curve_]
    [1.333, 0.593, 0.263]
    """

CLASSIFIER = f"""Logistic regression by gradient descent: batch, mini-batch or stochastic.

    The mean cross-entropy of the samples and a penalty are minimised by steps against their gradient: the binary one
    for two classes, the categorical one (softmax) for more. Others get to the minimum sooner (`LogisticRegression`);
    here the way is what is to be seen. Callbacks of scikit-learn hear of every epoch.

    Parameters
    ----------
    loss : {{'log_loss'}}, default='log_loss'
        Cross-entropy.
{_STEPS}{_END}    class_weight : dict, 'balanced' or None, default=None
        Weights of the classes; 'balanced': in inverse proportion to their frequencies.
{_STATE}    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        Coefficients: of two classes, those that speak for the second.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        Intercepts.
    classes_ : ndarray of shape (n_classes,)
        The classes.
{_FITTED}
    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.preprocessing import scale
    >>> from mlfast.linear_model import GradientDescentClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = GradientDescentClassifier(batch_size=10, random_state=0).fit(scale(X), y)
    >>> bool(model.score(scale(X), y) > 0.95)
    True
    """
