"""The plugin that judges mlfast by other suites' tests: no expectation may rot, none may hide more than it says."""

import json
import warnings

import pytest

import mlfast.accel.pytest_plugin as plugin
from mlfast.accel import installed

pytest_plugins = ["pytester"]

SUITE = """
import pytest

def test_passes(): pass
def test_fails(): assert False
def test_raises(): raise ValueError("no assertion")
def test_does_not_raise():
    with pytest.raises(ValueError):
        pass
@pytest.mark.parametrize("odd", [1, 2])
def test_half(odd): assert odd % 2
"""
GROUP = """
- reason: it is so
  tests: [{}]
"""


@pytest.fixture(autouse=True)
def quietly():
    """What other tests of this process have imported is not what these tests are about."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "made with scikit-learn's classes")
        yield


@pytest.fixture
def judged(pytester):
    """Run some tests of SUITE under the plugin with a file of expectations; check the counts."""
    pytester.makepyfile(test_suite=SUITE)

    def run(only, expected="", outcome=None, *args):
        file = pytester.makefile(".yaml", expected=expected)
        result = pytester.runpytest_inprocess(
            "-p", "mlfast.accel.pytest_plugin", "--mlfast-expected", file, "-k", only, "-p", "no:cacheprovider", *args
        )
        if outcome is not None:
            passed, failed, as_expected = outcome
            result.stdout.fnmatch_lines([f"mlfast: {passed} passed, {failed} failed, {as_expected} failed as expected"])
            assert result.ret == (1 if failed else 0)
        return result

    return run


def test_a_listed_failure_is_counted_and_does_not_fail_the_run(judged):
    judged("passes or fails", GROUP.format("test_suite.py::test_fails"), (1, 0, 1))
    judged("passes or fails", "", (1, 1, 0))


def test_one_parameter_set_may_be_listed(judged):
    judged("half", GROUP.format('"test_suite.py::test_half[2]"'), (1, 0, 1))


def test_a_listed_test_that_passes_fails(judged):
    judged("passes", GROUP.format("test_suite.py::test_passes"), (0, 1, 0))


def test_only_the_named_exception_is_expected(judged):
    judged("raises", GROUP.format("test_suite.py::test_raises"), (0, 1, 0))
    judged("raises", GROUP.format("test_suite.py::test_raises") + "  raises: ValueError\n", (0, 0, 1))
    judged("does_not", GROUP.format("test_suite.py::test_does_not_raise") + "  raises: Failed\n", (0, 0, 1))


@pytest.mark.parametrize("condition", ["pytest<1", "scikit-learn>=1.9,<1.9"])
def test_a_group_for_other_versions_does_not_count(judged, condition):
    group = GROUP.format("test_suite.py::test_fails")
    judged("fails", group + f"  version: {condition}\n", (0, 1, 0))
    judged("fails", group + "  version: pytest>=1\n", (0, 0, 1))


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["one process", "xdist"])
def test_a_name_that_is_no_test_of_its_module_fails_the_run(judged, workers):
    result = judged("passes", GROUP.format("test_suite.py::test_gone"), None, *workers)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*there is no such test: test_suite.py::test_gone", "mlfast: 1 passed, 0 failed*"])


def test_names_in_modules_that_were_not_collected_are_left_alone(judged, pytester):
    judged("passes", GROUP.format("test_other.py::test_gone"), (1, 0, 0))
    pytester.makepyfile(test_suite=SUITE)
    file = pytester.makefile(".yaml", expected=GROUP.format("test_suite.py::test_fails"))
    result = pytester.runpytest_inprocess(
        "-p", "mlfast.accel.pytest_plugin", "--mlfast-expected", file, "test_suite.py::test_passes"
    )
    assert result.ret == 0


@pytest.mark.parametrize(
    "text",
    [
        "- tests: [a.py::b]",
        "- reason: it is so",
        GROUP.format("a.py::b") + "  until: 2030\n",
        GROUP.format("a.py::b, a.py::b"),
        GROUP.format("a.py::b") + "  raises: Nothing\n",
    ],
)
def test_files_that_do_not_read_are_refused(tmp_path, text):
    (tmp_path / "expected.yaml").write_text(text)
    with pytest.raises(pytest.UsageError):
        plugin.read_expectations(tmp_path / "expected.yaml")


def test_mlfast_stands_in_for_scikit_learn_while_the_tests_run(pytester):
    pytester.makepyfile(test_place="from sklearn.cluster import KMeans\ndef test(): assert 'mlfast' in str(KMeans)")
    before = installed()
    options = ["-p", "mlfast.accel.pytest_plugin", "--mlfast-report", "report.json"]
    assert pytester.runpytest_inprocess(*options).ret == 0
    assert json.loads((pytester.path / "report.json").read_text()) == {
        "passed": 1, "failed": [], "expected": [], "unmatched": [], "skipped": 0
    }  # fmt: skip
    assert pytester.runpytest_inprocess(*options, "--mlfast-stock").ret == 1
    assert json.loads((pytester.path / "report.json").read_text())["failed"] == ["test_place.py::test"]
    assert installed() == before
