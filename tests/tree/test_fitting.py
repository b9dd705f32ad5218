"""Fits against scikit-learn's, parameter by parameter: the same tree, node for node."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn.tree as parent
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.tree._criterion import MSE, Gini

import mlfast
import mlfast.tree as ours

from ..compare import assert_same_complaint, bits, fitted, outcome
from .parity import (
    as_csr,
    assert_same_answers,
    assert_same_tree,
    classes,
    cloud,
    counts,
    fit_both,
    with_gaps,
)

X = cloud(0, 240, 7)  # in nodes of at most 256 samples, sums are taken in scikit-learn's order
Y = classes(X)
CLASSIFIERS = ("DecisionTreeClassifier", "ExtraTreeClassifier")
REGRESSORS = ("DecisionTreeRegressor", "ExtraTreeRegressor")
LABELS = {
    "int": Y,
    "negative": 5 - 10 * Y,
    "str": np.array(["low", "medium", "h"])[Y],
    "object": np.array(["low", "medium", "h"], dtype=object)[Y],
    "bool": Y > 0,
    "float": Y + 0.0,
    "list": Y.tolist(),
    "one class": np.zeros_like(Y),
    "column": Y[:, None],
    "two outputs": np.column_stack([Y, Y % 2 + 7]),
    "string outputs": np.array(["a", "bcd"])[np.column_stack([Y == 1, Y == 2]).astype(int)],
    "columns in F order": np.asfortranarray(np.column_stack([Y, Y > 1])),
}


def both(name, data, target, sample_weight=None, check_input=True, rtol=0.0, **params):
    params = {"random_state": 3, **params}
    pair = getattr(ours, name)(**params), getattr(parent, name)(**params)
    return fit_both(*pair, data, target, rtol=rtol, sample_weight=sample_weight, check_input=check_input)


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_labels(name, labels):
    pair = both(name, X, LABELS[labels])
    assert_same_answers(*pair, X)
    for attribute in ("feature_importances_", "get_depth", "get_n_leaves", "predict_log_proba"):
        values = [getattr(est, attribute) for est in pair]
        args = (X[:20],) if attribute == "predict_log_proba" else ()
        with np.errstate(divide="ignore"):
            mine, theirs = (value(*args) if callable(value) else value for value in values)
        assert bits(mine) == bits(theirs)


def test_score_is_ours():
    mine, theirs = both("DecisionTreeClassifier", X, Y, max_depth=4)
    assert mine.score(X, Y) == theirs.score(X, Y)


DATA = {
    "float32": lambda A: A.astype(np.float32),
    "F": np.asfortranarray,
    "strided": lambda A: np.repeat(A, 2, axis=0)[::2],
    "int": lambda A: (10 * A).astype(np.int16),
    "bool": lambda A: A > 0,
    "object": lambda A: A.astype(object),
    "list": lambda A: A.tolist(),
    "read-only": lambda A: np.lib.stride_tricks.as_strided(A, writeable=False),
    "one row": lambda A: A[:1],
    "one column": lambda A: A[:, :1],
    "constant": np.ones_like,
    "constant columns": lambda A: A * (np.arange(A.shape[1]) % 2),
    "missing": with_gaps,
    "a column of nothing": lambda A: np.where(np.arange(A.shape[1]) == 1, np.nan, A),
    "csr": as_csr,
    "csc": lambda A: as_csr(A).tocsc(),
    "csc in disorder": lambda A: in_disorder(as_csr(A).tocsc()),
    "csr of float32": lambda A: as_csr(A.astype(np.float32)),
    "csr of nothing": lambda A: sp.csr_array(A.shape),
}


def in_disorder(A):
    """The same CSC matrix, entries of a column in reverse."""
    for start, end in zip(A.indptr[:-1], A.indptr[1:], strict=True):
        A.indices[start:end] = A.indices[start:end][::-1].copy()
        A.data[start:end] = A.data[start:end][::-1].copy()
    A.has_sorted_indices = False
    return A


@pytest.mark.parametrize("name", [*CLASSIFIERS, *REGRESSORS])
@pytest.mark.parametrize("data", DATA)
def test_data(data, name):
    A = DATA[data](X.copy())
    y = Y[: A.shape[0] if hasattr(A, "shape") else len(A)]
    target = y if name in CLASSIFIERS else y * 2.0
    assert_same_answers(*both(name, A, target), A)


BAD = {
    "infinite": (np.where(X > 1, np.inf, X), Y),
    "huge": (X * 1e300, Y),
    "NaN in CSR": (sp.csr_array(with_gaps(X)), Y),
    "too few labels": (X, Y[:-1]),
    "a row": (X[0], Y),
    "continuous labels": (X, X[:, 0]),
    "NaN in y": (X, np.where(X[:, 0] > 0, np.nan, X[:, 0])),
    "no rows": (X[:0], Y[:0]),
    "strings": (X.astype(str).astype(object) + "x", Y),
    "64-bit indices": (sp.csc_array((np.ones(2), np.array([0, 1]), np.array([0, 1, 2]))), Y[:2]),
}
BAD["64-bit indices"][0].indices = BAD["64-bit indices"][0].indices.astype(np.int64)
BAD_SETTINGS = (
    {"criterion": "poisson"},
    {"max_depth": 0},
    {"max_depth": 10**30},
    {"min_samples_split": 1},
    {"min_samples_leaf": 0.0},
    {"max_features": 1.5},
    {"max_features": "most"},
    {"max_leaf_nodes": 1},
    {"monotonic_cst": [1, 0]},
    {"monotonic_cst": [2] * 7},
    {"monotonic_cst": [[1] * 7]},
    {"monotonic_cst": [1] * 7},
    {"splitter": "worst"},
    {"class_weight": {5: 2.0}},
    {"class_weight": "even"},
    {"random_state": -1},
)


@pytest.mark.parametrize("name", ["DecisionTreeClassifier", "DecisionTreeRegressor", "ExtraTreeClassifier"])
@pytest.mark.parametrize("case", BAD)
def test_bad_data(case, name):
    A, y = BAD[case]
    mine, theirs = (outcome(getattr(module, name)().fit, A, y) for module in (ours, parent))
    assert_same_complaint(mine, theirs)


@pytest.mark.parametrize("name", ["DecisionTreeClassifier", "DecisionTreeRegressor"])
@pytest.mark.parametrize("params", BAD_SETTINGS, ids=str)
def test_bad_settings(params, name):
    target = Y if name in CLASSIFIERS else X[:, 0]  # negative somewhere
    if "class_weight" in params and name not in CLASSIFIERS:
        return
    estimators = [getattr(module, name)(**params) for module in (ours, parent)]
    mine, theirs = (outcome(est.fit, X, target) for est in estimators)
    assert_same_complaint(mine, theirs)


def test_a_failing_fit_leaves_the_tree():
    est = ours.DecisionTreeClassifier().fit(X, Y)
    before = est.__dict__.copy()
    with pytest.raises(ValueError, match="Number of labels"):
        est.fit(X, Y[:-1])
    assert est.__dict__ == before


WEIGHTS = {
    "whole": np.random.RandomState(0).randint(0, 4, size=len(X)),
    "uniform": np.random.RandomState(1).uniform(0.1, 3, size=len(X)),
    "some zero": np.where(X[:, 0] > 0, 0.0, 1.5),
    "number": 2.5,
    "list": (np.arange(len(X)) % 3 + 1.0).tolist(),
    "float32": np.linspace(0.5, 2, len(X), dtype=np.float32),
    "strided": np.linspace(0.5, 2, 2 * len(X))[::2],
}


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("name", [*CLASSIFIERS, *REGRESSORS])
def test_weights(name, weights):
    target = Y if name in CLASSIFIERS else counts(X)
    pair = both(name, X, target, sample_weight=WEIGHTS[weights], min_weight_fraction_leaf=0.01, max_depth=6)
    assert_same_answers(*pair, X)


@pytest.mark.parametrize("weights", [np.zeros(240), np.ones(239), np.ones((240, 1)), np.full(240, np.nan), ["a"] * 240])
def test_bad_weights(weights):
    mine, theirs = (
        outcome(module.DecisionTreeClassifier().fit, X, Y, sample_weight=weights) for module in (ours, parent)
    )
    assert_same_complaint(mine, theirs)


TWO = LABELS["two outputs"]
CLASS_WEIGHTS = {
    "balanced": ("balanced", Y),
    "dict": ({0: 1.0, 1: 3.0, 2: 0.5}, Y),
    "partial dict": ({1: 3.0}, Y),
    "balanced outputs": ("balanced", TWO),
    "list": ([{0: 1.0, 1: 2.0, 2: 1.0}, {7: 1.0, 8: 4.0}], TWO),
}


@pytest.mark.parametrize("case", CLASS_WEIGHTS)
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_class_weights(name, case):
    class_weight, y = CLASS_WEIGHTS[case]
    for weights in (None, WEIGHTS["uniform"]):
        both(name, X, y, sample_weight=weights, class_weight=class_weight)


@pytest.mark.parametrize("signs", [[1, 0, -1, 0, 0, 0, 0], [-1] * 7, (0,) * 7, np.array([1.0, -1, 0, 0, 1, 0, 0])])
@pytest.mark.parametrize("splitter", ["best", "random"])
@pytest.mark.parametrize("leaves", [None, 12])
def test_monotonic(signs, splitter, leaves):
    params = {"monotonic_cst": signs, "splitter": splitter, "max_leaf_nodes": leaves}
    both("DecisionTreeClassifier", X, Y > 0, **params)
    both("DecisionTreeRegressor", X, counts(X), **params)


def test_without_a_check():
    """What is handed on without validation: float32 in any order, CSC, targets in float64."""
    narrow = X.astype(np.float32)
    for data in (narrow, np.asfortranarray(narrow), as_csr(narrow).tocsc(), X):
        for target in (counts(X), counts(X)[:, None]):
            both("DecisionTreeRegressor", data, target, check_input=False)
        both("DecisionTreeClassifier", data, Y.astype(np.float64), check_input=False)


@pytest.mark.parametrize("name", [*CLASSIFIERS, *REGRESSORS])
def test_generators_are_left_in_the_same_state(name):
    generators = [np.random.RandomState(5), np.random.RandomState(5)]
    for module, generator in zip((ours, parent), generators, strict=True):
        for _ in range(2):
            est = getattr(module, name)(max_features=2, random_state=generator).fit(X, Y)
    del est
    assert generators[0].randint(2**31) == generators[1].randint(2**31)


@pytest.mark.fallback
@pytest.mark.parametrize(
    ("name", "criterion"), [("DecisionTreeClassifier", Gini(1, np.array([3]))), ("DecisionTreeRegressor", MSE(1, 240))]
)
def test_criterion_objects_go_to_scikit_learn(name, criterion):
    mine, theirs = both(name, X, Y, criterion=criterion)
    assert_same_answers(mine, theirs, X)
    with mlfast.config_context(fallback="raise"), pytest.raises(mlfast.FallbackError, match="an object and not a name"):
        clone(mine).fit(X, Y)


def test_friedman_mse_is_another_name():
    with pytest.warns(FutureWarning, match="friedman_mse"):
        est = ours.DecisionTreeRegressor(criterion="friedman_mse")
    assert est.criterion == "squared_error"
    est.fit(X, Y)


def settings(criteria):
    """Parameters, together."""
    return st.fixed_dictionaries(
        {},
        optional={
            "criterion": st.sampled_from(criteria),
            "splitter": st.sampled_from(["best", "random"]),
            "max_depth": st.integers(1, 12),
            "min_samples_split": st.one_of(st.integers(2, 12), st.floats(0.01, 1.0)),
            "min_samples_leaf": st.one_of(st.integers(1, 8), st.floats(0.01, 0.3)),
            "min_weight_fraction_leaf": st.floats(0, 0.3),
            "max_features": st.one_of(st.integers(1, 9), st.floats(0.05, 1.0), st.sampled_from(["sqrt", "log2"])),
            "max_leaf_nodes": st.integers(2, 40),
            "min_impurity_decrease": st.sampled_from([0.0, 1e-3, 0.02]),
            "ccp_alpha": st.sampled_from([0.0, 1e-3, 0.02]),
        },
    )


@st.composite
def tables(draw):
    n, d = draw(st.integers(2, 160)), draw(st.integers(1, 8))
    A = cloud(draw(st.integers(0, 10**6)), n, d, draw(st.sampled_from([np.float32, np.float64])))
    return draw(st.sampled_from([lambda A: A, with_gaps, as_csr, np.round]))(A)


def weights_of(kind, n, seed):
    rng = np.random.RandomState(seed)
    return {None: None, "whole": rng.randint(0, 4, size=n), "uniform": rng.uniform(0.1, 2, size=n)}[kind]


# scikit-learn walks the samples of a sparse column in an order of its own, which shows in sums that round: there all
# weights and targets are whole numbers.


@given(data=st.data())
def test_any_classifier(data):
    A = data.draw(tables())
    y = classes(A, data.draw(st.integers(2, 5)), seed=1)
    if data.draw(st.booleans()):
        y = np.column_stack([y, classes(A, 3, seed=2)])
    params = data.draw(settings(["gini", "entropy", "log_loss"]))
    if not sp.issparse(A) and data.draw(st.booleans()):
        params["class_weight"] = "balanced"
    kind = data.draw(st.sampled_from([None, "whole"] if sp.issparse(A) else [None, "whole", "uniform"]))
    weights = weights_of(kind, A.shape[0], data.draw(st.integers(0, 1000)))
    compare(data.draw(st.sampled_from(CLASSIFIERS)), A, y, weights, params, data.draw(st.integers(0, 2**31)))


@given(data=st.data())
def test_any_regressor(data):
    A = data.draw(tables())
    y = counts(A, seed=1) + (0 if sp.issparse(A) else data.draw(st.sampled_from([0, np.pi])) * np.arange(A.shape[0]))
    if data.draw(st.booleans()):
        y = np.column_stack([y, counts(A, seed=2)])
    params = data.draw(settings(["squared_error", "absolute_error", *([] if sp.issparse(A) else ["poisson"])]))
    kind = data.draw(st.sampled_from([None, "whole"] if sp.issparse(A) else [None, "whole", "uniform"]))
    weights = weights_of(kind, A.shape[0], data.draw(st.integers(0, 1000)))
    compare(data.draw(st.sampled_from(REGRESSORS)), A, y, weights, params, data.draw(st.integers(0, 2**31)))


def compare(name, A, y, weights, params, seed):
    estimators = [getattr(module, name)(random_state=seed, **params) for module in (ours, parent)]
    mine, theirs = (outcome(est.fit, A, y, sample_weight=weights) for est in estimators)
    assert_same_complaint(mine, theirs)
    assume(theirs.error is None)
    assert fitted(mine.value).keys() == fitted(theirs.value).keys()
    assert_same_tree(mine.value.tree_, theirs.value.tree_)
    assert_same_answers(mine.value, theirs.value, A)


REAL = {"iris": load_iris, "wine": load_wine, "breast cancer": load_breast_cancer, "digits": load_digits}


@pytest.mark.parametrize("data", REAL)
@pytest.mark.parametrize(
    "params", [{}, {"criterion": "entropy"}, {"max_features": "sqrt"}, {"max_leaf_nodes": 20}], ids=str
)
def test_real_classes(data, params):
    A, y = REAL[data](return_X_y=True)
    for name in CLASSIFIERS:
        for seed in (0, 1):
            assert_same_answers(*both(name, A, y, random_state=seed, **params), A[:50])


@pytest.mark.parametrize("criterion", ["squared_error", "absolute_error", "poisson"])
def test_real_numbers(criterion):
    """442 patients; sums over many of them may be taken in another order than scikit-learn's."""
    A, y = load_diabetes(return_X_y=True)
    for name in REGRESSORS:
        for leaf in (1, 5):
            mine, theirs = both(name, A, y, criterion=criterion, min_samples_leaf=leaf, rtol=1e-12)
            assert_same_answers(mine, theirs, A[:50], ("apply", "decision_path"))
            np.testing.assert_allclose(mine.predict(A), theirs.predict(A), rtol=1e-12)


def test_housing(california):
    """20,640 districts: classes are the same node for node, numbers to what the order of a sum leaves."""
    y = california[:, 0] * 2 + california[:, 6] + np.sin(5 * california[:, 7])
    both("DecisionTreeClassifier", california, np.digitize(y, [-1, 0, 1]), max_features=3)
    params = {"random_state": 0, "min_samples_leaf": 5}
    mine, theirs = (module.DecisionTreeRegressor(**params).fit(california, y) for module in (ours, parent))
    assert mine.tree_.node_count == theirs.tree_.node_count
    same = mine.tree_.feature == theirs.tree_.feature
    assert same.mean() > 0.99
    scores = [est.score(california, y) for est in (mine, theirs)]
    assert scores[0] == pytest.approx(scores[1], abs=1e-10)


def test_no_warning_of_our_own():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours.DecisionTreeClassifier().fit(X, Y).predict(X)
