"""What is built from fitted state when it is first needed: kept beside the estimators, not among their attributes.

It is found by the identity of the estimator and goes when the estimator goes, so ``vars(est)``, pickles, copies and
conversions know nothing of it. Whoever uses a cache checks that it was made of the state that is there.
"""

import weakref
from collections.abc import Callable
from typing import Any, Protocol, TypeVar


class Cache(Protocol):
    """The cache of one estimator."""

    #: Keeps alive what removes the cache together with its estimator.
    owner: Any


C = TypeVar("C", bound=Cache)


def cached_by(make: Callable[[], C]) -> tuple[Callable[[int], C | None], Callable[[Any], C]]:
    """Return functions that find and that make caches.

    Parameters
    ----------
    make : callable
        Makes an empty cache.

    Returns
    -------
    find : callable
        ``find(id(est))`` returns the cache of an estimator, or None.
    renew : callable
        ``renew(est)`` gives an estimator an empty cache and returns it. Of two threads that do so at once, one's stays.
    """
    caches: dict[int, C] = {}

    def renew(est: Any) -> C:
        key, cache = id(est), make()
        cache.owner = weakref.ref(est, lambda _: caches.pop(key, None))
        caches[key] = cache
        return cache

    return caches.get, renew
