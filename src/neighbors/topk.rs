//! What a query keeps of the rows that pass by, when distances are known exactly.

use crate::common::{Error, Result};
use crate::neighbors::results::{Goal, Neighbor};

/// The rows that are wanted so far. They must pass in order: of equally near ones the first stay.
#[derive(Debug)]
pub struct TopK {
    goal: Goal,
    /// Distances from here on are not wanted; NaN while all are.
    limit: f64,
    found: Vec<Neighbor>,
}

impl TopK {
    /// None so far.
    pub fn new(goal: Goal) -> Self {
        Self { goal, limit: f64::NAN, found: Vec::new() }
    }

    /// Distances to consecutive rows, the first of index `first_row`.
    ///
    /// # Errors
    /// [`Error::MemoryShort`].
    pub fn push_block(&mut self, first_row: usize, distances: &[f64]) -> Result<()> {
        // A NaN is farther than everything, whatever its sign.
        let last = |distance: f64| if distance.is_nan() { f64::NAN } else { distance };
        let rows = (first_row as u32..).zip(distances);
        let rows = rows.map(|(row, &distance)| Neighbor { distance: last(distance), row });
        match self.goal {
            Goal::Within(most) => {
                let wanted = rows.filter(|neighbor| neighbor.distance <= most);
                self.found.try_reserve(wanted.clone().count()).map_err(|_| Error::MemoryShort)?;
                self.found.extend(wanted);
            }
            Goal::Nearest(k) => {
                for neighbor in rows {
                    if neighbor.distance < self.limit || self.limit.is_nan() {
                        self.found.push(neighbor);
                        if self.found.len() == 2 * k + 32 {
                            self.goal.settle(&mut self.found);
                            self.limit = self.found[k - 1].distance;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// What is left of them, in order.
    pub fn finish(&mut self) -> &mut [Neighbor] {
        if let Goal::Nearest(_) = self.goal {
            self.goal.settle(&mut self.found); // what lies within a radius passed in order
        }
        &mut self.found
    }
}
