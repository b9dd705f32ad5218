//! How a matrix of distances is cut into jobs, and how workers fill one matrix together.
//!
//! A job is a tile: some rows by some columns. Its distances are computed a block of columns at a time into a scratch
//! that fits the second cache, and written out from there, once more across the diagonal where rows are compared with
//! themselves: then only tiles on and above the diagonal are computed.

use std::marker::PhantomData;
use std::ops::Range;

use crate::common::context::Blocks;
use crate::common::{Float, Result, memory};

/// Columns of a block: whole tiles of every instruction set.
pub(super) const COLUMNS: usize = 96;
/// Most rows of a tile: with 128 features, they, their distances and a tile share half a megabyte of cache.
const MAX_ROWS: usize = 192;
/// Most columns of a tile, so that a few rows by many columns are many jobs too.
const MAX_COLUMNS: usize = 43 * COLUMNS;

/// A job: the distances of `rows` to `columns`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OutputTile {
    pub(super) rows: Range<usize>,
    pub(super) columns: Range<usize>,
    /// Whether the distances stand on both sides of the diagonal.
    mirrored: bool,
    /// Whether the tile holds a part of the diagonal, which is zero.
    zero_diagonal: bool,
}

impl OutputTile {
    /// The blocks of columns, in order.
    pub(super) fn blocks(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let columns = self.columns.clone();
        columns.clone().step_by(COLUMNS).map(move |start| start..(start + COLUMNS).min(columns.end))
    }
}

/// What a matrix of distances looks like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) n_rows: usize,
    pub(super) n_columns: usize,
    /// Whether rows are compared with themselves.
    pub(super) symmetric: bool,
    /// Whether the diagonal is zero whatever was computed; only where `symmetric`.
    pub(super) zero_diagonal: bool,
}

impl Shape {
    /// The jobs. They depend on the shape alone.
    pub(super) fn tiles(&self) -> Vec<OutputTile> {
        let rows = (self.n_rows / 16).next_multiple_of(12).clamp(48, MAX_ROWS);
        let mut tiles = Vec::new();
        let height = Blocks::new(self.n_rows, rows, usize::MAX).rows().min(MAX_ROWS);
        for start in (0..self.n_rows).step_by(height) {
            let (rows, mut first) = (start..(start + height).min(self.n_rows), 0);
            if self.symmetric {
                let (columns, zero_diagonal) = (rows.clone(), self.zero_diagonal);
                first = rows.end;
                tiles.push(OutputTile { rows: rows.clone(), columns, mirrored: false, zero_diagonal });
            }
            for start in (first..self.n_columns).step_by(MAX_COLUMNS) {
                let columns = start..(start + MAX_COLUMNS).min(self.n_columns);
                tiles.push(OutputTile { rows: rows.clone(), columns, mirrored: self.symmetric, zero_diagonal: false });
            }
        }
        tiles
    }
}

/// Room for the distances of a tile to a block of columns, and one row of padding.
///
/// # Errors
/// [`crate::common::Error::OutOfMemory`].
pub(super) fn scratch(n_rows: usize) -> Result<Vec<f64>> {
    memory::try_filled(memory::checked_len(n_rows.min(MAX_ROWS) + 1, COLUMNS)?, 0.0)
}

/// A matrix that workers fill together, each cell by one of them.
pub(super) struct Cells<'a, O> {
    start: *mut O,
    shape: Shape,
    lifetime: PhantomData<&'a mut [O]>,
}

// SAFETY: whoever writes promises that nobody else touches the same cells (`Cells::put`).
unsafe impl<O: Send> Sync for Cells<'_, O> {}

impl<'a, O: Float> Cells<'a, O> {
    /// Over `out`, row-major with the given shape.
    ///
    /// # Errors
    /// [`crate::common::Error::Shape`].
    pub(super) fn new(out: &'a mut [O], shape: Shape) -> Result<Self> {
        let len = memory::checked_len(shape.n_rows, shape.n_columns)?;
        crate::common::error::check_length("distances", out.len(), len)?;
        Ok(Self { start: out.as_mut_ptr(), shape, lifetime: PhantomData })
    }

    /// Writes `finish` of the values of a block: the rows of a tile by a block of its columns, given row-major with
    /// [`COLUMNS`] columns and left finished.
    ///
    /// # Safety
    /// The tile is one of `shape.tiles()` and no other thread has it; the block is one of `tile.blocks()`.
    #[inline(always)]
    pub(super) unsafe fn put(
        &self,
        tile: &OutputTile,
        block: &Range<usize>,
        values: &mut [f64],
        finish: impl Fn(f64) -> f64,
    ) {
        for (row, values) in tile.rows.clone().zip(values.chunks_exact_mut(COLUMNS)) {
            // SAFETY: row and columns are inside the matrix, and the cells are this tile's (the caller's promise).
            let out = unsafe {
                let start = self.start.add(row * self.shape.n_columns + block.start);
                std::slice::from_raw_parts_mut(start, block.len())
            };
            if tile.mirrored {
                values.iter_mut().for_each(|value| *value = finish(*value));
                out.iter_mut().zip(values).for_each(|(out, value)| *out = O::from_f64(*value));
                continue;
            }
            out.iter_mut().zip(values).for_each(|(out, value)| *out = O::from_f64(finish(*value)));
            if tile.zero_diagonal && block.contains(&row) {
                out[row - block.start] = O::ZERO;
            }
        }
        if tile.mirrored {
            self.put_mirrored(tile, block, values);
        }
    }

    /// Writes a block across the diagonal, a cache line of every row at a time.
    fn put_mirrored(&self, tile: &OutputTile, block: &Range<usize>, distances: &[f64]) {
        for first in (0..block.len()).step_by(8) {
            for position in first..(first + 8).min(block.len()) {
                // SAFETY: the matrix is square, and the cells are across the diagonal from those of `put`'s caller, who
                // is the only one to have them.
                let out = unsafe {
                    let start = self.start.add((block.start + position) * self.shape.n_columns + tile.rows.start);
                    std::slice::from_raw_parts_mut(start, tile.rows.len())
                };
                for (offset, out) in out.iter_mut().enumerate() {
                    *out = O::from_f64(distances[offset * COLUMNS + position]);
                }
            }
        }
    }
}

/// `values` as f64: themselves, or a copy in `buffer`.
pub(super) fn widened<'b, F: Float>(values: &'b [F], buffer: &'b mut Vec<f64>) -> &'b [f64] {
    F::as_f64(values).unwrap_or_else(|| {
        buffer.clear();
        buffer.extend(values.iter().map(|value| value.to_f64()));
        buffer
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_is_written_once() {
        for (n_rows, n_columns) in [(1, 1), (3, 9000), (500, 500), (1000, 7), (0, 5), (5, 0)] {
            for symmetric in [false, n_rows == n_columns] {
                let shape = Shape { n_rows, n_columns, symmetric, zero_diagonal: false };
                let mut counts = vec![0; n_rows * n_columns];
                for tile in shape.tiles() {
                    for column in tile.blocks().flatten() {
                        for row in tile.rows.clone() {
                            counts[row * n_columns + column] += 1;
                            if tile.mirrored {
                                counts[column * n_columns + row] += 1;
                            }
                        }
                    }
                }
                assert!(counts.iter().all(|&count| count == 1), "{shape:?}");
            }
        }
    }
}
