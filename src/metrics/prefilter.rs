//! A prefilter for near pairs: all pairs of rows and points pass by in register tiles, and only the few that may be near
//! enough come through.
//!
//! What a tile holds of a pair is `term(row) - 2 row·point`, with `term` a little less than `|row|²`: a lower bound of
//! `|row - point|² - |point|²`, less a margin that depends on the point alone (see [`Rounding`]). So the arithmetic may
//! be single precision whatever the data: no pair that counts is lost, and those that come through are measured again.
//!
//! Rows are visited in strides, so that the limits are sharp after a sixteenth of them, sorted rows or not.

use std::ops::Range;

use crate::common::simd::{Kernel, Simd, SimdFloat, dispatch};
use crate::common::{Float, Result, memory};
use crate::linalg::panels::PANEL;
use crate::linalg::tile::{self, Buffers, Epilogue, MAX_VECTORS};
use crate::linalg::{Panels, RowSet};

/// Tiles between one tile and the next: the rows pass by in so many rounds.
pub const STRIDE: usize = 16;

/// Most features of rows whose order is looked at: with more, one of them says little.
const NARROW: usize = 32;

/// Rows as the prefilter sees them: less a shift, times a power of two that brings the longest near length 1.
#[derive(Debug, Clone, Copy)]
pub struct Centred<'a, T> {
    /// Row-major.
    pub values: &'a [T],
    /// Features of a row.
    pub n_cols: usize,
    /// What is subtracted from every row, shape `(n_cols,)`.
    pub shift: &'a [f64],
    /// What the difference is multiplied by.
    pub scale: f64,
}

impl<T: Float> Centred<'_, T> {
    /// Writes a row, rounded once.
    #[inline(always)]
    pub fn write<F: Float>(&self, row: usize, out: &mut [F]) {
        let row = &self.values[row * self.n_cols..][..self.n_cols];
        let (shift, out) = (&self.shift[..row.len()], &mut out[..row.len()]);
        for i in 0..row.len() {
            out[i] = F::from_f64((row[i].to_f64() - shift[i]) * self.scale);
        }
    }

    /// The squared length of a row.
    pub fn squared_length(&self, row: usize) -> f64 {
        let row = &self.values[row * self.n_cols..][..self.n_cols];
        let square = |(&x, &shift): (&T, &f64)| ((x.to_f64() - shift) * self.scale).powi(2);
        row.iter().zip(self.shift).map(square).sum()
    }
}

/// How far rounding can move what a tile holds.
///
/// The chain of `d` products, started from the term, errs by at most `(d + 8) u (|row|² + 2 |row| |point|)`, and that is
/// not above `c (2 |row|² + |point|²)` with `c = (d + 8) u`, `u` half the distance between 1 and the next number
/// (Higham, *Accuracy and Stability of Numerical Algorithms*, section 3.1; four of the eight are for rounding the
/// inputs, the others to spare). The row's part is taken off its term.
#[derive(Debug, Clone, Copy)]
pub struct Rounding {
    /// `c`.
    unit: f64,
    /// The same for f64, in which lengths and ranks are computed.
    fine: f64,
}

impl Rounding {
    /// For chains of `n_cols` products in `F`.
    pub fn new<F: Float>(n_cols: usize) -> Self {
        let unit = |epsilon: f64| (n_cols + 8) as f64 * epsilon / 2.0;
        Self { unit: unit(F::EPSILON.to_f64()), fine: 4.0 * unit(f64::EPSILON) }
    }

    /// The term of a row of a squared length.
    pub fn term<F: Float>(&self, squared_length: f64) -> F {
        F::from_f64(squared_length * (1.0 - 2.0 * self.unit - 2.0 * self.fine))
    }

    /// What a pair of this value in a tile is at most, as `|row - point|² - |point|²`.
    pub fn upper(&self, value: f64, row: f64, point: f64) -> f64 {
        value + 4.0 * self.unit * row + (self.unit + self.fine) * point
    }

    /// Below what value all pairs stay that are no farther apart than `bound` (`|row - point|² - |point|²`).
    pub fn limit<F: Float>(&self, bound: f64, point: f64) -> F {
        let slack = self.unit * point + self.fine * (bound.abs() + 2.0 * point) + F::TINY.to_f64();
        F::from_f64(bound + slack).above()
    }
}

/// Takes what comes through.
pub trait Sink<F> {
    /// A pair whose value is below the point's limit; returns the new limit if it changes.
    fn take(&mut self, point: usize, row: u32, value: F) -> Option<F>;
}

/// Buffers of a worker.
#[derive(Debug, Default)]
pub struct PrefilterBuffers<F> {
    staged: Vec<F>,
    buffer: Vec<F>,
}

/// Rows that pass by.
#[derive(Debug, Clone)]
pub struct Passing<'k, F, T> {
    /// All rows.
    pub rows: Centred<'k, T>,
    /// Which of them, as positions in `packed` where that is given.
    pub range: Range<usize>,
    /// Their terms, one per row of the range.
    pub terms: &'k [F],
    /// All rows in tiles, if they are packed already.
    pub packed: Option<&'k Packed<F>>,
}

/// All rows in tiles, in the order of one of their coordinates.
#[derive(Debug)]
pub struct Packed<F> {
    tiles: Vec<F>,
    /// Index of each row.
    pub order: Vec<u32>,
    /// The feature that they are ordered by.
    pub feature: usize,
    /// The coordinate of each row in it, as the prefilter sees it, in order.
    coordinates: Vec<f64>,
}

/// Passes some of the rows by the points: one of the [`STRIDE`] rounds.
///
/// `limits` has one entry per point, padded with negative infinity to `points.stride`; `lengths` are the squared lengths
/// of the points. Where the rows are packed, and in their order, panels of points that lie near each other in that
/// feature skip the tiles that lie too far away in it.
pub fn prefilter<F: Float, T: Float>(
    round: usize,
    passing: &Passing<F, T>,
    points: &Panels<F>,
    lengths: &[f64],
    limits: &mut [F],
    scratch: &mut PrefilterBuffers<F>,
    sink: &mut impl Sink<F>,
) {
    let n_cols = passing.rows.n_cols;
    assert!(passing.range.len() == passing.terms.len() && limits.len() >= points.stride && points.n_cols == n_cols);
    assert!(lengths.len() == points.count);
    dispatch(PrefilterKernel { round, passing, points, lengths, limits, scratch, sink });
}

impl<F: Float> Packed<F> {
    /// Packs all rows, ordered by the feature in which they spread widest.
    ///
    /// # Errors
    /// [`crate::common::Error::OutOfMemory`].
    pub fn new<T: Float>(rows: Centred<T>) -> Result<Self> {
        let n_cols = rows.n_cols;
        let n_rows = rows.values.len() / n_cols;
        let mut spread = memory::try_filled(n_cols, 0.0)?;
        let mut row = memory::try_filled(n_cols, 0.0_f64)?;
        for index in 0..n_rows {
            rows.write(index, &mut row);
            spread.iter_mut().zip(&row).for_each(|(sum, x)| *sum += x * x);
        }
        let widest = (1..n_cols).fold(0, |best, column| if spread[column] > spread[best] { column } else { best });
        let coordinate =
            |row: u32| (rows.values[row as usize * n_cols + widest].to_f64() - rows.shift[widest]) * rows.scale;
        let mut order = memory::try_with_capacity(n_rows)?;
        order.extend(0..n_rows as u32);
        order.sort_unstable_by(|&a, &b| coordinate(a).total_cmp(&coordinate(b)).then(a.cmp(&b)));
        let mut coordinates = memory::try_with_capacity(n_rows)?;
        coordinates.extend(order.iter().map(|&row| coordinate(row)));
        let most = tile::max_rows::<F>();
        let mut tiles = memory::try_filled(memory::checked_len(n_rows.next_multiple_of(most), n_cols)?, F::ZERO)?;
        dispatch(PackAll { rows, order: &order, tiles: &mut tiles });
        Ok(Self { tiles, order, feature: widest, coordinates })
    }
}

struct PackAll<'k, F, T> {
    rows: Centred<'k, T>,
    order: &'k [u32],
    tiles: &'k mut [F],
}

impl<F: Float, T: Float> Kernel<F> for PackAll<'_, F, T> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd<F = F>>(self) {
        let lanes = S::VECTORS * S::WIDTH;
        let mut staged = Vec::new();
        for (rows, tile) in self.order.chunks(lanes).zip(self.tiles.chunks_mut(lanes * self.rows.n_cols)) {
            let rows = RowSet::List(rows);
            // SAFETY: the chunk has room for a tile; the instruction set is the caller's.
            unsafe {
                match S::VECTORS {
                    2 => pack::<S, T, 2>(self.rows, rows, &mut staged, tile.as_mut_ptr()),
                    _ => pack::<S, T, 3>(self.rows, rows, &mut staged, tile.as_mut_ptr()),
                }
            }
        }
    }
}

/// Packs rows into a tile.
///
/// # Safety
/// The instruction set of `S`; the rows exist and are no more than a tile's; `tile` has room for one.
#[inline(always)]
unsafe fn pack<S: Simd, T: Float, const V: usize>(
    rows: Centred<T>,
    here: RowSet,
    staged: &mut Vec<S::F>,
    tile: *mut S::F,
) where
    S::F: Float,
{
    staged.resize(V * S::WIDTH * rows.n_cols, <S::F as SimdFloat>::ZERO);
    for (position, out) in (0..here.len()).zip(staged.chunks_exact_mut(rows.n_cols)) {
        rows.write(here.row(position), out);
    }
    // SAFETY: as many rows were staged; the rest is the caller's promise.
    unsafe {
        tile::pack::<S, V>(staged.as_ptr(), std::ptr::null(), rows.n_cols, RowSet::Range(0, here.len()), 0, tile);
    }
}

struct PrefilterKernel<'k, F, T, K> {
    round: usize,
    passing: &'k Passing<'k, F, T>,
    points: &'k Panels<F>,
    lengths: &'k [f64],
    limits: &'k mut [F],
    scratch: &'k mut PrefilterBuffers<F>,
    sink: &'k mut K,
}

impl<F: Float, T: Float, K: Sink<F>> Kernel<F> for PrefilterKernel<'_, F, T, K> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd<F = F>>(self) {
        // SAFETY: the caller's promise.
        unsafe {
            match S::VECTORS {
                2 => self.tiles::<S, 2>(),
                _ => self.tiles::<S, 3>(),
            }
        }
    }
}

impl<F: Float, T: Float, K: Sink<F>> PrefilterKernel<'_, F, T, K> {
    #[inline(always)]
    unsafe fn tiles<S: Simd<F = F>, const V: usize>(self) {
        let Self { round, passing, points, lengths, limits, scratch, sink } = self;
        let Passing { rows, ref range, terms, packed } = *passing;
        let (n_cols, lanes) = (rows.n_cols, V * S::WIDTH);
        let mut buffers = Buffers::new(&mut scratch.buffer, n_cols, points.stride);
        let (own, partial) = (buffers.tile(), buffers.partial());
        let n_tiles = range.len().div_ceil(lanes);
        let mut slabs = packed.filter(|_| n_cols <= NARROW).map(|packed| Slabs::new(packed, points, lengths, limits));
        for index in (round..n_tiles).step_by(STRIDE) {
            let start = index * lanes;
            let here = start..(start + lanes).min(range.len());
            // Lanes without a row are never near.
            let mut padded = [<F as Float>::INFINITY; MAX_VECTORS * 16];
            padded[..here.len()].copy_from_slice(&terms[here.clone()]);
            let first = range.start + start;
            // SAFETY: tiles that were packed cover all rows; `own` was made for one; `padded` holds the widest vectors, and
            // the limits reach as far as the points (`prefilter`), whole panels of which follow each other; the instruction set
            // is the caller's.
            unsafe {
                let tile = match packed {
                    Some(packed) => packed.tiles[first * n_cols..][..lanes * n_cols].as_ptr(),
                    None => {
                        let rows_here = RowSet::Range(first, range.start + here.end);
                        pack::<S, T, V>(rows, rows_here, &mut scratch.staged, own);
                        own.cast_const()
                    }
                };
                let mut starts = [S::splat(<F as SimdFloat>::ZERO); V];
                for v in 0..V {
                    starts[v] = S::load(padded.as_ptr().add(v * S::WIDTH));
                }
                let order = packed.map(|packed| packed.order.as_slice());
                let mut net = Survivors::<S, V, K> {
                    terms: starts,
                    first_row: first as u32,
                    order,
                    base: 0,
                    changed: false,
                    limits,
                    sink,
                };
                let Some(slabs) = &mut slabs else {
                    tile::all_products(tile, points.values.as_ptr(), points.count, n_cols, partial, &mut net);
                    continue;
                };
                let slab = slabs.of(first, range.start + here.end);
                for panel in 0..slabs.panels.len() {
                    if slabs.is_beyond(panel, slab) {
                        continue;
                    }
                    let first_point = panel * PANEL;
                    let values = points.values.as_ptr().add(first_point * n_cols);
                    net.base = first_point;
                    let count = (points.count - first_point).min(PANEL);
                    tile::all_products(tile, values, count, n_cols, partial, &mut net);
                    if net.changed {
                        net.changed = false;
                        slabs.renew(panel, lengths, net.limits);
                    }
                }
            }
        }
    }
}

/// Where panels of points lie in the feature that the rows are ordered by, and how far they still look.
struct Slabs<'k, F> {
    packed: &'k Packed<F>,
    panels: Vec<Slab>,
}

/// An interval of the feature, and the square of the distance beyond which nothing is wanted.
#[derive(Clone, Copy)]
struct Slab {
    least: f64,
    largest: f64,
    reach: f64,
}

impl<'k, F: Float> Slabs<'k, F> {
    fn new(packed: &'k Packed<F>, points: &Panels<F>, lengths: &[f64], limits: &[F]) -> Self {
        let coordinate = |point: usize| {
            let start = point / PANEL * PANEL * points.n_cols + point % PANEL;
            points.values[start + packed.feature * PANEL].to_f64() / -2.0
        };
        let panels = (0..points.count).step_by(PANEL).map(|first| {
            let here = first..(first + PANEL).min(points.count);
            let least = here.clone().map(coordinate).fold(f64::INFINITY, f64::min);
            let largest = here.map(coordinate).fold(f64::NEG_INFINITY, f64::max);
            // The coordinates were rounded once.
            let slack = F::EPSILON.to_f64() * least.abs().max(largest.abs());
            Slab { least: least - slack, largest: largest + slack, reach: 0.0 }
        });
        let mut slabs = Self { packed, panels: panels.collect() };
        (0..slabs.panels.len()).for_each(|panel| slabs.renew(panel, lengths, limits));
        slabs
    }

    /// Rows in order, from one position to before another.
    #[inline(always)]
    fn of(&self, start: usize, end: usize) -> (f64, f64) {
        (self.packed.coordinates[start], self.packed.coordinates[end - 1])
    }

    /// Whether a panel wants nothing of a slab of rows.
    #[inline(always)]
    fn is_beyond(&self, panel: usize, (least, largest): (f64, f64)) -> bool {
        let Slab { least: own_least, largest: own_largest, reach } = self.panels[panel];
        let gap = (least - own_largest).max(own_least - largest);
        gap > 0.0 && gap * gap > reach
    }

    /// Looks up how far a panel looks: a pair that counts is no farther apart than the limit says, as the limit was rounded
    /// upwards.
    #[inline(always)]
    fn renew(&mut self, panel: usize, lengths: &[f64], limits: &[F]) {
        let here = panel * PANEL..((panel + 1) * PANEL).min(lengths.len());
        let reach = limits[here.clone()].iter().zip(&lengths[here]).map(|(limit, length)| limit.to_f64() + length);
        self.panels[panel].reach = reach.fold(f64::NEG_INFINITY, f64::max) * (1.0 + 1e-12);
    }
}

/// Compares the values of a tile with the limits.
struct Survivors<'e, S: Simd, const V: usize, K> {
    terms: [S::V; V],
    /// Position of the first row.
    first_row: u32,
    /// Index of each row, if positions are not indices.
    order: Option<&'e [u32]>,
    /// The first point of those that are passed by.
    base: usize,
    /// Whether a limit has changed.
    changed: bool,
    limits: &'e mut [S::F],
    sink: &'e mut K,
}

impl<S: Simd, const V: usize, K: Sink<S::F>> Epilogue<S, V> for Survivors<'_, S, V, K> {
    #[inline(always)]
    unsafe fn start<const C: usize>(&self, _first: usize) -> [[S::V; V]; C] {
        [self.terms; C]
    }

    #[inline(always)]
    unsafe fn visit<const C: usize>(&mut self, first: usize, values: [[S::V; V]; C]) {
        let first = self.base + first;
        // SAFETY: points come in whole columns, and the limits are padded; the instruction set is the caller's.
        unsafe {
            let limit = S::splat(*self.limits.get_unchecked(first));
            let mut any = S::lt(values[0][0], limit);
            for c in 0..C {
                let limit = S::splat(*self.limits.get_unchecked(first + c));
                for v in 0..V {
                    any = S::or(any, S::lt(values[c][v], limit));
                }
            }
            if S::bits(any) == 0 {
                return;
            }
            for c in 0..C {
                for v in 0..V {
                    let limit = S::splat(self.limits[first + c]);
                    let bits = S::bits(S::lt(values[c][v], limit));
                    if bits != 0 {
                        let mut lanes = [<S::F as SimdFloat>::ZERO; 16];
                        S::store(lanes.as_mut_ptr(), values[c][v]);
                        self.land(first + c, (v * S::WIDTH) as u32, bits, &lanes);
                    }
                }
            }
        }
    }
}

impl<S: Simd, const V: usize, K: Sink<S::F>> Survivors<'_, S, V, K> {
    /// Hands over the lanes whose bits are set.
    #[inline(never)]
    fn land(&mut self, point: usize, offset: u32, mut bits: u32, lanes: &[S::F; 16]) {
        while bits != 0 {
            let lane = bits.trailing_zeros();
            bits &= bits - 1;
            let value = lanes[lane as usize];
            let position = self.first_row + offset + lane;
            let row = self.order.map_or(position, |order| order[position as usize]);
            if value < self.limits[point]
                && let Some(limit) = self.sink.take(point, row, value)
            {
                self.limits[point] = limit;
                self.changed = true;
            }
        }
    }
}
