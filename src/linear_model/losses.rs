//! Losses of linear models, as functions of the margins: the products of a row with the coefficients, plus intercepts.
//!
//! Losses are those of scikit-learn, without terms that no coefficient changes.

use crate::common::elementary::{exp, ln_1p};

/// A loss of a target and its margins.
pub trait Loss: Copy + Sync {
    /// Margins of a row.
    fn count(&self) -> usize;

    /// Losses and gradients of some rows: `margins`, row-major of shape (rows, count), become the derivatives of the
    /// losses by them. `states`, of the same shape or empty, take what [`Loss::curvature`] needs.
    ///
    /// Must be `#[inline(always)]`: see [`crate::common::simd::Loops`].
    fn derive(&self, y: &[f64], margins: &mut [f64], losses: &mut [f64], states: &mut [f64]);

    /// The second derivative by margins `k` and `l`, given the states of a row, shape (count,).
    fn curvature(&self, states: &[f64], k: usize, l: usize) -> f64;

    /// Multiplies a vector of shape (count,) with the matrix of second derivatives, in place.
    fn hvp(&self, states: &[f64], vector: &mut [f64]);
}

/// What a loss of one margin says: value, first and second derivative.
struct Derivatives {
    loss: f64,
    gradient: f64,
    curvature: f64,
}

/// A loss of one margin.
trait Single: Copy + Sync {
    fn derivatives(self, y: f64, margin: f64) -> Derivatives;
}

impl<S: Single> Loss for S {
    fn count(&self) -> usize {
        1
    }

    #[inline(always)]
    fn derive(&self, y: &[f64], margins: &mut [f64], losses: &mut [f64], states: &mut [f64]) {
        let len = y.len();
        let (margins, losses) = (&mut margins[..len], &mut losses[..len]);
        if states.is_empty() {
            for i in 0..len {
                let found = self.derivatives(y[i], margins[i]);
                (losses[i], margins[i]) = (found.loss, found.gradient);
            }
        } else {
            let states = &mut states[..len];
            for i in 0..len {
                let found = self.derivatives(y[i], margins[i]);
                (losses[i], margins[i], states[i]) = (found.loss, found.gradient, found.curvature);
            }
        }
    }

    fn curvature(&self, states: &[f64], _k: usize, _l: usize) -> f64 {
        states[0]
    }

    fn hvp(&self, states: &[f64], vector: &mut [f64]) {
        vector[0] *= states[0];
    }
}

/// The negative logarithm of the probability of one of two classes, 0 or 1; the margin is the logarithm of the odds.
#[derive(Debug, Clone, Copy)]
pub struct Binomial;

impl Single for Binomial {
    #[inline(always)]
    fn derivatives(self, y: f64, margin: f64) -> Derivatives {
        // Written in the smaller of the two probabilities, no digits are lost.
        let is_positive = margin >= 0.0;
        let odds = exp(-margin.abs());
        let linear = if is_positive { (1.0 - y) * margin } else { -y * margin };
        let (one, other) = if is_positive { (1.0 - y, -y) } else { (-y, 1.0 - y) };
        let inverse = 1.0 / (1.0 + odds);
        Derivatives {
            loss: linear + ln_1p(odds),
            gradient: (one + other * odds) * inverse,
            curvature: odds * inverse * inverse,
        }
    }
}

/// Half the squared error.
#[derive(Debug, Clone, Copy)]
pub struct Squared;

impl Single for Squared {
    #[inline(always)]
    fn derivatives(self, y: f64, margin: f64) -> Derivatives {
        let gradient = margin - y;
        Derivatives { loss: 0.5 * gradient * gradient, gradient, curvature: 1.0 }
    }
}

/// Half the deviance of Poisson's distribution; the margin is the logarithm of the mean.
#[derive(Debug, Clone, Copy)]
pub struct Poisson;

impl Single for Poisson {
    #[inline(always)]
    fn derivatives(self, y: f64, margin: f64) -> Derivatives {
        let mean = exp(margin);
        Derivatives { loss: mean - y * margin, gradient: mean - y, curvature: mean }
    }
}

/// Half the deviance of the gamma distribution; the margin is the logarithm of the mean.
#[derive(Debug, Clone, Copy)]
pub struct Gamma;

impl Single for Gamma {
    #[inline(always)]
    fn derivatives(self, y: f64, margin: f64) -> Derivatives {
        let fraction = y * exp(-margin);
        Derivatives { loss: margin + fraction, gradient: 1.0 - fraction, curvature: fraction }
    }
}

/// Half the squared error of the exponential of the margin.
#[derive(Debug, Clone, Copy)]
pub struct SquaredLog;

impl Single for SquaredLog {
    #[inline(always)]
    fn derivatives(self, y: f64, margin: f64) -> Derivatives {
        let mean = exp(margin);
        let error = mean - y;
        Derivatives { loss: 0.5 * error * error, gradient: mean * error, curvature: mean * (2.0 * mean - y) }
    }
}

/// Half the deviance of Tweedie's distribution of a power that is not 0, 1 or 2; the margin is the logarithm of the mean.
#[derive(Debug, Clone, Copy)]
pub struct Tweedie(pub f64);

impl Single for Tweedie {
    #[inline(always)]
    fn derivatives(self, y: f64, margin: f64) -> Derivatives {
        let (one, two) = (1.0 - self.0, 2.0 - self.0);
        let (fraction, mean) = (y * exp(one * margin), exp(two * margin));
        Derivatives {
            loss: mean / two - fraction / one,
            gradient: mean - fraction,
            curvature: two * mean - one * fraction,
        }
    }
}

/// Half the deviance of Tweedie's distribution of a power that is not 0; the margin is the mean.
#[derive(Debug, Clone, Copy)]
pub struct TweedieIdentity(pub f64);

impl Single for TweedieIdentity {
    #[inline(always)]
    fn derivatives(self, y: f64, mean: f64) -> Derivatives {
        let (power, error) = (self.0, mean - y);
        let scale = mean.powf(-power);
        let loss = if power == 1.0 {
            (if y == 0.0 { 0.0 } else { y * (y / mean).ln() }) + error
        } else if power == 2.0 {
            (mean / y).ln() + y / mean - 1.0
        } else {
            let (one, two) = (1.0 - power, 2.0 - power);
            let constant = if y > 0.0 { y.powf(two) / (one * two) } else { 0.0 };
            mean * mean * scale / two - y * mean * scale / one + constant
        };
        // scikit-learn divides by the mean, so a mean of 0 has no gradient there for any power.
        let gradient = if mean == 0.0 { f64::NAN } else { scale * error };
        Derivatives { loss, gradient, curvature: scale * ((1.0 - power) + power * y / mean) }
    }
}

/// The negative logarithm of the probability of one of several classes, `0..count`; margins are logarithms of
/// probabilities, up to a term that all of them share.
#[derive(Debug, Clone, Copy)]
pub struct Multinomial {
    /// Classes.
    pub count: usize,
}

impl Loss for Multinomial {
    fn count(&self) -> usize {
        self.count
    }

    /// States are probabilities.
    #[inline(always)]
    fn derive(&self, y: &[f64], margins: &mut [f64], losses: &mut [f64], states: &mut [f64]) {
        let rows = y.iter().zip(margins.chunks_exact_mut(self.count)).zip(losses.iter_mut());
        for ((&y, margins), loss) in rows {
            let most = margins.iter().fold(f64::NEG_INFINITY, |most, &value| if value > most { value } else { most });
            *loss = most - margins[y as usize];
            margins.iter_mut().for_each(|value| *value -= most);
        }
        margins.iter_mut().for_each(|value| *value = exp(*value));
        for (margins, loss) in margins.chunks_exact_mut(self.count).zip(losses) {
            let sum: f64 = margins.iter().sum();
            *loss += sum.ln();
            let inverse = 1.0 / sum;
            margins.iter_mut().for_each(|value| *value *= inverse);
        }
        if !states.is_empty() {
            states.copy_from_slice(margins);
        }
        for (&y, margins) in y.iter().zip(margins.chunks_exact_mut(self.count)) {
            margins[y as usize] -= 1.0;
        }
    }

    fn curvature(&self, states: &[f64], k: usize, l: usize) -> f64 {
        if k == l { states[k] * (1.0 - states[k]) } else { -states[k] * states[l] }
    }

    fn hvp(&self, states: &[f64], vector: &mut [f64]) {
        let mean: f64 = vector.iter().zip(states).map(|(value, fraction)| value * fraction).sum();
        vector.iter_mut().zip(states).for_each(|(value, fraction)| *value = fraction * (*value - mean));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(loss: &impl Loss, y: f64, margins: &[f64]) -> (f64, Vec<f64>, Vec<f64>) {
        let (mut value, mut gradients, mut states) = ([0.0], margins.to_vec(), margins.to_vec());
        loss.derive(&[y], &mut gradients, &mut value, &mut states);
        let mut again = margins.to_vec();
        loss.derive(&[y], &mut again, &mut [0.0], &mut []);
        assert_eq!(again, gradients);
        (value[0], gradients, states)
    }

    /// Whether gradients and curvatures are the derivatives of losses and gradients.
    fn check(loss: &impl Loss, targets: &[f64], margins: &[&[f64]]) {
        let step = 1e-6;
        for &y in targets {
            for &margins in margins {
                let (_, gradients, states) = at(loss, y, margins);
                for k in 0..margins.len() {
                    let moved = |by: f64| {
                        let mut moved = margins.to_vec();
                        moved[k] += by;
                        at(loss, y, &moved)
                    };
                    let (above, below) = (moved(step), moved(-step));
                    let gradient = (above.0 - below.0) / (2.0 * step);
                    assert!((gradients[k] - gradient).abs() < 1e-7 * (1.0 + gradient.abs()), "{y} {margins:?}");
                    let mut unit = vec![0.0; margins.len()];
                    unit[k] = 1.0;
                    loss.hvp(&states, &mut unit);
                    for l in 0..margins.len() {
                        let curvature = (above.1[l] - below.1[l]) / (2.0 * step);
                        assert!((unit[l] - curvature).abs() < 1e-7 * (1.0 + curvature.abs()), "{y} {margins:?}");
                        assert!((unit[l] - loss.curvature(&states, k, l)).abs() < 1e-15 * (1.0 + unit[l].abs()));
                    }
                }
            }
        }
    }

    #[test]
    fn derivatives_are_those_of_the_losses() {
        let margins: [&[f64]; 5] = [&[-3.0], &[-0.4], &[0.0], &[0.7], &[2.5]];
        check(&Binomial, &[0.0, 1.0], &margins);
        check(&Squared, &[-2.0, 3.0], &margins);
        check(&Poisson, &[0.0, 4.0], &margins);
        check(&Gamma, &[0.5, 4.0], &margins);
        check(&SquaredLog, &[-1.0, 4.0], &margins);
        check(&Tweedie(1.5), &[0.0, 4.0], &margins);
        check(&Tweedie(3.0), &[0.5, 4.0], &margins);
        for power in [1.0, 1.5, 2.0, 3.0] {
            check(&TweedieIdentity(power), &[0.5, 4.0], &[&[0.3], &[2.0]]);
        }
        check(&TweedieIdentity(1.0), &[0.0], &[&[0.3], &[2.0]]);
        check(&Multinomial { count: 3 }, &[0.0, 2.0], &[&[0.0, 0.0, 0.0], &[1.0, -2.0, 0.5], &[30.0, 29.0, -5.0]]);
    }

    #[test]
    fn far_margins_neither_overflow_nor_lose_digits() {
        for (y, margin, loss, gradient) in
            [(0.0, 800.0, 800.0, 1.0), (1.0, -800.0, 800.0, -1.0), (1.0, 40.0, (-40f64).exp(), -(-40f64).exp())]
        {
            let (found, gradients, _) = at(&Binomial, y, &[margin]);
            assert!((found - loss).abs() <= 1e-15 * loss && (gradients[0] - gradient).abs() <= 1e-15 * gradient.abs());
        }
        let (found, gradients, _) = at(&Multinomial { count: 2 }, 0.0, &[-500.0, 500.0]);
        assert_eq!((found, gradients), (1000.0, vec![-1.0, 1.0]));
    }
}
