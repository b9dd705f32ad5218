//! The update of the centres after the sums are known: relocation of empty clusters, means, movement.

use super::host::Host;
use crate::common::context::Blocks;
use crate::common::{Context, Float, Result, memory, parallel};
use crate::linalg::{Rows, Scratch, norms};

/// Gives every cluster without weight the row that is farthest from its centre: the row's share moves from its old
/// cluster to the empty one. `sums` and `totals` are the weighted sums and total weights of the clusters.
pub(super) fn relocate_empty<F: Float, R: Rows<F>>(
    ctx: &Context,
    x: &R,
    weights: Option<&[F]>,
    centers: &[F],
    labels: &[i32],
    sums: &mut [F],
    totals: &mut [F],
    host: &dyn Host<F>,
) -> Result<()> {
    let empty: Vec<usize> = (0..totals.len()).filter(|&cluster| totals[cluster] == F::ZERO).collect();
    if empty.is_empty() {
        return Ok(());
    }
    let n_cols = x.n_cols();
    let mut distances = memory::try_filled(x.n_rows(), F::ZERO)?;
    let norms: Vec<F> = centers.chunks_exact(n_cols).map(norms::squared_norm).collect();
    let blocks = Blocks::new(x.n_rows(), 1024, 64);
    let jobs: Vec<_> = blocks.ranges().zip(distances.chunks_mut(blocks.rows())).collect();
    parallel::map_with(
        ctx,
        jobs,
        || Ok(Scratch::default()),
        |scratch, (range, out)| {
            for (out, row) in out.iter_mut().zip(range) {
                let cluster = labels[row] as usize;
                let center = &centers[cluster * n_cols..][..n_cols];
                *out = x.squared_distance_pairwise(row, center, norms[cluster], scratch);
            }
            Ok(())
        },
    )?;
    if distances.iter().all(|&distance| distance == F::ZERO) {
        return Ok(()); // fewer different rows than clusters: there is nowhere to go
    }
    let farthest = host.largest(&distances, empty.len())?;
    let mut fraction = memory::try_filled(n_cols, F::ZERO)?;
    for (&cluster, &row) in empty.iter().zip(&farthest) {
        let weight = weights.map_or(F::ONE, |weights| weights[row]);
        let old = labels[row] as usize;
        fraction.fill(F::ZERO);
        x.assign_row(row, weight, &mut fraction);
        for (sum, &fraction) in sums[old * n_cols..][..n_cols].iter_mut().zip(&fraction) {
            *sum -= fraction;
        }
        sums[cluster * n_cols..][..n_cols].copy_from_slice(&fraction);
        totals[cluster] = weight;
        totals[old] -= weight;
    }
    Ok(())
}

/// Turns sums into means in place. A cluster still without weight takes the place of the heaviest one: its mean if that
/// comes earlier, its sum if it comes later (as scikit-learn has it).
pub(super) fn average<F: Float>(sums: &mut [F], totals: &[F], n_cols: usize) {
    let heaviest = first_largest(totals);
    for cluster in 0..totals.len() {
        if totals[cluster] > F::ZERO {
            let scale = F::ONE / totals[cluster];
            sums[cluster * n_cols..][..n_cols].iter_mut().for_each(|value| *value *= scale);
        } else {
            sums.copy_within(heaviest * n_cols..(heaviest + 1) * n_cols, cluster * n_cols);
        }
    }
}

fn first_largest<F: Float>(values: &[F]) -> usize {
    (1..values.len()).fold(0, |most, index| if values[index] > values[most] { index } else { most })
}

/// How far each centre moved.
pub(super) fn movement<F: Float>(new: &[F], old: &[F], n_cols: usize, out: &mut [F]) {
    for ((out, new), old) in out.iter_mut().zip(new.chunks_exact(n_cols)).zip(old.chunks_exact(n_cols)) {
        *out = norms::squared_distance(new, old).sqrt();
    }
}
