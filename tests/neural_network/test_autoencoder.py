"""Autoencoders: what passes the narrow layer, what is built from it, and what cannot be built."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from mlfast.neural_network import Autoencoder, NetworkRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def plane(seed=0, n=200, d=6, dtype=np.float64):
    """Points near a plane, of shape (n, d)."""
    rng = np.random.RandomState(seed)
    X = rng.standard_normal((n, 2)) @ rng.standard_normal((2, d)) + 0.01 * rng.standard_normal((n, d))
    return X.astype(dtype)


def make(**params):
    return Autoencoder(**{"max_iter": 20, "random_state": 0, **params})


@pytest.mark.parametrize("layers", [(), (7,), (9, 4)])
@pytest.mark.parametrize("extras", [{}, {"batch_normalization": True, "dropout": 0.1}], ids=["plain", "extras"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_both_halves_are_the_network(layers, extras, dtype):
    X = plane(dtype=dtype)
    model = make(n_components=3, hidden_layer_sizes=layers, **extras).fit(X)
    codes = model.transform(X)
    assert codes.shape == (len(X), 3)
    assert codes.dtype == dtype
    built = model.inverse_transform(codes)
    np.testing.assert_array_equal(built, model.network_.predict(X))
    errors = model.reconstruction_error(X)
    np.testing.assert_allclose(errors, ((built - X) ** 2).mean(axis=1), rtol=1e-6)
    np.testing.assert_array_equal(model.score_samples(X), -errors)
    np.testing.assert_allclose(model.score(X), -errors.mean(), rtol=1e-6)
    np.testing.assert_array_equal(model.transform(X[:1]), codes[:1])
    units = [coef.shape[1] for coef in model.network_.coefs_]
    assert units == [*layers, 3, *reversed(layers), 6]


def test_it_is_the_network_from_samples_to_samples():
    X = plane()
    params = {"activation": "gelu", "solver": "adamw", "loss": "huber", "alpha": 0.01, "batch_size": 20}
    w = np.linspace(0, 1, len(X))
    model = make(n_components=2, hidden_layer_sizes=5, **params).fit(X, sample_weight=w)
    network = NetworkRegressor(hidden_layer_sizes=(5, 2, 5), max_iter=20, random_state=0, **params).fit(X, X, w)
    assert model.loss_curve_ == network.loss_curve_
    assert model.n_iter_ == 20
    np.testing.assert_array_equal(model.network_.predict(X), network.predict(X))


def test_without_bends_it_finds_the_plane_of_principal_components():
    X = plane()
    model = make(activation="identity", solver="lbfgs", alpha=0.0, max_iter=2000, tol=1e-8).fit(X)
    known = PCA(2).fit(X)
    best = ((known.inverse_transform(known.transform(X)) - X) ** 2).mean()
    assert best <= model.reconstruction_error(X).mean() * (1 + 1e-9)
    assert model.reconstruction_error(X).mean() < best * 1.1
    assert not hasattr(model, "loss_curve_")


def test_odd_digits_are_found(digits):
    from sklearn.datasets import load_digits

    y = load_digits().target
    X = digits / 16
    ordinary = y == 0
    model = Autoencoder(
        6, (32,), learning_rate_init=0.01, max_iter=80, batch_size=32, early_stopping=True, random_state=0
    ).fit(X[ordinary][:120])
    rest = np.r_[X[ordinary][120:], X[~ordinary][:200]]
    is_odd = np.r_[np.zeros(len(rest) - 200), np.ones(200)]
    assert roc_auc_score(is_odd, model.reconstruction_error(rest)) > 0.97


@parametrize_with_checks([Autoencoder(1, max_iter=5, random_state=0), Autoencoder(1, (4,), max_iter=5, random_state=0)])
@pytest.mark.filterwarnings("default")
def test_sklearn_check(estimator, check):
    check(estimator)


def test_in_the_manners_of_a_transformer():
    X = plane()
    model = make().fit(X)
    assert model.get_feature_names_out().tolist() == ["autoencoder0", "autoencoder1"]
    assert clone(model).get_params() == model.get_params()
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.transform(X), model.transform(X))
    state, one = model.__getstate__(), NetworkRegressor(hidden_layer_sizes=(2, 2), max_iter=2)
    for network in (None, clone(one).fit(X, X), one.set_params(hidden_layer_sizes=(2,)).fit(X, X[:, :2])):
        with pytest.raises(ValueError, match="corrupt state: network_"):
            Autoencoder().__setstate__({**state, "network_": network})


def test_bad_input():
    X = plane()
    for params in ({"n_components": 0}, {"hidden_layer_sizes": (0,)}, {"loss": "poisson"}, {"dropout": 1.0}):
        with pytest.raises(ValueError, match=next(iter(params))):
            make(**params).fit(X)
    with pytest.raises(ValueError, match="NaN"):
        make().fit(np.where(X > 1, np.nan, X))
    model = make().fit(X)
    with pytest.raises(ValueError, match="components"):
        model.inverse_transform(X)
    with pytest.raises(ValueError, match="features"):
        model.transform(X[:, :3])
    before = model.__dict__.copy()
    with pytest.raises(ValueError, match="hidden_layer_sizes"):
        model.set_params(hidden_layer_sizes=(0,)).fit(X)
    assert model.network_ is before["network_"]
