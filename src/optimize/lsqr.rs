//! LSQR: least squares with a matrix that is only ever multiplied with vectors.
//!
//! Golub and Kahan's bidiagonalisation, one product with the matrix and one with its transpose a step, and plane
//! rotations that turn the bidiagonal into a triangle as it grows. The steps and the rules to stop are those of the
//! paper, and so those of SciPy's `lsqr`: both end after the same number of steps.
//!
//! Reference: C. Paige, M. Saunders, "LSQR: An algorithm for sparse linear equations and sparse least squares", 1982.

use crate::common::float::power_below;
use crate::common::{Context, Result, memory, pairwise};

/// A matrix.
pub trait Operator {
    /// Columns.
    fn n_cols(&self) -> usize;

    /// The product with a vector of as many scalars as there are columns.
    ///
    /// # Errors
    /// [`crate::common::Error::OutOfMemory`]; [`crate::common::Error::Interrupted`].
    fn apply(&self, ctx: &Context, vector: &[f64]) -> Result<Vec<f64>>;

    /// The product of the transpose with a vector of as many scalars as there are rows.
    ///
    /// # Errors
    /// As [`Operator::apply`].
    fn apply_transposed(&self, ctx: &Context, vector: &[f64]) -> Result<Vec<f64>>;

    /// Replaces `u` by the product with a vector plus `share` times `u`; returns the product of the transpose with that.
    /// A matrix that is read row by row can do both in one pass.
    ///
    /// # Errors
    /// As [`Operator::apply`].
    fn apply_both(&self, ctx: &Context, vector: &[f64], fraction: f64, u: &mut [f64]) -> Result<Vec<f64>> {
        let product = self.apply(ctx, vector)?;
        u.iter_mut().zip(product).for_each(|(value, product)| *value = product + fraction * *value);
        self.apply_transposed(ctx, u)
    }
}

/// What to minimise, and when to stop.
#[derive(Debug, Clone, Copy)]
pub struct Params {
    /// Weight of the length of the solution: `|Ax - b|² + damp² |x|²` is minimised.
    pub damp: f64,
    /// Relative error of the matrix, and of the right-hand side.
    pub tol: f64,
    /// Largest condition that is believed.
    pub max_condition: f64,
    /// Most steps.
    pub max_steps: usize,
}

/// The solution `x` of least norm that minimises `|Ax - b|`, as far as the tolerance tells, and the number of steps.
///
/// # Errors
/// [`crate::common::Error::OutOfMemory`]; [`crate::common::Error::Interrupted`].
pub fn lsqr(ctx: &Context, a: &impl Operator, mut u: Vec<f64>, params: &Params) -> Result<(Vec<f64>, usize)> {
    let mut x = memory::try_filled(a.n_cols(), 0.0)?;
    let b_norm = normalize(&mut u)?;
    let mut v = a.apply_transposed(ctx, &u)?;
    let mut alpha = if b_norm > 0.0 { normalize(&mut v)? } else { 0.0 };
    if alpha * b_norm == 0.0 {
        return Ok((x, 0));
    }
    let mut steps = 0;
    let mut w = memory::try_copied(&v)?;
    let (mut rho_bar, mut phi_bar) = (alpha, b_norm);
    let mut norms = Norms { b: b_norm, ..Norms::default() };
    for step in 1..=params.max_steps {
        ctx.check()?;
        steps = step;
        let image = a.apply_both(ctx, &v, -alpha, &mut u)?;
        let beta = normalize(&mut u)?;
        if beta > 0.0 {
            let squares = alpha * alpha + beta * beta + params.damp * params.damp;
            norms.a = (norms.a * norms.a + squares).sqrt();
            v.iter_mut().zip(image).for_each(|(value, image)| *value = image / beta - beta * *value);
            alpha = normalize(&mut v)?;
        }

        if params.damp > 0.0 {
            let damped = (rho_bar * rho_bar + params.damp * params.damp).sqrt();
            norms.damped += (params.damp / damped * phi_bar).powi(2);
            phi_bar *= rho_bar / damped;
            rho_bar = damped;
        }
        let (cosine, sine, rho) = rotation(rho_bar, beta);
        let theta = sine * alpha;
        rho_bar = -cosine * alpha;
        let phi = cosine * phi_bar;
        phi_bar *= sine;
        norms.see_direction(&w, rho)?;
        let (along, back) = (phi / rho, theta / rho);
        for ((x, w), v) in x.iter_mut().zip(&mut w).zip(&v) {
            *x += along * *w;
            *w = v - back * *w;
        }
        norms.see_solution(phi, rho, theta);
        norms.residual = (phi_bar * phi_bar + norms.damped).sqrt();
        norms.gradient = alpha * (sine * phi).abs();
        if step == params.max_steps || norms.suffice(params) {
            break;
        }
    }
    Ok((x, steps))
}

/// Estimates of the norms that the rules to stop look at.
#[derive(Debug, Default)]
struct Norms {
    /// Of the right-hand side.
    b: f64,
    /// Of the matrix (Frobenius's).
    a: f64,
    /// Of the solution.
    x: f64,
    residual: f64,
    /// What of the square of the residual is left to the damping.
    damped: f64,
    /// Of the transpose times the residual.
    gradient: f64,
    /// Sum of squares of the directions, each for a residual of one.
    directions: f64,
    /// Of all but the last element of the rotated solution.
    x_squared: f64,
    rotated: f64,
    /// The last rotation from the right.
    turn: Option<(f64, f64)>,
}

impl Norms {
    fn see_direction(&mut self, w: &[f64], rho: f64) -> Result<()> {
        let mut squares = memory::try_with_capacity(w.len())?;
        squares.extend(w.iter().map(|value| (value / rho) * (value / rho)));
        self.directions += pairwise::sum(&squares);
        Ok(())
    }

    fn see_solution(&mut self, phi: f64, rho: f64, theta: f64) {
        let (cosine, sine) = self.turn.unwrap_or((-1.0, 0.0));
        let gamma_bar = -cosine * rho;
        let right = phi - sine * rho * self.rotated;
        let last = right / gamma_bar;
        self.x = (self.x_squared + last * last).sqrt();
        let gamma = (gamma_bar * gamma_bar + theta * theta).sqrt();
        self.turn = Some((gamma_bar / gamma, theta / gamma));
        self.rotated = right / gamma;
        self.x_squared += self.rotated * self.rotated;
    }

    /// Whether the tolerance, the largest condition or the machine's precision is reached.
    fn suffice(&self, params: &Params) -> bool {
        let condition = self.a * self.directions.sqrt();
        let residual = self.residual / self.b;
        let gradient = self.gradient / (self.a * self.residual + f64::EPSILON);
        let inverse_condition = 1.0 / (condition + f64::EPSILON);
        let solution = self.a * self.x / self.b;
        let is_lost = 1.0 + inverse_condition <= 1.0 || 1.0 + gradient <= 1.0;
        is_lost
            || 1.0 + residual / (1.0 + solution) <= 1.0
            || inverse_condition <= 1.0 / params.max_condition
            || gradient <= params.tol
            || residual <= params.tol + params.tol * solution
    }
}

/// Divides a vector by its norm unless that is zero; returns the norm.
fn normalize(vector: &mut [f64]) -> Result<f64> {
    // Squares of what is scaled by the largest magnitude neither overflow nor vanish.
    let largest = vector.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
    if largest == 0.0 {
        return Ok(0.0);
    }
    let unit = power_below(largest).max(f64::MIN_POSITIVE);
    let mut squares = memory::try_with_capacity(vector.len())?;
    squares.extend(vector.iter().map(|value| (value / unit) * (value / unit)));
    let norm = pairwise::sum(&squares).sqrt() * unit;
    vector.iter_mut().for_each(|value| *value /= norm);
    Ok(norm)
}

/// Cosine and sine of the rotation that takes `(a, b)` to `(r, 0)`, and `r`, which has the sign of the larger of the two.
fn rotation(a: f64, b: f64) -> (f64, f64, f64) {
    if b == 0.0 {
        return (a.signum(), 0.0, a.abs());
    }
    if a == 0.0 {
        return (0.0, b.signum(), b.abs());
    }
    if b.abs() > a.abs() {
        let ratio = a / b;
        let sine = b.signum() / (1.0 + ratio * ratio).sqrt();
        return (sine * ratio, sine, b / sine);
    }
    let ratio = b / a;
    let cosine = a.signum() / (1.0 + ratio * ratio).sqrt();
    (cosine, cosine * ratio, a / cosine)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Row-major with three columns.
    struct Plain(Vec<[f64; 3]>);

    impl Operator for Plain {
        fn n_cols(&self) -> usize {
            3
        }

        fn apply(&self, _ctx: &Context, vector: &[f64]) -> Result<Vec<f64>> {
            Ok(self.0.iter().map(|row| row.iter().zip(vector).map(|(a, b)| a * b).sum()).collect())
        }

        fn apply_transposed(&self, _ctx: &Context, vector: &[f64]) -> Result<Vec<f64>> {
            Ok((0..3).map(|column| self.0.iter().zip(vector).map(|(row, value)| row[column] * value).sum()).collect())
        }
    }

    const PARAMS: Params = Params { damp: 0.0, tol: 1e-14, max_condition: 1e8, max_steps: 6 };

    fn solve(rows: &[[f64; 3]], b: &[f64]) -> Vec<f64> {
        lsqr(&Context::serial(), &Plain(rows.to_vec()), b.to_vec(), &PARAMS).expect("memory").0
    }

    #[test]
    fn the_residual_of_the_solution_is_orthogonal_to_the_columns() {
        let rows = [[1.0, 2.0, 0.0], [0.0, 1.0, 3.0], [4.0, 0.0, 1.0], [1.0, 1.0, 1.0], [0.5, -1.0, 2.0]];
        let b = [1.0, -2.0, 0.5, 3.0, 1.0];
        let x = solve(&rows, &b);
        let residual: Vec<f64> =
            rows.iter().zip(b).map(|(row, b)| b - row.iter().zip(&x).map(|(a, x)| a * x).sum::<f64>()).collect();
        let gradient = Plain(rows.to_vec()).apply_transposed(&Context::serial(), &residual).expect("memory");
        assert!(gradient.iter().all(|value| value.abs() < 1e-12), "{gradient:?}");
    }

    #[test]
    fn damping_is_rows_of_its_own() {
        let rows = [[1.0, 2.0, 0.0], [0.0, 1.0, 3.0], [4.0, 0.0, 1.0], [1.0, 1.0, 1.0]];
        let b = [1.0, -2.0, 0.5, 3.0];
        let params = Params { damp: 0.5, ..PARAMS };
        let (x, steps) = lsqr(&Context::serial(), &Plain(rows.to_vec()), b.to_vec(), &params).expect("memory");
        let more = [rows.as_slice(), &[[0.5, 0.0, 0.0], [0.0, 0.5, 0.0], [0.0, 0.0, 0.5]]].concat();
        let expected = solve(&more, &[b.as_slice(), &[0.0; 3]].concat());
        assert!(x.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-12));
        assert!((3..=4).contains(&steps), "{steps}");
    }

    #[test]
    fn of_many_solutions_the_shortest_is_found() {
        let x = solve(&[[1.0, 1.0, 0.0], [2.0, 2.0, 0.0]], &[1.0, 2.0]);
        assert!((x[0] - 0.5).abs() < 1e-12 && (x[1] - 0.5).abs() < 1e-12 && x[2] == 0.0, "{x:?}");
        assert_eq!(solve(&[[0.0; 3], [0.0; 3]], &[1.0, 2.0]), [0.0; 3]);
        assert_eq!(solve(&[[1.0; 3], [2.0; 3]], &[0.0, 0.0]), [0.0; 3]);
    }
}
