//! The rows and features that an estimator of a bagging ensemble learns from, drawn as scikit-learn draws them.
//!
//! They follow from the estimator's seed: the features are drawn first, then the rows.
//!
//! References: L. Breiman, "Bagging predictors", Machine Learning 24 (1996); G. Louppe, P. Geurts, "Ensembles on random
//! patches", ECML 2012.

use crate::common::error::check_length;
use crate::common::random::choice::{self, Cumulative};
use crate::common::random::{Mt19937, distinct};
use crate::common::{Error, Result, memory};

/// How many of something are drawn.
#[derive(Debug, Clone, Copy)]
pub struct Draws {
    /// So many.
    pub n: usize,
    /// Whether one may be drawn more than once.
    pub replace: bool,
}

impl Draws {
    /// Of `among`, all alike.
    fn plain(self, among: usize, random: &mut Mt19937) -> Result<Vec<usize>> {
        if !self.replace {
            return distinct(among, self.n, random);
        }
        let mut drawn = memory::try_filled(self.n, 0)?;
        random.fill_below(among, &mut drawn);
        Ok(drawn)
    }
}

/// How subsamples are drawn.
#[derive(Debug)]
pub struct Subsamples<'a> {
    n_rows: usize,
    n_features: usize,
    rows: Draws,
    features: Draws,
    probabilities: Option<&'a [f64]>,
    /// Of the probabilities, where they are drawn with replacement.
    cumulative: Option<Cumulative>,
}

/// What one estimator learns from.
#[derive(Debug)]
pub struct Subsample {
    /// The rows, as they were drawn.
    pub rows: Vec<usize>,
    /// The features, in their order.
    pub features: Vec<usize>,
}

impl<'a> Subsamples<'a> {
    /// From data of shape `(n_rows, n_features)`; `probabilities` of shape (`n_rows`,), None: all rows alike.
    ///
    /// # Errors
    /// Nothing to draw from, probabilities for another number of rows, or memory refused.
    pub fn new(
        (n_rows, n_features): (usize, usize),
        probabilities: Option<&'a [f64]>,
        rows: Draws,
        features: Draws,
    ) -> Result<Self> {
        check_length("probabilities", probabilities.map_or(n_rows, <[f64]>::len), n_rows)?;
        if n_rows == 0 || n_features == 0 {
            return Err(Error::InvalidArgument("nothing to draw from"));
        }
        let cumulative = match probabilities {
            Some(known) if rows.replace => Some(Cumulative::new(n_rows, known.iter().copied())?),
            _ => None,
        };
        Ok(Self { n_rows, n_features, rows, features, probabilities, cumulative })
    }

    /// Whether every estimator has all features, in the order of the data.
    pub fn have_all_features(&self) -> bool {
        !self.features.replace && self.features.n == self.n_features
    }

    /// Features that an estimator has.
    pub fn features_each(&self) -> usize {
        self.features.n
    }

    /// Rows of the data.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// The subsample of the estimator of this seed.
    ///
    /// # Errors
    /// More to draw than there is, or memory refused.
    pub fn draw(&self, seed: u32) -> Result<Subsample> {
        let mut random = Mt19937::seeded(seed);
        let features = self.features.plain(self.n_features, &mut random)?;
        let rows = match (&self.cumulative, self.probabilities) {
            (Some(cumulative), _) => {
                let mut drawn = memory::try_filled(self.rows.n, 0)?;
                // Rounding may leave the last sum below 1 where the parent's search would end behind it as well.
                drawn.iter_mut().for_each(|row| *row = cumulative.draw(&mut random).min(self.n_rows - 1));
                drawn
            }
            (None, Some(known)) => choice::without_replacement(known, self.rows.n, &mut random)?,
            (None, None) => self.rows.plain(self.n_rows, &mut random)?,
        };
        Ok(Subsample { rows, features })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_scikit_learns() -> Result<()> {
        // The rows and features of sklearn.ensemble._bagging._generate_bagging_indices(7, ..., 4, 5, 2, 3, ...)
        for ((replace_features, replace_rows, weights), (features, rows)) in EXPECTED {
            let rows_drawn = Draws { n: 3, replace: replace_rows };
            let features_drawn = Draws { n: 2, replace: replace_features };
            let subsamples = Subsamples::new((5, 4), weights, rows_drawn, features_drawn)?;
            let subsample = subsamples.draw(7)?;
            assert_eq!((subsample.features, subsample.rows), (features.to_vec(), rows.to_vec()));
            assert!(!subsamples.have_all_features());
        }
        Ok(())
    }

    #[test]
    fn all_features_come_in_their_order() -> Result<()> {
        let draws = Draws { n: 6, replace: false };
        let subsamples = Subsamples::new((6, 6), None, draws, draws)?;
        assert!(subsamples.have_all_features());
        assert_eq!(subsamples.draw(3)?.features, [0, 1, 2, 3, 4, 5]);
        Ok(())
    }

    #[test]
    fn more_than_there_is_cannot_be_drawn() -> Result<()> {
        let draws = |n| Draws { n, replace: false };
        assert!(Subsamples::new((5, 4), None, draws(6), draws(4))?.draw(0).is_err());
        assert!(Subsamples::new((5, 4), None, draws(5), draws(5))?.draw(0).is_err());
        assert!(Subsamples::new((0, 4), None, draws(0), draws(4)).is_err());
        assert!(Subsamples::new((5, 4), Some(&[1.0]), draws(1), draws(4)).is_err());
        Ok(())
    }

    type Case = ((bool, bool, Option<&'static [f64]>), ([usize; 2], [usize; 3]));
    const WEIGHTS: Option<&[f64]> = Some(&[0.25, 0.0, 0.125, 0.5, 0.125]);
    const EXPECTED: [Case; 5] = [
        ((false, true, None), ([2, 1], [3, 3, 4])),
        ((true, false, None), ([3, 0], [3, 4, 0])),
        ((true, true, None), ([3, 0], [1, 3, 3])),
        ((false, true, WEIGHTS), ([2, 1], [2, 4, 3])),
        ((false, false, WEIGHTS), ([2, 1], [2, 4, 3])),
    ];
}
