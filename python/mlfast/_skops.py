"""What a reader of skops files must trust so that mlfast's estimators can be loaded."""

import importlib

from mlfast._state import DropIn
from mlfast.accel._registry import OWN, REGISTRY


def skops_trusted_types() -> list[str]:
    """Return the types of which mlfast's own estimators consist, for the argument ``trusted`` of ``skops.io``.

    skops knows scikit-learn's types by itself and asks its caller to vouch for all others.

    Returns
    -------
    names : list of str
        Full names, sorted.

    Examples
    --------
    >>> import mlfast, skops.io
    >>> from mlfast.cluster import KMeans
    >>> saved = skops.io.dumps(KMeans(3))
    >>> skops.io.loads(saved, trusted=mlfast.skops_trusted_types())
    KMeans(n_clusters=3)
    """
    found: set[str] = set()
    for module, names in [*REGISTRY.items(), *OWN.items()]:
        room = importlib.import_module(module.replace("sklearn", "mlfast", 1))
        for each in (getattr(room, name) for name in names):
            if isinstance(each, type) and issubclass(each, DropIn):
                found |= {f"{each.__module__}.{each.__qualname__}", *each._skops_types}
    return sorted(found)
