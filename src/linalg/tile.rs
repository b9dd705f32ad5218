//! The micro-tile: a few vectors of rows by a few points, all products in registers.
//!
//! Rows are packed so that a lane is a row: the running minimum of a row stays in its lane, and no sum is ever taken
//! across lanes. Each product is one chain of fused multiply-adds over the features in order, which is also how
//! OpenBLAS sums a `dgemm` of up to 384 features: labels agree with scikit-learn's to the bit, ties included.

use super::RowSet;
use super::panels::PANEL;
use crate::common::simd::{Simd, SimdFloat};

/// Most vectors of rows in a tile.
pub const MOST_VECTORS: usize = 3;

/// The `V` row vectors of a tile times `C` points of a panel, starting at the panel's lane `lane`.
///
/// # Safety
/// The instruction set of `S`; `tile` holds `n_cols * V` vectors, `panel` `n_cols * PANEL` scalars, `lane + C <= PANEL`.
#[inline(always)]
pub unsafe fn products<S: Simd, const V: usize, const C: usize>(
    tile: *const S::F,
    panel: *const S::F,
    lane: usize,
    n_cols: usize,
) -> [[S::V; V]; C] {
    // SAFETY: the caller's promise.
    unsafe {
        let zero = S::splat(<S::F as SimdFloat>::ZERO);
        let mut sums = [[zero; V]; C];
        for column in 0..n_cols {
            let rows = tile.add(column * V * S::WIDTH);
            let mut x = [zero; V];
            for v in 0..V {
                x[v] = S::load(rows.add(v * S::WIDTH));
            }
            for c in 0..C {
                let point = S::splat(*panel.add(column * PANEL + lane + c));
                for v in 0..V {
                    sums[c][v] = S::fma(x[v], point, sums[c][v]);
                }
            }
        }
        sums
    }
}

/// Something that is shown every product of a tile, points in order.
pub trait Epilogue<S: Simd, const V: usize> {
    /// The products of all rows of the tile with point `point`.
    ///
    /// # Safety
    /// The instruction set of `S`.
    unsafe fn visit(&mut self, point: usize, products: [S::V; V]);
}

/// Shows `epilogue` the products of a tile with all points (and with padding, up to one point).
///
/// # Safety
/// As [`products`], for all of `panels`, which hold `count` points.
#[inline(always)]
pub unsafe fn all_products<S: Simd, const V: usize, E: Epilogue<S, V>>(
    tile: *const S::F,
    panels: *const S::F,
    count: usize,
    n_cols: usize,
    epilogue: &mut E,
) {
    for first in (0..count).step_by(S::COLUMNS) {
        // SAFETY: `first / PANEL` is a panel, and S::COLUMNS divides PANEL.
        unsafe {
            let panel = panels.add(first / PANEL * PANEL * n_cols);
            let lane = first % PANEL;
            match count - first {
                1 | 2 => show::<S, V, E, 2>(tile, panel, lane, n_cols, first, epilogue),
                3 => show::<S, V, E, 3>(tile, panel, lane, n_cols, first, epilogue),
                _ if S::COLUMNS == 3 => show::<S, V, E, 3>(tile, panel, lane, n_cols, first, epilogue),
                4 => show::<S, V, E, 4>(tile, panel, lane, n_cols, first, epilogue),
                _ => show::<S, V, E, 6>(tile, panel, lane, n_cols, first, epilogue),
            }
        }
    }
}

#[inline(always)]
unsafe fn show<S: Simd, const V: usize, E: Epilogue<S, V>, const C: usize>(
    tile: *const S::F,
    panel: *const S::F,
    lane: usize,
    n_cols: usize,
    first: usize,
    epilogue: &mut E,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let sums = products::<S, V, C>(tile, panel, lane, n_cols);
        for c in 0..C {
            epilogue.visit(first + c, sums[c]);
        }
    }
}

/// Most rows in a tile, for any instruction set.
pub const fn most_rows<F>() -> usize {
    MOST_VECTORS * 64 / size_of::<F>()
}

/// Length of the buffer that [`pack`] fills, for any instruction set and alignment.
pub fn buffer_len<F>(n_cols: usize) -> usize {
    n_cols * most_rows::<F>() + 16
}

/// The first address in `buffer` on a cache line.
pub fn aligned<F>(buffer: &mut [F]) -> *mut F {
    let start = buffer.as_mut_ptr();
    let skip = start.align_offset(64);
    if skip < 16 { start.wrapping_add(skip) } else { start }
}

/// Packs rows `position..` of `rows` into a tile, less `shift` where it is not null; lanes without a row repeat the
/// first. Returns how many lanes hold rows.
///
/// # Safety
/// The instruction set of `S`; `values` holds all rows, row-major; `shift` is null or holds `n_cols` scalars; `tile`
/// has room for `n_cols * V` vectors.
#[inline(always)]
pub unsafe fn pack<S: Simd, const V: usize>(
    values: *const S::F,
    shift: *const S::F,
    n_cols: usize,
    rows: RowSet,
    position: usize,
    tile: *mut S::F,
) -> usize {
    let lanes = (rows.len() - position).min(V * S::WIDTH);
    let mut pointers = [values; 16];
    for vector in 0..V {
        for lane in 0..S::WIDTH {
            let offset = vector * S::WIDTH + lane;
            let row = rows.row(position + if offset < lanes { offset } else { 0 });
            pointers[lane] = values.wrapping_add(row * n_cols);
        }
        for column in (0..n_cols).step_by(S::WIDTH) {
            let columns = (n_cols - column).min(S::WIDTH);
            // SAFETY: the rows have `columns` scalars from here on, and so has the tile.
            unsafe {
                let mut sources = [values; 16];
                for lane in 0..S::WIDTH {
                    sources[lane] = pointers[lane].add(column);
                }
                let shift = if shift.is_null() { shift } else { shift.add(column) };
                let target = tile.add((column * V + vector) * S::WIDTH);
                S::transpose(&sources[..S::WIDTH], shift, columns, target, V * S::WIDTH);
            }
        }
    }
    lanes
}
