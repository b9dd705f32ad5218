//! Distances, and what is computed from them.

pub mod distance;
pub mod nan_euclidean;
pub mod pairwise;
