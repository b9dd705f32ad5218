//! Searching the tree: the queries of a leaf walk down together.

use std::sync::{Mutex, PoisonError};

use crate::common::context::Blocks;
use crate::common::error::check_length;
use crate::common::settings::settings;
use crate::common::simd::{Isa, Simd};
use crate::common::{Context, Error, Result, memory, parallel};
use crate::metrics::distance::Additive;
use crate::metrics::leaf::{self, LEAF, Lanes, bound_between};

use super::KdTree;
use super::lists::{Lists, before};
use super::reach::{Order, Reach, Within};

/// Queries that are put into one tree. More are taken in turns, which bounds the memory for their copies.
const MOST_QUERIES: usize = 1 << 20;

/// Queries walk together if the tree has at most so many rows for each of them; fewer queries lie too far apart.
const ROWS_PER_QUERY: usize = 8;

/// Lists longer than this are filled for one query at a time: those of a whole leaf would not stay in the cache.
const LONG_LIST: usize = 1024;

/// Queries of one job of [`KdTree::within`].
const BLOCK_ROWS: usize = 4096;

impl KdTree {
    /// The `k` nearest rows of each query, by (rank, index).
    ///
    /// `queries` is row-major with shape `(m, n_cols)`, all finite; `distances` and `indices` are row-major with shape
    /// `(m, k)`.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::InvalidArgument`] if there are fewer than `k` rows, [`Error::OutOfMemory`],
    /// [`Error::Interrupted`].
    pub fn nearest<M: Additive>(
        &self,
        ctx: &Context,
        metric: M,
        queries: &[f64],
        k: usize,
        distances: &mut [f64],
        indices: &mut [i64],
    ) -> Result<()> {
        let n_queries = queries.len() / self.n_cols;
        check_length("queries", queries.len(), n_queries * self.n_cols)?;
        self.check_lists(n_queries, k, distances, indices)?;
        if k == 0 {
            return Ok(());
        }
        let turns = queries
            .chunks(MOST_QUERIES * self.n_cols)
            .zip(distances.chunks_mut(MOST_QUERIES * k))
            .zip(indices.chunks_mut(MOST_QUERIES * k));
        for ((queries, distances), indices) in turns {
            let n_queries = queries.len() / self.n_cols;
            let queries = Self::build(ctx, queries, n_queries, self.n_cols)?;
            let together = n_queries.saturating_mul(ROWS_PER_QUERY) >= self.n_rows;
            self.search(ctx, settings().isa, metric, &queries, together, k, distances, indices)?;
        }
        Ok(())
    }

    /// [`KdTree::nearest`] of the tree's own rows, each of which finds itself too.
    ///
    /// `distances` and `indices` are row-major with shape `(n_rows, k)`.
    ///
    /// # Errors
    /// As [`KdTree::nearest`].
    pub fn nearest_to_own<M: Additive>(
        &self,
        ctx: &Context,
        metric: M,
        k: usize,
        distances: &mut [f64],
        indices: &mut [i64],
    ) -> Result<()> {
        self.check_lists(self.n_rows, k, distances, indices)?;
        if k == 0 {
            return Ok(());
        }
        self.search(ctx, settings().isa, metric, self, true, k, distances, indices)
    }

    fn check_lists(&self, n_queries: usize, k: usize, distances: &[f64], indices: &[i64]) -> Result<()> {
        let length = memory::area(n_queries, k)?;
        check_length("distances", distances.len(), length)?;
        check_length("indices", indices.len(), length)?;
        if k > self.n_rows {
            return Err(Error::InvalidArgument("more neighbours are asked for than there are rows"));
        }
        Ok(())
    }

    /// The `k > 0` nearest rows of the rows of another tree, in the row order of that tree.
    pub(super) fn search<M: Additive>(
        &self,
        ctx: &Context,
        isa: Isa,
        metric: M,
        queries: &KdTree,
        together: bool,
        k: usize,
        distances: &mut [f64],
        indices: &mut [i64],
    ) -> Result<()> {
        let width = if together && k <= LONG_LIST { LEAF } else { 1 };
        let jobs: Vec<_> = Blocks::new(queries.n_leaves(), 32, 512).ranges().collect();
        // Rows lie anywhere in the output, so the lists of a batch are copied under a lock; that is a small part of the
        // time that their search took.
        let output = Mutex::new((distances, indices));
        let scratch = || Ok((Lists::new(k, width)?, Scratch::new(self.n_cols)?));
        parallel::map_with(ctx, jobs, scratch, |(lists, scratch), leaves| {
            leaf::run_on(
                isa,
                Nearest { tree: self, metric, queries, leaves, width, k, lists, scratch, output: &output },
            );
            Ok(())
        })?;
        Ok(())
    }

    /// The rows within `radius` of each query: those with a rank not above [`Additive::rank`] of it.
    ///
    /// `queries` is row-major with shape `(m, n_cols)`, all finite.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::OutOfMemory`], [`Error::Interrupted`].
    pub fn within<M: Additive>(
        &self,
        ctx: &Context,
        metric: M,
        queries: &[f64],
        radius: f64,
        order: Order,
        with_distances: bool,
    ) -> Result<Within> {
        let n_queries = queries.len() / self.n_cols;
        check_length("queries", queries.len(), n_queries * self.n_cols)?;
        self.within_on(ctx, settings().isa, metric, queries, radius, order, with_distances)
    }

    pub(super) fn within_on<M: Additive>(
        &self,
        ctx: &Context,
        isa: Isa,
        metric: M,
        queries: &[f64],
        radius: f64,
        order: Order,
        with_distances: bool,
    ) -> Result<Within> {
        let n_queries = queries.len() / self.n_cols;
        let blocks = Blocks::new(n_queries, BLOCK_ROWS, usize::MAX);
        let jobs: Vec<_> = queries.chunks(blocks.rows() * self.n_cols).collect();
        let scratch = || Ok((Reach::new(metric.rank(radius)), Scratch::new(self.n_cols)?));
        let found = parallel::map_with(ctx, jobs, scratch, |(reach, scratch), values| {
            let n_queries = values.len() / self.n_cols;
            let queries = Self::build(&Context::serial(), values, n_queries, self.n_cols)?;
            let together = n_queries.saturating_mul(ROWS_PER_QUERY) >= self.n_rows;
            let width = if together { LEAF } else { 1 };
            reach.start(n_queries)?;
            leaf::run_on(isa, Radius { tree: self, metric, queries: &queries, width, order, reach, scratch })?;
            reach.finish(metric, with_distances)
        })?;
        Within::join(n_queries, found)
    }
}

/// What the walks of one worker use.
#[derive(Debug)]
struct Scratch {
    stack: Vec<Node>,
    /// Coordinates of a query that walks alone, in lane 0; shape `(n_cols, LEAF)`.
    values: Vec<f64>,
    /// The same, once: a box of one point.
    point: Vec<f64>,
}

impl Scratch {
    fn new(n_cols: usize) -> Result<Self> {
        // The stack holds one sibling a level.
        Ok(Self {
            stack: memory::with_capacity(usize::BITS as usize)?,
            values: memory::filled(memory::area(n_cols, LEAF)?, 0.0)?,
            point: memory::filled(n_cols, 0.0)?,
        })
    }
}

/// The nearest rows of the queries in some leaves.
struct Nearest<'a, 'b, M> {
    tree: &'a KdTree,
    metric: M,
    queries: &'a KdTree,
    leaves: std::ops::Range<usize>,
    width: usize,
    k: usize,
    lists: &'a mut Lists,
    scratch: &'a mut Scratch,
    output: &'a Mutex<(&'b mut [f64], &'b mut [i64])>,
}

impl<M: Additive> leaf::Search for Nearest<'_, '_, M> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<F = f64>>(self, lanes: Lanes<S>) {
        let Self { tree, metric, queries, leaves, width, k, lists, scratch, output } = self;
        for leaf in leaves {
            let (_, rows) = queries.leaf(leaf);
            for first in (0..rows.len()).step_by(width) {
                let rows = &rows[first..rows.len().min(first + width)];
                lists.clear(rows.len());
                let Scratch { stack, values, point } = &mut *scratch;
                let batch = Batch::new(queries, leaf, first, width, values, point);
                walk(lanes, metric, tree, batch, lists, stack);
                lists.sort(rows.len());
                let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
                for (query, &row) in rows.iter().enumerate() {
                    let start = row as usize * k;
                    let places = output.0[start..start + k].iter_mut();
                    for (place, entry) in places.zip(lists.list(query)) {
                        *place = metric.distance(entry.0);
                    }
                    for (place, entry) in output.1[start..start + k].iter_mut().zip(lists.list(query)) {
                        *place = i64::from(entry.1);
                    }
                }
            }
        }
    }
}

/// The rows near the queries of a tree.
struct Radius<'a, M> {
    tree: &'a KdTree,
    metric: M,
    queries: &'a KdTree,
    width: usize,
    order: Order,
    reach: &'a mut Reach,
    scratch: &'a mut Scratch,
}

impl<M: Additive> leaf::Search for Radius<'_, M> {
    type Output = Result<()>;

    #[inline(always)]
    fn run<S: Simd<F = f64>>(self, lanes: Lanes<S>) -> Result<()> {
        let Self { tree, metric, queries, width, order, reach, scratch } = self;
        for leaf in 0..queries.n_leaves() {
            let (_, rows) = queries.leaf(leaf);
            for first in (0..rows.len()).step_by(width) {
                let rows = &rows[first..rows.len().min(first + width)];
                reach.clear(rows.len());
                let Scratch { stack, values, point } = &mut *scratch;
                let batch = Batch::new(queries, leaf, first, width, values, point);
                walk(lanes, metric, tree, batch, reach, stack);
                reach.keep(rows, order)?;
            }
        }
        Ok(())
    }
}

/// Queries that walk together, in the lanes from 0.
#[derive(Clone, Copy)]
struct Batch<'a> {
    /// Shape `(n_cols, LEAF)`.
    values: &'a [f64],
    low: &'a [f64],
    high: &'a [f64],
    count: usize,
}

impl<'a> Batch<'a> {
    /// All queries of a leaf if `width` is [`LEAF`], else the one in lane `first`.
    fn new(
        queries: &'a KdTree,
        leaf: usize,
        first: usize,
        width: usize,
        values: &'a mut [f64],
        point: &'a mut [f64],
    ) -> Self {
        let (source, rows) = queries.leaf(leaf);
        if width == LEAF {
            let (low, high) = queries.corners(queries.node_of(leaf));
            return Self { values: source, low, high, count: rows.len() };
        }
        for column in 0..point.len() {
            point[column] = source[column * LEAF + first];
            values[column * LEAF] = point[column];
        }
        Self { values, low: point, high: point, count: 1 }
    }
}

/// What takes the rows that a walk meets.
pub(super) trait Sink {
    /// Largest rank that each query still takes; below any rank where there is no query.
    fn limits(&self) -> &[f64; LEAF];
    /// Entries after this one are not taken by any of the first `count` queries.
    fn last(&self, count: usize) -> (f64, u32);
    /// Takes a row whose rank is not above the limit of the query.
    fn offer(&mut self, query: usize, rank: f64, row: u32);
}

impl Sink for Lists {
    #[inline(always)]
    fn limits(&self) -> &[f64; LEAF] {
        &self.limits
    }

    #[inline(always)]
    fn last(&self, count: usize) -> (f64, u32) {
        let mut last = self.last_of(0);
        for query in 1..count {
            let other = self.last_of(query);
            last = if before(last, other) { other } else { last };
        }
        last
    }

    #[inline(always)]
    fn offer(&mut self, query: usize, rank: f64, row: u32) {
        self.take(query, rank, row);
    }
}

/// A node that waits to be visited, over `n_leaves` leaves from `first`.
#[derive(Debug, Clone, Copy)]
struct Node {
    /// Lower bound of the ranks below it, and the least index there.
    least: (f64, u32),
    node: u32,
    first: u32,
    n_leaves: u32,
}

/// Shows the sink every row that it may take, near nodes first.
#[inline(always)]
fn walk<S: Simd<F = f64>, M: Additive, K: Sink>(
    lanes: Lanes<S>,
    metric: M,
    tree: &KdTree,
    batch: Batch,
    sink: &mut K,
    stack: &mut Vec<Node>,
) {
    if tree.n_rows == 0 {
        return;
    }
    let node = |node: usize, first: u32, n_leaves: u32| {
        let (low, high) = tree.corners(node);
        let bound = bound_between(metric, low, high, batch.low, batch.high);
        Node { least: (bound, tree.least[node]), node: node as u32, first, n_leaves }
    };
    let mut last = sink.last(batch.count);
    stack.clear();
    stack.push(node(0, 0, tree.n_leaves() as u32));
    while let Some(mut here) = stack.pop() {
        if before(last, here.least) {
            continue;
        }
        while here.n_leaves > 1 {
            let half = here.n_leaves.div_ceil(2);
            let first = node(here.node as usize + 1, here.first, half);
            let second = node((here.node + 2 * half) as usize, here.first + half, here.n_leaves - half);
            let (near, far) = if before(second.least, first.least) { (second, first) } else { (first, second) };
            if !before(last, far.least) {
                stack.push(far);
            }
            here = near;
        }
        if !before(last, here.least) {
            visit(lanes, metric, tree, here, batch, sink);
            last = sink.last(batch.count);
        }
    }
}

/// Shows the rows of a leaf to those queries that may take one.
#[inline(always)]
fn visit<S: Simd<F = f64>, M: Additive, K: Sink>(
    lanes: Lanes<S>,
    metric: M,
    tree: &KdTree,
    here: Node,
    batch: Batch,
    sink: &mut K,
) {
    let (values, rows) = tree.leaf(here.first as usize);
    let present = leaf::ALL >> (LEAF - rows.len());
    let mut queries = 1;
    if batch.count > 1 {
        let (low, high) = tree.corners(here.node as usize);
        queries = lanes.reaching(metric, batch.values, sink.limits(), low, high);
    }
    let mut ranks = [0.0; LEAF];
    while queries != 0 {
        let query = queries.trailing_zeros() as usize;
        queries &= queries - 1;
        let limit = sink.limits()[query];
        let mut near = lanes.near(metric, batch.values, query, values, limit, &mut ranks) & present;
        while near != 0 {
            let lane = near.trailing_zeros() as usize;
            near &= near - 1;
            sink.offer(query, ranks[lane], rows[lane]);
        }
    }
}

impl KdTree {
    /// The node of a leaf.
    fn node_of(&self, leaf: usize) -> usize {
        let (mut node, mut leaf, mut n_leaves) = (0, leaf, self.n_leaves());
        while n_leaves > 1 {
            let half = n_leaves.div_ceil(2);
            if leaf < half {
                (node, n_leaves) = (node + 1, half);
            } else {
                (node, leaf, n_leaves) = (node + 2 * half, leaf - half, n_leaves - half);
            }
        }
        node
    }
}
