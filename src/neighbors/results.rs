//! What a search finds, and who takes it.

use std::ops::Range;

use crate::common::{Float, Result, memory};
use crate::linalg::Rows;

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
