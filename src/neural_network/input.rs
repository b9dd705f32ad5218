//! The rows that a network reads, dense or sparse, picked one by one for a batch.

use std::ops::Range;

use super::packed::Layer;
use super::shape::Shape;
use crate::common::Float;
use crate::linalg::gemm::{self, Left, Start, padded};
use crate::linalg::{Csr, Dense, RowSet, Rows};

/// Samples, however they are stored.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a, F: Clone> {
    /// Row-major.
    Dense(&'a Dense<'a, F>),
    /// Compressed rows.
    Sparse(&'a Csr<'a, F>),
}

impl<F: Float> Input<'_, F> {
    /// Number of samples.
    pub fn n_rows(&self) -> usize {
        match self {
            Self::Dense(x) => x.n_rows(),
            Self::Sparse(x) => x.n_rows(),
        }
    }

    /// Number of features.
    pub fn n_cols(&self) -> usize {
        match self {
            Self::Dense(x) => x.n_cols(),
            Self::Sparse(x) => x.n_cols(),
        }
    }

    /// Values that are stored.
    pub fn nnz(&self) -> usize {
        match self {
            Self::Dense(x) => x.values().len(),
            Self::Sparse(x) => x.parts().0.len(),
        }
    }

    /// Values of a row that must lie side by side for [`Self::forward`]: none of sparse rows.
    pub fn width(&self) -> usize {
        match self {
            Self::Dense(x) => x.n_cols(),
            Self::Sparse(_) => 0,
        }
    }

    /// Brings rows together; `side_by_side` of shape (rows, [`Self::width`]).
    pub fn gather(&self, rows: RowSet, side_by_side: &mut [F]) {
        if let Self::Dense(x) = self {
            let n_cols = x.n_cols();
            for (position, row) in side_by_side.chunks_exact_mut(n_cols).enumerate() {
                row.copy_from_slice(&x.values()[rows.row(position) * n_cols..][..n_cols]);
            }
        }
    }

    /// The sums of the first layer, `out` of shape (rows, padded(fan_out)).
    pub fn forward(&self, rows: RowSet, side_by_side: &[F], shape: &Shape, layer: &Layer<F>, out: &mut [F]) {
        match self {
            Self::Dense(x) => dense_forward(side_by_side, rows.len(), x.n_cols(), shape, 0, layer, out),
            Self::Sparse(x) => {
                let stride = padded(shape.fan_out(0));
                for (position, sums) in out.chunks_exact_mut(stride).enumerate() {
                    sums.copy_from_slice(&layer.intercepts);
                    for (column, value) in x.row(rows.row(position)) {
                        layer.add_row(shape, column, value, sums);
                    }
                }
            }
        }
    }

    /// Where rows are sparse, `out`, of shape (block, padded(fan_out)), becomes the products of a block of features with
    /// `errors` over the rows, of which each part has its own; else false.
    pub fn sparse_products<'e>(
        &self,
        parts: impl Iterator<Item = (RowSet<'e>, &'e [F])>,
        block: Range<usize>,
        out: &mut [F],
    ) -> bool {
        let Self::Sparse(x) = self else { return false };
        out.fill(F::ZERO);
        let stride = out.len() / block.len();
        for (rows, errors) in parts {
            for (position, errors) in errors.chunks_exact(stride).take(rows.len()).enumerate() {
                let row = x.row(rows.row(position)).filter(|(column, _)| block.contains(column));
                for (column, value) in row {
                    gemm::add_scaled(value, errors, &mut out[(column - block.start) * stride..][..stride]);
                }
            }
        }
        true
    }
}

/// The sums of a layer of `n_rows` rows that lie `stride` apart; `out` of shape (n_rows, padded(fan_out)).
pub fn dense_forward<F: Float>(
    rows: &[F],
    n_rows: usize,
    stride: usize,
    shape: &Shape,
    index: usize,
    layer: &Layer<F>,
    out: &mut [F],
) {
    let width = padded(shape.fan_out(index));
    let factors = shape.blocks(index).map(|block| {
        let panels = &layer.forward[block.start * width..block.end * width];
        let values = &rows[block.start.min(rows.len())..];
        (Left { values, n_rows, depth: block.len(), row_stride: stride, depth_stride: 1 }, panels)
    });
    gemm::multiply(&factors.collect::<Vec<_>>(), Start::Row(&layer.intercepts), out);
}

/// Columns `block` of `n_rows` rows, `stride` apart, as the rows of a left factor.
pub fn transposed<F>(rows: &[F], n_rows: usize, stride: usize, block: Range<usize>) -> Left<'_, F> {
    let values = &rows[block.start.min(rows.len())..];
    Left { values, n_rows: block.len(), depth: n_rows, row_stride: 1, depth_stride: stride }
}
