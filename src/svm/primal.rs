//! L2-penalised losses by trust-region Newton: `w·w / 2 + Σ cost · loss(target, w·x)`.
//!
//! One pass over the rows gives value, gradient and curvature; one over the rows that have a curvature the product of the
//! Hessian with a direction. Rows are shared out in blocks that depend on the shape alone.

use std::ops::Range;

use super::samples::Samples;
use crate::common::context::Blocks;
use crate::common::{Context, Float, Result, memory, parallel};
use crate::linalg::RowSet;
use crate::linalg::linear::Linear;
use crate::optimize::tron::Smooth;

/// Rows of a block, at least.
const MIN_ROWS: usize = 512;
const MAX_BLOCKS: usize = 64;
/// Stored values of a block for each column, at least: each block has a sum over all columns of its own.
const MIN_VALUES: usize = 16;

/// Value, gradient and curvature of a loss in its product.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct LossDerivatives {
    pub(super) value: f64,
    pub(super) gradient: f64,
    pub(super) curvature: f64,
}

/// A loss of a product, given a target.
pub(super) trait Loss: Sync {
    fn at(&self, target: f64, product: f64) -> LossDerivatives;
}

/// `max(0, 1 - yz)²`.
#[derive(Debug)]
pub(super) struct SquaredHinge;

impl Loss for SquaredHinge {
    #[inline(always)]
    fn at(&self, target: f64, product: f64) -> LossDerivatives {
        let miss = 1.0 - target * product;
        if miss > 0.0 {
            LossDerivatives { value: miss * miss, gradient: -2.0 * target * miss, curvature: 2.0 }
        } else {
            LossDerivatives { value: 0.0, gradient: 0.0, curvature: 0.0 }
        }
    }
}

/// `log(1 + exp(-yz))`.
#[derive(Debug)]
pub(super) struct Logistic;

impl Loss for Logistic {
    #[inline(always)]
    fn at(&self, target: f64, product: f64) -> LossDerivatives {
        let margin = target * product;
        let small = (-margin.abs()).exp();
        let more = 1.0 / (1.0 + small);
        let less = small * more;
        let (value, miss) =
            if margin >= 0.0 { ((1.0 + small).ln(), less) } else { ((1.0 + small).ln() - margin, more) };
        LossDerivatives { value, gradient: -target * miss, curvature: more * less }
    }
}

/// `max(0, |z - y| - epsilon)²`.
#[derive(Debug)]
pub(super) struct SquaredTube {
    pub(super) epsilon: f64,
}

impl Loss for SquaredTube {
    #[inline(always)]
    fn at(&self, target: f64, product: f64) -> LossDerivatives {
        let error = product - target;
        let outside = if error < -self.epsilon {
            error + self.epsilon
        } else if error > self.epsilon {
            error - self.epsilon
        } else {
            return LossDerivatives { value: 0.0, gradient: 0.0, curvature: 0.0 };
        };
        LossDerivatives { value: outside * outside, gradient: 2.0 * outside, curvature: 2.0 }
    }
}

/// The rows of a block where the function has a curvature at a point, and by how much each.
#[derive(Debug, Default)]
struct Part {
    rows: Vec<u32>,
    weights: Vec<f64>,
}

/// The function to minimise.
pub(super) struct Primal<'a, F, R, L> {
    samples: &'a Samples<'a, F, R>,
    loss: L,
    blocks: Blocks,
    seen: Vec<Part>,
    accepted: Vec<Part>,
}

/// What the rows of a block add up to.
struct Sums {
    value: f64,
    /// Shape (width,).
    gradient: Vec<f64>,
    part: Part,
}

impl<'a, F: Float, R: Linear<F>, L: Loss> Primal<'a, F, R, L> {
    pub(super) fn new(samples: &'a Samples<'a, F, R>, loss: L) -> Self {
        let most = samples.rows.nnz() / (MIN_VALUES * samples.rows.n_cols()).max(1);
        let blocks = Blocks::new(samples.len(), MIN_ROWS, most.clamp(1, MAX_BLOCKS));
        Self { samples, loss, blocks, seen: Vec::new(), accepted: Vec::new() }
    }

    fn block(&self, range: Range<usize>, point: &[f64]) -> Result<Sums> {
        let Samples { rows, order, targets, costs, bias, .. } = *self.samples;
        let (order, targets, costs) = (&order[range.clone()], &targets[range.clone()], &costs[range.clone()]);
        let n_cols = rows.n_cols();
        let mut gradient = memory::try_filled(point.len(), 0.0)?;
        let mut part =
            Part { rows: memory::try_with_capacity(order.len())?, weights: memory::try_with_capacity(order.len())? };
        let constant = bias.map_or(0.0, |bias| point[n_cols] * bias);
        let (mut value, mut gradients) = (0.0, 0.0);
        rows.accumulate_scaled(RowSet::List(order), &point[..n_cols], &mut gradient[..n_cols], |position, product| {
            let (cost, at) = (costs[position], self.loss.at(targets[position], product + constant));
            value += cost * at.value;
            let gradient = cost * at.gradient;
            gradients += gradient;
            if at.curvature > 0.0 {
                part.rows.push(order[position]);
                part.weights.push(cost * at.curvature);
            }
            gradient
        });
        if let Some(bias) = bias {
            gradient[n_cols] = gradients * bias;
        }
        Ok(Sums { value, gradient, part })
    }

    fn hvp_of(&self, part: &Part, direction: &[f64]) -> Result<Vec<f64>> {
        let (rows, bias, n_cols) = (self.samples.rows, self.samples.bias, self.samples.rows.n_cols());
        let mut image = memory::try_filled(direction.len(), 0.0)?;
        let constant = bias.map_or(0.0, |bias| direction[n_cols] * bias);
        let mut total = 0.0;
        let set = RowSet::List(&part.rows);
        rows.accumulate_scaled(set, &direction[..n_cols], &mut image[..n_cols], |position, product| {
            let weighed = part.weights[position] * (product + constant);
            total += weighed;
            weighed
        });
        if let Some(bias) = bias {
            image[n_cols] = total * bias;
        }
        Ok(image)
    }
}

impl<F: Float, R: Linear<F>, L: Loss> Smooth for Primal<'_, F, R, L> {
    fn evaluate(&mut self, ctx: &Context, point: &[f64], gradient: &mut [f64]) -> Result<f64> {
        let sums = parallel::map(ctx, self.blocks.ranges().collect(), |range| self.block(range, point))?;
        let mut value = 0.5 * point.iter().map(|coef| coef * coef).sum::<f64>();
        gradient.copy_from_slice(point);
        self.seen.clear();
        for block in sums {
            value += block.value;
            gradient.iter_mut().zip(&block.gradient).for_each(|(sum, part)| *sum += part);
            self.seen.push(block.part);
        }
        Ok(value)
    }

    fn accept(&mut self) {
        std::mem::swap(&mut self.seen, &mut self.accepted);
    }

    fn hvp(&self, ctx: &Context, direction: &[f64], image: &mut [f64]) -> Result<()> {
        let images = parallel::map(ctx, self.accepted.iter().collect(), |part| self.hvp_of(part, direction))?;
        image.copy_from_slice(direction);
        for part in images {
            image.iter_mut().zip(&part).for_each(|(sum, part)| *sum += part);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradients_and_curvatures_are_those_of_the_values() {
        let losses: [&dyn Loss; 3] = [&SquaredHinge, &Logistic, &SquaredTube { epsilon: 0.25 }];
        for loss in losses {
            for target in [-1.0, 1.0] {
                for product in [-2.0, -0.4, 0.1, 0.7, 1.6] {
                    let (before, at, after) =
                        (loss.at(target, product - 1e-4), loss.at(target, product), loss.at(target, product + 1e-4));
                    assert!(((after.value - before.value) / 2e-4 - at.gradient).abs() < 1e-6);
                    assert!(((after.gradient - before.gradient) / 2e-4 - at.curvature).abs() < 1e-6);
                }
            }
        }
        let far = [Logistic.at(1.0, 800.0), Logistic.at(1.0, -800.0)];
        assert_eq!(far[0], LossDerivatives { value: 0.0, gradient: 0.0, curvature: 0.0 });
        assert_eq!(far[1], LossDerivatives { value: 800.0, gradient: -1.0, curvature: 0.0 });
    }
}
