"""Samples on their way down trees that scikit-learn grew: the same answers, whatever holds the samples."""

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn.tree as parent

import mlfast
import mlfast.tree

from ..compare import assert_same_complaint, bits, outcome
from .parity import as_csr, assert_same_answers, classes, cloud, with_gaps

X = cloud(0, 300, 5)
Y = classes(X)
NEW = cloud(1, 2500, 5)  # more than one block of rows
LABELS = {
    "int": Y,
    "negative": 5 - 10 * Y,
    "str": np.array(["low", "medium", "h"])[Y],
    "object": np.array(["low", "medium", "h"], dtype=object)[Y],
    "bool": Y > 0,
    "one class": np.zeros_like(Y),
    "two outputs": np.column_stack([Y, Y % 2 + 7]),
    "string outputs": np.array(["a", "bcd"])[np.column_stack([Y == 1, Y == 2]).astype(int)],
}
TARGETS = {"one": X[:, 0] + Y, "two": np.column_stack([X[:, 0], X[:, 1] * Y])}


def both(theirs):
    """What scikit-learn fitted, and ours of the same state."""
    return mlfast.from_sklearn(theirs), theirs


def classifier(X=X, y=Y, **params):
    return both(parent.DecisionTreeClassifier(random_state=0, **params).fit(X, y))


@pytest.mark.parametrize("labels", LABELS)
def test_classes(labels):
    pair = classifier(y=LABELS[labels])
    for new in (NEW, NEW[:9], NEW[:1]):
        assert_same_answers(*pair, new)


@pytest.mark.parametrize("targets", TARGETS)
def test_numbers(targets):
    pair = both(parent.DecisionTreeRegressor(random_state=0, min_samples_leaf=3).fit(X, TARGETS[targets]))
    for new in (NEW, NEW[:9], NEW[:1]):
        assert_same_answers(*pair, new)


@pytest.mark.parametrize("name", ["ExtraTreeClassifier", "ExtraTreeRegressor"])
def test_extra_trees(name):
    assert_same_answers(*both(getattr(parent, name)(random_state=0).fit(X, Y)), NEW)


HOLDERS = {
    "float64": lambda A: A,
    "float32": lambda A: A.astype(np.float32),
    "F": np.asfortranarray,
    "strided": lambda A: np.repeat(A, 2, axis=0)[::2],
    "int": lambda A: A.astype(np.int16),
    "bool": lambda A: A > 0,
    "object": lambda A: A.astype(object),
    "list": lambda A: A.tolist(),
    "big-endian": lambda A: A.astype(">f8"),
    "read-only": lambda A: np.lib.stride_tricks.as_strided(A, writeable=False),
    "matrix of none": lambda A: A[:0],
    "too few columns": lambda A: A[:, 1:],
    "one row": lambda A: A[0],
    "huge": lambda A: A * 1e300,
    "infinite": lambda A: np.where(A > 1, np.inf, A),
    "missing": with_gaps,
    "csr": as_csr,
    "csr matrix": lambda A: sp.csr_matrix(as_csr(A)),
    "csc": lambda A: as_csr(A).tocsc(),
    "coo": lambda A: as_csr(A).tocoo(),
    "csr of 64-bit indices": lambda A: with_long_indices(as_csr(A)),
    "csr with NaN": lambda A: sp.csr_array(with_gaps(A)),
    "csr of nothing": lambda A: sp.csr_array(A.shape),
}


def with_long_indices(A):
    A.indices, A.indptr = A.indices.astype(np.int64), A.indptr.astype(np.int64)
    return A


@pytest.mark.parametrize("rows", [1, 30])
@pytest.mark.parametrize("holder", HOLDERS)
def test_holders(holder, rows):
    assert_same_answers(*classifier(), HOLDERS[holder](NEW[:rows].copy()))


@pytest.mark.fallback
@pytest.mark.parametrize("holder", HOLDERS)
def test_holders_without_a_check(holder):
    """What scikit-learn's tree takes unchecked is walked by Rust, and the rest judged by scikit-learn."""
    given = HOLDERS[holder](NEW[:30].copy())
    with np.errstate(over="ignore"):
        narrow = given.astype(np.float32) if hasattr(given, "astype") else given
    for new in (given, narrow):
        assert_same_answers(*classifier(), new, check_input=False)


def test_repeated_columns_of_a_sparse_row():
    """Of values stored for one cell scikit-learn's trees see the last."""
    new = sp.csr_array((np.array([5.0, -1.0, 2.0]), np.array([0, 0, 3]), np.array([0, 3])), shape=(1, 5))
    assert_same_answers(*classifier(), new)


@pytest.mark.parametrize("name", ["DecisionTreeClassifier", "ExtraTreeClassifier"])
def test_missing_values(name):
    gaps = with_gaps(X)
    pair = both(getattr(parent, name)(random_state=0).fit(gaps, Y))
    assert {*pair[1].tree_.missing_go_to_left.tolist()} == {0, 1}
    for new in (with_gaps(NEW), NEW, with_gaps(NEW)[:1], np.full((3, 5), np.nan)):
        assert_same_answers(*pair, new)


def test_thresholds_are_met_exactly():
    """At a threshold, and one step of single precision beside it."""
    pair = classifier()
    tree = pair[1].tree_
    new = np.repeat(NEW[:1].astype(np.float32), 3 * tree.node_count, axis=0)
    for i, (feature, threshold) in enumerate(zip(tree.feature, tree.threshold, strict=True)):
        if feature >= 0:
            new[3 * i : 3 * i + 3, feature] = threshold
            new[3 * i, feature] = np.nextafter(new[3 * i, feature], np.float32(-np.inf))
            new[3 * i + 2, feature] = np.nextafter(new[3 * i + 2, feature], np.float32(np.inf))
    assert_same_answers(*pair, new)


def test_feature_names():
    frame = pytest.importorskip("pandas").DataFrame(X, columns=list("abcde"))
    pair = both(parent.DecisionTreeClassifier(random_state=0).fit(frame, Y))
    for new in (frame, frame[["b", "a", "c", "d", "e"]], frame.rename(columns={"a": "z"}), NEW[:5]):
        assert_same_answers(*pair, new)


def test_what_is_written_to_the_tree_is_seen():
    """Nothing is kept beside scikit-learn's arrays, so who edits those edits the model."""
    pair = classifier()
    before = pair[0].predict_proba(NEW)
    for est in pair:
        est.tree_.value[:] = est.tree_.value[:, :, ::-1].copy()
        est.tree_.threshold[0] += 0.5
        est.tree_.children_left[1] = est.tree_.children_right[1] = -1
    assert (pair[0].predict_proba(NEW) != before).any()
    assert_same_answers(*pair, NEW)
    assert_same_answers(*pair, NEW[:1])


@pytest.mark.parametrize("method", ["predict", "predict_proba", "apply", "decision_path", "get_depth"])
def test_not_fitted(method):
    args = () if method == "get_depth" else (X,)
    mine, theirs = (
        outcome(getattr(module.DecisionTreeClassifier(), method), *args) for module in (mlfast.tree, parent)
    )
    assert_same_complaint(mine, theirs)


@pytest.mark.parametrize("threads_", [1, 2, 3])
def test_threads_change_nothing(threads, threads_):
    mine, theirs = classifier()
    threads(threads_)
    new = np.tile(NEW, (8, 1))  # enough for the pool
    assert bits(mine.predict_proba(new)) == bits(theirs.predict_proba(new))
    assert bits(mine.decision_path(new)) == bits(theirs.decision_path(new))
