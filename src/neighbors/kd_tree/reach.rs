//! The rows within a radius, gathered for the queries of a leaf.

use crate::common::{Error, Result};
use crate::metrics::leaf::LEAF;
use crate::neighbors::results::{ByRow, Neighbor};

use super::KdTree;
use super::leaf_topk;
use super::search::{Scratch, Sink};

/// What a worker needs to gather the rows near its queries.
#[derive(Debug)]
pub struct Reach {
    pub(super) gathered: Gathered,
    pub(super) scratch: Scratch,
}

impl Reach {
    /// For searches of one tree; `with_distances` says whether distances are wanted.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn new(tree: &KdTree, with_distances: bool) -> Result<Self> {
        let near = std::array::from_fn(|_| Vec::new());
        let gathered = Gathered {
            with_distances,
            rank: 0.0,
            limits: [f64::NEG_INFINITY; LEAF],
            near,
            by_row: ByRow::default(),
            is_short: false,
        };
        Ok(Self { gathered, scratch: Scratch::new(tree.n_cols)? })
    }
}

/// Rows near the queries that walk now.
#[derive(Debug)]
pub(super) struct Gathered {
    with_distances: bool,
    rank: f64,
    limits: [f64; LEAF],
    /// With their ranks; in any order.
    near: [Vec<Neighbor>; LEAF],
    by_row: ByRow,
    /// Whether memory ran out.
    is_short: bool,
}

impl Gathered {
    /// Makes ready for `count` queries that take rows whose rank is not above `rank`.
    pub(super) fn clear(&mut self, count: usize, rank: f64) {
        self.near.iter_mut().for_each(Vec::clear);
        self.rank = rank;
        self.limits[..count].fill(rank);
        self.limits[count..].fill(f64::NEG_INFINITY);
    }

    /// What a query found among `n_rows` rows, in the order of the rows, at distances that `distance` makes of ranks if
    /// they are wanted.
    pub(super) fn finish(
        &mut self,
        query: usize,
        n_rows: usize,
        distance: impl Fn(f64) -> f64,
    ) -> Result<&mut [Neighbor]> {
        if self.is_short {
            return Err(Error::MemoryShort);
        }
        let near = &mut self.near[query];
        self.by_row.arrange(near, n_rows)?;
        if self.with_distances {
            near.iter_mut().for_each(|neighbor| neighbor.distance = distance(neighbor.distance));
        }
        Ok(near)
    }
}

impl Sink for Gathered {
    #[inline(always)]
    fn limits(&self) -> &[f64; LEAF] {
        &self.limits
    }

    fn wants(&self, _count: usize, neighbor: leaf_topk::Neighbor) -> bool {
        neighbor.rank() <= self.rank
    }

    #[inline(always)]
    fn offer(&mut self, query: usize, rank: f64, row: u32) {
        let near = &mut self.near[query];
        if near.len() == near.capacity() && near.try_reserve(1).is_err() {
            self.is_short = true;
        } else {
            near.push(Neighbor { distance: rank, row });
        }
    }

    #[inline(always)]
    fn takes_unmeasured(&self) -> bool {
        !self.with_distances
    }

    fn take_all(&mut self, count: usize, rows: &[u32]) {
        for near in &mut self.near[..count] {
            if near.try_reserve(rows.len()).is_err() {
                self.is_short = true;
                return;
            }
            near.extend(rows.iter().map(|&row| Neighbor { distance: 0.0, row }));
        }
    }
}
