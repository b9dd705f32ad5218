//! Python bindings: the only folder that knows Python.
//!
//! [`array`] takes arrays in, [`run`] is the one way from Python into a computation, [`error`] the one way back when it
//! fails, [`random`] carries generator states to and fro; then one thin file per room.

mod array;
mod boosting;
mod centroids;
mod cluster;
mod ensemble;
mod error;
mod guard;
mod hist;
mod host;
mod impute;
mod linear_cd;
mod linear_descent;
mod linear_huber;
mod linear_model;
mod linear_sag;
mod linear_sgd;
mod linear_smooth;
mod metrics;
mod naive_bayes;
mod neighbors;
mod neural_network;
mod random;
mod reserve;
mod run;
mod small;
mod svm;
mod threads;
mod tree;

use pyo3::prelude::*;

/// The compiled core of mlfast.
#[pymodule(gil_used = false)]
mod _core {
    use super::*;

    #[pymodule_export]
    use super::centroids::centroids;
    #[pymodule_export]
    use super::cluster::cluster;
    #[pymodule_export]
    use super::ensemble::ensemble;
    #[pymodule_export]
    use super::error::{InternalError, UnsupportedInputError};
    #[pymodule_export]
    use super::guard::guard;
    #[pymodule_export]
    use super::impute::impute;
    #[pymodule_export]
    use super::linear_model::linear_model;
    #[pymodule_export]
    use super::metrics::metrics;
    #[pymodule_export]
    use super::naive_bayes::naive_bayes;
    #[pymodule_export]
    use super::neighbors::neighbors;
    #[pymodule_export]
    use super::neural_network::neural_network;
    #[pymodule_export]
    use super::random::random;
    #[pymodule_export]
    use super::svm::svm;
    #[pymodule_export]
    use super::threads::{get_num_threads, instruction_set, set_num_threads};
    #[pymodule_export]
    use super::tree::tree;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        // Importable by their full names too, as stub checkers and pickles expect of modules; and each has its own stub.
        let modules = module.py().import("sys")?.getattr("modules")?;
        let listed = module.index()?;
        for (name, inner) in module.dict() {
            if inner.is_instance_of::<PyModule>() {
                listed.call_method1("remove", (&name,))?;
                let full = format!("mlfast._core.{name}");
                inner.setattr("__name__", &full)?;
                modules.set_item(full, inner)?;
            }
        }
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
