//! Training rows ready to be searched, and the choice of how.

use std::ops::Range;
use std::sync::OnceLock;

use crate::common::context::Blocks;
use crate::common::{Context, Float, Result, memory, parallel};
use crate::linalg::{Csr, Dense, Rows};
use crate::metrics::block::BlockDistances;
use crate::metrics::metric::Metric;
use crate::neighbors::brute::{self, Cut};
use crate::neighbors::geometry::{Geometry, Ready};
use crate::neighbors::lists::{Goal, Neighbor, Queries, widened};
use crate::neighbors::passing::Kept;

/// Scalars of dense rows, or of distances, that are worked on at a time.
const CHUNK: usize = 1 << 15;

/// Most queries for which the rows are packed once and for all, and most scalars that then are.
const FEW: usize = 64;
const READY: usize = 1 << 22;

/// What was computed from the training rows, once, when it was first needed.
#[derive(Debug, Default)]
pub struct Cache {
    geometry: OnceLock<Option<Geometry>>,
    ready: OnceLock<Ready>,
}

/// Training rows of either storage.
#[derive(Debug)]
pub enum Stored<'a, T: Clone> {
    /// Dense.
    Dense(Dense<'a, T>),
    /// Sparse.
    Csr(Csr<'a, T>),
}

impl<T: Float> Stored<'_, T> {
    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        match self {
            Self::Dense(rows) => rows.n_rows(),
            Self::Csr(rows) => rows.n_rows(),
        }
    }

    /// Number of features.
    pub fn n_cols(&self) -> usize {
        match self {
            Self::Dense(rows) => rows.n_cols(),
            Self::Csr(rows) => rows.n_cols(),
        }
    }
}

impl<T: Float> Queries for Stored<'_, T> {
    fn n_rows(&self) -> usize {
        self.n_rows()
    }

    fn widened(&self, rows: Range<usize>) -> Result<Vec<f64>> {
        match self {
            Self::Dense(x) => widened(x, rows),
            Self::Csr(x) => widened(x, rows),
        }
    }
}

/// Training rows, a metric, and what is known of both.
#[derive(Debug)]
pub struct Index<'a, T: Clone> {
    /// The rows.
    pub rows: &'a Stored<'a, T>,
    /// The distance.
    pub metric: Metric,
    /// What earlier searches computed.
    pub cache: &'a Cache,
}

impl<T: Float> Index<'_, T> {
    /// The blocks of queries that [`Index::nearest`] hands out.
    pub fn blocks(&self, n_queries: usize, goal: Goal) -> Blocks {
        Cut::new(n_queries, self.rows.n_rows(), self.rows.n_cols(), goal).blocks
    }

    /// Finds the rows that each query wants. `outs` has one entry per block; `consume` is called for each query of a block, in order, with its position in the block and its neighbours.
    ///
    /// # Errors
    /// [`crate::common::Error::OutOfMemory`], [`crate::common::Error::Interrupted`].
    pub fn search<O: Send>(
        &self,
        ctx: &Context,
        queries: &dyn Queries,
        goal: Goal,
        outs: Vec<O>,
        consume: impl Fn(&mut O, usize, &mut [Neighbor]) -> Result<()> + Sync,
    ) -> Result<()> {
        match (self.metric, self.rows) {
            (Metric::Euclidean | Metric::SquaredEuclidean, Stored::Dense(rows)) => {
                let pairs = queries.n_rows().saturating_mul(rows.n_rows());
                let is_small = pairs.saturating_mul(rows.n_cols()) <= brute::SMALL;
                let geometry = if is_small { None } else { self.geometry(ctx, rows)? };
                let ready = self.ready(rows, geometry, queries)?;
                let takes_root = self.metric == Metric::Euclidean;
                let goal = match goal {
                    Goal::Within(radius) if takes_root => Goal::Within(radius * radius),
                    other => other,
                };
                let search = brute::Search { rows, geometry, ready, queries, goal };
                brute::search(ctx, &search, outs, |out, position, found| {
                    if takes_root {
                        found.iter_mut().for_each(|neighbor| neighbor.distance = neighbor.distance.sqrt());
                    }
                    consume(out, position, found)
                })
            }
            _ => self.by_blocks(ctx, queries, goal, outs, consume),
        }
    }

    fn geometry(&self, ctx: &Context, rows: &Dense<T>) -> Result<Option<&Geometry>> {
        if self.cache.geometry.get().is_none() {
            let geometry = Geometry::new(ctx, rows)?;
            return Ok(self.cache.geometry.get_or_init(|| geometry).as_ref());
        }
        Ok(self.cache.geometry.get().and_then(Option::as_ref))
    }

    /// The rows packed once and for all, where queries come a few at a time.
    fn ready(&self, rows: &Dense<T>, geometry: Option<&Geometry>, queries: &dyn Queries) -> Result<Option<&Ready>> {
        let Some(geometry) = geometry else { return Ok(None) };
        if queries.n_rows() > FEW || rows.values().len() > READY {
            return Ok(None);
        }
        if self.cache.ready.get().is_none() {
            let ready = geometry.ready(rows.values())?;
            return Ok(Some(self.cache.ready.get_or_init(|| ready)));
        }
        Ok(self.cache.ready.get())
    }

    /// Measures every pair.
    fn by_blocks<O: Send>(
        &self,
        ctx: &Context,
        queries: &dyn Queries,
        goal: Goal,
        outs: Vec<O>,
        consume: impl Fn(&mut O, usize, &mut [Neighbor]) -> Result<()> + Sync,
    ) -> Result<()> {
        let (n_rows, n_cols) = (self.rows.n_rows(), self.rows.n_cols());
        let blocks = self.blocks(queries.n_rows(), goal);
        let jobs: Vec<_> = blocks.ranges().zip(outs).collect();
        parallel::map(ctx, jobs, |(block, mut out)| {
            let points = queries.widened(block.clone())?;
            let mut distances = BlockDistances::new(self.metric, &points, n_cols)?;
            let chunk = (CHUNK / n_cols.max(block.len())).max(16);
            let mut lists: Vec<_> = block.clone().map(|_| Kept::new(goal)).collect();
            let mut found = memory::filled(memory::area(chunk, block.len())?, 0.0)?;
            for start in (0..n_rows).step_by(chunk) {
                ctx.check()?;
                let rows = self.rows.widened(start..(start + chunk).min(n_rows))?;
                let count = rows.len() / n_cols;
                let found = &mut found[..count * block.len()];
                distances.to_rows(&rows, found);
                lists.iter_mut().zip(found.chunks_exact(count)).for_each(|(list, found)| list.pass(start, found));
            }
            let mut lists = lists.iter_mut().enumerate();
            lists.try_for_each(|(position, list)| consume(&mut out, position, list.finish()))
        })?;
        Ok(())
    }
}
