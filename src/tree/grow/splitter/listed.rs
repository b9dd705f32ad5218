//! The best split where every node looks at every feature: its samples stand sorted in [`Lists`].

use std::ops::Range;

use super::super::columns::Feature;
use super::super::criteria::Criterion;
use super::super::order::rank;
use super::super::part::part;
use super::super::presorted::{GoesOn, Lists, SHARED};
use super::super::search::{self, Candidate, Rules, Scratch, Sorted};
use super::{Found, Searched, Split, Splitter, Task, threshold};
use crate::common::{Context, Result, memory, parallel};

/// What looking at one feature has shown.
type Look = (Sorted, Option<Candidate>);

/// The order of samples, taken from a list only when someone asks.
struct Order<'a> {
    order: &'a mut [u32],
    /// The list of the feature last looked at, and how many missing values at its end come first.
    list: Option<(&'a [u64], usize)>,
}

/// A node, as a range of the samples; nodes in it are those below it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Within {
    start: usize,
    end: usize,
}

impl Within {
    fn has(&self, node: &Range<usize>) -> bool {
        self.start <= node.start && node.end <= self.end
    }
}

impl Order<'_> {
    fn get(&mut self) -> &mut [u32] {
        if let Some((list, n_missing)) = self.list.take() {
            self.order.iter_mut().zip(list).for_each(|(row, &key)| *row = key as u32);
            self.order.rotate_right(n_missing);
        }
        self.order
    }
}

impl<C: Criterion> Splitter<'_, C> {
    /// The best split over all thresholds of all features; leaves `order` as scikit-learn has the samples then.
    pub(super) fn best_listed(&mut self, ctx: &Context, lists: &Lists, task: &Task, rules: &Rules) -> Result<Searched> {
        let node = task.start..task.end;
        let n = node.len();
        let follow = search::follows(&self.criterion, n, self.has_coarse);
        let mut known = vec![];
        if n * self.features.open(task.n_constants).len() * C::COST >= SHARED {
            ctx.check()?;
            if ctx.threads() > 1 {
                known = self.look_at_all(ctx, lists, task, rules)?;
            }
        }
        let monotonic = self.params.monotonic;
        let Self { columns, criterion, random, features, order, scratch, distinct, .. } = self;
        let mut order = Order { order, list: None };
        let mut draws = features.draws(task.n_constants, self.params.max_features);
        let (mut found, mut floor) = (None, f64::NEG_INFINITY);
        while let Some((drawn, feature)) = draws.next(random) {
            if n * C::COST >= SHARED {
                ctx.check()?;
            }
            let Feature { column, is_coarse, .. } = columns[feature];
            let list = lists.of(feature, node.clone());
            let look = known.get_mut(feature).and_then(Option::take);
            let may_tie = !distinct[feature].has(&node);
            let sorted = look.map_or_else(|| search::look::<C>(column, list, may_tie), |(sorted, _)| sorted);
            if C::ORDERED && may_tie && !sorted.has_ties && !sorted.is_uniform {
                distinct[feature] = Within { start: node.start, end: node.end };
            }
            let reorder = follow && sorted.needs_order(criterion, n, is_coarse);
            if reorder {
                let place = (&mut scratch.keys[..n], &mut scratch.spare[..n]);
                let ranks = column.bits().unwrap_or(&[]);
                search::follow(criterion, ranks, columns[feature], order.get(), place, Some(list));
            } else if C::ORDERED && !sorted.is_uniform {
                order.list = Some((list, if sorted.is_constant { 0 } else { sorted.n_missing }));
            }
            if sorted.is_constant {
                draws.constant(drawn);
                continue;
            }
            draws.varied(drawn);
            let candidate = match look {
                Some((_, candidate)) => candidate.filter(|candidate| candidate.proxy > floor),
                None => {
                    let Scratch { keys, spare, sides, .. } = &mut *scratch;
                    let keys = if reorder { &keys[..n] } else { list };
                    let sign = monotonic.map_or(0, |signs| signs[feature]);
                    search::scan(criterion, column, sorted, sign, rules, floor, keys, (&mut spare[..], sides))
                }
            };
            if reorder {
                order.get().rotate_right(sorted.n_missing);
            }
            if let Some(candidate) = candidate {
                floor = candidate.proxy;
                found = Some(Found { feature, candidate, threshold: threshold(column, &candidate) });
            }
        }
        if found.is_some() {
            order.get();
        }
        Ok(Searched { found, is_parted: false, n_constants: draws.finish() })
    }

    /// What [`Splitter::best_listed`] would find for each feature by itself, by feature; None for known constants, and
    /// where the order of samples has to be known.
    fn look_at_all(&self, ctx: &Context, lists: &Lists, task: &Task, rules: &Rules) -> Result<Vec<Option<Look>>> {
        let node = task.start..task.end;
        let n = node.len();
        let Self { columns, params, criterion, .. } = self;
        let follow = search::follows(&self.criterion, n, self.has_coarse);
        let open = memory::try_copied(self.features.open(task.n_constants))?;
        let rotates = columns.iter().any(|feature| feature.column.has_missing());
        let scratch = || Ok((memory::try_filled(if rotates { n } else { 0 }, 0)?, criterion.sides(n)?));
        let looks = parallel::map_with(ctx, open, scratch, |(spare, sides), feature| {
            let feature = feature as usize;
            let Feature { column, is_coarse, .. } = columns[feature];
            let list = lists.of(feature, node.clone());
            let sorted = search::look::<C>(column, list, !self.distinct[feature].has(&node));
            if follow && sorted.needs_order(criterion, n, is_coarse) {
                return Ok((feature, None));
            }
            let sign = params.monotonic.map_or(0, |signs| signs[feature]);
            let floor = f64::NEG_INFINITY;
            let candidate = search::scan(criterion, column, sorted, sign, rules, floor, list, (&mut spare[..], sides));
            Ok((feature, Some((sorted, candidate))))
        })?;
        let mut known = memory::try_filled(columns.len(), None)?;
        looks.into_iter().for_each(|(feature, look)| known[feature] = look);
        Ok(known)
    }

    /// Parts the samples of the node by the split found, and marks them in the lists.
    pub(super) fn part_listed(&mut self, lists: &mut Lists, task: &Task, found: Found) {
        let node = task.start..task.end;
        let Found { feature, candidate, .. } = found;
        let (low, missing) = found.leftmost(&self.columns);
        let goes_left = |rank: u32| rank <= low || rank == missing;
        lists.mark(feature, node.clone(), goes_left);
        if C::ORDERED {
            part(&mut self.order, &mut self.scratch.keys, |_, row| lists.is_left(row));
        } else {
            let (mut left, mut right) = (0, candidate.n_left);
            for &key in lists.of(feature, node.clone()) {
                let place = if goes_left(rank(key)) { &mut left } else { &mut right };
                self.order[*place] = key as u32;
                *place += 1;
            }
        }
        self.samples[node].copy_from_slice(&self.order);
    }

    /// Parts the lists of a node that was split, `depth` below the root, as far as its children will look at them.
    pub(super) fn part_lists(
        &mut self,
        ctx: &Context,
        lists: &mut Lists,
        task: &Task,
        depth: usize,
        split: &Split,
    ) -> Result<()> {
        let goes_on = |n: usize, impurity| !self.params.ends(depth + 1, n, impurity);
        let goes_on = GoesOn {
            left: goes_on(split.middle - task.start, split.left_impurity),
            right: goes_on(task.end - split.middle, split.right_impurity),
        };
        // Best first, nodes do not know what is constant.
        let known = if self.params.max_leaf_nodes.is_none() { split.n_constants } else { 0 };
        let node = task.start..task.end;
        // Unless missing values behind it go left, the list of the feature itself is parted.
        let is_parted = lists.is_parted(split.feature, node.clone());
        lists.part(ctx, self.features.open(known), is_parted.then_some(split.feature), node, goes_on)
    }
}
