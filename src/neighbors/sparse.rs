//! Neighbours among sparse rows: what two rows share is gathered column by column.
//!
//! A query's stored values each meet the stored values of their column, and nothing else is touched: with a share `s` of
//! values stored, a pair costs `s² d` steps. What the pair does not share is known from the rows alone:
//! `|x - y|² = |x|² + |y|² - 2 x·y`, and `sum(|x - y|) = sum(|x|) + sum(|y|) + sum over both of (|x - y| - |x| - |y|)`.
//! All sums run over the columns in order, so equal rows are at distance 0 exactly. (Gustavson, "Two fast algorithms for
//! sparse matrices", 1978.)

use crate::common::context::Blocks;
use crate::common::{Context, Float, Result, memory, parallel};
use crate::linalg::{Csr, Rows};
use crate::metrics::metric::Metric;
use crate::neighbors::results::{Goal, Neighbor, Queries};
use crate::neighbors::topk::TopK;

/// Rows by column.
struct Columns {
    starts: Vec<usize>,
    rows: Vec<u32>,
    values: Vec<f64>,
    /// Of each row: the squared length, or the sum of absolute values.
    sizes: Vec<f64>,
}

/// What a distance is made of.
#[derive(Clone, Copy)]
enum Kind {
    Product,
    Absolute,
}

impl Kind {
    fn of(metric: Metric) -> Option<Self> {
        match metric {
            Metric::Euclidean | Metric::SquaredEuclidean | Metric::Cosine => Some(Self::Product),
            Metric::Manhattan => Some(Self::Absolute),
            _ => None,
        }
    }

    fn size(self, values: impl Iterator<Item = f64>) -> f64 {
        match self {
            Self::Product => values.fold(0.0, |sum, value| sum + value * value),
            Self::Absolute => values.fold(0.0, |sum, value| sum + value.abs()),
        }
    }

    #[inline(always)]
    fn shared(self, x: f64, y: f64) -> f64 {
        match self {
            Self::Product => x * y,
            Self::Absolute => (x - y).abs() - (x.abs() + y.abs()),
        }
    }
}

/// Whether distances of this metric can be gathered.
pub fn can_gather(metric: Metric) -> bool {
    Kind::of(metric).is_some()
}

/// Finds the rows that each query wants. `outs` has one entry per block; `consume` is called for each query of a block, in
/// order, with its position in the block and its neighbours. The metric must be one of those that [`can_gather`] names.
///
/// # Errors
/// [`crate::common::Error::OutOfMemory`], [`crate::common::Error::Interrupted`].
pub fn search<T: Float, O: Send>(
    ctx: &Context,
    metric: Metric,
    rows: &Csr<T>,
    queries: &dyn Queries,
    goal: Goal,
    blocks: Blocks,
    outs: Vec<O>,
    consume: impl Fn(&mut O, usize, &mut [Neighbor]) -> Result<()> + Sync,
) -> Result<()> {
    let Some(kind) = Kind::of(metric) else { return Ok(()) };
    let columns = Columns::new(kind, rows)?;
    let jobs: Vec<_> = blocks.ranges().zip(outs).collect();
    let scratch = || Ok((memory::try_filled(rows.n_rows(), 0.0)?, Vec::new()));
    parallel::map_with(ctx, jobs, scratch, |(distances, entries), (block, mut out)| {
        for (position, query) in block.enumerate() {
            ctx.check()?;
            queries.entries(query, entries);
            let size = kind.size(entries.iter().map(|&(_, value)| value));
            columns.gather(kind, entries, distances);
            for (distance, &own) in distances.iter_mut().zip(&columns.sizes) {
                *distance = finish(metric, size, own, *distance);
            }
            let mut kept = TopK::new(goal);
            kept.push_block(0, distances)?;
            consume(&mut out, position, kept.finish())?;
        }
        Ok(())
    })?;
    Ok(())
}

/// The distance of two rows of given sizes that share `shared`.
#[inline(always)]
fn finish(metric: Metric, x: f64, y: f64, shared: f64) -> f64 {
    match metric {
        Metric::Euclidean => (x + y - 2.0 * shared).max(0.0).sqrt(),
        Metric::SquaredEuclidean => (x + y - 2.0 * shared).max(0.0),
        Metric::Cosine if x == 0.0 || y == 0.0 => 1.0,
        Metric::Cosine => (1.0 - shared / (x * y).sqrt()).max(0.0),
        _ => x + y + shared,
    }
}

impl Columns {
    fn new<T: Float>(kind: Kind, rows: &Csr<T>) -> Result<Self> {
        let mut starts = memory::try_filled(rows.n_cols() + 1, 0)?;
        for row in 0..rows.n_rows() {
            rows.row(row).for_each(|(column, _)| starts[column + 1] += 1);
        }
        for column in 0..rows.n_cols() {
            starts[column + 1] += starts[column];
        }
        let mut next = memory::try_copied(&starts)?;
        let mut sizes = memory::try_with_capacity(rows.n_rows())?;
        let (mut indices, mut values) = (memory::try_filled(rows.nnz(), 0)?, memory::try_filled(rows.nnz(), 0.0)?);
        for row in 0..rows.n_rows() {
            sizes.push(kind.size(rows.row(row).map(|(_, value)| value.to_f64())));
            for (column, value) in rows.row(row) {
                indices[next[column]] = row as u32;
                values[next[column]] = value.to_f64();
                next[column] += 1;
            }
        }
        Ok(Self { starts, rows: indices, values, sizes })
    }

    /// What a query shares with each row.
    fn gather(&self, kind: Kind, entries: &[(u32, f64)], out: &mut [f64]) {
        out.fill(0.0);
        for &(column, x) in entries {
            let range = self.starts[column as usize]..self.starts[column as usize + 1];
            for (&row, &y) in self.rows[range.clone()].iter().zip(&self.values[range]) {
                out[row as usize] += kind.shared(x, y);
            }
        }
    }
}
