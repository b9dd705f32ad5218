//! What a tree learns.

use crate::common::{Error, Result, error::check_length, memory};

/// The targets of all rows.
#[derive(Debug, Clone)]
pub enum Targets<'a> {
    /// Classification.
    Classes {
        /// Class of each row and output, of shape (`n_rows`, `n_classes.len()`) in row order, each below its `n_classes`.
        codes: &'a [u32],
        /// Number of classes of each output.
        n_classes: &'a [usize],
    },
    /// Regression.
    Values {
        /// Target of each row and output, of shape (`n_rows`, `n_outputs`) in row order.
        values: &'a [f64],
        /// Number of outputs.
        n_outputs: usize,
    },
}

impl Targets<'_> {
    /// Number of outputs.
    pub fn n_outputs(&self) -> usize {
        match self {
            Self::Classes { n_classes, .. } => n_classes.len(),
            Self::Values { n_outputs, .. } => *n_outputs,
        }
    }

    /// Most classes that an output has; 1 in regression.
    pub fn max_n_classes(&self) -> usize {
        match self {
            Self::Classes { n_classes, .. } => n_classes.iter().copied().max().unwrap_or(0),
            Self::Values { .. } => 1,
        }
    }

    /// # Errors
    /// Lengths that do not fit `n_rows`, no output, or a class out of range.
    pub(super) fn check(&self, n_rows: usize) -> Result<()> {
        if self.n_outputs() == 0 {
            return Err(Error::InvalidArgument("no output to learn"));
        }
        let expected = memory::checked_len(n_rows, self.n_outputs())?;
        match self {
            Self::Values { values, .. } => check_length("targets", values.len(), expected),
            Self::Classes { codes, n_classes } => {
                check_length("targets", codes.len(), expected)?;
                let known = |row: &[u32]| row.iter().zip(*n_classes).all(|(&code, &n)| (code as usize) < n);
                if codes.chunks_exact(n_classes.len()).all(known) {
                    Ok(())
                } else {
                    Err(Error::InvalidArgument("a class is out of range"))
                }
            }
        }
    }
}
