//! The error of each row in a model that was fitted without it, for many penalties at once.
//!
//! With the directions `V` in which the products of the features are diagonal, a row `x` about the means becomes
//! `t = Vᵀx`. Its fitted value for a penalty is `Σ t_j s_j`, its leverage `Σ t_j² d_j` with `d = 1 / (λ + alpha)`, plus
//! its fraction of the weights if there is an intercept. The residual over one minus the leverage is the error that the row
//! would have been predicted with. All of it is products of packs of rows, by [`crate::linalg::packed_gemm`].
//!
//! Reference: G. Golub, M. Heath, G. Wahba, "Generalized cross-validation as a method for choosing a good ridge
//! parameter", 1979.

use std::ops::Range;

use super::normal_equations::{Center, Targets};
use crate::common::context::Blocks;
use crate::common::error::check_length;
use crate::common::{Context, Float, Result, memory, parallel};
use crate::linalg::centred::Centred;
use crate::linalg::packed_gemm::{BLOCK_ROWS, PackedMatrix, RowBlock};

const MAX_BLOCKS: usize = 64;

/// What a decomposition of the products of the features says. Rows of `n_features`, row-major.
pub struct Params<'a> {
    /// The means and the unit of the rows.
    pub center: &'a Center,
    /// Whether the model has an intercept.
    pub fit_intercept: bool,
    /// Directions as columns, shape (n_features, n_features).
    pub directions: &'a [f64],
    /// One over eigenvalue plus penalty, shape (n_features, n_penalties).
    pub inverse: &'a [f64],
    /// Coefficients along the directions, shape (n_features, n_penalties * n_targets).
    pub fractions: &'a [f64],
    /// Number of penalties.
    pub n_penalties: usize,
    /// Whether the error of each row is wanted.
    pub keep: bool,
}

/// Errors of rows, times the roots of their weights.
pub struct Fit {
    /// Sums of their squares, shape (n_penalties, n_targets).
    pub squares: Vec<f64>,
    /// The errors, if wanted, row-major of shape (n_rows, n_penalties * n_targets).
    pub errors: Option<Vec<f64>>,
}

/// The errors of all rows.
///
/// # Errors
/// [`crate::common::Error::Shape`]; [`crate::common::Error::OutOfMemory`]; [`crate::common::Error::Interrupted`].
pub fn leave_one_out<F: Float>(
    ctx: &Context,
    x: &impl Centred<F>,
    targets: &Targets<F>,
    params: &Params,
) -> Result<Fit> {
    let (n_rows, n, n_targets) = (x.n_rows(), x.n_cols(), targets.n_targets);
    let width = memory::checked_len(params.n_penalties, n_targets)?;
    check_length("directions", params.directions.len(), memory::checked_len(n, n)?)?;
    check_length("inverse", params.inverse.len(), memory::checked_len(n, params.n_penalties)?)?;
    check_length("shares", params.fractions.len(), memory::checked_len(n, width)?)?;
    check_length("means", params.center.means.len(), n)?;
    check_length("target_means", params.center.target_means.len(), n_targets)?;
    let sides = Sides {
        directions: PackedMatrix::new(params.directions, n)?,
        inverse: PackedMatrix::new(params.inverse, params.n_penalties)?,
        fractions: PackedMatrix::new(params.fractions, width)?,
        total: (0..n_rows).map(|row| targets.weight(row)).sum(),
    };
    let mut errors = memory::try_filled(if params.keep { memory::checked_len(n_rows, width)? } else { 0 }, 0.0)?;
    let blocks = Blocks::new(n_rows, BLOCK_ROWS, MAX_BLOCKS);
    let rests = errors.chunks_mut((blocks.rows() * width).max(1)).map(Some).chain(std::iter::repeat_with(|| None));
    let parts = parallel::map_with(
        ctx,
        blocks.ranges().zip(rests).collect(),
        || Scratch::new(n, &sides),
        |scratch, (rows, mut kept): (Range<usize>, Option<&mut [f64]>)| {
            let mut squares = memory::try_filled(width, 0.0)?;
            for start in rows.clone().step_by(BLOCK_ROWS) {
                ctx.check()?;
                let block = start..(start + BLOCK_ROWS).min(rows.end);
                scratch.turn(x, targets, params.center, &sides, block.clone());
                for (position, row) in block.enumerate() {
                    let errors = scratch.errors(targets, params, &sides, row, position);
                    squares.iter_mut().zip(errors).for_each(|(sum, error)| *sum += error * error);
                    if let Some(kept) = &mut kept {
                        kept[(row - rows.start) * width..][..width].copy_from_slice(errors);
                    }
                }
            }
            Ok(squares)
        },
    )?;
    let mut squares = memory::try_filled(width, 0.0)?;
    parts.into_iter().for_each(|part| squares.iter_mut().zip(part).for_each(|(sum, value)| *sum += value));
    Ok(Fit { squares, errors: params.keep.then_some(errors) })
}

/// What rows are multiplied with.
struct Sides<'a> {
    directions: PackedMatrix<'a>,
    inverse: PackedMatrix<'a>,
    fractions: PackedMatrix<'a>,
    /// Sum of the weights.
    total: f64,
}

/// Buffers of a worker for a block of rows.
struct Scratch {
    block: RowBlock,
    /// Rows along the directions.
    turned: Vec<f64>,
    leverages: Vec<f64>,
    fitted: Vec<f64>,
    /// Errors of one row, shape (n_penalties, n_targets).
    errors: Vec<f64>,
}

impl Scratch {
    fn new(n: usize, sides: &Sides) -> Result<Self> {
        let (turned, leverages) = (sides.directions.output_buffer()?, sides.inverse.output_buffer()?);
        let (fitted, errors) = (sides.fractions.output_buffer()?, memory::try_filled(sides.fractions.n_cols, 0.0)?);
        Ok(Self { block: RowBlock::new(n)?, turned, leverages, fitted, errors })
    }

    /// Leverages and fitted values of a block of rows.
    fn turn<F: Float>(
        &mut self,
        x: &impl Centred<F>,
        targets: &Targets<F>,
        center: &Center,
        sides: &Sides,
        rows: Range<usize>,
    ) {
        x.multiply(rows.clone(), &center.means, &sides.directions, &mut self.block, &mut self.turned);
        self.block.reset(rows.len());
        let lines = || self.turned.chunks_exact(sides.directions.stride()).map(|line| &line[..sides.directions.n_cols]);
        let factor = |row: usize| center.unit * targets.root(row);
        for (position, (row, line)) in rows.clone().zip(lines()).enumerate() {
            let factor = factor(row);
            self.block.put(position, line.iter().map(|value| value * factor));
        }
        self.block.multiply(&sides.fractions, &mut self.fitted);
        for (position, (row, line)) in rows.zip(lines()).enumerate() {
            let factor = factor(row);
            self.block.put(position, line.iter().map(|value| (value * factor) * (value * factor)));
        }
        self.block.multiply(&sides.inverse, &mut self.leverages);
    }

    /// The errors of a row of the block, shape (n_penalties, n_targets).
    fn errors<F: Float>(
        &mut self,
        targets: &Targets<F>,
        params: &Params,
        sides: &Sides,
        row: usize,
        position: usize,
    ) -> &[f64] {
        let (weight, root) = (targets.weight(row), targets.root(row));
        let own = if params.fit_intercept { weight / sides.total } else { 0.0 };
        let leverages = &self.leverages[position * sides.inverse.stride()..];
        let fitted = &self.fitted[position * sides.fractions.stride()..];
        let n_targets = targets.n_targets;
        let by_penalty = self.errors.chunks_exact_mut(n_targets).zip(fitted.chunks_exact(n_targets)).zip(leverages);
        for ((errors, fitted), leverage) in by_penalty {
            let targets = targets.centred(row, &params.center.target_means, root);
            for ((error, fitted), target) in errors.iter_mut().zip(fitted).zip(targets) {
                *error = (target - fitted) / (1.0 - leverage - own);
            }
        }
        &self.errors
    }
}

#[cfg(test)]
mod tests {
    use super::super::normal_equations::Table;
    use super::*;
    use crate::common::random::Mt19937;
    use crate::linalg::Dense;

    /// Rows along one direction only: what is left out can be fitted again by hand.
    #[test]
    fn errors_are_those_of_models_without_the_row() {
        let mut random = Mt19937::seeded(1);
        let n_rows = 300;
        let values: Vec<f64> = (0..n_rows).map(|_| random.next_f64() - 0.5).collect();
        let y: Vec<f64> = (0..n_rows).map(|row| 3.0 * values[row] + random.next_f64()).collect();
        let weights: Vec<f64> = (0..n_rows).map(|_| random.next_f64() + 0.5).collect();
        let x = Dense::new(&values, n_rows, 1).expect("shape");
        let table = Table { x: &x, targets: Targets { y: &y, weights: Some(&weights), n_targets: 1 } };
        let ctx = Context::serial();
        let (center, squares, products) = table.moments(&ctx, true).expect("moments").apart().expect("memory");
        let alphas = [0.1, 10.0];
        let inverse = alphas.map(|alpha| 1.0 / (squares[0] + alpha));
        let fractions = inverse.map(|inverse| inverse * products[0]);
        let params = Params {
            center: &center,
            fit_intercept: true,
            directions: &[1.0],
            inverse: &inverse,
            fractions: &fractions,
            n_penalties: 2,
            keep: true,
        };
        let fit = leave_one_out(&ctx, &x, &table.targets, &params).expect("memory");
        let errors = fit.errors.expect("kept");
        for (index, alpha) in alphas.iter().enumerate() {
            for left_out in [0, 130, 299] {
                let sum = |of: &dyn Fn(usize) -> f64| -> f64 {
                    (0..n_rows).filter(|&row| row != left_out).map(|row| weights[row] * of(row)).sum()
                };
                let total = sum(&|_| 1.0);
                let (mean, target) = (sum(&|row| values[row]) / total, sum(&|row| y[row]) / total);
                let square = sum(&|row| (values[row] - mean).powi(2));
                let coef = sum(&|row| (values[row] - mean) * (y[row] - target)) / (square + alpha);
                let expected = weights[left_out].sqrt() * (y[left_out] - target - coef * (values[left_out] - mean));
                let found = errors[left_out * 2 + index];
                assert!((found - expected).abs() < 1e-12, "{found} instead of {expected}");
            }
            let sum: f64 = errors.iter().skip(index).step_by(2).map(|error| error * error).sum();
            assert!((fit.squares[index] - sum).abs() < 1e-10 * sum);
        }
    }
}
