//! Trust-region Newton: minimises a smooth convex function by products with its Hessian alone.
//!
//! Each step goes down the quadratic model by conjugate gradients, until the residual is a tenth of the gradient or the
//! step leaves the region in which the model is trusted. The region grows and shrinks with what the step was worth
//! against what the model promised. Constants and rules to stop are LIBLINEAR's, as scikit-learn bundles it.
//!
//! Reference: C.-J. Lin, R. Weng, S. Keerthi, "Trust region Newton method for large-scale logistic regression", JMLR 9
//! (2008); the region is that of C.-J. Lin and J. Moré, "Newton's method for large bound-constrained problems", 1999.

use crate::common::{Context, Result, memory};

/// Fraction of the promised reduction from which on a step is taken, and from which on the region is kept and grown.
const TAKEN: f64 = 1e-4;
const KEPT: f64 = 0.25;
const GROWN: f64 = 0.75;
/// By what the region shrinks and grows.
const SHRINK_MAX: f64 = 0.25;
const SHRINK: f64 = 0.5;
const GROW: f64 = 4.0;
/// Length of the residual, relative to that of the gradient, at which a step is good enough.
const RESIDUAL: f64 = 0.1;
/// Reduction, relative to the value, below which nothing is left to gain.
const NOTHING: f64 = 1e-12;

/// A function of a vector with gradient and Hessian.
pub trait Smooth {
    /// The value at `point`; writes the gradient, of the same shape.
    ///
    /// # Errors
    /// Those of the function.
    fn evaluate(&mut self, ctx: &Context, point: &[f64], gradient: &mut [f64]) -> Result<f64>;

    /// From now on [`Smooth::hvp`] is about the point evaluated last.
    fn accept(&mut self);

    /// Writes the product of the Hessian with a direction.
    ///
    /// # Errors
    /// Those of the function.
    fn hvp(&self, ctx: &Context, direction: &[f64], image: &mut [f64]) -> Result<()>;
}

/// The minimum, as near as asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// Shape (n,).
    pub point: Vec<f64>,
    /// Steps taken; all that were allowed if the numbers left the range of their type.
    pub n_iter: usize,
}

/// Minimises a function of `n` variables from zero on, until the gradient is at most `tol` times that at zero.
///
/// # Errors
/// Those of the function; [`crate::common::Error::OutOfMemory`]; [`crate::common::Error::Interrupted`].
pub fn minimize(ctx: &Context, function: &mut impl Smooth, n: usize, tol: f64, max_iter: usize) -> Result<Fit> {
    let zeros = || memory::try_filled(n, 0.0);
    let (mut point, mut trial, mut gradient, mut trial_gradient) = (zeros()?, zeros()?, zeros()?, zeros()?);
    let mut search = Search { step: zeros()?, residual: zeros()?, direction: zeros()?, image: zeros()? };
    let mut value = function.evaluate(ctx, &point, &mut gradient)?;
    function.accept();
    let first = length(&gradient);
    let (mut radius, mut n_iter) = (first, 0);
    if first <= tol * first {
        return Ok(Fit { point, n_iter });
    }
    while n_iter < max_iter {
        search.run(ctx, function, &gradient, radius)?;
        let step = &search.step;
        trial.iter_mut().zip(&point).zip(step).for_each(|((trial, point), step)| *trial = point + step);
        let derivative = dot(&gradient, step);
        let promised = -0.5 * (derivative - dot(step, &search.residual));
        let trial_value = function.evaluate(ctx, &trial, &mut trial_gradient)?;
        let gained = value - trial_value;
        if !(gained.is_finite()
            && promised.is_finite()
            && trial_gradient.iter().all(|derivative| derivative.is_finite()))
        {
            return Ok(Fit { point, n_iter: max_iter });
        }
        let step_length = length(step);
        if n_iter == 0 {
            radius = radius.min(step_length);
        }
        radius = resized(radius, step_length, gained, promised, derivative);
        if gained > TAKEN * promised {
            n_iter += 1;
            std::mem::swap(&mut point, &mut trial);
            std::mem::swap(&mut gradient, &mut trial_gradient);
            value = trial_value;
            function.accept();
            if length(&gradient) <= tol * first {
                break;
            }
        }
        let is_nothing = |reduction: f64| reduction.abs() <= NOTHING * value.abs();
        if (gained == 0.0 && promised <= 0.0) || (is_nothing(gained) && is_nothing(promised)) {
            break;
        }
    }
    Ok(Fit { point, n_iter })
}

/// The radius after a step that was worth `gained` where the model promised `promised`.
fn resized(radius: f64, step: f64, gained: f64, promised: f64, derivative: f64) -> f64 {
    // Where the parabola through both values with the derivative at the first has its minimum, in steps.
    let surplus = -gained - derivative;
    let best = if surplus <= 0.0 { GROW } else { SHRINK_MAX.max(-0.5 * (derivative / surplus)) };
    if gained < TAKEN * promised {
        (best.max(SHRINK_MAX) * step).min(SHRINK * radius)
    } else if gained < KEPT * promised {
        (SHRINK_MAX * radius).max((best * step).min(SHRINK * radius))
    } else if gained < GROWN * promised {
        (SHRINK_MAX * radius).max((best * step).min(GROW * radius))
    } else {
        radius.max((best * step).min(GROW * radius))
    }
}

/// Conjugate gradients within a ball; every vector has shape (n,).
struct Search {
    step: Vec<f64>,
    /// Minus the gradient of the model at the step.
    residual: Vec<f64>,
    direction: Vec<f64>,
    image: Vec<f64>,
}

impl Search {
    fn run(&mut self, ctx: &Context, function: &impl Smooth, gradient: &[f64], radius: f64) -> Result<()> {
        let Self { step, residual, direction, image } = self;
        step.fill(0.0);
        residual.iter_mut().zip(gradient).for_each(|(residual, derivative)| *residual = -derivative);
        direction.copy_from_slice(residual);
        let mut square = dot(residual, residual);
        let enough = RESIDUAL * square.sqrt();
        // Numbers out of range compare with nothing and end the search too.
        while square.sqrt() > enough && square.is_finite() {
            ctx.check()?;
            function.hvp(ctx, direction, image)?;
            let fraction = square / dot(direction, image);
            add(step, fraction, direction);
            if length(step) > radius {
                add(step, -fraction, direction);
                let fraction = to_the_edge(step, direction, radius);
                add(step, fraction, direction);
                add(residual, -fraction, image);
                return Ok(());
            }
            add(residual, -fraction, image);
            let before = square;
            square = dot(residual, residual);
            let kept = square / before;
            direction.iter_mut().zip(&*residual).for_each(|(along, residual)| *along = kept * *along + residual);
        }
        Ok(())
    }
}

/// How many directions lie between the step and the edge of the ball.
fn to_the_edge(step: &[f64], direction: &[f64], radius: f64) -> f64 {
    let (along, inside, square) = (dot(step, direction), dot(step, step), dot(direction, direction));
    let slack = radius * radius - inside;
    let root = (along * along + square * slack).sqrt();
    if along >= 0.0 { slack / (along + root) } else { (root - along) / square }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn length(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

fn add(target: &mut [f64], fraction: f64, direction: &[f64]) {
    target.iter_mut().zip(direction).for_each(|(target, along)| *target += fraction * along);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sum of `cosh(scale (x - shift))`.
    struct Bowl {
        scales: Vec<f64>,
        seen: Vec<f64>,
        at: Vec<f64>,
    }

    const SHIFT: f64 = 1.5;

    impl Smooth for Bowl {
        fn evaluate(&mut self, _ctx: &Context, point: &[f64], gradient: &mut [f64]) -> Result<f64> {
            self.seen = point.to_vec();
            let parts = self.scales.iter().zip(point).map(|(scale, x)| (scale, scale * (x - SHIFT)));
            gradient
                .iter_mut()
                .zip(parts.clone())
                .for_each(|(derivative, (scale, inner))| *derivative = scale * inner.sinh());
            Ok(parts.map(|(_, inner)| inner.cosh()).sum())
        }

        fn accept(&mut self) {
            self.at.clone_from(&self.seen);
        }

        fn hvp(&self, _ctx: &Context, direction: &[f64], image: &mut [f64]) -> Result<()> {
            for (index, image) in image.iter_mut().enumerate() {
                let scale = self.scales[index];
                *image = scale * scale * (scale * (self.at[index] - SHIFT)).cosh() * direction[index];
            }
            Ok(())
        }
    }

    fn minimum(scales: &[f64], max_iter: usize) -> Fit {
        let mut bowl = Bowl { scales: scales.to_vec(), seen: Vec::new(), at: Vec::new() };
        minimize(&Context::serial(), &mut bowl, scales.len(), 1e-10, max_iter).expect("no errors")
    }

    #[test]
    fn the_minimum_of_a_bowl_is_found() {
        let fit = minimum(&[0.5, 1.0, 3.0, 8.0], 1000);
        assert!(fit.point.iter().all(|x| (x - SHIFT).abs() < 1e-4), "{fit:?}");
        assert!(fit.n_iter < 100);
        assert_eq!(minimum(&[0.5, 8.0], 2).n_iter, 2);
    }

    #[test]
    fn numbers_out_of_range_end_the_search() {
        let fit = minimum(&[1.0, 400.0], 50);
        assert_eq!(fit.n_iter, 0);
        assert!(fit.point.iter().all(|x| x.is_finite()));
    }
}
