"""Least squares with the best of several penalties.

Without `cv`, each row is predicted by a model that was fitted without it. One decomposition serves all penalties: of
the products of features with features, in whose directions Rust turns each row once, or, where there are fewer rows,
of rows with rows. With `cv`, a grid search fits mlfast's models.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import scipy.linalg
import scipy.sparse as sp
import scipy.sparse.linalg
import sklearn.linear_model
from sklearn.base import is_classifier
from sklearn.linear_model._ridge import _check_gcv_mode, _RidgeGCV
from sklearn.model_selection import GridSearchCV
from sklearn.utils.metadata_routing import _raise_for_params, _routing_enabled
from sklearn.utils.validation import _check_sample_weight, validate_data

from mlfast import _threads
from mlfast._beside import beside
from mlfast._core import UnsupportedInputError
from mlfast._core import linear_model as core
from mlfast._dispatch import Condition, dispatch
from mlfast._sparse import with_checked_indices
from mlfast._state import _fit_context, keeps_state
from mlfast.linear_model._base import SPARSE, LinearDropIn, LinearRegressorDropIn
from mlfast.linear_model._ridge import Ridge, RidgeClassifier, RidgeClassifierDropIn

FIT_CONDITIONS = (Condition("metadata routing is on", lambda call: _routing_enabled()),)


@dataclass(frozen=True)
class Errors:
    """What the penalties, in order, come to: the last axis of all but `scores` is theirs.

    squares : sums of the squared errors of rows, shape (n_targets, n_penalties)
    errors : those errors, shape (n_samples, n_targets, n_penalties), or None
    coef : coefficients, shape (n_targets, n_features, n_penalties)
    """

    squares: np.ndarray
    errors: np.ndarray | None
    coef: np.ndarray


class RidgeCVDropIn(LinearDropIn):
    """Choosing a penalty."""

    def _fit_best(self: Any, X: Any, y: Any, sample_weight: Any) -> Any:
        """Fit with the best penalty.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets; without `cv`, those of a classifier are 1 for its class, else -1.
        sample_weight : float or array-like of shape (n_samples,), or None
            Weights.
        """
        alphas = np.asarray(self.alphas)
        if alphas.dtype.kind not in "fiu" or alphas.ndim > 1 or alphas.size == 0:
            raise UnsupportedInputError("alphas are not numbers")
        least = alphas.min()
        if not (least > 0 or (least == 0 and self.cv is not None)):
            raise UnsupportedInputError("alphas are out of range")
        has_no_axis = isinstance(self.alphas, np.ndarray) and alphas.ndim == 0
        if has_no_axis or (isinstance(self.alphas, tuple) and alphas.size == 1):
            raise UnsupportedInputError("scikit-learn cannot write into alphas")
        scorer = self._get_scorer()
        if self.cv is not None:
            return self._search(X, y, sample_weight, alphas, scorer)
        return self._leave_one_out(X, y, sample_weight, alphas, None if self.scoring is None else scorer)

    def _search(self: Any, X: Any, y: Any, sample_weight: Any, alphas: np.ndarray, scorer: Any) -> Any:
        if self.store_cv_results or self.alpha_per_target:
            raise UnsupportedInputError("cv with store_cv_results or alpha_per_target")
        model = RidgeClassifier if is_classifier(self) else Ridge
        solver = "sparse_cg" if sp.issparse(X) else "auto"
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        search = GridSearchCV(
            model(fit_intercept=self.fit_intercept, solver=solver), {"alpha": alphas}, cv=self.cv, scoring=scorer
        ).fit(X, y, **weights)
        self.alpha_ = search.best_estimator_.alpha
        self.best_score_ = search.best_score_
        return self._adopt(search.best_estimator_)

    def _adopt(self: Any, fitted: Any) -> Any:
        """Take over what another estimator has learnt."""
        for name in ("coef_", "intercept_", "n_features_in_", "feature_names_in_"):
            if hasattr(fitted, name):
                setattr(self, name, getattr(fitted, name))
        return self

    def _leave_one_out(self: Any, X: Any, y: Any, sample_weight: Any, alphas: np.ndarray, scorer: Any) -> Any:
        # Checks, scores and messages are those of the class that does this work in scikit-learn.
        inner: Any = _RidgeGCV(
            alphas,
            fit_intercept=self.fit_intercept,
            scoring=scorer,
            is_clf=is_classifier(self),
            alpha_per_target=self.alpha_per_target,
        )
        # Numbers with their bytes swapped are widened, as wherever else they are checked.
        dtype: Any = getattr(X, "dtype", None)
        is_kept_dtype = getattr(dtype, "kind", None) == "f" and dtype.isnative
        given_dtype = dtype if is_kept_dtype else np.dtype(np.float64)
        X, y = validate_data(
            inner,
            with_checked_indices(X),
            y,
            accept_sparse=SPARSE,
            dtype=np.float64,
            multi_output=True,
            y_numeric=True,
        )
        weights = None if sample_weight is None else _check_sample_weight(sample_weight, X, dtype=X.dtype)
        if weights is not None and (weights < 0).any():
            raise UnsupportedInputError("weights are negative")
        if sp.issparse(y):
            raise UnsupportedInputError("y is sparse")
        targets = np.ascontiguousarray(y, dtype=np.float64).reshape(len(y), -1)
        if np.isnan(targets).any():
            raise UnsupportedInputError("y holds None")
        given = {
            "x": X.tocsr() if sp.issparse(X) else X,
            "y": targets,
            "weights": weights,
            "fit_intercept": self.fit_intercept,
            "n_threads": _threads.resolve(),
        }
        is_kept = scorer is not None or self.store_cv_results
        is_svd = self.gcv_mode == "svd"
        if is_svd and sp.issparse(X):
            _check_gcv_mode(X, "svd")  # warns that it is not for sparse data
            is_svd = False
        means, target_means, errors = (_by_rows if X.shape[0] <= X.shape[1] else _by_features)(
            given, alphas.astype(np.float64).ravel(), is_svd, is_kept
        )
        n_samples, n_targets = targets.shape
        by_target = self.alpha_per_target
        if scorer is None:
            results = None if errors.errors is None else errors.errors**2
            scores = -errors.squares / n_samples if by_target else -errors.squares.mean(axis=0) / n_samples
            if by_target and y.ndim == 1:
                scores = scores[0]
        else:
            results = targets - target_means
            if weights is not None:
                results *= np.sqrt(weights)[:, None]
            results = results[:, :, None] - errors.errors
            if weights is not None:
                results /= np.sqrt(weights)[:, None, None]
            results += target_means[:, None]
            params = {} if sample_weight is None else {"sample_weight": sample_weight}
            shape = y.shape
            scores = [
                inner._score(
                    predictions=results[:, :, at].reshape(shape), y=y, n_y=n_targets, scorer=scorer, score_params=params
                )
                for at in range(alphas.size)
            ]
            scores = np.stack(scores, axis=-1) if by_target else scores
        self.alpha_, self.best_score_, best = _best(alphas.ravel(), scores, by_target and n_targets > 1)
        coef = np.take_along_axis(errors.coef, np.reshape(best, (-1, 1, 1)), axis=2)[:, :, 0]
        intercept = target_means - coef @ means
        coef = coef[0] if n_targets == 1 else coef
        inner.coef_ = np.ascontiguousarray(coef, dtype=given_dtype)
        inner.intercept_ = 0.0
        if self.fit_intercept:
            inner.intercept_ = (intercept[0] if y.ndim == 1 else intercept).astype(given_dtype)
        if results is not None and self.store_cv_results:
            self.cv_results_ = (results[:, 0] if y.ndim == 1 else results).astype(given_dtype)
        return self._adopt(inner)


def _best(alphas: np.ndarray, scores: Any, by_target: bool) -> tuple[Any, Any, Any]:
    """Return the first best penalty, its score, and its place: one for each target, or for all.

    Parameters
    ----------
    alphas : ndarray of shape (n_penalties,)
        Penalties.
    scores : list of n_penalties scores, or ndarray of shape (n_penalties,) or (n_targets, n_penalties)
        What they come to; the larger the better.
    by_target : bool
        Whether each target has a penalty of its own.
    """
    if by_target:
        best = np.zeros(len(scores), dtype=np.intp)
        for at in range(1, len(alphas)):
            best[scores[:, at] > scores[np.arange(len(scores)), best]] = at
        return alphas.astype(np.float64)[best], scores[np.arange(len(scores)), best], best
    scores = list(np.moveaxis(scores, -1, 0)) if np.ndim(scores) > 1 else scores
    place = 0
    for at in range(1, len(alphas)):
        if scores[at] > scores[place]:
            place = at
    return float(alphas[place]), scores[place], place


def _by_features(
    given: dict[str, Any], alphas: np.ndarray, is_svd: bool, is_kept: bool
) -> tuple[np.ndarray, np.ndarray, Errors]:
    """Return the means, those of the targets, and the errors, for more rows than features."""
    if is_svd:
        found = core.reduce(**given)
        _, singular, right = beside(np.linalg.svd, found["rows"])
        values, directions = singular**2, right.T
        along = directions.T @ (found["rows"].T @ found["targets"])
    else:
        found = core.moments(**given)
        values, directions = beside(np.linalg.eigh, found["squares"])
        along = directions.T @ found["products"]
    unit = found["unit"]
    inverse, factor = _inverses(values, alphas, unit)
    gradients = inverse[:, :, None] * along[:, None, :] * factor  # (n_features, n_penalties, n_targets)
    inverse, fractions = inverse * (factor / unit), gradients / unit
    n_features, n_alphas, n_targets = fractions.shape
    left_out = core.leave_one_out(
        **given,
        means=found["means"],
        target_means=found["target_means"],
        unit=unit,
        directions=directions,
        inverse=inverse,
        fractions=fractions.reshape(n_features, -1),
        keep=is_kept,
    )
    coef = (directions @ gradients.reshape(n_features, -1)).reshape(gradients.shape).transpose(2, 0, 1)
    errors = left_out["errors"]
    if errors is not None:
        errors = errors.reshape(-1, n_alphas, n_targets).transpose(0, 2, 1)
    return found["means"], found["target_means"], Errors(left_out["squares"].T, errors, coef)


def _inverses(values: np.ndarray, alphas: np.ndarray, unit: float) -> tuple[np.ndarray, float]:
    """Return the inverses of values plus penalties, and what makes coefficients of products with them.

    Parameters
    ----------
    values : ndarray of shape (n,)
        What the products of rows, which are ``unit`` times the data, are in their own directions.
    alphas : ndarray of shape (n_penalties,)
        Penalties.
    unit : float
        A power of two. Its square may be out of range, so penalties are brought into it only where it is small.

    Returns
    -------
    inverses : ndarray of shape (n, n_penalties)
        Of the products of the data themselves where the unit is larger than 1, else of those of the rows.
    factor : float
        The unit or its inverse.
    """
    if unit > 1:
        return 1 / (values[:, None] / unit / unit + alphas), 1 / unit
    return 1 / (values[:, None] + alphas * unit * unit), unit


def _by_rows(
    given: dict[str, Any], alphas: np.ndarray, is_svd: bool, is_kept: bool
) -> tuple[np.ndarray, np.ndarray, Errors]:
    """As `_by_features`, for no more rows than features."""
    weights = given["weights"]
    n_samples, n_targets = given["y"].shape
    roots = np.ones(n_samples) if weights is None else np.sqrt(weights)
    if sp.issparse(given["x"]):
        table: Any = SparseRows(given["x"], given["y"], roots, given["fit_intercept"])
        means, target_means, targets, unit = table.means, table.target_means, table.targets, 1.0
    else:
        found = core.reduce(**given)
        table = found["rows"]
        means, target_means, targets, unit = (found[name] for name in ("means", "target_means", "targets", "unit"))
    if is_svd:
        directions, singular, _ = beside(np.linalg.svd, table, full_matrices=False)
        values = singular**2
    else:
        products = table.products() if isinstance(table, SparseRows) else beside(np.matmul, table, table.T)
        values, directions = beside(np.linalg.eigh, products)
    inverse, factor = _inverses(values, alphas, unit)
    along = inverse[:, :, None] * (directions.T @ targets)[:, None, :]
    factors = (directions @ along.reshape(n_samples, -1)).reshape(n_samples, len(alphas), n_targets)
    free = directions**2 @ inverse
    if given["fit_intercept"]:
        free -= directions @ (inverse * (directions.T @ roots)[:, None]) * (roots / (roots @ roots))[:, None]
    errors = (factors / free[:, :, None]).transpose(0, 2, 1)
    coef = (table.T @ factors.reshape(n_samples, -1)).reshape(-1, len(alphas), n_targets).transpose(2, 0, 1)
    return means, target_means, Errors((errors**2).sum(axis=0), errors, coef * factor)


class SparseRows:
    """Few CSR rows about their means, times the roots of their weights; nothing is made dense but their products.

    Parameters
    ----------
    X : CSR matrix of shape (n_samples, n_features)
        Rows.
    y : ndarray of shape (n_samples, n_targets)
        Targets.
    roots : ndarray of shape (n_samples,)
        Roots of the weights.
    fit_intercept : bool
        Whether there are means.
    """

    def __init__(self, X: Any, y: np.ndarray, roots: np.ndarray, fit_intercept: bool) -> None:
        fractions = roots**2 / (roots @ roots) * fit_intercept
        self.means = X.T @ fractions
        self.target_means = fractions @ y
        self.targets = (y - self.target_means) * roots[:, None]
        self.rows = sp.csr_array(X).multiply(roots[:, None]).tocsr()
        self.roots = roots

    def products(self) -> np.ndarray:
        """Return the products of rows with rows, shape (n_samples, n_samples)."""
        at_means = np.outer(self.rows @ self.means, self.roots)
        products = (self.rows @ self.rows.T).toarray() - at_means - at_means.T
        return products + (self.means @ self.means) * np.outer(self.roots, self.roots)

    @property
    def T(self) -> scipy.sparse.linalg.LinearOperator:
        """What multiplies vectors of shape (n_samples,)."""
        n_samples, n_features = self.rows.shape
        return scipy.sparse.linalg.LinearOperator(
            shape=(n_features, n_samples),
            dtype=np.float64,
            matvec=lambda v: self.rows.T @ v.ravel() - self.means * (self.roots @ v.ravel()),
            matmat=lambda v: self.rows.T @ v - np.outer(self.means, self.roots @ v),
        )


class RidgeCV(RidgeCVDropIn, LinearRegressorDropIn, sklearn.linear_model.RidgeCV):
    __doc__ = sklearn.linear_model.RidgeCV.__doc__

    @keeps_state
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, **params: Any) -> Self:
        """Fit with the best of the penalties.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        sample_weight : float or array-like of shape (n_samples,), default=None
            Weights; None: all 1.
        **params : dict
            Metadata for the scorer and the splitter, with metadata routing.

        Returns
        -------
        self : RidgeCV
            The fitted model.
        """
        _raise_for_params(params, self, "fit")
        return dispatch(
            self,
            "fit",
            FIT_CONDITIONS,
            (self, X),
            lambda: self._fit_best(X, y, sample_weight),
            lambda: super(RidgeCV, self).fit(X, y, sample_weight, **params),
        )


class RidgeClassifierCV(RidgeClassifierDropIn, RidgeCVDropIn, sklearn.linear_model.RidgeClassifierCV):
    __doc__ = sklearn.linear_model.RidgeClassifierCV.__doc__

    @keeps_state
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, **params: Any) -> Self:
        """Fit each class against the others with the best of the penalties.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Classes, or which labels each sample has.
        sample_weight : float or array-like of shape (n_samples,), default=None
            Weights; None: all 1.
        **params : dict
            Metadata for the scorer and the splitter, with metadata routing.

        Returns
        -------
        self : RidgeClassifierCV
            The fitted model.
        """
        return dispatch(
            self,
            "fit",
            FIT_CONDITIONS,
            (self, X),
            lambda: self._fit_in_rust(X, y, sample_weight, params),
            lambda: super(RidgeClassifierCV, self).fit(X, y, sample_weight, **params),
        )

    def _fit_in_rust(self: Any, X: Any, y: Any, sample_weight: Any, params: Any) -> "RidgeClassifierCV":
        X, y, weights, signs = self._prepare_data(with_checked_indices(X), y, sample_weight, solver="eigen")
        _raise_for_params(params, self, "fit")
        return self._fit_best(X, signs if self.cv is None else y, weights)
