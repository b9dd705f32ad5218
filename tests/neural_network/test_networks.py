"""Networks of layers, losses and solvers that scikit-learn has not: step by step against NumPy, and in its manners."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.utils.class_weight import compute_sample_weight

from mlfast.neural_network import MLPClassifier, NetworkClassifier, NetworkRegressor

from . import network_reference as reference
from .networks import ALL, BOTH, LAYERS, PLAIN, learnt, make, problem, target

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


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
