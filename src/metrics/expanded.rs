//! Euclidean and cosine distances of dense rows by products: `|x|² - 2 x·y + |y|²`, as scikit-learn computes them.
//!
//! All in f64, whatever the input. Products and norms are chains of the same operations over the features in order, and
//! the norms are added to each other first: so equal rows are at distance 0 and a pair has the same bits whichever of
//! the two comes first. The error of a square is relative to the norms, not to the distance, here as there: so where all
//! rows lie far from the origin they are seen from a point in their midst, and where norms overflow differences are taken
//! ([`super::range`]).

use super::block::to_unit;
use super::matrix::Pairs;
use super::range::{may_overflow, midst, scaled_distance};
use super::tiles::{COLUMNS, Cells, scratch, widened};
use crate::common::error::check_length;
use crate::common::simd::{Kernel, Simd, dispatch};
use crate::common::{Context, Float, Result, memory, parallel};
use crate::linalg::tile::{self, Buffers, CHAIN, Epilogue, MAX_VECTORS};
use crate::linalg::{Panels, RowSet};

/// What is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The distance.
    Euclidean,
    /// Its square.
    Squared,
    /// `1 - x·y / (|x| |y|)`; 1 where either row is all zero.
    Cosine,
}

/// Squared norms that the caller has: of the rows of `x`, and of the rows of `y`. Those missing are computed.
#[derive(Debug, Clone, Copy, Default)]
pub struct KnownNorms<'a> {
    /// Shape `(n_x,)`.
    pub x: Option<&'a [f64]>,
    /// Shape `(n_y,)`; not looked at where rows are compared with themselves.
    pub y: Option<&'a [f64]>,
}

/// Distances of every row of the one side to every row of the other, into `out`, row-major. `known` is for the Euclidean
/// kinds only.
///
/// # Errors
/// [`crate::common::Error::Shape`], [`crate::common::Error::OutOfMemory`], [`crate::common::Error::Interrupted`].
pub fn expanded<F: Float, O: Float>(
    ctx: &Context,
    kind: Kind,
    pairs: Pairs<'_, F>,
    known: KnownNorms<'_>,
    out: &mut [O],
) -> Result<()> {
    let (shape, n_cols) = (pairs.shape(), pairs.n_cols());
    let cells = Cells::new(out, shape)?;
    let (origin, x_norms, y_norms) = measured(ctx, kind, pairs, known)?;
    let (origin, y_norms) = (origin.as_deref(), y_norms.as_ref().unwrap_or(&x_norms));
    check_length("norms of X", x_norms.len(), shape.n_rows)?;
    check_length("norms of Y", y_norms.len(), shape.n_columns)?;
    let buffers = || Ok((scratch(shape.n_rows)?, Side::default(), Side::default(), Vec::new()));
    parallel::map_with(ctx, shape.tiles(), buffers, |(distances, x_side, y_side, buffer), tile| {
        let points = x_side.rows(pairs.rows(pairs.x(), &tile.rows), n_cols, kind, origin);
        let mut points = Panels::pack_panels(points, n_cols)?;
        points.norms[..tile.rows.len()].copy_from_slice(&x_norms[tile.rows.clone()]);
        for columns in tile.blocks() {
            let rows = y_side.rows(pairs.rows(pairs.y(), &columns), n_cols, kind, origin);
            let norms = &y_norms[columns.clone()];
            dispatch(Squares { rows, norms, points: &points, buffer: &mut *buffer, out: &mut *distances });
            // SAFETY: the tile is this job's, the block is one of its blocks.
            unsafe {
                match kind {
                    Kind::Euclidean => cells.put(&tile, &columns, distances, |it| finished::<O>(Kind::Euclidean, it)),
                    Kind::Squared => cells.put(&tile, &columns, distances, |it| finished::<O>(Kind::Squared, it)),
                    Kind::Cosine => cells.put(&tile, &columns, distances, |it| finished::<O>(Kind::Cosine, it)),
                }
            }
        }
        Ok(())
    })?;
    let most = |norms: &[f64]| norms.iter().fold(0.0, |most, &norm| if norm < most { most } else { norm });
    if kind != Kind::Cosine && shape.n_rows > 0 && may_overflow(most(&x_norms), most(y_norms)) {
        take_differences(ctx, kind, pairs, (&x_norms, y_norms), out)?;
    }
    Ok(())
}

/// The point from which rows are seen, the squared norms of X, and those of Y.
type Measured = (Option<Vec<f64>>, Vec<f64>, Option<Vec<f64>>);
/// Squared norms of rows, given those that are known.
type NormsOf<'a, F> = &'a dyn Fn(&[F], Option<&[f64]>) -> Result<Vec<f64>>;

/// From where rows are seen, None: from the origin, and their squared norms; None where the other side is the same.
fn measured<F: Float>(ctx: &Context, kind: Kind, pairs: Pairs<'_, F>, known: KnownNorms<'_>) -> Result<Measured> {
    let (n_cols, is_symmetric) = (pairs.n_cols(), pairs.shape().symmetric);
    let both = |of: NormsOf<'_, F>| -> Result<(Vec<f64>, Option<Vec<f64>>)> {
        let x = of(pairs.x(), known.x)?;
        let y = if is_symmetric { None } else { Some(of(pairs.y(), known.y)?) };
        Ok((x, y))
    };
    if kind == Kind::Cosine {
        let (x, y) = both(&|values, _| memory::try_filled(values.len() / n_cols, 1.0))?;
        return Ok((None, x, y));
    }
    let (x, y) = both(&|values, known| match known {
        Some(norms) => memory::try_copied(norms),
        None => squared_norms(ctx, values, n_cols, None),
    })?;
    let are_own = known.x.is_none() && (is_symmetric || known.y.is_none());
    if let Some(point) = are_own.then(|| midst(pairs)).flatten() {
        let (x_there, y_there) = both(&|values, _| squared_norms(ctx, values, n_cols, Some(&point)))?;
        // Every row: of a few that are not far the others know nothing.
        let are_less = |there: &[f64], here: &[f64]| there.iter().zip(here).all(|(there, here)| there <= here);
        if are_less(&x_there, &x) && are_less(y_there.as_deref().unwrap_or(&[]), y.as_deref().unwrap_or(&[])) {
            return Ok((Some(point), x_there, y_there));
        }
    }
    Ok((None, x, y))
}

/// Puts distances by differences where the norms may have overflowed.
fn take_differences<F: Float, O: Float>(
    ctx: &Context,
    kind: Kind,
    pairs: Pairs<'_, F>,
    (x_norms, y_norms): (&[f64], &[f64]),
    out: &mut [O],
) -> Result<()> {
    let n_cols = pairs.n_cols();
    let jobs = pairs.x().chunks_exact(n_cols).zip(x_norms).zip(out.chunks_exact_mut(y_norms.len())).collect();
    let buffers = || Ok((Vec::new(), Vec::new()));
    parallel::map_with(ctx, jobs, buffers, |(x_buffer, y_buffer), ((x, &x_norm), out)| {
        let x = widened(x, x_buffer);
        for ((y, &y_norm), out) in pairs.y().chunks_exact(n_cols).zip(y_norms).zip(out) {
            if may_overflow(x_norm, y_norm)
                && let Some(distance) = scaled_distance(x, widened(y, y_buffer), kind == Kind::Squared)
            {
                *out = O::from_f64(distance);
            }
        }
        Ok(())
    })?;
    Ok(())
}

/// What becomes of a square. It is rounded to the type of the result before its root is taken, as scikit-learn does.
#[inline(always)]
pub(super) fn finished<O: Float>(kind: Kind, square: f64) -> f64 {
    // Not `max`: a NaN, which overflow leaves, stays one.
    let square = if square < 0.0 { 0.0 } else { square };
    match kind {
        Kind::Euclidean => O::from_f64(square).sqrt().to_f64(),
        Kind::Squared => square,
        Kind::Cosine => {
            let half = 0.5 * square;
            if half > 2.0 { 2.0 } else { half }
        }
    }
}

/// A buffer for the rows of one side as they enter the products.
#[derive(Default)]
pub(super) struct Side(Vec<f64>);

impl Side {
    /// `values` as f64, less `origin` if there is one, or scaled to length 1 for the cosine.
    fn rows<'b, F: Float>(
        &'b mut self,
        values: &'b [F],
        n_cols: usize,
        kind: Kind,
        origin: Option<&[f64]>,
    ) -> &'b [f64] {
        if kind != Kind::Cosine {
            return seen_from(origin, values, &mut self.0);
        }
        self.0.clear();
        self.0.extend(values.iter().map(|value| value.to_f64()));
        self.0.chunks_exact_mut(n_cols).for_each(|row| to_unit(row, false));
        &self.0
    }
}

/// Rows as f64, less `origin` if there is one.
fn seen_from<'b, F: Float>(origin: Option<&[f64]>, values: &'b [F], buffer: &'b mut Vec<f64>) -> &'b [f64] {
    let Some(origin) = origin else { return widened(values, buffer) };
    buffer.clear();
    for row in values.chunks_exact(origin.len()) {
        buffer.extend(row.iter().zip(origin).map(|(value, origin)| value.to_f64() - origin));
    }
    buffer
}

/// Squared norms of rows, less `origin` if there is one, each the chain that the product of the row with itself is.
pub(super) fn squared_norms<F: Float>(
    ctx: &Context,
    values: &[F],
    n_cols: usize,
    origin: Option<&[f64]>,
) -> Result<Vec<f64>> {
    let mut norms = memory::try_filled(values.len() / n_cols, 0.0)?;
    let jobs: Vec<_> = values.chunks(4096 * n_cols).zip(norms.chunks_mut(4096)).collect();
    parallel::map_with(
        ctx,
        jobs,
        || Ok((Vec::new(), Vec::new())),
        |(wide, buffer), (values, norms)| {
            for (values, norms) in values.chunks(COLUMNS * n_cols).zip(norms.chunks_mut(COLUMNS)) {
                dispatch(Norms { rows: seen_from(origin, values, wide), n_cols, buffer: &mut *buffer, out: norms });
            }
            Ok(())
        },
    )?;
    Ok(norms)
}

/// The kernel of [`squared_norms`].
struct Norms<'k> {
    rows: &'k [f64],
    n_cols: usize,
    buffer: &'k mut Vec<f64>,
    out: &'k mut [f64],
}

impl Kernel<f64> for Norms<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd<F = f64>>(self) {
        let (n_cols, rows) = (self.n_cols, RowSet::Range(0, self.rows.len() / self.n_cols));
        let tile = Buffers::new(self.buffer, n_cols, 0).tile();
        let mut lanes = [0.0; 16];
        for (index, out) in self.out.chunks_mut(2 * S::WIDTH).enumerate() {
            // SAFETY: the instruction set is the caller's; the rows exist, the buffer holds a tile, the array the widest
            // vectors.
            unsafe {
                tile::pack::<S, 2>(self.rows.as_ptr(), std::ptr::null(), n_cols, rows, index * 2 * S::WIDTH, tile);
                let mut sums = [S::splat(0.0); 2];
                for start in (0..n_cols).step_by(CHAIN) {
                    let mut chain = [S::splat(0.0); 2];
                    for column in start..(start + CHAIN).min(n_cols) {
                        for v in 0..2 {
                            let x = S::load(tile.add((column * 2 + v) * S::WIDTH));
                            chain[v] = S::fma(x, x, chain[v]);
                        }
                    }
                    for v in 0..2 {
                        sums[v] = S::add(sums[v], chain[v]);
                    }
                }
                for v in 0..2 {
                    S::store(lanes.as_mut_ptr().add(v * S::WIDTH), sums[v]);
                }
            }
            out.copy_from_slice(&lanes[..out.len()]);
        }
    }
}

/// `|row - point|²` of at most [`COLUMNS`] rows and some points, to `out[point * COLUMNS + row]`; room for one point more
/// is needed.
pub(super) struct Squares<'k> {
    /// Row-major.
    pub(super) rows: &'k [f64],
    /// Squared norms of `rows`.
    pub(super) norms: &'k [f64],
    /// The points, with their norms.
    pub(super) points: &'k Panels<f64>,
    pub(super) buffer: &'k mut Vec<f64>,
    pub(super) out: &'k mut [f64],
}

impl Kernel<f64> for Squares<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd<F = f64>>(self) {
        // SAFETY: the instruction set is the caller's.
        unsafe {
            match S::VECTORS {
                2 => self.compute::<S, 2>(),
                _ => self.compute::<S, 3>(),
            }
        }
    }
}

impl Squares<'_> {
    #[inline(always)]
    unsafe fn compute<S: Simd<F = f64>, const V: usize>(self) {
        let (n_cols, count) = (self.points.n_cols, self.points.count);
        assert!(self.rows.len() <= COLUMNS * n_cols && self.out.len() > count * COLUMNS, "too small a scratch");
        let rows = RowSet::Range(0, self.rows.len() / n_cols);
        let mut buffers = Buffers::new(self.buffer, n_cols, self.points.stride);
        let tile = buffers.tile();
        let mut row_norms = [0.0; MAX_VECTORS * 8];
        for position in (0..rows.len()).step_by(V * S::WIDTH) {
            let norms = &self.norms[position..rows.len().min(position + V * S::WIDTH)];
            row_norms[..norms.len()].copy_from_slice(norms);
            // SAFETY: the instruction set is the caller's; the rows exist; the buffers have room for a tile and its
            // partial sums; `COLUMNS` is a multiple of the lanes of a tile, so `out` holds them all.
            unsafe {
                tile::pack::<S, V>(self.rows.as_ptr(), std::ptr::null(), n_cols, rows, position, tile);
                let mut norms = [S::splat(0.0); V];
                for v in 0..V {
                    norms[v] = S::load(row_norms.as_ptr().add(v * S::WIDTH));
                }
                let out = self.out.as_mut_ptr().add(position);
                let mut write = Write::<S, V> { norms, point_norms: self.points.norms.as_ptr(), out };
                let (panels, partial) = (self.points.values.as_ptr(), buffers.partial());
                tile::all_products::<S, V, _>(tile, panels, count, n_cols, partial, &mut write);
            }
        }
    }
}

/// Adds the norms to products and puts the sums in their places.
struct Write<S: Simd<F = f64>, const V: usize> {
    norms: [S::V; V],
    point_norms: *const f64,
    out: *mut f64,
}

impl<S: Simd<F = f64>, const V: usize> Epilogue<S, V> for Write<S, V> {
    #[inline(always)]
    unsafe fn visit<const C: usize>(&mut self, first: usize, products: [[S::V; V]; C]) {
        for c in 0..C {
            // SAFETY: the instruction set is the caller's; norms are padded to whole panels; `out` has room for every
            // point and one of padding.
            unsafe {
                let point_norm = S::splat(*self.point_norms.add(first + c));
                for v in 0..V {
                    let square = S::add(products[c][v], S::add(point_norm, self.norms[v]));
                    S::store(self.out.add((first + c) * COLUMNS + v * S::WIDTH), square);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::common::random::Mt19937;
    use crate::common::simd::{Isa, dispatch_to};

    fn noise(len: usize, seed: u32) -> Vec<f64> {
        let mut random = Mt19937::seeded(seed);
        (0..len).map(|_| random.next_f64() - 0.5).collect()
    }

    fn plain(x: &[f64], y: &[f64]) -> f64 {
        x.iter().zip(y).map(|(x, y)| (x - y) * (x - y)).sum()
    }

    proptest! {
        #[test]
        fn squares_agree_with_the_plain_loop_on_every_instruction_set(
            n_rows in 1usize..=COLUMNS, n_points in 1usize..30, n_cols in prop_oneof![1usize..20, 250usize..600], seed in 0u32..99
        ) {
            let (rows, points) = (noise(n_rows * n_cols, seed), noise(n_points * n_cols, seed + 1));
            let Ok(norms) = squared_norms(&Context::serial(), &rows, n_cols, None) else { return Err(TestCaseError::fail("memory")) };
            let Ok(panels) = Panels::pack_panels(&points, n_cols) else { return Err(TestCaseError::fail("memory")) };
            for isa in [Isa::Portable, Isa::Avx2, Isa::Avx512].into_iter().filter(|isa| isa.is_available()) {
                let mut out = vec![0.0; (n_points + 1) * COLUMNS];
                let buffer = &mut Vec::new();
                dispatch_to(isa, Squares { rows: &rows, norms: &norms, points: &panels, buffer, out: &mut out });
                for (point, squares) in points.chunks(n_cols).zip(out.chunks(COLUMNS)) {
                    for (row, square) in rows.chunks(n_cols).zip(squares) {
                        prop_assert!((square - plain(row, point)).abs() < 1e-12 * n_cols as f64);
                    }
                }
            }
        }

        #[test]
        fn a_pair_has_the_same_bits_from_either_side(
            n in 1usize..230, n_cols in prop_oneof![9 => 1usize..9, 1 => 1000usize..2100], seed in 0u32..99,
            offset in prop_oneof![Just(0.0), Just(61.3), Just(1e6)]
        ) {
            let n = if n_cols < 9 { n } else { n.div_ceil(10) };
            let x: Vec<f64> = noise(n * n_cols, seed).iter().map(|value| value + offset).collect();
            for kind in [Kind::Euclidean, Kind::Squared, Kind::Cosine] {
                let mut out = [vec![0.0; n * n], vec![0.0; n * n]];
                for (y, out) in [None, Some(&x[..])].into_iter().zip(&mut out) {
                    let Ok(pairs) = Pairs::new(&x, y, n_cols) else { return Err(TestCaseError::fail("shapes")) };
                    let done = expanded(&Context::serial(), kind, pairs, KnownNorms::default(), out);
                    prop_assert!(done.is_ok());
                }
                let [own, mut other] = out;
                if kind == Kind::Cosine {
                    // Unit rows are of length 1 but for rounding: only the matrix of one set knows that it is 0.
                    other.iter_mut().step_by(n + 1).for_each(|distance| *distance = 0.0);
                }
                prop_assert_eq!(&own, &other);
                prop_assert!((0..n).all(|i| (0..n).all(|j| own[i * n + j] == own[j * n + i])));
                prop_assert!((0..n).all(|i| own[i * (n + 1)] == 0.0));
            }
        }
    }

    #[test]
    fn the_distance_of_near_rows_with_many_features_keeps_its_digits() {
        let (n_cols, step) = (300_000, 1e-4);
        let (x, y) = (vec![1.0; n_cols], vec![1.0 + step; n_cols]);
        let mut out = [0.0];
        let pairs = Pairs::new(&x, Some(&y), n_cols).unwrap();
        assert!(expanded(&Context::serial(), Kind::Squared, pairs, KnownNorms::default(), &mut out).is_ok());
        let expected = step * step * n_cols as f64;
        assert!((out[0] / expected - 1.0).abs() < 1e-4, "{} {expected}", out[0]);
    }

    fn squares(x: &[f64], y: &[f64], n_cols: usize) -> Vec<f64> {
        let mut out = vec![0.0; x.len() / n_cols * (y.len() / n_cols)];
        let pairs = Pairs::new(x, Some(y), n_cols).unwrap();
        assert!(expanded(&Context::serial(), Kind::Squared, pairs, KnownNorms::default(), &mut out).is_ok());
        out
    }

    #[test]
    fn far_from_the_origin_distances_keep_their_digits() {
        for offset in [61.0, 1e6, -1e12] {
            let [x, y] = [1, 2].map(|seed| noise(40 * 64, seed).iter().map(|it| it + offset).collect::<Vec<f64>>());
            for (at, found) in squares(&x, &y, 64).iter().enumerate() {
                let expected = plain(&x[at / 40 * 64..][..64], &y[at % 40 * 64..][..64]);
                assert!((found / expected - 1.0).abs() < 1e-13, "{offset}: {found} {expected}");
            }
        }
    }

    #[test]
    fn rows_near_the_origin_keep_their_digits_beside_others_that_are_far() {
        let mut x: Vec<f64> = noise(200 * 3, 1).iter().map(|value| value + 1e6).collect();
        x[3 * 7..3 * 8].copy_from_slice(&[0.0, 0.25, 0.5]);
        assert_eq!(squares(&x[3 * 7..3 * 8], &x, 3)[7], 0.0);
        assert_eq!(squares(&[x.clone(), vec![0.0; 3]].concat(), &x, 3)[200 * 200 + 7], 0.3125);
    }

    #[test]
    fn no_distance_of_finite_rows_is_lost() {
        let x = [5e153, 5e153, 1e300, -1e300, 3.0, 4.0, 5e153, 5e153];
        let mut out = [0.0; 16];
        let pairs = Pairs::new(&x, Some(&x), 2).unwrap();
        assert!(expanded(&Context::serial(), Kind::Euclidean, pairs, KnownNorms::default(), &mut out).is_ok());
        assert!((0..4).all(|i| out[5 * i] == 0.0) && out[3] == 0.0);
        assert!(
            (out[6] / 2f64.sqrt() / 1e300 - 1.0).abs() < 1e-15 && (out[2] / 2f64.sqrt() / 5e153 - 1.0).abs() < 1e-15
        );
    }

    #[test]
    fn norms_that_do_not_fit_are_refused() {
        let x = noise(8, 1);
        let mut out = [0.0; 16];
        let known = KnownNorms { x: Some(&x[..3]), y: None };
        let pairs = Pairs::new(&x, None, 2).unwrap();
        assert!(expanded(&Context::serial(), Kind::Euclidean, pairs, known, &mut out).is_err());
        assert!(expanded(&Context::serial(), Kind::Euclidean, pairs, KnownNorms::default(), &mut out[..15]).is_err());
        assert!(Pairs::new(&x, None, 3).is_err());
    }
}
