//! Training by steps along the gradients of small batches.
//!
//! Draws, batches, schedules of the rate and rules to stop are those of scikit-learn's networks, so that the same generator
//! leads to the same weights up to rounding.

use super::batch::{LayerParts, Network, Samples, Workspace};
use super::dropout::Dropout;
use super::forward::packed_predictions;
use super::normalize::{folded, keep};
use super::packed::{self, Packed};
use super::score::Score;
use super::shape::Shape;
use crate::common::error::check_length;
use crate::common::random::Mt19937;
use crate::common::simd::{Loops, compiled};
use crate::common::{Context, Error, Float, Result, memory, parallel};
use crate::linalg::RowSet;
use crate::linalg::gemm::LANES;
use crate::optimize::optimizers::{Optimizer, OptimizerState, Update, UpdateRule, decay};

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
const MIN_RATE: f64 = 1e-6;

/// How to train.
#[derive(Debug, Clone, Copy)]
pub struct Params {
    /// The rule of the steps.
    pub rule: UpdateRule,
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
    /// What weights lose of themselves in a step of length one, whatever the gradient is.
    pub decay: f64,
    /// Bound of the magnitude of each gradient.
    pub clip_value: Option<f64>,
    /// Bound of the length of the gradient.
    pub clip_norm: Option<f64>,
    /// Where silent units are drawn from.
    pub seed: u64,
    /// Whether held-out rows decide when to stop, and which parameters are best; else they are only watched.
    pub stops_early: bool,
}

/// What is carried from epoch to epoch, and from fit to fit.
#[derive(Debug)]
pub struct State<F> {
    /// The parameters, and running means and variances. Shape (n_values,).
    pub params: Vec<F>,
    /// The order of the rows in the last epoch; empty before the first.
    pub order: Vec<u32>,
    /// What the steps remember.
    pub memory: OptimizerState<F>,
    /// The rate now.
    pub rate: f64,
    /// Samples seen.
    pub n_samples_seen: u64,
    /// The least loss so far; if held-out rows decide: their best score.
    pub best: f64,
    /// Epochs since it got better.
    pub n_no_improvement: usize,
    /// If held-out rows decide: the parameters that scored best, as [`Self::params`].
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
    /// The mean loss of them.
    pub held_out_loss: Option<f64>,
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
/// which all were are left; if held-out rows decide, training goes on, since it is the best that are wanted.
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
    let memory =
        std::mem::replace(&mut state.memory, OptimizerState { exp_avg: Vec::new(), exp_avg_sq: Vec::new(), count: 0 });
    let mut steps = Optimizer::resumed(params.rule, shape.n_params(), memory)?;
    let clipped = if params.clip_norm.is_some() { shape.n_params() } else { 0 };
    let mut gradient = memory::try_filled(clipped, F::ZERO)?;
    let mut packed = Packed::new(shape, &shape.layers(&state.params)?, true)?;
    let mut work = Workspace::new(network, &samples.x, params.batch_size.min(n_rows))?;
    if state.order.is_empty() {
        state.order = indices(n_rows)?;
    }
    check_length("order", state.order.len(), n_rows)?;
    let mut order = std::mem::take(&mut state.order);
    let mut watch = held_out.map(|held_out| Watch::new(network, held_out)).transpose()?;
    let (mut drawn, mut shuffled) = (indices(n_rows)?, indices(n_rows)?);
    let keeps_best = held_out.is_some() && params.stops_early;
    let mut finite = memory::try_copied(&state.params)?;
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
                let loss = step(
                    ctx,
                    network,
                    samples,
                    rows,
                    params,
                    state,
                    &mut steps,
                    &mut packed,
                    &mut work,
                    &mut gradient,
                )?;
                total += loss * batch.len() as f64;
            }
            let loss = total / n_rows as f64;
            state.n_samples_seen += n_rows as u64;
            let is_finite = state.params.iter().all(|param| param.is_finite());
            if is_finite {
                finite.copy_from_slice(&state.params);
            }
            let (score, held_out_loss) = match &mut watch {
                Some(watch) => {
                    let (score, loss) = watch.look(ctx, network, &packed, &state.params, params.score)?;
                    (Some(score), Some(loss))
                }
                None => (None, None),
            };
            let mut verdict = judge(params, state, loss, score.filter(|_| params.stops_early))?;
            if let Schedule::InvScaling(power) = params.schedule {
                state.rate = params.rate / ((state.n_samples_seen + 1) as f64).powf(power);
            }
            match verdict {
                Verdict::Lower(rate) => state.rate = rate,
                _ if !is_finite && !keeps_best => verdict = Verdict::Diverged,
                _ => {}
            }
            let asks_to_stop = observe(&Epoch { number, loss, score, held_out_loss, verdict }, state)?;
            if asks_to_stop || !matches!(verdict, Verdict::GoOn | Verdict::Lower(_)) {
                break;
            }
        }
        Ok(())
    };
    let outcome = run();
    state.order = order;
    if !keeps_best && !state.params.iter().all(|param| param.is_finite()) {
        state.params = finite;
    }
    state.memory = steps.into_memory();
    outcome
}

/// Looks at held-out rows after epochs.
struct Watch<'a, F: Clone> {
    held_out: &'a Samples<'a, F>,
    /// The network without normalisation that says the same, its parameters, and these packed; if sums are normalised.
    plain: Option<(Network, Vec<F>, Packed<F>)>,
}

impl<'a, F: Float> Watch<'a, F> {
    fn new(network: &Network, held_out: &'a Samples<'a, F>) -> Result<Self> {
        if !network.shape.normalizes() {
            return Ok(Self { held_out, plain: None });
        }
        let plain = Network { shape: network.shape.plain(), ..network.clone() };
        let params = memory::try_filled(plain.shape.n_params(), F::ZERO)?;
        let packed = Packed::new(&plain.shape, &plain.shape.layers(&params)?, false)?;
        Ok(Self { held_out, plain: Some((plain, params, packed)) })
    }

    /// The score and the mean loss of what the network says.
    fn look(
        &mut self,
        ctx: &Context,
        network: &Network,
        packed: &Packed<F>,
        values: &[F],
        by: Score,
    ) -> Result<(f64, f64)> {
        let Samples { x, y, weights, .. } = self.held_out;
        let outputs = match &mut self.plain {
            None => packed_predictions(ctx, network, packed, x)?,
            Some((plain, params, packed)) => {
                folded(&network.shape, values, params);
                packed.update(&plain.shape, &plain.shape.layers(params)?);
                packed_predictions(ctx, plain, packed, x)?
            }
        };
        let n_outputs = network.shape.n_outputs();
        let rows = y.chunks_exact(n_outputs).zip(outputs.chunks_exact(n_outputs));
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row].to_f64());
        let loss: f64 = rows.enumerate().map(|(row, (y, outputs))| weight(row) * network.loss.of(y, outputs)).sum();
        let size = self.held_out.size(RowSet::Range(0, x.n_rows()));
        Ok((by.of(y, &outputs, n_outputs, *weights), loss / size))
    }
}

/// # Errors
/// [`Error::Shape`] unless there is a target, and a weight if there are any, for each row.
pub fn check<F: Float>(shape: &Shape, samples: &Samples<F>) -> Result<()> {
    let n_rows = samples.x.n_rows();
    check_length("columns of X", samples.x.n_cols(), shape.fan_in(0))?;
    check_length("y", samples.y.len(), memory::checked_len(n_rows, shape.n_outputs())?)?;
    samples.weights.map_or(Ok(()), |weights| check_length("sample_weight", weights.len(), n_rows))
}

fn indices(n_rows: usize) -> Result<Vec<u32>> {
    let n_rows = u32::try_from(n_rows).map_err(|_| Error::InvalidArgument("too many rows to shuffle"))?;
    let mut all = memory::try_with_capacity(n_rows as usize)?;
    all.extend(0..n_rows);
    Ok(all)
}

/// A part of the parameters, with all that moves along.
struct Part<'a, F> {
    params: &'a mut [F],
    exp_avg: &'a mut [F],
    exp_avg_sq: &'a mut [F],
    /// Where its gradients wait until the length of all is known; empty if nobody asks for it.
    gradient: &'a mut [F],
    panels: Panels<'a, F>,
}

enum Panels<'a, F> {
    Weights(packed::Part<'a, F>),
    Intercepts(&'a mut [F]),
    Nothing,
}

impl<F: Float> Part<'_, F> {
    /// Takes its part of a step down `gradient`, and packs what it has become.
    fn advance(self, gradient: &[F], update: &Update<F>, keep: f64, keeps_single: bool) {
        if keep < 1.0 && matches!(self.panels, Panels::Weights(_)) {
            decay(self.params, keep);
        }
        update.take(self.params, gradient, self.exp_avg, self.exp_avg_sq);
        if keeps_single {
            self.params.iter_mut().for_each(|param| *param = single(*param));
        }
        match self.panels {
            Panels::Weights(panels) => panels.pack(self.params),
            Panels::Intercepts(panel) => panel[..self.params.len()].copy_from_slice(self.params),
            Panels::Nothing => {}
        }
    }
}

/// One step along the gradient of a batch; returns its loss before the step. `gradient` of shape (n_params,) is room for
/// it, or empty if it need not be short.
fn step<F: Float>(
    ctx: &Context,
    network: &Network,
    samples: &Samples<F>,
    rows: RowSet,
    params: &Params,
    state: &mut State<F>,
    steps: &mut Optimizer<F>,
    packed: &mut Packed<F>,
    work: &mut Workspace<F>,
    gradient: &mut [F],
) -> Result<f64> {
    let shape = &network.shape;
    let total = samples.total(rows);
    if total == 0.0 {
        return Err(Error::InvalidArgument("the weights of a batch are all zero"));
    }
    let dropout = Dropout::new(network.dropout, params.seed, steps.count());
    let loss = work.pass(ctx, network, packed, &state.params, samples, rows, &dropout)?;
    let (update, memory) = steps.begin(state.rate);
    keep(shape, work.normals(), memory.count, &mut state.params);
    let (alpha, size) = (F::from_f64(params.alpha), F::from_f64(total));
    let (kept, keeps_single) = (1.0 - state.rate * params.decay, params.keeps_single);
    let jobs = parts(shape, &mut state.params, memory, packed, gradient);
    let squares = work.gradient(ctx, network, &samples.x, rows, jobs, |part, gradient, is_weights| {
        let mut squares = 0.0;
        if is_weights {
            squares = compiled(Penalize { gradients: gradient, weights: part.params, alpha, size });
        } else {
            gradient.iter_mut().for_each(|gradient| *gradient = *gradient / size);
        }
        if let Some(most) = params.clip_value {
            let most = F::from_f64(most);
            gradient.iter_mut().for_each(|gradient| *gradient = clipped(*gradient, most));
        }
        if params.clip_norm.is_some() {
            part.gradient.copy_from_slice(gradient);
        } else {
            part.advance(gradient, &update, kept, keeps_single);
        }
        squares
    })?;
    if let Some(most) = params.clip_norm {
        let length = gradient.iter().map(|gradient| gradient.to_f64() * gradient.to_f64()).sum::<f64>().sqrt();
        if length > most {
            let factor = F::from_f64(most / length);
            gradient.iter_mut().for_each(|gradient| *gradient *= factor);
        }
        let parts = parts(shape, &mut state.params, memory, packed, gradient);
        let parts = parts
            .into_iter()
            .flat_map(|(weights, intercepts, scales)| weights.into_iter().chain([intercepts]).chain(scales));
        parallel::map(ctx, parts.collect(), |mut part| {
            let gradient = std::mem::take(&mut part.gradient);
            part.advance(gradient, &update, kept, keeps_single);
            Ok(())
        })?;
    }
    Ok(loss / samples.size(rows) + 0.5 * params.alpha * squares / total)
}

/// Turns sums of gradients over `size` rows into the gradients of the mean and of the penalty; gives the squares of the weights.
struct Penalize<'k, F> {
    gradients: &'k mut [F],
    weights: &'k [F],
    alpha: F,
    size: F,
}

impl<F: Float> Loops for Penalize<'_, F> {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        let Self { gradients, weights, alpha, size } = self;
        // So many sums, whatever the vectors are: no bit depends on them.
        let mut squares = [F::ZERO; LANES];
        let (gradients, gradients_left) = gradients.as_chunks_mut::<LANES>();
        let (weights, weights_left) = weights.as_chunks::<LANES>();
        let gradient_of = |gradient: F, weight: F| (gradient + alpha * weight) / size;
        for (gradients, weights) in gradients.iter_mut().zip(weights) {
            for lane in 0..LANES {
                squares[lane] += weights[lane] * weights[lane];
                gradients[lane] = gradient_of(gradients[lane], weights[lane]);
            }
        }
        for ((gradient, &weight), squares) in gradients_left.iter_mut().zip(weights_left).zip(&mut squares) {
            *squares += weight * weight;
            *gradient = gradient_of(*gradient, weight);
        }
        squares.iter().map(|sum| sum.to_f64()).sum()
    }
}

/// `gradient`, of a magnitude of `most` at most; NaN stays NaN.
fn clipped<F: Float>(gradient: F, most: F) -> F {
    if gradient > most {
        most
    } else if gradient < -most {
        -most
    } else {
        gradient
    }
}

/// The nearest number of single precision.
pub fn single<F: Float>(value: F) -> F {
    F::from_f64(f64::from(value.to_f64() as f32))
}

/// Cuts the parameters as [`Workspace::gradient`] wants them.
fn parts<'a, F: Float>(
    shape: &Shape,
    params: &'a mut [F],
    memory: &'a mut OptimizerState<F>,
    packed: &'a mut Packed<F>,
    gradient: &'a mut [F],
) -> Vec<LayerParts<Part<'a, F>>> {
    let mut flat = [&mut params[..shape.n_params()], &mut memory.exp_avg, &mut memory.exp_avg_sq, gradient];
    let mut weights = flat.each_mut().map(|values| cut(values, shape.n_weights()));
    let mut intercepts = flat.each_mut().map(|values| cut(values, shape.n_intercepts()));
    let mut scales = flat;
    let take = |from: &mut [&'a mut [F]; 4], len: usize, panels: Panels<'a, F>| {
        let [params, exp_avg, exp_avg_sq, gradient] = from.each_mut().map(|values| cut(values, len));
        Part { params, exp_avg, exp_avg_sq, gradient, panels }
    };
    let mut parts = Vec::with_capacity(shape.n_layers());
    for (layer, panels) in packed.layers_mut().iter_mut().enumerate() {
        let fan_out = shape.fan_out(layer);
        let (blocks, panel) = panels.parts(shape, layer);
        let is_normalized = shape.is_normalized(layer);
        let rows = shape.blocks(layer).zip(blocks);
        let of_weights =
            rows.map(|(rows, panels)| take(&mut weights, rows.len() * fan_out, Panels::Weights(panels))).collect();
        let panels = if is_normalized { Panels::Nothing } else { Panels::Intercepts(panel) };
        let of_intercepts = take(&mut intercepts, fan_out, panels);
        let of_scales = is_normalized.then(|| take(&mut scales, fan_out, Panels::Nothing));
        parts.push((of_weights, of_intercepts, of_scales));
    }
    parts
}

/// Takes the first `len` values off; of nothing, nothing.
pub fn cut<'a, F>(values: &mut &'a mut [F], len: usize) -> &'a mut [F] {
    let all = std::mem::take(values);
    let (taken, rest) = all.split_at_mut(len.min(all.len()));
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
    state.n_no_improvement = if is_stale { state.n_no_improvement + 1 } else { 0 };
    if is_better {
        state.best = score.unwrap_or(loss);
        if score.is_some() {
            state.best_params = Some(memory::try_copied(&state.params)?);
        }
    }
    if state.n_no_improvement as f64 <= params.patience {
        return Ok(Verdict::GoOn);
    }
    Ok(match params.schedule {
        Schedule::Adaptive if state.rate <= MIN_RATE => Verdict::TooSmall,
        Schedule::Adaptive => {
            state.n_no_improvement = 0;
            Verdict::Lower(state.rate / 5.0)
        }
        _ => Verdict::Stop,
    })
}
