//! Python as the host of k-means: NumPy's orderings and progress lines.

use numpy::{Element, PyArray1, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PySlice;

use super::array::Values;
use crate::cluster::kmeans::host::{Host, Number};
use crate::common::{Error, Float, Result};

/// Calls back into Python, on whichever thread coordinates the computation.
pub(super) struct PythonHost {
    /// Called with a template and its numbers; none when nobody listens.
    pub(super) report: Option<Py<PyAny>>,
    /// Called with row positions, returns centres; none when the core seeds by itself.
    pub(super) choose: Option<Py<PyAny>>,
}

fn host_error(error: PyErr) -> Error {
    Error::Host(Box::new(error))
}

impl<F: Float + Element> Host<F> for PythonHost {
    fn report(&self, template: &'static str, numbers: &[Number]) -> Result<()> {
        let Some(report) = &self.report else { return Ok(()) };
        Python::attach(|py| {
            let numbers: Vec<Py<PyAny>> = numbers
                .iter()
                .map(|number| match *number {
                    Number::Count(count) => Ok(count.into_pyobject(py)?.into_any().unbind()),
                    Number::Real(value) => Ok(value.into_pyobject(py)?.into_any().unbind()),
                })
                .collect::<PyResult<_>>()?;
            report.call1(py, (template, numbers)).map(|_| ())
        })
        .map_err(host_error)
    }

    fn is_listening(&self) -> bool {
        self.report.is_some()
    }

    fn report_matrix(&self, text: &'static str, values: &[F], n_cols: usize) -> Result<()> {
        let Some(report) = &self.report else { return Ok(()) };
        Python::attach(|py| {
            let matrix = PyArray1::from_slice(py, values).reshape([values.len() / n_cols, n_cols])?;
            report.call1(py, (format!("{text}{{}}"), [matrix])).map(|_| ())
        })
        .map_err(host_error)
    }

    fn largest(&self, values: &[F], count: usize) -> Result<Vec<usize>> {
        Python::attach(|py| {
            let values = PyArray1::from_slice(py, values);
            let kth = -(count as isize);
            let order = py.import("numpy")?.call_method1("argpartition", (values, kth))?;
            order.get_item(PySlice::new(py, -1, kth - 1, -1))?.extract()
        })
        .map_err(host_error)
    }

    fn choose_centers(&self, rows: &[u32]) -> Result<Vec<F>> {
        let Some(choose) = &self.choose else {
            return Err(Error::InvalidArgument("there is nobody to choose centres"));
        };
        Python::attach(|py| {
            let centers = choose.bind(py).call1((PyArray1::from_slice(py, rows),))?;
            Ok(Values::<F>::new(&centers)?.slice().to_vec())
        })
        .map_err(host_error)
    }

    fn argsort(&self, values: &[F]) -> Result<Vec<usize>> {
        Python::attach(|py| {
            let values = PyArray1::from_slice(py, values);
            py.import("numpy")?.call_method1("argsort", (values,))?.extract()
        })
        .map_err(host_error)
    }
}
