//! Products of the columns of weighted rows with each other, a column of ones among them.

use std::ops::Range;

use super::syrk::{OCTET, PACK_ROWS, Panel8, add_products};
use super::{Csr, Dense, Rows};
use crate::common::{Float, Result, memory};

/// Rows whose columns can be multiplied with each other.
pub trait Gram<F: Float>: Rows<F> {
    /// Adds `weights[i] * x xᵀ` for the `i`-th row of a range to the upper triangle of `sums`, of [`length`] numbers in
    /// rows of [`stride`], where `x` is the row with a one behind it. Weights are not negative.
    ///
    /// # Errors
    /// [`crate::common::Error::OutOfMemory`].
    fn add_gram(&self, rows: Range<usize>, weights: &[f64], sums: &mut [f64]) -> Result<()>;
}

/// Numbers from one row of sums to the next.
pub fn stride(n_cols: usize) -> usize {
    (n_cols + 1).next_multiple_of(OCTET)
}

/// Numbers that the sums take.
///
/// # Errors
/// [`crate::common::Error::OutOfMemory`] if there cannot be so many.
pub fn length(n_cols: usize) -> Result<usize> {
    memory::checked_len(stride(n_cols), stride(n_cols))
}

impl<F: Float> Gram<F> for Dense<'_, F> {
    fn add_gram(&self, rows: Range<usize>, weights: &[f64], sums: &mut [f64]) -> Result<()> {
        let n_cols = self.n_cols();
        let mut panels = Panel8::new(n_cols + 1)?;
        let zeros = memory::try_filled(n_cols, 0.0)?;
        let mut values = self.values()[rows.start * n_cols..rows.end * n_cols].chunks(PACK_ROWS * n_cols).peekable();
        let mut roots = [0.0; PACK_ROWS];
        for weights in weights.chunks(PACK_ROWS) {
            let Some(pack) = values.next() else { break };
            let roots = &mut roots[..weights.len()];
            roots.iter_mut().zip(weights).for_each(|(root, weight)| *root = weight.sqrt());
            panels.reset(weights.len(), n_cols + 1);
            panels.spread(pack, &zeros, roots);
            roots.iter().enumerate().for_each(|(position, &root)| panels.put(position, n_cols, root));
            add_products(&panels, n_cols + 1, sums, stride(n_cols), values.peek().copied().unwrap_or_default());
        }
        Ok(())
    }
}

impl<F: Float> Gram<F> for Csr<'_, F> {
    fn add_gram(&self, rows: Range<usize>, weights: &[f64], sums: &mut [f64]) -> Result<()> {
        let (n_cols, stride) = (self.n_cols(), stride(self.n_cols()));
        for (row, &weight) in rows.zip(weights) {
            for (column, value) in self.row(row) {
                let factor = weight * value.to_f64();
                let sums = &mut sums[column * stride..][..stride];
                for (other, value) in self.row(row).filter(|&(other, _)| other >= column) {
                    sums[other] += factor * value.to_f64();
                }
                sums[n_cols] += factor;
            }
            sums[n_cols * stride + n_cols] += weight;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dense_and_sparse_products_are_those_of_the_obvious_loop() {
        let (n_rows, n_cols) = (600, 11);
        let values: Vec<f64> = (0..n_rows * n_cols).map(|at| ((at * 37 % 101) as f64 - 50.0) / 50.0).collect();
        let weights: Vec<f64> = (0..n_rows - 1).map(|row| (row % 5) as f64).collect();
        let starts: Vec<usize> = (0..=n_rows).map(|row| row * n_cols).collect();
        let indices: Vec<u32> = (0..n_rows * n_cols).map(|at| (at % n_cols) as u32).collect();
        let len = length(n_cols).expect("memory");
        let mut sums = [vec![0.0; len], vec![0.0; len]];
        let dense = Dense::new(&values, n_rows, n_cols).expect("shape");
        let sparse = Csr::new(&values, &indices, &starts, n_cols).expect("parts");
        dense.add_gram(1..n_rows, &weights, &mut sums[0]).expect("memory");
        sparse.add_gram(1..n_rows, &weights, &mut sums[1]).expect("memory");
        let value = |row: usize, column: usize| if column < n_cols { values[row * n_cols + column] } else { 1.0 };
        for i in 0..=n_cols {
            for j in i..=n_cols {
                let expected: f64 = (1..n_rows).map(|row| weights[row - 1] * value(row, i) * value(row, j)).sum();
                assert!(sums.iter().all(|sums| (sums[i * stride(n_cols) + j] - expected).abs() < 1e-10));
            }
        }
    }
}
