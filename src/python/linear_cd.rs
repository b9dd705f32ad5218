//! Coordinate descent, of the linear_model room.

use numpy::{Element, PyArray, PyArrayMethods};
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::array::{Samples, Values, with_dtype, with_storage};
use super::linear_model::Explained;
use super::run::run;
use crate::common::Float;
use crate::linalg::Rows;
use crate::linear_model::coordinate_descent::folds::{Split, judge};
use crate::linear_model::coordinate_descent::working::Wide;
use crate::linear_model::coordinate_descent::{Fit, Params, fit};
use crate::optimize::coordinate_descent::End;

type Array<'py> = Bound<'py, PyAny>;

/// Least squares with penalties on the size and the square of coefficients, for each of `alphas` in turn.
/// `x` is a float32 or float64 array or SciPy CSR matrix or array, `y` (n_samples, n_targets) and `weights` (n_samples,)
/// are of its type; `start` (n_targets, n_features) float64; `seeds`, if features are visited at random, has one for each
/// target and penalty. Gives `coef` (n_targets, n_alphas, n_features), and `intercepts`, zeros without one, `gaps`,
/// `allowed` and `n_iter`, each (n_targets, n_alphas). With `together`, all targets share their features, and one path:
/// `coef` is (n_alphas, n_targets, n_features), `intercepts` (n_alphas, n_targets), the others (1, n_alphas).
#[pyfunction]
#[pyo3(signature = (*, x, y, weights, fit_intercept, alphas, l1_ratio, max_iter, tol, positive, seeds, start, multi_task, n_threads))]
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
    multi_task: bool,
    n_threads: usize,
) -> PyResult<Bound<'py, PyDict>> {
    let params = Params { alphas: &alphas, l1_ratio, max_iter, tol, positive, seeds: seeds.as_deref() };
    let start = Values::<f64>::new(start)?;
    with_dtype!(Samples::new(x)?, x => {
        with_storage!(x.view()?, x => {
            let explained = Explained::new(y, weights, x.n_rows())?;
            fitted(py, &x, &explained, fit_intercept, &params, start.slice(), multi_task, n_threads)
        })
    })
}

fn fitted<'py, F: Element + Float>(
    py: Python<'py>,
    x: &impl Wide<F>,
    explained: &Explained<'py, F>,
    fit_intercept: bool,
    params: &Params,
    start: &[f64],
    multi_task: bool,
    n_threads: usize,
) -> PyResult<Bound<'py, PyDict>> {
    let (targets, n_features, n_alphas) = (explained.targets(), x.n_cols(), params.alphas.len());
    let n_targets = targets.n_targets;
    let work = (x.nnz() as u64).saturating_mul((n_features + n_targets) as u64);
    let Fit { paths, intercepts } =
        run(py, n_threads, work, |ctx| fit(ctx, x, &targets, fit_intercept, start, params, multi_task))?;
    let (mut coef, mut ends, n_paths) = (Vec::new(), Vec::new(), paths.len());
    for path in paths {
        coef.extend(path.coef);
        ends.extend(path.ends);
    }
    let found = PyDict::new(py);
    let outer = if multi_task { [n_alphas, n_targets] } else { [n_targets, n_alphas] };
    found.set_item("coef", PyArray::from_vec(py, coef).reshape([outer[0], outer[1], n_features])?)?;
    found.set_item("intercepts", PyArray::from_vec(py, intercepts.concat()).reshape(outer)?)?;
    let shape = [n_paths, n_alphas];
    let figure = |of: fn(&End) -> f64| PyArray::from_iter(py, ends.iter().map(of)).reshape(shape);
    found.set_item("gaps", figure(|end| end.gap)?)?;
    found.set_item("allowed", figure(|end| end.allowed)?)?;
    let passes = PyArray::from_iter(py, ends.iter().map(|end| end.n_iter as i64));
    found.set_item("n_iter", passes.reshape(shape)?)?;
    Ok(found)
}

/// Squared errors on the test rows of splits, of what is learnt from the training rows: for each pair of `l1_ratios` and
/// `alphas`, which all are as many, and each of `splits`, pairs of arrays of row numbers. `seeds` has, for each pair,
/// those of all splits and penalties. The rest is as for [`enet_path`], with all targets together. Gives `errors`, `gaps`, `allowed`
/// and `n_iter`, each (n_pairs, n_splits, n_alphas).
#[pyfunction]
#[pyo3(signature = (*, x, y, weights, fit_intercept, splits, l1_ratios, alphas, max_iter, tol, positive, seeds, n_threads))]
pub(super) fn enet_folds<'py>(
    py: Python<'py>,
    x: &Array<'py>,
    y: &Array<'py>,
    weights: Option<&Array<'py>>,
    fit_intercept: bool,
    splits: Vec<(Vec<u32>, Vec<u32>)>,
    l1_ratios: Vec<f64>,
    alphas: Vec<Vec<f64>>,
    max_iter: usize,
    tol: f64,
    positive: bool,
    seeds: Option<Vec<Vec<u32>>>,
    n_threads: usize,
) -> PyResult<Bound<'py, PyDict>> {
    let n_alphas = alphas.first().map_or(0, Vec::len);
    let all_params: Vec<_> = l1_ratios
        .iter()
        .zip(&alphas)
        .enumerate()
        .map(|(at, (&l1_ratio, alphas))| {
            let seeds = seeds.as_ref().map(|seeds| &seeds[at][..]);
            Params { alphas, l1_ratio, max_iter, tol, positive, seeds }
        })
        .collect();
    let splits: Vec<_> = splits.into_iter().map(|(train, test)| Split { train, test }).collect();
    let judged = with_dtype!(Samples::new(x)?, x => {
        with_storage!(x.view()?, x => {
            let explained = Explained::new(y, weights, x.n_rows())?;
            let rows = splits.iter().flat_map(|split| split.train.iter().chain(&split.test));
            if rows.into_iter().any(|&row| row as usize >= x.n_rows()) {
                return Err(PyIndexError::new_err("a row of a split is out of range"));
            }
            let work = (x.nnz() as u64).saturating_mul(x.n_cols() as u64 + n_alphas as u64);
            let targets = explained.targets();
            run(py, n_threads, work, |ctx| judge(ctx, &x, &targets, fit_intercept, &splits, &all_params))?
        })
    });
    let found = PyDict::new(py);
    let shape = [all_params.len(), splits.len(), n_alphas];
    let errors = judged.iter().flat_map(|judged| judged.errors.iter().copied());
    found.set_item("errors", PyArray::from_iter(py, errors).reshape(shape)?)?;
    let ends: Vec<_> = judged.iter().flat_map(|judged| &judged.ends).collect();
    let figure = |of: fn(&End) -> f64| PyArray::from_iter(py, ends.iter().map(|end| of(end))).reshape(shape);
    found.set_item("gaps", figure(|end| end.gap)?)?;
    found.set_item("allowed", figure(|end| end.allowed)?)?;
    let passes = PyArray::from_iter(py, ends.iter().map(|end| end.n_iter as i64));
    found.set_item("n_iter", passes.reshape(shape)?)?;
    Ok(found)
}
