//! Python bindings for stochastic average gradient.

use numpy::{Element, PyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::array::{self, Matrix, Samples, Values, with_dtype, with_storage};
use super::error;
use super::run::run;
use crate::common::{Float, memory};
use crate::optimize::losses::Loss;
use crate::optimize::sag::{Data, Objective, Params, State, descend};

type Array<'py> = Bound<'py, PyAny>;

/// Passes that a fit takes, or so.
const PASSES: u64 = 32;

/// Settings, by name.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(super) struct Settings {
    loss: String,
    step: f64,
    alpha: f64,
    beta: f64,
    max_iter: usize,
    tol: f64,
    fit_intercept: bool,
    intercept_decay: f64,
    is_saga: bool,
    seed: u32,
}

impl Settings {
    fn params(&self) -> PyResult<Params> {
        Ok(Params {
            objective: match self.loss.as_str() {
                "log" => Objective::One(Loss::HalfBinomial),
                "squared" => Objective::One(Loss::HalfSquared),
                "multinomial" => Objective::Multinomial,
                name => return Err(PyValueError::new_err(format!("unknown loss {name:?}"))),
            },
            step: self.step,
            alpha: self.alpha,
            beta: self.beta,
            max_iter: self.max_iter,
            tol: self.tol,
            fit_intercept: self.fit_intercept,
            intercept_decay: self.intercept_decay,
            is_saga: self.is_saga,
            seed: self.seed,
        })
    }
}

/// The arrays that a descent begins with, by name; see [`State`].
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(super) struct Start<'py> {
    coef: Array<'py>,
    intercept: Array<'py>,
    sums: Array<'py>,
    intercept_sums: Array<'py>,
    gradients: Array<'py>,
    seen: Array<'py>,
    n_seen: usize,
}

fn copied<F: Element + Copy>(array: &Array) -> PyResult<Vec<F>> {
    memory::try_copied(Values::<F>::new(array)?.slice()).map_err(error::exception)
}

impl Start<'_> {
    fn state<F: Float + Element>(&self) -> PyResult<State<F>> {
        Ok(State {
            coef: copied(&self.coef)?,
            intercept: copied(&self.intercept)?,
            sums: copied(&self.sums)?,
            intercept_sums: copied(&self.intercept_sums)?,
            gradients: copied(&self.gradients)?,
            seen: copied(&self.seen)?,
            n_seen: self.n_seen,
        })
    }
}

/// Fits a linear predictor by SAG or SAGA.
///
/// `x` (n_samples, n_features) is an array or a SciPy CSR matrix or array; `y` and `weights` (n_samples,) are of its type,
/// and so are the arrays of `start`. The answer has the same arrays, `n_iter` and `diverged`.
#[pyfunction]
#[pyo3(signature = (*, x, y, weights, start, settings))]
pub(super) fn average_gradient<'py>(
    py: Python<'py>,
    x: &Array<'py>,
    y: &Array<'py>,
    weights: &Array<'py>,
    start: Start<'py>,
    settings: Settings,
) -> PyResult<Bound<'py, PyDict>> {
    let params = settings.params()?;
    with_dtype!(Samples::new(x)?, x => fitted(py, &x, y, weights, &start, &params))
}

fn fitted<'py, F: Float + Element>(
    py: Python<'py>,
    x: &Matrix<'py, F>,
    y: &Array<'py>,
    weights: &Array<'py>,
    start: &Start<'py>,
    params: &Params,
) -> PyResult<Bound<'py, PyDict>> {
    let (y, weights, state) = (Values::<F>::new(y)?, Values::<F>::new(weights)?, start.state::<F>()?);
    let (targets, weights, n_classes) = (y.slice(), weights.slice(), state.intercept.len());
    let work = (x.nnz() as u64).saturating_mul(PASSES).saturating_mul(n_classes as u64);
    let fit = with_storage!(x.view()?, rows => {
        run(py, 1, work, |ctx| descend(ctx, &Data { rows: &rows, targets, weights }, state, params))?
    });
    let found = PyDict::new(py);
    found.set_item("coef", array::matrix(py, fit.state.coef, n_classes)?)?;
    found.set_item("intercept", PyArray1::from_vec(py, fit.state.intercept))?;
    found.set_item("sums", array::matrix(py, fit.state.sums, n_classes)?)?;
    found.set_item("intercept_sums", PyArray1::from_vec(py, fit.state.intercept_sums))?;
    found.set_item("gradients", array::matrix(py, fit.state.gradients, n_classes)?)?;
    found.set_item("seen", PyArray1::from_vec(py, fit.state.seen))?;
    found.set_item("n_seen", fit.state.n_seen)?;
    found.set_item("n_iter", fit.n_iter)?;
    found.set_item("diverged", fit.diverged)?;
    Ok(found)
}
