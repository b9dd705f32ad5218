"""The entries of the room `linear_model`."""

from dataclasses import replace

import numpy as np
import scipy.sparse as sp
import sklearn.linear_model

import mlfast.linear_model

from .entry import BAD_CLASSES, BAD_NUMBERS, Entry, names_of_classes, numbers


def pairs_of_numbers(seed, n):
    """A continuous target of shape (n, 2)."""
    return np.random.RandomState(seed).standard_normal((n, 2))


def well_conditioned(X, weights, params):
    """
    Whether rounding leaves scikit-learn the digits that the tests compare.

    It computes float32 in single precision, and loses as many digits as the condition has. On sparse rows it stops
    within the tolerance, on others it drops the singular values below it.
    """
    if params["tol"] > 1e-9 if sp.issparse(X) else params["tol"] < np.finfo(X.dtype).eps:
        return False
    table = X.toarray() if sp.issparse(X) else np.asarray(X)
    counts = np.ones(len(table)) if weights is None else np.asarray(weights, dtype=float)
    if params.get("positive") and len(table) <= table.shape[1]:
        return False  # there are many solutions without negative coefficients
    if params.get("fit_intercept", True) and counts.sum() > 0:
        table = table - np.average(table, axis=0, weights=counts)
    scale = np.linalg.norm(X.toarray() if sp.issparse(X) else np.asarray(X, dtype=float))
    singular = np.linalg.svd(table * np.sqrt(counts)[:, None], compute_uv=False)
    if singular[0] <= 1e-12 * scale:
        return False  # nothing is left about the means, and scikit-learn divides rounding by rounding
    kept = singular[singular > params["tol"] * singular[0]]
    return len(kept) == 0 or kept[0] <= (50 if X.dtype == np.float32 else 1e4) * kept[-1]


ORDINARY = Entry(
    ours=mlfast.linear_model.LinearRegression,
    parent=sklearn.linear_model.LinearRegression,
    params={"tol": 1e-6},
    exact={"tol": 1e-14},
    decided=well_conditioned,
    target=numbers,
    bad_targets=BAD_NUMBERS,
    outputs=("predict", "score"),
    fuzz={
        "fit_intercept": (True, False),
        "copy_X": (True, False),
        "positive": (True, False),
        "n_jobs": (None, 1, 2),
        "tol": (1e-13,),
    },
    bad_params=(
        {"fit_intercept": "yes"},
        {"copy_X": 2},
        {"positive": None},
        {"tol": -1e-9},
        {"tol": "small"},
        {"n_jobs": 1.5},
    ),
    state=("coef_", "intercept_", "n_features_in_"),
    degree={"coef_": -1, "singular_": 1},
    weight_degree={"singular_": 0.5},
    ways={"through the origin": {"fit_intercept": False}},
    typed=None,
    large=(50_011, 7),
    endless={},
    endless_shape=(20_000, 2_000),
)


def decided_with_penalty(X, weights, params):
    """
    As above; the matrix of products has the square of the condition, and conjugate gradients stop by rounding.

    Where all rows are the same, what scikit-learn finds is the rounding of their mean.
    """
    table = X.toarray() if sp.issparse(X) else X
    counts = np.ones(len(table)) if weights is None else np.asarray(weights, dtype=float)
    if params.get("fit_intercept", True) and counts.sum() > 0:
        table = table - np.average(table, axis=0, weights=counts)
    singular = np.linalg.svd(table * np.sqrt(counts)[:, None], compute_uv=False)
    if singular[0] <= 1e-12 * np.abs(X).max():
        return False
    if X.dtype == np.float64:
        return True
    products = singular**2 + params["alpha"]
    return not sp.issparse(X) and products[0] <= 100 * products[-1]


def decided_choice(X, weights, params):
    """Whether there are rows to leave out, whose scores decide the penalty."""
    rows = X.shape[0] if weights is None else np.count_nonzero(weights)
    return rows > X.shape[1] + 2 and decided_with_penalty(X, weights, {"alpha": 0.1, **params})


PENALIZED = replace(
    ORDINARY,
    ours=mlfast.linear_model.Ridge,
    parent=sklearn.linear_model.Ridge,
    like="LinearRegression",
    params={"alpha": 1.0, "tol": 1e-10},
    exact={"tol": 1e-12, "solver": "sparse_cg"},  # a solver for both storages
    decided=decided_with_penalty,
    fuzz={"alpha": (0.1, 10.0), "fit_intercept": (True, False), "copy_X": (True, False), "max_iter": (None, 5)},
    bad_params=(
        {"alpha": -1.0},
        {"alpha": "strong"},
        {"alpha": [1.0, 2.0, 3.0]},
        {"fit_intercept": "yes"},
        {"copy_X": 2},
        {"tol": -1e-9},
        {"max_iter": 0},
        {"solver": "fast"},
        {"solver": "lbfgs"},
        {"positive": None},
    ),
    state=("coef_", "intercept_", "solver_", "n_features_in_"),
    scales=False,  # alpha is not on the scale of X
    weight_degree={},
    penalties=("alpha",),
    ways={"through the origin": {"fit_intercept": False}},
)

CLASSIFIER = replace(
    PENALIZED,
    ours=mlfast.linear_model.RidgeClassifier,
    parent=sklearn.linear_model.RidgeClassifier,
    like="LinearRegression",
    target=names_of_classes,
    bad_targets=BAD_CLASSES,
    outputs=("predict", "decision_function", "score"),
    fuzz={**PENALIZED.fuzz, "class_weight": (None, "balanced")},
    bad_params=(*(params for params in PENALIZED.bad_params if "alpha" not in params), {"class_weight": "equal"}),
    state=("coef_", "intercept_", "classes_", "solver_", "n_features_in_"),
    ways={"through the origin": {"fit_intercept": False}},
)

CHOSEN = replace(
    PENALIZED,
    ours=mlfast.linear_model.RidgeCV,
    parent=sklearn.linear_model.RidgeCV,
    like="LinearRegression",
    params={"alphas": np.array([1.0])},  # of two rows, all penalties predict one from the other equally well
    exact={},
    decided=decided_choice,
    fuzz={
        "alphas": (0.5, (0.1, 1.0, 100.0)),
        "fit_intercept": (True, False),
        "gcv_mode": (None, "svd"),
        "store_cv_results": (True, False),
        "alpha_per_target": (True, False),
    },
    bad_params=(
        {"alphas": -1.0},
        {"alphas": [1.0, -1.0]},
        {"alphas": (1.0,)},
        {"alphas": ["strong", "weak"]},
        {"fit_intercept": "yes"},
        {"scoring": "best"},
        {"gcv_mode": "fast"},
        {"cv": 2, "store_cv_results": True},
        {"store_cv_results": "yes"},
    ),
    state=("coef_", "intercept_", "alpha_", "best_score_", "n_features_in_"),
    weight_degree={"alpha_": 1, "best_score_": 1},
    typed="coef_",
    ways={"through the origin": {"fit_intercept": False}, "by singular values": {"gcv_mode": "svd"}},
    penalties=("alphas",),
)

CHOSEN_CLASSIFIER = replace(
    CHOSEN,
    ours=mlfast.linear_model.RidgeClassifierCV,
    parent=sklearn.linear_model.RidgeClassifierCV,
    like="LinearRegression",
    target=names_of_classes,
    bad_targets=BAD_CLASSES,
    outputs=("predict", "decision_function", "score"),
    fuzz={
        "alphas": (0.5, (0.1, 1.0, 100.0)),
        "fit_intercept": (True, False),
        "store_cv_results": (True, False),
        "class_weight": (None, "balanced"),
    },
    bad_params=(
        *(params for params in CHOSEN.bad_params if "gcv_mode" not in params),
        {"class_weight": "equal"},
    ),
    state=("coef_", "intercept_", "classes_", "alpha_", "best_score_", "n_features_in_"),
    ways={"through the origin": {"fit_intercept": False}},
)

ENTRIES = [
    ORDINARY,
    replace(ORDINARY, label="[two targets]", like="LinearRegression", target=pairs_of_numbers),
    PENALIZED,
    CLASSIFIER,
    CHOSEN,
    CHOSEN_CLASSIFIER,
]
