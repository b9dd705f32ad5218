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

pub(super) fn solve<F: Float, R: Linear<F>>(
    ctx: &Context,
    samples: &Samples<F, R>,
    is_squared: bool,
    tol: f64,
    max_iter: usize,
    random: &mut Mt19937,
) -> Result<Solution> {
    let len = samples.len();
    let mut coef = memory::filled(samples.width(), 0.0)?;
    let mut alphas = memory::filled(len, 0.0)?;
    let diagonal = |sample: usize| if is_squared { 0.5 / samples.costs[sample] } else { 0.0 };
    let mut squares = memory::with_capacity(len)?;
    squares.extend((0..len).map(|sample| samples.square(sample, diagonal(sample))));
    let mut active = Active::new(len)?;
    // Gradients beyond those of the last pass say that a sample at its bound stays there.
    let (mut most, mut least) = (f64::INFINITY, f64::NEG_INFINITY);
    let mut n_iter = 0;
    while n_iter < max_iter {
        let (mut new_most, mut new_least) = (f64::NEG_INFINITY, f64::INFINITY);
        active.shuffle(random);
        visit(ctx, &mut active, |sample, soon| {
            samples.fetch(soon);
            let (target, alpha) = (samples.targets[sample], alphas[sample]);
            let bound = if is_squared { f64::INFINITY } else { samples.costs[sample] };
            let slope = samples.dot(sample, &coef, 0.0) * target - 1.0 + alpha * diagonal(sample);
            let projected = if alpha == 0.0 {
                if slope > most {
                    return Verdict::Drop;
                }
                slope.min(0.0)
            } else if alpha == bound {
                if slope < least {
                    return Verdict::Drop;
                }
                slope.max(0.0)
            } else {
                slope
            };
            (new_most, new_least) = (new_most.max(projected), new_least.min(projected));
            if projected.abs() > NOTHING {
                alphas[sample] = (alpha - slope / squares[sample]).max(0.0).min(bound);
                samples.add(sample, (alphas[sample] - alpha) * target, &mut coef);
            }
            Verdict::Keep
        })?;
        n_iter += 1;
        if new_most - new_least <= tol {
            if !active.widen() {
                break;
            }
            (most, least) = (f64::INFINITY, f64::NEG_INFINITY);
            continue;
        }
        most = if new_most <= 0.0 { f64::INFINITY } else { new_most };
        least = if new_least >= 0.0 { f64::NEG_INFINITY } else { new_least };
    }
    Ok(Solution { coef, n_iter })
}
