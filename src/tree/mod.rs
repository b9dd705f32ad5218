//! Decision trees: grown exactly as scikit-learn grows them, walked without recursion.
//!
//! [`nodes`] is what a tree is: one row per node, and the values of the nodes beside them. [`grow`] makes one.

pub mod grow;
pub mod nodes;

pub use nodes::{Node, Tree};
