//! Python bindings for `impute`.

use numpy::{Element, PyArray1};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::array::{Matrix, Samples, Values, matrix, with_dtype};
use super::error;
use super::run::run;
use crate::common::Float;
use crate::impute::knn::{self, Params, Weights};
use crate::metrics::nan_euclidean::{Incomplete, nan_euclidean_distances};

/// The values that a Python array keeps alive, and the mask of the missing ones, uint8 of the same shape.
struct Holes<'py, F: Element> {
    values: Values<'py, F>,
    missing: Values<'py, u8>,
}

impl<'py, F: Element + Float> Holes<'py, F> {
    fn new(values: &Bound<'py, PyAny>, missing: &Bound<'py, PyAny>) -> PyResult<Self> {
        Ok(Self { values: Values::new(values)?, missing: Values::new(missing)? })
    }

    fn of(samples: Matrix<'py, F>, missing: &Bound<'py, PyAny>) -> PyResult<Self> {
        match samples {
            Matrix::Dense { values, .. } => Ok(Self { values, missing: Values::new(missing)? }),
            Matrix::Csr { .. } => Err(PyTypeError::new_err("expected a dense array")),
        }
    }

    fn view(&self) -> PyResult<Incomplete<'_, F>> {
        let n_cols = self.values.shape().last().copied().unwrap_or(0);
        Incomplete::new(self.values.slice(), self.missing.slice(), n_cols).map_err(error::exception)
    }
}

fn work<F: Float>(x: &Incomplete<F>, training: &Incomplete<F>) -> u64 {
    (x.n_rows() as u64).saturating_mul(training.n_rows() as u64).saturating_mul(x.n_cols() as u64)
}

/// Imputation.
#[pymodule]
pub(super) mod impute {
    use super::*;

    /// Values for the missing cells of `x`, cell by cell in row order, and the cells where scikit-learn's rounding
    /// decides; columns that `training` has no value in are left out. See `mlfast.impute.KNNImputer`.
    #[pyfunction]
    #[pyo3(signature = (*, x, missing, training, training_missing, n_neighbors, by_distance, n_threads))]
    fn knn_impute<'py>(
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
        missing: &Bound<'py, PyAny>,
        training: &Bound<'py, PyAny>,
        training_missing: &Bound<'py, PyAny>,
        n_neighbors: usize,
        by_distance: bool,
        n_threads: usize,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyArray1<i64>>)> {
        let weights = if by_distance { Weights::Distance } else { Weights::Uniform };
        with_dtype!(Samples::new(x)?, x => {
            let (x, training) = (Holes::of(x, missing)?, Holes::new(training, training_missing)?);
            let (x, training) = (x.view()?, training.view()?);
            let params = Params { n_neighbors, weights };
            let found = run(py, n_threads, work(&x, &training), |ctx| knn::impute(ctx, &x, &training, &params))?;
            let unsettled = PyArray1::from_iter(py, found.unsettled.iter().map(|&cell| cell as i64));
            Ok((PyArray1::from_vec(py, found.values).into_any(), unsettled))
        })
    }

    /// Distances between the rows of `x` and those of `y` over the features that both have, scaled up to all of them.
    #[pyfunction]
    #[pyo3(signature = (*, x, x_missing, y, y_missing, n_threads))]
    fn nan_euclidean<'py>(
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
        x_missing: &Bound<'py, PyAny>,
        y: &Bound<'py, PyAny>,
        y_missing: &Bound<'py, PyAny>,
        n_threads: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        with_dtype!(Samples::new(x)?, x => {
            let (x, y) = (Holes::of(x, x_missing)?, Holes::new(y, y_missing)?);
            let (x, y) = (x.view()?, y.view()?);
            let found = run(py, n_threads, work(&x, &y), |ctx| nan_euclidean_distances(ctx, &x, &y))?;
            matrix(py, found, y.n_rows())
        })
    }
}
