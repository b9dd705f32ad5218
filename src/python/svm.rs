//! Python bindings for `svm`.

use numpy::PyArray1;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::array::{Samples, Values, matrix, with_dtype, with_storage};
use super::run::run;
use crate::svm::train::{self as core, Params, Solver};

/// Passes that a training takes, or so.
const PASSES: u64 = 16;

/// Linear support vector machines.
#[pymodule]
pub(super) mod svm {
    use super::*;

    /// What LIBLINEAR's solver of the number `solver` finds: `coef` (n_models, n_features); `intercept` (n_models,),
    /// coefficients of a constant feature `bias`, or empty where that is None; `n_iter`, one number for each problem.
    /// `x` is an array or a SciPy CSR matrix or array of float32 or float64; `y` (n_samples,), numbers, or classes from 0
    /// on with a number in `class_weights` (n_classes,) for each; `weights` (n_samples,). See `mlfast.svm.LinearSVC`.
    #[pyfunction]
    #[pyo3(signature = (*, x, y, weights, solver, tol, bias, cost, class_weights, max_iter, seed, epsilon, n_threads))]
    fn train<'py>(
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
        y: &Bound<'py, PyAny>,
        weights: &Bound<'py, PyAny>,
        solver: u32,
        tol: f64,
        bias: Option<f64>,
        cost: f64,
        class_weights: Vec<f64>,
        max_iter: usize,
        seed: u32,
        epsilon: f64,
        n_threads: usize,
    ) -> PyResult<Bound<'py, PyDict>> {
        let solver =
            Solver::numbered(solver).ok_or_else(|| PyValueError::new_err(format!("unknown solver {solver}")))?;
        let (y, weights) = (Values::<f64>::new(y)?, Values::<f64>::new(weights)?);
        let params = Params { solver, tol, bias, cost, class_weights: &class_weights, max_iter, seed, epsilon };
        let (y, weights) = (y.slice(), weights.slice());
        with_dtype!(Samples::new(x)?, x => {
            let work = (x.nnz() as u64).saturating_mul(PASSES).saturating_mul(class_weights.len().max(1) as u64);
            let fit = with_storage!(x.view()?, rows => {
                run(py, n_threads, work, |ctx| core::train(ctx, &rows, y, weights, &params))?
            });
            let found = PyDict::new(py);
            found.set_item("coef", matrix(py, fit.coef, x.n_cols())?)?;
            found.set_item("intercept", PyArray1::from_vec(py, fit.intercept))?;
            found.set_item("n_iter", PyArray1::from_iter(py, fit.n_iter.iter().map(|&steps| steps as i32)))?;
            Ok(found)
        })
    }
}
