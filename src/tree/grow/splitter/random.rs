//! The best of one random threshold for each of the features drawn.

use super::super::criteria::Criterion;
use super::super::part::part;
use super::super::search::{self, Candidate, Rules, Samples, Scratch};
use super::{Found, LARGE, Searched, Splitter, Task};
use crate::common::{Context, Result};

/// Largest number of the generator.
const RAND_R_MAX: f64 = 2_147_483_647.0;

/// Largest number of samples of a node whose rows, once read, are still in the cache when the next feature is.
const NEAR: usize = 2048;

impl<C: Criterion> Splitter<'_, C> {
    /// The best of one random threshold for each of the features drawn.
    pub(super) fn random(&mut self, ctx: &Context, task: &Task, rules: &Rules) -> Result<Searched> {
        let n = task.end - task.start;
        let monotonic = self.params.monotonic;
        let samples = Samples { rows: &self.samples[task.start..task.end], at: &self.at, start: task.start };
        let by_row = self.by_row;
        let Self { columns, criterion, random, features, order, scratch, cells, .. } = self;
        let cells = cells.filter(|_| n <= NEAR);
        // The ranks of samples, in the order in which they are; that of the node if no order is kept.
        let gather = |feature: usize, order: &[u32], ranks: &mut [u32], spare: &mut [u32]| {
            let column = columns[feature].column;
            let rows = if by_row { order } else { samples.rows };
            if let Some(cells) = cells {
                let cell = |row: u32| cells[row as usize * columns.len() + feature];
                ranks.iter_mut().zip(rows).for_each(|(rank, &row)| *rank = cell(row));
            } else if by_row || !C::ORDERED {
                column.gather(rows, samples.at, samples.start, ranks);
            } else {
                column.gather(rows, samples.at, samples.start, spare);
                ranks.iter_mut().zip(order).for_each(|(rank, &i)| *rank = spare[i as usize]);
            }
        };
        let mut draws = features.draws(task.n_constants, self.params.max_features);
        let (mut found, mut floor, mut last) = (None::<Found>, f64::NEG_INFINITY, 0);
        while let Some((drawn, feature)) = draws.next(random) {
            if n >= LARGE {
                ctx.check()?;
            }
            let column = columns[feature].column;
            last = feature;
            let Scratch { ranks, best, keys, sides, .. } = &mut *scratch;
            let (ranks, keys) = (&mut ranks[..n], &mut keys[..n]);
            gather(feature, order, ranks, &mut best[..n]);
            let (mut least, mut most) = (u32::MAX, 0);
            for &rank in &*ranks {
                (least, most) = (least.min(rank), most.max(rank));
            }
            let mut n_missing = 0;
            if most == column.missing() {
                // No rank is larger than that of missing values, and no value has it.
                n_missing = ranks.iter().filter(|&&rank| rank == most).count();
                most = ranks.iter().copied().filter(|&rank| rank != most).max().unwrap_or(0);
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
            let n_left = if C::ORDERED {
                let n_left = part(order, keys, |place, _| (ranks[place] <= low) | (ranks[place] == missing));
                keys.iter_mut().zip(&*order).for_each(|(key, &i)| *key = u64::from(criterion.payload(i as usize)));
                n_left
            } else {
                criterion.divide(sides, ranks, low, missing)
            };
            if n_left < rules.min_samples_leaf || n - n_left < rules.min_samples_leaf {
                continue;
            }
            if C::ORDERED {
                criterion.reset(sides, keys);
                criterion.advance(sides, keys, n_left);
            }
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
        if let Some(found) = found.filter(|found| C::ORDERED && found.feature != last) {
            let (low, missing) = found.leftmost(columns);
            let Scratch { ranks, best, keys, .. } = &mut *scratch;
            gather(found.feature, order, &mut ranks[..n], &mut best[..n]);
            part(order, keys, |place, _| (ranks[place] <= low) | (ranks[place] == missing));
        }
        Ok(Searched { found, is_parted: C::ORDERED, n_constants: draws.finish() })
    }
}
