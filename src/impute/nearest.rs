//! The donors nearest to a row, of all that are offered.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::common::{Float, Result, memory};

/// A donor and its squared distance, ordered by distance and then by index.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Donor<F> {
    pub(super) square: F,
    pub(super) row: usize,
}

impl<F: Float> Eq for Donor<F> {}

impl<F: Float> PartialOrd for Donor<F> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<F: Float> Ord for Donor<F> {
    fn cmp(&self, other: &Self) -> Ordering {
        // No NaN gets here: [`Nearest::bound`] turns it away.
        self.square.partial_cmp(&other.square).unwrap_or(Ordering::Equal).then(self.row.cmp(&other.row))
    }
}

/// The `most` smallest of the donors offered so far.
#[derive(Debug)]
pub(super) struct Nearest<F> {
    heap: BinaryHeap<Donor<F>>,
    most: usize,
}

impl<F: Float> Nearest<F> {
    pub(super) fn new(most: usize) -> Result<Self> {
        Ok(Self { heap: BinaryHeap::from(memory::try_with_capacity(most)?), most })
    }

    /// What a squared distance must be below to be taken. Donors come in the order of their rows, so that of two at the
    /// same distance the earlier stays.
    pub(super) fn bound(&self) -> F {
        match self.heap.peek() {
            Some(farthest) if self.heap.len() == self.most => farthest.square,
            _ => F::INFINITY,
        }
    }

    /// Takes a donor whose squared distance is below [`Nearest::bound`].
    pub(super) fn take(&mut self, donor: Donor<F>) {
        if self.heap.len() < self.most {
            self.heap.push(donor);
        } else if let Some(mut farthest) = self.heap.peek_mut() {
            *farthest = donor;
        }
    }

    /// The donors, nearest first.
    pub(super) fn into_sorted(self) -> Vec<Donor<F>> {
        self.heap.into_sorted_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::random::Mt19937;

    #[test]
    fn the_smallest_stay_and_of_equals_the_first() {
        let mut random = Mt19937::seeded(3);
        for most in [1, 2, 7, 50, 300] {
            let mut donors: Vec<Donor<f64>> =
                (0..200).map(|row| Donor { square: (random.next_f64() * 20.0).floor(), row }).collect();
            donors[17].square = f64::NAN;
            let mut nearest = Nearest::new(most).unwrap();
            for &donor in &donors {
                if donor.square < nearest.bound() {
                    nearest.take(donor);
                }
            }
            donors.remove(17);
            donors.sort();
            donors.truncate(most);
            assert_eq!(nearest.into_sorted(), donors);
        }
    }
}
