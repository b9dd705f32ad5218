//! Coordinate descent among many features of which few have coefficients.
//!
//! Features with the steepest gradients make up a working set, whose products are small; the problem is solved among them.
//! Then one pass over the table gives the residuals, the gradients of all features and the duality gap of the whole problem,
//! which ends the search, or shows which features were missed.
//!
//! Reference: M. Massias, A. Gramfort, J. Salmon, "Celer: a fast solver for the lasso with dual extrapolation", 2018.

use super::products::{Products, Summed, products};
use super::{MOST, Params, Path, TOO_MANY};
use crate::common::context::Blocks;
use crate::common::{Context, Error, Float, Result, memory, parallel};
use crate::linalg::vectors::add_rows;
use crate::linalg::{Csr, Dense, Rows};
use crate::linear_model::normal_equations::{Center, Targets};
use crate::optimize::coordinate_descent::tasks::gradient_norms;
use crate::optimize::coordinate_descent::{self as descent, End, Gap, Penalty, Point, Residuals};

/// Features that join the working set at once, at most, unless it is larger itself.
const JOIN: usize = 128;
/// What the tolerance is multiplied by where a solution among the working set leaves too large a gap.
const TIGHTER: f64 = 0.1;
/// How often.
const MAX_TIGHTER: usize = 12;
/// Passes among the first working set, at most, and how many times more among each that follows: where it takes many,
/// they are better spent once no feature is missing.
const FIRST_PASSES: usize = 100;
const MORE_PASSES: usize = 2;
/// Rows that are read by one worker at a time, at least.
const MIN_ROWS: usize = 128;
const MAX_BLOCKS: usize = 16;

/// What a pass over the table gives.
pub struct GradientPass {
    gradient: Vec<f64>,
    residuals: Residuals,
}

/// A linear function of the features, an intercept and features with their coefficients, for a target with this mean.
pub struct Line<'a> {
    target_mean: f64,
    intercept: f64,
    terms: &'a [(usize, f64)],
}

/// Tables of many features.
pub trait Wide<F: Float>: Summed<F> {
    /// The products of some of the features.
    ///
    /// # Errors
    /// As [`products()`].
    fn products_of(
        &self,
        ctx: &Context,
        features: &[usize],
        targets: &Targets<F>,
        fit_intercept: bool,
    ) -> Result<Products>;

    /// What a row adds to a linear function.
    fn along(&self, row: usize, terms: &[(usize, f64)], dense: &mut [f64]) -> f64;

    /// Adds rows, each times its factor, less the center.
    fn add_rows(&self, rows: std::ops::Range<usize>, factors: &[f64], center: &[f64], out: &mut [f64]);

    /// Residuals of the first target, and the products of the features with them.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`]; [`Error::Interrupted`].
    fn gradient_pass(&self, ctx: &Context, targets: &Targets<F>, center: &Center, line: &Line) -> Result<GradientPass> {
        let blocks = Blocks::new(self.n_rows(), MIN_ROWS, MAX_BLOCKS);
        let parts = parallel::map(ctx, blocks.ranges().collect(), |rows| {
            let mut gradient = memory::try_filled(self.n_cols(), 0.0)?;
            let mut dense = memory::try_filled(self.n_cols(), 0.0)?;
            line.terms.iter().for_each(|&(feature, w)| dense[feature] = w);
            let mut residuals = Residuals { square: 0.0, with_target: 0.0 };
            let mut factors = memory::try_with_capacity(4)?;
            for start in rows.clone().step_by(4) {
                let few = start..(start + 4).min(rows.end);
                factors.clear();
                for row in few.clone() {
                    let target = targets.y[row].to_f64();
                    let left = target - line.intercept - self.along(row, line.terms, &mut dense);
                    let weighted = targets.weight(row) * left;
                    residuals.square += weighted * left;
                    residuals.with_target += weighted * (target - line.target_mean);
                    factors.push(weighted);
                }
                self.add_rows(few, &factors, &center.means, &mut gradient);
            }
            Ok(GradientPass { gradient, residuals })
        })?;
        let mut parts = parts.into_iter();
        let none = || GradientPass { gradient: Vec::new(), residuals: Residuals { square: 0.0, with_target: 0.0 } };
        let mut sum = parts.next().unwrap_or_else(none);
        for part in parts {
            sum.gradient.iter_mut().zip(part.gradient).for_each(|(sum, value)| *sum += value);
            sum.residuals.square += part.residuals.square;
            sum.residuals.with_target += part.residuals.with_target;
        }
        Ok(sum)
    }
}

impl<F: Float> Wide<F> for Dense<'_, F> {
    fn products_of(
        &self,
        ctx: &Context,
        features: &[usize],
        targets: &Targets<F>,
        fit_intercept: bool,
    ) -> Result<Products> {
        let (n, count) = (self.n_cols(), features.len());
        let mut values = memory::try_filled(memory::checked_len(self.n_rows(), count)?, F::ZERO)?;
        let blocks = Blocks::new(self.n_rows(), MIN_ROWS, MAX_BLOCKS);
        let jobs = blocks.ranges().zip(values.chunks_mut(blocks.rows() * count)).collect();
        parallel::map(ctx, jobs, |(rows, out): (std::ops::Range<usize>, &mut [F])| {
            for (row, out) in rows.zip(out.chunks_exact_mut(count)) {
                let row = &self.values()[row * n..][..n];
                out.iter_mut().zip(features).for_each(|(out, &feature)| *out = row[feature]);
            }
            Ok(())
        })?;
        products(ctx, &Dense::new(&values, self.n_rows(), count)?, targets, fit_intercept)
    }

    #[inline]
    fn along(&self, row: usize, terms: &[(usize, f64)], _dense: &mut [f64]) -> f64 {
        let row = &self.values()[row * self.n_cols()..][..self.n_cols()];
        terms.iter().map(|&(feature, w)| row[feature].to_f64() * w).sum()
    }

    fn add_rows(&self, rows: std::ops::Range<usize>, factors: &[f64], center: &[f64], out: &mut [f64]) {
        let n = self.n_cols();
        add_rows(out, factors, &self.values()[rows.start * n..rows.end * n], center);
    }
}

impl<F: Float> Wide<F> for Csr<'_, F> {
    fn products_of(
        &self,
        ctx: &Context,
        features: &[usize],
        targets: &Targets<F>,
        fit_intercept: bool,
    ) -> Result<Products> {
        let mut places = memory::try_filled(self.n_cols(), u32::MAX)?;
        features.iter().enumerate().for_each(|(place, &feature)| places[feature] = place as u32);
        let (mut values, mut indices) = (Vec::new(), Vec::new());
        let mut starts = memory::try_with_capacity(self.n_rows() + 1)?;
        starts.push(0);
        for row in 0..self.n_rows() {
            for (feature, value) in self.row(row).filter(|&(feature, _)| places[feature] != u32::MAX) {
                values.push(value);
                indices.push(places[feature]);
            }
            starts.push(values.len());
        }
        products(ctx, &Csr::new(&values, &indices, &starts, features.len())?, targets, fit_intercept)
    }

    /// `dense` has the coefficients of `terms`, and zeros.
    #[inline]
    fn along(&self, row: usize, terms: &[(usize, f64)], dense: &mut [f64]) -> f64 {
        if terms.is_empty() { 0.0 } else { self.row(row).map(|(feature, value)| value.to_f64() * dense[feature]).sum() }
    }

    fn add_rows(&self, rows: std::ops::Range<usize>, factors: &[f64], _center: &[f64], out: &mut [f64]) {
        for (row, factor) in rows.zip(factors) {
            self.row(row).for_each(|(feature, value)| out[feature] += factor * value.to_f64());
        }
    }
}

/// The features that are looked at, and their products.
struct Working {
    features: Vec<usize>,
    known: Products,
}

/// A search under way.
struct Search<'a, F: Float, X> {
    x: &'a X,
    targets: Targets<'a, F>,
    /// The targets one by one, each of shape (n_rows,).
    apart: Vec<Vec<F>>,
    fit_intercept: bool,
    center: Center,
    target_square: f64,
    working: Option<Working>,
    /// Coefficients and gradients of all features for each target.
    point: Point,
    residuals: Residuals,
}

/// Goes through the penalties for targets with features in common; `start` of shape (n_targets, n_features). Returns the means of the features too, as
/// far as they have a coefficient.
///
/// # Errors
/// [`Error::InvalidArgument`] as [`products()`], or if too many features have coefficients, or these are not finite;
/// [`Error::OutOfMemory`]; [`Error::Interrupted`].
pub fn path<F: Float>(
    ctx: &Context,
    x: &impl Wide<F>,
    targets: &Targets<F>,
    fit_intercept: bool,
    start: Vec<f64>,
    params: &Params,
) -> Result<(Path, Vec<f64>)> {
    let center = x.center(ctx, targets, fit_intercept)?;
    let centred = |row: usize| targets.centred(row, &center.target_means, targets.root(row));
    let target_square = (0..x.n_rows()).flat_map(centred).map(|value| value * value).sum();
    let mut apart = memory::try_with_capacity(targets.n_targets)?;
    for target in 0..targets.n_targets {
        let mut y = memory::try_with_capacity(x.n_rows())?;
        y.extend(targets.y.iter().skip(target).step_by(targets.n_targets));
        apart.push(y);
    }
    let mut search = Search {
        x,
        targets: *targets,
        apart,
        fit_intercept,
        center,
        target_square,
        working: None,
        point: Point { w: start, gradient: Vec::new() },
        residuals: Residuals { square: 0.0, with_target: 0.0 },
    };
    search.join(ctx, Vec::new())?;
    search.look(ctx)?;
    let mut path = Path {
        coef: memory::try_with_capacity(memory::checked_len(params.alphas.len(), search.point.w.len())?)?,
        ends: memory::try_with_capacity(params.alphas.len())?,
    };
    for alpha in params.alphas {
        let penalty = params.penalty(*alpha, x.n_rows());
        let end = search.find(ctx, &penalty, params)?;
        if !search.point.w.iter().all(|w| w.is_finite()) {
            return Err(Error::InvalidArgument("coefficients are not finite"));
        }
        path.coef.extend_from_slice(&search.point.w);
        path.ends.push(end);
    }
    Ok((path, search.means()?))
}

impl<F: Float, X: Wide<F>> Search<'_, F, X> {
    /// Lets features join the working set, besides those with coefficients.
    fn join(&mut self, ctx: &Context, features: Vec<usize>) -> Result<()> {
        let mut all = self.working.take().map_or_else(Vec::new, |working| working.features);
        all.extend(features);
        let n = self.x.n_cols();
        all.extend((0..self.point.w.len()).filter(|&at| self.point.w[at] != 0.0).map(|at| at % n));
        all.sort_unstable();
        all.dedup();
        if all.len() > MOST {
            return Err(Error::InvalidArgument(TOO_MANY));
        }
        if !all.is_empty() {
            let known = self.x.products_of(ctx, &all, &self.targets, self.fit_intercept)?;
            self.working = Some(Working { features: all, known });
        }
        Ok(())
    }

    /// The means of the features of the working set, zeros for the others, shape (n_features,).
    fn means(&self) -> Result<Vec<f64>> {
        let mut means = memory::try_filled(self.x.n_cols(), 0.0)?;
        if let Some(Working { features, known }) = &self.working {
            features.iter().zip(&known.means).for_each(|(&feature, &mean)| means[feature] = mean);
        }
        Ok(means)
    }

    /// Takes a pass over the table for each target.
    fn look(&mut self, ctx: &Context) -> Result<()> {
        let means = self.means()?;
        let mut all = memory::try_with_capacity(self.point.w.len())?;
        self.residuals = Residuals { square: 0.0, with_target: 0.0 };
        let targets = self.apart.iter().zip(&self.center.target_means);
        for ((y, &target_mean), w) in targets.zip(self.point.w.chunks_exact(means.len())) {
            let terms: Vec<_> = w.iter().copied().enumerate().filter(|(_, w)| *w != 0.0).collect();
            let at_means: f64 = terms.iter().map(|&(feature, w)| means[feature] * w).sum();
            let line = Line { target_mean, intercept: target_mean - at_means, terms: &terms };
            let target = Targets { y, n_targets: 1, weights: self.targets.weights };
            let GradientPass { gradient, residuals } = self.x.gradient_pass(ctx, &target, &self.center, &line)?;
            all.extend(gradient);
            self.residuals.square += residuals.square;
            self.residuals.with_target += residuals.with_target;
        }
        self.point.gradient = all;
        Ok(())
    }

    /// The duality gap of the whole problem.
    fn gap(&self, penalty: &Penalty, positive: bool) -> Result<f64> {
        let gap = match self.targets.n_targets {
            1 => Gap::at(self.residuals, penalty, positive, &self.point),
            n_tasks => Gap::of_tasks(self.residuals, penalty, n_tasks, &self.point)?,
        };
        Ok(gap.value)
    }

    /// Solves the problem for one penalty.
    fn find(&mut self, ctx: &Context, penalty: &Penalty, params: &Params) -> Result<End> {
        let allowed = params.tol * self.target_square;
        let (mut tol, mut tightened, mut n_iter, mut most) = (params.tol, 0, 0, FIRST_PASSES);
        let mut is_solved = false;
        loop {
            let gap = self.gap(penalty, params.positive)?;
            let steep = self.steep(penalty, params.positive)?;
            if gap <= allowed || n_iter >= params.max_iter || tightened > MAX_TIGHTER || !gap.is_finite() {
                return Ok(End { gap, allowed, n_iter });
            }
            if !steep.is_empty() {
                self.join(ctx, steep)?;
            } else if is_solved {
                tol *= TIGHTER;
                tightened += 1;
            }
            let Some(Working { features, known }) = &self.working else {
                return Ok(End { gap, allowed, n_iter });
            };
            let problem = known.problem(0..self.targets.n_targets);
            let n = self.x.n_cols();
            let places = (0..self.targets.n_targets).flat_map(|target| features.iter().map(move |&j| target * n + j));
            let mut start = memory::try_with_capacity(problem.products.len())?;
            start.extend(places.clone().map(|place| self.point.w[place]));
            let mut point = problem.point(start)?;
            let max_iter = most.min(params.max_iter - n_iter);
            let settings = descent::Params { max_iter, tol, positive: params.positive, seed: None };
            let end = problem.descend(ctx, penalty, &settings, &mut point)?;
            (n_iter, most, is_solved) = (n_iter + end.n_iter, most.saturating_mul(MORE_PASSES), end.gap <= end.allowed);
            places.zip(&point.w).for_each(|(place, &w)| self.point.w[place] = w);
            self.look(ctx)?;
        }
    }

    /// Features outside the working set with the steepest gradients, of those whose coefficients would not be zero.
    fn steep(&self, penalty: &Penalty, positive: bool) -> Result<Vec<usize>> {
        let known = self.working.as_ref().map_or(&[][..], |working| &working.features);
        let gradients = match self.targets.n_targets {
            1 if positive => {
                let mut gradients = memory::try_copied(&self.point.gradient)?;
                gradients.iter_mut().zip(&self.point.w).for_each(|(gradient, w)| *gradient -= penalty.l2 * w);
                gradients
            }
            n_tasks => gradient_norms(penalty, n_tasks, &self.point)?,
        };
        let gradient = |j: usize| gradients[j];
        let mut steep: Vec<usize> =
            (0..gradients.len()).filter(|&j| gradient(j) > penalty.l1 && known.binary_search(&j).is_err()).collect();
        let most = JOIN.max(known.len());
        if steep.len() > most {
            steep.select_nth_unstable_by(most, |&a, &b| gradient(b).total_cmp(&gradient(a)).then(a.cmp(&b)));
            steep.truncate(most);
        }
        Ok(steep)
    }
}
