//! CSR rows: points are kept column by column, so that each stored value meets all points in one vector loop.

use std::borrow::Cow;
use std::ops::Range;

use super::{Nearest, Norm, Panels, RowSet, Rows, Scratch};
use crate::common::error::check_length;
use crate::common::simd::{Kernel, Simd, dispatch};
use crate::common::{Error, Float, Result, memory};

/// A sparse matrix in CSR form, shape `(n_rows, n_cols)`. Indices need not be sorted; for repeated ones see
/// [`Csr::merged`].
#[derive(Debug)]
pub struct Csr<'a, F: Clone> {
    values: Cow<'a, [F]>,
    indices: Cow<'a, [u32]>,
    starts: Cow<'a, [usize]>,
    n_cols: usize,
}

impl<'a, F: Float> Csr<'a, F> {
    /// A view of checked parts: `values` and `indices` of equal length, `starts` of length `n_rows + 1`.
    ///
    /// # Errors
    /// [`Error::InvalidCsr`] if the parts contradict each other.
    pub fn new(values: &'a [F], indices: &'a [u32], starts: &'a [usize], n_cols: usize) -> Result<Self> {
        check_length("columns of X", n_cols.min(1), 1)?;
        if starts.first() != Some(&0) || !starts.is_sorted() {
            return Err(Error::InvalidCsr("indptr must start at 0 and never decrease"));
        }
        if starts.last().is_some_and(|&end| end > values.len() || end > indices.len()) {
            return Err(Error::InvalidCsr("indptr points past the end of the data"));
        }
        if indices.iter().any(|&index| index as usize >= n_cols) {
            return Err(Error::InvalidCsr("column index out of range"));
        }
        let (values, indices, starts) = (Cow::Borrowed(values), Cow::Borrowed(indices), Cow::Borrowed(starts));
        Ok(Self { values, indices, starts, n_cols })
    }

    /// The same matrix with the columns of every row in order and without repetition: values stored in parts are added,
    /// since the norm of a row is not that of its parts.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn merged(self) -> Result<Self> {
        let columns = |row: usize| &self.indices[self.starts[row]..self.starts[row + 1]];
        if (0..self.n_rows()).all(|row| columns(row).is_sorted_by(|a, b| a < b)) {
            return Ok(self);
        }
        let mut values: Vec<F> = memory::try_with_capacity(self.values.len())?;
        let mut indices: Vec<u32> = memory::try_with_capacity(self.values.len())?;
        let mut starts = memory::try_with_capacity(self.starts.len())?;
        starts.push(0);
        let mut entries = Vec::new();
        for row in 0..self.n_rows() {
            entries.clear();
            entries.extend(self.row(row));
            entries.sort_by_key(|&(column, _)| column);
            let first = values.len();
            for &(column, value) in &entries {
                match (indices[first..].last(), values.last_mut()) {
                    (Some(&last), Some(sum)) if last as usize == column => *sum += value,
                    _ => {
                        indices.push(column as u32);
                        values.push(value);
                    }
                }
            }
            starts.push(values.len());
        }
        let (values, indices, starts) = (Cow::Owned(values), Cow::Owned(indices), Cow::Owned(starts));
        Ok(Self { values, indices, starts, n_cols: self.n_cols })
    }

    /// Values, their columns, and where each row starts in both (and the last one ends).
    pub fn parts(&self) -> (&[F], &[u32], &[usize]) {
        (&self.values, &self.indices, &self.starts)
    }

    /// Columns and values of a row.
    #[inline(always)]
    pub fn row(&self, row: usize) -> impl Iterator<Item = (usize, F)> + '_ {
        let (columns, values) = self.parts_of(row);
        // Not `copied`, whose steps in a zip are calls unless they happen to be compiled in the same unit.
        columns.iter().zip(values).map(|(&column, &value)| (column as usize, value))
    }

    /// The columns of a row, and as many values.
    #[inline(always)]
    pub fn parts_of(&self, row: usize) -> (&[u32], &[F]) {
        let range = self.starts[row]..self.starts[row + 1];
        let columns = &self.indices[range.clone()];
        (columns, &self.values[range][..columns.len()])
    }

    /// Column means and variances (the population's), zeros counted. Shape `(n_cols,)`.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn variances(&self) -> Result<Vec<f64>> {
        let mut means = memory::try_filled(self.n_cols, 0.0)?;
        let mut counts = memory::try_filled(self.n_cols, 0.0)?;
        let entries = || (0..self.n_rows()).flat_map(|row| self.row(row));
        let n = self.n_rows() as f64;
        entries().for_each(|(column, value)| {
            means[column] += value.to_f64();
            counts[column] += 1.0;
        });
        means.iter_mut().for_each(|mean| *mean /= n);
        let mut variances = memory::try_filled(self.n_cols, 0.0)?;
        entries().for_each(|(column, value)| variances[column] += (value.to_f64() - means[column]).powi(2));
        for column in 0..self.n_cols {
            variances[column] += (n - counts[column]) * means[column].powi(2);
            variances[column] /= n;
        }
        Ok(variances)
    }
}

impl<F: Float> Rows<F> for Csr<'_, F> {
    const FUSED_SUMS: bool = false;

    fn n_rows(&self) -> usize {
        self.starts.len() - 1
    }

    fn n_cols(&self) -> usize {
        self.n_cols
    }

    fn nnz(&self) -> usize {
        self.values.len()
    }

    fn write_row(&self, row: usize, out: &mut [F]) {
        out.fill(F::ZERO);
        self.row(row).for_each(|(column, value)| out[column] += value);
    }

    #[inline(always)]
    fn add_row(&self, row: usize, weight: Option<F>, sum: &mut [F]) {
        let weight = weight.unwrap_or(F::ONE);
        self.row(row).for_each(|(column, value)| sum[column] += value * weight);
    }

    fn add_by_label(
        &self,
        rows: Range<usize>,
        weights: Option<&[F]>,
        labels: &[i32],
        sums: &mut [F],
        totals: &mut [F],
    ) {
        for (row, &label) in rows.zip(labels) {
            let weight = weights.map(|weights| weights[row]);
            totals[label as usize] += weight.unwrap_or(F::ONE);
            self.add_row(row, weight, &mut sums[label as usize * self.n_cols..][..self.n_cols]);
        }
    }

    fn assign_row(&self, row: usize, weight: F, target: &mut [F]) {
        self.row(row).for_each(|(column, value)| target[column] = value * weight);
    }

    #[inline(always)]
    fn squared_distance(&self, row: usize, point: &[F], point_norm: F) -> F {
        let mut sum = F::ZERO;
        for (column, value) in self.row(row) {
            let coordinate = point[column];
            let difference = value - coordinate;
            sum += difference * difference - coordinate * coordinate;
        }
        sum += point_norm;
        if sum < F::ZERO { F::ZERO } else { sum }
    }

    fn squared_distance_pairwise(&self, row: usize, point: &[F], point_norm: F, _scratch: &mut Scratch<F>) -> F {
        self.squared_distance(row, point, point_norm)
    }

    fn distances_to_own(
        &self,
        rows: &[u32],
        labels: &[i32],
        base: usize,
        points: &[F],
        point_norms: &[F],
        out: &mut [F],
    ) {
        for (out, &row) in out.iter_mut().zip(rows) {
            let label = labels[row as usize - base] as usize;
            let point = &points[label * self.n_cols..][..self.n_cols];
            *out = self.squared_distance(row as usize, point, point_norms[label]);
        }
    }

    fn squared_norms(&self, rows: Range<usize>, _scratch: &mut Scratch<f64>, out: &mut [f64]) {
        for (norm, row) in out.iter_mut().zip(rows) {
            *norm = self.row(row).map(|(_, value)| value.to_f64() * value.to_f64()).sum();
        }
    }

    fn nearest(&self, rows: RowSet, points: &Panels<F>, scratch: &mut Scratch<F>, mut out: Nearest<F>) {
        let products = scratch.staged(points.stride);
        for position in 0..rows.len() {
            let row = rows.row(position);
            dispatch(Products { data: self, row, points, products });
            let two = F::ONE + F::ONE;
            let (mut best, mut index, mut second) = (points.norms[0] - two * products[0], 0, F::INFINITY);
            for point in 1..points.count {
                let value = points.norms[point] - two * products[point];
                if value < best {
                    (second, best, index) = (best, value, point);
                } else if value < second {
                    second = value;
                }
            }
            out.index[position] = index as u32;
            if let Some((bests, seconds)) = &mut out.two_best {
                let norm: F = self.row(row).map(|(_, value)| value * value).sum();
                bests[position] = best + norm;
                seconds[position] = second + norm;
            }
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
        let products = scratch.staged(points.stride);
        let len = norms.len();
        for (position, row) in rows.enumerate() {
            dispatch(Products { data: self, row, points, products });
            for point in 0..points.count {
                let (first, then) = match norm_first {
                    Norm::Row => (norms[position], points.norms[point]),
                    Norm::Point => (points.norms[point], norms[position]),
                };
                let value = (-2.0 * products[point] + first) + then;
                out[point * len + position] = if value < 0.0 { 0.0 } else { value };
            }
        }
    }

    fn gather(&self, rows: &[u32]) -> Result<Self> {
        let length = |row: u32| self.starts[row as usize + 1] - self.starts[row as usize];
        let stored = rows.iter().map(|&row| length(row)).sum();
        let mut starts = memory::try_with_capacity(rows.len() + 1)?;
        let mut values = memory::try_with_capacity(stored)?;
        let mut indices = memory::try_with_capacity(stored)?;
        starts.push(0);
        for &row in rows {
            let range = self.starts[row as usize]..self.starts[row as usize + 1];
            values.extend_from_slice(&self.values[range.clone()]);
            indices.extend_from_slice(&self.indices[range]);
            starts.push(values.len());
        }
        let (values, indices, starts) = (Cow::Owned(values), Cow::Owned(indices), Cow::Owned(starts));
        Ok(Self { values, indices, starts, n_cols: self.n_cols })
    }

    fn pack<G: Float>(&self, points: &[G]) -> Result<Panels<G>> {
        Panels::by_column(points, self.n_cols)
    }
}

/// Products of one row with all points, in `G`: product, then sum, each rounded, as scikit-learn's scalar loop does.
struct Products<'k, 'd, F: Clone, G> {
    data: &'k Csr<'d, F>,
    row: usize,
    points: &'k Panels<G>,
    products: &'k mut [G],
}

impl<F: Float, G: Float> Kernel<G> for Products<'_, '_, F, G> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd<F = G>>(self) {
        self.products.fill(G::ZERO);
        let stride = self.points.stride;
        for (column, value) in self.data.row(self.row) {
            let value = G::from_f64(value.to_f64());
            let coordinates = &self.points.values[column * stride..][..stride];
            for (product, &coordinate) in self.products.iter_mut().zip(coordinates) {
                *product += coordinate * value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contradictory_parts_are_refused() {
        let values = [1.0, 2.0];
        for (indices, starts) in [
            (&[0, 3][..], &[0, 2][..]),
            (&[0, 1], &[0, 3]),
            (&[0, 1], &[1, 2]),
            (&[0, 1], &[0, 2, 1]),
            (&[0], &[0, 2]),
            (&[0, 1], &[]),
        ] {
            assert!(Csr::new(&values, indices, starts, 3).is_err(), "{indices:?} {starts:?}");
        }
        assert!(Csr::new(&values, &[0, 2], &[0, 1, 2], 3).is_ok());
    }

    #[test]
    fn parts_are_added_and_columns_sorted() {
        let csr = Csr::new(&[1.0, 2.0, 4.0, 8.0], &[2, 0, 2, 1], &[0, 3, 3, 4], 3).and_then(Csr::merged);
        assert!(csr.is_ok_and(|csr| {
            csr.values[..] == [2.0, 5.0, 8.0] && csr.indices[..] == [0, 2, 1] && csr.starts[..] == [0, 2, 2, 3]
        }));
    }

    #[test]
    fn norms_and_variances_count_zeros() {
        let csr = Csr::new(&[3.0, 4.0], &[0, 1], &[0, 2, 2], 2);
        assert!(csr.is_ok_and(|csr| {
            let mut out = [0.0; 2];
            csr.squared_norms(0..2, &mut Scratch::default(), &mut out);
            out == [25.0, 0.0] && csr.variances().is_ok_and(|variances| variances == [2.25, 4.0])
        }));
    }
}
