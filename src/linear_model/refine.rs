//! The last digits of a solution: its residuals, in twice the precision, say what it lacks.
//!
//! The products of the features with the residuals vanish at the solution. What they are short of it, solved for by the
//! triangle of the features, is added, as long as it shrinks: where it does not, the triangle itself is not known well
//! enough, and the solution stays as it was.
//!
//! Reference: Å. Björck, "Stability analysis of the method of seminormal equations for linear least squares", 1987.

use super::normal_equations::{Center, Table};
use crate::common::double_double::DoubleDouble;
use crate::common::{Float, Result, memory};
use crate::linalg::cholesky::{solve_transposed, solve_upper};

/// Most steps; the second hardly changes a digit.
const STEPS: usize = 4;
/// A step that is larger than this fraction of the one before does not lead on.
const SHRINKING: f64 = 0.1;
/// Length of a change, relative to the coefficients, that rounding explains.
const ROUNDING: f64 = 4.0 * f64::EPSILON;

/// Corrects the solution `coef` for one target, shape (n_features,), in the unit of `center`, given the triangle `rows`,
/// row-major of shape (n_features, n_features).
///
/// Returns the intercept: the mean of what the features leave unexplained, zero without one.
///
/// # Errors
/// [`crate::common::Error::OutOfMemory`].
pub fn refine<F: Float>(
    table: &Table<F>,
    center: &Center,
    fit_intercept: bool,
    rows: &[f64],
    target: usize,
    coef: &mut [f64],
) -> Result<f64> {
    let n = coef.len();
    let lengths: Vec<f64> = (0..n).map(|column| rows[column..].iter().step_by(n).map(|x| x * x).sum()).collect();
    let size = |vector: &[f64]| -> f64 {
        vector.iter().zip(&lengths).map(|(value, length)| value * value * length).sum::<f64>().sqrt()
    };
    let lacking = |coef: &[f64]| -> Result<(Vec<f64>, DoubleDouble)> {
        let (mut change, mean) = gradient(table, center, fit_intercept, target, coef)?;
        solve_transposed(rows, n, &mut change);
        solve_upper(rows, n, &mut change);
        Ok((change, mean))
    };
    let mut refined = memory::try_copied(coef)?;
    let mut before = f64::INFINITY;
    for step in 0..STEPS {
        let (change, _) = lacking(&refined)?;
        let length = size(&change);
        if length.is_nan() || length > SHRINKING * before {
            // The first step alone proves nothing; later ones end in noise.
            if step > 1 {
                coef.copy_from_slice(&refined);
            }
            break;
        }
        refined.iter_mut().zip(change).for_each(|(value, change)| *value += change);
        before = length;
        if step + 1 == STEPS {
            coef.copy_from_slice(&refined);
        }
    }
    if !fit_intercept {
        return Ok(0.0);
    }
    let (change, mean) = lacking(coef)?;
    let mut intercept = mean.plus(DoubleDouble::two_sum(center.target_means[target], 0.0));
    for (mean, coef) in center.means.iter().zip(&*coef) {
        intercept = intercept.plus(DoubleDouble::two_prod(-mean, coef * center.unit));
    }
    if size(&change) <= ROUNDING * size(coef) {
        // What the coefficients lost when they were rounded is not to be made up for by the intercept.
        let lost = center.means.iter().zip(change).map(|(mean, change)| mean * (change * center.unit));
        lost.for_each(|lost| intercept = intercept.plus(DoubleDouble::two_sum(-lost, 0.0)));
    }
    Ok(intercept.hi)
}

/// The products of the features with the residuals of a target, shape (n_features,), and the mean of the residuals, which
/// the rounding of the means leaves.
fn gradient<F: Float>(
    table: &Table<F>,
    center: &Center,
    fit_intercept: bool,
    target: usize,
    coef: &[f64],
) -> Result<(Vec<f64>, DoubleDouble)> {
    let mut residuals = memory::try_with_capacity(table.n_rows())?;
    let (mut sum, mut total) = (DoubleDouble::default(), 0.0);
    for row in 0..table.n_rows() {
        let weight = table.targets.weight(row);
        let y = table.targets.y[row * table.targets.n_targets + target].to_f64();
        let mut residual = DoubleDouble::two_sum(y, -center.target_means[target]);
        for (value, coef) in table.exactly(row, center).zip(coef) {
            residual = residual.plus(value.times(-coef));
        }
        sum = sum.plus(residual.times(weight));
        total += weight;
        residuals.push(residual);
    }
    let mean = sum.times(1.0 / total);
    if fit_intercept {
        let less = mean.times(-1.0);
        residuals.iter_mut().for_each(|residual| *residual = residual.plus(less));
    }
    let mut gradient = memory::try_filled(coef.len(), DoubleDouble::default())?;
    for (row, residual) in residuals.iter().enumerate() {
        let residual = residual.times(table.targets.weight(row));
        for (sum, value) in gradient.iter_mut().zip(table.exactly(row, center)) {
            *sum = sum.plus(value.by(residual));
        }
    }
    let mut near = memory::try_with_capacity(coef.len())?;
    near.extend(gradient.iter().map(|sum| sum.hi));
    Ok((near, mean))
}
