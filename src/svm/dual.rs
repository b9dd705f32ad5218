//! L2-penalised hinge losses by coordinate descent on the dual: `min ½ α'(Q + D)α - Σ α` with `0 <= α <= bound`, where
//! `Q = [yᵢ yⱼ xᵢ·xⱼ]`. The hinge has no D and its cost for a bound, the squared hinge `D = 1 / (2 cost)` and none.
//!
//! The coefficients `w = Σ α y x` go along. Samples at a bound that will hardly leave it are not looked at until the
//! others are done.
//!
//! Reference: C.-J. Hsieh, K.-W. Chang, C.-J. Lin, S. Keerthi, S. Sundararajan, "A dual coordinate descent method for
//! large-scale linear SVM", ICML 2008, algorithm 3.

use super::active::{Active, Verdict, visit};
use super::samples::Samples;
use super::train::Solution;
use crate::common::random::Mt19937;
use crate::common::{Context, Float, Result, memory};
use crate::linalg::linear::Linear;

/// Gradient that is not worth a step.
const NOTHING: f64 = 1e-12;

/// What a step needs of a sample, side by side: samples are visited at random.
struct Dual {
    target: f64,
    alpha: f64,
    bound: f64,
    diagonal: f64,
    /// Curvature in the dual.
    square: f64,
}

pub(super) fn solve<F: Float, R: Linear<F>>(
    ctx: &Context,
    samples: &Samples<F, R>,
    is_squared: bool,
    tol: f64,
    max_iter: usize,
    random: &mut Mt19937,
) -> Result<Solution> {
    let mut coef = memory::try_filled(samples.width(), 0.0)?;
    let mut duals = memory::try_with_capacity(samples.len())?;
    for (sample, (&target, &cost)) in samples.targets.iter().zip(samples.costs).enumerate() {
        let (diagonal, bound) = if is_squared { (0.5 / cost, f64::INFINITY) } else { (0.0, cost) };
        duals.push(Dual { target, alpha: 0.0, bound, diagonal, square: samples.square(sample, diagonal) });
    }
    let mut active = Active::new(duals.len())?;
    // Gradients beyond those of the last pass say that a sample at its bound stays there.
    let (mut most, mut least) = (f64::INFINITY, f64::NEG_INFINITY);
    let mut n_iter = 0;
    while n_iter < max_iter {
        let (mut new_max, mut new_least) = (f64::NEG_INFINITY, f64::INFINITY);
        active.shuffle(random);
        visit(ctx, &mut active, |sample, soon| {
            samples.fetch(soon);
            let dual = &mut duals[sample];
            let (target, alpha) = (dual.target, dual.alpha);
            let gradient = samples.dot(sample, &coef, 0.0) * target - 1.0 + alpha * dual.diagonal;
            let projected = if alpha == 0.0 {
                if gradient > most {
                    return Verdict::Drop;
                }
                gradient.min(0.0)
            } else if alpha == dual.bound {
                if gradient < least {
                    return Verdict::Drop;
                }
                gradient.max(0.0)
            } else {
                gradient
            };
            (new_max, new_least) = (new_max.max(projected), new_least.min(projected));
            if projected.abs() > NOTHING {
                dual.alpha = (alpha - gradient / dual.square).max(0.0).min(dual.bound);
                samples.add(sample, (dual.alpha - alpha) * target, &mut coef);
            }
            Verdict::Keep
        })?;
        n_iter += 1;
        if new_max - new_least <= tol {
            if !active.widen() {
                break;
            }
            (most, least) = (f64::INFINITY, f64::NEG_INFINITY);
            continue;
        }
        most = if new_max <= 0.0 { f64::INFINITY } else { new_max };
        least = if new_least >= 0.0 { f64::NEG_INFINITY } else { new_least };
    }
    Ok(Solution { coef, n_iter })
}
