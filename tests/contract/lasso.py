"""The entries of coordinate descent."""

from dataclasses import replace

import numpy as np
import sklearn.linear_model

import mlfast.linear_model

from .entry import BAD_NUMBERS, Entry, Function, numbers


def in_double_precision(X, weights, params):
    """scikit-learn computes float32 in single precision, in which it may take other numbers of passes."""
    return X.dtype == np.float64


LASSO = Entry(
    ours=mlfast.linear_model.Lasso,
    parent=sklearn.linear_model.Lasso,
    params={"alpha": 0.2, "random_state": 0},
    exact={"tol": 1e-13, "max_iter": 100_000},
    decided=in_double_precision,
    target=numbers,
    bad_targets=BAD_NUMBERS,
    outputs=("predict", "score"),
    fuzz={
        "alpha": (0.05, 1.0),
        "fit_intercept": (True, False),
        "precompute": (True, False),
        "copy_X": (True, False),
        "positive": (True, False),
        "selection": ("cyclic", "random"),
        "max_iter": (1, 1000),
        "tol": (1e-2, 1e-8),
    },
    bad_params=(
        {"alpha": -1.0},
        {"alpha": "strong"},
        {"fit_intercept": "yes"},
        {"precompute": "auto"},
        {"copy_X": 2},
        {"tol": -1e-9},
        {"max_iter": 0},
        {"positive": None},
        {"selection": "sorted"},
        {"warm_start": "yes"},
    ),
    state=("coef_", "intercept_", "dual_gap_", "n_iter_", "n_features_in_"),
    lengths=("alpha",),
    degree={"coef_": -1},
    ways={"through the origin": {"fit_intercept": False}},
    typed=None,
    large=(50_011, 7),
    endless={"alpha": 1e-9, "tol": 0.0, "max_iter": 10**9},
    endless_shape=(2_000, 300),
)
ELASTIC_NET = replace(
    LASSO,
    ours=mlfast.linear_model.ElasticNet,
    parent=sklearn.linear_model.ElasticNet,
    like="Lasso",
    params={"alpha": 0.2, "random_state": 0},
    scales=False,  # one part of the penalty is on the scale of X, the other on that of its squares
    fuzz={**LASSO.fuzz, "l1_ratio": (0.1, 0.9)},
    bad_params=(*LASSO.bad_params, {"l1_ratio": 1.5}, {"l1_ratio": None}),
)


def in_double_precision_with_rows_to_split(X, weights, params):
    """
    As above, and enough rows in each part of a split for its weights to have a sum.

    A grid of the model's own begins where the first coefficient leaves zero, by rounding or not.
    """
    return in_double_precision(X, weights, params) and X.shape[0] >= 12 and not isinstance(params["alphas"], int)


LASSO_CV = replace(
    LASSO,
    like="Lasso",
    ours=mlfast.linear_model.LassoCV,
    parent=sklearn.linear_model.LassoCV,
    params={"alphas": 5, "cv": 3, "eps": 0.3, "random_state": 0},
    exact={"tol": 1e-13, "max_iter": 100_000},
    unread=("mse_path_",),
    decided=in_double_precision_with_rows_to_split,
    bad_targets={name: BAD_NUMBERS[name] for name in BAD_NUMBERS if name != "column"},
    fuzz={
        "alphas": ([0.02], [0.1, 1.0, 0.3], [0.4, 0.05]),
        "fit_intercept": (True, False),
        "precompute": ("auto", True, False),
        "copy_X": (True, False),
        "positive": (True, False),
        "selection": ("cyclic", "random"),
        "tol": (1e-2, 1e-8),
        "cv": (2, 4),
        "n_jobs": (None, 2),
    },
    bad_params=(
        {"alphas": 0},
        {"alphas": "many"},
        {"eps": 0.0},
        {"fit_intercept": "yes"},
        {"precompute": "never"},
        {"tol": -1e-9},
        {"max_iter": 0},
        {"positive": None},
        {"selection": "sorted"},
        {"cv": "thrice"},
        {"n_jobs": 1.5},
    ),
    state=("coef_", "intercept_", "dual_gap_", "n_iter_", "alpha_", "alphas_", "mse_path_", "n_features_in_"),
    lengths=(),
    scales=False,  # the grid is made of logarithms
    large=(20_011, 7),
    endless={"alphas": [1e-9], "tol": 0.0, "max_iter": 10**9},
)
ELASTIC_NET_CV = replace(
    LASSO_CV,
    ours=mlfast.linear_model.ElasticNetCV,
    parent=sklearn.linear_model.ElasticNetCV,
    like="Lasso",
    fuzz={**LASSO_CV.fuzz, "l1_ratio": (0.9, [0.2, 1.0])},
    bad_params=(*LASSO_CV.bad_params, {"l1_ratio": 1.5}),
)


def tasks(seed, n):
    """
    Targets of shape (n, 2).
    """
    return np.random.RandomState(seed).standard_normal((n, 2))


BAD_TASKS = {
    **{name: BAD_NUMBERS[name] for name in ("None", "empty", "scalar", "3-D", "no outputs", "objects", "strings")},
    "too short": lambda n: tasks(0, n)[:-1],
    "too long": lambda n: tasks(0, n + 1),
    "NaN": lambda n: np.vstack([[np.nan, 1.0], np.ones((n - 1, 2))]),
    "inf": lambda n: np.vstack([[np.inf, 1.0], np.ones((n - 1, 2))]),
    "one task": lambda n: numbers(0, n),
}


def of_tasks(entry, name, **changes):
    """The entry of an estimator for the same with several tasks, which has neither signs nor Gram matrices."""
    absent = ("positive", "precompute")
    return replace(
        entry,
        ours=getattr(mlfast.linear_model, name),
        parent=getattr(sklearn.linear_model, name),
        target=tasks,
        bad_targets=BAD_TASKS,
        fuzz={key: values for key, values in entry.fuzz.items() if key not in absent},
        bad_params=tuple(params for params in entry.bad_params if not params.keys() & set(absent)),
        **changes,
    )


MULTI_LASSO = of_tasks(LASSO, "MultiTaskLasso", state=(*LASSO.state, "eps_"), unread=("eps_",))
MULTI_NET = of_tasks(
    ELASTIC_NET, "MultiTaskElasticNet", like="MultiTaskLasso", state=(*LASSO.state, "eps_"), unread=("eps_",)
)
MULTI_LASSO_CV = of_tasks(LASSO_CV, "MultiTaskLassoCV", like="MultiTaskLasso")
MULTI_NET_CV = of_tasks(ELASTIC_NET_CV, "MultiTaskElasticNetCV", like="MultiTaskLasso")

ENTRIES = [
    MULTI_LASSO,
    MULTI_NET,
    MULTI_LASSO_CV,
    MULTI_NET_CV,
    LASSO,
    LASSO_CV,
    ELASTIC_NET_CV,
    ELASTIC_NET,
]


def numbers_for(X):
    """A target of shape (n,)."""
    return numbers(0, X.shape[0])


LASSO_PATH = Function(
    ours=mlfast.linear_model.lasso_path,
    parent=sklearn.linear_model.lasso_path,
    like="Lasso",
    params={"alphas": [1.0, 0.4, 0.05]},
    results=("alphas", "coef_", "dual_gap_"),
    second=numbers_for,
    decided=in_double_precision,
    fuzz={"precompute": (True, False, "auto"), "copy_X": (True, False), "positive": (True, False), "tol": (1e-2, 1e-8)},
    bad_params=({"alphas": "many"}, {"eps": 0.0}, {"precompute": "never"}),
    endless={"alphas": [1e-9], "tol": 0.0, "max_iter": 10**9},
    endless_shape=(2_000, 300),
)
FUNCTIONS = [
    LASSO_PATH,
    replace(
        LASSO_PATH,
        ours=mlfast.linear_model.enet_path,
        parent=sklearn.linear_model.enet_path,
        fuzz={**LASSO_PATH.fuzz, "l1_ratio": (0.1, 0.9)},
        bad_params=(*LASSO_PATH.bad_params, {"l1_ratio": 1.5}),
    ),
]
