//! The two products of an optimiser's pass: rows with coefficients, and what follows from these with the rows again.
//!
//! Both are taken for a few rows while they are in the cache, so that a pass reads the data once. Sums are taken in lanes
//! of a fixed number, each row by itself and rows in order: neither the instruction set, nor how many rows are taken at a
//! time, changes a bit. For use in loops that are compiled for an instruction set (`common::simd::Loops`).

use super::{Csr, Dense, RowSet, Rows};
use crate::common::Float;
use crate::common::simd::prefetch;

/// Chains of a sum: two of the widest vectors of `f64`.
const LANES: usize = 16;
/// Rows that share what is loaded of the coefficients.
const SHARING: usize = 4;
/// Bytes of rows that stay in the first cache between the two products.
const CACHED: usize = 24 * 1024;

/// Rows that an optimiser passes over. A shift of dense rows is not seen.
pub trait Margins<F: Float>: Rows<F> {
    /// The products of `rows` with `coef`, row-major of shape (n_outputs, n_cols), plus `start` (n_outputs,): that of the
    /// `i`-th row goes to `out[i * n_outputs..]`.
    fn margins(&self, rows: RowSet, coef: &[F], start: &[F], out: &mut [F]);

    /// `sums += Σ factors[i] row(i)ᵀ`: `factors` is row-major of shape (rows.len(), n_outputs), `sums` as `coef` is.
    fn add_outer(&self, rows: RowSet, factors: &[F], n_outputs: usize, sums: &mut [F]);

    /// How many rows to take at a time.
    fn cached_rows(&self) -> usize;
}

impl<F: Float> Margins<F> for Dense<'_, F> {
    #[inline(always)]
    fn margins(&self, rows: RowSet, coef: &[F], start: &[F], out: &mut [F]) {
        let (n_cols, n_outputs, len) = (self.n_cols(), start.len(), rows.len());
        let whole = len - len % SHARING;
        for i in (0..whole).step_by(SHARING) {
            let group: [&[F]; SHARING] = std::array::from_fn(|row| self.values_of(rows.row(i + row)));
            if let RowSet::List(list) = rows {
                ask_for(self, &list[(i + SHARING).min(len)..(i + 2 * SHARING).min(len)]);
            }
            for (output, (coef, &start)) in coef.chunks_exact(n_cols).zip(start).enumerate() {
                let sums = dots(group, coef);
                (0..SHARING).for_each(|row| out[(i + row) * n_outputs + output] = sums[row] + start);
            }
        }
        for i in whole..len {
            let row = self.values_of(rows.row(i));
            for (output, (coef, &start)) in coef.chunks_exact(n_cols).zip(start).enumerate() {
                out[i * n_outputs + output] = dots([row], coef)[0] + start;
            }
        }
    }

    #[inline(always)]
    fn add_outer(&self, rows: RowSet, factors: &[F], n_outputs: usize, sums: &mut [F]) {
        let (n_cols, len) = (self.n_cols(), rows.len());
        let whole = len - len % SHARING;
        for i in (0..whole).step_by(SHARING) {
            let [a, b, c, d]: [&[F]; SHARING] = std::array::from_fn(|row| self.values_of(rows.row(i + row)));
            for (output, sums) in sums.chunks_exact_mut(n_cols).enumerate() {
                let factor = |row: usize| factors[(i + row) * n_outputs + output];
                let (p, q, r, s) = (factor(0), factor(1), factor(2), factor(3));
                for ((((sum, &a), &b), &c), &d) in sums.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                    *sum = *sum + p * a + q * b + r * c + s * d;
                }
            }
        }
        for i in whole..len {
            let row = self.values_of(rows.row(i));
            for (output, sums) in sums.chunks_exact_mut(n_cols).enumerate() {
                let factor = factors[i * n_outputs + output];
                sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += factor * value);
            }
        }
    }

    fn cached_rows(&self) -> usize {
        (CACHED / (self.n_cols() * size_of::<F>())).clamp(SHARING, 256) / SHARING * SHARING
    }
}

impl<F: Float> Margins<F> for Csr<'_, F> {
    #[inline(always)]
    fn margins(&self, rows: RowSet, coef: &[F], start: &[F], out: &mut [F]) {
        for (i, out) in out.chunks_exact_mut(start.len()).take(rows.len()).enumerate() {
            for (out, (coef, &start)) in out.iter_mut().zip(coef.chunks_exact(self.n_cols()).zip(start)) {
                *out = self.row(rows.row(i)).map(|(column, value)| value * coef[column]).sum::<F>() + start;
            }
        }
    }

    #[inline(always)]
    fn add_outer(&self, rows: RowSet, factors: &[F], n_outputs: usize, sums: &mut [F]) {
        for (i, factors) in factors.chunks_exact(n_outputs).take(rows.len()).enumerate() {
            for (sums, &factor) in sums.chunks_exact_mut(self.n_cols()).zip(factors) {
                self.row(rows.row(i)).for_each(|(column, value)| sums[column] += factor * value);
            }
        }
    }

    fn cached_rows(&self) -> usize {
        256
    }
}

/// The products of a vector with `R` others of its length.
#[inline(always)]
fn dots<F: Float, const R: usize>(rows: [&[F]; R], vector: &[F]) -> [F; R] {
    let whole = vector.len() - vector.len() % LANES;
    let mut sums = [[F::ZERO; LANES]; R];
    for (at, vector) in vector.chunks_exact(LANES).enumerate() {
        for row in 0..R {
            let values = &rows[row][at * LANES..][..LANES];
            for lane in 0..LANES {
                sums[row][lane] += values[lane] * vector[lane];
            }
        }
    }
    std::array::from_fn(|row| {
        let rest: F = rows[row][whole..].iter().zip(&vector[whole..]).map(|(&value, &factor)| value * factor).sum();
        let mut lanes = sums[row];
        for width in [8, 4, 2, 1] {
            for lane in 0..width {
                lanes[lane] += lanes[lane + width];
            }
        }
        lanes[0] + rest
    })
}

/// Asks for rows that are read next: shuffled ones lie where no machine expects them.
#[inline(always)]
fn ask_for<F: Float>(rows: &Dense<F>, list: &[u32]) {
    for &row in list {
        let values = rows.values_of(row as usize);
        (0..values.len()).step_by(64 / size_of::<F>()).for_each(|at| prefetch(&values[at]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::random::Mt19937;

    #[test]
    fn products_are_those_of_the_obvious_loops_however_rows_are_stored_and_listed() {
        let mut random = Mt19937::seeded(6);
        for (n_rows, n_cols, n_outputs) in [(1, 1, 1), (4, 16, 1), (7, 19, 3), (11, 40, 2), (9, 3, 1)] {
            let mut noise = |len: usize| -> Vec<f64> { (0..len).map(|_| random.next_f64() - 0.5).collect() };
            let (values, coef, start) = (noise(n_rows * n_cols), noise(n_outputs * n_cols), noise(n_outputs));
            let factors = noise(n_rows * n_outputs);
            let starts: Vec<usize> = (0..=n_rows).map(|row| row * n_cols).collect();
            let indices: Vec<u32> = (0..n_rows * n_cols).map(|at| (at % n_cols) as u32).collect();
            let dense = Dense::new(&values, n_rows, n_cols).expect("shape");
            let csr = Csr::new(&values, &indices, &starts, n_cols).expect("parts");
            let list: Vec<u32> = (0..n_rows as u32).rev().collect();
            for rows in [RowSet::Range(0, n_rows), RowSet::List(&list)] {
                let mut out = [vec![0.0; n_rows * n_outputs], vec![0.0; n_rows * n_outputs]];
                dense.margins(rows, &coef, &start, &mut out[0]);
                csr.margins(rows, &coef, &start, &mut out[1]);
                let mut sums = [vec![1.0; n_outputs * n_cols], vec![1.0; n_outputs * n_cols]];
                dense.add_outer(rows, &factors, n_outputs, &mut sums[0]);
                csr.add_outer(rows, &factors, n_outputs, &mut sums[1]);
                for output in 0..n_outputs {
                    for i in 0..n_rows {
                        let row = &values[rows.row(i) * n_cols..][..n_cols];
                        let sum: f64 = row.iter().zip(&coef[output * n_cols..]).map(|(x, w)| x * w).sum();
                        for out in &out {
                            assert!((out[i * n_outputs + output] - sum - start[output]).abs() < 1e-14);
                        }
                    }
                    for column in 0..n_cols {
                        let value = |i: usize| values[rows.row(i) * n_cols + column];
                        let sum: f64 = (0..n_rows).map(|i| factors[i * n_outputs + output] * value(i)).sum();
                        for sums in &sums {
                            assert!((sums[output * n_cols + column] - 1.0 - sum).abs() < 1e-14);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn rows_taken_one_by_one_give_the_same_bits() {
        let mut random = Mt19937::seeded(7);
        let (n_rows, n_cols) = (11, 37);
        let values: Vec<f32> = (0..n_rows * n_cols).map(|_| random.next_f64() as f32).collect();
        let coef: Vec<f32> = (0..n_cols).map(|_| random.next_f64() as f32 - 0.5).collect();
        let dense = Dense::new(&values, n_rows, n_cols).expect("shape");
        let (mut whole, mut single) = (vec![0.0; n_rows], vec![0.0; n_rows]);
        let (mut sums, mut slow) = (vec![0.0; n_cols], vec![0.0; n_cols]);
        dense.margins(RowSet::Range(0, n_rows), &coef, &[0.25], &mut whole);
        dense.add_outer(RowSet::Range(0, n_rows), &whole, 1, &mut sums);
        for row in 0..n_rows {
            dense.margins(RowSet::Range(row, row + 1), &coef, &[0.25], &mut single[row..=row]);
            dense.add_outer(RowSet::Range(row, row + 1), &single[row..=row], 1, &mut slow);
        }
        assert_eq!((whole, sums), (single, slow));
    }
}
