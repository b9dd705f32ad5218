//! The kernels of dense rows, one text for every instruction set: nearest point, two nearest, distances, sums by label.

use std::ops::Range;

use super::tile::{self, Buffers, Epilogue, MAX_VECTORS};
use super::{Norm, Panels, RowSet};
use crate::common::Float;
use crate::common::simd::{Kernel, Simd, SimdFloat};

/// Dense rows, row-major, seen less `shift`.
#[derive(Clone, Copy)]
pub(super) struct View<'k, F> {
    pub(super) values: &'k [F],
    pub(super) shift: Option<&'k [F]>,
    pub(super) n_cols: usize,
}

impl<F> View<'_, F> {
    /// Packs the tile of rows from `position` on and asks for the next one; returns how many lanes hold rows.
    ///
    /// # Safety
    /// The instruction set of `S`; the rows were checked; `tile` has room for `V` vectors per feature.
    #[inline(always)]
    unsafe fn pack<S: Simd<F = F>, const V: usize>(&self, rows: RowSet, position: usize, tile: *mut F) -> usize
    where
        F: SimdFloat,
    {
        let values = self.values.as_ptr();
        tile::prefetch_rows(values, self.n_cols, rows, position + V * S::WIDTH, V * S::WIDTH);
        let shift = self.shift.map_or(std::ptr::null(), <[F]>::as_ptr);
        // SAFETY: the caller's promise.
        unsafe { tile::pack::<S, V>(values, shift, self.n_cols, rows, position, tile) }
    }

    /// Panics unless every row of the set exists: kernels then read without looking.
    fn check(&self, rows: RowSet) {
        let n_rows = self.values.len() / self.n_cols;
        let inside = match rows {
            RowSet::Range(start, end) => start <= end && end <= n_rows,
            RowSet::List(list) => list.iter().all(|&row| (row as usize) < n_rows),
        };
        assert!(inside && self.shift.is_none_or(|shift| shift.len() == self.n_cols), "rows out of range");
    }
}

/// Index of the nearest point of each row; the lowest of equally near ones.
pub(super) struct NearestOne<'k, F> {
    pub(super) view: View<'k, F>,
    pub(super) rows: RowSet<'k>,
    pub(super) points: &'k Panels<F>,
    pub(super) buffer: &'k mut Vec<F>,
    pub(super) index: &'k mut [u32],
}

/// The least value of each lane so far, and whose it is.
struct Smallest<S: Simd, const V: usize> {
    norms: *const S::F,
    best: [S::V; V],
    index: [S::V; V],
}

impl<S: Simd, const V: usize> Smallest<S, V>
where
    S::F: Float,
{
    #[inline(always)]
    unsafe fn new(points: &Panels<S::F>) -> Self {
        // SAFETY: the instruction set is the caller's.
        unsafe {
            let best = [S::splat(<S::F as Float>::INFINITY); V];
            Self { norms: points.norms.as_ptr(), best, index: [S::splat_index(0); V] }
        }
    }
}

impl<S: Simd, const V: usize> Smallest<S, V> {
    /// `norm - 2 * product`: squared distances less the squared norms of the rows.
    #[inline(always)]
    unsafe fn values<const C: usize>(&self, first: usize, mut products: [[S::V; V]; C]) -> [[S::V; V]; C] {
        for c in 0..C {
            // SAFETY: the instruction set is the caller's; norms are padded to whole panels.
            unsafe {
                let norm = S::splat(*self.norms.add(first + c));
                for v in 0..V {
                    products[c][v] = S::add(norm, products[c][v]);
                }
            }
        }
        products
    }

    /// Takes in values by knockout, neighbours first: of equal values the lowest index wins, as it would one by one.
    #[inline(always)]
    unsafe fn take<const C: usize>(&mut self, first: usize, mut values: [[S::V; V]; C]) {
        // SAFETY: the instruction set is the caller's.
        unsafe {
            let mut labels = [[S::splat_index(0); V]; C];
            for c in 0..C {
                labels[c] = [S::splat_index((first + c) as u32); V];
            }
            let mut gap = 1;
            while gap < C {
                for c in (0..C - gap).step_by(2 * gap) {
                    for v in 0..V {
                        let nearer = S::lt(values[c + gap][v], values[c][v]);
                        values[c][v] = S::min(values[c + gap][v], values[c][v]);
                        labels[c][v] = S::select(nearer, labels[c + gap][v], labels[c][v]);
                    }
                }
                gap *= 2;
            }
            for v in 0..V {
                let nearer = S::lt(values[0][v], self.best[v]);
                self.best[v] = S::min(values[0][v], self.best[v]);
                self.index[v] = S::select(nearer, labels[0][v], self.index[v]);
            }
        }
    }
}

impl<S: Simd, const V: usize> Epilogue<S, V> for Smallest<S, V> {
    #[inline(always)]
    unsafe fn visit<const C: usize>(&mut self, first: usize, products: [[S::V; V]; C]) {
        // SAFETY: the caller's promise.
        unsafe {
            let values = self.values(first, products);
            self.take(first, values);
        }
    }
}

impl<F: Float> Kernel<F> for NearestOne<'_, F> {
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

impl<F: Float> NearestOne<'_, F> {
    #[inline(always)]
    unsafe fn tiles<S: Simd<F = F>, const V: usize>(self) {
        self.view.check(self.rows);
        let (points, n_cols) = (self.points, self.view.n_cols);
        let mut buffers = Buffers::new(self.buffer, n_cols, points.stride);
        let (tile, partial) = (buffers.tile(), buffers.partial());
        let mut lanes = [F::ZERO; MAX_VECTORS * 16];
        for position in (0..self.rows.len()).step_by(V * S::WIDTH) {
            // SAFETY: the rows were checked, the buffers made for these points; `lanes` holds the widest vectors.
            let filled = unsafe {
                let filled = self.view.pack::<S, V>(self.rows, position, tile);
                let mut smallest = Smallest::<S, V>::new(points);
                tile::all_products(tile, points.values.as_ptr(), points.count, n_cols, partial, &mut smallest);
                for v in 0..V {
                    S::store(lanes.as_mut_ptr().add(v * S::WIDTH), smallest.index[v]);
                }
                filled
            };
            for (index, lane) in self.index[position..position + filled].iter_mut().zip(&lanes) {
                *index = lane.index();
            }
        }
    }
}

/// As [`NearestOne`], and the squared distances to the nearest and the second nearest point.
pub(super) struct NearestTwo<'k, F> {
    pub(super) view: View<'k, F>,
    pub(super) rows: RowSet<'k>,
    pub(super) points: &'k Panels<F>,
    pub(super) buffer: &'k mut Vec<F>,
    pub(super) index: &'k mut [u32],
    pub(super) best: &'k mut [F],
    pub(super) second: &'k mut [F],
}

/// As [`Smallest`], and the second least value.
struct TwoSmallest<S: Simd, const V: usize> {
    smallest: Smallest<S, V>,
    second: [S::V; V],
}

impl<S: Simd, const V: usize> Epilogue<S, V> for TwoSmallest<S, V>
where
    S::F: Float,
{
    #[inline(always)]
    unsafe fn visit<const C: usize>(&mut self, first: usize, products: [[S::V; V]; C]) {
        // SAFETY: the caller's promise.
        unsafe {
            let values = self.smallest.values(first, products);
            let infinity = S::splat(<S::F as Float>::INFINITY);
            for v in 0..V {
                // Least and second least of each pair; then pairs are merged, the former ones with the rest.
                let (mut low, mut high) = (self.smallest.best[v], self.second[v]);
                for pair in (0..C).step_by(2) {
                    let a = values[pair][v];
                    let b = if pair + 1 < C { values[pair + 1][v] } else { infinity };
                    let (pair_low, pair_high) = (S::min(a, b), S::max(a, b));
                    let loser = S::max(low, pair_low);
                    high = S::min(S::min(high, pair_high), loser);
                    low = S::min(low, pair_low);
                }
                self.second[v] = high;
            }
            self.smallest.take(first, values);
        }
    }
}

impl<F: Float> Kernel<F> for NearestTwo<'_, F> {
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

impl<F: Float> NearestTwo<'_, F> {
    #[inline(always)]
    unsafe fn tiles<S: Simd<F = F>, const V: usize>(self) {
        self.view.check(self.rows);
        let (points, n_cols) = (self.points, self.view.n_cols);
        let mut buffers = Buffers::new(self.buffer, n_cols, points.stride);
        let (tile, partial) = (buffers.tile(), buffers.partial());
        let mut lanes = [[F::ZERO; MAX_VECTORS * 16]; 3];
        for position in (0..self.rows.len()).step_by(V * S::WIDTH) {
            // SAFETY: as in `NearestOne`.
            let filled = unsafe {
                let filled = self.view.pack::<S, V>(self.rows, position, tile);
                let second = [S::splat(F::INFINITY); V];
                let mut two = TwoSmallest::<S, V> { smallest: Smallest::new(points), second };
                tile::all_products(tile, points.values.as_ptr(), points.count, n_cols, partial, &mut two);
                for v in 0..V {
                    let mut norm = S::splat(<F as SimdFloat>::ZERO);
                    for column in 0..n_cols {
                        let x = S::load(tile.add((column * V + v) * S::WIDTH));
                        norm = S::fma(x, x, norm);
                    }
                    let start = v * S::WIDTH;
                    S::store(lanes[0].as_mut_ptr().add(start), two.smallest.index[v]);
                    S::store(lanes[1].as_mut_ptr().add(start), S::add(two.smallest.best[v], norm));
                    S::store(lanes[2].as_mut_ptr().add(start), S::add(two.second[v], norm));
                }
                filled
            };
            let range = position..position + filled;
            self.index[range.clone()].iter_mut().zip(&lanes[0]).for_each(|(index, lane)| *index = lane.index());
            self.best[range.clone()].copy_from_slice(&lanes[1][..filled]);
            self.second[range].copy_from_slice(&lanes[2][..filled]);
        }
    }
}

/// Squared distances of the rows to all points; see [`super::Rows::distances`].
pub(super) struct Distances<'k> {
    pub(super) view: View<'k, f64>,
    pub(super) rows: RowSet<'k>,
    pub(super) norms: &'k [f64],
    pub(super) points: &'k Panels<f64>,
    pub(super) norm_first: Norm,
    pub(super) buffer: &'k mut Vec<f64>,
    pub(super) out: &'k mut [f64],
    /// Position of the first row in `norms` and `out`.
    pub(super) first: usize,
}

/// Turns products into squared distances and writes them point by point.
struct Expand<'e, S: Simd, const V: usize> {
    points: &'e Panels<S::F>,
    norm_first: Norm,
    norms: [S::V; V],
    filled: usize,
    out: &'e mut [S::F],
    position: usize,
    len: usize,
}

impl<S: Simd, const V: usize> Epilogue<S, V> for Expand<'_, S, V> {
    #[inline(always)]
    unsafe fn visit<const C: usize>(&mut self, first: usize, products: [[S::V; V]; C]) {
        for (point, products) in (first..self.points.count).zip(products) {
            // SAFETY: the instruction set is the caller's.
            unsafe { self.write(point, products) };
        }
    }
}

impl<S: Simd, const V: usize> Expand<'_, S, V> {
    #[inline(always)]
    unsafe fn write(&mut self, point: usize, products: [S::V; V]) {
        // SAFETY: the instruction set is the caller's; `lanes` holds the widest vectors.
        unsafe {
            let zero = S::splat(<S::F as SimdFloat>::ZERO);
            let norm = S::splat(self.points.norms[point]);
            let start = point * self.len + self.position;
            let out = &mut self.out[start..start + self.filled];
            let mut lanes = [<S::F as SimdFloat>::ZERO; MAX_VECTORS * 16];
            let is_full = out.len() == V * S::WIDTH;
            let target = if is_full { out.as_mut_ptr() } else { lanes.as_mut_ptr() };
            for v in 0..V {
                let (first, then) = match self.norm_first {
                    Norm::Row => (self.norms[v], norm),
                    Norm::Point => (norm, self.norms[v]),
                };
                let value = S::add(S::add(products[v], first), then);
                // As numpy.maximum(value, 0): NaN stays.
                S::store(target.add(v * S::WIDTH), S::select(S::lt(value, zero), zero, value));
            }
            if !is_full {
                out.copy_from_slice(&lanes[..out.len()]);
            }
        }
    }
}

impl Kernel<f64> for Distances<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd<F = f64>>(self) {
        // SAFETY: the caller's promise.
        unsafe {
            match S::VECTORS {
                2 => self.tiles::<S, 2>(),
                _ => self.tiles::<S, 3>(),
            }
        }
    }
}

impl Distances<'_> {
    #[inline(always)]
    unsafe fn tiles<S: Simd<F = f64>, const V: usize>(self) {
        self.view.check(self.rows);
        let (points, n_cols) = (self.points, self.view.n_cols);
        let mut buffers = Buffers::new(self.buffer, n_cols, points.stride);
        let (tile, partial) = (buffers.tile(), buffers.partial());
        for position in (0..self.rows.len()).step_by(V * S::WIDTH) {
            // SAFETY: as in `NearestOne`.
            unsafe {
                let filled = self.view.pack::<S, V>(self.rows, position, tile);
                let at = self.first + position;
                let mut lanes = [0.0; MAX_VECTORS * 16];
                lanes[..filled].copy_from_slice(&self.norms[at..at + filled]);
                let mut norms = [S::splat(0.0); V];
                for v in 0..V {
                    norms[v] = S::load(lanes.as_ptr().add(v * S::WIDTH));
                }
                let (norm_first, out, len) = (self.norm_first, &mut *self.out, self.norms.len());
                let mut expand = Expand::<S, V> { points, norm_first, norms, filled, out, position: at, len };
                tile::all_products(tile, points.values.as_ptr(), points.count, n_cols, partial, &mut expand);
            }
        }
    }
}

/// Adds each row of a range to the sum of its label, and its weight to the label's total; see
/// [`super::Rows::add_by_label`].
pub(super) struct AddByLabel<'k, F> {
    pub(super) view: View<'k, F>,
    pub(super) rows: Range<usize>,
    pub(super) weights: Option<&'k [F]>,
    pub(super) labels: &'k [i32],
    pub(super) sums: &'k mut [F],
    pub(super) totals: &'k mut [F],
}

impl<F: Float> Kernel<F> for AddByLabel<'_, F> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd<F = F>>(self) {
        self.view.check(self.rows.clone().into());
        assert!(self.labels.len() == self.rows.len() && self.sums.len() == self.totals.len() * self.view.n_cols);
        // One loop for each case, so that the cases cost nothing per row.
        // SAFETY: the caller's promise.
        unsafe {
            match (self.view.shift, self.weights) {
                (None, None) => self.add::<S, false, false>(&[], &[]),
                (None, Some(weights)) => self.add::<S, false, true>(&[], weights),
                (Some(shift), None) => self.add::<S, true, false>(shift, &[]),
                (Some(shift), Some(weights)) => self.add::<S, true, true>(shift, weights),
            }
        }
    }
}

impl<F: Float> AddByLabel<'_, F> {
    #[inline(always)]
    unsafe fn add<S: Simd<F = F>, const SHIFTED: bool, const WEIGHTED: bool>(self, shift: &[F], weights: &[F]) {
        let View { values, n_cols, .. } = self.view;
        let whole = n_cols / S::WIDTH * S::WIDTH;
        for (row, &label) in self.rows.zip(self.labels) {
            let label = label as usize;
            let weight = if WEIGHTED { weights[row] } else { F::ONE };
            self.totals[label] += weight;
            // SAFETY: the row was checked, `label` is less than the number of totals (the line above), sums has `n_cols`
            // scalars for each, and so has the shift if there is one; the instruction set is the caller's.
            unsafe {
                let row = values.as_ptr().add(row * n_cols);
                let sum = self.sums.as_mut_ptr().add(label * n_cols);
                for column in (0..whole).step_by(S::WIDTH) {
                    let mut x = S::load(row.add(column));
                    if SHIFTED {
                        x = S::sub(x, S::load(shift.as_ptr().add(column)));
                    }
                    if WEIGHTED {
                        x = S::mul(x, S::splat(weight));
                    }
                    S::store(sum.add(column), S::add(S::load(sum.add(column)), x));
                }
                for column in whole..n_cols {
                    let mut x = *row.add(column);
                    if SHIFTED {
                        x -= shift[column];
                    }
                    *sum.add(column) += if WEIGHTED { x * weight } else { x };
                }
            }
        }
    }
}

/// Squared distances of listed rows to the points of their labels; see [`super::Rows::distances_to_own`].
pub(super) struct DistancesToOwn<'k, F> {
    pub(super) view: View<'k, F>,
    pub(super) rows: &'k [u32],
    pub(super) labels: &'k [i32],
    pub(super) base: usize,
    pub(super) points: &'k [F],
    pub(super) out: &'k mut [F],
}

impl<F: Float> Kernel<F> for DistancesToOwn<'_, F> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd<F = F>>(self) {
        self.view.check(RowSet::List(self.rows));
        let View { values, shift, n_cols } = self.view;
        let whole = n_cols / S::WIDTH * S::WIDTH;
        for (out, &row) in self.out.iter_mut().zip(self.rows) {
            let point = &self.points[self.labels[row as usize - self.base] as usize * n_cols..][..n_cols];
            let row = &values[row as usize * n_cols..][..n_cols];
            let mut lanes = [F::ZERO; 16];
            // SAFETY: row, shift and point have `n_cols` scalars (shift: by `check`); the set is the caller's.
            unsafe {
                let mut sum = S::splat(<F as SimdFloat>::ZERO);
                for column in (0..whole).step_by(S::WIDTH) {
                    let mut x = S::load(row.as_ptr().add(column));
                    if let Some(shift) = shift {
                        x = S::sub(x, S::load(shift.as_ptr().add(column)));
                    }
                    x = S::sub(x, S::load(point.as_ptr().add(column)));
                    sum = S::fma(x, x, sum);
                }
                S::store(lanes.as_mut_ptr(), sum);
            }
            let mut sum = F::ZERO;
            lanes[..S::WIDTH].iter().for_each(|&lane| sum += lane);
            for column in whole..n_cols {
                let x = row[column] - shift.map_or(F::ZERO, |shift| shift[column]) - point[column];
                sum += x * x;
            }
            *out = sum;
        }
    }
}
