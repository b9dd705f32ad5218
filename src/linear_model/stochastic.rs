//! Linear models by stochastic gradient descent: one problem for each task, which are a regression, two classes, or one
//! class each against the others.
//!
//! Tasks run side by side, each on one thread, in an order of rows that its own seed gives.

use crate::common::error::check_length;
use crate::common::{Context, Error, Float, Result, memory, parallel};
use crate::linalg::row_updates::{RowDotAxpy, Summation};
use crate::optimize::losses::Loss;
use crate::optimize::sgd::{Data, Fit, Model, Observer, Params, Progress, descend};

/// What the rows should give.
#[derive(Debug, Clone, Copy)]
pub enum Targets<'a, F> {
    /// Numbers, shape (n_rows,).
    Numbers(&'a [F]),
    /// Classes, shape (n_rows,): the task of that number is to find 1 for it, and -1 (with [`Loss::HalfBinomial`] 0) for
    /// all others.
    Classes(&'a [i32]),
}

/// What all tasks have in common.
#[derive(Debug, Clone, Copy)]
pub struct Problem<'a, F> {
    /// What the rows should give.
    pub targets: Targets<'a, F>,
    /// Weights of the rows, shape (n_rows,).
    pub weights: &'a [F],
    /// Rows that nothing is learnt from, shape (n_rows,).
    pub held_out: Option<&'a [bool]>,
    /// How well the rows held out are met.
    pub scoring: Scoring,
}

/// How well the rows held out are met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scoring {
    /// The fraction of them whose targets, 1 or -1, are the sides of their predictions.
    Sides,
    /// The fraction of their variance that is explained.
    Variance,
}

/// One task.
#[derive(Debug, Clone)]
pub struct Task<F> {
    /// Where it begins.
    pub start: Model<F>,
    /// Settings.
    pub params: Params,
}

/// Fits a model for each task. `report` hears how it goes where the settings say so.
///
/// # Errors
/// [`Error::Shape`]; [`Error::OutOfMemory`]; [`Error::Interrupted`]; what `report` says.
pub fn fit<F: Float, R: RowDotAxpy<F>>(
    ctx: &Context,
    rows: &R,
    problem: &Problem<F>,
    tasks: Vec<Task<F>>,
    report: &(impl Fn(Progress) -> Result<()> + Sync),
) -> Result<Vec<Fit<F>>> {
    let n_rows = rows.n_rows();
    check_length("sample_weight", problem.weights.len(), n_rows)?;
    check_length("validation mask", problem.held_out.map_or(n_rows, <[bool]>::len), n_rows)?;
    // A thread that has a task of its own brings no rows to another.
    let alone = ctx.alone();
    let inner = if tasks.len() < ctx.threads() { ctx } else { &alone };
    let numbered = tasks.into_iter().enumerate().collect();
    parallel::map(ctx, numbered, |(number, task): (usize, Task<F>)| {
        let made;
        let targets = match problem.targets {
            Targets::Numbers(numbers) => numbers,
            Targets::Classes(classes) => {
                let other = if task.params.loss == Loss::HalfBinomial { F::ZERO } else { -F::ONE };
                let mut sides = memory::try_with_capacity(classes.len())?;
                let class = i32::try_from(number).map_err(|_| Error::InvalidArgument("too many classes"))?;
                sides.extend(classes.iter().map(|&found| if found == class { F::ONE } else { other }));
                made = sides;
                &made
            }
        };
        check_length("y", targets.len(), n_rows)?;
        let data = Data { rows, targets, weights: problem.weights, held_out: problem.held_out };
        let watcher = Watcher { data: &data, scoring: problem.scoring, report };
        descend(inner, &data, &task.start, &task.params, &watcher)
    })
}

/// Scores on the rows held out, and hands on what is reported.
struct Watcher<'w, R, F, Report> {
    data: &'w Data<'w, R, F>,
    scoring: Scoring,
    report: &'w Report,
}

impl<F: Float, R: RowDotAxpy<F>, Report: Fn(Progress) -> Result<()> + Sync> Observer<F> for Watcher<'_, R, F, Report> {
    fn score(&self, coef: &[F], intercept: f64) -> f64 {
        match self.scoring {
            Scoring::Sides => self.sides(coef, intercept),
            Scoring::Variance => self.variance(coef, intercept),
        }
    }

    fn report(&self, progress: Progress) -> Result<()> {
        (self.report)(progress)
    }
}

impl<F: Float, R: RowDotAxpy<F>, Report> Watcher<'_, R, F, Report> {
    /// Rows held out: (prediction, target, weight) of each.
    fn held_out(&self, coef: &[F], intercept: f64) -> impl Iterator<Item = (f64, f64, f64)> {
        let mask = self.data.held_out.unwrap_or(&[]);
        (0..mask.len()).filter(|&row| mask[row]).map(move |row| {
            let prediction = self.data.rows.product(row, coef, Summation::InLanes);
            let prediction = F::from_f64(prediction).to_f64() + intercept;
            (prediction, self.data.targets[row].to_f64(), self.data.weights[row].to_f64())
        })
    }

    /// The weight of the rows with the right side over that of all, rounded as NumPy rounds it.
    fn sides(&self, coef: &[F], intercept: f64) -> f64 {
        let (mut right, mut all) = (0.0, 0.0);
        for (prediction, target, weight) in self.held_out(coef, intercept) {
            let side = if prediction > 0.0 { 1.0 } else { -1.0 };
            all += weight;
            right += if side == target { weight } else { 0.0 };
        }
        (F::from_f64(right) / F::from_f64(all)).to_f64()
    }

    /// One less the weighted squared errors over those of the mean; NaN for a single row.
    fn variance(&self, coef: &[F], intercept: f64) -> f64 {
        let (mut sum, mut all, mut count) = (0.0, 0.0, 0);
        for (_, target, weight) in self.held_out(coef, intercept) {
            sum += weight * target;
            all += weight;
            count += 1;
        }
        if count < 2 {
            return f64::NAN;
        }
        let mean = sum / all;
        let (mut errors, mut spread) = (0.0, 0.0);
        for (prediction, target, weight) in self.held_out(coef, intercept) {
            errors += weight * (target - prediction) * (target - prediction);
            spread += weight * (target - mean) * (target - mean);
        }
        match (errors == 0.0, spread == 0.0) {
            (true, _) => 1.0,
            (false, true) => 0.0,
            (false, false) => 1.0 - errors / spread,
        }
    }
}
