//! Distances, and what is computed from them.

pub mod distance;
pub mod leaf;
pub mod pairwise;
