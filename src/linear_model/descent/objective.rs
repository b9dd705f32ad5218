//! The function that a descent goes down, batch by batch: the mean loss of some samples, its gradients, and penalties.
//!
//! Parameters are one flat buffer: coefficients, row-major of shape (n_outputs, n_features), then intercepts, shape
//! (n_outputs,). A batch is passed over once, a few rows at a time: margins, what the loss says of them, and the gradients
//! while the rows are still in the cache. Large batches are cut into blocks that are added up in order.

use super::loss::Loss;
use crate::common::context::Blocks;
use crate::common::error::check_length;
use crate::common::simd::{Loops, compiled, prefetch};
use crate::common::{Context, Error, Float, Result, memory, parallel};
use crate::linalg::margins::Margins;
use crate::linalg::{RowSet, Scratch};

/// Products that are worth a block of their own.
const MIN_WORK: usize = 1 << 18;
/// Chains of a sum over coefficients.
const LANES: usize = 8;
/// Most blocks of a batch: sums of single precision are short, those of blocks are wide.
const MAX_BLOCKS: usize = 256;

/// Samples, what they should give, and how much they count.
#[derive(Debug)]
pub struct Samples<'a, X, F> {
    /// Rows.
    pub x: &'a X,
    /// Targets, or classes as numbers 0, 1, ... Shape (n_rows,).
    pub y: &'a [F],
    /// Weights, not negative, not all zero. Shape (n_rows,).
    pub weights: Option<&'a [F]>,
}

impl<F: Float, X: Margins<F>> Samples<'_, X, F> {
    /// Checks shapes, and that `loss` with `n_outputs` margins knows the targets.
    ///
    /// # Errors
    /// [`Error::Shape`]; [`Error::InvalidArgument`].
    pub fn check(&self, loss: Loss, n_outputs: usize) -> Result<()> {
        check_length("y", self.y.len(), self.x.n_rows())?;
        check_length("sample_weight", self.weights.map_or(self.y.len(), <[F]>::len), self.x.n_rows())?;
        let classes = if loss == Loss::Categorical { n_outputs } else { 1 };
        check_length("outputs", n_outputs, classes)?;
        if loss == Loss::Categorical && self.y.iter().any(|class| class.to_f64() as usize >= n_outputs) {
            return Err(Error::InvalidArgument("a class without a margin"));
        }
        Ok(())
    }

    /// The sum of the weights.
    pub fn total(&self) -> f64 {
        self.weights.map_or(self.y.len() as f64, |weights| weights.iter().map(|weight| weight.to_f64()).sum())
    }

    /// Asks for rows that are read soon.
    #[inline(always)]
    pub fn prefetch(&self, rows: &[u32]) {
        self.x.prefetch(rows);
        for &row in rows {
            prefetch(&self.y[row as usize]);
            self.weights.iter().for_each(|weights| prefetch(&weights[row as usize]));
        }
    }

    #[inline(always)]
    fn weight(&self, row: usize) -> f64 {
        self.weights.map_or(1.0, |weights| weights[row].to_f64())
    }
}

/// Penalties of coefficients.
#[derive(Debug, Clone, Copy)]
pub struct Penalty {
    /// Of the sum of magnitudes.
    pub l1: f64,
    /// Of half the sum of squares.
    pub l2: f64,
    /// Whether that of squares counts for the value only: the coefficients are made to decay in another way.
    pub decays: bool,
}

impl Penalty {
    /// The penalty. Adds its gradients to `gradients`; both slices have shape (n_outputs * n_features,).
    ///
    /// Where magnitudes have a kink, at zero, the gradient is the least steep one: a coefficient stays at zero unless the loss
    /// pulls stronger than the penalty holds.
    pub fn add<F: Float>(self, coef: &[F], gradients: &mut [F]) -> f64 {
        if self.l1 == 0.0 && self.l2 == 0.0 { 0.0 } else { compiled(Pull { penalty: self, coef, gradients }) }
    }
}

struct Pull<'k, F> {
    penalty: Penalty,
    coef: &'k [F],
    gradients: &'k mut [F],
}

impl<F: Float> Pull<'_, F> {
    /// The gradient of one coefficient, and its magnitude.
    #[inline(always)]
    fn of(coef: F, gradient: F, l1: F, l2: F) -> (F, f64) {
        let gradient = gradient + l2 * coef;
        let pulled = if gradient > F::ZERO { gradient - l1 } else { gradient + l1 };
        let at_zero = if gradient.abs() <= l1 { F::ZERO } else { pulled };
        let aside = if coef > F::ZERO { gradient + l1 } else { gradient - l1 };
        (if coef == F::ZERO { at_zero } else { aside }, coef.to_f64().abs())
    }
}

impl<F: Float> Loops for Pull<'_, F> {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        let Penalty { l1, l2, decays } = self.penalty;
        let (hold, fraction) = (F::from_f64(l1), F::from_f64(if decays { 0.0 } else { l2 }));
        let mut sums = [[0.0; LANES]; 2];
        let mut groups = (self.coef.chunks_exact(LANES), self.gradients.chunks_exact_mut(LANES));
        for (coef, gradients) in groups.0.by_ref().zip(groups.1.by_ref()) {
            for lane in 0..LANES {
                let (gradient, size) = Self::of(coef[lane], gradients[lane], hold, fraction);
                gradients[lane] = gradient;
                sums[0][lane] += size;
                sums[1][lane] += size * size;
            }
        }
        for (&coef, gradient) in groups.0.remainder().iter().zip(groups.1.into_remainder()) {
            let size;
            (*gradient, size) = Self::of(coef, *gradient, hold, fraction);
            sums[0][0] += size;
            sums[1][0] += size * size;
        }
        l1 * sums[0].iter().sum::<f64>() + 0.5 * l2 * sums[1].iter().sum::<f64>()
    }
}

/// The mean loss of samples.
#[derive(Debug)]
pub struct Objective<'a, X, F> {
    samples: &'a Samples<'a, X, F>,
    loss: Loss,
    n_outputs: usize,
    /// What makes weights one on average.
    unit: f64,
}

/// Buffers of a pass, made once.
#[derive(Debug)]
pub struct Buffers<F> {
    margins: Vec<F>,
    /// Targets and weights of listed rows.
    gathered: [Vec<F>; 2],
}

impl<'a, F: Float, X: Margins<F>> Objective<'a, X, F> {
    /// The mean of `loss`, a function of `n_outputs` margins, over `samples`.
    pub fn new(samples: &'a Samples<'a, X, F>, loss: Loss, n_outputs: usize) -> Self {
        Self { samples, loss, n_outputs, unit: samples.y.len() as f64 / samples.total() }
    }

    /// The samples.
    pub fn samples(&self) -> &'a Samples<'a, X, F> {
        self.samples
    }

    /// How many there are.
    pub fn n_rows(&self) -> usize {
        self.samples.y.len()
    }

    /// Coefficients of all outputs.
    pub fn n_coef(&self) -> usize {
        self.n_outputs * self.samples.x.n_cols()
    }

    /// Buffers for [`Objective::gradients`].
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn buffers(&self) -> Result<Buffers<F>> {
        let some = self.samples.x.cached_rows();
        let gathered = [memory::try_filled(some, F::ZERO)?, memory::try_filled(some, F::ZERO)?];
        Ok(Buffers { margins: memory::try_filled(some * self.n_outputs, F::ZERO)?, gathered })
    }

    /// The sum of the losses of a batch, weights being one on average over all samples. Writes the gradients of their mean
    /// along all parameters to `gradients`, shape (n_params,), as is `params`.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`]; [`Error::Interrupted`].
    pub fn gradients(
        &self,
        ctx: &Context,
        batch: RowSet,
        params: &[F],
        buffers: &mut Buffers<F>,
        gradients: &mut [F],
    ) -> Result<f64> {
        let products = self.samples.x.nnz() / self.samples.y.len().max(1) * self.n_outputs;
        let blocks = Blocks::new(batch.len(), (MIN_WORK / products.max(1)).max(256), MAX_BLOCKS);
        let fraction = 1.0 / batch.len() as f64;
        if blocks.count() == 1 {
            return Ok(self.pass(batch, params, fraction, buffers, gradients) / fraction);
        }
        let work = |buffers: &mut Buffers<F>, rows: std::ops::Range<usize>| {
            let part = match batch {
                RowSet::Range(start, _) => RowSet::Range(start + rows.start, start + rows.end),
                RowSet::List(list) => RowSet::List(&list[rows]),
            };
            let mut gradients = memory::try_filled(params.len(), F::ZERO)?;
            let loss = self.pass(part, params, fraction, buffers, &mut gradients);
            Ok((gradients, loss))
        };
        let parts = parallel::map_with(ctx, blocks.ranges().collect(), || self.buffers(), work)?;
        for (at, gradient) in gradients.iter_mut().enumerate() {
            *gradient = F::from_f64(parts.iter().map(|(gradients, _)| gradients[at].to_f64()).sum::<f64>());
        }
        Ok(parts.iter().map(|(_, loss)| loss).sum::<f64>() / fraction)
    }

    /// `share` times the sum of the losses of some rows; writes that of their gradients.
    #[inline(always)]
    fn pass(&self, rows: RowSet, params: &[F], fraction: f64, buffers: &mut Buffers<F>, gradients: &mut [F]) -> f64 {
        compiled(Pass { of: self, rows, params, fraction, buffers, gradients })
    }

    /// A step of plain descent as long as one over this goes down: surely if batches have all samples, else in the mean.
    ///
    /// Of all samples the mean curvature counts, of one the largest, and doubled, since others may disagree; batches lie
    /// in between. Curvatures are bounded by squared norms. See R. Gower and others, "SGD: General analysis and improved
    /// rates", 2019.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`]; [`Error::Interrupted`].
    pub fn curvature(&self, ctx: &Context, batch_size: usize, fit_intercept: bool) -> Result<f64> {
        let (x, n_rows) = (self.samples.x, self.samples.y.len());
        let constant = f64::from(u8::from(fit_intercept));
        let blocks = Blocks::new(n_rows, 1024, MAX_BLOCKS);
        let parts = parallel::map_with(
            ctx,
            blocks.ranges().collect(),
            || Ok((Scratch::default(), memory::try_filled(blocks.rows(), 0.0)?)),
            |(scratch, norms), rows: std::ops::Range<usize>| {
                x.squared_norms(rows.clone(), scratch, &mut norms[..rows.len()]);
                let of_row = |(row, norm): (usize, &f64)| self.unit * self.samples.weight(row) * (norm + constant);
                let squares = rows.zip(norms.iter()).map(of_row);
                Ok(squares.fold((0.0, 0.0_f64), |(sum, most), square| (sum + square, most.max(square))))
            },
        )?;
        let (sum, most) = parts.iter().fold((0.0, 0.0_f64), |(sum, most), part| (sum + part.0, most.max(part.1)));
        let (all, batch) = (n_rows as f64, batch_size.min(n_rows) as f64);
        let mean = sum / all;
        if batch_size >= n_rows {
            return Ok(self.loss.curvature() * mean);
        }
        let fraction = (all - batch) / (batch * (all - 1.0));
        Ok(2.0 * self.loss.curvature() * (mean * (1.0 - fraction) + most * fraction))
    }

    /// How good the answers are: the fraction of explained variance, or of right classes.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`]; [`Error::Interrupted`].
    pub fn score(&self, ctx: &Context, params: &[F]) -> Result<f64> {
        let (y, n_coef) = (self.samples.y, self.n_coef());
        let weight = |row: usize| self.samples.weight(row);
        let mean = (0..y.len()).map(|row| weight(row) * y[row].to_f64()).sum::<f64>() / self.samples.total();
        let (mut margins, mut good, mut most) = (memory::try_filled(256 * self.n_outputs, F::ZERO)?, 0.0, 0.0);
        for start in (0..y.len()).step_by(256) {
            ctx.check()?;
            let rows = RowSet::Range(start, (start + 256).min(y.len()));
            self.samples.x.margins(rows, &params[..n_coef], &params[n_coef..], &mut margins);
            for (i, margins) in margins.chunks_exact(self.n_outputs).take(rows.len()).enumerate() {
                let (target, weight) = (y[start + i].to_f64(), weight(start + i));
                let margin = margins[0].to_f64();
                let (of_prediction, of_all) = match self.loss {
                    Loss::SquaredError | Loss::Huber(_) => ((margin - target).powi(2), (target - mean).powi(2)),
                    Loss::Binary => (f64::from(u8::from((margin > 0.0) == (target > 0.5))), 1.0),
                    Loss::Categorical => {
                        let is_more =
                            |best: usize, class: usize| if margins[class] > margins[best] { class } else { best };
                        let chosen = (1..self.n_outputs).fold(0, is_more);
                        (f64::from(u8::from(chosen == target as usize)), 1.0)
                    }
                };
                good += weight * of_prediction;
                most += weight * of_all;
            }
        }
        Ok(match self.loss {
            Loss::Binary | Loss::Categorical => good / most,
            _ if most > 0.0 => 1.0 - good / most,
            // A constant target, of which there is nothing to explain.
            _ => f64::from(u8::from(good == 0.0)),
        })
    }
}

struct Pass<'k, X, F> {
    of: &'k Objective<'k, X, F>,
    rows: RowSet<'k>,
    params: &'k [F],
    fraction: f64,
    buffers: &'k mut Buffers<F>,
    gradients: &'k mut [F],
}

impl<F: Float, X: Margins<F>> Loops for Pass<'_, X, F> {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        let Self { of: Objective { samples, loss, n_outputs, unit }, rows, params, fraction, buffers, gradients } =
            self;
        let n_coef = n_outputs * samples.x.n_cols();
        let (coef, intercept) = params.split_at(n_coef);
        gradients.fill(F::ZERO);
        let (sums, totals) = gradients.split_at_mut(n_coef);
        let (mut total, some) = (0.0, buffers.margins.len() / n_outputs);
        for start in (0..rows.len()).step_by(some) {
            let end = (start + some).min(rows.len());
            let part = match rows {
                RowSet::Range(first, _) => RowSet::Range(first + start, first + end),
                RowSet::List(list) => RowSet::List(&list[start..end]),
            };
            let margins = &mut buffers.margins[..(end - start) * n_outputs];
            samples.x.margins(part, coef, intercept, margins);
            let (targets, weights) = match part {
                RowSet::Range(start, end) => {
                    (&samples.y[start..end], samples.weights.map(|weights| &weights[start..end]))
                }
                RowSet::List(list) => {
                    let [targets, weights] = &mut buffers.gathered;
                    let weights = samples.weights.map(|given| gathered(given, list, weights));
                    (gathered(samples.y, list, targets), weights)
                }
            };
            total += loss.descend(margins, *n_outputs, targets, weights, unit * fraction);
            samples.x.accumulate_gradient(part, margins, *n_outputs, sums);
            for (output, total) in totals.iter_mut().enumerate() {
                *total += margins[output..].iter().step_by(*n_outputs).copied().sum::<F>();
            }
        }
        total
    }
}

/// The listed values, in a buffer.
#[inline(always)]
fn gathered<'b, F: Float>(values: &[F], list: &[u32], buffer: &'b mut [F]) -> &'b [F] {
    let buffer = &mut buffer[..list.len()];
    buffer.iter_mut().zip(list).for_each(|(slot, &row)| *slot = values[row as usize]);
    buffer
}
