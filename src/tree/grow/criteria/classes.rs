//! Classification with any weights and any number of outputs: sums in scikit-learn's order.

use std::marker::PhantomData;

use super::super::targets::Targets;
use super::counts::clip_share;
use super::impurity::Impurity;
use super::{Criterion, from_left, sample};
use crate::common::{Error, Result, memory};

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
        let mut samples = memory::with_capacity(n_rows)?;
        if by_row {
            samples.extend(0..n_rows as u32);
        }
        Ok(Self {
            codes,
            weights,
            max_n_classes: targets.max_n_classes(),
            samples,
            by_row,
            totals: memory::filled(n_classes.iter().sum(), 0.0)?,
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

impl<I: Impurity> Criterion for Classes<'_, I> {
    const ORDERED: bool = true;
    type Sides = Sides;

    fn sides(&self, _n: usize) -> Result<Sides> {
        let n = self.totals.len();
        let (left, right) = (memory::filled(n, 0.0)?, memory::filled(n, 0.0)?);
        Ok(Sides { at: 0, left, right, left_weight: 0.0, right_weight: 0.0 })
    }

    fn enter(&mut self, samples: &[u32]) {
        if !self.by_row {
            self.samples.clear();
            self.samples.extend_from_slice(samples);
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

    fn impurity(&self, _sides: &mut Sides, _keys: &[u64]) -> f64 {
        self.over_outputs(&self.totals, self.weight)
    }

    fn value(&self, _sides: &mut Sides, _keys: &[u64], out: &mut [f64]) {
        for (pair, out) in self.starts.windows(2).zip(out.chunks_exact_mut(self.max_n_classes)) {
            let totals = &self.totals[pair[0]..pair[1]];
            out.iter_mut().zip(totals).for_each(|(share, total)| *share = total / self.weight);
        }
    }

    fn clip(&self, value: &mut [f64], lower: f64, upper: f64) {
        clip_share(value, lower, upper);
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
