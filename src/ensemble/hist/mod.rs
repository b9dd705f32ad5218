//! Histogram gradient boosting: values in at most 255 bins, trees grown on sums of gradients and hessians by bin.
//!
//! [`edges`] says where bins end, [`bins`] puts small integers in the place of values, [`histogram`] sums over rows, [`split`] finds the best split of a
//! node, [`grow`] a tree, [`boost`] tree after tree, and [`predictor`] makes of them what
//! scikit-learn stores; [`predict`] asks that.
//!
//! Reference: G. Ke et al., "LightGBM: a highly efficient gradient boosting decision tree", NIPS 30 (2017); rules, ties
//! and random draws are those of scikit-learn's `HistGradientBoosting` classes.

pub mod bins;
pub mod boost;
pub mod edges;
pub mod grow;
pub mod histogram;
pub mod loss;
pub mod predict;
pub mod predictor;
pub mod split;
