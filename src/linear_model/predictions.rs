//! What a linear model answers: products with the coefficients, plus the intercepts.

use crate::common::context::Blocks;
use crate::common::error::check_length;
use crate::common::{Context, Float, Result, memory, parallel};
use crate::linalg::products::Products;

/// Rows that are answered by one worker at a time, at least.
const MIN_ROWS: usize = 1024;
const MAX_BLOCKS: usize = 64;

/// A fitted model, in double precision.
#[derive(Debug, Clone, Copy)]
pub struct Model<'a> {
    /// Coefficients, row-major of shape (n_targets, n_features).
    pub coef: &'a [f64],
    /// Intercepts, shape (n_targets,).
    pub intercept: &'a [f64],
}

/// The answers, row-major of shape (n_rows, n_targets). Each is summed in double precision and rounded once.
///
/// # Errors
/// [`crate::common::Error::Shape`]; [`crate::common::Error::OutOfMemory`]; [`crate::common::Error::Interrupted`].
pub fn predictions<F: Float, G: Float>(ctx: &Context, x: &impl Products<F>, model: Model) -> Result<Vec<G>> {
    let n_targets = model.intercept.len();
    check_length("coef", model.coef.len(), memory::checked_len(n_targets, x.n_cols())?)?;
    let blocks = Blocks::new(x.n_rows(), MIN_ROWS, MAX_BLOCKS);
    let mut predictions = memory::try_filled(memory::checked_len(x.n_rows(), n_targets)?, G::ZERO)?;
    let parts = predictions.chunks_mut((blocks.rows() * n_targets).max(1));
    let jobs = blocks.ranges().zip(parts).collect();
    parallel::map_with(
        ctx,
        jobs,
        || memory::try_filled(memory::checked_len(blocks.rows(), n_targets)?, 0.0),
        |products, (rows, out)| {
            x.products(rows, model.coef, &mut products[..out.len()]);
            let sums = products.chunks_exact(n_targets).flat_map(|row| row.iter().zip(model.intercept));
            out.iter_mut().zip(sums).for_each(|(out, (sum, intercept))| *out = G::from_f64(sum + intercept));
            Ok(())
        },
    )?;
    Ok(predictions)
}
