//! Least squares by products with vectors alone, for rows of any storage. The rows are seen less their means and times the
//! roots of their weights, but no such matrix is made.

use std::marker::PhantomData;
use std::ops::Range;

use super::normal_equations::Targets;
use crate::common::context::Blocks;
use crate::common::error::check_length;
use crate::common::{Context, Float, Result, memory, parallel};
use crate::linalg::centred::Centred;
use crate::optimize::conjugate::conjugate_gradients;
use crate::optimize::lsqr::{Operator, Params, lsqr};

/// Rows that are multiplied by one worker at a time, at least.
const MIN_ROWS: usize = 1024;
const MAX_BLOCKS: usize = 32;
/// Stored values that are multiplied twice while they are in the second cache.
const CACHED: usize = 1 << 14;
/// Beyond this condition LSQR does not go on.
const MAX_CONDITION: f64 = 1e8;
/// Steps of conjugate gradients for each unknown, if nothing else is said.
const STEPS_OF_EACH: usize = 10;

/// What was learnt.
pub struct Fit {
    /// Coefficients, row-major of shape (n_targets, n_features).
    pub coef: Vec<f64>,
    /// Steps of LSQR for each target.
    pub steps: Vec<usize>,
    /// Means of the features, zeros without an intercept.
    pub means: Vec<f64>,
    /// Means of the targets, zeros without an intercept.
    pub target_means: Vec<f64>,
}

/// How the problem of each target is solved.
pub enum Solver {
    /// LSQR, within at most so many steps.
    Lsqr(Option<usize>),
    /// Conjugate gradients on the matrix of products, of features or of rows, whichever are fewer; within at most so
    /// many steps where these are the features.
    ConjugateGradients(Option<usize>),
}

/// Solves least squares for each target, with a penalty of `alphas` (one for each) on the squared length of its
/// coefficients.
///
/// # Errors
/// [`crate::common::Error::InvalidArgument`] if the weights have no sum; [`crate::common::Error::Shape`];
/// [`crate::common::Error::OutOfMemory`]; [`crate::common::Error::Interrupted`].
pub fn fit<F: Float>(
    ctx: &Context,
    x: &impl Centred<F>,
    targets: &Targets<F>,
    alphas: &[f64],
    fit_intercept: bool,
    solver: &Solver,
    tol: f64,
) -> Result<Fit> {
    check_length("alpha", alphas.len(), targets.n_targets)?;
    let (n_rows, n) = (x.n_rows(), x.n_cols());
    let target_means = targets.means(ctx, fit_intercept)?;
    let mut roots = memory::try_with_capacity(n_rows)?;
    roots.extend((0..n_rows).map(|row| targets.root(row)));
    let mut table = Table { x, roots, means: memory::try_filled(n, 0.0)?, values: PhantomData };
    if fit_intercept {
        let mut weights = memory::try_with_capacity(n_rows)?;
        weights.extend((0..n_rows).map(|row| targets.weight(row)));
        let total: f64 = weights.iter().sum();
        // What the first means are off, about them, is as small as their rounding.
        for _ in 0..2 {
            let off = table.sums(ctx, &weights)?;
            table.means.iter_mut().zip(off).for_each(|(mean, off)| *mean += off / total);
        }
    }
    let solved = parallel::map(ctx, (0..targets.n_targets).collect(), |target| {
        let mut b = memory::try_with_capacity(n_rows)?;
        b.extend((0..n_rows).map(|row| {
            let value = targets.y[row * targets.n_targets + target].to_f64();
            (value - target_means[target]) * table.roots[row]
        }));
        match *solver {
            Solver::Lsqr(most) => {
                let max_steps = most.unwrap_or(2 * n);
                let params = Params { damp: alphas[target].sqrt(), tol, max_condition: MAX_CONDITION, max_steps };
                lsqr(ctx, &table, b, &params)
            }
            Solver::ConjugateGradients(most) => Ok((table.by_gradients(ctx, b, alphas[target], tol, most)?, 0)),
        }
    })?;
    let (coef, steps): (Vec<_>, _) = solved.into_iter().unzip();
    Ok(Fit { coef: coef.concat(), steps, means: table.means, target_means })
}

/// Rows less their means, times the roots of their weights.
struct Table<'a, F, X> {
    x: &'a X,
    /// Shape (n_rows,).
    roots: Vec<f64>,
    /// Shape (n_features,).
    means: Vec<f64>,
    values: PhantomData<F>,
}

impl<F: Float, X: Centred<F>> Table<'_, F, X> {
    /// So few blocks that putting the sums of all of them together costs no more than taking them.
    fn blocks(&self) -> Blocks {
        let most = (self.x.nnz() / (4 * self.means.len())).clamp(1, MAX_BLOCKS);
        Blocks::new(self.x.n_rows(), MIN_ROWS, most)
    }

    /// The coefficients for one target by conjugate gradients.
    fn by_gradients(
        &self,
        ctx: &Context,
        b: Vec<f64>,
        alpha: f64,
        tol: f64,
        max_steps: Option<usize>,
    ) -> Result<Vec<f64>> {
        let add = |mut image: Vec<f64>, vector: &[f64]| {
            image.iter_mut().zip(vector).for_each(|(image, value)| *image += alpha * value);
            image
        };
        if self.x.n_cols() > self.x.n_rows() {
            let max_steps = STEPS_OF_EACH * b.len();
            let image = |v: &[f64]| Ok(add(self.apply(ctx, &self.apply_transposed(ctx, v)?)?, v));
            let dual = conjugate_gradients(ctx, image, b, tol, max_steps)?;
            return self.apply_transposed(ctx, &dual);
        }
        let max_steps = max_steps.unwrap_or(STEPS_OF_EACH * self.x.n_cols());
        let mut product = memory::try_filled(self.x.n_rows(), 0.0)?;
        let image = |v: &[f64]| Ok(add(self.apply_both(ctx, v, 0.0, &mut product)?, v));
        conjugate_gradients(ctx, image, self.apply_transposed(ctx, &b)?, tol, max_steps)
    }

    /// Sums over the rows less their means, each times its factor, shape (n_features,).
    fn sums(&self, ctx: &Context, factors: &[f64]) -> Result<Vec<f64>> {
        let blocks = self.blocks().ranges().collect();
        let parts = parallel::map(ctx, blocks, |rows: Range<usize>| {
            let mut sums = memory::try_filled(self.means.len(), 0.0)?;
            self.x.add_rows(rows.clone(), &self.means, &factors[rows], &mut sums);
            Ok(sums)
        })?;
        self.joined(parts)
    }

    /// The sum of the sums of all blocks.
    fn joined(&self, parts: Vec<Vec<f64>>) -> Result<Vec<f64>> {
        let mut parts = parts.into_iter();
        let mut sums = parts.next().map_or_else(|| memory::try_filled(self.means.len(), 0.0), Ok)?;
        parts.for_each(|part| sums.iter_mut().zip(part).for_each(|(sum, value)| *sum += value));
        Ok(sums)
    }
}

impl<F: Float, X: Centred<F>> Operator for Table<'_, F, X> {
    fn n_cols(&self) -> usize {
        self.means.len()
    }

    fn apply(&self, ctx: &Context, vector: &[f64]) -> Result<Vec<f64>> {
        let mut out = memory::try_filled(self.x.n_rows(), 0.0)?;
        let blocks = self.blocks();
        let jobs = blocks.ranges().zip(out.chunks_mut(blocks.rows())).collect();
        parallel::map(ctx, jobs, |(rows, out): (Range<usize>, &mut [f64])| {
            self.x.dots(rows.clone(), &self.means, vector, out);
            out.iter_mut().zip(&self.roots[rows]).for_each(|(value, root)| *value *= root);
            Ok(())
        })?;
        Ok(out)
    }

    fn apply_transposed(&self, ctx: &Context, vector: &[f64]) -> Result<Vec<f64>> {
        let mut factors = memory::try_with_capacity(vector.len())?;
        factors.extend(vector.iter().zip(&self.roots).map(|(value, root)| value * root));
        self.sums(ctx, &factors)
    }

    fn apply_both(&self, ctx: &Context, vector: &[f64], fraction: f64, u: &mut [f64]) -> Result<Vec<f64>> {
        let blocks = self.blocks();
        // Whole groups of rows, of at least as many values as it takes to make up for the means.
        let stored = CACHED.max(4 * self.means.len());
        let height = (stored * self.x.n_rows() / self.x.nnz().max(1)).next_multiple_of(4).max(4);
        let jobs = blocks.ranges().zip(u.chunks_mut(blocks.rows())).collect();
        let parts = parallel::map(ctx, jobs, |(rows, u): (Range<usize>, &mut [f64])| {
            let mut sums = memory::try_filled(self.means.len(), 0.0)?;
            let mut out = memory::try_filled(height.min(rows.len()), 0.0)?;
            for (start, u) in rows.step_by(height).zip(u.chunks_mut(height)) {
                let (rows, out) = (start..start + u.len(), &mut out[..u.len()]);
                self.x.dots(rows.clone(), &self.means, vector, out);
                for ((u, out), root) in u.iter_mut().zip(&mut *out).zip(&self.roots[rows.clone()]) {
                    *u = *out * root + fraction * *u;
                    *out = *u * root;
                }
                self.x.add_rows(rows, &self.means, out, &mut sums);
            }
            Ok(sums)
        })?;
        self.joined(parts)
    }
}
