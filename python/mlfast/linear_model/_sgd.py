"""What the models fitted by stochastic gradient descent share: draws, the call into Rust, progress lines.

scikit-learn's own methods validate, allocate and warn; what they call to fit a validated problem is replaced.
"""

import numbers
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn._loss._loss import CyHalfBinomialLoss, CyHalfSquaredError, CyHuberLoss
from sklearn.base import ClassifierMixin, RegressorMixin, is_classifier
from sklearn.linear_model._base import SPARSE_INTERCEPT_DECAY
from sklearn.linear_model._sgd_fast import (
    EpsilonInsensitive,
    Hinge,
    ModifiedHuber,
    SquaredEpsilonInsensitive,
    SquaredHinge,
)
from sklearn.linear_model._stochastic_gradient import MAX_INT
from sklearn.utils import check_random_state

from mlfast import _threads
from mlfast._core import UnsupportedInputError
from mlfast._core import linear_model as core
from mlfast._dispatch import Condition
from mlfast._sparse import with_checked_indices
from mlfast.linear_model._base import NO_ARRAY

#: How Rust calls the losses.
LOSSES = {
    Hinge: "hinge",
    SquaredHinge: "squared_hinge",
    ModifiedHuber: "modified_huber",
    CyHalfBinomialLoss: "log_loss",
    CyHalfSquaredError: "squared_error",
    CyHuberLoss: "huber",
    EpsilonInsensitive: "epsilon_insensitive",
    SquaredEpsilonInsensitive: "squared_epsilon_insensitive",
}
LOSS_TYPES = tuple(f"{loss.__module__}.{loss.__qualname__}" for loss in LOSSES)


def _scores_by_itself(call: tuple[Any, np.ndarray]) -> bool:
    model, _ = call
    plain: Any = ClassifierMixin if is_classifier(model) else RegressorMixin
    return bool(model.early_stopping) and type(model).score is not plain.score


FIT_CONDITIONS = (
    Condition("early_stopping by a score of one's own", _scores_by_itself),
    NO_ARRAY,
)


def with_checked_rows(X: Any) -> Any:
    """Return ``X``, or a copy of a sparse matrix that cannot change; wide indices, which scikit-learn refuses, stay."""
    checked = with_checked_indices(X)
    return X if checked is not X and X.indices.dtype != np.int32 else checked


@contextmanager
def restore_rng_on_fallback(*sources: Any) -> Iterator[None]:
    """Give generators back what was drawn from them, if scikit-learn is asked to draw it again; seeds lose nothing."""
    generators = [check_random_state(source) for source in sources if not isinstance(source, numbers.Integral)]
    states = [generator.get_state() for generator in generators]
    try:
        yield
    except UnsupportedInputError:
        for generator, state in zip(generators, states, strict=True):
            generator.set_state(state)
        raise


_of_thread = threading.local()


def generator(random_state: Any) -> np.random.RandomState:
    """Return the generator of a ``random_state``, as scikit-learn does; one of a seed is good until the next call.

    To make one asks the system for entropy, which takes as long as a small fit. It is kept, and seeded again.
    """
    if not isinstance(random_state, numbers.Integral):
        return check_random_state(random_state)
    random: np.random.RandomState | None = getattr(_of_thread, "random", None)
    if random is None:
        random = _of_thread.random = np.random.RandomState()
    random.seed(random_state)  # type: ignore[arg-type]
    return random


def seed_after_that_of_rows(random: np.random.RandomState) -> int:
    """Return the seed of the shuffles, drawn after one that scikit-learn draws for its table and does not use."""
    random.randint(1, MAX_INT)
    return int(random.randint(MAX_INT))


def descended(
    est: Any,
    X: Any,
    y: np.ndarray,
    *,
    loss: Any,
    alpha: float,
    learning_rate: str,
    sample_weight: np.ndarray,
    validation_mask: np.ndarray,
    max_iter: int,
    seeds: list[int],
    class_weights: list[tuple[float, float]],
    intercepts: list[float],
    n_threads: int | None = None,
    one_class: bool = False,
) -> dict[str, Any]:
    """Fit a validated problem in Rust.

    Parameters
    ----------
    est : object
        The model, with its coefficients so far.
    X : {ndarray, CSR matrix} of shape (n_samples, n_features)
        Features, of float32 or float64.
    y : ndarray of shape (n_samples,)
        Targets of the type of X; where there are several seeds, int32 numbers of the classes.
    loss : object
        scikit-learn's loss.
    alpha, learning_rate, max_iter : float, str, int
        In place of the model's own.
    sample_weight : ndarray of shape (n_samples,)
        Weights of the type of X.
    validation_mask : ndarray of bool of shape (n_samples,)
        Which samples decide when to stop.
    seeds : list of int
        Seeds of the shuffles, one for each task.
    class_weights : list of (float, float)
        Weights of positive and of other targets, for each task.
    intercepts : list of float
        Where the intercepts begin, for each task.
    n_threads : int, default=None
        Threads that tasks, or what a single one needs beside its steps, are shared out to; None: what ``n_jobs`` of
        the model says, where 0 is no error, since scikit-learn does not look at it for a single task.
    one_class : bool, default=False
        Whether alpha counts against the intercept too.

    Returns
    -------
    found : dict
        What `core.descend_by_rows` found; `coef` and `average_coef` of shape (n_tasks, n_features).
    """
    kind, *arguments = loss.__reduce__()
    arguments = [argument for given in arguments for argument in given]
    averages = bool(est.average)
    coef, average_coef = (est._standard_coef, est._average_coef) if averages else (est.coef_, None)
    if any(array is not None and array.dtype != X.dtype for array in (coef, average_coef)):
        raise UnsupportedInputError("coef_ and X differ in type")
    n_tasks = len(seeds)
    found = core.descend_by_rows(
        x=X,
        y=y,
        weights=sample_weight,
        held_out=validation_mask.view(np.uint8) if est.early_stopping else None,
        coef=coef.reshape(n_tasks, -1),
        intercepts=intercepts,
        average_coef=None if average_coef is None else average_coef.reshape(n_tasks, -1),
        average_intercepts=[float(value) for value in est._average_intercept] if averages else [0.0] * n_tasks,
        seeds=seeds,
        side_weights=class_weights,
        scoring="sides" if is_classifier(est) else "variance",
        settings={
            "loss": LOSSES[kind],
            "loss_parameter": float(arguments[0]) if arguments else 0.0,
            "penalty": str(est.penalty).lower(),
            "alpha": float(alpha),
            "l1_ratio": float(est._get_l1_ratio()),
            "learning_rate": learning_rate,
            "eta0": float(est.eta0),
            "power_t": float(est.power_t),
            "fit_intercept": bool(est.fit_intercept),
            "intercept_decay": SPARSE_INTERCEPT_DECAY if sp.issparse(X) else 1.0,
            "one_class": one_class,
            "average": int(est.average),
            "t": float(est.t_),
            "shuffle": bool(est.shuffle),
            "max_iter": int(max_iter),
            "tol": -np.inf if est.tol is None else float(est.tol),
            "n_iter_no_change": int(est.n_iter_no_change),
            "is_reported": bool(est.verbose),
        },
        report=_printer() if est.verbose else None,
        n_threads=_threads.resolve(getattr(est, "n_jobs", None) or None) if n_threads is None else n_threads,
    )
    if any(found["diverged"]):
        raise UnsupportedInputError("numbers grew out of all bounds")
    return found


def _printer() -> Callable[..., None]:
    """Return what prints how it goes, in the lines of scikit-learn."""
    start = time.time()

    def report(word: str, *numbers: Any) -> None:
        if word == "begins":
            print(f"-- Epoch {numbers[0]}")
        elif word == "converged":
            print(f"Convergence after {numbers[0]} epochs took {time.time() - start:.2f} seconds")
        else:
            length, nonzero, intercept, steps, loss, objective, score = numbers
            line = f"Norm: {length:.2f}, NNZs: {nonzero}, Bias: {intercept:.6f}, T: {steps}, "
            line += f"Avg. loss: {loss:f}, Objective: {objective:f}"
            print(line if score is None else f"{line}, Validation score: {score:f}")
            print(f"Total training time: {time.time() - start:.2f} seconds.")

    return report


def own(given: Any) -> Any:
    """Return a copy of an array that the user keeps, and anything else as it is."""
    return given.copy() if isinstance(given, np.ndarray) else given


def renewed(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Return `old` with the values of `new`, for those who hold it, as scikit-learn does; else `new`."""
    if type(old) is not np.ndarray or old.shape != new.shape or old.dtype != new.dtype or not old.flags.writeable:
        return new
    old[:] = new
    return old


def is_averaged(est: Any) -> bool:
    """Return whether so many steps were taken that the averages count."""
    return bool(est.average <= est.t_ - 1.0)
