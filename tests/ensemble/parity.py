"""What it means that two forests are the same."""

from ..compare import assert_same_complaint, bits, fitted, outcome
from ..tree.parity import assert_same_parts

#: What differs by name only: mlfast's trees are of mlfast's classes.
HELD = ("estimator_", "estimators_")


def fit_both(ours, theirs, *args, **kwargs):
    """Fit both: errors and warnings and all public attributes are the same, each tree node for node."""
    did = [outcome(est.fit, *args, **kwargs) for est in (ours, theirs)]
    assert_same_complaint(*did)
    assert did[1].error is None, did[1].error
    assert_same_state(ours, theirs)
    return ours, theirs


def assert_same_state(ours, theirs):
    """Attribute for attribute, and tree for tree, bit for bit."""
    mine, parents = ({k: v for k, v in fitted(est).items() if k not in HELD} for est in (ours, theirs))
    assert_same_parts(mine, parents)
    assert len(ours.estimators_) == len(theirs.estimators_)
    for tree, parents_tree in zip(ours.estimators_, theirs.estimators_, strict=True):
        assert tree.get_params() == parents_tree.get_params()
        assert list(vars(tree)) == list(vars(parents_tree))
        assert_same_parts(fitted(tree), fitted(parents_tree))


def assert_same_answers(ours, theirs, X, methods=("predict", "apply", "decision_path")):
    """Every method says the same of X to the bit, or raises the same."""
    methods = (*methods, *(("predict_proba", "predict_log_proba") if hasattr(theirs, "predict_proba") else ()))
    for method in methods:
        mine, parents = (outcome(getattr(est, method), X) for est in (ours, theirs))
        assert_same_complaint(mine, parents)
        assert type(mine.value) is type(parents.value), method
        assert bits(mine.value) == bits(parents.value), method
