"""Multilayer perceptrons: the same draws, batches and steps as scikit-learn's."""

import copy
import pickle
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn.neural_network as parent
from sklearn.exceptions import ConvergenceWarning

import mlfast.neural_network as ours

from ..compare import assert_same_complaint, outcome

#: Weights of either type, and losses, agree so far: both round after each of the same steps, in another order of sums.
CLOSE = {"float64": 1e-9, "float32": 2e-3}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def table(digits):
    """600 digits in [0, 1] with their names."""
    from sklearn.datasets import load_digits

    return digits[:600] / 16, load_digits().target[:600]


def both(name, X, y, *weights, **params):
    """Ours and the parent's, fitted with the same draws"""
    given = {"max_iter": 6, "random_state": 3, "hidden_layer_sizes": (20,), **params}
    return [getattr(room, name)(**given).fit(X, y, *weights) for room in (ours, parent)]


def assert_same_network(pair, X, methods=("predict",), curve=None):
    """The same course of training, the same weights, the same answers"""
    a, b = pair
    close = CLOSE[str(np.asarray(X[:1].todense() if sp.issparse(X) else X).dtype)]
    assert a.n_iter_ == b.n_iter_
    assert a.t_ == b.t_
    np.testing.assert_allclose(a.loss_, b.loss_, rtol=close)
    if hasattr(b, "loss_curve_"):
        np.testing.assert_allclose(a.loss_curve_, b.loss_curve_, rtol=close)
        for name in ("best_loss_", "best_validation_score_", "validation_scores_"):
            known = getattr(b, name)
            if known is None:
                assert getattr(a, name) is None
            else:
                np.testing.assert_allclose(getattr(a, name), known, rtol=close)
    for ours_, theirs in zip(a.coefs_ + a.intercepts_, b.coefs_ + b.intercepts_, strict=True):
        assert ours_.dtype == theirs.dtype
        np.testing.assert_allclose(ours_, theirs, rtol=0, atol=close * max(1, np.abs(theirs).max()))
    assert a.__dict__.keys() == b.__dict__.keys()
    for method in methods:
        found, known = getattr(a, method)(X), getattr(b, method)(X)
        assert found.dtype == known.dtype
        assert found.shape == known.shape
        if found.dtype.kind == "f":
            np.testing.assert_allclose(found, known, rtol=0, atol=10 * close * max(1, np.abs(known).max()))
        else:
            np.testing.assert_array_equal(found, known)


WAYS = {
    "adam": {},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.1},
    "plain momentum": {"solver": "sgd", "nesterovs_momentum": False, "momentum": 0.5},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling", "power_t": 0.3, "learning_rate_init": 0.5},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.05, "n_iter_no_change": 1, "max_iter": 40},
    "in order": {"shuffle": False},
    "odd batches": {"batch_size": 37},
    "one batch": {"batch_size": 600},
    "three layers": {"hidden_layer_sizes": (30, 17, 5), "alpha": 0.1},
    "early stop": {"early_stopping": True, "max_iter": 15, "tol": 0.01, "n_iter_no_change": 2},
    "converges": {"tol": 0.05, "n_iter_no_change": 2, "max_iter": 60},
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("way", WAYS)
def test_classes(table, way, dtype):
    X, y = table
    pair = both("MLPClassifier", X.astype(dtype), y, **WAYS[way])
    assert_same_network(pair, X.astype(dtype), ("predict", "predict_proba", "predict_log_proba"))


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_activations(table, activation, solver):
    X, y = table
    pair = both("MLPClassifier", X, y, activation=activation, solver=solver)
    assert_same_network(pair, X, ("predict", "predict_proba"))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("way", [{}, {"early_stopping": True}, {"solver": "lbfgs"}, {"loss": "poisson"}], ids=str)
@pytest.mark.parametrize("outputs", [1, 3])
def test_numbers(table, way, outputs, dtype):
    X, _ = table
    y = np.abs(X[:, 20 : 20 + outputs] @ np.eye(outputs) * 3 + X[:, [40]])
    pair = both("MLPRegressor", X.astype(dtype), y.squeeze(), **way)
    # A minimum is looked for in float64 whatever the data are; one rounding of them is left.
    assert_same_network(pair, X.astype(dtype))


@pytest.mark.parametrize("kind", ["two", "labels", "one", "names"])
def test_targets(table, kind):
    X, y = table
    y = {
        "two": y > 4,
        "labels": np.c_[y > 4, y % 2, y == 3].astype(int),
        "one": np.zeros(len(y), dtype=int),
        "names": np.array([*"abcdefghij"])[y],
    }[kind]
    pair = both("MLPClassifier", X, y, early_stopping=kind == "labels")
    assert_same_network(pair, X, ("predict", "predict_proba"))
    assert_same_network(pair, X[:2], ("predict", "predict_proba"))


@pytest.mark.parametrize("early_stopping", [True, False])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_weights(table, name, solver, early_stopping):
    X, y = table
    weights = np.random.RandomState(0).uniform(0, 2, size=len(y))
    pair = both(name, X, y, weights, solver=solver, early_stopping=early_stopping)
    assert_same_network(pair, X)


@pytest.mark.parametrize("kind", [sp.csr_matrix, sp.csc_array])
def test_sparse(table, kind):
    X, y = table
    X = kind(np.where(X > 0.5, X, 0))
    assert_same_network(both("MLPClassifier", X, y), X, ("predict", "predict_proba"))
    whole = both("MLPClassifier", X, y, solver="lbfgs", max_iter=10)
    assert_same_network(whole, X, ("predict", "predict_proba"))


def test_goes_on(table):
    """Warm start, and single passes with what the optimizer remembers."""
    X, y = table
    for params in ({}, {"solver": "sgd", "learning_rate": "invscaling"}):
        pair = both("MLPClassifier", X, y, warm_start=True, **params)
        assert_same_network([est.fit(X, y) for est in pair], X)
        pair = both("MLPClassifier", X, y, **params)
        for rows in (slice(0, 300), slice(300, 600)):
            pair = [est.partial_fit(X[rows], y[rows]) for est in pair]
        assert_same_network(pair, X)
        # The state is the parent's: it goes on from ours.
        other = copy.copy(pair[1])
        other.__dict__.update(copy.deepcopy(pair[0].__dict__))
        again = [est.partial_fit(X[:100], y[:100]) for est in (pair[0], other)]
        assert_same_network(again, X)


def test_generators_advance_alike(table):
    X, y = table
    states = [np.random.RandomState(5) for _ in range(2)]
    for room, state in zip((ours, parent), states, strict=True):
        room.MLPClassifier(max_iter=3, random_state=state, early_stopping=True).fit(X, y)
    assert states[0].randint(1 << 30) == states[1].randint(1 << 30)


@pytest.mark.parametrize("threads_", [2, 3])
def test_threads_show_in_no_bit(threads, threads_):
    rng = np.random.RandomState(0)
    X, y = rng.standard_normal((700, 130)), rng.randint(0, 5, size=700)
    found = []
    for n in (1, threads_):
        threads(n)
        est = ours.MLPClassifier((150, 60), max_iter=3, random_state=0, batch_size=300).fit(X, y)
        found.append([*est.coefs_, *est.intercepts_, est.predict_proba(X)])
    assert all(np.array_equal(a, b) for a, b in zip(*found, strict=True))


def test_few_rows_are_rows(table):
    X, y = table
    for dtype in ("float32", "float64"):
        est = ours.MLPClassifier((30, 20), max_iter=3, random_state=0, activation="tanh").fit(X.astype(dtype), y)
        whole = est.predict_proba(X.astype(dtype))
        for row in range(5):
            assert np.array_equal(est.predict_proba(X[row : row + 1].astype(dtype)), whole[row : row + 1])


WRONG = {
    "NaN": {"X": np.nan},
    "zero weights": {"sample_weight": 0.0},
    "negative size": {"hidden_layer_sizes": (-1,)},
    "no units": {"hidden_layer_sizes": 0},
    "empty layer": {"hidden_layer_sizes": (5, 0)},
    "rate": {"learning_rate_init": 0},
    "solver": {"solver": "newton"},
    "held out": {"early_stopping": True, "validation_fraction": 0.001},
    "activation": {"activation": "softmax"},
    "batch": {"batch_size": 0},
    "patience": {"n_iter_no_change": 0},
}


@pytest.mark.parametrize("case", WRONG)
def test_complaints(table, case):
    X, y = table
    wrong = dict(WRONG[case])
    X = X + wrong.pop("X", 0)
    weight = wrong.pop("sample_weight", None)
    weights = None if weight is None else np.full(len(y), weight)
    done = [outcome(room.MLPClassifier(random_state=0, **wrong).fit, X, y, weights) for room in (ours, parent)]
    assert_same_complaint(*done)
    assert done[0].error is not None


def test_batches_larger_than_the_data(table):
    X, y = table
    done = [outcome(room.MLPClassifier(batch_size=999, max_iter=2).fit, X, y) for room in (ours, parent)]
    assert done[0].warned == done[1].warned
    assert len(done[0].warned) == 2


def test_divergence_leaves_the_last_finite_weights(table):
    X, y = table
    params = {"solver": "sgd", "learning_rate_init": 1e3, "max_iter": 50, "activation": "identity", "random_state": 0}
    done = []
    for room in (ours, parent):
        est = room.MLPRegressor(**params)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            done.append((est, outcome(est.fit, X * 1e3, y.astype(float))))
    assert_same_complaint(done[0][1], done[1][1])
    assert isinstance(done[0][1].error, ValueError)
    assert all(np.isfinite(coef).all() for coef in done[0][0].coefs_)
    assert not all(np.isfinite(coef).all() for coef in done[1][0].coefs_)


@pytest.mark.parametrize("way", ["early stop", "converges", "adaptive"])
def test_progress_reads_like_the_parents(table, way, capsys):
    X, y = table
    said = []
    for room in (ours, parent):
        given = {"max_iter": 6, "random_state": 3, "verbose": True, **WAYS[way]}
        room.MLPClassifier(**given).fit(X, y)
        said.append(
            [line[:30] if line.startswith("Iteration") else line for line in capsys.readouterr().out.split("\n")]
        )
    assert said[0] == said[1]
    assert len(said[0]) > 5


def test_unconverged_warns(table):
    X, y = table
    for solver in ("adam", "lbfgs"):
        done = []
        for room in (ours, parent):
            with pytest.warns(ConvergenceWarning) as caught:
                room.MLPClassifier(max_iter=2, solver=solver, random_state=0).fit(X, y)
            done.append([str(warning.message) for warning in caught])
        assert done[0] == done[1]


def test_corrupt_states_are_refused(table):
    X, y = table
    est = ours.MLPClassifier(max_iter=2).fit(X, y)
    assert np.array_equal(pickle.loads(pickle.dumps(est)).predict(X), est.predict(X))
    for name, value in [
        ("coefs_", est.coefs_[:1]),
        ("intercepts_", est.intercepts_[::-1]),
        ("n_outputs_", 3),
        ("n_features_in_", 5),
    ]:
        state = est.__getstate__() | {name: value}
        with pytest.raises(ValueError, match="corrupt state"):
            ours.MLPClassifier().__setstate__(state)
