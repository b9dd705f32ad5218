//! What descent on a linear model asks of rows: the product of one with a vector, one added to a vector, and both for
//! many rows while each is at hand, which is the gradient of any loss. All in double precision; a shift is not seen.
//!
//! Sums of up to seven values, and those of CSR rows, run from the first to the last, as the plain loop has them; longer
//! ones go to eight sums in turn. No instruction set fuses or reorders them. The loops are plain ones: closures of the
//! iterators that the compiler leaves apart would not have the instructions of the set.

use super::columns::Columns;
use super::{Csr, Dense, RowSet, Rows};
use crate::common::simd::{Kernel, Simd, dispatch, prefetch};
use crate::common::{Float, Result};

const LANES: usize = 8;
/// Rows that are added to a sum at a time: the sum is read and written once for all of them.
const TOGETHER: usize = 4;
/// Bytes of a cache line, and how many lines of a row are asked for ahead; the machine finds the rest by itself.
const LINE: usize = 64;
const MAX_LINES: usize = 8;

/// Rows of a linear model. Every vector has shape (n_cols,).
pub trait Linear<F: Float>: Rows<F> {
    /// `start` plus the product of a row with a vector.
    fn dot(&self, row: usize, vector: &[f64], start: f64) -> f64;

    /// `start` plus the squares of a row.
    fn square(&self, row: usize, start: f64) -> f64;

    /// `vector += scale * row`.
    fn add(&self, row: usize, scale: f64, vector: &mut [f64]);

    /// Asks for a row that will be read soon.
    fn fetch(&self, row: usize);

    /// Adds each row of a set to `sum`, times what `weigh` makes of its position in the set and its product with `vector`.
    fn accumulate_scaled(&self, rows: RowSet, vector: &[f64], sum: &mut [f64], weigh: impl FnMut(usize, f64) -> f64);

    /// The listed rows, column by column, and after them a column of `constant`.
    ///
    /// # Errors
    /// [`crate::common::Error::OutOfMemory`].
    fn columns(&self, rows: &[u32], constant: Option<f64>) -> Result<Columns>;
}

impl<F: Float> Linear<F> for Dense<'_, F> {
    #[inline(always)]
    fn dot(&self, row: usize, vector: &[f64], start: f64) -> f64 {
        let row = self.values_of(row);
        if row.len() < LANES {
            return row.iter().zip(vector).fold(start, |sum, (x, y)| sum + x.to_f64() * y);
        }
        start + dispatch(Dot { row, vector })
    }

    fn square(&self, row: usize, start: f64) -> f64 {
        let row = self.values_of(row);
        if row.len() < LANES {
            return row.iter().fold(start, |sum, value| sum + value.to_f64() * value.to_f64());
        }
        start + dispatch(Square { row })
    }

    #[inline(always)]
    fn add(&self, row: usize, scale: f64, vector: &mut [f64]) {
        let row = self.values_of(row);
        if row.len() < LANES { add(row, scale, vector) } else { dispatch(Add { row, scale, vector }) }
    }

    #[inline(always)]
    fn fetch(&self, row: usize) {
        let row = self.values_of(row);
        row.chunks(LINE / size_of::<F>()).take(MAX_LINES).for_each(|line| prefetch(line.as_ptr()));
    }

    fn accumulate_scaled(&self, rows: RowSet, vector: &[f64], sum: &mut [f64], weigh: impl FnMut(usize, f64) -> f64) {
        dispatch(AddWeighed { data: self, rows, vector, sum, weigh });
    }

    fn columns(&self, rows: &[u32], constant: Option<f64>) -> Result<Columns> {
        Columns::dense(rows.len(), self.n_cols(), constant, |position| self.values_of(rows[position] as usize))
    }
}

impl<F: Float> Linear<F> for Csr<'_, F> {
    #[inline(always)]
    fn dot(&self, row: usize, vector: &[f64], start: f64) -> f64 {
        self.row(row).fold(start, |sum, (column, value)| sum + vector[column] * value.to_f64())
    }

    fn square(&self, row: usize, start: f64) -> f64 {
        self.row(row).fold(start, |sum, (_, value)| sum + value.to_f64() * value.to_f64())
    }

    #[inline(always)]
    fn add(&self, row: usize, scale: f64, vector: &mut [f64]) {
        self.row(row).for_each(|(column, value)| vector[column] += scale * value.to_f64());
    }

    #[inline(always)]
    fn fetch(&self, row: usize) {
        let (values, indices, starts) = self.parts();
        let range = starts[row]..starts[row + 1];
        let values = values[range.clone()].chunks(LINE / size_of::<F>());
        values.take(MAX_LINES).for_each(|line| prefetch(line.as_ptr()));
        let indices = indices[range].chunks(LINE / size_of::<u32>());
        indices.take(MAX_LINES).for_each(|line| prefetch(line.as_ptr()));
    }

    fn accumulate_scaled(
        &self,
        rows: RowSet,
        vector: &[f64],
        sum: &mut [f64],
        mut weigh: impl FnMut(usize, f64) -> f64,
    ) {
        for position in 0..rows.len() {
            let row = rows.row(position);
            let weight = weigh(position, self.dot(row, vector, 0.0));
            if weight != 0.0 {
                self.add(row, weight, sum);
            }
        }
    }

    fn columns(&self, rows: &[u32], constant: Option<f64>) -> Result<Columns> {
        Columns::sparse(rows.len(), self.n_cols(), constant, |position| self.row(rows[position] as usize))
    }
}

#[inline(always)]
fn dot<F: Float>(row: &[F], vector: &[f64]) -> f64 {
    let vector = &vector[..row.len()];
    let (left, left_rest) = row.as_chunks::<LANES>();
    let (right, right_rest) = vector.as_chunks::<LANES>();
    let mut rest = 0.0;
    for at in 0..left_rest.len() {
        rest += left_rest[at].to_f64() * right_rest[at];
    }
    if left.is_empty() {
        return rest;
    }
    let mut sums = [0.0; LANES];
    for at in 0..left.len() {
        let (x, y) = (&left[at], &right[at]);
        for lane in 0..LANES {
            sums[lane] += x[lane].to_f64() * y[lane];
        }
    }
    folded(sums) + rest
}

#[inline(always)]
fn folded(sums: [f64; LANES]) -> f64 {
    let [a, b, c, d, e, f, g, h] = sums;
    ((a + b) + (c + d)) + ((e + f) + (g + h))
}

#[inline(always)]
fn add<F: Float>(row: &[F], scale: f64, vector: &mut [f64]) {
    let vector = &mut vector[..row.len()];
    for column in 0..row.len() {
        vector[column] += scale * row[column].to_f64();
    }
}

struct Dot<'k, F> {
    row: &'k [F],
    vector: &'k [f64],
}

impl<F: Float> Kernel<F> for Dot<'_, F> {
    type Output = f64;

    #[inline(always)]
    unsafe fn run<S: Simd<F = F>>(self) -> f64 {
        dot(self.row, self.vector)
    }
}

struct Square<'k, F> {
    row: &'k [F],
}

impl<F: Float> Kernel<F> for Square<'_, F> {
    type Output = f64;

    #[inline(always)]
    unsafe fn run<S: Simd<F = F>>(self) -> f64 {
        let (chunks, remainder) = self.row.as_chunks::<LANES>();
        let mut rest = 0.0;
        for x in remainder {
            rest += x.to_f64() * x.to_f64();
        }
        let mut sums = [0.0; LANES];
        for x in chunks {
            for lane in 0..LANES {
                sums[lane] += x[lane].to_f64() * x[lane].to_f64();
            }
        }
        folded(sums) + rest
    }
}

struct Add<'k, F> {
    row: &'k [F],
    scale: f64,
    vector: &'k mut [f64],
}

impl<F: Float> Kernel<F> for Add<'_, F> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd<F = F>>(self) {
        add(self.row, self.scale, self.vector);
    }
}

struct AddWeighed<'k, 'd, F: Clone, W> {
    data: &'k Dense<'d, F>,
    rows: RowSet<'k>,
    vector: &'k [f64],
    sum: &'k mut [f64],
    weigh: W,
}

impl<F: Float, W: FnMut(usize, f64) -> f64> Kernel<F> for AddWeighed<'_, '_, F, W> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd<F = F>>(mut self) {
        let count = self.rows.len();
        let whole = count - count % TOGETHER;
        for position in (0..whole).step_by(TOGETHER) {
            let row = |next: usize| self.data.values_of(self.rows.row(position + next));
            let rows = [row(0), row(1), row(2), row(3)];
            let mut weights = [0.0; TOGETHER];
            for next in 0..TOGETHER {
                weights[next] = dot(rows[next], self.vector);
            }
            for (next, weight) in weights.iter_mut().enumerate() {
                *weight = (self.weigh)(position + next, *weight);
            }
            if weights != [0.0; TOGETHER] {
                add_four(rows, weights, self.sum);
            }
        }
        for position in whole..count {
            let row = self.data.values_of(self.rows.row(position));
            let weight = (self.weigh)(position, dot(row, self.vector));
            add(row, weight, self.sum);
        }
    }
}

#[inline(always)]
fn add_four<F: Float>(rows: [&[F]; TOGETHER], weights: [f64; TOGETHER], sum: &mut [f64]) {
    let len = sum.len();
    let [a, b, c, d] = [&rows[0][..len], &rows[1][..len], &rows[2][..len], &rows[3][..len]];
    for column in 0..len {
        let first = weights[0] * a[column].to_f64() + weights[1] * b[column].to_f64();
        let second = weights[2] * c[column].to_f64() + weights[3] * d[column].to_f64();
        sum[column] += first + second;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::random::Mt19937;

    fn close(found: f64, expected: f64) -> bool {
        (found - expected).abs() <= 1e-13 * (1.0 + expected.abs())
    }

    #[test]
    fn dense_and_csr_do_what_the_obvious_loops_do() {
        let mut random = Mt19937::seeded(1);
        for (n_rows, n_cols) in [(1, 1), (5, 7), (9, 8), (11, 29)] {
            let mut noise = |len: usize| -> Vec<f64> { (0..len).map(|_| random.next_f64() - 0.5).collect() };
            let (values, vector) = (noise(n_rows * n_cols), noise(n_cols));
            let starts: Vec<usize> = (0..=n_rows).map(|row| row * n_cols).collect();
            let indices: Vec<u32> = (0..n_rows * n_cols).map(|at| (at % n_cols) as u32).collect();
            let dense = Dense::new(&values, n_rows, n_cols).expect("shape");
            let csr = Csr::new(&values, &indices, &starts, n_cols).expect("parts");
            check(&dense, &values, &vector);
            check(&csr, &values, &vector);
        }
    }

    fn check(rows: &impl Linear<f64>, values: &[f64], vector: &[f64]) {
        let listed: Vec<u32> = (0..rows.n_rows() as u32).rev().collect();
        let product = |row: usize| -> f64 {
            values[row * vector.len()..][..vector.len()].iter().zip(vector).map(|(x, v)| x * v).sum()
        };
        let mut sum = vec![1.0; vector.len()];
        rows.accumulate_scaled(RowSet::List(&listed), vector, &mut sum, |position, found| {
            assert!(close(found, product(listed[position] as usize)));
            found + position as f64
        });
        let mut expected = vec![1.0; vector.len()];
        for (position, &row) in listed.iter().enumerate() {
            let row = row as usize;
            rows.fetch(row);
            assert!(close(rows.dot(row, vector, 1.5), 1.5 + product(row)));
            let own = &values[row * vector.len()..][..vector.len()];
            assert!(close(rows.square(row, 2.0), 2.0 + own.iter().map(|x| x * x).sum::<f64>()));
            rows.add(row, product(row) + position as f64, &mut expected);
        }
        assert!(sum.iter().zip(&expected).all(|(&found, &expected)| close(found, expected)));
    }
}
