"""The entries of the linear models that are fitted by stochastic gradient descent."""

from dataclasses import replace

import sklearn.linear_model

import mlfast.linear_model

from .entry import BAD_CLASSES, BAD_NUMBERS, Entry, names_of_classes, numbers

BAD = (
    {"max_iter": 0},
    {"tol": -1.0},
    {"random_state": -1},
    {"shuffle": "yes"},
    {"fit_intercept": 2},
    {"verbose": -1},
    {"n_iter_no_change": 0},
    {"validation_fraction": 1.0},
    {"early_stopping": 1},
)
FUZZ = {
    "fit_intercept": (True, False),
    "shuffle": (True, False),
    "tol": (1e-3, None),
    "max_iter": (1, 4),
    "n_iter_no_change": (1, 5),
    "early_stopping": (False, True),
}
PENALTIES = {"penalty": (None, "l1", "l2", "elasticnet"), "alpha": (1e-4, 0.1)}
SCHEDULES = {
    "learning_rate": ("optimal", "constant", "invscaling", "adaptive"),
    "eta0": (1e-3, 1e-2),
    "average": (False, True, 20),
}
STATE = ("coef_", "intercept_", "n_iter_", "t_", "n_features_in_")

CLASSIFIER = Entry(
    ours=mlfast.linear_model.SGDClassifier,
    parent=sklearn.linear_model.SGDClassifier,
    params={"random_state": 0, "tol": None, "max_iter": 5, "alpha": 0.1},
    target=names_of_classes,
    bad_targets=BAD_CLASSES,
    outputs=("predict", "decision_function", "score"),
    fuzz={
        "loss": ("hinge", "log_loss", "modified_huber", "squared_hinge", "perceptron", "huber"),
        **FUZZ,
        **PENALTIES,
        **SCHEDULES,
        "class_weight": (None, "balanced"),
        "n_jobs": (None, 1, 2),
    },
    bad_params=(
        *BAD,
        {"loss": "cubic"},
        {"penalty": "l3"},
        {"alpha": -1.0},
        {"l1_ratio": 2.0},
        {"learning_rate": "pa1", "loss": "log_loss"},
        {"alpha": 0.0},
        {"eta0": 0.0},
        {"average": -1},
        {"class_weight": "even"},
        {"n_jobs": 1.5},
    ),
    state=(*STATE, "classes_"),
    ways={"through the origin": {"fit_intercept": False}, "averaged": {"average": True}},
    scales=False,  # steps are not on the scale of X
    incremental=True,
    typed=None,
    exact={"fit_intercept": False},  # on sparse data the steps of the intercept are shorter
    weights_scale=False,  # they are lengths of steps
    endless={"max_iter": 1_000_000, "tol": None},
)
REGRESSOR = replace(
    CLASSIFIER,
    ours=mlfast.linear_model.SGDRegressor,
    parent=sklearn.linear_model.SGDRegressor,
    like="SGDClassifier",
    params={"random_state": 0, "tol": None, "max_iter": 5, "eta0": 1e-3},
    target=numbers,
    bad_targets=BAD_NUMBERS,
    outputs=("predict", "score"),
    fuzz={
        "loss": ("squared_error", "huber", "epsilon_insensitive", "squared_epsilon_insensitive"),
        **FUZZ,
        **PENALTIES,
        **SCHEDULES,
        "learning_rate": ("constant", "invscaling", "adaptive"),
    },
    bad_params=(
        *BAD,
        {"loss": "hinge"},
        {"penalty": "l3"},
        {"alpha": -1.0},
        {"learning_rate": "pa1", "loss": "huber"},
        {"eta0": 0.0},
        {"average": -1},
    ),
    state=STATE,
)
ONE_CLASS = replace(
    CLASSIFIER,
    ours=mlfast.linear_model.SGDOneClassSVM,
    parent=sklearn.linear_model.SGDOneClassSVM,
    like="SGDClassifier",
    params={"random_state": 0, "tol": None, "max_iter": 5},
    target=None,
    bad_targets={},
    outputs=("predict", "decision_function", "score_samples"),
    fuzz={
        "nu": (0.1, 0.9),
        **{name: FUZZ[name] for name in ("fit_intercept", "shuffle", "tol", "max_iter")},
        **SCHEDULES,
    },
    bad_params=(
        {"nu": 0.0},
        {"nu": 1.5},
        {"max_iter": 0},
        {"tol": -1.0},
        {"learning_rate": "fast"},
        {"eta0": 0.0},
        {"random_state": -1},
    ),
    state=("coef_", "offset_", "n_iter_", "t_", "n_features_in_"),
)
PERCEPTRON = replace(
    CLASSIFIER,
    ours=mlfast.linear_model.Perceptron,
    parent=sklearn.linear_model.Perceptron,
    like="SGDClassifier",
    params={"random_state": 0, "tol": None, "max_iter": 5},
    fuzz={**FUZZ, **PENALTIES, "eta0": (0.1, 1.0), "class_weight": (None, "balanced")},
    bad_params=(*BAD, {"penalty": "l3"}, {"alpha": -1.0}, {"eta0": 0.0}, {"class_weight": "even"}),
    ways={"through the origin": {"fit_intercept": False}},
)
#: The passive-aggressive models take the same way; they warn that they will go whenever one is made, which no test here
#: may: see tests/linear_model/test_perceptron.py.
ENTRIES = [CLASSIFIER, REGRESSOR, ONE_CLASS, PERCEPTRON]
