//! The best of one random threshold for each of the features drawn.

use super::super::criteria::Criterion;
use super::super::part::part;
use super::super::search::{self, Candidate, Rules, Samples, Scratch};
use super::{Found, LARGE, Searched, Splitter, Task};
use crate::common::{Context, Result};

/// Largest number of the generator.
const RAND_R_MAX: f64 = 2_147_483_647.0;

impl<C: Criterion> Splitter<'_, C> {
    /// The best of one random threshold for each of the features drawn.
    pub(super) fn random(&mut self, ctx: &Context, task: &Task, rules: &Rules) -> Result<Searched> {
        let n = task.end - task.start;
        let monotonic = self.params.monotonic;
        let samples = Samples { rows: &self.samples[task.start..task.end], at: &self.at, start: task.start };
        let Self { columns, criterion, random, features, order, scratch, .. } = self;
        let mut draws = features.draws(task.n_constants, self.params.max_features);
        let (mut found, mut floor, mut last) = (None::<Found>, f64::NEG_INFINITY, 0);
        while let Some((drawn, feature)) = draws.next(random) {
            if n >= LARGE {
                ctx.check()?;
            }
            let column = columns[feature].column;
            last = feature;
            let Scratch { ranks, keys, sides, .. } = &mut *scratch;
            let (ranks, keys) = (&mut ranks[..n], &mut keys[..n]);
            column.gather(samples.rows, samples.at, samples.start, ranks);
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
                let goes_left = |rank: u32| rank <= low || rank == missing;
                let n_left = part(order, keys, |i| goes_left(ranks[i as usize]));
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
        let is_parted = C::ORDERED && found.is_some_and(|found| found.feature == last);
        Ok(Searched { found, is_parted, n_constants: draws.finish() })
    }
}
