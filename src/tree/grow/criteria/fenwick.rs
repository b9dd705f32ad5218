//! Prefix sums under insertion: weights and weighted targets by the rank of the target.
//!
//! A Fenwick tree (P. Fenwick, "A new data structure for cumulative frequency tables", 1994). What it sums and in which
//! order follows scikit-learn's, because the weighted median that is read off it decides ties between splits.

use crate::common::{Result, memory};

/// Sums over ranks `0..size`.
#[derive(Debug)]
pub(super) struct Fenwick {
    /// (Weight, weighted target) of the ranks that each place covers; place 0 is unused.
    sums: Vec<(f64, f64)>,
    size: usize,
    pub(super) total: (f64, f64),
}

/// Where a search ended: the sums below the rank found, that rank, and the one that the weights reach exactly, if the
/// weight sought falls between two ranks (else the same rank).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Found {
    pub(super) below: (f64, f64),
    pub(super) rank: usize,
    pub(super) previous: usize,
}

impl Fenwick {
    /// With room for `n` ranks.
    pub(super) fn new(n: usize) -> Result<Self> {
        Ok(Self { sums: memory::try_filled(n + 1, (0.0, 0.0))?, size: 0, total: (0.0, 0.0) })
    }

    /// Empties it for ranks `0..size`.
    pub(super) fn clear(&mut self, size: usize) {
        self.sums[..=size].fill((0.0, 0.0));
        self.size = size;
        self.total = (0.0, 0.0);
    }

    pub(super) fn add(&mut self, rank: usize, target: f64, weight: f64) {
        let weighted = weight * target;
        let mut place = rank + 1;
        while place <= self.size {
            self.sums[place].0 += weight;
            self.sums[place].1 += weighted;
            place += place & place.wrapping_neg();
        }
        self.total.0 += weight;
        self.total.1 += weighted;
    }

    /// The first rank at which the weights up to it exceed `weight`, which some do.
    pub(super) fn search(&self, weight: f64) -> Found {
        let mut walk = Walk { place: 0, left: weight, below: (0.0, 0.0) };
        let mut step = (self.size + 1).next_power_of_two() >> 1;
        while step > 0 {
            match self.sums.get(walk.place + step) {
                Some(&(here, _)) if walk.place + step <= self.size && here == walk.left => {
                    // The weight is met exactly: the median lies between the last rank below and the next one up.
                    let (mut previous, mut next) = (walk, walk);
                    for step in std::iter::successors(Some(step), |step| Some(step >> 1)).take_while(|&step| step > 0) {
                        self.step_if(&mut previous, step, |left, here| left > here);
                        self.step_if(&mut next, step, |left, here| left >= here);
                    }
                    return Found { below: next.below, rank: next.place, previous: previous.place };
                }
                _ => self.step_if(&mut walk, step, |left, here| left > here),
            }
            step >>= 1;
        }
        Found { below: walk.below, rank: walk.place, previous: walk.place }
    }

    fn step_if(&self, walk: &mut Walk, step: usize, goes: impl Fn(f64, f64) -> bool) {
        let place = walk.place + step;
        if place <= self.size && goes(walk.left, self.sums[place].0) {
            walk.left -= self.sums[place].0;
            walk.below.0 += self.sums[place].0;
            walk.below.1 += self.sums[place].1;
            walk.place = place;
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Walk {
    place: usize,
    left: f64,
    below: (f64, f64),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_finds_the_rank_that_exceeds() {
        let mut tree = Fenwick::new(10).unwrap();
        tree.clear(6);
        for (rank, weight) in [(1, 2.0), (3, 1.0), (4, 1.0)] {
            tree.add(rank, 10.0 * rank as f64, weight);
        }
        assert_eq!(tree.total, (4.0, 90.0));
        assert_eq!(tree.search(1.0), Found { below: (0.0, 0.0), rank: 1, previous: 1 });
        // Two on each side: between rank 1 and rank 3.
        assert_eq!(tree.search(2.0), Found { below: (2.0, 20.0), rank: 3, previous: 1 });
        assert_eq!(tree.search(3.5), Found { below: (3.0, 50.0), rank: 4, previous: 4 });
    }
}
