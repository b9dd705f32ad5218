//! Ensembles of trees: grown side by side, and asked all at once.
//!
//! [`bootstrap`] draws the rows that a tree learns from, [`forest`] grows the trees, [`vote`] hears what they say.

pub mod bootstrap;
pub mod forest;
pub mod vote;
