//! Products of dense matrices: `out = start + left · right + ...`, each `right` packed once and met by many rows.
//!
//! `right` lies in panels of [`LANES`] columns, row after row, so that a tile of a few rows by one panel reads two
//! streams and keeps its sums in registers (the layout of K. Goto and R. van de Geijn, "Anatomy of high-performance
//! matrix multiplication", 2008). Each sum is one chain of fused multiply-adds in the order of the depth, begun from
//! what it starts with: neither the shape of a tile, nor how many rows are multiplied at a time, nor where the depth is
//! cut shows in a result.

use crate::common::Float;
use crate::common::simd::{Kernel, Simd, dispatch};

/// Columns of a panel: the widest vector of `f32`.
pub const LANES: usize = 16;

/// Columns of a packed matrix, and of what is multiplied by it: whole panels.
pub fn padded(n_cols: usize) -> usize {
    n_cols.next_multiple_of(LANES)
}

/// The left factor: element `(row, k)` is `values[row * row_stride + k * depth_stride]`.
#[derive(Debug, Clone, Copy)]
pub struct Left<'a, F> {
    /// The elements.
    pub values: &'a [F],
    /// Number of rows.
    pub n_rows: usize,
    /// Terms of a sum.
    pub depth: usize,
    /// From one row to the next.
    pub row_stride: usize,
    /// From one term to the next.
    pub depth_stride: usize,
}

/// What the sums start from.
#[derive(Debug, Clone, Copy)]
pub enum Start<'a, F> {
    /// Zero.
    Zero,
    /// The same row for all, padded.
    Row(&'a [F]),
    /// What is in `out`.
    Out,
}

/// Packs rows `first..first + depth` of a row-major matrix with `n_cols` columns: `depth * padded(n_cols)` values.
pub fn pack<F: Float>(matrix: &[F], n_cols: usize, out: &mut [F]) {
    let depth = matrix.len() / n_cols.max(1);
    assert_eq!(out.len(), depth * padded(n_cols), "room for the panels");
    for (panel, first) in out.chunks_exact_mut((depth * LANES).max(1)).zip((0..n_cols).step_by(LANES)) {
        let width = LANES.min(n_cols - first);
        let rows = panel.as_chunks_mut::<LANES>().0.iter_mut().zip(matrix.chunks_exact(n_cols));
        if width == LANES {
            // A length that is known is copied without a call.
            rows.for_each(|(lanes, row)| lanes.copy_from_slice(&row[first..first + LANES]));
        } else {
            rows.for_each(|(lanes, row)| {
                lanes[..width].copy_from_slice(&row[first..]);
                lanes[width..].fill(F::ZERO);
            });
        }
    }
}

/// Packs the transpose of a row-major matrix with `depth` columns: `depth * padded(n_rows)` values.
pub fn pack_transposed<F: Float>(matrix: &[F], depth: usize, out: &mut [F]) {
    let n_rows = matrix.len() / depth.max(1);
    assert_eq!(out.len(), depth * padded(n_rows), "room for the panels");
    for (panel, rows) in out.chunks_exact_mut((depth * LANES).max(1)).zip(matrix.chunks(LANES * depth.max(1))) {
        panel.fill(F::ZERO);
        for (lane, row) in rows.chunks_exact(depth).enumerate() {
            for (k, &value) in row.iter().enumerate() {
                panel[k * LANES + lane] = value;
            }
        }
    }
}

/// A left factor of some rows, and a right one packed with as many rows as the left one is deep.
pub type Factors<'a, F> = (Left<'a, F>, &'a [F]);

/// `out = start +` the products of `factors`, one after the other in one chain; `out` row-major of
/// `(n_rows, padded(n_cols))`.
pub fn multiply<F: Float>(factors: &[Factors<F>], start: Start<F>, out: &mut [F]) {
    let n_rows = factors.first().map_or(0, |(left, _)| left.n_rows);
    let stride = out.len().checked_div(n_rows).unwrap_or(0);
    assert!(stride.is_multiple_of(LANES) && out.len() == n_rows * stride, "whole panels");
    for (left, right) in factors {
        assert_eq!((left.n_rows, right.len()), (n_rows, left.depth * stride), "as many rows and panels as in `out`");
        if n_rows > 0 && left.depth > 0 {
            let last = (n_rows - 1) * left.row_stride + (left.depth - 1) * left.depth_stride;
            assert!(last < left.values.len(), "rows out of range");
        }
    }
    if let Start::Row(row) = start {
        assert_eq!(row.len(), stride, "a start for each column");
    }
    dispatch(Multiply { factors, start, out, n_rows, stride });
}

/// `out += factor * row`, fused.
pub fn add_scaled<F: Float>(factor: F, row: &[F], out: &mut [F]) {
    assert_eq!(row.len(), out.len(), "as many sums as terms");
    dispatch(AddScaled { factor, row, out });
}

struct AddScaled<'a, F> {
    factor: F,
    row: &'a [F],
    out: &'a mut [F],
}

impl<F: Float> Kernel<F> for AddScaled<'_, F> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd<F = F>>(self) {
        let whole = self.out.len() / S::WIDTH * S::WIDTH;
        // SAFETY: the caller's promise; both slices are as long (checked by `add_scaled`), and the rest is met by itself.
        unsafe {
            let factor = S::splat(self.factor);
            let (row, out) = (self.row.as_ptr(), self.out.as_mut_ptr());
            for at in (0..whole).step_by(S::WIDTH) {
                S::store(out.add(at), S::fma(factor, S::load(row.add(at)), S::load(out.add(at))));
            }
        }
        for (out, &value) in self.out[whole..].iter_mut().zip(&self.row[whole..]) {
            *out += self.factor * value;
        }
    }
}

/// `out = start + row · matrix` for one row and a row-major matrix with `out.len()` columns that is not packed: the same
/// bits as of [`multiply`].
pub fn multiply_row<F: Float>(row: &[F], matrix: &[F], start: &[F], out: &mut [F]) {
    assert_eq!((matrix.len(), start.len()), (row.len() * out.len(), out.len()), "a row of the matrix for each factor");
    dispatch(MultiplyRow { row, matrix, start, out });
}

struct MultiplyRow<'a, F> {
    row: &'a [F],
    matrix: &'a [F],
    start: &'a [F],
    out: &'a mut [F],
}

impl<F: Float> Kernel<F> for MultiplyRow<'_, F> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd<F = F>>(self) {
        let Self { row, matrix, start, out } = self;
        let n_cols = out.len();
        let mut first = 0;
        // SAFETY: the caller's promise; vectors of values that exist: of columns, or of the rows behind, or of buffers of
        // their own.
        unsafe {
            while first + 4 * S::WIDTH <= n_cols {
                let mut sums = [S::splat(F::ZERO); 4];
                for v in 0..4 {
                    sums[v] = S::load(start.as_ptr().add(first + v * S::WIDTH));
                }
                for (k, &factor) in row.iter().enumerate() {
                    let columns = matrix.as_ptr().add(k * n_cols + first);
                    let factor = S::splat(factor);
                    for v in 0..4 {
                        sums[v] = S::fma(factor, S::load(columns.add(v * S::WIDTH)), sums[v]);
                    }
                }
                for v in 0..4 {
                    S::store(out.as_mut_ptr().add(first + v * S::WIDTH), sums[v]);
                }
                first += 4 * S::WIDTH;
            }
            if n_cols >= S::WIDTH {
                while first < n_cols {
                    // The last vector may meet columns again that are done: the same sums.
                    first = first.min(n_cols - S::WIDTH);
                    let mut sum = S::load(start.as_ptr().add(first));
                    for (k, &factor) in row.iter().enumerate() {
                        let columns = S::load(matrix.as_ptr().add(k * n_cols + first));
                        sum = S::fma(S::splat(factor), columns, sum);
                    }
                    S::store(out.as_mut_ptr().add(first), sum);
                    first += S::WIDTH;
                }
                return;
            }
            // A vector reaches into the next rows, whose lanes nobody looks at, as long as there are any.
            let whole = (matrix.len() + n_cols).saturating_sub(S::WIDTH).checked_div(n_cols).unwrap_or(0);
            let mut lanes = [F::ZERO; LANES];
            lanes[..n_cols].copy_from_slice(start);
            let mut sum = S::load(lanes.as_ptr());
            for (k, &factor) in row.iter().enumerate() {
                let columns = if k < whole {
                    S::load(matrix.as_ptr().add(k * n_cols))
                } else {
                    lanes[..n_cols].copy_from_slice(&matrix[k * n_cols..][..n_cols]);
                    S::load(lanes.as_ptr())
                };
                sum = S::fma(S::splat(factor), columns, sum);
            }
            S::store(lanes.as_mut_ptr(), sum);
            out.copy_from_slice(&lanes[..n_cols]);
        }
    }
}

struct Multiply<'a, F> {
    factors: &'a [Factors<'a, F>],
    start: Start<'a, F>,
    out: &'a mut [F],
    n_rows: usize,
    stride: usize,
}

impl<F: Float> Kernel<F> for Multiply<'_, F> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd<F = F>>(self) {
        // SAFETY: the caller's promise; vectors of a tile fill a panel, and its sums fit the registers of the set.
        unsafe {
            match LANES / S::WIDTH {
                1 => self.panels::<S, 1, 12, 6>(),
                2 => self.panels::<S, 2, 6, 4>(),
                4 => self.panels::<S, 4, 3, 2>(),
                _ => self.plainly(),
            }
        }
    }
}

impl<F: Float> Multiply<'_, F> {
    /// # Safety
    /// The instruction set of `S`; `V * S::WIDTH == LANES`. Tiles are of `R` rows, of `M` and of fewer at the end.
    #[inline(always)]
    unsafe fn panels<S: Simd<F = F>, const V: usize, const R: usize, const M: usize>(mut self) {
        for first in (0..self.stride).step_by(LANES) {
            let mut row = 0;
            // SAFETY: rows and columns exist (checked by `multiply`).
            unsafe {
                while row + R <= self.n_rows {
                    self.tile::<S, V, R>(row, first);
                    row += R;
                }
                if row + M <= self.n_rows {
                    self.tile::<S, V, M>(row, first);
                    row += M;
                }
                while row + 2 <= self.n_rows {
                    self.tile::<S, V, 2>(row, first);
                    row += 2;
                }
                if row < self.n_rows {
                    self.tile::<S, V, 1>(row, first);
                }
            }
        }
    }

    /// # Safety
    /// As [`Self::panels`]; rows `row..row + R` and columns `first..first + LANES` exist.
    #[inline(always)]
    unsafe fn tile<S: Simd<F = F>, const V: usize, const R: usize>(&mut self, row: usize, first: usize) {
        // SAFETY: the caller's promise, and the lengths that `multiply` has checked.
        unsafe {
            let out = self.out.as_mut_ptr().add(row * self.stride + first);
            let mut sums = [[S::splat(F::ZERO); V]; R];
            for r in 0..R {
                for v in 0..V {
                    match self.start {
                        Start::Zero => {}
                        Start::Row(start) => sums[r][v] = S::load(start.as_ptr().add(first + v * S::WIDTH)),
                        Start::Out => sums[r][v] = S::load(out.add(r * self.stride + v * S::WIDTH)),
                    }
                }
            }
            for &(Left { values, depth, row_stride, depth_stride, .. }, right) in self.factors {
                let left = values.as_ptr().wrapping_add(row * row_stride);
                let panel = right.as_ptr().add(first * depth);
                for k in 0..depth {
                    let mut lanes = [S::splat(F::ZERO); V];
                    for v in 0..V {
                        lanes[v] = S::load(panel.add(k * LANES + v * S::WIDTH));
                    }
                    let column = left.add(k * depth_stride);
                    for r in 0..R {
                        let factor = S::splat(*column.add(r * row_stride));
                        for v in 0..V {
                            sums[r][v] = S::fma(factor, lanes[v], sums[r][v]);
                        }
                    }
                }
            }
            for r in 0..R {
                for v in 0..V {
                    S::store(out.add(r * self.stride + v * S::WIDTH), sums[r][v]);
                }
            }
        }
    }

    /// The same without vectors: what machines without them run.
    fn plainly(self) {
        for row in 0..self.n_rows {
            for column in 0..self.stride {
                let at = row * self.stride + column;
                let mut sum = match self.start {
                    Start::Zero => F::ZERO,
                    Start::Row(start) => start[column],
                    Start::Out => self.out[at],
                };
                for &(Left { values, depth, row_stride, depth_stride, .. }, right) in self.factors {
                    for k in 0..depth {
                        let lane = column / LANES * LANES * depth + k * LANES + column % LANES;
                        sum += values[row * row_stride + k * depth_stride] * right[lane];
                    }
                }
                self.out[at] = sum;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::random::Mt19937;
    use crate::common::simd::emulated::Emulated;
    use crate::common::simd::{Isa, dispatch_to};

    fn noise(random: &mut Mt19937, len: usize) -> Vec<f64> {
        (0..len).map(|_| random.next_f64() - 0.5).collect()
    }

    /// The chain of fused multiply-adds, one product at a time.
    fn chain(left: Left<f64>, right: &[f64], n_cols: usize, start: &[f64]) -> Vec<f64> {
        let mut out = Vec::new();
        for row in 0..left.n_rows {
            for column in 0..n_cols {
                let mut sum = start[column];
                for k in 0..left.depth {
                    let factor = left.values[row * left.row_stride + k * left.depth_stride];
                    sum = factor.mul_add(right[k * n_cols + column], sum);
                }
                out.push(sum);
            }
        }
        out
    }

    fn unpadded(values: &[f64], n_cols: usize) -> Vec<f64> {
        values.chunks_exact(padded(n_cols)).flat_map(|row| row[..n_cols].to_vec()).collect()
    }

    #[test]
    fn products_are_chains_however_they_are_cut() {
        let mut random = Mt19937::seeded(3);
        for (n_rows, depth, n_cols) in [
            (1, 1, 1),
            (1, 9, 75),
            (1, 40, 3),
            (1, 33, 17),
            (13, 7, 16),
            (20, 33, 17),
            (7, 40, 3),
            (6, 5, 100),
            (5, 0, 4),
        ] {
            let (a, b) = (noise(&mut random, n_rows * depth), noise(&mut random, depth * n_cols));
            let mut start = noise(&mut random, n_cols);
            let mut panels = vec![0.0; depth * padded(n_cols)];
            pack(&b, n_cols, &mut panels);
            let left = Left { values: &a, n_rows, depth, row_stride: depth, depth_stride: 1 };
            let expected = chain(left, &b, n_cols, &start);
            start.resize(padded(n_cols), 0.0);
            for isa in [Isa::Avx2, Isa::Avx512, Isa::Portable].into_iter().filter(|isa| isa.is_available()) {
                let mut out = vec![0.0; n_rows * padded(n_cols)];
                let stride = padded(n_cols);
                let start = Start::Row(&start[..]);
                if n_rows == 1 {
                    let mut alone = vec![0.0; n_cols];
                    let Start::Row(start) = start else { unreachable!() };
                    let kernel = MultiplyRow { row: &a, matrix: &b, start: &start[..n_cols], out: &mut alone };
                    dispatch_to(isa, kernel);
                    assert!(isa == Isa::Portable || alone == expected);
                }
                let factors = &[(left, &panels[..])];
                f64::narrow(Multiply { factors, start, out: &mut out, n_rows, stride });
                assert_eq!(unpadded(&out, n_cols), expected);
                f64::wide(Multiply { factors, start, out: &mut out, n_rows, stride });
                assert_eq!(unpadded(&out, n_cols), expected);
                dispatch_to(isa, Multiply { factors, start, out: &mut out, n_rows, stride });
                let found = unpadded(&out, n_cols);
                if isa == Isa::Portable {
                    assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-13));
                } else {
                    assert_eq!(found, expected, "{isa:?} {n_rows} {depth} {n_cols}");
                }
            }
        }
    }

    #[test]
    fn depth_may_be_cut_and_factors_transposed() {
        let mut random = Mt19937::seeded(4);
        let (n_rows, depth, n_cols) = (11, 30, 21);
        let (a, b) = (noise(&mut random, n_rows * depth), noise(&mut random, depth * n_cols));
        let transposed = |values: &[f64], columns: usize| -> Vec<f64> {
            (0..columns).flat_map(|c| values.iter().skip(c).step_by(columns).copied().collect::<Vec<_>>()).collect()
        };
        let mut panels = vec![0.0; depth * padded(n_cols)];
        pack(&b, n_cols, &mut panels);
        let mut whole = vec![0.0; n_rows * padded(n_cols)];
        let left = Left { values: &a, n_rows, depth, row_stride: depth, depth_stride: 1 };
        multiply(&[(left, &panels)], Start::Zero, &mut whole);

        let mut again = vec![0.0; depth * padded(n_cols)];
        pack_transposed(&transposed(&b, n_cols), depth, &mut again);
        assert_eq!(again, panels);

        let columns = transposed(&a, depth);
        let ranges = [0..13, 13..20, 20..30];
        let packed = ranges.clone().map(|range| {
            let mut panels = vec![0.0; range.len() * padded(n_cols)];
            pack(&b[range.start * n_cols..range.end * n_cols], n_cols, &mut panels);
            panels
        });
        let factors: Vec<Factors<f64>> = ranges
            .iter()
            .zip(&packed)
            .map(|(range, panels)| {
                let values = &columns[range.start * n_rows..];
                (Left { values, n_rows, depth: range.len(), row_stride: 1, depth_stride: n_rows }, &panels[..])
            })
            .collect();
        let mut parts = vec![f64::NAN; n_rows * padded(n_cols)];
        multiply(&factors[..1], Start::Zero, &mut parts);
        multiply(&factors[1..], Start::Out, &mut parts);
        assert_eq!(parts, whole);
        for isa in [Isa::Avx2, Isa::Avx512, Isa::Portable].into_iter().filter(|isa| isa.is_available()) {
            let (mut out, stride) = (vec![f64::NAN; n_rows * padded(n_cols)], padded(n_cols));
            dispatch_to(isa, Multiply { factors: &factors, start: Start::Zero, out: &mut out, n_rows, stride });
            assert!(isa == Isa::Portable || out == whole, "{isa:?}");
        }
    }
}
