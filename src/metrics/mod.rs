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
pub mod prefilter;
mod range;
pub mod sparse;
pub mod terms;
mod tiles;
