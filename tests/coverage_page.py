"""
docs/coverage.md: `python -m tests.coverage_page` writes its tables, of what is in Rust and what goes to scikit-learn.

Both are read from the code. A method is in Rust if `in_rust` declares it, or if it leads to `dispatch` or into
`mlfast._core`, on its own or where the parent's method calls one of ours. Its conditions are those of the declaration,
and those that the functions on this way name. In a reason, …
stands for what was given in the call.
"""

import ast
import functools
import importlib
import inspect
import re
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

from sklearn.base import BaseEstimator, TransformerMixin

from mlfast._dispatch import Condition, dispatch
from mlfast._reach import _calls, function_of
from mlfast.accel._registry import OWN, REGISTRY
from mlfast.cluster import KMeans
from mlfast.neighbors import NearestNeighbors
from mlfast.neural_network import NetworkRegressor

PAGE = Path(__file__).resolve().parents[1] / "docs" / "coverage.md"
BEGIN, END = "<!-- coverage:begin -->", "<!-- coverage:end -->"
#: Methods that compute nothing, or what others have computed.
PLAIN = re.compile(r"set_\w+|get_\w+|sparsify|densify")
#: Methods of scikit-learn's mixins that call one method on what another returns.
CHAINED = {function_of(TransformerMixin.fit_transform): ("fit", "transform")}
#: Estimators that functions and other estimators make and use.
MADE_OF = (KMeans, NearestNeighbors, NetworkRegressor)


def table():
    """Return the tables of all rooms."""
    modules = {name.replace("sklearn", "mlfast"): names for name, names in REGISTRY.items()}
    for name, names in OWN.items():
        modules[name] += names
    del modules["mlfast.metrics"]  # all of it is in mlfast.metrics.pairwise too
    lines = []
    for name, names in sorted(modules.items()):
        module = importlib.import_module(name)
        same = {}
        for each in sorted(names, key=str.lower):
            same.setdefault(covered(getattr(module, each)), []).append(f"`{each}`")
        lines += [f"### `{name}`", "", "| name | in Rust | goes to scikit-learn if |", "|---|---|---|"]
        lines += [f"| {', '.join(group)} | {methods} | {reasons} |" for (methods, reasons), group in same.items()]
        lines.append("")
    return "\n".join(lines)


def covered(thing):
    """Return (what runs in Rust, the reasons for which it does not), in words, of a class or a function."""
    if not isinstance(thing, type):
        return "the call", "; ".join(way(function_of(thing), None)[1])
    conditions = {name: found for name in methods(thing) for is_rust, found in [way_of(thing, name)] if is_rust}
    by_reason, by_methods = {}, {}
    for name, reasons in conditions.items():
        for reason in reasons:
            by_reason.setdefault(reason, []).append(name)
    for reason, on in by_reason.items():
        by_methods.setdefault("" if len(on) == len(conditions) else f"{listed(on)}: ", []).append(reason)
    return listed(conditions), "<br>".join(on + "; ".join(reasons) for on, reasons in by_methods.items())


def listed(names):
    return ", ".join(f"`{name}`" for name in names)


def methods(cls):
    """Public methods of a class that are its own, not those of every estimator."""
    names = [name for name in dir(cls) if name[0] != "_" and not hasattr(BaseEstimator, name)]
    return [name for name in names if not PLAIN.fullmatch(name) and not isinstance(getattr(cls, name), property)]


def way_of(cls, name):
    return way(function_of(definitions(cls, name)[0]), cls)


def definitions(cls, name):
    return [vars(base)[name] for base in cls.__mro__ if name in vars(base)]


@functools.cache
def way(function, cls):
    """Return whether a function leads into Rust, and the words of the conditions on its way."""
    read, conditions, is_rust = set(), [], False
    following = [function]
    while following:
        function = following.pop()
        if function is None or function in read:
            continue
        read.add(function)
        if function in CHAINED:
            following += [function_of(definitions(cls, name)[0]) for name in CHAINED[function]]
        if cls is not None:
            calls = _calls(function)
            for name in sorted(calls.of_self):
                following += map(function_of, definitions(cls, name)[:1])
            for name in sorted(calls.of_super):
                following += map(function_of, definitions(cls, name)[1:])
            following += calls.helpers
        if not function.__module__.startswith("mlfast."):
            continue
        declaration = getattr(function, "declaration", None)
        if declaration is not None:
            is_rust = True
            conditions += map(words, declaration.when)
        for name in sorted({name for code in codes(function.__code__) for name in code.co_names}):
            value = function.__globals__.get(name)
            home = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
            is_error = isinstance(value, type) and issubclass(value, Exception)
            is_rust |= value is dispatch or (str(home).startswith("mlfast._core") and not is_error)
            if isinstance(value, FunctionType) and value.__module__.startswith("mlfast."):
                following.append(function_of(value))
            if any(value is each for each in MADE_OF):
                is_rust = True
                conditions += [reason for each in methods(value) for reason in way_of(value, each)[1]]
            values = value if isinstance(value, tuple) else (value,)
            conditions += [words(each) for each in values if isinstance(each, Condition)]
    return is_rust, tuple(dict.fromkeys(conditions))


def codes(code):
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes(constant)


def words(condition):
    """The reason of a condition, with … for what the call gives."""
    if isinstance(condition.reason, str):
        return condition.reason
    code = condition.reason.__code__
    for node in ast.walk(parsed(inspect.getsourcefile(condition.reason))):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Lambda):
            reason = node.args[0]
            if reason.lineno == code.co_firstlineno and ast.unparse(node.func) == "Condition":
                parts = reason.body.values
                return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in parts)
    raise LookupError(f"no f-string in the reason at line {code.co_firstlineno}")


@functools.cache
def parsed(path):
    return ast.parse(Path(path).read_text())


def page():
    """Return the page as it should be."""
    text = PAGE.read_text()
    begin, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    return f"{text[:begin]}\n{table()}\n{text[end:]}"


if __name__ == "__main__":
    PAGE.write_text(page())
