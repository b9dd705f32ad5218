//! Weighted sums of rows by label.

use std::ops::Range;

use super::Rows;
use crate::common::Float;
use crate::common::simd::{Kernel, Simd, dispatch};

/// Adds each row of a range to the sum of its label, and its weight to the label's total.
///
/// `labels` has one entry per row of the range, each less than `totals.len()`; `weights`, if any, one per row of `x`;
/// `sums` is row-major with shape `(totals.len(), n_cols)`.
pub fn add_by_label<F: Float, R: Rows<F>>(
    x: &R,
    rows: Range<usize>,
    weights: Option<&[F]>,
    labels: &[i32],
    sums: &mut [F],
    totals: &mut [F],
) {
    dispatch(AddByLabel { x, rows, weights, labels, sums, totals });
}

struct AddByLabel<'k, F, R> {
    x: &'k R,
    rows: Range<usize>,
    weights: Option<&'k [F]>,
    labels: &'k [i32],
    sums: &'k mut [F],
    totals: &'k mut [F],
}

impl<F: Float, R: Rows<F>> Kernel<F> for AddByLabel<'_, F, R> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd<F = F>>(self) {
        let n_cols = self.x.n_cols();
        for (row, &label) in self.rows.zip(self.labels) {
            let weight = self.weights.map(|weights| weights[row]);
            self.totals[label as usize] += weight.unwrap_or(F::ONE);
            self.x.add_row(row, weight, &mut self.sums[label as usize * n_cols..][..n_cols]);
        }
    }
}
