//! The one error type of the core. `src/python/error.rs` maps each variant to its Python exception in one match.

use std::any::Any;

/// What can go wrong below the Python boundary.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An allocation that grows with the data was refused.
    #[error("unable to allocate {bytes} bytes")]
    OutOfMemory {
        /// Size of the refused allocation, in bytes.
        bytes: usize,
    },
    /// Memory ran out in between.
    #[error("out of memory")]
    MemoryShort,
    /// The user asked to stop (Ctrl-C).
    #[error("interrupted")]
    Interrupted,
    /// Sampling without replacement asked for more items than have a positive probability.
    #[error("Fewer non-zero entries in p than size")]
    TooFewNonZeroWeights,
    /// A sparse matrix whose parts contradict each other.
    #[error("invalid CSR matrix: {0}")]
    InvalidCsr(&'static str),
    /// A stored model whose parts contradict each other.
    #[error("corrupt state: {0}")]
    Corrupt(&'static str),
    /// Arrays whose shapes do not fit together.
    #[error("{what} has length {actual}, expected {expected}")]
    Shape {
        /// Which argument.
        what: &'static str,
        /// Its length.
        actual: usize,
        /// The length that the other arguments call for.
        expected: usize,
    },
    /// An argument outside the domain of the algorithm.
    #[error("{0}")]
    InvalidArgument(&'static str),
    /// A function of the host (a Python callback) failed; the payload is the host's own error.
    #[error("a callback of the host failed")]
    Host(Box<dyn Any + Send>),
}

/// Result of everything fallible in the core.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Fails with [`Error::Shape`] unless `actual == expected`.
pub fn check_length(what: &'static str, actual: usize, expected: usize) -> Result<()> {
    if actual == expected { Ok(()) } else { Err(Error::Shape { what, actual, expected }) }
}
