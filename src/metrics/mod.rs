//! Distances, and what is computed from them.

pub mod block;
pub mod distance;
pub mod leaf;
pub mod metric;
pub mod nan_euclidean;
pub mod pairwise;
pub mod sieve;
pub mod terms;
