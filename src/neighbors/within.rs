//! The rows within a radius of each query, ranked exactly as soon as they come through the prefilter.

use crate::common::Float;
use crate::metrics::distance::Euclidean;
use crate::metrics::prefilter::{Rounding, Sink};
use crate::neighbors::candidates::{RerankSink, rank};
use crate::neighbors::geometry::Geometry;
use crate::neighbors::results::Neighbor;

/// Rows that come through in vain, on average for a query, before the search goes over to f64.
const PATIENCE: usize = 512;

/// Lists of a block of queries.
#[derive(Debug)]
pub struct Within<'a, T> {
    /// Rank of the radius.
    most: f64,
    n_cols: usize,
    /// Row-major.
    rows: &'a [T],
    /// Row-major.
    queries: &'a [f64],
    lists: Vec<Vec<Neighbor>>,
    /// Whether memory ran out.
    is_short: bool,
    in_vain: usize,
    patience: usize,
}

impl<'a, T: Float> Within<'a, T> {
    /// Empty lists. `rows` and `queries` are row-major with `n_cols` columns; `most` is the rank of the radius.
    pub fn new(most: f64, n_cols: usize, rows: &'a [T], queries: &'a [f64]) -> Self {
        let n_queries = queries.len() / n_cols;
        let lists = vec![Vec::new(); n_queries];
        Self { most, n_cols, rows, queries, lists, is_short: false, in_vain: 0, patience: PATIENCE * n_queries }
    }

    /// Below what value a pair must be looked at, for a query of a squared length.
    pub fn limit<F: Float>(&self, geometry: &Geometry, length: f64) -> F {
        let bound = self.most * geometry.scale * geometry.scale - length;
        Rounding::new::<F>(self.n_cols).limit(bound, length)
    }
}

impl<F: Float, T: Float> Sink<F> for Within<'_, T> {
    fn take(&mut self, query: usize, row: u32, _value: F) -> Option<F> {
        let point = &self.queries[query * self.n_cols..][..self.n_cols];
        let distance = rank(Euclidean, point, &self.rows[row as usize * self.n_cols..][..self.n_cols]);
        if distance <= self.most {
            let list = &mut self.lists[query];
            match list.try_reserve(1) {
                Ok(()) => list.push(Neighbor { distance, row }),
                Err(_) => self.is_short = true,
            }
        } else {
            self.in_vain += 1;
        }
        None
    }
}

impl<F: Float, T: Float> RerankSink<F> for Within<'_, T> {
    fn is_exhausted(&self) -> bool {
        self.in_vain > self.patience && size_of::<F>() < size_of::<f64>()
    }

    fn is_short(&self) -> bool {
        self.is_short
    }

    fn finish(&mut self, query: usize, found: &mut Vec<Neighbor>) {
        std::mem::swap(&mut self.lists[query], found);
    }
}
