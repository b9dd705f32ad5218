//! Distances between many rows and a few points.

pub mod pairwise;
