"""Methods that run in Rust, declared once: `in_rust` makes of what Rust does with a call the whole method.

The function that it decorates is the way through Rust and nothing else. Around it the decorator puts what is the same
everywhere: parameters are checked and the state is kept if a fit fails, a method of a fitted estimator says so if it is
not, the conditions are asked, the parent runs if one applies, the docstring is the parent's where there is none. The
guard (`mlfast._guard`) stands around all of it, and asks ``small`` first.
"""

import functools
from collections.abc import Callable, Mapping
from types import CodeType, FunctionType
from typing import Any, NamedTuple, TypeVar, cast

from sklearn.utils.validation import check_is_fitted

from mlfast._dispatch import Condition, dispatch
from mlfast._state import DropIn, _fit_context, keeps_state

Method = TypeVar("Method", bound=Callable[..., Any])
#: Returns what a method says of its first argument, given the estimator's ``__dict__``; None if it has to be validated.
Small = Callable[[dict[str, Any], Any], Any]

#: Methods that set the state.
FITS = ("fit", "partial_fit")


class Call(NamedTuple):
    """One call of a method, as it came: what conditions look at."""

    estimator: Any
    method: str
    X: Any
    y: Any
    sample_weight: Any
    #: The other arguments that were given, by name.
    params: Mapping[str, Any]


class Declaration(NamedTuple):
    """What `in_rust` was told of a method."""

    when: tuple[Condition, ...]
    small: Small | None


def in_rust(*, when: tuple[Condition, ...] = (), small: Small | None = None) -> Callable[[Method], Method]:
    """Make a method of its way through Rust, which the decorated function is.

    Parameters
    ----------
    when : tuple of Condition
        Asked in order about a `Call`, before anything is validated; if one applies, scikit-learn runs. What only
        validated data show the function says by raising `UnsupportedInputError`.
    small : callable, default=None
        Answers a call with a few plain rows from the estimator's ``__dict__`` and the rows, without any more checks.
        It returns None for any other call.

    Notes
    -----
    The class, or the one that it is mixed into, must derive from `DropIn`: scikit-learn's method is the next one after
    that class.
    """

    def declared(method: Method) -> Method:
        function = cast(FunctionType, method)
        vars(function)["declaration"] = Declaration(when, small)  # and of what is put around it
        make = _fit if function.__name__ in FITS else _use
        return cast(Method, make(function, when))

    return declared


def _use(method: FunctionType, when: tuple[Condition, ...]) -> Callable[..., Any]:
    """Return a method of a fitted estimator."""
    name, names = method.__name__, _names_of(method.__code__)

    @functools.wraps(method)
    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        check_is_fitted(self)
        parent = getattr(super(DropIn, self), name)
        call = _call(self, name, names, args, kwargs)
        return dispatch(self, name, when, call, lambda: method(self, *args, **kwargs), lambda: parent(*args, **kwargs))

    return run


def _fit(method: FunctionType, when: tuple[Condition, ...]) -> Callable[..., Any]:
    """Return a method that fits."""
    name, names = method.__name__, _names_of(method.__code__)

    @functools.wraps(method)
    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        parent = getattr(super(DropIn, self), name)
        if getattr(parent, "__code__", None) is _CHECKED:  # the parameters have been checked
            parent = functools.partial(parent.__wrapped__, self)
        call = _call(self, name, names, args, kwargs)
        return dispatch(self, name, when, call, lambda: method(self, *args, **kwargs), lambda: parent(*args, **kwargs))

    return keeps_state(_fit_context(prefer_skip_nested_validation=True)(run))


#: The code of what scikit-learn puts around a fit that checks its parameters.
_CHECKED = cast(FunctionType, _fit_context(prefer_skip_nested_validation=True)(lambda self: None)).__code__


def _names_of(code: CodeType) -> tuple[str, ...]:
    return code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]


def _call(estimator: Any, method: str, names: tuple[str, ...], args: Any, kwargs: Any) -> Call:
    given = dict(zip(names, args, strict=False)) | kwargs
    X, y, sample_weight = (given.pop(name, None) for name in ("X", "y", "sample_weight"))
    return Call(estimator, method, X, y, sample_weight, given)
