//! Exact distances from a block of queries to rows, for every metric.
//!
//! Rows are packed into tiles so that a lane is a row; a few queries at a time are broadcast against a tile, and the sums
//! of all their pairs stay in registers while the features pass by. Which lane, tile or block a pair falls into does not
//! show in its bits (see [`super::terms`]).

use std::borrow::Cow;

use super::distance::{Chebyshev, Euclidean, Manhattan, Minkowski};
use super::metric::Metric;
use super::terms::{BrayCurtis, ByFeature, Canberra, Cosine, Hamming, NanEuclidean, Prepared, RankOf, Terms};
use crate::common::settings::settings;
use crate::common::simd::{Isa, Kernel, Simd, dispatch_to};
use crate::common::{Result, memory};
use crate::linalg::tile::{self, Buffers};
use crate::linalg::{RowSet, norms};

/// Vectors of rows in a tile: with four queries their sums fit sixteen registers beside the factors.
const VECTORS: usize = 2;
/// Most rows in a tile, for any instruction set.
const MAX_LANES: usize = VECTORS * 8;

/// Variants of some metrics, for matrices of distances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// As [`Metric`] says.
    Plain,
    /// [`Metric::NanEuclidean`] without the root.
    Squared,
    /// [`Metric::BrayCurtis`] with `|x + y|`.
    OfSum,
}

/// Distances from the queries of a block.
#[derive(Debug)]
pub struct BlockDistances<'a> {
    metric: Metric,
    n_cols: usize,
    /// Row-major, prepared if the metric asks for it.
    queries: Cow<'a, [f64]>,
    /// Squared lengths of prepared queries.
    norms: Vec<f64>,
    buffer: Vec<f64>,
    staged: Vec<f64>,
    variant: Variant,
    isa: Isa,
}

impl<'a> BlockDistances<'a> {
    /// For `queries`, row-major with shape `(n_queries, n_cols)`.
    ///
    /// # Errors
    /// [`crate::common::Error::OutOfMemory`].
    pub fn new(metric: Metric, queries: &'a [f64], n_cols: usize) -> Result<Self> {
        Self::on(settings().isa, metric, queries, n_cols)
    }

    /// With an instruction set that this machine has.
    fn on(isa: Isa, metric: Metric, queries: &'a [f64], n_cols: usize) -> Result<Self> {
        let mut buffer = memory::try_with_capacity(memory::checked_len(n_cols, tile::max_rows::<f64>())?)?;
        Buffers::new(&mut buffer, n_cols, 0);
        let (norms, staged) = (Vec::new(), Vec::new());
        let mut block = Self {
            metric,
            n_cols,
            queries: Cow::Borrowed(queries),
            norms,
            buffer,
            staged,
            variant: Variant::Plain,
            isa,
        };
        if let Some(centred) = block.centred() {
            let mut own = memory::try_copied(queries)?;
            own.chunks_exact_mut(n_cols).for_each(|row| to_unit(row, centred));
            block.norms = memory::try_filled(own.len() / n_cols, 0.0)?;
            dispatch_to(isa, SquaredLengths { rows: &own, n_cols, buffer: &mut block.buffer, out: &mut block.norms });
            block.queries = Cow::Owned(own);
            block.staged = memory::try_filled(memory::checked_len(n_cols, MAX_LANES)?, 0.0)?;
        }
        Ok(block)
    }

    /// Whether rows are scaled to length 1 first, and if so, whether they are centred before.
    fn centred(&self) -> Option<bool> {
        match self.metric {
            Metric::Cosine => Some(false),
            Metric::Correlation => Some(true),
            _ => None,
        }
    }

    /// Another variant of the metric.
    pub(super) fn in_variant(mut self, variant: Variant) -> Self {
        self.variant = variant;
        self
    }

    /// Number of queries.
    pub fn n_queries(&self) -> usize {
        self.queries.len() / self.n_cols
    }

    /// Distances to `rows`, row-major with shape `(n_rows, n_cols)`: that of query `q` to row `r` goes to
    /// `out[q * n_rows + r]`.
    pub fn to_rows(&mut self, rows: &[f64], out: &mut [f64]) {
        let stride = rows.len() / self.n_cols;
        self.write_columns(rows, stride, out);
    }

    /// [`BlockDistances::to_rows`] into some columns of a wider matrix: the distance of query `q` to row `r` goes to
    /// `out[q * stride + r]`.
    pub(super) fn write_columns(&mut self, rows: &[f64], stride: usize, out: &mut [f64]) {
        let n_cols = self.n_cols as f64;
        match self.metric {
            Metric::Euclidean => self.compute(ByFeature(Euclidean), rows, stride, out),
            Metric::SquaredEuclidean => self.compute(RankOf(Euclidean), rows, stride, out),
            Metric::Manhattan => self.compute(ByFeature(Manhattan), rows, stride, out),
            Metric::Chebyshev => self.compute(ByFeature(Chebyshev), rows, stride, out),
            Metric::Minkowski(p) => self.compute(ByFeature(Minkowski { p }), rows, stride, out),
            Metric::Cosine => self.compute(Cosine::<false>, rows, stride, out),
            Metric::Correlation => self.compute(Cosine::<true>, rows, stride, out),
            Metric::Hamming => self.compute(Hamming { n_cols }, rows, stride, out),
            Metric::Canberra => self.compute(Canberra, rows, stride, out),
            Metric::BrayCurtis if self.variant == Variant::OfSum => {
                self.compute(BrayCurtis::<true>, rows, stride, out);
            }
            Metric::BrayCurtis => self.compute(BrayCurtis::<false>, rows, stride, out),
            Metric::NanEuclidean => {
                self.compute(NanEuclidean { n_cols, root: self.variant == Variant::Plain }, rows, stride, out)
            }
        }
    }

    fn compute<T: Terms>(&mut self, terms: T, rows: &[f64], stride: usize, out: &mut [f64]) {
        let Self { n_cols, queries, norms, buffer, staged, isa, .. } = self;
        dispatch_to(*isa, Distances { terms, n_cols: *n_cols, queries, norms, rows, buffer, staged, stride, out });
    }
}

/// Scales a row to length 1, less its mean if `centred`, in the order of summation of scikit-learn's `normalize` and of
/// NumPy's `mean`. A row of length 0 stays as it is.
pub(super) fn to_unit(row: &mut [f64], centred: bool) {
    if centred {
        let mean = norms::pairwise_sum(row) / row.len() as f64;
        row.iter_mut().for_each(|value| *value -= mean);
    }
    let length = norms::squared_norm(row).sqrt();
    if length != 0.0 {
        row.iter_mut().for_each(|value| *value /= length);
    }
}

/// Sums of products of every row with itself, in the order of [`Cosine`]'s sums.
struct SquaredLengths<'k> {
    rows: &'k [f64],
    n_cols: usize,
    buffer: &'k mut Vec<f64>,
    out: &'k mut [f64],
}

impl Kernel<f64> for SquaredLengths<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd<F = f64>>(self) {
        let tile = Buffers::new(self.buffer, self.n_cols, 0).tile();
        let set = RowSet::Range(0, self.out.len());
        for (index, out) in self.out.chunks_mut(VECTORS * S::WIDTH).enumerate() {
            // SAFETY: the instruction set is the caller's; all rows of the set exist, and the buffer holds a tile.
            unsafe {
                tile::pack::<S, VECTORS>(
                    self.rows.as_ptr(),
                    std::ptr::null(),
                    self.n_cols,
                    set,
                    index * VECTORS * S::WIDTH,
                    tile,
                );
                let lengths = squared_lengths::<S>(tile, self.n_cols);
                out.copy_from_slice(&lengths[..out.len()]);
            }
        }
    }
}

/// The sum of products with itself of every row of a tile.
///
/// # Safety
/// The instruction set of `S`; `tile` holds `n_cols * VECTORS` vectors.
#[inline(always)]
unsafe fn squared_lengths<S: Simd<F = f64>>(tile: *const f64, n_cols: usize) -> [f64; MAX_LANES] {
    let mut lengths = [0.0; MAX_LANES];
    // SAFETY: the caller's promise; the array holds the widest vectors.
    unsafe {
        for v in 0..VECTORS {
            let mut sums = [S::splat(0.0); 2];
            for column in 0..n_cols {
                let x = S::load(tile.add((column * VECTORS + v) * S::WIDTH));
                sums = Cosine::<false>.step::<S>(sums, x, x);
            }
            S::store(lengths.as_mut_ptr().add(v * S::WIDTH), sums[0]);
        }
    }
    lengths
}

/// The kernel of [`BlockDistances::write_columns`].
struct Distances<'k, T> {
    terms: T,
    n_cols: usize,
    queries: &'k [f64],
    norms: &'k [f64],
    rows: &'k [f64],
    buffer: &'k mut Vec<f64>,
    staged: &'k mut [f64],
    stride: usize,
    out: &'k mut [f64],
}

impl<T: Terms> Kernel<f64> for Distances<'_, T> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd<F = f64>>(mut self) {
        let n_rows = self.rows.len() / self.n_cols;
        let n_queries = self.queries.len() / self.n_cols;
        let tile = Buffers::new(self.buffer, self.n_cols, 0).tile();
        for position in (0..n_rows).step_by(VECTORS * S::WIDTH) {
            // SAFETY: the instruction set is the caller's; rows and queries exist, and the buffer holds a tile.
            unsafe {
                let lanes = self.pack::<S>(n_rows, position, tile);
                let lengths = match T::PREPARED {
                    Prepared::No => [0.0; MAX_LANES],
                    _ => squared_lengths::<S>(tile, self.n_cols),
                };
                let mut tile = Tile { tile, lengths, position, lanes };
                let (most, mut query) = (if T::SUMS == 1 { 4 } else { 2 }, 0);
                while query + most <= n_queries {
                    match most {
                        4 => self.visit::<S, 4>(&mut tile, query),
                        _ => self.visit::<S, 2>(&mut tile, query),
                    }
                    query += most;
                }
                while query < n_queries {
                    self.visit::<S, 1>(&mut tile, query);
                    query += 1;
                }
            }
        }
    }
}

/// A packed tile.
struct Tile {
    tile: *const f64,
    /// Squared lengths of prepared rows.
    lengths: [f64; MAX_LANES],
    /// The row of the first lane.
    position: usize,
    /// Lanes that hold rows.
    lanes: usize,
}

impl<T: Terms> Distances<'_, T> {
    /// Packs the rows from `position` on, prepared; returns how many.
    ///
    /// # Safety
    /// The instruction set of `S`; `tile` has room for a tile.
    #[inline(always)]
    unsafe fn pack<S: Simd<F = f64>>(&mut self, n_rows: usize, position: usize, tile: *mut f64) -> usize {
        let (mut values, mut set, mut first) = (self.rows.as_ptr(), RowSet::Range(0, n_rows), position);
        if T::PREPARED != Prepared::No {
            let count = (n_rows - position).min(VECTORS * S::WIDTH);
            let staged = &mut self.staged[..count * self.n_cols];
            staged.copy_from_slice(&self.rows[position * self.n_cols..][..count * self.n_cols]);
            staged.chunks_exact_mut(self.n_cols).for_each(|row| to_unit(row, T::PREPARED == Prepared::CentredUnit));
            (values, set, first) = (staged.as_ptr(), RowSet::Range(0, count), 0);
        }
        // SAFETY: the caller's promise; the rows of the set exist.
        unsafe { tile::pack::<S, VECTORS>(values, std::ptr::null(), self.n_cols, set, first, tile) }
    }

    /// Distances of queries `query..query + C` to the rows of a tile.
    ///
    /// # Safety
    /// The instruction set of `S`; the queries exist; the tile holds `n_cols * VECTORS` vectors.
    #[inline(always)]
    unsafe fn visit<S: Simd<F = f64>, const C: usize>(&mut self, tile: &mut Tile, query: usize) {
        let mut sums = [[[0.0; MAX_LANES]; 2]; C];
        // SAFETY: the caller's promise; the arrays hold the widest vectors.
        unsafe {
            let mut running = [[[S::splat(0.0); 2]; VECTORS]; C];
            let points = self.queries.as_ptr().add(query * self.n_cols);
            for column in 0..self.n_cols {
                let mut x = [S::splat(0.0); VECTORS];
                for v in 0..VECTORS {
                    x[v] = S::load(tile.tile.add((column * VECTORS + v) * S::WIDTH));
                }
                for c in 0..C {
                    let point = S::splat(*points.add(c * self.n_cols + column));
                    for v in 0..VECTORS {
                        running[c][v] = self.terms.step::<S>(running[c][v], point, x[v]);
                    }
                }
            }
            for c in 0..C {
                for v in 0..VECTORS {
                    for sum in 0..T::SUMS {
                        S::store(sums[c][sum].as_mut_ptr().add(v * S::WIDTH), running[c][v][sum]);
                    }
                }
            }
        }
        for c in 0..C {
            let norm = if T::PREPARED == Prepared::No { 0.0 } else { self.norms[query + c] };
            let out = &mut self.out[(query + c) * self.stride + tile.position..][..tile.lanes];
            for (lane, out) in out.iter_mut().enumerate() {
                *out = self.terms.distance([sums[c][0][lane], sums[c][1][lane]], norm * tile.lengths[lane]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::distance::Additive;
    use super::*;
    use crate::common::random::Mt19937;

    const ALL: [Metric; 11] = [
        Metric::Euclidean,
        Metric::SquaredEuclidean,
        Metric::Manhattan,
        Metric::Chebyshev,
        Metric::Minkowski(1.7),
        Metric::Cosine,
        Metric::Correlation,
        Metric::Hamming,
        Metric::Canberra,
        Metric::BrayCurtis,
        Metric::NanEuclidean,
    ];

    /// The safe twin: one pair, as the definition says.
    fn plain(metric: Metric, x: &[f64], y: &[f64]) -> f64 {
        let pairs = || x.iter().copied().zip(y.iter().copied());
        let n = x.len() as f64;
        let sum = |term: fn(f64, f64) -> f64| pairs().fold(0.0, |sum, (x, y)| sum + term(x, y));
        let cosine = |centred| {
            let (mut x, mut y) = (x.to_vec(), y.to_vec());
            to_unit(&mut x, centred);
            to_unit(&mut y, centred);
            let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).fold(0.0, |sum, (x, y)| sum + x * y);
            let norms = dot(&x, &x) * dot(&y, &y);
            let length = if !centred && norms == 0.0 { 1.0 } else { norms.sqrt() };
            (1.0 - dot(&x, &y) / length).clamp(0.0, 2.0)
        };
        match metric {
            Metric::Euclidean => Euclidean.distance(Euclidean.rank_of(x, y)),
            Metric::SquaredEuclidean => Euclidean.rank_of(x, y),
            Metric::Manhattan => Manhattan.rank_of(x, y),
            Metric::Chebyshev => Chebyshev.rank_of(x, y),
            Metric::Minkowski(p) => Minkowski { p }.distance(Minkowski { p }.rank_of(x, y)),
            Metric::Cosine => cosine(false),
            Metric::Correlation => cosine(true),
            Metric::Hamming => sum(|x, y| f64::from(x != y)) / n,
            Metric::Canberra => {
                sum(|x, y| if x == 0.0 && y == 0.0 { 0.0 } else { (x - y).abs() / (x.abs() + y.abs()) })
            }
            Metric::BrayCurtis => match sum(|x, y| x.abs() + y.abs()) {
                0.0 => 0.0,
                total => sum(|x, y| (x - y).abs()) / total,
            },
            Metric::NanEuclidean => {
                let present = sum(|x, y| f64::from(!(x - y).is_nan()));
                let square = sum(|x, y| if (x - y).is_nan() { 0.0 } else { (x - y) * (x - y) });
                (square / present * n).sqrt()
            }
        }
    }

    /// Small whole numbers, so that features repeat and are zero, and a few large ones, which round.
    fn data(metric: Metric, len: usize, seed: u32) -> Vec<f64> {
        let mut random = Mt19937::seeded(seed);
        let mut value = || match random.next_f64() {
            kind if kind < 0.05 && metric == Metric::NanEuclidean => f64::NAN,
            kind if kind < 0.5 => (random.next_f64() * 3.0).floor() - 1.0,
            _ => random.next_f64() * 1e3,
        };
        (0..len).map(|_| value()).collect()
    }

    proptest! {
        #[test]
        fn every_pair_has_the_bits_of_the_plain_loop(
            n_queries in 1usize..10, n_rows in 1usize..40, n_cols in 1usize..30, seed in 0u32..1000
        ) {
            for metric in ALL {
                let (queries, rows) = (data(metric, n_queries * n_cols, seed), data(metric, n_rows * n_cols, seed + 1));
                let mut expected = Vec::new();
                for x in queries.chunks(n_cols) {
                    expected.extend(rows.chunks(n_cols).map(|y| plain(metric, x, y).to_bits()));
                }
                for isa in [Isa::Portable, Isa::Avx2, Isa::Avx512].into_iter().filter(|isa| isa.is_available()) {
                    let Ok(mut block) = BlockDistances::on(isa, metric, &queries, n_cols) else {
                        return Err(TestCaseError::fail("memory"));
                    };
                    prop_assert_eq!(block.n_queries(), n_queries);
                    let mut out = vec![0.0; n_queries * n_rows];
                    block.to_rows(&rows, &mut out);
                    let differ = out.iter().zip(&expected).find(|(value, bits)| {
                        value.to_bits() != **bits && !(value.is_nan() && f64::from_bits(**bits).is_nan())
                    });
                    prop_assert!(differ.is_none(), "{metric:?} {isa:?} {differ:?}");
                }
            }
        }
    }

    #[test]
    fn a_row_is_at_distance_zero_from_itself() {
        for metric in ALL.into_iter().filter(|&metric| metric != Metric::NanEuclidean) {
            let rows = data(metric, 40 * 7, 5);
            let mut out = vec![0.0; 40 * 40];
            BlockDistances::new(metric, &rows, 7).unwrap().to_rows(&rows, &mut out);
            assert!((0..40).all(|row| out[row * 41] == 0.0), "{metric:?}");
        }
    }

    #[test]
    fn rows_without_a_direction_are_told_apart() {
        let mut out = [0.0; 4];
        BlockDistances::new(Metric::Cosine, &[0.0, 0.0, 1.0, 2.0], 2).unwrap().to_rows(&[0.0, 0.0, 2.0, 4.0], &mut out);
        assert_eq!(out, [1.0, 1.0, 1.0, 0.0]);
        BlockDistances::new(Metric::Correlation, &[3.0, 3.0, 1.0, 2.0], 2)
            .unwrap()
            .to_rows(&[5.0, 5.0, 0.0, 9.0], &mut out);
        assert!(out[..3].iter().all(|distance| distance.is_nan()) && out[3] < 1e-15);
    }
}
