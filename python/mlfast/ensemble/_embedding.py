"""Samples as the leaves in which they end."""

from typing import Any, Self

import sklearn.ensemble
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils import check_random_state
from sklearn.utils.validation import _num_samples

import mlfast.tree
from mlfast._dispatch import dispatch
from mlfast._state import _fit_context, keeps_state
from mlfast.ensemble._base import ForestDropIn
from mlfast.ensemble._members import renew_cache


class RandomTreesEmbedding(ForestDropIn, sklearn.ensemble.RandomTreesEmbedding):
    __doc__ = sklearn.ensemble.RandomTreesEmbedding.__doc__

    _tree = mlfast.tree.ExtraTreeRegressor

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Grow the trees.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data, read as float32.
        y : Ignored
            There for a uniform interface.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights; None: all 1.

        Returns
        -------
        self : RandomTreesEmbedding
            The fitted trees.
        """
        self.fit_transform(X, y, sample_weight)
        return self

    @keeps_state
    @_fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
        """Grow the trees, and say in which leaves the samples end.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data, read as float32.
        y : Ignored
            There for a uniform interface.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights; None: all 1.

        Returns
        -------
        X_transformed : CSR matrix or ndarray of shape (n_samples, n_leaves)
            1 in the column of each sample's leaf in each tree.
        """

        def rust() -> Any:
            noise = check_random_state(self.random_state).uniform(size=_num_samples(X))
            self._fit_in_rust(X, noise, sample_weight)
            self.one_hot_encoder_ = OneHotEncoder(sparse_output=self.sparse_output)
            found = self.one_hot_encoder_.fit_transform(self.apply(X))
            self._n_features_out = found.shape[1]
            return found

        found = dispatch(
            self,
            "fit",
            (),
            None,
            rust,
            lambda: super(RandomTreesEmbedding, self).fit_transform(X, y, sample_weight),
        )
        renew_cache(self)
        return found
