//! L-BFGS: minimises a smooth function of many variables by its values and gradients.
//!
//! The last few steps and changes of the gradient stand for the curvature; a direction is found from them by two passes,
//! and the step along it by the search of Moré and Thuente. First step, rules to stop, what is remembered and when it is
//! forgotten are those of SciPy's L-BFGS-B without bounds, so that both take the same steps up to rounding.
//!
//! References: J. Nocedal, "Updating quasi-Newton matrices with limited storage", 1980; C. Zhu, R. Byrd, P. Lu,
//! J. Nocedal, "Algorithm 778: L-BFGS-B", 1997.

use std::collections::VecDeque;

use super::more_thuente::{Rules, Search, Verdict};
use crate::common::{Result, memory};
use crate::linalg::vectors::{add_multiple, dot, is_within};

/// Conditions of the search along a direction.
const RULES: Rules = Rules { decrease: 1e-3, curvature: 0.9, width: 0.1, least: 0.0, most: 1e10 };

/// When to stop, and what to remember.
#[derive(Debug, Clone, Copy)]
pub struct Params {
    /// Steps that are remembered.
    pub memory: usize,
    /// Relative fall of the value in a step that is no longer worth going on.
    pub value_tol: f64,
    /// Largest magnitude in the gradient of a minimum.
    pub gradient_tol: f64,
    /// Most steps.
    pub max_steps: usize,
    /// Most evaluations, of which the last step may take more.
    pub max_evaluations: usize,
    /// Most evaluations in a step.
    pub max_tries: usize,
}

/// Why the search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The gradient is as good as zero.
    Gradient,
    /// The value no longer falls.
    Value,
    /// The steps were used up.
    Steps,
    /// The evaluations were used up.
    Evaluations,
    /// The observer asked for it.
    Observer,
    /// No step lowers the value, not even along the gradient.
    Stuck,
}

/// Where the search ended.
#[derive(Debug)]
pub struct Fit {
    /// The variables.
    pub x: Vec<f64>,
    /// The value there.
    pub value: f64,
    /// The gradient there.
    pub gradient: Vec<f64>,
    /// Steps that were taken.
    pub steps: usize,
    /// Evaluations.
    pub evaluations: usize,
    /// Why.
    pub end: End,
}

/// Minimises a function from `x` on.
///
/// `evaluate(x, gradient)` returns the value at `x` and puts the gradient there into its second argument, which is as
/// long; it is the place to look for interruptions. `observe(x, value)` hears of each step and returns whether to stop.
///
/// # Errors
/// Those of `evaluate` and `observe`; [`crate::common::Error::OutOfMemory`].
pub fn minimize(
    mut evaluate: impl FnMut(&[f64], &mut [f64]) -> Result<f64>,
    mut observe: impl FnMut(&[f64], f64) -> Result<bool>,
    mut x: Vec<f64>,
    params: &Params,
) -> Result<Fit> {
    let n = x.len();
    let mut gradient = memory::try_filled(n, 0.0)?;
    let mut value = evaluate(&x, &mut gradient)?;
    let (mut steps, mut evaluations) = (0, 1);
    // As SciPy does, whatever the value is: where it is no number, its gradient may be zero, as that of 0 * log(0) is.
    let mut end = is_within(&gradient, params.gradient_tol).then_some(End::Gradient);
    let (mut x_before, mut gradient_before) = (memory::try_copied(&x)?, memory::try_copied(&gradient)?);
    let mut direction = memory::try_filled(n, 0.0)?;
    let mut memory = Memory { pairs: VecDeque::new(), most: params.memory, scale: 1.0 };
    while end.is_none() {
        memory.direction(&gradient, &mut direction);
        x_before.copy_from_slice(&x);
        gradient_before.copy_from_slice(&gradient);
        let value_before = value;
        let derivative_before = dot(&gradient, &direction);
        // Nothing is known of the scale of the variables before the first step.
        let first = if steps == 0 { (1.0 / dot(&direction, &direction).sqrt()).min(RULES.most) } else { 1.0 };
        let mut search = Search::new(RULES, first, value, derivative_before);
        let (mut tries, mut derivative, mut step) = (0, derivative_before, first);
        let mut is_found = false;
        while let Some(search) = search.as_mut().filter(|_| tries < params.max_tries) {
            step = search.step();
            for i in 0..n {
                x[i] = x_before[i] + step * direction[i];
            }
            value = evaluate(&x, &mut gradient)?;
            (tries, evaluations) = (tries + 1, evaluations + 1);
            derivative = dot(&gradient, &direction);
            if search.judge(value, derivative) != Verdict::Try {
                is_found = true;
                break;
            }
        }
        if !is_found {
            x.copy_from_slice(&x_before);
            gradient.copy_from_slice(&gradient_before);
            value = value_before;
            if memory.pairs.is_empty() {
                end = Some(End::Stuck);
            }
            memory.forget();
            continue;
        }
        steps += 1;
        let asks_to_stop = observe(&x, value)?;
        let fall = value_before - value;
        end = if steps >= params.max_steps {
            Some(End::Steps)
        } else if evaluations > params.max_evaluations {
            Some(End::Evaluations)
        } else if asks_to_stop {
            Some(End::Observer)
        } else if is_within(&gradient, params.gradient_tol) {
            Some(End::Gradient)
        } else if fall <= params.value_tol * value_before.abs().max(value.abs()).max(1.0) {
            Some(End::Value)
        } else {
            None
        };
        if end.is_none() && (derivative - derivative_before) * step > f64::EPSILON * -derivative_before * step {
            memory.learn(step, (derivative - derivative_before) * step, &direction, &gradient, &gradient_before)?;
        }
    }
    let end = end.unwrap_or(End::Stuck);
    Ok(Fit { x, value, gradient, steps, evaluations, end })
}

/// What is known of the curvature.
struct Memory {
    /// From the oldest to the newest.
    pairs: VecDeque<Pair>,
    most: usize,
    /// The curvature where nothing is known.
    scale: f64,
}

/// A step, the change of the gradient in it, and their product, which is positive.
struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    product: f64,
}

impl Memory {
    fn forget(&mut self) {
        self.pairs.clear();
        self.scale = 1.0;
    }

    fn learn(&mut self, step: f64, product: f64, direction: &[f64], after: &[f64], before: &[f64]) -> Result<()> {
        let recycled = if self.pairs.len() == self.most { self.pairs.pop_front() } else { None };
        let mut pair = match recycled {
            Some(pair) => pair,
            None => Pair {
                step: memory::try_filled(direction.len(), 0.0)?,
                change: memory::try_filled(direction.len(), 0.0)?,
                product: 0.0,
            },
        };
        pair.step.iter_mut().zip(direction).for_each(|(value, direction)| *value = step * direction);
        pair.change
            .iter_mut()
            .zip(after.iter().zip(before))
            .for_each(|(value, (after, before))| *value = after - before);
        pair.product = product;
        self.scale = dot(&pair.change, &pair.change) / product;
        self.pairs.push_back(pair);
        Ok(())
    }

    /// The direction to the minimum of the function as it is known.
    fn direction(&self, gradient: &[f64], direction: &mut [f64]) {
        direction.iter_mut().zip(gradient).for_each(|(direction, gradient)| *direction = -gradient);
        let mut fractions = Vec::with_capacity(self.pairs.len());
        for pair in self.pairs.iter().rev() {
            let fraction = dot(&pair.step, direction) / pair.product;
            add_multiple(direction, -fraction, &pair.change);
            fractions.push(fraction);
        }
        direction.iter_mut().for_each(|value| *value /= self.scale);
        for (pair, fraction) in self.pairs.iter().zip(fractions.into_iter().rev()) {
            let back = dot(&pair.change, direction) / pair.product;
            add_multiple(direction, fraction - back, &pair.step);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARAMS: Params = Params {
        memory: 10,
        value_tol: 0.0,
        gradient_tol: 1e-8,
        max_steps: 1000,
        max_evaluations: 15_000,
        max_tries: 20,
    };

    /// Rosenbrock's valley, in pairs of variables.
    fn valley(x: &[f64], gradient: &mut [f64]) -> Result<f64> {
        gradient.fill(0.0);
        let mut value = 0.0;
        for i in 0..x.len() - 1 {
            let (rise, run) = (x[i + 1] - x[i] * x[i], 1.0 - x[i]);
            value += 100.0 * rise * rise + run * run;
            gradient[i] += -400.0 * x[i] * rise - 2.0 * run;
            gradient[i + 1] += 200.0 * rise;
        }
        Ok(value)
    }

    fn from(x: Vec<f64>, params: &Params) -> Fit {
        minimize(valley, |_, _| Ok(false), x, params).expect("memory")
    }

    #[test]
    fn the_valley_is_walked_as_scipy_walks_it() {
        // scipy.optimize.minimize(rosen, x0, jac=rosen_der, method="L-BFGS-B", options={"ftol": 0, "gtol": 1e-8})
        let fit = from(vec![-1.2, 1.0], &PARAMS);
        assert_eq!((fit.steps, fit.evaluations, fit.end), (38, 46, End::Gradient));
        let fit = from(vec![1.3, 0.7, 0.8, 1.9, 1.2], &PARAMS);
        assert_eq!((fit.steps, fit.evaluations, fit.end), (28, 30, End::Gradient));
        assert!(fit.x.iter().all(|value| (value - 1.0).abs() < 1e-8));
    }

    #[test]
    fn steps_and_evaluations_are_limited_and_observed() {
        let start = vec![-1.2, 1.0];
        let fit = from(start.clone(), &Params { max_steps: 3, ..PARAMS });
        assert_eq!((fit.steps, fit.end), (3, End::Steps));
        let fit = from(start.clone(), &Params { max_evaluations: 3, ..PARAMS });
        assert_eq!(fit.end, End::Evaluations);
        let mut values = Vec::new();
        let observe = |_: &[f64], value| {
            values.push(value);
            Ok(values.len() == 5)
        };
        let fit = minimize(valley, observe, start, &PARAMS).expect("memory");
        assert_eq!((fit.steps, fit.end, values.len()), (5, End::Observer, 5));
        assert!(values.is_sorted_by(|a, b| a > b));
    }

    #[test]
    fn a_minimum_is_left_where_it_is_and_a_lie_gets_stuck() {
        let fit = from(vec![1.0, 1.0], &PARAMS);
        assert_eq!((fit.steps, fit.evaluations, fit.end), (0, 1, End::Gradient));
        // A gradient that points the wrong way.
        let lie = |x: &[f64], gradient: &mut [f64]| {
            gradient[0] = -2.0 * x[0];
            Ok(x[0] * x[0])
        };
        let fit = minimize(lie, |_, _| Ok(false), vec![1.0], &PARAMS).expect("memory");
        assert_eq!((fit.x[0], fit.value, fit.end), (1.0, 1.0, End::Stuck));
    }

    /// scipy.optimize.minimize(lambda x: (value, gradient), [0.0, 0.0], jac=True, method="L-BFGS-B") ends in the same way.
    #[test]
    fn out_of_range_nothing_counts_as_found_but_a_gradient_of_zero() {
        let at = |value: f64, derivatives: [f64; 2]| {
            let evaluate = |_: &[f64], gradient: &mut [f64]| {
                gradient.copy_from_slice(&derivatives);
                Ok(value)
            };
            let fit = minimize(evaluate, |_, _| Ok(false), vec![0.0; 2], &PARAMS).expect("memory");
            assert_eq!((fit.steps, &fit.x[..]), (0, &[0.0, 0.0][..]));
            fit.end
        };
        let (nan, infinite) = (f64::NAN, f64::INFINITY);
        for value in [nan, infinite, 1.0] {
            assert_eq!(at(value, [0.0; 2]), End::Gradient);
        }
        for derivatives in [[nan, nan], [nan, 0.0], [0.0, nan], [infinite, 1.0], [1e200, 1.0], [1.0, 1e155]] {
            assert_eq!(at(1.0, derivatives), End::Stuck, "{derivatives:?}");
        }
        assert_eq!(at(nan, [1.0; 2]), End::Stuck);
    }
}
