//! Decision trees: grown exactly as scikit-learn grows them, walked without recursion.
//!
//! [`nodes`] is what a tree is: one record per node, and the values of the nodes beside them. [`grow`] makes one;
//! [`check`] tells a tree from a table that only looks like one; [`packed`] and [`walk`] send samples down, [`prune`]
//! cuts branches off.

pub mod check;
pub mod grow;
pub mod nodes;
pub mod packed;
pub mod prune;
pub mod walk;

pub use nodes::{Node, Tree};
