//! Products of columns with columns, summed over rows: `out += AᵀB` for the columns of one table, the upper part only.
//!
//! Rows are packed into [`Panel8`], eight columns side by side, so that a tile of eight columns by sixteen reads three
//! streams that stay in the first caches. Each product is one chain of fused multiply-adds over the rows of the pack,
//! the same chain for every tile shape; sums over more rows are sums of such chains, so their error grows with the
//! number of packs plus the rows of one, not with all rows.

use std::ops::Range;

use crate::common::simd::{Kernel, Loops, Simd, compiled, dispatch, prefetch};
use crate::common::{Float, Result, memory};

/// Columns that lie side by side: the widest vector of `f64`.
pub const OCTET: usize = 8;
/// Rows of a pack. Three panels of it fit the first cache, and two hundred columns of it the second beside their sums.
pub const PACK_ROWS: usize = 128;
/// Bytes that are asked for at a time.
const LINE: usize = 64;

/// Up to [`PACK_ROWS`] rows of a table with `n_cols` columns, column `c` of row `r` at `(c / 8 * PACK_ROWS + r) * 8 + c % 8`.
/// What the last octet holds behind them is zero in all rows.
#[derive(Debug)]
pub struct Panel8 {
    values: Vec<f64>,
    n_cols: usize,
    n_rows: usize,
}

impl Panel8 {
    /// An empty pack.
    ///
    /// # Errors
    /// [`crate::common::Error::OutOfMemory`].
    pub fn new(n_cols: usize) -> Result<Self> {
        let len = memory::checked_len(n_cols.div_ceil(OCTET), PACK_ROWS * OCTET)?;
        Ok(Self { values: memory::try_filled(len, 0.0)?, n_cols, n_rows: 0 })
    }

    /// Columns, padded to whole panels with zeros.
    pub fn stride(&self) -> usize {
        self.n_cols.next_multiple_of(OCTET)
    }

    /// Begins anew with `n_rows` rows (at most [`PACK_ROWS`]) and `n_cols` columns (at most those it was made for), all
    /// of whose values must be put in.
    pub fn reset(&mut self, n_rows: usize, n_cols: usize) {
        assert!(n_rows <= PACK_ROWS && n_cols.div_ceil(OCTET) * PACK_ROWS * OCTET <= self.values.len());
        self.n_rows = n_rows;
        if self.n_cols != n_cols {
            self.n_cols = n_cols;
            let last = &mut self.values[n_cols / OCTET * PACK_ROWS * OCTET..];
            last.chunks_exact_mut(OCTET).take(PACK_ROWS).for_each(|row| row[n_cols % OCTET..].fill(0.0));
        }
    }

    /// Puts the first columns of all rows in: row-major `rows` of as many values as there are `means`, less these, each
    /// row times its factor.
    pub fn spread<F: Float>(&mut self, rows: &[F], means: &[f64], factors: &[f64]) {
        assert!(means.len() <= self.n_cols && factors.len() == self.n_rows, "columns or rows out of range");
        assert_eq!(rows.len(), means.len() * factors.len(), "as many values as rows and columns");
        compiled(Spread { rows, means, factors, panels: &mut self.values });
    }

    /// The eight columns from `8 * octet` on of a row.
    #[inline(always)]
    pub fn octet(&mut self, octet: usize, row: usize) -> &mut [f64] {
        &mut self.values[(octet * PACK_ROWS + row) * OCTET..][..OCTET]
    }

    /// Puts one value in.
    #[inline(always)]
    pub fn put(&mut self, row: usize, column: usize, value: f64) {
        self.values[(column / OCTET * PACK_ROWS + row) * OCTET + column % OCTET] = value;
    }
}

struct Spread<'k, F> {
    rows: &'k [F],
    means: &'k [f64],
    factors: &'k [f64],
    panels: &'k mut [f64],
}

impl<F: Float> Loops for Spread<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let n = self.means.len();
        let (means, last_means) = self.means.as_chunks::<OCTET>();
        let (panels, _) = self.panels.as_chunks_mut::<OCTET>();
        for (position, (row, &factor)) in self.rows.chunks_exact(n.max(1)).zip(self.factors).enumerate() {
            let (row, last) = row.as_chunks::<OCTET>();
            for (octet, (values, means)) in row.iter().zip(means).enumerate() {
                // Not in place: the compiler cannot know that `panels` is not what it reads.
                let mut lanes = [0.0; OCTET];
                for lane in 0..OCTET {
                    lanes[lane] = (values[lane].to_f64() - means[lane]) * factor;
                }
                panels[octet * PACK_ROWS + position] = lanes;
            }
            for (lane, (value, mean)) in last.iter().zip(last_means).enumerate() {
                panels[means.len() * PACK_ROWS + position][lane] = (value.to_f64() - mean) * factor;
            }
        }
    }
}

/// `out[i * out_stride + j] += Σ rows[r][i] * rows[r][j]` for `i < outer` and all columns `j >= i`. What stands below the
/// diagonal is left undefined; `out` has whole panels of rows. What is to be read next, `ahead`, comes from memory meanwhile.
pub fn add_products<F: Float>(rows: &Panel8, outer: usize, out: &mut [f64], out_stride: usize, ahead: &[F]) {
    let height = outer.next_multiple_of(OCTET);
    assert!(height <= rows.stride() && rows.stride() <= out_stride, "columns out of range");
    assert!(height == 0 || (height - 1) * out_stride + rows.stride() <= out.len(), "sums out of range");
    dispatch(AddProducts { left: rows, right: rows, is_upper: true, outer, out, out_stride, ahead: bytes(ahead) });
}

/// `out[i * out_stride + j] += Σ left[r][i] * right[r][j]` for `i < outer` and all columns `j` of `right`, which has as
/// many rows as `left`; `out` has whole panels of rows.
pub fn add_products_of(left: &Panel8, right: &Panel8, outer: usize, out: &mut [f64], out_stride: usize) {
    let height = outer.next_multiple_of(OCTET);
    assert!(left.n_rows == right.n_rows, "as many rows on both sides");
    assert!(height <= left.stride() && right.stride() <= out_stride, "columns out of range");
    assert!(height == 0 || (height - 1) * out_stride + right.stride() <= out.len(), "sums out of range");
    dispatch(AddProducts { left, right, is_upper: false, outer, out, out_stride, ahead: bytes::<f64>(&[]) });
}

/// The addresses of a slice.
fn bytes<F>(slice: &[F]) -> Range<*const u8> {
    let Range { start, end } = slice.as_ptr_range();
    start.cast()..end.cast()
}

struct AddProducts<'k> {
    left: &'k Panel8,
    right: &'k Panel8,
    /// Whether both sides are the same, and the products below the diagonal are of no interest.
    is_upper: bool,
    outer: usize,
    out: &'k mut [f64],
    out_stride: usize,
    /// Asked for bit by bit.
    ahead: Range<*const u8>,
}

impl Kernel<f64> for AddProducts<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd<F = f64>>(self) {
        // SAFETY: the caller's promise. The products of a tile fit the registers of the set.
        unsafe {
            match S::WIDTH {
                OCTET => self.tiles::<S, 8, 2>(),
                _ => self.tiles::<S, 4, 2>(),
            }
        }
    }
}

impl AddProducts<'_> {
    #[inline(always)]
    unsafe fn tiles<S: Simd<F = f64>, const C: usize, const V: usize>(mut self) {
        let stride = self.right.stride();
        let is_upper = self.is_upper;
        let first = |i| if is_upper { i } else { 0 };
        let tiles: usize = (0..self.outer).step_by(C).map(|i| (stride - first(i)).div_ceil(V * S::WIDTH)).sum();
        let lines = (self.ahead.end as usize - self.ahead.start as usize).div_ceil(LINE);
        let (fraction, mut ahead) = (lines.div_ceil(tiles.max(1)), 0);
        for i in (0..self.outer).step_by(C) {
            let mut j = first(i);
            while j < stride {
                for line in ahead..lines.min(ahead + fraction) {
                    prefetch(self.ahead.start.wrapping_add(line * LINE));
                }
                ahead += fraction;
                // SAFETY: `i` and `j` are multiples of the lanes of a vector, and within the columns and `out`
                // (checked by `add_products` and `add_products_of`), and so are the `V` vectors where they are taken.
                unsafe {
                    if stride - j >= V * S::WIDTH {
                        self.tile::<S, C, V>(i, j);
                        j += V * S::WIDTH;
                    } else {
                        self.tile::<S, C, 1>(i, j);
                        j += S::WIDTH;
                    }
                }
            }
        }
    }

    /// # Safety
    /// The instruction set of `S`; columns `i..i + C` lie in one octet, and columns `j..j + V * WIDTH` exist.
    #[inline(always)]
    unsafe fn tile<S: Simd<F = f64>, const C: usize, const V: usize>(&mut self, i: usize, j: usize) {
        let (left, values) = (self.left.values.as_ptr(), self.right.values.as_ptr());
        // SAFETY: the caller's promise; a vector never crosses an octet.
        unsafe {
            let left = left.add(i / OCTET * PACK_ROWS * OCTET + i % OCTET);
            let mut right = [values; V];
            for v in 0..V {
                let column = j + v * S::WIDTH;
                right[v] = values.add(column / OCTET * PACK_ROWS * OCTET + column % OCTET);
            }
            let mut sums = [[S::splat(0.0); V]; C];
            for row in 0..self.left.n_rows {
                let mut x = [S::splat(0.0); V];
                for v in 0..V {
                    x[v] = S::load(right[v].add(row * OCTET));
                }
                for c in 0..C {
                    let factor = S::splat(*left.add(row * OCTET + c));
                    for v in 0..V {
                        sums[c][v] = S::fma(factor, x[v], sums[c][v]);
                    }
                }
            }
            for c in 0..C {
                for v in 0..V {
                    let target = self.out.as_mut_ptr().add((i + c) * self.out_stride + j + v * S::WIDTH);
                    S::store(target, S::add(S::load(target), sums[c][v]));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::random::Mt19937;
    use crate::common::simd::{Isa, dispatch_to};

    #[test]
    fn sums_are_those_of_the_obvious_loop_on_every_instruction_set() {
        let mut random = Mt19937::seeded(3);
        for (n_rows, n_cols, outer) in
            [(1, 1, 1usize), (7, 5, 3), (PACK_ROWS, 8, 8), (100, 17, 9), (33, 40, 40), (20, 30, 2)]
        {
            let table: Vec<f64> = (0..n_rows * n_cols).map(|_| random.next_f64() - 0.5).collect();
            let mut rows = Panel8::new(n_cols + 9).expect("memory");
            rows.values.fill(f64::NAN);
            rows.reset(n_rows, n_cols);
            (0..n_rows).for_each(|r| (0..n_cols).for_each(|c| rows.put(r, c, table[r * n_cols + c])));
            let (stride, height) = (rows.stride() + 3, outer.next_multiple_of(OCTET));
            for isa in [Isa::Portable, Isa::Avx2, Isa::Avx512].into_iter().filter(|isa| isa.is_available()) {
                let mut out = vec![1.0; stride * height];
                let (left, right) = (&rows, &rows);
                let run = |is_upper, out: &mut [f64]| {
                    let kernel =
                        AddProducts { left, right, is_upper, outer, out, out_stride: stride, ahead: bytes(&table) };
                    dispatch_to(isa, kernel);
                };
                run(true, &mut out);
                let mut all = vec![1.0; stride * height];
                run(false, &mut all);
                for i in 0..outer {
                    for j in 0..n_cols {
                        let one = out[i.min(j) * stride + i.max(j)];
                        assert!(i.max(j) >= outer && i > j || (all[i * stride + j] - one).abs() < 1e-12);
                    }
                }
                for i in 0..outer {
                    for j in i..n_cols {
                        let sum: f64 = (0..n_rows).map(|r| table[r * n_cols + i] * table[r * n_cols + j]).sum();
                        assert!((out[i * stride + j] - 1.0 - sum).abs() < 1e-12, "{n_rows} {n_cols} {i} {j}");
                    }
                }
            }
        }
    }
}
