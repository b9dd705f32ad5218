//! What smooth linear models minimise: the weighted mean of a loss, plus a penalty on the squared length of the
//! coefficients; its gradient and its second derivatives. One evaluation is one pass over the rows.
//!
//! Variables are row-major of shape (count, n_features), with an intercept behind each row if there is one.

use std::ops::Range;

use super::losses::Loss;
use crate::common::context::Blocks;
use crate::common::simd::{Loops, compiled, prefetch};
use crate::common::{Context, Float, Result, memory, pairwise, parallel};
use crate::linalg::fused_pass::{Buffers, FusedRows};
use crate::linalg::gram::{self, Gram};
use crate::linalg::vectors::{add_multiple, dot};

/// Rows that are summed by one worker at a time, at least.
const MIN_ROWS: usize = 512;
const MAX_BLOCKS: usize = 32;
/// Sums that all blocks hold together, unless a few blocks hold more.
const HELD_SUMS: usize = 1 << 20;
const MIN_HELD: usize = 4;
/// Scalars that the sums of products of all blocks may take, unless one block takes more.
const MAX_SUMS: usize = 1 << 26;
/// Rows that are weighed between two looks ahead.
const GROUP: usize = 16;
/// Sums in turn.
const LANES: usize = 8;
/// Bytes of a cache line.
const LINE: usize = 64;

/// Rows with their targets and weights.
#[derive(Debug)]
pub struct Data<'a, F, X> {
    /// Features, shape (n_rows, n_features).
    pub x: &'a X,
    /// Targets, shape (n_rows,); classes are numbers from zero on.
    pub y: &'a [F],
    /// Weights, shape (n_rows,).
    pub weights: Option<&'a [F]>,
}

/// A function of the coefficients.
pub struct Objective<'a, F, X, L> {
    data: Data<'a, F, X>,
    loss: L,
    /// Half of this is what the squared length of the coefficients costs.
    penalty: f64,
    fit_intercept: bool,
    total: f64,
}

/// What a worker needs for a block of rows.
#[derive(Default)]
struct Scratch<F> {
    buffers: Buffers<F>,
    margins: Vec<f64>,
    losses: Vec<f64>,
    targets: Vec<f64>,
}

/// The sums of a block, without the penalty.
struct Part {
    value: f64,
    sums: Vec<f64>,
    intercepts: Vec<f64>,
}

impl<'a, F: Float, X: FusedRows<F> + Gram<F>, L: Loss> Objective<'a, F, X, L> {
    /// The objective with a loss.
    pub fn new(data: Data<'a, F, X>, loss: L, penalty: f64, fit_intercept: bool) -> Self {
        let total = match data.weights {
            None => data.y.len() as f64,
            Some(weights) => weights.iter().map(|weight| weight.to_f64()).sum(),
        };
        Self { data, loss, penalty, fit_intercept, total }
    }

    /// Coefficients of one margin, with the intercept.
    pub fn width(&self) -> usize {
        self.data.x.n_cols() + usize::from(self.fit_intercept)
    }

    /// Margins of a row.
    pub fn count(&self) -> usize {
        self.loss.count()
    }

    /// Numbers that the states of all rows take.
    ///
    /// # Errors
    /// [`crate::common::Error::OutOfMemory`] if there cannot be so many.
    pub fn states(&self) -> Result<usize> {
        memory::checked_len(self.data.y.len(), self.count())
    }

    fn weight(&self, row: usize) -> f64 {
        self.data.weights.map_or(1.0, |weights| weights[row].to_f64())
    }

    /// So few blocks that putting the sums of all together costs no more than taking them, and that they stay in a cache.
    fn blocks(&self) -> Blocks {
        let x = self.data.x;
        let held = (HELD_SUMS / x.sums_len(self.count())).max(MIN_HELD);
        let most = (x.nnz() / (4 * x.n_cols())).min(held).clamp(1, MAX_BLOCKS);
        Blocks::new(self.data.y.len(), MIN_ROWS, most)
    }

    /// Coefficients and intercepts apart.
    fn split(&self, variables: &[f64]) -> Result<(Vec<f64>, Vec<f64>)> {
        let n_cols = self.data.x.n_cols();
        let mut coef = memory::try_with_capacity(self.count() * n_cols)?;
        let mut intercepts = memory::try_filled(self.count(), 0.0)?;
        for (row, intercept) in variables.chunks_exact(self.width()).zip(&mut intercepts) {
            coef.extend_from_slice(&row[..n_cols]);
            *intercept = row.get(n_cols).copied().unwrap_or(0.0);
        }
        Ok((coef, intercepts))
    }

    /// The value, whose gradient goes to `gradient`; both shaped like `variables`. `states`, of [`Objective::states`]
    /// numbers or empty, take what the second derivatives need.
    ///
    /// # Errors
    /// [`crate::common::Error::OutOfMemory`]; [`crate::common::Error::Interrupted`].
    pub fn evaluate(&self, ctx: &Context, variables: &[f64], gradient: &mut [f64], states: &mut [f64]) -> Result<f64> {
        let work = |rows: Range<usize>, scratch: &mut Weighing<'_>, products: &mut [F], next: &[F]| {
            let targets = &self.data.y[rows.clone()];
            scratch.targets.resize(targets.len(), 0.0);
            scratch.losses.resize(targets.len(), 0.0);
            compiled(Weigh {
                loss: self.loss,
                y: targets,
                weights: self.data.weights.map(|weights| &weights[rows]),
                fraction: 1.0 / self.total,
                products,
                next,
                scratch,
            });
            // A value is compared with the next one to the last digits.
            pairwise::sum(scratch.losses)
        };
        let value = self.sum(ctx, variables, gradient, states, work)? / self.total;
        let mut squares = 0.0;
        let n_cols = self.data.x.n_cols();
        for (gradient, row) in gradient.chunks_exact_mut(self.width()).zip(variables.chunks_exact(self.width())) {
            add_multiple(&mut gradient[..n_cols], self.penalty, &row[..n_cols]);
            squares += dot(&row[..n_cols], &row[..n_cols]);
        }
        Ok(if self.penalty == 0.0 { value } else { value + 0.5 * self.penalty * squares })
    }

    /// The product of the matrix of second derivatives with `direction`, given the states.
    ///
    /// # Errors
    /// As [`Objective::evaluate`].
    pub fn hvp(&self, ctx: &Context, states: &mut [f64], direction: &[f64], out: &mut [f64]) -> Result<()> {
        let (count, fraction) = (self.count(), 1.0 / self.total);
        let work = |rows: Range<usize>, scratch: &mut Weighing<'_>, products: &mut [F], _: &[F]| {
            let tile = rows.zip(products.chunks_exact_mut(count)).zip(scratch.states.chunks_exact(count));
            for ((row, products), states) in tile {
                let margins = &mut scratch.margins[..count];
                let pairs = margins.iter_mut().zip(products.iter().zip(scratch.intercepts));
                pairs.for_each(|(margin, (product, intercept))| *margin = product.to_f64() + intercept);
                self.loss.hvp(states, margins);
                let factor = self.weight(row) * fraction;
                for ((product, margin), sum) in products.iter_mut().zip(margins).zip(scratch.sums.iter_mut()) {
                    *margin *= factor;
                    *sum += *margin;
                    *product = F::from_f64(*margin);
                }
            }
            0.0
        };
        self.sum(ctx, direction, out, states, work)?;
        let n_cols = self.data.x.n_cols();
        for (out, row) in out.chunks_exact_mut(self.width()).zip(direction.chunks_exact(self.width())) {
            add_multiple(&mut out[..n_cols], self.penalty, &row[..n_cols]);
        }
        Ok(())
    }

    /// One pass: what `work` makes of the products of rows with `variables` weighs the rows, whose sum goes to `out`.
    fn sum(
        &self,
        ctx: &Context,
        variables: &[f64],
        out: &mut [f64],
        states: &mut [f64],
        work: impl Fn(Range<usize>, &mut Weighing<'_>, &mut [F], &[F]) -> f64 + Sync,
    ) -> Result<f64> {
        let (x, count) = (self.data.x, self.count());
        let (coef, intercepts) = self.split(variables)?;
        let packed = x.pack_vectors(&coef)?;
        let blocks = self.blocks();
        let mut states = states.chunks_mut(blocks.rows() * count);
        let jobs = blocks.ranges().map(|rows| (rows, states.next().unwrap_or_default())).collect();
        let parts = parallel::map_with(
            ctx,
            jobs,
            || Ok(Scratch::<F>::default()),
            |scratch, (block, mut states)| {
                let Scratch { buffers, margins, losses, targets } = scratch;
                let mut part = Part {
                    value: 0.0,
                    sums: memory::try_filled(x.sums_len(count), 0.0)?,
                    intercepts: memory::try_filled(count, 0.0)?,
                };
                let weigh = |rows: Range<usize>, products: &mut [F], next: &[F]| {
                    margins.resize(products.len(), 0.0);
                    let len = states.len().min(products.len());
                    let (own, rest) = std::mem::take(&mut states).split_at_mut(len);
                    states = rest;
                    let mut weighing = Weighing {
                        intercepts: &intercepts,
                        margins,
                        losses,
                        targets,
                        states: own,
                        sums: &mut part.intercepts,
                    };
                    part.value += work(rows, &mut weighing, products, next);
                };
                x.map_reduce(block, &packed, count, buffers, weigh, &mut part.sums);
                Ok(part)
            },
        )?;
        let mut parts = parts.into_iter();
        let empty =
            || Ok(Part { value: 0.0, sums: memory::try_filled(x.sums_len(count), 0.0)?, intercepts: vec![0.0; count] });
        let mut total = parts.next().map_or_else(empty, Ok)?;
        for part in parts {
            total.value += part.value;
            add_multiple(&mut total.sums, 1.0, &part.sums);
            add_multiple(&mut total.intercepts, 1.0, &part.intercepts);
        }
        let sums = x.unpack_sums(total.sums, count)?;
        let rows = out.chunks_exact_mut(self.width()).zip(sums.chunks_exact(x.n_cols())).zip(total.intercepts);
        for ((out, sums), intercept) in rows {
            out[..sums.len()].copy_from_slice(sums);
            if let Some(last) = out.get_mut(sums.len()) {
                *last = intercept;
            }
        }
        Ok(total.value)
    }

    /// The matrix of second derivatives, row-major of shape (variables, variables), given the states. Where the loss
    /// curves down, the magnitude is taken; returns whether it does so for more than a quarter of the weights.
    ///
    /// # Errors
    /// As [`Objective::evaluate`].
    pub fn hessian(&self, ctx: &Context, states: &[f64], out: &mut [f64]) -> Result<bool> {
        let (x, count, width) = (self.data.x, self.count(), self.width());
        let (n_cols, stride, len) = (x.n_cols(), gram::stride(x.n_cols()), gram::length(x.n_cols())?);
        let n = count * width;
        let blocks = Blocks::new(self.data.y.len(), MIN_ROWS, (MAX_SUMS / len).clamp(1, MAX_BLOCKS));
        let mut weights = memory::try_filled(self.data.y.len(), 0.0)?;
        let mut falls = 0.0;
        for k in 0..count {
            for l in k..count {
                for (row, (weight, states)) in weights.iter_mut().zip(states.chunks_exact(count)).enumerate() {
                    let (own, curvature) = (self.weight(row), self.loss.curvature(states, k, l));
                    if count == 1 && own * curvature <= 0.0 {
                        falls += own;
                    }
                    *weight = (own * curvature).abs() / self.total;
                }
                let parts = parallel::map(ctx, blocks.ranges().collect(), |rows| {
                    let mut sums = memory::try_filled(len, 0.0)?;
                    for start in rows.clone().step_by(MIN_ROWS) {
                        ctx.check()?;
                        let rows = start..(start + MIN_ROWS).min(rows.end);
                        x.add_gram(rows.clone(), &weights[rows], &mut sums)?;
                    }
                    Ok(sums)
                })?;
                let mut parts = parts.into_iter();
                let mut sums = parts.next().map_or_else(|| memory::try_filled(len, 0.0), Ok)?;
                parts.for_each(|part| add_multiple(&mut sums, 1.0, &part));
                let sign = if k == l { 1.0 } else { -1.0 };
                for i in 0..width {
                    for j in i..width {
                        let penalty = if k == l && i == j && i < n_cols { self.penalty } else { 0.0 };
                        let value = sign * sums[i * stride + j] + penalty;
                        for (a, b) in [(k * width + i, l * width + j), (k * width + j, l * width + i)] {
                            out[a * n + b] = value;
                            out[b * n + a] = value;
                        }
                    }
                }
            }
        }
        Ok(falls > 0.25 * self.total)
    }
}

/// What a tile of rows is weighed with.
struct Weighing<'s> {
    /// Shape (count,).
    intercepts: &'s [f64],
    /// Room for a number for each product.
    margins: &'s mut Vec<f64>,
    /// Room for a number for each row.
    losses: &'s mut Vec<f64>,
    targets: &'s mut Vec<f64>,
    /// States of the rows, or none.
    states: &'s mut [f64],
    /// Sums of the factors, shape (count,).
    sums: &'s mut [f64],
}

/// From the products of rows to their weighted losses, and to the derivatives of their shares in the mean.
struct Weigh<'k, 's, F, L> {
    loss: L,
    y: &'k [F],
    weights: Option<&'k [F]>,
    fraction: f64,
    products: &'k mut [F],
    /// What is read next.
    next: &'k [F],
    scratch: &'k mut Weighing<'s>,
}

impl<F: Float, L: Loss> Loops for Weigh<'_, '_, F, L> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        if self.loss.count() == 1 { self.single() } else { self.several() }
    }
}

impl<F: Float, L: Loss> Weigh<'_, '_, F, L> {
    /// Rows of one margin each. What comes next is asked for meanwhile: memory would have nothing to do.
    #[inline(always)]
    fn single(&mut self) {
        let len = self.y.len();
        let mut next = self.next.chunks(self.next.len().div_ceil(len.div_ceil(GROUP)).max(1));
        for start in (0..len).step_by(GROUP) {
            let next = next.next().unwrap_or_default();
            for at in (0..next.len()).step_by(LINE / size_of::<F>()) {
                prefetch(&raw const next[at]);
            }
            self.some(start, (start + GROUP).min(len));
        }
        self.scratch.sums[0] += in_lanes(&self.scratch.margins[..len]);
    }

    /// The rows of a range, of one margin each.
    #[inline(always)]
    fn some(&mut self, start: usize, end: usize) {
        let Weighing { intercepts, margins, losses, targets, states, .. } = &mut *self.scratch;
        let (len, fraction, intercept) = (end - start, self.fraction, intercepts[0]);
        let (margins, losses) = (&mut margins[start..end], &mut losses[start..end]);
        let (products, targets) = (&mut self.products[start..end], &mut targets[start..end]);
        let y = &self.y[start..end];
        for row in 0..len {
            targets[row] = y[row].to_f64();
            margins[row] = products[row].to_f64() + intercept;
        }
        let states = if states.is_empty() { &mut [][..] } else { &mut states[start..end] };
        self.loss.derive(targets, margins, losses, states);
        if let Some(weights) = self.weights {
            let weights = &weights[start..end];
            for row in 0..len {
                let weight = weights[row].to_f64();
                losses[row] *= weight;
                margins[row] *= weight * fraction;
            }
        } else {
            for row in 0..len {
                margins[row] *= fraction;
            }
        }
        for row in 0..len {
            products[row] = F::from_f64(margins[row]);
        }
    }

    /// Rows of several margins each.
    #[inline(always)]
    fn several(&mut self) {
        let (count, fraction) = (self.loss.count(), self.fraction);
        let Weighing { intercepts, margins, losses, targets, states, sums } = &mut *self.scratch;
        let margins = &mut margins[..self.products.len()];
        targets.iter_mut().zip(self.y).for_each(|(target, y)| *target = y.to_f64());
        for (margins, products) in margins.chunks_exact_mut(count).zip(self.products.chunks_exact(count)) {
            let pairs = margins.iter_mut().zip(products.iter().zip(*intercepts));
            pairs.for_each(|(margin, (product, intercept))| *margin = product.to_f64() + intercept);
        }
        self.loss.derive(targets, margins, losses, states);
        match self.weights {
            None => margins.iter_mut().for_each(|margin| *margin *= fraction),
            Some(weights) => {
                for ((margins, loss), weight) in margins.chunks_exact_mut(count).zip(&mut **losses).zip(weights) {
                    let weight = weight.to_f64();
                    *loss *= weight;
                    let factor = weight * fraction;
                    margins.iter_mut().for_each(|margin| *margin *= factor);
                }
            }
        }
        for margins in margins.chunks_exact(count) {
            sums.iter_mut().zip(margins).for_each(|(sum, margin)| *sum += margin);
        }
        self.products.iter_mut().zip(&*margins).for_each(|(product, margin)| *product = F::from_f64(*margin));
    }
}

/// The sum of `values`, in several sums in turn.
#[inline(always)]
fn in_lanes(values: &[f64]) -> f64 {
    let (groups, rest) = values.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for group in groups {
        for lane in 0..LANES {
            sums[lane] += group[lane];
        }
    }
    for at in 0..rest.len() {
        sums[at] += rest[at];
    }
    let [a, b, c, d, e, f, g, h] = sums;
    ((a + b) + (c + d)) + ((e + f) + (g + h))
}
