"""What mlfast replaces: for each public module of scikit-learn the names.

The counterpart of ``sklearn.<module>.<name>`` is ``mlfast.<module>.<name>``. A class or function joins by its name in
the ``__all__`` of its room. These lists are read from the files, and no room is loaded for them: this module is loaded
at the start of every process.
"""

from __future__ import annotations

import os

FOLDER = os.path.dirname(os.path.dirname(__file__))
#: Public modules of mlfast that have no counterpart.
_NO_ROOMS = ("accel", "onnx")

#: What scikit-learn has no counterpart of, by the module of mlfast: it takes no place, and is converted to nothing.
OWN: dict[str, tuple[str, ...]] = {
    "mlfast.linear_model": ("GradientDescentClassifier", "GradientDescentRegressor"),
    "mlfast.neural_network": ("Autoencoder", "NetworkClassifier", "NetworkRegressor"),
}


def _modules(folder: str, package: str) -> list[tuple[str, str]]:
    """Return full names and files of the public modules of a package, sorted, with those inside them."""
    found = []
    for name in sorted(os.listdir(folder)):
        module, path = f"{package}.{name.removesuffix('.py')}", os.path.join(folder, name)
        if name[0] in "._" or name.removesuffix(".py") in _NO_ROOMS:
            continue
        inside = os.path.join(path, "__init__.py")
        if name.endswith(".py"):
            found.append((module, path))
        elif os.path.exists(inside):
            found += [(module, inside), *_modules(path, module)]
    return found


def _names(module: str, path: str) -> tuple[str, ...]:
    """Return what a module lists as public and has a counterpart."""
    with open(path, encoding="utf-8") as file:
        listed = file.read().partition("__all__ = [")[2].partition("]")[0].split('"')[1::2]
    return tuple(name for name in listed if name not in OWN.get(module, ()))


REGISTRY: dict[str, tuple[str, ...]] = {
    module.replace("mlfast", "sklearn", 1): _names(module, path) for module, path in _modules(FOLDER, "mlfast")
}

#: Classes that other public modules show too, where `sklearn.utils.all_estimators` finds them: name -> its own module.
ALSO: dict[str, dict[str, str]] = {"sklearn.calibration": {"LinearSVC": "sklearn.svm"}}

#: Every replaced name in full, such as ``sklearn.cluster.KMeans``.
KNOWN = frozenset(f"{module}.{name}" for module, names in REGISTRY.items() for name in names)
