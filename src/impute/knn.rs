//! Missing values filled in with the average of the nearest rows that have them.
//!
//! For each missing value of a row (a *cell*), the donors are the rows of the training data that have a value in that
//! column; the nearest `n_neighbors` of them, by [`nan_euclidean`](crate::metrics::nan_euclidean), are averaged. Rows
//! are taken in groups past the packed training data, so that a chunk of it is read from the cache once for each row of
//! a group; one pass over a row's distances serves all its missing columns.
//!
//! Which of several equally distant donors are the nearest, scikit-learn leaves to the rounding of its distances and to
//! NumPy's `argpartition`. Here the first rows are, and the cells where that decides are listed, so that the caller can
//! settle them by asking NumPy.
//!
//! Reference: Troyanskaya et al., Missing value estimation methods for DNA microarrays, Bioinformatics 17 (2001).

use super::nearest::{Donor, Nearest};
use crate::common::context::Blocks;
use crate::common::error::check_length;
use crate::common::{Context, Error, Float, Result, memory, parallel};
use crate::metrics::nan_euclidean::{Incomplete, PANEL, Pool, Query, rounding_when_expanded};

/// Bytes of packed training data that a group of rows meets at a time: they stay in the second cache.
const CHUNK: usize = 128 << 10;
/// Rows that meet a chunk one after the other.
const GROUP: usize = 64;
/// Most donors remembered for the cells of a group.
const GROUP_DONORS: usize = 1 << 20;

/// How much each of the nearest donors counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights {
    /// All the same.
    Uniform,
    /// Inversely to the distance; where some are at distance 0, those only.
    Distance,
}

/// Parameters of [`impute`].
#[derive(Debug, Clone, Copy)]
pub struct Params {
    /// Donors averaged, at most.
    pub n_neighbors: usize,
    /// What each counts.
    pub weights: Weights,
}

/// What [`impute`] found. Cells are counted row by row; columns that no row of the training data has are left out.
#[derive(Debug)]
pub struct Imputed<F> {
    /// The value for each cell; NaN where no donor is at a defined distance.
    pub values: Vec<F>,
    /// The cells, in order, where donors at equal distances, within scikit-learn's rounding, stand on both sides of the
    /// cut, or where that rounding decides whether a distance is 0 and so takes all the weight.
    pub unsettled: Vec<usize>,
}

/// Values for the missing cells of `x`, shape `(n_rows, n_cols)`, from the rows of `training`, shape
/// `(n_training, n_cols)`.
///
/// # Errors
/// [`crate::common::Error::Shape`], [`crate::common::Error::InvalidArgument`] if `n_neighbors` is 0,
/// [`crate::common::Error::OutOfMemory`], [`crate::common::Error::Interrupted`].
pub fn impute<F: Float>(
    ctx: &Context,
    x: &Incomplete<F>,
    training: &Incomplete<F>,
    params: &Params,
) -> Result<Imputed<F>> {
    check_length("columns of X", x.n_cols(), training.n_cols())?;
    if params.n_neighbors == 0 {
        return Err(Error::InvalidArgument("n_neighbors must be at least 1"));
    }
    let n_donors = count_donors(training)?;
    let is_cell = |row, column| x.get(row, column).is_none() && n_donors[column] > 0;
    let mut receivers = memory::try_with_capacity(x.n_rows())?;
    receivers.extend((0..x.n_rows()).filter(|&row| (0..x.n_cols()).any(|column| is_cell(row, column))));

    let job = Job { x, training, pool: Pool::new(training)?, n_donors: &n_donors, params };
    let blocks = Blocks::new(receivers.len(), GROUP, 256);
    let jobs: Vec<&[usize]> = receivers.chunks(blocks.rows()).collect();
    let parts = parallel::map(ctx, jobs, |rows| job.impute(ctx, rows))?;

    let n_cells = parts.iter().map(|part| part.values.len()).sum();
    let mut all = Imputed { values: memory::try_with_capacity(n_cells)?, unsettled: Vec::new() };
    for part in parts {
        let start = all.values.len();
        all.unsettled.extend(part.unsettled.iter().map(|cell| start + cell));
        all.values.extend(part.values);
    }
    Ok(all)
}

/// How many rows have a value, column by column.
fn count_donors<F: Float>(training: &Incomplete<F>) -> Result<Vec<usize>> {
    let mut counts = memory::try_filled(training.n_cols(), 0)?;
    for row in 0..training.n_rows() {
        for (column, count) in counts.iter_mut().enumerate() {
            *count += usize::from(training.get(row, column).is_some());
        }
    }
    Ok(counts)
}

/// A row with missing values, and the donors found so far for each.
struct Receiver<F> {
    query: Query,
    cells: Vec<Cell<F>>,
    /// What a squared distance must be below to matter to any of the cells.
    bound: F,
}

struct Cell<F> {
    column: usize,
    nearest: Nearest<F>,
}

/// What the blocks of rows share.
struct Job<'a, F> {
    x: &'a Incomplete<'a, F>,
    training: &'a Incomplete<'a, F>,
    pool: Pool,
    n_donors: &'a [usize],
    params: &'a Params,
}

impl<F: Float> Job<'_, F> {
    fn impute(&self, ctx: &Context, rows: &[usize]) -> Result<Imputed<F>> {
        let n_cols = self.x.n_cols();
        let remembered = self.params.n_neighbors.saturating_add(1).min(self.training.n_rows());
        let group_rows = (GROUP_DONORS / n_cols.saturating_mul(remembered)).clamp(1, GROUP);
        let chunk = (CHUNK / (n_cols * 2 * PANEL * size_of::<f64>())).max(1);
        let mut squares = memory::try_filled(chunk * PANEL, F::ZERO)?;
        let mut part = Imputed { values: Vec::new(), unsettled: Vec::new() };
        for rows in rows.chunks(group_rows) {
            let mut group = memory::try_with_capacity(rows.len())?;
            for &row in rows {
                group.push(self.receiver(row)?);
            }
            for first in (0..self.pool.n_panels()).step_by(chunk) {
                ctx.check()?;
                let panels = first..(first + chunk).min(self.pool.n_panels());
                let squares = &mut squares[..panels.len() * PANEL];
                for receiver in &mut group {
                    self.pool.squared_distances(&receiver.query, panels.clone(), squares)?;
                    self.offer(receiver, first * PANEL, squares);
                }
            }
            for (receiver, &row) in group.into_iter().zip(rows) {
                for cell in receiver.cells {
                    let (column, donors) = (cell.column, cell.nearest.into_sorted());
                    if self.is_unsettled(row, &donors) {
                        part.unsettled.push(part.values.len());
                    }
                    part.values.push(self.average(column, &donors[..self.params.n_neighbors.min(donors.len())]));
                }
            }
        }
        Ok(part)
    }

    fn receiver(&self, row: usize) -> Result<Receiver<F>> {
        let mut cells = Vec::new();
        for (column, &n_donors) in self.n_donors.iter().enumerate() {
            if n_donors > 0 && self.x.get(row, column).is_none() {
                // One more than is averaged: it shows whether the cut falls between equals.
                let most = self.params.n_neighbors.saturating_add(1).min(n_donors);
                cells.push(Cell { column, nearest: Nearest::new(most)? });
            }
        }
        Ok(Receiver { query: Query::new(self.x, row)?, cells, bound: F::INFINITY })
    }

    /// Offers the rows from `first` on, at these squared distances, to the cells of a receiver.
    fn offer(&self, receiver: &mut Receiver<F>, first: usize, squares: &[F]) {
        for (panel, squares) in squares.chunks_exact(PANEL).enumerate() {
            let bound = receiver.bound;
            if !squares.iter().fold(false, |any, &square| any | (square < bound)) {
                continue;
            }
            for (lane, &square) in squares.iter().enumerate() {
                if square < receiver.bound {
                    self.offer_one(receiver, Donor { square, row: first + panel * PANEL + lane });
                }
            }
        }
    }

    fn offer_one(&self, receiver: &mut Receiver<F>, donor: Donor<F>) {
        let mut loosest = F::ZERO;
        for cell in &mut receiver.cells {
            if donor.square < cell.nearest.bound() && self.training.get(donor.row, cell.column).is_some() {
                cell.nearest.take(donor);
            }
            let bound = cell.nearest.bound();
            loosest = if bound > loosest { bound } else { loosest };
        }
        receiver.bound = loosest;
    }

    /// Whether scikit-learn's rounding decides on the donors of a row, or on their weights; nearest donors first.
    fn is_unsettled(&self, row: usize, donors: &[Donor<F>]) -> bool {
        let rounding = |donor: &Donor<F>| rounding_when_expanded(self.x, row, self.training, donor.row);
        let cut = self.params.n_neighbors;
        let is_tied = match (donors.get(cut - 1), donors.get(cut)) {
            (Some(last), Some(next)) => (next.square - last.square).to_f64() <= rounding(last) + rounding(next),
            _ => false,
        };
        let is_at_zero = |donor: &Donor<F>| donor.square.to_f64() <= rounding(donor);
        is_tied || (self.params.weights == Weights::Distance && donors.first().is_some_and(is_at_zero))
    }

    /// The weighted average of what the donors have in a column; NaN without donors.
    fn average(&self, column: usize, donors: &[Donor<F>]) -> F {
        let weight = |donor: &Donor<F>| match self.params.weights {
            Weights::Uniform => F::ONE,
            Weights::Distance => F::ONE / donor.square.sqrt(),
        };
        let only_infinite = donors.iter().any(|donor| !weight(donor).is_finite());
        let (mut sum, mut total) = (0.0, 0.0);
        for donor in donors {
            let weight = match weight(donor) {
                finite if only_infinite => f64::from(u8::from(!finite.is_finite())),
                finite => finite.to_f64(),
            };
            sum += weight * self.training.get(donor.row, column).map_or(0.0, F::to_f64);
            total += weight;
        }
        F::from_f64(sum / total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAN: f64 = f64::NAN;

    fn mask(values: &[f64]) -> Vec<u8> {
        values.iter().map(|value| u8::from(value.is_nan())).collect()
    }

    fn imputed(x: &[f64], training: &[f64], n_cols: usize, n_neighbors: usize, weights: Weights) -> Imputed<f64> {
        let (x_mask, training_mask) = (mask(x), mask(training));
        let x = Incomplete::new(x, &x_mask, n_cols).unwrap();
        let training = Incomplete::new(training, &training_mask, n_cols).unwrap();
        impute(&Context::serial(), &x, &training, &Params { n_neighbors, weights }).unwrap()
    }

    #[test]
    fn the_nearest_donors_of_each_column_are_averaged() {
        let training = [0.0, 10.0, NAN, 1.0, 20.0, 5.0, 3.0, NAN, 7.0, 9.0, 90.0, 9.0];
        let found = imputed(&[0.4, NAN, NAN], &training, 3, 2, Weights::Uniform);
        assert_eq!(found.values, [15.0, 6.0]);
        assert!(found.unsettled.is_empty());
    }

    #[test]
    fn weights_fall_with_the_distance_and_zero_takes_all() {
        let training = [0.0, 10.0, 3.0, 40.0];
        let near = imputed(&[1.0, NAN], &training, 2, 2, Weights::Distance).values[0];
        assert!((near - 20.0).abs() < 1e-12);
        assert_eq!(imputed(&[3.0, NAN], &training, 2, 2, Weights::Distance).values, [40.0]);
    }

    #[test]
    fn what_rounding_decides_is_listed() {
        let training = [1.0, 10.0, -1.0, 20.0, 5.0, 30.0];
        assert_eq!(imputed(&[0.0, NAN], &training, 2, 1, Weights::Uniform).unsettled, [0]);
        assert!(imputed(&[0.0, NAN], &training, 2, 2, Weights::Uniform).unsettled.is_empty());
        assert!(imputed(&[0.0, NAN], &training, 2, 3, Weights::Uniform).unsettled.is_empty());
        assert!(imputed(&[1.0, NAN], &training, 2, 2, Weights::Uniform).unsettled.is_empty());
        assert_eq!(imputed(&[1.0, NAN], &training, 2, 2, Weights::Distance).unsettled, [0]);
    }

    #[test]
    fn columns_without_donors_are_no_cells_and_rows_without_distances_get_nan() {
        let found = imputed(&[NAN, NAN, 4.0, NAN], &[1.0, NAN, 2.0, NAN], 2, 5, Weights::Uniform);
        assert!(found.values[0].is_nan());
        assert_eq!(found.values.len(), 1);
    }
}
