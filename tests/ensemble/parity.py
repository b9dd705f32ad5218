"""What it means that two ensembles are the same."""

import numpy as np

from ..compare import assert_same_complaint, bits, fitted, outcome
from ..tree.parity import assert_same_parts


def fit_both(ours, theirs, *args, rtol=0.0, **kwargs):
    """Fit both: errors, warnings and all public attributes are the same, each tree node for node; rtol : of floats"""
    did = [outcome(est.fit, *args, **kwargs) for est in (ours, theirs)]
    assert_same_complaint(*did)
    assert did[1].error is None, did[1].error
    assert_same_state(ours, theirs, rtol)
    return ours, theirs


def members(est):
    """The fitted estimators as a list; boosting has a table of them."""
    found = est.estimators_
    return found.ravel().tolist() if isinstance(found, np.ndarray) else found


def assert_same_state(ours, theirs, rtol=0.0):
    """Attribute for attribute, and tree for tree, bit for bit; rtol : of floats"""
    assert_same_parts(fitted(ours), fitted(theirs), rtol)
    for tree, parents in zip(members(ours), members(theirs), strict=True):
        assert list(vars(tree)) == list(vars(parents))


def assert_same_answers(ours, theirs, X, methods=("predict", "apply", "decision_path")):
    """Every method says the same of X to the bit, or raises the same."""
    methods = (*methods, *(("predict_proba", "predict_log_proba") if hasattr(theirs, "predict_proba") else ()))
    for method in methods:
        mine, parents = (outcome(getattr(est, method), X) for est in (ours, theirs))
        assert_same_complaint(mine, parents)
        assert type(mine.value) is type(parents.value), method
        assert bits(mine.value) == bits(parents.value), method
