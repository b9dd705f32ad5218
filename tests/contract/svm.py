"""
The entries of the room `svm`.

They start from solvers that draw the order of their steps: these take scikit-learn's, one by one, and stop after so
many of them whatever the data are. Newton's method is a way of its own; scikit-learn's never ends where squares
overflow.
"""

from dataclasses import replace

import numpy as np
import sklearn.svm

import mlfast.svm

from .entry import BAD_CLASSES, BAD_NUMBERS, Entry, names_of_classes, numbers


def any_counts(X, weights, params):
    """Whether there is a sample of positive weight."""
    return weights is None or bool((np.asarray(weights) > 0).any())


def summed_in_order(X, weights, params):
    """
    As above, and rows that are summed in scikit-learn's order.

    With more features, last digits decide now and then which samples are set aside, and so how many steps follow.
    """
    return any_counts(X, weights, params) and X.shape[1] < 8


BAD_PARAMS = (
    {"C": 0.0},
    {"C": "large"},
    {"tol": 0.0},
    {"max_iter": -1},
    {"max_iter": 1.5},
    {"fit_intercept": "yes"},
    {"intercept_scaling": 0.0},
    {"dual": "maybe"},
    {"random_state": "seed"},
)

CLASSIFIER = Entry(
    ours=mlfast.svm.LinearSVC,
    parent=sklearn.svm.LinearSVC,
    params={"C": 2.0**-7, "loss": "hinge", "tol": 0.25, "max_iter": 5_000, "random_state": 0},
    target=names_of_classes,
    bad_targets=BAD_CLASSES,
    decided=summed_in_order,
    outputs=("predict", "decision_function", "score"),
    fuzz={
        "C": (0.01, 0.25, 10.0),
        "fit_intercept": (True, False),
        "intercept_scaling": (0.5, 4.0),
        "class_weight": (None, "balanced"),
        "max_iter": (1, 150),  # in between, last digits decide which samples are set aside
        "tol": (1e-2, 1e-6),
        "dual": ("auto", True),
    },
    bad_params=(
        *BAD_PARAMS,
        {"penalty": "l0"},
        {"penalty": "l1"},
        {"loss": "log"},
        {"dual": False},
        {"class_weight": "equal"},
        {"multi_class": "ovo"},
    ),
    state=("coef_", "intercept_", "classes_", "n_iter_", "n_features_in_"),
    scales=False,  # the penalty is not on the scale of X
    costs=("C",),
    ways={
        "Newton": {"loss": "squared_hinge", "dual": False},
        "L1": {"loss": "squared_hinge", "penalty": "l1"},
        "all classes at once": {"multi_class": "crammer_singer", "tol": 0.5},
    },
    typed=None,
    endless={"max_iter": 10**8, "tol": 1e-300},
)

ENTRIES = [
    CLASSIFIER,
    replace(
        CLASSIFIER,
        label="[squared]",
        like="LinearSVC",
        params={**CLASSIFIER.params, "loss": "squared_hinge", "dual": True},
        fuzz={**CLASSIFIER.fuzz, "dual": (True,)},
        bad_params=BAD_PARAMS,
        ways={},
    ),
    replace(
        CLASSIFIER,
        label="[L1]",
        like="LinearSVC",
        params={**CLASSIFIER.params, "loss": "squared_hinge", "penalty": "l1"},
        decided=any_counts,
        # Nearer to the end, what a step gains is below the rounding of the loss, which the search along it looks at.
        fuzz={**CLASSIFIER.fuzz, "dual": ("auto", False), "tol": (1e-2,)},
        bad_params=BAD_PARAMS,
        ways={},
        endless_shape=(20_000, 200),
    ),
    replace(
        CLASSIFIER,
        ours=mlfast.svm.LinearSVR,
        parent=sklearn.svm.LinearSVR,
        like="LinearSVC",
        params={"C": 2.0**-7, "tol": 0.25, "max_iter": 5_000, "random_state": 0},
        target=numbers,
        bad_targets=BAD_NUMBERS,
        decided=any_counts,
        outputs=("predict", "score"),
        fuzz={
            **{name: values for name, values in CLASSIFIER.fuzz.items() if name != "class_weight"},
            "epsilon": (0.0, 0.3),
            "dual": ("auto", True),
        },
        bad_params=(*BAD_PARAMS, {"epsilon": -0.5}, {"epsilon": "wide"}, {"loss": "hinge"}, {"dual": False}),
        state=("coef_", "intercept_", "n_iter_", "n_features_in_"),
        ways={"Newton": {"loss": "squared_epsilon_insensitive", "dual": False}},
    ),
]
