//! What the prefilter must know of the training rows: computed once, kept with the index.

use std::ops::Range;

use crate::common::context::Blocks;
use crate::common::{Context, Float, Result, memory, parallel};
use crate::linalg::{Dense, Rows};
use crate::metrics::prefilter::{Centred, Packed, Rounding};

/// Largest absolute coordinate (and smallest that is not zero) whose squares f64 holds with room to spare.
const COMFORT: f64 = 1e140;

/// The means of the columns, a scale, and the squared lengths of the centred rows.
#[derive(Debug)]
pub struct Geometry {
    /// Column means, shape `(n_cols,)`.
    pub shift: Vec<f64>,
    /// A power of two that brings the longest centred row near length 1.
    pub scale: f64,
    /// Of the centred and scaled rows, one per row.
    pub squared_lengths: Vec<f64>,
}

/// The rows as the prefilter reads them.
#[derive(Debug)]
pub struct Ready {
    /// The rows.
    pub packed: Packed<f32>,
    /// Their terms, in the same order.
    pub terms: Vec<f32>,
}

impl Geometry {
    /// Dense rows, as the prefilter sees them.
    pub fn centred<'a, T: Float>(&'a self, values: &'a [T]) -> Centred<'a, T> {
        Centred { values, n_cols: self.shift.len(), shift: &self.shift, scale: self.scale }
    }

    /// The terms of some rows.
    ///
    /// # Errors
    /// [`crate::common::Error::OutOfMemory`].
    pub fn terms<F: Float>(&self, rows: Range<usize>) -> Result<Vec<F>> {
        let rounding = Rounding::new::<F>(self.shift.len());
        let mut terms = memory::try_with_capacity(rows.len())?;
        terms.extend(self.squared_lengths[rows].iter().map(|&length| rounding.term::<F>(length)));
        Ok(terms)
    }

    /// All rows, ready for the prefilter.
    ///
    /// # Errors
    /// [`crate::common::Error::OutOfMemory`].
    pub fn ready<T: Float>(&self, values: &[T]) -> Result<Ready> {
        let packed = Packed::new(self.centred(values))?;
        let rounding = Rounding::new::<f32>(self.shift.len());
        let mut terms = memory::try_with_capacity(packed.order.len())?;
        terms.extend(packed.order.iter().map(|&row| rounding.term::<f32>(self.squared_lengths[row as usize])));
        Ok(Ready { packed, terms })
    }

    /// Of dense rows; `None` if their coordinates are so large or small that squares leave the range of f64.
    ///
    /// # Errors
    /// [`crate::common::Error::OutOfMemory`], [`crate::common::Error::Interrupted`].
    pub fn new<T: Float>(ctx: &Context, x: &Dense<T>) -> Result<Option<Self>> {
        let (values, n_cols) = (x.values(), x.n_cols());
        let n_rows = values.len() / n_cols;
        let blocks = Blocks::new(n_rows, 1024, 64);
        let sums = parallel::map(ctx, blocks.ranges().collect(), |rows| {
            let mut sums = memory::try_filled(n_cols, 0.0)?;
            let mut largest = 0.0_f64;
            for row in values[rows.start * n_cols..rows.end * n_cols].chunks_exact(n_cols) {
                for (sum, value) in sums.iter_mut().zip(row) {
                    let value = value.to_f64();
                    *sum += value;
                    largest = largest.max(value.abs());
                }
            }
            Ok((sums, largest))
        })?;
        let largest = sums.iter().fold(0.0, |most: f64, (_, largest)| most.max(*largest));
        if !(largest == 0.0 || (1.0 / COMFORT..COMFORT).contains(&largest)) {
            return Ok(None);
        }
        let mut shift = memory::try_filled(n_cols, 0.0)?;
        for (block, _) in &sums {
            shift.iter_mut().zip(block).for_each(|(total, sum)| *total += sum);
        }
        shift.iter_mut().for_each(|total| *total /= n_rows as f64);
        let rows = Centred { values, n_cols, shift: &shift, scale: 1.0 };
        let lengths: Vec<Vec<f64>> = parallel::map(ctx, blocks.ranges().collect(), |range| {
            let mut lengths = memory::try_with_capacity(range.len())?;
            lengths.extend(range.map(|row| rows.squared_length(row)));
            Ok(lengths)
        })?;
        let mut squared_lengths = memory::try_with_capacity(n_rows)?;
        lengths.iter().for_each(|block| squared_lengths.extend_from_slice(block));
        let longest = squared_lengths.iter().fold(0.0, |most: f64, &length| most.max(length));
        // A power of two: products with it are exact.
        let scale = if longest > 0.0 { (-(longest.log2() / 2.0).ceil()).exp2() } else { 1.0 };
        squared_lengths.iter_mut().for_each(|length| *length *= scale * scale);
        Ok(Some(Self { shift, scale, squared_lengths }))
    }
}
