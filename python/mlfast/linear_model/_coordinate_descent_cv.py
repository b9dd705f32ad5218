"""Lasso and elastic net with a penalty chosen by cross-validation.

Rust goes along the penalties for all splits at once. Grids, splits and the choice are scikit-learn's.
"""

from numbers import Integral, Number, Real
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
import sklearn.linear_model
from sklearn.linear_model._coordinate_descent import _alpha_grid
from sklearn.model_selection import check_cv
from sklearn.utils import check_scalar, column_or_1d
from sklearn.utils.metadata_routing import _routing_enabled
from sklearn.utils.validation import _check_sample_weight

from mlfast import _threads
from mlfast._core import UnsupportedInputError
from mlfast._core import linear_model as core
from mlfast._dispatch import Condition, dispatch
from mlfast._state import _fit_context, keeps_state
from mlfast.linear_model._base import LinearDropIn
from mlfast.linear_model._coordinate_descent import (
    ElasticNet,
    Lasso,
    checked_apart,
    drawn_seeds,
    is_gram_given,
    of_mean_one,
    warn_of_gaps,
)

CONDITIONS = (
    Condition("the Gram matrix is given", lambda call: is_gram_given(getattr(call[0], "precompute", False))),
    Condition("progress is printed", lambda call: bool(call[0].verbose)),
    Condition("metadata are routed", lambda call: bool(call[1]) or _routing_enabled()),
)


class CrossValidatedDropIn(LinearDropIn):
    """Choosing the penalty, and fitting with it."""

    #: The model whose penalty is chosen.
    _alone: type

    @keeps_state
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, **params: Any) -> Self:
        """Choose the penalty by cross-validation and fit all samples with it.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data. Computed in float64, answered in the type of X.
        y : array-like of shape (n_samples,), or (n_samples, n_targets) where there are several tasks
            Targets.
        sample_weight : float or array-like of shape (n_samples,), default=None
            Weights, in training and in the errors on the test samples. None: all 1.
        **params : dict
            What metadata routing hands to the splitter.

        Returns
        -------
        self : estimator
            The fitted model.
        """
        parent: Any = super()
        return dispatch(
            self,
            "fit",
            CONDITIONS,
            (self, params),
            lambda: self._fit_in_rust(X, y, sample_weight),
            lambda: parent.fit(X, y, sample_weight, **params),
        )

    def _fit_in_rust(self: Any, X: Any, y: Any, sample_weight: Any) -> Any:
        X, y, weights = self._checked(X, y, sample_weight)
        l1_ratios = np.atleast_1d(getattr(self, "l1_ratio", 1.0))
        grids = self._grids(X, y, weights, l1_ratios)
        if not np.isfinite(grids).all():
            raise UnsupportedInputError("the penalties are not finite")
        rows = np.arange(len(y))
        splits = [(rows[train], rows[test]) for train, test in check_cv(self.cv).split(X, y)]
        if any(len(part) == 0 for split in splits for part in split):
            raise UnsupportedInputError("a split has an empty part")
        errors = self._errors(X, y, weights, l1_ratios, grids, splits)
        self.mse_path_ = np.squeeze(np.moveaxis(errors, 2, 1))
        means = errors.mean(axis=1)
        best = [int(np.argmin(of_ratio)) for of_ratio in means]
        lowest = np.array([of_ratio[at] for of_ratio, at in zip(means, best, strict=True)])
        if not (lowest < np.inf).any():
            raise UnsupportedInputError("no error is finite")
        chosen = int(np.flatnonzero(lowest == np.nanmin(lowest))[0])
        self.alpha_ = grids[chosen][best[chosen]]
        if isinstance(self.alphas, Integral):
            self.alphas_ = np.asarray(grids)
            if len(l1_ratios) == 1:
                self.alphas_ = self.alphas_[0]
        else:
            self.alphas_ = np.asarray(grids[0])
        model = self._alone()
        known = model.get_params()
        model.set_params(**{name: value for name, value in self.get_params().items() if name in known})
        model.alpha = self.alpha_
        if "precompute" in known:
            model.precompute = self.precompute is True
        model.l1_ratio = l1_ratios[chosen]
        model.fit(X, y, weights)
        if hasattr(self, "l1_ratio"):
            self.l1_ratio_ = l1_ratios[chosen]
        for name in ("coef_", "intercept_", "dual_gap_", "n_iter_"):
            setattr(self, name, getattr(model, name))
        return self

    def _checked(self: Any, X: Any, y: Any, sample_weight: Any) -> tuple[Any, np.ndarray, np.ndarray | None]:
        """Return X, y, and weights or None."""
        X, y = checked_apart(self, X, y)
        if not sp.issparse(X):
            X = np.require(X, requirements=["C", "A"])  # for one grid from any layout
        if self._is_multitask():
            if y.ndim == 1:
                raise UnsupportedInputError("there is one task")
            y = np.ascontiguousarray(y)
        elif y.ndim > 1 and y.shape[1] > 1:
            raise UnsupportedInputError("there are several targets")
        else:
            y = column_or_1d(y, warn=True)
        if sample_weight is None or isinstance(sample_weight, Number):
            return X, y, None
        weights = _check_sample_weight(sample_weight, X, dtype=X.dtype)
        if (weights < 0).any():
            raise UnsupportedInputError("weights are negative")
        return X, y, weights

    def _grids(self: Any, X: Any, y: np.ndarray, weights: np.ndarray | None, l1_ratios: np.ndarray) -> list[np.ndarray]:
        """Return the penalties for each share, the largest first."""
        if not isinstance(self.alphas, Integral):
            for at, alpha in enumerate(self.alphas):
                check_scalar(alpha, f"alphas[{at}]", target_type=Real, min_val=0.0, include_boundaries="left")
            return [np.sort(self.alphas)[::-1]] * len(l1_ratios)
        positive = getattr(self, "positive", False)
        given = {"fit_intercept": self.fit_intercept, "positive": positive, "sample_weight": weights}
        return [
            _alpha_grid(X, y, l1_ratio=l1_ratio, eps=self.eps, n_alphas=int(self.alphas), **given)
            for l1_ratio in l1_ratios
        ]

    def _errors(
        self: Any,
        X: Any,
        y: np.ndarray,
        weights: np.ndarray | None,
        l1_ratios: np.ndarray,
        grids: list[np.ndarray],
        splits: list[tuple[np.ndarray, np.ndarray]],
    ) -> np.ndarray:
        """Return the mean squared errors on the test rows, shape (n_ratios, n_splits, n_alphas)."""
        count = len(splits) * len(grids[0])
        if isinstance(self.random_state, Integral):  # every path starts from the same seed
            seeds = drawn_seeds(self.random_state, self.selection, len(grids[0]))
            all_seeds = None if seeds is None else [seeds * len(splits)] * len(l1_ratios)
        else:
            draws = [drawn_seeds(self.random_state, self.selection, count) for _ in l1_ratios]
            all_seeds = None if draws[0] is None else [seeds for seeds in draws if seeds is not None]
        found = core.enet_folds(
            x=X.tocsr() if sp.issparse(X) else X,
            y=np.ascontiguousarray(y.reshape(len(y), -1), dtype=X.dtype),
            weights=None if weights is None else of_mean_one(weights),
            fit_intercept=self.fit_intercept,
            splits=splits,
            l1_ratios=[float(l1_ratio) for l1_ratio in l1_ratios],
            alphas=[grid.astype(np.float64).tolist() for grid in grids],
            max_iter=int(self.max_iter),
            tol=float(self.tol),
            positive=getattr(self, "positive", False),
            seeds=all_seeds,
            n_threads=_threads.resolve(self.n_jobs),
        )
        for l1_ratio, grid, gaps, allowed in zip(l1_ratios, grids, found["gaps"], found["allowed"], strict=True):
            for at, (train, _) in enumerate(splits):
                warn_of_gaps(gaps[at], allowed[at], grid.tolist(), l1_ratio * len(train))
        return found["errors"].astype(np.result_type(X.dtype, y.dtype))

    def predict(self: Any, X: Any) -> np.ndarray:
        """Predict the targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            The targets.
        """
        parent: Any = super()
        return self._answered("predict", X, lambda: parent.predict(X))


class LassoCV(CrossValidatedDropIn, sklearn.linear_model.LassoCV):
    __doc__ = sklearn.linear_model.LassoCV.__doc__

    _alone = Lasso


class ElasticNetCV(CrossValidatedDropIn, sklearn.linear_model.ElasticNetCV):
    __doc__ = sklearn.linear_model.ElasticNetCV.__doc__

    _alone = ElasticNet
