//! The duality gap: how much the objective may still be above its minimum, at most.

use super::{Penalty, Point, Quadratic};

/// A gap and what it was found by.
#[derive(Debug, Clone, Copy)]
pub struct Gap {
    /// Objective less the value of the dual at a feasible point. Without penalties, the squared length of the gradient.
    pub value: f64,
    /// The largest slope, by which the residuals are made feasible.
    pub dual_norm: f64,
}

impl Gap {
    /// The gap at a point.
    ///
    /// With a penalty on the size, the residuals are shrunk until no slope exceeds it; with one on the square alone, the
    /// dual takes any residuals, and punishes slopes.
    pub fn of(problem: &Quadratic, penalty: &Penalty, positive: bool, point: &Point) -> Self {
        let (mut with_products, mut with_gradient, mut size, mut square) = (0.0, 0.0, 0.0, 0.0);
        let pairs = point.w.iter().zip(problem.products.iter().zip(&point.gradient));
        for (w, (product, gradient)) in pairs.filter(|(w, _)| **w != 0.0) {
            with_products += w * product;
            with_gradient += w * gradient;
            size += w.abs();
            square += w * w;
        }
        // Of R = y - Xw: R·y = |y|² - w·q and |R|² = R·y - w·(q - Qw).
        let residual_target = problem.target_square - with_products;
        let residual_square = residual_target - with_gradient;
        if penalty.l1 == 0.0 {
            let slope_square = point.gradient.iter().map(|slope| slope * slope).sum();
            let value = if penalty.l2 == 0.0 {
                slope_square
            } else {
                residual_square + 0.5 * penalty.l2 * square - residual_target + slope_square / (2.0 * penalty.l2)
            };
            return Self { value, dual_norm: slope_square };
        }
        let slopes = point.gradient.iter().zip(&point.w).map(|(gradient, w)| gradient - penalty.l2 * w);
        let dual_norm = if positive {
            slopes.fold(f64::NEG_INFINITY, f64::max)
        } else {
            slopes.fold(0.0, |largest, slope| f64::max(largest, slope.abs()))
        };
        let squares = residual_square + penalty.l2 * square;
        let scale = if dual_norm > penalty.l1 { penalty.l1 / dual_norm } else { 1.0 };
        let dual = scale * residual_target - 0.5 * scale * scale * squares;
        Self { value: 0.5 * squares + penalty.l1 * size - dual, dual_norm }
    }
}
