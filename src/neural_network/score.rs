//! How good the answers of a network are: the accuracy of classes, the fraction of variance of numbers.

use crate::common::Float;

/// How answers are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Score {
    /// The fraction of rows whose most probable class is the right one.
    OneOfMany,
    /// The fraction of rows all of whose outputs are on the right side of one half.
    Each,
    /// The fraction of the variance of the targets that is explained, averaged over outputs.
    Variance,
}

impl Score {
    /// The score of `answers` of `targets`, both row-major of `n_outputs` columns; `weights` one for each row, or None.
    ///
    /// NaN where an answer of numbers is not finite.
    pub fn of<F: Float>(self, targets: &[F], predictions: &[F], n_outputs: usize, weights: Option<&[F]>) -> f64 {
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row].to_f64());
        let rows = || targets.chunks_exact(n_outputs).zip(predictions.chunks_exact(n_outputs)).enumerate();
        let fraction = |is_right: &dyn Fn(&[F], &[F]) -> bool| {
            let (mut right, mut total) = (0.0, 0.0);
            for (row, (targets, predictions)) in rows() {
                total += weight(row);
                right += if is_right(targets, predictions) { weight(row) } else { 0.0 };
            }
            right / total
        };
        let half = F::from_f64(0.5);
        match self {
            Self::OneOfMany => fraction(&|targets, predictions| largest(targets) == largest(predictions)),
            Self::Each => fraction(&|targets, predictions| {
                targets.iter().zip(predictions).all(|(&target, &prediction)| (target > half) == (prediction > half))
            }),
            Self::Variance => {
                if !predictions.iter().all(|prediction| prediction.is_finite()) {
                    return f64::NAN;
                }
                let explained = (0..n_outputs).map(|output| {
                    let pairs = || rows().map(|(row, (y, p))| (weight(row), y[output].to_f64(), p[output].to_f64()));
                    let (sum, total) = pairs().fold((0.0, 0.0), |(sum, total), (w, y, _)| (sum + w * y, total + w));
                    let mean = sum / total;
                    let (left, all) = pairs().fold((0.0, 0.0), |(left, all), (w, y, p)| {
                        (left + w * (y - p) * (y - p), all + w * (y - mean) * (y - mean))
                    });
                    match (left == 0.0, all == 0.0) {
                        (true, _) => 1.0,
                        (false, true) => 0.0,
                        _ => 1.0 - left / all,
                    }
                });
                explained.sum::<f64>() / n_outputs as f64
            }
        }
    }
}

/// Where the first of the largest values is; the first NaN counts as largest.
fn largest<F: Float>(values: &[F]) -> usize {
    let mut best = 0;
    for (at, &value) in values.iter().enumerate() {
        if !values[best].is_nan() && (value > values[best] || value.is_nan()) {
            best = at;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_count_weights() {
        let (targets, predictions) = ([1.0, 0.0, 0.0, 1.0], [0.6, 0.4, 0.7, 0.3]);
        assert_eq!(Score::OneOfMany.of(&targets, &predictions, 2, None), 0.5);
        assert_eq!(Score::OneOfMany.of(&targets, &predictions, 2, Some(&[3.0, 1.0])), 0.75);
        assert_eq!(Score::Each.of(&targets, &predictions, 1, None), 0.5);
        assert_eq!(Score::Each.of(&targets, &predictions, 2, None), 0.5);
    }

    #[test]
    fn variance_may_be_constant() {
        assert_eq!(Score::Variance.of(&[1.0, 2.0, 3.0], &[1.0, 2.0, 2.0], 1, None), 0.5);
        assert_eq!(Score::Variance.of(&[2.0, 2.0], &[2.0, 2.0], 1, None), 1.0);
        assert_eq!(Score::Variance.of(&[2.0, 2.0], &[2.0, 3.0], 1, None), 0.0);
        assert!(Score::Variance.of(&[2.0, 2.0], &[2.0, f64::INFINITY], 1, None).is_nan());
    }
}
