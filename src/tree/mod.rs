//! Decision trees: grown exactly as scikit-learn grows them, walked without recursion.
//!
//! [`nodes`] is what a tree is: one record per node, and the values of the nodes beside them. [`grow`] makes one;
//! [`check`] tells a tree from a table that only looks like one; [`walk`] sends samples down, many of them on a tree that
//! is [`packed`] or [`shallow`], and [`paths`] tells which nodes they pass; [`prune`] cuts branches off.

pub mod check;
pub mod grow;
pub mod nodes;
pub mod packed;
pub mod paths;
pub mod prune;
pub mod shallow;
pub mod walk;

pub use nodes::{Node, Tree};
