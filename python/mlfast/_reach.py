"""What a method of scikit-learn calls on its estimator: read from its code, transitively.

A class that overrides one of these names changes what the method does, so a method of ours that takes its place must
not pass over them (`mlfast._guard`).
"""

import builtins
import dis
import functools
from types import CodeType, FunctionType
from typing import Any, NamedTuple

from sklearn.base import BaseEstimator

#: What is asked of every estimator; methods of ours ask it in the same way.
_OF_ALL = frozenset(vars(BaseEstimator)).union(*map(vars, BaseEstimator.__mro__))


class Calls(NamedTuple):
    """What a function looks up on its first argument and on ``super()``, and helpers that the argument goes to."""

    of_self: frozenset[str]
    of_super: frozenset[str]
    helpers: tuple[FunctionType, ...]


def reached(chain: tuple[type, ...], method: str) -> frozenset[str]:
    """Return the names that a method looks up on its estimator and that a class of the chain defines.

    What every estimator has is left out, and special methods.

    Parameters
    ----------
    chain : tuple of type
        Classes in the order in which names are looked up in them.
    method : str
        The method; only if a class of the chain defines it.
    """
    found: set[str] = set()
    functions = [function_of(definition) for definition in _definitions(chain, method)[:1]]
    read: set[Any] = set()
    while functions:
        function = functions.pop()
        if function is None or function in read:
            continue
        read.add(function)
        calls = _calls(function)
        for name in calls.of_self:
            definitions = [] if name in _OF_ALL or name.startswith("__") else _definitions(chain, name)
            if definitions:
                found.add(name)
                functions.append(function_of(definitions[0]))
        for name in calls.of_super - _OF_ALL:
            functions += [function_of(definition) for definition in _definitions(chain, name)]
        functions += calls.helpers
    return frozenset(found - {method})


def function_of(definition: Any) -> FunctionType | None:
    """Return the function behind what a class's dictionary holds, without decorators; None if there is none."""
    if isinstance(definition, (staticmethod, classmethod)):
        definition = definition.__func__
    elif isinstance(definition, property):
        definition = definition.fget
    else:
        definition = getattr(definition, "fn", definition)  # of scikit-learn's `available_if`
    while hasattr(definition, "__wrapped__"):
        definition = definition.__wrapped__
    return definition if isinstance(definition, FunctionType) else None


def _definitions(chain: tuple[type, ...], name: str) -> list[Any]:
    return [vars(cls)[name] for cls in chain if name in vars(cls)]


@functools.cache
def _calls(function: FunctionType) -> Calls:
    code = function.__code__
    of_self: set[str] = set()
    of_super: set[str] = set()
    helpers = []
    for name in _read(code, code.co_varnames[:1], of_self, of_super):
        helper = function_of(function.__globals__.get(name))
        if helper is not None and helper.__module__ == function.__module__:
            helpers.append(helper)
            # Which of its arguments the estimator is does not show: a name of any of them counts.
            inner = helper.__code__
            _read(inner, inner.co_varnames[: inner.co_argcount + inner.co_kwonlyargcount], of_self, of_super)
    return Calls(frozenset(of_self), frozenset(of_super), tuple(helpers))


def _read(code: CodeType, owners: tuple[str, ...], of_self: set[str], of_super: set[str]) -> set[str]:
    """Add what ``code`` looks up on variables of the given names; return the functions that such a one goes to."""
    helpers: set[str] = set()
    holds_self = holds_super = False
    function = ""
    for step in dis.get_instructions(code):
        name = step.opname
        is_lookup = name in ("LOAD_ATTR", "LOAD_METHOD")
        if holds_self:
            if is_lookup:
                of_self.add(str(step.argval))
            else:
                helpers.add(function)
                if name == "LOAD_CONST" and isinstance(step.argval, str):
                    of_self.add(step.argval)  # getattr(self, "name")
        if name == "LOAD_SUPER_ATTR" or (holds_super and is_lookup):
            of_super.add(str(step.argval))
            holds_super = False
        if name == "LOAD_GLOBAL":
            holds_super |= step.argval == "super"
            if not hasattr(builtins, step.argval):
                function = step.argval
        # Later versions of Python load two variables in one step.
        loaded = step.argval if isinstance(step.argval, tuple) else (step.argval,)
        holds_self = name.startswith(("LOAD_FAST", "LOAD_DEREF")) and loaded[-1] in owners
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            captured = tuple(owner for owner in owners if owner in constant.co_freevars)
            if captured:
                helpers |= _read(constant, captured, of_self, of_super)
    return helpers
