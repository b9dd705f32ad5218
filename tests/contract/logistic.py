"""The entries of logistic regression and of generalised linear models."""

from dataclasses import replace

import numpy as np
import scipy.sparse as sp
import sklearn.linear_model
from scipy.special import logsumexp

import mlfast.linear_model

from .entry import BAD_CLASSES, BAD_NUMBERS, Entry, names_of_classes


def positive(seed, n):
    """A positive target of shape (n,)."""
    return np.random.RandomState(seed).gamma(2.0, size=n) + 0.1


#: In a few steps rounding does not grow: solvers that take the same ones agree in all digits, and in their number.
FEW_STEPS = {"tol": 1e-2, "max_iter": 500}


def few_steps_decide(X, weights, params):
    """
    Whether gradients are within a few orders of magnitude of the tolerance, and classes are not in balance.

    If not, a search goes on until rounding is all that is left of them, and what it ends with is rounding; or that is
    what the intercepts are. Where one row counts the intercept explains it, and the coefficients are rounding: the
    parent takes another number of steps in a fifth of such fits when X changes by one unit in the last place.
    """
    values = np.abs(X.data if sp.issparse(X) else X)
    weights = np.ones(X.shape[0]) if weights is None else np.asarray(weights, dtype=float)
    if values.max(initial=0) > 1e3 or weights.sum() < 1e-6:
        return False
    counts_one = len(weights) > 1 and np.count_nonzero(weights) == 1
    if counts_one and (params.get("fit_intercept", True) or X.dtype == np.float32):
        return False
    if X.dtype == np.float32 and (params["solver"] == "newton-cg" or params["C"] < 0.1):
        return False  # scikit-learn has no digits to spare in single precision
    classes, numbers = np.unique(names_of_classes(0, len(weights)), return_inverse=True)
    factors = {"birch": 1.0, **(params.get("class_weight") or {})}
    weights = weights * np.where(classes[numbers] == "birch", factors["birch"], 1.0)
    shares = np.bincount(numbers, weights) / weights.sum()
    return not params.get("fit_intercept", True) or np.ptp(shares) > 0.02 or len(classes) == 1


def rows_to_split(X, weights, params):
    """As above, of folds with more than a few rows."""
    rows = X.shape[0] if weights is None else np.count_nonzero(weights)
    return rows > 12 and few_steps_decide(X, weights, {"solver": "lbfgs", "C": 1.0, **params})


def mean_decides(X, weights, params):
    """Whether there is more to learn than one row's target, and scikit-learn learns it in double precision."""
    rows = X.shape[0] if weights is None else np.count_nonzero(weights)
    return rows > 1 and X.dtype == np.float64


def objective(est, X, y, weights):
    """What a model minimises, in float64."""
    weights = np.ones(len(y)) if weights is None else weights
    table = X.toarray() if sp.issparse(X) else X
    scores = table.astype(float) @ est.coef_.T.astype(float) + est.intercept_
    scores = np.hstack([np.zeros_like(scores), scores]) if scores.shape[1] == 1 else scores
    losses = logsumexp(scores, axis=1) - scores[np.arange(len(y)), np.searchsorted(est.classes_, y)]
    squares = np.sum(np.square(est.coef_, dtype=float))
    C = est.C_ if hasattr(est, "C_") else est.C
    return np.average(losses, weights=weights) + 0.5 * squares / (C * weights.sum())


def objective_is_no_larger(ours, theirs, X, weights):
    """Attributes are of the same kind, and the minimum is as low."""
    assert vars(ours).keys() == vars(theirs).keys()
    assert (ours.coef_.dtype, ours.coef_.shape) == (theirs.coef_.dtype, theirs.coef_.shape)
    y = names_of_classes(0, X.shape[0])
    mine, parents = (objective(est, X, y, weights) for est in (ours, theirs))
    assert mine <= parents * (1 + (1e-9 if X.dtype == np.float64 else 1e-5))


LOGISTIC = Entry(
    ours=mlfast.linear_model.LogisticRegression,
    parent=sklearn.linear_model.LogisticRegression,
    params=FEW_STEPS | {"C": 0.1, "solver": "lbfgs"},
    decided=few_steps_decide,
    as_good=objective_is_no_larger,
    target=names_of_classes,
    bad_targets=BAD_CLASSES,
    outputs=("predict", "predict_proba", "predict_log_proba", "score"),
    fuzz={
        "fit_intercept": (True, False),
        "C": (1e-3, 1.0),
        "class_weight": (None, {"birch": 2.0}),
        "solver": ("lbfgs", "newton-cg", "newton-cholesky"),
    },
    bad_params=(
        {"C": 0.0},
        {"C": "strong"},
        {"tol": -1e-9},
        {"l1_ratio": 2.0},
        {"l1_ratio": 1.0},
        {"dual": True},
        {"fit_intercept": "yes"},
        {"class_weight": "even"},
        {"solver": "fast"},
        {"max_iter": -1},
        {"warm_start": None},
    ),
    state=("coef_", "intercept_", "classes_", "n_iter_", "n_features_in_"),
    scales=False,  # C is not on the scale of X
    costs=("C",),
    ways={
        "newton-cholesky": {"solver": "newton-cholesky"},
        "newton-cg": {"solver": "newton-cg"},
        "sag": {"solver": "sag", "random_state": 0},
        "elastic net": {"solver": "saga", "l1_ratio": 0.5, "random_state": 0},
        "through the origin": {"fit_intercept": False},
    },
    typed=None,
    endless={"tol": 0.0, "max_iter": 1_000_000, "C": 1e6},
    endless_shape=(200_000, 50),
)
LOGISTIC_CV = replace(
    LOGISTIC,
    ours=mlfast.linear_model.LogisticRegressionCV,
    parent=sklearn.linear_model.LogisticRegressionCV,
    like="LogisticRegression",
    params={
        "Cs": np.array([0.01, 0.1]),
        "cv": 2,
        **FEW_STEPS,
        "l1_ratios": (0,),
        "scoring": "neg_log_loss",
        "use_legacy_attributes": False,
    },
    decided=rows_to_split,
    costs=("Cs",),
    weight_degree={"C_": -1, "Cs_": -1},
    fuzz={"fit_intercept": (True, False), "refit": (True, False)},
    bad_params=({"Cs": 0}, {"tol": -1e-9}, {"cv": "many"}, {"solver": "fast"}, {"refit": None}),
    state=("coef_", "intercept_", "classes_", "n_iter_", "C_", "scores_", "n_features_in_"),
    ways={},
    endless={"tol": 0.0, "max_iter": 1_000_000},
)
POISSON = replace(
    LOGISTIC,
    ours=mlfast.linear_model.PoissonRegressor,
    parent=sklearn.linear_model.PoissonRegressor,
    like="LogisticRegression",
    params=FEW_STEPS | {"alpha": 1.0},
    decided=mean_decides,
    as_good=None,
    costs=(),
    target=positive,
    bad_targets=BAD_NUMBERS,
    outputs=("predict", "score"),
    fuzz={"fit_intercept": (True, False), "alpha": (0.1, 10.0), "solver": ("lbfgs", "newton-cholesky")},
    bad_params=(
        {"alpha": -1.0},
        {"alpha": "strong"},
        {"tol": 0.0},
        {"fit_intercept": "yes"},
        {"solver": "fast"},
        {"max_iter": 0},
        {"warm_start": None},
    ),
    state=("coef_", "intercept_", "n_iter_", "n_features_in_"),
    ways={"newton-cholesky": {"solver": "newton-cholesky"}, "through the origin": {"fit_intercept": False}},
    endless={"tol": 1e-300, "max_iter": 1_000_000, "alpha": 0.0},
)
GAMMA = replace(
    POISSON,
    ours=mlfast.linear_model.GammaRegressor,
    parent=sklearn.linear_model.GammaRegressor,
    like="LogisticRegression",
)
TWEEDIE = replace(
    POISSON,
    ours=mlfast.linear_model.TweedieRegressor,
    parent=sklearn.linear_model.TweedieRegressor,
    like="LogisticRegression",
    params=FEW_STEPS | {"alpha": 1.0, "power": 1.5, "tol": 3e-2},
)

ENTRIES = [LOGISTIC, LOGISTIC_CV, POISSON, GAMMA, TWEEDIE]
