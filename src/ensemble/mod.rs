//! Ensembles of trees: grown side by side, and asked all at once.
//!
//! [`bootstrap`] draws the rows that a tree learns from, [`forest`] grows the trees, [`isolation`] those that only part the
//! samples; [`vote`] hears what trees say.

pub mod bootstrap;
pub mod forest;
pub mod isolation;
pub mod vote;
