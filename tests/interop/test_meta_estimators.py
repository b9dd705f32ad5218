"""scikit-learn's meta-estimators with mlfast's estimators inside: what they give with scikit-learn's own."""

import pytest

from ..compare import assert_close, leaves
from .meta import PAIRS, data


# Of rows that bagging has not drawn AdaBoost takes the logarithm of 0, scikit-learn's and mlfast's alike.
@pytest.mark.filterwarnings("ignore:divide by zero encountered in log:RuntimeWarning")
@pytest.mark.parametrize("pair", PAIRS)
def test_same_as_with_the_parent(pair):
    case, entry = PAIRS[pair]
    mine, parents = case.result(entry), case.result(entry, parent=True)
    assert mine.keys() == parents.keys()
    X, _ = data(entry)
    for name, value in parents.items():
        ours, theirs = leaves(name, mine[name]), leaves(name, value)
        assert ours.keys() == theirs.keys()
        for part in theirs:
            assert_close(part, ours[part], theirs[part], X, "float64", **entry.marks)
