//! Growing trees.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::super::array::{Matrix, Samples, Values, with_dtype};
use super::super::error;
use super::super::run::run;
use super::records::state;
use crate::common::memory;
use crate::tree::grow::{self as growing, CriterionKind, Params, SplitterKind, Targets};

/// Work of looking at one value of one feature in one node, in multiply-adds.
const LOOK: u64 = 8;

type Array<'py> = Bound<'py, PyAny>;

/// A data set made ready for growing any number of trees on it: see `mlfast.tree`.
#[pyclass(frozen, module = "mlfast._core.tree")]
pub(in super::super) struct Columns {
    pub(in super::super) columns: growing::Columns,
}

#[pymethods]
impl Columns {
    /// From a matrix of shape (n_samples, n_features), float32 or float64: an array, or a SciPy CSC matrix or array in
    /// which no cell is stored twice.
    #[new]
    #[pyo3(signature = (*, x, n_threads))]
    fn new(py: Python<'_>, x: &Array<'_>, n_threads: usize) -> PyResult<Self> {
        let is_sparse = x.hasattr("indptr")?;
        // The transpose of CSC is CSR, with a row per feature.
        let rows = if is_sparse { x.getattr("T")? } else { x.clone() };
        let columns = with_dtype!(Samples::new(&rows)?, rows => {
            let work = rows.nnz() as u64 * LOOK;
            match &rows {
                Matrix::Dense { values, n_rows, n_cols } => {
                    let values = values.slice();
                    run(py, n_threads, work, |ctx| growing::Columns::dense(ctx, values, *n_rows, *n_cols))?
                }
                Matrix::Csr { values, indices, starts, n_cols } => {
                    let values = values.slice();
                    run(py, n_threads, work, |ctx| growing::Columns::sparse(ctx, values, indices, starts, *n_cols))?
                }
            }
        });
        Ok(Self { columns })
    }

    /// The data set whose row i is row `rows[i]` of this one, for trees with these parameters; `rows` of shape (n_taken,),
    /// int64.
    #[pyo3(signature = (*, rows, params, n_threads))]
    fn take(&self, py: Python<'_>, rows: &Array<'_>, params: Numbers, n_threads: usize) -> PyResult<Self> {
        let rows = indices(Values::<i64>::new(rows)?.slice(), "a row is out of range")?;
        let work = (rows.len() * self.columns.len()) as u64 * LOOK;
        let params = params.params(0.0)?;
        Ok(Self { columns: run(py, n_threads, work, |ctx| self.columns.take(ctx, &params, &rows))? })
    }
}

/// A checked copy.
fn indices(values: &[i64], complaint: &'static str) -> PyResult<Vec<u32>> {
    let mut checked = memory::try_with_capacity(values.len()).map_err(error::exception)?;
    for &value in values {
        checked.push(u32::try_from(value).map_err(|_| PyValueError::new_err(complaint))?);
    }
    Ok(checked)
}

/// Classes or numbers to learn.
pub(in super::super) enum Learnt<'py> {
    Classes(Vec<u32>, Vec<usize>),
    Values(Values<'py, f64>, usize),
}

impl<'py> Learnt<'py> {
    /// `y` is of shape (n_samples, n_outputs): codes in int64 where `n_classes` has the number of classes by output,
    /// float64 where it is None.
    pub(in super::super) fn new(y: &Array<'py>, n_classes: Option<Vec<usize>>) -> PyResult<Self> {
        let Some(n_classes) = n_classes else {
            let values = Values::<f64>::new(y)?;
            return match *values.shape() {
                [_, n_outputs] => Ok(Self::Values(values, n_outputs)),
                _ => Err(PyTypeError::new_err("expected targets of shape (n_samples, n_outputs)")),
            };
        };
        let codes = indices(Values::<i64>::new(y)?.slice(), "a class is out of range")?;
        Ok(Self::Classes(codes, n_classes))
    }

    pub(in super::super) fn targets(&self) -> Targets<'_> {
        match self {
            Self::Classes(codes, n_classes) => Targets::Classes { codes, n_classes },
            Self::Values(values, n_outputs) => Targets::Values { values: values.slice(), n_outputs: *n_outputs },
        }
    }
}

/// The parameters of a tree, as they cross.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(in super::super) struct Numbers {
    criterion: String,
    splitter: String,
    max_depth: usize,
    min_samples_split: usize,
    min_samples_leaf: usize,
    max_features: usize,
    max_leaf_nodes: Option<usize>,
    min_impurity_decrease: f64,
    monotonic: Option<Vec<i8>>,
}

impl Numbers {
    pub(in super::super) fn params(&self, min_weight_leaf: f64) -> PyResult<Params<'_>> {
        let criterion = match &*self.criterion {
            "gini" => CriterionKind::Gini,
            "entropy" | "log_loss" => CriterionKind::Entropy,
            "squared_error" => CriterionKind::SquaredError,
            "absolute_error" => CriterionKind::AbsoluteError,
            "poisson" => CriterionKind::Poisson,
            name => return Err(PyValueError::new_err(format!("unknown criterion {name:?}"))),
        };
        let splitter = match &*self.splitter {
            "best" => SplitterKind::Best,
            "random" => SplitterKind::Random,
            name => return Err(PyValueError::new_err(format!("unknown splitter {name:?}"))),
        };
        Ok(Params {
            criterion,
            splitter,
            max_depth: self.max_depth,
            min_samples_split: self.min_samples_split,
            min_samples_leaf: self.min_samples_leaf,
            min_weight_leaf,
            max_features: self.max_features,
            max_leaf_nodes: self.max_leaf_nodes,
            min_impurity_decrease: self.min_impurity_decrease,
            monotonic: self.monotonic.as_deref(),
        })
    }
}

/// What growing a tree costs, in multiply-adds.
pub(in super::super) fn work(columns: &growing::Columns, params: &Params) -> u64 {
    let looks = (columns.n_rows() as u64).saturating_mul(columns.len().min(params.max_features) as u64);
    looks.saturating_mul(LOOK)
}

/// The state of the tree, as `sklearn.tree._tree.Tree.__setstate__` takes it.
#[pyfunction]
#[pyo3(signature = (*, columns, y, n_classes, weights, min_weight_leaf, params, seed, n_threads))]
pub(super) fn grow<'py>(
    py: Python<'py>,
    columns: &Bound<'py, Columns>,
    y: &Array<'py>,
    n_classes: Option<Vec<usize>>,
    weights: Option<&Array<'py>>,
    min_weight_leaf: f64,
    params: Numbers,
    seed: u32,
    n_threads: usize,
) -> PyResult<Bound<'py, PyDict>> {
    let columns = &columns.get().columns;
    let learnt = Learnt::new(y, n_classes)?;
    let weights = weights.map(Values::<f64>::new).transpose()?;
    let params = params.params(min_weight_leaf)?;
    let (targets, weights) = (learnt.targets(), weights.as_ref().map(Values::slice));
    let tree = run(py, n_threads, work(columns, &params), |ctx| {
        growing::grow(ctx, columns, &targets, weights, &params, seed)
    })?;
    state(py, tree)
}
