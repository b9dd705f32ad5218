//! Classification with whole weights and one output: every sum is an integer, exact in f64, and no order matters.
//!
//! A key carries the class and the weight of its sample, so that nothing is looked up while a feature is scanned. For
//! Gini's index the sums of squares are kept, also integers: each sample changes them by a few operations however many
//! classes there are, and the division that remains is done for many splits at once.

use std::marker::PhantomData;

use super::super::targets::Targets;
use super::impurity::Impurity;
use super::{Criterion, SWEEP};
use crate::common::{Result, memory};

/// Square of the largest sum of weights: integers up to here are exact in f64.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Largest mean weight for which a table of logarithms is kept.
const TABLE_PER_ROW: f64 = 4.0;

/// The weights of the classes of a node.
pub(in super::super) struct Counts<I> {
    /// Of each row of the data: weight above, class in the lower `class_bits`.
    payloads: Vec<u32>,
    class_bits: u32,
    /// Of each sample of the node.
    local: Vec<u32>,
    /// Weight of each class in the node.
    totals: Vec<i64>,
    weight: i64,
    squares: i64,
    /// By weight w: w ln w, for the entropy; empty if weights are too large for a table.
    logs: Vec<f64>,
    kind: PhantomData<I>,
}

/// Weights on the left; the rest is on the right.
pub(in super::super) struct Sides {
    at: usize,
    left: Vec<i64>,
    weight: i64,
    left_squares: i64,
    right_squares: i64,
    /// Sum of [`Counts::logs`] over the classes of both sides.
    log_sum: f64,
    /// After each sample of a sweep: weight on the left, squares on both sides.
    weights: [f64; SWEEP],
    lefts: [f64; SWEEP],
    rights: [f64; SWEEP],
    /// Weights on the left before the sweep.
    before: Vec<i64>,
}

impl<I: Impurity> Counts<I> {
    /// For all rows of the data; None if weights are not whole, or too large to be summed exactly.
    pub(in super::super) fn new(targets: &Targets, weights: Option<&[f64]>) -> Result<Option<Self>> {
        let Targets::Classes { codes, n_classes: &[n_classes] } = *targets else { return Ok(None) };
        let class_bits = u32::BITS - (n_classes.max(1) as u32 - 1).leading_zeros();
        let most = f64::from(u32::MAX >> class_bits);
        let whole = |&weight: &f64| weight >= 0.0 && weight <= most && weight.fract() == 0.0;
        let total = weights.map_or(codes.len() as f64, |weights| weights.iter().sum());
        if total * total >= EXACT || !weights.is_none_or(|weights| weights.iter().all(whole)) {
            return Ok(None);
        }
        let mut payloads = memory::with_capacity(codes.len())?;
        match weights {
            None => payloads.extend(codes.iter().map(|&code| 1 << class_bits | code)),
            Some(weights) => {
                payloads.extend(codes.iter().zip(weights).map(|(&code, &weight)| (weight as u32) << class_bits | code));
            }
        }
        let mut logs = Vec::new();
        if !I::SQUARES && total <= TABLE_PER_ROW * codes.len() as f64 {
            logs = memory::with_capacity(total as usize + 1)?;
            logs.extend(
                (0..=total as u64).map(|weight| if weight == 0 { 0.0 } else { weight as f64 * (weight as f64).ln() }),
            );
        }
        Ok(Some(Self {
            payloads,
            logs,
            class_bits,
            local: memory::with_capacity(codes.len())?,
            totals: memory::filled(n_classes, 0)?,
            weight: 0,
            squares: 0,
            kind: PhantomData,
        }))
    }

    #[inline]
    fn class_and_weight(&self, payload: u32) -> (usize, i64) {
        ((payload & ((1 << self.class_bits) - 1)) as usize, i64::from(payload >> self.class_bits))
    }

    /// Moves a sample to the left side. The squares follow from (a + w)^2 - a^2 = w (2 a + w).
    #[inline]
    fn shift(&self, sides: &mut Sides, key: u64) {
        let (class, weight) = self.class_and_weight(key as u32);
        let left = sides.left[class];
        sides.left[class] = left + weight;
        sides.left_squares += weight * (2 * left + weight);
        sides.right_squares -= weight * (2 * (self.totals[class] - left) - weight);
        sides.weight += weight;
    }

    /// A sweep for the entropy: w times the entropy of shares c / w is the sum of all c ln c less w ln w, over ln 2, so
    /// a sample changes the sum over both sides by four entries of a table. What rounding may have lost is added.
    fn sweep_logs(&self, sides: &mut Sides, keys: &[u64], bounds: &mut [f64; SWEEP]) {
        sides.before.copy_from_slice(&sides.left);
        let log = |weight: i64| self.logs[weight as usize];
        let slack = (self.local.len() + 64) as f64 * 8.0 * f64::EPSILON * (log(self.weight) + self.weight() + 1.0);
        for (bound, &key) in bounds.iter_mut().zip(keys) {
            let (class, weight) = self.class_and_weight(key as u32);
            let left = sides.left[class];
            let right = self.totals[class] - left;
            sides.log_sum += (log(left + weight) - log(left)) + (log(right - weight) - log(right));
            sides.left[class] = left + weight;
            sides.weight += weight;
            let sides_logs = log(sides.weight) + log(self.weight - sides.weight);
            *bound = (sides.log_sum - sides_logs) / std::f64::consts::LN_2 + slack;
        }
    }

    #[inline]
    fn impurities(&self, sides: &Sides) -> (f64, f64) {
        let (left, right) = self.weights(sides);
        if I::SQUARES {
            (I::of_squares(sides.left_squares as f64, left), I::of_squares(sides.right_squares as f64, right))
        } else {
            let lefts = sides.left.iter().map(|&weight| weight as f64);
            let rights = self.totals.iter().zip(&sides.left).map(|(total, left)| (total - left) as f64);
            (I::added(0.0, lefts, left), I::added(0.0, rights, right))
        }
    }
}

impl<I: Impurity> Criterion for Counts<I> {
    const ORDERED: bool = false;
    type Sides = Sides;

    fn sides(&self, _n: usize) -> Result<Sides> {
        let n_classes = self.totals.len();
        Ok(Sides {
            at: 0,
            left: memory::filled(n_classes, 0)?,
            weight: 0,
            left_squares: 0,
            right_squares: 0,
            weights: [0.0; SWEEP],
            lefts: [0.0; SWEEP],
            rights: [0.0; SWEEP],
            log_sum: 0.0,
            before: memory::filled(n_classes, 0)?,
        })
    }

    fn enter(&mut self, samples: &[u32]) {
        self.local.clear();
        self.local.extend(samples.iter().map(|&row| self.payloads[row as usize]));
        self.totals.fill(0);
        self.weight = 0;
        for i in 0..self.local.len() {
            let (class, weight) = self.class_and_weight(self.local[i]);
            self.totals[class] += weight;
            self.weight += weight;
        }
        self.squares = self.totals.iter().map(|total| total * total).sum();
    }

    #[inline]
    fn payload(&self, i: usize) -> u32 {
        self.local[i]
    }

    fn weight(&self) -> f64 {
        self.weight as f64
    }

    fn impurity(&self, _sides: &mut Sides, _keys: &[u64]) -> f64 {
        I::added(0.0, self.totals.iter().map(|&total| total as f64), self.weight())
    }

    fn value(&self, _sides: &mut Sides, _keys: &[u64], out: &mut [f64]) {
        out.iter_mut().zip(&self.totals).for_each(|(share, total)| *share = *total as f64 / self.weight());
    }

    fn clip(&self, value: &mut [f64], lower: f64, upper: f64) {
        clip_share(value, lower, upper);
    }

    #[inline]
    fn reset(&self, sides: &mut Sides, _keys: &[u64]) {
        sides.at = 0;
        sides.left.fill(0);
        (sides.weight, sides.left_squares, sides.right_squares) = (0, 0, self.squares);
        if !self.logs.is_empty() {
            sides.log_sum = self.totals.iter().map(|&total| self.logs[total as usize]).sum();
        }
    }

    #[inline]
    fn advance(&self, sides: &mut Sides, keys: &[u64], to: usize) {
        let moved = &keys[sides.at..to];
        sides.at = to;
        if moved.len() <= self.totals.len() || !I::SQUARES {
            moved.iter().for_each(|&key| self.shift(sides, key));
            return;
        }
        for &key in moved {
            let (class, weight) = self.class_and_weight(key as u32);
            sides.left[class] += weight;
            sides.weight += weight;
        }
        let squares = |sum, weight: i64| sum + weight * weight;
        sides.left_squares = sides.left.iter().copied().fold(0, squares);
        sides.right_squares = self.totals.iter().zip(&sides.left).map(|(total, left)| total - left).fold(0, squares);
    }

    #[inline]
    fn weights(&self, sides: &Sides) -> (f64, f64) {
        (sides.weight as f64, (self.weight - sides.weight) as f64)
    }

    #[inline]
    fn proxy(&self, sides: &Sides) -> f64 {
        let ((left, right), (left_weight, right_weight)) = (self.impurities(sides), self.weights(sides));
        -right_weight * right - left_weight * left
    }

    fn sweeps(&self) -> bool {
        I::SQUARES || !self.logs.is_empty()
    }

    #[inline]
    fn sweep(&self, sides: &mut Sides, keys: &[u64], bounds: &mut [f64; SWEEP]) {
        if !I::SQUARES {
            return self.sweep_logs(sides, keys, bounds);
        }
        let n = keys.len().min(SWEEP);
        for (i, &key) in keys[..n].iter().enumerate() {
            self.shift(sides, key);
            sides.weights[i] = sides.weight as f64;
            sides.lefts[i] = sides.left_squares as f64;
            sides.rights[i] = sides.right_squares as f64;
        }
        let total = self.weight();
        for i in 0..n {
            let (left, right) = (sides.weights[i], total - sides.weights[i]);
            let impurities = (I::of_squares(sides.lefts[i], left), I::of_squares(sides.rights[i], right));
            bounds[i] = -right * impurities.1 - left * impurities.0;
        }
    }

    fn swept(&self, sides: &mut Sides, keys: &[u64], i: usize, bound: f64) -> f64 {
        if I::SQUARES {
            return bound;
        }
        let after = (sides.left.clone(), sides.weight);
        sides.left.copy_from_slice(&sides.before);
        sides.weight = sides.left.iter().sum();
        keys[..=i].iter().for_each(|&key| self.shift(sides, key));
        let proxy = self.proxy(sides);
        (sides.left, sides.weight) = after;
        proxy
    }

    fn children(&self, sides: &Sides, _keys: &[u64]) -> (f64, f64) {
        self.impurities(sides)
    }

    fn child_values(&self, sides: &Sides) -> (f64, f64) {
        let (left, right) = self.weights(sides);
        (sides.left[0] as f64 / left, (self.totals[0] - sides.left[0]) as f64 / right)
    }

    fn middle(&self, sides: &Sides) -> f64 {
        let (left, right) = self.weights(sides);
        sides.left[0] as f64 / (2.0 * left) + (self.totals[0] - sides.left[0]) as f64 / (2.0 * right)
    }
}

/// Monotonic features are for two classes: the share of the first is clipped, the second takes the rest.
pub(super) fn clip_share(value: &mut [f64], lower: f64, upper: f64) {
    value[0] = super::clipped(value[0], lower, upper);
    if let [first, second, ..] = value {
        *second = 1.0 - *first;
    }
}
