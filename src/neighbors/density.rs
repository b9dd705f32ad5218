//! Local densities and the local outlier factor.
//!
//! Breunig, Kriegel, Ng, Sander: *LOF: identifying density-based local outliers* (SIGMOD 2000). A row's density is the
//! inverse of the mean distance at which its neighbours reach it, no neighbour reaching farther than to its own k-th.

use crate::common::context::Blocks;
use crate::common::error::check_length;
use crate::common::{Context, Error, Result, memory, parallel};
use crate::linalg::norms::pairwise_sum;

/// Keeps densities of repeated rows finite, as in scikit-learn.
const FLOOR: f64 = 1e-10;

/// Neighbours of rows, `k` each: distances and indices, row-major with shape `(n_rows, k)`.
#[derive(Debug, Clone, Copy)]
pub struct Neighborhoods<'a> {
    /// Distances.
    pub distances: &'a [f64],
    /// Indices.
    pub indices: &'a [i64],
    /// Neighbours of a row.
    pub k: usize,
}

/// Densities of rows, shape `(n_rows,)`. `reach[i]` is the distance of training row `i` to its own k-th neighbour.
///
/// # Errors
/// [`Error::Shape`], [`Error::Corrupt`] for an index without a row, [`Error::OutOfMemory`].
pub fn reachability(ctx: &Context, near: Neighborhoods, reach: &[f64]) -> Result<Vec<f64>> {
    check_length("distances", near.distances.len(), near.indices.len())?;
    by_row(ctx, near, |row, terms| {
        for (index, &distance) in row.clone().zip(&near.distances[row]) {
            let reach =
                reach.get(near.indices[index] as usize).ok_or(Error::Corrupt("a neighbour is no fitted row"))?;
            terms.push(distance.max(*reach));
        }
        Ok(1.0 / (pairwise_sum(terms) / near.k as f64 + FLOOR))
    })
}

/// The mean of the neighbours' densities over the row's own, shape `(n_rows,)`. `densities` are those of the training
/// rows, `own` those of the rows asked for; distances are not looked at.
///
/// # Errors
/// As [`reachability`].
pub fn outlier_factor(ctx: &Context, near: Neighborhoods, densities: &[f64], own: &[f64]) -> Result<Vec<f64>> {
    check_length("own_density", own.len() * near.k, near.indices.len())?;
    by_row(ctx, near, |row, terms| {
        let own = own[row.start / near.k];
        for &index in &near.indices[row] {
            let density = densities.get(index as usize).ok_or(Error::Corrupt("a neighbour is no fitted row"))?;
            terms.push(density / own);
        }
        Ok(pairwise_sum(terms) / near.k as f64)
    })
}

/// Applies `of` to the entries of each row, with an empty buffer.
fn by_row(
    ctx: &Context,
    near: Neighborhoods,
    of: impl Fn(std::ops::Range<usize>, &mut Vec<f64>) -> Result<f64> + Sync,
) -> Result<Vec<f64>> {
    check_length("neighbours of a row", near.k.min(1), 1)?;
    let n_rows = near.indices.len() / near.k;
    let parts = parallel::map(ctx, Blocks::new(n_rows, 1024, 64).ranges().collect(), |rows| {
        let mut out = memory::try_with_capacity(rows.len())?;
        let mut terms = memory::try_with_capacity(near.k)?;
        for row in rows {
            terms.clear();
            out.push(of(row * near.k..(row + 1) * near.k, &mut terms)?);
        }
        Ok(out)
    })?;
    let mut all = memory::try_with_capacity(n_rows)?;
    parts.iter().for_each(|part| all.extend_from_slice(part));
    Ok(all)
}
