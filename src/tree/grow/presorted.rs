//! The samples of every node in the order of every feature, without sorting in any node.
//!
//! Each feature has a list of all samples, sorted once. A node is the same range in every list. When it is split, each list
//! is parted with the order kept on both sides, so that the children are sorted, too.
//!
//! Reference: J. Shafer, R. Agrawal, M. Mehta, "SPRINT: A Scalable Parallel Classifier for Data Mining", 1996.

use std::borrow::Cow;
use std::ops::Range;

use super::columns::Feature;
use super::order::rank;
use crate::common::{Context, Result, memory, parallel};

/// Samples times features of a node from which on threads share it.
pub(super) const SHARED: usize = 50_000;

/// The lists of a tree.
pub(super) struct Lists<'a> {
    /// By feature, the keys of all samples: rank above, row below. They are those of the data until they are parted.
    keys: Vec<Cow<'a, [u64]>>,
    /// A bit per row: whether it goes left in the split last marked.
    sides: Vec<u64>,
    spare: Vec<u64>,
}

/// Which children go on to be split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GoesOn {
    pub(super) left: bool,
    pub(super) right: bool,
}

impl<'a> Lists<'a> {
    /// Of the rows that weigh something, `n_samples` of `n_rows`.
    pub(super) fn new(
        ctx: &Context,
        features: &[Feature<'a>],
        weights: Option<&[f64]>,
        n_samples: usize,
        n_rows: usize,
    ) -> Result<Self> {
        let mut weighs = memory::try_filled(n_rows, true)?;
        weighs.iter_mut().zip(weights.into_iter().flatten()).for_each(|(weighs, &weight)| *weighs = weight != 0.0);
        let keys = parallel::map(ctx, features.iter().collect(), |feature: &Feature<'a>| {
            if n_samples == n_rows {
                return Ok(Cow::Borrowed(feature.keys));
            }
            // One place more than there are samples: whatever has no weight is written over.
            let (mut keys, mut n) = (memory::try_filled(n_samples + 1, 0)?, 0);
            for &key in feature.keys {
                keys[n] = key;
                n += usize::from(weighs[key as u32 as usize]);
            }
            keys.truncate(n_samples);
            Ok(Cow::Owned(keys))
        })?;
        let sides = memory::try_filled(n_rows.div_ceil(64), 0)?;
        Ok(Self { keys, sides, spare: memory::try_filled(n_samples, 0)? })
    }

    /// The keys of a node.
    #[inline]
    pub(super) fn of(&self, feature: usize, node: Range<usize>) -> &[u64] {
        &self.keys[feature][node]
    }

    /// Marks the samples of a node whose rank for `feature` goes left.
    pub(super) fn mark(&mut self, feature: usize, node: Range<usize>, goes_left: impl Fn(u32) -> bool) {
        for &key in &self.keys[feature][node] {
            let (word, bit) = place(key as u32);
            let side = u64::from(goes_left(rank(key))) << bit;
            self.sides[word] = self.sides[word] & !(1 << bit) | side;
        }
    }

    /// Whether a sample of the node last marked goes left.
    #[inline]
    pub(super) fn is_left(&self, row: u32) -> bool {
        is_left(&self.sides, row)
    }

    /// Whether the list of the feature by which the node last marked was split is parted as it stands: the last of its
    /// samples, which may be missing values, goes right.
    pub(super) fn is_parted(&self, feature: usize, node: Range<usize>) -> bool {
        self.keys[feature][node].last().is_some_and(|&key| !self.is_left(key as u32))
    }

    /// Parts the lists of `features` but one in the node last marked.
    pub(super) fn part(
        &mut self,
        ctx: &Context,
        features: &[u32],
        but: Option<usize>,
        node: Range<usize>,
        goes_on: GoesOn,
    ) -> Result<()> {
        if !goes_on.left && !goes_on.right {
            return Ok(());
        }
        let Self { keys, sides, spare } = self;
        if ctx.threads() == 1 || node.len() * features.len() < SHARED {
            for &feature in features.iter().filter(|&&feature| Some(feature as usize) != but) {
                part(&mut own(&mut keys[feature as usize])?[node.clone()], spare, sides, goes_on);
            }
            return Ok(());
        }
        let mut is_open = memory::try_filled(keys.len(), false)?;
        features.iter().for_each(|&feature| is_open[feature as usize] = true);
        if let Some(feature) = but {
            is_open[feature] = false;
        }
        let open = keys.iter_mut().zip(is_open).filter(|(_, is_open)| *is_open);
        let jobs = open.map(|(keys, _)| keys).collect();
        let scratch = || memory::try_filled(node.len(), 0);
        parallel::map_with(ctx, jobs, scratch, |spare, keys| {
            part(&mut own(keys)?[node.clone()], spare, sides, goes_on);
            Ok(())
        })?;
        Ok(())
    }
}

/// A list that may be written to.
fn own<'b>(keys: &'b mut Cow<'_, [u64]>) -> Result<&'b mut [u64]> {
    if let Cow::Borrowed(of_data) = keys {
        *keys = Cow::Owned(memory::try_copied(of_data)?);
    }
    Ok(keys.to_mut())
}

/// Word and bit of a row.
#[inline]
fn place(row: u32) -> (usize, u32) {
    (row as usize / 64, row % 64)
}

#[inline]
fn is_left(sides: &[u64], row: u32) -> bool {
    let (word, bit) = place(row);
    sides[word] >> bit & 1 == 1
}

/// Parts one list, the order kept on both sides; the side that does not go on is lost.
fn part(keys: &mut [u64], spare: &mut [u64], sides: &[u64], goes_on: GoesOn) {
    let n = keys.len();
    match goes_on {
        GoesOn { left: true, right: true } => {
            let mut left = 0;
            for i in 0..n {
                let key = keys[i];
                keys[left] = key;
                spare[i - left] = key;
                left += usize::from(is_left(sides, key as u32));
            }
            keys[left..].copy_from_slice(&spare[..n - left]);
        }
        GoesOn { left: true, .. } => {
            let mut left = 0;
            for i in 0..n {
                let key = keys[i];
                keys[left] = key;
                left += usize::from(is_left(sides, key as u32));
            }
        }
        GoesOn { left: false, .. } => {
            let mut right = n;
            for i in (0..n).rev() {
                let key = keys[i];
                keys[right - 1] = key;
                right -= usize::from(!is_left(sides, key as u32));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::random::OurRandR;

    #[test]
    fn both_sides_keep_their_order() {
        let mut random = OurRandR::seeded(3);
        for n in [2_u64, 3, 8, 65, 200] {
            for fraction in 1..8 {
                let keys: Vec<u64> = (0..n).map(|i| i << 40 | (i * 37 % n)).collect();
                let mut sides = vec![0; n as usize / 64 + 1];
                for row in 1..n as u32 {
                    sides[row as usize / 64] |= u64::from(random.draw() % 8 < fraction) << (row % 64);
                }
                sides[0] |= 1; // a split has two sides
                sides[(n as usize - 1) / 64] &= !(1 << ((n - 1) % 64));
                let (left, right): (Vec<u64>, Vec<u64>) = keys.iter().partition(|&&key| is_left(&sides, key as u32));
                for (goes_left, goes_right) in [(true, true), (true, false), (false, true)] {
                    let mut parted = keys.clone();
                    let goes_on = GoesOn { left: goes_left, right: goes_right };
                    part(&mut parted, &mut vec![0; n as usize], &sides, goes_on);
                    assert!(!goes_left || parted[..left.len()] == left);
                    assert!(!goes_right || parted[left.len()..] == right);
                }
            }
        }
    }
}
