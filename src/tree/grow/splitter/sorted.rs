//! The best split of the features drawn, each sorted in each node.

use super::super::criteria::Criterion;
use super::super::search::{self, Rules, Samples, Scratch};
use super::super::stored;
use super::{Found, LARGE, Searched, Splitter, Task, threshold};
use crate::common::{Context, Result};

impl<C: Criterion> Splitter<'_, C> {
    /// The best split over all thresholds of the features drawn; leaves `order` as scikit-learn has the samples then.
    pub(super) fn best_sorted(&mut self, ctx: &Context, task: &Task, rules: &Rules) -> Result<Searched> {
        let n = task.end - task.start;
        let follow = search::follows(&self.criterion, n, self.has_coarse);
        let monotonic = self.params.monotonic;
        let samples = Samples { rows: &self.samples[task.start..task.end], at: &self.at, start: task.start };
        let n_looks = self.params.max_features.min(self.features.open(task.n_constants).len());
        let Self { columns, criterion, random, features, order, scratch, sparse, .. } = self;
        if let Some((stored, table)) = sparse {
            table.enter(criterion, stored, samples.rows, n_looks)?;
        }
        let mut draws = features.draws(task.n_constants, self.params.max_features);
        let (mut found, mut floor, mut last) = (None::<Found>, f64::NEG_INFINITY, None);
        let mut has_ranks = false;
        while let Some((drawn, feature)) = draws.next(random) {
            let column = columns[feature].column;
            last = Some(feature);
            if n >= LARGE {
                ctx.check()?;
            }
            let sign = monotonic.map_or(0, |signs| signs[feature]);
            let by_stored = sparse.is_some() && column.is_sparse() && !column.has_missing();
            let (is_constant, candidate) = match sparse.as_mut().filter(|_| by_stored) {
                Some((_, table)) => {
                    let keys = table.of(criterion, (feature, column), samples.rows, (samples.at, samples.start))?;
                    stored::scan(criterion, column, n, sign, rules, floor, (keys, &mut scratch.sides))
                }
                None => {
                    let kept = follow.then_some(&mut order[..]);
                    let sorted = search::sort(criterion, columns[feature], samples, kept, scratch);
                    let Scratch { keys, spare, sides, .. } = &mut *scratch;
                    let place = (&mut spare[..n], sides);
                    let candidate = search::scan(criterion, column, sorted, sign, rules, floor, &keys[..n], place);
                    if follow && !sorted.is_constant {
                        order.rotate_right(sorted.n_missing);
                    }
                    (sorted.is_constant, candidate)
                }
            };
            if is_constant {
                draws.constant(drawn);
                continue;
            }
            draws.varied(drawn);
            if let Some(candidate) = candidate {
                floor = candidate.proxy;
                found = Some(Found { feature, candidate, threshold: threshold(column, &candidate) });
                std::mem::swap(&mut scratch.ranks, &mut scratch.best);
                has_ranks = !by_stored;
            }
        }
        if let Some(found) = found.filter(|_| !has_ranks) {
            let ranks = &mut scratch.best[..n];
            columns[found.feature].column.gather(samples.rows, samples.at, samples.start, ranks);
        }
        if let Some(feature) = last.filter(|_| C::ORDERED && !follow && found.is_some()) {
            let sorted = search::sort(criterion, columns[feature], samples, None, scratch);
            order.iter_mut().zip(&scratch.keys[..n]).for_each(|(i, &key)| *i = key as u32);
            if !sorted.is_constant {
                order.rotate_right(sorted.n_missing);
            }
        }
        Ok(Searched { found, is_parted: false, n_constants: draws.finish() })
    }
}
