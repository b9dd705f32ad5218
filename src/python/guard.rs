//! Whether the names behind a method mean what they meant: a part of every call, so written for nanoseconds.
//!
//! The interpreter gives each state of a class a number of its own, its version: once an attribute of the class or of a
//! base is set or deleted the number is gone for good, and the next lookup brings another. So a class whose version was
//! seen before has no name that was not seen then. An instance may hold attributes of its own beside it.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyType};

/// Where a type holds its version: behind 48 words of CPython's `PyTypeObject`. Python looks whether it does
/// (`mlfast._guard`) before it relies on it.
const VERSION_AT: usize = 48 * size_of::<usize>();
/// Versions that are remembered: of the class itself and of subclasses.
const KNOWN: usize = 4;

/// The version of a class; 0 if it has none at present.
fn version_of(cls: *mut ffi::PyTypeObject) -> u32 {
    // SAFETY: every class is a `PyTypeObject`, which is longer than this, and aligned as pointers are. The interpreter
    // writes the word whole; any value is a number.
    unsafe { (*cls.cast::<u8>().add(VERSION_AT).cast::<AtomicU32>()).load(Ordering::Relaxed) }
}

/// Versions of classes in which nothing is overridden, and names that an instance must not hold.
#[pyclass(frozen, module = "mlfast._core.guard")]
pub(super) struct Seal {
    names: Vec<Py<PyString>>,
    versions: [AtomicU32; KNOWN],
    next: AtomicUsize,
}

#[pymethods]
impl Seal {
    #[new]
    fn new(py: Python<'_>, names: Vec<String>) -> Self {
        let names = names.iter().map(|name| PyString::intern(py, name).unbind()).collect();
        Self { names, versions: Default::default(), next: AtomicUsize::new(0) }
    }

    /// Whether the class of an instance has a version that is known, and the instance none of the names.
    #[pyo3(signature = (instance, /))]
    fn holds(&self, instance: &Bound<'_, PyAny>) -> bool {
        // SAFETY: a live object, which has a type.
        let version = version_of(unsafe { ffi::Py_TYPE(instance.as_ptr()) });
        version != 0
            && self.versions.iter().any(|known| known.load(Ordering::Relaxed) == version)
            && !self.has_own(instance)
    }

    /// Remembers a version as one in which nothing is overridden.
    fn trust(&self, version: u32) {
        self.versions[self.next.fetch_add(1, Ordering::Relaxed) % KNOWN].store(version, Ordering::Relaxed);
    }
}

impl Seal {
    /// Whether an instance has an attribute of one of the names.
    fn has_own(&self, instance: &Bound<'_, PyAny>) -> bool {
        if self.names.is_empty() {
            return false;
        }
        let py = instance.py();
        // SAFETY: a live object; what comes back is a new reference or null with an exception set.
        let state = unsafe { ffi::PyObject_GenericGetDict(instance.as_ptr(), std::ptr::null_mut()) };
        // SAFETY: as said.
        let Ok(state) = (unsafe { Bound::from_owned_ptr_or_err(py, state) }) else { return true };
        // SAFETY: a dictionary, and live keys; strings compare without running any code of others.
        self.names.iter().any(|name| unsafe { ffi::PyDict_Contains(state.as_ptr(), name.as_ptr()) } != 0)
    }
}

/// Guards around methods.
#[pymodule]
pub(super) mod guard {
    use super::*;

    #[pymodule_export]
    use super::Seal;

    /// The version of a class; 0 if it has none at present.
    #[pyfunction]
    fn version(cls: &Bound<'_, PyType>) -> u32 {
        version_of(cls.as_type_ptr())
    }
}
