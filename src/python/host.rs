//! Python as the host of k-means: NumPy's orderings, progress lines, tasks that begin and end.

use numpy::{Element, PyArray1, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PySlice};

use super::array::Values;
use super::run::{run, run_on_caller};
use crate::cluster::kmeans::host::{Host, Number, Snapshot, Task};
use crate::common::{Context, Error, Float, Result};

/// Calls back into Python, on whichever thread coordinates the computation.
pub(super) struct PythonHost {
    /// Called with a template and its numbers; none when nobody listens.
    pub(super) report: Option<Py<PyAny>>,
    /// Called with row positions, returns centres; none when the core seeds by itself.
    pub(super) choose: Option<Py<PyAny>>,
    /// Told of tasks through its methods `centred(means)`, `begin(task)` and `end(task, snapshot)`; none when nobody
    /// watches.
    pub(super) watch: Option<Py<PyAny>>,
}

impl PythonHost {
    /// Runs `job`, which this hosts. Whoever watches does so on the calling thread.
    pub(super) fn run<T: Send>(
        &self,
        py: Python<'_>,
        threads: usize,
        work: u64,
        job: impl FnOnce(&Context) -> Result<T> + Send,
    ) -> PyResult<T> {
        if self.watch.is_some() { run_on_caller(py, threads, work, job) } else { run(py, threads, work, job) }
    }
}

fn name(task: Task) -> &'static str {
    match task {
        Task::Run => "run",
        Task::Iteration => "iteration",
        Task::Split => "split",
    }
}

/// A snapshot with its numbers copied, matrices flat.
fn snapshot_dict<'py, F: Element>(py: Python<'py>, snapshot: Snapshot<F>) -> PyResult<Bound<'py, PyDict>> {
    let out = PyDict::new(py);
    match snapshot {
        Snapshot::Centers(centers, n_iter) => {
            out.set_item("centers", PyArray1::from_slice(py, centers))?;
            out.set_item("n_iter", n_iter)?;
        }
        Snapshot::Splits(tree, leaves) => {
            out.set_item("node_centers", PyArray1::from_slice(py, &tree.centers))?;
            out.set_item("node_scores", &tree.scores)?;
            out.set_item("node_children", &tree.children)?;
            out.set_item("leaves", leaves)?;
        }
    }
    Ok(out)
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

    fn centred(&self, means: &[F]) -> Result<()> {
        let Some(watch) = &self.watch else { return Ok(()) };
        Python::attach(|py| watch.call_method1(py, "centred", (PyArray1::from_slice(py, means),)).map(|_| ()))
            .map_err(host_error)
    }

    fn begin(&self, task: Task) -> Result<()> {
        let Some(watch) = &self.watch else { return Ok(()) };
        Python::attach(|py| watch.call_method1(py, "begin", (name(task),)).map(|_| ())).map_err(host_error)
    }

    fn end(&self, task: Task, snapshot: Snapshot<F>) -> Result<bool> {
        let Some(watch) = &self.watch else { return Ok(false) };
        Python::attach(|py| watch.call_method1(py, "end", (name(task), snapshot_dict(py, snapshot)?))?.is_truthy(py))
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
