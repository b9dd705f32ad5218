//! What is wrong with the answers of a network, and by how much.
//!
//! Each loss stands with the activation of the outputs that makes its slope the difference between answer and target:
//! squared error with the identity, Poisson deviance with the exponential, cross-entropy with shares or the logistic.

use crate::common::Float;

/// A loss of targets and answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Half the squared difference, averaged over outputs.
    SquaredError,
    /// Half the Poisson deviance, summed over outputs.
    Poisson,
    /// Cross-entropy of shares that add up to one.
    LogLoss,
    /// Cross-entropy of each output on its own, summed.
    BinaryLogLoss,
}

impl Loss {
    /// By scikit-learn's name.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "squared_error" => Self::SquaredError,
            "poisson" => Self::Poisson,
            "log_loss" => Self::LogLoss,
            "binary_log_loss" => Self::BinaryLogLoss,
            _ => return None,
        })
    }

    /// The loss of one row; `targets` and `answers` of shape (n_outputs,).
    pub fn of<F: Float>(self, targets: &[F], answers: &[F]) -> f64 {
        let pairs = targets.iter().zip(answers);
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
        }
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

    /// The slope along the sums of the outputs is answer minus target (of squared error: the gradient follows
    /// scikit-learn, which does not divide it by the outputs).
    #[test]
    fn slopes_are_answers_less_targets() {
        let cases = [
            (Loss::SquaredError, Activation::Identity, [0.3, -1.2, 2.0], 3.0),
            (Loss::Poisson, Activation::Exp, [0.0, 1.0, 3.0], 1.0),
            (Loss::LogLoss, Activation::Softmax, [0.0, 1.0, 0.0], 1.0),
            (Loss::BinaryLogLoss, Activation::Logistic, [1.0, 0.0, 1.0], 1.0),
        ];
        for (loss, activation, targets, unit) in cases {
            let sums = [0.4, -0.7, 1.1];
            let at = |sums: [f64; 3]| {
                let mut answers = sums;
                activation.apply(&mut answers, 3, 3);
                (loss.of(&targets, &answers), answers)
            };
            for output in 0..3 {
                let moved = |by: f64| {
                    let mut sums = sums;
                    sums[output] += by;
                    at(sums).0
                };
                let difference = (moved(1e-6) - moved(-1e-6)) / 2e-6 * unit;
                let slope = at(sums).1[output] - targets[output];
                assert!((slope - difference).abs() < 1e-8, "{loss:?} {slope} {difference}");
            }
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
