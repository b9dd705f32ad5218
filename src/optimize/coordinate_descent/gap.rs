//! The duality gap: how much the objective may still be above its minimum, at most.

use super::tasks::{gradient_norms, length};
use super::{Penalty, Point, Quadratic};
use crate::common::Result;

/// A gap and what it was found by.
#[derive(Debug, Clone, Copy)]
pub struct Gap {
    /// Objective less the value of the dual at a feasible point. Without penalties, the squared length of the gradient.
    pub value: f64,
    /// The largest gradient, by which the residuals are made feasible.
    pub dual_norm: f64,
}

/// Sums over the residuals `R = y - X w`.
#[derive(Debug, Clone, Copy)]
pub struct Residuals {
    /// `|R|²`.
    pub square: f64,
    /// `R·y`.
    pub with_target: f64,
}

impl Gap {
    /// The gap at a point, whose gradient is `XᵀR`.
    ///
    /// With a penalty on the size, the residuals are shrunk until no gradient exceeds it; with one on the square alone, the
    /// dual takes any residuals, and punishes gradients.
    pub fn at(residuals: Residuals, penalty: &Penalty, positive: bool, point: &Point) -> Self {
        let (mut size, mut square) = (0.0, 0.0);
        for w in point.w.iter().filter(|w| **w != 0.0) {
            size += w.abs();
            square += w * w;
        }
        if penalty.l1 == 0.0 {
            return Self::smooth(residuals, penalty, square, point);
        }
        let gradients = point.gradient.iter().zip(&point.w).map(|(gradient, w)| gradient - penalty.l2 * w);
        let dual_norm = if positive {
            gradients.fold(f64::NEG_INFINITY, f64::max)
        } else {
            gradients.fold(0.0, |largest, gradient| f64::max(largest, gradient.abs()))
        };
        Self::sharp(residuals, penalty, size, square, dual_norm)
    }

    /// The gap at a point of shape (n_tasks, n), where a penalty is on the length of the coefficients of each feature.
    ///
    /// # Errors
    /// [`crate::common::Error::OutOfMemory`].
    pub fn of_tasks(residuals: Residuals, penalty: &Penalty, n_tasks: usize, point: &Point) -> Result<Self> {
        let square = point.w.iter().map(|w| w * w).sum();
        if penalty.l1 == 0.0 {
            return Ok(Self::smooth(residuals, penalty, square, point));
        }
        let n = point.w.len() / n_tasks;
        let size = (0..n).map(|j| length(point.w[j..].iter().step_by(n).copied())).sum();
        let dual_norm = gradient_norms(penalty, n_tasks, point)?.into_iter().fold(0.0, f64::max);
        Ok(Self::sharp(residuals, penalty, size, square, dual_norm))
    }

    /// Without a penalty on the size, given the square of the coefficients.
    fn smooth(residuals: Residuals, penalty: &Penalty, square: f64, point: &Point) -> Self {
        let gradient_square = point.gradient.iter().map(|gradient| gradient * gradient).sum();
        let value = if penalty.l2 == 0.0 {
            gradient_square
        } else {
            let objective = residuals.square + 0.5 * penalty.l2 * square;
            objective - residuals.with_target + gradient_square / (2.0 * penalty.l2)
        };
        Self { value, dual_norm: gradient_square }
    }

    /// With one, given size and square of the coefficients and the largest gradient.
    fn sharp(residuals: Residuals, penalty: &Penalty, size: f64, square: f64, dual_norm: f64) -> Self {
        let squares = residuals.square + penalty.l2 * square;
        let scale = if dual_norm > penalty.l1 { penalty.l1 / dual_norm } else { 1.0 };
        let dual = scale * residuals.with_target - 0.5 * scale * scale * squares;
        Self { value: 0.5 * squares + penalty.l1 * size - dual, dual_norm }
    }

    /// The gap at a point of a problem that is known by its products.
    pub fn of(problem: &Quadratic, penalty: &Penalty, positive: bool, point: &Point) -> Self {
        let (mut with_products, mut with_gradient) = (0.0, 0.0);
        let pairs = point.w.iter().zip(problem.products.iter().zip(&point.gradient));
        for (w, (product, gradient)) in pairs.filter(|(w, _)| **w != 0.0) {
            with_products += w * product;
            with_gradient += w * gradient;
        }
        // R·y = |y|² - w·q and |R|² = R·y - w·(q - Qw).
        let with_target = problem.target_square - with_products;
        let residuals = Residuals { square: with_target - with_gradient, with_target };
        Self::at(residuals, penalty, positive, point)
    }
}
