//! The door of the tree room: [`grow`] makes trees, [`records`] gives them out.

mod grow;
mod records;

use pyo3::prelude::*;

/// Decision trees.
#[pymodule]
pub(super) mod tree {
    #[pymodule_export]
    use super::grow::{Columns, grow};
}
