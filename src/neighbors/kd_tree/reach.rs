//! The rows within a radius, gathered query by query and joined in the order of the queries.

use crate::common::{Error, Result, memory};
use crate::metrics::distance::Additive;
use crate::metrics::leaf::LEAF;

use super::leaf_topk::Neighbor;
use super::search::Sink;

/// The order of the rows that lie within a radius.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// By index.
    Index,
    /// By distance, equally near ones by index.
    Distance,
}

/// What lies within a radius of `m` queries.
#[derive(Debug)]
pub struct Within {
    /// Where the rows of each query start, and the end of all: `m + 1` entries.
    pub starts: Vec<i64>,
    /// Indices of the rows, query after query.
    pub indices: Vec<i64>,
    /// Their distances; empty unless asked for.
    pub distances: Vec<f64>,
}

/// The rows near a block of queries.
#[derive(Debug)]
pub(super) struct Found {
    /// How many each query has.
    counts: Vec<u32>,
    indices: Vec<u32>,
    distances: Vec<f64>,
}

/// Gathers the rows near the queries of a block, which come in any order.
#[derive(Debug)]
pub(super) struct Reach {
    rank: f64,
    limits: [f64; LEAF],
    /// Rows near the queries that walk now.
    near: [Vec<Neighbor>; LEAF],
    /// Rows near the queries that came back, one after the other.
    all: Vec<Neighbor>,
    /// Where in `all` the rows of each query of the block start, and how many they are.
    spans: Vec<(usize, u32)>,
    /// Whether memory ran out.
    is_short: bool,
}

impl Reach {
    /// For rows whose rank is not above `rank`.
    pub(super) fn new(rank: f64) -> Self {
        let near = std::array::from_fn(|_| Vec::new());
        Self { rank, limits: [f64::NEG_INFINITY; LEAF], near, all: Vec::new(), spans: Vec::new(), is_short: false }
    }

    /// Starts a block of queries.
    pub(super) fn start(&mut self, n_queries: usize) -> Result<()> {
        self.all.clear();
        self.spans = memory::try_filled(n_queries, (0, 0))?;
        Ok(())
    }

    /// Makes ready for `count` queries.
    pub(super) fn clear(&mut self, count: usize) {
        self.near.iter_mut().for_each(Vec::clear);
        self.limits[..count].fill(self.rank);
        self.limits[count..].fill(f64::NEG_INFINITY);
    }

    /// Keeps what the queries found; `queries` are their places in the block.
    pub(super) fn keep(&mut self, queries: &[u32], order: Order) -> Result<()> {
        if self.is_short {
            return Err(Error::MemoryShort);
        }
        for (near, &query) in self.near.iter_mut().zip(queries) {
            match order {
                Order::Index => near.sort_unstable_by_key(|entry| entry.row()),
                Order::Distance => near.sort_unstable(),
            }
            self.spans[query as usize] = (self.all.len(), near.len() as u32);
            self.all.try_reserve(near.len()).map_err(|_| Error::MemoryShort)?;
            self.all.extend_from_slice(near);
        }
        Ok(())
    }

    /// What the block found, in the order of its queries.
    pub(super) fn finish<M: Additive>(&self, metric: M, with_distances: bool) -> Result<Found> {
        let mut counts = memory::try_with_capacity(self.spans.len())?;
        let mut indices = memory::try_with_capacity(self.all.len())?;
        let mut distances = memory::try_with_capacity(if with_distances { self.all.len() } else { 0 })?;
        for &(start, count) in &self.spans {
            let entries = &self.all[start..start + count as usize];
            counts.push(count);
            indices.extend(entries.iter().map(|entry| entry.row()));
            if with_distances {
                distances.extend(entries.iter().map(|entry| metric.distance(entry.rank())));
            }
        }
        Ok(Found { counts, indices, distances })
    }
}

impl Sink for Reach {
    #[inline(always)]
    fn limits(&self) -> &[f64; LEAF] {
        &self.limits
    }

    fn wants(&self, _count: usize, neighbor: Neighbor) -> bool {
        neighbor.rank() <= self.rank
    }

    #[inline(always)]
    fn offer(&mut self, query: usize, rank: f64, row: u32) {
        let near = &mut self.near[query];
        if near.len() == near.capacity() && near.try_reserve(1).is_err() {
            self.is_short = true;
        } else {
            near.push(Neighbor::new(rank, row));
        }
    }
}

impl Within {
    /// Joins what the blocks found, and frees each block as it is copied.
    pub(super) fn join(n_queries: usize, found: Vec<Found>) -> Result<Self> {
        let total = found.iter().map(|block| block.indices.len()).sum();
        let mut starts = memory::try_with_capacity(n_queries + 1)?;
        let mut indices = memory::try_with_capacity(total)?;
        let mut distances = memory::try_with_capacity(found.iter().map(|block| block.distances.len()).sum())?;
        let mut end = 0;
        starts.push(end);
        for block in found {
            for count in block.counts {
                end += i64::from(count);
                starts.push(end);
            }
            indices.extend(block.indices.into_iter().map(i64::from));
            distances.extend(block.distances);
        }
        Ok(Self { starts, indices, distances })
    }
}
