//! Clustering.

pub mod kmeans;
