//! Fits smooth linear models: logistic regression and generalised linear models.

use super::losses::Loss;
use super::objective::{Data, Objective};
use crate::common::error::check_length;
use crate::common::{Context, Float, Result, memory};
use crate::linalg::fused_pass::FusedRows;
use crate::linalg::gram::Gram;
use crate::optimize::{TwiceDifferentiable, lbfgs, newton, newton_cg};

/// Steps that L-BFGS remembers.
const MEMORY: usize = 10;
/// Relative fall of the value in a step of L-BFGS that is no longer worth going on.
const VALUE_TOL: f64 = 64.0 * f64::EPSILON;
const MAX_EVALUATIONS: usize = 15_000;
/// Evaluations in a step of L-BFGS.
const MAX_TRIES: usize = 50;

/// How the minimum is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Solver {
    /// L-BFGS.
    Lbfgs,
    /// Newton's method by conjugate gradients.
    NewtonCg,
    /// Newton's method by Cholesky's factor; where it fails, L-BFGS goes on.
    NewtonCholesky,
}

/// What to minimise, and when to stop.
#[derive(Debug, Clone, Copy)]
pub struct Params {
    /// How.
    pub solver: Solver,
    /// Whether rows have a constant behind them, whose coefficient costs nothing.
    pub fit_intercept: bool,
    /// Half of this is what the squared length of the coefficients costs, where losses are averaged.
    pub penalty: f64,
    /// Largest magnitude in the gradient of a minimum.
    pub tol: f64,
    /// Most steps.
    pub max_iter: usize,
}

/// What was learnt.
#[derive(Debug)]
pub struct Fit {
    /// Coefficients, shaped like those that the search began with.
    pub coef: Vec<f64>,
    /// The value that L-BFGS or Newton's method by conjugate gradients ended at.
    pub value: f64,
    /// Steps of Newton's method, the one that failed included.
    pub steps: usize,
    /// How Newton's method ended, if it was asked.
    pub newton: Option<newton::End>,
    /// How Newton's method by conjugate gradients ended, if it was asked.
    pub newton_cg: Option<newton_cg::End>,
    /// Steps of L-BFGS and how it ended, if it was asked.
    pub lbfgs: Option<(usize, lbfgs::End)>,
}

/// Minimises the mean loss and the penalty from `coef` on, row-major of shape (count, n_features), with an intercept
/// behind each row if there is one.
///
/// # Errors
/// [`crate::common::Error::Shape`]; [`crate::common::Error::OutOfMemory`]; [`crate::common::Error::Interrupted`].
pub fn fit<F: Float, X: FusedRows<F> + Gram<F>, L: Loss>(
    ctx: &Context,
    data: Data<'_, F, X>,
    loss: L,
    coef: Vec<f64>,
    params: &Params,
) -> Result<Fit> {
    check_length("y", data.y.len(), data.x.n_rows())?;
    if let Some(weights) = data.weights {
        check_length("sample_weight", weights.len(), data.y.len())?;
    }
    let objective = Objective::new(data, loss, params.penalty, params.fit_intercept);
    check_length("coef", coef.len(), memory::checked_len(objective.count(), objective.width())?)?;
    let mut fit = Fit { coef: Vec::new(), value: f64::NAN, steps: 0, newton: None, newton_cg: None, lbfgs: None };
    let precision = F::EPSILON.to_f64();
    match params.solver {
        Solver::Lbfgs => by_lbfgs(ctx, &objective, coef, params, params.max_iter, &mut fit)?,
        Solver::NewtonCg => {
            let mut at = At { ctx, objective: &objective, states: memory::try_filled(objective.states()?, 0.0)? };
            let rules = newton_cg::Params { tol: params.tol, max_steps: params.max_iter, precision };
            let found = newton_cg::minimize(&mut at, coef, &rules)?;
            (fit.coef, fit.value, fit.steps, fit.newton_cg) = (found.x, found.value, found.steps, Some(found.end));
        }
        Solver::NewtonCholesky => by_newton(ctx, &objective, coef, params, precision, &mut fit)?,
    }
    Ok(fit)
}

fn by_lbfgs<F: Float, X: FusedRows<F> + Gram<F>, L: Loss>(
    ctx: &Context,
    objective: &Objective<'_, F, X, L>,
    coef: Vec<f64>,
    params: &Params,
    max_steps: usize,
    fit: &mut Fit,
) -> Result<()> {
    let rules = lbfgs::Params {
        memory: MEMORY,
        value_tol: VALUE_TOL,
        gradient_tol: params.tol,
        max_steps,
        max_evaluations: MAX_EVALUATIONS,
        max_tries: MAX_TRIES,
    };
    let evaluate = |x: &[f64], gradient: &mut [f64]| {
        ctx.check()?;
        objective.evaluate(ctx, x, gradient, &mut [])
    };
    let found = lbfgs::minimize(evaluate, |_, _| Ok(false), coef, &rules)?;
    (fit.coef, fit.value, fit.lbfgs) = (found.x, found.value, Some((found.steps, found.end)));
    Ok(())
}

fn by_newton<F: Float, X: FusedRows<F> + Gram<F>, L: Loss>(
    ctx: &Context,
    objective: &Objective<'_, F, X, L>,
    mut coef: Vec<f64>,
    params: &Params,
    precision: f64,
    fit: &mut Fit,
) -> Result<()> {
    let (count, width) = (objective.count(), objective.width());
    // Of several margins, what is added to all changes nothing. Where it costs nothing either, the last stays at zero
    // while the minimum is sought, and the mean in the end.
    let costs_nothing = match count {
        1 => width..width,
        _ if params.penalty == 0.0 => 0..width,
        _ => width - usize::from(params.fit_intercept)..width,
    };
    let free = count * width - costs_nothing.len();
    for column in costs_nothing.clone() {
        let last = coef[(count - 1) * width + column];
        coef.chunks_exact_mut(width).for_each(|row| row[column] -= last);
    }
    let mut at = At { ctx, objective, states: memory::try_filled(objective.states()?, 0.0)? };
    let rules = newton::Params { free, tol: params.tol, max_steps: params.max_iter, precision };
    let found = newton::minimize(ctx, &mut at, coef, &rules)?;
    (fit.coef, fit.steps, fit.newton) = (found.x, found.steps, Some(found.end));
    if !matches!(found.end, newton::End::Gradient | newton::End::Steps) {
        let coef = std::mem::take(&mut fit.coef);
        by_lbfgs(ctx, objective, coef, params, params.max_iter - found.steps, fit)?;
    }
    for column in costs_nothing {
        let mean = fit.coef.chunks_exact(width).map(|row| row[column]).sum::<f64>() / count as f64;
        fit.coef.chunks_exact_mut(width).for_each(|row| row[column] -= mean);
    }
    Ok(())
}

/// An objective at a point.
struct At<'o, 'a, F: Float, X, L> {
    ctx: &'o Context<'o>,
    objective: &'o Objective<'a, F, X, L>,
    states: Vec<f64>,
}

impl<F: Float, X: FusedRows<F> + Gram<F>, L: Loss> TwiceDifferentiable for At<'_, '_, F, X, L> {
    fn evaluate(&mut self, x: &[f64], gradient: &mut [f64]) -> Result<f64> {
        self.ctx.check()?;
        self.objective.evaluate(self.ctx, x, gradient, &mut self.states)
    }

    fn hvp(&mut self, vector: &[f64], out: &mut [f64]) -> Result<()> {
        self.ctx.check()?;
        self.objective.hvp(self.ctx, &mut self.states, vector, out)
    }

    fn hessian(&mut self, out: &mut [f64]) -> Result<bool> {
        self.ctx.check()?;
        self.objective.hessian(self.ctx, &self.states, out)
    }
}

#[cfg(test)]
mod tests {
    use super::super::losses::{Binomial, Multinomial};
    use super::*;
    use crate::common::random::Mt19937;
    use crate::linalg::{Csr, Dense};

    const PARAMS: Params =
        Params { solver: Solver::Lbfgs, fit_intercept: true, penalty: 0.01, tol: 1e-9, max_iter: 500 };

    #[test]
    fn all_solvers_meet_for_both_storages() {
        let (n_rows, n) = (1500, 4);
        let mut random = Mt19937::seeded(2);
        let values: Vec<f64> = (0..n_rows * n).map(|_| random.next_f64() - 0.3).collect();
        let y: Vec<f64> = values
            .chunks_exact(n)
            .map(|row| f64::from(u8::from(row[0] > row[1])) + f64::from(u8::from(row[2] > 0.5)))
            .collect();
        let weights: Vec<f64> = (0..n_rows).map(|row| (row % 3) as f64).collect();
        let starts: Vec<usize> = (0..=n_rows).map(|row| row * n).collect();
        let indices: Vec<u32> = (0..n_rows * n).map(|at| (at % n) as u32).collect();
        let dense = Dense::new(&values, n_rows, n).expect("shape");
        let sparse = Csr::new(&values, &indices, &starts, n).expect("parts");
        let ctx = Context::serial();
        let mut found = Vec::new();
        for solver in [Solver::Lbfgs, Solver::NewtonCg, Solver::NewtonCholesky] {
            let params = Params { solver, ..PARAMS };
            let (y, weights) = (&y[..], Some(&weights[..]));
            let several = Multinomial { count: 3 };
            found
                .push(fit(&ctx, Data { x: &dense, y, weights }, several, vec![0.0; 15], &params).expect("memory").coef);
            found.push(
                fit(&ctx, Data { x: &sparse, y, weights }, several, vec![0.0; 15], &params).expect("memory").coef,
            );
        }
        for coef in &found[1..] {
            assert!(coef.iter().zip(&found[0]).all(|(a, b)| (a - b).abs() < 1e-5), "{coef:?}");
        }
        let y: Vec<f64> = y.iter().map(|&y| y.min(1.0)).collect();
        let single = |solver| {
            let data = Data { x: &dense, y: &y[..], weights: None };
            fit(&ctx, data, Binomial, vec![0.0; 5], &Params { solver, ..PARAMS }).expect("memory").coef
        };
        let first = single(Solver::Lbfgs);
        for solver in [Solver::NewtonCg, Solver::NewtonCholesky] {
            assert!(single(solver).iter().zip(&first).all(|(a, b)| (a - b).abs() < 1e-5));
        }
    }
}
