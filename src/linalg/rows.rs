//! What algorithms ask of a matrix of samples, however it is stored.

use std::ops::Range;

use super::Panels;
use crate::common::{Float, Result};

/// Which rows a call means, in which order.
#[derive(Debug, Clone, Copy)]
pub enum RowSet<'a> {
    /// From the first to before the second.
    Range(usize, usize),
    /// The rows of the list.
    List(&'a [u32]),
}

impl RowSet<'_> {
    /// How many.
    #[inline(always)]
    pub fn len(&self) -> usize {
        match *self {
            Self::Range(start, end) => end - start,
            Self::List(rows) => rows.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The row at a position.
    #[inline(always)]
    pub fn row(&self, position: usize) -> usize {
        match *self {
            Self::Range(start, _) => start + position,
            Self::List(rows) => rows[position] as usize,
        }
    }
}

impl From<Range<usize>> for RowSet<'_> {
    fn from(range: Range<usize>) -> Self {
        Self::Range(range.start, range.end)
    }
}

/// The squared norm of a row, or of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Norm {
    /// Of the row.
    Row,
    /// Of the point.
    Point,
}

/// Buffers of a worker, grown by the calls that use them.
#[derive(Debug, Default)]
pub struct Scratch<F> {
    pub(super) buffer: Vec<F>,
    pub(super) staged: Vec<F>,
}

impl<F: Float> Scratch<F> {
    /// The first `len` scalars of the staging buffer, with whatever they held.
    pub(super) fn staged(&mut self, len: usize) -> &mut [F] {
        if self.staged.len() < len {
            self.staged.resize(len, F::ZERO);
        }
        &mut self.staged[..len]
    }
}

/// Where [`Rows::nearest`] puts its results, one entry per row of the set.
#[derive(Debug)]
pub struct Nearest<'a, F> {
    /// Index of the nearest point; the lowest of equally near ones.
    pub index: &'a mut [u32],
    /// If wanted: squared distances to the nearest and to the second nearest point, by the expanded formula (they carry
    /// its rounding errors and may be slightly negative).
    pub two_best: Option<(&'a mut [F], &'a mut [F])>,
}

/// A matrix of samples, shape `(n_rows, n_cols)`.
///
/// Dense rows may be shifted: what the methods see is then row minus shift.
pub trait Rows<F: Float>: Sync {
    /// Whether a row is so cheap to add to a sum that it is best done at once, while it is in the cache.
    const FUSED_SUMS: bool;

    /// Number of samples.
    fn n_rows(&self) -> usize;

    /// Number of features.
    fn n_cols(&self) -> usize;

    /// Stored values: what a pass over the matrix costs.
    fn nnz(&self) -> usize;

    /// Writes a row densely.
    fn write_row(&self, row: usize, out: &mut [F]);

    /// `sum += row * weight` (`weight` none: 1), the product rounded before it is added.
    fn add_row(&self, row: usize, weight: Option<F>, sum: &mut [F]);

    /// Adds each row of a range to the sum of its label, and its weight to the label's total.
    ///
    /// `labels` has one entry per row of the range, each less than `totals.len()`; `weights`, if any, one per row of the
    /// matrix; `sums` is row-major with shape `(totals.len(), n_cols)`.
    fn add_by_label(&self, rows: Range<usize>, weights: Option<&[F]>, labels: &[i32], sums: &mut [F], totals: &mut [F]);

    /// `target = row * weight` where the row has stored values.
    fn assign_row(&self, row: usize, weight: F, target: &mut [F]);

    /// `|row - point|²` by differences. `point_norm` is `|point|²`.
    fn squared_distance(&self, row: usize, point: &[F], point_norm: F) -> F;

    /// `|row - point|²` as scikit-learn sums it when it looks for the rows that are farthest from their centres.
    fn squared_distance_pairwise(&self, row: usize, point: &[F], point_norm: F, scratch: &mut Scratch<F>) -> F;

    /// `|row|²` in f64 of the rows of a range, in the order of scikit-learn's `row_norms`.
    fn squared_norms(&self, rows: Range<usize>, scratch: &mut Scratch<f64>, out: &mut [f64]);

    /// `|row - point|²` of each listed row and the point of its label, in an order of summation of its own. The label of
    /// row `base + i` is `labels[i]`; `points` are row-major and `point_norms` their squared norms.
    fn distances_to_own(
        &self,
        rows: &[u32],
        labels: &[i32],
        base: usize,
        points: &[F],
        point_norms: &[F],
        out: &mut [F],
    );

    /// The nearest of `points` for each row of `rows`.
    fn nearest(&self, rows: RowSet, points: &Panels<F>, scratch: &mut Scratch<F>, out: Nearest<F>);

    /// Squared distances in f64, `|row|² - 2 row·point + |point|²` clamped at 0, of the rows of a range to each of
    /// `points`. `norms[i]` is the squared norm of the `i`-th row of the range; its distance to point `p` goes to
    /// `out[p * len + i]`. `norm_first` says which norm is added to the product first, the row's or the point's: the last
    /// bit depends on it.
    fn distances(
        &self,
        rows: Range<usize>,
        norms: &[f64],
        points: &Panels<f64>,
        norm_first: Norm,
        scratch: &mut Scratch<f64>,
        out: &mut [f64],
    );

    /// A matrix of its own with the given rows.
    ///
    /// # Errors
    /// [`crate::common::Error::OutOfMemory`].
    fn gather(&self, rows: &[u32]) -> Result<Self>
    where
        Self: Sized;

    /// Packs points, given row-major with shape `(count, n_cols)`, for [`Rows::nearest`] and [`Rows::distances`].
    ///
    /// # Errors
    /// [`crate::common::Error::OutOfMemory`].
    fn pack<G: Float>(&self, points: &[G]) -> Result<Panels<G>>;
}
