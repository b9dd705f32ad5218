"""Storage does not matter: every layout gives the bits of the C-contiguous array, and the input stays as it was."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

import mlfast

from ..compare import assert_close, assert_same_complaint, bits, fitted, outcome, state_bits
from ..tiers import REPRESENTATIVES
from .entry import sparse_mixture
from .registry import OWN_ENTRIES

SHAPE = (301, 5)


def strided(X):
    wide = np.full((3 * X.shape[0], 2 * X.shape[1]), np.nan, X.dtype)
    wide[::3, ::2] = X
    return wide[::3, ::2]


def negative(X):
    return np.ascontiguousarray(X[::-1, ::-1])[::-1, ::-1]


def read_only(X):
    X = X.copy()
    X.setflags(write=False)
    return X


def misaligned(X):
    raw = np.zeros(X.nbytes + 1, np.uint8)
    view = raw[1:].view(X.dtype).reshape(X.shape)
    view[:] = X
    assert not view.flags.aligned
    return view


def field_of_packed_struct(X):
    """Columns of odd stride: what a view into records of 1 + 8 bytes looks like."""
    packed = np.dtype({"names": ["flag", "row"], "formats": ["u1", (X.dtype, X.shape[1])], "offsets": [0, 1]})
    table = np.zeros(X.shape[0], packed)
    table["row"] = X
    assert table["row"].strides[0] % X.itemsize
    return table["row"]


def byteswapped(X):
    return X.astype(X.dtype.newbyteorder())


def broadcast_base(X):
    """A view whose base is larger and whose data pointer lies inside it."""
    return np.concatenate([X, X, X])[X.shape[0] : 2 * X.shape[0]]


class Wrapped:
    """Not an array, but convertible."""

    def __init__(self, X):
        self.X = X

    def __array__(self, dtype=None, copy=None):
        return self.X.astype(dtype or self.X.dtype, copy=True)


EXACT = {
    "Fortran": np.asfortranarray,
    "strided": strided,
    "negative strides": negative,
    "transposed copy": lambda X: X.T.copy().T,
    "read-only": read_only,
    "misaligned": misaligned,
    "packed struct": field_of_packed_struct,
    "byteswapped": byteswapped,
    "inside a larger array": broadcast_base,
    "subclass": lambda X: X.view(type("Mine", (np.ndarray,), {})),
}


def kept_dtype(entry, X):
    """The type that the parent keeps the data in, given X (it widens byte-swapped float32, for one)."""
    parent = entry.fit(X, parent=True)
    return getattr(parent, entry.typed).dtype if entry.typed else np.asarray(X).dtype


def parents_dtype(entry, X):
    """The float type that the parent computes in, given X."""
    dtype = kept_dtype(entry, X)
    return dtype if dtype in (np.float32, np.float64) else np.dtype(np.float64)


def same_as_parent(entry, X):
    """Where the parent computes in a type that Rust does not: its answer or its words, by whatever way."""
    with mlfast.config_context(fallback="sklearn"):
        ours, theirs = (outcome(entry.fit, X, parent=parent) for parent in (False, True))
        assert_same_complaint(ours, theirs)
        if theirs.error is None:
            mine, parents = (entry.results(done.value, X) for done in (ours, theirs))
            for name, value in parents.items():
                assert np.asarray(mine[name]).dtype == np.asarray(value).dtype, name
                if np.asarray(value).dtype.kind != "f":
                    np.testing.assert_array_equal(mine[name], value, err_msg=name)
                else:
                    np.testing.assert_allclose(mine[name], value, rtol=1e-2, atol=1e-2, err_msg=name)


def same_as_plain(entry, X, other, **params):
    """Fit and outputs on `other` have the bits of those on `X`; `other` is unchanged afterwards."""
    before = bits(np.array(other)) if isinstance(other, np.ndarray) else None
    X = X.astype(parents_dtype(entry, other))
    plain, fitted = entry.fit(X, **params), entry.fit(other, **params)
    mine = state_bits(fitted)
    mine.pop("feature_names_in_", None)
    assert mine == state_bits(plain)
    assert bits(entry.results(fitted, other)) == bits(entry.results(plain, X))
    if before is not None:
        assert bits(np.array(other)) == before, "the input changed"


@pytest.mark.per_change(entry=REPRESENTATIVES)
@pytest.mark.per_change(dtype=[np.float64])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("layout", EXACT)
@pytest.mark.parametrize("entry", OWN_ENTRIES, ids=lambda e: e.name)
def test_layout(entry, layout, dtype):
    X = entry.data(0, *SHAPE, dtype)
    same_as_plain(entry, X, EXACT[layout](X))


@pytest.mark.parametrize("mode", ["r", "c"])
@pytest.mark.parametrize("entry", OWN_ENTRIES, ids=lambda e: e.name)
def test_memmap(entry, mode, tmp_path):
    X = entry.data(0, *SHAPE)
    np.save(tmp_path / "X.npy", X)
    same_as_plain(entry, X, np.load(tmp_path / "X.npy", mmap_mode=mode))


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")  # LocalOutlierFactor asks itself without them
@pytest.mark.parametrize("entry", OWN_ENTRIES, ids=lambda e: e.name)
class TestOtherContainers:
    def test_list(self, entry):
        X = entry.data(0, *SHAPE)
        same_as_plain(entry, X, X.tolist())

    def test_array_interface(self, entry):
        X = entry.data(0, *SHAPE)
        same_as_plain(entry, X, Wrapped(X))

    def test_dataframe(self, entry):
        X = entry.data(0, *SHAPE)
        frame = pd.DataFrame(X, columns=list("abcde"))
        same_as_plain(entry, X, frame)
        assert entry.fit(frame).feature_names_in_.tolist() == list("abcde")

    def test_dataframe_of_float32(self, entry):
        X = entry.data(0, *SHAPE, np.float32)
        same_as_plain(entry, X, pd.DataFrame(X, columns=list("abcde")))

    @pytest.mark.filterwarnings("ignore:Duplicate values")  # whole numbers repeat
    @pytest.mark.parametrize(
        "dtype", ["int8", "uint8", "int16", "int32", "int64", "uint64", "bool", "float16", "O", "g"]
    )
    def test_dtype(self, entry, dtype):
        """Other number types are computed as the float type that the parent converts them to."""
        X = np.nan_to_num(np.round(np.clip(entry.data(0, *SHAPE), 0, 9)))
        X += np.arange(SHAPE[0])[:, None] % 2 if dtype != "bool" else 0
        other = X.astype(dtype)
        parent = outcome(entry.fit, other, parent=True)
        is_odd = dtype in ("float16", "g")
        # Searches keep rows of any type, and compute in double precision.
        if parent.error is not None or (
            is_odd and (entry.accepts_nan or (entry.typed != "_fit_X" and kept_dtype(entry, other) == other.dtype))
        ):
            same_as_parent(entry, other)
        else:
            same_as_plain(entry, other.astype(np.float64), other)


@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize("container", [sp.csr_array, sp.csr_matrix, sp.csc_array, sp.coo_matrix, sp.lil_array])
@pytest.mark.parametrize("entry", [e for e in OWN_ENTRIES if e.sparse], ids=lambda e: e.name)
def test_sparse_container(entry, container, index):
    X = sparse_mixture(0, *SHAPE)
    other = container(X)
    if hasattr(other, "indptr"):
        other.indices, other.indptr = other.indices.astype(index), other.indptr.astype(index)
    elif index is np.int64:
        return  # these formats have no index arrays to widen
    parent = outcome(entry.fit, other, parent=True)
    if parent.error is not None:  # what the parent refuses is refused alike
        assert index is np.int64
        assert outcome(entry.fit, other).complaint == parent.complaint
        return
    plain, fitted = entry.fit(X), entry.fit(other)
    assert state_bits(fitted) == state_bits(plain)
    assert bits(entry.results(fitted, other)) == bits(entry.results(plain, X))


def unsorted(X):
    """The same matrix with the entries of every row in reverse order."""
    X = X.copy()
    for start, end in zip(X.indptr, X.indptr[1:], strict=False):
        X.indices[start:end] = X.indices[start:end][::-1]
        X.data[start:end] = X.data[start:end][::-1]
    X.has_sorted_indices = False
    return X


def explicit_zeros(X):
    """The same matrix with zeros stored."""
    X = sp.csr_array(X.toarray() + 1)
    X.data -= 1
    return X


def halves(X):
    """The same matrix with every entry stored as two halves."""
    data, indices = np.repeat(X.data / 2, 2), np.repeat(X.indices, 2)
    return sp.csr_array((data, indices, X.indptr * 2), shape=X.shape)


@pytest.mark.parametrize("form", [unsorted, explicit_zeros, halves, lambda X: X[::1]])
@pytest.mark.parametrize("entry", [e for e in OWN_ENTRIES if e.sparse], ids=lambda e: e.name)
def test_unusual_csr(entry, form):
    """
    Unsorted, explicit zeros, duplicates: the parent's answer, and the matrix is not rewritten.

    For duplicates the right answer is that of the summed matrix. The parent squares the parts one by one, so its norms
    and its inertia are those of no matrix; there we must agree with what it says of the sum. Where the order in which
    it walks a sparse column may decide, we must agree with what it says of the dense matrix.
    """
    X = form(sparse_mixture(0, *SHAPE))
    before = bits(X)
    summed = X.copy()
    if form is halves:
        summed.sum_duplicates()
    is_decided = entry.decided(summed, None, {**entry.params, **entry.exact})
    known = summed if is_decided else summed.toarray()
    ours, theirs = outcome(entry.fit, X), outcome(entry.fit, known, parent=True)
    assert bits(X) == before, "the input changed"
    assert_same_complaint(ours, theirs)
    if theirs.error is None:
        for name, value in fitted(theirs.value).items():
            assert_close(name, fitted(ours.value)[name], value, summed, "float64", **entry.marks)
        mine, parents = (entry.results(est, summed) for est in (ours.value, theirs.value))
        for name, value in parents.items():
            assert_close(name, mine[name], value, summed, "float64", **entry.marks)


@pytest.mark.parametrize("copy_x", [True, False])
@pytest.mark.parametrize("entry", [e for e in OWN_ENTRIES if "copy_x" in e.fuzz], ids=lambda e: e.name)
def test_copy_x_false_returns_the_data(entry, copy_x):
    """With copy_x=False the array may be used as a work space, but it ends as it began up to rounding."""
    X = entry.data(0, *SHAPE)
    mine = X.copy()
    entry.fit(mine, copy_x=copy_x)
    if copy_x:
        assert bits(mine) == bits(X)
    else:
        np.testing.assert_allclose(mine, X, rtol=0, atol=1e-14 * np.abs(X).max())


@pytest.mark.parametrize("entry", [e for e in OWN_ENTRIES if e.sample_weight], ids=lambda e: e.name)
@pytest.mark.parametrize("kind", ["strided", "float32", "int", "list", "series", "read-only", "byteswapped", "scalar"])
def test_weight_container(entry, kind):
    """Weights in any container count as the same numbers in a plain array."""
    X = entry.data(0, *SHAPE)
    plain = np.arange(SHAPE[0]) % 4 + 1.0
    weights = {
        "strided": np.repeat(plain, 2)[::2],
        "float32": plain.astype(np.float32),
        "int": plain.astype(int),
        "list": plain.tolist(),
        "series": pd.Series(plain),
        "read-only": read_only(plain),
        "byteswapped": byteswapped(plain),
        "scalar": 2.0,
    }[kind]
    if kind == "scalar":
        plain = np.full(SHAPE[0], 2.0)
    assert state_bits(entry.fit(X, sample_weight=weights)) == state_bits(entry.fit(X, sample_weight=plain))
