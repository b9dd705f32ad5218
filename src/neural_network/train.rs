//! Training by steps along the gradients of small batches.
//!
//! Draws, batches, schedules of the rate and rules to stop are those of scikit-learn's networks, so that the same generator
//! leads to the same weights up to rounding.

use super::answer::packed_answers;
use super::batch::{Network, Samples, Workspace};
use super::packed::{self, Packed};
use super::score::Score;
use super::shape::Shape;
use crate::common::error::check_length;
use crate::common::random::Mt19937;
use crate::common::{Context, Error, Float, Result, memory};
use crate::linalg::RowSet;
use crate::optimize::step::{Memory, Rule, Steps};

/// How the rate of steps changes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Schedule {
    /// Not at all.
    Constant,
    /// With this power of the samples seen.
    InvScaling(f64),
    /// A fifth whenever nothing gets better any more.
    Adaptive,
}

/// A rate below which it is not lowered any more.
const LEAST_RATE: f64 = 1e-6;

/// How to train.
#[derive(Debug, Clone, Copy)]
pub struct Params {
    /// The rule of the steps.
    pub rule: Rule,
    /// How their rate changes.
    pub schedule: Schedule,
    /// Their rate at first.
    pub rate: f64,
    /// Strength of the penalty on squared weights.
    pub alpha: f64,
    /// Rows of a batch.
    pub batch_size: usize,
    /// Whether rows are shuffled before each epoch.
    pub shuffle: bool,
    /// Most epochs.
    pub max_iter: usize,
    /// What counts as better.
    pub tol: f64,
    /// Epochs in a row that may pass without getting better.
    pub patience: f64,
    /// How held-out rows are judged.
    pub score: Score,
    /// Whether parameters are rounded to single precision after each step.
    pub keeps_single: bool,
}

/// What is carried from epoch to epoch, and from fit to fit.
#[derive(Debug)]
pub struct State<F> {
    /// The parameters.
    pub params: Vec<F>,
    /// What the steps remember.
    pub memory: Memory<F>,
    /// The rate now.
    pub rate: f64,
    /// Samples seen.
    pub seen: u64,
    /// The least loss so far; with held-out rows: their best score.
    pub best: f64,
    /// Epochs since it got better.
    pub stale: usize,
    /// With held-out rows: the parameters that scored best.
    pub best_params: Option<Vec<F>>,
}

/// What an epoch came to.
#[derive(Debug, Clone, Copy)]
pub struct Epoch {
    /// Its number, from 1.
    pub number: usize,
    /// The mean loss over its batches.
    pub loss: f64,
    /// The score of held-out rows.
    pub score: Option<f64>,
    /// What follows from it.
    pub verdict: Verdict,
}

/// What follows from an epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict {
    /// Go on.
    GoOn,
    /// Nothing gets better: go on at this rate.
    Lower(f64),
    /// Nothing gets better: stop.
    Stop,
    /// Nothing gets better, and the rate is too small to be lowered: stop.
    TooSmall,
    /// Weights are no longer finite: stop.
    Diverged,
}

/// Trains `state` in place; epochs are told to `observe` with the state that they lead to, but for what the steps remember.
/// It returns whether to stop.
///
/// After an error the parameters are those of the last step. When weights stop being finite, those of the last epoch in
/// which all were are left; with held-out rows training goes on, since it is the best that are wanted.
///
/// # Errors
/// [`Error::Shape`]; [`Error::InvalidArgument`] if the weights of a batch are all zero; [`Error::OutOfMemory`];
/// [`Error::Interrupted`]; those of `observe`.
pub fn train<F: Float>(
    ctx: &Context,
    network: &Network,
    samples: &Samples<F>,
    held_out: Option<&Samples<F>>,
    params: &Params,
    state: &mut State<F>,
    random: &mut Mt19937,
    mut observe: impl FnMut(&Epoch, &State<F>) -> Result<bool>,
) -> Result<()> {
    let (shape, n_rows) = (&network.shape, samples.x.n_rows());
    check(shape, samples)?;
    held_out.map_or(Ok(()), |held_out| check(shape, held_out))?;
    let memory = std::mem::replace(&mut state.memory, Memory { first: Vec::new(), second: Vec::new(), count: 0 });
    let mut steps = Steps::resumed(params.rule, shape.n_params(), memory)?;
    let mut packed = Packed::new(shape, &shape.layers(&state.params)?, true)?;
    let mut work = Workspace::new(network, &samples.x, params.batch_size.min(n_rows))?;
    let mut order = indices(n_rows)?;
    let (mut drawn, mut shuffled) = (indices(n_rows)?, indices(n_rows)?);
    let mut finite = memory::copied(&state.params)?;
    let mut run = || -> Result<()> {
        for number in 1..=params.max_iter {
            if params.shuffle {
                drawn.iter_mut().zip(0..).for_each(|(slot, row)| *slot = row);
                random.shuffle(&mut drawn);
                shuffled.iter_mut().zip(&drawn).for_each(|(slot, &at)| *slot = order[at as usize]);
                std::mem::swap(&mut order, &mut shuffled);
            }
            let mut total = 0.0;
            for batch in order.chunks(params.batch_size) {
                ctx.check()?;
                let rows = RowSet::List(batch);
                let loss = step(ctx, network, samples, rows, params, state, &mut steps, &mut packed, &mut work)?;
                total += loss * batch.len() as f64;
            }
            let loss = total / n_rows as f64;
            state.seen += n_rows as u64;
            let is_finite = state.params.iter().all(|param| param.is_finite());
            if is_finite {
                finite.copy_from_slice(&state.params);
            }
            let score = match held_out {
                Some(held_out) => {
                    let said = packed_answers(ctx, network, &packed, &held_out.x)?;
                    Some(params.score.of(held_out.y, &said, shape.n_outputs(), held_out.weights))
                }
                None => None,
            };
            let mut verdict = judge(params, state, loss, score)?;
            if let Schedule::InvScaling(power) = params.schedule {
                state.rate = params.rate / ((state.seen + 1) as f64).powf(power);
            }
            match verdict {
                Verdict::Lower(rate) => state.rate = rate,
                _ if !is_finite && held_out.is_none() => verdict = Verdict::Diverged,
                _ => {}
            }
            let asks_to_stop = observe(&Epoch { number, loss, score, verdict }, state)?;
            if asks_to_stop || !matches!(verdict, Verdict::GoOn | Verdict::Lower(_)) {
                break;
            }
        }
        Ok(())
    };
    let outcome = run();
    if held_out.is_none() && !state.params.iter().all(|param| param.is_finite()) {
        state.params = finite;
    }
    state.memory = steps.into_memory();
    outcome
}

/// # Errors
/// [`Error::Shape`] unless there is a target, and a weight if there are any, for each row.
pub fn check<F: Float>(shape: &Shape, samples: &Samples<F>) -> Result<()> {
    let n_rows = samples.x.n_rows();
    check_length("columns of X", samples.x.n_cols(), shape.fan_in(0))?;
    check_length("y", samples.y.len(), memory::area(n_rows, shape.n_outputs())?)?;
    samples.weights.map_or(Ok(()), |weights| check_length("sample_weight", weights.len(), n_rows))
}

fn indices(n_rows: usize) -> Result<Vec<u32>> {
    let n_rows = u32::try_from(n_rows).map_err(|_| Error::InvalidArgument("too many rows to shuffle"))?;
    let mut all = memory::with_capacity(n_rows as usize)?;
    all.extend(0..n_rows);
    Ok(all)
}

/// A part of the parameters, with all that moves along.
struct Part<'a, F> {
    params: &'a mut [F],
    first: &'a mut [F],
    second: &'a mut [F],
    panels: Panels<'a, F>,
}

enum Panels<'a, F> {
    Weights(packed::Part<'a, F>),
    Intercepts(&'a mut [F]),
}

/// One step along the gradient of a batch; returns its loss before the step.
fn step<F: Float>(
    ctx: &Context,
    network: &Network,
    samples: &Samples<F>,
    rows: RowSet,
    params: &Params,
    state: &mut State<F>,
    steps: &mut Steps<F>,
    packed: &mut Packed<F>,
    work: &mut Workspace<F>,
) -> Result<f64> {
    let shape = &network.shape;
    let total = samples.total(rows);
    if total == 0.0 {
        return Err(Error::InvalidArgument("the weights of a batch are all zero"));
    }
    let loss = work.pass(ctx, network, packed, samples, rows)?;
    let (stride, memory) = steps.begin(state.rate);
    let (alpha, size) = (F::from_f64(params.alpha), F::from_f64(total));
    let parts = parts(shape, &mut state.params, memory, packed);
    let squares = work.gradient(ctx, network, &samples.x, rows, parts, |part, gradient, is_weights| {
        let mut squares = F::ZERO;
        if is_weights {
            for (slope, &weight) in gradient.iter_mut().zip(&*part.params) {
                squares += weight * weight;
                *slope = (*slope + alpha * weight) / size;
            }
        } else {
            gradient.iter_mut().for_each(|slope| *slope = *slope / size);
        }
        stride.take(part.params, gradient, part.first, part.second);
        if params.keeps_single {
            part.params.iter_mut().for_each(|param| *param = single(*param));
        }
        match part.panels {
            Panels::Weights(panels) => panels.pack(part.params),
            Panels::Intercepts(panel) => panel[..part.params.len()].copy_from_slice(part.params),
        }
        squares.to_f64()
    })?;
    Ok(loss / samples.size(rows) + 0.5 * params.alpha * squares / total)
}

/// The nearest number of single precision.
pub fn single<F: Float>(value: F) -> F {
    F::from_f64(f64::from(value.to_f64() as f32))
}

/// Cuts the parameters as [`Workspace::gradient`] wants them.
fn parts<'a, F: Float>(
    shape: &Shape,
    params: &'a mut [F],
    memory: &'a mut Memory<F>,
    packed: &'a mut Packed<F>,
) -> Vec<(Vec<Part<'a, F>>, Part<'a, F>)> {
    let (mut weights, mut intercepts) = params.split_at_mut(shape.n_weights());
    let (mut first, mut first_rest) = split(&mut memory.first, shape.n_weights());
    let (mut second, mut second_rest) = split(&mut memory.second, shape.n_weights());
    let mut parts = Vec::with_capacity(shape.n_layers());
    for (layer, panels) in packed.layers_mut().iter_mut().enumerate() {
        let fan_out = shape.fan_out(layer);
        let (blocks, panel) = panels.parts(shape, layer);
        let of_weights = shape.blocks(layer).zip(blocks).map(|(rows, panels)| {
            let len = rows.len() * fan_out;
            Part {
                params: cut(&mut weights, len),
                first: cut(&mut first, len),
                second: cut(&mut second, len),
                panels: Panels::Weights(panels),
            }
        });
        let of_weights = of_weights.collect();
        let of_intercepts = Part {
            params: cut(&mut intercepts, fan_out),
            first: cut(&mut first_rest, fan_out),
            second: cut(&mut second_rest, fan_out),
            panels: Panels::Intercepts(panel),
        };
        parts.push((of_weights, of_intercepts));
    }
    parts
}

/// Both sides of `at`; of nothing, nothing.
fn split<F>(values: &mut [F], at: usize) -> (&mut [F], &mut [F]) {
    values.split_at_mut(at.min(values.len()))
}

/// Takes the first `len` values off; of nothing, nothing.
fn cut<'a, F>(values: &mut &'a mut [F], len: usize) -> &'a mut [F] {
    let (taken, rest) = split(std::mem::take(values), len);
    *values = rest;
    taken
}

/// Counts the epochs without getting better, and keeps the best.
fn judge<F: Float>(params: &Params, state: &mut State<F>, loss: f64, score: Option<f64>) -> Result<Verdict> {
    let is_better = score.map_or(loss < state.best, |score| score > state.best);
    let is_stale = match score {
        Some(score) => score < state.best + params.tol,
        None => loss > state.best - params.tol,
    };
    state.stale = if is_stale { state.stale + 1 } else { 0 };
    if is_better {
        state.best = score.unwrap_or(loss);
        if score.is_some() {
            state.best_params = Some(memory::copied(&state.params)?);
        }
    }
    if state.stale as f64 <= params.patience {
        return Ok(Verdict::GoOn);
    }
    Ok(match params.schedule {
        Schedule::Adaptive if state.rate <= LEAST_RATE => Verdict::TooSmall,
        Schedule::Adaptive => {
            state.stale = 0;
            Verdict::Lower(state.rate / 5.0)
        }
        _ => Verdict::Stop,
    })
}
