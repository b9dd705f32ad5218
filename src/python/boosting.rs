//! Python bindings for gradient boosting: one call grows a stage.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::array::{self, Matrix, Values};
use super::error;
use super::run::run;
use super::tree::grow::{self, Columns, Numbers};
use super::tree::records::state;
use super::tree::walk::with_samples;
use crate::common::memory;
use crate::ensemble::boosting::{self, Params, Stage};
use crate::ensemble::line_search::{self, Rule};
use crate::linalg::Csr;
use crate::tree::walk::Samples;

type Array<'py> = Bound<'py, PyAny>;

/// The rule of a name, with the number that belongs to it.
fn rule(name: &str, number: f64) -> PyResult<Rule> {
    match name {
        "mean" => Ok(Rule::Mean),
        "newton" => Ok(Rule::Newton { factor: number }),
        "exponential" => Ok(Rule::Exponential),
        "quantile" => Ok(Rule::Quantile { percent: number }),
        "huber" => Ok(Rule::Huber { delta: number }),
        name => Err(PyValueError::new_err(format!("unknown rule {name:?}"))),
    }
}

/// The states of the trees of a stage, one for each of `seeds`, and the predictions with them, of shape (n_samples, trees).
/// `x` has the samples of `columns` as float32: an array, or a SciPy CSR matrix or array. `y` is of shape (n_samples,), as
/// are `weights` and `seen`; `gradient` and `raw` are of shape (n_samples, trees).
#[pyfunction]
#[pyo3(signature = (*, columns, x, y, gradient, raw, weights, seen, rule, learning_rate, min_weight_fraction_leaf,
                    ccp_alpha, params, seeds, n_threads))]
pub(super) fn boost<'py>(
    py: Python<'py>,
    columns: &Bound<'py, Columns>,
    x: &Array<'py>,
    y: &Array<'py>,
    gradient: &Array<'py>,
    raw: &Array<'py>,
    weights: Option<&Array<'py>>,
    seen: Option<&Array<'py>>,
    rule: (String, f64),
    learning_rate: f64,
    min_weight_fraction_leaf: f64,
    ccp_alpha: f64,
    params: Numbers,
    seeds: Vec<u32>,
    n_threads: usize,
) -> PyResult<(Vec<Bound<'py, PyDict>>, Array<'py>)> {
    let columns = &columns.get().columns;
    let rule = self::rule(&rule.0, rule.1)?;
    let params = Params { tree: params.params(0.0)?, min_weight_fraction_leaf, ccp_alpha, rule, learning_rate };
    let work = grow::work(columns, &params.tree).saturating_mul(seeds.len() as u64);
    let (y, gradient, raw) = (Values::<f64>::new(y)?, Values::<f64>::new(gradient)?, Values::<f64>::new(raw)?);
    let weights = weights.map(Values::<f64>::new).transpose()?;
    let seen = seen.map(Values::<u8>::new).transpose()?;
    let (targets, gradient, raw) = (y.slice(), gradient.slice(), raw.slice());
    let (weights, seen) = (weights.as_ref().map(Values::slice), seen.as_ref().map(Values::slice));
    let fitted = with_samples!(x, samples => {
        let stage = Stage { samples, targets, gradient, raw, weights, seen };
        run(py, n_threads, work, |ctx| boosting::fit(ctx, columns, &stage, &params, &seeds))?
    });
    let trees = fitted.trees.into_iter().map(|tree| state(py, tree)).collect::<PyResult<_>>()?;
    Ok((trees, array::matrix(py, fitted.raw, seeds.len())?))
}

/// The smallest of `values` at which those up to it have `percent` of the weight. Both are of shape (n,).
#[pyfunction]
#[pyo3(signature = (*, values, weights, percent))]
pub(super) fn weighted_quantile(
    py: Python<'_>,
    values: &Array<'_>,
    weights: Option<&Array<'_>>,
    percent: f64,
) -> PyResult<f64> {
    let values = Values::<f64>::new(values)?;
    let weights = weights.map(Values::<f64>::new).transpose()?;
    let mut pairs = memory::try_with_capacity(values.slice().len()).map_err(error::exception)?;
    match &weights {
        Some(weights) => pairs.extend(values.slice().iter().copied().zip(weights.slice().iter().copied())),
        None => pairs.extend(values.slice().iter().map(|&value| (value, 1.0))),
    }
    run(py, 1, 0, |_| Ok(line_search::quantile(&mut pairs, percent)))
}
