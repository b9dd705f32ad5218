"""scikit-learn's own estimator checks, on the instances that scikit-learn itself checks the parent with."""

from unittest import SkipTest

import pytest
from sklearn.utils._test_common.instance_generator import _construct_instances
from sklearn.utils.estimator_checks import parametrize_with_checks

import mlfast
import mlfast.metrics.pairwise
from mlfast.accel._registry import OWN

from ..compare import outcome
from .registry import ENTRIES

PARENT_OF = {entry.ours: entry.parent for entry in ENTRIES}

# Checks that feed what only the parent may judge, see the list of fallback conditions.
REACH_PARENT = {"check_all_zero_sample_weights_error", "check_sparsify_coefficients"}
SPARSE_SCORES = {"check_estimator_sparse_array", "check_estimator_sparse_matrix"}


def instances():
    for ours, parent in PARENT_OF.items():
        for est in _construct_instances(parent):
            yield ours(**est.get_params(deep=False))


def reaches_parent(est, check):
    """Whether scikit-learn may answer: it alone takes distances that were computed before."""
    if type(est).__name__ == "NearestCentroid" and check in SPARSE_SCORES:
        return True
    if type(est).__name__ == "IsolationForest" and check == "check_estimators_pickle":  # with missing values
        return True
    return check in REACH_PARENT or getattr(est, "metric", None) == "precomputed"


def failure(check, est):
    """What a check raises, or None."""
    try:
        check(est)
    except Exception as error:
        return error
    return None


@pytest.mark.filterwarnings("default")  # the checks provoke warnings of all kinds; errors are what they look for
@parametrize_with_checks(list(instances()))
def test_sklearn_check(estimator, check):
    """
    What scikit-learn's own class passes on this machine, ours passes.

    The parent is asked only where ours fails: which checks it fails is a matter of its BLAS kernel too.
    """
    parent = PARENT_OF[type(estimator)](**estimator.get_params(deep=False))
    name = getattr(check, "func", check).__name__
    with mlfast.config_context(fallback="sklearn" if reaches_parent(estimator, name) else "raise"):
        ours = failure(check, estimator)
    if ours is None:
        return
    if isinstance(ours, SkipTest) or type(ours) is not type(failure(check, parent)):
        raise ours
    pytest.xfail("scikit-learn's own class fails this check here")


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.name)
class TestSameClass:
    """The estimator is its parent in everything that does not compute."""

    def test_subclass(self, entry):
        assert issubclass(entry.ours, entry.parent)
        assert entry.ours.__name__ == entry.parent.__name__

    def test_parameters(self, entry):
        assert entry.ours().get_params() == entry.parent().get_params()
        assert repr(entry.make()) == repr(entry.make(parent=True))

    def test_tags(self, entry):
        assert entry.ours().__sklearn_tags__() == entry.parent().__sklearn_tags__()

    def test_metadata_requests(self, entry):
        ours, theirs = (outcome(est().get_metadata_routing) for est in (entry.ours, entry.parent))
        assert ours.complaint == theirs.complaint
        assert repr(ours.value) == repr(theirs.value)

    def test_parameter_constraints(self, entry):
        assert entry.ours._parameter_constraints == entry.parent._parameter_constraints

    def test_fit_sets_what_the_parent_sets(self, entry):
        X = entry.data(0, 50, 4)
        ours, parent = entry.fit(X), entry.fit(X, parent=True)
        assert set(entry.state) <= set(vars(ours))
        public = [{k for k in vars(est) if not k.startswith("_")} for est in (ours, parent)]
        assert public[0] == public[1]

    def test_feature_names_out(self, entry):
        X = entry.data(0, 50, 4)
        if not hasattr(entry.parent, "get_feature_names_out"):
            assert not hasattr(entry.ours, "get_feature_names_out")
            return
        names = [entry.fit(X, parent=parent).get_feature_names_out().tolist() for parent in (False, True)]
        assert names[0] == names[1]


def test_registry_is_complete():
    """Every public class of the rooms stands in the registry: a new estimator cannot skip the contract."""
    import inspect

    from .registry import FUNCTIONS

    listed = {entry.ours for entry in ENTRIES} | {function.ours for function in FUNCTIONS}
    rooms = [getattr(mlfast, name) for name in mlfast._ROOMS if name not in ("accel", "metrics")]
    for room in [*rooms, mlfast.metrics.pairwise]:
        # What has no parent to be compared with is asked the same by the tests of its own room.
        for name in set(room.__all__) - set(OWN.get(room.__name__, ())):
            thing = getattr(room, name)
            if inspect.isclass(thing) or inspect.isfunction(thing):
                assert thing in listed, f"{room.__name__}.{name} is missing in tests/contract/registry.py"


def test_what_is_like_another_has_one_that_is_tested():
    from .registry import BY_NAME, FUNCTION_BY_NAME

    by_name = {**BY_NAME, **FUNCTION_BY_NAME}
    for thing in by_name.values():
        assert not thing.like or not by_name[thing.like].like, thing.name
