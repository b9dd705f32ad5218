"""Functions of scikit-learn that call ours in place of some that they name.

Where scikit-learn's own method decides, checks and warns, and only what it hands the numbers to is to be another, it is
run as it is. scikit-learn's modules stay untouched.
"""

import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any


def rebound(function: Callable[..., Any], **names: Any) -> Callable[..., Any]:
    """Return ``function``, without its decorators, as if its module had other objects under some names.

    Parameters
    ----------
    function : callable
        A function, or a method of a class, written in Python.
    **names : object
        What the function finds under each name of its module.
    """
    plain: Any = inspect.unwrap(function)
    unknown = names.keys() - plain.__globals__.keys()
    if unknown:
        raise NameError(f"{plain.__module__} knows nothing of {sorted(unknown)}")
    twin = FunctionType(
        plain.__code__, {**plain.__globals__, **names}, plain.__name__, plain.__defaults__, plain.__closure__
    )
    twin.__kwdefaults__ = plain.__kwdefaults__
    return twin
