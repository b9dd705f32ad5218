//! Bagging: trees that each see a subsample of the rows and of the features, grown side by side.
//!
//! Rows count as often as they were drawn. The data are ranked once ([`Columns`]) for all trees, and a tree that sees some
//! of the features sees those columns: nothing is copied.
//!
//! References: as [`super::subsample`].

use super::forest::{Params, grown, own_seed};
use super::subsample::{Subsample, Subsamples};
use crate::common::error::check_length;
use crate::common::{Context, Result, memory, parallel};
use crate::tree::Tree;
use crate::tree::grow::{Columns, Targets};

/// A tree and the features that it sees.
#[derive(Debug)]
pub struct Bagged {
    /// The tree, over `features`.
    pub tree: Tree,
    /// The features drawn, in their order.
    pub features: Vec<usize>,
    /// The seed that the tree has drawn for itself.
    pub seed: u32,
}

/// One tree for each of `seeds`, in their order. `weights` of shape (n_rows,) multiply how often rows were drawn; None:
/// all 1.
///
/// # Errors
/// Arguments that do not fit together, more to draw than there is, memory refused, or an interruption.
pub fn fit(
    ctx: &Context,
    columns: &Columns,
    targets: &Targets,
    weights: Option<&[f64]>,
    subsamples: &Subsamples,
    params: &Params,
    seeds: &[u32],
) -> Result<Vec<Bagged>> {
    let n_rows = columns.n_rows();
    check_length("rows of the subsamples", subsamples.n_rows(), n_rows)?;
    check_length("weights", weights.map_or(n_rows, <[f64]>::len), n_rows)?;
    columns.prepare_for(ctx, &params.tree, subsamples.features_each())?;
    // Threads that have no tree of their own help with the others.
    let each = if seeds.len() < ctx.threads() { *ctx } else { ctx.alone() };
    parallel::map_with(
        ctx,
        seeds.to_vec(),
        || memory::try_filled(n_rows, 0.0),
        |counts, seed| {
            let Subsample { rows, features } = subsamples.draw(seed)?;
            counts.fill(0.0);
            rows.iter().for_each(|&row| counts[row] += 1.0);
            if let Some(weights) = weights {
                counts.iter_mut().zip(weights).for_each(|(count, weight)| *count *= weight);
            }
            let chosen = if subsamples.have_all_features() { None } else { Some(columns.select(&features)?) };
            let columns = chosen.as_ref().unwrap_or(columns);
            let seed = own_seed(seed);
            let tree = grown(&each, columns, targets, Some(counts), params, own_seed(seed))?;
            Ok(Bagged { tree, features, seed })
        },
    )
}
