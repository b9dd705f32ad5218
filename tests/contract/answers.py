"""All that an estimator or a function answers, from ours and from the parent, and the comparison of the two."""

import copy
import functools

import numpy as np

from ..compare import assert_close, fitted, leaves, outcome
from ..spread import assert_within
from .registry import BY_NAME, FUNCTION_BY_NAME


def input_copy(X):
    return X.copy(order="K") if isinstance(X, np.ndarray) else X.copy()


def said(call, done, values):
    """An outcome by name: what it complained of, and its values if it had any."""
    found = {f"{call}: complaint": done.complaint, f"{call}: warnings": done.warned}
    return found if done.error else found | values(done.value)


def of_fit(name, X, weights, params, new, weighted=(), parent=True):
    """What a fit on X leaves behind, and its outputs on `new`. weighted : outputs that are given weights"""
    entry = BY_NAME[name]
    done = outcome(entry.fit, input_copy(X), parent=parent, sample_weight=weights, **params)
    found = said("fit", done, fitted)
    if done.error:
        return found
    for method in entry.outputs:
        args = {"sample_weight": np.linspace(0, 2, new.shape[0])} if method in weighted else {}
        asked = outcome(entry.output, done.value, method, input_copy(new), **args)
        found |= said(method, asked, functools.partial(leaves, method))
    return found


def of_batches(name, batches, params, parent=True):
    """What each of the batches leaves behind. batches : list of (rows, weights)"""
    entry = BY_NAME[name]
    est, found = entry.make(parent, **params), {}
    for number, (X, weights) in enumerate(batches):
        done = outcome(entry.go_on, est, X, weights)
        # Copied, because the next batch may be added to the same arrays.
        now = copy.deepcopy(said("partial_fit", done, fitted))
        found |= {f"{number}: {part}": value for part, value in now.items()}
        if done.error:
            break
    return found


def of_call(name, X, params, parent=True):
    """What a function returns."""
    done = outcome(FUNCTION_BY_NAME[name].call, input_copy(X), parent=parent, **params)
    return said("call", done, dict)


def compare(rows_of, marks, ours, theirs):
    """The plain comparison. rows_of : name of a value -> the rows that set its scale; marks : see `assert_close`"""
    assert ours.keys() == theirs.keys()
    for name in theirs:
        X = rows_of(name)
        assert_close(name.partition(": ")[2] or name, ours[name], theirs[name], X, X.dtype.name, **marks)


def assert_parity(thing, ask, *args, rows_of):
    """Ours and the parent's answer to `ask`, one of the functions above, are the same."""
    ours, theirs = (ask(thing.name, *args, parent=parent) for parent in (False, True))
    assert_within(functools.partial(compare, rows_of, thing.marks), ours, theirs, ask, thing.name, *args)


def assert_same_fit(entry, X, weights=None, params=None, new=None, weighted=()):
    """A fit and its outputs on `new`, or on X, are the parent's."""
    new = X if new is None else new

    def rows_of(name):
        return new if name.replace("[", ".").partition(".")[0] in entry.outputs else X

    assert_parity(entry, of_fit, X, weights, params or {}, new, weighted, rows_of=rows_of)
