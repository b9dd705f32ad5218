//! The door of the tree room: [`records`] takes trees in and gives them out, [`walk`] uses them.

mod records;
mod walk;

use pyo3::prelude::*;

/// Decision trees.
#[pymodule]
pub(super) mod tree {
    #[pymodule_export]
    use super::walk::{apply, check, classify, decision_path, few, predict, prune, pruning_path};
}
