//! Nearest neighbours.

pub mod kd_tree;
