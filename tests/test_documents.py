"""README.md and docs/: what they name exists, what is generated is current."""

import importlib
import importlib.util
import pkgutil
import re

import pytest

import mlfast
from mlfast._dispatch import Condition

from . import coverage_page
from .isolated import ROOT

README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "GLOSSARY.md", ROOT / "src" / "README.md"]
PAGES += sorted((ROOT / "docs").glob("*.md"))


def test_the_readme_is_short_and_reads_on_the_package_index():
    assert len(README.encode()) <= 8192
    links = re.findall(r"\]\(([^)]+)\)", README)
    assert [link for link in links if not link.startswith("https://")] == []


def test_the_readme_shows_eight_rows_of_the_benchmarks():
    spec = importlib.util.spec_from_file_location("highlights", ROOT / "benches" / "compare" / "highlights.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    table = module.highlights((ROOT / "docs" / "benchmarks.md").read_text())
    assert len(table.splitlines()) == 2 + 8
    assert f"<!-- bench:highlights:begin -->\n{table}\n<!-- bench:highlights:end -->" in README


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_a_page_names_exists(path):
    text = path.read_text()
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        assert link.startswith("https://") or (path.parent / link).exists(), link
    for name in re.findall(r"`((?:docs|tests|examples|benches|python)/[\w/.]+?)(?:::\w+)*`", text):
        assert "." not in name.rpartition("/")[2] or (ROOT / name).exists(), name
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M))
    named = set(re.findall(r"^make ([\w-]+)", text, re.M)) | set(re.findall(r"`make ([\w-]+)", text))
    assert named <= targets


def test_the_coverage_page_is_current():
    """`make coverage` writes it."""
    assert coverage_page.page() == coverage_page.PAGE.read_text()


def test_the_coverage_page_has_every_condition():
    text = coverage_page.PAGE.read_text()
    conditions = set()
    for found in pkgutil.walk_packages(mlfast.__path__, "mlfast."):
        if found.name.startswith("mlfast.") and found.name.split(".")[1] in mlfast._ROOMS and "accel" not in found.name:
            for value in vars(importlib.import_module(found.name)).values():
                values = value if isinstance(value, tuple) else (value,)
                conditions |= {each for each in values if isinstance(each, Condition)}
    assert len(conditions) > 30
    assert [each for each in map(coverage_page.words, conditions) if each not in text] == []
