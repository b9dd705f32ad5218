//! The rows that each tree of a forest learns from, drawn as scikit-learn draws them.
//!
//! A tree has a seed, and its rows follow from the seed: they are drawn when it is grown, and drawn again when somebody
//! asks which they were, so that nobody has to keep them.
//!
//! Reference: L. Breiman, "Random forests", Machine Learning 45 (2001).

use crate::common::random::Mt19937;
use crate::common::random::choice::Cumulative;
use crate::common::{Error, Result};

/// How rows are drawn, with replacement.
#[derive(Debug)]
pub struct Bootstrap {
    n_rows: usize,
    n_draws: usize,
    /// By the weight of each row; None: all alike.
    weighted: Option<Cumulative>,
}

impl Bootstrap {
    /// `n_draws` of `n_rows` rows; `probabilities` of shape (`n_rows`,), None: all alike.
    ///
    /// # Errors
    /// No row to draw from, probabilities for another number of rows, or memory refused.
    pub fn new(n_rows: usize, n_draws: usize, probabilities: Option<&[f64]>) -> Result<Self> {
        if n_rows == 0 || probabilities.is_some_and(|probabilities| probabilities.len() != n_rows) {
            return Err(Error::InvalidArgument("no rows to draw, or not one probability for each"));
        }
        let weighted = probabilities.map(|known| Cumulative::new(n_rows, known.iter().copied())).transpose()?;
        Ok(Self { n_rows, n_draws, weighted })
    }

    /// Rows to draw from.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Counts in `counts`, of shape (`n_rows`,), how often the tree of this seed has drawn each row.
    pub fn count(&self, seed: u32, counts: &mut [f64]) {
        counts.fill(0.0);
        let mut random = Mt19937::seeded(seed);
        for _ in 0..self.n_draws {
            let row = match &self.weighted {
                // Rounding may leave the last sum below 1 where the parent's search would end behind it as well.
                Some(weighted) => weighted.draw(&mut random).min(self.n_rows - 1),
                None => random.at_max(self.n_rows as u64 - 1) as usize,
            };
            counts[row] += 1.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_those_of_the_seed() -> Result<()> {
        // numpy.random.RandomState(7).randint(0, 5, 6) -> 4 1 3 3 4 1
        let mut counts = [0.0; 5];
        Bootstrap::new(5, 6, None)?.count(7, &mut counts);
        assert_eq!(counts, [0.0, 2.0, 0.0, 2.0, 2.0]);
        Ok(())
    }

    #[test]
    fn rows_without_weight_are_not_drawn() -> Result<()> {
        let mut counts = [9.0; 3];
        Bootstrap::new(3, 100, Some(&[0.5, 0.0, 0.5]))?.count(1, &mut counts);
        assert_eq!((counts[0] + counts[2], counts[1]), (100.0, 0.0));
        assert!(Bootstrap::new(3, 1, Some(&[1.0])).is_err());
        Ok(())
    }
}
