//! The triangle of an orthogonal factorisation, fed block of rows by block of rows.
//!
//! Householder's reflections turn the rows of a block and the triangle so far into the triangle of both. Only the
//! triangle is kept: it has the singular values of all rows, and no digit is lost to squaring, as it is in a matrix of
//! products. Triangles of parts are put together by the same step (J. Demmel et al., "Communication-optimal parallel
//! and sequential QR and LU factorizations", 2012).

use crate::common::simd::{Kernel, Simd, dispatch};
use crate::common::{Result, memory};

const LANES: usize = 8;

/// The triangle of the rows so far: `n` rows of `n_cols` columns, row-major. The columns behind the first `n` are
/// carried along: they hold what the reflections make of them.
#[derive(Debug, Clone)]
pub struct StreamingR {
    /// The values; below the diagonal they are zero.
    pub values: Vec<f64>,
    /// Rows, and columns that are reduced.
    pub n: usize,
    /// All columns.
    pub n_cols: usize,
}

impl StreamingR {
    /// That of no rows.
    ///
    /// # Errors
    /// [`crate::common::Error::OutOfMemory`].
    pub fn new(n: usize, n_cols: usize) -> Result<Self> {
        Ok(Self { values: memory::try_filled(memory::checked_len(n, n_cols)?, 0.0)?, n, n_cols })
    }

    /// Takes rows in: `block` holds `n_cols` columns of `height` values each, and is used up.
    pub fn update(&mut self, block: &mut [f64], height: usize) {
        assert!(block.len() == self.n_cols * height, "columns out of range");
        dispatch(Update { triangle: self, block, height });
    }

    /// Takes in what another triangle has taken in.
    ///
    /// # Errors
    /// [`crate::common::Error::OutOfMemory`].
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        let mut block = memory::try_filled(other.values.len(), 0.0)?;
        for (row, values) in other.values.chunks_exact(other.n_cols).enumerate() {
            values.iter().enumerate().for_each(|(column, &value)| block[column * other.n + row] = value);
        }
        self.update(&mut block, other.n);
        Ok(())
    }
}

struct Update<'k> {
    triangle: &'k mut StreamingR,
    block: &'k mut [f64],
    height: usize,
}

impl Kernel<f64> for Update<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd<F = f64>>(self) {
        let StreamingR { values, n, n_cols } = self.triangle;
        let height = self.height;
        for (k, row) in values.chunks_exact_mut(*n_cols).enumerate().take(*n) {
            let (head, tail) = self.block.split_at_mut((k + 1) * height);
            let axis = &mut head[k * height..];
            let below = dot(axis, axis);
            if below == 0.0 {
                continue; // nothing to turn
            }
            let before = row[k];
            let length = (before * before + below).sqrt();
            let after = if before > 0.0 { -length } else { length };
            let scale = before - after;
            axis.iter_mut().for_each(|value| *value /= scale);
            let fraction = -scale / after;
            row[k] = after;
            for (top, column) in row[k + 1..].iter_mut().zip(tail.chunks_exact_mut(height)) {
                let amount = fraction * (*top + dot(axis, column));
                *top -= amount;
                column.iter_mut().zip(&*axis).for_each(|(value, direction)| *value -= amount * direction);
            }
        }
    }
}

/// The sum of products in the same order on every instruction set.
#[inline(always)]
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    let (left, right) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f64 = left.remainder().iter().zip(right.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in left.zip(right) {
        for lane in 0..LANES {
            sums[lane] += x[lane] * y[lane];
        }
    }
    let [a, b, c, d, e, f, g, h] = sums;
    ((a + b) + (c + d)) + ((e + f) + (g + h)) + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::random::Mt19937;

    fn products(table: &[f64], n_cols: usize, i: usize, j: usize) -> f64 {
        table.chunks_exact(n_cols).map(|row| row[i] * row[j]).sum()
    }

    #[test]
    fn the_triangle_has_the_products_of_the_rows() {
        let mut random = Mt19937::seeded(2);
        let (n, n_cols) = (5, 7);
        for heights in [vec![30], vec![1, 2, 3], vec![4, 40, 7]] {
            let mut triangle = StreamingR::new(n, n_cols).expect("memory");
            let mut parts = StreamingR::new(n, n_cols).expect("memory");
            let mut table = Vec::new();
            for height in heights {
                let rows: Vec<f64> = (0..height * n_cols).map(|_| random.next_f64() - 0.5).collect();
                let mut block: Vec<f64> = (0..rows.len()).map(|at| rows[at % height * n_cols + at / height]).collect();
                table.extend(rows);
                let mut alone = StreamingR::new(n, n_cols).expect("memory");
                alone.update(&mut block.clone(), height);
                parts.merge(&alone).expect("memory");
                triangle.update(&mut block, height);
            }
            for found in [&triangle, &parts] {
                for i in 0..n {
                    for j in i..n_cols {
                        let expected = products(&table, n_cols, i, j);
                        let sum = products(&found.values, n_cols, i, j);
                        assert!((sum - expected).abs() < 1e-13 * 100.0, "{i} {j}: {sum} instead of {expected}");
                    }
                    assert!(found.values[i * n_cols..][..i].iter().all(|&value| value == 0.0));
                }
            }
        }
    }
}
