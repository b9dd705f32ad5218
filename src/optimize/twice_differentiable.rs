//! Functions whose second derivatives are known.

use crate::common::Result;

/// A smooth function of a vector.
pub trait TwiceDifferentiable {
    /// The value at `x`; the gradient goes to `gradient`, which is as long. What follows is about the last `x`.
    ///
    /// # Errors
    /// Whatever keeps the function from an answer, interruptions among them.
    fn evaluate(&mut self, x: &[f64], gradient: &mut [f64]) -> Result<f64>;

    /// The product of the matrix of second derivatives with a vector.
    ///
    /// # Errors
    /// As [`TwiceDifferentiable::evaluate`].
    fn hvp(&mut self, vector: &[f64], out: &mut [f64]) -> Result<()>;

    /// The matrix of second derivatives, row-major; returns whether it tells too little, since the function curves down.
    ///
    /// # Errors
    /// As [`TwiceDifferentiable::evaluate`].
    fn hessian(&mut self, out: &mut [f64]) -> Result<bool>;
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    type Known = (f64, [f64; 2], [[f64; 2]; 2]);

    /// A function of two variables by its value, gradient and second derivatives.
    pub(in crate::optimize) struct Bowl {
        known: fn(&[f64]) -> Known,
        hessian: [[f64; 2]; 2],
    }

    impl Bowl {
        pub(in crate::optimize) fn new(known: fn(&[f64]) -> Known) -> Self {
            Self { known, hessian: [[0.0; 2]; 2] }
        }
    }

    impl TwiceDifferentiable for Bowl {
        fn evaluate(&mut self, x: &[f64], gradient: &mut [f64]) -> Result<f64> {
            let (value, derivatives, hessian) = (self.known)(x);
            gradient.copy_from_slice(&derivatives);
            self.hessian = hessian;
            Ok(value)
        }

        fn hvp(&mut self, vector: &[f64], out: &mut [f64]) -> Result<()> {
            for (out, row) in out.iter_mut().zip(self.hessian) {
                *out = row[0] * vector[0] + row[1] * vector[1];
            }
            Ok(())
        }

        fn hessian(&mut self, out: &mut [f64]) -> Result<bool> {
            out.copy_from_slice(self.hessian.as_flattened());
            Ok(false)
        }
    }

    /// Steep on one side, with variables that depend on each other.
    pub(in crate::optimize) fn lopsided() -> Bowl {
        Bowl::new(|x| {
            let (up, across) = ((x[0] + x[1]).exp(), x[0] - 2.0 * x[1]);
            let value = up - 2.0 * (x[0] + x[1]) + across * across;
            let (derivative, side) = (up - 2.0, 2.0 * across);
            (value, [derivative + side, derivative - 2.0 * side], [[up + 2.0, up - 4.0], [up - 4.0, up + 8.0]])
        })
    }
}
