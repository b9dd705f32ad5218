//! Thread counts, for Python and for threadpoolctl (which calls the exported C functions).

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::common::parallel;
use crate::common::settings::settings;

/// Threads that a call uses when it does not say.
#[pyfunction]
pub(super) fn get_num_threads() -> usize {
    parallel::num_threads()
}

/// Chooses the number of threads; None goes back to the cap of this process.
#[pyfunction]
pub(super) fn set_num_threads(n_threads: Option<usize>) -> PyResult<()> {
    if n_threads == Some(0) {
        return Err(PyValueError::new_err("n_threads must be at least 1"));
    }
    parallel::set_num_threads(n_threads);
    Ok(())
}

/// Name of the instruction set in use. ValueError if MLFAST_ISA names one that this machine lacks, or if
/// MLFAST_NUM_THREADS is no number of threads.
#[pyfunction]
pub(super) fn instruction_set() -> PyResult<&'static str> {
    if let Some(text) = &settings().refused_threads {
        return Err(PyValueError::new_err(format!(
            "MLFAST_NUM_THREADS={text:?}: it must be a whole number of at least 1"
        )));
    }
    match &settings().refused_isa {
        Some(name) => Err(PyValueError::new_err(format!(
            "MLFAST_ISA={name:?}: this machine knows none of that name; choose portable, avx2 or avx512"
        ))),
        None => Ok(settings().isa.name()),
    }
}

/// For threadpoolctl: see `mlfast/_threads.py`.
#[unsafe(no_mangle)]
#[allow(unreachable_pub)] // exported by name
pub extern "C" fn mlfast_get_num_threads() -> i32 {
    i32::try_from(parallel::num_threads()).unwrap_or(i32::MAX)
}

/// For threadpoolctl: see `mlfast/_threads.py`. A number below 1 goes back to the cap of this process.
#[unsafe(no_mangle)]
#[allow(unreachable_pub)] // exported by name
pub extern "C" fn mlfast_set_num_threads(n_threads: i32) {
    parallel::set_num_threads(usize::try_from(n_threads).ok().filter(|&threads| threads > 0));
}
