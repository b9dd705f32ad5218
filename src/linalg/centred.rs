//! Rows less their means: products with a vector or a matrix, and sums. No such matrix is made: dense rows are centred as they are
//! read, and of CSR rows, whose zeros would be lost, the means are taken off the results.

use std::ops::Range;

use super::packed_gemm::{PackedMatrix, RowBlock};
use super::{Csr, Dense, Rows};
use crate::common::Float;
use crate::common::simd::{Kernel, Simd, dispatch};

const LANES: usize = 8;
/// Dense rows that are added in one go.
const BLOCK_ROWS: usize = 4;

/// Rows that can be seen less their means, shape (n_cols,).
pub trait Centred<F: Float>: Rows<F> {
    /// The products of the rows of a range with `vector`, shape (n_cols,); `out` has one entry for each row.
    fn dots(&self, rows: Range<usize>, means: &[f64], vector: &[f64], out: &mut [f64]);

    /// Adds to `sums`, shape (n_cols,), the rows of a range, each times its entry of `factors`.
    fn add_rows(&self, rows: Range<usize>, means: &[f64], factors: &[f64], sums: &mut [f64]);

    /// The products of a few rows, no more than a block holds, with a matrix; that of the `i`-th row begins at
    /// `out[i * factor.stride()]`. `block` is for rows of `n_cols`, and is used up.
    fn multiply(&self, rows: Range<usize>, means: &[f64], factor: &PackedMatrix, block: &mut RowBlock, out: &mut [f64]);
}

impl<F: Float> Centred<F> for Dense<'_, F> {
    fn dots(&self, rows: Range<usize>, means: &[f64], vector: &[f64], out: &mut [f64]) {
        let n_cols = self.n_cols();
        let rows = &self.values()[rows.start * n_cols..rows.end * n_cols];
        dispatch(Dots { rows, means, vector, out });
    }

    fn add_rows(&self, rows: Range<usize>, means: &[f64], factors: &[f64], sums: &mut [f64]) {
        let n_cols = self.n_cols();
        let rows = &self.values()[rows.start * n_cols..rows.end * n_cols];
        dispatch(Sums { rows, means, factors, sums });
    }

    fn multiply(
        &self,
        rows: Range<usize>,
        means: &[f64],
        factor: &PackedMatrix,
        block: &mut RowBlock,
        out: &mut [f64],
    ) {
        let n_cols = self.n_cols();
        block.reset(rows.len());
        let rows = self.values()[rows.start * n_cols..rows.end * n_cols].chunks_exact(n_cols);
        for (position, row) in rows.enumerate() {
            block.put(position, row.iter().zip(means).map(|(value, mean)| value.to_f64() - mean));
        }
        block.multiply(factor, out);
    }
}

impl<F: Float> Centred<F> for Csr<'_, F> {
    fn dots(&self, rows: Range<usize>, means: &[f64], vector: &[f64], out: &mut [f64]) {
        let at_means: f64 = means.iter().zip(vector).map(|(mean, value)| mean * value).sum();
        for (row, out) in rows.zip(out) {
            let (columns, values) = self.parts_of(row);
            let mut product = 0.0;
            for at in 0..columns.len() {
                product += values[at].to_f64() * vector[columns[at] as usize];
            }
            *out = product - at_means;
        }
    }

    fn add_rows(&self, rows: Range<usize>, means: &[f64], factors: &[f64], sums: &mut [f64]) {
        for (row, factor) in rows.zip(factors) {
            let (columns, values) = self.parts_of(row);
            for at in 0..columns.len() {
                sums[columns[at] as usize] += factor * values[at].to_f64();
            }
        }
        let total: f64 = factors.iter().sum();
        sums.iter_mut().zip(means).for_each(|(sum, mean)| *sum -= mean * total);
    }

    fn multiply(
        &self,
        rows: Range<usize>,
        means: &[f64],
        factor: &PackedMatrix,
        block: &mut RowBlock,
        out: &mut [f64],
    ) {
        let at_means = block.product(means, factor);
        for (row, out) in rows.zip(out.chunks_exact_mut(factor.stride())) {
            out.fill(0.0);
            let known = self.row(row).map(|(column, value)| (column, value.to_f64()));
            for (column, value) in known {
                let line = &factor.values[column * factor.n_cols..][..factor.n_cols];
                out.iter_mut().zip(line).for_each(|(sum, factor)| *sum += value * factor);
            }
            out.iter_mut().zip(at_means.iter()).for_each(|(sum, at_means)| *sum -= at_means);
        }
    }
}

struct Dots<'k, F> {
    rows: &'k [F],
    means: &'k [f64],
    vector: &'k [f64],
    out: &'k mut [f64],
}

impl<F: Float> Kernel<F> for Dots<'_, F> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd<F = F>>(self) {
        for (row, out) in self.rows.chunks_exact(self.means.len()).zip(self.out) {
            *out = dot(row, self.means, self.vector);
        }
    }
}

/// Eight sums in turn: no instruction set fuses or reorders them.
#[inline(always)]
fn dot<F: Float>(row: &[F], means: &[f64], vector: &[f64]) -> f64 {
    let (x, last_x) = row.as_chunks::<LANES>();
    let (m, last_m) = means.as_chunks::<LANES>();
    let (v, last_v) = vector.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for at in 0..x.len().min(m.len()).min(v.len()) {
        let (x, m, v) = (&x[at], &m[at], &v[at]);
        for lane in 0..LANES {
            sums[lane] += (x[lane].to_f64() - m[lane]) * v[lane];
        }
    }
    let mut rest = 0.0;
    for at in 0..last_x.len() {
        rest += (last_x[at].to_f64() - last_m[at]) * last_v[at];
    }
    let [a, b, c, d, e, f, g, h] = sums;
    ((a + b) + (c + d)) + ((e + f) + (g + h)) + rest
}

struct Sums<'k, F> {
    rows: &'k [F],
    means: &'k [f64],
    factors: &'k [f64],
    sums: &'k mut [f64],
}

impl<F: Float> Kernel<F> for Sums<'_, F> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd<F = F>>(self) {
        let n = self.means.len();
        let (means, sums) = (self.means, &mut self.sums[..n]);
        let (blocks, factors) = (self.rows.chunks_exact(BLOCK_ROWS * n), self.factors.chunks_exact(BLOCK_ROWS));
        let rest = blocks.remainder().chunks_exact(n).zip(factors.remainder());
        for (block, factors) in blocks.zip(factors) {
            let (ab, cd) = block.split_at(2 * n);
            let ((a, b), (c, d)) = (ab.split_at(n), cd.split_at(n));
            for i in 0..n {
                let left = (a[i].to_f64() - means[i]) * factors[0] + (b[i].to_f64() - means[i]) * factors[1];
                let right = (c[i].to_f64() - means[i]) * factors[2] + (d[i].to_f64() - means[i]) * factors[3];
                sums[i] += left + right;
            }
        }
        for (row, factor) in rest {
            let pairs = row.iter().zip(means);
            sums.iter_mut().zip(pairs).for_each(|(sum, (x, mean))| *sum += (x.to_f64() - mean) * factor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::random::Mt19937;

    #[test]
    fn both_storages_give_the_sums_of_the_obvious_loop() {
        let mut random = Mt19937::seeded(6);
        for (n_rows, n_cols) in [(1, 1), (5, 8), (11, 19)] {
            let mut noise = |len: usize| -> Vec<f64> { (0..len).map(|_| random.next_f64() - 0.5).collect() };
            let (values, means, vector, factors) =
                (noise(n_rows * n_cols), noise(n_cols), noise(n_cols), noise(n_rows));
            let starts: Vec<usize> = (0..=n_rows).map(|row| row * n_cols).collect();
            let indices: Vec<u32> = (0..n_rows * n_cols).map(|at| (at % n_cols) as u32).collect();
            let dense = Dense::new(&values, n_rows, n_cols).expect("shape");
            let csr = Csr::new(&values, &indices, &starts, n_cols).expect("parts");
            let value = |row: usize, column: usize| values[row * n_cols + column] - means[column];
            let start = n_rows / 3;
            let check = |rows: &dyn Fn(&mut [f64], &mut [f64])| {
                let (mut out, mut sums) = (vec![0.0; n_rows - start], vec![1.0; n_cols]);
                rows(&mut out, &mut sums);
                for (row, out) in (start..n_rows).zip(&out) {
                    let expected: f64 = (0..n_cols).map(|column| value(row, column) * vector[column]).sum();
                    assert!((out - expected).abs() < 1e-13, "{row}: {out}");
                }
                for (column, sum) in sums.iter().enumerate() {
                    let expected: f64 = (start..n_rows).map(|row| value(row, column) * factors[row]).sum();
                    assert!((sum - 1.0 - expected).abs() < 1e-13, "{column}: {sum}");
                }
            };
            check(&|out, sums| {
                dense.dots(start..n_rows, &means, &vector, out);
                dense.add_rows(start..n_rows, &means, &factors[start..], sums);
            });
            check(&|out, sums| {
                csr.dots(start..n_rows, &means, &vector, out);
                csr.add_rows(start..n_rows, &means, &factors[start..], sums);
            });
        }
    }
}
