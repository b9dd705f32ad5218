//! Gradient boosting: trees that each follow the gradient of a loss at the predictions of the trees before them.
//!
//! The raw predictions have a column for each tree of a stage: one, or one for each class. A stage grows its trees on the
//! negative gradient, finds anew what their leaves say ([`Rule`]), and adds to each column what its tree says of the
//! samples, times the learning rate. The data are prepared once ([`Columns`]) for all stages; the trees of one stage know
//! nothing of each other and grow side by side.
//!
//! Fitted trees are added up in the same order, sample by sample, so that predictions have scikit-learn's bits.
//!
//! Reference: J. Friedman, "Greedy function approximation: a gradient boosting machine", Annals of Statistics 29 (2001);
//! "Stochastic gradient boosting", Computational Statistics & Data Analysis 38 (2002).

use super::line_search::{Buffers, Rule, Seen};
use super::vote::{self, Member};
use crate::common::context::{Blocks, Context};
use crate::common::error::check_length;
use crate::common::{Result, memory, pairwise, parallel};
use crate::tree::grow::{self, Columns, Targets};
use crate::tree::packed::Packed;
use crate::tree::shallow::Shallow;
use crate::tree::walk::{self, BLOCK_ROWS, BLOCKS, Samples};
use crate::tree::{Tree, prune};

/// Fitted trees that are made ready at a time.
const TOGETHER: usize = 64;
/// Samples that are worth making a shallow tree ready for.
const MANY: usize = 4;

/// What a stage learns from. All arrays are in row order.
#[derive(Debug, Clone, Copy)]
pub struct Stage<'a> {
    /// The rows.
    pub samples: Samples<'a>,
    /// Targets, of shape (`n_rows`,): numbers, or codes of classes.
    pub targets: &'a [f64],
    /// Gradient of the loss at `raw`, of shape (`n_rows`, trees).
    pub gradient: &'a [f64],
    /// Predictions so far, of shape (`n_rows`, trees).
    pub raw: &'a [f64],
    /// Weights of shape (`n_rows`,); None: all 1.
    pub weights: Option<&'a [f64]>,
    /// For each row 1 if the stage sees it, else 0; None: it sees all.
    pub seen: Option<&'a [u8]>,
}

/// Parameters.
#[derive(Debug, Clone)]
pub struct Params<'a> {
    /// Those of the trees; `min_weight_leaf` is set here.
    pub tree: grow::Params<'a>,
    /// Smallest weight of a leaf, as a fraction of the weight of what the stage sees.
    pub min_weight_fraction_leaf: f64,
    /// What a leaf must be worth for the branch above it to stay.
    pub ccp_alpha: f64,
    /// What the leaves say.
    pub rule: Rule,
    /// Fraction of what a tree says that is added.
    pub learning_rate: f64,
}

/// A stage that has learnt.
#[derive(Debug)]
pub struct Fit {
    /// Its trees.
    pub trees: Vec<Tree>,
    /// Predictions with them, of shape (`n_rows`, trees).
    pub raw: Vec<f64>,
}

/// One stage, with a tree for each of `seeds`.
///
/// # Errors
/// Arguments that do not fit together, a leaf of which nothing can be said ([`Rule::step`]), memory refused, or an
/// interruption.
pub fn fit(ctx: &Context, columns: &Columns, stage: &Stage, params: &Params, seeds: &[u32]) -> Result<Fit> {
    let (n_rows, n_trees) = (columns.n_rows(), seeds.len());
    let n_raw = memory::checked_len(n_rows, n_trees)?;
    check_length("samples", stage.samples.n_rows(), n_rows)?;
    check_length("targets", stage.targets.len(), n_rows)?;
    check_length("gradient", stage.gradient.len(), n_raw)?;
    check_length("predictions", stage.raw.len(), n_raw)?;
    check_length("weights", stage.weights.map_or(n_rows, <[f64]>::len), n_rows)?;
    check_length("seen rows", stage.seen.map_or(n_rows, <[u8]>::len), n_rows)?;
    let weights = weights_of_seen(stage)?;
    let weights = weights.as_deref().or(stage.weights);
    let mut tree = params.tree.clone();
    tree.min_weight_leaf = params.min_weight_fraction_leaf * weights.map_or(n_rows as f64, pairwise::sum);
    columns.prepare(ctx, &tree)?; // with all threads, and before the first stage only
    // Threads that have no tree of their own help with the others.
    let each = if n_trees < ctx.threads() { *ctx } else { ctx.alone() };
    let jobs = seeds.iter().copied().enumerate().collect();
    let grown = parallel::map(ctx, jobs, |(k, seed)| {
        let pull = column(stage.gradient, k, n_trees).map(|gradient| -gradient);
        let pull = collected(pull, n_rows)?;
        let targets = Targets::Values { values: &pull, n_outputs: 1 };
        let mut grown = grow::grow(&each, columns, &targets, weights, &tree, seed)?;
        if params.ccp_alpha != 0.0 {
            grown = prune::prune(&each, &grown.nodes, &grown.values, (1, 1), columns.len(), params.ccp_alpha)?;
        }
        let leaves = walk::apply(&each, &grown.nodes, stage.samples)?;
        if params.rule != Rule::Mean {
            let own = |row: usize| Seen {
                // Of several trees each tells its own class from the others.
                target: if n_trees == 1 { stage.targets[row] } else { f64::from(stage.targets[row] == k as f64) },
                raw: stage.raw[row * n_trees + k],
                pull: pull[row],
                weight: stage.weights.map_or(1.0, |weights| weights[row]),
            };
            set_leaves(&mut grown, &leaves, stage.seen, &params.rule, own)?;
        }
        let values = &grown.values;
        let raw = column(stage.raw, k, n_trees).zip(&leaves);
        let raw = collected(raw.map(|(raw, &leaf)| raw + params.learning_rate * values[leaf as usize]), n_rows)?;
        Ok((grown, raw))
    })?;
    let mut raw = memory::try_filled(n_raw, 0.0)?;
    for (k, (_, column)) in grown.iter().enumerate() {
        raw.iter_mut().skip(k).step_by(n_trees).zip(column).for_each(|(out, &value)| *out = value);
    }
    Ok(Fit { trees: grown.into_iter().map(|(tree, _)| tree).collect(), raw })
}

/// The weights, 0 for rows that are not seen; None if all are.
fn weights_of_seen(stage: &Stage) -> Result<Option<Vec<f64>>> {
    let Some(seen) = stage.seen else { return Ok(None) };
    let mut weights = memory::try_with_capacity(seen.len())?;
    match stage.weights {
        Some(known) => weights.extend(known.iter().zip(seen).map(|(weight, &seen)| weight * f64::from(seen))),
        None => weights.extend(seen.iter().map(|&seen| f64::from(seen))),
    }
    Ok(Some(weights))
}

/// Column `k` of a table with `n` columns, in row order.
fn column(table: &[f64], k: usize, n: usize) -> impl Iterator<Item = f64> {
    table.iter().skip(k).step_by(n).copied()
}

fn collected(values: impl Iterator<Item = f64>, n: usize) -> Result<Vec<f64>> {
    let mut all = memory::try_with_capacity(n)?;
    all.extend(values);
    Ok(all)
}

/// Sets what each leaf says by the rows in it that are seen. `leaves` has the leaf of each row, `own` tells of a row.
fn set_leaves(
    tree: &mut Tree,
    leaves: &[i64],
    seen: Option<&[u8]>,
    rule: &Rule,
    own: impl Fn(usize) -> Seen,
) -> Result<()> {
    let is_seen = |row: &usize| seen.is_none_or(|seen| seen[*row] != 0);
    let rows = || (0..leaves.len()).filter(is_seen);
    // Rows by leaf, ascending within each: `ends` moves from where a leaf starts to where it ends.
    let mut ends = memory::try_filled(tree.nodes.len() + 1, 0_usize)?;
    rows().for_each(|row| ends[leaves[row] as usize + 1] += 1);
    (1..ends.len()).for_each(|node| ends[node] += ends[node - 1]);
    let nothing = Seen { target: 0.0, raw: 0.0, pull: 0.0, weight: 0.0 };
    let mut sorted = memory::try_filled(ends.last().copied().unwrap_or(0), nothing)?;
    for row in rows() {
        let place = &mut ends[leaves[row] as usize];
        sorted[*place] = own(row);
        *place += 1;
    }
    let mut buffers = Buffers::default();
    let mut start = 0;
    for ((node, value), &end) in tree.nodes.iter().zip(&mut tree.values).zip(&ends) {
        if node.is_leaf()
            && let Some(step) = rule.step(&sorted[start..end], &mut buffers)?
        {
            *value = step;
        }
        start = end;
    }
    Ok(())
}

/// A fitted tree, made ready for many samples.
enum Ready {
    /// With what its leaves say, times the scale.
    Shallow(Box<Shallow>),
    /// Not shallow; packed, if so many samples are worth it.
    Deep(Option<Packed>),
}

impl Ready {
    fn new(member: &Member, samples: Samples, scale: f64) -> Result<Self> {
        if samples.n_rows() >= MANY {
            let outputs = |leaf| Ok(scale * walk::values_of(member.values, leaf, 1)?[0]);
            if let Some(shallow) = Shallow::new(member.nodes, samples.n_cols(), outputs)? {
                return Ok(Self::Shallow(Box::new(shallow)));
            }
        }
        member.packed(samples).map(Self::Deep)
    }
}

/// Predictions with `members` added to `raw`, of shape (n_samples, `n_columns`): tree i adds to column i modulo
/// `n_columns` what it says times `scale`. Nothing may be missing from the samples.
///
/// # Errors
/// A tree that is none, arguments that do not fit together, memory refused, or an interruption.
pub fn add(
    ctx: &Context,
    members: &[Member],
    scale: f64,
    samples: Samples,
    raw: &[f64],
    n_columns: usize,
) -> Result<Vec<f64>> {
    check_length("predictions", raw.len(), memory::checked_len(samples.n_rows(), n_columns)?)?;
    let n_cols = samples.n_cols();
    let mut sums = memory::try_copied(raw)?;
    let blocks = Blocks::new(samples.n_rows(), BLOCK_ROWS, BLOCKS);
    for (first, members) in (0..).step_by(TOGETHER).zip(members.chunks(TOGETHER)) {
        let ready = parallel::map(ctx, members.to_vec(), |member| Ready::new(&member, samples, scale))?;
        let mut rest = &mut *sums;
        let jobs = blocks.ranges().map(|range| {
            let (own, others) = std::mem::take(&mut rest).split_at_mut(range.len() * n_columns);
            rest = others;
            (range, own)
        });
        parallel::map(ctx, jobs.collect(), |(range, sums)| {
            let mut leaves = Vec::new();
            let begin = range.start;
            samples.for_each_group(range, |start, rows| {
                ctx.check()?;
                let sums = &mut sums[(start - begin) * n_columns..];
                (first..).zip(members).zip(&ready).try_for_each(|((i, member), ready)| {
                    let mut at = i % n_columns;
                    match ready {
                        Ready::Shallow(shallow) => {
                            shallow.predict(rows, n_cols, |outputs| {
                                sums[at] += outputs;
                                at += n_columns;
                            });
                            Ok(())
                        }
                        Ready::Deep(packed) => {
                            let packed = packed.as_ref();
                            vote::for_each_leaf(member.nodes, packed, rows, n_cols, &mut leaves, |row, leaf| {
                                let outputs = walk::values_of(member.values, leaf, 1)?;
                                sums[row * n_columns + at] += scale * outputs[0];
                                Ok(())
                            })
                        }
                    }
                })
            })
        })?;
    }
    Ok(sums)
}

/// Predictions after each stage, of shape (stages, n_samples, `n_columns`): see [`add`].
///
/// # Errors
/// As [`add`].
pub fn stages(
    ctx: &Context,
    members: &[Member],
    scale: f64,
    samples: Samples,
    raw: &[f64],
    n_columns: usize,
) -> Result<Vec<f64>> {
    let stages = members.chunks_exact(n_columns);
    let mut all: Vec<f64> = memory::try_with_capacity(memory::checked_len(stages.len(), raw.len())?)?;
    for stage in stages {
        let before = all.len().checked_sub(raw.len()).map_or(raw, |start| &all[start..]);
        let after = add(ctx, stage, scale, samples, before, n_columns)?;
        all.extend(after);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Node;
    use crate::tree::check::tests::chain;
    use crate::tree::grow::{CriterionKind, SplitterKind};

    fn params(rule: Rule) -> Params<'static> {
        let tree = grow::Params {
            criterion: CriterionKind::SquaredError,
            splitter: SplitterKind::Best,
            max_depth: 1,
            min_samples_split: 2,
            min_samples_leaf: 1,
            min_weight_leaf: 0.0,
            max_features: 1,
            max_leaf_nodes: None,
            min_impurity_decrease: 0.0,
            monotonic: None,
        };
        Params { tree, min_weight_fraction_leaf: 0.0, ccp_alpha: 0.0, rule, learning_rate: 0.5 }
    }

    const X: [f32; 4] = [0.0, 1.0, 2.0, 3.0];

    fn stage<'a>(targets: &'a [f64], gradient: &'a [f64], raw: &'a [f64]) -> Stage<'a> {
        Stage { samples: Samples::Dense(&X, 1), targets, gradient, raw, weights: None, seen: None }
    }

    #[test]
    fn a_stage_goes_down_the_gradient_by_its_learning_rate() -> Result<()> {
        let ctx = Context::serial();
        let columns = Columns::dense(&ctx, &X, 4, 1)?;
        let stage = stage(&[1.0, 1.0, 5.0, 5.0], &[-1.0, -1.0, -5.0, -5.0], &[0.0; 4]);
        let fitted = fit(&ctx, &columns, &stage, &params(Rule::Mean), &[0])?;
        assert_eq!(fitted.trees[0].values, [3.0, 1.0, 5.0]);
        assert_eq!(fitted.raw, [0.5, 0.5, 2.5, 2.5]);
        Ok(())
    }

    #[test]
    fn rows_that_are_not_seen_are_predicted_all_the_same() -> Result<()> {
        let ctx = Context::serial();
        let columns = Columns::dense(&ctx, &X, 4, 1)?;
        let all = stage(&[1.0, 9.0, 5.0, 7.0], &[-1.0, -9.0, -5.0, -7.0], &[0.0; 4]);
        let stage = Stage { seen: Some(&[1, 0, 1, 1]), weights: Some(&[2.0, 1.0, 1.0, 1.0]), ..all };
        let fitted = fit(&ctx, &columns, &stage, &params(Rule::Quantile { percent: 100.0 }), &[0])?;
        // The threshold lies halfway between 0 and 2, and the row at 1 goes left with it.
        assert_eq!(fitted.raw, [0.5, 0.5, 3.5, 3.5]);
        assert_eq!(fitted.trees[0].nodes[0].weighted_n_node_samples, 4.0);
        Ok(())
    }

    #[test]
    fn each_tree_of_a_stage_has_its_class_and_column() -> Result<()> {
        let ctx = Context::serial();
        let columns = Columns::dense(&ctx, &X, 4, 1)?;
        let gradient = [-0.75, 0.25, -0.75, 0.25, 0.25, -0.75, 0.25, -0.75];
        let stage = stage(&[0.0, 0.0, 1.0, 1.0], &gradient, &[0.0; 8]);
        let fitted = fit(&ctx, &columns, &stage, &params(Rule::Newton { factor: 0.5 }), &[0, 1])?;
        // 0.5 * 0.75 / (0.25 * 0.75) for the class, 0.5 * -0.25 / (0.25 * 0.75) for the other.
        let (up, down) = (1.0, 0.5 * (0.5 * -0.25 / (0.25 * 0.75)));
        assert_eq!(fitted.raw, [up, down, up, down, down, up, down, up]);
        let members: Vec<Member> =
            fitted.trees.iter().map(|tree| Member { nodes: &tree.nodes, values: &tree.values }).collect();
        for n in [1, 4] {
            let (samples, raw) = (Samples::Dense(&X[..n], 1), &[0.0; 8][..2 * n]);
            assert_eq!(add(&ctx, &members, 0.5, samples, raw, 2)?, fitted.raw[..2 * n]);
        }
        Ok(())
    }

    #[test]
    fn stages_add_up_shallow_or_deep() -> Result<()> {
        let ctx = Context::serial();
        let trees: Vec<_> = [1, 3, 7, 40].map(chain).into_iter().collect();
        let values: Vec<f64> = (0..90).map(|i| 1.0 / f64::from(i + 1)).collect();
        let members: Vec<_> = trees.iter().map(|nodes| Member { nodes, values: &values }).collect();
        let rows: Vec<f32> = (0..50).map(|i| i as f32 - 0.5).collect();
        let mut raw: Vec<f64> = rows.iter().map(|&x| f64::from(x) / 3.0).collect();
        let mut expected = Vec::new();
        for nodes in &trees {
            for (sum, row) in raw.iter_mut().zip(rows.chunks(1)) {
                *sum += 0.3 * values[walk::leaf(nodes, row)?];
            }
            expected.extend(raw.clone());
        }
        let first: Vec<f64> = rows.iter().map(|&x| f64::from(x) / 3.0).collect();
        let samples = Samples::Dense(&rows, 1);
        assert_eq!(stages(&ctx, &members, 0.3, samples, &first, 1)?, expected);
        assert_eq!(add(&ctx, &members, 0.3, samples, &first, 1)?, expected[150..]);
        for (i, row) in rows.chunks(1).enumerate() {
            let one = add(&ctx, &members, 0.3, Samples::Dense(row, 1), &first[i..=i], 1)?;
            assert_eq!(one, expected[150 + i..=150 + i]);
        }
        Ok(())
    }

    #[test]
    fn what_does_not_fit_together_is_an_error() -> Result<()> {
        let ctx = Context::serial();
        let columns = Columns::dense(&ctx, &X, 4, 1)?;
        let (four, five) = ([0.0; 4], [0.0; 5]);
        for wrong in [
            stage(&five, &four, &four),
            stage(&four, &five, &four),
            stage(&four, &four, &five),
            Stage { seen: Some(&[1; 5]), ..stage(&four, &four, &four) },
            Stage { weights: Some(&five), ..stage(&four, &four, &four) },
        ] {
            assert!(fit(&ctx, &columns, &wrong, &params(Rule::Mean), &[0]).is_err());
        }
        let leaf = Node::leaf(0.0, 1, 1.0);
        let member = Member { nodes: &[leaf], values: &[] };
        assert!(add(&ctx, &[member], 1.0, Samples::Dense(&X, 1), &four, 1).is_err());
        assert!(add(&ctx, &[], 1.0, Samples::Dense(&X, 1), &five, 1).is_err());
        Ok(())
    }
}
