//! The products of features with features and with targets, about the means, of CSR rows.
//!
//! Only values that are there are multiplied; what the means add is taken off in the end.

use std::ops::Range;

use super::normal_equations::{Center, Targets};
use crate::common::context::Blocks;
use crate::common::{Context, Float, Result, memory, parallel};
use crate::linalg::centred::Centred;
use crate::linalg::{Csr, Rows};

/// Rows between two looks at the context.
const STEP: usize = 256;
/// Scalars that the sums of all blocks may take, unless two blocks take more.
const MAX_SUMS: usize = 1 << 25;
const MAX_BLOCKS: usize = 16;

/// The center, the products of features with features, shape (n_features, n_features), and those of features with
/// targets, shape (n_features, n_targets).
///
/// # Errors
/// [`crate::common::Error::InvalidArgument`] if the weights have no sum; [`crate::common::Error::OutOfMemory`];
/// [`crate::common::Error::Interrupted`].
pub fn moments<F: Float>(
    ctx: &Context,
    x: &Csr<F>,
    targets: &Targets<F>,
    fit_intercept: bool,
) -> Result<(Center, Vec<f64>, Vec<f64>)> {
    let (n_rows, n, n_targets) = (x.n_rows(), x.n_cols(), targets.n_targets);
    let target_means = targets.means(ctx, fit_intercept)?;
    let len = memory::checked_len(n, n)?;
    let blocks = Blocks::new(n_rows, STEP, (MAX_SUMS / len).clamp(2, MAX_BLOCKS));
    let zeros = memory::try_filled(n, 0.0)?;
    let parts = parallel::map(ctx, blocks.ranges().collect(), |rows: Range<usize>| {
        let mut sums = Sums::new(n, n_targets)?;
        for start in rows.clone().step_by(STEP) {
            ctx.check()?;
            let rows = start..(start + STEP).min(rows.end);
            let weights: Vec<f64> = rows.clone().map(|row| targets.weight(row)).collect();
            x.add_rows(rows.clone(), &zeros, &weights, &mut sums.features);
            for row in rows {
                sums.add(x, targets, &target_means, row);
            }
        }
        Ok(sums)
    })?;
    let mut parts = parts.into_iter();
    let mut sums = parts.next().map_or_else(|| Sums::new(n, n_targets), Ok)?;
    parts.for_each(|part| sums.join(&part));
    let mut means = memory::try_filled(n, 0.0)?;
    if fit_intercept {
        means.iter_mut().zip(&sums.features).for_each(|(mean, sum)| *mean = sum / sums.total);
    }
    let Sums { mut squares, mut products, .. } = sums;
    for i in 0..n {
        for j in i..n {
            squares[i * n + j] -= sums.total * means[i] * means[j];
            squares[j * n + i] = squares[i * n + j];
        }
        let products = products[i * n_targets..][..n_targets].iter_mut();
        products.zip(&sums.targets).for_each(|(product, target)| *product -= means[i] * target);
    }
    Ok((Center { means, target_means, unit: 1.0 }, squares, products))
}

/// Weighted sums over rows.
struct Sums {
    total: f64,
    /// Shape (n_features,).
    features: Vec<f64>,
    /// Of the targets about their means, shape (n_targets,).
    targets: Vec<f64>,
    /// The upper triangle, shape (n_features, n_features).
    squares: Vec<f64>,
    /// Shape (n_features, n_targets).
    products: Vec<f64>,
}

impl Sums {
    fn new(n: usize, n_targets: usize) -> Result<Self> {
        Ok(Self {
            total: 0.0,
            features: memory::try_filled(n, 0.0)?,
            targets: memory::try_filled(n_targets, 0.0)?,
            squares: memory::try_filled(memory::checked_len(n, n)?, 0.0)?,
            products: memory::try_filled(memory::checked_len(n, n_targets)?, 0.0)?,
        })
    }

    fn add<F: Float>(&mut self, x: &Csr<F>, targets: &Targets<F>, target_means: &[f64], row: usize) {
        let (n, n_targets, weight) = (self.features.len(), self.targets.len(), targets.weight(row));
        self.total += weight;
        for (sum, target) in self.targets.iter_mut().zip(targets.centred(row, target_means, weight)) {
            *sum += target;
        }
        for (i, value) in x.row(row) {
            let value = value.to_f64();
            let products = self.products[i * n_targets..][..n_targets].iter_mut();
            let factors = targets.centred(row, target_means, weight);
            products.zip(factors).for_each(|(product, target)| *product += value * target);
            // Columns need not be in order: what lies below the diagonal is added above it from the other side.
            for (j, other) in x.row(row).filter(|&(j, _)| j >= i) {
                self.squares[i * n + j] += weight * value * other.to_f64();
            }
        }
    }

    fn join(&mut self, other: &Self) {
        self.total += other.total;
        let add = |sums: &mut [f64], others: &[f64]| sums.iter_mut().zip(others).for_each(|(sum, other)| *sum += other);
        add(&mut self.features, &other.features);
        add(&mut self.targets, &other.targets);
        add(&mut self.squares, &other.squares);
        add(&mut self.products, &other.products);
    }
}

#[cfg(test)]
mod tests {
    use super::super::normal_equations::Table;
    use super::*;
    use crate::common::random::Mt19937;
    use crate::linalg::Dense;

    #[test]
    fn products_are_those_of_the_same_rows_in_an_array() {
        let mut random = Mt19937::seeded(2);
        let (n_rows, n) = (700, 5);
        let values: Vec<f64> = (0..n_rows * n).map(|_| (random.next_f64() - 0.3).max(0.0)).collect();
        let y: Vec<f64> = (0..n_rows * 2).map(|_| random.next_f64()).collect();
        let weights: Vec<f64> = (0..n_rows).map(|_| random.next_f64()).collect();
        let (mut stored, mut indices, mut starts) = (Vec::new(), Vec::new(), vec![0]);
        for row in values.chunks_exact(n) {
            // Backwards, to say that the order of columns does not matter.
            for (column, &value) in row.iter().enumerate().rev().filter(|(_, value)| **value != 0.0) {
                stored.push(value);
                indices.push(column as u32);
            }
            starts.push(stored.len());
        }
        let csr = Csr::new(&stored, &indices, &starts, n).expect("parts");
        let dense = Dense::new(&values, n_rows, n).expect("shape");
        let ctx = Context::serial();
        for fit_intercept in [false, true] {
            let targets = Targets { y: &y, weights: Some(&weights), n_targets: 2 };
            let table = Table { x: &dense, targets };
            let (center, squares, products) = table.moments(&ctx, fit_intercept).expect("sum").apart().expect("memory");
            let found = moments(&ctx, &csr, &targets, fit_intercept).expect("sum");
            let near = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-10);
            assert!(near(&found.0.means, &center.means) && near(&found.0.target_means, &center.target_means));
            assert!(near(&found.1, &squares) && near(&found.2, &products));
        }
    }
}
