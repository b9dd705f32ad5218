"""Names that were bound before mlfast took scikit-learn's place: some can be bound anew, the others are reported.

A global of a module is only a name: whoever reads it from now on may as well get mlfast's object. What holds
scikit-learn's object in another way (subclasses, instances, containers, defaults of functions, attributes of classes)
was built with it, and changing it behind its owner's back could break it. Such places are listed.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from types import FunctionType, ModuleType
from typing import Any

from mlfast.accel._modules import counterpart, is_users

#: What was bound anew: the namespace, the name, mlfast's object, scikit-learn's, and its full name.
_rebound: list[tuple[dict[str, Any], str, Any, Any, str]] = []

#: The dictionary of a module; asking the module itself could make a lazy one load.
_namespace_of: Callable[[ModuleType], dict[str, Any]] = vars(ModuleType)["__dict__"].__get__

#: What scikit-learn is built on does not name it.
_BENEATH = sys.stdlib_module_names | {"joblib", "numpy", "scipy", "threadpoolctl"}

_CONTAINERS = (list, tuple, set, frozenset, dict)
#: Longer containers hold data, not estimators.
_LONGEST = 1000
_DEEPEST = 4

Originals = Mapping[int, tuple[str, Any]]


def rebind(originals: Originals) -> None:
    """Bind globals of users' modules that are scikit-learn's objects to mlfast's.

    Parameters
    ----------
    originals : mapping of int to (str, object)
        By identity: the full name of an object of scikit-learn, and the object.
    """
    for _, namespace in _users_namespaces():
        for name, value in list(namespace.items()):
            if id(value) in originals:
                full_name, original = originals[id(value)]
                ours = counterpart(*_split(full_name))
                namespace[name] = ours
                _rebound.append((namespace, name, ours, original, full_name))


def restore(active: frozenset[str]) -> None:
    """Undo `rebind` for full names that are not active any more, where the name has not been bound again since."""
    for entry in list(_rebound):
        namespace, name, ours, original, full_name = entry
        if full_name not in active:
            _rebound.remove(entry)
            if namespace.get(name) is ours:
                namespace[name] = original


def stale(originals: Originals) -> list[str]:
    """Return the places in users' modules that hold scikit-learn's objects and cannot be changed safely."""
    found = []
    for _, original in originals.values():
        derived: list[type] = original.__subclasses__() if isinstance(original, type) else []
        found += [
            f"{c.__module__}.{c.__qualname__} (subclass of {original.__name__})"
            for c in derived
            if is_users(c.__module__)
        ]
    for module, namespace in _users_namespaces():
        values = list(namespace.items())
        if not any(_is_scikit_learns(value) for _, value in values):
            continue  # a module that holds such an object has named scikit-learn, too
        for name, value in values:
            if not (module == "__main__" and _is_notebooks(name)):
                found += _places(f"{module}.{name}", value, module, originals, 0)
    return sorted(set(found))


def _split(full_name: str) -> tuple[str, str]:
    module, _, name = full_name.rpartition(".")
    return module, name


def _users_namespaces() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, module in list(sys.modules.items()):
        if (
            isinstance(module, ModuleType)
            and is_users(name)
            and name.partition(".")[0] not in _BENEATH
            and name != "__mp_main__"  # the name that workers give to __main__
        ):
            yield name, _namespace_of(module)


def _is_scikit_learns(value: Any) -> bool:
    # Only the type is looked at: asking the value itself could wake up a lazy proxy.
    kind = type(value)
    if issubclass(kind, ModuleType):
        return str(_namespace_of(value).get("__name__")).partition(".")[0] == "sklearn"
    if issubclass(kind, type) or kind is FunctionType:
        return str(value.__module__).startswith(("sklearn.", "mlfast."))
    return kind.__module__.startswith("sklearn.")


def _is_notebooks(name: str) -> bool:
    return name.startswith("_") or name in ("In", "Out")


def _places(place: str, value: Any, module: str, originals: Originals, depth: int) -> Iterator[str]:
    """Yield the places at or below ``place`` that hold an original or an instance of one."""
    kind = type(value)
    if depth > _DEEPEST:
        return
    if id(value) in originals:
        if depth > 0:  # at depth 0 it is a global, which is bound anew
            yield f"{place} ({value.__name__})"
    elif id(kind) in originals:
        yield f"{place} (instance of {kind.__name__})"
    elif kind in _CONTAINERS:
        if len(value) <= _LONGEST:
            items = value.items() if kind is dict else enumerate(value)
            for key, item in list(items):
                yield from _places(f"{place}[{key!r}]", item, module, originals, depth + 1)
    elif kind is FunctionType and value.__module__ == module:
        for default in [*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values()]:
            yield from _places(f"{place} (default of a parameter)", default, module, originals, depth + 1)
    elif issubclass(kind, type) and value.__module__ == module:
        for name, attribute in list(vars(value).items()):
            yield from _places(f"{place}.{name}", attribute, module, originals, depth + 1)
    elif kind.__module__.startswith("sklearn.") and hasattr(value, "__dict__"):
        for name, attribute in list(vars(value).items()):  # such as the steps of a pipeline
            yield from _places(f"{place}.{name}", attribute, module, originals, depth + 1)
