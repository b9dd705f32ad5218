"""What the neighbour estimators share: conditions, fitting without a tree, searches, state.

A fit is scikit-learn's own validation and nothing more. What Rust searches in is built at the first search and kept in
a cache that is no part of the state; scikit-learn's own tree is only built when somebody asks for it.
"""

from numbers import Integral, Real
from types import SimpleNamespace
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.neighbors import VALID_METRICS, BallTree, KDTree
from sklearn.neighbors._base import NeighborsBase
from sklearn.utils.validation import _to_object_array, check_is_fitted, validate_data

from mlfast import _threads
from mlfast._caches import cached_by
from mlfast._core import UnsupportedInputError
from mlfast._core import neighbors as core
from mlfast._dispatch import Condition, dispatch, named
from mlfast._sparse import check_indices
from mlfast._state import DropIn, keeps_state

TREES = {"kd_tree": KDTree, "ball_tree": BallTree}
#: scikit-learn's name of a metric -> the core's; for "minkowski" and "p" the exponent decides.
METRICS = {
    "braycurtis": "braycurtis",
    "canberra": "canberra",
    "chebyshev": "chebyshev",
    "cityblock": "manhattan",
    "correlation": "correlation",
    "cosine": "cosine",
    "euclidean": "euclidean",
    "hamming": "hamming",
    "infinity": "chebyshev",
    "l1": "manhattan",
    "l2": "euclidean",
    "manhattan": "manhattan",
    "minkowski": "minkowski",
    "nan_euclidean": "nan_euclidean",
    "p": "minkowski",
    "sqeuclidean": "sqeuclidean",
}
BY_EXPONENT = {1.0: "manhattan", 2.0: "euclidean", np.inf: "chebyshev"}


def _other_params(call: Any) -> list[str]:
    known = {"p"} if METRICS[call.metric] == "minkowski" else set()
    return [name for name, value in call.params.items() if value is not None and name not in known]


def _is_no_exponent(call: Any) -> bool:
    p = call.params.get("p", 2)
    return not (isinstance(p, Real) and float(p) > 0)


CONDITIONS = (
    Condition(
        lambda call: f"metric is {named(call.metric)}, a function or an object and not a name",
        lambda call: not isinstance(call.metric, str),
    ),
    Condition("the distances are precomputed", lambda call: call.metric == "precomputed"),
    Condition(lambda call: f"metric={call.metric!r} is not covered", lambda call: call.metric not in METRICS),
    Condition(
        lambda call: f"metric={call.metric!r} with {', '.join(sorted(_other_params(call)))} is not covered",
        lambda call: bool(_other_params(call)),
    ),
    Condition(lambda call: f"p={named(call.params.get('p', 2))} is not a positive number", _is_no_exponent),
    Condition("the rows are held by a tree or an estimator that was given to fit", lambda call: call.is_held),
)


class _Cache:
    """What is built from the fitted state when it is first needed."""

    __slots__ = ("index", "owner", "tree", "votes")

    def __init__(self) -> None:
        self.owner: Any = None
        #: The index, behind what it was made of.
        self.index: tuple[tuple[Any, ...], core.Index] | None = None
        self.tree: Any = None
        self.votes: tuple[Any, ...] | None = None


find_cache, renew_cache = cached_by(_Cache)


def by_distance(weights: Any) -> bool | None:
    """Return whether neighbours weigh by distance; None if ``weights`` is something that only Python can apply."""
    if weights is None or isinstance(weights, str):
        return weights == "distance"
    return None


class NeighborsDropIn(DropIn):
    """Fitting, state and input of the neighbour estimators."""

    def _cached(self) -> _Cache:
        return find_cache(id(self)) or renew_cache(self)

    def _check_state(self, state: dict[str, Any]) -> None:
        if "_fit_method" in state:
            self._check_rows(state)
            if not is_numeric(state["_fit_X"]) and "_given_tree" not in state:
                raise ValueError("corrupt state: _fit_X must hold numbers")

    def _check_rows(self, state: dict[str, Any]) -> None:
        """Raise ValueError if what a search reads of a fitted state contradicts itself; rows may be dates."""
        n_samples, shape = state.get("n_samples_fit_"), shape_of(state.get("_fit_X"))
        if len(shape) != 2 or shape[0] != n_samples:
            raise ValueError("corrupt state: _fit_X must be a matrix with n_samples_fit_ rows")
        if sp.issparse(state["_fit_X"]):
            check_indices(state["_fit_X"])
        if shape[1] != state.get("n_features_in_", shape[1]):
            raise ValueError("corrupt state: _fit_X and n_features_in_ disagree")
        if state["_fit_method"] not in ("brute", *TREES):
            raise ValueError("corrupt state: _fit_method is not known")
        if "_y" in state and shape_of(state["_y"])[:1] != (n_samples,):
            raise ValueError("corrupt state: _y must have n_samples_fit_ entries")

    def _parents_state(self) -> dict[str, Any]:
        state = super()._parents_state()
        if "_fit_method" in state:
            state["_tree"] = self._tree
            state.pop("_given_tree", None)
        return state

    def _own_state(self, state: dict[str, Any]) -> dict[str, Any]:
        state = super()._own_state(state)
        tree = state.pop("_tree", None)
        # A tree over an array is built again if it is ever needed; one that holds the rows was given to fit.
        if tree is not None and not isinstance(state.get("_fit_X"), np.ndarray):
            state["_given_tree"] = tree
        return state

    @property
    def _tree(self: Any) -> Any:
        """scikit-learn's tree, which its own methods search; None if it has none for this fit."""
        given = self.__dict__.get("_given_tree")
        if given is not None or self._fit_method not in TREES:
            return given
        cache = self._cached()
        if cache.tree is None:
            cache.tree = TREES[self._fit_method](
                self._fit_X, self.leaf_size, metric=self.effective_metric_, **self.effective_metric_params_
            )
        return cache.tree

    @_tree.setter
    def _tree(self, tree: Any) -> None:
        self.__dict__.pop("_given_tree", None)
        if tree is not None:
            self.__dict__["_given_tree"] = tree

    @keeps_state
    def _fit(self: Any, X: Any, y: Any = None) -> Any:
        """Validate and keep the rows and targets, as scikit-learn's `_fit` does."""
        renew_cache(self)
        is_held = isinstance(X, (KDTree, BallTree, NeighborsBase))
        call = SimpleNamespace(metric=self.metric, params=self.metric_params or {}, is_held=is_held)
        parent = super()._fit  # type: ignore[misc]
        return dispatch(self, "fit", CONDITIONS, call, lambda: self._fit_rows(X, y, parent), lambda: parent(X, y))

    def _fit_rows(self: Any, X: Any, y: Any, parent: Any) -> Any:
        """Let scikit-learn fit, but build no tree."""
        algorithm = self.algorithm
        if sp.issparse(X) or not self._is_brute_alike():
            parent(X, y)
            self._tree = None
            return self
        self.algorithm = "brute"
        parent(X, y)
        self.algorithm = algorithm
        self._fit_method = self._method_of_parent()
        if self._fit_method in TREES and not is_numeric(self._fit_X):
            self._tree  # noqa: B018  # its check of the rows is the only one that sees what objects in lists are
        return self

    def _is_brute_alike(self: Any) -> bool:
        """Whether scikit-learn's fit with a tree has the checks and warnings of its fit without one."""
        if self.metric not in VALID_METRICS["brute"]:
            return False
        if self.algorithm in TREES and self.metric not in VALID_METRICS[self.algorithm]:
            return False
        p = (self.metric_params or {}).get("p", self.p)
        return self.metric != "minkowski" or (isinstance(p, Real) and float(p) >= 1)

    def _method_of_parent(self: Any) -> str:
        """Return what scikit-learn makes of ``algorithm`` for dense rows and ``p >= 1``."""
        if self.algorithm != "auto":
            return self.algorithm
        n_samples, n_features = self._fit_X.shape
        if n_features > 15 or (self.n_neighbors is not None and self.n_neighbors >= n_samples // 2):
            return "brute"
        return next((name for name in TREES if self.effective_metric_ in VALID_METRICS[name]), "brute")

    def _dispatched(self: Any, method: str, rust: Any, parent: Any, more: tuple[Condition, ...] = ()) -> Any:
        """Run a search of a fitted estimator."""
        check_is_fitted(self, "_fit_method")
        call = SimpleNamespace(
            metric=self.effective_metric_,
            params=self.effective_metric_params_,
            is_held="_given_tree" in self.__dict__,
            estimator=self,
        )

        def checked_parent() -> Any:
            # What scikit-learn compiles believes the state, and writes where that points.
            self._check_rows(self.__dict__)
            return parent()

        return dispatch(self, method, CONDITIONS + more, call, rust, checked_parent)

    def _index(self: Any) -> core.Index:
        """Return what Rust searches in; two threads may build it at once, and the last one stays.

        It is made anew when the rows were replaced, or their array was given another shape or type.
        """
        cache, rows = self._cached(), self._fit_X
        metric, p = METRICS[self.effective_metric_], 2.0
        if metric == "minkowski":
            p = float(self.effective_metric_params_.get("p", 2))
            metric = BY_EXPONENT.get(p, metric)
        key = (rows, *layout_of(rows), metric, p)
        known = cache.index
        if known is None or not is_same(known[0], key):
            if not is_numeric(rows) and rows.dtype.kind not in "mM":  # dates are counted
                raise UnsupportedInputError("the rows are objects")
            floats = _floats(rows)
            if metric == "braycurtis":
                _refuse_two_meanings(floats)
            if isinstance(floats, np.ndarray):
                floats = floats.view()  # nobody else knows it: it keeps its shape and type
            known = cache.index = key, core.Index(x=floats, metric=metric, p=p, algorithm=self.algorithm)
        return known[1]

    def _queries(self: Any, X: Any) -> Any:
        """Check ``X`` as scikit-learn does; return it as Rust reads it."""
        X = validate_data(
            self,
            X,
            ensure_all_finite="allow-nan" if self.effective_metric_ == "nan_euclidean" else True,
            accept_sparse="csr",
            reset=False,
            order="C",
        )
        if sp.issparse(self._fit_X):
            return _floats(X if sp.issparse(X) else sp.csr_array(X))
        if sp.issparse(X):
            raise UnsupportedInputError("X is sparse and the fitted rows are dense")
        if self.effective_metric_ == "braycurtis":
            _refuse_two_meanings(X)
        return _floats(X)

    def _meets_zeros(self: Any, X: Any) -> bool:
        """Whether the fitted rows themselves are searched for, where scikit-learn puts zeros on the diagonal.

        It matters to the cosine alone, whose rows of zeros are at 1 of everything, and so of copies of themselves.
        """
        return X is not None and X is self._fit_X and self.effective_metric_ == "cosine"

    def _refuse_zeros(self: Any, X: Any) -> None:
        """Refuse to take a vote of neighbours where a row of zeros is its own neighbour."""
        if self._meets_zeros(X) and _are_zero(X).any():
            raise UnsupportedInputError("rows of zeros are their own neighbors by cosine")

    def _rounded(self: Any, distances: np.ndarray, X: Any, queries: Any) -> np.ndarray:
        """Return distances to ``X``, read by Rust as ``queries``, in the type in which scikit-learn gives them."""
        rows, metric = self._fit_X, self.effective_metric_
        if X is None:
            X = queries = rows
        is_narrow = metric in ("cosine", "nan_euclidean")
        if metric in ("euclidean", "l2") and sp.issparse(rows):
            # Its fast search takes 32-bit indices only, and "euclidean" of two sparse matrices not at all.
            sparse = [rows, queries] if sp.issparse(X) else [rows]  # X itself may have another format
            has_long_indices = any({m.indices.dtype, m.indptr.dtype} != {np.dtype(np.int32)} for m in sparse)
            is_narrow = has_long_indices or (metric == "euclidean" and len(sparse) == 2)
        if is_narrow and rows.dtype == np.float32 and queries.dtype == np.float32:
            return distances.astype(np.float32)
        return distances


class KNeighborsDropIn(NeighborsDropIn):
    """Searches for a number of neighbours."""

    def kneighbors(self: Any, X: Any = None, n_neighbors: Any = None, return_distance: Any = True) -> Any:
        """Find the nearest rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_queries, n_features), default=None
            Points to search around; None: the fitted rows, none of which counts as its own neighbour.
            With precomputed distances their shape is ``(n_queries, n_samples_fit)``.
        n_neighbors : int, default=None
            How many rows to find; None: the estimator's ``n_neighbors``.
        return_distance : bool, default=True
            Whether the distances are wanted too.

        Returns
        -------
        neigh_dist : ndarray of shape (n_queries, n_neighbors)
            Distances, ascending; only if ``return_distance``.
        neigh_ind : ndarray of shape (n_queries, n_neighbors)
            Positions of the rows; of equally near rows the first come first.
        """
        parent = super().kneighbors  # type: ignore[misc]
        return self._dispatched(
            "kneighbors",
            lambda: self._nearest(X, n_neighbors, bool(return_distance)),
            lambda: parent(X, n_neighbors, return_distance),
        )

    def _nearest(self: Any, X: Any, n_neighbors: Any, return_distance: bool) -> Any:
        k = self.n_neighbors if n_neighbors is None else n_neighbors
        queries = self._queries_for(X, k)
        search = {"n_neighbors": k, "return_distance": return_distance, "n_threads": _threads.resolve(self.n_jobs)}
        index = self._index()
        if queries is None:
            distances, indices = index.neighbors_of_rows(**search)
        else:
            distances, indices = index.kneighbors(x=queries, **search)
        if self._meets_zeros(X):
            _put_first(np.flatnonzero(_are_zero(queries)), distances, indices)
        return (self._rounded(distances, X, queries), indices) if return_distance else indices

    def _queries_for(self: Any, X: Any, k: Any) -> Any:
        """Return ``X`` as Rust reads it (None for the fitted rows), if ``k`` neighbours can be found."""
        if not isinstance(k, Integral) or isinstance(k, bool) or k < 1:
            raise UnsupportedInputError("n_neighbors is not a positive integer")
        queries = None if X is None else self._queries(X)
        if k + (X is None) > self.n_samples_fit_:
            raise UnsupportedInputError("n_neighbors exceeds the number of rows")
        return queries


class RadiusNeighborsDropIn(NeighborsDropIn):
    """Searches within a radius."""

    def radius_neighbors(
        self: Any, X: Any = None, radius: Any = None, return_distance: Any = True, sort_results: Any = False
    ) -> Any:
        """Find the rows within a radius, its boundary included.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_queries, n_features), default=None
            Points to search around; None: the fitted rows, none of which counts as its own neighbour.
            With precomputed distances their shape is ``(n_queries, n_samples_fit)``.
        radius : float, default=None
            The largest distance; None: the estimator's ``radius``.
        return_distance : bool, default=True
            Whether the distances are wanted too.
        sort_results : bool, default=False
            Whether the rows come in order of distance rather than of position; needs ``return_distance``.

        Returns
        -------
        neigh_dist : ndarray of shape (n_queries,) of ndarrays
            Distances of the rows found; only if ``return_distance``.
        neigh_ind : ndarray of shape (n_queries,) of ndarrays
            Their positions.
        """
        parent = super().radius_neighbors  # type: ignore[misc]

        return self._dispatched(
            "radius_neighbors",
            lambda: self._within(X, radius, bool(return_distance), bool(sort_results)),
            lambda: parent(X, radius, return_distance, sort_results),
        )

    def _within(self: Any, X: Any, radius: Any, return_distance: bool, sort: bool) -> Any:
        if sort and not return_distance:
            raise UnsupportedInputError("sorted results need distances")
        queries = None if X is None else self._queries(X)
        blocks = self._index().radius_neighbors(
            x=queries,
            radius=self._checked_radius(radius),
            return_distance=return_distance,
            sort=sort,
            n_threads=_threads.resolve(self.n_jobs),
        )
        # The rows of each query are views into the arrays of its block: nothing is copied.
        distances_of: list[np.ndarray] = []
        indices_of: list[np.ndarray] = []
        for starts, ends, distances, indices in blocks:
            spans = [slice(*span) for span in zip(starts.tolist(), ends.tolist(), strict=True)]
            indices_of += [indices[span] for span in spans]
            if distances is not None:
                rounded = self._rounded(distances, X, queries)
                distances_of += [rounded[span] for span in spans]
        if self._meets_zeros(X):
            _insert_own(np.flatnonzero(_are_zero(queries)), distances_of, indices_of, sort)
        lists = _to_object_array(indices_of)
        return (_to_object_array(distances_of), lists) if return_distance else lists

    def _checked_radius(self: Any, radius: Any = None) -> float:
        radius = self.radius if radius is None else radius
        if not (isinstance(radius, Real) and float(radius) >= 0):
            raise UnsupportedInputError("radius is not a number of at least 0")
        return float(radius)


def layout_of(array: Any) -> tuple[Any, Any]:
    """Return what may change of an array while it stays the same object, besides its numbers."""
    return array.shape, array.dtype


def is_same(known: tuple[Any, ...], now: tuple[Any, ...]) -> bool:
    """Whether a cache was made of what is there now: an array, its layout, and plain values."""
    return known[0] is now[0] and known[1:] == now[1:]


def is_numeric(array: Any) -> bool:
    """Whether an array, dense or sparse, holds real numbers."""
    return getattr(getattr(array, "dtype", None), "kind", "O") in "fiub"


def shape_of(array: Any) -> tuple[int, ...]:
    return getattr(array, "shape", ())


def _refuse_two_meanings(X: np.ndarray) -> None:
    """Refuse what scikit-learn's trees and SciPy, which it calls elsewhere, define differently in "braycurtis"."""
    if X.min() < 0 or not X.any(axis=1).all():
        raise UnsupportedInputError("braycurtis has more than one meaning for negative numbers and for rows of zeros")


def _floats(X: Any) -> Any:
    """Return dense or sparse ``X`` in float32 or float64."""
    return X if X.dtype in (np.float32, np.float64) else X.astype(np.float64)


def _are_zero(X: Any) -> np.ndarray:
    """Return which rows of dense or sparse ``X`` are zero, shape (n_rows,)."""
    return np.asarray(abs(X).sum(axis=1) == 0).ravel() if sp.issparse(X) else ~X.any(axis=1)


def _put_first(rows: np.ndarray, distances: np.ndarray | None, indices: np.ndarray) -> None:
    """Make rows that are at 1 of all others their own first neighbours, at 0.

    Parameters
    ----------
    rows : ndarray of shape (n_zeros,)
        Positions of these rows, among the queries as among what is searched.
    distances, indices : ndarray of shape (n_queries, n_neighbors)
        What was found, changed in place. Distances may be None.
    """
    for row in rows:
        found = indices[row]
        others = found[found != row][: len(found) - 1]
        indices[row, 0], indices[row, 1:] = row, others
        if distances is not None:
            distances[row, 0] = 0.0


def _insert_own(rows: np.ndarray, distances: list[np.ndarray], indices: list[np.ndarray], sort: bool) -> None:
    """Put rows among their own neighbours within a radius, at 0.

    Parameters
    ----------
    rows : ndarray of shape (n_zeros,)
        Positions of these rows, among the queries as among what is searched.
    distances, indices : list of ndarray
        What was found for each query, changed in place. No distances if they are not wanted.
    sort : bool
        Whether neighbours are in order of distance rather than of position.
    """
    for row in rows:
        is_other = indices[row] != row
        others = indices[row][is_other]
        at = 0 if sort else int(np.searchsorted(others, row))
        indices[row] = np.insert(others, at, row)
        if distances:
            distances[row] = np.insert(distances[row][is_other], at, 0.0)
