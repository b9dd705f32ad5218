//! Weighted draws: `RandomState.choice` with `p`, to the bit.

use super::Mt19937;
use crate::common::{Error, Result, memory};

/// The cumulative distribution that `choice` searches: running sums of the probabilities, divided by the last.
///
/// Keeping it saves `choice`'s pass over all probabilities at every draw.
#[derive(Debug)]
pub struct Cumulative {
    sums: Vec<f64>,
}

impl Cumulative {
    /// From probabilities in order (they need not sum to one exactly).
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn new(len: usize, probabilities: impl Iterator<Item = f64>) -> Result<Self> {
        let mut sums = memory::try_with_capacity(len)?;
        let mut sum = 0.0;
        sums.extend(probabilities.take(len).map(|probability| {
            sum += probability;
            sum
        }));
        sums.iter_mut().for_each(|value| *value /= sum);
        Ok(Self { sums })
    }

    /// Index of the item that the uniform number `draw` selects.
    pub fn find(&self, draw: f64) -> usize {
        self.sums.partition_point(|&sum| sum <= draw)
    }

    /// One item: `choice(n, p=p)`.
    pub fn draw(&self, random: &mut Mt19937) -> usize {
        self.find(random.next_f64())
    }
}

/// `size` different items: `choice(n, size, replace=False, p=p)`.
///
/// # Errors
/// [`Error::TooFewNonZeroWeights`] when fewer than `size` items can be drawn; [`Error::OutOfMemory`].
pub fn without_replacement(probabilities: &[f64], size: usize, random: &mut Mt19937) -> Result<Vec<usize>> {
    if probabilities.iter().filter(|&&probability| probability > 0.0).count() < size {
        return Err(Error::TooFewNonZeroWeights);
    }
    let mut remaining = memory::try_copied(probabilities)?;
    let mut found: Vec<usize> = memory::try_with_capacity(size)?;
    let mut seen = memory::try_filled(probabilities.len(), false)?;
    while found.len() < size {
        // The whole round is drawn before any of it is looked up; repeats within it are dropped.
        let draws: Vec<f64> = (found.len()..size).map(|_| random.next_f64()).collect();
        found.iter().for_each(|&index| remaining[index] = 0.0);
        let cumulative = Cumulative::new(remaining.len(), remaining.iter().copied())?;
        for draw in draws {
            let index = cumulative.find(draw);
            if let Some(fresh @ false) = seen.get_mut(index) {
                *fresh = true;
                found.push(index);
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_probability_is_never_drawn() {
        let probabilities = [0.0, 0.5, 0.0, 0.5];
        let mut random = Mt19937::seeded(0);
        for _ in 0..50 {
            let found = without_replacement(&probabilities, 2, &mut random);
            assert!(matches!(found.as_deref(), Ok([1, 3] | [3, 1])));
        }
        assert!(matches!(without_replacement(&probabilities, 3, &mut random), Err(Error::TooFewNonZeroWeights)));
    }
}
