"""What it means that two ensembles are the same."""

import numpy as np
import scipy.sparse as sp
import sklearn.ensemble
import sklearn.tree

import mlfast.ensemble
import mlfast.tree

from ..compare import assert_same_complaint, bits, fitted, outcome
from ..tree.parity import as_csr, assert_same_parts, with_gaps

#: Ways in which the same table can be handed over, and tables that only some ensembles take.
DATA = {
    "float32": lambda A: A.astype(np.float32),
    "F": np.asfortranarray,
    "int": lambda A: (10 * A).astype(np.int16),
    "list": lambda A: A.tolist(),
    "csr": as_csr,
    "csc matrix": lambda A: sp.csc_matrix(as_csr(A)),
    "gaps": with_gaps,
}


def pair_around(name, tree=None, **params):
    """Ours and the parent's; tree : name and settings of a tree, of mlfast's and of scikit-learn's"""
    pair = []
    for room, trees in ((mlfast.ensemble, mlfast.tree), (sklearn.ensemble, sklearn.tree)):
        given = {} if tree is None else {"estimator": getattr(trees, tree[0])(**tree[1])}
        pair.append(getattr(room, name)(**{"random_state": 3, **given, **params}))
    return pair


def assert_same_refusal(pair, *args):
    """Both refuse to be fitted, in the same words."""
    done = [outcome(est.fit, *args) for est in pair]
    assert_same_complaint(*done)
    assert done[0].error is not None


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
