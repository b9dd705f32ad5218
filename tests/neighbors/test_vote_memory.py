"""Fractions of the votes for many classes are held once, for each output apart."""

import resource

import numpy as np
import pytest

import mlfast.neighbors

from ..isolated import isolated


def growth(name, n_outputs, n_classes):
    """What the process grows by while it answers, in answers."""
    rng = np.random.RandomState(0)
    X, queries = rng.rand(n_classes, 3), rng.rand(1_000, 3)
    y = (np.arange(n_classes)[:, None] + np.arange(n_outputs)) % n_classes
    est = getattr(mlfast.neighbors, name)().fit(X, y.squeeze())
    est.predict_proba(queries[:2])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = est.predict_proba(queries)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return (after - before) * 1024 / sum(part.nbytes for part in (found if n_outputs > 1 else [found]))


@pytest.mark.per_change(n_outputs=[2])
@pytest.mark.parametrize(("n_outputs", "n_classes"), [(1, 8_000), (2, 4_000)])
@pytest.mark.parametrize("name", ["KNeighborsClassifier", "RadiusNeighborsClassifier"])
def test_fractions_are_held_once(name, n_outputs, n_classes):
    assert isolated(growth, name, n_outputs, n_classes) < 1.4
