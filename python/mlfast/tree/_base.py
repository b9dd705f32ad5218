"""What the tree estimators share: fitting, walking down, pruning, state.

A fit validates, turns parameters into numbers as scikit-learn does, and makes one call into Rust. What scikit-learn
would not accept is refused, and scikit-learn is asked to say why.
"""

import sys
from collections.abc import Callable
from math import ceil
from numbers import Integral
from typing import Any, TypeVar

import numpy as np
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.utils import Bunch, _align_api_if_sparse, check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from mlfast import _profile, _threads
from mlfast._core import UnsupportedInputError
from mlfast._core import tree as core
from mlfast._dispatch import Condition, dispatch, named
from mlfast._sparse import with_checked_indices
from mlfast._state import DropIn
from mlfast.tree._state import check_state, tree_of

T = TypeVar("T")

#: Depth that nothing reaches.
NO_DEPTH = 2**31 - 1
#: scikit-learn draws the seed of a tree below this.
SEEDS = 2**31 - 1
SPLITTERS = ("best", "random")


def _is_unknown(value: Any, known: Any) -> bool:
    return not (isinstance(value, str) and value in known)


FIT_CONDITIONS = (
    Condition(
        lambda est: f"criterion is {named(est.criterion)}, an object and not a name",
        lambda est: _is_unknown(est.criterion, est._criteria),
    ),
    Condition(
        lambda est: f"splitter is {named(est.splitter)}, an object and not a name",
        lambda est: _is_unknown(est.splitter, SPLITTERS),
    ),
)


class TreeDropIn(DropIn):
    """Fitting, walking and pruning of a tree."""

    _skops_types = ("sklearn.tree._tree.Tree",)
    #: Names of the criteria that it takes.
    _criteria: tuple[str, ...]

    def _check_state(self, state: dict[str, Any]) -> None:
        check_state(state, is_classifier="classes_" in state)

    # ---- fitting ----

    def _fitted(self: Any, X: Any, y: Any, sample_weight: Any, check_input: bool, parent: Callable[[], Any]) -> Any:
        """Fit in Rust if it covers the criterion and the splitter, else by ``parent``."""
        return dispatch(
            self, "fit", FIT_CONDITIONS, self, lambda: self._fit_in_rust(X, y, sample_weight, check_input), parent
        )

    def _fit_in_rust(self: Any, X: Any, y: Any, sample_weight: Any, check_input: bool) -> Any:
        random = check_random_state(self.random_state)
        if check_input:
            X, y = self._checked_data(X, y)
        n_samples = X.shape[0]
        targets, n_classes, class_weights = self._learn(X, y)
        weights = None if sample_weight is None else _check_sample_weight(sample_weight, X, dtype=np.float64)
        if class_weights is not None:
            weights = class_weights if weights is None else weights * class_weights
        total = n_samples if weights is None else np.sum(weights)
        params = self._params(n_samples, n_classes)
        self.max_features_ = params["max_features"]
        n_threads = _threads.resolve()
        state = core.grow(
            columns=core.Columns(x=readable(X), n_threads=n_threads),
            y=targets,
            n_classes=n_classes,
            weights=weights,
            min_weight_leaf=self.min_weight_fraction_leaf * total,
            params=params,
            seed=int(random.randint(0, SEEDS)),
            n_threads=n_threads,
        )
        self.tree_ = tree_of(self.n_features_in_, n_classes or [1] * self.n_outputs_, state)
        self._name_classes()
        self._prune_tree()
        return self

    def _checked_data(self: Any, X: Any, y: Any) -> tuple[Any, Any]:
        """Check the data as scikit-learn does; a few plain numbers need no more than a look."""
        rows = core.small_rows(X, X.shape[1]) if type(X) is np.ndarray and X.ndim == 2 and X.size > 0 else None
        if rows is not None and _are_plain_targets(y):
            self.__dict__.pop("feature_names_in_", None)
            X = rows
        else:
            for_X = {"dtype": np.float32, "accept_sparse": "csc", "ensure_all_finite": False}
            X = with_checked_indices(X)
            X, y = validate_data(self, X, y, validate_separately=(for_X, {"ensure_2d": False, "dtype": None}))
            self._compute_missing_values_in_feature_mask(X)  # refuses what is infinite
            X = readable(X)
        if self.criterion == "poisson" and (np.any(y < 0) or np.sum(y) <= 0):
            raise UnsupportedInputError("y is no target of Poisson regression")
        return X, y

    def _learn(self: Any, X: Any, y: Any) -> tuple[np.ndarray, list[int] | None, np.ndarray | None]:
        """Set what the data say of features, outputs and classes, and return what `_targets` makes of ``y``."""
        self.n_features_in_ = X.shape[1]
        y = np.atleast_1d(y)
        y = y.reshape(-1, 1) if y.ndim == 1 else y
        self.n_outputs_ = y.shape[1]
        learnt = self._targets(y)
        if len(learnt[0]) != X.shape[0]:
            raise UnsupportedInputError("X and y differ in their number of samples")
        return learnt

    def _targets(self: Any, y: np.ndarray) -> tuple[np.ndarray, list[int] | None, np.ndarray | None]:
        """Return targets of shape (n_samples, n_outputs), the number of classes of each output, weights by class."""
        return np.ascontiguousarray(y, dtype=np.float64), None, None

    def _learn_shape(self: Any, n_features: int, n_outputs: int, n_classes: list[int] | None) -> None:
        """Set what a fit sets before it grows the tree, if classes are their codes."""
        self.n_features_in_, self.n_outputs_ = n_features, n_outputs
        if n_classes is not None:
            self.classes_ = [np.arange(count, dtype=np.float64) for count in n_classes]
            self.n_classes_ = np.array(n_classes, dtype=np.intp)
        self._name_classes()

    def _name_classes(self: Any) -> None:
        """Set what depends on whether there is one output."""

    def _params(self: Any, n_samples: int, n_classes: list[int] | None) -> dict[str, Any]:
        """Return the parameters as Rust takes them: numbers in place of shares and None."""
        leaf: Any
        split: Any
        leaf, split, features = self.min_samples_leaf, self.min_samples_split, self.max_features
        leaf = leaf if isinstance(leaf, Integral) else ceil(leaf * n_samples)
        split = split if isinstance(split, Integral) else max(2, ceil(split * n_samples))
        n_features = self.n_features_in_
        if features is None:
            features = n_features
        elif isinstance(features, str):
            features = max(1, int({"sqrt": np.sqrt, "log2": np.log2}[features](n_features)))
        elif not isinstance(features, Integral):
            features = max(1, int(features * n_features)) if features > 0.0 else 0
        params: dict[str, Any] = {
            "criterion": self.criterion,
            "splitter": self.splitter,
            "max_depth": NO_DEPTH if self.max_depth is None else self.max_depth,
            "min_samples_leaf": leaf,
            "min_samples_split": max(split, 2 * leaf),
            "max_features": features,
            "max_leaf_nodes": self.max_leaf_nodes,
            "min_impurity_decrease": self.min_impurity_decrease,
            "monotonic": self._signs(n_features, n_classes),
        }
        if any(isinstance(params[name], Integral) and int(params[name]) > sys.maxsize for name in params):
            raise UnsupportedInputError("a parameter does not fit a machine word")
        return params

    def _signs(self: Any, n_features: int, n_classes: list[int] | None) -> np.ndarray | None:
        """Return the monotonic constraints on what a node says first: in classification on the first class."""
        if self.monotonic_cst is None:
            return None
        signs = np.asarray(self.monotonic_cst)
        if signs.shape != (n_features,) or not np.isin(signs, (-1, 0, 1)).all():
            raise UnsupportedInputError("monotonic_cst does not say -1, 0 or 1 of each feature")
        if self.n_outputs_ > 1 or (n_classes is not None and n_classes[0] > 2):
            raise UnsupportedInputError("monotonic constraints on more than one number")
        signs = signs.astype(np.int8)
        return signs if n_classes is None else -signs

    # ---- pruning ----

    def _prune_tree(self: Any) -> None:
        """Cut off the branches that are not worth ``ccp_alpha`` for a leaf."""
        if self.ccp_alpha == 0.0:
            return
        tree = self.tree_
        state = tree.__getstate__()
        pruned = core.prune(
            nodes=state["nodes"], values=state["values"], n_features=tree.n_features, alpha=self.ccp_alpha
        )
        self.tree_ = tree_of(tree.n_features, tree.n_classes, pruned)

    def cost_complexity_pruning_path(self: Any, X: Any, y: Any, sample_weight: Any = None) -> Bunch:
        """Find the alphas at which branches of the tree are cut off, the weakest first.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data, read as float32.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights; None: all 1.

        Returns
        -------
        ccp_path : Bunch
            ``ccp_alphas``, the alpha of each cut, and ``impurities``, the cost of the leaves after it. The first
            entries are those of the whole tree.
        """
        tree = clone(self).set_params(ccp_alpha=0.0).fit(X, y, sample_weight=sample_weight).tree_
        alphas, impurities = core.pruning_path(nodes=tree.__getstate__()["nodes"], n_features=tree.n_features)
        return Bunch(ccp_alphas=alphas, impurities=impurities)

    # ---- walking ----

    def _walked(
        self: Any,
        method: str,
        X: Any,
        check_input: bool,
        walk: Callable[[dict[str, Any], Any, int], T],
        parent: Callable[[], T],
    ) -> T:
        """Return ``walk(arrays of the tree, samples, number of threads)``, or what the parent says of X.

        A few plain rows need no more checks than Rust makes by itself.
        """
        state = self.__dict__
        tree = state.get("tree_")
        if tree is None:
            return parent()
        rows = small_rows(self, X) if check_input else None
        if rows is not None:
            return walk(tree.__getstate__(), rows, 1)
        check_is_fitted(self)
        samples = self._validate_X_predict(with_checked_indices(X) if check_input else X, check_input)

        def rust() -> T:
            if not check_input:
                refuse_unreadable(samples)
            return walk(tree.__getstate__(), samples, _threads.resolve())

        def checked_parent() -> T:
            self._check_state(self.__dict__)  # scikit-learn's `Tree` believes its nodes
            return parent()

        return dispatch(self, method, (), None, rust, checked_parent)

    def _values(self: Any, state: dict[str, Any], samples: Any, n_threads: int) -> np.ndarray:
        """Return the values of the leaves, shape (n_samples, n_outputs, n_classes)."""
        return core.predict(nodes=state["nodes"], values=state["values"], x=samples, n_threads=n_threads)

    def apply(self, X: Any, check_input: bool = True) -> np.ndarray:
        """Find the leaf in which each sample ends.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data, read as float32.
        check_input : bool, default=True
            Whether to validate ``X``; without it ``X`` must be of float32, dense or CSR.

        Returns
        -------
        X_leaves : ndarray of shape (n_samples,)
            Positions in ``tree_``.
        """
        return self._walked(
            "apply",
            X,
            check_input,
            lambda state, samples, n_threads: core.apply(nodes=state["nodes"], x=samples, n_threads=n_threads),
            lambda: super(TreeDropIn, self).apply(X, check_input),  # type: ignore[misc]
        )

    def decision_path(self, X: Any, check_input: bool = True) -> Any:
        """Find the nodes that each sample passes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data, read as float32.
        check_input : bool, default=True
            Whether to validate ``X``; without it ``X`` must be of float32, dense or CSR.

        Returns
        -------
        indicator : CSR matrix of shape (n_samples, n_nodes)
            1 where a sample passes a node.
        """

        def walk(state: dict[str, Any], samples: Any, n_threads: int) -> Any:
            starts, nodes = core.decision_path(nodes=state["nodes"], x=samples, n_threads=n_threads)
            shape = (samples.shape[0], len(state["nodes"]))
            return _align_api_if_sparse(sp.csr_array((np.ones(len(nodes), dtype=np.intp), nodes, starts), shape=shape))

        return self._walked(
            "decision_path",
            X,
            check_input,
            walk,
            lambda: super(TreeDropIn, self).decision_path(X, check_input),  # type: ignore[misc]
        )


def _are_plain_targets(y: Any) -> bool:
    """Whether y is an array of finite real numbers, one for each sample."""
    if type(y) is not np.ndarray or y.ndim != 1 or len(y) == 0 or y.dtype.kind not in "iubf":
        return False
    return y.dtype.kind != "f" or bool(np.isfinite(y).all())


def small_rows(est: Any, X: Any) -> np.ndarray | None:
    """Return a few plain rows as Rust takes them; None if X must be validated, or the call be recorded."""
    if "feature_names_in_" in est.__dict__ or (not _profile.is_idle and _profile.is_wanted()):
        return None
    return core.small_rows(X, est.n_features_in_)


def readable(X: Any) -> Any:
    """Return the data of a fit as Rust reads them: rows in order, or CSC with indices in order."""
    if not sp.issparse(X):
        return X
    X = X.tocsc()
    X.sort_indices()
    if {X.indices.dtype, X.indptr.dtype} != {np.dtype(np.intc)}:
        raise UnsupportedInputError("the indices of X are not of 32 bits")
    return X


def refuse_unreadable(X: Any) -> None:
    """Refuse what scikit-learn's `Tree` does not take, or takes as it happens."""
    if sp.issparse(X):
        is_csr = X.format == "csr" and {X.indices.dtype, X.indptr.dtype} == {np.dtype(np.intc)}
        is_readable = is_csr and X.dtype == np.float32 and not np.isnan(X.data).any()
    else:
        is_readable = isinstance(X, np.ndarray) and X.dtype == np.float32
    if not is_readable:
        raise UnsupportedInputError("X is neither an array nor a CSR matrix of float32 numbers")
