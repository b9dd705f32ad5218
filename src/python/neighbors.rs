//! The neighbours room's door.

use numpy::Element;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::array::{Matrix, Samples, Values, View, matrix, with_dtype};
use super::error;
use super::run::run;
use crate::common::context::Blocks;
use crate::common::error::check_length;
use crate::common::{Context, Float, Result, memory};
use crate::metrics::metric::Metric;
use crate::neighbors::index::{self, Cache, Stored};
use crate::neighbors::lists::{Neighbor, Queries};
use crate::neighbors::vote::{Average, Ballot, Classes, Weights};

fn stored<'a, F: Element + Float>(matrix: &'a Matrix<'_, F>) -> PyResult<Stored<'a, F>> {
    Ok(match matrix.view()? {
        View::Dense(rows) => Stored::Dense(rows),
        View::Csr(rows) => Stored::Csr(rows),
    })
}

/// Rows of either type.
enum Rows<'a> {
    F32(Stored<'a, f32>),
    F64(Stored<'a, f64>),
}

impl<'a> Rows<'a> {
    fn new(samples: &'a Samples<'_>) -> PyResult<Self> {
        match samples {
            Samples::F32(matrix) => stored(matrix).map(Self::F32),
            Samples::F64(matrix) => stored(matrix).map(Self::F64),
        }
    }

    fn n_cols(&self) -> usize {
        match self {
            Self::F32(rows) => rows.n_cols(),
            Self::F64(rows) => rows.n_cols(),
        }
    }

    fn queries(&self) -> &dyn Queries {
        match self {
            Self::F32(rows) => rows,
            Self::F64(rows) => rows,
        }
    }
}

/// A search of an index.
struct Search<'a, T: Clone> {
    index: index::Index<'a, T>,
    queries: &'a dyn Queries,
    /// Whether the queries are the training rows, each to be left out of its own neighbours.
    leaves_out: bool,
    k: usize,
}

impl<T: Float> Search<'_, T> {
    /// Multiply-adds.
    fn work(&self) -> u64 {
        let rows = self.index.rows;
        (self.queries.n_rows() as u64).saturating_mul(rows.n_rows() as u64).saturating_mul(rows.n_cols() as u64)
    }

    /// Neighbours that are asked of the index.
    fn sought(&self) -> usize {
        self.k + usize::from(self.leaves_out)
    }

    fn blocks(&self) -> Blocks {
        self.index.blocks(self.queries.n_rows(), self.sought())
    }

    /// Hands each query's neighbours to `consume`, with its block's entry of `outs` and its position in the block.
    fn run<O: Send>(
        &self,
        ctx: &Context,
        outs: Vec<O>,
        consume: impl Fn(&mut O, usize, &[Neighbor]) -> Result<()> + Sync,
    ) -> Result<()> {
        let blocks = self.blocks();
        let outs = blocks.ranges().map(|range| range.start).zip(outs).collect();
        self.index.nearest(ctx, self.queries, self.sought(), outs, |(start, out), position, found| {
            let found = if self.leaves_out { without_self(found, *start + position) } else { &*found };
            consume(out, position, found)
        })
    }

    /// Distances (if wanted) and indices, each of shape `(n_queries, k)`.
    fn lists(&self, ctx: &Context, with_distances: bool) -> Result<(Vec<f64>, Vec<i64>)> {
        let (blocks, k) = (self.blocks(), self.k);
        let len = memory::area(self.queries.n_rows(), k)?;
        let mut distances = memory::filled(if with_distances { len } else { 0 }, 0.0)?;
        let mut indices = memory::filled(len, 0)?;
        let outs = shares(&blocks, &mut distances, if with_distances { k } else { 0 });
        let outs = outs.into_iter().zip(shares(&blocks, &mut indices, k)).collect();
        self.run(ctx, outs, |(distances, indices), position, found| {
            let at = position * k..(position + 1) * k;
            indices[at.clone()].iter_mut().zip(found).for_each(|(out, found)| *out = i64::from(found.row));
            if with_distances {
                distances[at].iter_mut().zip(found).for_each(|(out, found)| *out = found.distance);
            }
            Ok(())
        })?;
        Ok((distances, indices))
    }

    /// The elected class of each query and output, shape `(n_queries, n_outputs)`.
    fn elected(&self, ctx: &Context, classes: Classes, weights: Weights) -> Result<Vec<i64>> {
        let width = classes.n_classes.len();
        let mut codes = memory::filled(memory::area(self.queries.n_rows(), width)?, 0)?;
        let ballot = |out| (Ballot::new(classes, weights), out);
        let outs = shares(&self.blocks(), &mut codes, width).into_iter().map(ballot).collect();
        self.run(ctx, outs, |(ballot, out), position, found| {
            ballot.elect(found, &mut out[position * width..][..width])
        })?;
        Ok(codes)
    }

    /// Shares of the votes, shape `(n_queries, total number of classes)`.
    fn voted(&self, ctx: &Context, classes: Classes, weights: Weights) -> Result<Vec<f64>> {
        let width = classes.total();
        let mut votes = memory::filled(memory::area(self.queries.n_rows(), width)?, 0.0)?;
        let ballot = |out| (Ballot::new(classes, weights), out);
        let outs = shares(&self.blocks(), &mut votes, width).into_iter().map(ballot).collect();
        self.run(ctx, outs, |(ballot, out), position, found| {
            ballot.shares(found, &mut out[position * width..][..width])
        })?;
        Ok(votes)
    }

    /// Means of targets, shape `(n_queries, width)`.
    fn averaged(&self, ctx: &Context, targets: &[f64], width: usize, weights: Weights) -> Result<Vec<f64>> {
        let mut means = memory::filled(memory::area(self.queries.n_rows(), width)?, 0.0)?;
        let average = |out| (Average::new(targets, width, weights), out);
        let outs = shares(&self.blocks(), &mut means, width).into_iter().map(average).collect();
        self.run(ctx, outs, |(average, out), position, found| {
            average.of(found, &mut out[position * width..][..width]);
            Ok(())
        })?;
        Ok(means)
    }
}

/// Chunks of `width` entries a query, one chunk per block.
fn shares<'v, V>(blocks: &Blocks, mut values: &'v mut [V], width: usize) -> Vec<&'v mut [V]> {
    let chunk = |range: std::ops::Range<usize>| {
        let (chunk, rest) = std::mem::take(&mut values).split_at_mut(range.len() * width);
        values = rest;
        chunk
    };
    blocks.ranges().map(chunk).collect()
}

/// Leaves a row out of its own neighbours as scikit-learn does: itself if it is among them, else the first.
fn without_self(found: &mut [Neighbor], row: usize) -> &[Neighbor] {
    let own = found.iter().position(|neighbor| neighbor.row as usize == row).unwrap_or(0);
    found[..=own].rotate_right(1);
    &found[1..]
}

fn weights(by_distance: bool) -> Weights {
    if by_distance { Weights::Distance } else { Weights::Uniform }
}

/// Runs an expression with a [`Search`].
macro_rules! with_search {
    ($index:expr, $py:expr, $x:expr, $leaves_out:expr, $k:expr, $search:ident => $body:expr) => {{
        let own = Samples::new($index.x.bind($py))?;
        let given = $x.map(Samples::new).transpose()?;
        let given = given.as_ref().map(Rows::new).transpose()?;
        with_dtype!(&own, matrix => {
            let rows = stored(matrix)?;
            let queries = match &given {
                Some(given) if given.n_cols() != rows.n_cols() => {
                    return Err(PyValueError::new_err("queries and rows differ in their number of features"));
                }
                Some(given) => given.queries(),
                None => &rows,
            };
            let sought = $k + usize::from($leaves_out);
            if sought == 0 || sought > rows.n_rows() {
                return Err(PyValueError::new_err("n_neighbors must be between 1 and the number of rows"));
            }
            let index = index::Index { rows: &rows, metric: $index.metric, cache: &$index.cache };
            let $search = Search { index, queries, leaves_out: $leaves_out, k: $k };
            $body
        })
    }};
}

/// Nearest neighbours.
#[pymodule]
pub(super) mod neighbors {
    use super::*;

    /// Training rows ready to be searched; see `mlfast.neighbors`.
    #[pyclass(frozen, module = "mlfast._core.neighbors")]
    struct Index {
        /// float32 or float64, dense or CSR.
        x: Py<PyAny>,
        metric: Metric,
        cache: Cache,
    }

    #[pymethods]
    impl Index {
        #[new]
        #[pyo3(signature = (*, x, metric, p, algorithm, leaf_size, n_threads))]
        fn new(
            x: &Bound<'_, PyAny>,
            metric: &str,
            p: f64,
            algorithm: &str,
            leaf_size: usize,
            n_threads: usize,
        ) -> PyResult<Self> {
            let _ = (algorithm, leaf_size, n_threads);
            let metric = Metric::parse(metric, p).ok_or_else(|| PyValueError::new_err("unknown metric"))?;
            Ok(Self { x: x.clone().unbind(), metric, cache: Cache::default() })
        }

        /// The nearest rows of each query: distances (if wanted) and indices.
        #[pyo3(signature = (*, x, n_neighbors, return_distance, n_threads))]
        fn kneighbors<'py>(
            &self,
            py: Python<'py>,
            x: Option<&Bound<'py, PyAny>>,
            n_neighbors: usize,
            return_distance: bool,
            n_threads: usize,
        ) -> PyResult<(Option<Bound<'py, PyAny>>, Bound<'py, PyAny>)> {
            self.lists(py, x, false, n_neighbors, return_distance, n_threads)
        }

        /// The nearest rows of each training row, itself left out.
        #[pyo3(signature = (*, n_neighbors, return_distance, n_threads))]
        fn neighbors_of_rows<'py>(
            &self,
            py: Python<'py>,
            n_neighbors: usize,
            return_distance: bool,
            n_threads: usize,
        ) -> PyResult<(Option<Bound<'py, PyAny>>, Bound<'py, PyAny>)> {
            self.lists(py, None, true, n_neighbors, return_distance, n_threads)
        }

        /// Shares of the classes among the neighbours of each query, one array per output.
        #[pyo3(signature = (*, x, n_neighbors, by_distance, codes, n_classes, n_threads))]
        fn vote<'py>(
            &self,
            py: Python<'py>,
            x: Option<&Bound<'py, PyAny>>,
            n_neighbors: usize,
            by_distance: bool,
            codes: &Bound<'py, PyAny>,
            n_classes: Vec<usize>,
            n_threads: usize,
        ) -> PyResult<Vec<Bound<'py, PyAny>>> {
            let codes = Values::<i64>::new(codes)?;
            let codes = codes.slice();
            with_search!(self, py, x, x.is_none(), n_neighbors, search => {
                let classes = Classes::new(codes, &n_classes, search.index.rows.n_rows()).map_err(error::exception)?;
                let votes = run(py, n_threads, search.work(), |ctx| search.voted(ctx, classes, weights(by_distance)))?;
                by_output(py, &votes, &n_classes)
            })
        }

        /// The class with most votes for each query and output.
        #[pyo3(signature = (*, x, n_neighbors, by_distance, codes, n_classes, n_threads))]
        fn classify<'py>(
            &self,
            py: Python<'py>,
            x: Option<&Bound<'py, PyAny>>,
            n_neighbors: usize,
            by_distance: bool,
            codes: &Bound<'py, PyAny>,
            n_classes: Vec<usize>,
            n_threads: usize,
        ) -> PyResult<Bound<'py, PyAny>> {
            let codes = Values::<i64>::new(codes)?;
            let codes = codes.slice();
            with_search!(self, py, x, x.is_none(), n_neighbors, search => {
                let classes = Classes::new(codes, &n_classes, search.index.rows.n_rows()).map_err(error::exception)?;
                let codes = run(py, n_threads, search.work(), |ctx| search.elected(ctx, classes, weights(by_distance)))?;
                matrix(py, codes, n_classes.len())
            })
        }

        /// The mean of the neighbours' targets for each query and output.
        #[pyo3(signature = (*, x, n_neighbors, by_distance, y, n_threads))]
        fn average<'py>(
            &self,
            py: Python<'py>,
            x: Option<&Bound<'py, PyAny>>,
            n_neighbors: usize,
            by_distance: bool,
            y: &Bound<'py, PyAny>,
            n_threads: usize,
        ) -> PyResult<Bound<'py, PyAny>> {
            let targets = Values::<f64>::new(y)?;
            let width = targets.shape().get(1).copied().unwrap_or(1);
            let targets = targets.slice();
            with_search!(self, py, x, x.is_none(), n_neighbors, search => {
                check_length("y", targets.len(), search.index.rows.n_rows() * width).map_err(error::exception)?;
                let weights = weights(by_distance);
                let means = run(py, n_threads, search.work(), |ctx| search.averaged(ctx, targets, width, weights))?;
                matrix(py, means, width)
            })
        }
    }

    impl Index {
        fn lists<'py>(
            &self,
            py: Python<'py>,
            x: Option<&Bound<'py, PyAny>>,
            leaves_out: bool,
            n_neighbors: usize,
            return_distance: bool,
            n_threads: usize,
        ) -> PyResult<(Option<Bound<'py, PyAny>>, Bound<'py, PyAny>)> {
            with_search!(self, py, x, leaves_out, n_neighbors, search => {
                let (distances, indices) = run(py, n_threads, search.work(), |ctx| search.lists(ctx, return_distance))?;
                let distances = return_distance.then(|| matrix(py, distances, n_neighbors)).transpose()?;
                Ok((distances, matrix(py, indices, n_neighbors)?))
            })
        }
    }
}

/// Cuts rows of all outputs into one matrix per output.
fn by_output<'py>(py: Python<'py>, votes: &[f64], n_classes: &[usize]) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let total: usize = n_classes.iter().sum();
    let mut first = 0;
    let mut outputs = Vec::with_capacity(n_classes.len());
    for &width in n_classes {
        let mut own = memory::with_capacity(votes.len() / total * width).map_err(error::exception)?;
        votes.chunks_exact(total).for_each(|row| own.extend_from_slice(&row[first..first + width]));
        outputs.push(matrix(py, own, width)?);
        first += width;
    }
    Ok(outputs)
}
