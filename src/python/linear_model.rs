//! Python bindings for `linear_model`.

use numpy::{Element, PyArray, PyArray1, PyArrayMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat};

use super::array::{self, Matrix, Samples, Values, View, with_dtype, with_storage};
use super::error;
use super::run::run;
use super::small::SmallRows;
use crate::common::error::check_length;
use crate::common::{Context, Float, memory};
use crate::linalg::Rows;
use crate::linear_model::iterative::{self, Solver};
use crate::linear_model::least_squares;
use crate::linear_model::leave_one_out::{self as left_out, Params};
use crate::linear_model::normal_equations::{Center, Table, Targets};
use crate::linear_model::predictions::{Model, predictions};
use crate::linear_model::sparse_moments;

type Array<'py> = Bound<'py, PyAny>;

/// Steps that a solution takes, or so.
const STEPS: u64 = 16;

/// Targets and weights of the type of the features.
pub(super) struct Explained<'py, F: Element> {
    y: Values<'py, F>,
    n_targets: usize,
    weights: Option<Values<'py, F>>,
}

impl<'py, F: Element + Float> Explained<'py, F> {
    /// `y` of shape (n_rows, n_targets), `weights` of shape (n_rows,).
    pub(super) fn new(y: &Array<'py>, weights: Option<&Array<'py>>, n_rows: usize) -> PyResult<Self> {
        let (y, weights) = (Values::<F>::new(y)?, weights.map(Values::<F>::new).transpose()?);
        let n_targets = y.shape().get(1).copied().unwrap_or(1);
        let rows = y.shape().first().copied().unwrap_or(0);
        check_length("y", rows, n_rows).map_err(error::exception)?;
        check_length("columns of y", n_targets.min(1), 1).map_err(error::exception)?;
        if let Some(weights) = &weights {
            check_length("sample_weight", weights.slice().len(), n_rows).map_err(error::exception)?;
        }
        Ok(Self { y, n_targets, weights })
    }

    pub(super) fn targets(&self) -> Targets<'_, F> {
        let weights = self.weights.as_ref().map(Values::slice);
        Targets { y: self.y.slice(), n_targets: self.n_targets, weights }
    }
}

/// A problem of least squares with the same solutions as the given one: `rows` (m, n_features) and `targets`
/// (m, n_targets); `unit`, the power of two that the rows are times the data; `means`, `target_means`, zeros without an
/// intercept; `coef` (n_targets, n_features), the solution for the data as they came if there is no other, or None; and
/// `intercept` (n_targets,), which belongs to it, or None.
/// `x` is a float32 or float64 array, `y` (n_samples, n_targets) and `weights` (n_samples,) are of its type.
#[pyfunction]
#[pyo3(signature = (*, x, y, weights, fit_intercept, n_threads))]
fn reduce<'py>(
    py: Python<'py>,
    x: &Array<'py>,
    y: &Array<'py>,
    weights: Option<&Array<'py>>,
    fit_intercept: bool,
    n_threads: usize,
) -> PyResult<Bound<'py, PyDict>> {
    with_dtype!(Samples::new(x)?, x => {
        let View::Dense(x) = x.view()? else {
            return Err(PyTypeError::new_err("expected a dense array"));
        };
        let explained = Explained::new(y, weights, x.n_rows())?;
        let table = Table { x: &x, targets: explained.targets() };
        let work = (x.nnz() as u64).saturating_mul((x.n_cols() + explained.n_targets) as u64);
        let fit = run(py, n_threads, work, |ctx| least_squares::reduce(ctx, &table, fit_intercept))?;
        let found = PyDict::new(py);
        found.set_item("rows", array::matrix(py, fit.rows, x.n_cols())?)?;
        found.set_item("targets", array::matrix(py, fit.targets, explained.n_targets)?)?;
        found.set_item("unit", fit.center.unit)?;
        found.set_item("means", PyArray1::from_vec(py, fit.center.means))?;
        found.set_item("target_means", PyArray1::from_vec(py, fit.center.target_means))?;
        found.set_item("intercept", fit.intercept.map(|intercept| PyArray1::from_vec(py, intercept)))?;
        found.set_item("coef", fit.coef.map(|coef| array::matrix(py, coef, x.n_cols())).transpose()?)?;
        Ok(found)
    })
}

/// The products about the means, for as many rows as there are features at least: those of features with features
/// (n_features, n_features) and with targets (n_features, n_targets), and the rest as [`reduce`] gives it. `x` is an array
/// or a SciPy CSR matrix or array.
#[pyfunction]
#[pyo3(signature = (*, x, y, weights, fit_intercept, n_threads))]
fn moments<'py>(
    py: Python<'py>,
    x: &Array<'py>,
    y: &Array<'py>,
    weights: Option<&Array<'py>>,
    fit_intercept: bool,
    n_threads: usize,
) -> PyResult<Bound<'py, PyDict>> {
    with_dtype!(Samples::new(x)?, x => {
        let work = |n_targets| (x.nnz() as u64).saturating_mul((x.n_cols() + n_targets) as u64);
        let (n_targets, (center, squares, products)) = match x.view()? {
            View::Dense(rows) => {
                let explained = Explained::new(y, weights, rows.n_rows())?;
                let table = Table { x: &rows, targets: explained.targets() };
                let found = run(py, n_threads, work(explained.n_targets), |ctx| {
                    table.moments(ctx, fit_intercept)?.apart()
                })?;
                (explained.n_targets, found)
            }
            View::Csr(rows) => {
                let explained = Explained::new(y, weights, rows.n_rows())?;
                let targets = explained.targets();
                let found = run(py, n_threads, work(explained.n_targets), |ctx| {
                    sparse_moments::moments(ctx, &rows, &targets, fit_intercept)
                })?;
                (explained.n_targets, found)
            }
        };
        let found = PyDict::new(py);
        found.set_item("squares", array::matrix(py, squares, x.n_cols())?)?;
        found.set_item("products", array::matrix(py, products, n_targets)?)?;
        found.set_item("unit", center.unit)?;
        found.set_item("means", PyArray1::from_vec(py, center.means))?;
        found.set_item("target_means", PyArray1::from_vec(py, center.target_means))?;
        Ok(found)
    })
}

/// Least squares with a penalty by a solver, "lsqr" or "sparse_cg": `coef` (n_targets, n_features), `steps` (n_targets,)
/// of LSQR, and `means` and `target_means`, zeros without an intercept. `x` is an array or a SciPy CSR matrix or array,
/// `alphas` one number for each target, the others as for [`reduce`].
#[pyfunction]
#[pyo3(signature = (*, x, y, weights, alphas, fit_intercept, solver, tol, max_iter, n_threads))]
fn iterate<'py>(
    py: Python<'py>,
    x: &Array<'py>,
    y: &Array<'py>,
    weights: Option<&Array<'py>>,
    alphas: Vec<f64>,
    fit_intercept: bool,
    solver: &str,
    tol: f64,
    max_iter: Option<usize>,
    n_threads: usize,
) -> PyResult<Bound<'py, PyDict>> {
    let solver = match solver {
        "lsqr" => Solver::Lsqr(max_iter),
        "sparse_cg" => Solver::ConjugateGradients(max_iter),
        name => return Err(PyValueError::new_err(format!("unknown solver {name:?}"))),
    };
    with_dtype!(Samples::new(x)?, x => {
        let fit = with_storage!(x.view()?, rows => {
            let explained = Explained::new(y, weights, rows.n_rows())?;
            let targets = explained.targets();
            let work = (x.nnz() as u64).saturating_mul(STEPS).saturating_mul(explained.n_targets as u64);
            run(py, n_threads, work, |ctx| {
                iterative::fit(ctx, &rows, &targets, &alphas, fit_intercept, &solver, tol)
            })?
        });
        let found = PyDict::new(py);
        found.set_item("coef", array::matrix(py, fit.coef, x.n_cols())?)?;
        found.set_item("steps", PyArray1::from_iter(py, fit.steps.iter().map(|&steps| steps as i32)))?;
        found.set_item("means", PyArray1::from_vec(py, fit.means))?;
        found.set_item("target_means", PyArray1::from_vec(py, fit.target_means))?;
        Ok(found)
    })
}

/// The errors with which rows are predicted by models without them, times the roots of their weights: `squares`, the sums
/// of their squares (n_penalties, n_targets), and with `keep` the `errors` (n_samples, n_penalties * n_targets), else
/// None. `means`, `target_means` and `unit` are those of [`moments`]; `directions` (n_features, n_features), `inverse`
/// (n_features, n_penalties) and `shares` (n_features, n_penalties * n_targets) are of float64.
#[pyfunction]
#[pyo3(signature = (
    *, x, y, weights, means, target_means, unit, directions, inverse, fractions, fit_intercept, keep, n_threads
))]
fn leave_one_out<'py>(
    py: Python<'py>,
    x: &Array<'py>,
    y: &Array<'py>,
    weights: Option<&Array<'py>>,
    means: &Array<'py>,
    target_means: &Array<'py>,
    unit: f64,
    directions: &Array<'py>,
    inverse: &Array<'py>,
    fractions: &Array<'py>,
    fit_intercept: bool,
    keep: bool,
    n_threads: usize,
) -> PyResult<Bound<'py, PyDict>> {
    let [means, target_means, directions, inverse, fractions] = [
        Values::new(means)?,
        Values::new(target_means)?,
        Values::new(directions)?,
        Values::new(inverse)?,
        Values::new(fractions)?,
    ];
    let center = Center { means: means.slice().to_vec(), target_means: target_means.slice().to_vec(), unit };
    let params = Params {
        center: &center,
        fit_intercept,
        directions: directions.slice(),
        inverse: inverse.slice(),
        fractions: fractions.slice(),
        n_penalties: inverse.shape().get(1).copied().unwrap_or(0),
        keep,
    };
    with_dtype!(Samples::new(x)?, x => {
        let (fit, n_targets) = with_storage!(x.view()?, rows => {
            let explained = Explained::new(y, weights, rows.n_rows())?;
            let (n_targets, targets) = (explained.n_targets, explained.targets());
            let work = (x.nnz() as u64).saturating_mul((x.n_cols() + params.n_penalties * n_targets) as u64);
            (run(py, n_threads, work, |ctx| left_out::leave_one_out(ctx, &rows, &targets, &params))?, n_targets)
        });
        let found = PyDict::new(py);
        let width = fit.squares.len();
        found.set_item("squares", array::matrix(py, fit.squares, n_targets)?)?;
        found.set_item("errors", fit.errors.map(|errors| array::matrix(py, errors, width)).transpose()?)?;
        Ok(found)
    })
}

/// Coefficients and intercepts in double precision, and whether there is one target without an axis of its own.
struct Fitted {
    coef: Vec<f64>,
    intercept: Vec<f64>,
    is_flat: bool,
}

impl Fitted {
    /// From an array of `F`, shape (n_features,) or (n_targets, n_features), and intercepts of shape (n_targets,) or a
    /// number for all.
    fn new<'py, F: Element + Float>(coef: &Array<'py>, intercept: &Array<'py>) -> PyResult<Option<Self>> {
        let Some(coef) = Values::<F>::in_place(coef) else { return Ok(None) };
        let (is_flat, n_targets) = match *coef.shape() {
            [_] => (true, 1),
            [n_targets, _] => (false, n_targets),
            _ => return Ok(None),
        };
        let intercept = if let Some(values) = Values::<F>::in_place(intercept) {
            let len = values.slice().len();
            if len != n_targets && len != 1 {
                return Ok(None);
            }
            (0..n_targets).map(|target| values.slice()[target % len].to_f64()).collect()
        } else if intercept.cast::<PyUntypedArray>().is_ok() {
            return Ok(None);
        } else {
            let Ok(value) = intercept.extract::<f64>() else { return Ok(None) };
            vec![value; n_targets]
        };
        let mut wide = memory::try_with_capacity(coef.slice().len()).map_err(error::exception)?;
        wide.extend(coef.slice().iter().map(|value| value.to_f64()));
        Ok(Some(Self { coef: wide, intercept, is_flat }))
    }

    fn model(&self) -> Model<'_> {
        Model { coef: &self.coef, intercept: &self.intercept }
    }

    fn shaped<'py, F: Element>(&self, py: Python<'py>, values: Vec<F>) -> PyResult<Array<'py>> {
        let values = PyArray::from_vec(py, values);
        if self.is_flat {
            return Ok(values.into_any());
        }
        let n_targets = self.intercept.len();
        let n_rows = values.len().checked_div(n_targets).unwrap_or(0);
        Ok(values.reshape([n_rows, n_targets])?.into_any())
    }
}

/// What a linear model answers of `x`, an array or a SciPy CSR matrix or array of the type of `coef` and `intercept`:
/// shape (n_samples,) where `coef` has one axis, else (n_samples, n_targets).
#[pyfunction]
#[pyo3(signature = (*, x, coef, intercept, n_threads))]
fn predict<'py>(
    py: Python<'py>,
    x: &Array<'py>,
    coef: &Array<'py>,
    intercept: &Array<'py>,
    n_threads: usize,
) -> PyResult<Array<'py>> {
    with_dtype!(Samples::new(x)?, x => predicted(py, &x, coef, intercept, n_threads))
}

fn predicted<'py, F: Element + Float>(
    py: Python<'py>,
    x: &Matrix<'py, F>,
    coef: &Array<'py>,
    intercept: &Array<'py>,
    n_threads: usize,
) -> PyResult<Array<'py>> {
    let Some(fitted) = Fitted::new::<F>(coef, intercept)? else {
        return Err(PyValueError::new_err("coef_ and intercept_ do not fit together"));
    };
    let work = (x.nnz() as u64).saturating_mul(fitted.intercept.len() as u64);
    let found: Vec<F> = with_storage!(x.view()?, rows => {
        run(py, n_threads, work, |ctx| predictions(ctx, &rows, fitted.model()))?
    });
    fitted.shaped(py, found)
}

/// What a linear model answers of a few plain rows, given its `__dict__`; None for anything else.
#[pyfunction]
fn predict_small<'py>(state: &Bound<'py, PyDict>, x: &Array<'py>) -> PyResult<Option<Array<'py>>> {
    let (coef, intercept) = (intern!(x.py(), "coef_"), intern!(x.py(), "intercept_"));
    match (state.get_item(coef)?, state.get_item(intercept)?) {
        (Some(coef), Some(intercept)) => predict_small_with(state, x, &coef, &intercept),
        _ => Ok(None),
    }
}

/// [`predict_small`] of a model with another intercept than it holds.
#[pyfunction]
fn predict_small_with<'py>(
    state: &Bound<'py, PyDict>,
    x: &Array<'py>,
    coef: &Array<'py>,
    intercept: &Array<'py>,
) -> PyResult<Option<Array<'py>>> {
    // A number of NumPy's own has a type that would count.
    if intercept.is_instance_of::<PyFloat>() && !intercept.is_exact_instance_of::<PyFloat>() {
        return predict_small_of::<f64>(state, x, coef, intercept);
    }
    match predict_small_of::<f64>(state, x, coef, intercept)? {
        Some(found) => Ok(Some(found)),
        None => predict_small_of::<f32>(state, x, coef, intercept),
    }
}

fn predict_small_of<'py, F: Element + Float>(
    state: &Bound<'py, PyDict>,
    x: &Array<'py>,
    coef: &Array<'py>,
    intercept: &Array<'py>,
) -> PyResult<Option<Array<'py>>> {
    let Some(rows) = SmallRows::<F>::new(state, x, usize::MAX) else { return Ok(None) };
    let Some(fitted) = Fitted::new::<F>(coef, intercept)? else { return Ok(None) };
    let Some(rows) = rows.view() else { return Ok(None) };
    if fitted.coef.len() != rows.n_cols() * fitted.intercept.len() {
        return Ok(None);
    }
    let found: Vec<F> = predictions(&Context::serial(), &rows, fitted.model()).map_err(error::exception)?;
    fitted.shaped(x.py(), found).map(Some)
}

/// Linear models.
#[pymodule]
pub(super) mod linear_model {
    #[pymodule_export]
    use super::super::linear_cd::{enet_folds, enet_path};
    #[pymodule_export]
    use super::super::linear_descent::descend;
    #[pymodule_export]
    use super::super::linear_huber::huber_loss;
    #[pymodule_export]
    use super::super::linear_sag::average_gradient;
    #[pymodule_export]
    use super::super::linear_sgd::descend_by_rows;
    #[pymodule_export]
    use super::super::linear_smooth::minimize;
    #[pymodule_export]
    use super::{iterate, leave_one_out, moments, predict, predict_small, predict_small_with, reduce};
}
