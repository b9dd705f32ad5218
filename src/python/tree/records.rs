//! Trees to and from Python, as the arrays that scikit-learn's `Tree` is made of: neither way is anything translated.

use numpy::{PyArray1, PyArrayDescrMethods, PyArrayDyn, PyArrayMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::super::array::Values;
use super::super::error;
use crate::common::Error;
use crate::tree::{Node, Tree};

/// The nodes of a tree, which a Python array keeps alive. How many they are was asked once, as of [`Values`].
pub(in super::super) struct Nodes<'py> {
    array: Bound<'py, PyUntypedArray>,
    data: *const Node,
    len: usize,
}

impl<'py> Nodes<'py> {
    /// From an array of scikit-learn's node records.
    pub(super) fn new(object: &Bound<'py, PyAny>) -> PyResult<Self> {
        let array = object.cast::<PyUntypedArray>()?;
        let aligned = (Self::data(array) as usize).is_multiple_of(align_of::<Node>());
        let is_table = array.ndim() == 1 && array.is_c_contiguous() && (aligned || array.is_empty());
        if !is_table || array.dtype().kind() != b'V' || array.dtype().itemsize() != size_of::<Node>() {
            return Err(PyTypeError::new_err("expected an array of nodes"));
        }
        Ok(Self::of(array.clone()))
    }

    fn of(array: Bound<'py, PyUntypedArray>) -> Self {
        Self { data: Self::data(&array), len: array.len(), array }
    }

    fn data(array: &Bound<'py, PyUntypedArray>) -> *const Node {
        // SAFETY: it is an array, and of its elements nothing is read here but where they lie.
        let array = unsafe { array.as_any().cast_unchecked::<PyArray1<u64>>() };
        array.data().cast_const().cast()
    }

    /// The nodes.
    pub(in super::super) fn slice(&self) -> &[Node] {
        if self.len == 0 {
            return &[]; // an empty array may point anywhere
        }
        // SAFETY: so many contiguous records of a node's size, aligned (checked in `new`), kept alive by `self`. Every
        // bit pattern is a node; whether its children and its feature are there is checked wherever they are used.
        unsafe { std::slice::from_raw_parts(self.data, self.len) }
    }
}

/// The nodes and values of a tree of Python.
pub(in super::super) struct Table<'py> {
    pub(in super::super) nodes: Nodes<'py>,
    pub(in super::super) values: Values<'py, f64>,
}

/// A [`Table`] that outlives the call. Nobody else knows its arrays, so they stay what was checked.
pub(in super::super) struct Kept {
    nodes: Py<PyUntypedArray>,
    values: Py<PyArrayDyn<f64>>,
}

impl Kept {
    pub(in super::super) fn table<'py>(&self, py: Python<'py>) -> Table<'py> {
        Table { nodes: Nodes::of(self.nodes.bind(py).clone()), values: Values::kept(py, &self.values) }
    }
}

impl<'py> Table<'py> {
    /// From an array of nodes and one of values, of shape (nodes, outputs, classes).
    pub(in super::super) fn new(nodes: &Bound<'py, PyAny>, values: &Bound<'py, PyAny>) -> PyResult<Self> {
        let table = Self { nodes: Nodes::new(nodes)?, values: Values::new(values)? };
        match *table.values.shape() {
            [count, n_outputs, n_classes] if count == table.nodes.slice().len() && n_outputs * n_classes > 0 => {
                Ok(table)
            }
            _ => {
                Err(error::exception(Error::Corrupt("the values of a tree must have shape (nodes, outputs, classes)")))
            }
        }
    }

    /// To be kept past the call, by whoever is the only one to know the arrays.
    pub(in super::super) fn keep(self) -> Kept {
        Kept { nodes: self.nodes.array.unbind(), values: self.values.keep() }
    }

    /// Outputs and classes.
    pub(in super::super) fn shape(&self) -> (usize, usize) {
        match *self.values.shape() {
            [_, n_outputs, n_classes] => (n_outputs, n_classes),
            _ => (0, 0),
        }
    }
}

/// What `Tree.__setstate__` of scikit-learn takes; the nodes are words of 64 bits, to be viewed as records.
pub(in super::super) fn state<'py>(py: Python<'py>, tree: Tree) -> PyResult<Bound<'py, PyDict>> {
    let state = PyDict::new(py);
    let shape = [tree.nodes.len(), tree.n_outputs, tree.max_n_classes];
    state.set_item("max_depth", tree.max_depth)?;
    state.set_item("node_count", tree.nodes.len())?;
    state.set_item("nodes", PyArray1::from_vec(py, words(tree.nodes)))?;
    state.set_item("values", PyArray1::from_vec(py, tree.values).reshape(shape)?)?;
    Ok(state)
}

/// The same memory as words.
fn words(nodes: Vec<Node>) -> Vec<u64> {
    const WORDS: usize = size_of::<Node>() / size_of::<u64>();
    const { assert!(align_of::<Node>() == align_of::<u64>() && size_of::<Node>().is_multiple_of(size_of::<u64>())) };
    let mut nodes = std::mem::ManuallyDrop::new(nodes);
    // SAFETY: the allocation is given up by `nodes`; a word has the alignment of a node, whose size is a whole number of
    // words, so length and capacity describe the same memory, and a node has no byte that is not set.
    unsafe { Vec::from_raw_parts(nodes.as_mut_ptr().cast(), nodes.len() * WORDS, nodes.capacity() * WORDS) }
}
