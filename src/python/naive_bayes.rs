//! Python bindings for naive Bayes.

use numpy::{Element, PyArray1};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::array::{Matrix, Samples, Values, View, matrix, with_dtype};
use super::error;
use super::run::run;
use super::small::{MAX_ROWS, MAX_VALUES, SmallRows, held};
use crate::common::{Context, Error, Float, Result};
use crate::linalg::{Dense, Rows};
use crate::naive_bayes::gaussian::{self, Model, Scale};

type Object<'py> = Bound<'py, PyAny>;

/// Of [`naive_bayes::fit`]. `labels` are int64 below `n_classes`; `weights`, of the type of `x`, may be None.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Fit<'py> {
    x: Object<'py>,
    labels: Object<'py>,
    weights: Option<Object<'py>>,
    n_classes: usize,
    n_threads: usize,
}

/// Of what predicts. `means` and `variances`, of shape `(n_classes, n_features)`, are of one type, `priors` too.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Predict<'py> {
    x: Object<'py>,
    means: Object<'py>,
    variances: Object<'py>,
    priors: Object<'py>,
    n_threads: usize,
}

fn dense<'a, F: Element + Float>(x: &'a Matrix<'_, F>) -> PyResult<Dense<'a, F>> {
    match x.view()? {
        View::Dense(rows) => Ok(rows),
        View::Csr(_) => Err(error::exception(Error::InvalidArgument("the rows are sparse"))),
    }
}

/// What a model gives of rows.
trait Quantity: Copy + Send + Sync {
    type Output<F: Element + Float>: Send;

    fn compute<F: Element + Float>(self, ctx: &Context, x: &Dense<F>, model: &Model<F>) -> Result<Self::Output<F>>;

    fn array<'py, F: Element + Float>(
        self,
        py: Python<'py>,
        output: Self::Output<F>,
        n_classes: usize,
    ) -> PyResult<Object<'py>>;
}

/// For positions of classes.
#[derive(Clone, Copy)]
struct Class;

impl Quantity for Class {
    type Output<F: Element + Float> = Vec<i64>;

    fn compute<F: Element + Float>(self, ctx: &Context, x: &Dense<F>, model: &Model<F>) -> Result<Vec<i64>> {
        gaussian::classify(ctx, x, model)
    }

    fn array<'py, F: Element + Float>(
        self,
        py: Python<'py>,
        output: Vec<i64>,
        _n_classes: usize,
    ) -> PyResult<Object<'py>> {
        Ok(PyArray1::from_vec(py, output).into_any())
    }
}

impl Quantity for Scale {
    type Output<F: Element + Float> = Vec<F>;

    fn compute<F: Element + Float>(self, ctx: &Context, x: &Dense<F>, model: &Model<F>) -> Result<Vec<F>> {
        gaussian::probabilities(ctx, x, model, self)
    }

    fn array<'py, F: Element + Float>(
        self,
        py: Python<'py>,
        output: Vec<F>,
        n_classes: usize,
    ) -> PyResult<Object<'py>> {
        matrix(py, output, n_classes)
    }
}

fn unsound() -> PyErr {
    error::exception(Error::InvalidArgument("a variance or a prior has no logarithm"))
}

fn predicted<'py>(py: Python<'py>, given: &Predict<'py>, quantity: impl Quantity) -> PyResult<Object<'py>> {
    with_dtype!(Samples::new(&given.x)?, x => computed(py, &x, given, quantity))
}

fn computed<'py, F: Element + Float>(
    py: Python<'py>,
    x: &Matrix<'py, F>,
    given: &Predict<'py>,
    quantity: impl Quantity,
) -> PyResult<Object<'py>> {
    let priors = Values::<F>::new(&given.priors)?;
    let (means, variances) = (Values::<F>::new(&given.means)?, Values::<F>::new(&given.variances)?);
    let model = Model::new(means.slice(), variances.slice(), priors.slice()).ok_or_else(unsound)?;
    let (rows, n_classes) = (dense(x)?, priors.slice().len());
    let work = (x.nnz() as u64).saturating_mul(n_classes as u64);
    let found = run(py, given.n_threads, work, |ctx| quantity.compute(ctx, &rows, &model))?;
    quantity.array(py, found, n_classes)
}

/// What a model says of a few plain rows; None for anything else.
fn small<'py>(state: &Bound<'py, PyDict>, x: &Object<'py>, quantity: impl Quantity) -> Option<Object<'py>> {
    small_of::<f64>(state, x, quantity).or_else(|| small_of::<f32>(state, x, quantity))
}

fn small_of<'py, F: Element + Float>(
    state: &Bound<'py, PyDict>,
    x: &Object<'py>,
    quantity: impl Quantity,
) -> Option<Object<'py>> {
    let py = x.py();
    let rows = SmallRows::<F>::new(state, x, MAX_ROWS)?;
    let means = held::<F>(state, intern!(py, "theta_"))?;
    let variances = held::<F>(state, intern!(py, "var_"))?;
    let priors = held::<F>(state, intern!(py, "class_prior_"))?;
    if priors.slice().contains(&F::ZERO) {
        return None; // its logarithm is warned of
    }
    let (rows, n_classes) = (rows.view()?, priors.slice().len());
    let is_small = rows.n_rows().saturating_mul(means.slice().len()) <= MAX_VALUES;
    if !is_small || means.shape() != [n_classes, rows.n_cols()] || variances.shape() != means.shape() {
        return None;
    }
    let model = Model::new(means.slice(), variances.slice(), priors.slice())?;
    quantity.array(py, quantity.compute(&Context::serial(), &rows, &model).ok()?, n_classes).ok()
}

/// Naive Bayes.
#[pymodule]
pub(super) mod naive_bayes {
    use super::*;

    /// `counts` of the classes, `means` and `variances` of their features, shape `(n_classes, n_features)`, all float64;
    /// and the largest variance of a feature in all rows (`max_variance`).
    #[pyfunction]
    fn fit<'py>(py: Python<'py>, options: Fit<'py>) -> PyResult<Bound<'py, PyDict>> {
        let labels = Values::<i64>::new(&options.labels)?;
        with_dtype!(Samples::new(&options.x)?, x => fitted(py, &x, &labels, &options))
    }

    /// Positions of the most probable classes, int64 of shape `(n_rows,)`.
    #[pyfunction]
    fn predict<'py>(py: Python<'py>, options: Predict<'py>) -> PyResult<Object<'py>> {
        predicted(py, &options, Class)
    }

    /// Probabilities of the classes, shape `(n_rows, n_classes)`.
    #[pyfunction]
    fn predict_proba<'py>(py: Python<'py>, options: Predict<'py>) -> PyResult<Object<'py>> {
        predicted(py, &options, Scale::Plain)
    }

    /// Their logarithms.
    #[pyfunction]
    fn predict_log_proba<'py>(py: Python<'py>, options: Predict<'py>) -> PyResult<Object<'py>> {
        predicted(py, &options, Scale::Log)
    }

    /// Logarithms of the probabilities of row and class, of the same shape.
    #[pyfunction]
    fn predict_joint_log_proba<'py>(py: Python<'py>, options: Predict<'py>) -> PyResult<Object<'py>> {
        predicted(py, &options, Scale::Joint)
    }

    /// The classes of a few plain rows, or None.
    #[pyfunction]
    fn predict_small<'py>(state: &Bound<'py, PyDict>, x: &Object<'py>) -> PyResult<Option<Object<'py>>> {
        let Some(classes) = state.get_item(intern!(x.py(), "classes_"))? else { return Ok(None) };
        let Some(found) = small(state, x, Class) else { return Ok(None) };
        classes.call_method1(intern!(x.py(), "take"), (found,)).map(Some)
    }

    /// [`predict_proba`] of a few plain rows, or None.
    #[pyfunction]
    fn predict_proba_small<'py>(state: &Bound<'py, PyDict>, x: &Object<'py>) -> Option<Object<'py>> {
        small(state, x, Scale::Plain)
    }

    /// [`predict_log_proba`] of a few plain rows, or None.
    #[pyfunction]
    fn predict_log_proba_small<'py>(state: &Bound<'py, PyDict>, x: &Object<'py>) -> Option<Object<'py>> {
        small(state, x, Scale::Log)
    }

    /// [`predict_joint_log_proba`] of a few plain rows, or None.
    #[pyfunction]
    fn predict_joint_log_proba_small<'py>(state: &Bound<'py, PyDict>, x: &Object<'py>) -> Option<Object<'py>> {
        small(state, x, Scale::Joint)
    }
}

fn fitted<'py, F: Element + Float>(
    py: Python<'py>,
    x: &Matrix<'py, F>,
    labels: &Values<'py, i64>,
    options: &Fit<'py>,
) -> PyResult<Bound<'py, PyDict>> {
    let weights = options.weights.as_ref().map(Values::<F>::new).transpose()?;
    let (rows, labels, weights) = (dense(x)?, labels.slice(), weights.as_ref().map(Values::slice));
    let (work, n_classes) = ((x.nnz() as u64).saturating_mul(2), options.n_classes);
    let fit = run(py, options.n_threads, work, |ctx| gaussian::fit(ctx, &rows, labels, weights, n_classes))?;
    let out = PyDict::new(py);
    out.set_item("counts", PyArray1::from_vec(py, fit.counts))?;
    out.set_item("means", matrix(py, fit.means, rows.n_cols())?)?;
    out.set_item("variances", matrix(py, fit.variances, rows.n_cols())?)?;
    out.set_item("max_variance", fit.max_variance)?;
    Ok(out)
}
