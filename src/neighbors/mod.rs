//! Nearest neighbours.
//!
//! Every answer is exact in f64 and ordered by (distance, index), or by index within a radius, so it depends neither on the algorithm nor on threads.

pub mod all_pairs;
pub mod brute;
pub mod candidates;
pub mod density;

pub mod geometry;
pub mod index;
pub mod kd_tree;
pub mod nearest_centroid;
pub mod results;
pub mod sparse;
#[cfg(test)]
mod tests;
pub mod topk;
pub mod vote;
pub mod within;
