//! The nearest of some rows, for each of others: the matrix of distances is never there as a whole.
//!
//! Distances are exact, and of equally near rows the first wins. For the Euclidean distance most pairs are ruled out by
//! products ([`super::expanded`]) and a bound of their rounding error; the rest are computed by differences.

use super::block::BlockDistances;
use super::distance::{Additive, Euclidean};
use super::expanded::{Squares, squared_norms};
use super::matrix::Pairs;
use super::metric::Metric;
use super::tiles::{COLUMNS, OutputTile, Shape, scratch, widened};
use crate::common::simd::dispatch;
use crate::common::{Context, Float, Result, memory, parallel};
use crate::linalg::Panels;

/// The nearest row of each query.
#[derive(Debug, PartialEq)]
pub struct NearestRows {
    /// Its index, 0 where all distances are infinite. Shape `(n_x,)`.
    pub index: Vec<i64>,
    /// Its distance. Shape `(n_x,)`.
    pub distance: Vec<f64>,
}

/// For each row of the one side, the nearest of the other. A distance that is NaN counts as the smallest, as it does for
/// NumPy.
///
/// # Errors
/// [`crate::common::Error::OutOfMemory`], [`crate::common::Error::Interrupted`].
pub fn nearest<F: Float>(ctx: &Context, metric: Metric, pairs: Pairs<'_, F>) -> Result<NearestRows> {
    let shape = Shape { symmetric: false, zero_diagonal: false, ..pairs.shape() };
    let by_products = matches!(metric, Metric::Euclidean | Metric::SquaredEuclidean);
    let y_norms = if by_products { squared_norms(ctx, pairs.y(), pairs.n_cols(), None)? } else { Vec::new() };
    let scratch = || {
        let (queries, rows, products) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Scratch { distances: scratch(shape.n_rows)?, queries, rows, products })
    };
    let tiles = shape.tiles();
    let found = parallel::map_with(ctx, tiles.clone(), scratch, |scratch, tile| {
        if by_products {
            return nearest_by_products(ctx, pairs, &y_norms, &tile, scratch);
        }
        let queries = widened(pairs.rows(pairs.x(), &tile.rows), &mut scratch.queries);
        let mut block = BlockDistances::new(metric, queries, pairs.n_cols())?;
        let mut best = memory::try_filled(tile.rows.len(), Best::default())?;
        for columns in tile.blocks() {
            let rows = widened(pairs.rows(pairs.y(), &columns), &mut scratch.rows);
            block.write_columns(rows, COLUMNS, &mut scratch.distances);
            for (best, distances) in best.iter_mut().zip(scratch.distances.chunks_exact(COLUMNS)) {
                for (row, &distance) in columns.clone().zip(distances) {
                    best.take(row, distance);
                }
            }
        }
        Ok(best)
    })?;
    let mut best = memory::try_filled(shape.n_rows, Best::default())?;
    for (tile, found) in tiles.into_iter().zip(found) {
        for (best, found) in best[tile.rows].iter_mut().zip(found) {
            best.take(found.row, found.distance);
        }
    }
    let root = |best: &Best| if metric == Metric::Euclidean { best.distance.sqrt() } else { best.distance };
    Ok(NearestRows {
        index: best.iter().map(|best| best.row as i64).collect(),
        distance: best.iter().map(root).collect(),
    })
}

/// Buffers of a worker.
struct Scratch {
    distances: Vec<f64>,
    queries: Vec<f64>,
    rows: Vec<f64>,
    products: Vec<f64>,
}

/// The nearest row so far.
#[derive(Debug, Clone, Copy)]
struct Best {
    row: usize,
    distance: f64,
}

impl Default for Best {
    fn default() -> Self {
        Self { row: 0, distance: f64::INFINITY }
    }
}

impl Best {
    /// Takes a row that comes later, if it is nearer.
    #[inline(always)]
    fn take(&mut self, row: usize, distance: f64) {
        if distance < self.distance || (distance.is_nan() && !self.distance.is_nan()) {
            *self = Self { row, distance };
        }
    }
}

/// The nearest of the columns of a tile by squared Euclidean distance.
fn nearest_by_products<F: Float>(
    ctx: &Context,
    pairs: Pairs<'_, F>,
    y_norms: &[f64],
    tile: &OutputTile,
    scratch: &mut Scratch,
) -> Result<Vec<Best>> {
    let n_cols = pairs.n_cols();
    let queries = widened(pairs.rows(pairs.x(), &tile.rows), &mut scratch.queries);
    let mut points = Panels::pack_panels(queries, n_cols)?;
    let norms = squared_norms(&Context::serial(), queries, n_cols, None)?;
    points.norms[..norms.len()].copy_from_slice(&norms);
    let mut exact = BlockDistances::new(Metric::SquaredEuclidean, queries, n_cols)?;
    let mut best = memory::try_filled(tile.rows.len(), Best::default())?;
    // Products, norms and differences are sums of `n_cols` terms: each is off by at most so many roundings.
    let error = (2 * n_cols + 8) as f64 * f64::EPSILON;
    for columns in tile.blocks() {
        ctx.check()?;
        let rows = widened(pairs.rows(pairs.y(), &columns), &mut scratch.rows);
        let (buffer, distances) = (&mut scratch.products, &mut scratch.distances);
        let y_norms = &y_norms[columns.clone()];
        let largest = y_norms.iter().copied().fold(0.0, f64::max);
        dispatch(Squares { rows, norms: y_norms, points: &points, buffer, out: &mut *distances });
        let limits = best.iter().zip(&norms).map(|(best, norm)| best.distance + error * (norm + largest));
        let limits: Vec<f64> = limits.collect();
        // Overflow leaves NaN, which rules nothing out.
        let is_open = |square: f64, limit: f64| (square <= limit) | square.is_nan();
        let open = |squares: &[f64], limit: f64| squares.iter().map(|&it| usize::from(is_open(it, limit))).sum();
        let squares = || distances.chunks_exact(COLUMNS).map(|squares| &squares[..columns.len()]);
        let counts: Vec<usize> = squares().zip(&limits).map(|(squares, &limit)| open(squares, limit)).collect();
        if counts.iter().sum::<usize>() > best.len() * columns.len() / 16 {
            exact.write_columns(rows, COLUMNS, distances);
            for (best, squares) in best.iter_mut().zip(distances.chunks_exact(COLUMNS)) {
                columns.clone().zip(squares).for_each(|(row, &square)| best.take(row, square));
            }
            continue;
        }
        for (query, squares) in squares().enumerate().take(best.len()) {
            if counts[query] == 0 {
                continue;
            }
            let x = &queries[query * n_cols..][..n_cols];
            for ((row, &square), y) in columns.clone().zip(squares).zip(rows.chunks_exact(n_cols)) {
                if is_open(square, limits[query]) {
                    best[query].take(row, Euclidean.rank_of(x, y));
                }
            }
        }
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::common::random::Mt19937;

    proptest! {
        #[test]
        fn it_is_the_first_of_the_exactly_nearest(
            n_x in 1usize..70, n_y in 1usize..300, n_cols in 1usize..6, offset in prop_oneof![Just(0.0), Just(1e8)], seed in 0u32..99
        ) {
            let mut random = Mt19937::seeded(seed);
            let mut rows = |n: usize| (0..n * n_cols).map(|_| offset + (random.next_f64() * 9.0).floor()).collect::<Vec<f64>>();
            let (x, y) = (rows(n_x), rows(n_y));
            let Ok(pairs) = Pairs::new(&x, Some(&y), n_cols) else { return Err(TestCaseError::fail("shapes")) };
            for metric in [Metric::Euclidean, Metric::SquaredEuclidean, Metric::Manhattan] {
                let Ok(found) = nearest(&Context::serial(), metric, pairs) else { return Err(TestCaseError::fail("memory")) };
                let mut all = vec![0.0; n_x * n_y];
                let Ok(mut block) = BlockDistances::new(metric, &x, n_cols) else { return Err(TestCaseError::fail("memory")) };
                block.to_rows(&y, &mut all);
                for (row, distances) in all.chunks(n_y).enumerate() {
                    let least = distances.iter().copied().fold(f64::INFINITY, f64::min);
                    prop_assert_eq!(found.distance[row], least);
                    prop_assert_eq!(found.index[row], distances.iter().position(|&d| d == least).unwrap_or(0) as i64);
                }
            }
        }
    }
}
