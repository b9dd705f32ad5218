//! Brute force: every query meets every row, in register tiles, and only what may be near is looked at.
//!
//! Blocks of queries are worked on by the pool. Where there are few queries the rows are parted too, and the lists of
//! the parts are merged.

use std::ops::Range;

use crate::common::context::Blocks;
use crate::common::{Context, Error, Float, Result, memory, parallel};
use crate::linalg::{Dense, Panels, Rows};
use crate::metrics::distance::Euclidean;
use crate::metrics::prefilter::{Packed, Passing, PrefilterBuffers, STRIDE, prefilter};
use crate::neighbors::candidates::{self, Candidates, RerankSink, rank};
use crate::neighbors::geometry::{Geometry, Ready};
use crate::neighbors::results::{ByRow, Goal, Neighbor, Queries};
use crate::neighbors::within::Within;

/// Most queries in a block: packing the rows anew for each block then costs a few hundredths of the work.
const BLOCK: usize = 480;
/// Bytes of packed queries in a block, and of lists: what the second cache holds.
const BLOCK_BYTES: usize = 256 * 1024;
/// Blocks and parts there should be for the pool to share out.
const PIECES: usize = 8;
/// Pairs times features from which the rows are parted where there are few queries.
const LARGE: usize = 1 << 22;
/// Pairs times features up to which each pair is ranked at once.
pub const SMALL: usize = 1 << 16;
/// Squared length of a query, as the prefilter sees it, from which single precision may overflow.
const FAR: f64 = 1e30;

/// How a search is cut: blocks of queries, each by parts of the rows. A function of the shape alone.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    /// Blocks of queries.
    pub blocks: Blocks,
    /// Parts of the rows.
    parts: usize,
}

impl Cut {
    /// For `n_queries` queries among `n_rows` rows of `n_cols` features.
    pub fn new(n_queries: usize, n_rows: usize, n_cols: usize, goal: Goal) -> Self {
        let k = if let Goal::Nearest(k) = goal { k } else { 1 };
        let list = candidates::capacity(k) * 16;
        let most = (BLOCK_BYTES / (4 * n_cols).max(list / 8)).clamp(12, BLOCK).next_multiple_of(12);
        let least = n_queries.div_ceil(4 * PIECES).next_multiple_of(12).min(most);
        let blocks = Blocks::new(n_queries, least, n_queries.div_ceil(most));
        let is_large = n_queries.saturating_mul(n_rows).saturating_mul(n_cols) > LARGE;
        let pieces = if is_large { PIECES / blocks.count().max(1) } else { 1 };
        let parts = (n_rows / 1024).clamp(1, pieces.max(1));
        Self { blocks, parts }
    }
}

/// Finds the rows that each query wants, by squared distances. `outs` has one entry per block of the cut; `consume` is
/// called for each query of a block, in order, with its position in the block and its neighbours.
///
/// # Errors
/// [`crate::common::Error::OutOfMemory`], [`crate::common::Error::Interrupted`].
pub fn search<T: Float, O: Send>(
    ctx: &Context,
    search: &Search<T>,
    outs: Vec<O>,
    consume: impl Fn(&mut O, usize, &mut [Neighbor]) -> Result<()> + Sync,
) -> Result<()> {
    let n_rows = search.rows.n_rows();
    let cut = Cut::new(search.queries.n_rows(), n_rows, search.rows.n_cols(), search.goal);
    if cut.parts == 1 {
        let jobs: Vec<_> = cut.blocks.ranges().zip(outs).collect();
        parallel::map(ctx, jobs, |(block, mut out)| {
            search.block(ctx, block, 0..n_rows, |position, found| consume(&mut out, position, found))
        })?;
        return Ok(());
    }
    for (block, mut out) in cut.blocks.ranges().zip(outs) {
        let parts = Blocks::new(n_rows, 1, cut.parts).ranges().collect();
        let found = parallel::map(ctx, parts, |part| {
            let mut lists = memory::try_with_capacity(block.len())?;
            search.block(ctx, block.clone(), part, |_, found| {
                lists.push(memory::try_copied(found)?);
                Ok(())
            })?;
            Ok(lists)
        })?;
        let mut merged = Vec::new();
        for position in 0..block.len() {
            merged.clear();
            found.iter().for_each(|part| merged.extend_from_slice(&part[position]));
            search.goal.settle(&mut merged);
            consume(&mut out, position, &mut merged)?;
        }
    }
    Ok(())
}

/// What is sought, and where.
#[derive(Clone, Copy)]
pub struct Search<'s, T: Clone> {
    /// The training rows.
    pub rows: &'s Dense<'s, T>,
    /// Of the rows; `None` if they cannot be prefiltered.
    pub geometry: Option<&'s Geometry>,
    /// The rows packed already.
    pub ready: Option<&'s Ready>,
    /// What is sought for.
    pub queries: &'s dyn Queries,
    /// Which rows; distances are squared ones.
    pub goal: Goal,
}

impl<T: Float> Search<'_, T> {
    /// The neighbours of a block of queries among some rows.
    fn block(
        &self,
        ctx: &Context,
        block: Range<usize>,
        part: Range<usize>,
        mut consume: impl FnMut(usize, &mut [Neighbor]) -> Result<()>,
    ) -> Result<()> {
        let given = block.clone();
        let mut points = self.queries.widened(block)?;
        let n_cols = self.rows.n_cols();
        if let Some(geometry) = self.geometry
            && points.len().saturating_mul(part.len()) > SMALL
            && !matches!(self.goal, Goal::Nearest(k) if k >= part.len())
        {
            let ready = self.ready.filter(|_| part.len() == self.rows.n_rows());
            let places = match ready {
                Some(ready) => by_coordinate(&mut points, n_cols, ready.packed.feature)?,
                None => (0..points.len() / n_cols).collect(),
            };
            let centred = geometry.centred(&points);
            let lengths: Vec<f64> = (0..places.len()).map(|point| centred.squared_length(point)).collect();
            if lengths.iter().all(|&length| length < FAR) {
                let prefilter = Prefilter {
                    rows: self.rows,
                    geometry,
                    points: &points,
                    places: &places,
                    lengths: &lengths,
                    goal: self.goal,
                    part: &part,
                };
                let is_enough = match ready {
                    Some(ready) => prefilter.run(ctx, Some(&ready.packed), &ready.terms, &mut consume)?,
                    None => prefilter.run(ctx, None, &geometry.terms::<f32>(part.clone())?, &mut consume)?,
                };
                if !is_enough {
                    prefilter.run(ctx, None, &geometry.terms::<f64>(part.clone())?, &mut consume)?;
                }
                return Ok(());
            }
            points = self.queries.widened(given)?;
        }
        self.one_by_one(&points, part, consume)
    }

    /// Ranks every pair.
    fn one_by_one(
        &self,
        points: &[f64],
        part: Range<usize>,
        mut consume: impl FnMut(usize, &mut [Neighbor]) -> Result<()>,
    ) -> Result<()> {
        let (n_cols, values) = (self.rows.n_cols(), self.rows.values());
        let row = |row: usize| &values[row * n_cols..][..n_cols];
        let mut found = memory::try_with_capacity(part.len())?;
        for (position, point) in points.chunks_exact(n_cols).enumerate() {
            found.clear();
            found.extend(part.clone().map(|r| Neighbor { distance: rank(Euclidean, point, row(r)), row: r as u32 }));
            self.goal.settle(&mut found);
            consume(position, &mut found)?;
        }
        Ok(())
    }
}

/// A block of queries and the rows that are prefiltered for it.
struct Prefilter<'s, T: Clone> {
    rows: &'s Dense<'s, T>,
    geometry: &'s Geometry,
    points: &'s [f64],
    /// Where each query of the block, in order, lies among the points.
    places: &'s [usize],
    lengths: &'s [f64],
    goal: Goal,
    part: &'s Range<usize>,
}

impl<T: Float> Prefilter<'_, T> {
    /// Prefilters in the precision of `F`; says whether that was enough. `terms` are those of the part, in the order of
    /// `packed` if that is given.
    fn run<F: Float>(
        &self,
        ctx: &Context,
        packed: Option<&Packed<F>>,
        terms: &[F],
        consume: &mut impl FnMut(usize, &mut [Neighbor]) -> Result<()>,
    ) -> Result<bool> {
        let (n_cols, values) = (self.rows.n_cols(), self.rows.values());
        let mut narrowed = memory::try_filled(self.points.len(), F::ZERO)?;
        let points = self.geometry.centred(self.points);
        narrowed.chunks_exact_mut(n_cols).enumerate().for_each(|(point, out)| points.write(point, out));
        let panels = Panels::pack_panels(&narrowed, n_cols)?;
        let mut limits = memory::try_filled(panels.stride, -<F as Float>::INFINITY)?;
        let passing = Passing { rows: self.geometry.centred(values), range: self.part.clone(), terms, packed };
        match self.goal {
            Goal::Nearest(k) => {
                limits[..panels.count].fill(<F as Float>::INFINITY);
                let lists = Candidates::<F, T>::new(k, n_cols, values, self.points, self.lengths, self.geometry)?;
                self.prefilter(ctx, &passing, &panels, limits, lists, consume)
            }
            Goal::Within(most) => {
                let lists = Within::new(most, n_cols, values, self.points);
                let own = limits.iter_mut().zip(self.lengths);
                own.for_each(|(limit, &length)| *limit = lists.limit(self.geometry, length));
                self.prefilter(ctx, &passing, &panels, limits, lists, consume)
            }
        }
    }

    fn prefilter<F: Float>(
        &self,
        ctx: &Context,
        passing: &Passing<F, T>,
        panels: &Panels<F>,
        mut limits: Vec<F>,
        mut lists: impl RerankSink<F>,
        consume: &mut impl FnMut(usize, &mut [Neighbor]) -> Result<()>,
    ) -> Result<bool> {
        let mut buffers = PrefilterBuffers::default();
        for round in 0..STRIDE {
            ctx.check()?;
            prefilter(round, passing, panels, self.lengths, &mut limits, &mut buffers, &mut lists);
            if lists.is_short() {
                return Err(Error::MemoryShort);
            }
            if lists.is_exhausted() {
                return Ok(false);
            }
        }
        let (mut found, mut by_row) = (Vec::new(), ByRow::default());
        for (position, &place) in self.places.iter().enumerate() {
            lists.finish(place, &mut found);
            match self.goal {
                Goal::Nearest(_) => self.goal.settle(&mut found),
                Goal::Within(_) => by_row.arrange(&mut found, self.rows.n_rows())?,
            }
            consume(position, &mut found)?;
        }
        Ok(true)
    }
}

/// Orders points (row-major) by a coordinate; returns where each of them went.
fn by_coordinate(points: &mut Vec<f64>, n_cols: usize, feature: usize) -> Result<Vec<usize>> {
    let count = points.len() / n_cols;
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_unstable_by(|&a, &b| {
        points[a * n_cols + feature].total_cmp(&points[b * n_cols + feature]).then(a.cmp(&b))
    });
    let mut ordered = memory::try_with_capacity(points.len())?;
    let mut places = vec![0; count];
    for (place, &point) in order.iter().enumerate() {
        ordered.extend_from_slice(&points[point * n_cols..][..n_cols]);
        places[point] = place;
    }
    *points = ordered;
    Ok(places)
}
