//! Isolation forests: random trees on few rows each, in which what is rare is alone early.
//!
//! A tree sees some hundred rows of the data, so the data are never ranked as a whole: each tree has its own rows copied
//! out and ranked, a table that stays in the nearest cache. What a tree learns is noise; only its shape counts.
//!
//! Reference: F. T. Liu, K. M. Ting, Z.-H. Zhou, "Isolation forest", ICDM 2008.

use super::forest::own_seed;
use super::subsample::{Draws, Subsample, Subsamples};
use crate::common::error::check_length;
use crate::common::{Context, Result, memory, parallel};
use crate::tree::Tree;
use crate::tree::grow::{self, Columns, CriterionKind, SplitterKind, Targets};
use crate::tree::walk::Samples;

/// Parameters.
#[derive(Debug, Clone)]
pub struct Params {
    /// Rows drawn for each tree.
    pub n_draws: usize,
    /// Whether a row may be drawn more than once.
    pub replace: bool,
    /// Features drawn for each tree, without replacement.
    pub n_features: usize,
    /// Most edges between the root and a leaf.
    pub max_depth: usize,
}

/// A tree of an isolation forest.
#[derive(Debug)]
pub struct Isolated {
    /// The tree, over `features`.
    pub tree: Tree,
    /// The features drawn, in their order.
    pub features: Vec<usize>,
    /// The seed that the tree has drawn for itself.
    pub seed: u32,
}

/// One tree for each of `seeds`, in their order. `targets` of shape (n_rows,); `probabilities` of the same shape, None:
/// all rows alike.
///
/// # Errors
/// Arguments that do not fit together, more to draw than there is, memory refused, or an interruption.
pub fn fit(
    ctx: &Context,
    samples: Samples,
    targets: &[f64],
    probabilities: Option<&[f64]>,
    params: &Params,
    seeds: &[u32],
) -> Result<Vec<Isolated>> {
    let n_rows = samples.n_rows();
    check_length("targets", targets.len(), n_rows)?;
    let rows = Draws { n: params.n_draws, replace: params.replace };
    let features = Draws { n: params.n_features, replace: false };
    let subsamples = Subsamples::new((n_rows, samples.n_cols()), probabilities, rows, features)?;
    let own = grow::Params {
        criterion: CriterionKind::SquaredError,
        splitter: SplitterKind::Random,
        max_depth: params.max_depth,
        min_samples_split: 2,
        min_samples_leaf: 1,
        min_weight_leaf: 0.0,
        max_features: 1,
        max_leaf_nodes: None,
        min_impurity_decrease: 0.0,
        monotonic: None,
    };
    let alone = ctx.alone();
    parallel::map(ctx, seeds.to_vec(), |seed| {
        let Subsample { rows: mut drawn, features } = subsamples.draw(seed)?;
        drawn.sort_unstable();
        let mut weights: Vec<f64> = memory::try_with_capacity(drawn.len())?;
        let mut rows: Vec<usize> = memory::try_with_capacity(drawn.len())?;
        for row in drawn {
            match weights.last_mut() {
                Some(weight) if rows.last() == Some(&row) => *weight += 1.0,
                _ => {
                    rows.push(row);
                    weights.push(1.0);
                }
            }
        }
        let table = table(samples, &rows, &features)?;
        let mut values = memory::try_with_capacity(rows.len())?;
        values.extend(rows.iter().map(|&row| targets[row]));
        let columns = Columns::dense(&alone, &table, rows.len(), features.len())?;
        let seed = own_seed(seed);
        let targets = Targets::Values { values: &values, n_outputs: 1 };
        let tree = grow::grow(&alone, &columns, &targets, Some(&weights), &own, own_seed(seed))?;
        Ok(Isolated { tree, features, seed })
    })
}

/// Some features of some rows, of shape (`rows.len()`, `features.len()`).
fn table(samples: Samples, rows: &[usize], features: &[usize]) -> Result<Vec<f32>> {
    let mut table = memory::try_filled(memory::checked_len(rows.len(), features.len())?, 0.0)?;
    let lines = rows.iter().zip(table.chunks_exact_mut(features.len().max(1)));
    match samples {
        Samples::Dense(values, n_cols) => {
            for (&row, line) in lines {
                let from = &values[row * n_cols..(row + 1) * n_cols];
                line.iter_mut().zip(features).for_each(|(cell, &feature)| *cell = from[feature]);
            }
        }
        Samples::Csr(csr, _, n_cols) => {
            let mut places = memory::try_filled(n_cols, usize::MAX)?;
            features.iter().enumerate().for_each(|(place, &feature)| places[feature] = place);
            for (&row, line) in lines {
                for (column, value) in csr.row(row) {
                    if let Some(cell) = line.get_mut(places[column]) {
                        *cell = value;
                    }
                }
            }
        }
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::Csr;

    #[test]
    fn what_is_far_away_is_alone_soon_whether_dense_or_sparse() -> Result<()> {
        let ctx = Context::serial();
        let mut values: Vec<f32> = (0..200).map(|i| (i * 37 % 101) as f32 / 101.0 + 0.01).collect();
        values[198] = 50.0;
        let (columns, starts): (Vec<u32>, Vec<usize>) =
            ((0..200).map(|i| i % 2).collect(), (0..=100).map(|i| 2 * i).collect());
        let csr = Csr::new(&values, &columns, &starts, 2)?;
        let targets: Vec<f64> = (0..100).map(f64::from).collect();
        let params = Params { n_draws: 100, replace: false, n_features: 2, max_depth: 7 };
        let seeds: Vec<u32> = (0..200).collect();
        let dense = fit(&ctx, Samples::Dense(&values, 2), &targets, None, &params, &seeds)?;
        let sparse = fit(&ctx, Samples::Csr(&csr, 100, 2), &targets, None, &params, &seeds)?;
        let mut far = 0;
        for (dense, sparse) in dense.iter().zip(&sparse) {
            assert_eq!(dense.tree, sparse.tree);
            let root = dense.tree.nodes[0];
            let feature = usize::try_from(root.feature).ok().map(|place| dense.features[place]);
            let right = usize::try_from(root.right_child).ok().map(|right| dense.tree.nodes[right]);
            far += usize::from(feature == Some(0) && right.is_some_and(|right| right.n_node_samples == 1));
        }
        // Of the thresholds for the first feature nearly all part the far row from the others.
        assert!((70..130).contains(&far), "{far} of 200");
        Ok(())
    }

    #[test]
    fn more_than_there_is_cannot_be_drawn() {
        let params = Params { n_draws: 3, replace: false, n_features: 1, max_depth: 2 };
        let samples = Samples::Dense(&[1.0, 2.0], 1);
        assert!(fit(&Context::serial(), samples, &[0.0; 2], None, &params, &[0]).is_err());
        assert!(fit(&Context::serial(), samples, &[0.0; 3], None, &params, &[0]).is_err());
    }
}
