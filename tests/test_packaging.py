"""What the package promises about itself: versions, dependencies, files, stubs, build profile."""

import ast
import importlib
import importlib.metadata
import inspect
import json
import re
import sys
import tomllib
from pathlib import Path

import pytest

import mlfast
from mlfast import _core

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = Path(mlfast.__file__).parent
CARGO = tomllib.loads((ROOT / "Cargo.toml").read_text())
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SOURCES = sorted((ROOT / "python" / "mlfast").rglob("*.py"))


def name_of(requirement):
    return re.match(r"[A-Za-z0-9._-]+", requirement).group().lower()


def test_the_installed_package_is_tested():
    """A wheel's package lies outside this repository's python/ folder; only `make dev` installs from there."""
    origin = json.loads(importlib.metadata.distribution("mlfast").read_text("direct_url.json") or "{}")
    editable = origin.get("dir_info", {}).get("editable", False)
    assert ((ROOT / "python") in PACKAGE.parents) == editable


def test_versions_agree():
    assert CARGO["package"]["version"] == PYPROJECT["project"]["version"] == mlfast.__version__
    assert importlib.metadata.version("mlfast") == mlfast.__version__


def test_dependencies_are_three():
    three = {"numpy", "scipy", "scikit-learn"}
    assert {name_of(line) for line in PYPROJECT["project"]["dependencies"]} == three
    installed = importlib.metadata.requires("mlfast")
    assert {name_of(line) for line in installed if "extra ==" not in line} == three


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_need_nothing_else(path):
    """scikit-learn itself requires joblib and threadpoolctl, so they are always there."""
    known = {"numpy", "scipy", "sklearn", "joblib", "threadpoolctl", "mlfast"} | sys.stdlib_module_names
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(node.module.partition(".")[0])
    assert found <= known


def test_a_panic_unwinds():
    """With panic = "abort" a bug in Rust would end the interpreter instead of raising mlfast.InternalError."""
    profiles = CARGO["profile"]
    assert profiles["release"]["panic"] == "unwind"
    assert not [name for name, profile in profiles.items() if profile.get("panic") == "abort"]


def test_the_core_needs_no_python():
    assert CARGO["features"]["default"] == []
    assert all(CARGO["dependencies"][name]["optional"] for name in ("pyo3", "numpy"))


def test_package_files():
    for name in ("py.typed", "_core.pyi", "__init__.py"):
        assert (PACKAGE / name).is_file(), name
    files = [str(path) for path in importlib.metadata.files("mlfast")]
    assert any(name.endswith("licenses/LICENSE") for name in files)
    strays = [name for name in files if name.split("/")[0] in {"tests", "benches", "examples", "src"}]
    assert strays == []


def stub_names(body):
    """Public names that the statements of a stub define."""
    names = set()
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
        elif isinstance(node, ast.ImportFrom | ast.Import):
            # `import x as x` is a stub's way to say that x is public.
            names |= {alias.asname for alias in node.names if alias.asname == alias.name.rpartition(".")[2]}
    return {name for name in names if not name.startswith("_")}


def binary_names(thing):
    return {name for name in dir(thing) if not name.startswith("_")}


def test_stubs_name_what_the_binary_holds():
    tree = ast.parse((PACKAGE / "_core.pyi").read_text())
    assert stub_names(tree.body) == binary_names(_core)
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            assert stub_names(node.body) == set(vars(getattr(_core, node.name))) & stub_names(node.body)


def test_stubs_name_the_parameters():
    """Names and order of every parameter; `mypy.stubtest` in `make lint` compares kinds and defaults too."""
    tree = ast.parse((PACKAGE / "_core.pyi").read_text())
    for node in [node for node in tree.body if isinstance(node, ast.FunctionDef)]:
        arguments = node.args
        stub = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
        assert stub == list(inspect.signature(getattr(_core, node.name)).parameters), node.name
