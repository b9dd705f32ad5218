//! From data to problems, one for each class against the others, and from a problem to its solver.

use std::marker::PhantomData;

use super::dual_regression::{self, Tube};
use super::primal::{Logistic, Loss, Primal, SquaredHinge, SquaredTube};
use super::samples::Samples;
use super::{crammer_singer, dual, dual_logistic, sparse_hinge, sparse_logistic};
use crate::common::error::check_length;
use crate::common::random::Mt19937;
use crate::common::{Context, Error, Float, Result, memory, parallel};
use crate::linalg::columns::Columns;
use crate::linalg::linear::Linear;
use crate::optimize::tron;

/// What is minimised, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Solver {
    /// L2 penalty, logistic loss, by trust-region Newton.
    Logistic,
    /// L2 penalty, squared hinge, on the dual.
    SquaredHingeDual,
    /// L2 penalty, squared hinge, by trust-region Newton.
    SquaredHinge,
    /// L2 penalty, hinge, on the dual.
    HingeDual,
    /// All classes at once.
    CrammerSinger,
    /// L1 penalty, squared hinge.
    SparseSquaredHinge,
    /// L1 penalty, logistic loss.
    SparseLogistic,
    /// L2 penalty, logistic loss, on the dual.
    LogisticDual,
    /// L2 penalty, squared error outside a tube, by trust-region Newton.
    SquaredTube,
    /// The same on the dual.
    SquaredTubeDual,
    /// L2 penalty, error outside a tube, on the dual.
    TubeDual,
}

impl Solver {
    /// By LIBLINEAR's number.
    pub fn numbered(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::Logistic,
            1 => Self::SquaredHingeDual,
            2 => Self::SquaredHinge,
            3 => Self::HingeDual,
            4 => Self::CrammerSinger,
            5 => Self::SparseSquaredHinge,
            6 => Self::SparseLogistic,
            7 => Self::LogisticDual,
            11 => Self::SquaredTube,
            12 => Self::SquaredTubeDual,
            13 => Self::TubeDual,
            _ => return None,
        })
    }

    fn is_regression(self) -> bool {
        matches!(self, Self::SquaredTube | Self::SquaredTubeDual | Self::TubeDual)
    }

    /// Whether the gradient at zero is what the tolerance is relative to, in proportion to the smaller class.
    fn is_primal(self) -> bool {
        matches!(self, Self::Logistic | Self::SquaredHinge | Self::SparseSquaredHinge | Self::SparseLogistic)
    }

    /// Whether nothing is drawn, so that the problems of the classes do not depend on each other.
    fn is_newton(self) -> bool {
        matches!(self, Self::Logistic | Self::SquaredHinge | Self::SquaredTube)
    }

    fn is_sparse(self) -> bool {
        matches!(self, Self::SparseSquaredHinge | Self::SparseLogistic)
    }
}

/// How to train.
#[derive(Debug, Clone, Copy)]
pub struct Params<'a> {
    /// What is minimised, and how.
    pub solver: Solver,
    /// When to stop.
    pub tol: f64,
    /// The constant feature that the intercept belongs to, if there is to be one.
    pub bias: Option<f64>,
    /// Cost of errors.
    pub cost: f64,
    /// What the cost of each class is multiplied by, shape (n_classes,); nothing for a regression.
    pub class_weights: &'a [f64],
    /// Most steps.
    pub max_iter: usize,
    /// Seed of the order of coordinates.
    pub seed: u32,
    /// Half the width of a tube.
    pub epsilon: f64,
}

/// What a solver finds.
#[derive(Debug)]
pub(super) struct Solution {
    /// Shape (width,), or (n_classes, width).
    pub(super) coef: Vec<f64>,
    pub(super) n_iter: usize,
}

/// Trained models: one of a regression or of two classes, else one for each class.
#[derive(Debug)]
pub struct Fit {
    /// Coefficients, row-major of shape (n_models, n_features).
    pub coef: Vec<f64>,
    /// Coefficients of the constant feature, shape (n_models,), or nothing without one.
    pub intercept: Vec<f64>,
    /// Steps, one number for each problem. As many as were allowed at least, if numbers left the range of their type.
    pub n_iter: Vec<usize>,
}

/// A problem before it is written down: which class against the others, and what errors cost.
#[derive(Debug, Clone, Copy)]
struct Sides {
    class: usize,
    positive: f64,
    negative: f64,
}

/// The samples that count.
struct Data<'a, R> {
    rows: &'a R,
    /// Their rows; by class where the order of steps is drawn.
    order: Vec<u32>,
    /// Targets and weights in this order; classes are counted from 0 on without those that no sample is of.
    targets: Vec<f64>,
    weights: Vec<f64>,
    /// What the cost of each class is multiplied by.
    class_weights: Vec<f64>,
}

/// Trains on `targets`, numbers or classes from 0 on, and `weights`, both of shape (n_rows,). Rows without a positive
/// weight do not count, nor do classes without such a row: as in LIBLINEAR they get no model.
///
/// # Errors
/// [`Error::InvalidArgument`] if no row counts, or where all classes are taken at once and one has none; [`Error::Shape`]; [`Error::OutOfMemory`];
/// [`Error::Interrupted`].
pub fn train<F: Float, R: Linear<F>>(
    ctx: &Context,
    rows: &R,
    targets: &[f64],
    weights: &[f64],
    params: &Params,
) -> Result<Fit> {
    check_length("y", targets.len(), rows.n_rows())?;
    check_length("sample_weight", weights.len(), rows.n_rows())?;
    if u32::try_from(rows.n_rows()).is_err() {
        return Err(Error::InvalidArgument("more rows than LIBLINEAR counts"));
    }
    let data = Data::new(rows, targets, weights, params)?;
    let mut random = Mt19937::seeded(params.seed);
    let n_classes = data.class_weights.len();
    let solutions = if params.solver.is_regression() {
        vec![data.regress(ctx, params, &mut random)?]
    } else if params.solver == Solver::CrammerSinger {
        vec![data.crammer_singer(ctx, params, &mut random)?]
    } else {
        let cost = |class: usize| params.cost * data.class_weights[class];
        let mut problems: Vec<Sides> = Vec::new();
        if n_classes == 2 {
            problems.push(Sides { class: 1, positive: cost(1), negative: cost(0) });
        } else {
            let all = 0..n_classes;
            problems.extend(all.map(|class| Sides { class, positive: cost(class), negative: params.cost }));
        }
        data.separate(ctx, params, &problems, &mut random)?
    };
    collect(solutions, rows.n_cols(), params)
}

/// Takes the intercepts apart.
fn collect(solutions: Vec<Solution>, n_cols: usize, params: &Params) -> Result<Fit> {
    let stored = solutions.iter().map(|solution| solution.coef.len()).sum();
    let mut fit = Fit { coef: memory::try_with_capacity(stored)?, intercept: Vec::new(), n_iter: Vec::new() };
    for Solution { coef, n_iter } in solutions {
        let is_finite = coef.iter().all(|value| value.is_finite());
        fit.n_iter.push(if is_finite { n_iter } else { n_iter.max(params.max_iter) });
        if params.bias.is_none() {
            fit.coef.extend(coef);
            continue;
        }
        for model in coef.chunks_exact(n_cols + 1) {
            fit.coef.extend_from_slice(&model[..n_cols]);
            fit.intercept.push(model[n_cols]);
        }
    }
    Ok(fit)
}

impl<'a, R> Data<'a, R> {
    fn new(rows: &'a R, targets: &[f64], weights: &[f64], params: &Params) -> Result<Self> {
        let mut order: Vec<u32> = memory::try_with_capacity(targets.len())?;
        order.extend((0..targets.len() as u32).filter(|&row| weights[row as usize] > 0.0));
        if order.is_empty() {
            return Err(Error::InvalidArgument("no sample has a positive weight"));
        }
        let pick = |order: &[u32], values: &[f64]| -> Result<Vec<f64>> {
            let mut picked = memory::try_with_capacity(order.len())?;
            picked.extend(order.iter().map(|&row| values[row as usize]));
            Ok(picked)
        };
        if params.solver.is_regression() {
            let (targets, weights) = (pick(&order, targets)?, pick(&order, weights)?);
            return Ok(Self { rows, order, targets, weights, class_weights: Vec::new() });
        }
        if !params.solver.is_newton() {
            order.sort_by_key(|&row| targets[row as usize] as usize); // the order of steps is drawn from there
        }
        let (mut targets, weights) = (pick(&order, targets)?, pick(&order, weights)?);
        let mut is_there = memory::try_filled(params.class_weights.len(), false)?;
        for &class in &targets {
            *is_there.get_mut(class as usize).ok_or(Error::InvalidArgument("a class without a weight"))? = true;
        }
        if params.solver == Solver::CrammerSinger && is_there.contains(&false) {
            return Err(Error::InvalidArgument("a class has no sample of positive weight"));
        }
        let (mut class_weights, mut number) = (Vec::new(), Vec::new());
        for (&is_there, &weight) in is_there.iter().zip(params.class_weights) {
            number.push(class_weights.len() as f64);
            if is_there {
                class_weights.push(weight);
            }
        }
        targets.iter_mut().for_each(|class| *class = number[*class as usize]);
        Ok(Self { rows, order, targets, weights, class_weights })
    }

    fn samples<'s, F>(&'s self, targets: &'s [f64], costs: &'s [f64], bias: Option<f64>) -> Samples<'s, F, R> {
        Samples { rows: self.rows, order: &self.order, targets, costs, bias, float: PhantomData }
    }

    /// The costs of the samples, given those of a unit of weight.
    fn costs(&self, cost: impl Fn(usize) -> f64) -> Result<Vec<f64>> {
        let mut costs = memory::try_with_capacity(self.weights.len())?;
        costs.extend(self.weights.iter().enumerate().map(|(sample, weight)| weight * cost(sample)));
        Ok(costs)
    }

    fn regress<F: Float>(&self, ctx: &Context, params: &Params, random: &mut Mt19937) -> Result<Solution>
    where
        R: Linear<F>,
    {
        let costs = self.costs(|_| params.cost)?;
        let samples = self.samples(&self.targets, &costs, params.bias);
        let (epsilon, is_squared) = (params.epsilon, params.solver == Solver::SquaredTubeDual);
        if params.solver == Solver::SquaredTube {
            return newton(ctx, &samples, SquaredTube { epsilon }, params.tol, params.max_iter);
        }
        dual_regression::solve(ctx, &samples, Tube { epsilon, is_squared }, params.tol, params.max_iter, random)
    }

    fn crammer_singer<F: Float>(&self, ctx: &Context, params: &Params, random: &mut Mt19937) -> Result<Solution>
    where
        R: Linear<F>,
    {
        let costs = self.costs(|sample| params.cost * self.class_weights[self.targets[sample] as usize])?;
        let samples = self.samples(&self.targets, &costs, params.bias);
        crammer_singer::solve(ctx, &samples, self.class_weights.len(), params.tol, random)
    }

    /// One solution for each problem.
    fn separate<F: Float>(
        &self,
        ctx: &Context,
        params: &Params,
        problems: &[Sides],
        random: &mut Mt19937,
    ) -> Result<Vec<Solution>>
    where
        R: Linear<F>,
    {
        if params.solver.is_newton() {
            let solve = |ctx: &Context, sides: Sides| self.newton(ctx, params, sides);
            if problems.len() >= ctx.threads() {
                return parallel::map(ctx, problems.to_vec(), |sides| solve(&ctx.alone(), sides));
            }
            return problems.iter().map(|&sides| solve(ctx, sides)).collect();
        }
        let mut columns = match params.solver.is_sparse() {
            true => Some(self.rows.columns(&self.order, params.bias)?),
            false => None,
        };
        problems.iter().map(|&sides| self.descend(ctx, params, sides, columns.as_mut(), random)).collect()
    }

    fn newton<F: Float>(&self, ctx: &Context, params: &Params, sides: Sides) -> Result<Solution>
    where
        R: Linear<F>,
    {
        let (targets, costs, tol) = self.written(params, sides)?;
        let samples = self.samples(&targets, &costs, params.bias);
        match params.solver {
            Solver::Logistic => newton(ctx, &samples, Logistic, tol, params.max_iter),
            _ => newton(ctx, &samples, SquaredHinge, tol, params.max_iter),
        }
    }

    fn descend<F: Float>(
        &self,
        ctx: &Context,
        params: &Params,
        sides: Sides,
        columns: Option<&mut Columns>,
        random: &mut Mt19937,
    ) -> Result<Solution>
    where
        R: Linear<F>,
    {
        let (targets, costs, tol) = self.written(params, sides)?;
        let max_iter = params.max_iter;
        if let Some(columns) = columns {
            if params.solver == Solver::SparseLogistic {
                return sparse_logistic::solve(ctx, columns, &targets, &costs, tol, max_iter, random);
            }
            columns.multiply(&targets);
            let solution = sparse_hinge::solve(ctx, columns, &costs, tol, max_iter, random);
            columns.multiply(&targets); // signs undo themselves
            return solution;
        }
        let samples = self.samples(&targets, &costs, params.bias);
        match params.solver {
            Solver::LogisticDual => dual_logistic::solve(ctx, &samples, tol, max_iter, random),
            solver => dual::solve(ctx, &samples, solver == Solver::SquaredHingeDual, tol, max_iter, random),
        }
    }

    /// Targets of -1 and 1, costs, and the tolerance, of a problem.
    fn written(&self, params: &Params, sides: Sides) -> Result<(Vec<f64>, Vec<f64>, f64)> {
        let is_positive = |sample: usize| self.targets[sample] as usize == sides.class;
        let len = self.targets.len();
        let mut targets = memory::try_with_capacity(len)?;
        targets.extend((0..len).map(|sample| if is_positive(sample) { 1.0 } else { -1.0 }));
        let costs = self.costs(|sample| if is_positive(sample) { sides.positive } else { sides.negative })?;
        let positive = targets.iter().filter(|&&target| target > 0.0).count();
        let fewer = positive.min(len - positive).max(1);
        let tol = if params.solver.is_primal() { params.tol * fewer as f64 / len as f64 } else { params.tol };
        Ok((targets, costs, tol))
    }
}

fn newton<F: Float, R: Linear<F>>(
    ctx: &Context,
    samples: &Samples<F, R>,
    loss: impl Loss,
    tol: f64,
    max_iter: usize,
) -> Result<Solution> {
    let fit = tron::minimize(ctx, &mut Primal::new(samples, loss), samples.width(), tol, max_iter)?;
    Ok(Solution { coef: fit.point, n_iter: fit.n_iter })
}
