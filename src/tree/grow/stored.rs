//! Sparse features in nodes: what differs from zero is looked at, and zeros are one step of the scan.
//!
//! The stored values of a node come from each column (those of its rows that are in the node), or, where the node is small
//! and many features are looked at, from its rows, for all features at once.

use std::sync::Arc;

use super::column::{Column, ZERO};
use super::criteria::Criterion;
use super::order::{self, rank};
use super::search::{Candidate, Rules, allowed};
use crate::common::{Error, Result, memory};

/// Reading a row costs as much as reading so many entries of a column: its entries are looked at twice.
const ROW_COST: usize = 2;

/// What differs from zero, row by row.
#[derive(Debug)]
pub(super) struct Stored {
    starts: Vec<usize>,
    /// (feature, bits of the value).
    entries: Vec<(u32, u32)>,
    /// Columns that are sparse.
    n_columns: usize,
}

impl Stored {
    /// Of those columns that are sparse.
    pub(super) fn new(columns: &[Arc<Column>], n_rows: usize) -> Result<Self> {
        let stored = || columns.iter().zip(0..).filter_map(|(column, feature)| Some((feature, column.stored()?)));
        let mut starts = memory::try_filled(n_rows + 1, 0)?;
        for (_, (rows, _)) in stored() {
            rows.iter().for_each(|&row| starts[row as usize] += 1);
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        // Each start is the end of its row until the row is filled, from its end on.
        let mut entries = memory::try_filled(sum, (0, 0))?;
        for (feature, (rows, bits)) in stored() {
            for (&row, &bits) in rows.iter().zip(bits) {
                starts[row as usize] -= 1;
                entries[starts[row as usize]] = (feature, bits);
            }
        }
        Ok(Self { starts, entries, n_columns: stored().count() })
    }

    fn row(&self, row: u32) -> &[(u32, u32)] {
        &self.entries[self.starts[row as usize]..self.starts[row as usize + 1]]
    }

    /// Whether reading the rows of a node of `n` samples costs less than reading `n_features` columns.
    fn is_read_by_row(&self, n: usize, n_features: usize) -> bool {
        let by_column = self.entries.len() / self.n_columns.max(1) + 1;
        let by_column = by_column.min(n * (by_column.ilog2() as usize + 1));
        let by_row = self.entries.len() / self.starts.len() + 1;
        n * by_row * ROW_COST <= n_features * by_column
    }
}

/// The stored values of a node.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// By feature, where its keys start and how many there are, if all were read; else empty.
    places: Vec<(usize, usize)>,
    /// Features of which there are any.
    filled: Vec<u32>,
    keys: Vec<u64>,
    spare: Vec<u64>,
    by_row: bool,
}

impl Table {
    pub(super) fn new(n_features: usize) -> Result<Self> {
        Ok(Self {
            places: memory::try_filled(n_features, (0, 0))?,
            filled: memory::try_with_capacity(n_features)?,
            ..Self::default()
        })
    }

    /// Goes to the node of `samples` (rows), of whose features `n_features` will be looked at.
    pub(super) fn enter<C: Criterion>(
        &mut self,
        criterion: &C,
        stored: &Stored,
        samples: &[u32],
        n_features: usize,
    ) -> Result<()> {
        self.by_row = stored.is_read_by_row(samples.len(), n_features);
        if !self.by_row {
            return Ok(());
        }
        let Self { places, filled, keys, spare, .. } = self;
        filled.drain(..).for_each(|feature| places[feature as usize] = (0, 0));
        for &(feature, _) in samples.iter().flat_map(|&row| stored.row(row)) {
            let (_, n) = &mut places[feature as usize];
            if *n == 0 {
                filled.push(feature);
            }
            *n += 1;
        }
        let mut end = 0;
        for &feature in &*filled {
            let (start, n) = &mut places[feature as usize];
            *start = end;
            end += std::mem::take(n);
        }
        for keys in [&mut *keys, spare] {
            resize(keys, end)?;
        }
        for (i, &row) in samples.iter().enumerate() {
            let payload = u64::from(criterion.payload(i));
            for &(feature, bits) in stored.row(row) {
                let (start, n) = &mut places[feature as usize];
                keys[*start + *n] = u64::from(bits) << 32 | payload;
                *n += 1;
            }
        }
        Ok(())
    }

    /// The sorted keys of a feature in the node entered, of `samples` (rows); `at` and `start` as in [`Column::gather`].
    pub(super) fn of<C: Criterion>(
        &mut self,
        criterion: &C,
        (feature, column): (usize, &Column),
        samples: &[u32],
        (at, start): (&[u32], usize),
    ) -> Result<&[u64]> {
        let Self { places, keys, spare, .. } = self;
        let mut range = 0..0;
        if self.by_row {
            let (start, n) = places[feature];
            range = start..start + n;
        } else {
            let (rows, _) = column.stored().unwrap_or_default();
            range.end = rows.len().min(samples.len());
            for keys in [&mut *keys, spare] {
                resize(keys, range.end)?;
            }
            range.end = 0;
            column.each_stored(samples, at, start, |i, bits| {
                keys[range.end] = u64::from(bits) << 32 | u64::from(criterion.payload(i));
                range.end += 1;
            });
        }
        order::sort(&mut keys[range.clone()], &mut spare[range.clone()]);
        Ok(&keys[range])
    }
}

/// Makes room for `n` keys.
fn resize(keys: &mut Vec<u64>, n: usize) -> Result<()> {
    if keys.len() < n {
        let more = n - keys.len();
        keys.try_reserve(more).map_err(|_| Error::OutOfMemory { bytes: size_of::<u64>() * n })?;
        keys.resize(n, 0);
    }
    Ok(())
}

/// Whether a feature is constant in a node of `n` samples whose stored values have the sorted `keys`; if it is not, its
/// best split that is better than `floor`, the first of equals. No value is missing, and no order matters.
pub(super) fn scan<C: Criterion>(
    criterion: &C,
    column: &Column,
    n: usize,
    monotonic: i8,
    rules: &Rules,
    mut floor: f64,
    (keys, sides): (&[u64], &mut C::Sides),
) -> (bool, Option<Candidate>) {
    let n_zeros = n - keys.len();
    let n_negative = keys.partition_point(|&key| rank(key) < ZERO);
    // All zeros are one step.
    let n_steps = keys.len() + usize::from(n_zeros > 0);
    let has_passed = |step: usize| n_zeros > 0 && step > n_negative;
    let rank_at = |step: usize| match step {
        _ if n_zeros > 0 && step == n_negative => ZERO,
        _ => rank(keys[step - usize::from(has_passed(step))]),
    };
    if !column.apart(rank_at(0), rank_at(n_steps - 1)) {
        return (true, None);
    }
    let (mut best, mut is_behind) = (None, false);
    criterion.reset(sides, keys);
    for step in 1..n_steps {
        let (low, high) = (rank_at(step - 1), rank_at(step));
        let n_keys = step - usize::from(has_passed(step));
        let p = if has_passed(step) { n_keys + n_zeros } else { n_keys };
        if !column.apart(low, high) || p < rules.min_samples_leaf || n - p < rules.min_samples_leaf {
            continue;
        }
        if has_passed(step) && !is_behind {
            criterion.leave(sides, keys, n_keys);
            is_behind = true;
        } else {
            criterion.advance(sides, keys, n_keys);
        }
        if !allowed(criterion, sides, monotonic, rules) {
            continue;
        }
        let proxy = criterion.proxy(sides);
        if proxy > floor {
            floor = proxy;
            best = Some(Candidate { proxy, n_left: p, low, high: Some(high), missing_left: p > n - p });
        }
    }
    (false, best)
}
