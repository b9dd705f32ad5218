//! Python bindings for stochastic gradient descent.

use numpy::{Element, PyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::array::{self, Matrix, Samples, Values, with_dtype, with_storage};
use super::error;
use super::run::{run, run_on_caller};
use crate::common::error::check_length;
use crate::common::{Context, Error, Float, Result, memory};
use crate::linear_model::stochastic::{Problem, Scoring, Targets, Task, fit};
use crate::optimize::losses::Loss;
use crate::optimize::sgd::{self, Model, Params, Penalty, Progress, Schedule, Stopping};

type Array<'py> = Bound<'py, PyAny>;

/// Passes that a fit takes, or so.
const PASSES: u64 = 8;

/// Settings that all tasks share, by name.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(super) struct Settings {
    loss: String,
    loss_parameter: f64,
    penalty: String,
    alpha: f64,
    l1_ratio: f64,
    learning_rate: String,
    eta0: f64,
    power_t: f64,
    fit_intercept: bool,
    intercept_decay: f64,
    one_class: bool,
    average: usize,
    t: f64,
    shuffle: bool,
    max_iter: usize,
    tol: f64,
    n_iter_no_change: usize,
    is_reported: bool,
}

fn unknown(what: &str, name: &str) -> PyErr {
    PyValueError::new_err(format!("unknown {what} {name:?}"))
}

/// A loss by scikit-learn's name; its parameter is a threshold, a bound or a width.
fn loss(name: &str, parameter: f64) -> PyResult<Loss> {
    Ok(match name {
        "hinge" | "perceptron" => Loss::Hinge(parameter),
        "squared_hinge" => Loss::SquaredHinge(parameter),
        "modified_huber" => Loss::ModifiedHuber,
        "log_loss" => Loss::HalfBinomial,
        "squared_error" => Loss::HalfSquared,
        "huber" => Loss::Huber(parameter),
        "epsilon_insensitive" => Loss::EpsilonInsensitive(parameter),
        "squared_epsilon_insensitive" => Loss::SquaredEpsilonInsensitive(parameter),
        name => return Err(unknown("loss", name)),
    })
}

impl Settings {
    fn params(&self, seed: u32, side_weights: [f64; 2]) -> PyResult<Params> {
        Ok(Params {
            loss: loss(&self.loss, self.loss_parameter)?,
            penalty: match self.penalty.as_str() {
                "none" => Penalty::None,
                "l2" => Penalty::Squares,
                "l1" => Penalty::Magnitudes,
                "elasticnet" => Penalty::ElasticNet,
                name => return Err(unknown("penalty", name)),
            },
            alpha: self.alpha,
            l1_ratio: self.l1_ratio,
            schedule: match self.learning_rate.as_str() {
                "constant" => Schedule::Constant,
                "optimal" => Schedule::Optimal,
                "invscaling" => Schedule::InverseScaling,
                "adaptive" => Schedule::Adaptive,
                "pa1" => Schedule::PassiveAggressive,
                "pa2" => Schedule::SoftPassiveAggressive,
                name => return Err(unknown("learning rate", name)),
            },
            eta0: self.eta0,
            power: self.power_t,
            fit_intercept: self.fit_intercept,
            intercept_decay: self.intercept_decay,
            one_class: self.one_class,
            average: self.average,
            t: self.t,
            shuffle: self.shuffle,
            seed,
            side_weights,
            stopping: Stopping { max_iter: self.max_iter, tol: self.tol, patience: self.n_iter_no_change },
            is_reported: self.is_reported,
        })
    }
}

/// Fits a linear model for each task by stochastic gradient descent.
///
/// `x` (n_samples, n_features) is an array or a SciPy CSR matrix or array; of its type are `weights` (n_samples,), `coef`
/// and, where averages are kept, `average_coef` (n_tasks, n_features). `y` (n_samples,) is of that type for one task, and
/// the int32 number of the task to which each sample belongs for several. `held_out` (n_samples,) is a mask of bytes.
/// `intercepts` and `average_intercepts` have a number for each task, `seeds` a seed and `side_weights` the weights of
/// positive and of other targets. `report` is called with a word and numbers before and after each pass.
///
/// The answer has `coef`, `intercepts`, `average_coef`, `average_intercepts`, `n_iter` and `diverged`, a value for each.
#[pyfunction]
#[pyo3(signature = (*, x, y, weights, held_out, coef, intercepts, average_coef, average_intercepts, seeds, side_weights, scoring, settings, report, n_threads))]
pub(super) fn descend_by_rows<'py>(
    py: Python<'py>,
    x: &Array<'py>,
    y: &Array<'py>,
    weights: &Array<'py>,
    held_out: Option<&Array<'py>>,
    coef: &Array<'py>,
    intercepts: Vec<f64>,
    average_coef: Option<&Array<'py>>,
    average_intercepts: Vec<f64>,
    seeds: Vec<u32>,
    side_weights: Vec<[f64; 2]>,
    scoring: &str,
    settings: Settings,
    report: Option<Py<PyAny>>,
    n_threads: usize,
) -> PyResult<Bound<'py, PyDict>> {
    let n_tasks = seeds.len();
    for (what, actual) in [
        ("intercept_", intercepts.len()),
        ("average of intercept_", average_intercepts.len()),
        ("class weights", side_weights.len()),
    ] {
        check_length(what, actual, n_tasks).map_err(error::exception)?;
    }
    let mut params = Vec::with_capacity(n_tasks);
    for (&seed, &side_weights) in seeds.iter().zip(&side_weights) {
        params.push(settings.params(seed, side_weights)?);
    }
    let scoring = match scoring {
        "sides" => Scoring::Sides,
        "variance" => Scoring::Variance,
        name => return Err(unknown("scoring", name)),
    };
    let held_out = held_out.map(Values::<u8>::new).transpose()?;
    let mask: Option<Vec<bool>> = held_out.map(|mask| mask.slice().iter().map(|&held| held != 0).collect());
    with_dtype!(Samples::new(x)?, x => {
        let given = Given { x, y, weights, coef, average_coef, mask, scoring };
        given.descend(py, intercepts, average_intercepts, params, report, n_threads)
    })
}

/// The arrays of one fit.
struct Given<'a, 'py, F: Element> {
    x: Matrix<'py, F>,
    y: &'a Array<'py>,
    weights: &'a Array<'py>,
    coef: &'a Array<'py>,
    average_coef: Option<&'a Array<'py>>,
    mask: Option<Vec<bool>>,
    scoring: Scoring,
}

/// Row `task` of a matrix with that many columns.
fn row_of<F: Float + Element>(matrix: &Values<F>, task: usize, n_cols: usize) -> PyResult<Vec<F>> {
    let rows = matrix.slice();
    let row = rows.get(task * n_cols..(task + 1) * n_cols);
    let row = row.ok_or_else(|| PyValueError::new_err("coef_ has too few values"))?;
    memory::try_copied(row).map_err(error::exception)
}

impl<'py, F: Float + Element> Given<'_, 'py, F> {
    fn descend(
        self,
        py: Python<'py>,
        intercepts: Vec<f64>,
        average_intercepts: Vec<f64>,
        params: Vec<Params>,
        report: Option<Py<PyAny>>,
        n_threads: usize,
    ) -> PyResult<Bound<'py, PyDict>> {
        let n_cols = self.x.n_cols();
        let coef = Values::<F>::new(self.coef)?;
        let average_coef = self.average_coef.map(Values::<F>::new).transpose()?;
        let mut tasks = Vec::with_capacity(params.len());
        for (number, params) in params.into_iter().enumerate() {
            let average_coef = average_coef.as_ref().map(|coef| row_of(coef, number, n_cols)).transpose()?;
            let (intercept, average_intercept) = (intercepts[number], average_intercepts[number]);
            let start = Model { coef: row_of(&coef, number, n_cols)?, intercept, average_coef, average_intercept };
            tasks.push(Task { start, params });
        }
        let weights = Values::<F>::new(self.weights)?;
        let (numbers, classes);
        let targets = if tasks.len() == 1 {
            numbers = Values::<F>::new(self.y)?;
            Targets::Numbers(numbers.slice())
        } else {
            classes = Values::<i32>::new(self.y)?;
            Targets::Classes(classes.slice())
        };
        let problem =
            Problem { targets, weights: weights.slice(), held_out: self.mask.as_deref(), scoring: self.scoring };
        let tell = |progress| report.as_ref().map_or(Ok(()), |report| tell(report, progress));
        let work = (self.x.nnz() as u64).saturating_mul(PASSES).saturating_mul(tasks.len() as u64);
        let fits = with_storage!(self.x.view()?, rows => {
            let job = |ctx: &Context| fit(ctx, &rows, &problem, tasks, &tell);
            if report.is_some() { run_on_caller(py, 1, work, job)? } else { run(py, n_threads, work, job)? }
        });
        prediction(py, fits, n_cols)
    }
}

/// Calls Python with a word and numbers.
fn tell(report: &Py<PyAny>, progress: Progress) -> Result<()> {
    Python::attach(|py| match progress {
        Progress::Begins(number) => report.call1(py, ("begins", number)),
        Progress::Ended { length, nonzero, intercept, steps, loss, objective, score } => {
            report.call1(py, ("ended", length, nonzero, intercept, steps, loss, objective, score))
        }
        Progress::Converged(passes) => report.call1(py, ("converged", passes)),
    })
    .map(|_| ())
    .map_err(|error| Error::Host(Box::new(error)))
}

fn prediction<'py, F: Float + Element>(
    py: Python<'py>,
    fits: Vec<sgd::Fit<F>>,
    n_cols: usize,
) -> PyResult<Bound<'py, PyDict>> {
    let found = PyDict::new(py);
    found.set_item("n_iter", fits.iter().map(|fit| fit.n_iter).collect::<Vec<_>>())?;
    found.set_item("diverged", fits.iter().map(|fit| fit.diverged).collect::<Vec<_>>())?;
    found.set_item("intercepts", PyArray1::from_iter(py, fits.iter().map(|fit| fit.model.intercept)))?;
    let averages = fits.iter().map(|fit| fit.model.average_intercept);
    found.set_item("average_intercepts", PyArray1::from_iter(py, averages))?;
    let averaged: Option<Vec<&[F]>> = fits.iter().map(|fit| fit.model.average_coef.as_deref()).collect();
    found.set_item("average_coef", averaged.map(|rows| array::matrix(py, rows.concat(), n_cols)).transpose()?)?;
    let coef: Vec<&[F]> = fits.iter().map(|fit| fit.model.coef.as_slice()).collect();
    found.set_item("coef", array::matrix(py, coef.concat(), n_cols)?)?;
    Ok(found)
}
