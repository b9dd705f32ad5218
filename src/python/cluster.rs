//! Python bindings for `cluster`.

use numpy::{Element, PyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::array::{Matrix, Samples, Values, View, matrix, with_dtype, with_storage};
use super::error;
use super::host::PythonHost;
use super::random::Pulled;
use super::run::run;
use super::small::{MAX_ROWS, SmallRows, held};
use crate::cluster::kmeans::{self, bisecting, init, init::Init, lloyd, minibatch};
use crate::common::error::check_length;
use crate::common::{Context, Float, memory};
use crate::linalg::Rows;
use crate::metrics::pairwise;

/// Iterations assumed when the work of a fit is estimated.
const TYPICAL_ITERATIONS: u64 = 10;

fn work(stored: usize, points: usize, passes: u64) -> u64 {
    (stored as u64).saturating_mul(points as u64).saturating_mul(passes)
}

fn optional<'py, F: Element>(values: Option<&Bound<'py, PyAny>>) -> PyResult<Option<Values<'py, F>>> {
    values.map(Values::new).transpose()
}

/// `init` as Python gives it: a name, or centres of shape `(runs, n_clusters, n_features)`.
enum GivenInit<'py, F: Element> {
    PlusPlus,
    Random,
    Centers(Values<'py, F>),
}

impl<'py, F: Element + Float> GivenInit<'py, F> {
    fn new(init: &Bound<'py, PyAny>) -> PyResult<Self> {
        match init.extract::<&str>() {
            Ok("k-means++") => Ok(Self::PlusPlus),
            Ok("random") => Ok(Self::Random),
            Ok(other) => Err(PyValueError::new_err(format!("unknown init {other:?}"))),
            Err(_) => Values::new(init).map(Self::Centers),
        }
    }

    fn as_init(&self) -> Init<'_, F> {
        match self {
            Self::PlusPlus => Init::PlusPlus,
            Self::Random => Init::Random,
            Self::Centers(centers) => Init::Centers(centers.slice()),
        }
    }
}

fn host(report: Option<Bound<'_, PyAny>>, watch: Option<Bound<'_, PyAny>>) -> PythonHost {
    PythonHost { report: report.map(Bound::unbind), choose: None, watch: watch.map(Bound::unbind) }
}

fn n_distinct(labels: &[i32], n_clusters: usize) -> usize {
    let mut seen = vec![false; n_clusters];
    labels.iter().for_each(|&label| seen[label as usize] = true);
    seen.into_iter().filter(|&seen| seen).count()
}

/// k-means.
#[pymodule]
pub(super) mod cluster {
    use super::*;

    /// Fits k-means; see `mlfast.cluster.KMeans`.
    #[pyfunction]
    #[pyo3(signature = (*, x, sample_weight, n_clusters, init, init_is_centred, n_init, max_iter, tol, elkan,
                        random_state, report, watch, n_threads))]
    fn kmeans_fit<'py>(
        x: &Bound<'py, PyAny>,
        sample_weight: Option<&Bound<'py, PyAny>>,
        n_clusters: usize,
        init: &Bound<'py, PyAny>,
        init_is_centred: bool,
        n_init: usize,
        max_iter: usize,
        tol: f64,
        elkan: bool,
        random_state: &Bound<'py, PyAny>,
        report: Option<Bound<'py, PyAny>>,
        watch: Option<Bound<'py, PyAny>>,
        n_threads: usize,
    ) -> PyResult<Bound<'py, PyDict>> {
        fn typed<'py, F: Element + Float>(
            x: &Matrix<'py, F>,
            sample_weight: Option<&Bound<'py, PyAny>>,
            init: &Bound<'py, PyAny>,
            params: kmeans::Params<'_, F>,
            pulled: &mut Pulled<'py>,
            host: PythonHost,
            n_threads: usize,
        ) -> PyResult<Bound<'py, PyDict>> {
            let py = init.py();
            let given = GivenInit::<F>::new(init)?;
            let weights = optional(sample_weight)?;
            let weights = weights.as_ref().map(Values::slice);
            let params = kmeans::Params { init: given.as_init(), ..params };
            let view = x.view()?;
            let passes = TYPICAL_ITERATIONS.min(params.max_iter as u64).saturating_mul(params.n_init as u64);
            let random = &mut pulled.generator;
            let fit = host.run(py, n_threads, work(x.nnz(), params.n_clusters, passes), |ctx| match &view {
                View::Dense(x) => kmeans::fit_dense(ctx, x, weights, &params, random, &host),
                View::Csr(x) => kmeans::fit_csr(ctx, x, weights, &params, random, &host),
            })?;
            pulled.push_back(py)?;
            let out = PyDict::new(py);
            out.set_item("n_distinct", n_distinct(&fit.labels, params.n_clusters))?;
            out.set_item("labels", PyArray1::from_vec(py, fit.labels))?;
            out.set_item("centers", matrix(py, fit.centers, x.n_cols())?)?;
            out.set_item("inertia", fit.inertia)?;
            out.set_item("n_iter", fit.n_iter)?;
            out.set_item("tol", fit.tol.to_f64())?;
            Ok(out)
        }
        let mut pulled = Pulled::new(random_state)?;
        let host = host(report, watch);
        with_dtype!(Samples::new(x)?, x => {
            let params = kmeans::Params {
                n_clusters, init: Init::Random, init_is_centred, n_init, max_iter, tol, elkan
            };
            typed(&x, sample_weight, init, params, &mut pulled, host, n_threads)
        })
    }

    /// Labels of the rows of `x` for given centres.
    #[pyfunction]
    #[pyo3(signature = (*, x, centers, n_threads))]
    fn assign<'py>(
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
        centers: &Bound<'py, PyAny>,
        n_threads: usize,
    ) -> PyResult<Bound<'py, PyArray1<i32>>> {
        with_dtype!(Samples::new(x)?, x => {
            let centers = points(&x, centers)?;
            let (view, centers) = (x.view()?, centers.slice());
            let labels = run(py, n_threads, work(x.nnz(), centers.len() / x.n_cols(), 1), |ctx| {
                with_storage!(&view, x => kmeans::assign(ctx, x, centers))
            })?;
            Ok(PyArray1::from_vec(py, labels))
        })
    }

    /// Labels of the rows of `x` for given centres, and the inertia.
    #[pyfunction]
    #[pyo3(signature = (*, x, sample_weight, centers, n_threads))]
    fn assign_and_score<'py>(
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
        sample_weight: Option<&Bound<'py, PyAny>>,
        centers: &Bound<'py, PyAny>,
        n_threads: usize,
    ) -> PyResult<(Bound<'py, PyArray1<i32>>, f64)> {
        with_dtype!(Samples::new(x)?, x => {
            let weights = optional(sample_weight)?;
            let weights = weights.as_ref().map(Values::slice);
            let centers = points(&x, centers)?;
            let (view, centers) = (x.view()?, centers.slice());
            let (labels, inertia) = run(py, n_threads, work(x.nnz(), centers.len() / x.n_cols(), 1), |ctx| {
                with_storage!(&view, x => kmeans::assign_and_score(ctx, x, weights, centers))
            })?;
            Ok((PyArray1::from_vec(py, labels), inertia))
        })
    }

    /// Weighted sum of the squared distances of the rows of `x` to the centres of their clusters.
    #[pyfunction]
    #[pyo3(signature = (*, x, sample_weight, centers, labels, n_threads))]
    fn inertia<'py>(
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
        sample_weight: Option<&Bound<'py, PyAny>>,
        centers: &Bound<'py, PyAny>,
        labels: Vec<i32>,
        n_threads: usize,
    ) -> PyResult<f64> {
        with_dtype!(Samples::new(x)?, x => {
            let weights = optional(sample_weight)?;
            let weights = weights.as_ref().map(Values::slice);
            let centers = points(&x, centers)?;
            let n_clusters = centers.slice().len() / x.n_cols();
            let (view, centers) = (x.view()?, centers.slice());
            if !labels.iter().all(|&label| usize::try_from(label).is_ok_and(|label| label < n_clusters)) {
                return Err(PyValueError::new_err("a label without a centre"));
            }
            run(py, n_threads, work(x.nnz(), 1, 1), |ctx| {
                with_storage!(&view, x => {
                    check_length("labels", labels.len(), x.n_rows())?;
                    check_length("sample_weight", weights.map_or(x.n_rows(), <[_]>::len), x.n_rows())?;
                    lloyd::inertia(ctx, x, weights, centers, &labels, None)
                })
            })
        })
    }

    /// Labels of a few plain rows, given the estimator's `__dict__`; None for anything else.
    #[pyfunction]
    fn predict_small<'py>(state: &Bound<'py, PyDict>, x: &Bound<'py, PyAny>) -> Option<Bound<'py, PyArray1<i32>>> {
        predict_small_of::<f64>(state, x).or_else(|| predict_small_of::<f32>(state, x))
    }

    fn predict_small_of<'py, F: Element + Float>(
        state: &Bound<'py, PyDict>,
        x: &Bound<'py, PyAny>,
    ) -> Option<Bound<'py, PyArray1<i32>>> {
        let rows = SmallRows::<F>::new(state, x, MAX_ROWS)?;
        let (x, centers) = (rows.view()?, held::<F>(state, intern!(state.py(), "cluster_centers_"))?);
        if centers.slice().is_empty() || centers.shape().get(1) != Some(&x.n_cols()) {
            return None;
        }
        let mut labels = [0; MAX_ROWS];
        let labels = &mut labels[..x.n_rows()];
        lloyd::assign(&Context::serial(), &x, centers.slice(), labels).ok()?;
        Some(PyArray1::from_slice(state.py(), labels))
    }

    /// Euclidean distances from the rows of `x` to the centres, shape `(n_rows, n_centers)`.
    #[pyfunction]
    #[pyo3(signature = (*, x, centers, n_threads))]
    fn transform<'py>(
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
        centers: &Bound<'py, PyAny>,
        n_threads: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        with_dtype!(Samples::new(x)?, x => {
            let centers = points(&x, centers)?;
            let (view, centers) = (x.view()?, centers.slice());
            let n_centers = centers.len() / x.n_cols();
            let distances = run(py, n_threads, work(x.nnz(), n_centers, 1), |ctx| {
                with_storage!(&view, x => {
                    let mut out = memory::try_filled(memory::checked_len(x.n_rows(), n_centers)?, Default::default())?;
                    pairwise::euclidean_distances(ctx, x, centers, &mut out)?;
                    Ok(out)
                })
            })?;
            matrix(py, distances, n_centers)
        })
    }

    /// Greedy k-means++ seeds: centres and the rows that they are.
    #[pyfunction]
    #[pyo3(signature = (*, x, x_squared_norms, sample_weight, n_clusters, n_local_trials, random_state, n_threads))]
    fn kmeans_plusplus<'py>(
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
        x_squared_norms: Option<&Bound<'py, PyAny>>,
        sample_weight: Option<&Bound<'py, PyAny>>,
        n_clusters: usize,
        n_local_trials: Option<usize>,
        random_state: &Bound<'py, PyAny>,
        n_threads: usize,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyArray1<i64>>)> {
        let mut pulled = Pulled::new(random_state)?;
        with_dtype!(Samples::new(x)?, x => {
            let weights = optional(sample_weight)?;
            let weights = weights.as_ref().map(Values::slice);
            let norms = optional::<f64>(x_squared_norms)?;
            let norms = norms.as_ref().map(Values::slice);
            let view = x.view()?;
            let random = &mut pulled.generator;
            let seeds = run(py, n_threads, work(x.nnz(), n_clusters, 4), |ctx| {
                with_storage!(&view, x => {
                    let own = match norms {
                        Some(_) => Vec::new(),
                        None => init::squared_norms(ctx, x)?,
                    };
                    let norms = norms.unwrap_or(&own);
                    init::plus_plus(ctx, x, norms, weights, n_clusters, n_local_trials, random)
                })
            })?;
            pulled.push_back(py)?;
            let rows = PyArray1::from_iter(py, seeds.rows.iter().map(|&row| row as i64));
            Ok((matrix(py, seeds.centers, x.n_cols())?, rows))
        })
    }

    /// Fits mini-batch k-means; see `mlfast.cluster.MiniBatchKMeans`.
    #[pyfunction]
    #[pyo3(signature = (*, x, sample_weight, n_clusters, init, n_init, init_size, validation, draws_subset, batch_size,
                        n_steps, tol, max_no_improvement, reassignment_ratio, compute_labels, random_state, report,
                        watch, n_threads))]
    fn minibatch_fit<'py>(
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
        sample_weight: Option<&Bound<'py, PyAny>>,
        n_clusters: usize,
        init: &Bound<'py, PyAny>,
        n_init: usize,
        init_size: usize,
        validation: Option<Vec<u32>>,
        draws_subset: bool,
        batch_size: usize,
        n_steps: usize,
        tol: f64,
        max_no_improvement: Option<usize>,
        reassignment_ratio: f64,
        compute_labels: bool,
        random_state: &Bound<'py, PyAny>,
        report: Option<Bound<'py, PyAny>>,
        watch: Option<Bound<'py, PyAny>>,
        n_threads: usize,
    ) -> PyResult<Bound<'py, PyDict>> {
        let mut pulled = Pulled::new(random_state)?;
        let host = host(report, watch);
        with_dtype!(Samples::new(x)?, x => {
            let weights = optional(sample_weight)?;
            let weights = weights.as_ref().map(Values::slice);
            let given = GivenInit::new(init)?;
            let view = x.view()?;
            let n_cols = x.n_cols();
            let init = given.as_init();
            let random = &mut pulled.generator;
            // Batches run one after another; what is shared out is the seeding and the labels of all rows.
            let (fit, tol) = host.run(py, n_threads, work(x.nnz(), n_clusters, 1), |ctx| {
                let tol = match &view {
                    _ if tol == 0.0 => Float::from_f64(0.0),
                    View::Dense(x) => kmeans::dense_tolerance(ctx, x, tol)?,
                    View::Csr(x) => kmeans::csr_tolerance(x, tol)?,
                };
                let params = minibatch::Params {
                    n_clusters, init, n_init, init_size, validation: validation.as_deref(),
                    draws_subset, batch_size, n_steps, tol, max_no_improvement, reassignment_ratio, compute_labels,
                };
                let fit = with_storage!(&view, x => minibatch::fit(ctx, x, weights, &params, random, &host))?;
                Ok((fit, tol))
            })?;
            pulled.push_back(py)?;
            let out = progress(py, fit.progress, n_cols)?;
            out.set_item("n_steps", fit.n_steps)?;
            out.set_item("smoothed", fit.smoothed)?;
            out.set_item("min_smoothed", fit.min_smoothed)?;
            out.set_item("no_improvement", fit.no_improvement)?;
            out.set_item("tol", tol.to_f64())?;
            if let Some((labels, inertia)) = fit.labels {
                out.set_item("labels", PyArray1::from_vec(py, labels))?;
                out.set_item("inertia", inertia)?;
            }
            Ok(out)
        })
    }

    /// One step of mini-batch k-means on all rows of `x`: `partial_fit`.
    #[pyfunction]
    #[pyo3(signature = (*, x, sample_weight, centers, counts, since_reassignment, batch_size, reassignment_ratio,
                        random_state, report, n_threads))]
    fn minibatch_step<'py>(
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
        sample_weight: Option<&Bound<'py, PyAny>>,
        centers: &Bound<'py, PyAny>,
        counts: &Bound<'py, PyAny>,
        since_reassignment: usize,
        batch_size: usize,
        reassignment_ratio: f64,
        random_state: &Bound<'py, PyAny>,
        report: Option<Bound<'py, PyAny>>,
        n_threads: usize,
    ) -> PyResult<Bound<'py, PyDict>> {
        let mut pulled = Pulled::new(random_state)?;
        let host = host(report, None);
        with_dtype!(Samples::new(x)?, x => {
            let weights = optional(sample_weight)?;
            let weights = weights.as_ref().map(Values::slice);
            let (centers, counts) = (points(&x, centers)?, Values::new(counts)?);
            let view = x.view()?;
            let n_cols = x.n_cols();
            let mut now = minibatch::Progress {
                centers: memory::try_copied(centers.slice()).map_err(error::exception)?,
                counts: memory::try_copied(counts.slice()).map_err(error::exception)?,
                since_reassignment,
            };
            let random = &mut pulled.generator;
            run(py, n_threads, work(x.nnz(), now.counts.len(), 1), |ctx| {
                with_storage!(&view, x => {
                    minibatch::step(ctx, x, weights, batch_size, reassignment_ratio, &mut now, random, &host)
                })
            })?;
            pulled.push_back(py)?;
            progress(py, now, n_cols)
        })
    }

    /// Fits bisecting k-means; see `mlfast.cluster.BisectingKMeans`.
    #[pyfunction]
    #[pyo3(signature = (*, x, sample_weight, n_clusters, init, n_init, max_iter, tol, elkan, by_inertia, random_state,
                        report, watch, n_threads))]
    fn bisecting_fit<'py>(
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
        sample_weight: Option<&Bound<'py, PyAny>>,
        n_clusters: usize,
        init: &Bound<'py, PyAny>,
        n_init: usize,
        max_iter: usize,
        tol: f64,
        elkan: bool,
        by_inertia: bool,
        random_state: &Bound<'py, PyAny>,
        report: Option<Bound<'py, PyAny>>,
        watch: Option<Bound<'py, PyAny>>,
        n_threads: usize,
    ) -> PyResult<Bound<'py, PyDict>> {
        let mut pulled = Pulled::new(random_state)?;
        let is_called = init.is_callable();
        let host = PythonHost { choose: is_called.then(|| init.clone().unbind()), ..host(report, watch) };
        with_dtype!(Samples::new(x)?, x => {
            let weights = optional(sample_weight)?;
            let weights = weights.as_ref().map(Values::slice);
            let given = if is_called { None } else { Some(GivenInit::new(init)?) };
            let view = x.view()?;
            let n_cols = x.n_cols();
            let init = given.as_ref().map(GivenInit::as_init);
            let random = &mut pulled.generator;
            let fit = host.run(py, n_threads, work(x.nnz(), 2 * n_clusters, TYPICAL_ITERATIONS), |ctx| {
                let params = bisecting::Params {
                    n_clusters, init, n_init, max_iter, tol: Float::from_f64(tol), elkan, by_inertia
                };
                match &view {
                    View::Dense(x) => bisecting::fit_dense(ctx, x, weights, &params, random, &host),
                    View::Csr(x) => bisecting::fit_csr(ctx, x, weights, &params, random, &host),
                }
            })?;
            if !is_called {
                pulled.push_back(py)?; // a callable has drawn from the RandomState itself
            }
            let out = PyDict::new(py);
            out.set_item("node_centers", matrix(py, fit.tree.centers, n_cols)?)?;
            out.set_item("node_scores", fit.tree.scores)?;
            out.set_item("node_children", fit.tree.children)?;
            out.set_item("leaves", fit.leaves)?;
            out.set_item("labels", PyArray1::from_vec(py, fit.labels))?;
            out.set_item("inertia", fit.inertia)?;
            out.set_item("means", PyArray1::from_vec(py, fit.means))?;
            Ok(out)
        })
    }

    /// Clusters of the rows of `x` by a tree of splits: node 0 is the root, children come after their parent.
    #[pyfunction]
    #[pyo3(signature = (*, x, node_centers, node_children, node_labels, n_threads))]
    fn bisecting_predict<'py>(
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
        node_centers: &Bound<'py, PyAny>,
        node_children: Vec<Option<(usize, usize)>>,
        node_labels: Vec<i32>,
        n_threads: usize,
    ) -> PyResult<Bound<'py, PyArray1<i32>>> {
        let n_nodes = node_children.len();
        let in_order = |(node, children): (usize, &Option<(usize, usize)>)| {
            children.is_none_or(|(left, right)| left > node && right > node && left.max(right) < n_nodes)
        };
        if n_nodes == 0 || node_labels.len() != n_nodes || !node_children.iter().enumerate().all(in_order) {
            return Err(PyValueError::new_err("the tree of splits is not a tree"));
        }
        with_dtype!(Samples::new(x)?, x => {
            let centers = points(&x, node_centers)?;
            if centers.slice().len() != n_nodes * x.n_cols() {
                return Err(PyValueError::new_err("the tree of splits has not one centre per node"));
            }
            let (view, centers) = (x.view()?, centers.slice());
            let labels = run(py, n_threads, work(x.nnz(), 2 * n_nodes, 1), |ctx| {
                with_storage!(&view, x => bisecting::predict(ctx, x, centers, &node_children, &node_labels))
            })?;
            Ok(PyArray1::from_vec(py, labels))
        })
    }
}

/// Points with as many features as the samples, of the same type.
fn points<'py, F: Element + Float>(x: &Matrix<'py, F>, points: &Bound<'py, PyAny>) -> PyResult<Values<'py, F>> {
    let points = Values::new(points)?;
    match *points.shape() {
        [n_points, n_cols] if n_points > 0 && n_cols == x.n_cols() => Ok(points),
        ref shape => {
            Err(PyValueError::new_err(format!("points of shape {shape:?} do not fit {} features", x.n_cols())))
        }
    }
}

fn progress<F: Element + Float>(
    py: Python<'_>,
    progress: minibatch::Progress<F>,
    n_cols: usize,
) -> PyResult<Bound<'_, PyDict>> {
    let out = PyDict::new(py);
    out.set_item("centers", matrix(py, progress.centers, n_cols)?)?;
    out.set_item("counts", PyArray1::from_vec(py, progress.counts))?;
    out.set_item("since_reassignment", progress.since_reassignment)?;
    Ok(out)
}
