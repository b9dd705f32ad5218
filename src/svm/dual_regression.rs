//! L2-penalised losses of an ε-tube by coordinate descent on the dual: `min ½ β'(Q + λ)β - y·β + ε Σ|β|` with
//! `|β| <= bound`, where `Q = [xᵢ·xⱼ]`. The linear loss has no λ and its cost for a bound, the squared one
//! `λ = 1 / (2 cost)` and none. The coefficients are `w = Σ β x`.
//!
//! Reference: C.-H. Ho, C.-J. Lin, "Large-scale linear support vector regression", JMLR 13 (2012), algorithm 4.

use super::active::{Active, Verdict, visit};
use super::samples::Samples;
use super::sparse_hinge::newton_step;
use super::train::Solution;
use crate::common::random::Mt19937;
use crate::common::{Context, Float, Result, memory};
use crate::linalg::linear::Linear;

/// Step that is not worth taking.
const NOTHING: f64 = 1e-12;

/// What an error of a sample costs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tube {
    /// Half its width.
    pub(super) epsilon: f64,
    pub(super) is_squared: bool,
}

/// What a step needs of a sample, side by side: samples are visited at random.
struct Dual {
    target: f64,
    beta: f64,
    bound: f64,
    lambda: f64,
    curvature: f64,
}

pub(super) fn solve<F: Float, R: Linear<F>>(
    ctx: &Context,
    samples: &Samples<F, R>,
    tube: Tube,
    tol: f64,
    max_iter: usize,
    random: &mut Mt19937,
) -> Result<Solution> {
    let epsilon = tube.epsilon;
    let mut coef = memory::try_filled(samples.width(), 0.0)?;
    let mut duals = memory::try_with_capacity(samples.len())?;
    for (sample, (&target, &cost)) in samples.targets.iter().zip(samples.costs).enumerate() {
        let (lambda, bound) = if tube.is_squared { (0.5 / cost, f64::INFINITY) } else { (0.0, cost) };
        duals.push(Dual { target, beta: 0.0, bound, lambda, curvature: samples.square(sample, 0.0) + lambda });
    }
    let mut active = Active::new(duals.len())?;
    let (mut first, mut most) = (-1.0, f64::INFINITY);
    let mut n_iter = 0;
    while n_iter < max_iter {
        let (mut new_max, mut total) = (0.0_f64, 0.0);
        active.shuffle(random);
        visit(ctx, &mut active, |sample, soon| {
            samples.fetch(soon);
            let dual = &mut duals[sample];
            let Dual { target, beta, bound, lambda, curvature } = *dual;
            let gradient = samples.dot(sample, &coef, -target + lambda * beta);
            // The gradients to the right and to the left of zero, where |β| has its corner.
            let (right, left) = (gradient + epsilon, gradient - epsilon);
            let violation = if beta == 0.0 {
                if right < 0.0 {
                    -right
                } else if left > 0.0 {
                    left
                } else if right > most && left < -most {
                    return Verdict::Drop;
                } else {
                    0.0
                }
            } else if beta >= bound {
                if right < -most {
                    return Verdict::Drop;
                }
                right.max(0.0)
            } else if beta <= -bound {
                if left > most {
                    return Verdict::Drop;
                }
                (-left).max(0.0)
            } else if beta > 0.0 {
                right.abs()
            } else {
                left.abs()
            };
            new_max = new_max.max(violation);
            total += violation;
            let step = newton_step(right, left, curvature, beta);
            if step.abs() >= NOTHING {
                dual.beta = (beta + step).max(-bound).min(bound);
                let change = dual.beta - beta;
                if change != 0.0 {
                    samples.add(sample, change, &mut coef);
                }
            }
            Verdict::Keep
        })?;
        if n_iter == 0 {
            first = total;
        }
        n_iter += 1;
        if total <= tol * first {
            if !active.widen() {
                break;
            }
            most = f64::INFINITY;
            continue;
        }
        most = new_max;
    }
    Ok(Solution { coef, n_iter })
}
