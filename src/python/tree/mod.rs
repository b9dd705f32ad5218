//! Python bindings for `tree`: [`grow`] makes trees, [`walk`] uses them, [`records`] takes them in and gives them out.

pub(super) mod grow;
pub(super) mod records;
pub(super) mod walk;

use pyo3::prelude::*;

/// Decision trees.
#[pymodule]
pub(super) mod tree {
    #[pymodule_export]
    use super::grow::{Columns, grow};
    #[pymodule_export]
    use super::walk::{apply, check, classify, decision_path, predict, prune, pruning_path, small_rows};
}
