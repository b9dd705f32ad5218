//! How a matrix of distances is cut into jobs, and how workers fill one matrix together.
//!
//! A job is a strip: some rows by some columns. Its distances are computed a block of columns at a time into a scratch
//! that fits the second cache, and written out from there, once more across the diagonal where rows are compared with
//! themselves: then only strips on and above the diagonal are computed.

use std::marker::PhantomData;
use std::ops::Range;

use crate::common::context::Blocks;
use crate::common::{Float, Result, memory};

/// Columns of a block: whole tiles of every instruction set.
pub(super) const COLUMNS: usize = 96;
/// Most rows of a strip: with 128 features, they, their distances and a tile share half a megabyte of cache.
const MOST_ROWS: usize = 192;
/// Most columns of a strip, so that a few rows by many columns are many jobs too.
const MOST_COLUMNS: usize = 43 * COLUMNS;

/// A job: the distances of `rows` to `columns`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Strip {
    pub(super) rows: Range<usize>,
    pub(super) columns: Range<usize>,
    /// Whether the distances stand on both sides of the diagonal.
    mirrored: bool,
    /// Whether the strip holds a part of the diagonal, which is zero.
    zero_diagonal: bool,
}

impl Strip {
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
    pub(super) fn strips(&self) -> Vec<Strip> {
        let rows = (self.n_rows / 16).next_multiple_of(12).clamp(48, MOST_ROWS);
        let mut strips = Vec::new();
        let height = Blocks::new(self.n_rows, rows, usize::MAX).rows().min(MOST_ROWS);
        for start in (0..self.n_rows).step_by(height) {
            let (rows, mut first) = (start..(start + height).min(self.n_rows), 0);
            if self.symmetric {
                let (columns, zero_diagonal) = (rows.clone(), self.zero_diagonal);
                first = rows.end;
                strips.push(Strip { rows: rows.clone(), columns, mirrored: false, zero_diagonal });
            }
            for start in (first..self.n_columns).step_by(MOST_COLUMNS) {
                let columns = start..(start + MOST_COLUMNS).min(self.n_columns);
                strips.push(Strip { rows: rows.clone(), columns, mirrored: self.symmetric, zero_diagonal: false });
            }
        }
        strips
    }
}

/// Room for the distances of a strip to a block of columns, and one row of padding.
///
/// # Errors
/// [`crate::common::Error::OutOfMemory`].
pub(super) fn scratch(n_rows: usize) -> Result<Vec<f64>> {
    memory::filled(memory::area(n_rows.min(MOST_ROWS) + 1, COLUMNS)?, 0.0)
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
        let len = memory::area(shape.n_rows, shape.n_columns)?;
        crate::common::error::check_length("distances", out.len(), len)?;
        Ok(Self { start: out.as_mut_ptr(), shape, lifetime: PhantomData })
    }

    /// Writes the distances of the rows of a strip to a block of its columns, given row-major with [`COLUMNS`] columns.
    ///
    /// # Safety
    /// The strip is one of `shape.strips()` and no other thread has it; the block is one of `strip.blocks()`.
    pub(super) unsafe fn put(&self, strip: &Strip, block: &Range<usize>, distances: &[f64]) {
        for (row, values) in strip.rows.clone().zip(distances.chunks_exact(COLUMNS)) {
            let out = self.start.wrapping_add(row * self.shape.n_columns + block.start);
            for (position, &value) in values[..block.len()].iter().enumerate() {
                // SAFETY: row and column are inside the matrix, and the cell is this strip's (the caller's promise).
                unsafe { *out.add(position) = O::from_f64(value) };
            }
            if strip.zero_diagonal && block.contains(&row) {
                // SAFETY: as above.
                unsafe { *out.add(row - block.start) = O::ZERO };
            }
        }
        if strip.mirrored {
            // A cache line of every row at a time.
            for first in (0..block.len()).step_by(8) {
                for position in first..(first + 8).min(block.len()) {
                    let out =
                        self.start.wrapping_add((block.start + position) * self.shape.n_columns + strip.rows.start);
                    for offset in 0..strip.rows.len() {
                        // SAFETY: the matrix is square and the cell is across the diagonal from one of this strip's.
                        unsafe { *out.add(offset) = O::from_f64(distances[offset * COLUMNS + position]) };
                    }
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
                for strip in shape.strips() {
                    for column in strip.blocks().flatten() {
                        for row in strip.rows.clone() {
                            counts[row * n_columns + column] += 1;
                            if strip.mirrored {
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
