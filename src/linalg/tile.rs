//! The micro-tile: a few vectors of rows by a few points, all products in registers.
//!
//! Rows are packed so that a lane is a row: the running minimum of a row stays in its lane, and no sum is ever taken
//! across lanes. Each product is one chain of fused multiply-adds over the features in order, which is also how
//! OpenBLAS sums a `dgemm` of up to 384 features: labels agree with scikit-learn's to the bit, ties included. Longer rows
//! than [`CHAIN`] are several chains, added up in order.

use std::ops::Range;

use super::RowSet;
use super::panels::PANEL;
use crate::common::simd::{Simd, SimdFloat, prefetch};

/// Most vectors of rows in a tile.
pub const MAX_VECTORS: usize = 3;

/// Most features that one chain sums. The error of a chain grows with its length: a million features in one chain leave no
/// correct digits in the distance of near rows. The limit is the same for all instruction sets, so that the bits are too.
pub const CHAIN: usize = 1024;

/// Bytes of a tile that are multiplied at a time: they stay in the first cache while all points pass by.
const STRIP_BYTES: usize = 16 * 1024;

/// `sums` plus the `V` row vectors of `n_cols` columns of a tile times `C` points of a panel.
///
/// # Safety
/// The instruction set of `S`; `tile` holds `n_cols * V` vectors; `panel` points to the first of `C` lanes of the first
/// of `n_cols` columns.
#[inline(always)]
unsafe fn products<S: Simd, const V: usize, const C: usize>(
    mut sums: [[S::V; V]; C],
    tile: *const S::F,
    panel: *const S::F,
    n_cols: usize,
) -> [[S::V; V]; C] {
    // SAFETY: the caller's promise.
    unsafe {
        for column in 0..n_cols {
            let rows = tile.add(column * V * S::WIDTH);
            let mut x = [S::splat(<S::F as SimdFloat>::ZERO); V];
            for v in 0..V {
                x[v] = S::load(rows.add(v * S::WIDTH));
            }
            for c in 0..C {
                let point = S::splat(*panel.add(column * PANEL + c));
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
    /// What the sums with points `first..first + C` start from.
    ///
    /// # Safety
    /// The instruction set of `S`.
    #[inline(always)]
    unsafe fn start<const C: usize>(&self, _first: usize) -> [[S::V; V]; C] {
        // SAFETY: the caller's promise.
        unsafe { [[S::splat(<S::F as SimdFloat>::ZERO); V]; C] }
    }

    /// The products of all rows of the tile with points `first..first + C`.
    ///
    /// # Safety
    /// The instruction set of `S`.
    unsafe fn visit<const C: usize>(&mut self, first: usize, products: [[S::V; V]; C]);
}

/// Shows `epilogue` the products of a tile with all points (and with padding, up to one point).
///
/// # Safety
/// The instruction set of `S`; `tile` holds `n_cols * V` vectors, `panels` `count` points of `n_cols` features; `partial`
/// has room for `V` vectors per point, padded to whole panels, if [`strip`] is less than `n_cols`, and for twice as many
/// if [`CHAIN`] is.
#[inline(always)]
pub unsafe fn all_products<S: Simd, const V: usize, E: Epilogue<S, V>>(
    tile: *const S::F,
    panels: *const S::F,
    count: usize,
    n_cols: usize,
    partial: *mut S::F,
    epilogue: &mut E,
) {
    let strip = strip::<S::F>(V * S::WIDTH);
    let closed = partial.wrapping_add(count.next_multiple_of(PANEL) * V * S::WIDTH);
    let mut start = 0;
    loop {
        let end = (start + strip).min((start / CHAIN + 1) * CHAIN).min(n_cols);
        for first in (0..count).step_by(S::COLUMNS) {
            // SAFETY: `first / PANEL` is a panel, S::COLUMNS divides PANEL, and the columns exist.
            unsafe {
                let part = Part {
                    tile: tile.add(start * V * S::WIDTH),
                    panel: panels.add((first / PANEL * n_cols + start) * PANEL + first % PANEL),
                    columns: start..end,
                    is_last: end == n_cols,
                    open: partial.wrapping_add(first * V * S::WIDTH),
                    closed: closed.wrapping_add(first * V * S::WIDTH),
                    first,
                };
                match count - first {
                    1 | 2 => part.show::<S, V, E, 2>(epilogue),
                    3 => part.show::<S, V, E, 3>(epilogue),
                    _ if S::COLUMNS == 3 => part.show::<S, V, E, 3>(epilogue),
                    4 => part.show::<S, V, E, 4>(epilogue),
                    _ => part.show::<S, V, E, 6>(epilogue),
                }
            }
        }
        if end == n_cols {
            return;
        }
        start = end;
    }
}

/// Some columns, all of one chain, of a tile and of some points.
struct Part<F> {
    tile: *const F,
    panel: *const F,
    columns: Range<usize>,
    is_last: bool,
    /// Sums of the chain so far.
    open: *mut F,
    /// Sums of the chains before.
    closed: *mut F,
    first: usize,
}

impl<F: SimdFloat> Part<F> {
    #[inline(always)]
    unsafe fn show<S: Simd<F = F>, const V: usize, E: Epilogue<S, V>, const C: usize>(&self, epilogue: &mut E) {
        let Range { start, end } = self.columns;
        // SAFETY: the promise of the caller of `all_products`.
        unsafe {
            let sums = match start {
                0 => epilogue.start(self.first),
                _ if start % CHAIN == 0 => [[S::splat(F::ZERO); V]; C],
                _ => load::<S, V, C>(self.open),
            };
            let mut sums = products::<S, V, C>(sums, self.tile, self.panel, end - start);
            let closes = self.is_last || end % CHAIN == 0;
            if closes && start >= CHAIN {
                let before = load::<S, V, C>(self.closed);
                for c in 0..C {
                    for v in 0..V {
                        sums[c][v] = S::add(before[c][v], sums[c][v]);
                    }
                }
            }
            if self.is_last {
                return epilogue.visit(self.first, sums);
            }
            let target = if closes { self.closed } else { self.open };
            for c in 0..C {
                for v in 0..V {
                    S::store(target.add((c * V + v) * S::WIDTH), sums[c][v]);
                }
            }
        }
    }
}

/// The sums of `V` row vectors with `C` points.
///
/// # Safety
/// The instruction set of `S`; `sums` holds `C * V` vectors.
#[inline(always)]
unsafe fn load<S: Simd, const V: usize, const C: usize>(sums: *const S::F) -> [[S::V; V]; C] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut loaded = [[S::splat(<S::F as SimdFloat>::ZERO); V]; C];
        for c in 0..C {
            for v in 0..V {
                loaded[c][v] = S::load(sums.add((c * V + v) * S::WIDTH));
            }
        }
        loaded
    }
}

/// Columns of a tile of `lanes` rows that are multiplied at a time.
fn strip<F>(lanes: usize) -> usize {
    STRIP_BYTES / (lanes * size_of::<F>())
}

/// Most rows in a tile, for any instruction set.
pub const fn max_rows<F>() -> usize {
    MAX_VECTORS * 64 / size_of::<F>()
}

/// The buffers of a tile: for [`pack`], and for the partial sums of [`all_products`].
pub struct Buffers<'b, F> {
    tile: &'b mut [F],
    partial: &'b mut [F],
}

impl<'b, F: SimdFloat> Buffers<'b, F> {
    /// Splits a buffer, grown where it is too short for rows of `n_cols` features and `stride` points.
    pub fn new(buffer: &'b mut Vec<F>, n_cols: usize, stride: usize) -> Self {
        let lanes = max_rows::<F>();
        let tile_len = n_cols * lanes + 16;
        let sums = usize::from(n_cols > strip::<F>(lanes)) + usize::from(n_cols > CHAIN);
        let partial_len = sums * stride * lanes;
        if buffer.len() < tile_len + partial_len {
            buffer.resize(tile_len + partial_len, F::ZERO);
        }
        let (tile, partial) = buffer.split_at_mut(tile_len);
        Self { tile, partial }
    }

    /// Where the tile starts: on a cache line.
    pub fn tile(&mut self) -> *mut F {
        let start = self.tile.as_mut_ptr();
        let skip = start.align_offset(64);
        if skip < 16 { start.wrapping_add(skip) } else { start }
    }

    /// Where the partial sums start.
    pub fn partial(&mut self) -> *mut F {
        self.partial.as_mut_ptr()
    }
}

/// Asks for the rows of the next tile, `count` rows from `position` on.
#[inline(always)]
pub fn prefetch_rows<F>(values: *const F, n_cols: usize, rows: RowSet, position: usize, count: usize) {
    let line = 64 / size_of::<F>();
    for position in position..(position + count).min(rows.len()) {
        let row = values.wrapping_add(rows.row(position) * n_cols);
        for column in (0..n_cols).step_by(line) {
            prefetch(row.wrapping_add(column));
        }
    }
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
