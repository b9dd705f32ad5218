//! Stochastic average gradient, and SAGA: a row at a time, drawn with replacement, along the mean of the gradients that
//! were last seen of all rows.
//!
//! A step moves every coefficient, but only those in the columns of the next row matter to it. So each column remembers
//! up to which step it was moved, and catches up when it is met: the lengths of all steps of a pass are kept as sums. The
//! penalty on squares is a common factor of all coefficients; that on magnitudes (SAGA only) is paid while catching up.
//! Each operation rounds where scikit-learn's rounds, so that both go the same way.
//!
//! References: M. Schmidt, N. Le Roux, F. Bach, "Minimizing Finite Sums with the Stochastic Average Gradient" (2013);
//! A. Defazio, F. Bach, S. Lacoste-Julien, "SAGA: A Fast Incremental Gradient Method" (NIPS 2014).

use super::losses::Loss;
use crate::common::error::check_length;
use crate::common::random::OurRandR;
use crate::common::simd::{Loops, compiled, prefetch};
use crate::common::{Context, Error, Float, Result, memory};
use crate::linalg::row_updates::RowDotAxpy;

/// Below it the common factor goes into the coefficients.
const MIN_FACTOR: f64 = 1e-9;
/// Rows that are drawn ahead of time and asked for.
const AHEAD: usize = 8;
/// Stored values between two looks at whether to go on.
const WORK_OF_CHUNK: usize = 1 << 22;

/// What errors cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Objective {
    /// One prediction for each row.
    One(Loss),
    /// One for each class, whose shares are compared: the target is the number of a class.
    Multinomial,
}

/// Settings.
#[derive(Debug, Clone, Copy)]
pub struct Params {
    /// What errors cost.
    pub objective: Objective,
    /// Length of a step.
    pub step: f64,
    /// Weight of the penalty on squares, for one row.
    pub alpha: f64,
    /// Weight of the penalty on magnitudes, for one row.
    pub beta: f64,
    /// Most passes.
    pub max_iter: usize,
    /// The largest change of a coefficient in a pass, in the largest coefficient, at which to stop.
    pub tol: f64,
    /// Whether there is an intercept.
    pub fit_intercept: bool,
    /// Its steps, in those of the coefficients.
    pub intercept_decay: f64,
    /// Whether steps are corrected for what the row itself says now.
    pub is_saga: bool,
    /// Seed of the draws.
    pub seed: u32,
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
}

/// All that one pass leaves to the next, or one fit to another of the same rows.
#[derive(Debug, Clone)]
pub struct State<F> {
    /// Coefficients, row-major of shape (n_features, n_classes).
    pub coef: Vec<F>,
    /// Intercepts, shape (n_classes,).
    pub intercept: Vec<F>,
    /// Sums over the rows of their gradients, row-major of shape (n_features, n_classes).
    pub sums: Vec<F>,
    /// The same of the intercepts, shape (n_classes,).
    pub intercept_sums: Vec<F>,
    /// The gradients that were last seen, row-major of shape (n_rows, n_classes).
    pub gradients: Vec<F>,
    /// Whether a row was drawn, shape (n_rows,).
    pub seen: Vec<i32>,
    /// How many were.
    pub n_seen: usize,
}

/// What came of it.
#[derive(Debug)]
pub struct Fit<F> {
    /// The state, coefficients in it.
    pub state: State<F>,
    /// Passes.
    pub n_iter: usize,
    /// Whether the numbers grew out of all bounds in the last of them.
    pub diverged: bool,
}

/// Descends from a state.
///
/// # Errors
/// [`Error::Shape`]; [`Error::InvalidArgument`] for more rows than a draw tells apart; [`Error::OutOfMemory`];
/// [`Error::Interrupted`].
pub fn descend<F: Float, R: RowDotAxpy<F>>(
    ctx: &Context,
    data: &Data<R, F>,
    state: State<F>,
    params: &Params,
) -> Result<Fit<F>> {
    let (n_rows, n_cols, n_classes) = (data.rows.n_rows(), data.rows.n_cols(), state.intercept.len());
    check_length("y", data.targets.len(), n_rows)?;
    check_length("sample_weight", data.weights.len(), n_rows)?;
    check_length("coef", state.coef.len(), memory::checked_len(n_cols, n_classes)?)?;
    check_length("sums of gradients", state.sums.len(), state.coef.len())?;
    check_length("sums of gradients", state.intercept_sums.len(), n_classes)?;
    check_length("gradients", state.gradients.len(), memory::checked_len(n_rows, n_classes)?)?;
    check_length("rows seen", state.seen.len(), n_rows)?;
    let count = u32::try_from(n_rows).map_err(|_| Error::InvalidArgument("more rows than stochastic steps take"))?;
    let shrinkage = F::from_f64(1.0 - params.step * params.alpha);
    let mut previous = memory::try_filled(state.coef.len(), F::ZERO)?;
    let mut walk = Walk {
        params,
        n_classes,
        pays: params.beta > 0.0 && params.is_saga,
        shrinkage,
        factor: F::ONE,
        reach: memory::try_filled(n_rows, F::ZERO)?,
        dues: memory::try_filled(if params.beta > 0.0 && params.is_saga { n_rows } else { 0 }, F::ZERO)?,
        moved: memory::try_filled(n_cols, 0)?,
        predictions: memory::try_filled(n_classes, F::ZERO)?,
        gradients: memory::try_filled(n_classes, F::ZERO)?,
        state,
    };
    let mut draws = Draws { random: OurRandR::seeded(params.seed.max(1)), count };
    let stored = (data.rows.nnz() / n_rows.max(1)).saturating_mul(n_classes).max(1);
    let rows_of_chunk = (WORK_OF_CHUNK / stored).max(1);
    let (mut n_iter, mut diverged) = (0, false);
    while n_iter < params.max_iter && !diverged {
        n_iter += 1;
        for start in (0..n_rows).step_by(rows_of_chunk) {
            ctx.check()?;
            let end = (start + rows_of_chunk).min(n_rows);
            diverged = diverged || !compiled(Chunk { walk: &mut walk, data, draws: &mut draws, start, end });
        }
        diverged = diverged || !walk.settle(n_rows);
        if diverged {
            break;
        }
        let (mut change, mut largest) = (F::ZERO, F::ZERO);
        for (&w, before) in walk.state.coef.iter().zip(&mut previous) {
            largest = larger(largest, w.abs());
            change = larger(change, (w - *before).abs());
            *before = w;
        }
        let is_at_rest = if largest == F::ZERO { change == F::ZERO } else { (change / largest).to_f64() <= params.tol };
        if is_at_rest {
            break;
        }
    }
    Ok(Fit { state: walk.state, n_iter, diverged })
}

#[inline(always)]
fn larger<F: Float>(x: F, y: F) -> F {
    if x > y { x } else { y }
}

/// `x`, nearer to zero by `by`, but not beyond it.
#[inline(always)]
fn towards_zero<F: Float>(x: F, by: F) -> F {
    larger(x - by, F::ZERO) - larger(-x - by, F::ZERO)
}

/// Rows drawn with replacement.
struct Draws {
    random: OurRandR,
    count: u32,
}

impl Draws {
    fn next(&mut self) -> usize {
        (self.random.draw() % self.count) as usize
    }
}

/// Where the descent is.
struct Walk<'p, F> {
    params: &'p Params,
    n_classes: usize,
    /// Whether magnitudes have a price.
    pays: bool,
    /// What each step leaves of the coefficients.
    shrinkage: F,
    /// The common factor of the coefficients.
    factor: F,
    /// How far the steps of this pass went, up to each, in the means of gradients; shape (n_rows,).
    reach: Vec<F>,
    /// What magnitudes had to pay up to each step, shape (n_rows,) or empty.
    dues: Vec<F>,
    /// The steps up to which each column was moved, shape (n_features,).
    moved: Vec<usize>,
    /// Predictions for the row, and gradients there, shape (n_classes,).
    predictions: Vec<F>,
    gradients: Vec<F>,
    state: State<F>,
}

impl<F: Float> Walk<'_, F> {
    /// Moves the coefficients of a column as far as the first `steps` steps went.
    #[inline(always)]
    fn catch_up(&mut self, column: usize, steps: usize) {
        let done = self.moved[column];
        let since = |sums: &[F]| if done == 0 { sums[steps - 1] } else { sums[steps - 1] - sums[done - 1] };
        let reach = since(&self.reach);
        let range = column * self.n_classes..(column + 1) * self.n_classes;
        let pairs = self.state.coef[range.clone()].iter_mut().zip(&self.state.sums[range]);
        if !self.pays {
            pairs.for_each(|(w, &sum)| *w -= reach * sum);
        } else {
            let due = since(&self.dues);
            for (w, &sum) in pairs {
                if (sum * reach).abs() < due {
                    *w = towards_zero(*w - reach * sum, due);
                    continue;
                }
                for step in (done..steps).rev() {
                    let before = |sums: &[F]| if step > 0 { sums[step] - sums[step - 1] } else { sums[step] };
                    *w = towards_zero(*w - sum * before(&self.reach), before(&self.dues));
                }
            }
        }
        self.moved[column] = steps;
    }

    /// Moves all columns as far as the first `steps` steps of the pass went, and puts the common factor into them.
    /// Returns whether they are finite.
    fn settle(&mut self, steps: usize) -> bool {
        let n_rows = self.reach.len();
        for column in 0..self.moved.len() {
            self.catch_up(column, steps);
            self.moved[column] = steps % n_rows;
        }
        let factor = self.factor;
        self.state.coef.iter_mut().for_each(|w| *w *= factor);
        self.factor = F::ONE;
        self.reach[steps - 1] = F::ZERO;
        if let Some(due) = self.dues.get_mut(steps - 1) {
            *due = F::ZERO;
        }
        self.state.coef.iter().all(|w| w.is_finite())
    }

    /// Takes a row, as step number `step` of the pass. Returns whether the numbers are finite.
    #[inline(always)]
    fn step<R: RowDotAxpy<F>>(&mut self, data: &Data<R, F>, step: usize, row: usize) -> bool {
        let (params, n_classes) = (self.params, self.n_classes);
        if self.state.seen[row] == 0 {
            self.state.seen[row] = 1;
            self.state.n_seen += 1;
        }
        if step > 0 {
            data.rows.each(row, |column, _| self.catch_up(column, step));
        }
        self.predict(data, row);
        self.differentiate(data.targets[row], data.weights[row]);
        self.factor *= self.shrinkage;
        let n_seen = self.state.n_seen as f64;
        let (fraction, factor) = (1.0 - 1.0 / n_seen, self.factor.to_f64());
        let last = &mut self.state.gradients[row * n_classes..(row + 1) * n_classes];
        let (coef, sums, gradients) = (&mut self.state.coef, &mut self.state.sums, &self.gradients);
        data.rows.each(row, |column, x| {
            for class in 0..n_classes {
                let at = column * n_classes + class;
                let change = x * (gradients[class] - last[class]);
                if params.is_saga {
                    coef[at] = F::from_f64(coef[at].to_f64() - change.to_f64() * params.step * fraction / factor);
                }
                sums[at] += change;
            }
        });
        if params.fit_intercept {
            for class in 0..n_classes {
                let change = gradients[class] - last[class];
                self.state.intercept_sums[class] += change;
                let sum = self.state.intercept_sums[class].to_f64();
                let mean_step = params.step * sum / n_seen * params.intercept_decay;
                let correction = F::from_f64(change.to_f64() * (params.step * fraction)).to_f64();
                let step = if params.is_saga { mean_step + correction } else { mean_step };
                let moved = F::from_f64(self.state.intercept[class].to_f64() - step);
                self.state.intercept[class] = moved;
                if !moved.is_finite() {
                    return false;
                }
            }
        }
        last.copy_from_slice(gradients);
        let before = |sums: &[F]| if step > 0 { sums[step - 1].to_f64() } else { 0.0 };
        let denominator = (self.factor * F::from_usize(self.state.n_seen)).to_f64();
        self.reach[step] = F::from_f64(before(&self.reach) + params.step / denominator);
        if self.pays {
            self.dues[step] = F::from_f64(before(&self.dues) + params.step * params.beta / factor);
        }
        factor >= MIN_FACTOR || self.settle(step + 1)
    }

    /// The predictions for a row.
    #[inline(always)]
    fn predict<R: RowDotAxpy<F>>(&mut self, data: &Data<R, F>, row: usize) {
        let (coef, n_classes) = (&self.state.coef, self.n_classes);
        if let [prediction] = &mut self.predictions[..] {
            let mut sum = F::ZERO;
            data.rows.each(row, |column, x| sum += coef[column] * x);
            *prediction = self.factor * sum + self.state.intercept[0];
            return;
        }
        let predictions = &mut self.predictions;
        predictions.fill(F::ZERO);
        data.rows.each(row, |column, x| {
            let weights = &coef[column * n_classes..(column + 1) * n_classes];
            predictions.iter_mut().zip(weights).for_each(|(sum, &w)| *sum += w * x);
        });
        for (prediction, &intercept) in predictions.iter_mut().zip(&self.state.intercept) {
            *prediction = self.factor * *prediction + intercept;
        }
    }

    /// The gradients of the loss at the predictions.
    #[inline(always)]
    fn differentiate(&mut self, target: F, weight: F) {
        match self.params.objective {
            Objective::One(loss) => {
                let gradient = loss.gradient(target.to_f64(), self.predictions[0].to_f64());
                self.gradients[0] = F::from_f64(gradient * weight.to_f64());
            }
            Objective::Multinomial => {
                let most = self.predictions[1..].iter().fold(self.predictions[0], |most, &p| larger(p, most)).to_f64();
                let mut total = 0.0;
                for (gradient, prediction) in self.gradients.iter_mut().zip(&self.predictions) {
                    *gradient = F::from_f64((prediction.to_f64() - most).exp());
                    total += gradient.to_f64();
                }
                for (class, gradient) in self.gradients.iter_mut().enumerate() {
                    let fraction = F::from_f64(gradient.to_f64() / total);
                    let own = if target == F::from_usize(class) { F::ONE } else { F::ZERO };
                    *gradient = (fraction - own) * weight;
                }
            }
        }
    }
}

/// Some steps of a pass. Its outcome is whether the numbers are finite.
struct Chunk<'c, 'p, 'd, R, F> {
    walk: &'c mut Walk<'p, F>,
    data: &'c Data<'d, R, F>,
    draws: &'c mut Draws,
    start: usize,
    end: usize,
}

impl<F: Float, R: RowDotAxpy<F>> Loops for Chunk<'_, '_, '_, R, F> {
    type Output = bool;

    #[inline(always)]
    fn run(self) -> bool {
        let Self { walk, data, draws, start, end } = self;
        let mut drawn = [0; AHEAD];
        for first in (start..end).step_by(AHEAD) {
            let count = (end - first).min(AHEAD);
            for row in &mut drawn[..count] {
                *row = draws.next();
                data.rows.fetch(*row);
                prefetch(&raw const data.targets[*row]);
                prefetch(&raw const data.weights[*row]);
            }
            for (position, &row) in drawn[..count].iter().enumerate() {
                if !walk.step(data, first + position, row) {
                    return false;
                }
            }
        }
        true
    }
}
