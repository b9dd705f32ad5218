"""docs/reliability.md names tests, commands and figures; all of them exist."""

import ast
import re

import pytest

from .isolated import ROOT
from .process.figures import figures

TEXT = (ROOT / "docs" / "reliability.md").read_text()
ROWS = dict(re.findall(r"^\| (\d+) \| [^|]+ \| (.+) \|$", TEXT, re.M))


def names_in(file):
    """Full names of the tests of a file."""
    for statement in ast.parse(file.read_text()).body:
        if isinstance(statement, ast.FunctionDef):
            yield statement.name
        elif isinstance(statement, ast.ClassDef):
            parts = [part for part in statement.body if isinstance(part, ast.FunctionDef)]
            yield from (f"{statement.name}::{part.name}" for part in parts)


def test_there_are_twenty_five():
    assert [int(number) for number in ROWS] == list(range(1, 26))


@pytest.mark.parametrize("number", ROWS)
def test_every_requirement_is_held_by_something_that_exists(number):
    tests = re.findall(r"`(tests/[\w/.]+)::([\w:]+)`", ROWS[number])
    verbs = re.findall(r"`make ([\w-]+)`", ROWS[number])
    assert tests or verbs
    for file, name in tests:
        assert name in set(names_in(ROOT / file)), f"{file}::{name}"
    makefile = (ROOT / "Makefile").read_text()
    for verb in verbs:
        assert re.search(rf"^{verb}:.*## ", makefile, re.M), verb
    for path in re.findall(r"`(tests/[\w/.]+)`", ROWS[number]):
        assert (ROOT / path).exists(), path


def test_no_figure_says_more_than_the_command_counts():
    told = re.findall(r"^\| ([^|]+?) \| ([\d,]+) \|$", TEXT, re.M)
    counted = dict(figures())
    assert {what for what, _ in told} == counted.keys()
    for what, count in told:
        assert int(count.replace(",", "")) <= counted[what], what
