"""The entries of logistic regression and of generalised linear models."""

from dataclasses import replace

import numpy as np
import sklearn.linear_model

import mlfast.linear_model

from .entry import BAD_CLASSES, BAD_NUMBERS, Entry, names_of_classes


def positive(seed, n):
    """A positive target of shape (n,)."""
    return np.random.RandomState(seed).gamma(2.0, size=n) + 0.1


LOGISTIC = Entry(
    ours=mlfast.linear_model.LogisticRegression,
    parent=sklearn.linear_model.LogisticRegression,
    params={"max_iter": 200, "C": 0.1},
    exact={"tol": 1e-9, "max_iter": 500},
    target=names_of_classes,
    bad_targets=BAD_CLASSES,
    outputs=("predict", "predict_proba", "predict_log_proba", "score"),
    fuzz={
        "fit_intercept": (True, False),
        "C": (1e-3, 1.0),
        "class_weight": (None, "balanced"),
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
    penalties=(),
    ways={
        "newton-cholesky": {"solver": "newton-cholesky"},
        "newton-cg": {"solver": "newton-cg"},
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
        "Cs": (0.01, 1.0),
        "cv": 2,
        "max_iter": 200,
        "l1_ratios": (0,),
        "scoring": "neg_log_loss",
        "use_legacy_attributes": False,
    },
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
    params={"max_iter": 20, "alpha": 1.0},
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
    like="PoissonRegressor",
)
TWEEDIE = replace(
    POISSON,
    ours=mlfast.linear_model.TweedieRegressor,
    parent=sklearn.linear_model.TweedieRegressor,
    like="PoissonRegressor",
    params={"max_iter": 20, "alpha": 1.0, "power": 1.5},
)

ENTRIES = [LOGISTIC, LOGISTIC_CV, POISSON, GAMMA, TWEEDIE]
