//! A few points (centres, candidates), packed for products with many rows.

use super::norms;
use crate::common::{Float, Result, memory};

/// Points side by side in a panel: whole columns of every micro-tile.
pub const PANEL: usize = 12;
/// What the columns of [`Panels::by_column`] are padded to: the widest vector.
const LANES: usize = 16;

/// Points packed for [`super::Rows::nearest`] and [`super::Rows::distances`].
///
/// Dense rows read panels: `values[(panel * n_cols + column) * PANEL + lane]` is `-2 * point[column]` of point
/// `panel * PANEL + lane`. CSR rows read columns: `values[column * stride + point]` is `point[column]`.
/// Norms are padded with infinity, so that padding is never nearest.
#[derive(Debug)]
pub struct Panels<F> {
    /// Number of points.
    pub count: usize,
    /// Number of features.
    pub n_cols: usize,
    /// `count`, padded to whole panels or vectors.
    pub stride: usize,
    /// The packed coordinates.
    pub values: Vec<F>,
    /// Squared norms, padded with infinity to `stride`.
    pub norms: Vec<F>,
}

impl<F: Float> Panels<F> {
    /// Packs row-major points into panels of `-2 * point`. The doubling is exact, so `norm + row·panel` has the bits of
    /// `norm - 2 * (row·point)`.
    ///
    /// # Errors
    /// [`crate::common::Error::OutOfMemory`].
    pub fn pack_panels(points: &[F], n_cols: usize) -> Result<Self> {
        let mut packed = Self::empty(points, n_cols, PANEL)?;
        let minus_two = -(F::ONE + F::ONE);
        for (index, point) in points.chunks_exact(n_cols).enumerate() {
            let start = index / PANEL * PANEL * n_cols + index % PANEL;
            for (column, &value) in point.iter().enumerate() {
                packed.values[start + column * PANEL] = minus_two * value;
            }
        }
        Ok(packed)
    }

    /// Packs row-major points column by column.
    ///
    /// # Errors
    /// [`crate::common::Error::OutOfMemory`].
    pub fn by_column(points: &[F], n_cols: usize) -> Result<Self> {
        let mut packed = Self::empty(points, n_cols, LANES)?;
        for (index, point) in points.chunks_exact(n_cols).enumerate() {
            for (column, &value) in point.iter().enumerate() {
                packed.values[column * packed.stride + index] = value;
            }
        }
        Ok(packed)
    }

    fn empty(points: &[F], n_cols: usize, multiple: usize) -> Result<Self> {
        let count = points.len() / n_cols;
        let stride = count.next_multiple_of(multiple);
        let mut norms = memory::try_filled(stride, F::INFINITY)?;
        for (norm, point) in norms.iter_mut().zip(points.chunks_exact(n_cols)) {
            *norm = norms::squared_norm(point);
        }
        Ok(Self {
            count,
            n_cols,
            stride,
            values: memory::try_filled(memory::checked_len(stride, n_cols)?, F::ZERO)?,
            norms,
        })
    }

    /// The largest squared norm of the points.
    pub fn largest_norm(&self) -> F {
        self.norms[..self.count].iter().fold(F::ZERO, |most, &norm| if norm > most { norm } else { most })
    }
}
