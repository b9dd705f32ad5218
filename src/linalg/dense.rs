//! Dense rows: row-major, optionally seen less a shift (the column means), so that nothing is copied to centre it.

use std::borrow::Cow;
use std::ops::Range;

use super::tile::{self, Epilogue, MOST_VECTORS};
use super::{Nearest, Norm, Panels, RowSet, Rows, norms};
use crate::common::error::check_length;
use crate::common::simd::{Kernel, Simd, SimdFloat, dispatch};
use crate::common::{Float, Result, memory};

/// A dense matrix, shape `(n_rows, n_cols)`, row-major.
#[derive(Debug)]
pub struct Dense<'a, F: Clone> {
    values: Cow<'a, [F]>,
    n_cols: usize,
    shift: Option<&'a [F]>,
}

impl<'a, F: Float> Dense<'a, F> {
    /// A view of row-major `values`.
    ///
    /// # Errors
    /// [`crate::common::Error::Shape`] unless `values` holds whole rows of at least one column.
    pub fn new(values: &'a [F], n_rows: usize, n_cols: usize) -> Result<Self> {
        check_length("X", values.len(), memory::area(n_rows, n_cols)?)?;
        check_length("columns of X", n_cols.min(1), 1)?;
        Ok(Self { values: Cow::Borrowed(values), n_cols, shift: None })
    }

    /// The same rows, seen less `shift`, shape `(n_cols,)`.
    ///
    /// # Errors
    /// [`crate::common::Error::Shape`].
    pub fn shifted(&'a self, shift: &'a [F]) -> Result<Self> {
        check_length("shift", shift.len(), self.n_cols)?;
        Ok(Self { values: Cow::Borrowed(&self.values), n_cols: self.n_cols, shift: Some(shift) })
    }

    /// The values, unshifted.
    pub fn values(&self) -> &[F] {
        &self.values
    }

    #[inline(always)]
    fn row(&self, row: usize) -> &[F] {
        &self.values[row * self.n_cols..][..self.n_cols]
    }

    fn shift_pointer(&self) -> *const F {
        self.shift.map_or(std::ptr::null(), <[F]>::as_ptr)
    }
}

impl<F: Float> Rows<F> for Dense<'_, F> {
    const FUSED_SUMS: bool = true;

    fn n_rows(&self) -> usize {
        self.values.len() / self.n_cols
    }

    fn n_cols(&self) -> usize {
        self.n_cols
    }

    fn stored(&self) -> usize {
        self.values.len()
    }

    fn write_row(&self, row: usize, out: &mut [F]) {
        out.copy_from_slice(self.row(row));
        if let Some(shift) = self.shift {
            out.iter_mut().zip(shift).for_each(|(value, &shift)| *value -= shift);
        }
    }

    #[inline(always)]
    fn add_row(&self, row: usize, weight: Option<F>, sum: &mut [F]) {
        let row = self.row(row);
        let sum = &mut sum[..row.len()];
        match (self.shift, weight) {
            (None, None) => (0..row.len()).for_each(|i| sum[i] += row[i]),
            (None, Some(weight)) => (0..row.len()).for_each(|i| sum[i] += row[i] * weight),
            (Some(shift), None) => {
                let shift = &shift[..row.len()];
                (0..row.len()).for_each(|i| sum[i] += row[i] - shift[i]);
            }
            (Some(shift), Some(weight)) => {
                let shift = &shift[..row.len()];
                (0..row.len()).for_each(|i| sum[i] += (row[i] - shift[i]) * weight);
            }
        }
    }

    fn assign_row(&self, row: usize, weight: F, target: &mut [F]) {
        self.write_row(row, target);
        target.iter_mut().for_each(|value| *value *= weight);
    }

    #[inline(always)]
    fn squared_distance(&self, row: usize, point: &[F], _point_norm: F) -> F {
        let row = self.row(row);
        let point = &point[..row.len()];
        match self.shift {
            None => norms::squared_distance(row, point),
            Some(shift) => {
                let shift = &shift[..row.len()];
                norms::sum_of_squares(row.len(), |i| (row[i] - shift[i]) - point[i])
            }
        }
    }

    fn squared_distance_pairwise(&self, row: usize, point: &[F], _point_norm: F, scratch: &mut Vec<F>) -> F {
        scratch.resize(self.n_cols.max(scratch.len()), F::ZERO);
        let squares = &mut scratch[..self.n_cols];
        self.write_row(row, squares);
        for (value, &coordinate) in squares.iter_mut().zip(point) {
            let difference = *value - coordinate;
            *value = difference * difference;
        }
        norms::pairwise_sum(squares)
    }

    fn squared_norms(&self, rows: Range<usize>, scratch: &mut Vec<f64>, out: &mut [f64]) {
        scratch.resize(self.n_cols.max(scratch.len()), 0.0);
        let wide = &mut scratch[..self.n_cols];
        for (norm, row) in out.iter_mut().zip(rows) {
            self.widen(row, wide);
            *norm = norms::squared_norm(wide);
        }
    }

    fn nearest(&self, rows: RowSet, points: &Panels<F>, scratch: &mut Vec<F>, out: Nearest<F>) {
        debug_assert!(out.index.len() == rows.len() && points.n_cols == self.n_cols);
        scratch.resize(tile::buffer_len::<F>(self.n_cols).max(scratch.len()), F::ZERO);
        match out.two_best {
            None => dispatch(NearestKernel { data: self, rows, points, scratch, index: out.index }),
            Some((best, second)) => {
                dispatch(TwoBestKernel { data: self, rows, points, scratch, index: out.index, best, second });
            }
        }
    }

    fn distances(
        &self,
        rows: Range<usize>,
        norms: &[f64],
        points: &Panels<f64>,
        norm_first: Norm,
        scratch: &mut Vec<f64>,
        out: &mut [f64],
    ) {
        debug_assert!(norms.len() == rows.len() && out.len() == rows.len() * points.count);
        let tile_len = tile::buffer_len::<f64>(self.n_cols);
        let staged_len = if F::as_f64(&self.values).is_some() { 0 } else { tile::most_rows::<f64>() * self.n_cols };
        scratch.resize((tile_len + staged_len).max(scratch.len()), 0.0);
        let (tile, staged) = scratch.split_at_mut(tile_len);
        match F::as_f64(&self.values) {
            Some(values) => {
                let shift = self.shift.and_then(F::as_f64);
                let rows = RowSet::from(rows);
                dispatch(DistanceKernel { values, shift, rows, norms, points, norm_first, tile, out, first: 0 });
            }
            None => {
                // f32: a tile's worth of rows at a time is widened, then treated like the others.
                let len = rows.len();
                for first in (0..len).step_by(tile::most_rows::<f64>()) {
                    let count = (len - first).min(tile::most_rows::<f64>());
                    for position in 0..count {
                        let target = &mut staged[position * self.n_cols..][..self.n_cols];
                        self.widen(rows.start + first + position, target);
                    }
                    let rows = RowSet::Range(0, count);
                    let (values, shift) = (&*staged, None);
                    dispatch(DistanceKernel { values, shift, rows, norms, points, norm_first, tile, out, first });
                }
            }
        }
    }

    fn gather(&self, rows: &[u32]) -> Result<Self> {
        let mut values = memory::with_capacity(memory::area(rows.len(), self.n_cols)?)?;
        rows.iter().for_each(|&row| values.extend_from_slice(self.row(row as usize)));
        Ok(Self { values: Cow::Owned(values), n_cols: self.n_cols, shift: self.shift })
    }

    fn pack<G: Float>(&self, points: &[G]) -> Result<Panels<G>> {
        Panels::side_by_side(points, self.n_cols)
    }
}

impl<F: Float> Dense<'_, F> {
    /// A row less the shift (subtracted in `F`), as f64.
    fn widen(&self, row: usize, out: &mut [f64]) {
        match self.shift {
            None => out.iter_mut().zip(self.row(row)).for_each(|(out, &value)| *out = value.to_f64()),
            Some(shift) => {
                let row = self.row(row).iter().zip(shift);
                out.iter_mut().zip(row).for_each(|(out, (&value, &shift))| *out = (value - shift).to_f64());
            }
        }
    }
}

struct NearestKernel<'k, 'd, F: Clone> {
    data: &'k Dense<'d, F>,
    rows: RowSet<'k>,
    points: &'k Panels<F>,
    scratch: &'k mut Vec<F>,
    index: &'k mut [u32],
}

struct Smallest<S: Simd, const V: usize> {
    norms: *const S::F,
    best: [S::V; V],
    index: [S::V; V],
}

impl<S: Simd, const V: usize> Epilogue<S, V> for Smallest<S, V> {
    #[inline(always)]
    unsafe fn visit(&mut self, point: usize, products: [S::V; V]) {
        // SAFETY: the instruction set is the caller's; norms are padded to whole panels.
        unsafe {
            let norm = S::splat(*self.norms.add(point));
            let label = S::splat_index(point as u32);
            for v in 0..V {
                let value = S::add(norm, products[v]);
                if point == 0 {
                    // Taken as it is, NaN too: comparisons decide only from the second point on.
                    self.best[v] = value;
                } else {
                    let nearer = S::lt(value, self.best[v]);
                    self.best[v] = S::select(nearer, value, self.best[v]);
                    self.index[v] = S::select(nearer, label, self.index[v]);
                }
            }
        }
    }
}

impl<F: Float> Kernel<F> for NearestKernel<'_, '_, F> {
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

impl<F: Float> NearestKernel<'_, '_, F> {
    #[inline(always)]
    unsafe fn tiles<S: Simd<F = F>, const V: usize>(self) {
        let n_cols = self.data.n_cols;
        let tile = tile::aligned(self.scratch);
        let mut lanes = [F::ZERO; MOST_VECTORS * 16];
        for position in (0..self.rows.len()).step_by(V * S::WIDTH) {
            // SAFETY: the buffer has `buffer_len` scalars; rows of the set are rows of the matrix, checked by `row`
            // in debug builds and bounded by the callers' ranges.
            let filled = unsafe {
                let (values, shift) = (self.data.values.as_ptr(), self.data.shift_pointer());
                tile::pack::<S, V>(values, shift, n_cols, self.rows, position, tile)
            };
            // SAFETY: the tile was packed above; panels hold `count` points of `n_cols` features; `lanes` holds the
            // widest three vectors.
            unsafe {
                let mut smallest = Smallest::<S, V> {
                    norms: self.points.norms.as_ptr(),
                    best: [S::splat(F::INFINITY); V],
                    index: [S::splat_index(0); V],
                };
                tile::all_products(tile, self.points.values.as_ptr(), self.points.count, n_cols, &mut smallest);
                for v in 0..V {
                    S::store(lanes.as_mut_ptr().add(v * S::WIDTH), smallest.index[v]);
                }
            }
            for (index, lane) in self.index[position..position + filled].iter_mut().zip(&lanes) {
                *index = lane.index();
            }
        }
    }
}

struct TwoBestKernel<'k, 'd, F: Clone> {
    data: &'k Dense<'d, F>,
    rows: RowSet<'k>,
    points: &'k Panels<F>,
    scratch: &'k mut Vec<F>,
    index: &'k mut [u32],
    best: &'k mut [F],
    second: &'k mut [F],
}

struct TwoSmallest<S: Simd, const V: usize> {
    smallest: Smallest<S, V>,
    second: [S::V; V],
}

impl<S: Simd, const V: usize> Epilogue<S, V> for TwoSmallest<S, V> {
    #[inline(always)]
    unsafe fn visit(&mut self, point: usize, products: [S::V; V]) {
        // SAFETY: as in `Smallest`.
        unsafe {
            if point > 0 {
                let norm = S::splat(*self.smallest.norms.add(point));
                for v in 0..V {
                    let value = S::add(norm, products[v]);
                    let best = self.smallest.best[v];
                    let loser = S::select(S::lt(value, best), best, value);
                    self.second[v] = S::select(S::lt(loser, self.second[v]), loser, self.second[v]);
                }
            }
            self.smallest.visit(point, products);
        }
    }
}

impl<F: Float> Kernel<F> for TwoBestKernel<'_, '_, F> {
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

impl<F: Float> TwoBestKernel<'_, '_, F> {
    #[inline(always)]
    unsafe fn tiles<S: Simd<F = F>, const V: usize>(self) {
        let n_cols = self.data.n_cols;
        let tile = tile::aligned(self.scratch);
        let mut lanes = [[F::ZERO; MOST_VECTORS * 16]; 3];
        for position in (0..self.rows.len()).step_by(V * S::WIDTH) {
            // SAFETY: as in `NearestKernel`.
            let filled = unsafe {
                let (values, shift) = (self.data.values.as_ptr(), self.data.shift_pointer());
                tile::pack::<S, V>(values, shift, n_cols, self.rows, position, tile)
            };
            // SAFETY: as in `NearestKernel`.
            unsafe {
                let infinity = [S::splat(F::INFINITY); V];
                let index = [S::splat_index(0); V];
                let smallest = Smallest::<S, V> { norms: self.points.norms.as_ptr(), best: infinity, index };
                let mut two = TwoSmallest::<S, V> { smallest, second: infinity };
                tile::all_products(tile, self.points.values.as_ptr(), self.points.count, n_cols, &mut two);
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
            }
            for lane in 0..filled {
                self.index[position + lane] = lanes[0][lane].index();
                self.best[position + lane] = lanes[1][lane];
                self.second[position + lane] = lanes[2][lane];
            }
        }
    }
}

struct DistanceKernel<'k> {
    values: &'k [f64],
    shift: Option<&'k [f64]>,
    /// Rows of `values`.
    rows: RowSet<'k>,
    norms: &'k [f64],
    points: &'k Panels<f64>,
    norm_first: Norm,
    tile: &'k mut [f64],
    out: &'k mut [f64],
    /// Position of the first row in `norms` and `out`.
    first: usize,
}

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
    unsafe fn visit(&mut self, point: usize, products: [S::V; V]) {
        if point >= self.points.count {
            return;
        }
        // SAFETY: the instruction set is the caller's; `lanes` holds three of the widest vectors.
        unsafe {
            let zero = S::splat(<S::F as SimdFloat>::ZERO);
            let norm = S::splat(self.points.norms[point]);
            let mut lanes = [<S::F as SimdFloat>::ZERO; MOST_VECTORS * 16];
            for v in 0..V {
                let (first, then) = match self.norm_first {
                    Norm::Row => (self.norms[v], norm),
                    Norm::Point => (norm, self.norms[v]),
                };
                let value = S::add(S::add(products[v], first), then);
                // As numpy.maximum(value, 0): NaN stays.
                S::store(lanes.as_mut_ptr().add(v * S::WIDTH), S::select(S::lt(value, zero), zero, value));
            }
            let start = point * self.len + self.position;
            self.out[start..start + self.filled].copy_from_slice(&lanes[..self.filled]);
        }
    }
}

impl Kernel<f64> for DistanceKernel<'_> {
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

impl DistanceKernel<'_> {
    #[inline(always)]
    unsafe fn tiles<S: Simd<F = f64>, const V: usize>(self) {
        let n_cols = self.points.n_cols;
        let tile = tile::aligned(self.tile);
        let shift = self.shift.map_or(std::ptr::null(), <[f64]>::as_ptr);
        for position in (0..self.rows.len()).step_by(V * S::WIDTH) {
            let mut lanes = [0.0; MOST_VECTORS * 16];
            // SAFETY: as in `NearestKernel`.
            unsafe {
                let filled = tile::pack::<S, V>(self.values.as_ptr(), shift, n_cols, self.rows, position, tile);
                let at = self.first + position;
                lanes[..filled].copy_from_slice(&self.norms[at..at + filled]);
                let mut norms = [S::splat(0.0); V];
                for v in 0..V {
                    norms[v] = S::load(lanes.as_ptr().add(v * S::WIDTH));
                }
                let (points, norm_first, out) = (self.points, self.norm_first, &mut *self.out);
                let len = self.norms.len();
                let mut expand = Expand::<S, V> { points, norm_first, norms, filled, out, position: at, len };
                tile::all_products(tile, points.values.as_ptr(), points.count, n_cols, &mut expand);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::common::random::Mt19937;
    use crate::common::simd::{Isa, dispatch_to};

    fn noise(len: usize, seed: u32) -> Vec<f64> {
        let mut random = Mt19937::seeded(seed);
        (0..len).map(|_| random.next_f64()).collect()
    }

    fn close(value: f64, expected: f64) -> bool {
        (value - expected).abs() < 1e-12
    }

    proptest! {
        #[test]
        fn kernels_agree_with_the_obvious_loop_on_every_instruction_set(
            n_rows in 1usize..70, n_cols in 1usize..20, n_points in 1usize..30, seed in 0u32..1000
        ) {
            let (values, centers) = (noise(n_rows * n_cols, seed), noise(n_points * n_cols, seed + 1));
            let shift = noise(n_cols, seed + 2);
            let unshifted = Dense::new(&values, n_rows, n_cols);
            prop_assert!(unshifted.is_ok());
            let Ok(unshifted) = unshifted else { return Ok(()) };
            let Ok(x) = unshifted.shifted(&shift) else { return Ok(()) };
            let Ok(points) = x.pack::<f64>(&centers) else { return Ok(()) };
            let mut norms = vec![0.0; n_rows];
            x.squared_norms(0..n_rows, &mut Vec::new(), &mut norms);
            for isa in [Isa::Portable, Isa::Avx2, Isa::Avx512].into_iter().filter(|isa| isa.is_available()) {
                let rows = RowSet::Range(0, n_rows);
                let scratch = &mut vec![0.0; tile::buffer_len::<f64>(n_cols)];
                let mut tile = scratch.clone();
                let (mut index, mut again) = (vec![0; n_rows], vec![0; n_rows]);
                let (mut best, mut second) = (vec![0.0; n_rows], vec![0.0; n_rows]);
                let mut out = vec![0.0; n_rows * n_points];
                dispatch_to(isa, NearestKernel { data: &x, rows, points: &points, scratch, index: &mut index });
                dispatch_to(isa, TwoBestKernel {
                    data: &x, rows, points: &points, scratch, index: &mut again, best: &mut best, second: &mut second
                });
                dispatch_to(isa, DistanceKernel {
                    values: &values, shift: Some(&shift), rows, norms: &norms, points: &points, norm_first: Norm::Row,
                    tile: &mut tile, out: &mut out, first: 0,
                });
                prop_assert_eq!(&index, &again);
                for row in 0..n_rows {
                    let square = |point: usize| x.squared_distance(row, &centers[point * n_cols..][..n_cols], 0.0);
                    let mut squares: Vec<f64> = (0..n_points).map(square).collect();
                    let found = squares[index[row] as usize];
                    prop_assert!((0..n_points).all(|point| close(out[point * n_rows + row], squares[point])));
                    squares.sort_by(f64::total_cmp);
                    prop_assert!(close(found, squares[0]) && close(best[row], squares[0]));
                    prop_assert!(second[row] == squares.get(1).map_or(f64::INFINITY, |_| second[row]));
                    prop_assert!(n_points == 1 || close(second[row], squares[1]));
                }
            }
        }

        #[test]
        fn f32_distances_are_those_of_the_widened_rows(n_rows in 1usize..60, n_cols in 1usize..9, seed in 0u32..99) {
            let wide: Vec<f64> = noise(n_rows * n_cols, seed).iter().map(|value| f64::from(*value as f32)).collect();
            let narrow: Vec<f32> = wide.iter().map(|&value| value as f32).collect();
            let centers = noise(3 * n_cols, seed + 1);
            let mut out = [vec![0.0; 3 * n_rows], vec![0.0; 3 * n_rows]];
            let (Ok(narrow), Ok(wide)) = (Dense::new(&narrow, n_rows, n_cols), Dense::new(&wide, n_rows, n_cols)) else {
                return Err(TestCaseError::fail("shapes"));
            };
            let Ok(points) = wide.pack::<f64>(&centers) else { return Err(TestCaseError::fail("memory")) };
            let mut norms = vec![0.0; n_rows];
            wide.squared_norms(0..n_rows, &mut Vec::new(), &mut norms);
            narrow.distances(0..n_rows, &norms, &points, Norm::Row, &mut Vec::new(), &mut out[0]);
            wide.distances(0..n_rows, &norms, &points, Norm::Row, &mut Vec::new(), &mut out[1]);
            prop_assert_eq!(&out[0], &out[1]);
        }
    }
}
