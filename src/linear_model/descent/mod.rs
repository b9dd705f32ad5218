//! Gradient descent for linear models, from the first epoch to the last.
//!
//! An epoch passes over all samples once, batch by batch: all in one batch, a few at a time or one by one. Each batch is
//! one step. The intercepts are not penalised. A coefficient that a step would take through zero stops there where
//! magnitudes are penalised, and loses its velocity, so that those that end at zero do so exactly.

pub mod loss;
pub mod objective;
#[cfg(test)]
mod tests;

use self::loss::Loss;
use self::objective::{Buffers, Objective, Penalty, Samples};
use crate::common::error::check_length;
use crate::common::random::Mt19937;
use crate::common::{Context, Float, Result, memory};
use crate::linalg::RowSet;
use crate::linalg::margins::Margins;
use crate::optimize::optimizers::{Optimizer, OptimizerState, UpdateRule, decay};
use crate::optimize::schedule::{Rate, Schedule};

/// Batches between two looks for an interrupt, at most.
const BATCHES: usize = 64;
/// So many rows before it is taken, a row of a small batch is asked for.
const AHEAD: usize = 8;

/// What to go down, and how.
#[derive(Debug, Clone, Copy)]
pub struct Params {
    /// Loss of a sample.
    pub loss: Loss,
    /// Margins of a sample.
    pub n_outputs: usize,
    /// Penalties of the coefficients.
    pub penalty: Penalty,
    /// Whether there are intercepts.
    pub fit_intercept: bool,
    /// Samples of a step.
    pub batch_size: usize,
    /// How a step follows from gradients.
    pub rule: UpdateRule,
    /// How long steps are.
    pub schedule: Schedule,
    /// How long the first one is; none: as long as is safe.
    pub eta0: Option<f64>,
    /// Most epochs.
    pub max_iter: usize,
    /// Epochs that a descent from here took before.
    pub epochs_before: usize,
    /// An epoch makes progress if it gains more; none: there is always progress.
    pub tol: Option<f64>,
    /// Epochs without progress that end the descent.
    pub n_iter_no_change: usize,
    /// Whether samples come in another order each epoch, unless all are in one batch.
    pub shuffle: bool,
}

/// Why a descent ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// No more progress.
    Converged,
    /// No more epochs.
    Exhausted,
    /// Whoever watched asked for it.
    Stopped,
    /// Parameters or loss overflowed.
    Diverged,
}

/// Where a descent got to.
#[derive(Debug)]
pub struct Fit<F> {
    /// Coefficients (n_outputs, n_features) row-major, then intercepts (n_outputs,).
    pub params: Vec<F>,
    /// What the steps remember.
    pub memory: OptimizerState<F>,
    /// Of each epoch, the mean of the penalised losses of its batches before their steps.
    pub losses: Vec<f64>,
    /// Of each epoch, the score of the samples that were set aside, if there are.
    pub scores: Vec<f64>,
    /// Length of the first step.
    pub eta0: f64,
    /// Length of the last step.
    pub rate: f64,
    /// Why it ended.
    pub end: End,
}

/// An epoch that has ended.
#[derive(Debug)]
pub struct Epoch<'a, F> {
    /// Parameters. Shape (n_params,).
    pub params: &'a [F],
    /// Losses of all epochs so far.
    pub losses: &'a [f64],
    /// Scores of all epochs so far, if samples were set aside.
    pub scores: &'a [f64],
    /// Length of its last step.
    pub rate: f64,
}

/// Hears of epochs.
pub trait Watch<F>: Sync {
    /// One begins.
    ///
    /// # Errors
    /// [`crate::common::Error::Host`].
    fn begins(&self) -> Result<()>;

    /// It has ended. Returns whether to stop.
    ///
    /// # Errors
    /// [`crate::common::Error::Host`].
    fn ended(&self, epoch: &Epoch<F>) -> Result<bool>;
}

/// Goes down from `start` (parameters, and what the steps remember, if there were any), over samples of `train`; scores
/// of `aside` say when to end, and which parameters were best, if there are samples aside.
///
/// # Errors
/// [`crate::common::Error::Shape`]; [`crate::common::Error::InvalidArgument`];
/// [`crate::common::Error::OutOfMemory`]; [`crate::common::Error::Interrupted`]; those of `watch`.
pub fn fit<F: Float, X: Margins<F>>(
    ctx: &Context,
    train: &Samples<X, F>,
    aside: Option<&Samples<X, F>>,
    start: (Vec<F>, Option<OptimizerState<F>>),
    params: &Params,
    random: &mut Mt19937,
    watch: &impl Watch<F>,
) -> Result<Fit<F>> {
    train.check(params.loss, params.n_outputs)?;
    aside.map_or(Ok(()), |samples| samples.check(params.loss, params.n_outputs))?;
    let objective = Objective::new(train, params.loss, params.n_outputs);
    let judge = aside.map(|samples| Objective::new(samples, params.loss, params.n_outputs));
    let mut descent = Descent::new(ctx, objective, start, params)?;
    let kept = if judge.is_some() { Some(memory::try_copied(&descent.params)?) } else { None };
    let mut progress = Progress { options: params, idle: 0, best: f64::INFINITY, kept };
    let (mut losses, mut scores) = (Vec::new(), Vec::new());
    let mut end = End::Exhausted;
    for epoch in 0..params.max_iter {
        watch.begins()?;
        losses.push(descent.epoch(ctx, params.epochs_before + epoch, random)?);
        if !losses[epoch].is_finite() || !descent.params.iter().all(|param| param.is_finite()) {
            end = End::Diverged;
            break;
        }
        if let Some(judge) = &judge {
            scores.push(judge.score(ctx, &descent.params)?);
        }
        let goes_on = match scores.last() {
            Some(&score) => progress.see(-score, &descent.params),
            None => progress.see(losses[epoch], &descent.params),
        };
        let seen = Epoch { params: &descent.params, losses: &losses, scores: &scores, rate: descent.last_rate };
        if watch.ended(&seen)? {
            end = End::Stopped;
            break;
        }
        if !goes_on && !descent.rate.shorten() {
            end = End::Converged;
            break;
        }
        if !goes_on {
            progress.idle = 0;
        }
    }
    Ok(Fit {
        params: progress.kept.unwrap_or(descent.params),
        memory: descent.steps.into_memory(),
        losses,
        scores,
        eta0: descent.eta0,
        rate: descent.last_rate,
        end,
    })
}

/// A descent under way.
struct Descent<'a, X, F> {
    objective: Objective<'a, X, F>,
    options: &'a Params,
    params: Vec<F>,
    gradients: Vec<F>,
    before: Vec<F>,
    steps: Optimizer<F>,
    rate: Rate,
    last_rate: f64,
    eta0: f64,
    /// Positions of the samples in the order in which they come; none where that is their own.
    order: Option<Vec<u32>>,
    buffers: Buffers<F>,
    n_rows: usize,
}

impl<'a, F: Float, X: Margins<F>> Descent<'a, X, F> {
    fn new(
        ctx: &Context,
        objective: Objective<'a, X, F>,
        (params, memory): (Vec<F>, Option<OptimizerState<F>>),
        options: &'a Params,
    ) -> Result<Self> {
        let (n_params, n_rows) = (objective.n_coef() + options.n_outputs, objective.n_rows());
        check_length("parameters", params.len(), n_params)?;
        check_length("rows of a batch", options.batch_size.min(1), 1)?;
        let is_whole = options.batch_size >= n_rows;
        let eta0 = match options.eta0 {
            Some(eta0) => eta0,
            None => 1.0 / (objective.curvature(ctx, options.batch_size, options.fit_intercept)? + options.penalty.l2),
        };
        let order = if options.shuffle && !is_whole {
            let mut order = memory::try_with_capacity(n_rows)?;
            order.extend(0..n_rows as u32);
            Some(order)
        } else {
            None
        };
        Ok(Self {
            gradients: memory::try_filled(n_params, F::ZERO)?,
            before: memory::try_filled(if options.penalty.l1 > 0.0 { objective.n_coef() } else { 0 }, F::ZERO)?,
            steps: match memory {
                Some(memory) => Optimizer::resumed(options.rule, n_params, memory)?,
                None => Optimizer::new(options.rule, n_params)?,
            },
            rate: Rate::new(options.schedule, eta0),
            buffers: objective.buffers()?,
            last_rate: eta0,
            objective,
            options,
            params,
            eta0,
            order,
            n_rows,
        })
    }

    /// Takes the steps of an epoch; the mean of what their batches said before each.
    fn epoch(&mut self, ctx: &Context, epoch: usize, random: &mut Mt19937) -> Result<f64> {
        if let Some(order) = &mut self.order {
            random.shuffle(order);
        }
        let mut total = 0.0;
        for (batch, start) in (0..self.n_rows).step_by(self.options.batch_size).enumerate() {
            if batch % BATCHES == 0 {
                ctx.check()?;
            }
            let end = start.saturating_add(self.options.batch_size).min(self.n_rows);
            total += self.step(ctx, start, end, epoch)?;
        }
        Ok(total / self.n_rows as f64)
    }

    /// One step; the sum of what its samples said before it.
    fn step(&mut self, ctx: &Context, start: usize, end: usize, epoch: usize) -> Result<f64> {
        let rows = match &self.order {
            Some(order) => {
                if end - start <= AHEAD {
                    let last = order.len();
                    self.objective.samples().prefetch(&order[(start + AHEAD).min(last)..(end + AHEAD).min(last)]);
                }
                RowSet::List(&order[start..end])
            }
            None => RowSet::Range(start, end),
        };
        let (n_coef, penalty) = (self.objective.n_coef(), self.options.penalty);
        let loss = self.objective.gradients(ctx, rows, &self.params, &mut self.buffers, &mut self.gradients)?;
        let coef = &mut self.params[..n_coef];
        let held = penalty.add(coef, &mut self.gradients[..n_coef]) * (end - start) as f64;
        if !self.options.fit_intercept {
            self.gradients[n_coef..].fill(F::ZERO);
        }
        self.last_rate = self.rate.at(self.steps.count() + 1, epoch);
        let seen = self.before.len();
        self.before.copy_from_slice(&coef[..seen]);
        if penalty.decays {
            decay(coef, 1.0 - self.last_rate * penalty.l2);
        }
        self.steps.take(&mut self.params, &self.gradients, self.last_rate);
        for (at, before) in self.before.iter().enumerate() {
            if *before * self.params[at] < F::ZERO {
                self.params[at] = F::ZERO;
                self.steps.halt(at);
            }
        }
        Ok(loss + held)
    }
}

/// Whether there is progress.
struct Progress<'a, F> {
    options: &'a Params,
    /// Epochs without.
    idle: usize,
    best: f64,
    /// The parameters that were best, if they are kept.
    kept: Option<Vec<F>>,
}

impl<F: Float> Progress<'_, F> {
    /// Sees what is to become small; whether to go on.
    fn see(&mut self, value: f64, params: &[F]) -> bool {
        let gains = self.options.tol.is_none_or(|tol| value < self.best - tol);
        self.idle = if gains { 0 } else { self.idle + 1 };
        if value < self.best {
            self.best = value;
            if let Some(kept) = &mut self.kept {
                kept.copy_from_slice(params);
            }
        }
        self.idle < self.options.n_iter_no_change
    }
}
