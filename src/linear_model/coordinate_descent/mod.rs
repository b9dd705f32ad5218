//! Least squares with penalties on the size and the square of coefficients, for one penalty or a path of them.
//!
//! All rows become the products of features with features and with targets, once for all targets and penalties; of many
//! features, only those that may have coefficients.

pub mod folds;
pub mod products;
pub mod working;

use std::ops::Range;

use crate::common::error::check_length;
use crate::common::{Context, Error, Float, Result, memory, parallel};
use crate::linear_model::normal_equations::Targets;
use crate::optimize::coordinate_descent::tasks::Tasks;
use crate::optimize::coordinate_descent::{self as descent, End, Penalty};
use products::products;
use working::Wide;

/// Features whose products are always made: it costs little, and passes are those of scikit-learn.
const FEW: usize = 512;
/// Features whose products are made where they serve for a path of penalties.
const FEW_FOR_A_PATH: usize = 2048;
/// Penalties that make up a path.
const MIN_OF_A_PATH: usize = 10;
/// Features whose products can be made at all: they take 128 MB.
const MOST: usize = 4096;
const TOO_MANY: &str = "too many features have coefficients";

/// How coefficients are found.
#[derive(Debug, Clone)]
pub struct Params<'a> {
    /// Penalties, each started from the solution of the one before.
    pub alphas: &'a [f64],
    /// Fraction of the penalty that is on the size; the rest is on the square.
    pub l1_ratio: f64,
    /// Most passes for each penalty.
    pub max_iter: usize,
    /// As in [`descent::Params`].
    pub tol: f64,
    /// No coefficient may be negative.
    pub positive: bool,
    /// Seeds of the orders of visits, one for each penalty; without them features are visited in turn.
    pub seeds: Option<&'a [u32]>,
}

impl Params<'_> {
    /// The penalty of least squares over so many rows.
    pub fn penalty(&self, alpha: f64, n_rows: usize) -> Penalty {
        let of_rows = |fraction: f64| alpha * fraction * n_rows as f64;
        Penalty { l1: of_rows(self.l1_ratio), l2: of_rows(1.0 - self.l1_ratio) }
    }

    /// Whether all of so many features are looked at: where they are few, or all have coefficients, or are visited in an
    /// order that scikit-learn draws among all.
    fn needs_all(&self, n_features: usize) -> bool {
        let is_path = self.alphas.len() >= MIN_OF_A_PATH;
        n_features <= if is_path { FEW_FOR_A_PATH } else { FEW }
            || self.seeds.is_some()
            || self.alphas.iter().any(|alpha| alpha * self.l1_ratio == 0.0)
    }
}

/// What was found for targets that are fitted together.
#[derive(Debug)]
pub struct Path {
    /// Coefficients, row-major of shape (n_alphas, n_targets, n_features).
    pub coef: Vec<f64>,
    /// How each penalty ended.
    pub ends: Vec<End>,
}

impl Path {
    /// The intercepts for each penalty, row-major of shape (n_alphas, n_targets), given the means of the targets and those
    /// of the features, shape (n_features,).
    fn intercepts(&self, target_means: &[f64], means: &[f64]) -> Vec<f64> {
        let at_means = |coef: &[f64]| coef.iter().zip(means).map(|(w, mean)| w * mean).sum::<f64>();
        let all_means = target_means.iter().cycle();
        self.coef.chunks_exact(means.len()).zip(all_means).map(|(coef, mean)| mean - at_means(coef)).collect()
    }
}

/// What was learnt.
#[derive(Debug)]
pub struct Fit {
    /// One for each target, or one for all.
    pub paths: Vec<Path>,
    /// Intercepts of each, as of [`Path`]; zeros without one.
    pub intercepts: Vec<Vec<f64>>,
}

/// Fits each target, or, `together`, all of them with features in common. `start` are coefficients to begin with,
/// row-major of shape (n_targets, n_features); `seeds` of `params` are those of all paths, one path after the other.
///
/// # Errors
/// [`Error::InvalidArgument`] as [`products()`], or if coefficients are not finite or too many; [`Error::Shape`];
/// [`Error::OutOfMemory`]; [`Error::Interrupted`].
pub fn fit<F: Float>(
    ctx: &Context,
    x: &impl Wide<F>,
    targets: &Targets<F>,
    fit_intercept: bool,
    start: &[f64],
    params: &Params,
    multi_task: bool,
) -> Result<Fit> {
    let (n, n_alphas, n_targets) = (x.n_cols(), params.alphas.len(), targets.n_targets);
    check_length("coef_init", start.len(), memory::checked_len(n_targets, n)?)?;
    let size = if multi_task { n_targets } else { 1 };
    let groups = (0..n_targets / size).map(|at| at * size..(at + 1) * size).collect();
    let start_of = |group: &Range<usize>| memory::try_copied(&start[group.start * n..group.end * n]);
    if !params.needs_all(n) {
        return fit_some(ctx, x, targets, fit_intercept, groups, start_of, params);
    }
    if n > MOST {
        return Err(Error::InvalidArgument(TOO_MANY));
    }
    let found = products(ctx, x, targets, fit_intercept)?;
    let paths = parallel::map(ctx, groups, |group| {
        let seeds = params.seeds.map(|seeds| &seeds[group.start / size * n_alphas..][..n_alphas]);
        let params = Params { seeds, ..params.clone() };
        path(&ctx.alone(), &found.problem(group.clone()), x.n_rows(), start_of(&group)?, &params)
    })?;
    let intercepts = paths.iter().zip(found.target_means.chunks_exact(size));
    let intercepts = intercepts.map(|(path, target_means)| path.intercepts(target_means, &found.means)).collect();
    Ok(Fit { paths, intercepts })
}

/// The same with working sets.
fn fit_some<F: Float>(
    ctx: &Context,
    x: &impl Wide<F>,
    targets: &Targets<F>,
    fit_intercept: bool,
    groups: Vec<Range<usize>>,
    start_of: impl Fn(&Range<usize>) -> Result<Vec<f64>>,
    params: &Params,
) -> Result<Fit> {
    let target_means = targets.means(ctx, fit_intercept)?;
    let (mut paths, mut intercepts) = (Vec::new(), Vec::new());
    for group in groups {
        let mut y = memory::try_with_capacity(memory::checked_len(x.n_rows(), group.len())?)?;
        targets.y.chunks_exact(targets.n_targets).for_each(|row| y.extend_from_slice(&row[group.clone()]));
        let alone = Targets { y: &y, n_targets: group.len(), weights: targets.weights };
        let (path, means) = working::path(ctx, x, &alone, fit_intercept, start_of(&group)?, params)?;
        intercepts.push(path.intercepts(&target_means[group], &means));
        paths.push(path);
    }
    Ok(Fit { paths, intercepts })
}

/// Goes through the penalties, for a problem of so many rows; `start` of shape (n_tasks, n_features).
///
/// # Errors
/// [`Error::InvalidArgument`] if coefficients are not finite; [`Error::Shape`]; [`Error::OutOfMemory`];
/// [`Error::Interrupted`].
pub fn path(ctx: &Context, problem: &Tasks, n_rows: usize, start: Vec<f64>, params: &Params) -> Result<Path> {
    let mut coef = memory::try_with_capacity(memory::checked_len(params.alphas.len(), start.len())?)?;
    let mut ends = memory::try_with_capacity(params.alphas.len())?;
    let mut point = problem.point(start)?;
    for (at, alpha) in params.alphas.iter().enumerate() {
        ctx.check()?;
        let penalty = params.penalty(*alpha, n_rows);
        let seed = params.seeds.map(|seeds| seeds[at]);
        let settings = descent::Params { max_iter: params.max_iter, tol: params.tol, positive: params.positive, seed };
        let end = problem.descend(ctx, &penalty, &settings, &mut point)?;
        if !point.w.iter().all(|w| w.is_finite()) {
            return Err(Error::InvalidArgument("coefficients are not finite"));
        }
        coef.extend_from_slice(&point.w);
        ends.push(end);
    }
    Ok(Path { coef, ends })
}
