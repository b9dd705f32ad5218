//! Arrays from Python: the one place that looks at element types and storage.
//!
//! A C-contiguous, aligned array in native byte order is read in place, whoever owns it and whether or not it may be
//! written; anything else NumPy copies first. Other threads may write to an array that is being read: what they write is
//! only ever used as a number. What serves as an index (the structure of a CSR matrix) is copied and checked before the
//! GIL is released.

use numpy::{Element, PyArray, PyArrayDescrMethods, PyArrayDyn, PyArrayMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

use super::error;
use crate::common::{Error, Float, memory};
use crate::linalg::{Csr, Dense};

/// Contiguous values that a Python array keeps alive. How many they are was asked once: whoever knows the array may give
/// it another shape or type at any time.
pub(super) struct Values<'py, F: Element> {
    array: Bound<'py, PyArrayDyn<F>>,
    data: *const F,
    shape: Vec<usize>,
}

impl<'py, F: Element> Values<'py, F> {
    /// An array of element type `F` that can be read where it is.
    pub(super) fn in_place(object: &Bound<'py, PyAny>) -> Option<Self> {
        let array = object.cast::<PyArrayDyn<F>>().ok()?;
        let aligned = (array.data() as usize).is_multiple_of(align_of::<F>());
        (array.is_c_contiguous() && aligned).then(|| Self::of(array.clone()))
    }

    fn of(array: Bound<'py, PyArrayDyn<F>>) -> Self {
        Self { data: array.data(), shape: array.shape().to_vec(), array }
    }

    /// From an array of element type `F` in any layout; TypeError for any other object.
    pub(super) fn new(object: &Bound<'py, PyAny>) -> PyResult<Self> {
        if let Some(values) = Self::in_place(object) {
            return Ok(values);
        }
        let untyped = object.cast::<PyUntypedArray>()?;
        let wanted = F::get_dtype(object.py());
        let (kind, size) = (untyped.dtype().kind(), untyped.dtype().itemsize());
        if (kind, size) != (wanted.kind(), wanted.itemsize()) {
            return Err(PyTypeError::new_err(format!("expected an array of {wanted}, got one of {}", untyped.dtype())));
        }
        let copy = object.py().import("numpy")?.call_method1("require", (object, wanted, ["C", "A"]))?;
        Self::in_place(&copy).ok_or_else(|| PyValueError::new_err("the array cannot be read"))
    }

    /// The values, in C order.
    pub(super) fn slice(&self) -> &[F] {
        let len = self.shape.iter().product();
        if len == 0 {
            return &[]; // an empty array may point anywhere
        }
        // SAFETY: contiguous, aligned, so many of type F when `self` was made, and kept alive by it. Another thread may
        // write to it meanwhile; every bit pattern is a valid number, and nothing is indexed by one.
        unsafe { std::slice::from_raw_parts(self.data, len) }
    }

    /// To be kept past the call, by whoever is the only one to know the array: see [`Values::kept`].
    pub(super) fn keep(self) -> Py<PyArrayDyn<F>> {
        self.array.unbind()
    }

    /// What [`Values::keep`] gave.
    pub(super) fn kept(py: Python<'py>, array: &Py<PyArrayDyn<F>>) -> Self {
        Self::of(array.bind(py).clone())
    }

    /// The lengths of the dimensions.
    pub(super) fn shape(&self) -> &[usize] {
        &self.shape
    }
}

/// Samples of either element type.
pub(super) enum Samples<'py> {
    F32(Matrix<'py, f32>),
    F64(Matrix<'py, f64>),
}

/// Samples of either storage.
pub(super) enum Matrix<'py, F: Element> {
    Dense { values: Values<'py, F>, n_rows: usize, n_cols: usize },
    Csr { values: Values<'py, F>, indices: Vec<u32>, starts: Vec<usize>, n_cols: usize },
}

impl<'py> Samples<'py> {
    /// From a two-dimensional array or a SciPy CSR matrix or array, of float32 or float64.
    pub(super) fn new(object: &Bound<'py, PyAny>) -> PyResult<Self> {
        let dtype = object.getattr("dtype")?;
        match (dtype.getattr("kind")?.extract::<char>()?, dtype.getattr("itemsize")?.extract::<usize>()?) {
            ('f', 4) => Ok(Self::F32(Matrix::new(object)?)),
            ('f', 8) => Ok(Self::F64(Matrix::new(object)?)),
            _ => Err(PyTypeError::new_err(format!("expected float32 or float64, got {dtype}"))),
        }
    }
}

impl<'py, F: Element + Float> Matrix<'py, F> {
    /// From a two-dimensional array or a SciPy CSR matrix or array, of element type `F`.
    pub(super) fn new(object: &Bound<'py, PyAny>) -> PyResult<Self> {
        if object.cast::<PyUntypedArray>().is_err() {
            let (_, n_cols): (usize, usize) = object.getattr("shape")?.extract()?;
            let values = Values::new(&object.getattr("data")?)?;
            let indices = integers(&object.getattr("indices")?)?;
            let starts = integers(&object.getattr("indptr")?)?;
            return Ok(Self::Csr { values, indices, starts, n_cols });
        }
        let values = Values::new(object)?;
        match *values.shape() {
            [n_rows, n_cols] => Ok(Self::Dense { values, n_rows, n_cols }),
            _ => Err(PyValueError::new_err("expected a two-dimensional array")),
        }
    }

    pub(super) fn n_cols(&self) -> usize {
        match self {
            Self::Dense { n_cols, .. } | Self::Csr { n_cols, .. } => *n_cols,
        }
    }

    /// Stored values: what a pass costs.
    pub(super) fn nnz(&self) -> usize {
        match self {
            Self::Dense { values, .. } | Self::Csr { values, .. } => values.slice().len(),
        }
    }

    /// The view that the core computes on.
    pub(super) fn view(&self) -> PyResult<View<'_, F>> {
        match self {
            Self::Dense { values, n_rows, n_cols } => Dense::new(values.slice(), *n_rows, *n_cols).map(View::Dense),
            Self::Csr { values, indices, starts, n_cols } => {
                Csr::new(values.slice(), indices, starts, *n_cols).and_then(Csr::merged).map(View::Csr)
            }
        }
        .map_err(error::exception)
    }
}

/// Rows that the core computes on.
pub(super) enum View<'a, F: Clone> {
    Dense(Dense<'a, F>),
    Csr(Csr<'a, F>),
}

/// A checked copy of an index array (int32 or int64).
fn integers<T: TryFrom<i64>>(object: &Bound<'_, PyAny>) -> PyResult<Vec<T>> {
    match Values::<i32>::in_place(object) {
        Some(narrow) => converted(narrow.slice()),
        None => {
            let wide = object.py().import("numpy")?.call_method1("asarray", (object, i64::get_dtype(object.py())))?;
            converted(Values::<i64>::new(&wide)?.slice())
        }
    }
}

fn converted<I: Into<i64> + Copy, T: TryFrom<i64>>(indices: &[I]) -> PyResult<Vec<T>> {
    let mut out = memory::try_with_capacity(indices.len()).map_err(error::exception)?;
    for &index in indices {
        let index = T::try_from(index.into()).map_err(|_| error::exception(Error::InvalidCsr("index out of range")))?;
        out.push(index);
    }
    Ok(out)
}

/// Runs an expression with the samples as a [`Matrix`] of either element type.
macro_rules! with_dtype {
    ($samples:expr, $matrix:ident => $body:expr) => {
        match $samples {
            $crate::python::array::Samples::F32($matrix) => $body,
            $crate::python::array::Samples::F64($matrix) => $body,
        }
    };
}
pub(super) use with_dtype;

/// Runs an expression with a [`View`] as rows of either storage.
macro_rules! with_storage {
    ($view:expr, $rows:ident => $body:expr) => {
        match $view {
            $crate::python::array::View::Dense($rows) => $body,
            $crate::python::array::View::Csr($rows) => $body,
        }
    };
}
pub(super) use with_storage;

/// A vector as a NumPy matrix with `n_cols` columns, without a copy.
pub(super) fn matrix<F: Element>(py: Python<'_>, values: Vec<F>, n_cols: usize) -> PyResult<Bound<'_, PyAny>> {
    let n_rows = values.len().checked_div(n_cols).unwrap_or(0);
    Ok(PyArray::from_vec(py, values).reshape([n_rows, n_cols])?.into_any())
}
