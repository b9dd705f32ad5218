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
    if path.name == "pytest_plugin.py":  # loaded by pytest and nothing else
        known |= {"pytest", "packaging", "yaml"}
    if path.name == "onnx.py":  # says what is missing where it is not installed
        known |= {"skl2onnx"}
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
    for name in ("py.typed", "_core/__init__.pyi", "__init__.py"):
        assert (PACKAGE / name).is_file(), name
    files = [str(path) for path in importlib.metadata.files("mlfast")]
    assert any(name.endswith("licenses/LICENSE") for name in files)
    strays = [name for name in files if name.split("/")[0] in {"tests", "benches", "examples", "src"}]
    assert strays == []


def test_what_is_loaded_on_demand():
    """Names are listed for users, for type checkers and with their homes: three lists that must agree."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    (block,) = (node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    seen_by_checkers = [
        (alias.name, node.module) for node in block.body for alias in node.names if node.module.startswith("mlfast")
    ]
    rooms = dict.fromkeys(mlfast._ROOMS, "mlfast")
    assert sorted(seen_by_checkers) == sorted((mlfast._HOMES | rooms).items())
    assert sorted(mlfast.__all__) == sorted(mlfast._HOMES)
    for name, home in mlfast._HOMES.items():
        assert getattr(mlfast, name) is getattr(importlib.import_module(home), name)
    for room in mlfast._ROOMS:
        assert getattr(mlfast, room) is importlib.import_module(f"mlfast.{room}")
    assert {*mlfast.__all__, *mlfast._ROOMS} <= set(dir(mlfast))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = mlfast.nothing


def stub_names(body):
    """Public names that the statements of a stub define."""
    names = set()
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.AnnAssign):
            names.add(node.target.id)
    return {name for name in names if not name.startswith("_")}


def stub_modules():
    """The binary's modules beside the statements of their stubs: `_core/__init__.pyi`, one for each inner module."""
    stubs = {path.stem: ast.parse(path.read_text()).body for path in (PACKAGE / "_core").glob("*.pyi")}
    found = [(_core, stubs.pop("__init__"))]
    return found + [(getattr(_core, name), body) for name, body in stubs.items()]


def test_stubs_name_what_the_binary_holds():
    for module, body in stub_modules():
        names = {name for name in dir(module) if not inspect.ismodule(getattr(module, name))}
        assert stub_names(body) == {name for name in names if not name.startswith("_")}, module
    stubs = {path.stem for path in (PACKAGE / "_core").glob("*.pyi")} - {"__init__"}
    assert stubs == {name for name, inner in vars(_core).items() if inspect.ismodule(inner)}


def test_stubs_name_the_parameters():
    """Names, order and kinds; `mypy.stubtest` in `make lint` does not look into the rooms."""
    for module, body in stub_modules():
        for node in [node for node in body if isinstance(node, ast.FunctionDef)]:
            arguments = node.args
            positional = [(argument.arg, "positional-only") for argument in arguments.posonlyargs]
            positional += [(argument.arg, "positional or keyword") for argument in arguments.args]
            stub = positional + [(argument.arg, "keyword-only") for argument in arguments.kwonlyargs]
            binary = inspect.signature(getattr(module, node.name)).parameters.values()
            assert stub == [(p.name, p.kind.description) for p in binary], f"{module.__name__}.{node.name}"
