"""Which tests run when, and whose seconds they are."""

from types import SimpleNamespace

import pytest

from . import budget, tiers
from .contract.registry import BY_NAME, FUNCTION_BY_NAME, OWN_NAMES


def item(nodeid, *choices, nightly=False, **params):
    """What the tiers ask of an item of pytest."""
    return SimpleNamespace(
        nodeid=nodeid,
        callspec=SimpleNamespace(params=params),
        iter_markers=lambda name: [SimpleNamespace(kwargs=choice) for choice in choices],
        get_closest_marker=lambda name: nightly or None,
    )


def test_representatives_take_ways_of_their_own():
    assert set(tiers.REPRESENTATIVES) <= OWN_NAMES <= BY_NAME.keys() | FUNCTION_BY_NAME.keys()


@pytest.mark.parametrize(
    ("choices", "nightly"),
    [
        ([], False),
        ([{"entry": ["KMeans"]}], False),
        ([{"entry": ["Ridge"]}], True),
        ([{"entry": ["Ridge"]}, {"dtype": ["f4"]}], False),
        ([{"entry": ["KMeans"], "dtype": ["f8"]}], True),
    ],
)
def test_markers(choices, nightly):
    """All arguments of one marker must fit; one of the markers suffices."""
    case = item("tests/a.py::test_b[KMeans-f4]", *choices, entry=BY_NAME["KMeans"], dtype="f4")
    assert tiers.is_nightly(case) is nightly
    assert tiers.never_per_change([case]) == (["tests/a.py::test_b"] if nightly else [])


def test_each_tier_holds_the_one_before():
    items = [item(f"tests/a.py::test_b[{i}]", nightly=i % 3 == 0) for i in range(60)]
    items += [item("tests/process/test_c.py::test_d"), item("tests/a.py::test_e")]
    chosen = {tier: {case.nodeid for case in tiers.split(items, tier)[0]} for tier in tiers.TIERS}
    assert chosen["fast"] < chosen["change"] < chosen["nightly"] == {case.nodeid for case in items}
    assert "tests/a.py::test_e" in chosen["fast"]
    assert len(chosen["fast"]) == 40 // tiers.FAST_STEP + 1 + 1


@pytest.mark.parametrize(
    ("case", "entry"),
    [("[Ridge-csr]", "Ridge"), ("[LinearSVC[L1]-nan]", "LinearSVC"), ("[KMeans(n_init=2)-check]", "KMeans"), ("", "")],
)
def test_seconds_are_those_of(case, entry):
    nodeid = f"tests/contract/test_fuzz.py::test_it{case}"
    assert (budget.entry_of(nodeid), tiers.theme_of(nodeid)) == (entry, "contract/test_fuzz")
