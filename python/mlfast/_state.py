"""State of fitted estimators: versions, pickling, conversion from and to scikit-learn."""

import copy
import functools
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import sklearn
from sklearn.base import BaseEstimator
from sklearn.exceptions import InconsistentVersionWarning

#: Changes when the meaning of a fitted attribute changes.
STATE_VERSION = 1

T = TypeVar("T")
_counterparts: dict[type, type] = {}


class DropIn:
    """Base of every estimator that takes the place of one of scikit-learn's.

    The class that follows it in a subclass's bases is scikit-learn's. Fitted state is that class's state, attribute
    for attribute, so it converts both ways without loss.
    """

    _doc_link_module = "mlfast"

    def _doc_link_url_param_generator(self) -> dict[str, str]:
        module = type(self).__module__.split("._")[0].replace("mlfast", "sklearn", 1)
        return {"estimator_module": module, "estimator_name": type(self).__name__}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        namesakes = (base for base in cls.__mro__[1:] if base.__name__ == cls.__name__)
        parent = next((base for base in namesakes if base.__module__.startswith("sklearn.")), None)
        if cls.__module__.startswith("mlfast.") and parent is not None:
            _counterparts[parent] = cls

    @classmethod
    def _get_param_names(cls) -> list[str]:
        # scikit-learn reads the signature at every fit, which is a good part of the time of a fit that only validates.
        names: list[str] | None = cls.__dict__.get("_param_names")
        if names is None:
            names = cls._param_names = super()._get_param_names()  # type: ignore[misc, attr-defined]
        return list(names)

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()  # type: ignore[assignment]
        return state | {"_mlfast_state_version": STATE_VERSION, "_sklearn_version": sklearn.__version__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        version = state.pop("_mlfast_state_version", None)
        trained_with = state.pop("_sklearn_version", "unknown")
        if version != STATE_VERSION:
            raise ValueError(f"cannot read the state of {type(self).__name__}: version {version!r} is not known")
        if trained_with != sklearn.__version__:
            warnings.warn(
                InconsistentVersionWarning(
                    estimator_name=type(self).__name__,
                    current_sklearn_version=sklearn.__version__,
                    original_sklearn_version=trained_with,
                ),
                stacklevel=2,
            )
        self._check_state(state)
        self.__dict__.update(state)

    def _check_state(self, state: dict[str, Any]) -> None:
        """Raise ValueError if fitted attributes contradict each other."""

    def _parents_state(self) -> dict[str, Any]:
        """Return the attributes that scikit-learn's class would have."""
        return self.__dict__.copy()

    def _own_state(self, state: dict[str, Any]) -> dict[str, Any]:
        """Return the attributes of this class, given those of scikit-learn's."""
        return state


def keeps_state(method: Callable[..., T]) -> Callable[..., T]:
    """Make a fitting method leave its estimator as it was when it fails or is interrupted."""

    @functools.wraps(method)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> T:
        before = self.__dict__.copy()
        try:
            return method(self, *args, **kwargs)
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    return wrapper


def to_sklearn(estimator: BaseEstimator) -> BaseEstimator:
    """Return scikit-learn's own estimator with the same parameters and fitted state.

    It can be used, pickled and loaded where mlfast is not installed.

    Parameters
    ----------
    estimator : estimator
        An estimator of mlfast, fitted or not.

    Returns
    -------
    estimator
        Of the scikit-learn class of the same name; arrays are copied.
    """
    return _converted(estimator, {ours: parent for parent, ours in _counterparts.items()})


def from_sklearn(estimator: BaseEstimator) -> BaseEstimator:
    """Return mlfast's estimator with the parameters and fitted state of one of scikit-learn's.

    Parameters
    ----------
    estimator : estimator
        An estimator of scikit-learn that mlfast has a counterpart of, fitted or not.

    Returns
    -------
    estimator
        Of the mlfast class of the same name; arrays are copied.
    """
    return _converted(estimator, _counterparts)


def _converted(estimator: BaseEstimator, classes: dict[type, type]) -> BaseEstimator:
    target = classes.get(type(estimator))
    if target is None:
        known = ", ".join(sorted(source.__name__ for source in classes))
        raise TypeError(f"cannot convert {type(estimator).__module__}.{type(estimator).__qualname__}; known: {known}")
    converted: BaseEstimator = object.__new__(target)
    state = estimator._parents_state() if isinstance(estimator, DropIn) else estimator.__dict__
    state = copy.deepcopy(state)
    if isinstance(converted, DropIn):
        state = converted._own_state(state)
        converted._check_state(state)
    converted.__dict__.update(state)
    return converted
