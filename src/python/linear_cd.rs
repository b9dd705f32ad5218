//! Coordinate descent, of the linear_model room.

use numpy::{Element, PyArray, PyArray1, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::array::{Samples, Values, with_dtype, with_storage};
use super::linear_model::Explained;
use super::run::run;
use crate::common::Float;
use crate::linalg::Rows;
use crate::linear_model::coordinate_descent::products::Summed;
use crate::linear_model::coordinate_descent::{Fit, Params, fit};
use crate::optimize::coordinate_descent::End;

type Array<'py> = Bound<'py, PyAny>;

/// Least squares with penalties on the size and the square of coefficients, for each of `alphas` in turn.
/// `x` is a float32 or float64 array or SciPy CSR matrix or array, `y` (n_samples, n_targets) and `weights` (n_samples,)
/// are of its type; `start` (n_targets, n_features) float64; `seeds`, if features are visited at random, has one for each
/// target and penalty. Gives `coef` (n_targets, n_alphas, n_features), `gaps`, `allowed` and `n_iter`, each
/// (n_targets, n_alphas), and `means` and `target_means`, zeros without an intercept.
#[pyfunction]
#[pyo3(signature = (*, x, y, weights, fit_intercept, alphas, l1_ratio, max_iter, tol, positive, seeds, start, n_threads))]
pub(super) fn enet_path<'py>(
    py: Python<'py>,
    x: &Array<'py>,
    y: &Array<'py>,
    weights: Option<&Array<'py>>,
    fit_intercept: bool,
    alphas: Vec<f64>,
    l1_ratio: f64,
    max_iter: usize,
    tol: f64,
    positive: bool,
    seeds: Option<Vec<u32>>,
    start: &Array<'py>,
    n_threads: usize,
) -> PyResult<Bound<'py, PyDict>> {
    let params = Params { alphas: &alphas, l1_ratio, max_iter, tol, positive, seeds: seeds.as_deref() };
    let start = Values::<f64>::new(start)?;
    with_dtype!(Samples::new(x)?, x => {
        with_storage!(x.view()?, x => {
            let explained = Explained::new(y, weights, x.n_rows())?;
            fitted(py, &x, &explained, fit_intercept, &params, start.slice(), n_threads)
        })
    })
}

fn fitted<'py, F: Element + Float>(
    py: Python<'py>,
    x: &impl Summed<F>,
    explained: &Explained<'py, F>,
    fit_intercept: bool,
    params: &Params,
    start: &[f64],
    n_threads: usize,
) -> PyResult<Bound<'py, PyDict>> {
    let (targets, n_features, n_alphas) = (explained.targets(), x.n_cols(), params.alphas.len());
    let work = (x.stored() as u64).saturating_mul((n_features + targets.n_targets) as u64);
    let Fit { paths, means, target_means } =
        run(py, n_threads, work, |ctx| fit(ctx, x, &targets, fit_intercept, start, params))?;
    let (mut coef, mut ends) = (Vec::new(), Vec::new());
    for path in paths {
        coef.extend(path.coef);
        ends.extend(path.ends);
    }
    let found = PyDict::new(py);
    let shape = [targets.n_targets, n_alphas, n_features];
    found.set_item("coef", PyArray::from_vec(py, coef).reshape(shape)?)?;
    let figure =
        |of: fn(&End) -> f64| PyArray::from_iter(py, ends.iter().map(of)).reshape([targets.n_targets, n_alphas]);
    found.set_item("gaps", figure(|end| end.gap)?)?;
    found.set_item("allowed", figure(|end| end.allowed)?)?;
    let passes = PyArray::from_iter(py, ends.iter().map(|end| end.n_iter as i64));
    found.set_item("n_iter", passes.reshape([targets.n_targets, n_alphas])?)?;
    found.set_item("means", PyArray1::from_vec(py, means))?;
    found.set_item("target_means", PyArray1::from_vec(py, target_means))?;
    Ok(found)
}
