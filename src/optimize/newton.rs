//! Newton's method for functions that curve up: each step goes to the minimum of the parabola at the point, and is
//! halved until the function falls. Rules are those of scikit-learn's solver "newton-cholesky".
//!
//! Reference: S. Boyd, L. Vandenberghe, "Convex Optimization", 2004, chapter 9.5.

use super::TwiceDifferentiable;
use crate::common::{Context, Result, memory};
use crate::linalg::cholesky::{factorize, inverse_norm, solve_transposed, solve_upper};
use crate::linalg::syrk::OCTET;
use crate::linalg::vectors::{add_multiple, dot, is_within, sum_of_magnitudes};

/// Fraction of the expected fall that a step must bring.
const DECREASE: f64 = 1.0 / 2048.0;
/// Halvings of a step.
const MAX_TRIES: usize = 21;
/// Differences of so many units in the last place say nothing about values.
const NOISE: f64 = 16.0;

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub struct Params {
    /// Variables that may move: the first so many.
    pub free: usize,
    /// Largest magnitude in the gradient of a minimum, and half the square of Newton's decrement.
    pub tol: f64,
    /// Most steps.
    pub max_steps: usize,
    /// The precision of values and of the matrix.
    pub precision: f64,
}

/// Why the search ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum End {
    /// The gradient is as good as zero.
    Gradient,
    /// The steps were used up.
    Steps,
    /// The function curves down in too many places.
    Concave,
    /// The matrix of second derivatives has no inverse, or its reciprocal condition is this.
    Singular(Option<f64>),
    /// The step goes uphill.
    Uphill,
    /// No halving of the step lowers the value.
    Stuck,
}

/// Where the search ended.
#[derive(Debug)]
pub struct Fit {
    /// The variables.
    pub x: Vec<f64>,
    /// Steps that were taken or begun.
    pub steps: usize,
    /// Why.
    pub end: End,
}

/// Minimises a function from `x` on.
///
/// # Errors
/// Those of the function; [`crate::common::Error::OutOfMemory`]; [`crate::common::Error::Interrupted`].
pub fn minimize(ctx: &Context, f: &mut impl TwiceDifferentiable, mut x: Vec<f64>, params: &Params) -> Result<Fit> {
    let n = x.len();
    let mut hessian = memory::try_filled(memory::checked_len(n, n)?, 0.0)?;
    let mut gradient = memory::try_filled(n, 0.0)?;
    let mut value = f.evaluate(&x, &mut gradient)?;
    for steps in 1..=params.max_steps {
        if f.hessian(&mut hessian)? {
            return Ok(Fit { x, steps, end: End::Concave });
        }
        let newton = match solve(ctx, &hessian, &gradient, params)? {
            Ok(newton) => newton,
            Err(condition) => return Ok(Fit { x, steps, end: End::Singular(condition) }),
        };
        let derivative = dot(&gradient, &newton);
        if derivative > 0.0 {
            return Ok(Fit { x, steps, end: End::Uphill });
        }
        let (x_before, value_before, size_before) = (memory::try_copied(&x)?, value, sum_of_magnitudes(&gradient));
        let mut step = 1.0;
        let mut is_found = false;
        for _ in 0..MAX_TRIES {
            x.iter_mut()
                .zip(x_before.iter().zip(&newton))
                .for_each(|(x, (before, newton))| *x = before + step * newton);
            value = f.evaluate(&x, &mut gradient)?;
            let rise = value - value_before;
            let is_noise = rise.abs() <= (value_before * NOISE * params.precision).abs();
            // Where nothing but rounding is left of the gradient too, it need not become smaller.
            let is_flat = sum_of_magnitudes(&gradient) < size_before || is_within(&gradient, params.tol);
            is_found = rise <= step * DECREASE * derivative || (is_noise && is_flat);
            if is_found {
                break;
            }
            step *= 0.5;
        }
        if !is_found {
            return Ok(Fit { x, steps, end: End::Stuck });
        }
        if is_within(&gradient, params.tol) {
            let decrement: f64 =
                newton.iter().zip(hessian.chunks_exact(n)).map(|(value, row)| value * dot(row, &newton)).sum();
            if 0.5 * decrement <= params.tol {
                return Ok(Fit { x, steps, end: End::Gradient });
            }
        }
    }
    Ok(Fit { x, steps: params.max_steps, end: End::Steps })
}

/// The step that makes the gradient zero, or the reciprocal condition if it is below the precision (None: zero).
fn solve(
    ctx: &Context,
    hessian: &[f64],
    gradient: &[f64],
    params: &Params,
) -> Result<std::result::Result<Vec<f64>, Option<f64>>> {
    let (n, free) = (gradient.len(), params.free);
    let stride = free.next_multiple_of(OCTET);
    let mut factor = memory::try_filled(memory::checked_len(stride, stride)?, 0.0)?;
    let mut norm: f64 = 0.0;
    for (row, target) in hessian.chunks_exact(n).take(free).zip(factor.chunks_exact_mut(stride)) {
        target[..free].copy_from_slice(&row[..free]);
        norm = norm.max(sum_of_magnitudes(&row[..free]));
    }
    if !factorize(ctx, &mut factor, stride, free, free, 0.0)? {
        return Ok(Err(None));
    }
    let condition = 1.0 / (norm * inverse_norm(ctx, &factor, stride, free)?);
    let is_fine = condition >= params.precision;
    if !is_fine {
        return Ok(Err(Some(condition)));
    }
    let mut newton = memory::try_filled(n, 0.0)?;
    add_multiple(&mut newton[..free], -1.0, &gradient[..free]);
    solve_transposed(&factor, stride, &mut newton[..free]);
    solve_upper(&factor, stride, &mut newton[..free]);
    Ok(Ok(newton))
}

#[cfg(test)]
mod tests {
    use super::super::twice_differentiable::tests::{Bowl, lopsided};
    use super::*;

    const PARAMS: Params = Params { free: 2, tol: 1e-8, max_steps: 50, precision: f64::EPSILON };

    fn from(f: &mut Bowl, x: &[f64], params: &Params) -> Fit {
        minimize(&Context::serial(), f, x.to_vec(), params).expect("memory")
    }

    #[test]
    fn the_minimum_is_found_in_a_few_steps() {
        let fit = from(&mut lopsided(), &[4.0, -3.0], &PARAMS);
        assert!(fit.end == End::Gradient && fit.steps < 15, "{fit:?}");
        let mut gradient = [0.0; 2];
        lopsided().evaluate(&fit.x, &mut gradient).expect("a value");
        assert!(is_within(&gradient, 1e-8));
        assert_eq!(from(&mut lopsided(), &[4.0, -3.0], &Params { max_steps: 1, ..PARAMS }).end, End::Steps);
    }

    #[test]
    fn fixed_variables_stay() {
        let fit = from(&mut lopsided(), &[4.0, 0.0], &Params { free: 1, tol: 1e-3, max_steps: 20, ..PARAMS });
        assert!(fit.x[1] == 0.0 && fit.x[0] != 4.0);
    }

    #[test]
    fn what_has_no_parabola_is_told() {
        let flat = |x: &[f64]| (x[0].cosh(), [x[0].sinh(), 0.0], [[x[0].cosh(), 0.0], [0.0, 0.0]]);
        assert_eq!(from(&mut Bowl::new(flat), &[1.0, 1.0], &PARAMS).end, End::Singular(None));
        let thin = |x: &[f64]| (x[0] * x[0], [2.0 * x[0], 1e-20 * x[1]], [[2.0, 0.0], [0.0, 1e-20]]);
        let end = from(&mut Bowl::new(thin), &[1.0, 1.0], &PARAMS).end;
        assert!(matches!(end, End::Singular(Some(condition)) if condition < 1e-19), "{end:?}");
    }
}
