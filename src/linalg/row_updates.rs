//! What methods that take one row at a time ask of it: its product with a vector, and to be added to that vector.
//!
//! Sums are taken in the order of the columns or in lanes; either way no instruction set changes a bit. Everything is
//! inlined into the walk over the rows, see [`crate::common::simd::Plain`].

use super::{Csr, Dense, Rows};
use crate::common::Float;
use crate::common::simd::prefetch;

const LANES: usize = 8;
/// Elements that go into lanes at a time.
const PIECE: usize = 2 * LANES;
/// Lanes of stored values: where they go must be looked up, so more would not pay.
const STORED_LANES: usize = 4;
/// Bytes of a cache line.
const LINE: usize = 64;
/// Rows that are asked for before they are gathered.
const AHEAD: usize = 8;

/// The order in which products are summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Summation {
    /// That of the columns, as a plain loop does it: every addition waits for the one before.
    InOrder,
    /// A sum for each of several lanes.
    InLanes,
}

/// The sums over the columns of a row, after a vector has changed there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sums {
    /// Of the squares of the vector.
    pub squares: f64,
    /// Of its magnitudes.
    pub magnitudes: f64,
}

/// Rows that are taken one at a time. Vectors have shape (n_cols,); a shift of the rows is not seen.
pub trait RowDotAxpy<F: Float>: Rows<F> {
    /// Whether rows in any order are best copied side by side before they are taken.
    const GATHERS: bool;

    /// Asks for a row that is needed soon.
    fn fetch(&self, row: usize);

    /// Puts the listed rows behind `gathered`, one after the other, if [`RowDotAxpy::GATHERS`].
    fn append_rows(&self, rows: &[u32], gathered: &mut Vec<F>);

    /// The product of a row with a vector: each factor rounded to `F`, summed in double precision.
    fn product(&self, row: usize, vector: &[F], summation: Summation) -> f64;

    /// The squared length of a row, in double precision.
    fn squares(&self, row: usize, summation: Summation) -> f64;

    /// `vector += row * factor` at the stored columns, rounded once. The sum of magnitudes is zero unless it is wanted.
    fn add(&self, row: usize, factor: f64, vector: &mut [F], with_magnitudes: bool) -> Sums;

    /// Hands each stored value, and the element of the vector in its column, to `visit`.
    fn visit(&self, row: usize, vector: &mut [F], visit: impl FnMut(F, &mut F));

    /// Hands each stored value and its column to `visit`.
    fn each(&self, row: usize, visit: impl FnMut(usize, F));

    /// Hands the elements of two vectors in each stored column to `visit`.
    fn visit_two(&self, row: usize, first: &mut [F], second: &mut [F], visit: impl FnMut(&mut F, &mut F));
}

/// Asks for the lines that values lie in.
#[inline(always)]
fn fetch_all<T>(values: &[T]) {
    for value in values.iter().step_by((LINE / size_of::<T>()).max(1)) {
        prefetch(std::ptr::from_ref(value));
    }
    values.last().map(std::ptr::from_ref).into_iter().for_each(prefetch);
}

/// The sum of eight lanes.
#[inline(always)]
fn total(lanes: [f64; LANES]) -> f64 {
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + b) + (c + d)) + ((e + f) + (g + h))
}

/// The sum of `term` over pairs of elements.
#[inline(always)]
fn sum<F: Float>(left: &[F], right: &[F], summation: Summation, term: impl Fn(F, F) -> f64) -> f64 {
    let in_order = |left: &[F], right: &[F]| left.iter().zip(right).fold(0.0, |sum, (&x, &y)| sum + term(x, y));
    if summation == Summation::InOrder {
        return in_order(left, right);
    }
    let mut lanes = [[0.0; LANES]; 2];
    let (mut left, mut right) = (left, right);
    while let (Some((x, left_rest)), Some((y, right_rest))) =
        (left.split_first_chunk::<PIECE>(), right.split_first_chunk::<PIECE>())
    {
        for (half, lanes) in lanes.iter_mut().enumerate() {
            for (lane, sum) in lanes.iter_mut().enumerate() {
                *sum += term(x[half * LANES + lane], y[half * LANES + lane]);
            }
        }
        (left, right) = (left_rest, right_rest);
    }
    if let (Some((x, left_rest)), Some((y, right_rest))) =
        (left.split_first_chunk::<LANES>(), right.split_first_chunk::<LANES>())
    {
        lanes[0].iter_mut().enumerate().for_each(|(lane, sum)| *sum += term(x[lane], y[lane]));
        (left, right) = (left_rest, right_rest);
    }
    let [mut both, second] = lanes;
    both.iter_mut().zip(second).for_each(|(sum, other)| *sum += other);
    total(both) + in_order(left, right)
}

impl<F: Float> Dense<'_, F> {
    #[inline(always)]
    fn at(&self, row: usize) -> &[F] {
        let n_cols = self.n_cols();
        &self.values()[row * n_cols..][..n_cols]
    }
}

impl<F: Float> RowDotAxpy<F> for Dense<'_, F> {
    const GATHERS: bool = true;

    #[inline(always)]
    fn fetch(&self, row: usize) {
        fetch_all(self.at(row));
    }

    fn append_rows(&self, rows: &[u32], gathered: &mut Vec<F>) {
        for (position, &row) in rows.iter().enumerate() {
            if let Some(&row) = rows.get(position + AHEAD) {
                self.fetch(row as usize);
            }
            gathered.extend_from_slice(self.at(row as usize));
        }
    }

    #[inline(always)]
    fn product(&self, row: usize, vector: &[F], summation: Summation) -> f64 {
        sum(self.at(row), vector, summation, |x, w| (x * w).to_f64())
    }

    #[inline(always)]
    fn squares(&self, row: usize, summation: Summation) -> f64 {
        let row = self.at(row);
        sum(row, row, summation, |x, y| x.to_f64() * y.to_f64())
    }

    #[inline(always)]
    fn add(&self, row: usize, factor: f64, vector: &mut [F], with_magnitudes: bool) -> Sums {
        self.visit(row, vector, |x, w| *w = F::from_f64(w.to_f64() + x.to_f64() * factor));
        let magnitudes =
            if with_magnitudes { sum(vector, vector, Summation::InLanes, |w, _| w.abs().to_f64()) } else { 0.0 };
        Sums { squares: sum(vector, vector, Summation::InLanes, |w, v| (w * v).to_f64()), magnitudes }
    }

    #[inline(always)]
    fn visit(&self, row: usize, vector: &mut [F], mut visit: impl FnMut(F, &mut F)) {
        self.at(row).iter().zip(vector).for_each(|(&x, w)| visit(x, w));
    }

    #[inline(always)]
    fn each(&self, row: usize, mut visit: impl FnMut(usize, F)) {
        self.at(row).iter().enumerate().for_each(|(column, &x)| visit(column, x));
    }

    #[inline(always)]
    fn visit_two(&self, _row: usize, first: &mut [F], second: &mut [F], mut visit: impl FnMut(&mut F, &mut F)) {
        first.iter_mut().zip(second).for_each(|(first, second)| visit(first, second));
    }
}

impl<F: Float> Csr<'_, F> {
    /// Values of a row and their columns.
    #[inline(always)]
    fn stored_in(&self, row: usize) -> (&[F], &[u32]) {
        let (values, indices, starts) = self.parts();
        let range = starts[row]..starts[row + 1];
        (&values[range.clone()], &indices[range])
    }
}

impl<F: Float> RowDotAxpy<F> for Csr<'_, F> {
    const GATHERS: bool = false;

    #[inline(always)]
    fn fetch(&self, row: usize) {
        let (values, columns) = self.stored_in(row);
        fetch_all(values);
        fetch_all(columns);
    }

    fn append_rows(&self, _rows: &[u32], _gathered: &mut Vec<F>) {}

    #[inline(always)]
    fn product(&self, row: usize, vector: &[F], summation: Summation) -> f64 {
        let (mut values, mut columns) = self.stored_in(row);
        let term = |x: F, column: u32| (vector[column as usize] * x).to_f64();
        let mut lanes = [0.0; STORED_LANES];
        if summation == Summation::InLanes {
            while let (Some((x, after)), Some((at, columns_after))) =
                (values.split_first_chunk::<STORED_LANES>(), columns.split_first_chunk::<STORED_LANES>())
            {
                lanes.iter_mut().enumerate().for_each(|(lane, sum)| *sum += term(x[lane], at[lane]));
                (values, columns) = (after, columns_after);
            }
        }
        let rest = values.iter().zip(columns).fold(0.0, |sum, (&x, &column)| sum + term(x, column));
        let [a, b, c, d] = lanes;
        ((a + b) + (c + d)) + rest
    }

    #[inline(always)]
    fn squares(&self, row: usize, summation: Summation) -> f64 {
        let values = self.stored_in(row).0;
        sum(values, values, summation, |x, y| x.to_f64() * y.to_f64())
    }

    #[inline(always)]
    fn add(&self, row: usize, factor: f64, vector: &mut [F], with_magnitudes: bool) -> Sums {
        let mut sums = Sums { squares: 0.0, magnitudes: 0.0 };
        self.visit(row, vector, |x, w| {
            *w = F::from_f64(w.to_f64() + x.to_f64() * factor);
            sums.squares += (*w * *w).to_f64();
            sums.magnitudes += if with_magnitudes { w.abs().to_f64() } else { 0.0 };
        });
        sums
    }

    #[inline(always)]
    fn visit(&self, row: usize, vector: &mut [F], mut visit: impl FnMut(F, &mut F)) {
        let (values, columns) = self.stored_in(row);
        values.iter().zip(columns).for_each(|(&x, &column)| visit(x, &mut vector[column as usize]));
    }

    #[inline(always)]
    fn each(&self, row: usize, mut visit: impl FnMut(usize, F)) {
        let (values, columns) = self.stored_in(row);
        values.iter().zip(columns).for_each(|(&x, &column)| visit(column as usize, x));
    }

    #[inline(always)]
    fn visit_two(&self, row: usize, first: &mut [F], second: &mut [F], mut visit: impl FnMut(&mut F, &mut F)) {
        let columns = self.stored_in(row).1.iter().map(|&column| column as usize);
        columns.for_each(|column| visit(&mut first[column], &mut second[column]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::random::Mt19937;

    #[test]
    fn steps_are_those_of_the_obvious_loop() {
        let mut random = Mt19937::seeded(4);
        for n_cols in [1, 7, 16, 17, 31, 50] {
            let mut noise = |len: usize| -> Vec<f64> { (0..len).map(|_| random.next_f64() - 0.5).collect() };
            let (values, vector) = (noise(3 * n_cols), noise(n_cols));
            let starts: Vec<usize> = (0..=3).map(|row| row * n_cols).collect();
            let columns: Vec<u32> = (0..3 * n_cols).map(|at| (at % n_cols) as u32).collect();
            let dense = Dense::new(&values, 3, n_cols).expect("shape");
            let csr = Csr::new(&values, &columns, &starts, n_cols).expect("structure");
            check(&dense, &values[n_cols..2 * n_cols], &vector);
            check(&csr, &values[n_cols..2 * n_cols], &vector);
        }
    }

    fn check(rows: &impl RowDotAxpy<f64>, row: &[f64], vector: &[f64]) {
        let in_order: f64 = row.iter().zip(vector).fold(0.0, |sum, (x, w)| sum + x * w);
        assert_eq!(rows.product(1, vector, Summation::InOrder), in_order);
        let close = |value: f64, expected: f64| assert!((value - expected).abs() < 1e-13, "{value} {expected}");
        close(rows.product(1, vector, Summation::InLanes), in_order);
        for summation in [Summation::InOrder, Summation::InLanes] {
            close(rows.squares(1, summation), row.iter().map(|x| x * x).sum());
        }
        let expected: Vec<f64> = row.iter().zip(vector).map(|(x, w)| w + x * 1.5).collect();
        let mut added = vector.to_vec();
        let sums = rows.add(1, 1.5, &mut added, true);
        assert_eq!(added, expected);
        close(sums.squares, expected.iter().map(|w| w * w).sum());
        close(sums.magnitudes, expected.iter().map(|w| w.abs()).sum());
        let (mut first, mut second) = (vector.to_vec(), row.to_vec());
        rows.visit_two(1, &mut first, &mut second, std::mem::swap);
        assert_eq!((&first[..], &second[..]), (row, vector));
    }
}
