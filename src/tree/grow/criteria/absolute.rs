//! Regression on medians: absolute error.
//!
//! As a feature is scanned, samples move from right to left; so the absolute errors around the medians of all left sides
//! are found in one walk over the samples from the front, those of all right sides in one from the back, both with the
//! weights and weighted targets kept by target in a Fenwick tree: O(n log n) for all splits of a feature.

use super::super::order::sort_as_parent;
use super::super::targets::Targets;
use super::fenwick::Fenwick;
use super::{Criterion, round, sample};
use crate::common::{Error, Result, memory};

/// The samples of a node.
pub(in super::super) struct Absolute<'a> {
    values: &'a [f64],
    weights: Option<&'a [f64]>,
    n_outputs: usize,
    /// Rows of the samples by their numbers.
    samples: Vec<u32>,
    by_row: bool,
    /// Rank of each target among those of its output, of shape (`n_outputs`, `n_rows`).
    ranks: Vec<u32>,
    n_rows: usize,
    weight: f64,
    weights_round: bool,
}

/// Errors and medians of all splits of one order of the samples.
pub(in super::super) struct Sides {
    at: usize,
    left_weight: f64,
    /// By position: absolute error of the samples up to it, and from it on.
    left_errors: Vec<f64>,
    right_errors: Vec<f64>,
    /// The same for medians, of the last output.
    left_medians: Vec<f64>,
    right_medians: Vec<f64>,
    /// Median of all samples, by output.
    medians: Vec<f64>,
    fenwick: Fenwick,
    keys: Vec<u64>,
    sorted: Vec<f64>,
    places: Vec<u32>,
}

impl<'a> Absolute<'a> {
    /// For all rows of the data. `by_row` says that samples are numbered by row.
    pub(in super::super) fn new(targets: &Targets<'a>, weights: Option<&'a [f64]>, by_row: bool) -> Result<Self> {
        let Targets::Values { values, n_outputs } = *targets else {
            return Err(Error::InvalidArgument("this criterion is for numbers"));
        };
        let n_rows = values.len() / n_outputs;
        let mut ranks = memory::try_filled(values.len(), 0)?;
        let mut rows: Vec<u32> = memory::try_with_capacity(n_rows)?;
        for (k, ranks) in ranks.chunks_exact_mut(n_rows.max(1)).enumerate() {
            let of = |row: u32| values[row as usize * n_outputs + k];
            rows.clear();
            rows.extend(0..n_rows as u32);
            rows.sort_unstable_by(|&a, &b| of(a).total_cmp(&of(b)));
            let mut rank = 0;
            for i in 0..n_rows {
                rank += u32::from(i > 0 && of(rows[i - 1]) < of(rows[i]));
                ranks[rows[i] as usize] = rank;
            }
        }
        let mut samples = memory::try_with_capacity(n_rows)?;
        if by_row {
            samples.extend(0..n_rows as u32);
        }
        let weights_round = round(weights);
        Ok(Self { values, weights, n_outputs, samples, by_row, ranks, n_rows, weight: 0.0, weights_round })
    }

    #[inline]
    fn weight_of(&self, i: usize) -> f64 {
        self.weights.map_or(1.0, |weights| weights[self.samples[i] as usize])
    }

    /// The targets of one output in ascending order, and for each of `keys` where its target stands among them.
    fn rank_targets(&self, sides: &mut Sides, keys: &[u64], output: usize) {
        let ranks = &self.ranks[output * self.n_rows..(output + 1) * self.n_rows];
        let row = |key: u64| self.samples[sample(key)] as usize;
        sides.keys.clear();
        let rank = |(p, &key): (usize, &u64)| u64::from(ranks[row(key)]) << 32 | p as u64;
        sides.keys.extend(keys.iter().enumerate().map(rank));
        sort_as_parent(&mut sides.keys);
        sides.sorted.clear();
        sides.places.resize(keys.len(), 0);
        for (place, &ranked) in sides.keys.iter().enumerate() {
            let p = sample(ranked);
            sides.places[p] = place as u32;
            sides.sorted.push(self.values[row(keys[p]) * self.n_outputs + output]);
        }
    }

    /// Adds samples in turn: after each, the absolute error and the median of those so far.
    fn walk(
        &self,
        (fenwick, sorted): (&mut Fenwick, &[f64]),
        steps: impl Iterator<Item = (usize, usize, f64)>,
        errors: &mut [f64],
        medians: &mut [f64],
    ) {
        fenwick.clear(sorted.len());
        for (p, place, weight) in steps {
            fenwick.add(place, sorted[place], weight);
            let found = fenwick.search(0.5 * fenwick.total.0);
            let at = |rank: usize| sorted[rank.min(sorted.len() - 1)];
            let median =
                if found.rank == found.previous { at(found.rank) } else { (at(found.previous) + at(found.rank)) / 2.0 };
            let above = (fenwick.total.0 - found.below.0, fenwick.total.1 - found.below.1);
            errors[p] += (above.1 - median * above.0) + (median * found.below.0 - found.below.1);
            medians[p] = median;
        }
    }
}

impl Criterion for Absolute<'_> {
    const ORDERED: bool = true;
    const COST: usize = 16;
    const KEYED_VALUE: bool = true;
    type Sides = Sides;

    fn sides(&self, n: usize) -> Result<Sides> {
        Ok(Sides {
            at: 0,
            left_weight: 0.0,
            left_errors: memory::try_filled(n, 0.0)?,
            right_errors: memory::try_filled(n, 0.0)?,
            left_medians: memory::try_filled(n, 0.0)?,
            right_medians: memory::try_filled(n, 0.0)?,
            medians: memory::try_filled(self.n_outputs, 0.0)?,
            fenwick: Fenwick::new(n)?,
            keys: memory::try_with_capacity(n)?,
            sorted: memory::try_with_capacity(n)?,
            places: memory::try_with_capacity(n)?,
        })
    }

    fn enter(&mut self, samples: &[u32]) {
        if !self.by_row {
            self.samples.clear();
            self.samples.extend_from_slice(samples);
        }
        let weights = samples.iter().map(|&row| self.weights.map_or(1.0, |weights| weights[row as usize]));
        self.weight = weights.fold(0.0, |sum, weight| sum + weight);
    }

    fn payload(&self, i: usize) -> u32 {
        i as u32
    }

    fn weight(&self) -> f64 {
        self.weight
    }

    fn weights_round(&self) -> bool {
        self.weights_round
    }

    fn impurity(&self, sides: &mut Sides, keys: &[u64]) -> f64 {
        self.reset(sides, keys);
        sides.right_errors.first().copied().unwrap_or(0.0) / (self.weight * self.n_outputs as f64)
    }

    fn value(&self, sides: &mut Sides, keys: &[u64], out: &mut [f64]) {
        self.reset(sides, keys);
        out.copy_from_slice(&sides.medians);
    }

    fn reset(&self, sides: &mut Sides, keys: &[u64]) {
        let n = keys.len();
        (sides.at, sides.left_weight) = (0, 0.0);
        sides.left_errors[..n].fill(0.0);
        sides.right_errors[..n].fill(0.0);
        for output in 0..self.n_outputs {
            self.rank_targets(sides, keys, output);
            let Sides { fenwick, sorted, places, .. } = sides;
            let step = |p: usize| (p, places[p] as usize, self.weight_of(sample(keys[p])));
            self.walk((fenwick, sorted), (0..n).map(step), &mut sides.left_errors, &mut sides.left_medians);
            self.walk((fenwick, sorted), (0..n).rev().map(step), &mut sides.right_errors, &mut sides.right_medians);
            sides.medians[output] = sides.right_medians.first().copied().unwrap_or(0.0);
        }
    }

    fn advance(&self, sides: &mut Sides, keys: &[u64], to: usize) {
        for &key in &keys[sides.at..to] {
            sides.left_weight += self.weight_of(sample(key));
        }
        sides.at = to;
    }

    fn weights(&self, sides: &Sides) -> (f64, f64) {
        (sides.left_weight, self.weight - sides.left_weight)
    }

    fn proxy(&self, sides: &Sides) -> f64 {
        let (left, right) = self.children(sides, &[]);
        -(self.weight - sides.left_weight) * right - sides.left_weight * left
    }

    fn children(&self, sides: &Sides, _keys: &[u64]) -> (f64, f64) {
        let n_outputs = self.n_outputs as f64;
        let left = sides.left_errors[sides.at - 1] / (sides.left_weight * n_outputs);
        let right = sides.right_errors[sides.at] / ((self.weight - sides.left_weight) * n_outputs);
        (left, right)
    }

    fn child_values(&self, sides: &Sides) -> (f64, f64) {
        (sides.left_medians[sides.at - 1], sides.right_medians[sides.at])
    }

    fn middle(&self, sides: &Sides) -> f64 {
        (sides.left_medians[sides.at - 1] + sides.right_medians[sides.at]) / 2.0
    }
}
