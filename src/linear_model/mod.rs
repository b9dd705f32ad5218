//! Linear models: what is learnt from sums over rows, and what a fitted model answers.

pub mod answers;
pub mod iterative;
pub mod least_squares;
pub mod leave_one_out;
pub mod moments;
pub mod refine;
pub mod sparse_moments;
