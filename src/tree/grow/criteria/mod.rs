//! What makes a split good.
//!
//! scikit-learn computes criteria in f64 sums that are moved sample by sample from the right side of a split to the left,
//! and takes the first split whose measure is strictly larger. To find the same splits, every sum here is taken in its
//! order and every measure is its expression, operation by operation. Only [`counts`] is free of that: sums of integers
//! are exact in any order.

pub(super) mod absolute;
pub(super) mod classes;
pub(super) mod counts;
mod fenwick;
pub(super) mod impurity;
pub(super) mod moments;

use crate::common::Result;

/// Most samples that are swept together.
pub(super) const SWEEP: usize = 64;

/// The sums of one node, and how to split them.
///
/// Samples are numbered by row, or as they come in [`Criterion::enter`] (which reads faster where few features look at
/// them); a key has such a number, or what [`Criterion::payload`] makes of it, in its lower half.
pub(super) trait Criterion: Sync {
    /// Whether the order of samples can change a rounding, so that scikit-learn's order has to be kept.
    const ORDERED: bool;

    /// How much more it takes to scan a sample than to read it.
    const COST: usize = 1;

    /// Whether [`Criterion::proxy`] takes no longer than a few sweeps of one sample.
    const IS_CHEAP: bool = true;

    /// Whether [`Criterion::value`] looks at the keys.
    const KEYED_VALUE: bool = false;

    /// The two sides of a split in the making.
    type Sides: Send + Sync;

    /// Sides for nodes of at most `n` samples.
    fn sides(&self, n: usize) -> Result<Self::Sides>;

    /// Goes to the node of these samples (rows).
    fn enter(&mut self, samples: &[u32]);

    /// What stands in the lower half of the key of sample number `i`.
    fn payload(&self, i: usize) -> u32;

    /// Sum of the weights in the node.
    fn weight(&self) -> f64;

    /// Whether some weight is no whole number, so that every sum rounds.
    fn weights_round(&self) -> bool {
        false
    }

    /// Impurity of the node; `keys` are those of all its samples, in order.
    fn impurity(&self, sides: &mut Self::Sides, keys: &[u64]) -> f64;

    /// Writes the value of the node, of shape (`n_outputs`, `max_n_classes`); `keys` as in [`Criterion::impurity`],
    /// if [`Criterion::KEYED_VALUE`].
    fn value(&self, sides: &mut Self::Sides, keys: &[u64], out: &mut [f64]);

    /// Brings a node's value between the bounds that monotonic features above it set.
    fn clip(&self, value: &mut [f64], lower: f64, upper: f64) {
        value[0] = clipped(value[0], lower, upper);
    }

    /// Puts all samples on the right side; `keys` are those of all samples, in the order in which they will move.
    fn reset(&self, sides: &mut Self::Sides, keys: &[u64]);

    /// Moves samples to the left side until it has `keys[..to]`, `keys` as in [`Criterion::reset`].
    fn advance(&self, sides: &mut Self::Sides, keys: &[u64], to: usize);

    /// Leaves only the samples of `keys[from..]` on the right side, though `keys` are not those of all samples; asked for
    /// only if no order matters.
    fn leave(&self, _sides: &mut Self::Sides, _keys: &[u64], _from: usize) {}

    /// Moves the samples whose rank is at most `low`, or is `missing`, to the left side and all others to the right; how
    /// many are left. `ranks` are those of the samples by number (not by row); asked for only if no order matters.
    fn divide(&self, _sides: &mut Self::Sides, _ranks: &[u32], _low: u32, _missing: u32) -> usize {
        0
    }

    /// Sums of weights (left, right).
    fn weights(&self, sides: &Self::Sides) -> (f64, f64);

    /// Grows with the quality of the split.
    fn proxy(&self, sides: &Self::Sides) -> f64;

    /// Whether [`Criterion::sweep`] can be had in this node, and no sum of weights is negative.
    fn sweeps(&self) -> bool {
        false
    }

    /// Moves the next samples, `keys` (at most [`SWEEP`]), to the left side, many at once. Bit `i` of the answer says
    /// whether the quality after sample `i` may exceed `floor`.
    fn sweep(&self, _sides: &mut Self::Sides, _keys: &[u64], _floor: f64) -> u64 {
        0
    }

    /// The quality after sample `i` of the last sweep, whose keys are `keys`: the number that [`Criterion::proxy`] gives
    /// when samples move one by one from the left.
    fn swept(&self, sides: &mut Self::Sides, _keys: &[u64], _i: usize) -> f64 {
        self.proxy(sides)
    }

    /// Impurities (left, right), of the keys as in [`Criterion::reset`].
    fn children(&self, sides: &Self::Sides, keys: &[u64]) -> (f64, f64);

    /// What is monotonic: the values (left, right).
    fn child_values(&self, sides: &Self::Sides) -> (f64, f64);

    /// Halfway between the values of the sides.
    fn middle(&self, sides: &Self::Sides) -> f64;
}

/// A bit for each `i` below `n` (at most [`SWEEP`]) of which `is_wanted` holds. That is seldom so, and to find none takes no
/// more than a loop without branches.
#[inline]
fn mask(n: usize, is_wanted: impl Fn(usize) -> bool) -> u64 {
    let mut some = false;
    for i in 0..n {
        some |= is_wanted(i);
    }
    if some { (0..n).fold(0, |mask, i| mask | u64::from(is_wanted(i)) << i) } else { 0 }
}

/// Whether some weight is no whole number.
fn round(weights: Option<&[f64]>) -> bool {
    weights.is_some_and(|weights| weights.iter().any(|weight| weight.fract() != 0.0))
}

fn clipped(value: f64, lower: f64, upper: f64) -> f64 {
    if value < lower {
        lower
    } else if value > upper {
        upper
    } else {
        value
    }
}

/// Whether the sums of a split are reached sooner from the left, as scikit-learn decides it.
#[inline]
fn from_left(at: usize, to: usize, n: usize) -> bool {
    to - at <= n - to
}

/// The number of a sample in a key that carries one.
#[inline]
fn sample(key: u64) -> usize {
    key as u32 as usize
}

/// Logarithm to base 2 by way of the natural one, as scikit-learn takes it.
#[inline]
fn log2(value: f64) -> f64 {
    value.ln() / std::f64::consts::LN_2
}
