"""scikit-learn's callbacks on estimators that fit in Rust.

A fit is a tree of tasks: the fit as a whole, in it for example runs, in these iterations. A callback hears of every
task that begins or ends, may ask for the estimator as it would be if the fit stopped there, and may end the loop that
the task is a turn of. Rust tells a `Watch` of its tasks, between passes and on the thread that called ``fit``; without
callbacks there is no watch, and nobody is told.

The protocol is that of scikit-learn 1.9: this is the file to look at when `mlfast._compat.SUPPORTED` grows.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from sklearn.callback import CallbackSupportMixin


class CallbackDropIn(CallbackSupportMixin):
    """Base of estimators that report their fits; stands before `mlfast._state.DropIn` among the bases.

    It gives them ``set_callbacks`` where their scikit-learn namesake has none.
    """

    def __copy__(self) -> Self:
        # scikit-learn copies an estimator in the middle of a fit, when its attributes need not agree with each other,
        # and then sets those that callbacks ask for: no state to check yet.
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        return twin

    def _parents_state(self) -> dict[str, Any]:
        state: dict[str, Any] = super()._parents_state()  # type: ignore[misc]
        state.pop("_skl_callbacks", None)  # the namesake has no method to take them off again
        return state


class Level(NamedTuple):
    """A kind of task: what Rust calls it, what callbacks see, how many at most the task around it has."""

    task: str
    name: str
    most: int


class Watch:
    """Tells the callbacks of an estimator about the tasks of its running fit.

    Parameters
    ----------
    estimator : CallbackDropIn
        What is being fitted.
    X, y, sample_weight : object
        What ``fit`` was given.
    levels : sequence of Level
        The tasks to tell about, from the outermost to the innermost. Other tasks of Rust's are passed over.
    fitted : callable
        Called with a snapshot of Rust's and the means that centres are relative to (or None), if a callback asks for
        an estimator. Returns the attributes that make one, or None if there is none at that point.
    """

    def __init__(
        self,
        estimator: CallbackDropIn,
        X: Any,
        y: Any,
        sample_weight: Any,
        levels: Sequence[Level],
        fitted: Callable[[dict[str, Any], np.ndarray | None], dict[str, Any] | None],
    ) -> None:
        self._task = {
            "estimator": estimator,
            "X": X,
            "y": y,
            "metadata": None if sample_weight is None else {"sample_weight": sample_weight},
        }
        below = [level.most for level in levels[1:]] + [0]
        self._levels = {level.task: (level.name, most) for level, most in zip(levels, below, strict=True)}
        self._fitted = fitted
        self._means: np.ndarray | None = None
        root = estimator._init_callback_context(max_subtasks=levels[0].most)
        self._contexts = [root.call_on_fit_task_begin(**self._task)]

    def centred(self, means: np.ndarray) -> None:
        """Hear that from here on centres are relative to ``means``, of shape (n_features,)."""
        self._means = means

    def begin(self, task: str) -> None:
        """Hear that a task begins within the one that began last."""
        if task in self._levels:
            name, most = self._levels[task]
            context = self._contexts[-1].subcontext(task_name=name, max_subtasks=most)
            self._contexts.append(context.call_on_fit_task_begin(**self._task))

    def end(self, task: str, snapshot: dict[str, Any]) -> bool:
        """Hear that the task that began last has ended; return whether to end its loop."""
        if task not in self._levels:
            return False
        attributes = lambda: self._fitted(snapshot, self._means)  # noqa: E731
        return self._contexts.pop().call_on_fit_task_end(**self._task, reconstruction_attributes=attributes)

    def finish(self) -> None:
        """Tell that the estimator is fitted. Tasks that Rust left open, having given up, end first."""
        while len(self._contexts) > 1:
            self._contexts.pop().call_on_fit_task_end(**self._task)
        self._contexts.pop().call_on_fit_task_end(**self._task, reconstruction_attributes={})
