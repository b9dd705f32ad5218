//! Python bindings for `neural_network`.

use numpy::{Element, PyArray1, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::{PyKeyboardInterrupt, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::array::{self, Matrix, Samples, Values, View, with_dtype};
use super::error;
use super::random::Pulled;
use super::run::{run, run_on_caller};
use crate::common::{Context, Error, Float, Result, memory};
use crate::linalg::Dense;
use crate::neural_network::activation::Activation;
use crate::neural_network::batch::{Network, Samples as Pairs};
use crate::neural_network::forward::predictions;
use crate::neural_network::full_batch::Objective;
use crate::neural_network::input::Input;
use crate::neural_network::loss::Loss;
use crate::neural_network::score::Score;
use crate::neural_network::shape::{Dense as Layer, Shape};
use crate::neural_network::train::{Epoch, Params, Schedule, State, Verdict, check, train as train_network};
use crate::optimize::lbfgs::{self, End};
use crate::optimize::optimizers::{OptimizerState, UpdateRule};

type Array<'py> = Bound<'py, PyAny>;

/// Values that are looked at while the GIL is held.
const FEW: usize = 1 << 14;
/// Multiply-adds, in units of the parameters, of a row's way forward and back.
const WAYS: u64 = 3;

fn unknown(what: &str, name: &str) -> PyErr {
    PyValueError::new_err(format!("unknown {what} {name:?}"))
}

/// What scikit-learn's networks have not.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Extras {
    delta: f64,
    residual: bool,
    normalizes: bool,
    dropout: f64,
    decay: f64,
    clip_value: Option<f64>,
    clip_norm: Option<f64>,
    seed: u64,
    stops_early: bool,
}

impl Extras {
    fn applied_to(&self, network: Network) -> Network {
        let shape = if self.normalizes { network.shape.normalized() } else { network.shape };
        Network { shape, residual: self.residual, dropout: self.dropout, ..network }
    }
}

fn network(layer_sizes: Vec<usize>, hidden: &str, output: &str, loss: &str, delta: f64) -> PyResult<Network> {
    let activation = |name: &str| Activation::named(name).ok_or_else(|| unknown("activation", name));
    Ok(Network {
        shape: Shape::new(layer_sizes).map_err(error::exception)?,
        hidden: activation(hidden)?,
        output: activation(output)?,
        loss: Loss::named(loss, delta).ok_or_else(|| unknown("loss", loss))?,
        residual: false,
        dropout: 0.0,
    })
}

/// Features, targets and weights from Python.
struct Table<'py, F: Element> {
    x: Matrix<'py, F>,
    y: Values<'py, F>,
    weights: Option<Values<'py, F>>,
    sums_in_single: bool,
}

impl<'py, F: Element + Float> Table<'py, F> {
    fn new(x: Matrix<'py, F>, y: &Array<'py>, weights: Option<&Array<'py>>, sums_in_single: bool) -> PyResult<Self> {
        Ok(Self { x, y: Values::new(y)?, weights: weights.map(Values::new).transpose()?, sums_in_single })
    }
}

/// A table as the core takes it.
macro_rules! pairs {
    ($table:expr, $view:ident, $pairs:ident) => {
        let $view = $table.x.view()?;
        let x = input(&$view);
        let $pairs = Pairs {
            x,
            y: $table.y.slice(),
            weights: $table.weights.as_ref().map(Values::slice),
            sums_in_single: $table.sums_in_single,
        };
    };
}

fn input<'a, F: Float>(view: &'a View<'a, F>) -> Input<'a, F> {
    match view {
        View::Dense(x) => Input::Dense(x),
        View::Csr(x) => Input::Sparse(x),
    }
}

fn vector<F: Element + Copy>(array: &Array<'_>) -> PyResult<Vec<F>> {
    memory::try_copied(Values::<F>::new(array)?.slice()).map_err(error::exception)
}

fn rule(solver: &str, betas: [f64; 3], nesterov: bool) -> PyResult<UpdateRule> {
    let [beta_1, beta_2, epsilon] = betas;
    match solver {
        "sgd" => Ok(UpdateRule::Momentum { momentum: beta_1, nesterov }),
        "adam" | "adamw" => Ok(UpdateRule::Adam { beta_1, beta_2, epsilon }),
        "rmsprop" => Ok(UpdateRule::RmsProp { momentum: beta_1, rho: beta_2, epsilon }),
        _ => Err(unknown("solver", solver)),
    }
}

fn schedule(name: &str, power: f64) -> PyResult<Schedule> {
    match name {
        "constant" => Ok(Schedule::Constant),
        "invscaling" => Ok(Schedule::InvScaling(power)),
        "adaptive" => Ok(Schedule::Adaptive),
        _ => Err(unknown("schedule", name)),
    }
}

fn score(name: &str) -> PyResult<Score> {
    match name {
        "one of many" => Ok(Score::OneOfMany),
        "each" => Ok(Score::Each),
        "variance" => Ok(Score::Variance),
        _ => Err(unknown("score", name)),
    }
}

/// Trains a network by small batches.
///
/// `x` is a float32 or float64 array or a SciPy CSR matrix, `y` (n_samples, n_outputs) and `sample_weight` (n_samples,)
/// are of its type, and so are `params` (n_values,), `exp_avg` and `exp_avg_sq`, what the optimiser remembers. `held_out` is a
/// tuple of the same three for early stopping. `sums_in_single`: the weights came as float32. `keeps_single`: parameters
/// are rounded to float32 after each step. `betas` are (momentum, 0, 0) of "sgd", (beta_1, beta_2, epsilon) of "adam" and
/// "adamw", (momentum, rho, epsilon) of "rmsprop". `order` of the rows in the last epoch (n_samples,): training goes on.
/// `report(number, loss, score, verdict, rate, state)` hears of epochs on the calling thread, and returns whether to stop;
/// `state` is what would be returned of `params`, `n_samples_seen`, `best`, `n_no_improvement` and `best_params` if it did, and `held_out_loss`.
///
/// Returns the state after the last step, `losses`, `scores` and `held_out_losses` of the epochs, `verdict` on the last one,
/// whether training `was_interrupted` by Ctrl-C, and whether it `was_stopped` by `report`. A generator is advanced unless
/// weights stopped being finite.
#[pyfunction]
#[pyo3(signature = (
    *, x, y, sample_weight, sums_in_single, keeps_single, held_out, layer_sizes, hidden, output, loss, extras, metric, solver, betas,
    nesterov, learning_rate, power, learning_rate_init, alpha, batch_size, shuffle, max_iter, tol, patience, params, exp_avg,
    exp_avg_sq, count, rate, n_samples_seen, best, n_no_improvement, order, random_state, report, n_threads
))]
fn train<'py>(
    py: Python<'py>,
    x: &Array<'py>,
    y: &Array<'py>,
    sample_weight: Option<&Array<'py>>,
    sums_in_single: bool,
    keeps_single: bool,
    held_out: Option<(Array<'py>, Array<'py>, Option<Array<'py>>)>,
    layer_sizes: Vec<usize>,
    hidden: &str,
    output: &str,
    loss: &str,
    extras: Extras,
    metric: &str,
    solver: &str,
    betas: [f64; 3],
    nesterov: bool,
    learning_rate: &str,
    power: f64,
    learning_rate_init: f64,
    alpha: f64,
    batch_size: usize,
    shuffle: bool,
    max_iter: usize,
    tol: f64,
    patience: f64,
    params: &Array<'py>,
    exp_avg: &Array<'py>,
    exp_avg_sq: &Array<'py>,
    count: u64,
    rate: f64,
    n_samples_seen: u64,
    best: f64,
    n_no_improvement: usize,
    order: Option<&Array<'py>>,
    random_state: &Array<'py>,
    report: Option<Py<PyAny>>,
    n_threads: usize,
) -> PyResult<Bound<'py, PyDict>> {
    let network = extras.applied_to(network(layer_sizes, hidden, output, loss, extras.delta)?);
    let options = Params {
        rule: rule(solver, betas, nesterov)?,
        schedule: schedule(learning_rate, power)?,
        rate: learning_rate_init,
        alpha,
        batch_size: batch_size.max(1),
        shuffle,
        max_iter,
        tol,
        patience,
        score: score(metric)?,
        keeps_single,
        decay: extras.decay,
        clip_value: extras.clip_value,
        clip_norm: extras.clip_norm,
        seed: extras.seed,
        stops_early: extras.stops_early,
    };
    let mut random = Pulled::new(random_state)?;
    with_dtype!(Samples::new(x)?, x => {
        let n_rows = y.cast::<PyUntypedArray>()?.shape().first().copied().unwrap_or(0);
        let table = Table::new(x, y, sample_weight, sums_in_single)?;
        let held_out = match &held_out {
            Some((x, y, weights)) => Some(Table::new(Matrix::new(x)?, y, weights.as_ref(), false)?),
            None => None,
        };
        let mut state = State {
            params: vector(params)?,
            order: order.map(vector).transpose()?.unwrap_or_default(),
            memory: OptimizerState { exp_avg: vector(exp_avg)?, exp_avg_sq: vector(exp_avg_sq)?, count },
            rate,
            n_samples_seen,
            best,
            n_no_improvement,
            best_params: None,
        };
        let mut log = Log { losses: Vec::new(), scores: Vec::new(), held_out_losses: Vec::new(), verdict: Verdict::GoOn, was_stopped: false, report };
        let work = (n_rows.min(options.batch_size) as u64).saturating_mul(network.shape.work() as u64).saturating_mul(WAYS);
        pairs!(table, view, samples);
        let listens = log.report.is_some();
        let job = |generator: &mut _, state: &mut _, log: &mut Log, held_out: Option<&Pairs<_>>, ctx: &Context| {
            train_network(ctx, &network, &samples, held_out, &options, state, generator, |epoch, state| log.hear(epoch, state))
        };
        let generator = &mut random.generator;
        let outcome = match &held_out {
            Some(table) => {
                pairs!(table, view, held_out);
                let job = |ctx: &Context| job(generator, &mut state, &mut log, Some(&held_out), ctx);
                if listens { run_on_caller(py, n_threads, work, job) } else { run(py, n_threads, work, job) }
            }
            None => {
                let job = |ctx: &Context| job(generator, &mut state, &mut log, None, ctx);
                if listens { run_on_caller(py, n_threads, work, job) } else { run(py, n_threads, work, job) }
            }
        };
        let was_interrupted = match outcome {
            Ok(()) => false,
            Err(error) if error.is_instance_of::<PyKeyboardInterrupt>(py) => true,
            Err(error) => return Err(error),
        };
        if log.verdict != Verdict::Diverged {
            random.push_back(py)?;
        }
        let found = PyDict::new(py);
        set_course(&found, &state)?;
        found.set_item("params", PyArray1::from_vec(py, state.params))?;
        found.set_item("exp_avg", PyArray1::from_vec(py, state.memory.exp_avg))?;
        found.set_item("exp_avg_sq", PyArray1::from_vec(py, state.memory.exp_avg_sq))?;
        found.set_item("count", state.memory.count)?;
        found.set_item("rate", state.rate)?;
        found.set_item("losses", log.losses)?;
        found.set_item("scores", log.scores)?;
        found.set_item("held_out_losses", log.held_out_losses)?;
        found.set_item("order", PyArray1::from_vec(py, state.order))?;
        found.set_item("verdict", name(log.verdict))?;
        found.set_item("was_interrupted", was_interrupted)?;
        found.set_item("was_stopped", log.was_stopped)?;
        Ok(found)
    })
}

/// What is remembered of epochs, and who hears of them.
struct Log {
    losses: Vec<f64>,
    scores: Vec<f64>,
    held_out_losses: Vec<f64>,
    verdict: Verdict,
    was_stopped: bool,
    report: Option<Py<PyAny>>,
}

impl Log {
    fn hear<F: Element + Float>(&mut self, epoch: &Epoch, state: &State<F>) -> Result<bool> {
        self.losses.push(epoch.loss);
        self.scores.extend(epoch.score);
        self.held_out_losses.extend(epoch.held_out_loss);
        self.verdict = epoch.verdict;
        let Some(report) = &self.report else { return Ok(false) };
        let rate = if let Verdict::Lower(rate) = epoch.verdict { rate } else { 0.0 };
        let heard = Python::attach(|py| {
            let reached = PyDict::new(py);
            reached.set_item("params", PyArray1::from_slice(py, &state.params))?;
            reached.set_item("held_out_loss", epoch.held_out_loss)?;
            set_course(&reached, state)?;
            let heard = (epoch.number, epoch.loss, epoch.score, name(epoch.verdict), rate, reached);
            report.call1(py, heard)?.is_truthy(py)
        });
        self.was_stopped = heard.map_err(|error| Error::Host(Box::new(error)))?;
        Ok(self.was_stopped)
    }
}

/// How far training has come.
fn set_course<F: Element + Float>(found: &Bound<'_, PyDict>, state: &State<F>) -> PyResult<()> {
    let best_params = state.best_params.as_ref();
    found.set_item("n_samples_seen", state.n_samples_seen)?;
    found.set_item("best", state.best)?;
    found.set_item("n_no_improvement", state.n_no_improvement)?;
    found.set_item("best_params", best_params.map(|params| PyArray1::from_slice(found.py(), params)))
}

fn name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::GoOn => "go on",
        Verdict::Lower(_) => "lower",
        Verdict::Stop => "stop",
        Verdict::TooSmall => "too small",
        Verdict::Diverged => "diverged",
    }
}

/// Minimises the loss of all rows by L-BFGS, from `params` (n_params,) of float64 on; the others as for [`train`].
///
/// `report(number, loss, params)` hears of steps on the calling thread, and returns whether to stop.
///
/// Returns `params`, `loss`, `n_iter` and `end`: "converged", "steps", "evaluations" or "stuck".
#[pyfunction]
#[pyo3(signature = (
    *, x, y, sample_weight, sums_in_single, keeps_single, layer_sizes, hidden, output, loss, extras, params, alpha, max_iter, max_fun, tol,
    report, n_threads
))]
fn minimize<'py>(
    py: Python<'py>,
    x: &Array<'py>,
    y: &Array<'py>,
    sample_weight: Option<&Array<'py>>,
    sums_in_single: bool,
    keeps_single: bool,
    layer_sizes: Vec<usize>,
    hidden: &str,
    output: &str,
    loss: &str,
    extras: Extras,
    params: &Array<'py>,
    alpha: f64,
    max_iter: usize,
    max_fun: usize,
    tol: f64,
    report: Option<Py<PyAny>>,
    n_threads: usize,
) -> PyResult<Bound<'py, PyDict>> {
    let network = extras.applied_to(network(layer_sizes, hidden, output, loss, extras.delta)?);
    let start: Vec<f64> = vector(params)?;
    let options = lbfgs::Params {
        memory: 10,
        value_tol: 2.220_446_049_250_313e-9, // SciPy's
        gradient_tol: tol,
        max_steps: max_iter,
        max_evaluations: max_fun,
        max_tries: 20,
    };
    let listens = report.is_some();
    let mut number = 0_usize;
    let observe = move |params: &[f64], value: f64| -> Result<bool> {
        let Some(report) = &report else { return Ok(false) };
        number += 1;
        let call = |py: Python<'_>| report.call1(py, (number, value, PyArray1::from_slice(py, params)))?.is_truthy(py);
        Python::attach(call).map_err(|error| Error::Host(Box::new(error)))
    };
    let fit = with_dtype!(Samples::new(x)?, x => {
        let table = Table::new(x, y, sample_weight, sums_in_single)?;
        pairs!(table, view, samples);
        let work = (samples.x.n_rows() as u64).saturating_mul(network.shape.work() as u64).saturating_mul(WAYS);
        let job = |ctx: &Context| {
            check(&network.shape, &samples)?;
            let mut objective = Objective::new(&network, samples, alpha, keeps_single)?;
            lbfgs::minimize(|params, gradient| objective.evaluate(ctx, params, gradient), observe, start, &options)
        };
        if listens { run_on_caller(py, n_threads, work, job)? } else { run(py, n_threads, work, job)? }
    });
    let found = PyDict::new(py);
    let end = match fit.end {
        End::Gradient | End::Value | End::Observer => "converged",
        End::Steps => "steps",
        End::Evaluations => "evaluations",
        End::Stuck => "stuck",
    };
    found.set_item("params", PyArray1::from_vec(py, fit.x))?;
    found.set_item("loss", fit.value)?;
    found.set_item("n_iter", fit.steps)?;
    found.set_item("end", end)?;
    Ok(found)
}

/// The parameters of a network, where they lie.
struct Held<'py, F: Element> {
    layers: Vec<(Values<'py, F>, Values<'py, F>)>,
}

impl<'py, F: Element + Float> Held<'py, F> {
    /// From lists of arrays of `F`, of shapes (fan_in, fan_out) and (fan_out,); None if one is something else.
    fn new(coefs: &Bound<'py, PyList>, intercepts: &Bound<'py, PyList>) -> Option<Self> {
        let pairs = coefs.iter().zip(intercepts.iter());
        let layers: Option<Vec<_>> = pairs.map(|(w, b)| Some((Values::in_place(&w)?, Values::in_place(&b)?))).collect();
        let layers = layers.filter(|_| coefs.len() == intercepts.len() && !coefs.is_empty())?;
        layers.iter().all(|(weights, _)| weights.shape().len() == 2).then_some(Self { layers })
    }

    fn layer_sizes(&self) -> Vec<usize> {
        let input = self.layers.first().map(|(weights, _)| weights.shape()[0]);
        input.into_iter().chain(self.layers.iter().map(|(weights, _)| weights.shape()[1])).collect()
    }

    fn layers(&self) -> Vec<Layer<'_, F>> {
        let layers = self.layers.iter();
        layers.map(|(weights, intercepts)| Layer { weights: weights.slice(), intercepts: intercepts.slice() }).collect()
    }
}

/// What a network says of `x`, an array or a SciPy CSR matrix: shape (n_samples, n_outputs). `coefs` and `intercepts` are
/// lists of contiguous arrays of its type.
#[pyfunction]
#[pyo3(signature = (*, x, coefs, intercepts, hidden, output, residual, n_threads))]
fn forward<'py>(
    py: Python<'py>,
    x: &Array<'py>,
    coefs: &Bound<'py, PyList>,
    intercepts: &Bound<'py, PyList>,
    hidden: &str,
    output: &str,
    residual: bool,
    n_threads: usize,
) -> PyResult<Array<'py>> {
    with_dtype!(Samples::new(x)?, x => {
        let held = Held::new(coefs, intercepts).ok_or_else(|| PyTypeError::new_err("expected arrays of the type of x"))?;
        let network = Network { residual, ..network(held.layer_sizes(), hidden, output, "squared_error", 1.0)? };
        let layers = held.layers();
        let view = x.view()?;
        let x = input(&view);
        let work = (x.n_rows() as u64).saturating_mul(network.shape.work() as u64);
        let outputs = run(py, n_threads, work, |ctx| predictions(ctx, &network, &layers, &x))?;
        array::matrix(py, outputs, network.shape.n_outputs())
    })
}

/// What a network says of a few plain, finite rows of its own type; None for anything else, which must be validated.
#[pyfunction]
fn predict_small<'py>(
    x: &Array<'py>,
    coefs: &Bound<'py, PyList>,
    intercepts: &Bound<'py, PyList>,
    hidden: &str,
    output: &str,
    residual: bool,
) -> PyResult<Option<Array<'py>>> {
    let Ok(untyped) = x.cast_exact::<PyUntypedArray>() else { return Ok(None) };
    if untyped.ndim() != 2 || !(1..=FEW).contains(&untyped.len()) {
        return Ok(None);
    }
    match predict_small_of::<f64>(x, coefs, intercepts, hidden, output, residual)? {
        Some(outputs) => Ok(Some(outputs)),
        None => predict_small_of::<f32>(x, coefs, intercepts, hidden, output, residual),
    }
}

fn predict_small_of<'py, F: Element + Float>(
    x: &Array<'py>,
    coefs: &Bound<'py, PyList>,
    intercepts: &Bound<'py, PyList>,
    hidden: &str,
    output: &str,
    residual: bool,
) -> PyResult<Option<Array<'py>>> {
    let Some(rows) = Values::<F>::in_place(x) else { return Ok(None) };
    let Some(held) = Held::<F>::new(coefs, intercepts) else { return Ok(None) };
    let layer_sizes = held.layer_sizes();
    if layer_sizes[0] != rows.shape()[1] || layer_sizes[0] == 0 || !rows.slice().iter().all(|value| value.is_finite()) {
        return Ok(None);
    }
    let network = Network { residual, ..network(layer_sizes, hidden, output, "squared_error", 1.0)? };
    let dense = Dense::new(rows.slice(), rows.shape()[0], rows.shape()[1]).map_err(error::exception)?;
    let outputs =
        predictions(&Context::serial(), &network, &held.layers(), &Input::Dense(&dense)).map_err(error::exception)?;
    array::matrix(x.py(), outputs, network.shape.n_outputs()).map(Some)
}

/// Neural networks.
#[pymodule]
pub(super) mod neural_network {
    #[pymodule_export]
    use super::{forward, minimize, predict_small, train};
}
