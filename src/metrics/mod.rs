//! Distances, and what is computed from them.

pub mod distance;
pub mod pairwise;
pub mod sieve;
