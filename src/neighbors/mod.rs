//! Nearest neighbours.
//!
//! Every answer is exact in f64 and ordered by (distance, index), so it depends neither on the algorithm nor on threads.

pub mod brute;
pub mod candidates;
pub mod geometry;
pub mod index;
pub mod lists;
pub mod top_k;
pub mod vote;
