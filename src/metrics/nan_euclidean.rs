//! Euclidean distances between rows in which values are missing.
//!
//! The distance of a pair is taken over the features that both rows have, and scaled up to all of them:
//! `d² = n_cols / shared * sum((x - y)²)`. It is NaN where no feature is shared. Rows of the pool lie in panels, one
//! panel a block of rows side by side, each feature with the values (0 where missing) and with 1 or 0 for present or
//! missing. So a difference is one fused step, `value - x * present`, exact up to the rounding of `value - x`, and a
//! feature that the query lacks is left out.
//!
//! Squares are rounded before they are added, one chain over the features: the same bits on every instruction set.
//! scikit-learn expands the square (`nan_euclidean_distances`); what it then divides and scales is rounded here at the
//! same places, so that on data whose squares are exact (whole numbers) the distances are equal to the bit.
//!
//! Reference: J. K. Dixon, Pattern recognition with partly missing data, IEEE Trans. SMC 9 (1979).

use std::ops::Range;

use crate::common::context::Blocks;
use crate::common::error::check_length;
use crate::common::simd::{Kernel, Simd, dispatch};
use crate::common::{Context, Float, Result, memory, parallel};

/// Rows of a pool side by side in a panel: whole groups of [`VECTORS`] vectors of every instruction set.
pub const PANEL: usize = 32;
/// Vectors of rows that are summed at a time: enough chains to hide the latency of an addition.
const VECTORS: usize = 4;

/// Dense rows with missing values, row-major, shape `(n_rows, n_cols)`.
#[derive(Debug, Clone, Copy)]
pub struct Incomplete<'a, F> {
    values: &'a [F],
    missing: &'a [u8],
    n_cols: usize,
}

impl<'a, F: Float> Incomplete<'a, F> {
    /// Rows of `values`, shape `(n_rows, n_cols)`; where `missing`, of the same shape, is not 0 the value means nothing.
    ///
    /// # Errors
    /// [`crate::common::Error::Shape`] unless both hold the same whole rows of at least one column.
    pub fn new(values: &'a [F], missing: &'a [u8], n_cols: usize) -> Result<Self> {
        check_length("columns of X", n_cols.min(1), 1)?;
        check_length("X", values.len() % n_cols, 0)?;
        check_length("mask of missing values", missing.len(), values.len())?;
        Ok(Self { values, missing, n_cols })
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.values.len() / self.n_cols
    }

    /// Number of columns.
    pub fn n_cols(&self) -> usize {
        self.n_cols
    }

    /// A row's value in a column, if it is there.
    pub fn get(&self, row: usize, column: usize) -> Option<F> {
        let index = row * self.n_cols + column;
        (self.missing[index] == 0).then(|| self.values[index])
    }

    /// The columns that a row has, with their values; none if the row's squares exceed the type, because then its
    /// distances are NaN in scikit-learn's expanded form.
    fn present(&self, row: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let squares = (0..self.n_cols).filter_map(|column| self.get(row, column)).map(|value| value * value);
        let n_cols = if squares.sum::<F>().is_finite() { self.n_cols } else { 0 };
        (0..n_cols).filter_map(move |column| Some((column, self.get(row, column)?.to_f64())))
    }
}

/// How far rounding can move the squared distance of a pair, row `i` of `x` and row `j` of `y`, when it is computed as
/// scikit-learn does: by expanding squares over all features that either row has. Rounding errors of a sum grow like the
/// root of its length. NaN if the pair shares no feature.
pub fn rounding_when_expanded<F: Float>(x: &Incomplete<F>, i: usize, y: &Incomplete<F>, j: usize) -> f64 {
    let (mut squares, mut shared) = (0.0, 0.0);
    for column in 0..x.n_cols {
        let (a, b) = (x.get(i, column).map(F::to_f64), y.get(j, column).map(F::to_f64));
        squares += a.map_or(0.0, |a| a * a) + b.map_or(0.0, |b| b * b);
        shared += if a.is_some() && b.is_some() { 1.0 } else { 0.0 };
    }
    let n_cols = x.n_cols as f64;
    (4.0 + n_cols.sqrt()) * F::EPSILON.to_f64() * squares * n_cols / shared
}

/// Rows to which distances are taken, packed in panels.
#[derive(Debug)]
pub struct Pool {
    /// `packed[(panel * n_cols + column) * 2 * PANEL + lane]` is the value of row `panel * PANEL + lane`, and `PANEL`
    /// further on stands 1 where it is present. Lanes past the last row have nothing present.
    packed: Vec<f64>,
    n_rows: usize,
    n_cols: usize,
}

/// One row from which distances are taken.
#[derive(Debug)]
pub struct Query {
    /// For each feature that the row has: its place in a panel, and minus the value.
    present: Vec<(usize, f64)>,
    n_cols: usize,
}

impl Query {
    /// A row of `rows`.
    ///
    /// # Errors
    /// [`crate::common::Error::OutOfMemory`].
    pub fn new<F: Float>(rows: &Incomplete<F>, row: usize) -> Result<Self> {
        let mut present = memory::try_with_capacity(rows.n_cols)?;
        present.extend(rows.present(row).map(|(column, value)| (column * 2 * PANEL, -value)));
        Ok(Self { present, n_cols: rows.n_cols })
    }
}

impl Pool {
    /// All of `rows`.
    ///
    /// # Errors
    /// [`crate::common::Error::OutOfMemory`].
    pub fn new<F: Float>(rows: &Incomplete<F>) -> Result<Self> {
        let (n_rows, n_cols) = (rows.n_rows(), rows.n_cols);
        let panel_len = memory::checked_len(n_cols, 2 * PANEL)?;
        let mut packed = memory::try_filled(memory::checked_len(n_rows.div_ceil(PANEL), panel_len)?, 0.0)?;
        for row in 0..n_rows {
            let start = row / PANEL * panel_len + row % PANEL;
            for (column, value) in rows.present(row) {
                let at = start + column * 2 * PANEL;
                packed[at] = value;
                packed[at + PANEL] = 1.0;
            }
        }
        Ok(Self { packed, n_rows, n_cols })
    }

    /// Number of panels: the last may be part empty.
    pub fn n_panels(&self) -> usize {
        self.n_rows.div_ceil(PANEL)
    }

    /// Squared distances from a query to the rows of some panels, into `out`, one for each lane of each panel. NaN where
    /// nothing is shared, so also in lanes past the last row.
    ///
    /// # Errors
    /// [`crate::common::Error::Shape`].
    pub fn squared_distances<F: Float>(&self, query: &Query, panels: Range<usize>, out: &mut [F]) -> Result<()> {
        check_length("columns of the query", query.n_cols, self.n_cols)?;
        check_length("distances", out.len(), panels.len() * PANEL)?;
        check_length("panels", panels.end.max(self.n_panels()), self.n_panels())?;
        let panel_len = self.n_cols * 2 * PANEL;
        let packed = &self.packed[panels.start * panel_len..panels.end * panel_len];
        dispatch(SquaredDistances { query: &query.present, packed, n_cols: self.n_cols, out });
        Ok(())
    }
}

/// [`Pool::squared_distances`]. Offsets of `query` are those of whole columns in a panel of `n_cols` columns.
struct SquaredDistances<'a, F> {
    query: &'a [(usize, f64)],
    packed: &'a [f64],
    n_cols: usize,
    out: &'a mut [F],
}

impl<F: Float> Kernel<f64> for SquaredDistances<'_, F> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd<F = f64>>(self) {
        const { assert!(PANEL.is_multiple_of(VECTORS * S::WIDTH)) };
        let n_cols = F::from_usize(self.n_cols);
        let (mut sums, mut counts) = ([0.0; PANEL], [0.0; PANEL]);
        let panels = self.packed.chunks_exact(self.n_cols * 2 * PANEL);
        for (panel, out) in panels.zip(self.out.chunks_exact_mut(PANEL)) {
            for first in (0..PANEL).step_by(VECTORS * S::WIDTH) {
                // SAFETY: the instruction set is the caller's. An offset is that of a column, 2 * PANEL scalars of the
                // panel; `first` and the vectors after it end within PANEL, in the column as in `sums` and `counts`.
                unsafe {
                    let mut sum = [S::splat(0.0); VECTORS];
                    let mut count = [S::splat(0.0); VECTORS];
                    for &(offset, minus) in self.query {
                        let minus = S::splat(minus);
                        let column = panel.as_ptr().add(offset + first);
                        for vector in 0..VECTORS {
                            let value = S::load(column.add(vector * S::WIDTH));
                            let present = S::load(column.add(PANEL + vector * S::WIDTH));
                            let difference = S::fma(minus, present, value);
                            sum[vector] = S::add(sum[vector], S::mul(difference, difference));
                            count[vector] = S::add(count[vector], present);
                        }
                    }
                    for vector in 0..VECTORS {
                        S::store(sums.as_mut_ptr().add(first + vector * S::WIDTH), sum[vector]);
                        S::store(counts.as_mut_ptr().add(first + vector * S::WIDTH), count[vector]);
                    }
                }
            }
            for lane in 0..PANEL {
                // The mean is taken in f64 and rounded to the type of the data, as NumPy does with a count of integers.
                let mean = F::from_f64(sums[lane]).to_f64() / counts[lane];
                out[lane] = F::from_f64(mean) * n_cols;
            }
        }
    }
}

/// Distances from every row of `x` to every row of `y`, shape `(x.n_rows(), y.n_rows())`, row-major; NaN where a pair
/// shares no feature.
///
/// # Errors
/// [`crate::common::Error::Shape`] unless both have the same columns, [`crate::common::Error::OutOfMemory`],
/// [`crate::common::Error::Interrupted`].
pub fn nan_euclidean_distances<F: Float>(ctx: &Context, x: &Incomplete<F>, y: &Incomplete<F>) -> Result<Vec<F>> {
    let pool = Pool::new(y)?;
    let n_pool = y.n_rows();
    let mut out = memory::try_filled(memory::checked_len(x.n_rows(), n_pool)?, F::ZERO)?;
    if out.is_empty() {
        return Ok(out);
    }
    let blocks = Blocks::new(x.n_rows(), 16, 256);
    let jobs: Vec<_> = blocks.ranges().zip(out.chunks_mut(blocks.rows() * n_pool)).collect();
    let scratch = || memory::try_filled(pool.n_panels() * PANEL, F::ZERO);
    parallel::map_with(ctx, jobs, scratch, |squares, (rows, out)| {
        for (row, out) in rows.zip(out.chunks_exact_mut(n_pool)) {
            ctx.check()?;
            pool.squared_distances(&Query::new(x, row)?, 0..pool.n_panels(), squares)?;
            out.iter_mut().zip(&*squares).for_each(|(out, &square)| *out = square.sqrt());
        }
        Ok(())
    })?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::common::random::Mt19937;
    use crate::common::simd::{Isa, dispatch_to};

    /// Values and mask of shape `(n_rows, n_cols)`; about a third is missing, and stands there as NaN.
    fn holes(n_rows: usize, n_cols: usize, seed: u32) -> (Vec<f64>, Vec<u8>) {
        let mut random = Mt19937::seeded(seed);
        let mask: Vec<u8> = (0..n_rows * n_cols).map(|_| u8::from(random.next_f64() < 0.33)).collect();
        let values =
            mask.iter().map(|&missing| if missing == 0 { random.next_f64() - 0.5 } else { f64::NAN }).collect();
        (values, mask)
    }

    fn plain(x: &Incomplete<f64>, i: usize, y: &Incomplete<f64>, j: usize) -> f64 {
        let shared = |column| Some((x.get(i, column)?, y.get(j, column)?));
        let pairs: Vec<(f64, f64)> = (0..x.n_cols()).filter_map(shared).collect();
        let sum = pairs.iter().fold(0.0, |sum, (a, b)| sum + (a - b) * (a - b));
        sum / pairs.len() as f64 * x.n_cols() as f64
    }

    proptest! {
        #[test]
        fn distances_are_the_bits_of_the_plain_loop_on_every_instruction_set(
            n_rows in 1usize..100, n_cols in 1usize..12, seed in 0u32..500
        ) {
            let ((values, mask), (own, own_mask)) = (holes(n_rows, n_cols, seed), holes(3, n_cols, seed + 1));
            let (Ok(y), Ok(x)) = (Incomplete::new(&values, &mask, n_cols), Incomplete::new(&own, &own_mask, n_cols)) else {
                return Err(TestCaseError::fail("shapes"));
            };
            let Ok(pool) = Pool::new(&y) else { return Err(TestCaseError::fail("memory")) };
            let Ok(all) = nan_euclidean_distances(&Context::serial(), &x, &y) else {
                return Err(TestCaseError::fail("distances"));
            };
            for i in 0..3 {
                let Ok(query) = Query::new(&x, i) else { return Err(TestCaseError::fail("memory")) };
                for isa in [Isa::Portable, Isa::Avx2, Isa::Avx512].into_iter().filter(|isa| isa.is_available()) {
                    let mut out = vec![0.0; pool.n_panels() * PANEL];
                    let (query, packed) = (&query.present, &pool.packed);
                    dispatch_to(isa, SquaredDistances { query, packed, n_cols, out: &mut out });
                    for j in 0..n_rows {
                        let expected = plain(&x, i, &y, j);
                        prop_assert!(out[j] == expected || (out[j].is_nan() && expected.is_nan()));
                        let root = all[i * n_rows + j];
                        prop_assert!(root == expected.sqrt() || (root.is_nan() && expected.is_nan()));
                    }
                    prop_assert!(out[n_rows..].iter().all(|distance| distance.is_nan()));
                }
            }
        }
    }

    #[test]
    fn rows_whose_squares_overflow_have_no_distances() {
        let (values, mask) = ([1e200_f64, 0.0, 1.0, 2.0], [0; 4]);
        let rows = Incomplete::new(&values, &mask, 2).unwrap();
        let found = nan_euclidean_distances(&Context::serial(), &rows, &rows).unwrap();
        assert!(found[..3].iter().all(|distance| distance.is_nan()));
        assert_eq!(found[3], 0.0);
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        assert!(Incomplete::new(&[1.0, 2.0, 3.0], &[0, 0, 0], 2).is_err());
        assert!(Incomplete::new(&[1.0, 2.0], &[0], 2).is_err());
        assert!(Incomplete::<f64>::new(&[], &[], 0).is_err());
        let (x, y) = (Incomplete::new(&[1.0], &[0], 1).unwrap(), Incomplete::new(&[1.0, 2.0], &[0, 0], 2).unwrap());
        assert!(nan_euclidean_distances(&Context::serial(), &x, &y).is_err());
    }
}
