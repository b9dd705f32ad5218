//! One node: features are drawn, the best split among them is found, and the samples are parted.

mod listed;
mod random;
mod sorted;

use super::column::Column;
use super::columns::{Columns, Feature, Form};
use super::criteria::Criterion;
use super::features::Features;
use super::part::part;
use super::presorted::Lists;
use super::search::{Candidate, Rules, Scratch};
use super::stored::{Stored, Table};
use super::{Params, SplitterKind};
use listed::Within;

use crate::common::random::OurRandR;
use crate::common::{Context, Result, memory};

/// In nodes of at least this many samples it is asked before each feature whether to go on.
const LARGE: usize = 4096;

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
    columns: Vec<Feature<'a>>,
    /// The samples by feature, in [`Form::Lists`].
    lists: Option<Lists<'a>>,
    /// Whether the criterion numbers samples by row.
    by_row: bool,
    /// By feature, the node last found in which no two values count as one, and so in none below; of no use without
    /// lists.
    distinct: Vec<Within>,
    params: &'a Params<'a>,
    pub(super) criterion: C,
    random: OurRandR,
    features: Features,
    /// [`Columns::cells`].
    cells: Option<&'a [u32]>,
    /// What is stored of sparse columns, and of these in the current node.
    sparse: Option<(&'a Stored, Table)>,
    /// The rows that weigh something, node by node.
    samples: Vec<u32>,
    /// Where each row stands in `samples`; empty if no column asks.
    at: Vec<u32>,
    /// The samples of the current node, numbered as the criterion numbers them, in the order that sums are taken in;
    /// empty if that does not matter and there are no lists.
    order: Vec<u32>,
    scratch: Scratch<C::Sides>,
    has_coarse: bool,
    /// Weight of all samples.
    weight: f64,
}

/// The best split of a node.
#[derive(Debug, Clone, Copy)]
struct Found {
    feature: usize,
    candidate: Candidate,
    threshold: f64,
}

impl Found {
    /// The largest rank that goes left, and the other one that does: that of missing values, or the same.
    fn leftmost(&self, columns: &[Feature]) -> (u32, u32) {
        let Candidate { low, missing_left, .. } = self.candidate;
        (low, if missing_left { columns[self.feature].column.missing() } else { low })
    }
}

/// What the search of a node has come to.
struct Searched {
    found: Option<Found>,
    /// Whether `order` is parted as the best split wants it.
    is_parted: bool,
    /// Constant features that the children know.
    n_constants: usize,
}

impl<'a, C: Criterion> Splitter<'a, C> {
    /// On columns that are [prepared](Columns::prepare). `criterion` numbers samples by row if `form` is
    /// [`Form::Lists`] or, should order matter to it, if [`Columns::numbers_rows`].
    pub(super) fn new(
        ctx: &Context,
        columns: &'a Columns,
        form: Form,
        criterion: C,
        weights: Option<&[f64]>,
        params: &'a Params<'a>,
        seed: u32,
    ) -> Result<Self> {
        let n_rows = columns.n_rows();
        let mut samples = memory::try_with_capacity(n_rows)?;
        samples.extend((0..n_rows as u32).filter(|&row| weights.is_none_or(|weights| weights[row as usize] != 0.0)));
        let mut at = Vec::new();
        if columns.has_sparse() {
            at = memory::try_filled(n_rows, u32::MAX)?;
            samples.iter().enumerate().for_each(|(p, &row)| at[row as usize] = p as u32);
        }
        let sparse = match columns.stored().filter(|_| !C::ORDERED && form == Form::Ranks) {
            Some(stored) => Some((stored, Table::new(columns.len())?)),
            None => None,
        };
        let cells = columns.cells();
        let by_row = form == Form::Lists || (C::ORDERED && columns.numbers_rows(form));
        let columns = columns.features(form)?;
        let lists = match form {
            Form::Lists => Some(Lists::new(ctx, &columns, weights, samples.len(), n_rows)?),
            Form::Ranks | Form::Values => None,
        };
        Ok(Self {
            params,
            random: OurRandR::seeded(seed),
            features: Features::new(columns.len())?,
            order: memory::try_with_capacity(samples.len())?,
            scratch: Scratch::new(&criterion, samples.len(), lists.is_none())?,
            weight: weights.map_or(n_rows as f64, |weights| weights.iter().sum()),
            criterion,
            cells,
            sparse,
            samples,
            at,
            has_coarse: columns.iter().any(|feature| feature.is_coarse),
            distinct: memory::try_filled(columns.len(), Within::default())?,
            columns,
            lists,
            by_row,
        })
    }

    pub(super) fn n_samples(&self) -> usize {
        self.samples.len()
    }

    /// Goes to the node of the samples `start..end`; its weight.
    pub(super) fn enter(&mut self, start: usize, end: usize) -> f64 {
        self.criterion.enter(&self.samples[start..end]);
        self.order.clear();
        if self.by_row {
            self.order.extend_from_slice(&self.samples[start..end]);
        } else if C::ORDERED {
            self.order.extend(0..(end - start) as u32);
        }
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

    /// Splits the node entered, `depth` below the root, if a split can be had: its samples are parted, left before right.
    pub(super) fn split(&mut self, ctx: &Context, task: &Task, depth: usize) -> Result<Option<Split>> {
        let rules = Rules {
            min_samples_leaf: self.params.min_samples_leaf,
            min_weight_leaf: self.params.min_weight_leaf,
            lower: task.lower,
            upper: task.upper,
        };
        // They are read while all else changes.
        let mut lists = self.lists.take();
        let searched = match (&lists, self.params.splitter) {
            (Some(lists), _) => self.best_listed(ctx, lists, task, &rules)?,
            (None, SplitterKind::Best) => self.best_sorted(ctx, task, &rules)?,
            (None, SplitterKind::Random) => self.random(ctx, task, &rules)?,
        };
        let mut split = None;
        if let Some(found) = searched.found {
            match &mut lists {
                Some(lists) => self.part_listed(lists, task, found),
                None => self.part(task, found, searched.is_parted),
            }
            let here = self.settled(task, found, searched.n_constants, lists.is_some());
            if let Some(lists) = &mut lists {
                self.part_lists(ctx, lists, task, depth, &here)?;
            }
            split = Some(here);
        }
        self.lists = lists;
        Ok(split)
    }

    /// Parts the samples of the node by the split found.
    fn part(&mut self, task: &Task, found: Found, is_parted: bool) {
        let n = task.end - task.start;
        let (low, missing) = found.leftmost(&self.columns);
        let rows = &mut self.samples[task.start..task.end];
        let Scratch { ranks: spare, best: ranks, keys, .. } = &mut self.scratch;
        let (ranks, spare) = (&ranks[..n], &mut spare[..n]);
        // Both are asked: no processor guesses where a sample goes.
        let goes_left = |i: usize| (ranks[i] <= low) | (ranks[i] == missing);
        if C::ORDERED {
            if !is_parted {
                part(&mut self.order, keys, |_, i| goes_left(i as usize));
            }
            if self.by_row {
                rows.copy_from_slice(&self.order);
            } else {
                spare.iter_mut().zip(&self.order).for_each(|(row, &i)| *row = rows[i as usize]);
                rows.copy_from_slice(spare);
            }
        } else {
            // Any order will do; ascending rows are read fastest.
            let mut left = 0;
            for i in 0..n {
                let row = rows[i];
                rows[left] = row;
                spare[i - left] = row;
                left += usize::from(goes_left(i));
            }
            rows[left..].copy_from_slice(&spare[..n - left]);
        }
        if !self.at.is_empty() {
            rows.iter().zip(task.start as u32..).for_each(|(&row, p)| self.at[row as usize] = p);
        }
    }

    /// The split found, whose samples are parted; `has_lists` says that they stand in lists.
    fn settled(&mut self, task: &Task, found: Found, n_constants: usize, has_lists: bool) -> Split {
        let n = task.end - task.start;
        let (low, missing) = found.leftmost(&self.columns);
        let Found { feature, candidate, threshold } = found;
        let n_left = candidate.n_left;
        if C::ORDERED || has_lists {
            self.line_up();
        }
        let Self { criterion, scratch: Scratch { keys, sides, best: ranks, .. }, .. } = self;
        if C::ORDERED || has_lists {
            criterion.reset(sides, &keys[..n]);
            criterion.advance(sides, &keys[..n], n_left);
        } else {
            criterion.divide(sides, &ranks[..n], low, missing);
        }
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
            n_constants,
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
