//! Losses of boosted predictions: value, gradient and hessian at one row, operation by operation as scikit-learn has them.

use crate::common::elementary::{exp, ln_1p};

/// From here on exp(-raw) is nothing beside 1.
const SATURATED: f64 = 37.0;

/// A loss with one raw prediction per row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Loss {
    /// Half of the squared difference.
    SquaredError,
    /// The difference.
    AbsoluteError,
    /// The difference, weighted by `quantile` above the prediction and 1 - `quantile` below.
    Pinball {
        /// Which quantile is predicted.
        quantile: f64,
    },
    /// Half of the Poisson deviance; raw predictions are logarithms.
    Poisson,
    /// Half of the gamma deviance; raw predictions are logarithms.
    Gamma,
    /// Half of the binomial deviance of targets 0 and 1; raw predictions are log-odds.
    Binomial,
}

impl Loss {
    /// Whether leaves are set by a quantile of what is left over instead of by gradients.
    pub fn percent(self) -> Option<f64> {
        match self {
            Self::AbsoluteError => Some(50.0),
            Self::Pinball { quantile } => Some(100.0 * quantile),
            _ => None,
        }
    }

    /// Whether the hessian is 1 without weights.
    pub fn has_unit_hessian(self) -> bool {
        matches!(self, Self::SquaredError | Self::AbsoluteError | Self::Pinball { .. })
    }

    /// The loss at a row.
    #[inline(always)]
    pub fn value(self, y: f64, raw: f64) -> f64 {
        match self {
            Self::SquaredError => 0.5 * (raw - y) * (raw - y),
            Self::AbsoluteError => (raw - y).abs(),
            Self::Pinball { quantile } => {
                if y >= raw {
                    quantile * (y - raw)
                } else {
                    (1.0 - quantile) * (raw - y)
                }
            }
            Self::Poisson => exp(raw) - y * raw,
            Self::Gamma => raw + y * exp(-raw),
            Self::Binomial => ln_1p_exp(raw) - y * raw,
        }
    }
}

/// Gradient and hessian at a row, from target and raw prediction.
pub trait Derivatives: Copy {
    /// Both.
    fn at(self, y: f64, raw: f64) -> (f64, f64);
}

impl<T: Fn(f64, f64) -> (f64, f64) + Copy> Derivatives for T {
    #[inline(always)]
    fn at(self, y: f64, raw: f64) -> (f64, f64) {
        self(y, raw)
    }
}

impl Loss {
    /// Calls `go` with the derivatives, compiled for this loss.
    #[inline(always)]
    pub fn with_derivatives<G: WithDerivatives>(self, go: G) {
        match self {
            Self::SquaredError => go.run(|y: f64, raw: f64| (raw - y, 1.0)),
            Self::AbsoluteError => go.run(|y: f64, raw: f64| (if raw > y { 1.0 } else { -1.0 }, 1.0)),
            Self::Pinball { quantile } => {
                go.run(move |y: f64, raw: f64| (if y >= raw { -quantile } else { 1.0 - quantile }, 1.0));
            }
            Self::Poisson => go.run(|y: f64, raw: f64| {
                let mean = exp(raw);
                (mean - y, mean)
            }),
            Self::Gamma => go.run(|y: f64, raw: f64| {
                let inverse = exp(-raw);
                (1.0 - y * inverse, inverse * y)
            }),
            Self::Binomial => go.run(|y: f64, raw: f64| {
                // Beyond, the probability is exp(raw) to the last digit.
                let is_far = raw <= -SATURATED;
                let e = exp(if is_far { raw } else { -raw });
                let near = (((1.0 - y) - y * e) / (1.0 + e), e / ((1.0 + e) * (1.0 + e)));
                if is_far { (e - y, e) } else { near }
            }),
        }
    }
}

/// What is done with the derivatives of a loss. Implementations must be `#[inline(always)]`.
pub trait WithDerivatives {
    /// Does it.
    fn run(self, derivatives: impl Derivatives);
}

/// The logarithm of 1 + exp(x).
#[inline(always)]
fn ln_1p_exp(x: f64) -> f64 {
    ln_1p(exp(-x.abs())) + if x > 0.0 { x } else { 0.0 }
}

/// Probabilities of classes from their raw predictions, in place.
#[inline(always)]
pub fn softmax(raw: &mut [f64]) {
    let largest = raw.iter().fold(f64::NEG_INFINITY, |a, &b| if b > a { b } else { a });
    let mut sum = 0.0;
    for value in &mut *raw {
        *value = exp(*value - largest);
        sum += *value;
    }
    raw.iter_mut().for_each(|value| *value /= sum);
}
