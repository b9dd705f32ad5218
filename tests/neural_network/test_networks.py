"""Networks of layers, losses and solvers that scikit-learn has not: step by step against NumPy, and in its manners."""

import os
import pickle
import signal
import threading

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import scale
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.estimator_checks import parametrize_with_checks

import mlfast
from mlfast.neural_network import MLPClassifier, MLPRegressor, NetworkClassifier, NetworkRegressor

from ..isolated import forked
from . import network_reference as reference

BOTH = [NetworkClassifier, NetworkRegressor]
PLAIN = {NetworkClassifier: MLPClassifier, NetworkRegressor: MLPRegressor}
#: All that a network may have at once.
ALL = {"dropout": 0.2, "batch_normalization": True, "residual": True, "hidden_layer_sizes": (8, 8), "clip_norm": 1.0}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def problem(seed=0, n=83, d=5, classes=3, dtype=np.float64):
    """Features (n, d), classes (n,), and numbers (n, 2)."""
    rng = np.random.RandomState(seed)
    X = rng.standard_normal((n, d)).astype(dtype)
    scores = np.tanh(X @ rng.standard_normal((d, classes))) + 0.2 * rng.standard_normal((n, classes))
    return X, scores.argmax(axis=1), scores[:, :2].astype(dtype)


def target(Estimator, given):
    return given[1] if Estimator is NetworkClassifier else given[2]


def make(Estimator, **params):
    return Estimator(**{"hidden_layer_sizes": (6,), "max_iter": 4, "batch_size": 16, "random_state": 3, **params})


def learnt(network):
    """All that a fit has learnt, as bytes."""
    names = ("coefs_", "intercepts_", "batch_norm_scales_", "batch_norm_means_", "batch_norm_variances_")
    parts = [array for name in names for array in getattr(network, name, [])]
    return b"".join(array.tobytes() for array in parts), network.loss_curve_, network.validation_scores_


# ---- what scikit-learn has ----

PLAIN_WAYS = {
    "adam": {},
    "sgd": {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.1},
    "early stop": {"early_stopping": True, "validation_fraction": 0.3},
    "all at once": {"solver": "lbfgs"},
    "deep": {"hidden_layer_sizes": (7, 7, 4), "activation": "tanh", "alpha": 0.1},
}


@pytest.mark.parametrize("kind", ["float64", "float32", "csr", "weighted"])
@pytest.mark.parametrize("way", PLAIN_WAYS)
@pytest.mark.parametrize("Estimator", BOTH)
def test_without_extras_it_is_the_perceptron_to_the_last_bit(Estimator, way, kind):
    given = problem(dtype=np.float32 if kind == "float32" else np.float64)
    X = sp.csr_matrix(given[0]) if kind == "csr" else given[0]
    weights = [np.linspace(0.5, 2, len(given[0]))] if kind == "weighted" else []
    a, b = (
        make(cls, **PLAIN_WAYS[way]).fit(X, target(Estimator, given), *weights) for cls in (Estimator, PLAIN[Estimator])
    )
    for name in ("coefs_", "intercepts_"):
        for found, known in zip(getattr(a, name), getattr(b, name), strict=True):
            assert found.dtype == known.dtype
            np.testing.assert_array_equal(found, known)
    if way != "all at once":
        assert a.loss_curve_ == b.loss_curve_
        assert a.validation_scores_ == b.validation_scores_
    for method in ("predict", "predict_proba"):
        if hasattr(b, method):
            np.testing.assert_array_equal(getattr(a, method)(X), getattr(b, method)(X))


@pytest.mark.parametrize("kind", ["two", "labels", "one"])
def test_kinds_of_targets_are_those_of_the_perceptron(kind):
    X, y, _ = problem()
    y = {"two": y > 0, "labels": np.c_[y > 0, y % 2].astype(int), "one": np.zeros(len(y), dtype=int)}[kind]
    a, b = (make(cls).fit(X, y) for cls in (NetworkClassifier, MLPClassifier))
    for method in ("predict", "predict_proba", "predict_log_proba"):
        with np.errstate(divide="ignore"):
            np.testing.assert_array_equal(getattr(a, method)(X), getattr(b, method)(X))


# ---- step by step ----

LAYERS = {
    "plain": {},
    "normalised": {"batch_normalization": True},
    "residual": {"residual": True},
    "dropout": {"dropout": 0.3},
    "all": {"batch_normalization": True, "residual": True, "dropout": 0.3},
}
DOWN = {"solver": "sgd", "momentum": 0.0, "alpha": 0.0}
#: What the network is told, what the reference is told, and what makes the rule of its steps.
STEPS = {
    "adam": ({"alpha": 0.3}, {"alpha": 0.3}, reference.adam),
    "adamw": ({"solver": "adamw", "alpha": 0.3}, {"decay": 0.003}, reference.adam),
    "rmsprop": ({"solver": "rmsprop"}, {"alpha": 1e-4}, reference.rmsprop),
    "clipped": ({**DOWN, "clip_value": 0.05}, {"clip_value": 0.05}, reference.descent),
    "short": ({**DOWN, "clip_norm": 0.1}, {"clip_norm": 0.1}, reference.descent),
}


def assert_same_way(network, known, curve, X, rtol=1e-9):
    np.testing.assert_allclose(network.loss_curve_, curve, rtol=rtol)
    for found, expected in zip(network.coefs_ + network.intercepts_, known.coefs + known.intercepts, strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=rtol * max(1, np.abs(expected).max()))
    if known.normalizes:
        np.testing.assert_allclose(network.batch_norm_means_[0], known.means[0], rtol=0, atol=rtol * 10)
        np.testing.assert_allclose(network.batch_norm_variances_[-1], known.variances[-1], rtol=10 * rtol)
    said = known.say(X)
    found = network.predict_proba(X) if hasattr(network, "classes_") else network.predict(X)
    np.testing.assert_allclose(found.reshape(said.shape), said, rtol=0, atol=100 * rtol * max(1, np.abs(said).max()))


@pytest.mark.parametrize("way", STEPS)
@pytest.mark.parametrize("layers", LAYERS)
def test_every_step_is_that_of_numpy(layers, way):
    X, y, _ = problem()
    ours, told, rule = STEPS[way]
    extras = LAYERS[layers]
    hidden = (6, 6, 4, 4)
    network = make(NetworkClassifier, hidden_layer_sizes=hidden, learning_rate_init=0.01, **ours, **extras).fit(X, y)
    known = reference.Network(
        hidden,
        "relu",
        "softmax",
        reference.LOSSES["softmax"],
        seed=3,
        normalizes=extras.get("batch_normalization", False),
        residual=extras.get("residual", False),
        dropout=extras.get("dropout", 0.0),
    )
    curve = known.train(X, np.eye(3)[y], epochs=4, rule=rule(0.01), batch_size=16, **told)
    # Nothing is divided but by what is far from zero, so that 24 steps keep all but a few digits.
    assert_same_way(network, known, curve, X)


@pytest.mark.parametrize("activation", ["leaky_relu", "elu", "gelu", "softmax", "tanh", "logistic", "identity"])
def test_activations(activation):
    X, _, numbers = problem(1)
    network = make(NetworkRegressor, activation=activation, hidden_layer_sizes=(6, 6), batch_normalization=True)
    known = reference.Network(
        (6, 6), activation, "identity", reference.LOSSES["squared_error"], seed=3, normalizes=True
    )
    curve = known.train(X, numbers, epochs=4, rule=reference.adam(0.001), batch_size=16, alpha=1e-4)
    assert_same_way(network.fit(X, numbers), known, curve, X)


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", "poisson"])
def test_losses_of_numbers(loss, outputs):
    X, _, numbers = problem(2)
    y = np.abs(numbers[:, :outputs])
    w = np.linspace(0.5, 2, len(X))
    network = make(NetworkRegressor, loss=loss, delta=0.4, alpha=0.0).fit(X, y.squeeze(), w)
    of = reference.huber(0.4) if loss == "huber" else reference.LOSSES[loss]
    known = reference.Network((6,), "relu", "exp" if loss == "poisson" else "identity", of, seed=3)
    curve = known.train(X, y, epochs=4, rule=reference.adam(0.001), batch_size=16, w=w)
    assert_same_way(network, known, curve, X)


def test_losses_of_classes():
    X, y, _ = problem()
    of = reference.LOSSES
    for classes, loss, output in [(2, "categorical_crossentropy", "softmax"), (3, "binary_crossentropy", "logistic")]:
        labels = np.minimum(y, classes - 1)
        network = make(NetworkClassifier, loss=loss, alpha=0.0).fit(X, labels)
        known = reference.Network((6,), "relu", output, of[output], seed=3)
        curve = known.train(X, np.eye(classes)[labels], epochs=4, rule=reference.adam(0.001), batch_size=16)
        np.testing.assert_allclose(network.loss_curve_, curve, rtol=1e-9)
        said = known.say(X)
        shares = said / said.sum(axis=1, keepdims=True)
        for rows in (slice(None), slice(3, 4)):
            np.testing.assert_allclose(network.predict_proba(X[rows]), shares[rows], rtol=0, atol=1e-9)
            np.testing.assert_array_equal(network.predict(X[rows]), said[rows].argmax(axis=1))
        assert network.fit(X, labels, validation_data=(X, labels)).validation_scores_[-1] == network.score(X, labels)
    # The same shares, of which one is what is left of the other.
    two = make(NetworkClassifier, loss="binary_crossentropy").fit(X, y > 0)
    np.testing.assert_array_equal(two.predict_proba(X), make(NetworkClassifier).fit(X, y > 0).predict_proba(X))


@pytest.mark.parametrize("class_weight", ["balanced", {0: 2.0, 1: 0.5, 2: 1.0}])
def test_class_weights_are_weights(class_weight):
    X, y, _ = problem()
    y = np.where(np.arange(len(y)) % 3, 0, y)
    w = np.linspace(0.5, 2, len(X))
    a = make(NetworkClassifier, class_weight=class_weight).fit(X, y, w)
    b = make(NetworkClassifier).fit(X, y, w * compute_sample_weight(class_weight, y))
    assert learnt(a) == learnt(b)
    two = make(NetworkClassifier, class_weight={False: 3.0, True: 1.0}).fit(X, y > 0)
    assert learnt(two) == learnt(make(NetworkClassifier).fit(X, y > 0, np.where(y > 0, 1.0, 3.0)))
    assert learnt(two) != learnt(make(NetworkClassifier).fit(X, y > 0))


def test_single_precision_follows_double():
    X, y, _ = problem()
    a, b = (make(NetworkClassifier, **ALL).fit(X.astype(dtype), y) for dtype in (np.float32, np.float64))
    np.testing.assert_allclose(a.loss_curve_, b.loss_curve_, rtol=1e-3)
    for name in ("coefs_", "batch_norm_scales_", "batch_norm_means_", "batch_norm_variances_"):
        assert {array.dtype for array in getattr(a, name)} == {np.dtype(np.float32)}
    assert a.predict_proba(X.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize("layers", LAYERS)
def test_storage_and_layout(layers):
    X, y, _ = problem()
    X = np.where(np.abs(X) < 0.5, 0, X)
    make_one = lambda: make(NetworkClassifier, hidden_layer_sizes=(6, 6), **LAYERS[layers])  # noqa: E731
    base = make_one().fit(X, y)
    for other in (np.asfortranarray(X), np.repeat(X, 2, axis=1)[:, ::2], X.tolist()):
        assert learnt(make_one().fit(other, y)) == learnt(base)
    for kind in (sp.csr_matrix, sp.csc_array, sp.coo_matrix):
        sparse = make_one().fit(kind(X), y)
        np.testing.assert_allclose(sparse.loss_curve_, base.loss_curve_, rtol=1e-12)
        np.testing.assert_allclose(sparse.predict_proba(kind(X)), base.predict_proba(X), rtol=0, atol=1e-12)


@pytest.mark.parametrize("layers", LAYERS)
def test_one_row_is_answered_as_many_are(layers):
    X, _, numbers = problem()
    network = make(NetworkRegressor, hidden_layer_sizes=(6, 6), **LAYERS[layers]).fit(X, numbers)
    many = network.predict(X)
    np.testing.assert_array_equal(np.vstack([network.predict(X[at : at + 1]) for at in range(len(X))]), many)


# ---- where weights begin ----


@pytest.mark.parametrize("by", ["glorot", "he", "lecun"])
@pytest.mark.parametrize("kind", ["uniform", "normal"])
def test_first_weights_have_their_variance(by, kind):
    X, y, _ = problem(n=40, d=300)
    network = make(NetworkClassifier, initializer=f"{by}_{kind}", hidden_layer_sizes=(200,), learning_rate_init=1e-12)
    first = network.fit(X, y).coefs_[0]
    expected = {"glorot": 2 / 500, "he": 2 / 300, "lecun": 1 / 300}[by]
    assert abs(first.var() / expected - 1) < 0.03
    assert abs(first.mean()) < 4 * np.sqrt(expected / first.size)
    is_bounded = np.abs(first).max() <= np.sqrt(3 * expected) + 1e-9
    assert is_bounded == (kind == "uniform")
    np.testing.assert_allclose(network.intercepts_[0], 0, atol=1e-9)


def test_other_first_weights():
    X, y, _ = problem(d=30)
    for hidden in (10, 50):
        network = make(
            NetworkClassifier, initializer="orthogonal", hidden_layer_sizes=(hidden,), learning_rate_init=1e-13
        )
        first = network.fit(X, y).coefs_[0]
        gram = first.T @ first if hidden < 30 else first @ first.T
        np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-10)
    network = make(NetworkClassifier, initializer="zeros", max_iter=1).fit(X, y)
    np.testing.assert_array_equal(network.coefs_[0], 0)  # nothing comes back through weights of zero
    assert np.abs(network.intercepts_[-1]).max() > 0


# ---- what is held out ----


@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("Estimator", BOTH)
def test_validation_data_is_watched(Estimator, layers):
    given = problem()
    X, y = given[0], target(Estimator, given)
    held_out = X[:20], y[:20]
    extras = {"hidden_layer_sizes": (6, 6), **LAYERS[layers]}
    network = make(Estimator, **extras).fit(X[20:], y[20:], validation_data=held_out)
    assert len(network.validation_scores_) == len(network.validation_loss_curve_) == 4
    np.testing.assert_allclose(network.validation_scores_[-1], network.score(*held_out), rtol=1e-12)
    if Estimator is NetworkClassifier:
        expected = -np.log(network.predict_proba(X[:20])[np.arange(20), y[:20]]).mean()
    else:
        expected = ((network.predict(X[:20]) - y[:20]) ** 2).mean() / 2
    np.testing.assert_allclose(network.validation_loss_curve_[-1], expected, rtol=1e-9)
    # It is watched, not learnt from.
    alone = make(Estimator, **extras).fit(X[20:], y[20:])
    assert learnt(alone)[0] == learnt(network)[0]
    weighted = make(Estimator, **extras).fit(
        X[20:], y[20:], validation_data=(*held_out, np.r_[np.ones(10), np.zeros(10)])
    )
    np.testing.assert_allclose(weighted.validation_scores_[-1], alone.score(X[:10], y[:10]), rtol=1e-12)


@pytest.mark.parametrize("layers", LAYERS)
def test_early_stopping_goes_back_to_the_best(layers):
    X, y, _ = problem(n=120)
    held_out = X[:40], y[:40]
    params = {"early_stopping": True, "n_iter_no_change": 3, "learning_rate_init": 0.05, **LAYERS[layers]}

    def fit(epochs):
        return make(NetworkClassifier, max_iter=epochs, **params).fit(X[40:], y[40:], validation_data=held_out)

    network = fit(200)
    scores = network.validation_scores_
    assert network.n_iter_ < 200
    assert len(scores) == network.n_iter_
    assert network.best_validation_score_ == max(scores) == network.score(*held_out)
    best = int(np.argmax(scores)) + 1
    assert best < network.n_iter_, "the last weights were not the best"
    assert learnt(fit(best))[0] == learnt(network)[0]
    # Nothing was held out of what was given to learn.
    assert network.t_ == 80 * network.n_iter_


# ---- checkpoints ----


@pytest.mark.parametrize("way", ["all", "early stop", "sgd", "rmsprop", "no seed", "single"])
@pytest.mark.parametrize("every", [1, 3])
def test_resumed_training_is_never_interrupted_training(tmp_path, way, every):
    X, y, _ = problem(dtype=np.float32 if way == "single" else np.float64)
    extras = {
        "early stop": {"early_stopping": True, **ALL},
        "sgd": {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.5, "n_iter_no_change": 1, "dropout": 0.2},
        "rmsprop": {"solver": "rmsprop", "batch_normalization": True},
        "no seed": {"random_state": None, **ALL},
    }.get(way, ALL)
    path = tmp_path / "network.npz"
    if way == "no seed":
        np.random.seed(5)
    whole = make(NetworkClassifier, max_iter=9, **{**extras, "checkpoint": tmp_path / "other"}).fit(X, y)
    if way == "no seed":
        np.random.seed(5)
    params = {**extras, "checkpoint": str(path), "checkpoint_every": every}
    make(NetworkClassifier, max_iter=4, **params).fit(X, y)
    resumed = make(NetworkClassifier, max_iter=9, resume=True, **params).fit(X, y)
    assert learnt(resumed) == learnt(whole)
    assert resumed.n_iter_ == whole.n_iter_ == 9
    assert resumed.t_ == whole.t_
    again = make(NetworkClassifier, max_iter=9, resume=True, **params).fit(X, y)
    assert learnt(again) == learnt(whole), "there was nothing left to do"
    if way != "no seed":
        plain = make(NetworkClassifier, max_iter=9, **extras).fit(X, y)
        assert learnt(plain) == learnt(whole), "that it is saved changes nothing"
    assert sorted(tmp_path.iterdir()) == sorted([path, tmp_path / "other"])


def test_checkpoints_of_another_training_are_refused(tmp_path):
    X, y, _ = problem()
    path = tmp_path / "network.npz"
    params = {"checkpoint": path, "resume": True, **ALL}
    make(NetworkClassifier, **params).fit(X, y)  # none is there yet
    for other in ({"hidden_layer_sizes": (8, 9)}, {"dropout": 0.1}, {"solver": "adamw"}, {"clip_norm": None}):
        with pytest.raises(ValueError, match="checkpoint of another training"):
            make(NetworkClassifier, **{**params, **other}).fit(X, y)
    with pytest.raises(ValueError, match="samples differ"):
        make(NetworkClassifier, **params).fit(X[:-1], y[:-1])
    with pytest.raises(ValueError, match="type differ"):
        make(NetworkClassifier, **params).fit(X.astype(np.float32), y)
    whole = path.read_bytes()
    for damaged in (b"", b"no file of NumPy", whole[: len(whole) // 2], whole[:40] + whole[80:]):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="no checkpoint that can be read"):
            make(NetworkClassifier, **params).fit(X, y)
    with pytest.raises(ValueError, match="needs to be told the checkpoint"):
        make(NetworkClassifier, resume=True).fit(X, y)
    with pytest.raises(FileNotFoundError):
        make(NetworkClassifier, checkpoint=tmp_path / "none" / "network.npz").fit(X, y)


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


def test_keyboard_interrupt():
    X, y, _ = problem(n=20_000, d=20)
    network = make(NetworkClassifier, max_iter=10**6, tol=0.0, n_iter_no_change=10**6, **ALL)
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.warns(UserWarning, match="interrupted"):
        network.fit(X, y)
    assert 1 <= network.n_iter_ < 10**6
    assert network.predict(X).shape == y.shape
