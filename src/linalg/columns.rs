//! A matrix by its columns, in double precision: what coordinate descent goes through.
//!
//! Sums over a dense column go to eight sums in turn, those over a sparse one from the first to the last.

use crate::common::simd::{Kernel, Simd, dispatch};
use crate::common::{Float, Result, memory};

const LANES: usize = 8;
/// Rows that are turned into columns at a time: their lines stay in the cache until all of them are read.
const ROWS: usize = 32;

/// Columns, each of shape (n_rows,).
#[derive(Debug)]
pub struct Columns {
    n_rows: usize,
    values: Vec<f64>,
    stored: Stored,
}

#[derive(Debug)]
enum Stored {
    /// All of them, column after column.
    All,
    /// The rows of the values, and where each column starts (and the last one ends).
    Some { rows: Vec<u32>, starts: Vec<usize> },
}

impl Columns {
    /// From the rows at positions `0..n_rows`, each of shape (n_cols,), and a column of `constant` after them.
    ///
    /// # Errors
    /// [`crate::common::Error::OutOfMemory`].
    pub fn dense<'r, F: Float>(
        n_rows: usize,
        n_cols: usize,
        constant: Option<f64>,
        row: impl Fn(usize) -> &'r [F],
    ) -> Result<Self> {
        let mut values = memory::try_filled(memory::checked_len(n_rows, n_cols + 1)?, constant.unwrap_or(0.0))?;
        for start in (0..n_rows).step_by(ROWS) {
            let end = (start + ROWS).min(n_rows);
            for column in 0..n_cols {
                for (position, slot) in (start..end).zip(&mut values[column * n_rows + start..column * n_rows + end]) {
                    *slot = row(position)[column].to_f64();
                }
            }
        }
        values.truncate(n_rows * (n_cols + usize::from(constant.is_some())));
        Ok(Self { n_rows, values, stored: Stored::All })
    }

    /// The same of rows given by columns and values.
    ///
    /// # Errors
    /// [`crate::common::Error::OutOfMemory`].
    pub fn sparse<F: Float, I: Iterator<Item = (usize, F)>>(
        n_rows: usize,
        n_cols: usize,
        constant: Option<f64>,
        row: impl Fn(usize) -> I,
    ) -> Result<Self> {
        let width = n_cols + usize::from(constant.is_some());
        let last = constant.map(|constant| (n_cols, constant));
        let entries = |position| row(position).map(|(column, value)| (column, value.to_f64())).chain(last);
        let mut starts = memory::try_filled(width + 1, 0)?;
        (0..n_rows).flat_map(entries).for_each(|(column, _)| starts[column + 1] += 1);
        for column in 0..width {
            starts[column + 1] += starts[column];
        }
        let mut next = memory::try_copied(&starts)?;
        let mut values = memory::try_filled(starts[width], 0.0)?;
        let mut rows = memory::try_filled(starts[width], 0)?;
        for position in 0..n_rows {
            for (column, value) in entries(position) {
                values[next[column]] = value;
                rows[next[column]] = position as u32;
                next[column] += 1;
            }
        }
        // What stores everything is summed as the dense matrix of the same numbers is, to the same bits.
        let is_full = values.len() == memory::checked_len(n_rows, width)?
            && rows.iter().enumerate().all(|(at, &row)| row as usize == at % n_rows);
        let stored = if is_full { Stored::All } else { Stored::Some { rows, starts } };
        Ok(Self { n_rows, values, stored })
    }

    /// How many columns.
    pub fn count(&self) -> usize {
        match &self.stored {
            Stored::All => self.values.len().checked_div(self.n_rows).unwrap_or(0),
            Stored::Some { starts, .. } => starts.len() - 1,
        }
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Two sums over the stored values of a column: of the pairs that `term` makes of a value and what `a` and `b`, of
    /// shape (n_rows,), hold for its row.
    #[inline]
    pub fn sums(&self, column: usize, a: &[f64], b: &[f64], term: impl Fn(f64, f64, f64) -> (f64, f64)) -> (f64, f64) {
        match &self.stored {
            Stored::All => dispatch(Sums { values: self.all(column), a, b, term }),
            Stored::Some { rows, starts } => {
                let range = starts[column]..starts[column + 1];
                let mut sums = (0.0, 0.0);
                for (&row, &value) in rows[range.clone()].iter().zip(&self.values[range]) {
                    let (first, second) = term(value, a[row as usize], b[row as usize]);
                    sums = (sums.0 + first, sums.1 + second);
                }
                sums
            }
        }
    }

    /// `target += scale * column`, of shape (n_rows,).
    #[inline]
    pub fn add(&self, column: usize, scale: f64, target: &mut [f64]) {
        match &self.stored {
            Stored::All => dispatch(Add { values: self.all(column), scale, target }),
            Stored::Some { rows, starts } => {
                let range = starts[column]..starts[column + 1];
                for (&row, &value) in rows[range.clone()].iter().zip(&self.values[range]) {
                    target[row as usize] += scale * value;
                }
            }
        }
    }

    /// Multiplies each row by its factor, shape (n_rows,).
    pub fn multiply(&mut self, factors: &[f64]) {
        match &self.stored {
            Stored::All => {
                let columns = self.values.chunks_exact_mut(self.n_rows.max(1));
                columns.for_each(|column| column.iter_mut().zip(factors).for_each(|(value, factor)| *value *= factor));
            }
            Stored::Some { rows, .. } => {
                self.values.iter_mut().zip(rows).for_each(|(value, &row)| *value *= factors[row as usize]);
            }
        }
    }

    fn all(&self, column: usize) -> &[f64] {
        &self.values[column * self.n_rows..][..self.n_rows]
    }
}

struct Sums<'k, T> {
    values: &'k [f64],
    a: &'k [f64],
    b: &'k [f64],
    term: T,
}

impl<T: Fn(f64, f64, f64) -> (f64, f64)> Kernel<f64> for Sums<'_, T> {
    type Output = (f64, f64);

    #[inline(always)]
    unsafe fn run<S: Simd<F = f64>>(self) -> (f64, f64) {
        let len = self.values.len();
        let (values, a, b) = (self.values, &self.a[..len], &self.b[..len]);
        let whole = values.as_chunks::<LANES>().0;
        let (a_whole, b_whole) = (a.as_chunks::<LANES>().0, b.as_chunks::<LANES>().0);
        let (mut firsts, mut seconds) = ([0.0; LANES], [0.0; LANES]);
        for part in 0..whole.len() {
            let (values, a, b) = (&whole[part], &a_whole[part], &b_whole[part]);
            for lane in 0..LANES {
                let (first, second) = (self.term)(values[lane], a[lane], b[lane]);
                firsts[lane] += first;
                seconds[lane] += second;
            }
        }
        let mut sums = (0.0, 0.0);
        for lane in 0..LANES {
            sums = (sums.0 + firsts[lane], sums.1 + seconds[lane]);
        }
        for row in whole.len() * LANES..len {
            let (first, second) = (self.term)(values[row], a[row], b[row]);
            sums = (sums.0 + first, sums.1 + second);
        }
        sums
    }
}

struct Add<'k> {
    values: &'k [f64],
    scale: f64,
    target: &'k mut [f64],
}

impl Kernel<f64> for Add<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd<F = f64>>(self) {
        let target = &mut self.target[..self.values.len()];
        for row in 0..self.values.len() {
            target[row] += self.scale * self.values[row];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dense_and_sparse_columns_are_those_of_the_rows() {
        for n_rows in [1, 7, 8, 41] {
            let values: Vec<f64> = (0..n_rows * 3).map(|at| (at * 7 % 11) as f64 - 5.0).collect();
            let row = |position: usize| &values[position * 3..][..3];
            let entries = |position| row(position).iter().copied().enumerate().filter(|&(_, value)| value != 0.0);
            let signs: Vec<f64> = (0..n_rows).map(|row| if row % 3 == 0 { -1.0 } else { 1.0 }).collect();
            let ones = vec![1.0; n_rows];
            let mut dense = Columns::dense(n_rows, 3, Some(2.0), row).expect("memory");
            let mut sparse = Columns::sparse(n_rows, 3, Some(2.0), entries).expect("memory");
            dense.multiply(&signs);
            sparse.multiply(&signs);
            for columns in [&dense, &sparse] {
                assert_eq!(columns.count(), 4);
                for column in 0..4 {
                    let at = |position: usize| signs[position] * row(position).get(column).copied().unwrap_or(2.0);
                    let expected = (0..n_rows).fold((0.0, 0.0), |s, p| (s.0 + at(p), s.1 + at(p) * at(p)));
                    assert_eq!(columns.sums(column, &ones, &ones, |x, a, b| (x * a, x * x * b)), expected);
                    let mut target = ones.clone();
                    columns.add(column, 0.5, &mut target);
                    assert!((0..n_rows).all(|position| target[position] == 1.0 + 0.5 * at(position)));
                }
            }
        }
        assert_eq!(Columns::dense::<f64>(3, 1, None, |_| &[1.0]).expect("memory").count(), 1);
    }
}
