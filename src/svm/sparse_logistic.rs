//! Logistic regression under an L1 penalty: `Σ|w| + Σ cost · log(1 + exp(-y w·x))`.
//!
//! Each round makes a parabola of the loss, goes down it with the penalty by coordinate descent, and follows the way
//! found, or half of it again and again, until the function has come down enough. Coefficients of zero that will hardly
//! leave it are not looked at: for a round, and within it for a pass.
//!
//! Reference: G.-X. Yuan, C.-H. Ho, C.-J. Lin, "An improved GLMNET for L1-regularized logistic regression", JMLR 13
//! (2012).

use super::active::{Active, Verdict, visit};
use super::sparse_hinge::newton_step;
use super::train::Solution;
use crate::common::random::Mt19937;
use crate::common::{Context, Result, memory};
use crate::linalg::columns::Columns;

/// Step that is not worth taking, and what is added to every curvature.
const NOTHING: f64 = 1e-12;
const MAX_HALVINGS: usize = 20;
const MAX_PASSES: usize = 1000;
/// Rounds without a step after which none will come.
const MAX_IDLE: usize = 10;
/// Longest step of a coefficient.
const LONGEST: f64 = 10.0;
/// Fraction of the promised reduction that is enough.
const ENOUGH: f64 = 0.01;
/// By what the passes of a round become sharper, where one was enough.
const SHARPEN: f64 = 0.25;

/// Where the descent is; vectors of samples have shape (n_rows,), those of coefficients (count,).
struct State<'a> {
    columns: &'a Columns,
    targets: &'a [f64],
    costs: &'a [f64],
    coef: Vec<f64>,
    /// Where the parabola leads.
    goal: Vec<f64>,
    /// What the way to the goal adds to the product of each sample.
    way: Vec<f64>,
    /// Exponentials of the products.
    powers: Vec<f64>,
    /// Gradient towards larger products, and curvature, of each sample.
    gradients: Vec<f64>,
    curvatures: Vec<f64>,
}

/// Gradient and curvature of the loss in each coefficient.
struct Parabola {
    gradient: Vec<f64>,
    curvature: Vec<f64>,
}

/// `targets` are -1 or 1, `costs` positive; both have shape (n_rows,).
pub(super) fn solve(
    ctx: &Context,
    columns: &Columns,
    targets: &[f64],
    costs: &[f64],
    tol: f64,
    max_iter: usize,
    random: &mut Mt19937,
) -> Result<Solution> {
    let (count, n_rows) = (columns.count(), columns.n_rows());
    let zeros = |len| memory::try_filled(len, 0.0);
    let powers = memory::try_filled(n_rows, 1.0)?;
    let (coef, goal, way) = (zeros(count)?, zeros(count)?, zeros(n_rows)?);
    let (gradients, curvatures) = (zeros(n_rows)?, zeros(n_rows)?);
    let mut state = State { columns, targets, costs, coef, goal, way, powers, gradients, curvatures };
    state.update_derivatives();
    let negative = |j: usize| {
        columns.sums(j, targets, costs, |x, target, cost| (if target < 0.0 { cost * x } else { 0.0 }, 0.0)).0
    };
    let mut pulls = memory::try_with_capacity(count)?;
    pulls.extend((0..count).map(negative));
    let mut parabola = Parabola { gradient: zeros(count)?, curvature: zeros(count)? };
    let mut active = Active::new(count)?;
    let (mut first, mut most, mut sharpness) = (-1.0, f64::INFINITY, 1.0);
    let (mut n_iter, mut idle) = (0, 0);
    while n_iter < max_iter {
        let (mut new_max, mut total) = (0.0_f64, 0.0);
        active.widen();
        visit(ctx, &mut active, |j, _| {
            let (curvature, pull) = columns.sums(j, &state.curvatures, &state.gradients, |x, curvature, gradient| {
                (x * x * curvature, x * gradient)
            });
            parabola.curvature[j] = NOTHING + curvature;
            parabola.gradient[j] = pulls[j] - pull;
            let Some(violation) = violation(parabola.gradient[j], state.coef[j], most / n_rows as f64) else {
                return Verdict::Drop;
            };
            new_max = new_max.max(violation);
            total += violation;
            Verdict::Keep
        })?;
        if n_iter == 0 {
            first = total;
        }
        if total <= tol * first || idle >= MAX_IDLE {
            break;
        }
        let (passes, moved) = state.descend(ctx, &parabola, &mut active, sharpness * first, random)?;
        idle = if moved { 0 } else { idle + 1 };
        if !state.follow(&parabola) {
            state.recompute();
        }
        if passes == 1 {
            sharpness *= SHARPEN;
        }
        n_iter += 1;
        most = new_max;
    }
    Ok(Solution { coef: state.coef, n_iter })
}

/// How far a coefficient is from its optimum, by its gradients; None for a zero that these keep in place by more than
/// `margin`.
fn violation(gradient: f64, value: f64, margin: f64) -> Option<f64> {
    let (right, left) = (gradient + 1.0, gradient - 1.0);
    if value > 0.0 {
        Some(right.abs())
    } else if value < 0.0 {
        Some(left.abs())
    } else if right < 0.0 {
        Some(-right)
    } else if left > 0.0 {
        Some(left)
    } else if right > margin && left < -margin {
        None
    } else {
        Some(0.0)
    }
}

impl State<'_> {
    /// Gradients and curvatures of the samples where they are.
    fn update_derivatives(&mut self) {
        let found = self.gradients.iter_mut().zip(&mut self.curvatures);
        for ((gradient, curvature), (&power, &cost)) in found.zip(self.powers.iter().zip(self.costs)) {
            let rest = 1.0 / (1.0 + power);
            *gradient = cost * rest;
            *curvature = cost * power * rest * rest;
        }
    }

    /// Goes down the parabola until the violations add up to no more than `enough`; how many passes that took, and
    /// whether there was any step.
    fn descend(
        &mut self,
        ctx: &Context,
        parabola: &Parabola,
        active: &mut Active,
        enough: f64,
        random: &mut Mt19937,
    ) -> Result<(usize, bool)> {
        let all = active.len();
        let n_rows = self.columns.n_rows() as f64;
        let (mut most, mut passes, mut moved) = (f64::INFINITY, 0, false);
        self.way.fill(0.0);
        while passes < MAX_PASSES {
            let (mut new_max, mut total) = (0.0_f64, 0.0);
            active.shuffle(random);
            visit(ctx, active, |j, _| {
                let products =
                    self.columns.sums(j, &self.curvatures, &self.way, |x, curvature, way| (x * curvature * way, 0.0));
                let gradient = parabola.gradient[j] + (self.goal[j] - self.coef[j]) * NOTHING + products.0;
                let Some(violation) = violation(gradient, self.goal[j], most / n_rows) else { return Verdict::Drop };
                let step = newton_step(gradient + 1.0, gradient - 1.0, parabola.curvature[j], self.goal[j]);
                if step.abs() < NOTHING {
                    return Verdict::Keep;
                }
                let step = step.clamp(-LONGEST, LONGEST);
                moved = true;
                new_max = new_max.max(violation);
                total += violation;
                self.goal[j] += step;
                self.columns.add(j, step, &mut self.way);
                Verdict::Keep
            })?;
            passes += 1;
            if total <= enough {
                if active.len() == all {
                    break;
                }
                active.resize(all);
                most = f64::INFINITY;
                continue;
            }
            most = new_max;
        }
        active.resize(all);
        Ok((passes, moved))
    }

    /// Goes the way, or a part of it; false if no part of it led down enough.
    fn follow(&mut self, parabola: &Parabola) -> bool {
        let length = |coef: &[f64]| coef.iter().map(|w| w.abs()).sum::<f64>();
        let before = length(&self.coef);
        let mut after = length(&self.goal);
        let changes = self.goal.iter().zip(&self.coef).map(|(goal, w)| goal - w);
        let mut promised =
            parabola.gradient.iter().zip(changes).map(|(gradient, change)| gradient * change).sum::<f64>();
        promised += after - before;
        let sides = self.targets.iter().zip(self.costs).zip(&self.way);
        let mut pull: f64 = sides.map(|((target, cost), way)| if *target < 0.0 { cost * way } else { 0.0 }).sum();
        let mut powers = Vec::new();
        for _ in 0..MAX_HALVINGS {
            let mut change = after - before + pull - ENOUGH * promised;
            powers.clear();
            for ((&power, &way), &cost) in self.powers.iter().zip(&self.way).zip(self.costs) {
                let factor = way.exp();
                let power = power * factor;
                powers.push(power);
                change += cost * ((1.0 + power) / (factor + power)).ln();
            }
            if change <= 0.0 {
                self.coef.copy_from_slice(&self.goal);
                std::mem::swap(&mut self.powers, &mut powers);
                self.update_derivatives();
                return true;
            }
            self.goal.iter_mut().zip(&self.coef).for_each(|(goal, w)| *goal = 0.5 * (w + *goal));
            after = length(&self.goal);
            promised *= 0.5;
            pull *= 0.5;
            self.way.iter_mut().for_each(|way| *way *= 0.5);
        }
        false
    }

    /// The exponentials from the coefficients.
    fn recompute(&mut self) {
        self.powers.fill(0.0);
        for (j, &w) in self.coef.iter().enumerate().filter(|(_, w)| **w != 0.0) {
            self.columns.add(j, w, &mut self.powers);
        }
        self.powers.iter_mut().for_each(|power| *power = power.exp());
    }
}
