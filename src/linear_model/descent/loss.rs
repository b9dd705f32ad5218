//! What a descent goes down: how far margins are from targets, and which way.
//!
//! Losses and gradients are computed in double precision and hold for margins of any size.

use crate::common::Float;

/// A loss of the margins of one sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Loss {
    /// Half the squared error.
    SquaredError,
    /// The same for errors up to the given one, and linear beyond.
    Huber(f64),
    /// Cross-entropy of two classes, 0 and 1, of which the margin is the log-odds.
    Binary,
    /// Cross-entropy of classes 0, 1, ..., the exponentials of whose margins are in proportion to their probabilities.
    Categorical,
}

impl Loss {
    /// The largest second derivative along a margin.
    pub fn curvature(self) -> f64 {
        match self {
            Self::SquaredError | Self::Huber(_) => 1.0,
            Self::Binary => 0.25,
            Self::Categorical => 0.5,
        }
    }

    /// The weighted sum of the losses of some samples. Turns `margins`, row-major of shape (n_samples, n_outputs), into
    /// gradients times weight. `targets` and `weights` have shape (n_samples,); weights count `unit` times, none is 1.
    #[inline(always)]
    pub fn descend<F: Float>(
        self,
        margins: &mut [F],
        n_outputs: usize,
        targets: &[F],
        weights: Option<&[F]>,
        unit: f64,
    ) -> f64 {
        let samples = (margins, targets, weights, unit);
        match self {
            Self::SquaredError => sum(samples, |margin, target| {
                let error = margin - target;
                (0.5 * error * error, error)
            }),
            Self::Huber(bound) => sum(samples, |margin, target| {
                let error = margin - target;
                let size = error.abs();
                if size <= bound {
                    (0.5 * error * error, error)
                } else {
                    (bound * (size - 0.5 * bound), bound.copysign(error))
                }
            }),
            Self::Binary => sum(samples, logistic),
            Self::Categorical => sum_of_categories(samples, n_outputs),
        }
    }
}

/// Margins, targets, weights, and how often weights count.
type Samples<'a, F> = (&'a mut [F], &'a [F], Option<&'a [F]>, f64);

#[inline(always)]
fn sum<F: Float>((margins, targets, weights, unit): Samples<F>, of: impl Fn(f64, f64) -> (f64, f64)) -> f64 {
    let mut total = 0.0;
    match weights {
        None => {
            for (margin, target) in margins.iter_mut().zip(targets) {
                let (loss, gradient) = of(margin.to_f64(), target.to_f64());
                *margin = F::from_f64(unit * gradient);
                total += loss;
            }
            unit * total
        }
        Some(weights) => {
            for ((margin, target), weight) in margins.iter_mut().zip(targets).zip(weights) {
                let (weight, (loss, gradient)) = (unit * weight.to_f64(), of(margin.to_f64(), target.to_f64()));
                *margin = F::from_f64(weight * gradient);
                total += weight * loss;
            }
            total
        }
    }
}

#[inline(always)]
fn sum_of_categories<F: Float>((margins, targets, weights, unit): Samples<F>, n_outputs: usize) -> f64 {
    let mut sum = 0.0;
    for (i, (margins, target)) in margins.chunks_exact_mut(n_outputs.max(1)).zip(targets).enumerate() {
        let (weight, class) = (weights.map_or(unit, |weights| unit * weights[i].to_f64()), target.to_f64() as usize);
        let largest = margins.iter().fold(f64::NEG_INFINITY, |most, margin| most.max(margin.to_f64()));
        let own = margins[class].to_f64();
        let mut total = 0.0;
        for margin in margins.iter_mut() {
            let fraction = (margin.to_f64() - largest).exp();
            total += fraction;
            *margin = F::from_f64(fraction);
        }
        for margin in margins.iter_mut() {
            *margin = F::from_f64(weight * (margin.to_f64() / total));
        }
        margins[class] -= F::from_f64(weight);
        sum += weight * (total.ln() + largest - own);
    }
    sum
}

/// Cross-entropy of a class, 0 or 1, and its derivative along the log-odds.
#[inline(always)]
fn logistic(margin: f64, class: f64) -> (f64, f64) {
    // Neither exponential overflows, and no small number is taken from a large one.
    let small = (-margin.abs()).exp();
    let (of_zero, of_one) = if margin > 0.0 { (small, 1.0) } else { (1.0, small) };
    let gradient = if class > 0.5 { -of_zero } else { of_one } / (1.0 + small);
    let wrong = if class > 0.5 { -margin } else { margin };
    (small.ln_1p() + wrong.max(0.0), gradient)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOSSES: [Loss; 4] = [Loss::SquaredError, Loss::Huber(0.65), Loss::Binary, Loss::Categorical];

    fn of(loss: Loss, margins: &[f64], target: f64, weight: f64) -> (f64, Vec<f64>) {
        let mut gradients = margins.to_vec();
        let value = loss.descend(&mut gradients, margins.len(), &[target], Some(&[weight]), 1.0);
        (value, gradients)
    }

    #[test]
    fn gradients_are_differences_of_losses() {
        for loss in LOSSES {
            for margins in [[0.3, -0.2, 0.9], [-3.0, 2.0, 0.1], [0.0, 0.0, 0.0], [12.0, -7.0, 11.0]] {
                let margins = if loss == Loss::Categorical { &margins[..] } else { &margins[..1] };
                for target in [0.0, 1.0] {
                    let (_, gradients) = of(loss, margins, target, 1.5);
                    for output in 0..margins.len() {
                        let near = |by: f64| {
                            let mut moved = margins.to_vec();
                            moved[output] += by;
                            of(loss, &moved, target, 1.5).0
                        };
                        let gradient = (near(1e-5) - near(-1e-5)) / 2e-5;
                        let close = 1e-8 * (1.0 + gradient.abs());
                        assert!(
                            (gradients[output] - gradient).abs() < close,
                            "{loss:?} {margins:?} {target} {gradient}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn second_differences_stay_below_the_curvature() {
        for loss in LOSSES {
            for margin in [-2.0, -0.5, 0.0, 0.1, 3.0] {
                let gradient = |margin: f64| {
                    let margins = if loss == Loss::Categorical { vec![margin, 0.0] } else { vec![margin] };
                    of(loss, &margins, 0.0, 1.0).1[0]
                };
                assert!((gradient(margin + 1e-4) - gradient(margin)) / 1e-4 <= loss.curvature() + 1e-9, "{loss:?}");
            }
        }
    }

    #[test]
    fn margins_of_any_size_give_finite_losses() {
        for loss in LOSSES {
            for margin in [1e4, -1e4, 1e150, -1e150] {
                let margins = if loss == Loss::Categorical { vec![margin, 0.0, -margin] } else { vec![margin] };
                for target in [0.0, 1.0] {
                    let (value, gradients) = of(loss, &margins, target, 1.0);
                    assert!(
                        value.is_finite() && gradients.iter().all(|gradient| gradient.is_finite()),
                        "{loss:?} {margin}"
                    );
                    if matches!(loss, Loss::Binary | Loss::Categorical) {
                        assert!(gradients.iter().all(|gradient| gradient.abs() <= 1.0));
                    }
                }
            }
        }
        assert_eq!(of(Loss::Binary, &[1e4], 1.0, 1.0), (0.0, vec![0.0]));
        assert_eq!(of(Loss::Binary, &[1e4], 0.0, 1.0), (1e4, vec![1.0]));
        assert_eq!(of(Loss::Categorical, &[1e4, -1e4], 0.0, 1.0), (0.0, vec![0.0, 0.0]));
    }

    #[test]
    fn two_categories_are_the_binary_case() {
        for (margin, class) in [(0.4, 1.0), (-2.0, 0.0), (3.0, 0.0)] {
            let (binary, gradient) = of(Loss::Binary, &[margin], class, 1.0);
            let (categorical, gradients) = of(Loss::Categorical, &[0.0, margin], class, 1.0);
            assert!((binary - categorical).abs() < 1e-15 && (gradient[0] - gradients[1]).abs() < 1e-15);
        }
    }
}
