//! The loss of Huber's regression, with a scale that is learnt too:
//!
//! `Σ sᵢ (σ + h(rᵢ / σ) σ) + α |w|²`, where `h(z)` is `z²` up to `ε` and `2 ε |z| - ε²` beyond, and `rᵢ = yᵢ - xᵢ·w - c`.
//!
//! It is convex in `w`, `c` and `σ` together.
//!
//! Reference: P. Huber, E. Ronchetti, "Robust statistics", 2009, section 7.10 on the estimation of scale; A. Owen, "A
//! robust hybrid of lasso and ridge regression", 2006.

use std::ops::Range;

use crate::common::context::Blocks;
use crate::common::error::check_length;
use crate::common::{Context, Error, Float, Result, memory, parallel};
use crate::linalg::centred::Centred;

/// Rows of which one worker takes the sums, at least.
const MIN_ROWS: usize = 2048;
const MAX_BLOCKS: usize = 32;
/// Scalars that are multiplied twice while they are in the cache.
const AT_ONCE: usize = 1 << 12;

/// Rows with their targets and weights.
#[derive(Debug, Clone, Copy)]
pub struct Data<'a, X> {
    /// Shape (n_rows, n_features).
    pub x: &'a X,
    /// Targets, shape (n_rows,).
    pub y: &'a [f64],
    /// Weights, shape (n_rows,).
    pub weights: &'a [f64],
}

/// What the loss is made of.
#[derive(Debug, Clone, Copy)]
pub struct Params {
    /// Residuals of so many scales are the last whose squares count.
    pub epsilon: f64,
    /// What the squared length of the coefficients costs.
    pub alpha: f64,
}

/// Sums over rows.
struct Sums {
    /// Of the features, each row times what its residual pulls, and of the pulls, shape (n_features + 1,).
    pulls: Vec<f64>,
    /// Of the weighted squares of residuals that are no outliers.
    square: f64,
    /// Of the weighted magnitudes of the outliers.
    magnitude: f64,
    /// Of the weights of the outliers.
    beyond: f64,
}

/// The loss and its gradient where the parameters are: coefficients, an intercept if there is one, and the scale.
///
/// # Errors
/// [`Error::Shape`]; [`Error::OutOfMemory`]; [`Error::Interrupted`].
pub fn loss<F: Float>(
    ctx: &Context,
    data: &Data<impl Centred<F>>,
    parameters: &[f64],
    params: &Params,
) -> Result<(f64, Vec<f64>)> {
    let n = data.x.n_cols();
    check_length("y", data.y.len(), data.x.n_rows())?;
    check_length("sample_weight", data.weights.len(), data.y.len())?;
    let (w, intercept, scale) = match parameters.split_at_checked(n) {
        Some((w, &[scale])) => (w, None, scale),
        Some((w, &[intercept, scale])) => (w, Some(intercept), scale),
        _ => return Err(Error::InvalidArgument("parameters of another number of features")),
    };
    let sums = sums(ctx, data, w, intercept.unwrap_or(0.0), scale, params.epsilon)?;
    let mut gradient = memory::try_with_capacity(parameters.len())?;
    gradient.extend(w.iter().zip(&sums.pulls).map(|(w, pull)| 2.0 * (params.alpha * w - pull)));
    gradient.extend(intercept.map(|_| -2.0 * sums.pulls[n]));
    let total: f64 = data.weights.iter().sum();
    let (limit, square) = (params.epsilon * params.epsilon, sums.square / scale);
    gradient.push(total - sums.beyond * limit - square / scale);
    let outliers = 2.0 * params.epsilon * sums.magnitude - scale * sums.beyond * limit;
    let penalty = params.alpha * w.iter().map(|w| w * w).sum::<f64>();
    Ok((total * scale + square + outliers + penalty, gradient))
}

/// The sums for coefficients, shape (n_features,), an intercept and a scale.
fn sums<F: Float>(
    ctx: &Context,
    data: &Data<impl Centred<F>>,
    w: &[f64],
    intercept: f64,
    scale: f64,
    epsilon: f64,
) -> Result<Sums> {
    let n = w.len();
    let zeros = memory::try_filled(n, 0.0)?;
    let blocks = Blocks::new(data.y.len(), MIN_ROWS, MAX_BLOCKS);
    let at_once = (AT_ONCE / n.max(1)).max(4);
    let parts = parallel::map(ctx, blocks.ranges().collect(), |rows: Range<usize>| {
        ctx.check()?;
        let mut sums = Sums { pulls: memory::try_filled(n + 1, 0.0)?, square: 0.0, magnitude: 0.0, beyond: 0.0 };
        let mut products = memory::try_filled(at_once, 0.0)?;
        for start in rows.clone().step_by(at_once) {
            let few = start..(start + at_once).min(rows.end);
            let products = &mut products[..few.len()];
            data.x.dots(few.clone(), &zeros, w, products);
            for (product, row) in products.iter_mut().zip(few.clone()) {
                let residual = data.y[row] - *product - intercept;
                let weight = data.weights[row];
                // What was the product becomes what the row is pulled by.
                if residual.abs() > epsilon * scale {
                    sums.magnitude += weight * residual.abs();
                    sums.beyond += weight;
                    *product = epsilon * weight * residual.signum();
                } else {
                    sums.square += weight * residual * residual;
                    *product = weight * residual / scale;
                }
            }
            let (features, of_ones) = sums.pulls.split_at_mut(n);
            data.x.add_rows(few, &zeros, products, features);
            of_ones[0] += products.iter().sum::<f64>();
        }
        Ok(sums)
    })?;
    let mut parts = parts.into_iter();
    let mut sum = match parts.next() {
        Some(first) => first,
        None => Sums { pulls: memory::try_filled(n + 1, 0.0)?, square: 0.0, magnitude: 0.0, beyond: 0.0 },
    };
    for part in parts {
        sum.pulls.iter_mut().zip(part.pulls).for_each(|(sum, value)| *sum += value);
        sum.square += part.square;
        sum.magnitude += part.magnitude;
        sum.beyond += part.beyond;
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::Dense;

    #[test]
    fn the_gradient_is_a_difference_of_the_loss() {
        let x: Vec<f64> = (0..60).map(|at| f64::from(at % 7) - 0.1 * f64::from(at)).collect();
        let y: Vec<f64> = (0..30).map(|row| f64::from(row % 5) * f64::from(row % 11)).collect();
        let weights: Vec<f64> = (0..30).map(|row| 1.0 + f64::from(row % 3)).collect();
        let rows = Dense::new(&x, 30, 2).expect("shape");
        let data = Data { x: &rows, y: &y, weights: &weights };
        let params = Params { epsilon: 1.35, alpha: 0.3 };
        for at in [vec![0.2, -0.4, 3.0], vec![0.2, -0.4, 1.5, 3.0]] {
            let (_, gradient) = loss(&Context::serial(), &data, &at, &params).expect("memory");
            for j in 0..at.len() {
                let value = |by: f64| {
                    let mut moved = at.clone();
                    moved[j] += by;
                    loss(&Context::serial(), &data, &moved, &params).expect("memory").0
                };
                let difference = (value(1e-6) - value(-1e-6)) / 2e-6;
                assert!((difference - gradient[j]).abs() < 1e-5 * gradient[j].abs().max(1.0));
            }
        }
        assert!(loss(&Context::serial(), &data, &[0.0; 2], &params).is_err());
    }
}
