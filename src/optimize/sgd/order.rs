//! The order in which a pass takes the rows, and rows that lie in it.
//!
//! Shuffled rows come from all over the memory, and a step waits for its row. So the rows of the next steps are copied
//! side by side while those before them are taken: only data move, no bit depends on it.

use super::Data;
use crate::common::random::OurRandR;
use crate::common::{Float, Result, memory};
use crate::linalg::Dense;
use crate::linalg::row_updates::RowDotAxpy;

/// Bytes of rows that one worker gathers at a time.
const GATHERED_BYTES: usize = 1 << 18;
/// Pieces that are gathered while as many others are taken: all of them stay in the third cache.
pub(super) const PIECES: usize = 8;

/// All rows, in the order of the pass.
pub(super) struct Order {
    rows: Vec<u32>,
    /// Where each row of the next pass stands in this one: the draws are the same for every pass. Empty before the second.
    drawn: Vec<u32>,
    next: Vec<u32>,
    is_drawn: bool,
}

impl Order {
    /// As the rows lie.
    pub(super) fn new(count: u32) -> Result<Self> {
        let mut rows = memory::try_with_capacity(count as usize)?;
        rows.extend(0..count);
        Ok(Self { rows, drawn: Vec::new(), next: Vec::new(), is_drawn: false })
    }

    /// Row numbers, shape (n_rows,).
    pub(super) fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// Swaps every row with one of those from it on, drawn with `seed`, which must be the same at every call.
    pub(super) fn shuffle(&mut self, seed: u32) -> Result<()> {
        if !self.is_drawn {
            shuffle(&mut self.rows, seed);
            self.is_drawn = true;
            return Ok(());
        }
        if self.drawn.is_empty() {
            self.drawn = memory::try_copied(&self.rows)?;
            self.next = memory::try_filled(self.rows.len(), 0)?;
        }
        let positions = self.next.iter_mut().zip(&self.drawn);
        positions.for_each(|(row, &position)| *row = self.rows[position as usize]);
        std::mem::swap(&mut self.rows, &mut self.next);
        Ok(())
    }
}

/// Swaps every item with one of those from it on, drawn.
fn shuffle(order: &mut [u32], seed: u32) {
    let mut random = OurRandR::seeded(seed);
    let n = order.len() as u32;
    for i in 0..n.saturating_sub(1) {
        let other = i + random.draw() % (n - i);
        order.swap(i as usize, other as usize);
    }
}

/// Rows side by side, with what they should give.
pub(super) struct Gathered<F> {
    n_cols: usize,
    values: Vec<F>,
    targets: Vec<F>,
    weights: Vec<F>,
}

impl<F: Float> Gathered<F> {
    /// Rows in a piece.
    pub(super) fn max_rows(n_cols: usize) -> usize {
        (GATHERED_BYTES / (n_cols * size_of::<F>())).max(1)
    }

    /// As many pieces as are gathered at once, without rows so far.
    pub(super) fn pieces(n_cols: usize) -> Result<Vec<Self>> {
        let most = Self::max_rows(n_cols);
        let piece = |_| {
            Ok(Self {
                n_cols,
                values: memory::try_with_capacity(memory::checked_len(most, n_cols)?)?,
                targets: memory::try_with_capacity(most)?,
                weights: memory::try_with_capacity(most)?,
            })
        };
        (0..PIECES).map(piece).collect()
    }

    /// Takes other rows.
    pub(super) fn fill<R: RowDotAxpy<F>>(&mut self, data: &Data<R, F>, rows: &[u32]) {
        self.values.clear();
        data.rows.append_rows(rows, &mut self.values);
        self.targets.clear();
        self.targets.extend(rows.iter().map(|&row| data.targets[row as usize]));
        self.weights.clear();
        self.weights.extend(rows.iter().map(|&row| data.weights[row as usize]));
    }

    /// The rows.
    pub(super) fn rows(&self) -> Result<Dense<'_, F>> {
        Dense::new(&self.values, self.targets.len(), self.n_cols)
    }

    /// The rows and what they should give.
    pub(super) fn data<'d>(&'d self, rows: &'d Dense<'d, F>) -> Data<'d, Dense<'d, F>, F> {
        Data { rows, targets: &self.targets, weights: &self.weights, held_out: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pass_shuffles_what_the_one_before_left() {
        let mut order = Order::new(1000).expect("memory");
        let mut expected: Vec<u32> = (0..1000).collect();
        for _ in 0..4 {
            order.shuffle(7).expect("memory");
            shuffle(&mut expected, 7);
            assert_eq!(order.rows(), expected);
        }
    }
}
