//! Calls with a few plain rows, which need no more checks than these: one gate and one limit for all of them.
//!
//! Such a call has microseconds. It hands over the estimator's `__dict__` and its argument, and reads in place what it
//! needs of both; where anything is not as expected it returns None, and the call takes the long way, which validates.

use numpy::{Element, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::array::Values;
use crate::common::Float;
use crate::linalg::Dense;

/// Numbers up to which a call is small: it is not worth a release of the GIL.
pub(super) const MAX_VALUES: usize = 1 << 16;
/// Rows up to which it is, where each is compared with more than one vector.
pub(super) const MAX_ROWS: usize = 64;

/// The rows of a small call.
pub(super) struct SmallRows<'py, F: Element> {
    values: Values<'py, F>,
}

impl<'py, F: Element + Float> SmallRows<'py, F> {
    /// Of an argument that is a plain matrix of finite numbers of this type, given to an estimator without names of
    /// features; at most `max_rows` of them.
    pub(super) fn new(state: &Bound<'py, PyDict>, x: &Bound<'py, PyAny>, max_rows: usize) -> Option<Self> {
        let shape = x.cast_exact::<PyUntypedArray>().ok()?;
        let is_small = shape.ndim() == 2 && (1..=MAX_VALUES).contains(&shape.len()) && shape.shape()[0] <= max_rows;
        if !is_small || state.contains(intern!(x.py(), "feature_names_in_")).ok()? {
            return None;
        }
        let values = Values::in_place(x)?;
        values.slice().iter().all(|value: &F| value.is_finite()).then_some(Self { values })
    }

    /// The rows.
    pub(super) fn view(&self) -> Option<Dense<'_, F>> {
        let &[n_rows, n_cols] = self.values.shape() else { return None };
        Dense::new(self.values.slice(), n_rows, n_cols).ok()
    }
}

/// An array of this type that an estimator holds under this name.
pub(super) fn held<'py, F: Element>(
    state: &Bound<'py, PyDict>,
    name: &Bound<'py, pyo3::types::PyString>,
) -> Option<Values<'py, F>> {
    Values::in_place(&state.get_item(name).ok()??)
}
