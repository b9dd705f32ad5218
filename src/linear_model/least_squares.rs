//! Least squares of dense rows: all rows become a triangle with the same singular values and the same solutions.
//!
//! Much data go through the matrix of products and its Cholesky factor, one pass at the speed of products, where that
//! loses no more than a few digits: an estimate of the norm of the inverse says so. Otherwise, and for little data,
//! which cost nothing either way, the rows themselves go through Householder's reflections. What is then left to do,
//! whatever the number of rows, is a problem of as many rows as there are features.
//!
//! Reference: Å. Björck, "Numerical Methods for Least Squares Problems", 1996.

use super::normal_equations::{Center, Moments, Table};
use super::refine::refine;
use crate::common::context::Blocks;
use crate::common::float::power_below;
use crate::common::{Context, Error, Float, Result, memory, parallel};
use crate::linalg::cholesky::{factorize, inverse_norm, solve_upper};
use crate::linalg::qr::StreamingR;

/// Multiply-adds of reflections that are not worth a look at the matrix of products.
const SMALL: usize = 1_000_000;
/// Values of a table that is so small that its solution is refined to the last digits.
const TINY: usize = 5_000;
/// Largest norm of the inverse of the matrix of products, scaled to a unit diagonal, whose solutions are taken: of
/// sixteen digits five may go.
const MAX_INVERSE: f64 = 1e5;
/// Least pivot, of about one, that is not noise.
const MIN_PIVOT: f64 = 1e-9;
/// Rows of a block of reflections: its columns pass by in the second cache.
const BLOCK_ROWS: usize = 128;
/// Triangles that are made on their own.
const MAX_TRIANGLES: usize = 32;

/// A smaller problem with the same solutions.
pub struct Fit {
    /// Means and the unit.
    pub center: Center,
    /// Row-major of shape (m, n_features), in the unit: a triangle of `n_features` rows, or the rows themselves where
    /// they are no more.
    pub rows: Vec<f64>,
    /// Row-major of shape (m, n_targets).
    pub targets: Vec<f64>,
    /// The solution of the triangle, row-major of shape (n_targets, n_features), for the data as they came, unless the
    /// triangle has a zero on its diagonal.
    pub coef: Option<Vec<f64>>,
    /// The intercepts that belong to it, shape (n_targets,), where the solution was refined.
    pub intercept: Option<Vec<f64>>,
}

/// Reduces least squares to a triangle.
///
/// # Errors
/// [`Error::InvalidArgument`] if the weights have no sum or the sums are not finite; [`Error::OutOfMemory`];
/// [`Error::Interrupted`].
pub fn reduce<F: Float>(ctx: &Context, table: &Table<F>, fit_intercept: bool) -> Result<Fit> {
    let (n_rows, n) = (table.n_rows(), table.n_features());
    let fit = if n_rows <= n {
        let center = table.center(ctx, fit_intercept)?;
        themselves(table, center)?
    } else {
        let moments = table.moments(ctx, fit_intercept)?;
        let is_small = n_rows.saturating_mul(n).saturating_mul(n) <= SMALL;
        let factor = if is_small { Err(moments.center) } else { factor(ctx, table, moments)? };
        match factor {
            Ok(fit) => fit,
            Err(center) => reflected(ctx, table, center, fit_intercept)?,
        }
    };
    let is_finite = |values: &[f64]| values.iter().all(|value| value.is_finite());
    if !is_finite(&fit.rows) || !is_finite(&fit.targets) {
        return Err(Error::InvalidArgument("sums over the data are not finite"));
    }
    Ok(fit)
}

/// The rows about their means.
fn themselves<F: Float>(table: &Table<F>, center: Center) -> Result<Fit> {
    let mut rows = memory::try_with_capacity(memory::checked_len(table.n_rows(), table.n_features())?)?;
    let mut targets = memory::try_with_capacity(memory::checked_len(table.n_rows(), table.targets.n_targets)?)?;
    for row in 0..table.n_rows() {
        let root = table.targets.root(row);
        rows.extend(table.centred(row, &center, root));
        targets.extend(table.targets.centred(row, &center.target_means, root));
    }
    Ok(Fit { center, rows, targets, coef: None, intercept: None })
}

/// The triangle by way of the products, or the means if that would cost digits.
fn factor<F: Float>(ctx: &Context, table: &Table<F>, moments: Moments) -> Result<Result<Fit, Center>> {
    let (n, n_targets) = (table.n_features(), table.targets.n_targets);
    let Moments { center, products: mut a, stride } = moments;
    // To a diagonal between one and four, by powers of two, which cost no digits.
    let scales: Vec<f64> = (0..n).map(|i| power_below(a[i * stride + i].sqrt())).collect();
    if scales.iter().any(|scale| !(scale.is_normal() && scale.recip().is_normal())) {
        return Ok(Err(center));
    }
    for (i, row) in a.chunks_exact_mut(stride).enumerate().take(n) {
        row[i..n].iter_mut().zip(&scales[i..]).for_each(|(value, scale)| *value /= scales[i] * scale);
        row[n..n + n_targets].iter_mut().for_each(|value| *value /= scales[i]);
    }
    let is_safe = factorize(ctx, &mut a, stride, n, n + n_targets, MIN_PIVOT)?
        && inverse_norm(ctx, &a, stride, n)? <= MAX_INVERSE;
    if !is_safe {
        return Ok(Err(center));
    }
    let mut triangle = StreamingR::new(n, n + n_targets)?;
    for (i, (row, factors)) in triangle.values.chunks_exact_mut(n + n_targets).zip(a.chunks_exact(stride)).enumerate() {
        row[i..].copy_from_slice(&factors[i..n + n_targets]);
        row[i..n].iter_mut().zip(&scales[i..]).for_each(|(value, scale)| *value *= scale);
    }
    Ok(Ok(solved(&triangle, center)?))
}

/// The triangle by reflections.
fn reflected<F: Float>(ctx: &Context, table: &Table<F>, mut center: Center, fit_intercept: bool) -> Result<Fit> {
    center.unit = table.unit(ctx, &center.means)?;
    let (n, n_cols) = (table.n_features(), table.n_features() + table.targets.n_targets);
    let blocks = Blocks::new(table.n_rows(), (8 * n).max(8 * BLOCK_ROWS), MAX_TRIANGLES);
    let parts = parallel::map_with(
        ctx,
        blocks.ranges().collect(),
        || memory::try_filled(memory::checked_len(n_cols, BLOCK_ROWS)?, 0.0),
        |block, rows| {
            let mut triangle = StreamingR::new(n, n_cols)?;
            for start in rows.clone().step_by(BLOCK_ROWS) {
                ctx.check()?;
                let height = (rows.end - start).min(BLOCK_ROWS);
                for position in 0..height {
                    let row = start + position;
                    let root = table.targets.root(row);
                    let targets = table.targets.centred(row, &center.target_means, root);
                    let values = table.centred(row, &center, root).chain(targets);
                    values.enumerate().for_each(|(column, value)| block[column * height + position] = value);
                }
                triangle.update(&mut block[..n_cols * height], height);
            }
            Ok(triangle)
        },
    )?;
    let mut parts = parts.into_iter();
    let mut triangle = parts.next().map_or_else(|| StreamingR::new(n, n_cols), Ok)?;
    for part in parts {
        ctx.check()?;
        triangle.merge(&part)?;
    }
    let mut fit = solved(&triangle, center)?;
    if let Some(coef) = fit.coef.as_mut().filter(|_| table.n_rows().saturating_mul(n) <= TINY) {
        let mut intercepts = Vec::new();
        for (target, coef) in coef.chunks_exact_mut(n).enumerate() {
            ctx.check()?;
            coef.iter_mut().for_each(|value| *value /= fit.center.unit);
            intercepts.push(refine(table, &fit.center, fit_intercept, &fit.rows, target, coef)?);
            coef.iter_mut().for_each(|value| *value *= fit.center.unit);
        }
        fit.intercept = Some(intercepts);
    }
    Ok(fit)
}

/// Takes a triangle apart and solves it.
fn solved(triangle: &StreamingR, center: Center) -> Result<Fit> {
    let (n, n_targets) = (triangle.n, triangle.n_cols - triangle.n);
    let mut rows = memory::try_with_capacity(memory::checked_len(n, n)?)?;
    let mut targets = memory::try_with_capacity(memory::checked_len(n, n_targets)?)?;
    for row in triangle.values.chunks_exact(triangle.n_cols) {
        rows.extend_from_slice(&row[..n]);
        targets.extend_from_slice(&row[n..]);
    }
    let has_zero = (0..n).any(|i| rows[i * n + i] == 0.0);
    let coef = if has_zero { None } else { Some(solutions(&rows, &targets, n, n_targets, center.unit)?) };
    Ok(Fit { center, rows, targets, coef, intercept: None })
}

fn solutions(rows: &[f64], targets: &[f64], n: usize, n_targets: usize, unit: f64) -> Result<Vec<f64>> {
    let mut coef = memory::try_filled(memory::checked_len(n_targets, n)?, 0.0)?;
    for (target, coef) in coef.chunks_exact_mut(n).enumerate() {
        coef.iter_mut().enumerate().for_each(|(row, value)| *value = targets[row * n_targets + target]);
        solve_upper(rows, n, coef);
        coef.iter_mut().for_each(|value| *value *= unit);
    }
    Ok(coef)
}

#[cfg(test)]
mod tests {
    use super::super::normal_equations::Targets;
    use super::*;
    use crate::common::random::Mt19937;
    use crate::linalg::Dense;

    fn noise(len: usize, seed: u32) -> Vec<f64> {
        let mut random = Mt19937::seeded(seed);
        (0..len).map(|_| random.next_f64() - 0.5).collect()
    }

    /// Both ways to the triangle of the same rows.
    fn both(values: &[f64], y: &[f64], n: usize) -> (Option<Fit>, Fit) {
        let x = Dense::new(values, values.len() / n, n).expect("shape");
        let table = Table { x: &x, targets: Targets { y, weights: None, n_targets: 1 } };
        let ctx = Context::serial();
        let fast = factor(&ctx, &table, table.moments(&ctx, true).expect("moments")).expect("memory").ok();
        (fast, reflected(&ctx, &table, table.center(&ctx, true).expect("center"), true).expect("memory"))
    }

    #[test]
    fn both_ways_find_the_coefficients() {
        let (n_rows, n) = (3000, 7);
        let values = noise(n_rows * n, 1);
        let truth: Vec<f64> = (0..n).map(|column| column as f64 - 2.5).collect();
        let y: Vec<f64> =
            values.chunks_exact(n).map(|row| 3.0 + row.iter().zip(&truth).map(|(a, b)| a * b).sum::<f64>()).collect();
        let (fast, slow) = both(&values, &y, n);
        for fit in [fast.expect("a good condition"), slow] {
            let coef = fit.coef.expect("full rank");
            assert!(coef.iter().zip(&truth).all(|(found, expected)| (found - expected).abs() < 1e-12));
        }
    }

    #[test]
    fn near_collinear_columns_are_reflected() {
        let (n_rows, n) = (2000, 3);
        let mut values = noise(n_rows * n, 2);
        values.chunks_exact_mut(n).for_each(|row| row[2] = row[0] + row[1] + 1e-5 * row[2]);
        let y: Vec<f64> = values.chunks_exact(n).map(|row| row.iter().sum()).collect();
        let (fast, slow) = both(&values, &y, n);
        assert!(fast.is_none(), "an inverse as large as this costs digits");
        let coef = slow.coef.expect("full rank");
        assert!(coef.iter().all(|value| (value - 1.0).abs() < 1e-9), "{coef:?}");
    }

    #[test]
    fn as_many_rows_as_features_stay_themselves() {
        let values = noise(12, 3);
        let x = Dense::new(&values, 3, 4).expect("shape");
        let y = [1.0, 2.0, 3.0];
        let table = Table { x: &x, targets: Targets { y: &y, weights: None, n_targets: 1 } };
        let fit = reduce(&Context::serial(), &table, false).expect("memory");
        assert!(fit.rows == values && fit.targets == y && fit.coef.is_none());
    }

    #[test]
    fn huge_and_tiny_features_are_read_in_a_unit() {
        let (n_rows, n) = (50, 2);
        for scale in [1e-280, 1e280] {
            let values: Vec<f64> = noise(n_rows * n, 4).iter().map(|value| value * scale).collect();
            let y: Vec<f64> = values.chunks_exact(n).map(|row| (row[0] - row[1]) / scale).collect();
            let (_, fit) = both(&values, &y, n);
            let coef = fit.coef.expect("full rank");
            assert!((coef[0] * scale - 1.0).abs() < 1e-12 && (coef[1] * scale + 1.0).abs() < 1e-12, "{coef:?}");
        }
    }
}
