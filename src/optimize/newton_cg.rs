//! Newton's method without a matrix: each step is found by conjugate gradients, as exactly as is worth while, and its
//! length by the search of Moré and Thuente. Rules are those of scikit-learn's solver "newton-cg", which has another
//! search to go on with where this one is stuck.
//!
//! References: J. Nocedal, S. Wright, "Numerical Optimization", 2006, chapter 7; C. Royer, M. O'Neill, S. Wright,
//! "A Newton-CG algorithm with complexity guarantees for smooth unconstrained optimization", 2020.

use super::TwiceDifferentiable;
use super::more_thuente::{Rules, Search, Verdict};
use crate::common::{Result, memory};
use crate::linalg::vectors::{add_multiple, dot, is_within, sum_of_magnitudes};

/// Conditions of the search along a direction.
const RULES: Rules = Rules { decrease: 1e-4, curvature: 0.9, width: 1e-14, least: 1e-8, most: 50.0 };
/// Evaluations in a search.
const MAX_TRIES: usize = 99;
/// Steps of conjugate gradients.
const MAX_INNER_STEPS: usize = 200;
/// Differences of so many units in the last place say nothing.
const NOISE: f64 = 16.0;

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub struct Params {
    /// Largest magnitude in the gradient of a minimum.
    pub tol: f64,
    /// Most steps.
    pub max_steps: usize,
    /// The precision of values.
    pub precision: f64,
}

/// Why the search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The gradient is as good as zero.
    Gradient,
    /// The steps were used up.
    Steps,
    /// No step along the direction lowers the value.
    Stuck,
    /// The last step left the value as it was, to the last digit, and the gradient does not shrink any more.
    Rounding,
}

/// Where the search ended.
#[derive(Debug)]
pub struct Fit {
    /// The variables.
    pub x: Vec<f64>,
    /// The value there.
    pub value: f64,
    /// Steps that were taken.
    pub steps: usize,
    /// Why.
    pub end: End,
}

/// Minimises a function from `x` on.
///
/// # Errors
/// Those of the function; [`crate::common::Error::OutOfMemory`].
pub fn minimize(f: &mut impl TwiceDifferentiable, mut x: Vec<f64>, params: &Params) -> Result<Fit> {
    let mut gradient = memory::try_filled(x.len(), 0.0)?;
    let mut value = f.evaluate(&x, &mut gradient)?;
    let mut value_before = None;
    for steps in 0..params.max_steps {
        if is_within(&gradient, params.tol) {
            return Ok(Fit { x, value, steps, end: End::Gradient });
        }
        let direction = direction(f, &gradient, params.precision)?;
        let derivative = dot(&gradient, &direction);
        let first: f64 = match value_before {
            Some(before) if derivative != 0.0 => 2.02 * (value - before) / derivative,
            _ => 1.0,
        };
        let first = if first < 0.0 { 1.0 } else { first.min(1.0) };
        let start = Point { x: &x, value, gradient: &gradient };
        let Some(found) = search(f, &start, &direction, first, derivative, params)? else {
            return Ok(Fit { x, value, steps, end: if first == 0.0 { End::Rounding } else { End::Stuck } });
        };
        value_before = Some(value);
        (x, value, gradient) = found;
    }
    Ok(Fit { x, value, steps: params.max_steps, end: End::Steps })
}

/// Where a search begins.
struct Point<'a> {
    x: &'a [f64],
    value: f64,
    gradient: &'a [f64],
}

/// Variables, with the value and the gradient there.
type Found = (Vec<f64>, f64, Vec<f64>);

/// The end of the step along a direction, with the value and the gradient there, which is the last that `f` was asked
/// about.
fn search(
    f: &mut impl TwiceDifferentiable,
    start: &Point<'_>,
    direction: &[f64],
    first: f64,
    derivative: f64,
    params: &Params,
) -> Result<Option<Found>> {
    let mut x = memory::try_copied(start.x)?;
    let mut gradient = memory::try_filled(x.len(), 0.0)?;
    let go = |f: &mut _, step: f64, x: &mut [f64], gradient: &mut [f64]| -> Result<f64> {
        x.iter_mut().zip(start.x.iter().zip(direction)).for_each(|(x, (start, value))| *x = start + step * value);
        TwiceDifferentiable::evaluate(f, x, gradient)
    };
    if let Some(mut search) = Search::new(RULES, first, start.value, derivative) {
        for _ in 0..MAX_TRIES {
            let value = go(f, search.step(), &mut x, &mut gradient)?;
            match search.judge(value, dot(&gradient, direction)) {
                Verdict::Found => return Ok(Some((x, value, gradient))),
                Verdict::Stuck => break,
                Verdict::Try if !search.step().is_finite() => break,
                Verdict::Try => {}
            }
        }
    }
    // Values may be equal up to rounding where the gradient still shrinks.
    let value = go(f, 1.0, &mut x, &mut gradient)?;
    let is_noise = (value - start.value).abs() <= (start.value * NOISE * params.precision).abs();
    let shrinks = sum_of_magnitudes(&gradient) < sum_of_magnitudes(start.gradient);
    Ok((is_noise && shrinks).then_some((x, value, gradient)))
}

/// A direction along which the gradient vanishes, or nearly so.
fn direction(f: &mut impl TwiceDifferentiable, gradient: &[f64], precision: f64) -> Result<Vec<f64>> {
    let size = sum_of_magnitudes(gradient);
    let enough = size * size.sqrt().min(0.5);
    let mut found = memory::try_filled(gradient.len(), 0.0)?;
    let mut image = memory::try_filled(gradient.len(), 0.0)?;
    let mut residual = memory::try_copied(gradient)?;
    let mut along = memory::try_copied(gradient)?;
    along.iter_mut().for_each(|value| *value = -*value);
    let mut square = dot(&residual, &residual);
    let mut length = square;
    for step in 0..=MAX_INNER_STEPS {
        if sum_of_magnitudes(&residual) <= enough {
            break;
        }
        f.hvp(&along, &mut image)?;
        let curvature = dot(&along, &image);
        if (0.0..=NOISE * precision * length).contains(&curvature) {
            break;
        }
        if curvature < 0.0 {
            if step == 0 {
                add_multiple(&mut found, square / curvature, &along);
            }
            break;
        }
        let fraction = square / curvature;
        add_multiple(&mut found, fraction, &along);
        add_multiple(&mut residual, fraction, &image);
        let before = square;
        square = dot(&residual, &residual);
        let kept = square / before;
        along.iter_mut().zip(&residual).for_each(|(along, residual)| *along = kept * *along - residual);
        length = square + kept * kept * length;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::super::twice_differentiable::tests::{Bowl, lopsided};
    use super::*;

    const PARAMS: Params = Params { tol: 1e-8, max_steps: 100, precision: f64::EPSILON };

    #[test]
    fn the_minimum_is_found() {
        let fit = minimize(&mut lopsided(), vec![4.0, -3.0], &PARAMS).expect("memory");
        assert!(fit.end == End::Gradient && fit.steps < 30, "{fit:?}");
        let fit = minimize(&mut lopsided(), vec![4.0, -3.0], &Params { max_steps: 2, ..PARAMS }).expect("memory");
        assert_eq!((fit.steps, fit.end), (2, End::Steps));
    }

    #[test]
    fn a_function_that_falls_nowhere_is_left() {
        let lie = |x: &[f64]| (x[0] * x[0], [-2.0 * x[0], 0.0], [[2.0, 0.0], [0.0, 2.0]]);
        let fit = minimize(&mut Bowl::new(lie), vec![1.0, 0.0], &PARAMS).expect("memory");
        assert_eq!((fit.x, fit.value, fit.steps, fit.end), (vec![1.0, 0.0], 1.0, 0, End::Stuck));
    }
}
