//! The `k` nearest of what passes by, when distances are known exactly.

use crate::neighbors::lists::{Neighbor, keep_nearest};

/// The nearest so far. Rows must pass in order: of equally near ones the first stay.
#[derive(Debug)]
pub struct TopK {
    k: usize,
    /// Distances from here on are not wanted; NaN while all are.
    limit: f64,
    found: Vec<Neighbor>,
}

impl TopK {
    /// None so far.
    pub fn new(k: usize) -> Self {
        Self { k, limit: f64::NAN, found: Vec::new() }
    }

    /// Distances to consecutive rows, the first of index `first_row`.
    pub fn pass(&mut self, first_row: usize, distances: &[f64]) {
        for (row, &distance) in (first_row as u32..).zip(distances) {
            if distance < self.limit || self.limit.is_nan() {
                self.found.push(Neighbor { distance, row });
                if self.found.len() == 2 * self.k + 32 {
                    keep_nearest(&mut self.found, self.k);
                    self.limit = self.found[self.k - 1].distance;
                }
            }
        }
    }

    /// The neighbours in order.
    pub fn finish(&mut self) -> &mut [Neighbor] {
        keep_nearest(&mut self.found, self.k);
        &mut self.found
    }
}
