//! Classification with any weights and any number of outputs: sums in scikit-learn's order.
//!
//! For Gini's index of one output, samples are swept: the sums are taken in that order, and then many splits are judged
//! at once, without a division.

use std::marker::PhantomData;

use super::super::targets::Targets;
use super::counts::clip_fraction;
use super::impurity::Impurity;
use super::{Criterion, SWEEP, from_left, mask, round, sample};
use crate::common::{Error, Result, memory};

/// Fraction of the weights that the roundings of a measure stay below.
const SLACK: f64 = 1e-13;
/// What products near the smallest numbers may lose on top.
const TINY: f64 = 1e-280;

/// The weights of the classes of a node, output after output.
pub(in super::super) struct Classes<'a, I> {
    codes: &'a [u32],
    weights: Option<&'a [f64]>,
    /// Where the classes of each output start in the sums; one more than there are outputs.
    starts: Vec<usize>,
    max_n_classes: usize,
    /// Rows of the samples by their numbers.
    samples: Vec<u32>,
    by_row: bool,
    /// Weight and class of the samples by their numbers, if they are swept.
    swept: Option<Vec<(f64, u32)>>,
    weights_round: bool,
    totals: Vec<f64>,
    weight: f64,
    kind: PhantomData<I>,
}

/// Sums on both sides.
pub(in super::super) struct Sides {
    at: usize,
    left: Vec<f64>,
    right: Vec<f64>,
    left_weight: f64,
    right_weight: f64,
    /// After each sample of a sweep: weight on the left, squares on both sides.
    weights: [f64; SWEEP],
    lefts: [f64; SWEEP],
    rights: [f64; SWEEP],
    /// Of two classes: the weight of each on the left.
    both: [[f64; 2]; SWEEP],
    /// Weights on the left before the sweep, of each class and in all.
    before: Vec<f64>,
    before_weight: f64,
}

impl<'a, I: Impurity> Classes<'a, I> {
    /// For all rows of the data. `by_row` says that samples are numbered by row.
    pub(in super::super) fn new(targets: &Targets<'a>, weights: Option<&'a [f64]>, by_row: bool) -> Result<Self> {
        let Targets::Classes { codes, n_classes } = *targets else {
            return Err(Error::InvalidArgument("this criterion is for classes"));
        };
        let mut starts = vec![0];
        starts.extend(n_classes.iter().scan(0, |sum, n| {
            *sum += n;
            Some(*sum)
        }));
        let n_rows = codes.len() / n_classes.len().max(1);
        let mut samples = memory::try_with_capacity(n_rows)?;
        if by_row {
            samples.extend(0..n_rows as u32);
        }
        let mut swept = None;
        if let (true, [_], Some(weights)) = (I::SQUARES, n_classes, weights)
            && weights.iter().all(|&weight| weight >= 0.0)
        {
            let mut all = memory::try_with_capacity(n_rows)?;
            if by_row {
                all.extend(weights.iter().copied().zip(codes.iter().copied()));
            }
            swept = Some(all);
        }
        Ok(Self {
            codes,
            weights,
            max_n_classes: targets.max_n_classes(),
            samples,
            by_row,
            swept,
            weights_round: round(weights),
            totals: memory::try_filled(n_classes.iter().sum(), 0.0)?,
            starts,
            weight: 0.0,
            kind: PhantomData,
        })
    }

    fn n_outputs(&self) -> usize {
        self.starts.len() - 1
    }

    /// Weight of a sample of the node, and where its classes stand in the sums.
    #[inline]
    fn of(&self, i: usize) -> (f64, impl Iterator<Item = usize> + '_) {
        let row = self.samples[i] as usize;
        let codes = &self.codes[row * self.n_outputs()..(row + 1) * self.n_outputs()];
        let places = codes.iter().zip(&self.starts).map(|(&code, start)| start + code as usize);
        (self.weights.map_or(1.0, |weights| weights[row]), places)
    }

    fn over_outputs(&self, sums: &[f64], weight: f64) -> f64 {
        let mut impurity = 0.0;
        for pair in self.starts.windows(2) {
            impurity = I::added(impurity, sums[pair[0]..pair[1]].iter().copied(), weight);
        }
        impurity / self.n_outputs() as f64
    }
}

/// The classes of a node that is swept.
impl<I: Impurity> Classes<'_, I> {
    /// The sweep of two classes, in registers. `samples` are all by their numbers.
    fn sweep_two(&self, sides: &mut Sides, samples: &[(f64, u32)], keys: &[u64]) {
        let (mut first, mut second, mut weight) = (sides.left[0], sides.left[1], sides.left_weight);
        for (i, &key) in keys.iter().enumerate() {
            let (own, class) = samples[sample(key)];
            // All of the weight or none, without a branch. Nothing is added to the other: that changes no bit.
            let own_second = f64::from_bits(own.to_bits() & u64::from(class).wrapping_neg());
            second += own_second;
            first += own - own_second;
            weight += own;
            (sides.both[i], sides.weights[i]) = ([first, second], weight);
        }
        (sides.left[0], sides.left[1], sides.left_weight) = (first, second, weight);
        let (firsts, seconds) = (self.totals[0], self.totals[1]);
        let squares = sides.lefts.iter_mut().zip(&mut sides.rights);
        for ((left, right), [first, second]) in squares.zip(&sides.both[..keys.len()]) {
            *left = first * first + second * second;
            *right = (firsts - first) * (firsts - first) + (seconds - second) * (seconds - second);
        }
    }

    /// The sweep of any number of classes.
    fn sweep_many(&self, sides: &mut Sides, samples: &[(f64, u32)], keys: &[u64]) {
        for (i, &key) in keys.iter().enumerate() {
            let (own, class) = samples[sample(key)];
            sides.left[class as usize] += own;
            sides.left_weight += own;
            let (mut lefts, mut rights) = (0.0, 0.0);
            for (total, left) in self.totals.iter().zip(&sides.left) {
                lefts += left * left;
                rights += (total - left) * (total - left);
            }
            (sides.lefts[i], sides.rights[i], sides.weights[i]) = (lefts, rights, sides.left_weight);
        }
    }

    /// The quality of a split of a node that is swept, by the weights on the left.
    fn quality(&self, left: &[f64], left_weight: f64) -> f64 {
        let right_weight = self.weight - left_weight;
        if right_weight < 0.0 {
            return f64::NEG_INFINITY; // less than nothing, by rounding
        }
        let rights = self.totals.iter().zip(left).map(|(total, left)| total - left);
        let right = I::added(0.0, rights, right_weight);
        let left = I::added(0.0, left.iter().copied(), left_weight);
        -right_weight * right - left_weight * left
    }
}

impl<I: Impurity> Criterion for Classes<'_, I> {
    const ORDERED: bool = true;
    type Sides = Sides;

    fn sides(&self, _n: usize) -> Result<Sides> {
        let n = self.totals.len();
        let (left, right) = (memory::try_filled(n, 0.0)?, memory::try_filled(n, 0.0)?);
        let (weights, lefts, rights) = ([0.0; SWEEP], [0.0; SWEEP], [0.0; SWEEP]);
        let (both, before) = ([[0.0; 2]; SWEEP], memory::try_filled(n, 0.0)?);
        let (left_weight, right_weight, before_weight) = (0.0, 0.0, 0.0);
        Ok(Sides { at: 0, left, right, left_weight, right_weight, weights, lefts, rights, both, before, before_weight })
    }

    fn enter(&mut self, samples: &[u32]) {
        if !self.by_row {
            self.samples.clear();
            self.samples.extend_from_slice(samples);
            if let (Some(swept), Some(weights)) = (&mut self.swept, self.weights) {
                swept.clear();
                swept.extend(samples.iter().map(|&row| (weights[row as usize], self.codes[row as usize])));
            }
        }
        let mut totals = std::mem::take(&mut self.totals);
        totals.fill(0.0);
        let mut sum = 0.0;
        for (i, &row) in samples.iter().enumerate() {
            let (weight, places) = self.of(if self.by_row { row as usize } else { i });
            places.for_each(|place| totals[place] += weight);
            sum += weight;
        }
        (self.totals, self.weight) = (totals, sum);
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

    fn impurity(&self, _sides: &mut Sides, _keys: &[u64]) -> f64 {
        self.over_outputs(&self.totals, self.weight)
    }

    fn value(&self, _sides: &mut Sides, _keys: &[u64], out: &mut [f64]) {
        for (pair, out) in self.starts.windows(2).zip(out.chunks_exact_mut(self.max_n_classes)) {
            let totals = &self.totals[pair[0]..pair[1]];
            out.iter_mut().zip(totals).for_each(|(fraction, total)| *fraction = total / self.weight);
        }
    }

    fn clip(&self, value: &mut [f64], lower: f64, upper: f64) {
        clip_fraction(value, lower, upper);
    }

    fn reset(&self, sides: &mut Sides, _keys: &[u64]) {
        sides.at = 0;
        sides.left.fill(0.0);
        sides.right.copy_from_slice(&self.totals);
        (sides.left_weight, sides.right_weight) = (0.0, self.weight);
    }

    fn advance(&self, sides: &mut Sides, keys: &[u64], to: usize) {
        if from_left(sides.at, to, keys.len()) {
            for &key in &keys[sides.at..to] {
                let (weight, places) = self.of(sample(key));
                places.for_each(|place| sides.left[place] += weight);
                sides.left_weight += weight;
            }
        } else {
            sides.left.copy_from_slice(&self.totals);
            sides.left_weight = self.weight;
            for &key in keys[to..].iter().rev() {
                let (weight, places) = self.of(sample(key));
                places.for_each(|place| sides.left[place] -= weight);
                sides.left_weight -= weight;
            }
        }
        sides.right_weight = self.weight - sides.left_weight;
        for (right, (total, left)) in sides.right.iter_mut().zip(self.totals.iter().zip(&sides.left)) {
            *right = total - left;
        }
        sides.at = to;
    }

    fn weights(&self, sides: &Sides) -> (f64, f64) {
        (sides.left_weight, sides.right_weight)
    }

    fn proxy(&self, sides: &Sides) -> f64 {
        let (left, right) = self.children(sides, &[]);
        -sides.right_weight * right - sides.left_weight * left
    }

    fn sweeps(&self) -> bool {
        self.swept.is_some()
    }

    /// (s / u^2 - 1) u + (t / v^2 - 1) v > f says the same as s v + t u > (f + u + v) u v, but for rounding, of which
    /// u + v and f, which is no larger, are the measure.
    #[inline]
    fn sweep(&self, sides: &mut Sides, keys: &[u64], floor: f64) -> u64 {
        let (n, samples) = (keys.len().min(SWEEP), self.swept.as_deref().unwrap_or(&[]));
        sides.before.copy_from_slice(&sides.left);
        sides.before_weight = sides.left_weight;
        if self.totals.len() == 2 {
            self.sweep_two(sides, samples, &keys[..n]);
        } else {
            self.sweep_many(sides, samples, &keys[..n]);
        }
        let least = floor + self.weight * (1.0 - SLACK);
        let Sides { weights, lefts, rights, .. } = &*sides;
        mask(n, |i| {
            let right = self.weight - weights[i];
            let weights = weights[i] * right;
            let is_less = lefts[i] * right + rights[i] * (self.weight - right) + TINY < least * weights;
            !(is_less & (weights > 0.0))
        })
    }

    fn swept(&self, sides: &mut Sides, keys: &[u64], i: usize) -> f64 {
        if self.totals.len() == 2 {
            return self.quality(&sides.both[i], sides.weights[i]);
        }
        // The sums are taken again, in the same order, on the right side, which nobody asks for in a sweep.
        let Sides { right: left, before, before_weight, .. } = sides;
        let samples = self.swept.as_deref().unwrap_or(&[]);
        let mut left_weight = *before_weight;
        left.copy_from_slice(before);
        for (own, class) in keys[..=i].iter().map(|&key| samples[sample(key)]) {
            left[class as usize] += own;
            left_weight += own;
        }
        self.quality(left, left_weight)
    }

    fn children(&self, sides: &Sides, _keys: &[u64]) -> (f64, f64) {
        (self.over_outputs(&sides.left, sides.left_weight), self.over_outputs(&sides.right, sides.right_weight))
    }

    fn child_values(&self, sides: &Sides) -> (f64, f64) {
        (sides.left[0] / sides.left_weight, sides.right[0] / sides.right_weight)
    }

    fn middle(&self, sides: &Sides) -> f64 {
        sides.left[0] / (2.0 * sides.left_weight) + sides.right[0] / (2.0 * sides.right_weight)
    }
}

#[cfg(test)]
mod tests {
    use crate::common::random::Mt19937;
    use crate::common::{Context, Result};
    use crate::tree::grow::{Columns, CriterionKind, Params, SplitterKind, Targets, grow};

    #[test]
    fn what_is_swept_is_what_is_moved_one_by_one() -> Result<()> {
        let (ctx, mut random) = (Context::serial(), Mt19937::seeded(2));
        let (n, n_columns) = (400, 4);
        let values: Vec<f32> = (0..n * n_columns).map(|_| random.next_f64() as f32).collect();
        let columns = Columns::dense(&ctx, &values, n, n_columns)?;
        for n_classes in [1, 2, 3, 5] {
            let codes: Vec<u32> = (0..n).map(|_| random.at_max(n_classes as u64 - 1) as u32).collect();
            let targets = Targets::Classes { codes: &codes, n_classes: &[n_classes] };
            for scale in [1.0, 1e-12, 1e-160, 1e150] {
                let weights: Vec<f64> = (0..n).map(|_| scale * random.next_f64().powi(9)).collect();
                for max_features in [1, n_columns] {
                    // Any least weight of a leaf keeps samples from being swept; this one keeps nothing else.
                    let [swept, moved] = [0.0, f64::MIN_POSITIVE].map(|min_weight_leaf| {
                        let params = Params {
                            criterion: CriterionKind::Gini,
                            splitter: SplitterKind::Best,
                            max_depth: 5,
                            min_samples_split: 2,
                            min_samples_leaf: 1,
                            min_weight_leaf,
                            max_features,
                            max_leaf_nodes: None,
                            min_impurity_decrease: 0.0,
                            monotonic: None,
                        };
                        grow(&ctx, &columns, &targets, Some(&weights), &params, 9)
                    });
                    // In bits, for an impurity may be no number.
                    assert_eq!(format!("{:?}", swept?), format!("{:?}", moved?), "{n_classes} classes, {scale}");
                }
            }
        }
        Ok(())
    }
}
