//! Regression on means: squared error and half the Poisson deviance.
//!
//! Both need the sums of the weights and of the weighted targets on each side while a feature is scanned; the impurities
//! themselves are computed once per node.

use std::marker::PhantomData;

use super::super::targets::Targets;
use super::{Criterion, SWEEP, from_left, log2, mask, round, sample};
use crate::common::{Error, Result, memory};

/// Sums that rounding could have left where zero belongs; a Poisson mean has to be larger.
const NO_SUM: f64 = 10.0 * f64::EPSILON;

/// Fraction of a number that a few roundings stay below.
const SLACK: f64 = 1e-14;
/// What products near the smallest numbers may lose on top.
const TINY: f64 = 1e-280;

/// A loss whose best constant is the mean.
pub(in super::super) trait Loss: Sync + Send + 'static {
    /// Quality of a split, from the sums of both sides (one per output) and their weights.
    fn proxy(left: &[f64], left_weight: f64, right: &[f64], right_weight: f64) -> f64;

    /// The same for one output.
    fn single(left: f64, left_weight: f64, right: f64, right_weight: f64) -> f64;

    /// Whether [`Loss::single`] may exceed `floor`; as soon as rounding leaves a doubt, it may.
    fn may_exceed(floor: f64, left: f64, left_weight: f64, right: f64, right_weight: f64) -> bool;

    /// Impurity of the samples `keys` whose sums are `sums` and `weight`. `squares` is the weighted sum of their squared
    /// targets over all outputs, or what is needed to find it.
    fn impurity(node: &Local, keys: &[u64], squares: f64, sums: &[f64], weight: f64) -> f64;
}

/// Squared error: the variance.
#[derive(Debug)]
pub(in super::super) struct Squared;

/// Half the Poisson deviance.
#[derive(Debug)]
pub(in super::super) struct Poisson;

impl Loss for Squared {
    #[inline]
    fn proxy(left: &[f64], left_weight: f64, right: &[f64], right_weight: f64) -> f64 {
        let (mut left_squares, mut right_squares) = (0.0, 0.0);
        for (left, right) in left.iter().zip(right) {
            left_squares += left * left;
            right_squares += right * right;
        }
        left_squares / left_weight + right_squares / right_weight
    }

    #[inline]
    fn single(left: f64, left_weight: f64, right: f64, right_weight: f64) -> f64 {
        left * left / left_weight + right * right / right_weight
    }

    /// Without a division: l^2 / u + r^2 / v > floor says the same as l^2 v + r^2 u > floor u v.
    #[inline]
    fn may_exceed(floor: f64, left: f64, left_weight: f64, right: f64, right_weight: f64) -> bool {
        let weights = left_weight * right_weight;
        let sum = left * left * right_weight + right * right * left_weight + TINY;
        let is_less = sum < floor * (1.0 - SLACK) * weights;
        !(is_less & (weights > 0.0))
    }

    fn impurity(_node: &Local, _keys: &[u64], squares: f64, sums: &[f64], weight: f64) -> f64 {
        let mut impurity = squares / weight;
        for sum in sums {
            let mean = sum / weight;
            impurity -= mean * mean;
        }
        impurity / sums.len() as f64
    }
}

impl Loss for Poisson {
    #[inline]
    fn proxy(left: &[f64], left_weight: f64, right: &[f64], right_weight: f64) -> f64 {
        let (mut left_loss, mut right_loss) = (0.0, 0.0);
        for (&left, &right) in left.iter().zip(right) {
            if left <= NO_SUM || right <= NO_SUM {
                return f64::NEG_INFINITY;
            }
            left_loss -= left * log2(left / left_weight);
            right_loss -= right * log2(right / right_weight);
        }
        -left_loss - right_loss
    }

    #[inline]
    fn single(left: f64, left_weight: f64, right: f64, right_weight: f64) -> f64 {
        if left <= NO_SUM || right <= NO_SUM {
            return f64::NEG_INFINITY;
        }
        left * log2(left / left_weight) + right * log2(right / right_weight)
    }

    #[inline]
    fn may_exceed(floor: f64, left: f64, left_weight: f64, right: f64, right_weight: f64) -> bool {
        Self::single(left, left_weight, right, right_weight) > floor
    }

    fn impurity(node: &Local, keys: &[u64], _squares: f64, sums: &[f64], weight: f64) -> f64 {
        let mut loss = 0.0;
        for (k, sum) in sums.iter().enumerate() {
            if *sum <= NO_SUM {
                return f64::INFINITY;
            }
            let mean = sum / weight;
            for &key in keys {
                let i = sample(key);
                let target = node.targets[i * sums.len() + k];
                let entropy = if target == 0.0 { 0.0 } else { target * (target / mean).ln() };
                loss += node.weights.get(i).copied().unwrap_or(1.0) * entropy;
            }
        }
        loss / (weight * sums.len() as f64)
    }
}

/// The samples by their numbers.
#[derive(Debug, Default)]
pub(in super::super) struct Local {
    /// Targets, of shape (samples, `n_outputs`).
    targets: Vec<f64>,
    /// Targets times weights, of the same shape.
    weighted: Vec<f64>,
    /// Weights; empty if all are 1.
    weights: Vec<f64>,
}

impl Local {
    /// Takes samples in, in this order; `values` and `weights` as in [`Targets::Values`] and by row.
    fn load(&mut self, values: &[f64], n_outputs: usize, weights: Option<&[f64]>, rows: impl Iterator<Item = usize>) {
        self.targets.clear();
        self.weighted.clear();
        self.weights.clear();
        for row in rows {
            let targets = &values[row * n_outputs..(row + 1) * n_outputs];
            let weight = weights.map_or(1.0, |weights| weights[row]);
            self.targets.extend_from_slice(targets);
            self.weighted.extend(targets.iter().map(|target| weight * target));
            if weights.is_some() {
                self.weights.push(weight);
            }
        }
    }
}

/// The sums of a node. `SINGLE` says that there is one output, which spares the loops.
pub(in super::super) struct Moments<'a, L, const SINGLE: bool> {
    values: &'a [f64],
    weights: Option<&'a [f64]>,
    n_outputs: usize,
    by_row: bool,
    node: Local,
    totals: Vec<f64>,
    weight: f64,
    squares: f64,
    /// Whether no weight is negative.
    is_positive: bool,
    weights_round: bool,
    kind: PhantomData<L>,
}

/// Sums on both sides.
pub(in super::super) struct Sides {
    at: usize,
    left: Vec<f64>,
    right: Vec<f64>,
    left_weight: f64,
    right_weight: f64,
    /// After each sample of a sweep: sum and weight on the left.
    sums: [f64; SWEEP],
    weights: [f64; SWEEP],
}

impl<'a, L: Loss, const SINGLE: bool> Moments<'a, L, SINGLE> {
    /// For all rows of the data. `by_row` says that samples are numbered by row.
    pub(in super::super) fn new(targets: &Targets<'a>, weights: Option<&'a [f64]>, by_row: bool) -> Result<Self> {
        let Targets::Values { values, n_outputs } = *targets else {
            return Err(Error::InvalidArgument("this criterion is for numbers"));
        };
        let mut node = Local {
            targets: memory::try_with_capacity(values.len())?,
            weighted: memory::try_with_capacity(values.len())?,
            weights: memory::try_with_capacity(weights.map_or(0, <[f64]>::len))?,
        };
        let totals = memory::try_filled(n_outputs, 0.0)?;
        let is_positive = weights.is_none_or(|weights| weights.iter().all(|&weight| weight >= 0.0));
        if by_row {
            node.load(values, n_outputs, weights, 0..values.len() / n_outputs);
        }
        let kind = PhantomData;
        let weights_round = round(weights);
        let (weight, squares) = (0.0, 0.0);
        Ok(Self { values, weights, n_outputs, by_row, node, totals, weight, squares, is_positive, weights_round, kind })
    }

    #[inline]
    fn n_outputs(&self) -> usize {
        if SINGLE { 1 } else { self.n_outputs }
    }

    /// `sums[..]` plus (`sign` 1) or minus (-1) the weighted targets of one sample.
    #[inline]
    fn add(&self, sums: &mut [f64], key: u64, sign: f64) {
        if SINGLE {
            sums[0] += sign * self.node.weighted[sample(key)];
            return;
        }
        let n_outputs = self.n_outputs();
        let from = sample(key) * n_outputs;
        for (sum, value) in sums.iter_mut().zip(&self.node.weighted[from..from + n_outputs]) {
            *sum += sign * value;
        }
    }

    /// Sum of the weights of samples, from `sum` on, or off it with `sign` -1.
    #[inline]
    fn weigh(&self, sum: f64, keys: impl ExactSizeIterator<Item = u64>, sign: f64) -> f64 {
        if self.node.weights.is_empty() {
            return sum + sign * keys.len() as f64; // whole numbers: exact at once
        }
        keys.fold(sum, |sum, key| sum + sign * self.node.weights[sample(key)])
    }
}

impl<L: Loss, const SINGLE: bool> Criterion for Moments<'_, L, SINGLE> {
    const ORDERED: bool = true;
    type Sides = Sides;

    fn sides(&self, _n: usize) -> Result<Sides> {
        let (left, right) = (memory::try_filled(self.n_outputs, 0.0)?, memory::try_filled(self.n_outputs, 0.0)?);
        Ok(Sides { at: 0, left, right, left_weight: 0.0, right_weight: 0.0, sums: [0.0; SWEEP], weights: [0.0; SWEEP] })
    }

    fn enter(&mut self, samples: &[u32]) {
        let n_outputs = self.n_outputs();
        if !self.by_row {
            self.node.load(self.values, n_outputs, self.weights, samples.iter().map(|&row| row as usize));
        }
        let Self { node, totals, .. } = self;
        totals.fill(0.0);
        let (mut sum, mut squares) = (0.0, 0.0);
        for (i, &row) in samples.iter().enumerate() {
            let i = if self.by_row { row as usize } else { i };
            for (k, total) in totals.iter_mut().enumerate() {
                let weighted = node.weighted[i * n_outputs + k];
                *total += weighted;
                squares += weighted * node.targets[i * n_outputs + k];
            }
            sum += node.weights.get(i).copied().unwrap_or(1.0);
        }
        (self.weight, self.squares) = (sum, squares);
    }

    #[inline]
    fn payload(&self, i: usize) -> u32 {
        i as u32
    }

    fn weight(&self) -> f64 {
        self.weight
    }

    fn weights_round(&self) -> bool {
        self.weights_round
    }

    fn impurity(&self, _sides: &mut Sides, keys: &[u64]) -> f64 {
        L::impurity(&self.node, keys, self.squares, &self.totals, self.weight)
    }

    fn value(&self, _sides: &mut Sides, _keys: &[u64], out: &mut [f64]) {
        out.iter_mut().zip(&self.totals).for_each(|(mean, total)| *mean = total / self.weight);
    }

    #[inline]
    fn reset(&self, sides: &mut Sides, _keys: &[u64]) {
        sides.at = 0;
        for k in 0..self.n_outputs() {
            (sides.left[k], sides.right[k]) = (0.0, self.totals[k]);
        }
        (sides.left_weight, sides.right_weight) = (0.0, self.weight);
    }

    #[inline]
    fn advance(&self, sides: &mut Sides, keys: &[u64], to: usize) {
        if from_left(sides.at, to, keys.len()) {
            let moved = &keys[sides.at..to];
            moved.iter().for_each(|&key| self.add(&mut sides.left, key, 1.0));
            sides.left_weight = self.weigh(sides.left_weight, moved.iter().copied(), 1.0);
        } else {
            sides.left.copy_from_slice(&self.totals);
            let kept = keys[to..].iter().rev();
            kept.clone().for_each(|&key| self.add(&mut sides.left, key, -1.0));
            sides.left_weight = self.weigh(self.weight, kept.copied(), -1.0);
        }
        sides.right_weight = self.weight - sides.left_weight;
        for k in 0..self.n_outputs() {
            sides.right[k] = self.totals[k] - sides.left[k];
        }
        sides.at = to;
    }

    #[inline]
    fn weights(&self, sides: &Sides) -> (f64, f64) {
        (sides.left_weight, sides.right_weight)
    }

    #[inline]
    fn proxy(&self, sides: &Sides) -> f64 {
        if SINGLE {
            return L::single(sides.left[0], sides.left_weight, sides.right[0], sides.right_weight);
        }
        let n_outputs = self.n_outputs();
        L::proxy(&sides.left[..n_outputs], sides.left_weight, &sides.right[..n_outputs], sides.right_weight)
    }

    fn sweeps(&self) -> bool {
        SINGLE && self.is_positive
    }

    #[inline]
    fn sweep(&self, sides: &mut Sides, keys: &[u64], floor: f64) -> u64 {
        let n = keys.len().min(SWEEP);
        let (mut sum, mut weight) = (sides.left[0], sides.left_weight);
        for (place, &key) in sides.sums.iter_mut().zip(keys) {
            sum += self.node.weighted[sample(key)];
            *place = sum;
        }
        if self.node.weights.is_empty() {
            for place in &mut sides.weights[..n] {
                weight += 1.0;
                *place = weight;
            }
        } else {
            for (place, &key) in sides.weights.iter_mut().zip(keys) {
                weight += self.node.weights[sample(key)];
                *place = weight;
            }
        }
        (sides.left[0], sides.left_weight) = (sum, weight);
        let (total, total_weight) = (self.totals[0], self.weight);
        mask(n, |i| {
            let (left, left_weight) = (sides.sums[i], sides.weights[i]);
            L::may_exceed(floor, left, left_weight, total - left, total_weight - left_weight)
        })
    }

    fn swept(&self, sides: &mut Sides, _keys: &[u64], i: usize) -> f64 {
        let (left, left_weight) = (sides.sums[i], sides.weights[i]);
        L::single(left, left_weight, self.totals[0] - left, self.weight - left_weight)
    }

    fn children(&self, sides: &Sides, keys: &[u64]) -> (f64, f64) {
        let n_outputs = self.n_outputs();
        let mut squares = 0.0;
        for &key in &keys[..sides.at] {
            let from = sample(key) * n_outputs;
            for k in from..from + n_outputs {
                squares += self.node.weighted[k] * self.node.targets[k];
            }
        }
        let (left, right) = keys.split_at(sides.at);
        (
            L::impurity(&self.node, left, squares, &sides.left, sides.left_weight),
            L::impurity(&self.node, right, self.squares - squares, &sides.right, sides.right_weight),
        )
    }

    fn child_values(&self, sides: &Sides) -> (f64, f64) {
        (sides.left[0] / sides.left_weight, sides.right[0] / sides.right_weight)
    }

    fn middle(&self, sides: &Sides) -> f64 {
        sides.left[0] / (2.0 * sides.left_weight) + sides.right[0] / (2.0 * sides.right_weight)
    }
}
