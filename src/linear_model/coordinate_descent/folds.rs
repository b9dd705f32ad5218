//! Paths of penalties on the training rows of several splits, and what they miss of the test rows.
//!
//! Where the test rows of all splits make up the table, the products of training rows are those of all rows less those of
//! the test rows: one pass over the table serves all splits.

use std::ops::Range;

use super::products::{Products, Sums, products, products_from};
use super::working::{self, Wide};
use super::{FEW_FOR_A_PATH, MOST, Params, Path, TOO_MANY, path};
use crate::common::{Context, Error, Float, Result, memory, parallel};
use crate::linalg::products::Products as Multiplied;
use crate::linalg::vectors::add_multiple;
use crate::linalg::{Csr, Dense, Rows};
use crate::linear_model::normal_equations::{Center, Targets};
use crate::optimize::coordinate_descent::End;

/// Rows whose features are laid out side by side at a time.
const SIDE_BY_SIDE: usize = 256;

/// Rows of a split.
#[derive(Debug, Clone)]
pub struct Split {
    /// To learn from.
    pub train: Vec<u32>,
    /// To be judged by.
    pub test: Vec<u32>,
}

/// What was found for one split and one set of parameters.
#[derive(Debug)]
pub struct Judged {
    /// Mean squared error on the test rows for each penalty.
    pub errors: Vec<f64>,
    /// How each penalty ended.
    pub ends: Vec<End>,
}

/// Tables that can be split.
pub trait Splits<F: Float>: Wide<F> {
    /// Sums of squared errors on all rows, each times the weight of its row, for coefficients of shape
    /// (n_lines, n_features) and as many intercepts.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`]; [`Error::Interrupted`].
    fn errors(&self, ctx: &Context, targets: &Targets<F>, coef: &[f64], intercepts: &[f64]) -> Result<Vec<f64>>;
}

impl<F: Float> Splits<F> for Dense<'_, F> {
    fn errors(&self, ctx: &Context, targets: &Targets<F>, coef: &[f64], intercepts: &[f64]) -> Result<Vec<f64>> {
        let n = self.n_cols();
        let mut errors = memory::try_filled(intercepts.len(), 0.0)?;
        let mut columns = memory::try_filled(memory::checked_len(SIDE_BY_SIDE.min(self.n_rows()), n)?, 0.0)?;
        let mut predictions = memory::try_filled(SIDE_BY_SIDE, 0.0)?;
        for start in (0..self.n_rows()).step_by(SIDE_BY_SIDE) {
            ctx.check()?;
            let count = SIDE_BY_SIDE.min(self.n_rows() - start);
            let rows = &self.values()[start * n..(start + count) * n];
            for (row, values) in rows.chunks_exact(n).enumerate() {
                values.iter().enumerate().for_each(|(j, value)| columns[j * count + row] = value.to_f64());
            }
            let predictions = &mut predictions[..count];
            for ((error, coef), intercept) in errors.iter_mut().zip(coef.chunks_exact(n)).zip(intercepts) {
                predictions.fill(*intercept);
                for (j, w) in coef.iter().enumerate().filter(|(_, w)| **w != 0.0) {
                    add_multiple(predictions, *w, &columns[j * count..][..count]);
                }
                *error += squared_errors(targets, start, predictions);
            }
        }
        Ok(errors)
    }
}

impl<F: Float> Splits<F> for Csr<'_, F> {
    fn errors(&self, ctx: &Context, targets: &Targets<F>, coef: &[f64], intercepts: &[f64]) -> Result<Vec<f64>> {
        let mut errors = memory::try_filled(intercepts.len(), 0.0)?;
        let mut predictions = memory::try_filled(self.n_rows(), 0.0)?;
        for ((error, coef), intercept) in errors.iter_mut().zip(coef.chunks_exact(self.n_cols())).zip(intercepts) {
            ctx.check()?;
            self.products(0..self.n_rows(), coef, &mut predictions);
            predictions.iter_mut().for_each(|prediction| *prediction += intercept);
            *error = squared_errors(targets, 0, &predictions);
        }
        Ok(errors)
    }
}

/// The weighted sum of squared errors of answers for the rows from `start` on.
fn squared_errors<F: Float>(targets: &Targets<F>, start: usize, predictions: &[f64]) -> f64 {
    let of_row =
        |(row, prediction): (usize, &f64)| targets.weight(row) * (prediction - targets.y[row].to_f64()).powi(2);
    (start..).zip(predictions).map(of_row).sum()
}

/// Targets and weights of some rows.
struct Part<F> {
    y: Vec<F>,
    n_targets: usize,
    weights: Option<Vec<F>>,
}

impl<F: Float> Part<F> {
    /// Some of the targets of some of the rows.
    fn of(targets: &Targets<F>, rows: &[u32], columns: Range<usize>) -> Result<Self> {
        let mut y = memory::try_with_capacity(memory::checked_len(rows.len(), columns.len())?)?;
        for &row in rows {
            y.extend_from_slice(&targets.y[row as usize * targets.n_targets..][..targets.n_targets][columns.clone()]);
        }
        let pick = |values: &[F]| -> Result<Vec<F>> {
            let mut picked = memory::try_with_capacity(rows.len())?;
            picked.extend(rows.iter().map(|&row| values[row as usize]));
            Ok(picked)
        };
        Ok(Self { y, n_targets: columns.len(), weights: targets.weights.map(pick).transpose()? })
    }

    /// All targets of some rows.
    fn whole(targets: &Targets<F>, rows: &[u32]) -> Result<Self> {
        Self::of(targets, rows, 0..targets.n_targets)
    }

    fn targets(&self) -> Targets<'_, F> {
        Targets { y: &self.y, n_targets: self.n_targets, weights: self.weights.as_deref() }
    }

    fn n_rows(&self) -> usize {
        self.y.len() / self.n_targets
    }

    /// The sum of the weights.
    fn total(&self) -> f64 {
        let targets = self.targets();
        (0..self.n_rows()).map(|row| targets.weight(row)).sum()
    }
}

/// Judges each set of parameters by each split, for targets with features in common; the splits of the first set come first. Weights are
/// those of the rows; in training they are scaled to a mean of one.
///
/// # Errors
/// [`Error::InvalidArgument`] as [`products()`], or if the weights of a part have no sum, or coefficients are not finite or
/// too many; [`Error::OutOfMemory`]; [`Error::Interrupted`].
pub fn judge<F: Float>(
    ctx: &Context,
    x: &impl Splits<F>,
    targets: &Targets<F>,
    fit_intercept: bool,
    splits: &[Split],
    all_params: &[Params],
) -> Result<Vec<Judged>> {
    let is_whole = x.n_cols() <= FEW_FOR_A_PATH || all_params.iter().any(|params| params.needs_all(x.n_cols()));
    if is_whole && x.n_cols() > MOST {
        return Err(Error::InvalidArgument(TOO_MANY));
    }
    let known = if is_whole { known_of_splits(ctx, x, targets, fit_intercept, splits)? } else { Vec::new() };
    let jobs: Vec<_> =
        all_params.iter().flat_map(|params| (0..splits.len()).map(move |split| (params, split))).collect();
    // Without products, each path takes passes over its rows, which are shared out on their own.
    let ctx = &if is_whole { *ctx } else { ctx.alone() };
    parallel::map(ctx, jobs, |(params, at)| {
        let ctx = &ctx.alone();
        let (split, start) =
            (&splits[at], memory::try_filled(memory::checked_len(targets.n_targets, x.n_cols())?, 0.0)?);
        let seeds_of = params.seeds.map(|seeds| &seeds[at * params.alphas.len()..][..params.alphas.len()]);
        let params = &Params { seeds: seeds_of, ..params.clone() };
        let (path, intercepts) = if let Some(known) = known.get(at) {
            let path = path(ctx, &known.problem(0..targets.n_targets), split.train.len(), start, params)?;
            let intercepts = path.intercepts(&known.target_means, &known.means);
            (path, intercepts)
        } else {
            path_of_split(ctx, x, targets, fit_intercept, split, start, params)?
        };
        let errors = errors_of_split(ctx, x, targets, &split.test, &path.coef, &intercepts)?;
        Ok(Judged { errors, ends: path.ends })
    })
}

/// The mean squared error on some rows for each penalty: that of the targets, of which `coef` and `intercepts` are as in
/// [`Path`].
fn errors_of_split<F: Float>(
    ctx: &Context,
    x: &impl Splits<F>,
    targets: &Targets<F>,
    rows: &[u32],
    coef: &[f64],
    intercepts: &[f64],
) -> Result<Vec<f64>> {
    let (n, n_targets) = (x.n_cols(), targets.n_targets);
    let test = x.gather(rows)?;
    let mut means = memory::try_filled(intercepts.len() / n_targets, 0.0)?;
    for target in 0..n_targets {
        let part = Part::of(targets, rows, target..target + 1)?;
        let total = part.total();
        if total <= 0.0 {
            return Err(Error::InvalidArgument("the weights have no positive sum"));
        }
        let mut lines = memory::try_with_capacity(means.len() * n)?;
        coef.chunks_exact(n).skip(target).step_by(n_targets).for_each(|line| lines.extend_from_slice(line));
        let mut at_zero = memory::try_with_capacity(means.len())?;
        at_zero.extend(intercepts.iter().skip(target).step_by(n_targets));
        let errors = test.errors(ctx, &part.targets(), &lines, &at_zero)?;
        means.iter_mut().zip(errors).for_each(|(mean, error)| *mean += error / total);
    }
    means.iter_mut().for_each(|mean| *mean /= n_targets as f64);
    Ok(means)
}

/// A path on the training rows with working sets, and its intercepts.
fn path_of_split<F: Float>(
    ctx: &Context,
    x: &impl Splits<F>,
    targets: &Targets<F>,
    fit_intercept: bool,
    split: &Split,
    start: Vec<f64>,
    params: &Params,
) -> Result<(Path, Vec<f64>)> {
    let mut part = Part::whole(targets, &split.train)?;
    let scale = part.n_rows() as f64 / part.total();
    part.weights.iter_mut().flatten().for_each(|weight| *weight = F::from_f64(weight.to_f64() * scale));
    let train = x.gather(&split.train)?;
    let (path, means) = working::path(ctx, &train, &part.targets(), fit_intercept, start, params)?;
    let intercepts = path.intercepts(&part.targets().means(ctx, fit_intercept)?, &means);
    Ok((path, intercepts))
}

/// The products of the training rows of each split.
fn known_of_splits<F: Float>(
    ctx: &Context,
    x: &impl Splits<F>,
    targets: &Targets<F>,
    fit_intercept: bool,
    splits: &[Split],
) -> Result<Vec<Products>> {
    let is_shared = make_up(splits, x.n_rows())?;
    let shared = is_shared.then(|| shared_sums(ctx, x, targets, fit_intercept, splits)).transpose()?;
    parallel::map(ctx, (0..splits.len()).collect(), |at| {
        let part = Part::whole(targets, &splits[at].train)?;
        let mut found = None;
        if let Some((center, parts, total)) = &shared {
            let mut sums = total.clone();
            sums.take(&parts[at]);
            let squares = total.squares(x.n_cols())?;
            found = products_from(ctx, &part.targets(), fit_intercept, sums, center.clone(), &squares)?;
        }
        let mut known = match found {
            Some(known) => known,
            None => products(ctx, &x.gather(&splits[at].train)?, &part.targets(), fit_intercept)?,
        };
        if part.weights.is_some() {
            known.scale(part.n_rows() as f64 / part.total());
        }
        Ok(known)
    })
}

/// Whether each row is a test row of one split and a training row of all others.
fn make_up(splits: &[Split], n_rows: usize) -> Result<bool> {
    let (mut tests, mut trains) = (memory::try_filled(n_rows, 0)?, memory::try_filled(n_rows, 0)?);
    for split in splits {
        split.test.iter().for_each(|&row| tests[row as usize] += 1);
        split.train.iter().for_each(|&row| trains[row as usize] += 1);
        let mut own = memory::try_filled(n_rows, false)?;
        let rows = split.test.iter().chain(&split.train);
        if rows.into_iter().any(|&row| std::mem::replace(&mut own[row as usize], true)) {
            return Ok(false);
        }
    }
    Ok(tests.iter().all(|&times| times == 1) && trains.iter().all(|&times| times + 1 == splits.len()))
}

/// A center for all rows, the sums of the test rows of each split about it, and those of all rows.
fn shared_sums<F: Float>(
    ctx: &Context,
    x: &impl Splits<F>,
    targets: &Targets<F>,
    fit_intercept: bool,
    splits: &[Split],
) -> Result<(Center, Vec<Sums>, Sums)> {
    let center = x.center(ctx, targets, fit_intercept)?;
    let parts = parallel::map(ctx, splits.iter().collect(), |split: &Split| {
        let part = Part::whole(targets, &split.test)?;
        x.gather(&split.test)?.sums(ctx, &part.targets(), &center)
    })?;
    let mut total = parts.first().cloned().ok_or(Error::InvalidArgument("there is no split"))?;
    parts.iter().skip(1).for_each(|part| total.add(part));
    Ok((center, parts, total))
}
