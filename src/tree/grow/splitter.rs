//! One node: features are drawn, the best split among them is found, and the samples are parted.

use super::columns::{Column, Columns};
use super::criteria::Criterion;
use super::features::Features;
use super::part::part;
use super::search::{self, Candidate, Rules, Samples, Scratch, Sorted};
use super::{Params, SplitterKind};
use crate::common::random::OurRandR;
use crate::common::{Context, Result, memory, parallel};

/// Largest number of [`OurRandR`].
const RAND_R_MAX: f64 = 2_147_483_647.0;
/// In nodes of at least this many samples features are looked at by several threads.
const SHARED: usize = 4096;

/// A node to be split.
#[derive(Debug, Clone, Copy)]
pub(super) struct Task {
    /// Its place among the samples.
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) impurity: f64,
    /// Bounds that monotonic features above it set on its value.
    pub(super) lower: f64,
    pub(super) upper: f64,
    /// Features that are known to be constant.
    pub(super) n_constants: usize,
}

/// How a node is split.
#[derive(Debug, Clone, Copy)]
pub(super) struct Split {
    pub(super) feature: usize,
    pub(super) threshold: f64,
    pub(super) missing_go_to_left: bool,
    /// Where the right child starts among the samples.
    pub(super) middle: usize,
    pub(super) improvement: f64,
    pub(super) left_impurity: f64,
    pub(super) right_impurity: f64,
    /// Halfway between the values of the children.
    pub(super) middle_value: f64,
    /// Constant features that the children know.
    pub(super) n_constants: usize,
}

/// The state of a tree being grown, apart from the tree.
pub(super) struct Splitter<'a, C: Criterion> {
    columns: &'a Columns,
    params: &'a Params<'a>,
    pub(super) criterion: C,
    random: OurRandR,
    features: Features,
    /// The rows that weigh something, node by node.
    samples: Vec<u32>,
    /// Where each row stands in `samples`; empty if no column asks.
    at: Vec<u32>,
    /// The samples of the current node, numbered as the criterion numbers them, in the order that sums are taken in.
    order: Vec<u32>,
    scratch: Scratch<C::Sides>,
    has_coarse: bool,
    /// Weight of all samples.
    weight: f64,
}

/// What looking at one feature has shown.
type Look = (Sorted, Option<Candidate>);

/// The best split of a node.
#[derive(Debug, Clone, Copy)]
struct Found {
    feature: usize,
    candidate: Candidate,
    threshold: f64,
}

/// What the search of a node has come to.
struct Searched {
    found: Option<Found>,
    /// Whether the ranks of its feature are at hand.
    has_ranks: bool,
    /// Whether `order` is parted as the best split wants it: parting it again would change the order on the right.
    is_parted: bool,
    /// Constant features that the children know.
    n_constants: usize,
}

impl<'a, C: Criterion> Splitter<'a, C> {
    pub(super) fn new(
        columns: &'a Columns,
        criterion: C,
        weights: Option<&[f64]>,
        params: &'a Params<'a>,
        seed: u32,
    ) -> Result<Self> {
        let n_rows = columns.n_rows();
        let mut samples = memory::with_capacity(n_rows)?;
        samples.extend((0..n_rows as u32).filter(|&row| weights.is_none_or(|weights| weights[row as usize] != 0.0)));
        let mut at = Vec::new();
        if columns.has_sparse() {
            at = memory::filled(n_rows, u32::MAX)?;
            samples.iter().enumerate().for_each(|(p, &row)| at[row as usize] = p as u32);
        }
        Ok(Self {
            columns,
            params,
            random: OurRandR::seeded(seed),
            features: Features::new(columns.len())?,
            order: memory::with_capacity(samples.len())?,
            scratch: Scratch::new(&criterion, samples.len())?,
            weight: weights.map_or(n_rows as f64, |weights| weights.iter().sum()),
            criterion,
            samples,
            at,
            has_coarse: columns.has_coarse(),
        })
    }

    pub(super) fn n_samples(&self) -> usize {
        self.samples.len()
    }

    /// Goes to the node of the samples `start..end`; its weight.
    pub(super) fn enter(&mut self, start: usize, end: usize) -> f64 {
        self.criterion.enter(&self.samples[start..end]);
        self.order.clear();
        self.order.extend(0..(end - start) as u32);
        self.criterion.weight()
    }

    /// Impurity of the node entered.
    pub(super) fn impurity(&mut self) -> f64 {
        self.line_up();
        self.criterion.impurity(&mut self.scratch.sides, &self.scratch.keys[..self.order.len()])
    }

    /// Value of the node entered, of shape (`n_outputs`, `max_n_classes`).
    pub(super) fn value(&mut self, out: &mut [f64]) {
        if C::KEYED_VALUE {
            self.line_up();
        }
        self.criterion.value(&mut self.scratch.sides, &self.scratch.keys[..self.order.len()], out);
    }

    /// Splits the node entered, if a split can be had: its samples are parted, left before right.
    pub(super) fn split(&mut self, ctx: &Context, task: &Task) -> Result<Option<Split>> {
        let rules = Rules {
            min_samples_leaf: self.params.min_samples_leaf,
            min_weight_leaf: self.params.min_weight_leaf,
            lower: task.lower,
            upper: task.upper,
        };
        let searched = match self.params.splitter {
            SplitterKind::Best => self.best(ctx, task, &rules)?,
            SplitterKind::Random => self.random(ctx, task, &rules)?,
        };
        Ok(searched.found.map(|found| self.settle(task, found, &searched)))
    }

    /// The best split over all thresholds of the features drawn; leaves `order` as scikit-learn has the samples then.
    fn best(&mut self, ctx: &Context, task: &Task, rules: &Rules) -> Result<Searched> {
        let n = task.end - task.start;
        let all = self.params.max_features >= self.columns.len();
        let follow = search::follows::<C>(n, self.has_coarse);
        let mut known = if !follow && all && n >= SHARED && ctx.threads() > 1 {
            self.look_at_all(ctx, task, rules)?
        } else {
            vec![]
        };
        let monotonic = self.params.monotonic;
        let samples = Samples { rows: &self.samples[task.start..task.end], at: &self.at, start: task.start };
        let Self { columns, criterion, random, features, order, scratch, .. } = self;
        let mut draws = features.draws(task.n_constants, self.params.max_features);
        let (mut found, mut floor, mut last) = (None, f64::NEG_INFINITY, None);
        let has_ranks = known.is_empty();
        while let Some((drawn, feature)) = draws.next(random) {
            let column = columns.column(feature);
            last = Some(feature);
            let (sorted, candidate) = match known.get_mut(feature).and_then(Option::take) {
                Some((sorted, candidate)) => {
                    (sorted, candidate.filter(|candidate: &Candidate| candidate.proxy > floor))
                }
                None => {
                    if n >= SHARED {
                        ctx.check()?;
                    }
                    let kept = follow.then_some(&mut order[..]);
                    let sorted = search::sort(criterion, column, samples, kept, scratch);
                    let sign = monotonic.map_or(0, |signs| signs[feature]);
                    let place = (&mut scratch.keys[..n], &mut scratch.sides);
                    (sorted, search::scan(criterion, column, sorted, sign, rules, floor, place))
                }
            };
            if sorted.is_constant {
                draws.constant(drawn);
                continue;
            }
            draws.varied(drawn);
            if follow {
                order.rotate_right(sorted.n_missing);
            }
            if let Some(candidate) = candidate {
                floor = candidate.proxy;
                found = Some(Found { feature, candidate, threshold: threshold(column, &candidate) });
                std::mem::swap(&mut scratch.ranks, &mut scratch.best);
            }
        }
        if let Some(feature) = last.filter(|_| C::ORDERED && !follow && found.is_some()) {
            let sorted = search::sort(criterion, columns.column(feature), samples, None, scratch);
            order.iter_mut().zip(&scratch.keys[..n]).for_each(|(i, &key)| *i = key as u32);
            if !sorted.is_constant {
                order.rotate_right(sorted.n_missing);
            }
        }
        Ok(Searched { found, has_ranks, is_parted: false, n_constants: draws.finish() })
    }

    /// What [`Splitter::best`] would find for each feature by itself, by feature; None for known constants.
    fn look_at_all(&self, ctx: &Context, task: &Task, rules: &Rules) -> Result<Vec<Option<Look>>> {
        let n = task.end - task.start;
        let Self { columns, params, criterion, .. } = self;
        let samples = Samples { rows: &self.samples[task.start..task.end], at: &self.at, start: task.start };
        let open = memory::copied(self.features.open(task.n_constants))?;
        let scratch = || Scratch::new(criterion, n);
        let looks = parallel::map_with(ctx, open, scratch, |scratch, feature| {
            let feature = feature as usize;
            let column = columns.column(feature);
            let sorted = search::sort(criterion, column, samples, None, scratch);
            let sign = params.monotonic.map_or(0, |signs| signs[feature]);
            let place = (&mut scratch.keys[..n], &mut scratch.sides);
            Ok((feature, (sorted, search::scan(criterion, column, sorted, sign, rules, f64::NEG_INFINITY, place))))
        })?;
        let mut known = memory::filled(columns.len(), None)?;
        looks.into_iter().for_each(|(feature, look)| known[feature] = Some(look));
        Ok(known)
    }

    /// The best of one random threshold for each of the features drawn.
    fn random(&mut self, ctx: &Context, task: &Task, rules: &Rules) -> Result<Searched> {
        let n = task.end - task.start;
        let monotonic = self.params.monotonic;
        let samples = Samples { rows: &self.samples[task.start..task.end], at: &self.at, start: task.start };
        let Self { columns, criterion, random, features, order, scratch, .. } = self;
        let mut draws = features.draws(task.n_constants, self.params.max_features);
        let (mut found, mut floor, mut last) = (None::<Found>, f64::NEG_INFINITY, 0);
        while let Some((drawn, feature)) = draws.next(random) {
            if n >= SHARED {
                ctx.check()?;
            }
            let column = columns.column(feature);
            last = feature;
            let Scratch { ranks, keys, sides, .. } = &mut *scratch;
            let (ranks, keys) = (&mut ranks[..n], &mut keys[..n]);
            column.gather(samples.rows, samples.at, samples.start, ranks);
            let (mut least, mut most, mut n_missing) = (u32::MAX, 0, 0);
            for &rank in &*ranks {
                // No rank is larger than that of missing values, and no value has it.
                let is_missing = rank == column.missing();
                n_missing += usize::from(is_missing);
                least = least.min(rank);
                most = most.max(if is_missing { 0 } else { rank });
            }
            if n_missing == n || (n_missing == 0 && !column.apart(least, most)) {
                draws.constant(drawn);
                continue;
            }
            draws.varied(drawn);

            let (low, high) = (f64::from(column.value(least)), f64::from(column.value(most)));
            let mut threshold = (high - low) * f64::from(random.draw()) / RAND_R_MAX + low;
            let missing_left = n_missing > 0 && random.draw() % 2 == 1;
            if threshold == high {
                threshold = low;
            }
            let low = column.last_within(threshold, least, most);
            let missing = if missing_left { column.missing() } else { low };
            let goes_left = |rank: u32| rank <= low || rank == missing;
            let n_left = if C::ORDERED {
                let n_left = part(order, keys, |i| goes_left(ranks[i as usize]));
                keys.iter_mut().zip(&*order).for_each(|(key, &i)| *key = u64::from(criterion.payload(i as usize)));
                n_left
            } else {
                let mut n_left = 0;
                for (i, &rank) in ranks.iter().enumerate() {
                    keys[n_left] = u64::from(criterion.payload(i));
                    n_left += usize::from(goes_left(rank));
                }
                n_left
            };
            if n_left < rules.min_samples_leaf || n - n_left < rules.min_samples_leaf {
                continue;
            }
            criterion.reset(sides, keys);
            criterion.advance(sides, keys, n_left);
            let sign = monotonic.map_or(0, |signs| signs[feature]);
            if !search::allowed(criterion, sides, sign, rules) {
                continue;
            }
            let proxy = criterion.proxy(sides);
            if proxy > floor {
                floor = proxy;
                let missing_left = if n_missing > 0 { missing_left } else { n_left > n - n_left };
                let candidate = Candidate { proxy, n_left, low, high: None, missing_left };
                found = Some(Found { feature, candidate, threshold });
                std::mem::swap(&mut scratch.ranks, &mut scratch.best);
            }
        }
        let is_parted = C::ORDERED && found.is_some_and(|found| found.feature == last);
        Ok(Searched { found, has_ranks: true, is_parted, n_constants: draws.finish() })
    }

    /// Parts the samples of the node by the split found.
    fn settle(&mut self, task: &Task, found: Found, searched: &Searched) -> Split {
        let n = task.end - task.start;
        let Found { feature, candidate, threshold } = found;
        let column = self.columns.column(feature);
        let rows = &mut self.samples[task.start..task.end];
        let Scratch { ranks: parted, best: ranks, keys, .. } = &mut self.scratch;
        let (ranks, parted) = (&mut ranks[..n], &mut parted[..n]);
        if !searched.has_ranks {
            column.gather(rows, &self.at, task.start, ranks);
        }
        let missing = if candidate.missing_left { column.missing() } else { candidate.low };
        let goes_left = |i: u32| ranks[i as usize] <= candidate.low || ranks[i as usize] == missing;
        if !C::ORDERED {
            // Any order will do; ascending rows are read fastest.
            let (mut left, mut right) = (0, candidate.n_left);
            for i in 0..n as u32 {
                let goes_left = goes_left(i);
                self.order[if goes_left { left } else { right }] = i;
                left += usize::from(goes_left);
                right += usize::from(!goes_left);
            }
        } else if !searched.is_parted {
            part(&mut self.order, keys, goes_left);
        }
        let n_left = candidate.n_left;
        for (row, &i) in parted.iter_mut().zip(&self.order) {
            *row = rows[i as usize];
        }
        rows.copy_from_slice(parted);
        if !self.at.is_empty() {
            rows.iter().zip(task.start as u32..).for_each(|(&row, p)| self.at[row as usize] = p);
        }

        self.line_up();
        let Self { criterion, scratch: Scratch { keys, sides, .. }, .. } = self;
        criterion.reset(sides, &keys[..n]);
        criterion.advance(sides, &keys[..n], n_left);
        let (left_impurity, right_impurity) = criterion.children(sides, &keys[..n]);
        let (left, right) = criterion.weights(sides);
        let here = criterion.weight();
        let gain = task.impurity - (right / here * right_impurity) - (left / here * left_impurity);
        Split {
            feature,
            threshold,
            missing_go_to_left: candidate.missing_left,
            middle: task.start + n_left,
            improvement: here / self.weight * gain,
            left_impurity,
            right_impurity,
            middle_value: criterion.middle(sides),
            n_constants: searched.n_constants,
        }
    }

    /// The keys of the node's samples in their order, without ranks.
    fn line_up(&mut self) {
        for (key, &i) in self.scratch.keys.iter_mut().zip(&self.order) {
            *key = u64::from(self.criterion.payload(i as usize));
        }
    }
}

/// Where scikit-learn puts the threshold of a split between two values.
fn threshold(column: &Column, candidate: &Candidate) -> f64 {
    match candidate.high {
        Some(high) => f64::from(column.value(candidate.low)) / 2.0 + f64::from(column.value(high)) / 2.0,
        None => f64::INFINITY,
    }
}
