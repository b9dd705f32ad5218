//! Ensembles of trees: grown side by side, and asked all at once.
//!
//! [`bootstrap`] draws the rows that a tree learns from, [`forest`] grows the trees, [`isolation`] those that only part the
//! samples; [`vote`] hears what trees say. [`boosting`] grows trees one after the other, and [`line_search`] decides what
//! their leaves say.

pub mod boosting;
pub mod bootstrap;
pub mod forest;
pub mod isolation;
pub mod line_search;
pub mod vote;
