"""The registry names all that mlfast has, and nothing else."""

import importlib
import importlib.util
import pkgutil

import mlfast
from mlfast.accel._registry import KNOWN, OWN, REGISTRY


def public_modules():
    """mlfast's modules that bear the name of one of scikit-learn's."""
    for found in pkgutil.iter_modules(mlfast.__path__, "mlfast."):
        if "._" in found.name or not importlib.util.find_spec(found.name.replace("mlfast", "sklearn", 1)):
            continue
        room = importlib.import_module(found.name)
        yield room
        for inner in pkgutil.iter_modules(getattr(room, "__path__", ()), f"{found.name}."):
            if "._" not in inner.name:
                yield importlib.import_module(inner.name)


def test_nothing_is_forgotten():
    has = {f"{module.__name__}.{name}" for module in public_modules() for name in module.__all__}
    own = {f"{module}.{name}" for module, names in OWN.items() for name in names}
    assert own <= has
    assert {name.replace("mlfast", "sklearn", 1) for name in has - own} == KNOWN


def test_scikit_learn_lacks_what_is_called_our_own():
    for module, names in OWN.items():
        theirs = importlib.import_module(module.replace("mlfast", "sklearn", 1))
        assert [name for name in names if hasattr(theirs, name)] == []


def test_each_name_is_scikit_learns():
    for module, names in REGISTRY.items():
        assert list(names) == sorted(names)
        for name in names:
            assert getattr(importlib.import_module(module), name).__module__.startswith("sklearn.")
