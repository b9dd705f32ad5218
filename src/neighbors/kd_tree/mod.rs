//! A kd-tree: rows cut in two along their widest feature until few are left.
//!
//! The rows are kept a second time, as f64 and in tree order: leaves of [`LEAF`] rows, feature by feature, so that a
//! query meets a whole leaf with a few vectors. All leaves but the last are full, which fixes the shape of the tree by
//! the number of rows alone: a node over `m` leaves is followed by its first half, over `ceil(m / 2)` leaves, and then by
//! its second half, so nodes need no links. Each has the tight box around its rows and the least of their indices.
//!
//! A cut orders rows by (feature, index). Equal rows therefore end up in runs of ascending index, and a node is passed
//! over when its (bound, least index) comes after the last neighbour found: that keeps a million equal rows as cheap as
//! different ones.
//!
//! Queries are put into a tree of their own and searched leaf by leaf: a leaf's queries walk down together, and part
//! only where rows are met (dual-tree search after Gray and Moore, "N-body problems in statistical learning", 2000).
//!
//! Memory, with d features: `8 d + 4` bytes a row, and `(32 d + 8) / LEAF` for the nodes; while it is built, `4 d + 10` more.

mod build;
mod cost_model;
mod leaf_topk;
mod reach;
mod search;
#[cfg(test)]
mod tests;

pub use cost_model::is_worth_it;
pub use reach::Reach;

use crate::common::error::check_length;
use crate::common::{Context, Error, Float, Result, memory};
use crate::metrics::leaf::LEAF;

/// Rows, ready to be searched.
#[derive(Debug)]
pub struct KdTree {
    n_rows: usize,
    n_cols: usize,
    /// Index of each row, in tree order.
    rows: Vec<u32>,
    /// Coordinates, shape `(n_leaves, n_cols, LEAF)`; the lanes that the last leaf does not fill are 0.
    leaves: Vec<f64>,
    /// Least and largest coordinates of each node, shape `(n_nodes, 2, n_cols)`.
    boxes: Vec<f64>,
    /// Least index of each node.
    least: Vec<u32>,
}

impl KdTree {
    /// A tree of `values`, row-major with shape `(n_rows, n_cols)`, all finite.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::InvalidArgument`], [`Error::OutOfMemory`], [`Error::Interrupted`].
    pub fn build<F: Float>(ctx: &Context, values: &[F], n_rows: usize, n_cols: usize) -> Result<Self> {
        check_length("values", values.len(), memory::checked_len(n_rows, n_cols)?)?;
        if n_cols == 0 {
            return Err(Error::InvalidArgument("a kd-tree needs at least one feature"));
        }
        if n_rows >= u32::MAX as usize {
            return Err(Error::InvalidArgument("a kd-tree holds fewer than 2**32 - 1 rows"));
        }
        build::build(ctx, values, n_rows, n_cols)
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Number of features.
    pub fn n_cols(&self) -> usize {
        self.n_cols
    }

    fn n_leaves(&self) -> usize {
        self.n_rows.div_ceil(LEAF)
    }

    /// Coordinates of a leaf, shape `(n_cols, LEAF)`, and the indices of its rows.
    #[inline(always)]
    fn leaf(&self, leaf: usize) -> (&[f64], &[u32]) {
        let size = self.n_cols * LEAF;
        let rows = &self.rows[leaf * LEAF..self.n_rows.min((leaf + 1) * LEAF)];
        (&self.leaves[leaf * size..(leaf + 1) * size], rows)
    }

    /// The corners of a node's box.
    #[inline(always)]
    fn corners(&self, node: usize) -> (&[f64], &[f64]) {
        self.boxes[2 * node * self.n_cols..2 * (node + 1) * self.n_cols].split_at(self.n_cols)
    }
}
