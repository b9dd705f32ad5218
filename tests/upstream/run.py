"""
Run scikit-learn's tests, stock and with mlfast in its place, and print what passed, failed and was expected to fail.

    python -m tests.upstream.run            the modules that touch something replaced
    python -m tests.upstream.run --all      all modules
    python -m tests.upstream.run --direct   the modules that are about what is replaced; without the stock run

Arguments that follow go to pytest. A test that fails under stock scikit-learn too says nothing about mlfast. Any other
failure, an expected failure that passes, or one that is no test of its module, is an error.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import sklearn

from . import selection

EXPECTED = Path(__file__).with_name("expected_failures.yaml")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--all", dest="modules", action="store_const", const=selection.every, default=selection.touching)
    which.add_argument("--direct", dest="modules", action="store_const", const=selection.direct)
    options, pytest_args = parser.parse_known_args()
    modules = options.modules()
    print(
        f"scikit-learn {sklearn.__version__}: {len(modules)} of its {len(selection.every())} test modules", flush=True
    )
    outcomes = {"mlfast": run(modules, ["--mlfast-expected", EXPECTED, *pytest_args])}
    if options.modules is not selection.direct:
        outcomes["stock"] = run(modules, ["--mlfast-stock", *pytest_args])
    sys.exit(summarise(outcomes))


def run(modules, args):
    """Run pytest over `modules`; return the outcome that the plugin writes."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("MLFAST_")}
    env["OMP_WAIT_POLICY"] = "PASSIVE"  # see tests/conftest.py
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        # The settings of this repository are not those of scikit-learn's tests.
        settings = ["-c", os.devnull, "--rootdir", selection.ROOT.parent, "-p", "no:cacheprovider", "--tb=short"]
        workers = ["-n", "logical", "--maxprocesses", "4", "--dist", "worksteal", "--timeout", "900"]
        command = [sys.executable, "-m", "pytest", "-p", "mlfast.accel.pytest_plugin", "--mlfast-report", report]
        command += [*settings, *workers, "--disable-warnings", *args, *modules]
        status = subprocess.run([str(word) for word in command], env=env, cwd=folder).returncode
        if status not in (0, 1) or not report.exists():
            sys.exit(f"pytest ended with status {status}")
        return json.loads(report.read_text())


def summarise(outcomes):
    """Print the outcomes side by side; return the exit status."""
    ours, stock = outcomes["mlfast"], outcomes.get("stock", {"failed": []})
    wrong = sorted(set(ours["failed"]) - set(stock["failed"]))
    print(f"\n{'':8}{'passed':>8}{'failed':>8}{'expected':>10}{'skipped':>9}")
    for name, outcome in reversed(outcomes.items()):
        failed, expected = len(outcome["failed"]), len(outcome["expected"])
        print(f"{name:8}{outcome['passed']:8}{failed:8}{expected:10}{outcome['skipped']:9}")
    for problem, tests in ("fails with mlfast only", wrong), ("no such test", ours["unmatched"]):
        for test in tests:
            print(f"{problem}: {test}")
    return int(bool(wrong or ours["unmatched"]))


if __name__ == "__main__":
    main()
