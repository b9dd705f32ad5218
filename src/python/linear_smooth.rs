//! Python bindings for logistic regression and generalised linear models.

use numpy::{Element, PyArray1, PyReadonlyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::array::{Samples, Values, with_dtype, with_storage};
use super::run::run;
use crate::common::{Context, Float, Result};
use crate::linalg::fused_pass::FusedRows;
use crate::linalg::gram::Gram;
use crate::linear_model::losses::{
    Binomial, Gamma, Multinomial, Poisson, Squared, SquaredLog, Tweedie, TweedieIdentity,
};
use crate::linear_model::objective::Data;
use crate::linear_model::smooth::{self, Fit, Params, Solver};
use crate::optimize::{lbfgs, newton, newton_cg};

/// Passes over the rows that a fit takes, or so.
const PASSES: u64 = 16;

/// Which loss.
#[derive(Clone, Copy)]
enum Kind {
    Binomial,
    Multinomial(usize),
    Squared,
    /// With a logarithmic link.
    Tweedie(f64),
    TweedieIdentity(f64),
}

impl Kind {
    fn new(name: &str, count: usize, power: f64) -> PyResult<Self> {
        match name {
            "binomial" => Ok(Self::Binomial),
            "multinomial" => Ok(Self::Multinomial(count)),
            "tweedie" => Ok(Self::Tweedie(power)),
            "tweedie_identity" if power == 0.0 => Ok(Self::Squared),
            "tweedie_identity" => Ok(Self::TweedieIdentity(power)),
            _ => Err(PyValueError::new_err(format!("unknown loss {name:?}"))),
        }
    }

    fn fit<F: Float, X: FusedRows<F> + Gram<F>>(
        self,
        ctx: &Context,
        data: Data<'_, F, X>,
        coef: Vec<f64>,
        params: &Params,
    ) -> Result<Fit> {
        match self {
            Self::Binomial => smooth::fit(ctx, data, Binomial, coef, params),
            Self::Multinomial(count) => smooth::fit(ctx, data, Multinomial { count }, coef, params),
            Self::Squared => smooth::fit(ctx, data, Squared, coef, params),
            Self::Tweedie(0.0) => smooth::fit(ctx, data, SquaredLog, coef, params),
            Self::Tweedie(1.0) => smooth::fit(ctx, data, Poisson, coef, params),
            Self::Tweedie(2.0) => smooth::fit(ctx, data, Gamma, coef, params),
            Self::Tweedie(power) => smooth::fit(ctx, data, Tweedie(power), coef, params),
            Self::TweedieIdentity(power) => smooth::fit(ctx, data, TweedieIdentity(power), coef, params),
        }
    }
}

/// Minimises the mean of a loss, "binomial", "multinomial", "tweedie" (of a `power`, with a logarithmic link) or
/// "tweedie_identity", plus half of `penalty` times the squared length of the coefficients, by a solver, "lbfgs",
/// "newton-cg" or "newton-cholesky".
///
/// `x` is an array or a CSR matrix of float32 or float64, `y` and `weights` (n_samples,) are of its type; classes are
/// numbers from zero to `count`. `coef`, of float64, is where to begin: `count` rows of coefficients, each with its
/// intercept behind it if there is one.
///
/// Returns `coef`, of the same length; `value`; `steps` of Newton's methods, the one that failed included, and how they
/// ended, `newton`, and `condition`, or None; `lbfgs_steps` and `lbfgs`, how L-BFGS ended, or None.
#[pyfunction]
#[pyo3(signature = (*, x, y, weights, loss, power, count, coef, fit_intercept, penalty, solver, tol, max_iter, n_threads))]
pub(super) fn minimize<'py>(
    py: Python<'py>,
    x: &Bound<'py, PyAny>,
    y: &Bound<'py, PyAny>,
    weights: Option<&Bound<'py, PyAny>>,
    loss: &str,
    power: f64,
    count: usize,
    coef: PyReadonlyArray1<'py, f64>,
    fit_intercept: bool,
    penalty: f64,
    solver: &str,
    tol: f64,
    max_iter: usize,
    n_threads: usize,
) -> PyResult<Bound<'py, PyDict>> {
    let solver = match solver {
        "lbfgs" => Solver::Lbfgs,
        "newton-cg" => Solver::NewtonCg,
        "newton-cholesky" => Solver::NewtonCholesky,
        name => return Err(PyValueError::new_err(format!("unknown solver {name:?}"))),
    };
    let kind = Kind::new(loss, count, power)?;
    let params = Params { solver, fit_intercept, penalty, tol, max_iter };
    let coef = coef.as_array().to_vec();
    let fit = with_dtype!(Samples::new(x)?, x => {
        let y = targets(y, &kind)?;
        let weights = weights.map(Values::new).transpose()?;
        let work = (x.nnz() as u64).saturating_mul(PASSES * count as u64);
        with_storage!(x.view()?, rows => {
            let data = Data { x: &rows, y: y.slice(), weights: weights.as_ref().map(Values::slice) };
            run(py, n_threads, work, |ctx| kind.fit(ctx, data, coef, &params))?
        })
    });
    let found = PyDict::new(py);
    found.set_item("coef", PyArray1::from_vec(py, fit.coef))?;
    found.set_item("value", fit.value)?;
    found.set_item("steps", fit.steps)?;
    let (newton, condition) = match (fit.newton, fit.newton_cg) {
        (Some(newton::End::Singular(condition)), _) => (Some("singular"), condition),
        (Some(end), _) => (Some(name_of_newton(end)), None),
        (None, Some(newton_cg::End::Gradient)) => (Some("gradient"), None),
        (None, Some(newton_cg::End::Steps)) => (Some("steps"), None),
        (None, Some(newton_cg::End::Stuck)) => (Some("stuck"), None),
        (None, Some(newton_cg::End::Rounding)) => (Some("rounding"), None),
        (None, None) => (None, None),
    };
    found.set_item("newton", newton)?;
    found.set_item("condition", condition)?;
    found.set_item("lbfgs_steps", fit.lbfgs.map(|(steps, _)| steps))?;
    found.set_item("lbfgs", fit.lbfgs.map(|(_, end)| name_of_lbfgs(end)))?;
    Ok(found)
}

/// Targets that the loss can take.
fn targets<'py, F: Element + Float>(y: &Bound<'py, PyAny>, kind: &Kind) -> PyResult<Values<'py, F>> {
    let y = Values::<F>::new(y)?;
    if let Kind::Multinomial(count) = *kind {
        let is_class = |y: &F| (0.0..count as f64).contains(&y.to_f64());
        if !y.slice().iter().all(is_class) {
            return Err(PyValueError::new_err("y holds what is no class"));
        }
    }
    Ok(y)
}

fn name_of_newton(end: newton::End) -> &'static str {
    match end {
        newton::End::Gradient => "gradient",
        newton::End::Steps => "steps",
        newton::End::Concave => "concave",
        newton::End::Singular(_) => "singular",
        newton::End::Uphill => "uphill",
        newton::End::Stuck => "stuck",
    }
}

fn name_of_lbfgs(end: lbfgs::End) -> &'static str {
    match end {
        lbfgs::End::Gradient => "gradient",
        lbfgs::End::Value => "value",
        lbfgs::End::Steps | lbfgs::End::Observer => "steps",
        lbfgs::End::Evaluations => "evaluations",
        lbfgs::End::Stuck => "stuck",
    }
}
