"""A pytest plugin that lets test suites written for scikit-learn judge mlfast.

``pytest -p mlfast.accel.pytest_plugin --pyargs sklearn.cluster`` runs the tests with mlfast in scikit-learn's place.
``--mlfast-expected FILE`` names a YAML file of the tests that are expected to fail, a list of groups such as ::

    - reason: why no user of the estimator is harmed by this failure
      version: scikit-learn>=1.9,<1.10
      raises: AssertionError
      tests:
        - sklearn/cluster/tests/test_k_means.py::test_name[parameters]

``version`` is optional: a group counts only where the installed version fits. ``raises`` names the exception that ends
the tests, AssertionError unless given; ``Failed`` is what pytest raises itself. A listed test that passes, or ends with
another exception, fails. So does a run that collects a module without finding in it a test that the file lists there.
"""

import builtins
import json
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from mlfast.accel import install

#: Stands before the reason in reports: it tells this file's expectations from those of the suite itself.
_OURS = "mlfast: "
#: The key under which workers of pytest-xdist hand over their unmatched expectations.
_UNMATCHED = "mlfast_unmatched"


@dataclass(frozen=True)
class Expectation:
    """Why a test is expected to fail, and with which exception."""

    reason: str
    raises: type[BaseException]


def read_expectations(file: Path) -> dict[str, Expectation]:
    """Return, by the id of the test, what is expected to fail with the installed versions.

    Raises
    ------
    pytest.UsageError
        If the file does not read as this module's docstring says, or lists a test twice.
    """
    found: dict[str, Expectation] = {}
    for group in yaml.safe_load(file.read_text()) or []:
        strange = set(group) - {"reason", "version", "raises", "tests"}
        if strange or not group.get("reason") or not group.get("tests"):
            raise pytest.UsageError(f"{file}: a group is reason and tests, perhaps version and raises; found {group}")
        if not _fits(group.get("version")):
            continue
        expectation = Expectation(group["reason"], _exception(group.get("raises", "AssertionError"), file))
        for test in group["tests"]:
            if test in found:
                raise pytest.UsageError(f"{file}: {test} is listed twice")
            found[test] = expectation
    return found


def _fits(condition: str | None) -> bool:
    if condition is None:
        return True
    requirement = Requirement(condition)
    return requirement.specifier.contains(version(requirement.name), prereleases=True)


def _exception(name: str, file: Path) -> type[BaseException]:
    kind: Any = pytest.fail.Exception if name == "Failed" else getattr(builtins, name, None)
    if not (isinstance(kind, type) and issubclass(kind, BaseException)):
        raise pytest.UsageError(f"{file}: {name} is no exception that a test can end with")
    return kind


def id_of(item: pytest.Item) -> str:
    """Return the id of a test from the top of its package on, whatever folder pytest was started in."""
    top = item.path.parent
    while (top / "__init__.py").exists():
        top = top.parent
    return f"{item.path.relative_to(top).as_posix()}::{item.nodeid.partition('::')[2]}"


class Judge:
    """Marks the tests that are expected to fail and says what became of the expectations.

    Parameters
    ----------
    expected : dict of str to Expectation
        By the id of the test.
    report : Path or None
        Where to write the outcome, as JSON.
    """

    def __init__(self, expected: dict[str, Expectation], report: Path | None) -> None:
        self._expected = expected
        self._report = report
        self._unmatched: set[str] = set()

    @pytest.hookimpl(tryfirst=True)  # before -k, -m and --deselect take tests away
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Mark the tests that are expected to fail; remember the expectations that match no test."""
        collected = {id_of(item): item for item in items}
        for test, expectation in self._expected.items():
            if test in collected:
                mark = pytest.mark.xfail(reason=_OURS + expectation.reason, raises=expectation.raises, strict=True)
                collected[test].add_marker(mark, append=False)
        # A run that was asked for single tests does not see the others of their modules.
        if not any("::" in argument for argument in config.args):
            modules = {test.partition("::")[0] for test in collected}
            self._unmatched = {test for test in self._expected if test.partition("::")[0] in modules} - set(collected)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Hear from a worker of pytest-xdist which expectations matched no test."""
        self._unmatched.update(getattr(node, "workeroutput", {}).get(_UNMATCHED, ()))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail the run if an expectation matched no test; a worker of pytest-xdist leaves that to the controller."""
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            output[_UNMATCHED] = sorted(self._unmatched)
        elif self._unmatched and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print, and write if asked to, how many tests passed, failed and failed as expected."""
        stats = terminalreporter.stats
        outcome: dict[str, Any] = {
            "passed": len(stats.get("passed", [])) + len(stats.get("xpassed", [])),
            "failed": sorted({report.nodeid for kind in ("failed", "error") for report in stats.get(kind, [])}),
            "expected": sorted(r.nodeid for r in stats.get("xfailed", []) if r.wasxfail.startswith(_OURS)),
            "unmatched": sorted(self._unmatched),
        }
        # What the suite itself skips or expects to fail.
        outcome["skipped"] = len(stats.get("skipped", [])) + len(stats.get("xfailed", [])) - len(outcome["expected"])
        for test in outcome["unmatched"]:
            terminalreporter.write_line(f"mlfast: listed as an expected failure, but there is no such test: {test}")
        passed, failed, expected = outcome["passed"], len(outcome["failed"]), len(outcome["expected"])
        terminalreporter.write_line(f"mlfast: {passed} passed, {failed} failed, {expected} failed as expected")
        if self._report is not None:
            self._report.write_text(json.dumps(outcome, indent=1))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("mlfast", "scikit-learn's tests as the judge of mlfast")
    group.addoption("--mlfast-expected", metavar="FILE", type=Path, help="YAML file of the tests expected to fail")
    group.addoption("--mlfast-report", metavar="FILE", type=Path, help="write the outcome to this file, as JSON")
    group.addoption("--mlfast-stock", action="store_true", help="leave scikit-learn in place, to compare with")


def pytest_configure(config: pytest.Config) -> None:
    """Put mlfast in scikit-learn's place, before any test module is imported."""
    file = config.getoption("--mlfast-expected")
    judge = Judge(read_expectations(file) if file else {}, config.getoption("--mlfast-report"))
    config.pluginmanager.register(judge, "mlfast-judge")
    if not config.getoption("--mlfast-stock"):
        undo = ExitStack()
        undo.enter_context(install())
        config.add_cleanup(undo.close)
