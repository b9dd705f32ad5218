//! Python bindings for Huber's loss.

use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;

use super::array::{Samples, with_dtype, with_storage};
use super::run::run;
use crate::linear_model::huber::{Data, Params, loss};

/// Huber's loss and its gradient, where `parameters` are the coefficients, the intercept if there is one, and the scale.
/// `x` is an array or a CSR matrix of float32 or float64; `y` and `weights` (n_samples,) are of float64.
#[pyfunction]
#[pyo3(signature = (*, x, y, weights, parameters, epsilon, alpha, n_threads))]
pub(super) fn huber_loss<'py>(
    py: Python<'py>,
    x: &Bound<'py, PyAny>,
    y: PyReadonlyArray1<'py, f64>,
    weights: PyReadonlyArray1<'py, f64>,
    parameters: PyReadonlyArray1<'py, f64>,
    epsilon: f64,
    alpha: f64,
    n_threads: usize,
) -> PyResult<(f64, Bound<'py, PyArray1<f64>>)> {
    let params = Params { epsilon, alpha };
    let (y, weights, parameters) = (y.as_slice()?, weights.as_slice()?, parameters.as_slice()?);
    let (value, gradient) = with_dtype!(Samples::new(x)?, x => {
        let work = x.nnz() as u64;
        with_storage!(x.view()?, rows => {
            let data = Data { x: &rows, y, weights };
            run(py, n_threads, work, |ctx| loss(ctx, &data, parameters, &params))?
        })
    });
    Ok((value, PyArray1::from_vec(py, gradient)))
}
