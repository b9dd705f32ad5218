//! Which nodes samples pass on their way down.
//!
//! A path is known from its end: it is the leaf, its parent, and so on to the root. So many samples first find their
//! leaves, all at once; then the paths are written, each into the place that its length gives it. Few samples are
//! followed step by step, which does not ask for every node's parent.

use super::check;
use super::nodes::Node;
use super::walk::{self, BLOCK_ROWS, BLOCKS, Samples};
use crate::common::context::{Blocks, Context};
use crate::common::{Error, Result, memory, parallel};

/// The nodes that samples pass, as the structure of a CSR matrix.
#[derive(Debug, Default, PartialEq)]
pub struct Paths {
    /// Where each sample's nodes start in `nodes`, and where the last one's end; shape (n_rows + 1,).
    pub starts: Vec<i64>,
    /// Positions of the nodes, from the root down; as short as SciPy would make them.
    pub nodes: Vec<i32>,
}

/// The nodes that each sample passes.
///
/// # Errors
/// [`Error::Corrupt`], [`Error::OutOfMemory`], [`Error::Interrupted`].
pub fn decision_path(ctx: &Context, nodes: &[Node], samples: Samples) -> Result<Paths> {
    if i32::try_from(nodes.len()).is_err() {
        return Err(Error::Corrupt("a tree has more nodes than memory can hold"));
    }
    if walk::are_many(samples, nodes) { from_leaves(ctx, nodes, samples) } else { followed(ctx, nodes, samples) }
}

fn followed(ctx: &Context, nodes: &[Node], samples: Samples) -> Result<Paths> {
    let mut paths = Paths { starts: memory::try_with_capacity(samples.n_rows() + 1)?, nodes: Vec::new() };
    paths.starts.push(0);
    samples.for_each_group(0..samples.n_rows(), |_, rows| {
        for row in rows.chunks_exact(samples.n_cols()) {
            ctx.check()?;
            walk::descend(nodes, row, |node| {
                paths.nodes.try_reserve(1).map_err(|_| Error::MemoryShort)?;
                paths.nodes.push(node as i32);
                Ok(())
            })?;
            paths.starts.push(paths.nodes.len() as i64);
        }
        Ok(())
    })?;
    Ok(paths)
}

fn from_leaves(ctx: &Context, nodes: &[Node], samples: Samples) -> Result<Paths> {
    let leaves = walk::apply(ctx, nodes, samples)?;
    // Parent, and number of nodes from the root to here: 0 where no way leads.
    let mut above = memory::try_filled(nodes.len(), (0, 0))?;
    above[0].1 = 1;
    for at in 0..nodes.len() {
        if above[at].1 == 0 {
            continue;
        }
        for child in check::children(nodes, at)?.into_iter().flatten() {
            above[child] = (at, above[at].1 + 1);
        }
    }
    let mut starts = memory::try_with_capacity(leaves.len() + 1)?;
    let mut total = 0;
    starts.push(0);
    for &leaf in &leaves {
        total += above[leaf as usize].1;
        starts.push(total as i64);
    }
    let mut passed = memory::try_filled(total, 0)?;
    let mut rest = &mut passed[..];
    let blocks = Blocks::new(leaves.len(), BLOCK_ROWS, BLOCKS);
    let jobs = blocks.ranges().map(|range| {
        let (own, others) = std::mem::take(&mut rest).split_at_mut((starts[range.end] - starts[range.start]) as usize);
        rest = others;
        (&leaves[range], own)
    });
    parallel::map(ctx, jobs.collect(), |(leaves, mut out)| {
        for &leaf in leaves {
            let mut at = leaf as usize;
            let (path, others) = out.split_at_mut(above[at].1);
            for place in path.iter_mut().rev() {
                *place = at as i32;
                at = above[at].0;
            }
            out = others;
        }
        Ok(())
    })?;
    Ok(Paths { starts, nodes: passed })
}

#[cfg(test)]
mod tests {
    use super::super::check::tests::{chain, leaf, split};
    use super::*;

    #[test]
    fn paths_lead_from_the_root_to_the_leaf() -> Result<()> {
        let ctx = Context::serial();
        let nodes = vec![split(0, 0.0, 1, 2), leaf(), split(0, 1.0, 3, 4), leaf(), leaf()];
        let rows = [-1.0, 0.5, 2.0];
        let expected = Paths { starts: vec![0, 2, 5, 8], nodes: vec![0, 1, 0, 2, 3, 0, 2, 4] };
        assert_eq!(from_leaves(&ctx, &nodes, Samples::Dense(&rows, 1))?, expected);
        assert_eq!(followed(&ctx, &nodes, Samples::Dense(&rows, 1))?, expected);
        assert_eq!(decision_path(&ctx, &nodes, Samples::Dense(&[], 1))?, Paths { starts: vec![0], nodes: vec![] });
        Ok(())
    }

    #[test]
    fn both_ways_agree() -> Result<()> {
        let ctx = Context::serial();
        let nodes = chain(40);
        let rows: Vec<f32> = (0..3000).map(|i| (i * 37 % 45) as f32 - 2.0).collect();
        let samples = Samples::Dense(&rows, 1);
        assert_eq!(from_leaves(&ctx, &nodes, samples)?, followed(&ctx, &nodes, samples)?);
        Ok(())
    }

    #[test]
    fn nodes_that_nothing_leads_to_are_no_parents() -> Result<()> {
        let ctx = Context::serial();
        let mut nodes = vec![split(0, 0.0, 1, 4), split(0, 0.0, 2, 3), leaf(), leaf(), leaf()];
        nodes[0].left_child = 2;
        let samples = Samples::Dense(&[-1.0, 1.0], 1);
        let expected = Paths { starts: vec![0, 2, 4], nodes: vec![0, 2, 0, 4] };
        assert_eq!(from_leaves(&ctx, &nodes, samples)?, expected);
        assert_eq!(followed(&ctx, &nodes, samples)?, expected);
        Ok(())
    }

    #[test]
    fn a_broken_way_down_is_an_error() {
        let ctx = Context::serial();
        for nodes in [vec![], vec![split(0, 0.0, 0, 1), leaf()], vec![split(3, 0.0, 1, 2), leaf(), leaf()]] {
            for rows in [&[1.0_f32; 1][..], &[1.0; 20]] {
                assert!(matches!(decision_path(&ctx, &nodes, Samples::Dense(rows, 1)), Err(Error::Corrupt(_))));
            }
        }
    }
}
