"""Values that few tables hold: objects, categories, numbers at the ends of the range, sparse targets."""

from decimal import Decimal

import numpy as np
import pandas as pd
import scipy.sparse as sp

from .entry import mixture

N, D = 40, 4


def table():
    """Rows of shape (N, D)."""
    return mixture(0, N, D)


def with_cell(value, dtype=np.float64):
    """The same with one other value; `dtype` may be object."""
    X = table().astype(dtype)
    X[3, 1] = value
    return X


def with_category(labels):
    """A frame whose second column is of categories."""
    frame = pd.DataFrame(table(), columns=list("abcd"))
    frame["b"] = pd.Categorical(np.resize(labels, N))
    return frame


#: name -> X
ROWS = {
    "objects": lambda: table().astype(object),
    "None in objects": lambda: with_cell(None, object),
    "None in a list": lambda: with_cell(None, object).tolist(),
    "NaN in objects": lambda: with_cell(np.nan, object),
    "pd.NA in objects": lambda: with_cell(pd.NA, object),
    "a number as a word in objects": lambda: with_cell("1.5", object),
    "a word in objects": lambda: with_cell("ash", object),
    "a list in objects": lambda: with_cell([1.0], object),
    "a large whole number in objects": lambda: with_cell(10**400, object),
    "a Decimal in objects": lambda: with_cell(Decimal("1.5"), object),
    "a complex number in objects": lambda: with_cell(1j, object),
    "1e300": lambda: with_cell(1e300),
    "-1e300": lambda: with_cell(-1e300),
    "all times 1e300": lambda: table() * 1e300 / 10,
    "all times 1e200": lambda: table() * 1e200,
    "1e300 in CSR": lambda: sp.csr_array(with_cell(1e300)),
    "1e30 in float32": lambda: with_cell(1e30, np.float32),
    "1e38 in float32": lambda: with_cell(1e38, np.float32),
    "all times 1e38 in float32": lambda: (table() / 10 * 1e38).astype(np.float32),
    "subnormal": lambda: with_cell(5e-324),
    "all subnormal": lambda: np.round(table()) * 5e-324,
    "all times 1e-300": lambda: table() * 1e-300,
    "all times 1e-200": lambda: table() * 1e-200,
    "all times 1e-300 in CSR": lambda: sp.csr_array(table() * 1e-300),
    "all times 1e-40 in float32": lambda: (table() * 1e-40).astype(np.float32),
    "categories of numbers": lambda: with_category([1.0, 2.5]),
    "categories of whole numbers": lambda: with_category([1, 2, 3]),
    "categories of words": lambda: with_category(["ash", "birch"]),
    "categories with gaps": lambda: with_category([1.0, None]),
    "frame of objects": lambda: pd.DataFrame(table()).astype(object),
    "frame of nullable numbers": lambda: pd.DataFrame(table()).astype("Float64"),
    "bool": lambda: table() > 0,
    "nullable bool": lambda: pd.DataFrame(table() > 0).astype("boolean"),
    "uint64": lambda: np.where(table() > 0, np.uint64(2**64 - 1), np.uint64(3)),
    "long double": lambda: table().astype(np.longdouble),
    "swapped bytes": lambda: table().astype(">f8"),
    "masked": lambda: np.ma.masked_greater(table(), 5),
    "matrix": lambda: table().view(np.matrix),
    "words of numbers": lambda: table().astype(str),
    "time differences": lambda: np.round(table() * 10).astype("timedelta64[s]"),
    "zeros": lambda: np.zeros((N, D)),
    "no entries in CSR": lambda: sp.csr_array((N, D)),
}


def _cell_of(y, value):
    y = np.array(y, dtype=object)
    y[3] = value
    return y


#: name -> (a good target -> y)
TARGETS = {
    "objects": lambda y: np.array(y.tolist(), dtype=object),
    "None in objects": lambda y: _cell_of(y, None),
    "None in a list": lambda y: _cell_of(y, None).tolist(),
    "None and 1": lambda y: np.array([None, 1] * (N // 2), dtype=object),
    "NaN in objects": lambda y: _cell_of(y, np.nan),
    "pd.NA in objects": lambda y: _cell_of(y, pd.NA),
    "a word of a number in objects": lambda y: _cell_of(y, "1"),
    "a word in objects": lambda y: _cell_of(y, "ash"),
    "words of numbers": lambda y: np.array(["1", "2"] * (N // 2)),
    "words of numbers in objects": lambda y: np.array(["1", "2"] * (N // 2), dtype=object),
    "bytes": lambda y: np.array([b"a", b"b"] * (N // 2)),
    "whole numbers in objects": lambda y: np.array([1, 2] * (N // 2), dtype=object),
    "truths in objects": lambda y: np.array([True, False] * (N // 2), dtype=object),
    "a large whole number in objects": lambda y: _cell_of([1, 2] * (N // 2), 10**400),
    "a Decimal in objects": lambda y: _cell_of([1.0, 2.0] * (N // 2), Decimal("1.5")),
    "categories": lambda y: pd.Series(pd.Categorical(np.resize(["1", "2", "3"], N))),
    "categories of numbers": lambda y: pd.Series(pd.Categorical(np.resize([1.0, 2.0, 4.0], N))),
    "categories with gaps": lambda y: pd.Series(pd.Categorical(np.resize([1, None, 2], N))),
    "nullable whole numbers": lambda y: pd.Series(np.resize([1, 2], N), dtype="Int64"),
    "nullable whole numbers with gaps": lambda y: pd.Series(np.resize([1, 2, None], N), dtype="Int64"),
    "nullable truths": lambda y: pd.Series(np.resize([True, False], N), dtype="boolean"),
    "nullable words": lambda y: pd.Series(np.resize(["a", "b"], N), dtype="string"),
    "frame": lambda y: pd.DataFrame({"y": np.resize([1, 2], N)}),
    "CSR column": lambda y: sp.csr_array(np.resize([0.0, 1.0], N)[:, None]),
    "CSC column": lambda y: sp.csc_matrix(np.resize([0.0, 1.0], N)[:, None]),
    "CSR table": lambda y: sp.csr_matrix(np.resize([0.0, 1.0, 1.0], (N, 2))),
    "CSR row": lambda y: sp.csr_array(np.resize([0.0, 1.0], N)[None]),
    "1e300": lambda y: np.r_[1e300, np.resize([0.0, 1.0], N - 1)],
    "all 1e300": lambda y: np.resize([1e300, -1e300], N),
    "all 1e200": lambda y: np.resize([1e200, 3e200], N),
    "subnormal": lambda y: np.r_[5e-324, np.resize([0.0, 1.0], N - 1)],
    "all subnormal": lambda y: np.resize([5e-324, 1e-323], N),
    "all 1e-300": lambda y: np.resize([1e-300, 3e-300], N),
    "1e30 in float32": lambda y: np.resize([1e30, 3e30], N).astype(np.float32),
    "large whole numbers": lambda y: np.resize([2**62, 2**62 + 1], N),
    "uint64": lambda y: np.resize(np.array([2**64 - 1, 1], dtype=np.uint64), N),
    "truths": lambda y: np.resize([True, False], N),
    "long double": lambda y: np.resize([1.0, 2.0], N).astype(np.longdouble),
    "half": lambda y: np.resize([1.0, 2.0], N).astype(np.float16),
    "swapped bytes": lambda y: np.resize([1.0, 2.0], N).astype(">f8"),
    "masked": lambda y: np.ma.masked_equal(np.resize([1.0, 2.0, 3.0], N), 3.0),
    "matrix": lambda y: np.resize([1.0, 2.0], (N, 1)).view(np.matrix),
    "row": lambda y: np.resize([1.0, 2.0], N)[None],
    "sets": lambda y: [{1}, {2}] * (N // 2),
    "lists of one": lambda y: [[1], [2]] * (N // 2),
    "lists of other lengths": lambda y: [[1], [2, 3]] * (N // 2),
    "times": lambda y: np.resize(np.array(["1970-01-02", "1970-01-03"], dtype="datetime64[D]"), N),
    "dict": lambda y: {0: 1},
    "table of objects": lambda y: np.array([[1, 2], [2, 1]] * (N // 2), dtype=object),
    "None in a table of objects": lambda y: np.array([[1, None], [2, 1]] * (N // 2), dtype=object),
}

#: name -> weights
WEIGHTS = {
    "objects": lambda: np.ones(N, dtype=object),
    "None in objects": lambda: _cell_of(np.ones(N), None),
    "a word of a number in objects": lambda: _cell_of(np.ones(N), "2"),
    "words of numbers": lambda: np.resize(["1", "2"], N),
    "categories": lambda: pd.Series(pd.Categorical(np.resize([1.0, 2.0], N))),
    "nullable": lambda: pd.Series(np.resize([1.0, 2.0], N), dtype="Float64"),
    "nullable with gaps": lambda: pd.Series(np.resize([1.0, None], N), dtype="Float64"),
    "truths": lambda: np.resize([True, True, False], N),
    "1e300": lambda: np.r_[1e300, np.ones(N - 1)],
    "all 1e300": lambda: np.full(N, 1e300),
    "all 1e308": lambda: np.full(N, 1e308),
    "all 1e-300": lambda: np.full(N, 1e-300),
    "all subnormal": lambda: np.full(N, 5e-324),
    "all 1e38 in float32": lambda: np.full(N, 1e38, dtype=np.float32),
    "whole numbers": lambda: np.resize([1, 2], N),
    "uint64": lambda: np.resize(np.array([2**64 - 1, 1], dtype=np.uint64), N),
    "long double": lambda: np.ones(N, dtype=np.longdouble),
    "number": lambda: 2.0,
    "huge number": lambda: 1e300,
    "zero column": lambda: np.zeros((N, 1)),
    "list": lambda: [1.0] * N,
    "tuple": lambda: (1.0,) * N,
    "series": lambda: pd.Series(np.resize([1.0, 2.0], N), index=np.arange(N)[::-1]),
    "masked": lambda: np.ma.masked_equal(np.resize([1.0, 2.0, 3.0], N), 3.0),
}

#: table -> cases with numbers at the ends of the range. What is computed from them overflows, or is all rounding: two
#: ways to the same answer part, and which one still gets there says nothing of either.
AT_THE_ENDS = {
    "rows": {
        *("1e300", "-1e300", "all times 1e300", "all times 1e200", "1e300 in CSR", "uint64"),
        *("1e30 in float32", "1e38 in float32", "all times 1e38 in float32"),
        *("subnormal", "all subnormal", "all times 1e-300", "all times 1e-200"),
        *("all times 1e-300 in CSR", "all times 1e-40 in float32"),
    },
    "targets": {
        *("a large whole number in objects", "large whole numbers", "uint64", "1e30 in float32"),
        *("1e300", "all 1e300", "all 1e200", "subnormal", "all subnormal", "all 1e-300"),
    },
    "weights": {
        *("1e300", "all 1e300", "all 1e308", "huge number", "all 1e-300", "all subnormal", "all 1e38 in float32"),
    },
}
