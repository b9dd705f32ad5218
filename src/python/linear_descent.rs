//! Python bindings for gradient descent in `linear_model`.

use numpy::{Element, PyArray1};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::array::{self, Matrix, Samples as Given, Values, View, with_dtype};
use super::random::Pulled;
use super::run::{run, run_on_caller};
use crate::common::random::Mt19937;
use crate::common::{Context, Error, Float, Result};
use crate::linalg::margins::Margins;
use crate::linear_model::descent::loss::Loss;
use crate::linear_model::descent::objective::{Penalty, Samples};
use crate::linear_model::descent::{End, Epoch, Fit, Params, Watch, fit};
use crate::optimize::optimizers::{OptimizerState, UpdateRule};
use crate::optimize::schedule::Schedule;

type Array<'py> = Bound<'py, PyAny>;

/// Added to the roots of mean squares.
const EPSILON: f64 = 1e-8;

/// How a descent goes, as Python says it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(super) struct Options {
    loss: String,
    epsilon: f64,
    l1: f64,
    l2: f64,
    fit_intercept: bool,
    batch_size: usize,
    solver: String,
    momentum: f64,
    nesterov: bool,
    beta_1: f64,
    beta_2: f64,
    learning_rate: String,
    power_t: f64,
    decay_rate: f64,
    decay_epochs: f64,
    eta0: Option<f64>,
    max_iter: usize,
    epochs_before: usize,
    tol: Option<f64>,
    n_iter_no_change: usize,
    shuffle: bool,
}

impl Options {
    fn params(&self, n_outputs: usize) -> PyResult<Params> {
        let unknown = |what: &str, name: &str| Err(PyValueError::new_err(format!("unknown {what} {name:?}")));
        let loss = match self.loss.as_str() {
            "squared_error" => Loss::SquaredError,
            "huber" => Loss::Huber(self.epsilon),
            "log_loss" if n_outputs == 1 => Loss::Binary,
            "log_loss" => Loss::Categorical,
            name => return unknown("loss", name),
        };
        let (momentum, beta_1, beta_2) = (self.momentum, self.beta_1, self.beta_2);
        let rule = match self.solver.as_str() {
            "sgd" => UpdateRule::Momentum { momentum, nesterov: self.nesterov },
            "adam" | "adamw" => UpdateRule::Adam { beta_1, beta_2, epsilon: EPSILON },
            "rmsprop" => UpdateRule::RmsProp { rho: beta_2, momentum, epsilon: EPSILON },
            name => return unknown("solver", name),
        };
        let (factor, every) = (self.decay_rate, self.decay_epochs);
        let schedule = match self.learning_rate.as_str() {
            "constant" => Schedule::Constant,
            "invscaling" => Schedule::InverseScaling(self.power_t),
            "adaptive" => Schedule::Adaptive,
            "step" => Schedule::Step { factor, every },
            "exponential" => Schedule::Exponential { factor, every },
            name => return unknown("learning_rate", name),
        };
        Ok(Params {
            loss,
            n_outputs,
            penalty: Penalty { l1: self.l1, l2: self.l2, decays: self.solver == "adamw" },
            fit_intercept: self.fit_intercept,
            batch_size: self.batch_size,
            rule,
            schedule,
            eta0: self.eta0,
            max_iter: self.max_iter,
            epochs_before: self.epochs_before,
            tol: self.tol,
            n_iter_no_change: self.n_iter_no_change,
            shuffle: self.shuffle,
        })
    }
}

/// Targets and weights of rows.
struct Explained<'py, F: Element> {
    x: Matrix<'py, F>,
    y: Values<'py, F>,
    weights: Option<Values<'py, F>>,
}

impl<'py, F: Element + Float> Explained<'py, F> {
    fn new(x: Matrix<'py, F>, y: &Array<'py>, weights: Option<&Array<'py>>) -> PyResult<Self> {
        Ok(Self { x, y: Values::new(y)?, weights: weights.map(Values::new).transpose()? })
    }

    fn samples<'a, X>(&'a self, x: &'a X) -> Samples<'a, X, F> {
        Samples { x, y: self.y.slice(), weights: self.weights.as_ref().map(Values::slice) }
    }
}

/// Tells Python of epochs.
struct Listener {
    /// Called with the number of the epoch, its loss and its score; none when nobody listens.
    report: Option<Py<PyAny>>,
    /// Told of tasks by `begin(task)` and `end(task, snapshot)`; none when nobody watches.
    watch: Option<Py<PyAny>>,
    n_outputs: usize,
}

fn host_error(error: PyErr) -> Error {
    Error::Host(Box::new(error))
}

/// Coefficients (n_outputs, n_features) and intercepts (n_outputs,).
fn set_params<F: Element + Float>(found: &Bound<'_, PyDict>, params: &[F], n_outputs: usize) -> PyResult<()> {
    let py = found.py();
    let (coef, intercept) = params.split_at(params.len() - n_outputs);
    found.set_item("coef", array::matrix(py, coef.to_vec(), params.len() / n_outputs - 1)?)?;
    found.set_item("intercept", PyArray1::from_slice(py, intercept))
}

impl<F: Float + Element> Watch<F> for Listener {
    fn begins(&self) -> Result<()> {
        let Some(watch) = &self.watch else { return Ok(()) };
        Python::attach(|py| watch.call_method1(py, "begin", ("epoch",)).map(|_| ())).map_err(host_error)
    }

    fn ended(&self, epoch: &Epoch<F>) -> Result<bool> {
        if self.report.is_none() && self.watch.is_none() {
            return Ok(false);
        }
        Python::attach(|py| {
            if let Some(report) = &self.report {
                report.call1(py, (epoch.losses.len(), epoch.losses.last(), epoch.scores.last()))?;
            }
            let Some(watch) = &self.watch else { return Ok(false) };
            let snapshot = PyDict::new(py);
            set_params(&snapshot, epoch.params, self.n_outputs)?;
            snapshot.set_item("losses", epoch.losses)?;
            snapshot.set_item("scores", epoch.scores)?;
            snapshot.set_item("rate", epoch.rate)?;
            watch.call_method1(py, "end", ("epoch", snapshot))?.is_truthy(py)
        })
        .map_err(host_error)
    }
}

/// What a descent starts from.
struct Start<'py> {
    coef: Array<'py>,
    intercept: Array<'py>,
    memory: Option<(Array<'py>, Array<'py>, u64)>,
}

impl Start<'_> {
    /// Parameters, and what the steps before remember.
    fn read<F: Element + Float>(&self) -> PyResult<(Vec<F>, Option<OptimizerState<F>>)> {
        let read = |array: &Array| -> PyResult<Vec<F>> { Ok(Values::<F>::new(array)?.slice().to_vec()) };
        let mut params = read(&self.coef)?;
        params.extend(read(&self.intercept)?);
        let memory = match &self.memory {
            Some((exp_avg, exp_avg_sq, count)) => {
                Some(OptimizerState { exp_avg: read(exp_avg)?, exp_avg_sq: read(exp_avg_sq)?, count: *count })
            }
            None => None,
        };
        Ok((params, memory))
    }
}

/// Goes down from `coef` (n_outputs, n_features) and `intercept` (n_outputs,), and from `memory`, which a descent with the
/// same steps left as `(exp_avg, exp_avg_sq, count)`, or None. `x` is a float32 or float64 array or SciPy CSR matrix or array;
/// `y` (n_samples,), numbers or classes 0, 1, ..., and `weights` (n_samples,) are of its type; `aside`, three such or None,
/// are samples whose score says when to end. `options` holds the parameters.
///
/// Returns the end of the descent: `coef`, `intercept`, `memory`, `losses` and `scores` of its epochs, `eta0`, `rate` of its
/// last step, and `end`: "converged", "exhausted", "stopped" or "diverged".
#[pyfunction]
#[pyo3(signature = (*, x, y, weights, aside, coef, intercept, memory, options, random_state, report, watch, n_threads))]
pub(super) fn descend<'py>(
    py: Python<'py>,
    x: &Array<'py>,
    y: &Array<'py>,
    weights: Option<&Array<'py>>,
    aside: Option<(Array<'py>, Array<'py>, Option<Array<'py>>)>,
    coef: Array<'py>,
    intercept: Array<'py>,
    memory: Option<(Array<'py>, Array<'py>, u64)>,
    options: Options,
    random_state: &Array<'py>,
    report: Option<Py<PyAny>>,
    watch: Option<Py<PyAny>>,
    n_threads: usize,
) -> PyResult<Bound<'py, PyDict>> {
    let n_outputs = intercept.len()?;
    let params = options.params(n_outputs)?;
    let start = Start { coef, intercept, memory };
    let listener = Listener { report, watch, n_outputs };
    let call = Call { py, start: &start, params: &params, listener: &listener, n_threads };
    let mut pulled = Pulled::new(random_state)?;
    let found = with_dtype!(Given::new(x)?, x => {
        let train = Explained::new(x, y, weights)?;
        let aside = match &aside {
            Some((x, y, weights)) => Some(Explained::new(Matrix::new(x)?, y, weights.as_ref())?),
            None => None,
        };
        call.of(&train, aside.as_ref(), &mut pulled.generator)
    })?;
    pulled.push_back(py)?;
    Ok(found)
}

/// A descent.
struct Call<'a, 'py> {
    py: Python<'py>,
    start: &'a Start<'py>,
    params: &'a Params,
    listener: &'a Listener,
    n_threads: usize,
}

impl<'py> Call<'_, 'py> {
    fn of<F: Element + Float>(
        &self,
        train: &Explained<'py, F>,
        aside: Option<&Explained<'py, F>>,
        random: &mut Mt19937,
    ) -> PyResult<Bound<'py, PyDict>> {
        let fit = match (train.x.view()?, aside.map(|aside| aside.x.view()).transpose()?) {
            (View::Dense(x), None) => self.run(&train.samples(&x), None, random),
            (View::Csr(x), None) => self.run(&train.samples(&x), None, random),
            (View::Dense(x), Some(View::Dense(z))) => {
                self.run(&train.samples(&x), aside.map(|aside| aside.samples(&z)), random)
            }
            (View::Csr(x), Some(View::Csr(z))) => {
                self.run(&train.samples(&x), aside.map(|aside| aside.samples(&z)), random)
            }
            _ => Err(PyTypeError::new_err("samples set aside are stored in another way")),
        }?;
        let (py, found) = (self.py, PyDict::new(self.py));
        set_params(&found, &fit.params, self.params.n_outputs)?;
        let OptimizerState { exp_avg, exp_avg_sq, count } = fit.memory;
        found.set_item("memory", (PyArray1::from_vec(py, exp_avg), PyArray1::from_vec(py, exp_avg_sq), count))?;
        found.set_item("losses", fit.losses)?;
        found.set_item("scores", fit.scores)?;
        found.set_item("eta0", fit.eta0)?;
        found.set_item("rate", fit.rate)?;
        let end = match fit.end {
            End::Converged => "converged",
            End::Exhausted => "exhausted",
            End::Stopped => "stopped",
            End::Diverged => "diverged",
        };
        found.set_item("end", end)?;
        Ok(found)
    }

    fn run<F: Element + Float, X: Margins<F>>(
        &self,
        train: &Samples<'_, X, F>,
        aside: Option<Samples<'_, X, F>>,
        random: &mut Mt19937,
    ) -> PyResult<Fit<F>> {
        let start = self.start.read::<F>()?;
        // A batch that is too small to be shared out would only wait for other threads.
        let fraction = train.x.nnz() as u64 / (train.y.len() as u64).max(1);
        let batch = train.y.len().min(self.params.batch_size) as u64;
        let work = fraction.saturating_mul(batch).saturating_mul(self.params.n_outputs as u64);
        let job = |ctx: &Context| fit(ctx, train, aside.as_ref(), start, self.params, random, self.listener);
        if self.listener.watch.is_some() {
            run_on_caller(self.py, self.n_threads, work, job)
        } else {
            run(self.py, self.n_threads, work, job)
        }
    }
}
