//! Forests: trees that each see other rows, or draw other features, grown side by side.
//!
//! The data are prepared once ([`Columns`]) for all trees. A tree is one job, so as many trees grow at a time as there are
//! threads, and no more than their working memory is ever held; the rows of a tree are drawn when its job begins.
//!
//! References: L. Breiman, "Random forests", Machine Learning 45 (2001); P. Geurts, D. Ernst, L. Wehenkel, "Extremely
//! randomized trees", Machine Learning 63 (2006).

use super::bootstrap::Bootstrap;
use crate::common::error::check_length;
use crate::common::random::Mt19937;
use crate::common::{Context, Result, memory, pairwise, parallel};
use crate::tree::grow::{self, Columns, Targets};
use crate::tree::{Tree, prune};

/// A tree draws the seed of its own generator below this, as scikit-learn does.
const MAX_SEED: u64 = (1 << 31) - 2;

/// What a tree learns from.
#[derive(Debug)]
pub enum Rows<'a> {
    /// All rows, with weights of shape (`n_rows`,); None: all 1.
    All(Option<&'a [f64]>),
    /// Rows drawn for each tree, that count as often as they are drawn.
    Drawn {
        /// The draws.
        bootstrap: &'a Bootstrap,
        /// Whether the classes among the draws of a tree are to weigh the same.
        is_balanced: bool,
    },
}

/// Parameters.
#[derive(Debug, Clone)]
pub struct Params<'a> {
    /// Those of the trees; `min_weight_leaf` is set for each tree.
    pub tree: grow::Params<'a>,
    /// Smallest weight of a leaf, as a fraction of the weight of what the tree learns from.
    pub min_weight_fraction_leaf: f64,
    /// What a leaf must be worth for the branch above it to stay.
    pub ccp_alpha: f64,
}

/// One tree for each of `seeds`, in their order.
///
/// # Errors
/// Arguments that do not fit together, memory refused, or an interruption.
pub fn fit(
    ctx: &Context,
    columns: &Columns,
    targets: &Targets,
    rows: &Rows,
    params: &Params,
    seeds: &[u32],
) -> Result<Vec<Tree>> {
    let n_rows = columns.n_rows();
    if let Rows::Drawn { bootstrap, .. } = rows {
        check_length("rows of the bootstrap", bootstrap.n_rows(), n_rows)?;
    }
    columns.prepare(ctx, &params.tree)?; // once, for all
    // Threads that have no tree of their own help with the others.
    let each = if seeds.len() < ctx.threads() { *ctx } else { ctx.alone() };
    let scratch = || memory::try_filled(if matches!(rows, Rows::Drawn { .. }) { n_rows } else { 0 }, 0.0);
    parallel::map_with(ctx, seeds.to_vec(), scratch, |counts, seed| {
        let weights = match rows {
            Rows::All(weights) => *weights,
            Rows::Drawn { bootstrap, is_balanced } => {
                bootstrap.count(seed, counts);
                if let (true, Targets::Classes { codes, n_classes }) = (*is_balanced, targets) {
                    balance(counts, codes, n_classes)?;
                }
                Some(&**counts)
            }
        };
        grown(&each, columns, targets, weights, params, own_seed(seed))
    })
}

/// What an estimator with this seed draws: a tree the seed of its generator, a member of a bagging ensemble its own.
pub(super) fn own_seed(seed: u32) -> u32 {
    Mt19937::seeded(seed).at_max(MAX_SEED) as u32
}

/// One tree, pruned; `weights` of shape (n_rows,), None: all 1. `seed` is that of the tree's generator.
pub(super) fn grown(
    ctx: &Context,
    columns: &Columns,
    targets: &Targets,
    weights: Option<&[f64]>,
    params: &Params,
    seed: u32,
) -> Result<Tree> {
    let mut own = params.tree.clone();
    own.min_weight_leaf = params.min_weight_fraction_leaf * weights.map_or(columns.n_rows() as f64, pairwise::sum);
    let tree = grow::grow(ctx, columns, targets, weights, &own, seed)?;
    if params.ccp_alpha == 0.0 {
        return Ok(tree);
    }
    let shape = (tree.n_outputs, tree.max_n_classes);
    prune::prune(ctx, &tree.nodes, &tree.values, shape, columns.len(), params.ccp_alpha)
}

/// Multiplies how often each row was drawn by what makes the classes among the draws weigh the same: for each output
/// draws / (classes drawn * draws of the class). `codes` of shape (`counts.len()`, `n_classes.len()`).
fn balance(counts: &mut [f64], codes: &[u32], n_classes: &[usize]) -> Result<()> {
    let n_outputs = n_classes.len();
    let mut by_output = Vec::with_capacity(n_outputs);
    for (k, &n) in n_classes.iter().enumerate() {
        let mut weights = memory::try_filled(n, 0.0)?;
        for (row, count) in codes.chunks_exact(n_outputs).zip(&*counts) {
            weights[row[k] as usize] += count;
        }
        let drawn: f64 = weights.iter().sum();
        let n_drawn = weights.iter().filter(|&&weight| weight > 0.0).count() as f64;
        for weight in &mut weights {
            *weight = if *weight > 0.0 { drawn / (n_drawn * *weight) } else { 0.0 };
        }
        by_output.push(weights);
    }
    for (row, count) in codes.chunks_exact(n_outputs).zip(counts) {
        *count *= row.iter().zip(&by_output).fold(1.0, |product, (&code, weights)| product * weights[code as usize]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_that_were_drawn_weigh_the_same() -> Result<()> {
        let mut counts = [2.0, 0.0, 1.0, 1.0, 0.0];
        balance(&mut counts, &[0, 0, 1, 0, 2], &[3])?;
        // Four draws of two classes: 4 / (2 * 3) and 4 / (2 * 1).
        assert_eq!(counts, [2.0 * (4.0 / 6.0), 0.0, 2.0, 4.0 / 6.0, 0.0]);
        Ok(())
    }
}
