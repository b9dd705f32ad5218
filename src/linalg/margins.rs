//! The two products of an optimiser's pass: rows with coefficients, and what follows from these with the rows again.
//!
//! Both are taken for a few rows while they are in the cache, so that a pass reads the data once. Four rows share what is
//! loaded of coefficients or sums. Sums are taken in lanes of a fixed number, each row by itself and rows in order: how
//! many rows are taken at a time changes no bit.

use super::{Csr, Dense, RowSet, Rows};
use crate::common::Float;
use crate::common::simd::{Kernel, Simd, dispatch, prefetch};

/// Bytes of the lanes of a sum: the widest vector.
const LANE_BYTES: usize = 64;
/// Rows that share what is loaded.
const SHARING: usize = 4;
/// Bytes of rows that stay in the first cache between the two products.
const CACHED: usize = 24 * 1024;
/// Bytes of a row that are asked for ahead.
const EXPECTED: usize = 1024;

/// Rows that an optimiser passes over. A shift of dense rows is not seen.
pub trait Margins<F: Float>: Rows<F> {
    /// The products of `rows` with `coef`, row-major of shape (n_outputs, n_cols), plus `start` (n_outputs,): that of the
    /// `i`-th row goes to `out[i * n_outputs..]`.
    fn margins(&self, rows: RowSet, coef: &[F], start: &[F], out: &mut [F]);

    /// `sums += Σ factors[i] row(i)ᵀ`: `factors` is row-major of shape (rows.len(), n_outputs), `sums` as `coef` is.
    fn accumulate_gradient(&self, rows: RowSet, factors: &[F], n_outputs: usize, sums: &mut [F]);

    /// How many rows to take at a time.
    fn cached_rows(&self) -> usize;

    /// Asks for rows that are read soon: shuffled ones lie where no machine expects them.
    fn prefetch(&self, rows: &[u32]);
}

impl<F: Float> Margins<F> for Dense<'_, F> {
    fn margins(&self, rows: RowSet, coef: &[F], start: &[F], out: &mut [F]) {
        dispatch(DenseMargins { of: self, rows, coef, start, out });
    }

    fn accumulate_gradient(&self, rows: RowSet, factors: &[F], n_outputs: usize, sums: &mut [F]) {
        dispatch(DenseOuter { of: self, rows, factors, n_outputs, sums });
    }

    fn cached_rows(&self) -> usize {
        (CACHED / (self.n_cols() * size_of::<F>())).clamp(SHARING, 256) / SHARING * SHARING
    }

    #[inline(always)]
    fn prefetch(&self, rows: &[u32]) {
        rows.iter().for_each(|&row| prefetch_all(self.values_of(row as usize)));
    }
}

impl<F: Float> Margins<F> for Csr<'_, F> {
    fn margins(&self, rows: RowSet, coef: &[F], start: &[F], out: &mut [F]) {
        for (i, out) in out.chunks_exact_mut(start.len()).take(rows.len()).enumerate() {
            for (out, (coef, &start)) in out.iter_mut().zip(coef.chunks_exact(self.n_cols()).zip(start)) {
                *out = self.row(rows.row(i)).map(|(column, value)| value * coef[column]).sum::<F>() + start;
            }
        }
    }

    fn accumulate_gradient(&self, rows: RowSet, factors: &[F], n_outputs: usize, sums: &mut [F]) {
        for (i, factors) in factors.chunks_exact(n_outputs).take(rows.len()).enumerate() {
            for (sums, &factor) in sums.chunks_exact_mut(self.n_cols()).zip(factors) {
                self.row(rows.row(i)).for_each(|(column, value)| sums[column] += factor * value);
            }
        }
    }

    fn cached_rows(&self) -> usize {
        256
    }

    fn prefetch(&self, rows: &[u32]) {
        let (values, indices, starts) = self.parts();
        for &row in rows {
            let stored = starts[row as usize]..starts[row as usize + 1];
            prefetch_all(&values[stored.clone()]);
            prefetch_all(&indices[stored]);
        }
    }
}

/// Products of dense rows with coefficients.
struct DenseMargins<'k, F: Clone> {
    of: &'k Dense<'k, F>,
    rows: RowSet<'k>,
    coef: &'k [F],
    start: &'k [F],
    out: &'k mut [F],
}

impl<F: Float> Kernel<F> for DenseMargins<'_, F> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd<F = F>>(self) {
        // SAFETY: the caller's promise.
        unsafe {
            match LANE_BYTES / (S::WIDTH * size_of::<F>()) {
                1 => self.with::<S, 1>(),
                2 => self.with::<S, 2>(),
                _ => self.with::<S, 4>(),
            }
        }
    }
}

impl<F: Float> DenseMargins<'_, F> {
    /// # Safety
    /// The instruction set of `S`.
    #[inline(always)]
    unsafe fn with<S: Simd<F = F>, const V: usize>(self) {
        let (n_cols, n_outputs, len) = (self.of.n_cols(), self.start.len(), self.rows.len());
        let outputs = || self.coef.chunks_exact(n_cols).zip(self.start).enumerate();
        let whole = len - len % SHARING;
        for i in (0..whole).step_by(SHARING) {
            let group = four_rows(self.of, self.rows, i);
            if let RowSet::List(list) = self.rows {
                self.of.prefetch(&list[(i + SHARING).min(len)..(i + 2 * SHARING).min(len)]);
            }
            for (output, (coef, &start)) in outputs() {
                // SAFETY: the caller's promise.
                let sums = unsafe { dots::<S, SHARING, V>(group, coef) };
                (0..SHARING).for_each(|row| self.out[(i + row) * n_outputs + output] = sums[row] + start);
            }
        }
        for i in whole..len {
            let row = self.of.values_of(self.rows.row(i));
            for (output, (coef, &start)) in outputs() {
                // SAFETY: the caller's promise.
                self.out[i * n_outputs + output] = unsafe { dots::<S, 1, V>([row], coef)[0] } + start;
            }
        }
    }
}

/// The products of a vector with `R` others of its length, in `V` vectors of lanes, and one sum of what is left over.
///
/// # Safety
/// The instruction set of `S`.
#[inline(always)]
unsafe fn dots<S: Simd, const R: usize, const V: usize>(rows: [&[S::F]; R], vector: &[S::F]) -> [S::F; R]
where
    S::F: Float,
{
    let lanes = V * S::WIDTH;
    let whole = vector.len() - vector.len() % lanes;
    let rows = rows.map(|row| &row[..vector.len()]);
    // SAFETY: the caller's promise; `whole` scalars are there in each, and `lanes` has room for any vector.
    unsafe {
        let mut sums = [[S::splat(S::F::default()); V]; R];
        for at in (0..whole).step_by(lanes) {
            for v in 0..V {
                let factor = S::load(vector.as_ptr().add(at + v * S::WIDTH));
                for r in 0..R {
                    sums[r][v] = S::fma(S::load(rows[r].as_ptr().add(at + v * S::WIDTH)), factor, sums[r][v]);
                }
            }
        }
        let mut out = [S::F::default(); R];
        for r in 0..R {
            // Halves are added first, so that one vector of sums, two or four give the same bits.
            let mut width = V;
            while width > 1 {
                width /= 2;
                for v in 0..width {
                    sums[r][v] = S::add(sums[r][v], sums[r][v + width]);
                }
            }
            let mut lanes = [S::F::default(); LANE_BYTES / 4];
            S::store(lanes.as_mut_ptr(), sums[r][0]);
            let mut rest = S::F::default();
            for at in whole..vector.len() {
                rest += rows[r][at] * vector[at];
            }
            out[r] = folded::<S>(lanes) + rest;
        }
        out
    }
}

/// The sum of the first lanes, as many as a vector has: halves are added to each other, again and again.
#[inline(always)]
fn folded<S: Simd>(lanes: [S::F; LANE_BYTES / 4]) -> S::F {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = lanes;
    match S::WIDTH {
        16 => (((a + i) + (e + m)) + ((c + k) + (g + o))) + (((b + j) + (f + n)) + ((d + l) + (h + p))),
        8 => ((a + e) + (c + g)) + ((b + f) + (d + h)),
        4 => (a + c) + (b + d),
        _ => a + b,
    }
}

/// Sums of dense rows times factors.
struct DenseOuter<'k, F: Clone> {
    of: &'k Dense<'k, F>,
    rows: RowSet<'k>,
    factors: &'k [F],
    n_outputs: usize,
    sums: &'k mut [F],
}

impl<F: Float> Kernel<F> for DenseOuter<'_, F> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd<F = F>>(self) {
        let (n_cols, n_outputs, len) = (self.of.n_cols(), self.n_outputs, self.rows.len());
        let whole = len - len % SHARING;
        for i in (0..whole).step_by(SHARING) {
            let group = four_rows(self.of, self.rows, i);
            for (output, sums) in self.sums.chunks_exact_mut(n_cols).enumerate() {
                let factors = [0, 1, 2, 3].map(|row| self.factors[(i + row) * n_outputs + output]);
                // SAFETY: the caller's promise.
                unsafe { add_rows::<S, SHARING>(group, factors, sums) };
            }
        }
        for i in whole..len {
            let row = self.of.values_of(self.rows.row(i));
            for (output, sums) in self.sums.chunks_exact_mut(n_cols).enumerate() {
                // SAFETY: the caller's promise.
                unsafe { add_rows::<S, 1>([row], [self.factors[i * n_outputs + output]], sums) };
            }
        }
    }
}

/// `sums += Σ factors[r] rows[r]`, rows in order.
///
/// # Safety
/// The instruction set of `S`.
#[inline(always)]
unsafe fn add_rows<S: Simd, const R: usize>(rows: [&[S::F]; R], factors: [S::F; R], sums: &mut [S::F]) {
    let len = sums.len();
    // The same columns are fused for all instruction sets.
    let whole = len - len % (LANE_BYTES / size_of::<S::F>());
    let rows = rows.map(|row| &row[..len]);
    // SAFETY: the caller's promise; `whole` scalars, a multiple of the lanes of a vector, are there in each.
    unsafe {
        let splats = factors.map(|factor| S::splat(factor));
        for at in (0..whole).step_by(S::WIDTH) {
            let mut sum = S::load(sums.as_ptr().add(at));
            for r in 0..R {
                sum = S::fma(S::load(rows[r].as_ptr().add(at)), splats[r], sum);
            }
            S::store(sums.as_mut_ptr().add(at), sum);
        }
    }
    for at in whole..len {
        for r in 0..R {
            sums[at] += rows[r][at] * factors[r];
        }
    }
}

/// The four rows from a position on.
#[inline(always)]
fn four_rows<'a, F: Float>(of: &'a Dense<F>, rows: RowSet, at: usize) -> [&'a [F]; SHARING] {
    [
        of.values_of(rows.row(at)),
        of.values_of(rows.row(at + 1)),
        of.values_of(rows.row(at + 2)),
        of.values_of(rows.row(at + 3)),
    ]
}

/// Asks for the first lines of a slice; the machine sees the others coming.
#[inline(always)]
fn prefetch_all<T>(values: &[T]) {
    (0..values.len().min(EXPECTED / size_of::<T>())).step_by(64 / size_of::<T>()).for_each(|at| prefetch(&values[at]));
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
                dense.accumulate_gradient(rows, &factors, n_outputs, &mut sums[0]);
                csr.accumulate_gradient(rows, &factors, n_outputs, &mut sums[1]);
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
        dense.accumulate_gradient(RowSet::Range(0, n_rows), &whole, 1, &mut sums);
        for row in 0..n_rows {
            dense.margins(RowSet::Range(row, row + 1), &coef, &[0.25], &mut single[row..=row]);
            dense.accumulate_gradient(RowSet::Range(row, row + 1), &single[row..=row], 1, &mut slow);
        }
        assert_eq!((whole, sums), (single, slow));
    }
}
