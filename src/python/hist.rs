//! Python bindings for histogram gradient boosting: edges of bins, and the boosting loop.

use numpy::{PyArray1, PyArray2, PyArrayDyn, PyArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::array::{Matrix, Samples, Values, with_dtype};
use super::error;
use super::run::{run, run_on_caller};
use crate::common::random::Pcg64;
use crate::common::{Context, Error, Result, memory};
use crate::ensemble::hist::bins::{Bins, Feature, Table};
use crate::ensemble::hist::boost::{self, Objective, Params, Rows, Scores, Stopping};
use crate::ensemble::hist::edges;
use crate::ensemble::hist::grow::{self, Interactions};
use crate::ensemble::hist::histogram::BinSet;
use crate::ensemble::hist::loss::Loss;
use crate::ensemble::hist::predict::{self, Known, Stored};
use crate::ensemble::hist::predictor::{Predictor, RECORD_BYTES, Record};
use crate::ensemble::hist::split::Rules;

type Array<'py> = Bound<'py, PyAny>;
/// Nodes as bytes; bins and category codes that go left.
type Tree<'py> = (Array<'py>, Array<'py>, Array<'py>);

/// Scores of the rows that are learnt from, and of the others.
type BothScores = (Vec<f64>, Vec<f64>);
/// The state of a generator and the half of a number that it has left.
type Generator = (u128, Option<u32>);

/// Work of finding the bin of a value, and of one iteration on it, in multiply-adds.
const BIN: u64 = 20;
const ITERATION: u64 = 16;
/// Work of a walk down a tree.
const WALK: u64 = 20;
/// Smallest sum of hessians of a child.
const MIN_HESSIAN: f64 = 1e-3;

/// The values of a dense matrix; of its transpose if `is_fortran`.
fn table<'a, F: numpy::Element + crate::common::Float>(
    matrix: &'a Matrix<'_, F>,
    is_fortran: bool,
) -> PyResult<Table<'a, F>> {
    match matrix {
        Matrix::Dense { values, n_rows, n_cols } => {
            let (n_rows, n_cols) = if is_fortran { (*n_cols, *n_rows) } else { (*n_rows, *n_cols) };
            Ok(Table { values: values.slice(), n_rows, n_cols, is_fortran })
        }
        Matrix::Csr { .. } => Err(PyValueError::new_err("expected a dense array")),
    }
}

/// A checked copy of row numbers below `n_rows`.
fn row_numbers(rows: Option<&Array<'_>>, n_rows: usize) -> PyResult<Option<Vec<u32>>> {
    let Some(rows) = rows else { return Ok(None) };
    let rows = Values::<i64>::new(rows)?;
    let mut checked = memory::try_with_capacity(rows.slice().len()).map_err(error::exception)?;
    for &row in rows.slice() {
        match u32::try_from(row) {
            Ok(row) if (row as usize) < n_rows => checked.push(row),
            _ => return Err(PyValueError::new_err("a row is out of range")),
        }
    }
    Ok(Some(checked))
}

/// The edges of the features for which `wanted` is true, ascending, from float32 or float64 rows `x`; of its transpose if
/// `is_fortran`. `rows` and `weights` are of shape (n_looked_at,), int64 and float64; `levels` of shape (max_bins - 1,).
#[pyfunction]
#[pyo3(signature = (*, x, is_fortran, rows, weights, levels, wanted, n_threads))]
pub(super) fn bin_edges<'py>(
    py: Python<'py>,
    x: &Array<'py>,
    is_fortran: bool,
    rows: Option<&Array<'py>>,
    weights: Option<&Array<'py>>,
    levels: &Array<'py>,
    wanted: Vec<bool>,
    n_threads: usize,
) -> PyResult<Vec<Bound<'py, PyArray1<f64>>>> {
    let levels = Values::<f64>::new(levels)?;
    let levels = levels.slice();
    let weights = weights.map(Values::<f64>::new).transpose()?;
    let weights = weights.as_ref().map(Values::slice);
    let found = with_dtype!(Samples::new(x)?, matrix => {
        let table = table(&matrix, is_fortran)?;
        let rows = row_numbers(rows, table.n_rows)?;
        let work = rows.as_ref().map_or(table.n_rows, Vec::len) as u64 * table.n_cols as u64 * BIN;
        run(py, n_threads, work, |ctx| edges::find(ctx, &table, rows.as_deref(), weights, levels, &wanted))?
    });
    Ok(found.into_iter().map(|edges| PyArray1::from_vec(py, edges)).collect())
}

/// Rows to learn from or to stop by, as they cross.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(super) struct Part<'py> {
    /// float32 or float64; the transpose if `is_fortran`.
    x: Array<'py>,
    is_fortran: bool,
    /// Which rows, int64; None: all.
    rows: Option<Array<'py>>,
    /// float64, one for each of these rows.
    targets: Array<'py>,
    weights: Option<Array<'py>>,
    /// Predictions so far, of shape (trees per iteration, rows).
    raw: Array<'py>,
}

/// What bins and splits must obey, as it crosses.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(super) struct Options<'py> {
    edges: Vec<Array<'py>>,
    is_categorical: Vec<bool>,
    monotonic: Vec<i8>,
    missing: u8,
    loss: (String, f64),
    max_iter: usize,
    max_leaf_nodes: Option<usize>,
    max_depth: Option<usize>,
    min_samples_leaf: usize,
    l2_regularization: f64,
    learning_rate: f64,
    /// n_iter_no_change and tol.
    stopping: Option<(usize, f64)>,
    /// For each state of a path: features allowed, and the state below each.
    interactions: Option<Vec<(Vec<u32>, Vec<u32>)>>,
    /// The fraction of the features that each split may be on; the state, increment and half of a generator.
    subsample: Option<(f64, u128, u128, Option<u32>)>,
    /// Scores of earlier iterations.
    scores: BothScores,
}

fn objective(name: &str, number: f64) -> PyResult<Objective> {
    Ok(Objective::Single(match name {
        "squared_error" => Loss::SquaredError,
        "absolute_error" => Loss::AbsoluteError,
        "quantile" => Loss::Pinball { quantile: number },
        "poisson" => Loss::Poisson,
        "gamma" => Loss::Gamma,
        "binomial" => Loss::Binomial,
        "multinomial" => return Ok(Objective::Multinomial(number as usize)),
        name => return Err(PyValueError::new_err(format!("unknown loss {name:?}"))),
    }))
}

/// Boosts. `after`, if given, is told of the trees of each iteration and of the predictions with them, for both sets of
/// rows, and says whether to stop. Returns the trees by iteration (none if `after` was told), scores of both sets, and the
/// state and half of the generator.
#[pyfunction]
#[pyo3(signature = (*, train, validation, options, after, n_threads))]
pub(super) fn boost_histograms<'py>(
    py: Python<'py>,
    train: Part<'py>,
    validation: Option<Part<'py>>,
    options: Options<'py>,
    after: Option<&Array<'py>>,
    n_threads: usize,
) -> PyResult<(Vec<Vec<Tree<'py>>>, BothScores, Option<Generator>)> {
    let edges = options.edges.iter().map(Values::<f64>::new).collect::<PyResult<Vec<_>>>()?;
    let edges: Vec<&[f64]> = edges.iter().map(Values::slice).collect();
    let features: Vec<Feature> = edges
        .iter()
        .zip(&options.is_categorical)
        .map(|(&edges, &is_categorical)| Feature { edges, is_categorical })
        .collect();
    if features.len() != options.monotonic.len() || features.len() != edges.len() {
        return Err(PyValueError::new_err("edges, categories and constraints differ in length"));
    }
    let objective = objective(&options.loss.0, options.loss.1)?;
    let interactions = interactions(&options, features.len())?;
    let targets = Values::<f64>::new(&train.targets)?;
    let weights = train.weights.as_ref().map(Values::<f64>::new).transpose()?;
    let mut train_rows =
        rows(py, &train, targets.slice(), weights.as_ref().map(Values::slice), &features, options.missing, n_threads)?;
    let held = match &validation {
        None => None,
        Some(part) => {
            let targets = Values::<f64>::new(&part.targets)?;
            Some((part, targets, part.weights.as_ref().map(Values::<f64>::new).transpose()?))
        }
    };
    let mut validation_rows = match &held {
        None => None,
        Some((part, targets, weights)) => {
            let weights = weights.as_ref().map(Values::slice);
            Some(rows(py, part, targets.slice(), weights, &features, options.missing, n_threads)?)
        }
    };
    let n_bins: Vec<usize> =
        features.iter().map(|feature| feature.edges.len() + usize::from(!feature.is_categorical)).collect();
    let has_missing: Vec<bool> =
        (0..features.len()).map(|f| train_rows.bins.column(f).contains(&options.missing)).collect();
    let rules = Rules {
        n_bins: &n_bins,
        has_missing: &has_missing,
        is_categorical: &options.is_categorical,
        monotonic: &options.monotonic,
        missing: options.missing,
        min_samples_leaf: options.min_samples_leaf,
        min_hessian: MIN_HESSIAN,
        l2_regularization: options.l2_regularization,
    };
    let tree = grow::Params {
        rules,
        max_leaf_nodes: options.max_leaf_nodes,
        max_depth: options.max_depth,
        learning_rate: options.learning_rate,
        interactions: interactions.as_deref(),
    };
    let stopping = options.stopping.map(|(n_iter_no_change, tol)| Stopping { n_iter_no_change, tol });
    let params = Params { tree, edges: &edges, objective, max_iter: options.max_iter, stopping };
    let mut scores = Scores { train: options.scores.0, validation: options.scores.1 };
    let mut random =
        options.subsample.map(|(fraction, state, increment, half)| (fraction, Pcg64 { state, increment, half }));
    let mut grown = Vec::new();
    let work = (train_rows.bins.n_rows() * features.len()) as u64 * ITERATION * options.max_iter as u64;
    let host = after.map(|after| after.clone().unbind());
    let job = |ctx: &Context| {
        let mut draw = random.as_mut().map(|(fraction, random)| move |n| drawn(random, *fraction, n));
        let draw = draw.as_mut().map(|draw| draw as &mut grow::DrawFeatures);
        boost::fit(
            ctx,
            &mut train_rows,
            validation_rows.as_mut(),
            &params,
            &mut scores,
            draw,
            |trees, train, validation| {
                let Some(host) = &host else {
                    grown.push(trees);
                    return Ok(false);
                };
                told(host, trees, train, validation)
            },
        )
    };
    if after.is_some() {
        run_on_caller(py, n_threads, work, job)?
    } else {
        run(py, n_threads, work, job)?
    }
    let trees = grown.into_iter().map(|trees| exported(py, trees)).collect::<PyResult<_>>()?;
    let random = random.map(|(_, random)| (random.state, random.half));
    Ok((trees, (scores.train, scores.validation), random))
}

/// Tells the host of an iteration.
fn told(host: &Py<PyAny>, trees: Vec<Predictor>, train: &Rows, validation: Option<&Rows>) -> Result<bool> {
    Python::attach(|py| {
        let raw = |rows: &Rows| PyArray2::from_vec2(py, &rows.raw).map_err(|_| PyValueError::new_err("no predictions"));
        let validation = validation.map(raw).transpose()?;
        host.call1(py, (exported(py, trees)?, raw(train)?, validation))?.extract(py)
    })
    .map_err(|raised: PyErr| Error::Host(Box::new(raised)))
}

/// A mask of the features that a split may be on.
fn drawn(random: &mut Pcg64, fraction: f64, n: usize) -> Vec<bool> {
    let n_drawn = ((fraction * n as f64).ceil() as usize).max(1);
    let mut mask: Vec<bool> = (0..n).map(|i| i < n_drawn).collect();
    random.shuffle(&mut mask);
    mask
}

fn interactions(options: &Options, n_features: usize) -> PyResult<Option<Vec<Interactions>>> {
    let Some(states) = &options.interactions else { return Ok(None) };
    let is_sound = |(features, next): &(Vec<u32>, Vec<u32>)| {
        features.len() == next.len()
            && features.iter().all(|&feature| (feature as usize) < n_features)
            && next.iter().all(|&next| (next as usize) < states.len())
    };
    if states.is_empty() || !states.iter().all(is_sound) {
        return Err(PyValueError::new_err("interactions name features or states that there are not"));
    }
    let copied =
        |(features, next): &(Vec<u32>, Vec<u32>)| Interactions { features: features.clone(), next: next.clone() };
    Ok(Some(states.iter().map(copied).collect()))
}

fn rows<'a>(
    py: Python<'_>,
    part: &Part<'_>,
    targets: &'a [f64],
    weights: Option<&'a [f64]>,
    features: &[Feature],
    missing: u8,
    n_threads: usize,
) -> PyResult<Rows<'a>> {
    let bins = with_dtype!(Samples::new(&part.x)?, matrix => {
        let table = table(&matrix, part.is_fortran)?;
        let rows = row_numbers(part.rows.as_ref(), table.n_rows)?;
        let work = targets.len() as u64 * table.n_cols as u64 * BIN;
        run(py, n_threads, work, |ctx| Bins::new(ctx, &table, rows.as_deref(), features, missing))?
    });
    let raw = Values::<f64>::new(&part.raw)?;
    let columns = raw.slice().chunks(bins.n_rows().max(1)).map(memory::try_copied);
    let raw = columns.collect::<Result<_>>().map_err(error::exception)?;
    Ok(Rows { bins, targets, weights, raw })
}

fn exported(py: Python<'_>, trees: Vec<Predictor>) -> PyResult<Vec<Tree<'_>>> {
    trees.into_iter().map(|tree| exported_tree(py, &tree)).collect()
}

fn exported_tree<'py>(py: Python<'py>, tree: &Predictor) -> PyResult<Tree<'py>> {
    let bytes: Vec<u8> = tree.nodes.iter().flat_map(Record::packed).collect();
    let sets = |sets: &[BinSet]| {
        PyArray1::from_vec(py, sets.iter().flat_map(BinSet::halves).collect()).reshape([sets.len(), 8])
    };
    Ok((PyArray1::from_vec(py, bytes).into_any(), sets(&tree.bins)?.into_any(), sets(&tree.codes)?.into_any()))
}

/// A tree of a model.
struct Member {
    predictor: Py<PyAny>,
    nodes: Py<PyAny>,
    /// Of `nodes`.
    bytes: Py<PyArrayDyn<u8>>,
    /// Category codes that go left.
    codes: Py<PyArrayDyn<u32>>,
}

/// The memory of the trees of a model. It is read where it lies; each step of a walk is checked.
#[pyclass(frozen, module = "mlfast._core.ensemble")]
pub(super) struct HistogramTrees {
    members: Vec<Member>,
    n_columns: usize,
    known: (Vec<u32>, Vec<u32>),
}

#[pymethods]
impl HistogramTrees {
    /// From scikit-learn's `TreePredictor` objects by iteration; `sets`, of shape (n_category_features, 8), uint32, are the
    /// codes known of each, `places` which of them belongs to each feature.
    #[new]
    #[pyo3(signature = (*, predictors, n_columns, sets, places))]
    fn new(
        py: Python<'_>,
        predictors: Vec<Vec<Array<'_>>>,
        n_columns: usize,
        sets: &Array<'_>,
        places: &Array<'_>,
    ) -> PyResult<Self> {
        let mut members = Vec::new();
        for predictor in predictors.into_iter().flatten() {
            let nodes = predictor.getattr("nodes")?;
            if nodes.getattr("dtype")?.getattr("itemsize")?.extract::<usize>()? != RECORD_BYTES {
                return Err(PyValueError::new_err("corrupt state: nodes of a tree have other fields"));
            }
            let bytes =
                py.import("numpy")?.call_method1("ascontiguousarray", (&nodes,))?.call_method1("view", ("u1",))?;
            let codes = Values::<u32>::new(&predictor.getattr("raw_left_cat_bitsets")?)?;
            members.push(Member {
                predictor: predictor.unbind(),
                nodes: nodes.unbind(),
                bytes: Values::<u8>::new(&bytes)?.keep(),
                codes: codes.keep(),
            });
        }
        let known = (Values::<u32>::new(sets)?.slice().to_vec(), Values::<u32>::new(places)?.slice().to_vec());
        Ok(Self { members, n_columns: n_columns.max(1), known })
    }

    /// Whether these are the trees of `predictors`, with the nodes that they have now.
    fn holds(&self, py: Python<'_>, predictors: &Bound<'_, PyList>) -> PyResult<bool> {
        let mut members = self.members.iter();
        for stage in predictors {
            for predictor in stage.cast_into::<PyList>()? {
                let Some(known) = members.next() else { return Ok(false) };
                if !known.predictor.is(&predictor) || !predictor.getattr(intern!(py, "nodes"))?.is(&known.nodes) {
                    return Ok(false);
                }
            }
        }
        Ok(members.next().is_none())
    }

    /// `start`, of shape (columns,), with what the trees say of each row of `x` added to it, shape (n_samples, columns); `x` is of float32 or float64, of shape (n_samples, n_features); transposed if `is_fortran`.
    #[pyo3(signature = (*, x, is_fortran, start, n_threads))]
    fn predict<'py>(
        &self,
        py: Python<'py>,
        x: &Array<'py>,
        is_fortran: bool,
        start: Vec<f64>,
        n_threads: usize,
    ) -> PyResult<Array<'py>> {
        let n_columns = self.n_columns;
        if start.len() != n_columns {
            return Err(PyValueError::new_err("corrupt state: the first prediction has another shape"));
        }
        let member = |member: &Member| (Values::kept(py, &member.bytes), Values::kept(py, &member.codes));
        let held: Vec<_> = self.members.iter().map(member).collect();
        let trees: Vec<Stored> =
            held.iter().map(|(nodes, sets)| Stored { nodes: nodes.slice(), sets: sets.slice() }).collect();
        let known = Known { sets: &self.known.0, places: &self.known.1 };
        let raw = with_dtype!(Samples::new(x)?, matrix => {
            let table = table(&matrix, is_fortran)?;
            let work = (table.n_rows * trees.len()) as u64 * WALK;
            run(py, n_threads, work, |ctx| {
                let mut raw = memory::try_with_capacity(memory::checked_len(table.n_rows, n_columns)?)?;
                (0..table.n_rows).for_each(|_| raw.extend_from_slice(&start));
                predict::add(ctx, &trees, known, &table, n_columns, &mut raw)?;
                Ok(raw)
            })?
        });
        super::array::matrix(py, raw, n_columns)
    }
}
