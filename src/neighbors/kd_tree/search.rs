//! Searching the tree: the queries of a leaf walk down together.

use std::sync::{Mutex, PoisonError};

use crate::common::context::Blocks;
use crate::common::error::check_length;
use crate::common::settings::settings;
use crate::common::simd::{Isa, Simd, prefetch};
use crate::common::{Context, Error, Result, memory, parallel};
use crate::metrics::distance::Additive;
use crate::metrics::leaf::{self, LEAF, Lanes, bound_between, upper_bound_between};
use crate::neighbors::results::Neighbor as Near;

use super::KdTree;
use super::leaf_topk::{Lists, Neighbor};
use super::reach::Reach;

/// Queries that are put into one tree. More are taken in turns, which bounds the memory for their copies.
const MAX_QUERIES: usize = 1 << 20;

/// Queries walk together if the tree has at most so many rows for each of them; fewer queries lie too far apart.
const ROWS_PER_QUERY: usize = 8;

/// Lists longer than this are filled for one query at a time: those of a whole leaf would not stay in the cache.
const LONG_LIST: usize = 1024;

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
            .chunks(MAX_QUERIES * self.n_cols)
            .zip(distances.chunks_mut(MAX_QUERIES * k))
            .zip(indices.chunks_mut(MAX_QUERIES * k));
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
        let length = memory::checked_len(n_queries, k)?;
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
        let addresses = (distances.as_ptr().addr(), indices.as_ptr().addr());
        let output = Mutex::new((distances, indices));
        let scratch = || Ok((Lists::new(k, width)?, Scratch::new(self.n_cols)?));
        parallel::map_with(ctx, jobs, scratch, |(lists, scratch), leaves| {
            leaf::run_on(
                isa,
                Nearest { tree: self, metric, queries, leaves, width, k, lists, scratch, output: &output, addresses },
            );
            Ok(())
        })?;
        Ok(())
    }

    /// The rows within `radius` of each query: those with a rank not above [`Additive::rank`] of it.
    ///
    /// `queries` is row-major with shape `(m, n_cols)`, all finite. `consume` is called once for each query, in any order,
    /// with its position and the rows near it, in their order.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::OutOfMemory`], [`Error::Interrupted`].
    pub fn within<M: Additive>(
        &self,
        ctx: &Context,
        metric: M,
        queries: &[f64],
        radius: f64,
        reach: &mut Reach,
        consume: impl FnMut(usize, &mut [Near]) -> Result<()>,
    ) -> Result<()> {
        let n_queries = queries.len() / self.n_cols;
        check_length("queries", queries.len(), n_queries * self.n_cols)?;
        let together = n_queries.saturating_mul(ROWS_PER_QUERY) >= self.n_rows;
        self.within_on(ctx, settings().isa, metric, queries, together, radius, reach, consume)
    }

    pub(super) fn within_on<M: Additive>(
        &self,
        ctx: &Context,
        isa: Isa,
        metric: M,
        queries: &[f64],
        together: bool,
        radius: f64,
        reach: &mut Reach,
        mut consume: impl FnMut(usize, &mut [Near]) -> Result<()>,
    ) -> Result<()> {
        let queries = Self::build(&Context::serial(), queries, queries.len() / self.n_cols, self.n_cols)?;
        let width = if together { LEAF } else { 1 };
        let rank = metric.rank(radius);
        for leaf in 0..queries.n_leaves() {
            ctx.check()?;
            let (_, places) = queries.leaf(leaf);
            for first in (0..places.len()).step_by(width) {
                let places = &places[first..places.len().min(first + width)];
                reach.gathered.clear(places.len(), rank);
                leaf::run_on(isa, Radius { tree: self, metric, queries: &queries, leaf, first, width, reach });
                for (query, &place) in places.iter().enumerate() {
                    let near = reach.gathered.finish(query, self.n_rows, |rank| metric.distance(rank))?;
                    consume(place as usize, near)?;
                }
            }
        }
        Ok(())
    }
}

/// What the walks of one worker use.
#[derive(Debug)]
pub(super) struct Scratch {
    stack: Vec<Node>,
    /// Coordinates of a query that walks alone, in lane 0; shape `(n_cols, LEAF)`.
    values: Vec<f64>,
    /// The same, once: a box of one point.
    point: Vec<f64>,
}

impl Scratch {
    pub(super) fn new(n_cols: usize) -> Result<Self> {
        // The stack holds one sibling a level.
        Ok(Self {
            stack: memory::try_with_capacity(usize::BITS as usize)?,
            values: memory::try_filled(memory::checked_len(n_cols, LEAF)?, 0.0)?,
            point: memory::try_filled(n_cols, 0.0)?,
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
    /// Where the two arrays are.
    addresses: (usize, usize),
}

impl<M: Additive> leaf::Search for Nearest<'_, '_, M> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<F = f64>>(self, lanes: Lanes<S>) {
        let Self { tree, metric, queries, leaves, width, k, lists, scratch, output, addresses } = self;
        for leaf in leaves {
            let (_, rows) = queries.leaf(leaf);
            for first in (0..rows.len()).step_by(width) {
                let rows = &rows[first..rows.len().min(first + width)];
                lists.clear(rows.len());
                // The places of the lists are far apart: they are on their way to the cache while the walk goes on.
                for place in rows.iter().map(|&row| row as usize * k * size_of::<f64>()) {
                    prefetch((addresses.0 + place) as *const f64);
                    prefetch((addresses.1 + place) as *const i64);
                }
                let Scratch { stack, values, point } = &mut *scratch;
                let batch = Batch::new(queries, leaf, first, width, values, point);
                walk(lanes, metric, tree, batch, lists, stack);
                lists.sort(rows.len());
                let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
                for (query, &row) in rows.iter().enumerate() {
                    let places = row as usize * k..(row as usize + 1) * k;
                    for (place, entry) in output.0[places.clone()].iter_mut().zip(lists.list(query)) {
                        *place = metric.distance(entry.rank());
                    }
                    for (place, entry) in output.1[places].iter_mut().zip(lists.list(query)) {
                        *place = i64::from(entry.row());
                    }
                }
            }
        }
    }
}

/// How often the queries in some of the tree's own leaves meet a leaf.
pub(super) struct Meetings<'a, M> {
    pub(super) tree: &'a KdTree,
    pub(super) metric: M,
    pub(super) leaves: &'a [usize],
    pub(super) lists: Lists,
    pub(super) scratch: Scratch,
}

impl<M: Additive> leaf::Search for Meetings<'_, M> {
    type Output = usize;

    #[inline(always)]
    fn run<S: Simd<F = f64>>(self, lanes: Lanes<S>) -> usize {
        let Self { tree, metric, leaves, mut lists, mut scratch } = self;
        let mut meetings = 0;
        for &leaf in leaves {
            let Scratch { stack, values, point } = &mut scratch;
            let batch = Batch::new(tree, leaf, 0, LEAF, values, point);
            lists.clear(batch.count);
            meetings += walk(lanes, metric, tree, batch, &mut lists, stack);
        }
        meetings
    }
}

/// The rows near some queries of a leaf.
struct Radius<'a, M> {
    tree: &'a KdTree,
    metric: M,
    queries: &'a KdTree,
    leaf: usize,
    first: usize,
    width: usize,
    reach: &'a mut Reach,
}

impl<M: Additive> leaf::Search for Radius<'_, M> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<F = f64>>(self, lanes: Lanes<S>) {
        let Self { tree, metric, queries, leaf, first, width, reach: Reach { gathered, scratch } } = self;
        let Scratch { stack, values, point } = scratch;
        let batch = Batch::new(queries, leaf, first, width, values, point);
        walk(lanes, metric, tree, batch, gathered, stack);
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

    /// Whether one of the first `count` queries would take this.
    fn wants(&self, count: usize, neighbor: Neighbor) -> bool;

    /// Takes a row whose rank is not above the limit of the query.
    fn offer(&mut self, query: usize, rank: f64, row: u32);

    /// Whether rows that are near enough for sure need not be measured.
    #[inline(always)]
    fn takes_unmeasured(&self) -> bool {
        false
    }

    /// Takes rows whose ranks are not above the limits of the first `count` queries.
    fn take_all(&mut self, _count: usize, _rows: &[u32]) {}
}

impl Sink for Lists {
    #[inline(always)]
    fn limits(&self) -> &[f64; LEAF] {
        &self.limits
    }

    fn wants(&self, count: usize, neighbor: Neighbor) -> bool {
        (0..count).any(|query| neighbor < self.last(query))
    }

    #[inline(always)]
    fn offer(&mut self, query: usize, rank: f64, row: u32) {
        self.take(query, rank, row);
    }
}

/// A node that waits to be visited, over `n_leaves` leaves from `first`.
#[derive(Debug, Clone, Copy)]
struct Node {
    /// Lower bound of the ranks below it.
    bound: f64,
    node: u32,
    first: u32,
    n_leaves: u32,
}

/// Shows the sink every row that it may take, near nodes first. Returns how often a query met a leaf.
#[inline(always)]
fn walk<S: Simd<F = f64>, M: Additive, K: Sink>(
    lanes: Lanes<S>,
    metric: M,
    tree: &KdTree,
    batch: Batch,
    sink: &mut K,
    stack: &mut Vec<Node>,
) -> usize {
    if tree.n_rows == 0 {
        return 0;
    }
    let mut meetings = 0;
    let mut limit = lanes.largest(sink.limits());
    stack.clear();
    stack.push(Node { bound: 0.0, node: 0, first: 0, n_leaves: tree.n_leaves() as u32 });
    'nodes: while let Some(mut here) = stack.pop() {
        if !is_wanted(tree, here, limit, batch.count, sink) {
            continue;
        }
        if batch.count > 1 && here.n_leaves > 1 {
            // The box around the queries is wide: perhaps none of them reaches so far.
            let (low, high) = tree.corners(here.node as usize);
            if lanes.reaching(metric, batch.values, sink.limits(), low, high) == 0 {
                continue;
            }
        }
        while here.n_leaves > 1 {
            if sink.takes_unmeasured() && M::IN_ORDER && tree.upper_bound(metric, here.node, batch) <= limit {
                let end = (here.first + here.n_leaves) as usize * LEAF;
                sink.take_all(batch.count, &tree.rows[here.first as usize * LEAF..tree.n_rows.min(end)]);
                continue 'nodes;
            }
            let half = here.n_leaves.div_ceil(2);
            let (mut near, mut far) = (here, here);
            (near.node, near.n_leaves) = (here.node + 1, half);
            (far.node, far.first, far.n_leaves) = (here.node + 2 * half, here.first + half, here.n_leaves - half);
            near.bound = tree.bound(metric, near.node, batch);
            far.bound = tree.bound(metric, far.node, batch);
            let least = |node: Node| tree.least[node.node as usize];
            if far.bound < near.bound || (far.bound == near.bound && least(far) < least(near)) {
                (near, far) = (far, near);
            }
            if is_wanted(tree, far, limit, batch.count, sink) {
                stack.push(far);
            }
            here = near;
        }
        if is_wanted(tree, here, limit, batch.count, sink) {
            meetings += visit(lanes, metric, tree, here, batch, sink);
            limit = lanes.largest(sink.limits());
        }
    }
    meetings
}

/// Whether some query may take a row below this node; `limit` is the largest of the limits.
#[inline(always)]
fn is_wanted<K: Sink>(tree: &KdTree, here: Node, limit: f64, count: usize, sink: &K) -> bool {
    // Rows as far away as the last neighbour are taken if their index is less: equal rows would open every leaf otherwise.
    here.bound < limit
        || (here.bound == limit && sink.wants(count, Neighbor::new(here.bound, tree.least[here.node as usize])))
}

/// Shows the rows of a leaf to those queries that may take one. Returns their number.
#[inline(always)]
fn visit<S: Simd<F = f64>, M: Additive, K: Sink>(
    lanes: Lanes<S>,
    metric: M,
    tree: &KdTree,
    here: Node,
    batch: Batch,
    sink: &mut K,
) -> usize {
    let (values, rows) = tree.leaf(here.first as usize);
    let present = leaf::ALL >> (LEAF - rows.len());
    let mut queries = 1;
    if batch.count > 1 {
        let (low, high) = tree.corners(here.node as usize);
        queries = lanes.reaching(metric, batch.values, sink.limits(), low, high);
    }
    let meetings = queries.count_ones() as usize;
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
    meetings
}

impl KdTree {
    /// A lower bound of the ranks between queries and the rows below a node.
    #[inline(always)]
    fn bound<M: Additive>(&self, metric: M, node: u32, batch: Batch) -> f64 {
        let (low, high) = self.corners(node as usize);
        bound_between(metric, low, high, batch.low, batch.high)
    }

    /// An upper bound of the ranks between queries and the rows below a node.
    #[inline(always)]
    fn upper_bound<M: Additive>(&self, metric: M, node: u32, batch: Batch) -> f64 {
        let (low, high) = self.corners(node as usize);
        upper_bound_between(metric, low, high, batch.low, batch.high)
    }

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
