"""State of fitted estimators: versions and pickling."""

import functools
import sys
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

import sklearn
from sklearn.exceptions import InconsistentVersionWarning

from mlfast import _mlflow
from mlfast._core import __version__
from mlfast._guard import guard_methods

#: Changes when the meaning of a fitted attribute changes.
STATE_VERSION = 1

Method = TypeVar("Method", bound=Callable[..., Any])

if TYPE_CHECKING:  # sklearn.base says nothing about types, and a decorator must not hide what a fit returns

    def _fit_context(*, prefer_skip_nested_validation: bool) -> Callable[[Method], Method]: ...
else:
    from sklearn.base import _fit_context  # noqa: F401  for the rooms


class VersionWarning(InconsistentVersionWarning):
    """An estimator was saved by another version of mlfast."""

    def __init__(self, *, estimator_name: str, saved_by: str) -> None:
        self.estimator_name = estimator_name
        self.saved_by = saved_by

    def __str__(self) -> str:
        return (
            f"{self.estimator_name} was saved by mlfast {self.saved_by} and is loaded by mlfast {__version__}; "
            "its answers may differ from those it gave there."
        )


class DropIn:
    """Base of every estimator that takes the place of one of scikit-learn's.

    The class that follows it in a subclass's bases is scikit-learn's. Fitted state is that class's state, attribute
    for attribute, so it converts both ways without loss.
    """

    _doc_link_module = "mlfast"
    #: Full names of types, other than scikit-learn's estimators, that fitted state consists of.
    _skops_types: tuple[str, ...] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__module__.startswith("mlfast."):
            guard_methods(cls)

    def _doc_link_url_param_generator(self) -> dict[str, str]:
        module = type(self).__module__.split("._")[0].replace("mlfast", "sklearn", 1)
        return {"estimator_module": module, "estimator_name": type(self).__name__}

    @classmethod
    def _get_param_names(cls) -> list[str]:
        # scikit-learn reads the signature at every fit, which is a good part of the time of a fit that only validates.
        names: list[str] | None = cls.__dict__.get("_param_names")
        if names is None:
            names = cls._param_names = super()._get_param_names()  # type: ignore[misc, attr-defined]
        return list(names)

    def __getstate__(self) -> dict[str, Any]:
        if _mlflow.MODULE in sys.modules:  # it may be saving this model
            _mlflow.reference_mlfast(sys.modules[_mlflow.MODULE])
        state: dict[str, Any] = super().__getstate__()  # type: ignore[assignment]
        return state | {
            "_mlfast_state_version": STATE_VERSION,
            "_mlfast_version": __version__,
            "_sklearn_version": sklearn.__version__,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        name, state = type(self).__name__, dict(state)
        version = state.pop("_mlfast_state_version", None)
        saved_by = state.pop("_mlfast_version", "unknown")
        trained_with = state.pop("_sklearn_version", "unknown")
        if version != STATE_VERSION:
            raise ValueError(
                f"cannot read the state of {name}: mlfast {saved_by} saved it in version {version!r}, "
                f"mlfast {__version__} reads version {STATE_VERSION}. Load it with the mlfast that saved it, "
                "and save what mlfast.to_sklearn makes of it."
            )
        if saved_by != __version__:
            warnings.warn(VersionWarning(estimator_name=name, saved_by=saved_by), stacklevel=2)
        if trained_with != sklearn.__version__:
            warnings.warn(
                InconsistentVersionWarning(
                    estimator_name=name,
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


def keeps_state(method: Method) -> Method:
    """Make a fitting method leave its estimator as it was when it fails or is interrupted."""

    @functools.wraps(method)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        before = self.__dict__.copy()
        try:
            return method(self, *args, **kwargs)
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    return cast(Method, wrapper)
