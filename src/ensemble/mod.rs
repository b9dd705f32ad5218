//! Ensembles of trees: grown side by side, and asked all at once.
//!
//! [`bootstrap`] draws the rows that a tree of a forest learns from, [`subsample`] those, and the features, of bagging.
//! [`forest`] and [`bagging`] grow the trees, [`isolation`] those that only part the samples. [`boosting`] grows trees one
//! after the other, and [`line_search`] decides what their leaves say. [`vote`] hears what trees say, [`boosted`] those of
//! unequal weight. [`hist`] boosts on histograms.

pub mod bagging;
pub mod boosting;
pub mod bootstrap;
pub mod forest;
pub mod hist;
pub mod isolation;
pub mod line_search;
pub mod subsample;
pub mod vote;
pub mod weighted_vote;
