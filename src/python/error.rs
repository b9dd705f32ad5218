//! From the errors of the core to Python's exceptions: one match.

use pyo3::exceptions::{PyKeyboardInterrupt, PyMemoryError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;

use crate::common::Error;

pyo3::create_exception!(
    mlfast,
    InternalError,
    PyRuntimeError,
    "A bug in mlfast: a computation failed in a way that it should not."
);

pyo3::create_exception!(
    mlfast._core,
    UnsupportedInputError,
    PyValueError,
    "The data allow no answer; scikit-learn is asked to say why in its own words."
);

/// The exception that a core error becomes.
pub(super) fn exception(error: Error) -> PyErr {
    let message = error.to_string();
    match error {
        Error::OutOfMemory { .. } | Error::MemoryShort => PyMemoryError::new_err(message),
        Error::Interrupted => PyKeyboardInterrupt::new_err(()),
        Error::TooFewNonZeroWeights | Error::InvalidArgument(_) => UnsupportedInputError::new_err(message),
        Error::Corrupt(_) | Error::InvalidCsr(_) | Error::Shape { .. } => PyValueError::new_err(message),
        Error::Host(payload) => match payload.downcast::<PyErr>() {
            Ok(error) => *error,
            Err(_) => InternalError::new_err(message),
        },
    }
}

/// The exception that a panic becomes.
pub(super) fn from_panic(payload: &(dyn std::any::Any + Send)) -> PyErr {
    let text = payload.downcast_ref::<String>().map(String::as_str).or_else(|| payload.downcast_ref::<&str>().copied());
    InternalError::new_err(format!("{}: please report it", text.unwrap_or("panic")))
}
