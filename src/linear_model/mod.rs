//! Linear models: what is learnt from sums over rows, and what a fitted model answers.

pub mod answers;
pub mod least_squares;
pub mod moments;
pub mod refine;
pub mod sparse;
pub mod stochastic;
