//! Distances of sparse rows: Euclidean and cosine by products, Manhattan by merging.
//!
//! A product visits stored values only. The one side is taken row by row; the other lies by column, so that a stored
//! value meets everybody who has its column. Every product is a chain over the columns in order, as the norms are: equal
//! rows are at distance 0, as in [`super::expanded`].

use std::ops::Range;

use super::expanded::{Kind, KnownNorms, finished};
use super::range::{may_overflow, scaled_distance};
use super::tiles::{COLUMNS, Cells, Shape, scratch};
use crate::common::error::check_length;
use crate::common::simd::{Kernel, Simd, dispatch};
use crate::common::{Context, Error, Float, Result, memory, parallel};
use crate::linalg::{Csr, Dense, Rows};

/// Rows of the other side that lie by column at a time.
const CHUNK: usize = 4096;
/// Rows of a job.
const JOB: usize = 64;
/// Dense rows that are multiplied with sparse ones at a time.
const LANES: usize = 8;

/// One side of the pairs. Columns of sparse rows are in order and not repeated.
#[derive(Debug)]
pub enum Side<'a, F: Float> {
    /// Dense rows.
    Dense(&'a Dense<'a, F>),
    /// Sparse rows.
    Sparse(&'a Csr<'a, F>),
}

impl<F: Float> Clone for Side<'_, F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F: Float> Copy for Side<'_, F> {}

/// Rows as they enter the products: in f64, scaled to length 1 for the cosine.
struct Operand<'a> {
    values: Vec<f64>,
    /// Columns and starts of sparse rows.
    structure: Option<(&'a [u32], &'a [usize])>,
    n_rows: usize,
    n_cols: usize,
}

impl<'a> Operand<'a> {
    fn new<F: Float>(side: Side<'a, F>, kind: Kind) -> Result<Self> {
        let (values, structure, n_rows, n_cols) = match side {
            Side::Dense(rows) => (rows.values(), None, rows.n_rows(), rows.n_cols()),
            Side::Sparse(rows) => {
                let (values, indices, starts) = rows.parts();
                (values, Some((indices, starts)), rows.n_rows(), rows.n_cols())
            }
        };
        let mut wide = memory::try_with_capacity(values.len())?;
        wide.extend(values.iter().map(|value| value.to_f64()));
        let mut operand = Self { values: wide, structure, n_rows, n_cols };
        if kind == Kind::Cosine {
            for row in 0..n_rows {
                let range = operand.range(row);
                let row = &mut operand.values[range];
                let length = row.iter().map(|value| value * value).sum::<f64>().sqrt();
                if length != 0.0 {
                    row.iter_mut().for_each(|value| *value /= length);
                }
            }
        }
        Ok(operand)
    }

    /// A row with its zeros.
    fn dense(&self, row: usize) -> Vec<f64> {
        let range = self.range(row);
        let Some((indices, _)) = self.structure else { return self.values[range].to_vec() };
        let mut dense = vec![0.0; self.n_cols];
        range.for_each(|at| dense[indices[at] as usize] = self.values[at]);
        dense
    }

    /// Where the values of a row are.
    fn range(&self, row: usize) -> Range<usize> {
        match self.structure {
            Some((_, starts)) => starts[row]..starts[row + 1],
            None => row * self.n_cols..(row + 1) * self.n_cols,
        }
    }

    /// Squared norms.
    fn norms(&self, kind: Kind, known: Option<&[f64]>) -> Result<Vec<f64>> {
        if let Some(known) = known {
            check_length("norms", known.len(), self.n_rows)?;
            return memory::try_copied(known);
        }
        let mut norms = memory::try_filled(self.n_rows, 1.0)?;
        if kind != Kind::Cosine {
            for (row, norm) in norms.iter_mut().enumerate() {
                *norm = self.values[self.range(row)].iter().fold(0.0, |sum, value| sum + value * value);
            }
        }
        Ok(norms)
    }
}

/// Distances of every row of `x` to every row of `y`, or of `x` where that is `None`, into `out`, row-major. At least one
/// side is sparse.
///
/// # Errors
/// [`Error::Shape`], [`Error::OutOfMemory`], [`Error::Interrupted`]; [`Error::InvalidArgument`] if both sides are dense.
pub fn sparse_products<F: Float, O: Float>(
    ctx: &Context,
    kind: Kind,
    x: Side<'_, F>,
    y: Option<Side<'_, F>>,
    known: KnownNorms<'_>,
    out: &mut [O],
) -> Result<()> {
    let x = Operand::new(x, kind)?;
    let x_norms = x.norms(kind, known.x)?;
    let other = y.map(|side| Operand::new(side, kind)).transpose()?;
    let other_norms = other.as_ref().map(|other| other.norms(kind, known.y)).transpose()?;
    let (y, y_norms) = (other.as_ref().unwrap_or(&x), other_norms.as_ref().unwrap_or(&x_norms));
    check_length("distances", out.len(), memory::checked_len(x.n_rows, y.n_rows)?)?;
    check_length("columns of Y", y.n_cols, x.n_cols)?;
    let n_y = y.n_rows;
    if out.is_empty() {
        return Ok(());
    }
    let finish = |products: &[f64], row: usize, first: usize, out: &mut [O]| {
        let norms = &y_norms[first..first + products.len()];
        for ((out, product), norm) in out[first..].iter_mut().zip(products).zip(norms) {
            *out = O::from_f64(finished::<O>(kind, (x_norms[row] + norm) - 2.0 * product));
        }
        for at in (0..norms.len()).filter(|&at| may_overflow(x_norms[row], norms[at])) {
            if let Some(found) = scaled_distance(&x.dense(row), &y.dense(first + at), kind == Kind::Squared) {
                out[first + at] = O::from_f64(found);
            }
        }
    };
    match (x.structure, y.structure) {
        (Some((indices, starts)), _) => {
            for first in (0..n_y).step_by(CHUNK) {
                let columns = ByColumn::new(y, first..(first + CHUNK).min(n_y))?;
                let jobs = out.chunks_mut(JOB * n_y).enumerate().collect();
                let buffers = || memory::try_filled(columns.count, 0.0);
                parallel::map_with(ctx, jobs, buffers, |products, (job, out)| {
                    for (row, out) in (job * JOB..).zip(out.chunks_exact_mut(n_y)) {
                        let range = starts[row]..starts[row + 1];
                        let (values, indices) = (&x.values[range.clone()], &indices[range]);
                        dispatch(OneByColumn { values, indices, columns: &columns, products: &mut *products });
                        finish(products, row, first, out);
                    }
                    Ok(())
                })?;
            }
        }
        (None, Some(structure)) => {
            let jobs = out.chunks_mut(LANES * n_y).enumerate().collect();
            let buffers =
                || Ok((memory::try_filled(memory::checked_len(LANES, x.n_cols)?, 0.0)?, Vec::new(), Vec::new()));
            parallel::map_with(ctx, jobs, buffers, |(packed, products, own), (job, out)| {
                let first = job * LANES;
                let count = out.len() / n_y;
                for (lane, row) in (first..first + count).enumerate() {
                    for (column, &value) in x.values[x.range(row)].iter().enumerate() {
                        packed[column * LANES + lane] = value;
                    }
                }
                for start in (0..n_y).step_by(CHUNK) {
                    let rows = start..(start + CHUNK).min(n_y);
                    products.resize(rows.len() * LANES, 0.0);
                    dispatch(FewByRow { packed, values: &y.values, structure, rows: rows.clone(), products });
                    for (lane, out) in out.chunks_exact_mut(n_y).enumerate() {
                        own.clear();
                        own.extend(products.chunks_exact(LANES).map(|lanes| lanes[lane]));
                        finish(own, first + lane, start, out);
                    }
                }
                Ok(())
            })?;
        }
        (None, None) => return Err(Error::InvalidArgument("both sides are dense")),
    }
    if other.is_none() {
        out.iter_mut().step_by(n_y + 1).for_each(|distance| *distance = O::ZERO);
    }
    Ok(())
}

/// Some rows, by column.
struct ByColumn {
    /// Sparse rows: the position of the row that each value belongs to. Dense rows: empty.
    positions: Vec<u32>,
    values: Vec<f64>,
    /// Where each column starts.
    starts: Vec<usize>,
    /// How many rows.
    count: usize,
}

impl ByColumn {
    fn new(rows: &Operand<'_>, range: Range<usize>) -> Result<Self> {
        let (count, n_cols) = (range.len(), rows.n_cols);
        let mut starts = memory::try_filled(n_cols + 1, 0)?;
        let Some((indices, row_starts)) = rows.structure else {
            let mut values = memory::try_filled(memory::checked_len(count, n_cols)?, 0.0)?;
            // Eight rows at a time: their places lie side by side.
            for first in (0..count).step_by(8) {
                for column in 0..n_cols {
                    for position in first..(first + 8).min(count) {
                        values[column * count + position] = rows.values[(range.start + position) * n_cols + column];
                    }
                }
            }
            starts.iter_mut().enumerate().for_each(|(column, start)| *start = column * count);
            return Ok(Self { positions: Vec::new(), values, starts, count });
        };
        let stored = row_starts[range.start]..row_starts[range.end];
        indices[stored.clone()].iter().for_each(|&column| starts[column as usize + 1] += 1);
        for column in 0..n_cols {
            starts[column + 1] += starts[column];
        }
        let mut next = memory::try_copied(&starts)?;
        let (mut positions, mut values) =
            (memory::try_filled(stored.len(), 0)?, memory::try_filled(stored.len(), 0.0)?);
        for (position, row) in range.enumerate() {
            for entry in rows.range(row) {
                let place = &mut next[indices[entry] as usize];
                positions[*place] = position as u32;
                values[*place] = rows.values[entry];
                *place += 1;
            }
        }
        Ok(Self { positions, values, starts, count })
    }
}

/// Products of one sparse row with rows that lie by column.
struct OneByColumn<'k> {
    values: &'k [f64],
    indices: &'k [u32],
    columns: &'k ByColumn,
    products: &'k mut [f64],
}

impl Kernel<f64> for OneByColumn<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd<F = f64>>(self) {
        let Self { values, indices, columns, products } = self;
        products.fill(0.0);
        for (&value, &column) in values.iter().zip(indices) {
            let range = columns.starts[column as usize]..columns.starts[column as usize + 1];
            let others = &columns.values[range.clone()];
            if columns.positions.is_empty() {
                products.iter_mut().zip(others).for_each(|(product, other)| *product += value * other);
            } else {
                for (&position, other) in columns.positions[range].iter().zip(others) {
                    products[position as usize] += value * other;
                }
            }
        }
    }
}

/// Products of [`LANES`] dense rows, packed by column, with some sparse rows: that of lane `l` and row `rows.start + r`
/// goes to `products[r * LANES + l]`.
struct FewByRow<'k> {
    packed: &'k [f64],
    values: &'k [f64],
    structure: (&'k [u32], &'k [usize]),
    rows: Range<usize>,
    products: &'k mut [f64],
}

impl Kernel<f64> for FewByRow<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd<F = f64>>(self) {
        let (indices, starts) = self.structure;
        for (row, products) in self.rows.zip(self.products.chunks_exact_mut(LANES)) {
            let mut sums = [0.0; LANES];
            for entry in starts[row]..starts[row + 1] {
                let lanes = &self.packed[indices[entry] as usize * LANES..][..LANES];
                for lane in 0..LANES {
                    sums[lane] += self.values[entry] * lanes[lane];
                }
            }
            products.copy_from_slice(&sums);
        }
    }
}

/// Manhattan distances of every row of `x` to every row of `y`, or of `x` where that is `None`, into `out`, row-major:
/// the bits of dense rows.
///
/// # Errors
/// [`Error::Shape`], [`Error::OutOfMemory`], [`Error::Interrupted`].
pub fn sparse_manhattan<F: Float, O: Float>(
    ctx: &Context,
    x: &Csr<'_, F>,
    y: Option<&Csr<'_, F>>,
    out: &mut [O],
) -> Result<()> {
    let (symmetric, y) = (y.is_none(), y.unwrap_or(x));
    let shape = Shape { n_rows: x.n_rows(), n_columns: y.n_rows(), symmetric, zero_diagonal: symmetric };
    let cells = Cells::new(out, shape)?;
    parallel::map_with(
        ctx,
        shape.tiles(),
        || scratch(shape.n_rows),
        |distances, tile| {
            for columns in tile.blocks() {
                ctx.check()?;
                for (row, distances) in tile.rows.clone().zip(distances.chunks_exact_mut(COLUMNS)) {
                    for (column, distance) in columns.clone().zip(distances) {
                        *distance = merged_manhattan(entries(x, row), entries(y, column));
                    }
                }
                // SAFETY: the tile is this job's, the block is one of its blocks.
                unsafe { cells.put(&tile, &columns, distances, |distance| distance) };
            }
            Ok(())
        },
    )?;
    Ok(())
}

fn entries<'a, F: Float>(rows: &'a Csr<'_, F>, row: usize) -> (&'a [u32], &'a [F]) {
    let (values, indices, starts) = rows.parts();
    (&indices[starts[row]..starts[row + 1]], &values[starts[row]..starts[row + 1]])
}

fn merged_manhattan<F: Float>((x_columns, x): (&[u32], &[F]), (y_columns, y): (&[u32], &[F])) -> f64 {
    let (mut i, mut j, mut sum) = (0, 0, 0.0);
    while i < x.len() && j < y.len() {
        let (x_is_due, y_is_due) = (x_columns[i] <= y_columns[j], y_columns[j] <= x_columns[i]);
        let x_value = if x_is_due { x[i].to_f64() } else { 0.0 };
        let y_value = if y_is_due { y[j].to_f64() } else { 0.0 };
        sum += (x_value - y_value).abs();
        i += usize::from(x_is_due);
        j += usize::from(y_is_due);
    }
    let rest = x[i..].iter().chain(&y[j..]);
    rest.fold(sum, |sum, value| sum + value.to_f64().abs())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::common::random::Mt19937;
    use crate::metrics::distance::{Additive, Manhattan};

    /// Rows of whole numbers, mostly zero: products of them are exact.
    fn sparse_rows(n_rows: usize, n_cols: usize, seed: u32) -> (Vec<f64>, Vec<u32>, Vec<usize>, Vec<f64>) {
        let mut random = Mt19937::seeded(seed);
        let dense: Vec<f64> =
            (0..n_rows * n_cols).map(|_| (random.next_f64() * 16.0 - 12.0).floor().max(0.0)).collect();
        let (mut values, mut indices, mut starts) = (Vec::new(), Vec::new(), vec![0]);
        for row in dense.chunks(n_cols) {
            for (column, &value) in row.iter().enumerate().filter(|(_, value)| **value != 0.0) {
                values.push(value);
                indices.push(column as u32);
            }
            starts.push(values.len());
        }
        (values, indices, starts, dense)
    }

    proptest! {
        #[test]
        fn every_way_agrees_with_the_plain_loop(n_x in 1usize..90, n_y in 1usize..40, n_cols in 1usize..20, seed in 0u32..99) {
            let (x_values, x_indices, x_starts, x_dense) = sparse_rows(n_x, n_cols, seed);
            let (y_values, y_indices, y_starts, y_dense) = sparse_rows(n_y, n_cols, seed + 1);
            let sides = (
                Csr::new(&x_values, &x_indices, &x_starts, n_cols), Csr::new(&y_values, &y_indices, &y_starts, n_cols),
                Dense::new(&x_dense, n_x, n_cols), Dense::new(&y_dense, n_y, n_cols),
            );
            let (Ok(x), Ok(y), Ok(x_rows), Ok(y_rows)) = sides else { return Err(TestCaseError::fail("shapes")) };
            let ctx = Context::serial();
            let mut out = vec![0.0; n_x * n_y];
            for (a, b) in [
                (Side::Sparse(&x), Side::Sparse(&y)), (Side::Sparse(&x), Side::Dense(&y_rows)), (Side::Dense(&x_rows), Side::Sparse(&y)),
            ] {
                prop_assert!(sparse_products(&ctx, Kind::Squared, a, Some(b), KnownNorms::default(), &mut out).is_ok());
                for (i, row) in x_dense.chunks(n_cols).enumerate() {
                    for (j, other) in y_dense.chunks(n_cols).enumerate() {
                        let square: f64 = row.iter().zip(other).map(|(a, b)| (a - b) * (a - b)).sum();
                        prop_assert_eq!(out[i * n_y + j], square);
                    }
                }
            }
            prop_assert!(sparse_manhattan(&ctx, &x, Some(&y), &mut out).is_ok());
            for (i, row) in x_dense.chunks(n_cols).enumerate() {
                for (j, other) in y_dense.chunks(n_cols).enumerate() {
                    prop_assert_eq!(out[i * n_y + j], Manhattan.rank_of(row, other));
                }
            }
            let (a, b) = (Side::Dense(&x_rows), Some(Side::Dense(&y_rows)));
            prop_assert!(sparse_products(&ctx, Kind::Squared, a, b, KnownNorms::default(), &mut out).is_err());
        }
    }
}
