//! Python bindings for distances.

use numpy::{Element, PyArray1, PyArray2, PyArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::array::{Matrix, Samples, Values, View, with_dtype};
use super::error;
use super::run::run;
use crate::common::Float;
use crate::linalg::{Dense, Rows};
use crate::metrics::block::Variant;
use crate::metrics::expanded::{self, Kind, KnownNorms};
use crate::metrics::matrix::{self, Pairs};
use crate::metrics::metric::Metric;
use crate::metrics::nearest as reduced;
use crate::metrics::sparse::{self, Side};

/// Multiply-adds that a feature costs when it is raised to a power.
const POWER: u64 = 20;

/// Of every row: which is nearest, and how near.
type IndexAndDistance<'py> = (Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<f64>>);

/// A matrix of distances that nobody has seen yet. NumPy makes it: its refusal is the parent's MemoryError.
fn new_matrix<'py, O: Element>(py: Python<'py>, n_rows: usize, n_cols: usize) -> PyResult<Bound<'py, PyArray2<O>>> {
    let zeros = py.import("numpy")?.call_method1("zeros", ((n_rows, n_cols), O::get_dtype(py)))?;
    Ok(zeros.cast_into::<PyArray2<O>>()?)
}

/// What `n_x` rows by `n_y` rows of `n_cols` features cost.
fn work(n_x: usize, n_y: usize, n_cols: usize) -> u64 {
    (n_x as u64).saturating_mul(n_y as u64).saturating_mul(n_cols as u64)
}

fn parsed(metric: &str, p: f64) -> PyResult<Metric> {
    Metric::parse(metric, p).ok_or_else(|| PyValueError::new_err(format!("unknown metric {metric:?} with p={p}")))
}

/// The other side, of the same element type; `None` if rows are compared with themselves.
fn other<'py, F: Element + Float>(
    x: &Matrix<'py, F>,
    y: Option<&Bound<'py, PyAny>>,
) -> PyResult<Option<Matrix<'py, F>>> {
    let Some(y) = y else { return Ok(None) };
    let y = Matrix::new(y)?;
    if y.n_cols() != x.n_cols() {
        return Err(PyValueError::new_err("X and Y have different numbers of columns"));
    }
    Ok(Some(y))
}

/// Dense rows of both sides.
fn dense<'a, F: Float>(x: &'a Dense<'_, F>, y: Option<&'a View<'_, F>>) -> PyResult<Pairs<'a, F>> {
    let y = match y {
        None => None,
        Some(View::Dense(y)) => Some(y.values()),
        Some(View::Csr(_)) => return Err(PyValueError::new_err("both sides must be dense or both sparse")),
    };
    Pairs::new(x.values(), y, x.n_cols()).map_err(error::exception)
}

fn n_rows<F: Float>(view: &View<'_, F>) -> usize {
    match view {
        View::Dense(rows) => rows.n_rows(),
        View::Csr(rows) => rows.n_rows(),
    }
}

fn side<'a, F: Float>(view: &'a View<'_, F>) -> Side<'a, F> {
    match view {
        View::Dense(rows) => Side::Dense(rows),
        View::Csr(rows) => Side::Sparse(rows),
    }
}

/// Distances by products.
fn by_products<'py, F: Element + Float>(
    x: &Matrix<'py, F>,
    y: Option<&Bound<'py, PyAny>>,
    kind: Kind,
    known: KnownNorms<'_>,
    n_threads: usize,
    py: Python<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    let y = other(x, y)?;
    let (view, other) = (x.view()?, y.as_ref().map(Matrix::view).transpose()?);
    let n_y = n_rows(other.as_ref().unwrap_or(&view));
    let distances = new_matrix::<F>(py, n_rows(&view), n_y)?;
    // SAFETY: the array is new: no one else reads or writes it.
    let out = unsafe { distances.as_slice_mut() }?;
    match (&view, other.as_ref()) {
        (View::Dense(rows), None | Some(View::Dense(_))) => {
            let pairs = dense(rows, other.as_ref())?;
            let work = work(rows.n_rows(), n_y, rows.n_cols());
            run(py, n_threads, work, |ctx| expanded::expanded(ctx, kind, pairs, known, out))?;
        }
        _ => {
            let per_row = x.nnz() / n_rows(&view).max(1);
            let work = work(n_rows(&view), n_y, per_row);
            let (x, y) = (side(&view), other.as_ref().map(side));
            run(py, n_threads, work, |ctx| sparse::sparse_products(ctx, kind, x, y, known, out))?;
        }
    }
    Ok(distances.into_any())
}

/// Distances by differences, of element type `O`.
fn by_differences<'py, F: Element + Float, O: Element + Float>(
    x: &Matrix<'py, F>,
    y: Option<&Bound<'py, PyAny>>,
    metric: Metric,
    variant: Variant,
    n_threads: usize,
    py: Python<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    let y = other(x, y)?;
    let (view, other) = (x.view()?, y.as_ref().map(Matrix::view).transpose()?);
    let n_y = n_rows(other.as_ref().unwrap_or(&view));
    let distances = new_matrix::<O>(py, n_rows(&view), n_y)?;
    // SAFETY: the array is new: no one else reads or writes it.
    let out = unsafe { distances.as_slice_mut() }?;
    match (&view, other.as_ref()) {
        (View::Dense(rows), other) => {
            let pairs = dense(rows, other)?;
            let work = work(rows.n_rows(), n_y, rows.n_cols());
            let power = if matches!(metric, Metric::Minkowski(_)) { POWER } else { 1 };
            run(py, n_threads, work.saturating_mul(power), |ctx| matrix::exact(ctx, metric, variant, pairs, out))?;
        }
        (View::Csr(rows), None) if metric == Metric::Manhattan => {
            let work = work(rows.n_rows(), n_y, x.nnz() / rows.n_rows().max(1));
            run(py, n_threads, work, |ctx| sparse::sparse_manhattan(ctx, rows, None, out))?;
        }
        (View::Csr(rows), Some(View::Csr(other))) if metric == Metric::Manhattan => {
            let work = work(rows.n_rows(), n_y, x.nnz() / rows.n_rows().max(1));
            run(py, n_threads, work, |ctx| sparse::sparse_manhattan(ctx, rows, Some(other), out))?;
        }
        _ => return Err(PyValueError::new_err("sparse rows: only Manhattan distances, and both sides sparse")),
    }
    Ok(distances.into_any())
}

/// Distances between rows.
#[pymodule]
pub(super) mod metrics {
    use super::*;

    /// Euclidean distances from the rows of `x` to those of `y`, or of `x` where that is None. Norms are float64.
    #[pyfunction]
    #[pyo3(signature = (*, x, y, squared, x_norms, y_norms, n_threads))]
    fn euclidean<'py>(
        x: &Bound<'py, PyAny>,
        y: Option<&Bound<'py, PyAny>>,
        squared: bool,
        x_norms: Option<&Bound<'py, PyAny>>,
        y_norms: Option<&Bound<'py, PyAny>>,
        n_threads: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        let kind = if squared { Kind::Squared } else { Kind::Euclidean };
        let x_norms = x_norms.map(Values::<f64>::new).transpose()?;
        let y_norms = y_norms.map(Values::<f64>::new).transpose()?;
        let known = KnownNorms { x: x_norms.as_ref().map(Values::slice), y: y_norms.as_ref().map(Values::slice) };
        with_dtype!(Samples::new(x)?, rows => by_products(&rows, y, kind, known, n_threads, x.py()))
    }

    /// Cosine distances from the rows of `x` to those of `y`, or of `x` where that is None.
    #[pyfunction]
    #[pyo3(signature = (*, x, y, n_threads))]
    fn cosine<'py>(
        x: &Bound<'py, PyAny>,
        y: Option<&Bound<'py, PyAny>>,
        n_threads: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        let known = KnownNorms::default();
        with_dtype!(Samples::new(x)?, rows => by_products(&rows, y, Kind::Cosine, known, n_threads, x.py()))
    }

    /// Distances by differences, of any metric, as float32 if `narrow` and else as float64. `squared` is for
    /// "nan_euclidean".
    #[pyfunction]
    #[pyo3(signature = (*, x, y, metric, p, squared, narrow, n_threads))]
    fn exact<'py>(
        x: &Bound<'py, PyAny>,
        y: Option<&Bound<'py, PyAny>>,
        metric: &str,
        p: f64,
        squared: bool,
        narrow: bool,
        n_threads: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (py, metric) = (x.py(), parsed(metric, p)?);
        let variant = match metric {
            Metric::BrayCurtis => Variant::OfSum,
            _ if squared => Variant::Squared,
            _ => Variant::Plain,
        };
        with_dtype!(Samples::new(x)?, rows => match narrow {
            true => by_differences::<_, f32>(&rows, y, metric, variant, n_threads, py),
            false => by_differences::<_, f64>(&rows, y, metric, variant, n_threads, py),
        })
    }

    /// Index and distance of the row of `y` that is nearest to each row of `x`; both are dense.
    #[pyfunction]
    #[pyo3(signature = (*, x, y, metric, p, n_threads))]
    fn nearest<'py>(
        x: &Bound<'py, PyAny>,
        y: &Bound<'py, PyAny>,
        metric: &str,
        p: f64,
        n_threads: usize,
    ) -> PyResult<IndexAndDistance<'py>> {
        let (py, metric) = (x.py(), parsed(metric, p)?);
        with_dtype!(Samples::new(x)?, x => {
            let y = other(&x, Some(y))?;
            let (view, other) = (x.view()?, y.as_ref().map(Matrix::view).transpose()?);
            let View::Dense(rows) = &view else { return Err(PyValueError::new_err("both sides must be dense")) };
            let pairs = dense(rows, other.as_ref())?;
            let cost = work(rows.n_rows(), other.as_ref().map_or(0, n_rows), rows.n_cols());
            let found = run(py, n_threads, cost, |ctx| reduced::nearest(ctx, metric, pairs))?;
            Ok((PyArray1::from_vec(py, found.index), PyArray1::from_vec(py, found.distance)))
        })
    }
}
