"""Fit ours and the parent on the same input and compare everything that is public."""

import functools
import pickle

import numpy as np
import scipy.sparse as sp

from ..compare import assert_close, assert_same_text, fitted, outcome
from ..spread import assert_within

QUADRATIC = ("inertia_", "score")
DISTANCES = ("transform",)

SEEDS = tuple(range(10))
SEEDS_FLOAT32 = tuple(range(7))


def as_kind(X, kind):
    """X as a dense array or as CSR; for CSR the smallest third of the entries is set to zero."""
    if kind == "dense":
        return X
    return sp.csr_array(np.where(np.abs(X) > np.quantile(np.abs(X), 0.33), X, 0).astype(X.dtype))


def assert_parity(
    ours, theirs, X, sample_weight=None, method="fit", new=None, outputs=("predict", "transform", "score")
):
    """
    Call `method` of both estimators on X; attributes, warnings, errors and outputs must agree. Returns both.

    Where they do not, two distances, or two candidates of k-means++, may be equal within rounding. Then ours must be
    an answer that the parent gives too, under another BLAS kernel or when features are added in another order.
    """
    new = X if new is None else new
    before = pickle.dumps(theirs)
    mine, parents = (answer(est, method, X, sample_weight, new, outputs) for est in (ours, theirs))
    assert parents["error"] is None, parents["error"]
    others = () if hasattr(pickle.loads(before), "cluster_centers_") else orders(X.shape[1])
    args = (before, method, X, sample_weight, new, outputs)
    assert_within(functools.partial(compare, X, new), mine, parents, parents_answer, *args, orders=others)
    return ours, theirs


def answer(est, method, X, sample_weight, new, outputs):
    """What a call leaves behind, and what the outputs then say, by name."""
    weights = {} if sample_weight is None else {"sample_weight": sample_weight}
    done = outcome(getattr(est, method), X, **weights)
    found = {"error": done.complaint, "warnings": done.warned}
    if done.error is None:
        found |= {**fitted(est), **{name: getattr(est, name)(new) for name in outputs}}
    return found


def parents_answer(before, method, X, sample_weight, new, outputs, order=None):
    """The parent's, from the state it had before. order : of the features, which means nothing but for rounding"""
    est = pickle.loads(before)
    if order is None:
        return answer(est, method, X, sample_weight, new, outputs)
    if not callable(est.init) and not isinstance(est.init, str):
        est.init = np.asarray(est.init)[:, order]
    found = answer(est, method, X[:, order], sample_weight, new[:, order], outputs)
    back = np.argsort(order)
    return {name: value[:, back] if name == "cluster_centers_" else value for name, value in found.items()}


def orders(n_features):
    """A few orders of the features other than their own."""
    rng = np.random.RandomState(0)
    return [] if n_features == 1 else [np.arange(n_features)[::-1], *(rng.permutation(n_features) for _ in range(3))]


def compare(X, new, ours, theirs):
    assert ours.keys() == theirs.keys()
    # Discrete results first: when they differ, the rest only repeats it.
    for name in sorted(theirs, key=lambda key: key not in ("error", "warnings", "n_iter_", "n_steps_", "labels_")):
        rows = X if name.endswith("_") else new
        assert_close(name, ours[name], theirs[name], rows, X.dtype.name, QUADRATIC, DISTANCES)


def assert_same_output(capsys, ours, theirs, rtol=1e-6):
    """Run both and compare what they print: equal words, numbers within `rtol`."""
    capsys.readouterr()
    ours()
    mine = capsys.readouterr()
    theirs()
    parents = capsys.readouterr()
    assert parents.out, "the parent printed nothing: the test compares nothing"
    assert_same_text(mine.out, parents.out, rtol)
    assert mine.err == parents.err


def same_generator_state(ours, theirs):
    """Both RandomState instances would draw the same from here on."""
    a, b = ours.get_state(legacy=True), theirs.get_state(legacy=True)
    return a[0] == b[0] and (a[1] == b[1]).all() and a[2:] == b[2:]
