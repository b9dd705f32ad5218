//! The best split of a node, from its histograms.
//!
//! A node with gradients that sum to G and hessians that sum to H predicts -G / (H + l2), and a split gains what the loss
//! to second order falls by. Of splits of equal gain the first is taken: features in order, bins in order. Operations on
//! the sums are scikit-learn's, one by one, so that ties fall as they do there.
//!
//! Reference: T. Chen, C. Guestrin, "XGBoost: a scalable tree boosting system", KDD 2016; categories in the order of
//! their gradients: W. Fisher, "On grouping for maximum homogeneity", JASA 53 (1958).

use super::histogram::{BinSet, Cell, FeatureCells, Gradients, Sums};

/// Hessian that a category must have to be told apart, per mean hessian of a row; and what smooths its mean.
const MIN_CATEGORY_SUPPORT: f64 = 10.0;
/// Keeps the denominator of a leaf of no hessian from zero.
const TINY: f64 = 1e-15;
/// Bins of a feature, that of missing values among them, at most.
const MAX_BINS: usize = 256;
/// Gains that are compared side by side.
const LANES: usize = 8;

/// What splits must obey; the same for all nodes.
#[derive(Debug, Clone)]
pub struct Rules<'a> {
    /// Bins of each feature without that of missing values.
    pub n_bins: &'a [usize],
    /// Whether each feature has missing values.
    pub has_missing: &'a [bool],
    /// Whether each feature is one of categories.
    pub is_categorical: &'a [bool],
    /// For each feature 1 if predictions must rise with it, -1 if they must fall, else 0.
    pub monotonic: &'a [i8],
    /// The bin of missing values.
    pub missing: u8,
    /// Rows that a child must have.
    pub min_samples_leaf: usize,
    /// Hessian that a child must have.
    pub min_hessian: f64,
    /// Added to each sum of hessians.
    pub l2_regularization: f64,
}

/// What is known of a node.
#[derive(Debug, Clone, Copy)]
pub struct Node {
    /// Sums over its rows.
    pub total: Cell,
    /// What it predicts.
    pub value: f64,
    /// Bounds of what its children may predict.
    pub bounds: (f64, f64),
}

/// Where rows go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// To the left: bins up to this one.
    UpTo(u8),
    /// To the left: these bins.
    Among(BinSet),
}

/// A split.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Split {
    /// By how much the loss falls.
    pub gain: f64,
    /// The feature.
    pub feature: usize,
    /// Which of its bins go to the left.
    pub side: Side,
    /// Whether missing values do.
    pub missing_left: bool,
    /// Sums of the left child.
    pub left: Cell,
    /// What the children predict.
    pub values: (f64, f64),
}

impl Split {
    /// Whether a bin goes to the left.
    #[inline(always)]
    pub fn goes_left(&self, bin: u8, missing: u8) -> bool {
        match &self.side {
            Side::UpTo(last) => bin <= *last || (self.missing_left && bin == missing),
            Side::Among(bins) => bins.contains(bin),
        }
    }
}

/// What a node predicts.
#[inline(always)]
pub fn value(sums: Sums, bounds: (f64, f64), l2_regularization: f64) -> f64 {
    let free = -sums.gradient / (sums.hessian + l2_regularization + TINY);
    if free < bounds.0 {
        bounds.0
    } else if free > bounds.1 {
        bounds.1
    } else {
        free
    }
}

/// The best split of one feature, if one gains anything. `used` are the bins that may have rows.
#[inline(always)]
pub fn best(
    rules: &Rules,
    gradients: &Gradients,
    node: &Node,
    feature: usize,
    (cells, used): (&FeatureCells, &BinSet),
    scratch: &mut Scratch,
) -> Option<Split> {
    let mut search = Search { rules, gradients, node, feature, cells, used, scratch };
    if rules.is_categorical[feature] { search.among_categories() } else { search.among_bins() }
}

/// Candidates of one scan, side by side: the bin that was added last, and the sums of what was added.
#[derive(Debug)]
pub struct Scratch {
    bins: [u8; MAX_BINS],
    gradients: [f64; MAX_BINS],
    hessians: [f64; MAX_BINS],
    gains: [f64; MAX_BINS],
}

impl Default for Scratch {
    fn default() -> Self {
        let zeros = [0.0; MAX_BINS];
        Self { bins: [0; MAX_BINS], gradients: zeros, hessians: zeros, gains: zeros }
    }
}

/// Bins in an order.
trait Bins {
    fn visit(self, visit: impl FnMut(u8));
}

struct Ascending(BinSet);
struct Descending(BinSet);
struct Listed<'a>(&'a [u8]);

impl Bins for Ascending {
    #[inline(always)]
    fn visit(self, visit: impl FnMut(u8)) {
        self.0.for_each(visit);
    }
}

impl Bins for Descending {
    #[inline(always)]
    fn visit(self, visit: impl FnMut(u8)) {
        self.0.for_each_from_above(visit);
    }
}

impl Bins for Listed<'_> {
    #[inline(always)]
    fn visit(self, visit: impl FnMut(u8)) {
        self.0.iter().copied().for_each(visit);
    }
}

struct Search<'a> {
    rules: &'a Rules<'a>,
    gradients: &'a Gradients,
    node: &'a Node,
    feature: usize,
    cells: &'a FeatureCells,
    used: &'a BinSet,
    scratch: &'a mut Scratch,
}

impl Search<'_> {
    #[inline(always)]
    fn among_bins(&mut self) -> Option<Split> {
        let has_missing = self.rules.has_missing[self.feature];
        let bins = if has_missing { self.used.without(self.rules.missing) } else { *self.used };
        // Missing values go to the right, where they may be alone.
        let n = self.gather(Ascending(bins));
        let mut found = self.largest(n, 0.0, false).map(|(i, gain)| self.up_to(gain, self.scratch.bins[i], false));
        if has_missing {
            // From the last bin down; what is not on the right, with missing values, is on the left.
            let n = self.gather(Descending(bins.without(0)));
            let least = found.map_or(0.0, |split| split.gain);
            let largest = self.largest(n, least, true);
            found = largest.map(|(i, gain)| self.up_to(gain, self.scratch.bins[i] - 1, true)).or(found);
        }
        found
    }

    /// The split after a bin.
    fn up_to(&self, gain: f64, last: u8, missing_left: bool) -> Split {
        let missing = self.cells[usize::from(self.rules.missing)];
        let mut left = if missing_left { missing } else { [0; 2] };
        for cell in &self.cells[..=usize::from(last)] {
            left = [left[0] + cell[0], left[1] + cell[1]];
        }
        self.split(gain, Side::UpTo(last), missing_left, left)
    }

    /// Puts candidates beside each other that have bins, one after the other, on one side: those with rows enough on both.
    /// Returns how many there are. `each` hands out the bins.
    #[inline(always)]
    fn gather(&mut self, bins: impl Bins) -> usize {
        let (units, cells, scratch) = (self.gradients, self.cells, &mut *self.scratch);
        let enough = self.rules.min_samples_leaf;
        let Some(most) = units.count(self.node.total).checked_sub(enough) else { return 0 };
        let (mut side, mut n) = ([0; 2], 0);
        bins.visit(|bin| {
            let cell: Cell = cells[usize::from(bin)];
            side = [side[0] + cell[0], side[1] + cell[1]];
            let (sums, place) = (units.sums(side), n % MAX_BINS);
            scratch.bins[place] = bin;
            scratch.gradients[place] = sums.gradient;
            scratch.hessians[place] = sums.hessian;
            n += usize::from((sums.count >= enough) & (sums.count <= most) & (cell[1] != 0));
        });
        n
    }

    /// Position and gain of the first candidate of largest gain above `least`. The sums are those of the left child, or of
    /// the right one if `is_right`.
    #[inline(always)]
    fn largest(&mut self, n: usize, least: f64, is_right: bool) -> Option<(usize, f64)> {
        let (rules, node) = (self.rules, self.node);
        let scratch = &mut *self.scratch;
        let total = self.gradients.sums(node.total);
        let current = total.gradient * node.value;
        let monotonic = rules.monotonic[self.feature];
        let sides = scratch.gradients[..n].iter().zip(&scratch.hessians[..n]);
        let sides = sides.map(|(&gradient, &hessian)| {
            let own = Sums { gradient, hessian, count: 0 };
            let rest = Sums { gradient: total.gradient - gradient, hessian: total.hessian - hessian, count: 0 };
            if is_right { (rest, own) } else { (own, rest) }
        });
        let is_small = |sums: Sums| sums.hessian < rules.min_hessian;
        if monotonic == 0 && node.bounds == (f64::NEG_INFINITY, f64::INFINITY) {
            for ((left, right), gain) in sides.zip(&mut scratch.gains[..n]) {
                let value = |sums: Sums| -sums.gradient / (sums.hessian + rules.l2_regularization + TINY);
                let found = current - left.gradient * value(left) - right.gradient * value(right);
                *gain = if is_small(left) | is_small(right) { -1.0 } else { found };
            }
        } else {
            for ((left, right), gain) in sides.zip(&mut scratch.gains[..n]) {
                let of_left = value(left, node.bounds, rules.l2_regularization);
                let of_right = value(right, node.bounds, rules.l2_regularization);
                let is_forbidden = ((monotonic > 0) & (of_left > of_right)) | ((monotonic < 0) & (of_left < of_right));
                let found = current - left.gradient * of_left - right.gradient * of_right;
                *gain = if is_small(left) | is_small(right) | is_forbidden { -1.0 } else { found };
            }
        }
        let mut lanes = [least; LANES];
        let groups = scratch.gains[..n].chunks_exact(LANES);
        let rest = groups.remainder();
        for group in groups {
            lanes.iter_mut().zip(group).for_each(|(most, &gain)| *most = if gain > *most { gain } else { *most });
        }
        let most = lanes.iter().chain(rest).fold(least, |most, &gain| if gain > most { gain } else { most });
        let place = scratch.gains[..n].iter().position(|&gain| gain == most)?;
        (most > least).then_some((place, most))
    }

    #[inline(always)]
    fn split(&self, gain: f64, side: Side, missing_left: bool, left: Cell) -> Split {
        let (rules, node) = (self.rules, self.node);
        let total = self.gradients.sums(node.total);
        let sums = self.gradients.sums(left);
        let others = Sums { gradient: total.gradient - sums.gradient, hessian: total.hessian - sums.hessian, count: 0 };
        let value = |sums| value(sums, node.bounds, rules.l2_regularization);
        Split { gain, feature: self.feature, side, missing_left, left, values: (value(sums), value(others)) }
    }

    /// Categories in the order of their mean gradients, cut from either end up to the middle. Those with few rows are
    /// not told apart and go to the right.
    fn among_categories(&mut self) -> Option<Split> {
        let (rules, units) = (self.rules, self.gradients);
        let total = units.sums(self.node.total);
        let support = total.count as f64 / total.hessian;
        let missing = rules.has_missing[self.feature].then_some(rules.missing);
        let mut known: Vec<(f64, u8)> = (0..rules.n_bins[self.feature] as u8)
            .chain(missing)
            .filter_map(|bin| {
                let sums = units.sums(self.cells[usize::from(bin)]);
                let mean = sums.gradient / (sums.hessian + MIN_CATEGORY_SUPPORT);
                (sums.hessian * support >= MIN_CATEGORY_SUPPORT).then_some((mean, bin))
            })
            .collect();
        if known.len() <= 1 {
            return None;
        }
        known.sort_by(|a, b| a.0.total_cmp(&b.0));
        let half = known.len().div_ceil(2);
        let mut found = None;
        let ends: [(Vec<u8>, usize); 2] = [
            (known.iter().map(|&(_, bin)| bin).collect(), half),
            (known.iter().rev().map(|&(_, bin)| bin).collect(), half - 1),
        ];
        for (order, n) in ends {
            let n = self.gather(Listed(&order[..n]));
            let least = found.as_ref().map_or(0.0, |split: &Split| split.gain);
            if let Some((i, gain)) = self.largest(n, least, false) {
                let last = self.scratch.bins[i];
                let mut bins = BinSet::default();
                order.iter().take_while(|&&bin| bin != last).chain([&last]).for_each(|&bin| bins.insert(bin));
                let missing_left = missing.is_some_and(|bin| bins.contains(bin));
                let chosen =
                    self.cells.iter().enumerate().filter(|&(bin, _)| bin < MAX_BINS && bins.contains(bin as u8));
                let left = chosen.fold([0; 2], |sum: Cell, (_, cell)| [sum[0] + cell[0], sum[1] + cell[1]]);
                found = Some(self.split(gain, Side::Among(bins), missing_left, left));
            }
        }
        found
    }
}
