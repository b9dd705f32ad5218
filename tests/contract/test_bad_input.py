"""Bad input: exception type and message are the parent's, and what was fitted before stays."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

import mlfast

from ..compare import assert_same_complaint, bits, leaves, outcome
from .entry import mixture, sparse_mixture
from .odd import D, N, table, with_cell
from .registry import ENTRIES, FUNCTIONS, OWN_ENTRIES


def wide_indices(X):
    X = sp.csr_matrix(X)
    X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    return X


def broken_csr(**changes):
    X = sparse_mixture(0, N, D)
    for name, (at, value) in changes.items():
        getattr(X, name)[at] = value
    return X


ITERATOR = iter([[1.0, 2.0]])  # one object: its address stands in the message

BAD_X = {
    "NaN": lambda: with_cell(np.nan),
    "inf": lambda: with_cell(np.inf),
    "-inf": lambda: with_cell(-np.inf),
    "NaN float32": lambda: with_cell(np.nan, np.float32),
    "inf float32": lambda: with_cell(np.inf, np.float32),
    "NaN float16": lambda: with_cell(np.nan, np.float16),
    "float64 beyond float32 list": lambda: [[1e308, 1], [2, 3], [4, 5], [1, np.inf]],
    "1-D": lambda: table()[:, 0],
    "0-D": lambda: np.float64(3),
    "scalar": lambda: 3.0,
    "3-D": lambda: table()[:, :, None],
    "no rows": lambda: table()[:0],
    "no columns": lambda: table()[:, :0],
    "nothing": lambda: np.empty((0, 0)),
    "empty list": list,
    "None": lambda: None,
    "string": lambda: "X",
    "strings": lambda: table().astype(str).astype(object) + "a",
    "unicode": lambda: np.array([["a", "b"]] * N),
    "bytes": lambda: np.array([[b"a", b"b"]] * N),
    "objects": lambda: np.array([[{}, 1]] * N, dtype=object),
    "complex": lambda: table() + 1j,
    "ragged": lambda: [[1.0, 2.0], [3.0]] * N,
    "dates": lambda: np.zeros((N, D), "datetime64[s]"),
    "structured": lambda: np.zeros(N, [("a", "f8"), ("b", "f8")]),
    "masked NaN frame": lambda: pd.DataFrame(with_cell(np.nan)),
    "frame of strings": lambda: pd.DataFrame({"a": ["x"] * N, "b": ["y"] * N}),
    "frame with mixed names": lambda: pd.DataFrame(table(), columns=["a", 1, "b", 2]),
    "pandas NA": lambda: pd.DataFrame({"a": pd.array([1.0, None] * (N // 2), "Float64")}),
    "few rows": lambda: table()[:2],
    "one row": lambda: table()[:1],
    "CSR NaN": lambda: sp.csr_array(with_cell(np.nan)),
    "CSR inf": lambda: sp.csr_matrix(with_cell(np.inf)),
    "CSR complex": lambda: sp.csr_array(table() + 1j),
    "CSR no rows": lambda: sp.csr_array((0, D)),
    "CSR int64 indices": lambda: wide_indices(table()),
    "DIA": lambda: sp.dia_matrix(table()),
    "1-D sparse": lambda: sp.coo_array(table()[:, 0]),
    "dict": lambda: {"a": [1, 2]},
    "iterator": lambda: ITERATOR,
    "ok": table,
}

BAD_WEIGHTS = {
    "too short": lambda: np.ones(N - 1),
    "too long": lambda: np.ones(N + 1),
    "2-D": lambda: np.ones((N, 1)),
    "empty": lambda: np.ones(0),
    "NaN": lambda: np.r_[np.nan, np.ones(N - 1)],
    "inf": lambda: np.r_[np.inf, np.ones(N - 1)],
    "strings": lambda: ["a"] * N,
    "complex": lambda: np.ones(N, complex),
    "string": lambda: "balanced",
    "objects": lambda: np.array([None] * N),
    "sparse": lambda: sp.csr_array(np.ones((1, N))),
    "all zero": lambda: np.zeros(N),
    "scalar zero": lambda: 0.0,
    "one positive": lambda: np.r_[1.0, np.zeros(N - 1)],
    "ok": lambda: np.ones(N),
}

REACH_PARENT_WEIGHTS = {
    "negative": lambda: np.r_[-1.0, np.ones(N - 1)],
    "all negative": lambda: -np.ones(N),
    "sum zero": lambda: np.tile([1.0, -1.0], N // 2),
    "scalar negative": lambda: -1.0,
}


def same_refusal(thing, ours, theirs):
    """Both calls complain alike; returns whether the parent refused."""
    mine, parents = outcome(ours), outcome(theirs)
    assert_same_complaint(mine, parents)
    return parents.error is not None


@pytest.mark.parametrize("case", BAD_X)
@pytest.mark.parametrize("entry", OWN_ENTRIES, ids=lambda e: e.name)
class TestEstimator:
    @pytest.fixture(autouse=True)
    def policy(self, entry, case):
        """What is left to the parent by kind of data must be answered, or refused in the parent's words."""
        by_kind = entry.ours.__name__ == "NearestCentroid" and case in ("dates", "DIA", "CSR int64 indices")
        if by_kind or entry.parent_accepts:
            with mlfast.config_context(fallback="sklearn"):
                yield
        else:
            yield

    def test_fit(self, entry, case):
        refused = same_refusal(entry, lambda: entry.fit(BAD_X[case]()), lambda: entry.fit(BAD_X[case](), parent=True))
        if case == "ok":
            assert not refused

    def test_outputs(self, entry, case):
        pair = [entry.fit(table(), parent=parent) for parent in (False, True)]
        for method in entry.outputs:
            before = bits(pair[0].__getstate__())
            mine, parents = (outcome(entry.output, est, method, BAD_X[case]()) for est in pair)
            assert_same_complaint(mine, parents)
            assert bits(pair[0].__getstate__()) == before, f"{method} changed the estimator"

    def test_refit_keeps_what_was_fitted(self, entry, case):
        """A refused fit leaves the estimator as the last good fit made it."""
        est = entry.fit(table())
        before, predicted = bits(est.__getstate__()), bits(entry.results(est, table()))
        if outcome(entry.refit, est, BAD_X[case]()).error is not None:
            assert bits(est.__getstate__()) == before
            assert bits(entry.results(est, table())) == predicted

    def test_partial_fit(self, entry, case):
        if not entry.incremental:
            assert not hasattr(entry.make(), "partial_fit")
            return
        fresh = [entry.make(parent) for parent in (False, True)]
        same_refusal(entry, *(lambda est=est: entry.go_on(est, BAD_X[case]()) for est in fresh))
        used = [entry.go_on(entry.make(parent), table()) for parent in (False, True)]
        before = bits(vars(used[0]))
        if same_refusal(entry, *(lambda est=est: entry.go_on(est, BAD_X[case]()) for est in used)):
            assert bits(vars(used[0])) == before


# Where the parent fails by accident (it reads X.dtype, or indexes X, without converting it) and we give the result.
MORE_THAN_THE_PARENT = {
    ("kmeans_plusplus", "frame with mixed names"),
    ("kmeans_plusplus", "DIA"),
    ("manhattan_distances", "CSR int64 indices"),
}


@pytest.mark.parametrize("case", BAD_X)
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.name)
def test_function_input(function, case):
    if (function.name, case) in MORE_THAN_THE_PARENT:
        theirs = outcome(function.call, BAD_X[case](), parent=True)
        assert isinstance(theirs.error, (AttributeError, TypeError, ValueError))
        assert outcome(function.call, BAD_X[case]()).error is None
        return
    same_refusal(function, lambda: function.call(BAD_X[case]()), lambda: function.call(BAD_X[case](), parent=True))


def parameter_id(params):
    """The same in every worker: the address of a function is not."""
    return ", ".join(f"{k}={getattr(v, '__name__', repr(v)):.30}" for k, v in params.items())


PARAMETERS = [(thing, params) for thing in [*ENTRIES, *FUNCTIONS] for params in thing.bad_params]


@pytest.mark.parametrize(("thing", "params"), PARAMETERS, ids=lambda v: getattr(v, "name", None) or parameter_id(v))
@pytest.mark.parametrize("kind", ["dense", "csr"])
def test_parameter(thing, params, kind):
    X = table() if kind == "dense" else sp.csr_array(table())
    run = thing.fit if hasattr(thing, "fit") else thing.call
    assert same_refusal(thing, lambda: run(X, **params), lambda: run(X, parent=True, **params))


REACH_PARENT = [(entry, params) for entry in ENTRIES for params in entry.parents_params]


@pytest.mark.fallback
@pytest.mark.parametrize(("entry", "params"), REACH_PARENT, ids=lambda v: getattr(v, "name", None) or parameter_id(v))
def test_parameter_that_reaches_the_parent(entry, params):
    """What is refused there reaches the user word for word."""
    same_refusal(entry, lambda: entry.fit(table(), **params), lambda: entry.fit(table(), parent=True, **params))


TARGETS = [(entry, case) for entry in ENTRIES for case in entry.bad_targets]


@pytest.mark.fallback  # targets that are no numbers are the parent's to judge
@pytest.mark.parametrize(("entry", "case"), TARGETS, ids=lambda v: getattr(v, "name", v))
def test_target(entry, case):
    """What is refused is refused alike; what is accepted gives the same answer."""
    ours, theirs = (outcome(entry.make(parent).fit, table(), entry.bad_targets[case](N)) for parent in (False, True))
    assert_same_complaint(ours, theirs)
    if theirs.error is None:
        for method in entry.outputs:
            if method != "score":
                mine, parents = (
                    outcome(entry.output, est, method, mixture(1, 9, D)) for est in (ours.value, theirs.value)
                )
                assert_same_complaint(mine, parents)
                if parents.error is None:
                    for name, value in leaves(method, parents.value).items():
                        same_numbers(name, leaves(method, mine.value)[name], value)


@pytest.mark.parametrize("case", BAD_WEIGHTS)
@pytest.mark.parametrize(
    "thing", [thing for thing in [*ENTRIES, *FUNCTIONS] if thing.sample_weight], ids=lambda e: e.name
)
def test_weights(thing, case):
    run = thing.fit if hasattr(thing, "fit") else thing.call
    same_refusal(
        thing,
        lambda: run(table(), sample_weight=BAD_WEIGHTS[case]()),
        lambda: run(table(), parent=True, sample_weight=BAD_WEIGHTS[case]()),
    )


@pytest.mark.fallback  # the parent judges these: see the list of fallback conditions
@pytest.mark.per_change(init=["array"])
@pytest.mark.per_change(entry=[entry.name for entry in ENTRIES if "init" in entry.fuzz])
@pytest.mark.parametrize("init", ["k-means++", "random", "array"])
@pytest.mark.parametrize("case", REACH_PARENT_WEIGHTS)
@pytest.mark.parametrize("entry", [e for e in ENTRIES if e.sample_weight], ids=lambda e: e.name)
def test_weights_that_reach_the_parent(entry, case, init):
    weights = REACH_PARENT_WEIGHTS[case]
    params = entry.start(table(), 3) if init == "array" and entry.start else {"init": init}
    if "init" not in entry.fuzz:
        params = {}
    same_refusal(
        entry,
        lambda: entry.fit(table(), sample_weight=weights(), **params),
        lambda: entry.fit(table(), parent=True, sample_weight=weights(), **params),
    )


@pytest.mark.parametrize("case", BAD_WEIGHTS)
@pytest.mark.parametrize("entry", [e for e in ENTRIES if e.weighted_outputs], ids=lambda e: e.name)
def test_weights_of_outputs(entry, case):
    pair = [entry.fit(table(), parent=parent) for parent in (False, True)]
    for method in entry.weighted_outputs:
        weights = BAD_WEIGHTS[case]()
        mine, parents = (outcome(entry.output, est, method, table(), sample_weight=weights) for est in pair)
        assert_same_complaint(mine, parents)


@pytest.mark.parametrize("entry", OWN_ENTRIES, ids=lambda e: e.name)
class TestAtPredict:
    def test_unfitted(self, entry):
        for method in entry.outputs:
            mine, parents = (outcome(entry.output, entry.make(parent), method, table()) for parent in (False, True))
            assert parents.error is not None
            assert_same_complaint(mine, parents)

    @pytest.mark.parametrize("columns", [1, D - 1, D + 1])
    @pytest.mark.parametrize("kind", [np.asarray, sp.csr_array, pd.DataFrame, lambda X: X.tolist()])
    def test_wrong_number_of_features(self, entry, columns, kind):
        pair = [entry.fit(table(), parent=parent) for parent in (False, True)]
        for method in entry.outputs:
            mine, parents = (outcome(entry.output, est, method, kind(mixture(1, 5, columns))) for est in pair)
            assert parents.error is not None
            assert_same_complaint(mine, parents)

    @pytest.mark.parametrize("names", ["dcba", "abcx", "abc", "abcde", None])
    def test_feature_names(self, entry, names):
        """Other, missing or reordered names: the parent's error or warning, word for word."""
        pair = [entry.fit(pd.DataFrame(table(), columns=list("abcd")), parent=parent) for parent in (False, True)]
        new = mixture(1, 5, len(names or "abcd"))
        new = new if names is None else pd.DataFrame(new, columns=list(names))
        for method in entry.outputs:
            mine, parents = (outcome(entry.output, est, method, new) for est in pair)
            assert parents.error is not None or parents.warned
            assert_same_complaint(mine, parents)

    def test_names_only_at_predict(self, entry):
        pair = [entry.fit(table(), parent=parent) for parent in (False, True)]
        new = pd.DataFrame(mixture(1, 5, D), columns=list("abcd"))
        warned = set()
        for method in entry.outputs:
            mine, parents = (outcome(entry.output, est, method, new) for est in pair)
            warned |= set(parents.warned)
            assert_same_complaint(mine, parents)
        assert warned

    @pytest.mark.parametrize("fitted", [np.float64, np.float32])
    @pytest.mark.parametrize("new", [np.float64, np.float32, np.float16, np.int32])
    @pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix])
    @pytest.mark.fallback  # mixed precision is the parent's to refuse
    def test_other_dtype(self, entry, fitted, new, kind):
        pair = [entry.fit(table().astype(fitted), parent=parent) for parent in (False, True)]
        X = mixture(1, 20, D).astype(new)
        if kind is sp.csr_matrix and new is np.float16:
            X = X.astype(np.float32)  # SciPy has no float16 matrices
        for method in entry.outputs:
            mine, parents = (outcome(entry.output, est, method, kind(X)) for est in pair)
            assert_same_complaint(mine, parents)
            if parents.error is None:
                found, expected = leaves(method, mine.value), leaves(method, parents.value)
                assert found.keys() == expected.keys()
                for name, value in expected.items():
                    same_numbers(name, found[name], value)


def same_numbers(name, mine, parents):
    """Equal types and words, near numbers."""
    assert np.asarray(mine).dtype == np.asarray(parents).dtype, name
    if np.asarray(parents).dtype.kind == "f":
        np.testing.assert_allclose(mine, parents, rtol=1e-4, err_msg=name)
    else:
        np.testing.assert_array_equal(mine, parents, err_msg=name)


CORRUPT = {
    "index too large": lambda: broken_csr(indices=(5, D)),
    "index huge": lambda: broken_csr(indices=(5, 2**31 - 1)),
    "index negative": lambda: broken_csr(indices=(5, -1)),
    "indptr not monotone": lambda: broken_csr(indptr=(3, 10**6)),
    "indptr negative": lambda: broken_csr(indptr=(3, -4)),
    "indptr too long": lambda: broken_csr(indptr=(-1, 10**6)),
}


@pytest.mark.parametrize("case", CORRUPT)
@pytest.mark.parametrize("thing", [thing for thing in [*ENTRIES, *FUNCTIONS] if thing.sparse], ids=lambda e: e.name)
def test_corrupt_csr(thing, case):
    """
    Index arrays that point outside: ValueError, at the latest when they are read.

    The parent reads foreign memory, so it is not asked.
    """
    X = CORRUPT[case]()
    with pytest.raises(ValueError):
        use(thing, X)
    if hasattr(thing, "fit"):
        est = thing.fit(table())
        for method in thing.outputs:
            with pytest.raises(ValueError):
                thing.output(est, method, X)


def use(thing, X):
    """Call a function; fit an estimator and ask it about good data where its fit computes nothing."""
    if not hasattr(thing, "fit"):
        thing.call(X)
        return
    est = thing.fit(X)
    if thing.lasts != "fit":
        thing.results(est, table())


@pytest.mark.parametrize("entry", [e for e in ENTRIES if not e.parent_accepts], ids=lambda e: e.name)
def test_fallback_policy_does_not_hide_errors(entry):
    """Under every policy bad input raises the parent's error, not FallbackError."""
    for policy in ("sklearn", "warn", "raise"):
        with mlfast.config_context(fallback=policy), pytest.raises(ValueError, match="contains infinity"):
            entry.fit(with_cell(np.inf))
