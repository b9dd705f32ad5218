//! Classification with whole weights and one output: every sum is an integer, exact in f64, and no order matters.
//!
//! Where samples are not numbered by row, a key carries their class and weight, so that a scan looks nothing up. For
//! Gini's index the sums of squares are kept, also integers: each sample changes them by a few operations however many
//! classes there are, and the division that remains is done for many splits at once.

use std::marker::PhantomData;

use super::super::targets::Targets;
use super::impurity::Impurity;
use super::{Criterion, SWEEP, mask, sample};
use crate::common::{Result, memory};

/// Square of the largest sum of weights: integers up to here are exact in f64.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Fraction of the weights that the roundings of a measure stay below.
const SLACK: f64 = 1e-13;

/// Largest mean weight for which a table of logarithms is kept.
const TABLE_PER_ROW: f64 = 4.0;

/// The weights of the classes of a node.
pub(in super::super) struct Counts<I, const BY_ROW: bool> {
    /// Of each row of the data: weight above, class in the lower `class_bits`. Short, for they are read in any order.
    payloads: Vec<u16>,
    class_bits: u32,
    /// Of each sample of the node, unless samples are numbered by row.
    local: Vec<u32>,
    /// Samples in the node.
    n: usize,
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
    /// After each sample of a sweep: weight on the left; of two classes, the weight of the second there, else squares on
    /// both sides.
    weights: [i32; SWEEP],
    seconds: [i32; SWEEP],
    lefts: [f64; SWEEP],
    rights: [f64; SWEEP],
    /// Weights on the left before the sweep.
    before: Vec<i64>,
}

impl<I: Impurity, const BY_ROW: bool> Counts<I, BY_ROW> {
    /// For all rows of the data; None if weights are not whole, or too large to be summed exactly.
    pub(in super::super) fn new(targets: &Targets, weights: Option<&[f64]>) -> Result<Option<Self>> {
        let Targets::Classes { codes, n_classes: &[n_classes] } = *targets else { return Ok(None) };
        let class_bits = u32::BITS - (n_classes.max(1) as u32 - 1).leading_zeros();
        let most = f64::from(u16::MAX.checked_shr(class_bits).unwrap_or(0));
        let whole = |&weight: &f64| weight >= 0.0 && weight <= most && weight.fract() == 0.0;
        let total = weights.map_or(codes.len() as f64, |weights| weights.iter().sum());
        if most < 1.0 || total * total >= EXACT || !weights.is_none_or(|weights| weights.iter().all(whole)) {
            return Ok(None);
        }
        let mut payloads = memory::try_with_capacity(codes.len())?;
        match weights {
            None => payloads.extend(codes.iter().map(|&code| 1 << class_bits | code as u16)),
            Some(weights) => {
                let payload = |(&code, &weight): (&u32, &f64)| (weight as u16) << class_bits | code as u16;
                payloads.extend(codes.iter().zip(weights).map(payload));
            }
        }
        let mut logs = Vec::new();
        if !I::SQUARES && total <= TABLE_PER_ROW * codes.len() as f64 {
            logs = memory::try_with_capacity(total as usize + 1)?;
            logs.extend(
                (0..=total as u64).map(|weight| if weight == 0 { 0.0 } else { weight as f64 * (weight as f64).ln() }),
            );
        }
        Ok(Some(Self {
            payloads,
            logs,
            class_bits,
            local: memory::try_with_capacity(if BY_ROW { 0 } else { codes.len() })?,
            n: 0,
            totals: memory::try_filled(n_classes, 0)?,
            weight: 0,
            squares: 0,
            kind: PhantomData,
        }))
    }

    /// Of the sample of a key.
    #[inline]
    fn class_and_weight(&self, key: u64) -> (usize, i64) {
        let payload = if BY_ROW { u32::from(self.payloads[sample(key)]) } else { key as u32 };
        ((payload & ((1 << self.class_bits) - 1)) as usize, i64::from(payload >> self.class_bits))
    }

    /// Moves a sample to the left side. The squares follow from (a + w)^2 - a^2 = w (2 a + w).
    #[inline]
    fn shift(&self, sides: &mut Sides, key: u64) {
        let (class, weight) = self.class_and_weight(key);
        let left = sides.left[class];
        sides.left[class] = left + weight;
        sides.left_squares += weight * (2 * left + weight);
        sides.right_squares -= weight * (2 * (self.totals[class] - left) - weight);
        sides.weight += weight;
    }

    /// The squares, from the weights.
    fn square(&self, sides: &mut Sides) {
        let squares = |sum, weight: i64| sum + weight * weight;
        sides.left_squares = sides.left.iter().copied().fold(0, squares);
        sides.right_squares = self.totals.iter().zip(&sides.left).map(|(total, left)| total - left).fold(0, squares);
    }

    /// A sweep for the entropy: w times the entropy of shares c / w is the sum of all c ln c less w ln w, over ln 2, so
    /// a sample changes the sum over both sides by four entries of a table. What rounding may have lost is added.
    fn sweep_logs(&self, sides: &mut Sides, keys: &[u64], floor: f64) -> u64 {
        sides.before.copy_from_slice(&sides.left);
        let log = |weight: i64| self.logs[weight as usize];
        let slack = (self.n + 64) as f64 * 8.0 * f64::EPSILON * (log(self.weight) + self.weight() + 1.0);
        let least = (floor - slack) * std::f64::consts::LN_2;
        let mut mask = 0;
        for (i, &key) in keys.iter().enumerate() {
            let (class, weight) = self.class_and_weight(key);
            let left = sides.left[class];
            let right = self.totals[class] - left;
            sides.log_sum += (log(left + weight) - log(left)) + (log(right - weight) - log(right));
            sides.left[class] = left + weight;
            sides.weight += weight;
            let sides_logs = log(sides.weight) + log(self.weight - sides.weight);
            mask |= u64::from(sides.log_sum - sides_logs > least) << i;
        }
        mask
    }

    /// A sweep for squares: (s / u^2 - 1) u + (t / v^2 - 1) v > f says the same as s v + t u > (f + u + v) u v, but for
    /// rounding, of which u + v and f, which is no larger, are the measure.
    fn sweep_squares(&self, sides: &mut Sides, keys: &[u64], floor: f64) -> u64 {
        let n = keys.len().min(SWEEP);
        let total = self.weight();
        let least = floor + total * (1.0 - SLACK);
        let may_exceed = |left: f64, lefts: f64, rights: f64| {
            let right = total - left;
            lefts * right + rights * left > least * (left * right)
        };
        // No sum of weights is as large as 2^31.
        if let &[_, all_seconds] = &self.totals[..] {
            let (mut weight, mut second) = (sides.weight as i32, sides.left[1] as i32);
            let places = sides.weights.iter_mut().zip(&mut sides.seconds);
            for (&key, places) in keys.iter().zip(places) {
                let (class, moved) = self.class_and_weight(key);
                weight += moved as i32;
                second += moved as i32 * class as i32;
                (*places.0, *places.1) = (weight, second);
            }
            let (weight, second) = (i64::from(weight), i64::from(second));
            (sides.weight, sides.left[0], sides.left[1]) = (weight, weight - second, second);
            return mask(n, |i| {
                let (left, second) = (f64::from(sides.weights[i]), f64::from(sides.seconds[i]));
                let (lefts, rights) = squares(left, second, total, all_seconds as f64);
                may_exceed(left, lefts, rights)
            });
        }
        for (i, &key) in keys[..n].iter().enumerate() {
            self.shift(sides, key);
            sides.weights[i] = sides.weight as i32;
            sides.lefts[i] = sides.left_squares as f64;
            sides.rights[i] = sides.right_squares as f64;
        }
        mask(n, |i| may_exceed(f64::from(sides.weights[i]), sides.lefts[i], sides.rights[i]))
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

impl<I: Impurity, const BY_ROW: bool> Criterion for Counts<I, BY_ROW> {
    const ORDERED: bool = false;
    const IS_CHEAP: bool = I::SQUARES;
    type Sides = Sides;

    fn sides(&self, _n: usize) -> Result<Sides> {
        let n_classes = self.totals.len();
        Ok(Sides {
            at: 0,
            left: memory::try_filled(n_classes, 0)?,
            weight: 0,
            left_squares: 0,
            right_squares: 0,
            weights: [0; SWEEP],
            seconds: [0; SWEEP],
            lefts: [0.0; SWEEP],
            rights: [0.0; SWEEP],
            log_sum: 0.0,
            before: memory::try_filled(n_classes, 0)?,
        })
    }

    fn enter(&mut self, samples: &[u32]) {
        self.n = samples.len();
        let payloads = samples.iter().map(|&row| u32::from(self.payloads[row as usize]));
        if !BY_ROW {
            self.local.clear();
            self.local.extend(payloads.clone());
        }
        let (mut total, bits) = (0, self.class_bits);
        if let [first, second] = &mut self.totals[..] {
            let mut seconds = 0;
            for payload in payloads {
                total += payload >> bits;
                seconds += (payload & 1).wrapping_neg() & (payload >> bits);
            }
            (*first, *second) = (i64::from(total - seconds), i64::from(seconds));
        } else {
            self.totals.fill(0);
            for payload in payloads {
                total += payload >> bits;
                self.totals[(payload & ((1 << bits) - 1)) as usize] += i64::from(payload >> bits);
            }
        }
        self.weight = i64::from(total);
        self.squares = self.totals.iter().map(|total| total * total).sum();
    }

    #[inline]
    fn payload(&self, i: usize) -> u32 {
        if BY_ROW { i as u32 } else { self.local[i] }
    }

    fn weight(&self) -> f64 {
        self.weight as f64
    }

    fn impurity(&self, _sides: &mut Sides, _keys: &[u64]) -> f64 {
        I::added(0.0, self.totals.iter().map(|&total| total as f64), self.weight())
    }

    fn value(&self, _sides: &mut Sides, _keys: &[u64], out: &mut [f64]) {
        out.iter_mut().zip(&self.totals).for_each(|(fraction, total)| *fraction = *total as f64 / self.weight());
    }

    fn clip(&self, value: &mut [f64], lower: f64, upper: f64) {
        clip_fraction(value, lower, upper);
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
        if let &mut [first, second] = &mut sides.left[..] {
            let (mut weights, mut seconds) = (0, 0);
            for &key in moved {
                let (class, weight) = self.class_and_weight(key);
                weights += weight;
                seconds += weight * class as i64;
            }
            (sides.left[0], sides.left[1]) = (first + weights - seconds, second + seconds);
            sides.weight += weights;
        } else {
            for &key in moved {
                let (class, weight) = self.class_and_weight(key);
                sides.left[class] += weight;
                sides.weight += weight;
            }
        }
        self.square(sides);
    }

    fn leave(&self, sides: &mut Sides, keys: &[u64], from: usize) {
        sides.at = from;
        sides.left.copy_from_slice(&self.totals);
        sides.weight = self.weight;
        for &key in &keys[from..] {
            let (class, weight) = self.class_and_weight(key);
            sides.left[class] -= weight;
            sides.weight -= weight;
        }
        self.square(sides);
    }

    fn divide(&self, sides: &mut Sides, ranks: &[u32], low: u32, missing: u32) -> usize {
        // No sum of weights is as large as 2^32.
        let (mut n_left, mut weight) = (0, 0);
        let local = ranks.iter().map(|&rank| u32::from(rank <= low) | u32::from(rank == missing)).zip(&self.local);
        if let [first, second] = &mut sides.left[..] {
            let mut seconds = 0;
            for (is_left, &payload) in local {
                let moved = is_left.wrapping_neg() & payload;
                n_left += is_left;
                weight += moved >> 1;
                seconds += (moved & 1).wrapping_neg() & (moved >> 1);
            }
            (*first, *second) = (i64::from(weight - seconds), i64::from(seconds));
        } else {
            sides.left.fill(0);
            for (is_left, &payload) in local {
                let moved = is_left * (payload >> self.class_bits);
                sides.left[(payload & ((1 << self.class_bits) - 1)) as usize] += i64::from(moved);
                n_left += is_left;
                weight += moved;
            }
        }
        sides.weight = i64::from(weight);
        self.square(sides);
        n_left as usize
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
    fn sweep(&self, sides: &mut Sides, keys: &[u64], floor: f64) -> u64 {
        if I::SQUARES { self.sweep_squares(sides, keys, floor) } else { self.sweep_logs(sides, keys, floor) }
    }

    fn swept(&self, sides: &mut Sides, keys: &[u64], i: usize) -> f64 {
        if I::SQUARES {
            let left = f64::from(sides.weights[i]);
            let right = self.weight() - left;
            let (lefts, rights) = match self.totals[..] {
                [_, seconds] => squares(left, f64::from(sides.seconds[i]), self.weight(), seconds as f64),
                _ => (sides.lefts[i], sides.rights[i]),
            };
            return -right * I::of_squares(rights, right) - left * I::of_squares(lefts, left);
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

/// Sums of squares on both sides for two classes, from the weights on the left (of both and of the second) and in all.
#[inline]
fn squares(left: f64, second: f64, total: f64, seconds: f64) -> (f64, f64) {
    let (first, others) = (left - second, seconds - second);
    let rest = total - left - others;
    (first * first + second * second, rest * rest + others * others)
}

/// Monotonic features are for two classes: the fraction of the first is clipped, the second takes the rest.
pub(super) fn clip_fraction(value: &mut [f64], lower: f64, upper: f64) {
    value[0] = super::clipped(value[0], lower, upper);
    if let [first, second, ..] = value {
        *second = 1.0 - *first;
    }
}
