//! Samples on their way from the root to a leaf: which leaf, and what it says.
//!
//! Many samples go down a [`Packed`] tree; few go down the nodes as they are, each of which is checked when it is met,
//! so that packing does not cost more than the walk.

use super::check;
use super::nodes::Node;
use super::packed::{LANES, Packed};
use crate::common::context::{Blocks, Context};
use crate::common::{Error, Result, memory, parallel};
use crate::linalg::Csr;

/// Samples that a block holds at least.
pub const BLOCK_ROWS: usize = 1024;
/// Blocks that there are at most.
pub const BLOCKS: usize = 64;

/// A tree of more nodes than so many times the samples is not packed.
const NODES_PER_ROW: usize = 4;

/// Samples, in single precision, as trees see them.
#[derive(Debug, Clone, Copy)]
pub enum Samples<'a> {
    /// Values of shape (n_rows, n_cols), in row order.
    Dense(&'a [f32], usize),
    /// A sparse matrix and its number of rows and columns; of values stored for one cell the last counts. No NaN.
    Csr(&'a Csr<'a, f32>, usize, usize),
}

impl Samples<'_> {
    /// Samples.
    pub fn n_rows(&self) -> usize {
        match self {
            Self::Dense(values, n_cols) => values.len().checked_div(*n_cols).unwrap_or(0),
            Self::Csr(_, n_rows, _) => *n_rows,
        }
    }

    /// Features.
    pub fn n_cols(&self) -> usize {
        match self {
            Self::Dense(_, n_cols) | Self::Csr(_, _, n_cols) => *n_cols,
        }
    }

    /// Calls `visit` with consecutive rows, of shape (rows, n_cols), and the position of the first, until the range is
    /// covered. Dense rows come all at once, sparse ones by [`LANES`].
    ///
    /// # Errors
    /// Those of `visit`, or memory refused.
    pub fn for_each_group(
        &self,
        range: std::ops::Range<usize>,
        mut visit: impl FnMut(usize, &[f32]) -> Result<()>,
    ) -> Result<()> {
        match self {
            Self::Dense(values, n_cols) => visit(range.start, &values[range.start * n_cols..range.end * n_cols]),
            Self::Csr(csr, _, n_cols) => {
                let mut cells = memory::try_filled(memory::checked_len(LANES.min(range.len()), *n_cols)?, 0.0)?;
                for start in range.clone().step_by(LANES) {
                    let group = start..(start + LANES).min(range.end);
                    let entries = || {
                        group.clone().zip(0..).flat_map(|(row, lane)| {
                            csr.row(row).map(move |(column, value)| (lane * n_cols + column, value))
                        })
                    };
                    entries().for_each(|(cell, value)| cells[cell] = value);
                    visit(start, &cells[..group.len() * n_cols])?;
                    entries().for_each(|(cell, _)| cells[cell] = 0.0);
                }
                Ok(())
            }
        }
    }
}

/// The leaf of a sample of shape (n_features,).
///
/// # Errors
/// [`Error::Corrupt`] if the way down is broken.
pub fn leaf(nodes: &[Node], row: &[f32]) -> Result<usize> {
    descend(nodes, row, |_| Ok(()))
}

/// Goes down from the root, telling `visit` of every node on the way, the leaf included.
#[inline(always)]
pub(super) fn descend(nodes: &[Node], row: &[f32], mut visit: impl FnMut(usize) -> Result<()>) -> Result<usize> {
    let mut at = 0;
    if nodes.is_empty() {
        return Err(Error::Corrupt("a tree has no root"));
    }
    loop {
        visit(at)?;
        let Some(child) = step(nodes, at, row)? else { return Ok(at) };
        at = child;
    }
}

/// The child of a node to which a sample goes; None from a leaf.
#[inline(always)]
fn step(nodes: &[Node], at: usize, row: &[f32]) -> Result<Option<usize>> {
    let Some([left, right]) = check::children(nodes, at)? else { return Ok(None) };
    let node = &nodes[at];
    let x = row[check::feature(node, row.len())?];
    let goes_left = if x.is_nan() { node.missing_go_to_left != 0 } else { f64::from(x) <= node.threshold };
    Ok(Some(if goes_left { left } else { right }))
}

/// The leaf of one sample, of shape (n_features,), in each of a few trees. It goes down all of them step by step, so that
/// there is one tree to look at while the nodes of another are fetched.
///
/// # Errors
/// [`Error::Corrupt`] if a way down is broken.
#[inline]
pub fn leaf_of_each(trees: &[&[Node]], row: &[f32], leaves: &mut [usize]) -> Result<()> {
    if trees.iter().any(|nodes| nodes.is_empty()) {
        return Err(Error::Corrupt("a tree has no root"));
    }
    leaves.fill(0);
    loop {
        let mut moved = false;
        for (nodes, at) in trees.iter().zip(&mut *leaves) {
            if let Some(child) = step(nodes, *at, row)? {
                *at = child;
                moved = true;
            }
        }
        if !moved {
            return Ok(());
        }
    }
}

/// The leaf of each sample, shape (n_rows,).
///
/// # Errors
/// [`Error::Corrupt`], [`Error::OutOfMemory`], [`Error::Interrupted`].
pub fn apply(ctx: &Context, nodes: &[Node], samples: Samples) -> Result<Vec<i64>> {
    let mut leaves = memory::try_filled(samples.n_rows(), 0)?;
    for_each_leaf(ctx, nodes, samples, &mut leaves, 1, |out, leaf| {
        out[0] = leaf as i64;
        Ok(())
    })?;
    Ok(leaves)
}

/// The values of each sample's leaf, shape (n_rows, `width`). `values` has shape (nodes, `width`).
///
/// # Errors
/// As [`apply`].
pub fn predict(ctx: &Context, nodes: &[Node], values: &[f64], width: usize, samples: Samples) -> Result<Vec<f64>> {
    let mut found = memory::try_filled(memory::checked_len(samples.n_rows(), width)?, 0.0)?;
    for_each_leaf(ctx, nodes, samples, &mut found, width, |out, leaf| {
        out.copy_from_slice(values_of(values, leaf, width)?);
        Ok(())
    })?;
    Ok(found)
}

/// For each sample and output the class of the largest value (the first NaN, if there is one, else the first of the
/// largest), shape (n_rows, `n_outputs`). `values` has shape (nodes, `n_outputs`, `n_classes`).
///
/// # Errors
/// As [`apply`].
pub fn classify(
    ctx: &Context,
    nodes: &[Node],
    values: &[f64],
    (n_outputs, n_classes): (usize, usize),
    samples: Samples,
) -> Result<Vec<i64>> {
    let width = memory::checked_len(n_outputs, n_classes)?;
    let mut found = memory::try_filled(memory::checked_len(samples.n_rows(), n_outputs)?, 0)?;
    for_each_leaf(ctx, nodes, samples, &mut found, n_outputs, |out, leaf| {
        for (out, fractions) in out.iter_mut().zip(values_of(values, leaf, width)?.chunks_exact(n_classes)) {
            *out = largest(fractions) as i64;
        }
        Ok(())
    })?;
    Ok(found)
}

/// The values of one leaf, of the values of all nodes, of shape (nodes, `width`).
///
/// # Errors
/// [`Error::Corrupt`] if they are not there.
#[inline]
pub fn values_of(values: &[f64], leaf: usize, width: usize) -> Result<&[f64]> {
    values.get(leaf * width..(leaf + 1) * width).ok_or(Error::Corrupt("a tree has fewer values than nodes"))
}

/// Position of the largest of `shares`: the first NaN, if there is one, else the first of the largest.
pub fn largest(fractions: &[f64]) -> usize {
    let mut best = 0;
    for (position, fraction) in fractions.iter().enumerate().skip(1) {
        if fractions[best].is_nan() {
            break;
        }
        if *fraction > fractions[best] || fraction.is_nan() {
            best = position;
        }
    }
    best
}

/// Whether there are samples enough for a look at the whole tree.
pub fn are_many(samples: Samples, nodes: &[Node]) -> bool {
    nodes.len() <= samples.n_rows().saturating_mul(NODES_PER_ROW)
}

/// Hands each sample's leaf and its `width` entries of `out` to `write`.
fn for_each_leaf<T: Send>(
    ctx: &Context,
    nodes: &[Node],
    samples: Samples,
    out: &mut [T],
    width: usize,
    write: impl Fn(&mut [T], usize) -> Result<()> + Sync,
) -> Result<()> {
    let (n_rows, n_cols) = (samples.n_rows(), samples.n_cols());
    let packs = are_many(samples, nodes) && Packed::fits(nodes, n_cols);
    let packed = packs.then(|| Packed::new(nodes, n_cols)).transpose()?;
    let mut rest = out;
    let blocks = Blocks::new(n_rows, BLOCK_ROWS, BLOCKS);
    let jobs = blocks.ranges().map(|range| {
        let (own, others) = std::mem::take(&mut rest).split_at_mut(range.len() * width);
        rest = others;
        (range, own)
    });
    parallel::map(ctx, jobs.collect(), |(range, out)| {
        let first = range.start;
        let mut leaves = memory::try_filled(if packed.is_some() { range.len() } else { 0 }, 0)?;
        samples.for_each_group(range, |start, rows| {
            let out = &mut out[(start - first) * width..][..rows.len() / n_cols * width];
            let Some(packed) = &packed else {
                let mut pairs = rows.chunks_exact(n_cols).zip(out.chunks_exact_mut(width));
                return pairs.try_for_each(|(row, out)| write(out, leaf(nodes, row)?));
            };
            let leaves = &mut leaves[..rows.len() / n_cols];
            packed.leaves(rows, leaves);
            leaves.iter().zip(out.chunks_exact_mut(width)).try_for_each(|(&leaf, out)| write(out, leaf as usize))
        })
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::check::tests::{chain, leaf as leaf_node, split};
    use super::*;

    #[test]
    fn blocks_and_single_rows_agree_whether_dense_or_sparse() -> Result<()> {
        let ctx = Context::serial();
        let nodes = chain(40);
        let values: Vec<f32> = (0..100).map(|i| (i * 37 % 45) as f32 - 2.0).collect();
        let starts: Vec<usize> = (0..=100).collect();
        let columns = vec![0; 100];
        let csr = Csr::new(&values, &columns, &starts, 1)?;
        let expected: Vec<i64> =
            values.iter().map(|x| leaf(&nodes, &[*x]).map(|at| at as i64)).collect::<Result<_>>()?;
        for samples in [Samples::Dense(&values, 1), Samples::Csr(&csr, 100, 1)] {
            assert_eq!(apply(&ctx, &nodes, samples)?, expected);
        }
        // One row of a large tree is not worth packing.
        assert_eq!(apply(&ctx, &nodes, Samples::Dense(&values[..1], 1))?, expected[..1]);
        Ok(())
    }

    #[test]
    fn the_first_of_the_largest_is_elected() {
        assert_eq!(largest(&[0.2, 0.4, 0.4]), 1);
        assert_eq!(largest(&[0.0]), 0);
        assert_eq!(largest(&[0.5, f64::NAN, 0.9, f64::NAN]), 1);
    }

    #[test]
    fn a_broken_way_down_is_an_error() {
        let ctx = Context::serial();
        for nodes in [
            vec![],
            vec![split(0, 0.0, 0, 1), leaf_node()],
            vec![split(0, 0.0, 1, 9), leaf_node()],
            vec![split(3, 0.0, 1, 2), leaf_node(), leaf_node()],
        ] {
            for samples in [Samples::Dense(&[1.0], 1), Samples::Dense(&[1.0; 20], 1)] {
                assert!(matches!(apply(&ctx, &nodes, samples), Err(Error::Corrupt(_))));
            }
        }
        let nodes = chain(1);
        assert!(matches!(predict(&ctx, &nodes, &[0.0; 2], 1, Samples::Dense(&[5.0], 1)), Err(Error::Corrupt(_))));
    }
}
