//! What the trees of a forest say of samples, together.
//!
//! Many samples are cut into blocks, and a few trees at a time are packed ([`Packed`]): a packed tree stays near while a
//! block of samples goes down it, and no more of the forest is ever copied than those few. Few samples go down the nodes
//! as they are, each in several trees at a time. For each sample the trees are added up in their order, so the bits depend on neither blocks nor threads,
//! and are those of scikit-learn on one thread.

use std::ops::Range;

use super::bootstrap::Bootstrap;
use crate::common::context::{Blocks, Context};
use crate::common::error::check_length;
use crate::common::{Error, Result, memory, parallel};
use crate::tree::Node;
use crate::tree::packed::Packed;
use crate::tree::paths::{self, Paths};
use crate::tree::walk::{self, BLOCK_ROWS, BLOCKS, Samples};

/// Trees that are packed, or gone down, at a time.
const TOGETHER: usize = 16;
/// Samples that a block holds at least if trees are not packed.
const FEW_ROWS: usize = 64;

/// A tree of the forest.
#[derive(Debug, Clone, Copy)]
pub struct Member<'a> {
    /// Its nodes.
    pub nodes: &'a [Node],
    /// What they say, of shape (nodes, width).
    pub values: &'a [f64],
}

impl Member<'_> {
    /// The tree packed, if so many samples are worth it.
    pub(super) fn packed(&self, samples: Samples) -> Result<Option<Packed>> {
        let n_cols = samples.n_cols();
        let packs = walk::are_many(samples, self.nodes) && Packed::fits(self.nodes, n_cols);
        packs.then(|| Packed::new(self.nodes, n_cols)).transpose()
    }
}

/// Hands `visit` the leaf of each of `rows`, of shape (rows, `n_cols`), numbered from 0. `leaves` is room to work in.
pub(super) fn for_each_leaf(
    nodes: &[Node],
    packed: Option<&Packed>,
    rows: &[f32],
    n_cols: usize,
    leaves: &mut Vec<u32>,
    mut visit: impl FnMut(usize, usize) -> Result<()>,
) -> Result<()> {
    let Some(packed) = packed else {
        return rows.chunks_exact(n_cols).enumerate().try_for_each(|(row, x)| visit(row, walk::leaf(nodes, x)?));
    };
    leaves.resize(rows.len() / n_cols, 0);
    packed.leaves(rows, leaves);
    leaves.iter().enumerate().try_for_each(|(row, &leaf)| visit(row, leaf as usize))
}

/// Mean of what the trees say, shape (n_samples, `width`).
///
/// # Errors
/// A tree that is none, memory refused, or an interruption.
pub fn mean(ctx: &Context, members: &[Member], width: usize, samples: Samples) -> Result<Vec<f64>> {
    let mut sums = sum(ctx, members, width, samples)?;
    let n = members.len() as f64;
    sums.iter_mut().for_each(|sum| *sum /= n);
    Ok(sums)
}

/// Sum of what the trees say, shape (n_samples, `width`).
///
/// # Errors
/// As [`mean`].
pub fn sum(ctx: &Context, members: &[Member], width: usize, samples: Samples) -> Result<Vec<f64>> {
    combined(ctx, members, (width, width), samples, |_, sums, outputs| add(sums, outputs))
}

/// What `combine` makes of what the trees say: it is handed the position of each tree in their order, the answer about a
/// sample so far, which starts as zeros, and what the tree says of the sample. `widths` are those of what a tree says and
/// of an answer; shape (n_samples, the latter).
///
/// # Errors
/// As [`mean`].
pub(super) fn combined(
    ctx: &Context,
    members: &[Member],
    widths: (usize, usize),
    samples: Samples,
    combine: impl Fn(usize, &mut [f64], &[f64]) + Sync,
) -> Result<Vec<f64>> {
    let mut predictions = memory::try_filled(memory::checked_len(samples.n_rows(), widths.1)?, 0.0)?;
    if members.iter().any(|member| walk::are_many(samples, member.nodes)) {
        let combine = |tree: usize, (): &(), _: usize, prediction: &mut [f64], outputs: &[f64]| {
            combine(tree, prediction, outputs)
        };
        combine_many(ctx, members, widths, samples, &mut predictions, |_| Ok(()), combine)?;
    } else {
        combine_few(ctx, members, widths, samples, &mut predictions, combine)?;
    }
    Ok(predictions)
}

fn add(sums: &mut [f64], outputs: &[f64]) {
    sums.iter_mut().zip(outputs).for_each(|(sum, value)| *sum += value);
}

/// What the trees say of the samples that they have not learnt from: sums, of shape (n_samples, `width`), and how many
/// trees were asked about each sample. `seeds` are those of the trees, one for each of `members`.
///
/// # Errors
/// As [`mean`], and parts that do not fit together.
pub fn out_of_bag(
    ctx: &Context,
    members: &[Member],
    width: usize,
    samples: Samples,
    bootstrap: &Bootstrap,
    seeds: &[u32],
) -> Result<(Vec<f64>, Vec<i64>)> {
    check_length("seeds", seeds.len(), members.len())?;
    check_length("rows of the bootstrap", bootstrap.n_rows(), samples.n_rows())?;
    let mut sums = memory::try_filled(memory::checked_len(samples.n_rows(), width)?, 0.0)?;
    let mut asked = memory::try_filled(samples.n_rows(), 0_i64)?;
    for (members, seeds) in members.chunks(TOGETHER).zip(seeds.chunks(TOGETHER)) {
        let drawn = parallel::map(ctx, seeds.to_vec(), |seed| {
            let mut counts = memory::try_filled(samples.n_rows(), 0.0)?;
            bootstrap.count(seed, &mut counts);
            let mut drawn = memory::try_with_capacity(counts.len())?;
            drawn.extend(counts.iter().map(|&count| count > 0.0));
            Ok(drawn)
        })?;
        drawn.iter().for_each(|drawn: &Vec<bool>| {
            asked.iter_mut().zip(drawn).for_each(|(asked, &drawn)| *asked += i64::from(!drawn));
        });
        let add_unseen = |_: usize, drawn: &&Vec<bool>, row: usize, sums: &mut [f64], outputs: &[f64]| {
            if !drawn[row] {
                add(sums, outputs);
            }
        };
        combine_many(ctx, members, (width, width), samples, &mut sums, |tree| Ok(&drawn[tree]), add_unseen)?;
    }
    Ok((sums, asked))
}

/// [`combined`] for many samples, with `answers` so far. `about` gives what is known about a tree, by its position;
/// `combine` is handed that and the position of the sample as well.
fn combine_many<A: Send + Sync>(
    ctx: &Context,
    members: &[Member],
    (width, prediction_width): (usize, usize),
    samples: Samples,
    predictions: &mut [f64],
    about: impl Fn(usize) -> Result<A> + Sync,
    combine: impl Fn(usize, &A, usize, &mut [f64], &[f64]) + Sync,
) -> Result<()> {
    let n_cols = samples.n_cols();
    let blocks = Blocks::new(samples.n_rows(), BLOCK_ROWS, BLOCKS);
    for (first, members) in (0..).step_by(TOGETHER).zip(members.chunks(TOGETHER)) {
        let jobs = members.iter().zip(first..).collect();
        let trees = parallel::map(ctx, jobs, |(member, tree): (&Member, usize)| {
            Ok((tree, member, member.packed(samples)?, about(tree)?))
        })?;
        parallel::map(ctx, parts(&blocks, predictions, prediction_width), |(range, predictions)| {
            let mut leaves = Vec::new();
            let begin = range.start;
            samples.for_each_group(range, |start, rows| {
                let predictions = &mut predictions[(start - begin) * prediction_width..];
                trees.iter().try_for_each(|(tree, member, packed, about)| {
                    for_each_leaf(member.nodes, packed.as_ref(), rows, n_cols, &mut leaves, |row, leaf| {
                        let outputs = walk::values_of(member.values, leaf, width)?;
                        let prediction = &mut predictions[row * prediction_width..(row + 1) * prediction_width];
                        combine(*tree, about, start + row, prediction, outputs);
                        Ok(())
                    })
                })
            })
        })?;
    }
    Ok(())
}

/// [`combined`] for samples that are too few for packing the trees: each goes down several trees at a time.
fn combine_few(
    ctx: &Context,
    members: &[Member],
    (width, prediction_width): (usize, usize),
    samples: Samples,
    predictions: &mut [f64],
    combine: impl Fn(usize, &mut [f64], &[f64]) + Sync,
) -> Result<()> {
    let n_cols = samples.n_cols();
    let blocks = Blocks::new(samples.n_rows(), FEW_ROWS, BLOCKS);
    parallel::map(ctx, parts(&blocks, predictions, prediction_width), |(range, predictions)| {
        let begin = range.start;
        let (mut trees, mut leaves) = ([&[][..]; TOGETHER], [0; TOGETHER]);
        samples.for_each_group(range, |start, rows| {
            ctx.check()?;
            let predictions = predictions[(start - begin) * prediction_width..].chunks_exact_mut(prediction_width);
            for (row, prediction) in rows.chunks_exact(n_cols).zip(predictions) {
                for (first, members) in (0..).step_by(TOGETHER).zip(members.chunks(TOGETHER)) {
                    let (trees, leaves) = (&mut trees[..members.len()], &mut leaves[..members.len()]);
                    trees.iter_mut().zip(members).for_each(|(nodes, member)| *nodes = member.nodes);
                    walk::leaf_of_each(trees, row, leaves)?;
                    for (tree, (member, &leaf)) in (first..).zip(members.iter().zip(&*leaves)) {
                        combine(tree, prediction, walk::values_of(member.values, leaf, width)?);
                    }
                }
            }
            Ok(())
        })
    })?;
    Ok(())
}

/// The blocks with their rows of `answers`, of shape (rows, `width`).
pub(super) fn parts<'a, T>(
    blocks: &Blocks,
    predictions: &'a mut [T],
    width: usize,
) -> Vec<(Range<usize>, &'a mut [T])> {
    let mut rest = predictions;
    let parts = blocks.ranges().map(|range| {
        let (own, others) = std::mem::take(&mut rest).split_at_mut(range.len() * width);
        rest = others;
        (range, own)
    });
    parts.collect()
}

/// The leaf of each sample in each tree, shape (n_trees, n_samples).
///
/// # Errors
/// As [`mean`].
pub fn apply(ctx: &Context, members: &[Member], samples: Samples) -> Result<Vec<i64>> {
    let (n_rows, n_cols) = (samples.n_rows(), samples.n_cols());
    let mut found = memory::try_filled(memory::checked_len(members.len(), n_rows)?, 0)?;
    let jobs = members.iter().zip(found.chunks_exact_mut(n_rows.max(1))).collect();
    parallel::map(ctx, jobs, |(member, found): (&Member, &mut [i64])| {
        let packed = member.packed(samples)?;
        let mut leaves = Vec::new();
        Blocks::new(n_rows, BLOCK_ROWS, BLOCKS).ranges().try_for_each(|range| {
            ctx.check()?;
            samples.for_each_group(range, |start, rows| {
                for_each_leaf(member.nodes, packed.as_ref(), rows, n_cols, &mut leaves, |row, leaf| {
                    found[start + row] = leaf as i64;
                    Ok(())
                })
            })
        })
    })?;
    Ok(found)
}

/// The nodes that each sample passes, tree after tree; the nodes of a tree are numbered behind those of the trees before.
///
/// # Errors
/// As [`mean`].
pub fn decision_path(ctx: &Context, members: &[Member], samples: Samples) -> Result<Paths> {
    let n_rows = samples.n_rows();
    let mut firsts = memory::try_with_capacity(members.len())?;
    let mut n_nodes = 0;
    for member in members {
        firsts.push(n_nodes as i32);
        n_nodes += member.nodes.len();
        if i32::try_from(n_nodes).is_err() {
            return Err(Error::InvalidArgument("the trees have more nodes than a path can number"));
        }
    }
    let by_tree =
        parallel::map(ctx, members.to_vec(), |member| paths::decision_path(&ctx.alone(), member.nodes, samples))?;
    let total = by_tree.iter().map(|paths| paths.nodes.len()).sum();
    let mut starts = memory::try_with_capacity(n_rows + 1)?;
    let mut nodes = memory::try_with_capacity(total)?;
    starts.push(0);
    for row in 0..n_rows {
        for (paths, first) in by_tree.iter().zip(&firsts) {
            let own = paths.starts[row] as usize..paths.starts[row + 1] as usize;
            nodes.extend(paths.nodes[own].iter().map(|node| first + node));
        }
        starts.push(nodes.len() as i64);
    }
    Ok(Paths { starts, nodes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::Error;
    use crate::tree::nodes::NO_CHILD;

    /// A tree of one split at `threshold` that says 0 on the left and `right` on the right.
    fn stump(threshold: f64, right: f64) -> (Vec<Node>, Vec<f64>) {
        let leaf = Node::leaf(0.0, 1, 1.0);
        let root = Node { left_child: 1, right_child: 2, feature: 0, threshold, ..leaf };
        assert_eq!(leaf.left_child, NO_CHILD);
        (vec![root, leaf, leaf], vec![0.5, 0.0, right])
    }

    fn members(trees: &[(Vec<Node>, Vec<f64>)]) -> Vec<Member<'_>> {
        trees.iter().map(|(nodes, values)| Member { nodes, values }).collect()
    }

    #[test]
    fn trees_are_added_up_in_order_whether_packed_or_not() -> Result<()> {
        let ctx = Context::serial();
        let trees: Vec<_> = (0..40).map(|i| stump(f64::from(i), 1.0 / f64::from(i + 1))).collect();
        let members = members(&trees);
        let rows: Vec<f32> = (0..50).map(|i| i as f32 - 0.5).collect();
        let expected: Vec<f64> = rows
            .iter()
            .map(|&x| (0..40).map(|i| if x > i as f32 { 1.0 / f64::from(i + 1) } else { 0.0 }).sum::<f64>() / 40.0)
            .collect();
        assert_eq!(mean(&ctx, &members, 1, Samples::Dense(&rows, 1))?, expected);
        for (row, expected) in rows.chunks(1).zip(expected) {
            assert_eq!(mean(&ctx, &members, 1, Samples::Dense(row, 1))?, [expected]);
        }
        Ok(())
    }

    #[test]
    fn nodes_are_numbered_through_the_forest() -> Result<()> {
        let ctx = Context::serial();
        let trees = [stump(0.0, 1.0), stump(2.0, 1.0)];
        let (members, samples) = (members(&trees), Samples::Dense(&[-1.0, 1.0, 3.0], 1));
        assert_eq!(apply(&ctx, &members, samples)?, [1, 2, 2, 1, 1, 2]);
        let paths = decision_path(&ctx, &members, samples)?;
        assert_eq!(paths.starts, [0, 4, 8, 12]);
        assert_eq!(paths.nodes, [0, 1, 3, 4, 0, 2, 3, 4, 0, 2, 3, 5]);
        Ok(())
    }

    #[test]
    fn trees_do_not_speak_of_what_they_learnt_from() -> Result<()> {
        let ctx = Context::serial();
        let trees: Vec<_> = (0..20).map(|_| stump(-1.0, 1.0)).collect();
        let samples = Samples::Dense(&[1.0, 2.0, 3.0], 1);
        let bootstrap = Bootstrap::new(3, 3, None)?;
        let seeds: Vec<u32> = (0..20).collect();
        let (sums, asked) = out_of_bag(&ctx, &members(&trees), 1, samples, &bootstrap, &seeds)?;
        let mut unseen = [0; 3];
        for seed in seeds {
            let mut counts = [0.0; 3];
            bootstrap.count(seed, &mut counts);
            unseen.iter_mut().zip(counts).for_each(|(unseen, count)| *unseen += i64::from(count == 0.0));
        }
        assert_eq!(asked, unseen);
        assert_eq!(sums, unseen.map(|n| n as f64));
        assert!(out_of_bag(&ctx, &members(&trees), 1, samples, &bootstrap, &[0]).is_err());
        Ok(())
    }

    #[test]
    fn broken_trees_are_errors() {
        let ctx = Context::serial();
        let (nodes, values) = stump(0.0, 1.0);
        let wrong = Member { nodes: &nodes[..2], values: &values };
        let short = Member { nodes: &nodes, values: &values[..2] };
        for samples in [Samples::Dense(&[1.0], 1), Samples::Dense(&[1.0; 20], 1)] {
            assert!(matches!(mean(&ctx, &[wrong], 1, samples), Err(Error::Corrupt(_))));
            assert!(matches!(mean(&ctx, &[short], 1, samples), Err(Error::Corrupt(_))));
            assert!(matches!(apply(&ctx, &[wrong], samples), Err(Error::Corrupt(_))));
        }
    }
}
