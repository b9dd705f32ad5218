"""Subclasses, patches and attributes of instances that override what scikit-learn's method calls.

Where a user overrides a name that the parent's method looks up on its estimator, the call goes to the parent; else what
the user wrote would be passed over in silence.
"""

import importlib
import warnings
from unittest import mock

import numpy as np
import pytest
import sklearn.linear_model

import mlfast
from mlfast import _guard
from mlfast.accel._registry import REGISTRY
from mlfast.cluster import KMeans
from mlfast.ensemble import BaggingClassifier, IsolationForest, RandomForestClassifier
from mlfast.linear_model import (
    Lasso,
    LogisticRegression,
    Perceptron,
    RidgeClassifier,
    SGDClassifier,
    SGDOneClassSVM,
)
from mlfast.neighbors import KNeighborsClassifier, KNeighborsRegressor
from mlfast.neural_network import MLPClassifier
from mlfast.svm import LinearSVC

from .entry import mixture
from .registry import ENTRIES

X = mixture(0, 60, 4)
Y = np.arange(60) % 2

CLASSES = list(
    dict.fromkeys(
        thing
        for module, names in REGISTRY.items()
        for thing in (getattr(importlib.import_module(module.replace("sklearn", "mlfast", 1)), name) for name in names)
        if isinstance(thing, type)
    )
)


def home_of(cls):
    ours = tuple(base for base in cls.__mro__ if base.__module__.startswith("mlfast."))
    chain = tuple(base for base in cls.__mro__ if base not in ours)
    return _guard.Home(cls, ours, chain, next(base for base in chain if base.__name__ == cls.__name__))


def guarded(cls):
    """The names of the methods that a guard stands around."""
    return sorted(name for name, thing in vars(cls).items() if hasattr(getattr(thing, "fn", thing), "__wrapped__"))


CALLS = [
    pytest.param(cls, method, name, id=f"{cls.__name__}.{method}-{name}")
    for cls in CLASSES
    for method in guarded(cls)
    for name in _guard.names_behind(home_of(cls), method)
]


def test_the_table_is_not_empty():
    assert len(CALLS) > 500
    assert {cls for cls in CLASSES if not guarded(cls)} == set()


@pytest.mark.parametrize(("cls", "method", "name"), CALLS)
def test_every_name_that_the_parent_calls(cls, method, name):
    """The guard sees it in a subclass and, of methods, on an instance; without it nothing is in the way."""
    home = home_of(cls)
    assert _guard._reason(home, method, object.__new__(cls)) is None
    known = {}
    condition = _guard._condition(home, method, known)
    if name in condition:
        holds = lambda est: eval(condition, known, {"cls": type(est), "state": est.__dict__})  # noqa: E731
        assert holds(object.__new__(cls))
        strange = object.__new__(type("L", (cls,), {name: lambda self, *args, **kwargs: None}))
        assert not holds(strange)
        assert _guard._reason(home, method, strange) == f"`L` overrides `{name}`"
        if callable(getattr(cls, name)):
            patched = object.__new__(cls)
            patched.__dict__[name] = lambda *args: None
            assert not holds(patched)
            assert name in _guard._reason(home, method, patched)
    with mock.patch.object(home.namesake, method, create=True):
        assert "is patched" in _guard._reason(home, method, object.__new__(cls))


@pytest.mark.parametrize("entry", ENTRIES, ids=repr)
def test_nothing_is_in_the_way_of_a_plain_estimator(entry):
    """A method that scikit-learn itself overrides, or a class of ours, is no override."""
    cls = entry.ours
    if any(base.__name__ == cls.__name__ for base in cls.__mro__[1:]):
        for method in guarded(cls):
            assert _guard._reason(home_of(cls), method, object.__new__(type("L", (cls,), {}))) is None


PUBLIC = [
    (LogisticRegression(), "decision_function", "predict"),
    (LogisticRegression(), "decision_function", "predict_proba"),
    (SGDClassifier(random_state=0), "decision_function", "predict"),
    (LinearSVC(), "decision_function", "predict"),
    (Perceptron(), "decision_function", "predict"),
    (RidgeClassifier(), "decision_function", "predict"),
    (SGDOneClassSVM(random_state=0), "decision_function", "predict"),
    (KNeighborsClassifier(3), "kneighbors", "predict"),
    (KNeighborsRegressor(3), "kneighbors", "predict"),
    (KNeighborsClassifier(3, algorithm="brute"), "predict_proba", "predict"),
    (RandomForestClassifier(3, random_state=0), "predict_proba", "predict"),
]


def altered(cls, name, seen):
    """A subclass of ``cls``, ours or the parent's, with another meaning of one method."""

    def method(self, *args, **kwargs):
        seen.append(name)
        found = getattr(super(altered_class, self), name)(*args, **kwargs)
        if name == "decision_function":
            return -found
        if name == "kneighbors":
            distances, rows = found if isinstance(found, tuple) else (None, found)
            rows = (rows + 1) % len(X)
            return rows if distances is None else (distances, rows)
        return found[:, ::-1]

    altered_class = type("L", (cls,), {name: method})
    return altered_class


@pytest.mark.fallback
@pytest.mark.parametrize(("est", "name", "asked"), PUBLIC, ids=lambda thing: getattr(thing, "__class__", type).__name__)
@pytest.mark.parametrize("rows", [1, 60])
def test_public_methods(est, name, asked, rows):
    """What a subclass says in one method, the others heed; one row too, which has a way of its own."""
    answers = []
    for cls in (type(est), home_of(type(est)).namesake):
        seen = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = altered(cls, name, seen)(**est.get_params()).fit(X, Y)
        answers.append(getattr(made, asked)(X[:rows]))
        assert name in seen
    np.testing.assert_allclose(*answers, rtol=1e-3, atol=1e-3)
    plain = type(est)(**est.get_params()).fit(X, Y)
    assert not np.allclose(getattr(plain, asked)(X), getattr(made, asked)(X))


HOOKS = [
    (BaggingClassifier(n_estimators=2, random_state=0), "_make_estimator"),
    (BaggingClassifier(n_estimators=2, random_state=0), "_validate_estimator"),
    (BaggingClassifier(n_estimators=2, random_state=0), "_fit"),
    (RandomForestClassifier(2, random_state=0), "_make_estimator"),
    (KMeans(2, n_init=1, random_state=0), "_init_centroids"),
    (MLPClassifier((3,), max_iter=2, random_state=0), "_backprop"),
]


@pytest.mark.fallback
@pytest.mark.parametrize(("est", "name"), HOOKS, ids=[f"{type(est).__name__}.{name}" for est, name in HOOKS])
def test_private_hooks_of_fit_are_called(est, name):
    cls, seen = type(est), []
    known = getattr(cls, name)

    def hook(self, *args, **kwargs):
        seen.append(name)
        return known(self, *args, **kwargs)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        type("L", (cls,), {name: hook})(**est.get_params()).fit(X, Y)
    assert seen


@pytest.mark.fallback
def test_private_hooks_of_isolation_and_lasso():
    forest = type("L", (IsolationForest,), {"_compute_score_samples": lambda self, *args: np.full(60, 0.25)})
    np.testing.assert_allclose(forest(n_estimators=3).fit(X).score_samples(X), -0.25)

    def path(*args, **kwargs):
        raise KeyError("the user's own path")

    with pytest.raises(KeyError, match="own path"):
        type("L", (Lasso,), {"path": staticmethod(path)})().fit(X, Y)


def test_what_the_parent_does_not_call_is_not_called_either():
    """KMeans' `fit_transform` ends in a hook, not in `transform`."""
    strange = type("L", (KMeans,), {"transform": lambda self, X: None})
    assert strange(2, n_init=1).fit_transform(X).shape == (60, 2)


def test_reason_and_policy():
    strange = type("Loud", (LogisticRegression,), {"decision_function": lambda self, X: np.ones(len(X))})
    fitted = strange().fit(X, Y)
    with pytest.raises(mlfast.FallbackError, match=r"Loud\.predict runs in scikit-learn: `Loud` overrides `decision_f"):
        fitted.predict(X)
    with mlfast.config_context(fallback="sklearn"):
        assert fitted.predict(X).all()
        with mlfast.profile() as calls:
            fitted.predict(X[:1])
    assert [call.reason for call in calls.records] == ["`Loud` overrides `decision_function`"]


def test_a_harmless_subclass_stays_in_rust():
    kind = type("L", (LogisticRegression,), {"fit": lambda self, X, y: super(kind, self).fit(X, y), "extra": 1})
    np.testing.assert_array_equal(kind().fit(X, Y).predict(X), LogisticRegression().fit(X, Y).predict(X))


@pytest.mark.fallback
@pytest.mark.parametrize("where", [LogisticRegression, sklearn.linear_model.LogisticRegression])
def test_patches_of_classes_reach_ours_and_go_again(where):
    est = LogisticRegression().fit(X, Y)
    plain = est.predict(X)
    with mock.patch.object(where, "predict", return_value="patched"):
        assert est.predict(X) == est.predict(X[:1]) == "patched"
    with mock.patch.object(where, "decision_function", return_value=np.ones(60)):
        assert est.predict(X).all()
    with mock.patch.object(where, "fit", return_value="patched"):
        assert LogisticRegression().fit(X, Y) == "patched"
    with mlfast.config_context(fallback="raise"):
        np.testing.assert_array_equal(est.predict(X), plain)


@pytest.mark.fallback
def test_an_attribute_of_an_instance():
    est = LogisticRegression().fit(X, Y)
    plain = est.predict(X)
    est.decision_function = lambda X: -LogisticRegression.decision_function(est, X)
    np.testing.assert_array_equal(est.predict(X), 1 - plain)
    assert est.predict(X[:1])[0] == 1 - plain[0]


@pytest.mark.fallback
@pytest.mark.parametrize("numbers_tell", [True, False])
def test_what_changes_once_a_class_is_known(numbers_tell, monkeypatch):
    """A class that was found untouched is looked at again when it, a base of it, or its bases are changed."""
    monkeypatch.setattr(_guard, "_NUMBERS_TELL", numbers_tell)
    mixin, other = type("Mixin", (), {}), type("Other", (), {"decision_function": lambda self, X: np.ones(len(X))})
    kind = type("L", (mixin, LogisticRegression), {})
    est = kind().fit(X, Y)
    plain = est.predict(X)

    def check(is_changed):
        for _ in range(3):
            assert np.array_equal(est.predict(X), np.ones(60) if is_changed else plain)
            assert est.predict(X[-1:])[0] == (1 if is_changed else plain[-1])

    assert not plain.all()
    check(False)
    mixin.decision_function = other.decision_function
    check(True)
    del mixin.decision_function
    check(False)
    kind.__bases__ = (other, LogisticRegression)
    check(True)
    kind.__bases__ = (mixin, LogisticRegression)
    check(False)
    est.__dict__["decision_function"] = lambda X: np.ones(len(X))
    check(True)
    del est.__dict__["decision_function"]
    check(False)


def test_numbers_of_classes_are_where_they_are_looked_for():
    """Else every call would look at all names; see `src/python/guard.rs`."""
    assert _guard._NUMBERS_TELL
