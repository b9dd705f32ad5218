//! Gini's index and Shannon's entropy of class shares, in scikit-learn's order of operations.

use super::log2;

/// A function of the weights of the classes in a node.
pub(in super::super) trait Impurity: Sync + Send + 'static {
    /// Whether the sum of squares is all there is to know of the weights.
    const SQUARES: bool;

    /// `sum` (over the outputs before) and what one output adds: the weights of its classes, and their total.
    fn added(sum: f64, weights: impl Iterator<Item = f64>, total: f64) -> f64;

    /// For one output, from the sum of the squares of the weights, if [`Impurity::SQUARES`].
    fn of_squares(squares: f64, total: f64) -> f64;
}

/// Probability that two draws differ.
#[derive(Debug)]
pub(in super::super) struct Gini;

impl Impurity for Gini {
    const SQUARES: bool = true;

    #[inline]
    fn added(sum: f64, weights: impl Iterator<Item = f64>, total: f64) -> f64 {
        let mut squares = 0.0;
        for weight in weights {
            squares += weight * weight;
        }
        sum + Self::of_squares(squares, total)
    }

    #[inline]
    fn of_squares(squares: f64, total: f64) -> f64 {
        1.0 - squares / (total * total)
    }
}

/// Expected bits per draw.
#[derive(Debug)]
pub(in super::super) struct Entropy;

impl Impurity for Entropy {
    const SQUARES: bool = false;

    #[inline]
    fn added(sum: f64, weights: impl Iterator<Item = f64>, total: f64) -> f64 {
        let mut entropy = sum;
        for weight in weights {
            if weight > 0.0 {
                let fraction = weight / total;
                entropy -= fraction * log2(fraction);
            }
        }
        entropy
    }

    fn of_squares(_squares: f64, _total: f64) -> f64 {
        f64::NAN
    }
}
