//! Fitted trees at work: predictions, paths, pruning.

use numpy::{PyArray1, PyArrayMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::super::array::{self, Matrix, Values};
use super::super::error;
use super::super::run::run;
use super::records::{Nodes, Table, state};
use crate::common::memory;
use crate::linalg::Csr;
use crate::tree::walk::{self, Samples};
use crate::tree::{check as checks, paths, prune as pruning};

/// Work of one sample on its way down, in multiply-adds: some 16 nodes, each as long as so many.
const WAY: u64 = 16 * 16;

/// Values that are converted while the GIL is held.
const FEW: usize = 1 << 16;

type Array<'py> = Bound<'py, PyAny>;

/// Runs an expression with samples in single precision as [`Samples`].
macro_rules! with_samples {
    ($x:expr, $samples:ident => $body:expr) => {
        match Matrix::<f32>::new($x)? {
            Matrix::Dense { values, n_cols, .. } => {
                let $samples = Samples::Dense(values.slice(), n_cols);
                $body
            }
            Matrix::Csr { values, indices, starts, n_cols } => {
                // Not merged: of values stored for one cell the last counts.
                let csr = Csr::new(values.slice(), &indices, &starts, n_cols).map_err(error::exception)?;
                let $samples = Samples::Csr(&csr, starts.len() - 1, n_cols);
                $body
            }
        }
    };
}
pub(in super::super) use with_samples;

/// What it costs to send samples down a tree, in multiply-adds.
pub(in super::super) fn work(samples: Samples) -> u64 {
    (samples.n_rows() as u64).saturating_mul(WAY)
}

/// The values of each sample's leaf, shape (n_samples, outputs, classes).
#[pyfunction]
#[pyo3(signature = (*, nodes, values, x, n_threads))]
pub(super) fn predict<'py>(
    py: Python<'py>,
    nodes: &Array<'py>,
    values: &Array<'py>,
    x: &Array<'py>,
    n_threads: usize,
) -> PyResult<Array<'py>> {
    let table = Table::new(nodes, values)?;
    let (n_outputs, n_classes) = table.shape();
    let (nodes, values) = (table.nodes.slice(), table.values.slice());
    with_samples!(x, samples => {
        let width = memory::checked_len(n_outputs, n_classes).map_err(error::exception)?;
        let found = run(py, n_threads, work(samples), |ctx| walk::predict(ctx, nodes, values, width, samples))?;
        Ok(PyArray1::from_vec(py, found).reshape([samples.n_rows(), n_outputs, n_classes])?.into_any())
    })
}

/// The class of the largest value of each sample's leaf, shape (n_samples, outputs).
#[pyfunction]
#[pyo3(signature = (*, nodes, values, x, n_threads))]
pub(super) fn classify<'py>(
    py: Python<'py>,
    nodes: &Array<'py>,
    values: &Array<'py>,
    x: &Array<'py>,
    n_threads: usize,
) -> PyResult<Array<'py>> {
    let table = Table::new(nodes, values)?;
    let (shape, nodes, values) = (table.shape(), table.nodes.slice(), table.values.slice());
    with_samples!(x, samples => {
        let found = run(py, n_threads, work(samples), |ctx| walk::classify(ctx, nodes, values, shape, samples))?;
        array::matrix(py, found, shape.0)
    })
}

/// The leaf of each sample, shape (n_samples,).
#[pyfunction]
#[pyo3(signature = (*, nodes, x, n_threads))]
pub(super) fn apply<'py>(
    py: Python<'py>,
    nodes: &Array<'py>,
    x: &Array<'py>,
    n_threads: usize,
) -> PyResult<Array<'py>> {
    let nodes = Nodes::new(nodes)?;
    let nodes = nodes.slice();
    with_samples!(x, samples => {
        let found = run(py, n_threads, work(samples), |ctx| walk::apply(ctx, nodes, samples))?;
        Ok(PyArray1::from_vec(py, found).into_any())
    })
}

/// The nodes that each sample passes: starts, of shape (n_samples + 1,), and the nodes of all samples.
#[pyfunction]
#[pyo3(signature = (*, nodes, x, n_threads))]
pub(super) fn decision_path<'py>(
    py: Python<'py>,
    nodes: &Array<'py>,
    x: &Array<'py>,
    n_threads: usize,
) -> PyResult<(Array<'py>, Array<'py>)> {
    let nodes = Nodes::new(nodes)?;
    let nodes = nodes.slice();
    with_samples!(x, samples => {
        let found = run(py, n_threads, work(samples), |ctx| paths::decision_path(ctx, nodes, samples))?;
        Ok((PyArray1::from_vec(py, found.starts).into_any(), PyArray1::from_vec(py, found.nodes).into_any()))
    })
}

/// A few plain, finite rows of `n_features` as float32; None for anything else, which needs to be validated.
#[pyfunction]
pub(super) fn small_rows<'py>(x: &Array<'py>, n_features: usize) -> PyResult<Option<Array<'py>>> {
    let Ok(untyped) = x.cast_exact::<PyUntypedArray>() else { return Ok(None) };
    if !matches!(*untyped.shape(), [_, n_cols] if n_cols == n_features) || !(1..=FEW).contains(&untyped.len()) {
        return Ok(None);
    }
    if let Some(values) = Values::<f32>::in_place(x) {
        return Ok(values.slice().iter().all(|value| value.is_finite()).then(|| x.clone()));
    }
    let Some(values) = Values::<f64>::in_place(x) else { return Ok(None) };
    let mut narrow = memory::try_with_capacity(values.slice().len()).map_err(error::exception)?;
    narrow.extend(values.slice().iter().map(|&value| value as f32));
    let is_finite = narrow.iter().all(|value: &f32| value.is_finite());
    Ok(if is_finite { Some(array::matrix(x.py(), narrow, n_features)?) } else { None })
}

/// Raises ValueError unless the nodes are a tree over `n_features` features, at most `max_depth` deep.
#[pyfunction]
#[pyo3(signature = (*, nodes, n_features, max_depth))]
pub(super) fn check(nodes: &Array<'_>, n_features: usize, max_depth: usize) -> PyResult<()> {
    checks::check(Nodes::new(nodes)?.slice(), n_features, max_depth).map_err(error::exception)
}

/// The alphas and the costs of all trees that pruning passes through.
#[pyfunction]
#[pyo3(signature = (*, nodes, n_features))]
pub(super) fn pruning_path<'py>(
    py: Python<'py>,
    nodes: &Array<'py>,
    n_features: usize,
) -> PyResult<(Array<'py>, Array<'py>)> {
    let nodes = Nodes::new(nodes)?;
    let nodes = nodes.slice();
    let path = run(py, 1, 0, |ctx| pruning::path(ctx, nodes, n_features))?;
    Ok((PyArray1::from_vec(py, path.alphas).into_any(), PyArray1::from_vec(py, path.impurities).into_any()))
}

/// The state of the tree that is left when all branches that are not worth `alpha` for a leaf have gone.
#[pyfunction]
#[pyo3(signature = (*, nodes, values, n_features, alpha))]
pub(super) fn prune<'py>(
    py: Python<'py>,
    nodes: &Array<'py>,
    values: &Array<'py>,
    n_features: usize,
    alpha: f64,
) -> PyResult<Bound<'py, PyDict>> {
    let table = Table::new(nodes, values)?;
    let (shape, nodes, values) = (table.shape(), table.nodes.slice(), table.values.slice());
    let pruned = run(py, 1, 0, |ctx| pruning::prune(ctx, nodes, values, shape, n_features, alpha))?;
    state(py, pruned)
}
