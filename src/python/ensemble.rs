//! Python bindings for `ensemble`: forests are grown in one call, and asked in one call.

use numpy::{PyArray1, PyArrayMethods};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::array::{self, Matrix, Values};
use super::error;
use super::run::run;
use super::tree::grow::{self, Columns, Learnt, Numbers};
use super::tree::records::{Kept, Table, state};
use super::tree::walk::{self, with_samples};
use crate::common::{Context, Error, memory};
use crate::ensemble::bootstrap::Bootstrap;
use crate::ensemble::forest::{self, Params, Rows};
use crate::ensemble::subsample::{self, Subsamples};
use crate::ensemble::vote::{self, Member};
use crate::ensemble::{bagging, boosting, isolation, weighted_vote};
use crate::linalg::Csr;
use crate::tree::walk::Samples;

type Array<'py> = Bound<'py, PyAny>;

/// How the rows of each tree are drawn, with replacement.
#[pyclass(frozen, module = "mlfast._core.ensemble")]
struct Draws {
    bootstrap: Bootstrap,
}

#[pymethods]
impl Draws {
    /// `probabilities` of shape (n_rows,), or None: all rows alike.
    #[new]
    #[pyo3(signature = (*, n_rows, n_draws, probabilities))]
    fn new(n_rows: usize, n_draws: usize, probabilities: Option<&Array<'_>>) -> PyResult<Self> {
        let known = probabilities.map(Values::<f64>::new).transpose()?;
        let bootstrap = Bootstrap::new(n_rows, n_draws, known.as_ref().map(Values::slice));
        Ok(Self { bootstrap: bootstrap.map_err(error::exception)? })
    }
}

/// The states of trees, one for each of `seeds`, as `sklearn.tree._tree.Tree.__setstate__` takes them.
#[pyfunction]
#[pyo3(signature = (*, columns, y, n_classes, weights, draws, is_balanced, min_weight_fraction_leaf, ccp_alpha, params,
                    seeds, n_threads))]
fn grow_forest<'py>(
    py: Python<'py>,
    columns: &Bound<'py, Columns>,
    y: &Array<'py>,
    n_classes: Option<Vec<usize>>,
    weights: Option<&Array<'py>>,
    draws: Option<&Bound<'py, Draws>>,
    is_balanced: bool,
    min_weight_fraction_leaf: f64,
    ccp_alpha: f64,
    params: Numbers,
    seeds: Vec<u32>,
    n_threads: usize,
) -> PyResult<Vec<Bound<'py, PyDict>>> {
    let columns = &columns.get().columns;
    let learnt = Learnt::new(y, n_classes)?;
    let weights = weights.map(Values::<f64>::new).transpose()?;
    let rows = match draws {
        Some(draws) => Rows::Drawn { bootstrap: &draws.get().bootstrap, is_balanced },
        None => Rows::All(weights.as_ref().map(Values::slice)),
    };
    let params = Params { tree: params.params(0.0)?, min_weight_fraction_leaf, ccp_alpha };
    let work = grow::work(columns, &params.tree).saturating_mul(seeds.len() as u64);
    let targets = learnt.targets();
    let trees = run(py, n_threads, work, |ctx| forest::fit(ctx, columns, &targets, &rows, &params, &seeds))?;
    trees.into_iter().map(|tree| state(py, tree)).collect()
}

/// The subsamples of a bagging ensemble, as they cross.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Portioning {
    n_rows: usize,
    replace_rows: bool,
    n_features: usize,
    replace_features: bool,
}

/// For each of `seeds` the state of a tree, the features that it drew, of shape (n_features,), and its own seed.
/// `probabilities` and `weights` of shape (n_samples,), or None: all rows alike.
#[pyfunction]
#[pyo3(signature = (*, columns, y, n_classes, weights, probabilities, subsamples, min_weight_fraction_leaf, ccp_alpha,
                    params, seeds, n_threads))]
fn bag<'py>(
    py: Python<'py>,
    columns: &Bound<'py, Columns>,
    y: &Array<'py>,
    n_classes: Option<Vec<usize>>,
    weights: Option<&Array<'py>>,
    probabilities: Option<&Array<'py>>,
    subsamples: Portioning,
    min_weight_fraction_leaf: f64,
    ccp_alpha: f64,
    params: Numbers,
    seeds: Vec<u32>,
    n_threads: usize,
) -> PyResult<Vec<Drawn<'py>>> {
    let columns = &columns.get().columns;
    let learnt = Learnt::new(y, n_classes)?;
    let weights = weights.map(Values::<f64>::new).transpose()?;
    let known = probabilities.map(Values::<f64>::new).transpose()?;
    let rows = subsample::Draws { n: subsamples.n_rows, replace: subsamples.replace_rows };
    let features = subsample::Draws { n: subsamples.n_features, replace: subsamples.replace_features };
    let shape = (columns.n_rows(), columns.len());
    let subsamples =
        Subsamples::new(shape, known.as_ref().map(Values::slice), rows, features).map_err(error::exception)?;
    let params = Params { tree: params.params(0.0)?, min_weight_fraction_leaf, ccp_alpha };
    let work = grow::work(columns, &params.tree).saturating_mul(seeds.len() as u64);
    let (targets, weights) = (learnt.targets(), weights.as_ref().map(Values::slice));
    let trees =
        run(py, n_threads, work, |ctx| bagging::fit(ctx, columns, &targets, weights, &subsamples, &params, &seeds))?;
    trees.into_iter().map(|bagged| drawn(py, bagged.tree, &bagged.features, bagged.seed)).collect()
}

/// The state of a tree, the features that it drew, and its own seed.
type Drawn<'py> = (Bound<'py, PyDict>, Array<'py>, u32);

fn drawn<'py>(py: Python<'py>, tree: crate::tree::Tree, features: &[usize], seed: u32) -> PyResult<Drawn<'py>> {
    let features = PyArray1::from_iter(py, features.iter().map(|&feature| feature as i64));
    Ok((state(py, tree)?, features.into_any(), seed))
}

/// Work of a tree of an isolation forest for each row and feature that it sees, in multiply-adds.
const LOOK: u64 = 64;

/// For each of `seeds` the state of a tree, the features that it drew, of shape (n_features,), and its own seed. `x` is an
/// array or a SciPy CSR matrix or array of float32; `y` and `probabilities` of shape (n_samples,).
#[pyfunction]
#[pyo3(signature = (*, x, y, probabilities, n_draws, replace, n_features, max_depth, seeds, n_threads))]
fn isolate<'py>(
    py: Python<'py>,
    x: &Array<'py>,
    y: &Array<'py>,
    probabilities: Option<&Array<'py>>,
    n_draws: usize,
    replace: bool,
    n_features: usize,
    max_depth: usize,
    seeds: Vec<u32>,
    n_threads: usize,
) -> PyResult<Vec<Drawn<'py>>> {
    let y = Values::<f64>::new(y)?;
    let known = probabilities.map(Values::<f64>::new).transpose()?;
    let (targets, known) = (y.slice(), known.as_ref().map(Values::slice));
    let params = isolation::Params { n_draws, replace, n_features, max_depth };
    let work = (n_draws as u64).saturating_mul(n_features as u64 * LOOK).saturating_mul(seeds.len() as u64);
    with_samples!(x, samples => {
        let trees = run(py, n_threads, work, |ctx| isolation::fit(ctx, samples, targets, known, &params, &seeds))?;
        trees.into_iter().map(|isolated| drawn(py, isolated.tree, &isolated.features, isolated.seed)).collect()
    })
}

/// A tree of a forest, and the room that it had for nodes when its arrays were looked up.
struct Tree {
    tree: Py<PyAny>,
    capacity: isize,
    arrays: Kept,
}

/// The trees of a forest, found once for many calls. The arrays are those of the trees: what is written there is seen.
#[pyclass(frozen, module = "mlfast._core.ensemble")]
struct Forest {
    trees: Vec<Tree>,
    /// Outputs and classes of every tree.
    shape: (usize, usize),
}

impl Forest {
    /// What `use_them` makes of the trees.
    fn with_members<T>(&self, py: Python<'_>, use_them: impl FnOnce(&[Member]) -> PyResult<T>) -> PyResult<T> {
        let tables: Vec<Table> = self.trees.iter().map(|tree| tree.arrays.table(py)).collect();
        let members: Vec<Member> =
            tables.iter().map(|table| Member { nodes: table.nodes.slice(), values: table.values.slice() }).collect();
        use_them(&members)
    }

    fn width(&self) -> PyResult<usize> {
        memory::checked_len(self.shape.0, self.shape.1).map_err(error::exception)
    }

    /// The columns of predictions to which the trees add, of shape (n_samples, columns).
    fn columns_of(&self, raw: &Values<f64>) -> PyResult<usize> {
        match *raw.shape() {
            [_, n_columns] if self.shape == (1, 1) && n_columns > 0 => Ok(n_columns),
            _ => Err(PyTypeError::new_err("expected trees with one output, and predictions with columns for them")),
        }
    }

    fn work(&self, samples: Samples) -> u64 {
        walk::work(samples).saturating_mul(self.trees.len() as u64)
    }
}

/// The tree of a fitted estimator, and the room that it has for nodes. A tree moves its nodes when that changes.
fn tree_of<'py>(estimator: &Array<'py>) -> PyResult<(Array<'py>, isize)> {
    let py = estimator.py();
    let tree = estimator.getattr(pyo3::intern!(py, "tree_"))?;
    let capacity = tree.getattr(pyo3::intern!(py, "capacity"))?.extract()?;
    Ok((tree, capacity))
}

#[pymethods]
impl Forest {
    /// From fitted trees, all of one shape. `said` has what the nodes of each tree say, of shape (nodes, outputs, classes);
    /// None: the values of the trees.
    #[new]
    #[pyo3(signature = (estimators, outputs = None))]
    fn new(estimators: &Bound<'_, PyList>, outputs: Option<Vec<Array<'_>>>) -> PyResult<Self> {
        if outputs.as_ref().is_some_and(|outputs| outputs.len() != estimators.len()) {
            return Err(PyTypeError::new_err("expected one array for each tree"));
        }
        let mut trees = Vec::with_capacity(estimators.len());
        let mut shape = None;
        for (i, estimator) in estimators.iter().enumerate() {
            let (tree, capacity) = tree_of(&estimator)?;
            let state = tree.call_method0("__getstate__")?;
            let values = match &outputs {
                Some(outputs) => outputs[i].call_method0("copy")?, // so that nobody else knows it
                None => state.get_item("values")?,
            };
            let table = Table::new(&state.get_item("nodes")?, &values)?;
            if *shape.get_or_insert(table.shape()) != table.shape() {
                return Err(PyTypeError::new_err("the trees of a forest differ in outputs or classes"));
            }
            trees.push(Tree { tree: tree.unbind(), capacity, arrays: table.keep() });
        }
        let Some(shape) = shape else {
            return Err(error::exception(Error::Corrupt("estimators_ must hold a tree")));
        };
        Ok(Self { trees, shape })
    }

    /// Whether these are still the trees of the estimators, where they were.
    fn holds(&self, estimators: &Bound<'_, PyList>) -> PyResult<bool> {
        if estimators.len() != self.trees.len() {
            return Ok(false);
        }
        for (estimator, known) in estimators.iter().zip(&self.trees) {
            let (tree, capacity) = tree_of(&estimator)?;
            if !tree.is(&known.tree) || capacity != known.capacity {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Mean of the values of each sample's leaves, shape (n_samples, outputs, classes).
    #[pyo3(signature = (*, x, n_threads))]
    fn mean<'py>(&self, py: Python<'py>, x: &Array<'py>, n_threads: usize) -> PyResult<Array<'py>> {
        let width = self.width()?;
        with_samples!(x, samples => self.with_members(py, |members| {
            let found = run(py, n_threads, self.work(samples), |ctx| vote::mean(ctx, members, width, samples))?;
            Ok(PyArray1::from_vec(py, found).reshape([samples.n_rows(), self.shape.0, self.shape.1])?.into_any())
        }))
    }

    /// Sum of the values of each sample's leaves, shape (n_samples, outputs, classes).
    #[pyo3(signature = (*, x, n_threads))]
    fn sum<'py>(&self, py: Python<'py>, x: &Array<'py>, n_threads: usize) -> PyResult<Array<'py>> {
        let width = self.width()?;
        with_samples!(x, samples => self.with_members(py, |members| {
            let found = run(py, n_threads, self.work(samples), |ctx| vote::sum(ctx, members, width, samples))?;
            Ok(PyArray1::from_vec(py, found).reshape([samples.n_rows(), self.shape.0, self.shape.1])?.into_any())
        }))
    }

    /// Votes of the trees for each class, shape (n_samples, classes); `weights` has one for each tree.
    #[pyo3(signature = (*, x, weights, n_threads))]
    fn votes<'py>(
        &self,
        py: Python<'py>,
        x: &Array<'py>,
        weights: &Array<'py>,
        n_threads: usize,
    ) -> PyResult<Array<'py>> {
        let weights = Values::<f64>::new(weights)?;
        let (weights, n_classes) = (weights.slice(), self.width()?);
        with_samples!(x, samples => self.with_members(py, |members| {
            let found = run(py, n_threads, self.work(samples), |ctx| {
                weighted_vote::votes(ctx, members, n_classes, samples, weights)
            })?;
            array::matrix(py, found, n_classes)
        }))
    }

    /// Weighted medians of what the first trees say, shape (n_samples,), and the samples whose median rounding decides:
    /// theirs is NaN. `weights` has one for each of these trees, finite and not negative.
    #[pyo3(signature = (*, x, weights, n_threads))]
    fn medians<'py>(
        &self,
        py: Python<'py>,
        x: &Array<'py>,
        weights: &Array<'py>,
        n_threads: usize,
    ) -> PyResult<(Array<'py>, Array<'py>)> {
        let weights = Values::<f64>::new(weights)?;
        let weights = weights.slice();
        with_samples!(x, samples => self.with_members(py, |members| {
            let members = members.get(..weights.len()).unwrap_or(members);
            let (found, open) = run(py, n_threads, self.work(samples), |ctx| {
                weighted_vote::medians(ctx, members, samples, weights)
            })?;
            Ok((PyArray1::from_vec(py, found).into_any(), PyArray1::from_vec(py, open).into_any()))
        }))
    }

    /// `raw`, of shape (n_samples, columns), with the values of each sample's leaves added to it, times `scale`: those of
    /// tree i to column i modulo the number of columns.
    #[pyo3(signature = (*, x, raw, scale, n_threads))]
    fn add_to<'py>(
        &self,
        py: Python<'py>,
        x: &Array<'py>,
        raw: &Array<'py>,
        scale: f64,
        n_threads: usize,
    ) -> PyResult<Array<'py>> {
        let raw = Values::<f64>::new(raw)?;
        let n_columns = self.columns_of(&raw)?;
        let start = raw.slice();
        with_samples!(x, samples => self.with_members(py, |members| {
            let job = |ctx: &Context| boosting::add(ctx, members, scale, samples, start, n_columns);
            array::matrix(py, run(py, n_threads, self.work(samples), job)?, n_columns)
        }))
    }

    /// `raw` after each of `n_stages` stages from stage `first` on, or of those that there are: shape (stages, n_samples,
    /// columns). A stage has a tree for each column.
    #[pyo3(signature = (*, x, raw, scale, first, n_stages, n_threads))]
    fn stages<'py>(
        &self,
        py: Python<'py>,
        x: &Array<'py>,
        raw: &Array<'py>,
        scale: f64,
        first: usize,
        n_stages: usize,
        n_threads: usize,
    ) -> PyResult<Array<'py>> {
        let raw = Values::<f64>::new(raw)?;
        let n_columns = self.columns_of(&raw)?;
        let start = raw.slice();
        with_samples!(x, samples => self.with_members(py, |members| {
            let from = members.len().min(first.saturating_mul(n_columns));
            let members = &members[from..members.len().min(from.saturating_add(n_stages.saturating_mul(n_columns)))];
            let job = |ctx: &Context| boosting::stages(ctx, members, scale, samples, start, n_columns);
            let found = run(py, n_threads, self.work(samples), job)?;
            let shape = [members.len() / n_columns, samples.n_rows(), n_columns];
            Ok(PyArray1::from_vec(py, found).reshape(shape)?.into_any())
        }))
    }

    /// The leaf of each sample in each tree, shape (n_trees, n_samples).
    #[pyo3(signature = (*, x, n_threads))]
    fn apply<'py>(&self, py: Python<'py>, x: &Array<'py>, n_threads: usize) -> PyResult<Array<'py>> {
        with_samples!(x, samples => self.with_members(py, |members| {
            let found = run(py, n_threads, self.work(samples), |ctx| vote::apply(ctx, members, samples))?;
            Ok(PyArray1::from_vec(py, found).reshape([self.trees.len(), samples.n_rows()])?.into_any())
        }))
    }

    /// The nodes that each sample passes, numbered through the forest: starts, of shape (n_samples + 1,), and the nodes of
    /// all samples.
    #[pyo3(signature = (*, x, n_threads))]
    fn decision_path<'py>(
        &self,
        py: Python<'py>,
        x: &Array<'py>,
        n_threads: usize,
    ) -> PyResult<(Array<'py>, Array<'py>)> {
        with_samples!(x, samples => self.with_members(py, |members| {
            let paths = run(py, n_threads, self.work(samples), |ctx| vote::decision_path(ctx, members, samples))?;
            Ok((PyArray1::from_vec(py, paths.starts).into_any(), PyArray1::from_vec(py, paths.nodes).into_any()))
        }))
    }

    /// What the trees say of the samples that they have not learnt from: sums of shape (n_samples, outputs, classes), and
    /// how many trees were asked, of shape (n_samples,). `seeds` has one for each tree.
    #[pyo3(signature = (*, x, draws, seeds, n_threads))]
    fn out_of_bag<'py>(
        &self,
        py: Python<'py>,
        x: &Array<'py>,
        draws: &Bound<'py, Draws>,
        seeds: Vec<u32>,
        n_threads: usize,
    ) -> PyResult<(Array<'py>, Array<'py>)> {
        let (width, bootstrap) = (self.width()?, &draws.get().bootstrap);
        with_samples!(x, samples => self.with_members(py, |members| {
            let (sums, asked) = run(py, n_threads, self.work(samples), |ctx| {
                vote::out_of_bag(ctx, members, width, samples, bootstrap, &seeds)
            })?;
            let sums = PyArray1::from_vec(py, sums).reshape([samples.n_rows(), self.shape.0, self.shape.1])?;
            Ok((sums.into_any(), PyArray1::from_vec(py, asked).into_any()))
        }))
    }
}

/// Ensembles of trees.
#[pymodule]
pub(super) mod ensemble {
    #[pymodule_export]
    use super::super::boosting::{boost, weighted_quantile};
    #[pymodule_export]
    use super::super::hist::{HistogramTrees, bin_edges, boost_histograms};
    #[pymodule_export]
    use super::{Draws, Forest, bag, grow_forest, isolate};
}
