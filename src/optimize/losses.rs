//! Losses of one prediction, and their gradients.
//!
//! A target is a number, or says on which side of zero the prediction should be: 1 or -1, and 1 or 0 for
//! [`Loss::HalfBinomial`].
//!
//! Reference: T. Zhang, "Solving Large Scale Linear Prediction Problems Using Stochastic Gradient Descent Algorithms",
//! ICML 2004.

/// Up to it, `log(1 + exp(x))` rounds to `exp(x)`.
const FAR_BELOW: f64 = -37.0;
/// Up to it, `1 + exp(x)` would lose digits of a small `exp(x)`, and `log1p` keeps them.
const BELOW: f64 = -2.0;
/// Above it, `log(1 + exp(x))` rounds to `x + exp(-x)`.
const ABOVE: f64 = 18.0;

/// A loss.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Loss {
    /// What a prediction lacks of being on its side by the threshold.
    Hinge(f64),
    /// The square of that.
    SquaredHinge(f64),
    /// The square of what is lacking to 1, continued by a line from -1 on.
    ModifiedHuber,
    /// The negative log-likelihood of the target, where the prediction is the log-odds of class 1.
    HalfBinomial,
    /// Half the squared error.
    HalfSquared,
    /// The same, continued by a line from an error on.
    Huber(f64),
    /// What an error is above a bound.
    EpsilonInsensitive(f64),
    /// The square of that.
    SquaredEpsilonInsensitive(f64),
}

/// `log(1 + exp(x))`.
#[inline(always)]
fn log1p_exp(x: f64) -> f64 {
    if x <= FAR_BELOW {
        x.exp()
    } else if x <= BELOW {
        x.exp().ln_1p()
    } else if x <= ABOVE {
        (1.0 + x.exp()).ln()
    } else {
        x + (-x).exp()
    }
}

impl Loss {
    /// The loss of a prediction.
    #[inline(always)]
    pub fn value(self, target: f64, prediction: f64) -> f64 {
        match self {
            Self::Hinge(threshold) => {
                let z = prediction * target;
                if z <= threshold { threshold - z } else { 0.0 }
            }
            Self::SquaredHinge(threshold) => {
                let z = threshold - prediction * target;
                if z > 0.0 { z * z } else { 0.0 }
            }
            Self::ModifiedHuber => {
                let z = prediction * target;
                if z >= 1.0 {
                    0.0
                } else if z >= -1.0 {
                    (1.0 - z) * (1.0 - z)
                } else {
                    -4.0 * z
                }
            }
            Self::HalfBinomial => log1p_exp(prediction) - target * prediction,
            Self::HalfSquared => 0.5 * (prediction - target) * (prediction - target),
            Self::Huber(delta) => {
                let error = (target - prediction).abs();
                if error <= delta { 0.5 * (error * error) } else { delta * (error - 0.5 * delta) }
            }
            Self::EpsilonInsensitive(epsilon) => {
                let excess = (target - prediction).abs() - epsilon;
                if excess > 0.0 { excess } else { 0.0 }
            }
            Self::SquaredEpsilonInsensitive(epsilon) => {
                let excess = (target - prediction).abs() - epsilon;
                if excess > 0.0 { excess * excess } else { 0.0 }
            }
        }
    }

    /// The most by which the gradient changes with the prediction, jumps aside.
    pub fn curvature(self) -> f64 {
        match self {
            Self::Hinge(_) | Self::EpsilonInsensitive(_) => 0.0,
            Self::HalfBinomial => 0.25,
            Self::HalfSquared | Self::Huber(_) => 1.0,
            Self::SquaredHinge(_) | Self::ModifiedHuber | Self::SquaredEpsilonInsensitive(_) => 2.0,
        }
    }

    /// Its gradient in the prediction.
    #[inline(always)]
    pub fn gradient(self, target: f64, prediction: f64) -> f64 {
        match self {
            Self::Hinge(threshold) => {
                if prediction * target <= threshold {
                    -target
                } else {
                    0.0
                }
            }
            Self::SquaredHinge(threshold) => {
                let z = threshold - prediction * target;
                if z > 0.0 { -2.0 * target * z } else { 0.0 }
            }
            Self::ModifiedHuber => {
                let z = prediction * target;
                if z >= 1.0 {
                    0.0
                } else if z >= -1.0 {
                    2.0 * (1.0 - z) * -target
                } else {
                    -4.0 * target
                }
            }
            Self::HalfBinomial => {
                if prediction > FAR_BELOW {
                    let odds = (-prediction).exp();
                    ((1.0 - target) - target * odds) / (1.0 + odds)
                } else {
                    prediction.exp() - target
                }
            }
            Self::HalfSquared => prediction - target,
            Self::Huber(delta) => {
                let error = prediction - target;
                if error.abs() <= delta {
                    error
                } else if error >= 0.0 {
                    delta
                } else {
                    -delta
                }
            }
            Self::EpsilonInsensitive(epsilon) => {
                if target - prediction > epsilon {
                    -1.0
                } else if prediction - target > epsilon {
                    1.0
                } else {
                    0.0
                }
            }
            Self::SquaredEpsilonInsensitive(epsilon) => {
                let error = target - prediction;
                if error > epsilon {
                    -2.0 * (error - epsilon)
                } else if error < -epsilon {
                    2.0 * (-error - epsilon)
                } else {
                    0.0
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradients_are_those_of_the_values() {
        let losses = [
            (Loss::Hinge(1.0), -1.0),
            (Loss::SquaredHinge(1.0), 1.0),
            (Loss::ModifiedHuber, -1.0),
            (Loss::HalfBinomial, 0.0),
            (Loss::HalfSquared, 0.7),
            (Loss::Huber(0.4), 0.7),
            (Loss::EpsilonInsensitive(0.1), -0.2),
            (Loss::SquaredEpsilonInsensitive(0.1), 0.2),
        ];
        for (loss, target) in losses {
            for prediction in [-40.0, -5.0, -0.63, 0.0123, 0.55, 3.0, 25.0] {
                let change = (loss.value(target, prediction + 1e-6) - loss.value(target, prediction - 1e-6)) / 2e-6;
                let gradient = loss.gradient(target, prediction);
                assert!((change - gradient).abs() < 1e-5 * (1.0 + gradient.abs()), "{loss:?} at {prediction}");
            }
        }
    }
}
