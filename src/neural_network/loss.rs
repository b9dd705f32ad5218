//! What is wrong with the answers of a network, and by how much.
//!
//! Each loss stands with the activation of the outputs that makes its gradient the difference between answer and target:
//! squared error with the identity, Poisson deviance with the exponential, cross-entropy with shares or the logistic. The
//! absolute error and Huber's loss stand with the identity, and have gradients of their own.
//!
//! Reference: P. Huber, "Robust estimation of a location parameter", 1964.

use crate::common::Float;

/// A loss of targets and answers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Loss {
    /// Half the squared difference, averaged over outputs.
    SquaredError,
    /// Half the Poisson deviance, summed over outputs.
    Poisson,
    /// Cross-entropy of shares that add up to one.
    LogLoss,
    /// Cross-entropy of each output on its own, summed.
    BinaryLogLoss,
    /// The difference without its sign, averaged over outputs.
    AbsoluteError,
    /// Half the squared difference up to this one, and linear beyond, averaged over outputs.
    Huber(f64),
}

impl Loss {
    /// By its name: scikit-learn's, or ours of what it has not. `delta` is where Huber's loss becomes linear.
    pub fn named(name: &str, delta: f64) -> Option<Self> {
        Some(match name {
            "squared_error" => Self::SquaredError,
            "poisson" => Self::Poisson,
            "log_loss" => Self::LogLoss,
            "binary_log_loss" => Self::BinaryLogLoss,
            "absolute_error" => Self::AbsoluteError,
            "huber" => Self::Huber(delta),
            _ => return None,
        })
    }

    /// The loss of one row; `targets` and `answers` of shape (n_outputs,).
    pub fn of<F: Float>(self, targets: &[F], predictions: &[F]) -> f64 {
        let pairs = targets.iter().zip(predictions);
        match self {
            Self::SquaredError => {
                let total: f64 = pairs.map(|(&y, &p)| square((y - p).to_f64())).sum();
                0.5 * total / targets.len() as f64
            }
            Self::Poisson => {
                let part = |(&y, &p): (&F, &F)| (product_with_log(y, y / p) - y + p).to_f64();
                pairs.map(part).sum()
            }
            Self::LogLoss => -pairs.map(|(&y, &p)| product_with_log(y, inside(p)).to_f64()).sum::<f64>(),
            Self::BinaryLogLoss => {
                let part = |(&y, &p): (&F, &F)| {
                    let p = inside(p);
                    (product_with_log(y, p) + product_with_log(F::ONE - y, F::ONE - p)).to_f64()
                };
                -pairs.map(part).sum::<f64>()
            }
            Self::AbsoluteError => pairs.map(|(&y, &p)| (p - y).to_f64().abs()).sum::<f64>() / targets.len() as f64,
            Self::Huber(delta) => {
                let part = |(&y, &p): (&F, &F)| {
                    let distance = (p - y).to_f64().abs();
                    if distance > delta { delta * (distance - 0.5 * delta) } else { 0.5 * square(distance) }
                };
                pairs.map(part).sum::<f64>() / targets.len() as f64
            }
        }
    }

    /// The gradients of the loss of one row of this weight along the sums of the outputs; all of shape (n_outputs,).
    ///
    /// That of squared errors is scikit-learn's, which does not divide it by the outputs.
    pub fn gradients<F: Float>(self, targets: &[F], predictions: &[F], weight: F, gradients: &mut [F]) {
        let triples = gradients.iter_mut().zip(targets).zip(predictions);
        match self {
            Self::SquaredError | Self::Poisson | Self::LogLoss | Self::BinaryLogLoss => {
                triples.for_each(|((gradient, &y), &p)| *gradient = (p - y) * weight);
            }
            Self::AbsoluteError => {
                let most = weight / F::from_usize(targets.len());
                triples.for_each(|((gradient, &y), &p)| *gradient = sign(p - y) * most);
            }
            Self::Huber(delta) => {
                let (delta, fraction) = (F::from_f64(delta), weight / F::from_usize(targets.len()));
                triples.for_each(|((gradient, &y), &p)| {
                    let difference = p - y;
                    let inside = if difference.abs() > delta { sign(difference) * delta } else { difference };
                    *gradient = inside * fraction;
                });
            }
        }
    }
}

/// -1, 0 or 1; NaN stays NaN.
fn sign<F: Float>(x: F) -> F {
    if x > F::ZERO {
        F::ONE
    } else if x < F::ZERO {
        -F::ONE
    } else {
        x
    }
}

fn square(x: f64) -> f64 {
    x * x
}

/// `x * ln(y)`; 0 where `x` is.
fn product_with_log<F: Float>(x: F, y: F) -> F {
    if x == F::ZERO && !y.is_nan() { F::ZERO } else { x * y.ln() }
}

/// A probability that has a logarithm, and whose rest has one.
fn inside<F: Float>(p: F) -> F {
    let most = F::ONE - F::EPSILON;
    if p < F::EPSILON {
        F::EPSILON
    } else if p > most {
        most
    } else {
        p
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neural_network::activation::Activation;

    /// Of squared error, the gradient is scikit-learn's, which is not divided by the outputs.
    #[test]
    fn gradients_are_differences() {
        let cases = [
            (Loss::SquaredError, Activation::Identity, [0.3, -1.2, 2.0], 3.0),
            (Loss::Poisson, Activation::Exp, [0.0, 1.0, 3.0], 1.0),
            (Loss::LogLoss, Activation::Softmax, [0.0, 1.0, 0.0], 1.0),
            (Loss::BinaryLogLoss, Activation::Logistic, [1.0, 0.0, 1.0], 1.0),
            (Loss::AbsoluteError, Activation::Identity, [0.3, -1.2, 2.0], 1.0),
            (Loss::Huber(0.6), Activation::Identity, [0.3, -1.2, 2.0], 1.0),
        ];
        for (loss, activation, targets, unit) in cases {
            let sums = [0.4, -0.7, 1.1];
            let at = |sums: [f64; 3]| {
                let mut predictions = sums;
                activation.apply(&mut predictions, 3, 3);
                (loss.of(&targets, &predictions), predictions)
            };
            for output in 0..3 {
                let moved = |by: f64| {
                    let mut sums = sums;
                    sums[output] += by;
                    at(sums).0
                };
                let difference = (moved(1e-6) - moved(-1e-6)) / 2e-6 * unit;
                let mut gradients = [0.0; 3];
                loss.gradients(&targets, &at(sums).1, 2.0, &mut gradients);
                let gradient = gradients[output] / 2.0;
                assert!((gradient - difference).abs() < 1e-8, "{loss:?} {gradient} {difference}");
            }
        }
    }

    #[test]
    fn far_away_is_finite() {
        for loss in [Loss::SquaredError, Loss::AbsoluteError, Loss::Huber(1.5)] {
            let mut gradients = [0.0_f32; 2];
            loss.gradients(&[1e4, -1e4], &[-1e4, 1e4], 1.0, &mut gradients);
            assert!(loss.of(&[1e4_f32, -1e4], &[-1e4, 1e4]).is_finite() && gradients.iter().all(|x| x.is_finite()));
        }
        assert_eq!(Loss::Huber(1.5).of(&[1e4], &[-1e4]), 1.5 * (2e4 - 0.75));
        assert_eq!(Loss::AbsoluteError.of(&[1.0, -1.0], &[1.5, -3.0]), 1.25);
        for loss in [Loss::AbsoluteError, Loss::Huber(1.5)] {
            let mut gradients = [0.0; 1];
            loss.gradients(&[0.0], &[f64::NAN], 1.0, &mut gradients);
            assert!(gradients[0].is_nan() && loss.of(&[0.0], &[f64::NAN]).is_nan());
        }
    }

    #[test]
    fn certain_and_wrong_is_finite() {
        for loss in [Loss::LogLoss, Loss::BinaryLogLoss] {
            assert!(loss.of(&[1.0_f64, 0.0], &[0.0, 1.0]).is_finite());
            assert!(loss.of(&[1.0_f32, 0.0], &[0.0, 1.0]).is_finite());
            assert!(loss.of(&[1.0_f64, 0.0], &[f64::NAN, 1.0]).is_nan());
        }
    }
}
