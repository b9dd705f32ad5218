//! Distances, and what is computed from them.

pub mod block;
pub mod distance;
pub mod expanded;
pub mod leaf;
pub mod matrix;
pub mod metric;
pub mod nan_euclidean;
pub mod nearest;
pub mod pairwise;
mod range;
pub mod sieve;
pub mod sparse;
mod strips;
pub mod terms;
