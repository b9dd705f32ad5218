//! The coordinates that a descent still looks at, in the order of this pass.

use crate::common::random::Mt19937;
use crate::common::{Context, Result, memory};

/// How far ahead a coordinate is announced: memory answers about as late as so many steps take.
const AHEAD: usize = 4;
/// Coordinates between two looks at whether the user wants to stop.
const BETWEEN_CHECKS: usize = 512;

/// A permutation of all coordinates, those that are looked at first.
#[derive(Debug)]
pub(super) struct Active {
    order: Vec<u32>,
    len: usize,
}

impl Active {
    /// All of `0..len`.
    pub(super) fn new(len: usize) -> Result<Self> {
        let mut order = memory::try_with_capacity(len)?;
        order.extend(0..len as u32);
        Ok(Self { order, len })
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Looks at the first `len` coordinates from now on.
    pub(super) fn resize(&mut self, len: usize) {
        self.len = len.min(self.order.len());
    }

    /// Looks at all coordinates again; false if it did so before.
    pub(super) fn widen(&mut self) -> bool {
        let grows = self.len < self.order.len();
        self.len = self.order.len();
        grows
    }

    /// Draws the order of the next pass.
    pub(super) fn shuffle(&mut self, random: &mut Mt19937) {
        let mut left = &mut self.order[..self.len];
        while !left.is_empty() {
            let other = random.scaled_below(left.len() as u32) as usize;
            left.swap(0, other);
            left = &mut left[1..];
        }
    }

    /// The coordinate at a position, if there is one.
    #[inline(always)]
    pub(super) fn get(&self, position: usize) -> Option<usize> {
        self.order[..self.len].get(position).map(|&index| index as usize)
    }

    /// Looks no more at the coordinate at a position; another one takes its place.
    pub(super) fn drop(&mut self, position: usize) {
        self.len -= 1;
        self.order.swap(position, self.len);
    }
}

/// What a visit of [`visit`] finds out about a coordinate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Keep,
    Drop,
}

/// Visits the coordinates in their order, each with one that will soon follow it.
///
/// # Errors
/// [`crate::common::Error::Interrupted`].
#[inline]
pub(super) fn visit(
    ctx: &Context,
    active: &mut Active,
    mut look: impl FnMut(usize, Option<usize>) -> Verdict,
) -> Result<()> {
    let (mut position, mut left) = (0, 0_usize);
    while let Some(index) = active.get(position) {
        if left == 0 {
            ctx.check()?;
            left = BETWEEN_CHECKS;
        }
        left -= 1;
        match look(index, active.get(position + AHEAD)) {
            Verdict::Keep => position += 1,
            Verdict::Drop => active.drop(position),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_coordinate_is_visited_once_and_dropped_ones_return() {
        let mut active = Active::new(10).expect("memory");
        active.shuffle(&mut Mt19937::seeded(3));
        let mut seen = Vec::new();
        let look = |index: usize, _| {
            seen.push(index);
            if index.is_multiple_of(3) { Verdict::Drop } else { Verdict::Keep }
        };
        visit(&Context::serial(), &mut active, look).expect("not interrupted");
        assert_ne!(seen, (0..10).collect::<Vec<_>>());
        seen.sort_unstable();
        assert_eq!(seen, (0..10).collect::<Vec<_>>());
        assert_eq!(active.len(), 6);
        assert!((0..6).all(|position| active.get(position).is_some_and(|index| !index.is_multiple_of(3))));
        assert!(active.widen() && !active.widen());
    }
}
