"""Odd values, and fits that go on from other shapes: refused in the parent's words, or with a reason."""

import warnings

import numpy as np
import pytest
import sklearn.ensemble
import sklearn.linear_model
import sklearn.model_selection
import sklearn.neighbors

import mlfast.ensemble
import mlfast.linear_model
import mlfast.neighbors
import mlfast.neural_network

from ..compare import assert_close, assert_same_complaint, bits, fitted, outcome
from . import odd
from .entry import numbers
from .registry import BY_NAME, ENTRIES

TARGETS = ("None in objects", "None in a list", "CSR column", "CSR table", "None in a table of objects")


def cases_of(entry, table):
    """The cases of a table, as arguments of `entry.refit`."""
    if table == "rows":
        return {case: {"X": make()} for case, make in odd.ROWS.items()}
    X = odd.table()
    if table == "weights":
        return {case: {"X": X, "sample_weight": make()} for case, make in odd.WEIGHTS.items()}
    targets = {case: make(np.array(entry.target(0, odd.N))) for case, make in odd.TARGETS.items()}
    return {case: {"X": X, "target": lambda n, y=y: y} for case, y in targets.items()}


def tables_of(entry):
    return ["rows"] + ["targets"] * (entry.target is not None) + ["weights"] * entry.sample_weight


ALL = [pytest.param(entry, table, id=f"{entry}-{table}") for entry in ENTRIES for table in tables_of(entry)]


@pytest.mark.nightly
@pytest.mark.fallback
@pytest.mark.parametrize(("entry", "table"), ALL)
def test_all(entry, table, subtests):
    """The parent's complaints and its answer; at the ends of the range no other complaint, and no fewer numbers."""
    for case, data in cases_of(entry, table).items():
        with subtests.test(case=case):
            assert_as_parent(entry, data, case in odd.AT_THE_ENDS[table])


MENDED = [
    ("AdaBoostClassifier", "weights", "all 1e308"),
    ("LocalOutlierFactor", "rows", "all times 1e200"),
    ("MLPRegressor", "targets", "long double"),
]


@pytest.mark.fallback
@pytest.mark.parametrize(("name", "table", "case"), MENDED)
def test_mended(name, table, case):
    data = cases_of(BY_NAME[name], table)[case]
    assert_as_parent(BY_NAME[name], data, case in odd.AT_THE_ENDS[table])


def assert_as_parent(entry, data, is_at_the_ends):
    ours, theirs = (outcome(entry.refit, entry.make(parent), **data) for parent in (False, True))
    if not is_at_the_ends:
        assert_same_complaint(ours, theirs)
        if theirs.error is None:
            assert_same_model(entry, fitted(ours.value), fitted(theirs.value))
    elif ours.error is not None:
        assert type(ours.error) is type(theirs.error)
    else:
        assert_finite_where(fitted(ours.value), fitted(theirs.value) if theirs.error is None else {})


def assert_same_model(entry, ours, theirs):
    """Attributes agree, but for the order of their bytes."""
    for name, value in theirs.items():
        if isinstance(value, np.ndarray) and value.dtype == object:
            assert bits(ours[name]) == bits(value), name
        else:
            pair = in_native_order(ours[name]), in_native_order(value)
            assert_close(name, *pair, odd.table(), "float64", **entry.marks)


def in_native_order(value):
    return value.astype(value.dtype.newbyteorder("="), copy=False) if isinstance(value, np.ndarray) else value


def assert_finite_where(ours, theirs):
    """All numbers are finite that are finite in the parent's answer; if it has none, all numbers."""
    for name, value in ours.items():
        if np.asarray(value).dtype.kind == "f":
            expected = np.isfinite(theirs[name]) if theirs else np.ones(np.shape(value), dtype=bool)
            assert np.isfinite(value)[expected].all(), name


@pytest.mark.fallback
@pytest.mark.parametrize("case", TARGETS)
@pytest.mark.parametrize("name", ["RidgeCV", "LinearRegression", "Ridge", "Lasso"])
def test_target(name, case):
    entry, X = BY_NAME[name], odd.table()
    y = odd.TARGETS[case](numbers(0, odd.N))
    assert_same_complaint(*(outcome(entry.make(parent).fit, X, y) for parent in (False, True)))


@pytest.mark.fallback
@pytest.mark.parametrize("case", ["None in a list", "None in objects", "categories of words"])
@pytest.mark.parametrize("name", ["NearestNeighbors", "KNeighborsClassifier", "RadiusNeighborsRegressor"])
def test_rows(name, case):
    entry = BY_NAME[name]
    ours, theirs = (outcome(entry.fit, odd.ROWS[case](), parent=parent) for parent in (False, True))
    assert theirs.error is not None
    assert_same_complaint(ours, theirs)


@pytest.mark.parametrize("fallback", ["sklearn", "raise"])
@pytest.mark.parametrize("name", ["Lasso", "MultiTaskLasso"])
def test_warm_start_of_another_shape(name, fallback):
    """The parent reads and writes past its arrays, so it is not asked."""
    rng = np.random.RandomState(0)
    y = rng.standard_normal((40, 2))
    est = getattr(mlfast.linear_model, name)(warm_start=True)
    with mlfast.config_context(fallback=fallback):
        est.fit(rng.standard_normal((40, 3)), y)
        with pytest.raises(ValueError, match="40 features"):
            est.fit(rng.standard_normal((40, 40)), y)
        with pytest.raises(ValueError, match="4 targets"):
            est.fit(rng.standard_normal((40, 3)), np.c_[y, y])


@pytest.mark.parametrize("name", ["RandomForestRegressor", "ExtraTreesClassifier", "GradientBoostingRegressor"])
def test_members_of_another_width(name):
    X, y = odd.table(), np.arange(odd.N) % 2
    est = getattr(mlfast.ensemble, name)(n_estimators=2, warm_start=True).fit(X[:, :3], y)
    with pytest.raises(ValueError, match="X has 4 features"):
        est.set_params(n_estimators=3).fit(X, y).predict(X)


@pytest.mark.parametrize("n_estimators", [2, 3])
@pytest.mark.parametrize("outputs", [(4, 1), (1, 4)])
@pytest.mark.parametrize("name", ["RandomForestRegressor", "ExtraTreesRegressor"])
def test_members_of_other_outputs(name, outputs, n_estimators):
    """The parent fails to add up the answers, with a ValueError of NumPy's."""
    X = odd.table()
    first, second = (np.squeeze(np.resize(numbers(0, odd.N), (k, odd.N)).T) for k in outputs)
    for package in (mlfast.ensemble, sklearn.ensemble):
        est = getattr(package, name)(n_estimators=2, warm_start=True, random_state=0).fit(X, first)
        est.predict(X)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            est.set_params(n_estimators=n_estimators).fit(X, second)
        with pytest.raises(ValueError, match=r"outputs|broadcast"):
            est.predict(X)


@pytest.mark.parametrize("n_estimators", [2, 3])
@pytest.mark.parametrize("classes", [(2, 3), (3, 2)])
@pytest.mark.parametrize("name", ["RandomForestClassifier", "ExtraTreesClassifier"])
def test_members_of_other_classes(name, classes, n_estimators):
    X, rows = odd.table(), np.arange(odd.N)
    for package in (mlfast.ensemble, sklearn.ensemble):
        est = getattr(package, name)(n_estimators=2, warm_start=True, random_state=0).fit(X, rows % classes[0])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            est.set_params(n_estimators=n_estimators).fit(X, rows % classes[1])
        with pytest.raises(ValueError, match=r"classes|broadcast"):
            est.predict(X)


@pytest.mark.parametrize("fallback", ["sklearn", "raise"])
@pytest.mark.parametrize("outputs", [(4, 1), (1, 4)])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_network_of_other_outputs(solver, outputs, fallback):
    """The parent broadcasts one target to four, or reads numbers that it never set."""
    X = odd.table()
    first, second = (np.squeeze(np.resize(numbers(0, odd.N), (k, odd.N)).T) for k in outputs)
    est = mlfast.neural_network.MLPRegressor(hidden_layer_sizes=(3,), warm_start=True, solver=solver, max_iter=3)
    with warnings.catch_warnings(), mlfast.config_context(fallback=fallback):
        warnings.simplefilter("ignore")
        est.fit(X, first)
        with pytest.raises(ValueError, match=f"y has {outputs[1]} outputs"):
            est.fit(X, second)


@pytest.mark.parametrize("classes", [(2, 4), (4, 2)])
def test_stages_of_other_classes(classes):
    """The parent answers nonsense, or writes past its arrays."""
    X, rows = odd.table(), np.arange(odd.N)
    est = mlfast.ensemble.GradientBoostingClassifier(n_estimators=2, warm_start=True).fit(X, rows % classes[0])
    with pytest.raises(ValueError, match="the number of classes has changed"):
        est.set_params(n_estimators=3).fit(X, rows % classes[1])
    assert len(est.classes_) == classes[0]


def test_tiny_features_of_ridge_cv():
    X, y = odd.table() * 1e-300, numbers(0, odd.N)
    ours, theirs = (m.RidgeCV().fit(X, y).coef_ for m in (mlfast.linear_model, sklearn.linear_model))
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)


def test_row_of_zeros_is_its_own_neighbor_by_cosine():
    X = odd.table()
    X[7] = 0
    distances, indices = mlfast.neighbors.NearestNeighbors(n_neighbors=2, metric="cosine").fit(X).kneighbors(X)
    assert (indices[7, 0], distances[7].tolist()) == (7, [0.0, 1.0])


@pytest.mark.fallback
def test_too_few_priors():
    X, y = odd.table(), np.arange(odd.N) % 2
    pair = (m.NearestCentroid(priors=[1.0]).fit(X, y) for m in (mlfast.neighbors, sklearn.neighbors))
    assert_same_complaint(*(outcome(est.predict, X) for est in pair))


@pytest.mark.parametrize("solver", ["sag", "saga"])
def test_folds_without_the_last_class(solver):
    """The solver counts classes from the coefficients: sorted classes leave each fold without one."""
    X, y = odd.table() / 5, np.repeat([0, 1, 2], 14)[: odd.N]
    settings = {
        "cv": sklearn.model_selection.KFold(3),
        "Cs": [1.0],
        "random_state": 0,
        "tol": 1e-8,
        "max_iter": 20_000,
    }
    settings |= {"use_legacy_attributes": True, "l1_ratios": (0,), "scoring": "accuracy"}
    ours = mlfast.linear_model.LogisticRegressionCV(solver=solver, **settings).fit(X, y)
    theirs = sklearn.linear_model.LogisticRegressionCV(solver="lbfgs", **settings).fit(X, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=0.02, atol=1e-3)


@pytest.mark.parametrize("solver", ["lbfgs", "newton-cholesky"])
def test_mean_of_zero_has_no_gradient(solver):
    X, y = odd.table(), np.abs(numbers(0, odd.N))
    settings = {"power": -1, "fit_intercept": False, "solver": solver}
    pair = (m.TweedieRegressor(**settings) for m in (mlfast.linear_model, sklearn.linear_model))
    ours, theirs = (outcome(est.fit, X, y) for est in pair)
    assert [category for category, _ in theirs.warned]
    assert [text.split("(")[0] for _, text in ours.warned] == [text.split("(")[0] for _, text in theirs.warned]


@pytest.mark.fallback
@pytest.mark.parametrize("name", ["RandomForestRegressor", "BaggingRegressor"])
def test_more_draws_than_a_machine_word_counts(name):
    X, y, weights = odd.table(), numbers(0, odd.N), np.full(odd.N, 1e300)
    settings = {"n_estimators": 2, "max_samples": 0.5, "random_state": 0}
    pair = (getattr(m, name)(**settings) for m in (mlfast.ensemble, sklearn.ensemble))
    assert_same_complaint(*(outcome(est.fit, X, y, weights) for est in pair))
