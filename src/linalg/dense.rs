//! Dense rows: row-major, optionally seen less a shift (the column means), so that nothing is copied to centre it.

use std::borrow::Cow;
use std::ops::Range;

use super::kernels::{AddByLabel, Distances, DistancesToOwn, NearestOne, NearestTwo, View};
use super::{Nearest, Norm, Panels, RowSet, Rows, Scratch, norms, tile};
use crate::common::error::check_length;
use crate::common::simd::dispatch;
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
        check_length("X", values.len(), memory::checked_len(n_rows, n_cols)?)?;
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

    /// The values of a row, unshifted.
    #[inline(always)]
    pub fn values_of(&self, row: usize) -> &[F] {
        &self.values[row * self.n_cols..][..self.n_cols]
    }

    fn view(&self) -> View<'_, F> {
        View { values: &self.values, shift: self.shift, n_cols: self.n_cols }
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

    fn nnz(&self) -> usize {
        self.values.len()
    }

    fn write_row(&self, row: usize, out: &mut [F]) {
        out.copy_from_slice(self.values_of(row));
        if let Some(shift) = self.shift {
            out.iter_mut().zip(shift).for_each(|(value, &shift)| *value -= shift);
        }
    }

    #[inline(always)]
    fn add_row(&self, row: usize, weight: Option<F>, sum: &mut [F]) {
        let row = self.values_of(row);
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
        let row = self.values_of(row);
        let point = &point[..row.len()];
        match self.shift {
            None => norms::squared_distance(row, point),
            Some(shift) => {
                let shift = &shift[..row.len()];
                norms::sum_of_squares(row.len(), |i| (row[i] - shift[i]) - point[i])
            }
        }
    }

    fn squared_distance_pairwise(&self, row: usize, point: &[F], _point_norm: F, scratch: &mut Scratch<F>) -> F {
        let squares = scratch.staged(self.n_cols);
        self.write_row(row, squares);
        for (value, &coordinate) in squares.iter_mut().zip(point) {
            let difference = *value - coordinate;
            *value = difference * difference;
        }
        norms::pairwise_sum(squares)
    }

    fn distances_to_own(
        &self,
        rows: &[u32],
        labels: &[i32],
        base: usize,
        points: &[F],
        _point_norms: &[F],
        out: &mut [F],
    ) {
        dispatch(DistancesToOwn { view: self.view(), rows, labels, base, points, out });
    }

    fn squared_norms(&self, rows: Range<usize>, scratch: &mut Scratch<f64>, out: &mut [f64]) {
        let wide = scratch.staged(self.n_cols);
        for (norm, row) in out.iter_mut().zip(rows) {
            self.widen(row, wide);
            *norm = norms::squared_norm(wide);
        }
    }

    fn nearest(&self, rows: RowSet, points: &Panels<F>, scratch: &mut Scratch<F>, out: Nearest<F>) {
        let (view, buffer, index) = (self.view(), &mut scratch.buffer, out.index);
        match out.two_best {
            None => dispatch(NearestOne { view, rows, points, buffer, index }),
            Some((best, second)) => dispatch(NearestTwo { view, rows, points, buffer, index, best, second }),
        }
    }

    fn distances(
        &self,
        rows: Range<usize>,
        norms: &[f64],
        points: &Panels<f64>,
        norm_first: Norm,
        scratch: &mut Scratch<f64>,
        out: &mut [f64],
    ) {
        let n_cols = self.n_cols;
        if let Some(values) = F::as_f64(&self.values) {
            let view = View { values, shift: self.shift.and_then(F::as_f64), n_cols };
            let (rows, buffer) = (RowSet::from(rows), &mut scratch.buffer);
            return dispatch(Distances { view, rows, norms, points, norm_first, buffer, out, first: 0 });
        }
        // f32: a tile's worth of rows at a time is widened, then treated like the others.
        let len = rows.len();
        let most = tile::max_rows::<f64>();
        let Scratch { buffer, staged } = scratch;
        staged.resize((most * n_cols).max(staged.len()), 0.0);
        for first in (0..len).step_by(most) {
            let count = (len - first).min(most);
            for (position, target) in staged.chunks_exact_mut(n_cols).take(count).enumerate() {
                self.widen(rows.start + first + position, target);
            }
            let view = View { values: staged, shift: None, n_cols };
            let rows = RowSet::Range(0, count);
            dispatch(Distances { view, rows, norms, points, norm_first, buffer: &mut *buffer, out: &mut *out, first });
        }
    }

    fn add_by_label(
        &self,
        rows: Range<usize>,
        weights: Option<&[F]>,
        labels: &[i32],
        sums: &mut [F],
        totals: &mut [F],
    ) {
        dispatch(AddByLabel { view: self.view(), rows, weights, labels, sums, totals });
    }

    fn gather(&self, rows: &[u32]) -> Result<Self> {
        let mut values = memory::try_with_capacity(memory::checked_len(rows.len(), self.n_cols)?)?;
        rows.iter().for_each(|&row| values.extend_from_slice(self.values_of(row as usize)));
        Ok(Self { values: Cow::Owned(values), n_cols: self.n_cols, shift: self.shift })
    }

    fn pack<G: Float>(&self, points: &[G]) -> Result<Panels<G>> {
        Panels::pack_panels(points, self.n_cols)
    }
}

impl<F: Float> Dense<'_, F> {
    /// A row less the shift (subtracted in `F`), as f64.
    fn widen(&self, row: usize, out: &mut [f64]) {
        match self.shift {
            None => out.iter_mut().zip(self.values_of(row)).for_each(|(out, &value)| *out = value.to_f64()),
            Some(shift) => {
                let row = self.values_of(row).iter().zip(shift);
                out.iter_mut().zip(row).for_each(|(out, (&value, &shift))| *out = (value - shift).to_f64());
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
        (value - expected).abs() < 1e-12 * (1.0 + expected)
    }

    proptest! {
        #[test]
        fn kernels_agree_with_the_obvious_loop_on_every_instruction_set(
            n_rows in 1usize..70, n_cols in prop_oneof![1usize..20, 250usize..600], n_points in 1usize..30, seed in 0u32..1000
        ) {
            let (values, centers) = (noise(n_rows * n_cols, seed), noise(n_points * n_cols, seed + 1));
            let shift = noise(n_cols, seed + 2);
            let unshifted = Dense::new(&values, n_rows, n_cols);
            prop_assert!(unshifted.is_ok());
            let Ok(unshifted) = unshifted else { return Ok(()) };
            let Ok(x) = unshifted.shifted(&shift) else { return Ok(()) };
            let Ok(points) = x.pack::<f64>(&centers) else { return Ok(()) };
            let mut norms = vec![0.0; n_rows];
            x.squared_norms(0..n_rows, &mut Scratch::default(), &mut norms);
            for isa in [Isa::Portable, Isa::Avx2, Isa::Avx512].into_iter().filter(|isa| isa.is_available()) {
                let rows = RowSet::Range(0, n_rows);
                let (view, points) = (x.view(), &points);
                let buffer = &mut Vec::new();
                let (mut index, mut again) = (vec![0; n_rows], vec![0; n_rows]);
                let (mut best, mut second) = (vec![0.0; n_rows], vec![0.0; n_rows]);
                let mut out = vec![0.0; n_rows * n_points];
                dispatch_to(isa, NearestOne { view, rows, points, buffer, index: &mut index });
                let (best_out, second_out) = (&mut best, &mut second);
                let two = NearestTwo { view, rows, points, buffer, index: &mut again, best: best_out, second: second_out };
                dispatch_to(isa, two);
                let (norms, norm_first, out_all) = (&norms, Norm::Row, &mut out);
                dispatch_to(isa, Distances { view, rows, norms, points, norm_first, buffer, out: out_all, first: 0 });
                let labels: Vec<i32> = index.iter().map(|&index| index as i32).collect();
                let (all, mut own): (Vec<u32>, _) = ((0..n_rows as u32).collect(), vec![0.0; n_rows]);
                let (labels_in, points_in, own_out) = (&labels, &centers, &mut own);
                let (rows_in, base) = (&all, 0);
                dispatch_to(isa, DistancesToOwn {
                    view, rows: rows_in, labels: labels_in, base, points: points_in, out: own_out
                });
                prop_assert!((0..n_rows).all(|row| close(own[row], best[row])));
                let mut sums = vec![0.0; n_points * n_cols];
                let mut totals = vec![0.0; n_points];
                let (sums_out, totals_out, labels_in) = (&mut sums, &mut totals, &labels);
                dispatch_to(isa, AddByLabel {
                    view, rows: 0..n_rows, weights: Some(norms), labels: labels_in, sums: sums_out, totals: totals_out
                });
                let mut expected = vec![0.0; n_points * n_cols];
                (0..n_rows).for_each(|row| {
                    let sum = &mut expected[index[row] as usize * n_cols..][..n_cols];
                    x.add_row(row, Some(norms[row]), sum);
                });
                prop_assert_eq!(sums, expected);
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
            wide.squared_norms(0..n_rows, &mut Scratch::default(), &mut norms);
            narrow.distances(0..n_rows, &norms, &points, Norm::Row, &mut Scratch::default(), &mut out[0]);
            wide.distances(0..n_rows, &norms, &points, Norm::Row, &mut Scratch::default(), &mut out[1]);
            prop_assert_eq!(&out[0], &out[1]);
        }
    }
}
