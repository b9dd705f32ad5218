"""AdaBoost against scikit-learn's: the same trees, weights and errors, and the same answers, bit for bit."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn.ensemble as parent
import sklearn.tree
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.tree._criterion import Gini

import mlfast
import mlfast.ensemble as ours
import mlfast.tree

from ..compare import assert_same_complaint, bits, outcome
from ..tree.parity import as_csr, classes, cloud, counts, with_gaps
from .parity import assert_same_answers, assert_same_refusal, assert_same_state, fit_both, pair_around

X = cloud(0, 200, 6)
Y = classes(X)
TWO = (Y > 0).astype(int)
NUMBERS = counts(X)
WEIGHTS = np.random.RandomState(2).uniform(0, 3, size=len(X)) * (np.arange(len(X)) % 5 > 0)
METHODS = {
    "AdaBoostClassifier": (
        "predict",
        "decision_function",
        "staged_predict",
        "staged_predict_proba",
        "staged_decision_function",
    ),
    "AdaBoostRegressor": ("predict", "staged_predict"),
}
BOTH = tuple(METHODS)


def pair_of(name, **params):
    return pair_around(name, **{"n_estimators": 8, **params})


def both(name, data=X, target=None, sample_weight=None, rtol=0.0, **params):
    target = target if target is not None else (Y if name == "AdaBoostClassifier" else NUMBERS)
    return fit_both(*pair_of(name, **params), data, target, sample_weight=sample_weight, rtol=rtol)


def assert_same_votes(mine, theirs, data):
    """Every method says the same, every stage of it."""
    plain = [method for method in METHODS[type(theirs).__name__] if not method.startswith("staged")]
    assert_same_answers(mine, theirs, data, plain)
    for method in set(METHODS[type(theirs).__name__]) - set(plain):
        did = [outcome(lambda call: list(call(data)), getattr(est, method)) for est in (mine, theirs)]
        assert_same_complaint(*did)
        assert bits(did[0].value) == bits(did[1].value), method
    did = [outcome(getattr, est, "feature_importances_") for est in (mine, theirs)]
    assert_same_complaint(*did)
    assert bits(did[0].value) == bits(did[1].value)


LABELS = {
    "three": Y,
    "two": TWO,
    "str": np.array(["low", "medium", "h"])[Y],
    "bool": Y > 0,
    "float": Y + 0.0,
    "objects": np.array(["low", "medium", "h"], dtype=object)[Y],
    "list": Y.tolist(),
    "one class": np.zeros_like(Y),
    "column": Y[:, None],
}


@pytest.mark.parametrize("labels", LABELS)
def test_labels(labels):
    assert_same_votes(*both("AdaBoostClassifier", target=LABELS[labels]), X)


@pytest.mark.parametrize("loss", ["linear", "square", "exponential"])
@pytest.mark.parametrize("target", [NUMBERS, NUMBERS.astype(np.float32), NUMBERS.astype(int), -NUMBERS / 3], ids=str)
def test_numbers(target, loss):
    assert_same_votes(*both("AdaBoostRegressor", target=target, loss=loss), X)


DATA = {
    "float32": lambda A: A.astype(np.float32),
    "F": np.asfortranarray,
    "int": lambda A: (10 * A).astype(np.int16),
    "list": lambda A: A.tolist(),
    "objects": lambda A: A.astype(object),
}


@pytest.mark.parametrize("kind", DATA)
@pytest.mark.parametrize("name", BOTH)
def test_data(name, kind):
    data = DATA[kind](X)
    pair = both(name, data, n_estimators=3)
    for asked in (data, data[:7], data[:1]):
        assert_same_votes(*pair, asked)


SPARSE = {
    "csr": as_csr,
    "csc matrix": lambda A: sp.csc_matrix(as_csr(A)),
    "few stored": lambda A: sp.csr_array(np.where(np.abs(A) > 1.8, A, 0)),
}


@pytest.mark.parametrize("kind", SPARSE)
@pytest.mark.parametrize("name", BOTH)
def test_sparse_data(name, kind):
    """scikit-learn adds weights up in another order where data are sparse; the trees are the same but for rounding."""
    data = SPARSE[kind](X)
    mine, theirs = both(name, data, n_estimators=3, rtol=1e-12)
    asked = (data, data[:7], data[:1])
    assert all(bits(mine.predict(rows)) == bits(theirs.predict(rows)) for rows in asked)
    own = mlfast.from_sklearn(theirs)
    for rows in asked:
        assert_same_votes(own, theirs, rows)


TREES = [
    ("DecisionTree", {"max_depth": 3}),
    ("DecisionTree", {"max_depth": 2, "splitter": "random", "random_state": 5}),
    ("DecisionTree", {"max_leaf_nodes": 5, "min_samples_leaf": 4}),
    ("DecisionTree", {"max_depth": 4, "max_features": 2, "min_weight_fraction_leaf": 0.05}),
    ("DecisionTree", {"max_depth": 6, "ccp_alpha": 0.01}),
    ("ExtraTree", {"max_depth": 3}),
]


@pytest.mark.parametrize("weights", [None, WEIGHTS, WEIGHTS.astype(np.float32)], ids=["all 1", "given", "float32"])
@pytest.mark.parametrize("tree", TREES, ids=str)
@pytest.mark.parametrize("name", BOTH)
def test_trees(name, tree, weights):
    kind, params = tree
    assert_same_votes(*both(name, tree=(kind + name[8:], params), sample_weight=weights), X)


@pytest.mark.parametrize("rate", [1e-3, 0.3, 1.0, 4.0])
@pytest.mark.parametrize("name", BOTH)
def test_learning_rate(name, rate):
    both(name, learning_rate=rate)


@pytest.mark.parametrize("tree", [{"criterion": "entropy"}, {"class_weight": "balanced"}, {"class_weight": {0: 9}}])
def test_trees_of_classes(tree):
    both("AdaBoostClassifier", tree=("DecisionTreeClassifier", {"max_depth": 2, **tree}), sample_weight=WEIGHTS)


@pytest.mark.parametrize("criterion", ["absolute_error", "poisson"])
def test_trees_of_numbers(criterion):
    both("AdaBoostRegressor", tree=("DecisionTreeRegressor", {"max_depth": 3, "criterion": criterion}))


# ---- ends before the last round ----


def test_a_perfect_fit_ends():
    pair = both("AdaBoostClassifier", target=(X[:, 0] > 0).astype(int))
    assert len(pair[0].estimators_) == 1
    assert_same_votes(*pair, X)
    pair = both("AdaBoostRegressor", target=X[:, 2] ** 2)
    assert len(pair[0].estimators_) == 1
    assert_same_votes(*pair, X)


def test_what_is_no_better_than_chance_ends():
    tree = ("DecisionTreeClassifier", {"max_depth": 1, "class_weight": {0: 4}})
    pair = both("AdaBoostClassifier", target=TWO, tree=tree, n_estimators=30)
    assert 1 < len(pair[0].estimators_) < 30
    assert_same_votes(*pair, X)
    pair = both("AdaBoostRegressor", target=np.random.RandomState(0).standard_normal(len(X)), n_estimators=30)
    assert 1 < len(pair[0].estimators_) < 30
    assert_same_votes(*pair, X)


def test_what_is_worse_than_chance_is_no_fit():
    data, y = np.zeros((4, 1)), [0, 1, 0, 1]
    done = [outcome(est.fit, data, y) for est in pair_of("AdaBoostClassifier")]
    assert_same_complaint(*done)
    assert "worse than random" in str(done[0].error)


def test_infinite_weights_end():
    pair = both("AdaBoostClassifier", learning_rate=500.0, n_estimators=30)
    assert len(pair[0].estimators_) < 30


# ---- other estimators ----


def test_other_estimators_run_in_the_loop_of_scikit_learn():
    linear = LogisticRegression(max_iter=200)
    assert_same_answers(*fit_both_of("AdaBoostClassifier", linear, TWO), X, ["predict", "decision_function"])
    assert_same_answers(*fit_both_of("AdaBoostRegressor", LinearRegression(), NUMBERS), X, ["predict"])
    plain = sklearn.tree.DecisionTreeClassifier(max_depth=2)
    mine, theirs = fit_both_of("AdaBoostClassifier", plain, Y)
    assert type(mine.estimators_[0]) is sklearn.tree.DecisionTreeClassifier
    assert_same_votes(mine, theirs, X)


def fit_both_of(name, estimator, y):
    pair = pair_of(name, estimator=estimator, n_estimators=4)
    for est in pair:
        est.fit(X, y)
    return pair


@pytest.mark.fallback
def test_a_criterion_object_is_the_trees_affair():
    pair = pair_of("AdaBoostClassifier", tree=("DecisionTreeClassifier", {"max_depth": 2}))
    for est in pair:
        est.set_params(estimator__criterion=Gini(1, np.array([3], dtype=np.intp))).fit(X, Y)
    assert_same_votes(*pair, X)


WRONG = {
    "no sample weights": {"estimator": sklearn.neighbors.KNeighborsClassifier()},
    "gaps": {"X": with_gaps(X)},
    "beyond float32": {"X": np.where(X[0, 0] == X, 1e300, X)},
    "3-D": {"X": X[:, :, None]},
    "short y": {"y": Y[:-1]},
    "two outputs": {"y": np.column_stack([Y, Y])},
    "numbers": {"y": NUMBERS + 0.5},
    "negative weights": {"sample_weight": WEIGHTS - 1},
    "no weights": {"sample_weight": np.zeros(200)},
    "max_depth": {"tree": {"max_depth": 0}},
    "monotonic": {"tree": {"monotonic_cst": [1, 0, 0, 0, 0, 0]}},
    "a tree for numbers": {"estimator": mlfast.tree.DecisionTreeRegressor()},
    "no estimator": {"estimator": "tree"},
    "learning_rate": {"learning_rate": 0.0},
}


@pytest.mark.parametrize("case", WRONG)
def test_complaints(case):
    wrong = {"X": X, "y": Y, "sample_weight": None, **WRONG[case]}
    if "tree" in wrong:
        wrong["tree"] = ("DecisionTreeClassifier", wrong["tree"])
    args = [wrong.pop(part) for part in ("X", "y", "sample_weight")]
    assert_same_refusal(pair_of("AdaBoostClassifier", **wrong), *args)


@pytest.mark.parametrize("name", BOTH)
def test_complaints_about_what_is_asked(name):
    pair = both(name, n_estimators=2)
    for asked in (X[:, :3], with_gaps(X), X[0], np.where(X[0, 0] == X, 1e300, X), X.astype(str)):
        assert_same_answers(*pair, asked, [m for m in METHODS[name] if not m.startswith("staged")])
    assert_same_complaint(*(outcome(est.predict, X) for est in pair_of(name)))


# ---- medians ----


@pytest.mark.parametrize("rows", [3, 200])
def test_medians_that_rounding_decides(rows):
    """Equal weights reach half of their sum exactly, or next to it, wherever the count is even."""
    pair = both("AdaBoostRegressor", n_estimators=6, learning_rate=0.5)
    narrow = X[:rows].astype(np.float32)
    for weights in (np.ones(6), np.full(6, 0.1), np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.9])):
        for est in pair:
            est.estimator_weights_ = weights
        _, is_open = pair[0]._forest().medians(x=narrow, weights=weights, n_threads=1)
        assert len(is_open) > 0 or rows == 3
        assert_same_answers(*pair, X[:rows], ["predict"])
    for est in pair:
        est.estimator_weights_ = np.array([1, -1, 0, 2, 1, 1.0])
    assert_same_answers(*pair, X[:rows], ["predict"])


# ---- the rest ----


@given(
    name=st.sampled_from(BOTH),
    seed=st.integers(0, 2**31 - 1),
    n=st.integers(4, 120),
    d=st.integers(1, 6),
    depth=st.sampled_from([None, 1, 2, 5]),
    weigh=st.booleans(),
    loss=st.sampled_from(["linear", "square", "exponential"]),
    learning_rate=st.sampled_from([0.1, 1.0, 1.5]),
)
def test_any_boosting(name, seed, n, d, depth, weigh, loss, learning_rate):
    data = cloud(seed % 2**32, n, d)
    weights = np.random.RandomState(seed).uniform(0.1, 2, size=n) if weigh else None
    params = {"random_state": seed, "n_estimators": 4, "learning_rate": learning_rate}
    if name == "AdaBoostRegressor":
        params["loss"] = loss
    if depth:
        params["tree"] = ("DecisionTree" + name[8:], {"max_depth": depth})
    y = classes(data) if name == "AdaBoostClassifier" else counts(data)
    pair = pair_of(name, **params)
    done = [outcome(est.fit, data, y, sample_weight=weights) for est in pair]
    assert_same_complaint(*done)
    if done[1].error is None:
        assert_same_state(*pair)
        assert_same_votes(*pair, data)


@pytest.mark.parametrize("load", [load_iris, load_breast_cancer])
def test_real_classes(load):
    data, y = load(return_X_y=True)
    assert_same_votes(*both("AdaBoostClassifier", data, y, n_estimators=30), data)


def test_real_numbers():
    """Sums round, so a tie may end the other way; here none does."""
    data, y = load_diabetes(return_X_y=True)
    assert_same_votes(*both("AdaBoostRegressor", data, y, n_estimators=30), data)


def test_random_state_instances_advance_alike():
    for name in BOTH:
        states = [np.random.RandomState(5) for _ in range(2)]
        for est, state in zip(pair_of(name), states, strict=True):
            est.set_params(random_state=state).fit(X, Y)
        assert states[0].randint(1000) == states[1].randint(1000)


def test_estimators_are_mlfasts():
    for name in BOTH:
        kind = getattr(mlfast.tree, "DecisionTree" + name[8:])
        est = getattr(ours, name)(n_estimators=2, random_state=0).fit(X, Y)
        assert {type(tree) for tree in [est.estimator_, *est.estimators_]} == {kind}


def test_what_is_done_to_members_is_seen():
    pair = both("AdaBoostClassifier")
    first = pair[0].decision_function(X)
    for est in pair:
        est.estimator_weights_[2] *= 3
    assert_same_votes(*pair, X)
    for est in pair:
        est.estimators_[1].tree_.value[:] = est.estimators_[1].tree_.value[:, :, ::-1].copy()
    assert_same_votes(*pair, X)
    assert not np.array_equal(pair[0].decision_function(X), first)
    for est in pair:
        del est.estimators_[0]
    assert_same_votes(*pair, X)
    for est in pair:
        est.estimators_[0] = DummyClassifier().fit(X, Y)
    assert_same_answers(*pair, X, ["predict", "decision_function"])


@pytest.mark.parametrize("name", BOTH)
def test_pickles_and_conversion(name):
    mine, theirs = both(name)
    before = vars(mine).copy()
    mine.predict(X)
    assert vars(mine) == before
    loaded = pickle.loads(pickle.dumps(mine))
    assert_same_state(loaded, theirs)
    assert_same_votes(loaded, theirs, X)
    plain, fast = mlfast.to_sklearn(mine), mlfast.from_sklearn(theirs)
    assert type(plain) is getattr(parent, name)
    assert type(plain.estimators_[0]) is type(theirs.estimators_[0])
    assert type(fast.estimators_[0]) is type(mine.estimators_[0])
    assert_same_votes(fast, theirs, X)
    assert bits(plain.predict(X)) == bits(theirs.predict(X))


BROKEN = {
    "no list": lambda state: state | {"estimators_": None},
    "no trees": lambda state: state | {"estimators_": []},
    "features": lambda state: state | {"n_features_in_": 9},
    "classes": lambda state: state | {"n_classes_": 4},
    "few weights": lambda state: state | {"estimator_weights_": np.ones(1)},
    "no weights": lambda state: state | {"estimator_weights_": None},
    "weights of another type": lambda state: state | {"estimator_weights_": np.ones(9, dtype=int)},
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_state_is_refused(case):
    est = ours.AdaBoostClassifier(n_estimators=2, random_state=0).fit(X, Y)
    with pytest.raises(ValueError, match="corrupt state"):
        ours.AdaBoostClassifier().__setstate__(BROKEN[case](est.__getstate__()))


def test_a_fit_that_fails_leaves_what_was_fitted():
    est, _ = both("AdaBoostClassifier")
    before = bits(est.__getstate__())
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        est.fit(X, Y[:-1])
    with pytest.raises(ValueError, match="worse than random"):
        est.fit(np.zeros((4, 1)), [0, 1, 0, 1])
    assert bits(est.__getstate__()) == before
