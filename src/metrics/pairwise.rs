//! Euclidean distances from rows to points, shape `(n_rows, n_points)`.
//!
//! Expanded as `|x|² - 2 x·y + |y|²` in f64 whatever the input type, clamped at 0, as scikit-learn's
//! `euclidean_distances` computes them.

use crate::common::context::Blocks;
use crate::common::error::check_length;
use crate::common::{Context, Float, Result, memory, parallel};
use crate::linalg::{Norm, Rows, Scratch};

/// Rows whose distances are computed before they are written out: small enough for the first cache.
const STRIPE: usize = 48;

/// Distances of every row of `x` to every point of `points`, given row-major with shape `(n_points, n_cols)`, into
/// `out`, row-major with shape `(n_rows, n_points)`.
///
/// # Errors
/// [`crate::common::Error::Shape`], [`crate::common::Error::OutOfMemory`], [`crate::common::Error::Interrupted`].
pub fn euclidean_distances<F: Float, R: Rows<F>>(ctx: &Context, x: &R, points: &[F], out: &mut [F]) -> Result<()> {
    let n_points = points.len() / x.n_cols();
    check_length("distances", out.len(), memory::checked_len(x.n_rows(), n_points)?)?;
    if out.is_empty() {
        return Ok(());
    }
    let mut wide = memory::try_with_capacity(points.len())?;
    wide.extend(points.iter().map(|value| value.to_f64()));
    let panels = x.pack(&wide)?;
    let blocks = Blocks::new(x.n_rows(), 256, 256);
    let jobs: Vec<_> = blocks.ranges().zip(out.chunks_mut(blocks.rows() * n_points)).collect();
    let stripe_len = memory::checked_len(STRIPE, n_points)?;
    let scratch = || Ok((Scratch::default(), memory::try_filled(stripe_len, 0.0)?, [0.0; STRIPE]));
    parallel::map_with(ctx, jobs, scratch, |(scratch, squares, norms), (range, out)| {
        for (start, out) in range.clone().step_by(STRIPE).zip(out.chunks_mut(STRIPE * n_points)) {
            let rows = start..(start + STRIPE).min(range.end);
            let (norms, squares) = (&mut norms[..rows.len()], &mut squares[..rows.len() * n_points]);
            x.squared_norms(rows.clone(), scratch, norms);
            x.distances(rows.clone(), norms, &panels, Norm::Row, scratch, squares);
            for (position, out) in out.chunks_exact_mut(n_points).enumerate() {
                for (point, distance) in out.iter_mut().enumerate() {
                    // Rounded to the type of the input before the root is taken, as scikit-learn does.
                    *distance = F::from_f64(squares[point * rows.len() + position]).sqrt();
                }
            }
        }
        Ok(())
    })?;
    Ok(())
}
