//! Python bindings for nearest centroids.

use numpy::PyArray1;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::array::{Samples, Values, matrix, with_dtype, with_storage};
use super::run::run;
use crate::neighbors::nearest_centroid::{self, Metric, Params};

fn metric_of(name: &str) -> PyResult<Metric> {
    match name {
        "euclidean" => Ok(Metric::Euclidean),
        "manhattan" => Ok(Metric::Manhattan),
        _ => Err(PyValueError::new_err(format!("unknown metric {name:?}"))),
    }
}

fn work(stored: usize, n_classes: usize) -> u64 {
    (stored as u64).saturating_mul(n_classes as u64)
}

/// Nearest centroids.
#[pymodule]
pub(super) mod centroids {
    use super::*;

    /// `centroids` of the classes, shape `(n_classes, n_features)`; per feature the sum of squared differences from them
    /// (`scatter`) and the mean (`means`); whether all rows are equal (`is_constant`). `features` is the samples
    /// transposed.
    #[pyfunction]
    #[pyo3(signature = (*, features, labels, n_classes, metric, divides_first, n_threads))]
    fn fit<'py>(
        py: Python<'py>,
        features: &Bound<'py, PyAny>,
        labels: &Bound<'py, PyAny>,
        n_classes: usize,
        metric: &str,
        divides_first: bool,
        n_threads: usize,
    ) -> PyResult<Bound<'py, PyDict>> {
        let labels = Values::<i64>::new(labels)?;
        let params = Params { n_classes, metric: metric_of(metric)?, divides_first };
        with_dtype!(Samples::new(features)?, features => {
            let (view, labels) = (features.view()?, labels.slice());
            let fit = run(py, n_threads, work(features.nnz(), 4), |ctx| {
                with_storage!(&view, x => nearest_centroid::fit(ctx, x, labels, &params))
            })?;
            let n_features = fit.means.len();
            let out = PyDict::new(py);
            out.set_item("centroids", matrix(py, fit.centroids, n_features)?)?;
            out.set_item("scatter", PyArray1::from_vec(py, fit.scatter))?;
            out.set_item("means", PyArray1::from_vec(py, fit.means))?;
            out.set_item("is_constant", fit.is_constant)?;
            Ok(out)
        })
    }

    /// Index of the centroid closest to each row of `x`.
    #[pyfunction]
    #[pyo3(signature = (*, x, centroids, metric, n_threads))]
    fn nearest<'py>(
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
        centroids: &Bound<'py, PyAny>,
        metric: &str,
        n_threads: usize,
    ) -> PyResult<Bound<'py, PyArray1<i64>>> {
        let (centroids, metric) = (Values::<f64>::new(centroids)?, metric_of(metric)?);
        with_dtype!(Samples::new(x)?, x => {
            let (view, centroids) = (x.view()?, centroids.slice());
            let work = work(x.nnz(), centroids.len() / x.n_cols().max(1));
            let found = run(py, n_threads, work, |ctx| {
                with_storage!(&view, x => nearest_centroid::nearest(ctx, x, centroids, metric))
            })?;
            Ok(PyArray1::from_vec(py, found))
        })
    }

    /// `2 ln(prior) - d²` for each row of `x` and each class, shape `(n_rows, n_classes)`.
    #[pyfunction]
    #[pyo3(signature = (*, x, centroids, log_priors, metric, n_threads))]
    fn scores<'py>(
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
        centroids: &Bound<'py, PyAny>,
        log_priors: &Bound<'py, PyAny>,
        metric: &str,
        n_threads: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (centroids, log_priors) = (Values::<f64>::new(centroids)?, Values::<f64>::new(log_priors)?);
        let metric = metric_of(metric)?;
        with_dtype!(Samples::new(x)?, x => {
            let (view, centroids, log_priors) = (x.view()?, centroids.slice(), log_priors.slice());
            let found = run(py, n_threads, work(x.nnz(), log_priors.len()), |ctx| {
                with_storage!(&view, x => nearest_centroid::scores(ctx, x, centroids, log_priors, metric))
            })?;
            matrix(py, found, log_priors.len())
        })
    }
}
