//! Whether a search in the tree is sooner done than a comparison of all rows (`benches/decisions/0004-tree-or-brute.md`).

use crate::common::Result;
use crate::metrics::distance::Additive;
use crate::metrics::leaf::{self, LEAF};

use super::KdTree;
use super::leaf_topk::Lists;
use super::search::{Meetings, Scratch};

/// Leaves whose rows are looked up to see how far a search goes.
const SAMPLE: usize = 4;

/// Nanoseconds of one thread for a pair of rows that met in the tree, per feature, with so many features more than there
/// are; this includes the boxes that were opened in vain.
const TREE_PAIR: f64 = 0.7;
const TREE_FEATURES: f64 = 6.0;
/// The same for a comparison of all rows, in single precision.
const BRUTE_PAIR: f64 = 0.05;
const BRUTE_FEATURES: f64 = 6.0;
/// Nanoseconds of one thread that a query takes in the tree before it meets a row, and for each neighbour that it wants.
const TREE_QUERY: f64 = 300.0;
const TREE_NEIGHBOR: f64 = 40.0;

/// Whether a tree wins on data without any structure, the hardest there are. Where it says no, a tree may still win on
/// data that lie on a surface or in clusters: [`KdTree::is_worth_it`] finds out.
pub fn is_worth_it(n_rows: usize, n_cols: usize, k: usize) -> bool {
    // What a query meets grows with k: so many rows for ten neighbours are as good as twice as many for twenty.
    let rows = n_rows as f64 * 10.0 / k.max(10) as f64;
    rows >= 1000.0 * 1.6f64.powi(n_cols.min(1000) as i32)
}

impl KdTree {
    /// Whether the tree is sooner done than a comparison of all rows, judged by how far a few of its rows have to look
    /// for `k` neighbours.
    ///
    /// # Errors
    /// [`crate::common::Error::OutOfMemory`].
    pub fn is_worth_it<M: Additive>(&self, metric: M, k: usize) -> Result<bool> {
        let (rows, cols) = (self.n_rows as f64, self.n_cols as f64);
        let met = self.fraction_met(metric, k)? * rows;
        let tree = TREE_QUERY + TREE_NEIGHBOR * k as f64 + TREE_PAIR * met * (cols + TREE_FEATURES);
        Ok(tree < BRUTE_PAIR * rows * (cols + BRUTE_FEATURES))
    }

    /// The fraction of the tree's rows that a query meets on its way to `k` neighbours: the mean over the rows of a few
    /// leaves, evenly spaced in tree order.
    ///
    /// # Errors
    /// [`crate::common::Error::OutOfMemory`].
    pub fn fraction_met<M: Additive>(&self, metric: M, k: usize) -> Result<f64> {
        if self.n_rows == 0 || k == 0 {
            return Ok(0.0);
        }
        let n_leaves = self.n_leaves();
        let mut leaves: Vec<usize> = (0..SAMPLE).map(|i| (2 * i + 1) * n_leaves / (2 * SAMPLE)).collect();
        leaves.dedup();
        let queries: usize = leaves.iter().map(|&leaf| self.leaf(leaf).1.len()).sum();
        let (lists, scratch) = (Lists::new(k, LEAF)?, Scratch::new(self.n_cols)?);
        let meetings = leaf::run(Meetings { tree: self, metric, leaves: &leaves, lists, scratch });
        Ok(meetings as f64 / (queries as f64 * n_leaves as f64))
    }
}
