//! What a search finds, and who takes it.

use std::ops::Range;

use crate::common::{Error, Float, Result, memory};
use crate::linalg::Rows;

/// Rows that are walked over in the time of one step of sorting.
const PLACES_PER_STEP: usize = 256;

/// A row and how far it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbor {
    /// The rank of the distance while the search is on, the distance itself when it is over.
    pub distance: f64,
    /// Index of the row.
    pub row: u32,
}

impl Neighbor {
    /// Nearer ones first, of equally near ones the first.
    pub fn order(&self, other: &Self) -> std::cmp::Ordering {
        self.distance.total_cmp(&other.distance).then(self.row.cmp(&other.row))
    }
}

/// Which rows a query wants.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    /// So many nearest ones, nearest first; at most all rows.
    Nearest(usize),
    /// All that are no farther than this, in the order of their indices.
    Within(f64),
}

impl Goal {
    /// Reduces a list to what is wanted, in order.
    pub fn settle(self, found: &mut Vec<Neighbor>) {
        match self {
            Self::Nearest(k) => {
                if found.len() > k {
                    found.select_nth_unstable_by(k - 1, Neighbor::order);
                    found.truncate(k);
                }
                found.sort_unstable_by(Neighbor::order);
            }
            Self::Within(most) => {
                found.retain(|neighbor| neighbor.distance <= most);
                found.sort_unstable_by_key(|neighbor| neighbor.row);
            }
        }
    }
}

/// Puts neighbours in the order of their rows.
#[derive(Debug, Default)]
pub struct ByRow {
    /// A bit for every row; none is set between calls.
    present: Vec<u64>,
    /// The distance of every row whose bit is set.
    distances: Vec<f64>,
}

impl ByRow {
    /// Orders the neighbours of a query, each another one of `n_rows` rows.
    ///
    /// # Errors
    /// [`Error::MemoryShort`].
    pub fn arrange(&mut self, found: &mut [Neighbor], n_rows: usize) -> Result<()> {
        let len = found.len();
        // A few are sorted; for many every row gets a place, so that one walk over all places has them in order.
        if len < 8 || len.saturating_mul(len.ilog2() as usize * PLACES_PER_STEP) < n_rows {
            found.sort_unstable_by_key(|neighbor| neighbor.row);
            return Ok(());
        }
        if self.distances.len() < n_rows {
            let more = n_rows - self.distances.len();
            self.present.try_reserve(more.div_ceil(64)).map_err(|_| Error::MemoryShort)?;
            self.distances.try_reserve_exact(more).map_err(|_| Error::MemoryShort)?;
            self.present.resize(n_rows.div_ceil(64), 0);
            self.distances.resize(n_rows, 0.0);
        }
        for neighbor in found.iter() {
            let row = neighbor.row as usize;
            self.present[row / 64] |= 1 << (row % 64);
            self.distances[row] = neighbor.distance;
        }
        let mut out = found.iter_mut();
        for (first, word) in (0..).step_by(64).zip(&mut self.present) {
            let mut bits = std::mem::take(word);
            while bits != 0 {
                let row = first + bits.trailing_zeros();
                bits &= bits - 1;
                if let Some(place) = out.next() {
                    *place = Neighbor { distance: self.distances[row as usize], row };
                }
            }
        }
        Ok(())
    }
}

/// Rows that are sought for, whatever their type and storage.
pub trait Queries: Sync {
    /// How many.
    fn n_rows(&self) -> usize;

    /// Some of them as f64, row-major.
    ///
    /// # Errors
    /// [`crate::common::Error::OutOfMemory`].
    fn widened(&self, rows: Range<usize>) -> Result<Vec<f64>>;

    /// Puts the columns and values of a row that are not zero into `out`, in order.
    fn entries(&self, row: usize, out: &mut Vec<(u32, f64)>);
}

/// Rows as f64, row-major.
///
/// # Errors
/// [`crate::common::Error::OutOfMemory`].
pub fn widened<F: Float>(rows: &impl Rows<F>, range: Range<usize>) -> Result<Vec<f64>> {
    let n_cols = rows.n_cols();
    let mut wide = memory::try_with_capacity(memory::checked_len(range.len(), n_cols)?)?;
    let mut narrow = memory::try_filled(n_cols, F::ZERO)?;
    for row in range {
        rows.write_row(row, &mut narrow);
        wide.extend(narrow.iter().map(|value| value.to_f64()));
    }
    Ok(wide)
}
