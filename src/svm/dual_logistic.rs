//! L2-penalised logistic regression by coordinate descent on the dual:
//! `min ½ α'Qα + Σ α log α + (cost - α) log(cost - α)` with `0 < α < cost`, where `Q = [yᵢ yⱼ xᵢ·xⱼ]`.
//!
//! Each coordinate is solved for by Newton's method, in α or in `cost - α`, whichever is nearer to zero: both are kept,
//! since a difference would lose the digits of the smaller one.
//!
//! Reference: H.-F. Yu, F.-L. Huang, C.-J. Lin, "Dual coordinate descent methods for logistic regression and maximum
//! entropy models", Machine Learning 85 (2011), algorithm 5.

use super::active::{Active, Verdict, visit};
use super::samples::Samples;
use super::train::Solution;
use crate::common::random::Mt19937;
use crate::common::{Context, Float, Result, memory};
use crate::linalg::linear::Linear;

/// Newton steps for one coordinate.
const MAX_STEPS: usize = 100;
/// Gradient at which they stop: the first, and the least that it is sharpened to.
const FIRST_GRADIENT: f64 = 1e-2;
const MIN_GRADIENT: f64 = 1e-8;
/// By what a value shrinks instead of going below zero.
const SHRINK: f64 = 0.1;

pub(super) fn solve<F: Float, R: Linear<F>>(
    ctx: &Context,
    samples: &Samples<F, R>,
    tol: f64,
    max_iter: usize,
    random: &mut Mt19937,
) -> Result<Solution> {
    let len = samples.len();
    let mut coef = memory::try_filled(samples.width(), 0.0)?;
    let mut alphas = memory::try_with_capacity(len)?;
    alphas.extend(samples.costs.iter().map(|&cost| {
        let alpha = (0.001 * cost).min(1e-8);
        [alpha, cost - alpha]
    }));
    let mut squares = memory::try_with_capacity(len)?;
    for sample in 0..len {
        squares.push(samples.square(sample, 0.0));
        samples.add(sample, samples.targets[sample] * alphas[sample][0], &mut coef);
    }
    let mut active = Active::new(len)?;
    let mut enough = FIRST_GRADIENT;
    let mut n_iter = 0;
    while n_iter < max_iter {
        let (mut n_steps, mut most) = (0, 0.0_f64);
        active.shuffle(random);
        visit(ctx, &mut active, |sample, soon| {
            samples.fetch(soon);
            let (target, cost, curvature) = (samples.targets[sample], samples.costs[sample], squares[sample]);
            let product = target * samples.dot(sample, &coef, 0.0);
            let [alpha, rest] = alphas[sample];
            let (near, sign) = if 0.5 * curvature * (rest - alpha) + product < 0.0 { (1, -1.0) } else { (0, 1.0) };
            let before = alphas[sample][near];
            let mut value = if cost - before < 0.5 * cost { SHRINK * before } else { before };
            let gradient_at =
                |value: f64| curvature * (value - before) + sign * product + (value / (cost - value)).ln();
            let mut gradient = gradient_at(value);
            most = most.max(gradient.abs());
            let mut steps = 0;
            while steps <= MAX_STEPS && gradient.abs() >= enough {
                let next = value - gradient / (curvature + cost / (cost - value) / value);
                value = if next <= 0.0 { SHRINK * value } else { next };
                gradient = gradient_at(value);
                steps += 1;
            }
            if steps > 0 {
                alphas[sample][near] = value;
                alphas[sample][1 - near] = cost - value;
                samples.add(sample, sign * (value - before) * target, &mut coef);
            }
            n_steps += steps;
            Verdict::Keep
        })?;
        n_iter += 1;
        if most < tol {
            break;
        }
        if n_steps <= len / 10 {
            enough = MIN_GRADIENT.min(tol).max(0.1 * enough);
        }
    }
    Ok(Solution { coef, n_iter })
}
