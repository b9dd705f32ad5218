//! Products of rows with a few vectors, summed in double precision, row by row in the same order for any number of rows.

use std::ops::Range;

use super::{Csr, Dense, Rows};
use crate::common::Float;
use crate::common::simd::{Kernel, Simd, dispatch};

const LANES: usize = 8;

/// Rows that can be multiplied with vectors.
pub trait Products<F: Float>: Rows<F> {
    /// The products of the rows of a range with `vectors`, row-major of shape (count, n_cols); that of the `i`-th row and
    /// vector `v` goes to `out[i * count + v]`. A shift of the rows is not seen.
    fn products(&self, rows: Range<usize>, vectors: &[f64], out: &mut [f64]);
}

impl<F: Float> Products<F> for Dense<'_, F> {
    fn products(&self, rows: Range<usize>, vectors: &[f64], out: &mut [f64]) {
        let n_cols = self.n_cols();
        let rows = &self.values()[rows.start * n_cols..rows.end * n_cols];
        dispatch(Dots { rows, vectors, n_cols, out });
    }
}

impl<F: Float> Products<F> for Csr<'_, F> {
    fn products(&self, rows: Range<usize>, vectors: &[f64], out: &mut [f64]) {
        let n_cols = self.n_cols();
        for (row, out) in rows.zip(out.chunks_exact_mut((vectors.len() / n_cols).max(1))) {
            for (out, vector) in out.iter_mut().zip(vectors.chunks_exact(n_cols)) {
                *out = self.row(row).map(|(column, value)| value.to_f64() * vector[column]).sum();
            }
        }
    }
}

/// Dense rows times vectors.
struct Dots<'k, F> {
    rows: &'k [F],
    vectors: &'k [f64],
    n_cols: usize,
    out: &'k mut [f64],
}

impl<F: Float> Kernel<F> for Dots<'_, F> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd<F = F>>(self) {
        let out = self.out.chunks_exact_mut((self.vectors.len() / self.n_cols).max(1));
        for (row, out) in self.rows.chunks_exact(self.n_cols).zip(out) {
            for (out, vector) in out.iter_mut().zip(self.vectors.chunks_exact(self.n_cols)) {
                *out = dot(row, vector);
            }
        }
    }
}

/// Eight sums in turn: no instruction set fuses or reorders them.
#[inline(always)]
fn dot<F: Float>(row: &[F], vector: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    let (left, right) = (row.chunks_exact(LANES), vector.chunks_exact(LANES));
    let rest: f64 = left.remainder().iter().zip(right.remainder()).map(|(x, y)| x.to_f64() * y).sum();
    for (x, y) in left.zip(right) {
        for lane in 0..LANES {
            sums[lane] += x[lane].to_f64() * y[lane];
        }
    }
    let [a, b, c, d, e, f, g, h] = sums;
    ((a + b) + (c + d)) + ((e + f) + (g + h)) + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::random::Mt19937;

    #[test]
    fn products_are_those_of_the_obvious_loop() {
        let mut random = Mt19937::seeded(4);
        for (n_rows, n_cols, count) in [(1, 1, 1), (5, 8, 1), (7, 19, 3), (3, 40, 2)] {
            let mut noise = |len: usize| -> Vec<f64> { (0..len).map(|_| random.next_f64() - 0.5).collect() };
            let (values, vectors) = (noise(n_rows * n_cols), noise(count * n_cols));
            let narrow: Vec<f32> = values.iter().map(|&value| value as f32).collect();
            let wide: Vec<f64> = narrow.iter().map(|&value| f64::from(value)).collect();
            let starts: Vec<usize> = (0..=n_rows).map(|row| row * n_cols).collect();
            let indices: Vec<u32> = (0..n_rows * n_cols).map(|at| (at % n_cols) as u32).collect();
            let mut out = [vec![0.0; n_rows * count], vec![0.0; n_rows * count], vec![0.0; n_rows * count]];
            Dense::new(&narrow, n_rows, n_cols).expect("shape").products(0..n_rows, &vectors, &mut out[0]);
            Dense::new(&wide, n_rows, n_cols).expect("shape").products(0..n_rows, &vectors, &mut out[1]);
            Csr::new(&wide, &indices, &starts, n_cols).expect("parts").products(0..n_rows, &vectors, &mut out[2]);
            assert_eq!(out[0], out[1]);
            for row in 0..n_rows {
                for vector in 0..count {
                    let expected: f64 =
                        (0..n_cols).map(|c| wide[row * n_cols + c] * vectors[vector * n_cols + c]).sum();
                    assert!((out[1][row * count + vector] - expected).abs() < 1e-14 * n_cols as f64);
                    assert!((out[2][row * count + vector] - expected).abs() < 1e-14 * n_cols as f64);
                }
            }
        }
    }
}
