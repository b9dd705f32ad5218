//! Training rows ready to be searched, and the choice of how.

use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common::context::Blocks;
use crate::common::{Context, Float, Result, memory, parallel};
use crate::linalg::{Csr, Dense, Rows};
use crate::metrics::block::BlockDistances;
use crate::metrics::distance::{Additive, Chebyshev, Euclidean, Manhattan, Minkowski};
use crate::metrics::metric::Metric;
use crate::neighbors::all_pairs::AllPairs;
use crate::neighbors::brute::{self, Cut};
use crate::neighbors::geometry::{Geometry, Ready};
use crate::neighbors::kd_tree::{self, KdTree, Reach};
use crate::neighbors::results::{Goal, Neighbor, Queries, widened};
use crate::neighbors::sparse;
use crate::neighbors::topk::TopK;

/// Scalars of dense rows, or of distances, that are worked on at a time.
const CHUNK: usize = 1 << 15;

/// Most scalars of rows that are packed once and for all: what the third cache holds.
const READY: usize = 1 << 20;
/// The same for so few queries that packing would cost more than the search.
const READY_FOR_FEW: usize = 1 << 22;
const FEW: usize = 64;

/// Queries from which a tree is built; until then they are answered without.
const BUILD_AFTER: usize = 32;

/// Building a tree takes about `100 + 40 d` ns a row, comparing all about `(d + 6) / 40` for each query
/// (`benches/decisions/0004-tree-or-brute.md`): a tree is tried where it costs a twentieth of that.
const PROBE: usize = 20 * 40;

/// Fractions of the rows within the radius from which the distances of all pairs are computed, rather than prefiltered or
/// searched for in a tree.
const MIN_FRACTION: f64 = 1.0 / 16.0;
const MIN_FRACTION_TREE: f64 = 1.0 / 3.0;

/// Who is sought for.
#[derive(Clone, Copy)]
pub enum Sought<'a> {
    /// The training rows themselves.
    Own,
    /// New rows.
    New(&'a dyn Queries),
}

/// How an index is to be searched; no choice changes an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// By a tree if that was measured to be faster.
    Auto,
    /// Without a tree.
    Brute,
}

/// What was computed from the training rows, once, when it was first needed.
#[derive(Debug, Default)]
pub struct Cache {
    geometry: OnceLock<Option<Geometry>>,
    ready: OnceLock<Ready>,
    tree: OnceLock<KdTree>,
    /// Whether a tree that was tried is worth it.
    verdict: OnceLock<bool>,
    /// Queries so far.
    asked: AtomicUsize,
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

    fn entries(&self, row: usize, out: &mut Vec<(u32, f64)>) {
        out.clear();
        match self {
            Self::Dense(x) => {
                let row = &x.values()[row * x.n_cols()..][..x.n_cols()];
                let values = (0..).zip(row).map(|(column, value)| (column, value.to_f64()));
                out.extend(values.filter(|&(_, value)| value != 0.0));
            }
            Self::Csr(x) => out.extend(x.row(row).map(|(column, value)| (column as u32, value.to_f64()))),
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
    /// How it is searched.
    pub algorithm: Algorithm,
    /// Whether distances are wanted: without, those of a search within a radius may be anything.
    pub with_distances: bool,
    /// What earlier searches computed.
    pub cache: &'a Cache,
}

impl<T: Float> Index<'_, T> {
    /// The blocks of queries that [`Index::nearest`] hands out.
    pub fn blocks(&self, n_queries: usize, goal: Goal) -> Blocks {
        Cut::new(n_queries, self.rows.n_rows(), self.rows.n_cols(), goal).blocks
    }

    /// Finds the rows that each query wants. `outs` has one entry per block; `consume` is called once for each query of a block, in any order, with its position in the block and its neighbours.
    ///
    /// # Errors
    /// [`crate::common::Error::OutOfMemory`], [`crate::common::Error::Interrupted`].
    pub fn search<O: Send>(
        &self,
        ctx: &Context,
        sought: Sought,
        goal: Goal,
        outs: Vec<O>,
        consume: impl Fn(&mut O, usize, &mut [Neighbor]) -> Result<()> + Sync,
    ) -> Result<()> {
        let queries = self.queries(sought);
        let pairs = match (goal, self.rows) {
            (Goal::Within(radius), Stored::Dense(rows)) => {
                AllPairs::new(rows, self.metric, radius, self.with_distances)
            }
            _ => None,
        };
        let fraction = pairs.as_ref().map_or(Ok(0.0), |pairs| pairs.found_fraction(queries))?;
        if let Some(pairs) = pairs.as_ref().filter(|_| fraction > MIN_FRACTION_TREE) {
            return self.by_all_pairs(ctx, pairs, queries, goal, outs, consume);
        }
        if let Some(tree) = self.tree(ctx, queries.n_rows(), goal)? {
            return match self.metric {
                Metric::Manhattan => self.by_tree(ctx, tree, Manhattan, sought, goal, outs, consume),
                Metric::Chebyshev => self.by_tree(ctx, tree, Chebyshev, sought, goal, outs, consume),
                Metric::Minkowski(p) => self.by_tree(ctx, tree, Minkowski { p }, sought, goal, outs, consume),
                _ => self.by_tree(ctx, tree, Euclidean, sought, goal, outs, consume),
            };
        }
        if let Some(pairs) = pairs.as_ref().filter(|_| fraction > MIN_FRACTION) {
            return self.by_all_pairs(ctx, pairs, queries, goal, outs, consume);
        }
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
            (metric, Stored::Csr(rows)) if sparse::can_gather(metric) => {
                let blocks = self.blocks(queries.n_rows(), goal);
                sparse::search(ctx, metric, rows, queries, goal, blocks, outs, consume)
            }
            _ => self.by_blocks(ctx, queries, goal, outs, consume),
        }
    }

    /// The rows that are sought for.
    pub fn queries<'q>(&'q self, sought: Sought<'q>) -> &'q dyn Queries {
        match sought {
            Sought::Own => self.rows,
            Sought::New(queries) => queries,
        }
    }

    /// The tree, if it is to be used.
    fn tree(&self, ctx: &Context, n_queries: usize, goal: Goal) -> Result<Option<&KdTree>> {
        let (Stored::Dense(rows), Algorithm::Auto) = (self.rows, self.algorithm) else { return Ok(None) };
        let asked = self.cache.asked.fetch_add(n_queries, Ordering::Relaxed) + n_queries;
        let k = if let Goal::Nearest(k) = goal { k } else { 1 };
        let is_worth_it = match self.metric {
            Metric::Euclidean => self.is_worth_a_tree(ctx, rows, Euclidean, n_queries, k)?,
            Metric::Manhattan => self.is_worth_a_tree(ctx, rows, Manhattan, n_queries, k)?,
            Metric::Chebyshev => self.is_worth_a_tree(ctx, rows, Chebyshev, n_queries, k)?,
            Metric::Minkowski(p) => self.is_worth_a_tree(ctx, rows, Minkowski { p }, n_queries, k)?,
            _ => false,
        };
        if !is_worth_it {
            return Ok(None);
        }
        if self.cache.tree.get().is_none() {
            if asked < BUILD_AFTER {
                return Ok(None);
            }
            let tree = KdTree::build(ctx, rows.values(), rows.n_rows(), rows.n_cols())?;
            return Ok(Some(self.cache.tree.get_or_init(|| tree)));
        }
        Ok(self.cache.tree.get())
    }

    /// Whether a tree is sooner done than brute force: by the shape of the rows, or, where so many queries come that
    /// building one costs next to nothing, by a look at how far its searches go.
    fn is_worth_a_tree<M: Additive>(
        &self,
        ctx: &Context,
        rows: &Dense<T>,
        metric: M,
        n_queries: usize,
        k: usize,
    ) -> Result<bool> {
        let (n_rows, n_cols) = (rows.n_rows(), rows.n_cols());
        if kd_tree::is_worth_it(n_rows, n_cols, k) {
            return Ok(true);
        }
        if let Some(&verdict) = self.cache.verdict.get() {
            return Ok(verdict);
        }
        let is_cheap = n_queries.saturating_mul(n_cols + 6) >= PROBE.saturating_mul(100 + 40 * n_cols);
        if n_rows < BUILD_AFTER || !is_cheap {
            return Ok(false);
        }
        let tree = KdTree::build(ctx, rows.values(), n_rows, n_cols)?;
        let verdict = tree.is_worth_it(metric, k)?;
        if verdict {
            self.cache.tree.get_or_init(|| tree);
        }
        Ok(*self.cache.verdict.get_or_init(|| verdict))
    }

    fn by_tree<M: Additive, O: Send>(
        &self,
        ctx: &Context,
        tree: &KdTree,
        metric: M,
        sought: Sought,
        goal: Goal,
        outs: Vec<O>,
        consume: impl Fn(&mut O, usize, &mut [Neighbor]) -> Result<()> + Sync,
    ) -> Result<()> {
        let queries = self.queries(sought);
        let n_queries = queries.n_rows();
        let jobs = self.blocks(n_queries, goal).ranges().zip(outs).collect();
        let k = match goal {
            Goal::Nearest(k) => k,
            Goal::Within(radius) => {
                let worker = || Reach::new(tree, self.with_distances);
                parallel::map_with(ctx, jobs, worker, |reach, (block, mut out): (Range<usize>, O)| {
                    let points = queries.widened(block)?;
                    tree.within(ctx, metric, &points, radius, reach, |position, found| {
                        consume(&mut out, position, found)
                    })
                })?;
                return Ok(());
            }
        };
        let len = memory::checked_len(n_queries, k)?;
        let (mut distances, mut indices) = (memory::try_filled(len, 0.0)?, memory::try_filled(len, 0)?);
        match sought {
            Sought::Own => tree.nearest_to_own(ctx, metric, k, &mut distances, &mut indices)?,
            Sought::New(_) => {
                let points = queries.widened(0..n_queries)?;
                tree.nearest(ctx, metric, &points, k, &mut distances, &mut indices)?;
            }
        }
        let scratch = || Ok(Vec::new());
        parallel::map_with(ctx, jobs, scratch, |found: &mut Vec<Neighbor>, (block, mut out)| {
            for (position, query) in block.enumerate() {
                let here = query * k..(query + 1) * k;
                found.clear();
                let pairs = distances[here.clone()].iter().zip(&indices[here]);
                found.extend(pairs.map(|(&distance, &row)| Neighbor { distance, row: row as u32 }));
                consume(&mut out, position, found)?;
            }
            Ok(())
        })?;
        Ok(())
    }

    fn by_all_pairs<O: Send>(
        &self,
        ctx: &Context,
        pairs: &AllPairs<T>,
        queries: &dyn Queries,
        goal: Goal,
        outs: Vec<O>,
        consume: impl Fn(&mut O, usize, &mut [Neighbor]) -> Result<()> + Sync,
    ) -> Result<()> {
        let jobs = self.blocks(queries.n_rows(), goal).ranges().zip(outs).collect();
        parallel::map(ctx, jobs, |(block, mut out)| {
            pairs.block(ctx, queries, block, |position, found| consume(&mut out, position, found))
        })?;
        Ok(())
    }

    fn geometry(&self, ctx: &Context, rows: &Dense<T>) -> Result<Option<&Geometry>> {
        if self.cache.geometry.get().is_none() {
            let geometry = Geometry::new(ctx, rows)?;
            return Ok(self.cache.geometry.get_or_init(|| geometry).as_ref());
        }
        Ok(self.cache.geometry.get().and_then(Option::as_ref))
    }

    /// The rows packed once and for all, where they are few, or queries come a few at a time.
    fn ready(&self, rows: &Dense<T>, geometry: Option<&Geometry>, queries: &dyn Queries) -> Result<Option<&Ready>> {
        let Some(geometry) = geometry else { return Ok(None) };
        let most = if queries.n_rows() > FEW { READY } else { READY_FOR_FEW };
        if rows.values().len() > most {
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
            let mut lists: Vec<_> = block.clone().map(|_| TopK::new(goal)).collect();
            let mut found = memory::try_filled(memory::checked_len(chunk, block.len())?, 0.0)?;
            for start in (0..n_rows).step_by(chunk) {
                ctx.check()?;
                let rows = self.rows.widened(start..(start + chunk).min(n_rows))?;
                let count = rows.len() / n_cols;
                let found = &mut found[..count * block.len()];
                distances.to_rows(&rows, found);
                let mut lists = lists.iter_mut().zip(found.chunks_exact(count));
                lists.try_for_each(|(list, found)| list.push_block(start, found))?;
            }
            let mut lists = lists.iter_mut().enumerate();
            lists.try_for_each(|(position, list)| consume(&mut out, position, list.finish()))
        })?;
        Ok(())
    }
}
