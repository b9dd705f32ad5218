"""How two answers are compared: bit for bit, or against the parent within the promised tolerance."""

import hashlib
import re
import warnings
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator
from sklearn.tree._tree import Tree


def fitted(est):
    """Public fitted attributes: names that end, but do not begin, with an underscore. Trees are taken apart."""
    found = {}
    for name, value in sorted(vars(est).items()):
        if name.endswith("_") and not name.startswith("_"):
            found |= taken_apart(name, value)
    return found


def taken_apart(name, value):
    """The plain values of which an attribute consists, by name: those of a tree, of an estimator, of a list of them."""
    if isinstance(value, Tree):
        return parts_of(name, value)
    if isinstance(value, np.random.RandomState):
        return {f"{name}[{i}]": part for i, part in enumerate(value.get_state())}
    if isinstance(value, BaseEstimator):
        parts = [taken_apart(f"{name}.{part}", given) for part, given in value.get_params(deep=False).items()]
        own = {part: v for given in parts for part, v in given.items()}
        return {name: type(value).__name__, **own, **{f"{name}.{part}": v for part, v in fitted(value).items()}}
    if isinstance(value, np.ndarray) and value.dtype == object and value.ndim == 2:
        return {f"{name}.shape": value.shape, **taken_apart(name, value.ravel().tolist())}
    if isinstance(value, list) and value and isinstance(value[0], BaseEstimator):
        members = (taken_apart(f"{name}[{i}]", member).items() for i, member in enumerate(value))
        return {part: v for member in members for part, v in member}
    if isinstance(value, list) and any(isinstance(part, np.ndarray) for part in value):
        return {f"{name}[{i}]": part for i, part in enumerate(value)}
    return {name: value}


def parts_of(name, tree):
    """The arrays and numbers that a tree consists of, by name."""
    state = tree.__getstate__()
    nodes = state.pop("nodes")
    parts = {**state, **{field: nodes[field] for field in nodes.dtype.names}}
    parts |= {part: getattr(tree, part) for part in ("n_features", "n_outputs", "n_classes")}
    return {f"{name}.{part}": value for part, value in parts.items()}


def bits(value):
    """A short, comparable, exact description of a value; equal if and only if every bit is equal."""
    if isinstance(value, dict):
        return {str(k): bits(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [bits(v) for v in value]
    if sp.issparse(value):
        parts = value if hasattr(value, "indptr") else value.tocsr()
        return ["sparse", value.format, list(value.shape), *map(bits, (parts.data, parts.indices, parts.indptr))]
    if isinstance(value, np.ndarray):
        if value.dtype == object:
            return ["objects", list(value.shape), bits(value.ravel().tolist())]
        digest = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        return [value.dtype.str, list(value.shape), digest]
    if isinstance(value, (float, np.floating)):
        return f"{np.dtype(type(value)).name} {float(value).hex()}"
    if value is None or isinstance(value, (bool, int, str, np.integer, np.bool_)):
        return f"{type(value).__name__} {value!r}"
    if isinstance(value, Tree):
        return bits(parts_of("tree", value))
    if isinstance(value, type):
        return f"type {value.__qualname__}"
    if hasattr(value, "__dict__"):
        return [type(value).__name__, bits(vars(value))]
    return repr(value)


def state_bits(est):
    """Bits of all public fitted attributes."""
    return bits(fitted(est))


def leaves(name, value):
    """
    The plain values that an answer consists of, by name.

    A tuple, a sparse matrix and an array of arrays (neighbours within a radius) are taken apart; the rest is one value.
    """
    if isinstance(value, (tuple, list)):
        return {k: v for i, part in enumerate(value) for k, v in leaves(f"{name}[{i}]", part).items()}
    if sp.issparse(value):
        parts = {"kind": type(value).__name__, "shape": value.shape}
        parts |= {part: getattr(value, part) for part in ("data", "indices", "indptr")}
        return {f"{name}.{part}": found for part, found in parts.items()}
    if isinstance(value, np.ndarray) and value.dtype == object and any(isinstance(v, np.ndarray) for v in value):
        lengths = np.array([len(v) for v in value])
        return {name: np.concatenate(list(value)), f"{name}.lengths": lengths}
    return {name: value}


def take(value, rows):
    """The part of an answer that belongs to some rows, given as a slice."""
    if isinstance(value, (tuple, list)):
        return type(value)(take(part, rows) for part in value)
    return value[rows]


@dataclass
class Outcome:
    """What a call did: its value or its error, and what it warned."""

    value: object = None
    error: Exception | None = None
    warned: list = field(default_factory=list)

    @property
    def complaint(self):
        return None if self.error is None else (type(self.error), str(self.error))


def outcome(call, *args, **kwargs):
    """Run a call and record what it did. Only `Exception` is caught: anything worse ends the test."""
    done = Outcome()
    with warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        try:
            done.value = call(*args, **kwargs)
        except Exception as error:
            done.error = error
    done.warned = sorted({(w.category.__name__, str(w.message)) for w in caught})
    return done


def assert_same_complaint(ours, theirs):
    """Exception type and message, and warnings, are the parent's."""
    if ours.error is not None and theirs.error is None:
        raise AssertionError("mlfast raised where the parent did not") from ours.error
    assert ours.complaint == theirs.complaint
    assert ours.warned == theirs.warned


EPS = {"float64": np.finfo(np.float64).eps, "float32": np.finfo(np.float32).eps}
SHARE = {"float64": 1e-9, "float32": 1e-4}  # of the largest magnitude in the array
RELATIVE = {"float64": 1e-6, "float32": 1e-4}  # of a sum of squares, and of what a line search finds


def magnitude(X):
    """Sum of squares of the data: the scale of everything quadratic."""
    values = X.data if sp.issparse(X) else np.asarray(X)
    return float(np.nansum(np.square(values, dtype=np.float64))) or 1.0


def rounding(name, dtype="float64"):
    """
    What rounding may leave of an attribute that is zero where everything is exact; zero for all but duality gaps.

    These are differences of two objectives, each about as large as the variance of the targets, which is near one.
    """
    return 100 * EPS[dtype] if name == "dual_gap_" else 0.0


def assert_close(name, ours, theirs, X, dtype, quadratic=(), distances=(), searched=()):
    """
    Compare one attribute or output with the parent's.

    Integers, strings and shapes must be equal; a quantity named in `quadratic` (a sum of squares) may differ by
    1e-6 of itself (float32: 1e-4); distances are compared squared, because the parent takes the root of a difference
    whose rounding error is relative to the squared norms; all other floats may differ by 1e-9 (float32: 1e-4) of the
    largest magnitude, those named in `searched` by 1e-6: a line search takes the root of a difference that may be all
    rounding, which leaves half of the digits.
    """
    assert type(ours) is type(theirs), f"{name}: type {type(ours)} instead of {type(theirs)}"
    if isinstance(theirs, list) and {type(value) for value in theirs} in ({float}, {np.float64}):
        assert {type(value) for value in ours} == {type(value) for value in theirs}, name
        ours, theirs = np.array(ours), np.array(theirs)
    if not isinstance(theirs, (np.ndarray, float, np.floating)):
        assert bits(ours) == bits(theirs), f"{name}: {ours!r} instead of {theirs!r}"
        return
    if isinstance(theirs, np.ndarray):
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape), name
        if theirs.dtype.kind != "f":
            np.testing.assert_array_equal(ours, theirs, err_msg=name)
            return
    scale = magnitude(X)
    if name in quadratic:
        floor = 100 * EPS[dtype] ** 2 * scale  # what rounding leaves of a sum of squares that is zero
        np.testing.assert_allclose(ours, theirs, rtol=RELATIVE[dtype], atol=floor, err_msg=name)
    elif rounding(name, dtype):
        np.testing.assert_allclose(ours, theirs, rtol=RELATIVE[dtype], atol=rounding(name, dtype), err_msg=name)
    elif name in distances:
        np.testing.assert_allclose(
            np.square(ours, dtype=np.float64),
            np.square(theirs, dtype=np.float64),
            rtol=64 * EPS[dtype],
            atol=64 * EPS[dtype] * scale,
            err_msg=name,
        )
    else:
        largest = float(np.max(np.abs(np.nan_to_num(theirs)), initial=0.0))
        share = (RELATIVE if name in searched else SHARE)[dtype]
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=share * largest, err_msg=name)


NUMBER = re.compile(r"[-+]?(?:\d+\.\d*|\.\d+|\d+)(?:[eE][-+]?\d+)?|\binf\b|\bnan\b")


def assert_same_text(ours, theirs, rtol=1e-6):
    """The words are equal and the numbers agree within `rtol`."""
    assert NUMBER.sub("#", ours) == NUMBER.sub("#", theirs)
    mine, parents = ([float(n) for n in NUMBER.findall(text)] for text in (ours, theirs))
    np.testing.assert_allclose(mine, parents, rtol=rtol)
