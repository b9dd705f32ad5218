//! Trees to Python, as the arrays that scikit-learn's `Tree` is made of: nothing is translated.

use numpy::{PyArray1, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::tree::{Node, Tree};

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
