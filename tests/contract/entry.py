"""
What the contract tests must know about an estimator or a function, and the data that they feed it.

Nothing here may import pytest or Hypothesis: the scenarios that run in other processes read the registry too.
"""

import inspect
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp
from sklearn.base import is_classifier, is_regressor
from sklearn.utils import get_tags

from ..compare import leaves


def mixture(seed, n, d, dtype=np.float64):
    """
    Rows of shape (n, d): a few round clouds in uniform noise. Continuous, so that no two distances tie.

    All distances between distinct rows are far above rounding, which parity by equality needs.
    """
    rng = np.random.RandomState(seed)
    centers = rng.uniform(-5, 5, size=(4, d))
    X = centers[rng.randint(0, 4, size=n)] + rng.standard_normal((n, d))
    noise = rng.uniform(size=n) < 0.3
    X[noise] = rng.uniform(-8, 8, size=(int(noise.sum()), d))
    return X.astype(dtype)


def sparse_mixture(seed, n, d, dtype=np.float64, density=0.4):
    """CSR rows of shape (n, d) from `mixture`; the first column is always there, so no two rows are equal."""
    X = mixture(seed, n, d, dtype)
    drop = np.random.RandomState((seed + 1) % 2**32).uniform(size=X.shape) > density
    drop[:, 0] = False
    X[drop] = 0
    return sp.csr_array(X)


def with_gaps(seed, n, d, dtype=np.float64):
    """`mixture` with one value in seven missing."""
    X = mixture(seed, n, d, dtype)
    X[np.random.RandomState((seed + 2) % 2**32).uniform(size=X.shape) < 1 / 7] = np.nan
    return X


def names_of_classes(seed, n):
    """A target of shape (n,): three classes, two of them for certain where there are two rows."""
    y = np.random.RandomState(seed).randint(0, 3, size=n)
    y[:2] = np.arange(2)[:n]
    return np.array(["ash", "birch", "cedar"])[y]


def numbers(seed, n):
    """A continuous target of shape (n,)."""
    return np.random.RandomState(seed).standard_normal(n)


#: Targets that are no classes, or not so many, and what the parent says of them: name -> (n -> y).
BAD_CLASSES = {
    "None": lambda n: None,
    "too short": lambda n: names_of_classes(0, n)[:-1],
    "too long": lambda n: names_of_classes(0, n + 1),
    "empty": lambda n: [],
    "scalar": lambda n: 1,
    "NaN": lambda n: np.r_[np.nan, np.arange(n - 1) % 2],
    "inf": lambda n: np.r_[np.inf, np.arange(n - 1) % 2],
    "continuous": lambda n: numbers(0, n),
    "column": lambda n: names_of_classes(0, n)[:, None],
    "3-D": lambda n: np.zeros((n, 2, 2)),
    "no outputs": lambda n: np.zeros((n, 0)),
    "mixed": lambda n: ["a", 1] * (n // 2),
    "objects": lambda n: np.array([{}] * n),
    "complex": lambda n: np.arange(n) % 2 + 1j,
    "one class": lambda n: np.ones(n),
}
#: The same of targets that are no numbers.
BAD_NUMBERS = {
    **{name: BAD_CLASSES[name] for name in ("None", "empty", "scalar", "3-D", "no outputs", "objects", "complex")},
    "too short": lambda n: numbers(0, n)[:-1],
    "too long": lambda n: numbers(0, n + 1),
    "NaN": lambda n: np.r_[np.nan, np.ones(n - 1)],
    "inf": lambda n: np.r_[np.inf, np.ones(n - 1)],
    "strings": lambda n: names_of_classes(0, n),
    "column": lambda n: numbers(0, n)[:, None],
}


def row_count(X):
    """Rows of a table; for what is no table, some number."""
    X = np.asarray(X) if hasattr(X, "__array__") else X
    if getattr(X, "shape", None):
        return X.shape[0]
    return len(X) if hasattr(X, "__len__") else 40


def always(X, weights, params):
    """The data decide the answer."""
    return True


@dataclass(frozen=True, repr=False, kw_only=True)
class Entry:
    """One estimator: how to make it, feed it and read it. What is None the class tells by itself."""

    ours: type
    parent: type | None = None
    params: Mapping = field(default_factory=dict)  # cheap and repeatable settings that all tests start from
    outputs: tuple  # methods called with X after fit, whose values are compared
    fuzz: Mapping  # parameter -> values that the parity fuzz draws from
    bad_params: tuple  # settings that the parent refuses
    endless: Mapping  # settings with which `lasts` goes on for long on `endless_shape`
    endless_shape: tuple = (200_000, 20)
    endless_target: Callable | None = None  # n -> y, where that of the other tests makes too little work
    lasts: str = "fit"  # where the work is: "fit", or one of `outputs`
    label: str = ""  # tells two entries of one class apart
    like: str = ""  # name of an entry that takes the same way through the core
    data: Callable = mixture  # (seed, n, d, dtype) -> X
    accepts_nan: bool = False
    parent_accepts: bool = False  # scikit-learn fits what is not finite, and answers in our place
    target: Callable | None = None  # (seed, n) -> y, for supervised estimators
    bad_targets: Mapping | None = None  # name -> (n -> y) that fit must judge as the parent does
    output_params: Mapping = field(default_factory=dict)  # output -> keyword arguments
    parents_params: tuple = ()  # settings that scikit-learn itself refuses, or answers, in our place
    finish: Mapping = field(default_factory=dict)  # output -> function that makes its value comparable
    deterministic: bool = True  # same bits from the same random_state
    sparse: bool | None = None
    mixes_storage: bool = True  # fitted on an array, it takes CSR
    sample_weight: bool | None = None
    weighted_outputs: tuple = ()  # those of `outputs` that take sample_weight
    size_param: str | None = None  # the parameter that must not exceed the number of rows
    ways: Mapping = field(default_factory=dict)  # name -> settings that take another way through the core
    decided: Callable = always  # (X, weights, params) -> whether the data, and not rounding, decide the parent's answer
    as_good: Callable | None = None  # (ours, parent's, X, weights): asserts it of fits that the data do not decide
    large: tuple = (20_011, 7)  # cut into blocks with the default settings
    large_params: Mapping = field(default_factory=dict)  # what makes that cheap
    scant_shape: tuple = (150_000, 16)  # whose use takes memory
    scant_rows: int | None = None  # so many of them are handed to the outputs
    scant_params: Mapping = field(default_factory=dict)
    quadratic: tuple = ()  # sums of squares among attributes and outputs
    distances: tuple = ()  # distances among attributes and outputs
    searched: tuple = ()  # attributes and outputs that hang on differences of losses, which a line search takes
    degree: Mapping = field(default_factory=dict)  # X * s multiplies an attribute or output by s ** degree; else 0
    scales: bool = True  # X * s is the same problem
    scalable: Mapping = field(default_factory=dict)  # settings without which it is not
    lengths: tuple = ()  # parameters that are distances
    weight_degree: Mapping = field(default_factory=dict)  # weights * s multiplies an attribute by s ** degree; else 0
    weights_scale: bool = True  # weights * s is the same problem, if the penalties follow
    penalties: tuple = ()  # parameters that count against the weights
    costs: tuple = ()  # parameters that the weights are multiplied by
    exact: Mapping = field(default_factory=dict)  # settings under which an iteration goes on to its end
    start: Callable | None = None  # (X, k) -> parameters that leave nothing to the random generator
    incremental: bool | None = None  # has partial_fit
    keeps_interrupted: bool = False  # an interrupt ends its fit with a warning and what was reached, as the parent's
    state: tuple = ()  # attributes that a fit must set
    unread: tuple = ()  # those of them that no method reads
    typed: str | None = "cluster_centers_"  # the attribute that has the type in which the parent computes; None: X has

    def __post_init__(self):
        for name, value in self._told().items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)

    def _told(self):
        """What the class says of itself."""
        namesakes = (base for base in self.ours.__mro__[1:] if base.__name__ == self.ours.__name__)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is deprecated
            est = self.ours(**self.params)
        of_kind = {"target": None, "bad_targets": {}}
        if is_classifier(est):
            of_kind = {"target": names_of_classes, "bad_targets": BAD_CLASSES}
        elif is_regressor(est):
            of_kind = {"target": numbers, "bad_targets": BAD_NUMBERS}
        return {
            "parent": next(namesakes, None),
            "sparse": get_tags(est).input_tags.sparse,
            "sample_weight": "sample_weight" in inspect.signature(self.ours.fit).parameters,
            "incremental": hasattr(self.ours, "partial_fit"),
            **of_kind,
        }

    @property
    def name(self):
        return self.ours.__name__ + self.label

    def __repr__(self):
        return self.name

    def _repr_pretty_(self, printer, cycle):
        printer.text(self.name)  # Hypothesis would list all fields

    @property
    def random(self):
        return "random_state" in self.params

    @property
    def marks(self):
        """What `assert_close` must know of the attributes and outputs."""
        return {"quadratic": self.quadratic, "distances": self.distances, "searched": self.searched}

    @property
    def clusters(self):
        """Whether the fit gives centres and labels."""
        return "cluster_centers_" in self.state

    def make(self, parent=False, **params):
        """An unfitted estimator with the cheap settings, changed by `params`."""
        return (self.parent if parent else self.ours)(**{**self.params, **params})

    def fit(self, X, parent=False, sample_weight=None, **params):
        """A fitted estimator."""
        return self.refit(self.make(parent, **params), X, sample_weight)

    def refit(self, est, X, sample_weight=None, target=None):
        """Fit `est` again; a target is made up where the estimator needs one. target : n -> y, another one."""
        y = target(row_count(X)) if target else self.target and self.target(0, row_count(X))
        args = (X,) if self.target is None else (X, y)
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        return est.fit(*args, **weights)

    def go_on(self, est, X, sample_weight=None):
        """Feed one more batch; classes are named that it need not hold."""
        args = (X,) if self.target is None else (X, self.target(0, row_count(X)))
        given = {} if sample_weight is None or not self.sample_weight else {"sample_weight": sample_weight}
        if is_classifier(est):
            given["classes"] = np.unique(self.target(0, 1000))
        return est.partial_fit(*args, **given)

    def call_of(self, name, X):
        """Arguments and keyword arguments with which an output is asked about X."""
        args = (X, self.target(1, row_count(X))) if name == "score" and self.target is not None else (X,)
        return args, self.output_params.get(name, {})

    def output(self, est, name, X, **params):
        """What one of the outputs says about X."""
        args, known = self.call_of(name, X)
        value = getattr(est, name)(*args, **known, **params)
        return self.finish[name](value) if name in self.finish else value

    def results(self, est, X):
        """The plain values that all outputs on X consist of, by name."""
        found = {}
        for name in self.outputs:
            found |= leaves(name, self.output(est, name, X))
        return found

    def sized(self, k):
        """Settings that make k the size."""
        return {self.size_param: k} if self.size_param else {}

    def scaled(self, factor):
        """Settings for data that were multiplied by `factor`."""
        return {name: self.params[name] * factor for name in self.lengths}


@dataclass(frozen=True, repr=False)
class Function:
    """One public function of (X, **params), or of (X, Y, **params)."""

    ours: Callable
    parent: Callable
    params: Mapping
    fuzz: Mapping
    bad_params: tuple
    endless: Mapping
    endless_shape: tuple = (200_000, 20)
    like: str = ""  # name of what takes the same way through the core
    results: tuple = ()  # names of what it returns, if that is a tuple
    data: Callable = mixture
    accepts_nan: bool = False
    second: Callable | None = None  # X -> Y, where it needs one
    finish: Callable | None = None  # makes values of what it returns
    sparse: bool = True
    sample_weight: bool = False
    quadratic: tuple = ()
    distances: tuple = ()
    size_param: str | None = None
    ways: Mapping = field(default_factory=dict)
    decided: Callable = always
    large: tuple = (20_011, 7)
    scant_shape: tuple = (150_000, 16)
    tied: Callable | None = None  # (X, weights, ours, parent's) -> whether the results part at a choice between equals

    @property
    def name(self):
        return self.ours.__name__

    def __repr__(self):
        return self.name

    def _repr_pretty_(self, printer, cycle):
        printer.text(self.name)  # Hypothesis would list all fields

    @property
    def random(self):
        return "random_state" in self.params

    @property
    def marks(self):
        """What `assert_close` must know of the results."""
        return {"quadratic": self.quadratic, "distances": self.distances}

    def call(self, X, parent=False, **params):
        """The returned values by name."""
        args = (X,) if self.second is None else (X, self.second(X))
        returned = (self.parent if parent else self.ours)(*args, **{**self.params, **params})
        if self.finish:
            returned = self.finish(returned)
        if self.results:
            return dict(zip(self.results, returned, strict=True))
        return leaves("result", returned)

    def sized(self, k):
        """Settings that make k the size."""
        return {self.size_param: k} if self.size_param else {}
