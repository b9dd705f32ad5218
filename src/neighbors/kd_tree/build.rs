//! Building the tree: parts of the rows, each with its own piece of every array, are cut until they are leaves.

use crate::common::{Context, Float, Result, memory, parallel};
use crate::metrics::leaf::LEAF;

use super::KdTree;

/// Parts of at most so many rows are built by one job.
const JOB_ROWS: usize = 8192;

/// The rows below one node, and where that node and what is below it are written.
struct Part<'a> {
    rows: &'a mut [u32],
    leaves: &'a mut [f64],
    boxes: &'a mut [f64],
    least: &'a mut [u32],
}

/// The rows that are being built into a tree, row-major.
#[derive(Clone, Copy)]
struct Source<'a, F> {
    values: &'a [F],
    n_cols: usize,
}

pub(super) fn build<F: Float>(ctx: &Context, values: &[F], n_rows: usize, n_cols: usize) -> Result<KdTree> {
    let n_leaves = n_rows.div_ceil(LEAF);
    let n_nodes = (2 * n_leaves).saturating_sub(1);
    let mut rows = memory::with_capacity(n_rows)?;
    rows.extend(0..n_rows as u32);
    let mut tree = KdTree {
        n_rows,
        n_cols,
        rows,
        leaves: memory::filled(memory::area(n_leaves * LEAF, n_cols)?, 0.0)?,
        boxes: memory::filled(memory::area(2 * n_nodes, n_cols)?, 0.0)?,
        least: memory::filled(n_nodes, 0)?,
    };
    if n_rows == 0 {
        return Ok(tree);
    }
    let source = Source { values, n_cols };
    let mut parts =
        vec![Part { rows: &mut tree.rows, leaves: &mut tree.leaves, boxes: &mut tree.boxes, least: &mut tree.least }];
    // Near the root parts are large and few, so the levels are done one after the other.
    while parts.iter().any(|part| part.rows.len() > JOB_ROWS) {
        let halves = parallel::map(ctx, parts, |part| part.cut(source, &mut Vec::new()))?;
        parts = halves.into_iter().flatten().flat_map(|(first, second)| [first, second]).collect();
    }
    parallel::map_with(ctx, parts, || Ok(Vec::new()), |keys, part| part.grow(source, keys))?;
    Ok(tree)
}

impl<'a> Part<'a> {
    /// Builds the tree below this node. Each level halves the rows: recursion is as deep as the logarithm of their number.
    fn grow<F: Float>(self, source: Source<F>, keys: &mut Vec<u128>) -> Result<()> {
        if let Some((first, second)) = self.cut(source, keys)? {
            first.grow(source, keys)?;
            second.grow(source, keys)?;
        }
        Ok(())
    }

    /// Writes this node, and the leaf if it is one; otherwise returns its halves.
    fn cut<F: Float>(mut self, source: Source<F>, keys: &mut Vec<u128>) -> Result<Option<(Part<'a>, Part<'a>)>> {
        let n_cols = source.n_cols;
        self.bound(source);
        let n_leaves = self.rows.len().div_ceil(LEAF);
        if n_leaves == 1 {
            self.write_leaf(source);
            return Ok(None);
        }
        let (low, high) = self.boxes[..2 * n_cols].split_at(n_cols);
        let column = widest(low, high);
        let first_leaves = n_leaves.div_ceil(2);
        keys.clear();
        if keys.capacity() < self.rows.len() {
            *keys = memory::with_capacity(self.rows.len())?;
        }
        keys.extend(self.rows.iter().map(|&row| key(source.values[row as usize * n_cols + column].to_f64(), row)));
        keys.select_nth_unstable(first_leaves * LEAF);
        for (row, key) in self.rows.iter_mut().zip(keys.iter()) {
            *row = *key as u32;
        }
        let nodes = 2 * first_leaves - 1;
        let (rows, other_rows) = self.rows.split_at_mut(first_leaves * LEAF);
        let (leaves, other_leaves) = self.leaves.split_at_mut(first_leaves * LEAF * n_cols);
        let (boxes, other_boxes) = self.boxes[2 * n_cols..].split_at_mut(2 * nodes * n_cols);
        let (least, other_least) = self.least[1..].split_at_mut(nodes);
        let second = Part { rows: other_rows, leaves: other_leaves, boxes: other_boxes, least: other_least };
        Ok(Some((Part { rows, leaves, boxes, least }, second)))
    }

    /// Writes the box and the least index.
    fn bound<F: Float>(&mut self, source: Source<F>) {
        let n_cols = source.n_cols;
        let (low, high) = self.boxes[..2 * n_cols].split_at_mut(n_cols);
        low.fill(f64::INFINITY);
        high.fill(f64::NEG_INFINITY);
        let mut least = u32::MAX;
        for &row in self.rows.iter() {
            least = least.min(row);
            let values = &source.values[row as usize * n_cols..][..n_cols];
            for ((low, high), value) in low.iter_mut().zip(high.iter_mut()).zip(values) {
                let value = value.to_f64();
                *low = if value < *low { value } else { *low };
                *high = if value > *high { value } else { *high };
            }
        }
        self.least[0] = least;
    }

    fn write_leaf<F: Float>(&mut self, source: Source<F>) {
        for (lane, &row) in self.rows.iter().enumerate() {
            for column in 0..source.n_cols {
                self.leaves[column * LEAF + lane] = source.values[row as usize * source.n_cols + column].to_f64();
            }
        }
    }
}

/// The feature in which the box is widest, the first of several.
fn widest(low: &[f64], high: &[f64]) -> usize {
    let width = |column: usize| high[column] - low[column];
    (1..low.len()).fold(0, |best, column| if width(column) > width(best) { column } else { best })
}

/// An integer that orders like (value, row).
fn key(value: f64, row: u32) -> u128 {
    let bits = (value + 0.0).to_bits(); // -0 is 0
    let ordered = if bits >> 63 == 0 { bits | 1 << 63 } else { !bits };
    u128::from(ordered) << 32 | u128::from(row)
}
