"""Methods of ours step aside where the parent's method would run code of somebody else.

A user's subclass, a mixin, a patch of a class or an attribute of an instance may override a name that scikit-learn's
method looks up on its estimator. What runs in Rust would pass over it in silence. So around each method that takes the
place of one of scikit-learn's stands a guard: it runs ours as long as all those names mean what they meant when the
class was made, and scikit-learn's otherwise.

The guard is a part of every call, also of one that takes a microsecond. So it asks one thing: whether the class of the
estimator is in a state in which nothing was overridden. The interpreter numbers these states (`mlfast._core.guard`);
a class gets another number when it or a base is changed. Only at a number that was not seen yet are the names looked
at, in one expression of identities, written when the method is first called: until then nothing has to know them.
"""

import functools
import inspect
from collections.abc import Callable
from inspect import CO_VARARGS, CO_VARKEYWORDS
from types import CodeType, FunctionType
from typing import Any, NamedTuple

from sklearn.base import BaseEstimator

from mlfast import _profile
from mlfast._core.guard import Seal, version
from mlfast._dispatch import Condition, dispatch
from mlfast._reach import reached
from mlfast.accel._modules import is_users

#: By a guard: the method of ours that it guards.
_guarded: dict[Any, FunctionType] = {}
#: Stands for a name that no class has.
_NOTHING = object()


class Home(NamedTuple):
    """Where a guarded method lives."""

    #: The class that the method is of.
    cls: type
    #: Its bases that are mlfast's, and the others: both in the order in which names are looked up.
    ours: tuple[type, ...]
    chain: tuple[type, ...]
    #: scikit-learn's class of the same name.
    namesake: Any


def guard_methods(cls: type) -> None:
    """Put guards around what a class of mlfast, or a base of it, has in the place of its namesake's methods."""
    ours = tuple(base for base in cls.__mro__ if _is_ours(base))
    chain = tuple(base for base in cls.__mro__ if base not in ours)
    namesake = next((base for base in chain if base.__name__ == cls.__name__), None)
    if namesake is None:
        return
    home = Home(cls, ours, chain, namesake)
    replaced = {name for base in chain if base not in BaseEstimator.__mro__ for name in vars(base)}
    for name in {name for base in ours for name in vars(base) if not name.startswith("__")} & replaced:
        method = _found(cls, name)
        if isinstance(method, FunctionType):
            setattr(cls, name, _guard(home, name, _guarded.get(method, method)))
        elif hasattr(method, "fn"):  # of scikit-learn's `available_if`
            inner = _guard(home, name, _guarded.get(method.fn, method.fn))
            setattr(cls, name, type(method)(inner, method.check, method.attribute_name))


def _is_ours(cls: type) -> bool:
    return cls.__module__.startswith("mlfast.")


def _found(cls: type, name: str) -> Any:
    """Return what the dictionaries of a class and its bases hold under a name."""
    return next((vars(base)[name] for base in cls.__mro__ if name in vars(base)), _NOTHING)


@functools.cache
def names_behind(home: Home, method: str) -> tuple[str, ...]:
    """Return the names that scikit-learn's method looks up on its estimator, but for parameters."""
    return tuple(sorted(reached(home.chain, method) - set(home.namesake._get_param_names())))


def _guard(home: Home, name: str, method: FunctionType) -> FunctionType:
    """Return a guard around ``method``; it writes its own code when it is first called.

    What `mlfast._declared.in_rust` was told to ask about small calls is asked here: a frame less for each.
    """
    # To name the arguments takes half the time of passing them on as they came, but not all can be written so.
    declaration = getattr(method, "declaration", None)
    own: Any = method if declaration is None else inspect.unwrap(method)
    code = own.__code__
    is_plain = not (code.co_kwonlyargcount or code.co_flags & (CO_VARARGS | CO_VARKEYWORDS))
    arguments = ", ".join(code.co_varnames[: code.co_argcount]) if is_plain else "self, *args, **kwargs"
    small = None if declaration is None else declaration.small

    def elsewhere(self: Any, *args: Any, **kwargs: Any) -> Any:
        if known["is_plain"](self):
            return method(self, *args, **kwargs)
        reason = _reason(home, name, self)
        if reason is None:
            return method(self, *args, **kwargs)
        always = (Condition(reason, lambda call: True),)
        parent = getattr(super(home.ours[-1], self), name)
        return dispatch(self, name, always, None, lambda: None, lambda: parent(*args, **kwargs))

    def write() -> None:
        seal = Seal([each for each in names_behind(home, name) if callable(getattr(home.cls, each, None))])
        known["holds"], known["is_plain"] = seal.holds, _look(home, name, seal)
        body = f"        return method({arguments})\n"
        if small is not None:
            first = code.co_varnames[1]
            body = (
                "        if profile.is_idle or not profile.is_wanted():\n"
                f"            found = small(self.__dict__, {first})\n"
                f"            if found is not None:\n                return found\n{body}"
            )
        source = f"def {name}({arguments}):\n    if holds(self):\n{body}    return elsewhere({arguments})\n"
        guard.__code__ = _compiled(source)

    known: dict[str, Any] = {"__name__": __name__, "elsewhere": elsewhere, "method": method, "write": write}
    known |= {"small": small, "profile": _profile}
    blank = f"def {name}({arguments}):\n    write()\n    return guard({arguments})\n"
    guard = known["guard"] = FunctionType(_compiled(blank), known, name)
    guard.__defaults__ = own.__defaults__ if is_plain else None
    functools.update_wrapper(guard, method)
    if guard.__doc__ is None:
        guard.__doc__ = getattr(home.namesake, name).__doc__
    _guarded[guard] = method
    return guard


def _look(home: Home, name: str, seal: Seal) -> Callable[[Any], bool]:
    """Return a function that looks at all names; the seal then knows the class, so that the next call need not."""
    known: dict[str, Any] = {}
    source = f"def is_plain(cls, state):\n    return {_condition(home, name, known)}\n"
    is_plain = FunctionType(_compiled(source), known)

    def look(self: Any) -> bool:
        cls = type(self)
        getattr(cls, name)  # a look brings a number where there is none
        before = version(cls)
        if not is_plain(cls, self.__dict__):
            return False
        if _NUMBERS_TELL and before == version(cls):
            seal.trust(before)
        return True

    return look


def _do_numbers_tell() -> bool:
    """Whether the numbers of states are where they are looked for in this interpreter."""
    base: Any = type("Base", (), {})
    derived: Any = type("Derived", (base,), {"name": 0})
    seen = []
    for cls in (base, derived, base):
        derived.name  # noqa: B018
        seen.append(version(derived))
        derived.name  # noqa: B018
        if version(derived) != seen[-1]:
            return False
        cls.name = len(seen)
        if version(derived) == seen[-1]:
            return False
    return 0 not in seen and len({*seen}) == len(seen)


_NUMBERS_TELL = _do_numbers_tell()


@functools.cache
def _compiled(source: str) -> CodeType:
    module = compile(source, __file__, "exec")
    return next(constant for constant in module.co_consts if isinstance(constant, CodeType))


def _condition(home: Home, name: str, known: dict[str, Any]) -> str:
    """Return the expression that holds while nothing is overridden; ``known`` gets what it names."""
    known |= {"namesake": home.namesake, "found": _found}
    terms = []
    for each in (name, *names_behind(home, name)):
        # A name may be overridden above our classes, which shows on the class, or below them, on the namesake.
        places = [("cls", home.cls)] if each != name else []
        if any(each in vars(base) for base in home.ours):
            places.append(("namesake", home.namesake))
        for place, cls in places:
            look, value = f"{place}.{each}", getattr(cls, each, _NOTHING)
            if value is not getattr(cls, each, _NOTHING):  # such as a class method, which is made anew at each look
                look, value = f"found({place}, {each!r})", _found(cls, each)
            # What is patched by now is asked about at each call.
            known[f"{place}_{each}"] = _NOTHING if _is_patch(_found(cls, each)) else value
            terms.append(f"{look} is {place}_{each}")
        if each != name and callable(getattr(home.cls, each, None)):
            terms.append(f"{each!r} not in state")
    return " and ".join(terms)


def _is_patch(definition: Any) -> bool:
    """Whether somebody else put this into a class of scikit-learn or of ours."""
    if isinstance(definition, (staticmethod, classmethod)):
        definition = definition.__func__
    elif isinstance(definition, property):
        definition = definition.fget
    else:
        definition = getattr(definition, "fn", definition)
    if isinstance(definition, FunctionType):
        # Not `__module__`, which a wrapper takes over from what it wraps.
        module = str(definition.__globals__.get("__name__"))
    else:
        module = type(definition).__module__
    top = module.partition(".")[0]
    return top not in ("builtins", "mlfast", "sklearn") or (top == "sklearn" and is_users(module))


def _reason(home: Home, name: str, estimator: Any) -> str | None:
    """Return why scikit-learn's method is to run, or None if ours may."""
    cls, state = type(estimator), estimator.__dict__
    names = names_behind(home, name)
    for each in names:
        if each in state and callable(getattr(home.cls, each, None)):
            return f"an attribute of the instance overrides `{each}`"
    for start, looked_at in ((cls, names), (home.namesake, (name, *names))):
        for each in looked_at:
            owner = next((base for base in start.__mro__ if each in vars(base)), None)
            if owner is None:
                continue
            if owner not in home.chain and not _is_ours(owner):
                return f"`{owner.__name__}` overrides `{each}`"
            if _is_patch(vars(owner)[each]):
                return f"`{owner.__name__}.{each}` is patched"
    return None
