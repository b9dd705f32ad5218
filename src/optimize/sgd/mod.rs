//! Stochastic gradient descent on a linear predictor: one row at a time, in an order that is shuffled for every pass.
//!
//! A step goes against the gradient of the loss at one row; the penalty on the squared length is a multiplication of all
//! coefficients, that on the magnitudes is paid in the columns that the row meets. Steps shrink by a [`Schedule`], or
//! are as long as it takes to correct the prediction ([`Schedule::PassiveAggressive`]). A step needs the one before, so
//! that one thread takes them all; what the next rows are is known, and another one may bring them.
//!
//! References: L. Bottou, "Stochastic Gradient Descent Tricks" (2012); K. Crammer et al., "Online Passive-Aggressive
//! Algorithms", JMLR 7 (2006); W. Xu, "Towards Optimal One Pass Large Scale Learning with Averaged Stochastic Gradient
//! Descent" (2011).

mod order;
mod vector;

use std::ops::Range;

use order::{Gathered, Order, PIECES};
use vector::{Measure, Vector};

use super::losses::Loss;
use crate::common::context::Blocks;
use crate::common::error::check_length;
use crate::common::simd::{Loops, compiled, prefetch};
use crate::common::{Context, Error, Float, Result, memory, parallel};
use crate::linalg::Dense;
use crate::linalg::row_updates::{RowDotAxpy, Summation};

/// Gradients beyond it are cut, so that one row cannot carry the coefficients away.
const MAX_GRADIENT: f64 = 1e12;
/// Rows that are asked for ahead of time.
const AHEAD: usize = 8;
/// Stored values up to which sums are taken in the order of the columns, as a plain loop takes them: time does not matter.
const FEW_VALUES: usize = 1 << 20;
/// Stored values between two looks at whether to go on.
const WORK_OF_CHUNK: usize = 1 << 22;
/// Below it, [`Schedule::Adaptive`] does not shorten its steps.
const MIN_STEP: f64 = 1e-6;
/// Rows that are looked at by one worker at a time, at least.
const MIN_ROWS: usize = 1024;
const MAX_BLOCKS: usize = 64;
const SHORTENED_BY: f64 = 5.0;

/// How long steps are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schedule {
    /// `eta0` at all times.
    Constant,
    /// `1 / (alpha t)`, from a time on at which that is a sensible length.
    Optimal,
    /// `eta0 / t^power`.
    InverseScaling,
    /// `eta0`, a fifth of it whenever nothing is gained any more.
    Adaptive,
    /// What corrects the prediction, at most `eta0`.
    PassiveAggressive,
    /// What corrects the prediction, softened by `eta0`.
    SoftPassiveAggressive,
}

/// What large coefficients cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Penalty {
    /// Nothing.
    None,
    /// Their squares.
    Squares,
    /// Their magnitudes.
    Magnitudes,
    /// Both.
    ElasticNet,
}

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub struct Stopping {
    /// Most passes.
    pub max_iter: usize,
    /// What a pass must gain; minus infinity: it need not.
    pub tol: f64,
    /// Passes without a gain.
    pub patience: usize,
}

/// Settings.
#[derive(Debug, Clone, Copy)]
pub struct Params {
    /// What errors cost.
    pub loss: Loss,
    /// What coefficients cost.
    pub penalty: Penalty,
    /// The weight of the penalty.
    pub alpha: f64,
    /// The fraction of magnitudes in [`Penalty::ElasticNet`].
    pub l1_ratio: f64,
    /// How long steps are.
    pub schedule: Schedule,
    /// Their first length, or bound.
    pub eta0: f64,
    /// See [`Schedule::InverseScaling`].
    pub power: f64,
    /// Whether there is an intercept.
    pub fit_intercept: bool,
    /// Its steps, in those of the coefficients.
    pub intercept_decay: f64,
    /// Whether alpha counts against the intercept too, as in the one-class problem.
    pub one_class: bool,
    /// Steps after which averaging begins; 0: never.
    pub average: usize,
    /// The number of the first step.
    pub t: f64,
    /// Whether the order of the rows is shuffled.
    pub shuffle: bool,
    /// Seed of the shuffle.
    pub seed: u32,
    /// Weights of rows with targets above zero, and of others.
    pub side_weights: [f64; 2],
    /// When to stop.
    pub stopping: Stopping,
    /// Whether losses and lengths are wanted even if nothing depends on them.
    pub is_reported: bool,
}

/// Rows and what they should give.
#[derive(Debug)]
pub struct Data<'a, R, F> {
    /// Rows.
    pub rows: &'a R,
    /// Targets, shape (n_rows,).
    pub targets: &'a [F],
    /// Weights, shape (n_rows,).
    pub weights: &'a [F],
    /// Rows that nothing is learnt from, shape (n_rows,). If there are any, it is their score that decides when to stop.
    pub held_out: Option<&'a [bool]>,
}

/// Coefficients of shape (n_features,) and intercept, and their averages if any are kept.
#[derive(Debug, Clone)]
pub struct Model<F> {
    /// Coefficients.
    pub coef: Vec<F>,
    /// Intercept.
    pub intercept: f64,
    /// The average of the coefficients.
    pub average_coef: Option<Vec<F>>,
    /// The average of the intercept.
    pub average_intercept: f64,
}

/// How a pass went.
#[derive(Debug, Clone, Copy)]
pub enum Progress {
    /// The pass of that number begins.
    Begins(usize),
    /// It has ended.
    Ended {
        /// Length of the coefficients.
        length: f64,
        /// Coefficients other than zero.
        nonzero: usize,
        /// Intercept.
        intercept: f64,
        /// Steps so far.
        steps: usize,
        /// Mean loss.
        loss: f64,
        /// Mean loss and penalty.
        objective: f64,
        /// Score of the rows held out.
        score: Option<f64>,
    },
    /// So many passes were enough.
    Converged(usize),
}

/// Who is asked between passes.
pub trait Observer<F>: Sync {
    /// The score of coefficients and intercept on the rows held out.
    fn score(&self, coef: &[F], intercept: f64) -> f64;

    /// Hears how it goes, if [`Params::is_reported`].
    ///
    /// # Errors
    /// Whatever fails on the other side.
    fn report(&self, progress: Progress) -> Result<()>;
}

/// What was learnt.
#[derive(Debug)]
pub struct Fit<F> {
    /// The model.
    pub model: Model<F>,
    /// Passes.
    pub n_iter: usize,
    /// Whether the numbers grew out of all bounds in the last of them.
    pub diverged: bool,
}

/// Descends from `start`.
///
/// # Errors
/// [`Error::Shape`]; [`Error::InvalidArgument`] for more rows than an index holds; [`Error::OutOfMemory`];
/// [`Error::Interrupted`]; what the observer says.
pub fn descend<F: Float, R: RowDotAxpy<F>>(
    ctx: &Context,
    data: &Data<R, F>,
    start: &Model<F>,
    params: &Params,
    observer: &impl Observer<F>,
) -> Result<Fit<F>> {
    let (n_rows, n_cols) = (data.rows.n_rows(), data.rows.n_cols());
    check_length("y", data.targets.len(), n_rows)?;
    check_length("sample_weight", data.weights.len(), n_rows)?;
    check_length("coef_", start.coef.len(), n_cols)?;
    check_length("average of coef_", start.average_coef.as_ref().map_or(n_cols, Vec::len), n_cols)?;
    check_length("validation mask", data.held_out.map_or(n_rows, <[bool]>::len), n_rows)?;
    let count = u32::try_from(n_rows).map_err(|_| Error::InvalidArgument("more rows than stochastic steps take"))?;
    let mut order = Order::new(count)?;
    let held_out = data.held_out.map_or(0, |mask| mask.iter().filter(|&&held| held).count());
    let n_learnt = (n_rows - held_out) as f64;

    let is_scored = data.held_out.is_some();
    let stopping = params.stopping;
    let is_measured = params.is_reported || !is_scored && stopping.tol > f64::NEG_INFINITY;
    let mut walk = Walk::new(start, params, is_measured, steady_step(ctx, data, params)?)?;
    let mut best = if is_scored { f64::NEG_INFINITY } else { f64::INFINITY };
    let (mut idle, mut n_iter, mut diverged) = (0, 0, false);
    while n_iter < stopping.max_iter {
        if params.is_reported {
            observer.report(Progress::Begins(n_iter + 1))?;
        }
        n_iter += 1;
        walk.pass(ctx, data, &mut order)?;
        if !walk.intercept.is_finite() || !walk.vector.values.iter().all(|w| w.is_finite()) {
            diverged = true;
            break;
        }
        let objective = walk.objective / n_learnt;
        let score = is_scored.then(|| observer.score(&walk.vector.values, walk.intercept));
        if params.is_reported {
            observer.report(walk.progress(n_learnt, score))?;
        }
        let (gains_nothing, is_best) = match score {
            Some(score) => (score < best + stopping.tol, score > best),
            None => (objective > best - stopping.tol, objective < best),
        };
        idle = if stopping.tol > f64::NEG_INFINITY && gains_nothing { idle + 1 } else { 0 };
        if is_best {
            best = score.unwrap_or(objective);
        }
        if idle >= stopping.patience {
            if params.schedule == Schedule::Adaptive && walk.eta > MIN_STEP {
                walk.eta /= SHORTENED_BY;
                idle = 0;
            } else {
                if params.is_reported {
                    observer.report(Progress::Converged(n_iter))?;
                }
                break;
            }
        }
    }
    let (intercept, average_intercept) = (walk.intercept, walk.average_intercept);
    let (coef, average_coef) = walk.vector.into_parts();
    Ok(Fit { model: Model { coef, intercept, average_coef, average_intercept }, n_iter, diverged })
}

/// The longest step that does not make an error of the coefficients larger, whichever the row: one with a curvature of
/// one along that row. None is asked for where time does not matter.
fn steady_step<F: Float, R: RowDotAxpy<F>>(ctx: &Context, data: &Data<R, F>, params: &Params) -> Result<f64> {
    if data.rows.nnz() <= FEW_VALUES {
        return Ok(f64::NEG_INFINITY);
    }
    let curvature = match params.schedule {
        Schedule::PassiveAggressive | Schedule::SoftPassiveAggressive => 0.0,
        _ => params.loss.curvature(),
    };
    if curvature == 0.0 {
        return Ok(f64::INFINITY);
    }
    let [positive, other] = params.side_weights;
    let blocks = Blocks::new(data.weights.len(), MIN_ROWS, MAX_BLOCKS).ranges().collect();
    let longest = parallel::map(ctx, blocks, |rows| Ok(compiled(Longest { data, rows })))?;
    let longest = longest.into_iter().fold(0.0, f64::max) * positive.abs().max(other.abs());
    Ok(1.0 / (curvature * longest))
}

/// The largest product of the weight and the squared length of a row, that of the intercept included.
struct Longest<'l, 'd, R, F> {
    data: &'l Data<'d, R, F>,
    rows: Range<usize>,
}

impl<F: Float, R: RowDotAxpy<F>> Loops for Longest<'_, '_, R, F> {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        let mut longest = 0.0;
        for row in self.rows {
            let squares = self.data.rows.squares(row, Summation::InLanes) + 1.0;
            longest = f64::max(longest, self.data.weights[row].abs().to_f64() * squares);
        }
        longest
    }
}

/// Where the descent is.
struct Walk<'p, F> {
    params: &'p Params,
    vector: Vector<F>,
    intercept: f64,
    average_intercept: f64,
    /// Length of the next step, before loss and weights.
    eta: f64,
    t: f64,
    /// What [`Schedule::Optimal`] adds to the time.
    head_start: f64,
    l1_ratio: f64,
    /// Penalty on magnitudes that is due, and what each coefficient has paid, shape (n_features,) or empty.
    due: f64,
    paid: Vec<F>,
    is_measured: bool,
    /// Steps up to this length do not make an error of the coefficients larger. Longer ones make it grow without end, so
    /// that the order of a sum matters.
    steady: f64,
    /// Sums over the rows of a pass.
    loss: f64,
    objective: f64,
    steps: usize,
}

impl<'p, F: Float> Walk<'p, F> {
    fn new(start: &Model<F>, params: &'p Params, is_measured: bool, steady: f64) -> Result<Self> {
        let has_magnitudes = matches!(params.penalty, Penalty::Magnitudes | Penalty::ElasticNet);
        let measure = match params.penalty {
            _ if !is_measured => Measure::Nothing,
            Penalty::None if !params.is_reported => Measure::Nothing,
            Penalty::None | Penalty::Squares => Measure::Length,
            Penalty::Magnitudes | Penalty::ElasticNet => Measure::LengthAndMagnitudes,
        };
        let first = (1.0 / params.alpha.sqrt()).sqrt();
        let first_eta = first / 1f64.max(params.loss.gradient(1.0, -first));
        Ok(Self {
            params,
            vector: Vector::new(&start.coef, start.average_coef.as_deref(), measure)?,
            intercept: start.intercept,
            average_intercept: start.average_intercept,
            eta: params.eta0,
            t: params.t,
            head_start: 1.0 / (first_eta * params.alpha),
            l1_ratio: match params.penalty {
                Penalty::Squares => 0.0,
                Penalty::Magnitudes => 1.0,
                Penalty::None | Penalty::ElasticNet => params.l1_ratio,
            },
            due: 0.0,
            paid: memory::try_filled(if has_magnitudes { start.coef.len() } else { 0 }, F::ZERO)?,
            is_measured,
            steady,
            loss: 0.0,
            objective: 0.0,
            steps: 0,
        })
    }

    /// Takes all rows once.
    fn pass<R: RowDotAxpy<F>>(&mut self, ctx: &Context, data: &Data<R, F>, order: &mut Order) -> Result<()> {
        (self.loss, self.objective) = (0.0, 0.0);
        if self.params.shuffle {
            order.shuffle(self.params.seed)?;
        }
        let order = order.rows();
        // One thread alone has no time to lose by copying.
        let has_help = ctx.threads() > 1 && data.rows.nnz() > FEW_VALUES;
        if R::GATHERS && self.params.shuffle && data.held_out.is_none() && has_help {
            return self.gathering_pass(ctx, data, order);
        }
        let stored = (data.rows.nnz() / order.len().max(1)).max(1);
        let rows = (WORK_OF_CHUNK / stored).max(1);
        for start in (0..order.len()).step_by(rows) {
            ctx.check()?;
            let end = (start + rows).min(order.len());
            compiled(Chunk { walk: self, data, order, start, end });
        }
        Ok(())
    }

    /// Takes all rows once: some of them while the next are gathered.
    fn gathering_pass<R: RowDotAxpy<F>>(&mut self, ctx: &Context, data: &Data<R, F>, order: &[u32]) -> Result<()> {
        let n_cols = data.rows.n_cols();
        let most = Gathered::<F>::max_rows(n_cols);
        let (mut ready, mut next) = (Gathered::pieces(n_cols)?, Gathered::pieces(n_cols)?);
        let mut n_ready = 0;
        for rows in order.chunks(most * PIECES).map(Some).chain([None]) {
            let mut jobs = vec![Job::Take(&mut *self, &ready[..n_ready])];
            let pieces = rows.unwrap_or_default().chunks(most);
            n_ready = pieces.len();
            jobs.extend(next.iter_mut().zip(pieces).map(|(gathered, rows)| Job::Gather(gathered, rows)));
            parallel::map(ctx, jobs, |job| {
                match job {
                    Job::Take(walk, pieces) => {
                        for gathered in pieces {
                            let rows = gathered.rows()?;
                            compiled(Side { walk: &mut *walk, data: &gathered.data(&rows) });
                        }
                    }
                    Job::Gather(gathered, rows) => gathered.fill(data, rows),
                }
                Ok(())
            })?;
            std::mem::swap(&mut ready, &mut next);
        }
        Ok(())
    }

    /// Takes one row.
    #[inline(always)]
    fn step<R: RowDotAxpy<F>>(&mut self, data: &Data<R, F>, row: usize) {
        let params = self.params;
        let (target, weight) = (data.targets[row].to_f64(), data.weights[row]);
        match params.schedule {
            Schedule::Optimal => self.eta = 1.0 / (params.alpha * (self.head_start + self.t - 1.0)),
            Schedule::InverseScaling => self.eta = params.eta0 / self.t.powf(params.power),
            _ => {}
        }
        let summation = if self.eta > self.steady { Summation::InOrder } else { Summation::InLanes };
        let prediction = self.vector.product(data.rows, row, summation) + self.intercept;
        if self.is_measured {
            self.measure(params.loss.value(target, prediction));
        }
        let side = F::from_f64(params.side_weights[usize::from(target <= 0.0)]);
        let mut update = match params.schedule {
            Schedule::PassiveAggressive => {
                let squares = data.rows.squares(row, summation);
                if squares == 0.0 {
                    return;
                }
                let needed = params.loss.value(target, prediction) / squares;
                self.direction(target, prediction) * if needed < params.eta0 { needed } else { params.eta0 }
            }
            Schedule::SoftPassiveAggressive => {
                let squares = data.rows.squares(row, summation);
                let needed = params.loss.value(target, prediction) / (squares + 0.5 / params.eta0);
                self.direction(target, prediction) * needed
            }
            _ => -self.eta * params.loss.gradient(target, prediction).clamp(-MAX_GRADIENT, MAX_GRADIENT),
        };
        update *= (side * weight).to_f64();
        if matches!(params.penalty, Penalty::Squares | Penalty::ElasticNet) {
            // It makes all coefficients shorter, but does not turn them round.
            let kept = 1.0 - (1.0 - self.l1_ratio) * self.eta * params.alpha;
            self.vector.scale(if kept > 0.0 { kept } else { 0.0 });
        }
        if update != 0.0 {
            self.vector.add(data.rows, row, update);
        }
        if params.fit_intercept {
            let pull = if params.one_class { self.eta * params.alpha } else { 0.0 };
            self.intercept += (update - pull) * params.intercept_decay;
        }
        let begun = params.average as f64;
        if params.average > 0 && begun <= self.t {
            let count = self.t - begun + 1.0;
            self.vector.take_into_average(data.rows, row, update, count);
            self.average_intercept += (self.intercept - self.average_intercept) / count;
        }
        if !self.paid.is_empty() {
            self.due += self.l1_ratio * self.eta * params.alpha;
            self.vector.truncate(data.rows, row, self.due, &mut self.paid);
        }
        self.t += 1.0;
        self.steps += 1;
    }

    /// Where a passive-aggressive step goes.
    #[inline(always)]
    fn direction(&self, target: f64, prediction: f64) -> f64 {
        match self.params.loss {
            Loss::Hinge(_) => target,
            _ if target - prediction < 0.0 => -1.0,
            _ => 1.0,
        }
    }

    /// Adds the loss of a row, and the penalty as it is now, to the sums.
    #[inline(always)]
    fn measure(&mut self, loss: f64) {
        let params = self.params;
        self.loss += loss;
        self.objective += loss;
        if matches!(params.schedule, Schedule::PassiveAggressive | Schedule::SoftPassiveAggressive) {
            return;
        }
        if params.penalty != Penalty::None {
            let length = self.vector.length();
            let squares = (1.0 - self.l1_ratio) * 0.5 * (length * length).to_f64();
            self.objective += params.alpha * (squares + self.l1_ratio * self.vector.magnitudes().to_f64());
        }
        if params.one_class {
            self.objective += self.intercept * params.alpha;
        }
    }

    /// How the pass went, of so many rows.
    fn progress(&self, n_learnt: f64, score: Option<f64>) -> Progress {
        Progress::Ended {
            length: self.vector.length().to_f64(),
            nonzero: self.vector.values.iter().filter(|&&w| w != F::ZERO).count(),
            intercept: self.intercept,
            steps: self.steps,
            loss: self.loss / n_learnt,
            objective: self.objective / n_learnt,
            score,
        }
    }
}

/// What there is to do at the same time.
enum Job<'j, 'p, F> {
    /// To take the rows of some pieces.
    Take(&'j mut Walk<'p, F>, &'j [Gathered<F>]),
    /// To gather the rows of these numbers.
    Gather(&'j mut Gathered<F>, &'j [u32]),
}

/// Rows side by side.
struct Side<'s, 'p, 'd, F: Clone> {
    walk: &'s mut Walk<'p, F>,
    data: &'s Data<'d, Dense<'d, F>, F>,
}

impl<F: Float> Loops for Side<'_, '_, '_, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for row in 0..self.data.targets.len() {
            self.walk.step(self.data, row);
        }
    }
}

/// Some rows of a pass.
struct Chunk<'c, 'p, 'd, R, F> {
    walk: &'c mut Walk<'p, F>,
    data: &'c Data<'d, R, F>,
    order: &'c [u32],
    start: usize,
    end: usize,
}

impl<F: Float, R: RowDotAxpy<F>> Loops for Chunk<'_, '_, '_, R, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { walk, data, order, start, end } = self;
        for position in start..end {
            if let Some(&row) = order.get(position + AHEAD) {
                let row = row as usize;
                data.rows.fetch(row);
                prefetch(&raw const data.targets[row]);
                prefetch(&raw const data.weights[row]);
            }
            let row = order[position] as usize;
            if data.held_out.is_none_or(|held_out| !held_out[row]) {
                walk.step(data, row);
            }
        }
    }
}
