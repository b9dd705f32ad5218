//! Python bindings for `neighbors`.

use std::ops::Range;

use numpy::{Element, PyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::array::{Matrix, Samples, Values, View, matrix, with_dtype};
use super::error;
use super::run::run;
use crate::common::context::Blocks;
use crate::common::error::check_length;
use crate::common::{Context, Error, Float, Result, memory};
use crate::metrics::metric::Metric;
use crate::neighbors::density::{self, Neighborhoods};
use crate::neighbors::index::{self, Algorithm, Cache, Sought, Stored};
use crate::neighbors::results::{Goal, Neighbor, Queries};
use crate::neighbors::vote::{Average, Ballot, Classes, Targets, Weights};

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
    sought: Sought<'a>,
    /// Whether the queries are the training rows, each to be left out of its own neighbours.
    leaves_out: bool,
    goal: Goal,
}

impl<T: Float> Search<'_, T> {
    fn n_queries(&self) -> usize {
        self.index.queries(self.sought).n_rows()
    }

    /// Multiply-adds.
    fn work(&self) -> u64 {
        let rows = self.index.rows;
        (self.n_queries() as u64).saturating_mul(rows.n_rows() as u64).saturating_mul(rows.n_cols() as u64)
    }

    fn blocks(&self) -> Blocks {
        self.index.blocks(self.n_queries(), self.goal)
    }

    /// Hands each query's neighbours to `consume`, with its block's entry of `outs` and its position in the block.
    fn run<O: Send>(
        &self,
        ctx: &Context,
        outs: Vec<O>,
        consume: impl Fn(&mut O, usize, &mut [Neighbor]) -> Result<()> + Sync,
    ) -> Result<()> {
        let blocks = self.blocks();
        let outs = blocks.ranges().map(|range| range.start).zip(outs).collect();
        self.index.search(ctx, self.sought, self.goal, outs, |(start, out), position, found| {
            let found = if self.leaves_out { without_self(self.goal, found, *start + position) } else { found };
            consume(out, position, found)
        })
    }

    /// Distances (if wanted) and indices of `k` neighbours, each of shape `(n_queries, k)`.
    fn lists(&self, ctx: &Context, k: usize, with_distances: bool) -> Result<(Vec<f64>, Vec<i64>)> {
        let blocks = self.blocks();
        let len = memory::checked_len(self.n_queries(), k)?;
        let mut distances = memory::try_filled(if with_distances { len } else { 0 }, 0.0)?;
        let mut indices = memory::try_filled(len, 0)?;
        let outs = chunks_of(&blocks, &mut distances, if with_distances { k } else { 0 });
        let outs = outs.into_iter().zip(chunks_of(&blocks, &mut indices, k)).collect();
        self.run(ctx, outs, |(distances, indices), position, found| {
            let at = position * k..(position + 1) * k;
            indices[at.clone()].iter_mut().zip(&*found).for_each(|(out, found)| *out = i64::from(found.row));
            if with_distances {
                distances[at].iter_mut().zip(&*found).for_each(|(out, found)| *out = found.distance);
            }
            Ok(())
        })?;
        Ok((distances, indices))
    }

    /// The elected class of each query and output, shape `(n_queries, n_outputs)`.
    fn elected(&self, ctx: &Context, classes: Classes, weights: Weights) -> Result<Vec<i64>> {
        let width = classes.n_classes.len();
        let mut codes = memory::try_filled(memory::checked_len(self.n_queries(), width)?, 0)?;
        let ballot = |out| (Ballot::new(classes, weights), out);
        let outs = chunks_of(&self.blocks(), &mut codes, width).into_iter().map(ballot).collect();
        self.run(ctx, outs, |(ballot, out), position, found| {
            ballot.elect(found, &mut out[position * width..][..width])
        })?;
        Ok(codes)
    }

    /// Fractions of the votes, for each output of shape `(n_queries, n_classes)`.
    fn voted(&self, ctx: &Context, classes: Classes, weights: Weights) -> Result<Vec<Vec<f64>>> {
        let mut votes = self.tables(classes)?;
        let ballot = |outs| (Ballot::new(classes, weights), outs);
        let outs = chunks_of_outputs(&self.blocks(), &mut votes, classes.n_classes).into_iter().map(ballot).collect();
        self.run(ctx, outs, |(ballot, outs), position, found| {
            ballot.fractions(found, rows_at(outs, classes.n_classes, position))
        })?;
        Ok(votes)
    }

    /// For each output zeros of shape `(n_queries, n_classes)`.
    fn tables(&self, classes: Classes) -> Result<Vec<Vec<f64>>> {
        let table = |&width| memory::try_filled(memory::checked_len(self.n_queries(), width)?, 0.0);
        classes.n_classes.iter().map(table).collect()
    }

    /// Means of targets, shape `(n_queries, width)`.
    fn averaged(&self, ctx: &Context, targets: Targets, width: usize, weights: Weights) -> Result<Vec<f64>> {
        let mut means = memory::try_filled(memory::checked_len(self.n_queries(), width)?, 0.0)?;
        let average = |out| (Average::new(targets, width, weights), out);
        let outs = chunks_of(&self.blocks(), &mut means, width).into_iter().map(average).collect();
        self.run(ctx, outs, |(average, out), position, found| {
            average.of(found, &mut out[position * width..][..width]);
            Ok(())
        })?;
        Ok(means)
    }
}

/// Neighbours of a block of queries, in any order of the queries.
struct Flat {
    /// Where those of each query start, and where they end.
    spans: [Vec<i64>; 2],
    distances: Vec<f64>,
    indices: Vec<i64>,
}

impl<T: Float> Search<'_, T> {
    /// The neighbours of all queries, block by block.
    fn flats(&self, ctx: &Context, with_distances: bool, sorted: bool) -> Result<Vec<Flat>> {
        let flat = |range: Range<usize>| {
            let spans = [memory::try_filled(range.len(), 0)?, memory::try_filled(range.len(), 0)?];
            Ok(Flat { spans, distances: Vec::new(), indices: Vec::new() })
        };
        let mut flats = self.blocks().ranges().map(flat).collect::<Result<Vec<_>>>()?;
        self.run(ctx, flats.iter_mut().collect(), |flat, position, found| {
            if sorted {
                found.sort_unstable_by(Neighbor::order);
            }
            let short = |_| Error::MemoryShort;
            flat.spans[0][position] = flat.indices.len() as i64;
            flat.indices.try_reserve(found.len()).map_err(short)?;
            flat.distances.try_reserve(if with_distances { found.len() } else { 0 }).map_err(short)?;
            flat.indices.extend(found.iter().map(|neighbor| i64::from(neighbor.row)));
            flat.spans[1][position] = flat.indices.len() as i64;
            if with_distances {
                flat.distances.extend(found.iter().map(|neighbor| neighbor.distance));
            }
            Ok(())
        })?;
        Ok(flats)
    }

    /// Votes of the neighbours of each query, for each output of shape `(n_queries, n_classes)`, and how many they are.
    fn counted(&self, ctx: &Context, classes: Classes, weights: Weights) -> Result<(Vec<Vec<f64>>, Vec<i64>)> {
        let mut votes = self.tables(classes)?;
        let mut counts = memory::try_filled(self.n_queries(), 0)?;
        let blocks = self.blocks();
        let outs = chunks_of_outputs(&blocks, &mut votes, classes.n_classes).into_iter();
        let outs = outs.zip(chunks_of(&blocks, &mut counts, 1));
        let outs = outs.map(|(votes, counts)| (Ballot::new(classes, weights), votes, counts)).collect();
        self.run(ctx, outs, |(ballot, outs, counts), position, found| {
            let mut rest = ballot.count(found)?;
            for out in rows_at(outs, classes.n_classes, position) {
                let (votes, others) = rest.split_at(out.len());
                rest = others;
                out.copy_from_slice(votes);
            }
            counts[position] = found.len() as i64;
            Ok(())
        })?;
        Ok((votes, counts))
    }

    /// Means of the targets of the neighbours of each query, shape `(n_queries, width)`, and how many they are.
    fn levelled(
        &self,
        ctx: &Context,
        targets: Targets,
        width: usize,
        weights: Weights,
    ) -> Result<(Vec<f64>, Vec<i64>)> {
        let n_queries = self.n_queries();
        let mut means = memory::try_filled(memory::checked_len(n_queries, width)?, 0.0)?;
        let mut counts = memory::try_filled(n_queries, 0)?;
        let blocks = self.blocks();
        let outs = chunks_of(&blocks, &mut means, width).into_iter().zip(chunks_of(&blocks, &mut counts, 1));
        let outs = outs.map(|(means, counts)| (Average::new(targets, width, weights), means, counts)).collect();
        self.run(ctx, outs, |(average, means, counts), position, found| {
            average.of(found, &mut means[position * width..][..width]);
            counts[position] = found.len() as i64;
            Ok(())
        })?;
        Ok((means, counts))
    }
}

/// Chunks of `width` entries a query, one chunk per block.
fn chunks_of<'v, V>(blocks: &Blocks, mut values: &'v mut [V], width: usize) -> Vec<&'v mut [V]> {
    let chunk = |range: Range<usize>| {
        let (chunk, rest) = std::mem::take(&mut values).split_at_mut(range.len() * width);
        values = rest;
        chunk
    };
    blocks.ranges().map(chunk).collect()
}

/// Chunks of the tables of all outputs, `widths` entries a query: a list of one for each output per block.
fn chunks_of_outputs<'v>(blocks: &Blocks, tables: &'v mut [Vec<f64>], widths: &[usize]) -> Vec<Vec<&'v mut [f64]>> {
    let mut chunks: Vec<Vec<&mut [f64]>> = blocks.ranges().map(|_| Vec::with_capacity(widths.len())).collect();
    for (table, &width) in tables.iter_mut().zip(widths) {
        chunks.iter_mut().zip(chunks_of(blocks, table, width)).for_each(|(outputs, chunk)| outputs.push(chunk));
    }
    chunks
}

/// The entries of one query of a block, output by output.
fn rows_at<'v>(
    outputs: &'v mut [&mut [f64]],
    widths: &'v [usize],
    position: usize,
) -> impl Iterator<Item = &'v mut [f64]> {
    outputs.iter_mut().zip(widths).map(move |(chunk, &width)| &mut chunk[position * width..][..width])
}

/// Leaves a row out of its own neighbours as scikit-learn does: itself if it is among them, else the first of the
/// nearest.
fn without_self(goal: Goal, found: &mut [Neighbor], row: usize) -> &mut [Neighbor] {
    let own = found.iter().position(|neighbor| neighbor.row as usize == row);
    let Some(own) = own.or(if let Goal::Nearest(_) = goal { Some(0) } else { None }) else { return found };
    found[..=own].rotate_right(1);
    &mut found[1..]
}

fn weights(by_distance: bool) -> Weights {
    if by_distance { Weights::Distance } else { Weights::Uniform }
}

/// Runs an expression with a [`Search`].
macro_rules! with_search {
    ($index:expr, $py:expr, $x:expr, $leaves_out:expr, $goal:expr, $with_distances:expr, $search:ident => $body:expr) => {{
        let own = Samples::new($index.x.bind($py))?;
        let given = $x.map(Samples::new).transpose()?;
        let given = given.as_ref().map(Rows::new).transpose()?;
        with_dtype!(&own, matrix => {
            let rows = stored(matrix)?;
            let sought = match &given {
                Some(given) if given.n_cols() != rows.n_cols() => {
                    return Err(PyValueError::new_err("queries and rows differ in their number of features"));
                }
                Some(given) => Sought::New(given.queries()),
                None => Sought::Own,
            };
            let goal = match $goal {
                Goal::Nearest(k) => Goal::Nearest(k + usize::from($leaves_out)),
                within => within,
            };
            if matches!(goal, Goal::Nearest(k) if k == 0 || k > rows.n_rows()) {
                return Err(PyValueError::new_err("n_neighbors must be between 1 and the number of rows"));
            }
            let index = index::Index {
                rows: &rows,
                metric: $index.metric,
                algorithm: $index.algorithm,
                with_distances: $with_distances,
                cache: &$index.cache,
            };
            let $search = Search { index, sought, leaves_out: $leaves_out, goal };
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
        /// float32 or float64, dense or CSR. An array that nobody else knows, so that it keeps its shape and type.
        x: Py<PyAny>,
        metric: Metric,
        algorithm: Algorithm,
        cache: Cache,
    }

    #[pymethods]
    impl Index {
        #[new]
        #[pyo3(signature = (*, x, metric, p, algorithm))]
        fn new(x: &Bound<'_, PyAny>, metric: &str, p: f64, algorithm: &str) -> PyResult<Self> {
            let algorithm = if algorithm == "brute" { Algorithm::Brute } else { Algorithm::Auto };
            let metric = Metric::parse(metric, p).ok_or_else(|| PyValueError::new_err("unknown metric"))?;
            Ok(Self { x: x.clone().unbind(), metric, algorithm, cache: Cache::default() })
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
            with_search!(self, py, x, x.is_none(), Goal::Nearest(n_neighbors), true, search => {
                let classes = Classes::new(codes, &n_classes, search.index.rows.n_rows()).map_err(error::exception)?;
                let votes = run(py, n_threads, search.work(), |ctx| search.voted(ctx, classes, weights(by_distance)))?;
                votes.into_iter().zip(&n_classes).map(|(votes, &width)| matrix(py, votes, width)).collect()
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
            with_search!(self, py, x, x.is_none(), Goal::Nearest(n_neighbors), true, search => {
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
            let kept = KeptTargets::new(y)?;
            let (targets, width) = (kept.targets(), kept.width());
            with_search!(self, py, x, x.is_none(), Goal::Nearest(n_neighbors), true, search => {
                check_length("_y", targets.len(), search.index.rows.n_rows() * width).map_err(error::exception)?;
                let weights = weights(by_distance);
                let means = run(py, n_threads, search.work(), |ctx| search.averaged(ctx, targets, width, weights))?;
                matrix(py, means, width)
            })
        }

        /// All rows within a radius of each query, by blocks of queries: where the neighbours of each query start and
        /// end, and the distances (if wanted) and indices of all.
        #[pyo3(signature = (*, x, radius, return_distance, sort, n_threads))]
        fn radius_neighbors<'py>(
            &self,
            py: Python<'py>,
            x: Option<&Bound<'py, PyAny>>,
            radius: f64,
            return_distance: bool,
            sort: bool,
            n_threads: usize,
        ) -> PyResult<Vec<RadiusLists<'py>>> {
            with_search!(self, py, x, x.is_none(), Goal::Within(radius), return_distance, search => {
                let flats = run(py, n_threads, search.work(), |ctx| search.flats(ctx, return_distance, sort))?;
                let array = |values: Vec<i64>| PyArray1::from_vec(py, values).into_any();
                let lists = flats.into_iter().map(|Flat { spans: [starts, ends], mut distances, mut indices }| {
                    // Rows that are kept need not keep what their vectors grew by.
                    distances.shrink_to_fit();
                    indices.shrink_to_fit();
                    let distances = return_distance.then(|| PyArray1::from_vec(py, distances).into_any());
                    (array(starts), array(ends), distances, array(indices))
                });
                Ok(lists.collect())
            })
        }

        /// Votes of the rows within a radius of each query, one array per output, and how many rows they are.
        #[pyo3(signature = (*, x, radius, by_distance, codes, n_classes, n_threads))]
        fn vote_radius<'py>(
            &self,
            py: Python<'py>,
            x: Option<&Bound<'py, PyAny>>,
            radius: f64,
            by_distance: bool,
            codes: &Bound<'py, PyAny>,
            n_classes: Vec<usize>,
            n_threads: usize,
        ) -> PyResult<(Vec<Bound<'py, PyAny>>, Bound<'py, PyAny>)> {
            let codes = Values::<i64>::new(codes)?;
            let codes = codes.slice();
            with_search!(self, py, x, x.is_none(), Goal::Within(radius), by_distance, search => {
                let classes = Classes::new(codes, &n_classes, search.index.rows.n_rows()).map_err(error::exception)?;
                let weights = weights(by_distance);
                let (votes, counts) = run(py, n_threads, search.work(), |ctx| search.counted(ctx, classes, weights))?;
                let votes = votes.into_iter().zip(&n_classes).map(|(votes, &width)| matrix(py, votes, width));
                Ok((votes.collect::<PyResult<_>>()?, PyArray1::from_vec(py, counts).into_any()))
            })
        }

        /// The mean of the targets within a radius of each query (NaN without any), and how many rows they are.
        #[pyo3(signature = (*, x, radius, by_distance, y, n_threads))]
        fn average_radius<'py>(
            &self,
            py: Python<'py>,
            x: Option<&Bound<'py, PyAny>>,
            radius: f64,
            by_distance: bool,
            y: &Bound<'py, PyAny>,
            n_threads: usize,
        ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
            let kept = KeptTargets::new(y)?;
            let (targets, width) = (kept.targets(), kept.width());
            with_search!(self, py, x, x.is_none(), Goal::Within(radius), by_distance, search => {
                check_length("_y", targets.len(), search.index.rows.n_rows() * width).map_err(error::exception)?;
                let weights = weights(by_distance);
                let (means, counts) =
                    run(py, n_threads, search.work(), |ctx| search.levelled(ctx, targets, width, weights))?;
                Ok((matrix(py, means, width)?, PyArray1::from_vec(py, counts).into_any()))
            })
        }

        /// The short way of `classify` for a few plain rows; None if these are not.
        fn classify_few<'py>(
            &self,
            x: &Bound<'py, PyAny>,
            n_neighbors: usize,
            by_distance: bool,
            codes: &Bound<'py, PyAny>,
            n_classes: Vec<usize>,
        ) -> PyResult<Option<Bound<'py, PyAny>>> {
            let py = x.py();
            let n_cols: usize = self.x.bind(py).getattr("shape")?.get_item(1)?.extract()?;
            if !(is_plain::<f64>(x, n_cols) || is_plain::<f32>(x, n_cols)) {
                return Ok(None);
            }
            let codes = Values::<i64>::new(codes)?;
            let codes = codes.slice();
            with_search!(self, py, Some(x), false, Goal::Nearest(n_neighbors), true, search => {
                let classes = Classes::new(codes, &n_classes, search.index.rows.n_rows()).map_err(error::exception)?;
                let codes = run(py, 1, 0, |ctx| search.elected(ctx, classes, weights(by_distance)))?;
                matrix(py, codes, n_classes.len()).map(Some)
            })
        }
    }

    /// Densities of the training rows, from their own neighbours; see `mlfast.neighbors.LocalOutlierFactor`.
    #[pyfunction]
    #[pyo3(signature = (*, distances, indices, n_threads))]
    fn reachability<'py>(
        py: Python<'py>,
        distances: &Bound<'py, PyAny>,
        indices: &Bound<'py, PyAny>,
        n_threads: usize,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let (distances, indices) = (Values::<f64>::new(distances)?, Values::<i64>::new(indices)?);
        let near = neighborhoods(distances.slice(), &indices);
        let reach: Vec<f64> = near.distances.iter().skip(near.k - 1).step_by(near.k).copied().collect();
        let work = indices.slice().len() as u64;
        let densities = run(py, n_threads, work, |ctx| density::reachability(ctx, near, &reach))?;
        Ok(PyArray1::from_vec(py, densities))
    }

    /// Densities of new rows, from their neighbours and the distances at which these have their own k-th neighbour.
    #[pyfunction]
    #[pyo3(signature = (*, distances, indices, k_distances, n_threads))]
    fn reachability_of<'py>(
        py: Python<'py>,
        distances: &Bound<'py, PyAny>,
        indices: &Bound<'py, PyAny>,
        k_distances: &Bound<'py, PyAny>,
        n_threads: usize,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let (distances, indices) = (Values::<f64>::new(distances)?, Values::<i64>::new(indices)?);
        let reach = Values::<f64>::new(k_distances)?;
        let (near, reach) = (neighborhoods(distances.slice(), &indices), reach.slice());
        let work = indices.slice().len() as u64;
        let densities = run(py, n_threads, work, |ctx| density::reachability(ctx, near, reach))?;
        Ok(PyArray1::from_vec(py, densities))
    }

    /// How much less dense each row is than its neighbours.
    #[pyfunction]
    #[pyo3(signature = (*, indices, density, own_density, n_threads))]
    fn outlier_factor<'py>(
        py: Python<'py>,
        indices: &Bound<'py, PyAny>,
        density: &Bound<'py, PyAny>,
        own_density: &Bound<'py, PyAny>,
        n_threads: usize,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let (all, own) = (Values::<f64>::new(density)?, Values::<f64>::new(own_density)?);
        let indices = Values::<i64>::new(indices)?;
        let (near, all, own) = (neighborhoods(&[], &indices), all.slice(), own.slice());
        let work = indices.slice().len() as u64;
        let factors = run(py, n_threads, work, |ctx| density::outlier_factor(ctx, near, all, own))?;
        Ok(PyArray1::from_vec(py, factors))
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
            with_search!(self, py, x, leaves_out, Goal::Nearest(n_neighbors), true, search => {
                let (distances, indices) = run(py, n_threads, search.work(), |ctx| search.lists(ctx, n_neighbors, return_distance))?;
                let distances = return_distance.then(|| matrix(py, distances, n_neighbors)).transpose()?;
                Ok((distances, matrix(py, indices, n_neighbors)?))
            })
        }
    }
}

/// Targets as an estimator keeps them. They are looked at in each call, so that what is written there is seen.
enum KeptTargets<'py> {
    F64(Values<'py, f64>),
    F32(Values<'py, f32>),
    I64(Values<'py, i64>),
}

impl<'py> KeptTargets<'py> {
    /// Of an array of real numbers of any type, of which the usual ones are read in place.
    fn new(y: &Bound<'py, PyAny>) -> PyResult<Self> {
        if let Some(values) = Values::in_place(y) {
            return Ok(Self::F64(values));
        }
        if let Some(values) = Values::in_place(y) {
            return Ok(Self::F32(values));
        }
        if let Some(values) = Values::in_place(y) {
            return Ok(Self::I64(values));
        }
        let wide = y.py().import("numpy")?.call_method1("ascontiguousarray", (y, f64::get_dtype(y.py())))?;
        Values::new(&wide).map(Self::F64)
    }

    fn targets(&self) -> Targets<'_> {
        match self {
            Self::F64(values) => Targets::F64(values.slice()),
            Self::F32(values) => Targets::F32(values.slice()),
            Self::I64(values) => Targets::I64(values.slice()),
        }
    }

    /// Targets of a row.
    fn width(&self) -> usize {
        let shape = match self {
            Self::F64(values) => values.shape(),
            Self::F32(values) => values.shape(),
            Self::I64(values) => values.shape(),
        };
        shape.iter().skip(1).product()
    }
}

/// Where the neighbours of each query start and end, their distances (if wanted) and their indices.
type RadiusLists<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>, Option<Bound<'py, PyAny>>, Bound<'py, PyAny>);

/// Most rows of the short way.
const FEW: usize = 64;

/// Whether an object is a matrix of a few finite rows that can be read in place.
fn is_plain<F: Element + Float>(object: &Bound<'_, PyAny>, n_cols: usize) -> bool {
    Values::<F>::in_place(object).is_some_and(|values| {
        let is_few = matches!(*values.shape(), [1..=FEW, width] if width == n_cols);
        is_few && values.slice().iter().all(|value| value.is_finite())
    })
}

fn neighborhoods<'a>(distances: &'a [f64], indices: &'a Values<'_, i64>) -> Neighborhoods<'a> {
    Neighborhoods { distances, indices: indices.slice(), k: indices.shape().get(1).copied().unwrap_or(1).max(1) }
}
