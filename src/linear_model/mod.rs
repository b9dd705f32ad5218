//! Linear models: what is learnt from sums over rows, and what a fitted model answers.

pub mod coordinate_descent;
pub mod descent;
pub mod huber;
pub mod iterative;
pub mod least_squares;
pub mod leave_one_out;
pub mod losses;
pub mod normal_equations;
pub mod objective;
pub mod predictions;
pub mod refine;
pub mod smooth;
pub mod sparse_moments;
pub mod stochastic;
