//! Matrices of distances between dense rows, by every metric: the exact ones of [`super::block`].

use super::block::{BlockDistances, Variant};
use super::metric::Metric;
use super::tiles::{COLUMNS, Cells, Shape, scratch, widened};
use crate::common::error::check_length;
use crate::common::{Context, Float, Result, parallel};

/// Rows to compare: those of `x`, shape `(n_x, n_cols)`, with those of `y`, shape `(n_y, n_cols)`, or with themselves.
/// Row-major.
#[derive(Debug, Clone, Copy)]
pub struct Pairs<'a, F> {
    x: &'a [F],
    y: Option<&'a [F]>,
    n_cols: usize,
}

impl<'a, F: Float> Pairs<'a, F> {
    /// The rows of `x` with those of `y`, or with themselves where that is `None`.
    ///
    /// # Errors
    /// [`crate::common::Error::Shape`] unless both hold whole rows of at least one column.
    pub fn new(x: &'a [F], y: Option<&'a [F]>, n_cols: usize) -> Result<Self> {
        check_length("columns of X", n_cols.min(1), 1)?;
        check_length("X", x.len() % n_cols, 0)?;
        check_length("Y", y.map_or(0, |y| y.len() % n_cols), 0)?;
        Ok(Self { x, y, n_cols })
    }

    pub(super) fn x(&self) -> &'a [F] {
        self.x
    }

    /// The other side; `x` itself if rows are compared with themselves.
    pub(super) fn y(&self) -> &'a [F] {
        self.y.unwrap_or(self.x)
    }

    pub(super) fn n_cols(&self) -> usize {
        self.n_cols
    }

    pub(super) fn shape(&self) -> Shape {
        let (n_rows, n_columns) = (self.x.len() / self.n_cols, self.y().len() / self.n_cols);
        let symmetric = self.y.is_none();
        Shape { n_rows, n_columns, symmetric, zero_diagonal: symmetric }
    }

    /// The values of rows `rows` of `values`.
    pub(super) fn rows(&self, values: &'a [F], rows: &std::ops::Range<usize>) -> &'a [F] {
        &values[rows.start * self.n_cols..rows.end * self.n_cols]
    }
}

/// Distances of every row of the one side to every row of the other, into `out`, row-major.
///
/// # Errors
/// [`crate::common::Error::Shape`], [`crate::common::Error::OutOfMemory`], [`crate::common::Error::Interrupted`].
pub fn exact<F: Float, O: Float>(
    ctx: &Context,
    metric: Metric,
    variant: Variant,
    pairs: Pairs<'_, F>,
    out: &mut [O],
) -> Result<()> {
    let mut shape = pairs.shape();
    // A row without any value has no distance, not even to itself.
    shape.zero_diagonal &= metric != Metric::NanEuclidean;
    let cells = Cells::new(out, shape)?;
    let buffers = || Ok((scratch(shape.n_rows)?, Vec::new(), Vec::new()));
    parallel::map_with(ctx, shape.tiles(), buffers, |(distances, queries, rows), tile| {
        let queries = widened(pairs.rows(pairs.x(), &tile.rows), queries);
        let mut block = BlockDistances::new(metric, queries, pairs.n_cols())?.in_variant(variant);
        for columns in tile.blocks() {
            ctx.check()?;
            let rows = widened(pairs.rows(pairs.y(), &columns), rows);
            block.write_columns(rows, COLUMNS, distances);
            // SAFETY: the tile is this job's, the block is one of its blocks.
            unsafe { cells.put(&tile, &columns, distances, |distance| distance) };
        }
        Ok(())
    })?;
    Ok(())
}
