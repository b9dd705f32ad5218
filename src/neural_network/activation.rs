//! What a layer makes of its sums, and how that changes with them.
//!
//! Every function takes rows of `n_cols` values that lie `stride` apart; what lies between is left as it is. Nothing
//! overflows: exponents are taken of numbers that are not positive.

use crate::common::Float;

/// A function of the sums of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// The sums themselves.
    Identity,
    /// `1 / (1 + exp(-x))`.
    Logistic,
    /// The hyperbolic tangent.
    Tanh,
    /// The positive part.
    Relu,
    /// `exp(x)`: of outputs only.
    Exp,
    /// Shares of a row: of outputs only.
    Softmax,
}

impl Activation {
    /// By scikit-learn's name.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "identity" => Self::Identity,
            "logistic" => Self::Logistic,
            "tanh" => Self::Tanh,
            "relu" => Self::Relu,
            "exp" => Self::Exp,
            "softmax" => Self::Softmax,
            _ => return None,
        })
    }

    /// Replaces sums by what the layer says. `rows` of shape (n_rows, stride).
    pub fn apply<F: Float>(self, rows: &mut [F], stride: usize, n_cols: usize) {
        let rows = rows.chunks_exact_mut(stride).map(|row| &mut row[..n_cols]);
        match self {
            Self::Identity => {}
            Self::Logistic => rows.for_each(|row| row.iter_mut().for_each(|x| *x = logistic(*x))),
            Self::Tanh => rows.for_each(|row| row.iter_mut().for_each(|x| *x = x.tanh())),
            Self::Relu => rows.for_each(|row| row.iter_mut().for_each(|x| *x = positive(*x))),
            Self::Exp => rows.for_each(|row| row.iter_mut().for_each(|x| *x = x.exp())),
            Self::Softmax => rows.for_each(softmax),
        }
    }

    /// Multiplies errors of what a hidden layer said by its slope; both of shape (n_rows, stride).
    pub fn pull_back<F: Float>(self, said: &[F], errors: &mut [F]) {
        let pairs = errors.iter_mut().zip(said);
        match self {
            Self::Identity | Self::Exp | Self::Softmax => {}
            Self::Logistic => pairs.for_each(|(error, &z)| *error = *error * z * (F::ONE - z)),
            Self::Tanh => pairs.for_each(|(error, &z)| *error *= F::ONE - z * z),
            Self::Relu => pairs.for_each(|(error, &z)| *error = if z == F::ZERO { F::ZERO } else { *error }),
        }
    }
}

/// The positive part; NaN stays NaN.
#[inline(always)]
fn positive<F: Float>(x: F) -> F {
    if x < F::ZERO { F::ZERO } else { x }
}

#[inline(always)]
fn logistic<F: Float>(x: F) -> F {
    let small = (-x.abs()).exp();
    if x < F::ZERO { small / (F::ONE + small) } else { F::ONE / (F::ONE + small) }
}

fn softmax<F: Float>(row: &mut [F]) {
    let most = row.iter().copied().fold(row[0], |most, x| if x > most || x.is_nan() { x } else { most });
    let mut total = F::ZERO;
    for x in &mut *row {
        *x = (*x - most).exp();
        total += *x;
    }
    row.iter_mut().for_each(|x| *x = *x / total);
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Activation; 6] = [
        Activation::Identity,
        Activation::Logistic,
        Activation::Tanh,
        Activation::Relu,
        Activation::Exp,
        Activation::Softmax,
    ];

    #[test]
    fn nothing_but_the_exponential_overflows() {
        for activation in ALL.into_iter().filter(|&activation| activation != Activation::Exp) {
            let mut rows = [1e4, -1e4, 0.0, 7.0];
            activation.apply(&mut rows, 4, 3);
            assert!(rows.iter().all(|x: &f64| x.is_finite()), "{activation:?}");
            assert_eq!(rows[3], 7.0, "what lies between the rows");
        }
    }

    #[test]
    fn slopes_are_differences() {
        for activation in [Activation::Identity, Activation::Logistic, Activation::Tanh, Activation::Relu] {
            for x in [-2.0, -0.3, 0.4, 3.0] {
                let at = |x: f64| {
                    let mut row = [x];
                    activation.apply(&mut row, 1, 1);
                    row[0]
                };
                let mut slope = [1.0];
                activation.pull_back(&[at(x)], &mut slope);
                let difference = (at(x + 1e-6) - at(x - 1e-6)) / 2e-6;
                assert!((slope[0] - difference).abs() < 1e-9, "{activation:?} at {x}");
            }
        }
    }

    #[test]
    fn shares_add_up_and_nan_stays() {
        let mut row = [1.0, 2.0, 3.0];
        Activation::Softmax.apply(&mut row, 3, 3);
        assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-15 && row[0] < row[1] && row[1] < row[2]);
        for activation in ALL {
            let mut row = [f64::NAN, 1.0];
            activation.apply(&mut row, 2, 2);
            assert!(row[0].is_nan(), "{activation:?}");
        }
    }
}
