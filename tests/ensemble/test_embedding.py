"""Embeddings by random trees against scikit-learn's."""

import numpy as np
import pytest
import sklearn.ensemble as parent

import mlfast.ensemble as ours

from ..compare import bits
from ..tree.parity import as_csr, cloud
from .parity import assert_same_answers, assert_same_refusal, fit_both

X = cloud(0, 200, 5)
WEIGHTS = np.random.RandomState(2).randint(0, 4, size=len(X)).astype(float)


def pair_of(**params):
    params = {"random_state": 3, "n_estimators": 4, **params}
    return ours.RandomTreesEmbedding(**params), parent.RandomTreesEmbedding(**params)


SETTINGS = [
    {},
    {"max_depth": None},
    {"max_leaf_nodes": 7},
    {"sparse_output": False},
    {"min_samples_leaf": 5, "min_weight_fraction_leaf": 0.05},
]


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["all 1", "whole"])
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_settings(settings, weights):
    pair = fit_both(*pair_of(**settings), X, sample_weight=weights)
    assert_same_answers(*pair, X, ("transform", "apply", "decision_path"))
    assert bits(pair[0].get_feature_names_out()) == bits(pair[1].get_feature_names_out())


def test_fit_transform_is_transform():
    mine, theirs = pair_of()
    assert bits(mine.fit_transform(X)) == bits(theirs.fit_transform(X)) == bits(mine.transform(X))


def test_csr():
    data = as_csr(X)
    mine, theirs = pair_of()
    assert bits(mine.fit_transform(data)) == bits(theirs.fit_transform(data))


def test_complaints():
    for data in (np.where(X[0, 0] == X, np.inf, X), X[0]):
        assert_same_refusal(pair_of(), data)
