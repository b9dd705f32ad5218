"""Saved and loaded, copied, converted: the same model."""

import copy
import io
import pickle
import pickletools
import subprocess
import sys
import types

import cloudpickle
import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import InconsistentVersionWarning, NotFittedError
from sklearn.tree._tree import Tree
from sklearn.utils.validation import check_is_fitted

import mlfast

from ..compare import assert_close, bits, leaves, state_bits
from ..isolated import clean_environment
from ..tiers import REPRESENTATIVES
from .registry import ENTRIES


def train(entry, n=200, d=4):
    return entry.data(0, n, d)


def new(entry):
    return entry.data(1, 60, 4)


def by_joblib(est, tmp_path, mmap_mode=None):
    joblib.dump(est, tmp_path / "model.joblib")
    return joblib.load(tmp_path / "model.joblib", mmap_mode=mmap_mode)


WAYS = {
    **{f"pickle {n}": lambda est, _, n=n: pickle.loads(pickle.dumps(est, n)) for n in range(2, 6)},
    "joblib": by_joblib,
    "joblib mmap r": lambda est, path: by_joblib(est, path, "r"),
    "joblib mmap c": lambda est, path: by_joblib(est, path, "c"),
    "cloudpickle": lambda est, _: cloudpickle.loads(cloudpickle.dumps(est)),
    "deepcopy": lambda est, _: copy.deepcopy(est),
    "copy": lambda est, _: copy.copy(est),
}


@pytest.mark.per_change(entry=REPRESENTATIVES)
@pytest.mark.per_change(way=["pickle 5", "joblib mmap r"], dtype=[np.float64])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.name)
def test_round_trip(entry, way, dtype, tmp_path):
    est = entry.fit(train(entry).astype(dtype))
    back = WAYS[way](est, tmp_path)
    assert type(back) is entry.ours
    assert state_bits(back) == state_bits(est)
    assert bits(entry.results(back, new(entry).astype(dtype))) == bits(entry.results(est, new(entry).astype(dtype)))
    again = entry.refit(clone(back), train(entry).astype(dtype))
    assert state_bits(again) == state_bits(est)


@pytest.mark.parametrize("entry", [e for e in ENTRIES if e.incremental], ids=lambda e: e.name)
def test_training_goes_on_after_loading(entry):
    est = entry.go_on(entry.make(), train(entry)[:50])
    back = pickle.loads(pickle.dumps(est))
    assert state_bits(entry.go_on(back, train(entry)[50:])) == state_bits(entry.go_on(est, train(entry)[50:]))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.name)
class TestBytes:
    def test_same_fit_same_bytes(self, entry):
        first, second = (pickletools.optimize(pickle.dumps(entry.fit(train(entry)))) for _ in range(2))
        assert first == second

    def test_use_changes_no_byte(self, entry):
        """Caches that predict builds are not part of the state."""
        est = entry.fit(train(entry))
        before = pickle.dumps(est)
        entry.results(est, new(entry))
        assert pickle.dumps(est) == before


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.name)
class TestClone:
    def test_clone_is_unfitted(self, entry):
        est = entry.fit(train(entry))
        other = clone(est)
        assert type(other) is entry.ours
        assert bits(other.get_params()) == bits(est.get_params())
        with pytest.raises(NotFittedError):
            check_is_fitted(other)

    def test_refit_is_idempotent(self, entry):
        est = entry.fit(train(entry))
        first = state_bits(est)
        assert state_bits(entry.refit(est, train(entry))) == first

    def test_refit_forgets(self, entry):
        """Fitting other data leaves nothing of the first fit behind."""
        est = entry.refit(entry.fit(train(entry, 80, 7)), train(entry))
        assert state_bits(est) == state_bits(entry.fit(train(entry)))
        assert bits(entry.results(est, new(entry))) == bits(entry.results(entry.fit(train(entry)), new(entry)))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.name)
def test_other_scikit_learn_version_warns(entry):
    """Like the parent, a model of another scikit-learn version loads with InconsistentVersionWarning."""
    state = entry.fit(train(entry)).__getstate__()
    assert "_sklearn_version" in state
    state["_sklearn_version"] = "1.0.0"
    est = entry.ours.__new__(entry.ours)
    with pytest.warns(InconsistentVersionWarning):
        est.__setstate__(state)
    assert bits(entry.results(est, new(entry))) == bits(entry.results(entry.fit(train(entry)), new(entry)))


LOADS_WITHOUT_US = """
import pickle, sys, types
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "mlfast":
            raise ImportError("mlfast is not installed here")
sys.meta_path.insert(0, Blocked())
answers = {}
for entry, (est, calls) in pickle.load(sys.stdin.buffer).items():
    package = type(est).__module__.split(".")[0]
    found = [getattr(est, name)(*args, **params) for name, args, params in calls]
    answers[entry] = package, [list(part) if isinstance(part, types.GeneratorType) else part for part in found]
pickle.dump(answers, sys.stdout.buffer)
"""


def test_plain_loads_where_mlfast_is_missing():
    """One interpreter, without mlfast, loads and uses them all."""
    plain = {entry.name: mlfast.to_sklearn(entry.fit(train(entry))) for entry in ENTRIES}
    calls = {entry.name: [(name, *entry.call_of(name, new(entry))) for name in entry.outputs] for entry in ENTRIES}
    run = subprocess.run(
        [sys.executable, "-c", LOADS_WITHOUT_US],
        input=pickle.dumps({name: (est, calls[name]) for name, est in plain.items()}),
        env=clean_environment(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr.decode()
    answers = pickle.loads(run.stdout)
    for entry in ENTRIES:
        package, found = answers[entry.name]
        assert package == "sklearn"
        here = [getattr(plain[entry.name], name)(*args, **params) for name, args, params in calls[entry.name]]
        here = [list(part) if isinstance(part, types.GeneratorType) else part for part in here]
        assert bits(leaves("there", found)) == bits(leaves("there", here)), entry


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.name)
class TestConversion:
    def test_to_sklearn(self, entry):
        est = entry.fit(train(entry))
        plain = mlfast.to_sklearn(est)
        assert type(plain) is entry.parent
        assert type(est) is entry.ours, "the original keeps its class"
        assert state_bits(plain) == state_bits(est)
        assert bits(plain.get_params()) == bits(est.get_params())
        mine, theirs = entry.results(est, new(entry)), entry.results(plain, new(entry))
        for name in theirs:
            assert_close(name, mine[name], theirs[name], new(entry), "float64", **entry.marks)

    def test_plain_pickle_does_not_know_us(self, entry):
        data = pickle.dumps(mlfast.to_sklearn(entry.fit(train(entry))))
        assert b"mlfast" not in data
        assert b"mlfast" not in cloudpickle.dumps(mlfast.to_sklearn(entry.fit(train(entry))))

    def test_from_sklearn(self, entry):
        """A model that scikit-learn fitted predicts in Rust (the fixture forbids the parent) and the same."""
        plain = entry.fit(train(entry), parent=True)
        ours = mlfast.from_sklearn(plain)
        assert type(ours) is entry.ours
        assert type(plain) is entry.parent
        assert state_bits(ours) == state_bits(plain)
        mine, theirs = entry.results(ours, new(entry)), entry.results(plain, new(entry))
        for name in theirs:
            assert_close(name, mine[name], theirs[name], new(entry), "float64", **entry.marks)

    def test_there_and_back(self, entry):
        est = entry.fit(train(entry))
        back = mlfast.from_sklearn(mlfast.to_sklearn(est))
        assert state_bits(back) == state_bits(est)
        assert bits(entry.results(back, new(entry))) == bits(entry.results(est, new(entry)))
        if entry.incremental:
            assert state_bits(entry.go_on(back, new(entry))) == state_bits(
                entry.go_on(entry.fit(train(entry)), new(entry))
            )

    def test_unfitted(self, entry):
        assert type(mlfast.to_sklearn(entry.make())) is entry.parent
        assert type(mlfast.from_sklearn(entry.make(parent=True))) is entry.ours
        assert bits(mlfast.to_sklearn(entry.make()).get_params()) == bits(entry.make().get_params())

    def test_conversion_shares_no_settings(self, entry):
        """Changing a parameter of one does not change the other."""
        est = entry.fit(train(entry))
        plain = mlfast.to_sklearn(est)
        name = next(iter(entry.params))
        plain.set_params(**{name: 7})
        assert bits(est.get_params()[name]) == bits(entry.params[name])


@pytest.mark.parametrize("thing", [object(), 3, None, "KMeans"])
@pytest.mark.parametrize("convert", [mlfast.to_sklearn, mlfast.from_sklearn])
def test_conversion_of_something_else(convert, thing):
    with pytest.raises(TypeError):
        convert(thing)


def load_and_use(entry, est, state):
    est.__setstate__(state)
    entry.results(est, new(entry))


def first(value):
    while isinstance(value, (list, np.ndarray)):
        value = value[0]
    return value


def broken_arrays(value):
    return value[..., :-1].copy(), value[0], value.astype("U5"), None, value[:0]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.name)
def test_corrupt_state(entry):
    """A model whose arrays were tampered with: ValueError at load or at first use, never a wrong read."""
    est = entry.fit(train(entry))
    state = est.__getstate__()
    floats = {k: v for k, v in state.items() if isinstance(v, np.ndarray) and v.dtype.kind == "f"}
    arrays = {k: v for k, v in floats.items() if (v.ndim == 2 or k == "coef_") and k not in entry.unread}
    broken_ones = {name: broken_arrays(value) for name, value in arrays.items()}
    trees = [name for name, value in state.items() if isinstance(value, Tree)]
    broken_ones |= dict.fromkeys(trees, ("tree", None, Tree(4, np.ones(1, np.intp), 1)))
    members = [
        name
        for name, value in state.items()
        if isinstance(value, (list, np.ndarray)) and len(value) > 0 and isinstance(first(value), BaseEstimator)
    ]
    layers = [name for name, value in state.items() if isinstance(value, list) and isinstance(value[0], np.ndarray)]
    broken_ones |= {name: (None, state[name][:1], [*map(np.ravel, state[name])]) for name in layers if name == "coefs_"}
    broken_ones |= dict.fromkeys(members, ("trees", None, [], [object()], [entry.parent()]))
    assert broken_ones
    for name, others in broken_ones.items():
        for broken in others:
            other = entry.ours.__new__(entry.ours)
            with pytest.raises(ValueError):
                load_and_use(entry, other, {**state, name: broken})


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.name)
def test_truncated_pickle(entry):
    data = pickle.dumps(entry.fit(train(entry)))
    for length in range(0, len(data) - 1, max(1, len(data) // 60)):
        with pytest.raises(
            (pickle.UnpicklingError, EOFError, ValueError, AttributeError, TypeError, KeyError, IndexError)
        ):
            pickle.load(io.BytesIO(data[:length]))
