//! The squared hinge loss under an L1 penalty by coordinate descent: `Σ|w| + Σ cost · max(0, 1 - y w·x)²`.
//!
//! Each coefficient takes a Newton step to the corner or past it, and half of it again until the function has come down
//! enough. Coefficients of zero that will hardly leave it are not looked at until the others are done.
//!
//! Reference: G.-X. Yuan, K.-W. Chang, C.-J. Hsieh, C.-J. Lin, "A comparison of optimization methods and software for
//! large-scale L1-regularized linear classification", JMLR 11 (2010), and the appendix of the LIBLINEAR paper.

use super::active::{Active, Verdict, visit};
use super::train::Solution;
use crate::common::random::Mt19937;
use crate::common::{Context, Result, memory};
use crate::linalg::columns::Columns;

/// Step that is not worth taking, and the least curvature.
const NOTHING: f64 = 1e-12;
const MAX_HALVINGS: usize = 20;
/// Fraction of the promised reduction that is enough.
const ENOUGH: f64 = 0.01;

/// `signed`: the columns with each row times its target; `costs` of shape (n_rows,).
pub(super) fn solve(
    ctx: &Context,
    signed: &Columns,
    costs: &[f64],
    tol: f64,
    max_iter: usize,
    random: &mut Mt19937,
) -> Result<Solution> {
    let (count, n_rows) = (signed.count(), signed.n_rows() as f64);
    let mut coef = memory::try_filled(count, 0.0)?;
    // How far each sample falls short of its margin; negative beyond it.
    let mut misses = memory::try_filled(signed.n_rows(), 1.0)?;
    let mut squares = memory::try_with_capacity(count)?;
    squares.extend((0..count).map(|j| signed.sums(j, costs, costs, |x, cost, _| (cost * x * x, 0.0)).0));
    let loss = |j: usize, misses: &[f64]| {
        signed.sums(j, misses, costs, |_, miss, cost| (cost * miss.max(0.0) * miss.max(0.0), 0.0)).0
    };
    let mut active = Active::new(count)?;
    let (mut first, mut most) = (-1.0, f64::INFINITY);
    let mut n_iter = 0;
    while n_iter < max_iter {
        let (mut new_max, mut total) = (0.0_f64, 0.0);
        active.shuffle(random);
        visit(ctx, &mut active, |j, _| {
            let (pull, hessian) = signed.sums(j, &misses, costs, |x, miss, cost| {
                let weighed = cost * x;
                if miss > 0.0 { (weighed * miss, weighed * x) } else { (0.0, 0.0) }
            });
            let (gradient, curvature) = (-2.0 * pull, (2.0 * hessian).max(NOTHING));
            let before = coef[j];
            let (right, left) = (gradient + 1.0, gradient - 1.0);
            let violation = if before == 0.0 {
                if right < 0.0 {
                    -right
                } else if left > 0.0 {
                    left
                } else if right > most / n_rows && left < -most / n_rows {
                    return Verdict::Drop;
                } else {
                    0.0
                }
            } else if before > 0.0 {
                right.abs()
            } else {
                left.abs()
            };
            new_max = new_max.max(violation);
            total += violation;
            let mut step = newton_step(right, left, curvature, before);
            if step.abs() < NOTHING {
                return Verdict::Keep;
            }
            let mut promised = (before + step).abs() - before.abs() + gradient * step;
            let (mut taken, mut loss_before, mut halvings) = (0.0, None, 0);
            while halvings < MAX_HALVINGS {
                let change = (before + step).abs() - before.abs() - ENOUGH * promised;
                // An upper bound of the loss, which costs no pass.
                let is_low = squares[j] * step * step + gradient * step + change <= 0.0;
                let old = if is_low { 0.0 } else { *loss_before.get_or_insert_with(|| loss(j, &misses)) };
                signed.add(j, taken - step, &mut misses);
                if is_low || change + loss(j, &misses) - old <= 0.0 {
                    break;
                }
                taken = step;
                step *= 0.5;
                promised *= 0.5;
                halvings += 1;
            }
            coef[j] += step;
            if halvings == MAX_HALVINGS {
                misses.fill(1.0);
                coef.iter().enumerate().filter(|(_, w)| **w != 0.0).for_each(|(j, w)| signed.add(j, -w, &mut misses));
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

/// To the minimum of a parabola plus the absolute value, given the gradients to the right and to the left of zero.
pub(super) fn newton_step(right: f64, left: f64, curvature: f64, value: f64) -> f64 {
    if right < curvature * value {
        -right / curvature
    } else if left > curvature * value {
        -left / curvature
    } else {
        -value
    }
}
