"""The comparison with all that the parent gives on this machine refuses what none of its answers is."""

import numpy as np
import pytest

from . import spread


def compare(ours, theirs):
    assert ours.keys() == theirs.keys()
    np.testing.assert_allclose(ours["value"], theirs["value"], rtol=0, atol=1e-12)


def given(order=None):
    """An answer of the parent that moves by one part in a thousand with the order of its sums."""
    return {"value": np.array([1.0, 2.0]) + (0.0 if order is None else 1e-3 * order)}


@pytest.fixture
def same_everywhere(monkeypatch):
    """The parent answers the same under all settings, so that only `orders` moves it."""
    monkeypatch.setattr(spread, "elsewhere", lambda ask, *args: [ask(*args)])


@pytest.mark.usefixtures("same_everywhere")
def test_an_answer_among_the_parents_own_is_accepted():
    for move in (0.0, 1e-3, -5e-4):
        spread.assert_within(compare, {"value": given()["value"] + move}, given(), given, orders=[1])


@pytest.mark.usefixtures("same_everywhere")
@pytest.mark.parametrize(("move", "orders"), [(1e-9, []), (2.1e-3, [1]), (-1.1e-3, [1]), (np.nan, [1]), (np.inf, [1])])
def test_a_wrong_answer_is_refused(move, orders):
    with pytest.raises(AssertionError, match="farther from the parent"):
        spread.assert_within(compare, {"value": given()["value"] + move}, given(), given, orders=orders)


@pytest.mark.usefixtures("same_everywhere")
def test_a_value_that_is_missing_or_of_another_kind_is_refused():
    for wrong in ({}, {"value": given()["value"].astype(np.float32) + 1}, {"value": np.zeros(3)}):
        with pytest.raises(AssertionError, match="farther from the parent"):
            spread.assert_within(compare, wrong, given(), given, orders=[1])


def test_parts_are_all_settings_and_none_twice():
    found = [(kernel, "", isa) for kernel in ("Prescott", "Haswell") for isa in ("portable", "avx2")]
    assert sorted(s for i in (1, 2, 3) for s in spread.part(found, [f"{i}/3"])) == sorted(found)
    assert spread.part(found, ["Prescott", "avx2"]) == [("Prescott", "", "avx2")]
    assert spread.part(found, ["SkylakeX"]) == []
