//! Products of blocks of rows with a matrix of many columns, on the tiles of [`super::syrk`].

use super::syrk::{OCTET, PACK_ROWS, Panel8, add_products_of};
use crate::common::{Result, memory};

/// Most rows of a block.
pub const BLOCK_ROWS: usize = 128;

/// A matrix that rows are multiplied with, shape (n_rows, n_cols).
#[derive(Debug)]
pub struct PackedMatrix<'a> {
    /// Row-major.
    pub values: &'a [f64],
    /// Columns.
    pub n_cols: usize,
    packs: Vec<Panel8>,
}

impl<'a> PackedMatrix<'a> {
    /// From row-major `values`, rows of `n_cols`.
    ///
    /// # Errors
    /// [`crate::common::Error::OutOfMemory`].
    pub fn new(values: &'a [f64], n_cols: usize) -> Result<Self> {
        let mut packs = memory::try_with_capacity(values.len().div_ceil(PACK_ROWS * n_cols))?;
        for part in values.chunks(PACK_ROWS * n_cols) {
            let mut pack = Panel8::new(n_cols)?;
            pack.reset(part.len() / n_cols, n_cols);
            for (row, values) in part.chunks_exact(n_cols).enumerate() {
                values.iter().enumerate().for_each(|(column, &value)| pack.put(row, column, value));
            }
            packs.push(pack);
        }
        Ok(Self { values, n_cols, packs })
    }

    /// Scalars from one row of a product to the next.
    pub fn stride(&self) -> usize {
        self.n_cols.next_multiple_of(OCTET)
    }

    /// Room for the products of a block.
    ///
    /// # Errors
    /// [`crate::common::Error::OutOfMemory`].
    pub fn output_buffer(&self) -> Result<Vec<f64>> {
        memory::try_filled(memory::checked_len(BLOCK_ROWS, self.stride())?, 0.0)
    }
}

/// A few rows of a table, each a column of the packs.
#[derive(Debug)]
pub struct RowBlock {
    packs: Vec<Panel8>,
    n: usize,
    count: usize,
    product: Vec<f64>,
}

impl RowBlock {
    /// For rows of `n` values.
    ///
    /// # Errors
    /// [`crate::common::Error::OutOfMemory`].
    pub fn new(n: usize) -> Result<Self> {
        let mut packs = memory::try_with_capacity(n.div_ceil(PACK_ROWS))?;
        for _ in 0..n.div_ceil(PACK_ROWS) {
            packs.push(Panel8::new(BLOCK_ROWS)?);
        }
        Ok(Self { packs, n, count: 0, product: Vec::new() })
    }

    /// Begins anew with `count` rows, at most [`BLOCK_ROWS`], all of which must be put in.
    pub fn reset(&mut self, count: usize) {
        self.count = count;
        for (at, pack) in self.packs.iter_mut().enumerate() {
            pack.reset((self.n - at * PACK_ROWS).min(PACK_ROWS), count);
        }
    }

    /// Puts the values of a row in.
    #[inline(always)]
    pub fn put(&mut self, row: usize, values: impl Iterator<Item = f64>) {
        for (column, value) in values.enumerate() {
            self.packs[column / PACK_ROWS].put(column % PACK_ROWS, row, value);
        }
    }

    /// The product of one vector with a matrix, in room that is kept for it.
    pub fn product(&mut self, vector: &[f64], factor: &PackedMatrix) -> &[f64] {
        self.product.clear();
        self.product.resize(factor.n_cols, 0.0);
        for (value, line) in vector.iter().zip(factor.values.chunks_exact(factor.n_cols)) {
            self.product.iter_mut().zip(line).for_each(|(sum, factor)| *sum += value * factor);
        }
        &self.product
    }

    /// The products of the rows with a matrix; row `i` begins at `out[i * factor.stride()]`.
    pub fn multiply(&self, factor: &PackedMatrix, out: &mut [f64]) {
        out.fill(0.0);
        for (left, right) in self.packs.iter().zip(&factor.packs) {
            add_products_of(left, right, self.count, out, factor.stride());
        }
    }
}
