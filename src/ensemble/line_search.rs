//! What a leaf of a boosted tree says: the step that lowers the loss of its samples, or an estimate of it.
//!
//! The tree was grown on the negative gradient g of the loss. For squared error the mean of g is the best step already.
//! For classes the step is one of Newton's method: the mean of g over the mean of the second derivative h. For the
//! losses between target and prediction it is found from what the prediction leaves over: its quantile, or its median
//! and then the mean of what is left of that, cut off at delta.
//!
//! Means and sums are taken as NumPy takes them over the samples of the leaf in their order, so that every step has the
//! bits of scikit-learn's.
//!
//! Reference: J. Friedman, "Greedy function approximation: a gradient boosting machine", Annals of Statistics 29 (2001),
//! algorithms 2 to 6.

use crate::common::{Error, Result, pairwise};

/// A second derivative below this is none: no step is taken.
const MIN_CURVATURE: f64 = 1e-150;
/// The median, in percent.
const MEDIAN: f64 = 50.0;

/// How the step of a leaf is found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// The mean of g, which a leaf says as it is grown.
    Mean,
    /// `factor` times the mean of g over that of p (1 - p), where p is the probability of the class.
    Newton {
        /// 1 for two classes; with K of them, Friedman's (K - 1) / K.
        factor: f64,
    },
    /// The mean of g over that of its absolute value: two classes and the exponential loss.
    Exponential,
    /// The quantile of what is left over.
    Quantile {
        /// Which one.
        percent: f64,
    },
    /// The median of what is left over, and the mean of what that leaves, cut off at `delta`.
    Huber {
        /// Where errors begin to count by their size, and no longer by its square.
        delta: f64,
    },
}

/// A sample as its leaf sees it.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    /// The target; for classes 1 or 0.
    pub target: f64,
    /// The prediction so far.
    pub raw: f64,
    /// Negative gradient of the loss there.
    pub pull: f64,
    /// Its weight.
    pub weight: f64,
}

/// Buffers to work in.
#[derive(Debug, Default)]
pub struct Buffers {
    terms: Vec<f64>,
    pairs: Vec<(f64, f64)>,
}

impl Rule {
    /// The step of a leaf with these samples, which are in the order of the rows; None: what it says stays.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if the weights add up to 0, or the step is infinite.
    pub fn step(&self, leaf: &[Seen], buffers: &mut Buffers) -> Result<Option<f64>> {
        let step = match *self {
            Self::Mean => return Ok(None),
            Self::Newton { factor } => {
                let pull = mean(leaf, buffers, |seen| seen.pull)?;
                let curvature = mean(leaf, buffers, |seen| {
                    let probability = seen.target - seen.pull;
                    probability * (1.0 - probability)
                })?;
                over(pull * factor, curvature)?
            }
            Self::Exponential => {
                let pull = mean(leaf, buffers, |seen| seen.pull)?;
                over(pull, mean(leaf, buffers, |seen| if seen.target == 0.0 { -seen.pull } else { seen.pull })?)?
            }
            Self::Quantile { percent } => quantile_of(leaf, buffers, percent),
            Self::Huber { delta } => {
                let median = quantile_of(leaf, buffers, MEDIAN);
                median + mean(leaf, buffers, |seen| cut_off(seen.target - seen.raw - median, delta))?
            }
        };
        Ok(Some(step))
    }
}

/// `numpy.average` of a number that each sample has.
fn mean(leaf: &[Seen], buffers: &mut Buffers, number: impl Fn(&Seen) -> f64) -> Result<f64> {
    let terms = &mut buffers.terms;
    terms.clear();
    terms.extend(leaf.iter().map(|seen| seen.weight));
    let weight = pairwise::sum(terms);
    if weight == 0.0 {
        return Err(Error::InvalidArgument("the weights of a leaf add up to 0"));
    }
    terms.clear();
    terms.extend(leaf.iter().map(|seen| number(seen) * seen.weight));
    Ok(pairwise::sum(terms) / weight)
}

/// A step of Newton's method.
fn over(pull: f64, curvature: f64) -> Result<f64> {
    let step = if curvature.abs() < MIN_CURVATURE { 0.0 } else { pull / curvature };
    if step.is_infinite() { Err(Error::InvalidArgument("the step of a leaf is infinite")) } else { Ok(step) }
}

/// An error, no larger than `delta`. NaN, of either, stays NaN.
fn cut_off(error: f64, delta: f64) -> f64 {
    let size = error.abs();
    error.signum() * if size < delta { size } else { delta }
}

/// A quantile of what the predictions leave over.
fn quantile_of(leaf: &[Seen], buffers: &mut Buffers, percent: f64) -> f64 {
    buffers.pairs.clear();
    buffers.pairs.extend(leaf.iter().map(|seen| (seen.target - seen.raw, seen.weight)));
    quantile(&mut buffers.pairs, percent)
}

/// The smallest value at which the values up to it have `percent` of the weight, of pairs of a value and its weight; NaN
/// has none. NaN if no value has any. Changes the pairs.
pub fn quantile(pairs: &mut [(f64, f64)], percent: f64) -> f64 {
    if pairs.iter().all(|pair| pair.1 == 0.0) {
        return f64::NAN;
    }
    // Any NaN is as good as another, and all of them are last.
    pairs.sort_unstable_by(|a, b| a.0.partial_cmp(&b.0).unwrap_or_else(|| a.0.is_nan().cmp(&b.0.is_nan())));
    let mut sum = 0.0;
    for (value, weight) in &mut *pairs {
        sum += if value.is_nan() { 0.0 } else { *weight };
        *weight = sum;
    }
    let wanted = percent / 100.0 * sum;
    let wanted = if wanted == 0.0 { f64::from_bits(1) } else { wanted };
    // NumPy's halving: with negative weights the sums do not rise, and this decides which value is found.
    let (mut low, mut high) = (0, pairs.len());
    while low < high {
        let middle = low + (high - low) / 2;
        if pairs[middle].1 < wanted {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    pairs[low.min(pairs.len() - 1)].0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(samples: &[(f64, f64, f64, f64)]) -> Vec<Seen> {
        samples.iter().map(|&(target, raw, pull, weight)| Seen { target, raw, pull, weight }).collect()
    }

    fn step(rule: Rule, samples: &[(f64, f64, f64, f64)]) -> Result<Option<f64>> {
        rule.step(&leaf(samples), &mut Buffers::default())
    }

    #[test]
    fn newton_divides_pull_by_curvature() -> Result<()> {
        let samples = [(1.0, 0.0, 0.5, 1.0), (0.0, 0.0, -0.5, 3.0)];
        assert_eq!(step(Rule::Newton { factor: 0.5 }, &samples)?, Some(0.5 * -0.25 / 0.25));
        assert_eq!(step(Rule::Exponential, &samples)?, Some(-0.25 / 0.5));
        assert_eq!(step(Rule::Mean, &samples)?, None);
        // Nothing to gain where the probability is 0 or 1 to the last bit.
        assert_eq!(step(Rule::Newton { factor: 1.0 }, &[(1.0, 40.0, 0.0, 1.0)])?, Some(0.0));
        Ok(())
    }

    #[test]
    fn huber_cuts_errors_off() -> Result<()> {
        let samples = [(1.0, 1.0, 0.0, 1.0), (3.0, 2.0, 0.0, 1.0), (99.0, 0.0, 0.0, 1.0)];
        assert_eq!(step(Rule::Huber { delta: 4.0 }, &samples)?, Some(1.0 + (-1.0 + 4.0) / 3.0));
        assert!(cut_off(f64::NAN, 1.0).is_nan() && cut_off(1.0, f64::NAN).is_nan());
        assert_eq!((cut_off(-7.0, 2.0), cut_off(-1.0, 2.0)), (-2.0, -1.0));
        Ok(())
    }

    #[test]
    fn weights_that_add_up_to_nothing_are_refused() {
        let samples = [(1.0, 0.0, 0.5, 1.0), (0.0, 0.0, -0.5, -1.0)];
        for rule in [Rule::Newton { factor: 1.0 }, Rule::Exponential, Rule::Huber { delta: 1.0 }] {
            assert!(step(rule, &samples).is_err());
        }
        assert!(over(1e300, 1e-140).is_err());
    }

    #[test]
    fn quantiles_are_reached_by_weight() {
        let values = [(3.0, 1.0), (1.0, 1.0), (2.0, 2.0), (f64::NAN, 5.0)];
        let at = |percent| quantile(&mut values.clone(), percent);
        assert_eq!([0.0, 25.0, 26.0, 75.0, 76.0, 100.0].map(at), [1.0, 1.0, 2.0, 2.0, 3.0, 3.0]);
        assert_eq!(quantile(&mut [(1.0, 0.0), (2.0, 3.0)], 0.0), 2.0);
        assert!(quantile(&mut [(1.0, 0.0)], 50.0).is_nan());
        assert!(quantile(&mut [(f64::NAN, 1.0)], 50.0).is_nan());
    }
}
