"""The trees of an ensemble: made from what Rust grows, kept at hand for predictions, checked before they are believed.

What Rust needs to walk a forest, where the nodes of each tree lie, is looked up at the first prediction and kept beside
the fitted state. It copies no node, and it is looked up again when a tree was replaced or has moved.
"""

import operator
import sys
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from sklearn.ensemble._bootstrap import _get_n_samples_bootstrap
from sklearn.tree._tree import Tree
from sklearn.utils.validation import check_is_fitted

from mlfast import _threads
from mlfast._caches import cached_by
from mlfast._core import UnsupportedInputError
from mlfast._core import ensemble as core
from mlfast._dispatch import callers_level, dispatch
from mlfast._sparse import with_checked_indices
from mlfast._state import DropIn
from mlfast.tree._base import SEEDS, small_rows
from mlfast.tree._state import tree_of

T = TypeVar("T")


class _Cache:
    """What is looked up when it is first needed."""

    __slots__ = ("beside", "forest", "owner", "start")

    def __init__(self) -> None:
        self.owner: Any = None
        self.forest: core.Forest | None = None
        #: What it was looked up from besides the trees.
        self.beside: tuple[Any, ...] = ()
        #: What boosted trees are added to, behind what it was computed from.
        self.start: tuple[Any, bytes, np.ndarray] | None = None


find_cache, renew_cache = cached_by(_Cache)


class Members(DropIn):
    """State of an ensemble with trees in ``estimators_``."""

    def _known(self) -> _Cache:
        return find_cache(id(self)) or renew_cache(self)

    def _forest(self: Any) -> core.Forest:
        """Return the trees as Rust walks them."""
        cache = self._known()
        forest, trees, beside = cache.forest, self._trees(), self._beside()
        if forest is None or not forest.holds(trees) or not all(map(operator.is_, cache.beside, beside)):
            if not trees:
                raise ValueError("corrupt state: estimators_ must hold a tree")
            self._refuse_other_shapes(trees)
            forest, cache.beside = self._looked_up(trees), beside
            # What only looks like a tree of scikit-learn may keep its nodes elsewhere, or read otherwise, next time.
            cache.forest = forest if all(type(estimator.tree_) is Tree for estimator in trees) else None
        return forest

    def _trees(self: Any) -> list[Any]:
        """Return the fitted trees."""
        trees: list[Any] = self.estimators_
        return trees

    def _refuse_other_shapes(self: Any, trees: list[Any]) -> None:
        """Refuse trees that an earlier fit with ``warm_start`` grew on other features, outputs or classes."""
        n_features, n_outputs = self._shape(self.__dict__)
        n_classes = self._class_counts()
        for tree in trees:
            if (known := tree.n_features_in_) != n_features:
                name = type(tree).__name__
                raise ValueError(f"X has {n_features} features, but {name} is expecting {known} features as input.")
            if n_outputs is not None and (known := tree.tree_.n_outputs) != n_outputs:  # boosting has always one
                raise ValueError(f"a tree of an earlier fit has {known} outputs, but the last fit saw {n_outputs}")
            if n_classes is not None and (known := tree.tree_.n_classes.tolist()) != n_classes:
                raise ValueError(f"a tree of an earlier fit has {known} classes, but the last fit saw {n_classes}")

    def _beside(self) -> tuple[Any, ...]:
        """Return what is looked up together with the trees."""
        return ()

    def _is_walked(self) -> bool:
        """Whether what a fitted ensemble says follows from its trees, and in the usual way."""
        return True

    def _asked(self: Any, method: str, X: Any, ask: Callable[[core.Forest, Any, int], T], parent: Callable[[], T]) -> T:
        """Return ``ask(trees, samples, number of threads)``, or what the parent says of X.

        A few plain rows need no more checks than Rust makes by itself.
        """
        state = self.__dict__
        if not isinstance(state.get("estimators_"), list) or not self._is_walked():
            return parent()
        rows = small_rows(self, X)
        if rows is not None:
            return ask(self._forest(), rows, 1)
        check_is_fitted(self)
        samples = self._validate_X_predict(with_checked_indices(X))
        return dispatch(
            self,
            method,
            (),
            None,
            lambda: ask(self._forest(), samples, _threads.resolve(getattr(self, "n_jobs", None))),
            parent,
        )

    def _missing(self: Any, known: list[Any]) -> int:
        """Return how many trees there are to grow beside those of an earlier fit; warn if none."""
        n_more: int = self.n_estimators - len(known)
        if n_more < 0:
            raise UnsupportedInputError("there are more trees than n_estimators")
        if n_more == 0:
            message = "Warm-start fitting without increasing n_estimators does not fit new trees."
            warnings.warn(message, stacklevel=callers_level())
            # The same trees, but perhaps of other features or outputs than the data of this fit.
            self._known().forest = None
        return n_more

    def _looked_up(self, trees: list[Any]) -> core.Forest:
        return core.Forest(trees)

    def _check_state(self, state: dict[str, Any]) -> None:
        if "estimators_" not in state:
            return
        trees = state["estimators_"]
        if not isinstance(trees, list) or not trees:
            raise ValueError("corrupt state: estimators_ must be a list of trees")
        shape = self._shape(state)
        for estimator in trees:
            tree = getattr(estimator, "tree_", None)
            if not isinstance(tree, Tree) or (tree.n_features, tree.n_outputs) != shape:
                raise ValueError("corrupt state: estimators_ must be trees of the features and outputs of the ensemble")
            if tree.n_classes.tolist() != trees[0].tree_.n_classes.tolist():
                raise ValueError("corrupt state: the trees of estimators_ disagree")

    def _shape(self, state: dict[str, Any]) -> tuple[Any, Any]:
        """Return the features and outputs that each tree has."""
        return state.get("n_features_in_"), state.get("n_outputs_")

    def _class_counts(self) -> list[int] | None:
        """Return the number of classes of each output that each tree has; None: nothing is said of it."""
        return None


class Portioned:
    """An ensemble whose trees each see a subsample of the rows and of the features."""

    def _announce(self: Any, n_more: int) -> None:
        if self.verbose > 1:
            for number in range(1, n_more + 1):
                print(f"Building estimator {number} of {n_more} for this parallel run (total {n_more})...")

    def _add(self: Any, template: Any, grown: list[Any], known: list[Any], features: list[Any]) -> None:
        """Put what Rust has grown, the state, features and seed of each tree, behind the trees of an earlier fit."""
        trees = build_trees(template, [state for state, *_ in grown], [seed for *_, seed in grown])
        self.estimators_ = [*known, *trees]
        self.estimators_features_ = [*features, *(drawn for _, drawn, _ in grown)]


class AnyMembers(Members):
    """State of an ensemble with estimators of any kind in ``estimators_``, which Rust asks if they are trees."""

    #: Classes of the trees that Rust grows; the first is what there is without an estimator.
    _kinds: tuple[type, ...]

    def _check_state(self, state: dict[str, Any]) -> None:
        members = state.get("estimators_")
        if not isinstance(members, list) or are_trees(members, self._kinds):
            super()._check_state(state)
        elif not all(hasattr(member, "predict") for member in members):
            raise ValueError("corrupt state: estimators_ must be estimators")


def are_trees(members: list[Any], kinds: tuple[type, ...]) -> bool:
    """Tell whether all members are fitted trees of these classes, and there is one."""
    return len(members) > 0 and all(type(member) in kinds and "tree_" in member.__dict__ for member in members)


def seeds_behind(known: list[Any], n_more: int, random: np.random.RandomState) -> np.ndarray:
    """Draw the seeds of ``n_more`` trees, behind those of the trees that are there."""
    if known:
        random.randint(SEEDS, size=len(known))
    return random.randint(SEEDS, size=n_more)


def drawn_count(n_samples: int, max_samples: Any, weights: np.ndarray | None) -> int:
    """Return how many rows are drawn for each member, as ``max_samples`` says.

    Parameters
    ----------
    n_samples : int
        Rows that there are.
    max_samples : int, float or None
        A number, or a fraction of the rows or of their weights.
    weights : ndarray of shape (n_samples,) or None
        Weights; None: all 1.

    Raises
    ------
    UnsupportedInputError
        If a machine word does not count so many.
    """
    count = int(_get_n_samples_bootstrap(n_samples, max_samples, weights))
    if count > sys.maxsize:
        raise UnsupportedInputError("there are more rows to draw than a machine word counts")
    return count


def probabilities(weights: np.ndarray | None) -> np.ndarray | None:
    """Return the fraction of each row, as `numpy.random.RandomState.choice` takes it.

    Parameters
    ----------
    weights : ndarray of shape (n_samples,) or None
        Weights; None: all 1.

    Returns
    -------
    probabilities : ndarray of shape (n_samples,) or None
        The shares in float64, computed in the type of the weights.

    Raises
    ------
    UnsupportedInputError
        If they are none.
    """
    if weights is None:
        return None
    fractions = weights / np.sum(weights)
    slack = np.sqrt(np.finfo(fractions.dtype).eps)
    if not (np.all(fractions >= 0) and abs(np.sum(fractions, dtype=np.float64) - 1) <= slack):
        raise UnsupportedInputError("the weights are no probabilities")
    return fractions.astype(np.float64)


def build_trees(template: Any, states: list[dict[str, Any]], seeds: list[Any]) -> list[Any]:
    """Return fitted estimators.

    Parameters
    ----------
    template : estimator
        Has all that its trees have in common, but no tree.
    states : list of dict
        What Rust grew; emptied, so that no tree is held twice for long.
    seeds : list of int or RandomState
        ``random_state`` of each.
    """
    kind: Any = type(template)
    common = template.__dict__
    n_classes = common.get("n_classes_")
    counts = [1] * template.n_outputs_ if n_classes is None else [n_classes] if template.n_outputs_ == 1 else n_classes
    estimators = []
    states.reverse()
    for seed in seeds:
        estimator = kind.__new__(kind)
        tree = tree_of(template.n_features_in_, counts, states.pop())
        estimator.__dict__.update(common | {"random_state": seed, "tree_": tree})
        estimators.append(estimator)
    return estimators
