//! Candidates for the `k` nearest rows of each query, by values that are known within a margin.
//!
//! A query keeps what came through the prefilter until its list is full. Then the k-th smallest upper bound becomes the new
//! limit, and whatever lies above it goes. If too much lies within the margins, exact ranks decide. At the end all that
//! is left is ranked exactly, so the answer has no trace of the prefilter.

use crate::common::{Float, Result, memory};
use crate::metrics::distance::{Additive, Euclidean};
use crate::metrics::prefilter::{Rounding, Sink};
use crate::neighbors::geometry::Geometry;
use crate::neighbors::results::Neighbor;

/// Exact ranks that a query may ask for, in multiples of its list's length, before the search goes over to f64.
const PATIENCE: usize = 8;

/// A sink that keeps what a search is for.
pub trait RerankSink<F>: Sink<F> {
    /// Whether the precision of `F` tells too little apart here: the lists are incomplete, and another search must follow.
    fn is_exhausted(&self) -> bool;

    /// Whether memory ran out: the lists are incomplete.
    fn is_short(&self) -> bool {
        false
    }

    /// Moves a query's neighbours, with their ranks, to `found`: those wanted and perhaps others.
    fn finish(&mut self, query: usize, found: &mut Vec<Neighbor>);
}

#[derive(Debug, Clone, Copy)]
struct Candidate<F> {
    value: F,
    row: u32,
    /// NaN until it is asked for.
    rank: f64,
}

/// Lists of candidates for a block of queries.
#[derive(Debug)]
pub struct Candidates<'a, F, T> {
    k: usize,
    capacity: usize,
    n_cols: usize,
    /// Row-major.
    rows: &'a [T],
    /// Row-major.
    queries: &'a [f64],
    /// Squared lengths of the queries, as the prefilter sees them.
    lengths: &'a [f64],
    geometry: &'a Geometry,
    rounding: Rounding,
    entries: Vec<Candidate<F>>,
    counts: Vec<usize>,
    evaluated: usize,
    patience: usize,
}

/// Length of the list of a query that wants `k` neighbours.
pub fn capacity(k: usize) -> usize {
    (2 * k).max(k + 48)
}

impl<'a, F: Float, T: Float> Candidates<'a, F, T> {
    /// Empty lists. `rows` and `queries` are row-major with `n_cols` columns, `lengths` has one entry per query.
    ///
    /// # Errors
    /// [`crate::common::Error::OutOfMemory`].
    pub fn new(
        k: usize,
        n_cols: usize,
        rows: &'a [T],
        queries: &'a [f64],
        lengths: &'a [f64],
        geometry: &'a Geometry,
    ) -> Result<Self> {
        let capacity = capacity(k);
        let blank = Candidate { value: <F as crate::common::simd::SimdFloat>::ZERO, row: 0, rank: f64::NAN };
        Ok(Self {
            k,
            capacity,
            n_cols,
            rows,
            queries,
            lengths,
            geometry,
            rounding: Rounding::new::<F>(n_cols),
            entries: memory::try_filled(memory::checked_len(lengths.len(), capacity)?, blank)?,
            counts: memory::try_filled(lengths.len(), 0)?,
            evaluated: 0,
            patience: PATIENCE * capacity * lengths.len(),
        })
    }

    /// Drops what is certainly not among the `k` nearest of a list of at least `k`; returns the new limit.
    fn shrink(&mut self, query: usize) -> F {
        let (k, start, length) = (self.k, query * self.capacity, self.lengths[query]);
        let rows = &self.geometry.squared_lengths;
        let entries = &mut self.entries[start..start + self.counts[query]];
        entries.select_nth_unstable_by(k - 1, |a, b| a.value.to_f64().total_cmp(&b.value.to_f64()));
        let upper = |entry: &Candidate<F>| self.rounding.upper(entry.value.to_f64(), rows[entry.row as usize], length);
        let bound = entries[..k].iter().map(upper).fold(f64::NEG_INFINITY, f64::max);
        let limit = self.rounding.limit::<F>(bound, length);
        let mut kept = k;
        for index in k..entries.len() {
            if entries[index].value < limit {
                entries[kept] = entries[index];
                kept += 1;
            }
        }
        self.counts[query] = kept;
        limit
    }

    /// Makes room in a full list; returns the new limit.
    fn compact(&mut self, query: usize) -> F {
        let limit = self.shrink(query);
        let (k, kept) = (self.k, self.counts[query]);
        if kept - k <= (self.capacity - k) / 2 {
            return limit;
        }
        self.rank_all(query);
        if self.is_exhausted() {
            return -<F as Float>::INFINITY;
        }
        let entries = &mut self.entries[query * self.capacity..][..kept];
        let order = |a: &Candidate<F>, b: &Candidate<F>| a.rank.total_cmp(&b.rank).then(a.row.cmp(&b.row));
        let (_, last, _) = entries.select_nth_unstable_by(k - 1, order);
        let (scale, length) = (self.geometry.scale, self.lengths[query]);
        let exact = self.rounding.limit::<F>(last.rank * scale * scale - length, length);
        self.counts[query] = k;
        if exact < limit { exact } else { limit }
    }

    fn rank_all(&mut self, query: usize) {
        let start = query * self.capacity;
        let point = &self.queries[query * self.n_cols..][..self.n_cols];
        for entry in &mut self.entries[start..start + self.counts[query]] {
            if entry.rank.is_nan() {
                entry.rank = rank(Euclidean, point, &self.rows[entry.row as usize * self.n_cols..][..self.n_cols]);
                self.evaluated += 1;
            }
        }
    }
}

impl<F: Float, T: Float> Sink<F> for Candidates<'_, F, T> {
    fn take(&mut self, query: usize, row: u32, value: F) -> Option<F> {
        let count = self.counts[query];
        self.entries[query * self.capacity + count] = Candidate { value, row, rank: f64::NAN };
        self.counts[query] = count + 1;
        (count + 1 == self.capacity).then(|| self.compact(query))
    }
}

impl<F: Float, T: Float> RerankSink<F> for Candidates<'_, F, T> {
    fn is_exhausted(&self) -> bool {
        self.evaluated > self.patience && size_of::<F>() < size_of::<f64>()
    }

    fn finish(&mut self, query: usize, found: &mut Vec<Neighbor>) {
        if self.counts[query] > self.k {
            self.shrink(query);
        }
        self.rank_all(query);
        found.clear();
        let start = query * self.capacity;
        let entries = &self.entries[start..start + self.counts[query]];
        found.extend(entries.iter().map(|entry| Neighbor { distance: entry.rank, row: entry.row }));
    }
}

/// The rank of a query and a row, in f64 whatever the type of the row.
pub fn rank<T: Float, M: Additive>(metric: M, query: &[f64], row: &[T]) -> f64 {
    let row = &row[..query.len()];
    (0..query.len()).fold(0.0, |rank, i| metric.step_one(rank, query[i], row[i].to_f64()))
}
