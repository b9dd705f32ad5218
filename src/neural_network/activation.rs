//! What a layer makes of its sums, and how that changes with them.
//!
//! Every function takes rows of `n_cols` values that lie `stride` apart; what lies between is left as it is. Nothing
//! overflows: exponents are taken of numbers that are not positive.

use crate::common::Float;

/// What a leaky unit lets through of what is negative.
const LEAK: f64 = 0.01;
/// Of a cubic in the sums, whose logistic is close to the fraction of a normal distribution below them.
const GELU_CUBIC: [f64; 2] = [1.595_769_121_605_730_7, 0.071_354_816_272_600_25]; // 2 sqrt(2 / pi), and 0.044715 of that

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
    /// The positive part, and a hundredth of the negative one.
    LeakyRelu,
    /// The positive part, and `exp(x) - 1` of what is negative.
    Elu,
    /// The sums times (nearly) the fraction of a normal distribution below them, by their hyperbolic tangent.
    Gelu,
    /// `exp(x)`: of outputs only.
    Exp,
    /// Shares of a row.
    Softmax,
}

impl Activation {
    /// By its name: scikit-learn's, or ours of what it has not.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "identity" => Self::Identity,
            "logistic" => Self::Logistic,
            "tanh" => Self::Tanh,
            "relu" => Self::Relu,
            "leaky_relu" => Self::LeakyRelu,
            "elu" => Self::Elu,
            "gelu" => Self::Gelu,
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
            Self::LeakyRelu => {
                let leak = F::from_f64(LEAK);
                rows.for_each(|row| row.iter_mut().for_each(|x| *x = if *x < F::ZERO { leak * *x } else { *x }));
            }
            Self::Elu => rows.for_each(|row| {
                row.iter_mut().for_each(|x| *x = if *x < F::ZERO { x.exp() - F::ONE } else { *x });
            }),
            Self::Gelu => rows.for_each(|row| row.iter_mut().for_each(|x| *x *= logistic(gelu_inner(*x).0))),
            Self::Exp => rows.for_each(|row| row.iter_mut().for_each(|x| *x = x.exp())),
            Self::Softmax => rows.for_each(softmax),
        }
    }

    /// Whether the derivative follows from the sums and not from what the layer says.
    pub fn derivative_needs_input(self) -> bool {
        self == Self::Gelu
    }

    /// Turns errors of what a hidden layer said into errors of its sums; both of shape (n_rows, stride). `said` are the
    /// sums themselves if [`Self::derivative_needs_input`].
    pub fn pull_back<F: Float>(self, outputs: &[F], errors: &mut [F], stride: usize) {
        let pairs = errors.iter_mut().zip(outputs);
        match self {
            Self::Identity | Self::Exp => {}
            Self::Softmax => {
                for (errors, outputs) in errors.chunks_exact_mut(stride).zip(outputs.chunks_exact(stride)) {
                    let terms = errors.iter().zip(outputs).map(|(&error, &z)| error * z);
                    let mean = terms.fold(F::ZERO, |mean, term| mean + term);
                    errors.iter_mut().zip(outputs).for_each(|(error, &z)| *error = z * (*error - mean));
                }
            }
            Self::Logistic => pairs.for_each(|(error, &z)| *error = *error * z * (F::ONE - z)),
            Self::Tanh => pairs.for_each(|(error, &z)| *error *= F::ONE - z * z),
            Self::Relu => pairs.for_each(|(error, &z)| *error = if z == F::ZERO { F::ZERO } else { *error }),
            Self::LeakyRelu => {
                let leak = F::from_f64(LEAK);
                pairs.for_each(|(error, &z)| *error = if z < F::ZERO { leak * *error } else { *error });
            }
            Self::Elu => {
                pairs.for_each(|(error, &z)| *error = if z < F::ZERO { *error * (z + F::ONE) } else { *error })
            }
            Self::Gelu => pairs.for_each(|(error, &x)| {
                let (inner, derivative) = gelu_inner(x);
                let fraction = logistic(inner);
                // Far out the share is 0 or 1, and does not change any more.
                let change =
                    if derivative.is_finite() { x * fraction * (F::ONE - fraction) * derivative } else { F::ZERO };
                *error *= fraction + change;
            }),
        }
    }
}

/// The cubic of [`GELU_CUBIC`] at `x`, and its derivative.
#[inline(always)]
fn gelu_inner<F: Float>(x: F) -> (F, F) {
    let [linear, cubic] = GELU_CUBIC.map(F::from_f64);
    let square = x * x;
    (x * (linear + cubic * square), linear + F::from_f64(3.0) * cubic * square)
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

    const HIDDEN: [Activation; 8] = [
        Activation::Identity,
        Activation::Logistic,
        Activation::Tanh,
        Activation::Relu,
        Activation::LeakyRelu,
        Activation::Elu,
        Activation::Gelu,
        Activation::Softmax,
    ];
    const ALL: [Activation; 9] = [
        Activation::Identity,
        Activation::Logistic,
        Activation::Tanh,
        Activation::Relu,
        Activation::LeakyRelu,
        Activation::Elu,
        Activation::Gelu,
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
            let sums = [1e4_f32, -1e4, 1e30, -1e30];
            let (mut outputs, mut errors) = (sums, [1.0; 4]);
            activation.apply(&mut outputs, 4, 4);
            activation.pull_back(if activation.derivative_needs_input() { &sums } else { &outputs }, &mut errors, 4);
            assert!(outputs.iter().chain(&errors).all(|x| x.is_finite()), "{activation:?} {outputs:?} {errors:?}");
        }
    }

    #[test]
    fn derivatives_are_differences() {
        for activation in HIDDEN {
            for x in [-2.0, -0.3, 0.4, 3.0] {
                let at = |x: f64| {
                    let mut row = [x, 0.7];
                    activation.apply(&mut row, 2, 2);
                    row
                };
                let mut derivative = [1.0, 0.0];
                let kept = if activation.derivative_needs_input() { [x, 0.7] } else { at(x) };
                activation.pull_back(&kept, &mut derivative, 2);
                let difference = (at(x + 1e-6)[0] - at(x - 1e-6)[0]) / 2e-6;
                assert!((derivative[0] - difference).abs() < 1e-9, "{activation:?} at {x}");
            }
        }
    }

    #[test]
    fn probabilities_add_up_and_nan_stays() {
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
