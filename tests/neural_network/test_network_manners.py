"""Networks of layers that scikit-learn has not, in its manners: checks, bad input, states, threads, signals."""

import os
import pickle
import signal
import threading

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import scale
from sklearn.utils.estimator_checks import parametrize_with_checks

import mlfast
from mlfast.neural_network import NetworkClassifier, NetworkRegressor

from ..isolated import forked
from .networks import ALL, BOTH, LAYERS, learnt, make, problem, target

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


# ---- in the manners of an estimator ----


@parametrize_with_checks(
    [
        NetworkClassifier(max_iter=60, learning_rate_init=0.01, random_state=0),
        NetworkRegressor(max_iter=60, learning_rate_init=0.01, random_state=0),
        NetworkClassifier((16, 16), max_iter=60, dropout=0.1, batch_normalization=True, residual=True, random_state=0),
        NetworkRegressor("huber", (16, 16), "gelu", max_iter=100, solver="adamw", residual=True, random_state=0),
    ],
    expected_failed_checks=lambda est: {
        f"check_sample_weight_equivalence_on_{kind}_data": "a batch is normalised by the samples that it has"
        for kind in ("dense", "sparse")
        if est.batch_normalization
    },
)
@pytest.mark.filterwarnings("default")
def test_sklearn_check(estimator, check):
    check(estimator)


@pytest.mark.parametrize("solver", ["sgd", "adam", "adamw", "rmsprop"])
@pytest.mark.parametrize("Estimator", BOTH)
def test_partial_fit_takes_one_epoch_at_a_time(Estimator, solver):
    given = problem()
    X, y = given[0], target(Estimator, given)
    classes = {"classes": np.unique(y)} if Estimator is NetworkClassifier else {}
    extras = {"batch_normalization": True, "solver": solver, "shuffle": False, "tol": 0.0, "n_iter_no_change": 50}
    whole = make(Estimator, **extras).fit(X, y)
    parts = make(Estimator, **extras)
    for _ in range(4):
        parts.partial_fit(X, y, **classes)
    for a, b in zip(parts._values(), whole._values(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert parts.loss_curve_ == whole.loss_curve_
    # Other units are silent in each step, whatever the seed.
    silent = make(Estimator, dropout=0.5, solver=solver, learning_rate_init=1e-12, shuffle=False)
    losses = [silent.partial_fit(X, y, **classes).loss_ for _ in range(3)]
    assert len({round(loss, 6) for loss in losses}) == 3


def test_partial_fit_of_classes():
    X, y, _ = problem()
    network = make(NetworkClassifier, class_weight={0: 2.0, 1: 1.0, 2: 1.0})
    with pytest.raises(ValueError, match="classes must be passed"):
        network.partial_fit(X, y)
    network.partial_fit(X[y < 2], y[y < 2], classes=[0, 1, 2]).partial_fit(X, y)
    assert network.predict_proba(X).shape == (len(X), 3)
    with pytest.raises(ValueError, match="classes"):
        network.partial_fit(X, y + 1)
    with pytest.raises(ValueError, match="cannot balance"):
        make(NetworkClassifier, class_weight="balanced").partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="early_stopping"):
        make(NetworkClassifier, early_stopping=True).partial_fit(X, y, classes=[0, 1, 2])
    assert not hasattr(make(NetworkClassifier, solver="lbfgs"), "partial_fit")
    assert not hasattr(make(NetworkRegressor, solver="lbfgs"), "partial_fit")


@pytest.mark.parametrize("Estimator", BOTH)
def test_warm_start_goes_on(Estimator):
    given = problem()
    X, y = given[0], target(Estimator, given)
    network = make(Estimator, warm_start=True, **ALL).fit(X, y)
    first = network.loss_curve_[0]
    network.fit(X, y)
    assert len(network.loss_curve_) == 8
    assert network.loss_curve_[4] < first
    with pytest.raises(ValueError, match="layers of the last fit"):
        network.set_params(hidden_layer_sizes=(9, 8)).fit(X, y)
    with pytest.raises(ValueError, match="batch_normalization of the last fit"):
        network.set_params(hidden_layer_sizes=(8, 8), batch_normalization=False).fit(X, y)


def test_bad_input():
    X, y, numbers = problem()
    bad = [
        {"dropout": 1.0},
        {"dropout": -0.1},
        {"batch_normalization": 2},
        {"residual": "yes"},
        {"activation": "swish"},
        {"solver": "adagrad"},
        {"clip_norm": 0.0},
        {"clip_value": -1.0},
        {"initializer": "ones"},
        {"checkpoint": 3},
        {"checkpoint_every": 0},
        {"resume": 1.5},
        {"hidden_layer_sizes": (3, 0)},
        {"hidden_layer_sizes": -1},
        {"hidden_layer_sizes": (2.5,)},
        {"loss": "hinge"},
    ]
    for params in bad:
        for Estimator, target_ in ((NetworkClassifier, y), (NetworkRegressor, numbers)):
            with pytest.raises(ValueError, match=next(iter(params))):
                make(Estimator, **params).fit(X, target_)
    with pytest.raises(ValueError, match="delta"):
        make(NetworkRegressor, delta=0.0).fit(X, numbers)
    with pytest.raises(ValueError, match="class_weight"):
        make(NetworkClassifier, class_weight="heavy").fit(X, y)
    for params in ({"dropout": 0.1}, {"batch_normalization": True}, {"clip_norm": 1.0}, {"checkpoint": "here"}):
        with pytest.raises(ValueError, match="lbfgs"):
            make(NetworkRegressor, solver="lbfgs", **params).fit(X, numbers)
    with pytest.raises(ValueError, match="lbfgs"):
        make(NetworkRegressor, solver="lbfgs").fit(X, numbers, validation_data=(X, numbers))
    labels = np.c_[y > 0, y > 1].astype(int)
    for params in ({"loss": "categorical_crossentropy"}, {"class_weight": "balanced"}):
        with pytest.raises(ValueError, match="several labels"):
            make(NetworkClassifier, **params).fit(X, labels)
    with pytest.raises(NotFittedError):
        make(NetworkClassifier, **ALL).predict(X)
    for weights in (np.zeros(len(X)), np.r_[np.nan, np.ones(len(X) - 1)]):
        with pytest.raises(ValueError, match="weight"):
            make(NetworkClassifier).fit(X, y, weights)
    with pytest.warns(UserWarning, match="batch_size"):
        make(NetworkClassifier, batch_size=1000, **ALL).fit(X, y)


def test_bad_validation_data():
    X, y, numbers = problem()
    holes = X.copy()
    holes[3, 1] = np.nan
    fit = lambda given: make(NetworkClassifier).fit(X, y, validation_data=given)  # noqa: E731
    for given, match in [
        ((holes, y), "NaN"),
        ((X[:, :3], y), "features"),
        ((X[:-1], y), "inconsistent"),
        (X, "must be a tuple"),
        ((X, y, y, y), "must be a tuple"),
        ((X, y + 1), "not learnt"),
        ((X, y, np.zeros(len(X))), "zero"),
    ]:
        with pytest.raises(ValueError, match=match):
            fit(given)
    with pytest.raises(ValueError, match="outputs"):
        make(NetworkRegressor).fit(X, numbers, validation_data=(X, numbers[:, 0]))


@pytest.mark.parametrize("Estimator", BOTH)
def test_odd_data(Estimator):
    given = problem(n=33)
    X, y = given[0].copy(), target(Estimator, given)
    X[:, 1], X[:, 2] = 3.0, X[:, 0]
    X[:, 3] *= 1e4
    for params in (ALL, {**ALL, "batch_size": 1}, {**ALL, "max_iter": 1}, {**ALL, "activation": "softmax"}):
        # The last batch has one row: it has no variance, and nothing is learnt of it.
        network = make(Estimator, **params).fit(X, y)
        assert np.isfinite(network.predict(X)).all()
        assert np.isfinite(network.loss_curve_).all()
    one = make(Estimator, **ALL, batch_size=1).fit(X[:1], y[:1])
    assert np.isfinite(one.predict(X)).all()


def test_losses_and_activations_hold_far_out():
    X, y, numbers = problem()
    for activation in ("leaky_relu", "elu", "gelu", "softmax"):
        for dtype in (np.float64, np.float32):
            a = make(NetworkClassifier, activation=activation, max_iter=2).fit((X * 1e4).astype(dtype), y)
            assert np.isfinite(a.loss_curve_).all()
            assert np.isfinite(a.predict_proba((X * 1e4).astype(dtype))).all()
            b = make(NetworkRegressor, loss="huber", activation=activation, max_iter=2)
            assert np.isfinite(b.fit((X * 1e4).astype(dtype), numbers * 1e4).loss_curve_).all()


def test_divergence_is_told_and_leaves_finite_weights():
    X, _, numbers = problem()
    network = make(NetworkRegressor, solver="sgd", learning_rate_init=1e6, max_iter=200, residual=True)
    with pytest.raises(ValueError, match="non-finite"), np.errstate(all="ignore"):
        network.fit(X, numbers * 1e6)
    assert all(np.isfinite(coef).all() for coef in network.coefs_)
    bounded = make(NetworkRegressor, solver="sgd", learning_rate_init=1e6, max_iter=20, clip_norm=1e-7).fit(X, numbers)
    assert np.isfinite(bounded.loss_)


def test_types_of_rows():
    X, y, _ = problem()
    network = make(NetworkClassifier, activation="gelu", **ALL).fit(X, y)
    known = network.predict_proba(X)
    for other in (X.astype(np.longdouble), X.astype(object), X.tolist()):
        np.testing.assert_array_equal(network.predict_proba(other), known)
    np.testing.assert_array_equal(
        network.predict_proba(np.ones((3, 5), dtype=int)), network.predict_proba(np.ones((3, 5)))
    )
    with pytest.raises(ValueError, match="Complex data not supported"):
        network.predict(X + 0j)
    with pytest.raises(ValueError, match="0 sample"):
        network.predict(X[:0])


def test_batches_without_weight_are_told():
    X, y, _ = problem()
    with pytest.raises(ValueError, match="weights of a batch are all zero"):
        make(NetworkClassifier, class_weight={0: 0.0, 1: 1.0, 2: 1.0}, batch_size=1).fit(X, y)


def test_unusual_generators():
    X, y, _ = problem()
    generator = np.random.RandomState(np.random.PCG64(3))
    network = make(NetworkClassifier, random_state=generator, **ALL).fit(X, y)
    again = make(NetworkClassifier, random_state=np.random.RandomState(np.random.PCG64(3)), **ALL).fit(X, y)
    assert learnt(network) == learnt(again)
    shared = np.random.RandomState(0)
    first = make(NetworkClassifier, random_state=shared, **ALL).fit(X, y)
    assert learnt(first) != learnt(make(NetworkClassifier, random_state=shared, **ALL).fit(X, y))


def test_names_of_classes_and_a_search():
    X, y, _ = problem()
    names = np.array(["ash", "birch", "cedar"])[y]
    search = GridSearchCV(make(NetworkClassifier), {"dropout": [0.0, 0.3], "batch_normalization": [True, False]}, cv=2)
    search.fit(X, names)
    assert set(search.predict(X)) <= set(names)
    params = {**make(NetworkClassifier, **ALL).get_params(), "loss": "binary_crossentropy"}
    assert clone(NetworkClassifier(**params)).get_params() == params


def test_states_are_checked_and_conversion_refused():
    X, y, _ = problem()
    network = make(NetworkClassifier, **ALL).fit(X, y)
    copy = pickle.loads(pickle.dumps(network))
    np.testing.assert_array_equal(copy.predict_proba(X), network.predict_proba(X))
    for name, value in [
        ("batch_norm_means_", [np.ones(3)] * 2),
        ("batch_norm_scales_", 3),
        ("batch_norm_variances_", []),
    ]:
        state = {**network.__getstate__(), name: value}
        with pytest.raises(ValueError, match=f"corrupt state: {name}"):
            NetworkClassifier().__setstate__(state)
    with pytest.raises(TypeError, match="NetworkClassifier"):
        mlfast.to_sklearn(network)


def test_verbose(capsys, tmp_path):
    X, y, _ = problem()
    make(NetworkClassifier, verbose=True, checkpoint=tmp_path / "here", checkpoint_every=3).fit(X, y)
    told = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in told] == [f"Iteration {number}" for number in (1, 2, 3, 4)]


def test_a_real_table_is_learnt():
    from sklearn.datasets import load_breast_cancer

    X, y = load_breast_cancer(return_X_y=True)
    X = scale(X)
    network = NetworkClassifier(
        (32, 32), "gelu", dropout=0.2, batch_normalization=True, residual=True, solver="adamw", alpha=0.01, max_iter=30,
        learning_rate_init=0.01, random_state=0,
    )  # fmt: skip
    assert network.fit(X[::2], y[::2]).score(X[1::2], y[1::2]) > 0.95


# ---- threads, signals ----


def bits_by_threads():
    """The bits of fits that are cut into several blocks, for several numbers of threads."""
    X, y, _ = problem(n=1100, d=40)
    found = {}
    for name, layers in LAYERS.items():
        for threads in (1, 2, 3, 7):
            mlfast.set_num_threads(threads)
            network = NetworkClassifier(
                (64, 64), batch_size=500, max_iter=2, random_state=0, clip_norm=0.5, early_stopping=True, **layers
            ).fit(X, y)
            found.setdefault(name, []).append((learnt(network)[0], network.predict_proba(X).tobytes()))
    return {name: [a == runs[0] for a in runs] for name, runs in found.items()}


def test_threads_change_no_bit():
    found = forked(bits_by_threads, env={"MLFAST_PAR_THRESHOLD": 0}, timeout=90)
    assert found == {name: [True] * 4 for name in LAYERS}


@pytest.mark.usefixtures("interruptible")
def test_keyboard_interrupt():
    X, y, _ = problem(n=20_000, d=20)
    network = make(NetworkClassifier, max_iter=10**6, tol=0.0, n_iter_no_change=10**6, **ALL)
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.warns(UserWarning, match="interrupted"):
        network.fit(X, y)
    assert 1 <= network.n_iter_ < 10**6
    assert network.predict(X).shape == y.shape
