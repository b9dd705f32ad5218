"""
Fitted models that somebody edits, and what they say then: runs in processes of its own, since the worst answer is none.

An edited model may answer, or raise what a Python program raises. It must not end the process, nor raise InternalError,
nor what is no `Exception`.
"""

import itertools
import pickle
import resource
import sys
import warnings

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator
from sklearn.tree._tree import Tree

import mlfast

from ..compare import leaves
from ..contract.registry import BY_NAME

#: Bytes that a process may map.
MEMORY = 4 << 30
#: Numbers that are out of every range, or of no meaning.
NUMBERS = (0, 1, -1, 7, 2**31, 2**63 - 1, -(2**63), 2**64, 0.5, 1e308, float("nan"), float("inf"), True)
#: What is of another kind than whatever stands there.
STRANGERS = (None, "text", [], {}, (), object(), 3, np.zeros(0), np.zeros((2, 3)), np.array(5.0), np.array(["a"]))


class Duck:
    """Looks like scikit-learn's `Tree`, and hands out arrays that everybody knows."""

    def __init__(self, tree):
        self._tree = tree
        self.state = {
            key: np.array(value) if isinstance(value, np.ndarray) else value
            for key, value in tree.__getstate__().items()
        }

    def __getattr__(self, name):
        return getattr(self.__dict__["_tree"], name)

    def __getstate__(self):
        return self.state


def others(value):
    """Yield (name, what stands in the place of a value): made anew for each use, nothing is shared."""
    if isinstance(value, np.ndarray):
        yield from _other_arrays(value)
    elif isinstance(value, (list, tuple)):
        kind = type(value)
        cuts = {"no": value[:0], "one": value[:1], "fewer": value[:-1], "more": value + value, "reversed": value[::-1]}
        yield from cuts.items()
        yield "of None", kind([None] * len(value))
        yield "of another kind", (list if kind is tuple else tuple)(value)
        for at, entry in enumerate(value[:1]):
            for name, other in others(entry):
                yield f"[{at}] {name}", kind([*value[:at], other, *value[at + 1 :]])
    elif isinstance(value, Tree):
        yield "duck", Duck(value)
        yield "unborn", Tree(value.n_features, value.n_classes, value.n_outputs)
        yield "narrower", _tree(value, max(1, value.n_features - 1), value.n_classes)
        yield "wider", _tree(value, value.n_features + 7, value.n_classes)
        for field, word in itertools.product(("left_child", "right_child", "feature"), (0, -7, 10**6, 2**62)):
            yield f"{field} {word}", _tree(value, value.n_features, value.n_classes, field, word)
    elif isinstance(value, (bool, int, float, np.number)):
        yield from ((str(number), number) for number in NUMBERS)
    elif isinstance(value, dict):
        yield "empty", {}
        yield "more", {**value, "p": 0.5, "x": None}
    elif sp.issparse(value):
        yield from _other_sparse(value)
    yield from ((f"stranger {at}", stranger) for at, stranger in enumerate(STRANGERS))


def _other_arrays(value):
    kind = value.dtype.kind
    yield "empty", value[:0].copy()
    yield "fewer", value[:-1].copy()
    yield "one", value[:1].copy()
    yield "more", np.concatenate([value, value]) if value.ndim else np.stack([value, value])
    yield "flat", value.ravel()
    yield "deeper", value[None]
    yield "turned", value.T
    yield "every other", value[..., ::2] if value.ndim else value
    yield "backwards", value[::-1] if value.ndim else value
    for dtype in ("f4", "f8", "i1", "i8", "u8", "c16", "?", "O", "U5", "M8[s]", "f2", ">f8", ">i8", "f16"):
        if not (kind in "OUMV" and dtype not in ("O", "U5")):
            yield dtype, value.astype(dtype)
    if kind in "fc":
        for number in (np.nan, np.inf, -np.inf, 1e300, 0.0):
            yield f"full of {number}", np.full_like(value, number)
    if kind in "iu":
        info = np.iinfo(value.dtype)
        for number in (info.min, info.max, 0, min(1000, info.max)):
            yield f"full of {number}", np.full_like(value, number)
        if value.size:
            last = value.copy()
            last.flat[-1] = info.max
            yield "one out of range", last
    if kind == "O" and value.size:
        for name, other in itertools.islice(others(value.flat[0]), 40):
            edited = value.copy()
            edited.flat[0] = other
            yield f"first {name}", edited
    misplaced = np.frombuffer(bytearray(value.nbytes + 1), np.uint8)[1:] if kind not in "O" else None
    if misplaced is not None and value.nbytes:
        odd = misplaced.view(value.dtype).reshape(value.shape)
        odd[...] = value
        yield "not aligned", odd


def _other_sparse(value):
    value = sp.csr_array(value)
    for name, junk in (("indices", 2**31 - 1), ("indices", -1), ("indptr", 2**31 - 1), ("indptr", -1)):
        other = value.copy()
        getattr(other, name)[-1:] = junk
        yield f"{name} {junk}", other
    other = value.copy()
    other.indices, other.data = other.indices[:-1], other.data[:-2]
    yield "cut", other
    yield "dense", value.toarray()
    yield "csc", value.tocsc()


def _tree(tree, n_features, n_classes, field=None, word=None):
    other = Tree(n_features, n_classes, tree.n_outputs)
    state = {key: np.array(part) if isinstance(part, np.ndarray) else part for key, part in tree.__getstate__().items()}
    if field:
        state["nodes"][field][0] = word
    other.__setstate__(state)
    return other


def edits(value):
    """Yield (name, function that edits a value where it is)."""
    if isinstance(value, Duck):
        value = value.state["nodes"]
    if isinstance(value, np.ndarray) and value.size:
        if value.dtype.names:
            yield "nodes' dtype", lambda: setattr(value, "dtype", np.uint8)
            return
        if value.dtype.kind in "iuf":
            extremes = (
                (np.nan, np.inf, 1e308)
                if value.dtype.kind == "f"
                else (np.iinfo(value.dtype).max, min(1000, np.iinfo(value.dtype).max))
            )
            for number in extremes:
                yield f"first is {number}", lambda number=number: value.flat.__setitem__(0, number)
                yield f"all are {number}", lambda number=number: value.fill(number)
            for dtype in ("u1", "f4", "i8", "f8"):
                yield f"dtype is {dtype}", lambda dtype=dtype: setattr(value, "dtype", dtype)
        if value.dtype.kind == "O":
            yield "first is None", lambda: value.flat.__setitem__(0, None)
        for shape in ((value.size,), (1, value.size), (value.size, 1), value.shape[::-1]):
            yield f"shape is {shape}", lambda shape=shape: setattr(value, "shape", shape)
    elif isinstance(value, list):
        yield "cleared", value.clear
        yield "popped", lambda: value[:-1] and value.pop()
        yield "grown", lambda: value.append(None)
        for entry in value[:1]:
            yield from ((f"[0] {name}", edit) for name, edit in edits(entry))
    elif isinstance(value, Tree):
        nodes = value.__getstate__()["nodes"]
        for field, word in itertools.product(("left_child", "right_child", "feature"), (0, -7, 10**6, 2**62)):
            yield f"{field} {word}", lambda field=field, word=word: nodes[field].__setitem__(0, word)
    elif isinstance(value, dict):
        yield "emptied", value.clear
    elif sp.issparse(value) and hasattr(value, "indices"):
        yield "indices", lambda: value.indices.__setitem__(slice(-1, None), 2**31 - 1)
        yield "indptr", lambda: value.indptr.__setitem__(slice(-1, None), 2**31 - 1)
        yield "its data", lambda: setattr(value, "data", value.data[:-1])


def learnt(est):
    """Names of what a fit has set."""
    return [name for name in vars(est) if name not in est.get_params(deep=False)]


def mutations(est, path=()):
    """
    Yield (name, function of an estimator that edits it) for all that can be edited of a fitted estimator, and of the
    first estimators that it holds.
    """
    for name in learnt(est):
        value = getattr(est, name)
        where = ".".join((*path, name))
        yield f"del {where}", lambda e, name=name: e.__dict__.pop(name)
        for at, (label, _) in enumerate(others(value)):
            yield f"{where} = {label}", lambda e, name=name, at=at: setattr(e, name, _nth(others(getattr(e, name)), at))
        for at, (label, _) in enumerate(edits(value)):
            yield f"{where}: {label}", lambda e, name=name, at=at: _nth(edits(getattr(e, name)), at)()
        if isinstance(value, Tree):
            yield f"{where}: duck in another dtype", lambda e, name=name: setattr(e, name, Duck(getattr(e, name)))
        held = _first_estimator(value)
        if held is not None and not path:
            for label, edit in mutations(held, (name,)):
                yield label, lambda e, name=name, edit=edit: edit(_first_estimator(getattr(e, name)))


def _nth(pairs, at):
    return next(itertools.islice(pairs, at, None))[1]


def _first_estimator(value):
    while isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.dtype == object):
        if len(value) == 0:
            return None
        value = value[0]
    return value if isinstance(value, BaseEstimator) and vars(value) else None


def asked(entry, est, X):
    """Call all that the estimator says; return what must not have happened."""
    wrong = []
    calls = [(name, lambda name=name: leaves(name, entry.output(est, name, X))) for name in entry.outputs]
    calls.append(("few", lambda: entry.output(est, entry.outputs[0], X[:1])))
    if entry.incremental:
        calls.append(("partial_fit", lambda: entry.go_on(est, X)))
    calls.append(("pickle", lambda: pickle.loads(pickle.dumps(est))))
    for name, call in calls:
        try:
            call()
        except mlfast.InternalError as error:
            wrong.append(f"{name}: {error!r}")
        except Exception:
            pass
        except BaseException as error:
            wrong.append(f"{name}: {error!r}")
    return wrong


def settings_of(entry):
    """Settings of the models that are edited: small; neighbours also without a tree, which scikit-learn compiles."""
    small = {"n_estimators": 3} if "n_estimators" in entry.params else {}
    return [small, {**small, "algorithm": "brute"}] if "brute" in entry.fuzz.get("algorithm", ()) else [small]


def edited(name, start, count, step=1):
    """
    Edit fitted estimators of an entry in `count` ways, every `step`-th from number `start` on, round and round; half of
    the models have answered before. Return how many ways there are, and what went wrong.
    """
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    # scikit-learn believes a number of classes of 2**31; memory that is refused is an answer too.
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    entry = BY_NAME[name]
    X = entry.data(0, 40, 4)
    saved = [pickle.dumps(entry.fit(X, **setting)) for setting in settings_of(entry)]
    ways = [(data, *way) for data in saved for way in mutations(pickle.loads(data))]
    wrong = []
    with mlfast.config_context(fallback="sklearn"):
        for number in range(start, start + min(count, 2 * len(ways)) * step, step):
            data, label, edit = ways[number % len(ways)]
            est = pickle.loads(data)
            is_used = (number // len(ways) + number) % 2 == 0
            label += " after use" if is_used else ""
            sys.stdout.write(f"{name}: {label}\n")
            sys.stdout.flush()  # what comes last is what ended the process
            if is_used:
                for output in entry.outputs:
                    leaves(output, entry.output(est, output, X))
            try:
                edit(est)
            except Exception:
                continue  # not every edit can be done to every value
            found = asked(entry, est, X)
            if _narrow_ducks(est):
                found += asked(entry, est, X)
            wrong += [f"{label}: {problem}" for problem in found]
    return len(ways), wrong


def _narrow_ducks(est):
    """Give the arrays of what only looks like a tree another type, now that it has been asked; whether there is one."""
    holders = (est, _first_estimator(getattr(est, "estimators_", None)))
    ducks = [tree for tree in (getattr(holder, "tree_", None) for holder in holders) if isinstance(tree, Duck)]
    for duck in ducks:
        duck.state["nodes"].dtype = np.uint8
    return ducks


def all_edits(names, start, count, step=1):
    """`edited` of several entries, by name."""
    return {name: edited(name, start, count, step) for name in names}
