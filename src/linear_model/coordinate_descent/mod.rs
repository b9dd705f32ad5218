//! Least squares with penalties on the size and the square of coefficients, for one penalty or a path of them.
//!
//! All rows become the products of features with features and with targets, once for all targets and penalties.

pub mod products;

use crate::common::error::check_length;
use crate::common::{Context, Error, Float, Result, memory, parallel};
use crate::linear_model::moments::Targets;
use crate::optimize::coordinate_descent::{self as descent, End, Penalty, Point, Quadratic};
use products::{Summed, products};

/// How coefficients are found.
#[derive(Debug, Clone)]
pub struct Params<'a> {
    /// Penalties, each started from the solution of the one before.
    pub alphas: &'a [f64],
    /// Share of the penalty that is on the size; the rest is on the square.
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

/// What was found for one target.
#[derive(Debug)]
pub struct Path {
    /// Coefficients, row-major of shape (n_alphas, n_features).
    pub coef: Vec<f64>,
    /// How each penalty ended.
    pub ends: Vec<End>,
}

/// What was learnt.
#[derive(Debug)]
pub struct Fit {
    /// One for each target.
    pub paths: Vec<Path>,
    /// Means of the features, zeros without an intercept.
    pub means: Vec<f64>,
    /// Means of the targets, zeros without an intercept.
    pub target_means: Vec<f64>,
}

/// Fits each target. `start` are coefficients to begin with, row-major of shape (n_targets, n_features); `seeds` of
/// `params` are those of all targets, one target after the other.
///
/// # Errors
/// [`Error::InvalidArgument`] as [`products()`] or if coefficients are not finite; [`Error::Shape`];
/// [`Error::OutOfMemory`]; [`Error::Interrupted`].
pub fn fit<F: Float>(
    ctx: &Context,
    x: &impl Summed<F>,
    targets: &Targets<F>,
    fit_intercept: bool,
    start: &[f64],
    params: &Params,
) -> Result<Fit> {
    let (n, n_alphas) = (x.n_cols(), params.alphas.len());
    check_length("coef_init", start.len(), memory::area(targets.n_targets, n)?)?;
    let found = products(ctx, x, targets, fit_intercept)?;
    let paths = parallel::map(ctx, (0..targets.n_targets).collect(), |target| {
        let seeds = params.seeds.map(|seeds| &seeds[target * n_alphas..][..n_alphas]);
        let start = memory::copied(&start[target * n..][..n])?;
        path(&ctx.alone(), &found.problem(target), x.n_rows(), start, &Params { seeds, ..params.clone() })
    })?;
    Ok(Fit { paths, means: found.means, target_means: found.target_means })
}

/// Goes through the penalties, for a problem of so many rows; `start` of shape (n_features,).
///
/// # Errors
/// [`Error::InvalidArgument`] if coefficients are not finite; [`Error::Shape`]; [`Error::OutOfMemory`];
/// [`Error::Interrupted`].
pub fn path(ctx: &Context, problem: &Quadratic, n_rows: usize, start: Vec<f64>, params: &Params) -> Result<Path> {
    let mut coef = memory::with_capacity(memory::area(params.alphas.len(), start.len())?)?;
    let mut ends = memory::with_capacity(params.alphas.len())?;
    let mut point = Point::at(problem, start)?;
    for (at, alpha) in params.alphas.iter().enumerate() {
        ctx.check()?;
        let of_rows = |share: f64| alpha * share * n_rows as f64;
        let penalty = Penalty { l1: of_rows(params.l1_ratio), l2: of_rows(1.0 - params.l1_ratio) };
        let seed = params.seeds.map(|seeds| seeds[at]);
        let settings = descent::Params { max_iter: params.max_iter, tol: params.tol, positive: params.positive, seed };
        let end = descent::descend(ctx, problem, &penalty, &settings, &mut point)?;
        if !end.gap.is_finite() || !point.w.iter().all(|w| w.is_finite()) {
            return Err(Error::InvalidArgument("coefficients are not finite"));
        }
        coef.extend_from_slice(&point.w);
        ends.push(end);
    }
    Ok(Path { coef, ends })
}
