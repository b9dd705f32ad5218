//! Searches within a radius so wide that many rows are found: the distances of all pairs are computed, in the order of
//! the rows, without a prefilter and without a sort. Where distances are not wanted, and a bounding box says that all rows
//! lie within the radius, none is computed.

use std::ops::Range;

use crate::common::{Context, Error, Float, Result, memory};
use crate::linalg::{Dense, Rows};
use crate::metrics::block::BlockDistances;
use crate::metrics::distance::{Additive, Chebyshev, Euclidean, Manhattan};
use crate::metrics::leaf::upper_bound_between;
use crate::metrics::metric::Metric;
use crate::neighbors::results::{Neighbor, Queries, widened};

/// Queries whose lists are filled together.
const QUERIES_AT_ONCE: usize = 8;
/// Ranks and scalars of rows at a time: half of the second cache.
const CHUNK: usize = 1 << 15;
/// Queries and rows that are looked at to see how much a radius finds.
const SAMPLE_QUERIES: usize = 16;
const SAMPLE_ROWS: usize = 64;

/// A radius around queries, and the rows that may lie in it.
#[derive(Debug)]
pub struct AllPairs<'a, T: Clone> {
    rows: &'a Dense<'a, T>,
    /// Of ranks.
    metric: Metric,
    /// Rank of the radius.
    max_rank: f64,
    takes_root: bool,
    with_distances: bool,
}

impl<'a, T: Float> AllPairs<'a, T> {
    /// `None` if ranks of this metric are not what [`BlockDistances`] computes.
    pub fn new(rows: &'a Dense<'a, T>, metric: Metric, radius: f64, with_distances: bool) -> Option<Self> {
        let (metric, max_rank, takes_root) = match metric {
            Metric::Euclidean => (Metric::SquaredEuclidean, Euclidean.rank(radius), true),
            Metric::SquaredEuclidean | Metric::Manhattan | Metric::Chebyshev => (metric, radius, false),
            _ => return None,
        };
        Some(Self { rows, metric, max_rank, takes_root, with_distances })
    }

    /// About which fraction of the rows a query finds, estimated from some queries and rows, evenly spaced.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn found_fraction(&self, queries: &dyn Queries) -> Result<f64> {
        let (n_rows, n_cols) = (self.rows.n_rows(), self.rows.n_cols());
        let mut sample = memory::try_with_capacity(SAMPLE_ROWS * n_cols)?;
        for row in spaced(n_rows, SAMPLE_ROWS) {
            sample.extend(self.rows.values()[row * n_cols..][..n_cols].iter().map(|value| value.to_f64()));
        }
        let mut points = memory::try_with_capacity(SAMPLE_QUERIES * n_cols)?;
        for query in spaced(queries.n_rows(), SAMPLE_QUERIES) {
            points.extend(queries.widened(query..query + 1)?);
        }
        let mut ranks = memory::try_filled(points.len() / n_cols * (sample.len() / n_cols), 0.0)?;
        BlockDistances::new(self.metric, &points, n_cols)?.to_rows(&sample, &mut ranks);
        let near = ranks.iter().filter(|&&rank| rank <= self.max_rank).count();
        Ok(near as f64 / ranks.len().max(1) as f64)
    }

    /// The rows near a block of queries. `consume` is called for each, in order, with its position in the block.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`], [`Error::Interrupted`].
    pub fn block(
        &self,
        ctx: &Context,
        queries: &dyn Queries,
        block: Range<usize>,
        mut consume: impl FnMut(usize, &mut [Neighbor]) -> Result<()>,
    ) -> Result<()> {
        let (n_rows, n_cols) = (self.rows.n_rows(), self.rows.n_cols());
        let points = queries.widened(block)?;
        let bounding_box = if self.with_distances { None } else { Some(self.bounding_box()?) };
        let chunk = (CHUNK / (QUERIES_AT_ONCE + n_cols)).clamp(64, 1 << 16);
        let mut ranks = memory::try_filled(QUERIES_AT_ONCE * chunk.min(n_rows), 0.0)?;
        let mut lists: [Vec<Neighbor>; QUERIES_AT_ONCE] = std::array::from_fn(|_| Vec::new());
        for (turn, points) in points.chunks(QUERIES_AT_ONCE * n_cols).enumerate() {
            let count = points.len() / n_cols;
            lists.iter_mut().for_each(Vec::clear);
            let reaches_all = |(low, high): &(Vec<f64>, Vec<f64>)| {
                points.chunks_exact(n_cols).all(|point| self.upper_bound(low, high, point) <= self.max_rank)
            };
            if bounding_box.as_ref().is_some_and(reaches_all) {
                ctx.check()?;
                let all = (0..n_rows as u32).map(|row| Neighbor { distance: 0.0, row });
                lists[..count].iter_mut().try_for_each(|list| extend(list, n_rows, all.clone()))?;
            } else {
                self.compute(ctx, points, chunk, &mut ranks, &mut lists)?;
            }
            for (position, list) in lists[..count].iter_mut().enumerate() {
                if self.takes_root && self.with_distances {
                    list.iter_mut().for_each(|neighbor| neighbor.distance = neighbor.distance.sqrt());
                }
                consume(turn * QUERIES_AT_ONCE + position, list)?;
            }
        }
        Ok(())
    }

    /// Fills the lists of a few points. `ranks` has room for those of `chunk` rows to each.
    fn compute(
        &self,
        ctx: &Context,
        points: &[f64],
        chunk: usize,
        ranks: &mut [f64],
        lists: &mut [Vec<Neighbor>; QUERIES_AT_ONCE],
    ) -> Result<()> {
        let (n_rows, n_cols) = (self.rows.n_rows(), self.rows.n_cols());
        let mut distances = BlockDistances::new(self.metric, points, n_cols)?;
        for start in (0..n_rows).step_by(chunk) {
            ctx.check()?;
            let rows = widened(self.rows, start..(start + chunk).min(n_rows))?;
            let count = rows.len() / n_cols;
            let ranks = &mut ranks[..points.len() / n_cols * count];
            distances.to_rows(&rows, ranks);
            for (list, ranks) in lists.iter_mut().zip(ranks.chunks_exact(count)) {
                let all = ranks.iter().zip(start as u32..).map(|(&distance, row)| Neighbor { distance, row });
                let near = ranks.iter().filter(|&&rank| rank <= self.max_rank).count();
                if near == count {
                    extend(list, near, all)?;
                } else {
                    extend(list, near, all.filter(|neighbor| neighbor.distance <= self.max_rank))?;
                }
            }
        }
        Ok(())
    }

    /// The smallest and the largest coordinates of the rows.
    fn bounding_box(&self) -> Result<(Vec<f64>, Vec<f64>)> {
        let n_cols = self.rows.n_cols();
        let (mut low, mut high) =
            (memory::try_filled(n_cols, f64::INFINITY)?, memory::try_filled(n_cols, f64::NEG_INFINITY)?);
        for row in self.rows.values().chunks_exact(n_cols) {
            for ((low, high), value) in low.iter_mut().zip(&mut high).zip(row) {
                *low = low.min(value.to_f64());
                *high = high.max(value.to_f64());
            }
        }
        Ok((low, high))
    }

    /// A bound that no computed rank of a row between the bounding_box exceeds.
    fn upper_bound(&self, low: &[f64], high: &[f64], point: &[f64]) -> f64 {
        match self.metric {
            Metric::Manhattan => upper_bound_between(Manhattan, low, high, point, point),
            Metric::Chebyshev => upper_bound_between(Chebyshev, low, high, point, point),
            _ => upper_bound_between(Euclidean, low, high, point, point),
        }
    }
}

fn extend(list: &mut Vec<Neighbor>, more: usize, neighbors: impl Iterator<Item = Neighbor>) -> Result<()> {
    list.try_reserve(more).map_err(|_| Error::MemoryShort)?;
    list.extend(neighbors);
    Ok(())
}

/// At most `max_taken` numbers of `0..count`, evenly spaced.
fn spaced(count: usize, max_taken: usize) -> impl Iterator<Item = usize> {
    let taken = count.min(max_taken);
    (0..taken).map(move |i| (2 * i + 1) * count / (2 * taken))
}
