//! The data as trees see them: each feature as a column of ranks.
//!
//! A split asks of a feature only how its values are ordered, so a column holds, for each row, the position of its value
//! among the distinct values of the column, and those values beside it. Such ranks are half as long as the numbers, sort by
//! counting, and are made once per data set, for all trees. Where a column has more than 65,535 distinct values, the bits
//! of the numbers, changed so that they sort as the numbers do, serve as ranks, and nothing need stand beside them.
//!
//! Values are compared in f32, as scikit-learn compares them; -0 and 0 are one value; NaN is missing and ranks after all.

use crate::common::error::check_length;
use crate::common::{Context, Error, Float, Result, memory, parallel};

/// Columns converted together: one pass over the rows serves them all.
const TOGETHER: usize = 16;
/// Largest number of ranks (with the one for missing values) that two bytes tell apart.
const NARROW: usize = 1 << 16;
/// Values closer than this are one value to scikit-learn, wherever a split looks at two neighbours.
const CLOSE: f32 = 1e-7;

/// Rows per distinct value from which on a column is coarse.
const COARSE: usize = 2;

/// All features of a data set, prepared for growing any number of trees.
#[derive(Debug)]
pub struct Columns {
    n_rows: usize,
    columns: Vec<Column>,
}

/// One feature.
#[derive(Debug)]
pub struct Column {
    ranks: Ranks,
    /// The distinct values, ascending; empty if ranks are bits of values. A missing value has the rank `missing`.
    values: Vec<f32>,
    missing: u32,
    has_missing: bool,
    is_coarse: bool,
    /// A bit for each rank: whether the next value is so close that they count as one. Empty if none is.
    close: Vec<u64>,
}

/// The rank of each row.
#[derive(Debug)]
enum Ranks {
    Narrow(Vec<u16>),
    /// Bits of the values.
    Wide(Vec<u32>),
    /// The rows that differ from zero, ascending, their ranks, and the rank of zero.
    Sparse {
        rows: Vec<u32>,
        ranks: Vec<u32>,
        zero: u32,
    },
}

impl Columns {
    /// From `values` of shape (`n_rows`, `n_columns`) in row order; f64 is rounded to f32.
    ///
    /// # Errors
    /// A shape that does not fit, memory refused, or an interruption.
    pub fn dense<F: Float>(ctx: &Context, values: &[F], n_rows: usize, n_columns: usize) -> Result<Self> {
        check_length("values", values.len(), memory::area(n_rows, n_columns)?)?;
        check_rows(n_rows)?;
        let groups: Vec<_> = (0..n_columns).step_by(TOGETHER).map(|j| j..(j + TOGETHER).min(n_columns)).collect();
        let scratch = || Ok(Vec::new());
        let groups = parallel::map_with(ctx, groups, scratch, |scratch, group| {
            let mut keys = memory::filled(memory::area(n_rows, group.len())?, 0_u64)?;
            for (row, cells) in values.chunks_exact(n_columns).enumerate() {
                for (k, cell) in cells[group.clone()].iter().enumerate() {
                    keys[k * n_rows + row] = key(cell.to_f64() as f32, row);
                }
            }
            keys.chunks_exact_mut(n_rows.max(1))
                .map(|keys| {
                    ctx.check()?;
                    sort_by_value(keys, scratch)?;
                    Column::dense(keys, n_rows)
                })
                .collect::<Result<Vec<_>>>()
        })?;
        let mut columns: Vec<_> = groups.into_iter().flatten().collect();
        if n_rows == 0 {
            columns = (0..n_columns).map(|_| Column::dense(&[], 0)).collect::<Result<_>>()?;
        }
        Ok(Self { n_rows, columns })
    }

    /// From sparse columns: column `j` has `values[starts[j]..starts[j + 1]]` in `rows` of the same range, each row at
    /// most once; what is not stored is zero.
    ///
    /// # Errors
    /// Parts that contradict each other, memory refused, or an interruption.
    pub fn sparse<F: Float>(
        ctx: &Context,
        values: &[F],
        rows: &[u32],
        starts: &[usize],
        n_rows: usize,
    ) -> Result<Self> {
        check_rows(n_rows)?;
        check_length("rows", rows.len(), values.len())?;
        let ordered =
            starts.windows(2).all(|pair| pair[0] <= pair[1]) && starts.first().is_none_or(|&start| start == 0);
        if !ordered || starts.last().is_some_and(|&end| end != rows.len()) {
            return Err(Error::InvalidCsr("column starts out of order"));
        }
        if rows.iter().any(|&row| row as usize >= n_rows) {
            return Err(Error::InvalidCsr("row out of range"));
        }
        let ranges: Vec<_> = starts.windows(2).map(|pair| pair[0]..pair[1]).collect();
        let scratch = || Ok(Vec::new());
        let columns = parallel::map_with(ctx, ranges, scratch, |scratch, range| {
            let mut keys = memory::with_capacity(range.len())?;
            for (value, &row) in values[range.clone()].iter().zip(&rows[range]) {
                let value = value.to_f64() as f32;
                if value != 0.0 {
                    keys.push(key(value, row as usize));
                }
            }
            sort_by_value(&mut keys, scratch)?;
            Column::sparse(&keys, n_rows)
        })?;
        Ok(Self { n_rows, columns })
    }

    /// Rows of the data set.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Number of features.
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    /// Whether there is no feature.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// One feature.
    pub fn column(&self, feature: usize) -> &Column {
        &self.columns[feature]
    }

    /// Whether some column is [coarse](Column::is_coarse).
    pub fn has_coarse(&self) -> bool {
        self.columns.iter().any(|column| column.is_coarse)
    }

    /// Whether some column keeps only what differs from zero: then [`Column::gather`] wants to know where rows stand.
    pub fn has_sparse(&self) -> bool {
        self.columns.iter().any(|column| matches!(column.ranks, Ranks::Sparse { .. }))
    }
}

impl Column {
    /// From the keys of all rows, sorted.
    fn dense(keys: &[u64], n_rows: usize) -> Result<Self> {
        let mut column = Self::without_ranks(keys, 0)?;
        if column.values.len() < NARROW {
            let mut ranks = memory::filled(n_rows, 0)?;
            column.each_rank(keys, |row, rank| ranks[row as usize] = rank as u16);
            column.ranks = Ranks::Narrow(ranks);
        } else {
            let mut bits = memory::filled(n_rows, 0)?;
            keys.iter().for_each(|&key| bits[key as u32 as usize] = (key >> 32) as u32);
            column.ranks = Ranks::Wide(bits);
            (column.values, column.close, column.missing) = (Vec::new(), Vec::new(), u32::MAX);
        }
        Ok(column)
    }

    /// From the keys of the rows that differ from zero, sorted.
    fn sparse(keys: &[u64], n_rows: usize) -> Result<Self> {
        let zeros = n_rows - keys.len();
        let mut column = Self::without_ranks(keys, zeros)?;
        let zero = column.values.partition_point(|&value| value < 0.0) as u32;
        let mut entries: Vec<(u32, u32)> = memory::with_capacity(keys.len())?;
        column.each_rank(keys, |row, rank| entries.push((row, rank)));
        entries.sort_unstable();
        // A column of ranks for all rows is found faster; it is made where it is not the longer one.
        column.ranks = if column.values.len() < NARROW && size_of::<u16>() * n_rows <= size_of_val(keys) {
            let mut ranks = memory::filled(n_rows, zero as u16)?;
            entries.iter().for_each(|&(row, rank)| ranks[row as usize] = rank as u16);
            Ranks::Narrow(ranks)
        } else {
            let mut rows = memory::with_capacity(entries.len())?;
            let mut ranks = memory::with_capacity(entries.len())?;
            rows.extend(entries.iter().map(|entry| entry.0));
            ranks.extend(entries.iter().map(|entry| entry.1));
            Ranks::Sparse { rows, ranks, zero }
        };
        Ok(column)
    }

    /// The distinct values of the sorted `keys`, with zero among them if there are `zeros` rows that are not stored.
    fn without_ranks(keys: &[u64], zeros: usize) -> Result<Self> {
        let mut values: Vec<f32> = memory::with_capacity(keys.len().min(NARROW) + 1)?;
        let mut has_missing = false;
        let mut add = |value: f32| -> Result<()> {
            if values.last() != Some(&value) {
                if values.len() == values.capacity() {
                    let more = values.len();
                    let refused = |_| Error::OutOfMemory { bytes: 2 * more * size_of::<f32>() };
                    values.try_reserve(more).map_err(refused)?;
                }
                values.push(value);
            }
            Ok(())
        };
        let mut zero_due = zeros > 0;
        for &key in keys {
            let value = value(key);
            if zero_due && (value > 0.0 || value.is_nan()) {
                zero_due = false;
                add(0.0)?;
            }
            if value.is_nan() {
                has_missing = true;
                break;
            }
            add(value)?;
        }
        if zero_due {
            add(0.0)?;
        }
        let are_close = |pair: &[f32]| pair[1] <= pair[0] + CLOSE;
        let mut close = Vec::new();
        if values.windows(2).any(are_close) {
            close = memory::filled(values.len().div_ceil(64), 0)?;
            for (rank, _) in values.windows(2).enumerate().filter(|(_, pair)| are_close(pair)) {
                close[rank / 64] |= 1 << (rank % 64);
            }
        }
        let is_coarse = values.len() * COARSE <= keys.len() + zeros;
        values.shrink_to_fit();
        let missing = values.len() as u32;
        Ok(Self { ranks: Ranks::Narrow(Vec::new()), values, missing, has_missing, is_coarse, close })
    }

    /// Tells the row and the rank of each of the sorted `keys`.
    fn each_rank(&self, keys: &[u64], mut tell: impl FnMut(u32, u32)) {
        let mut rank = 0;
        for &key in keys {
            let value = value(key);
            while self.values.get(rank).is_some_and(|&known| known < value || value.is_nan()) {
                rank += 1;
            }
            tell(key as u32, rank as u32);
        }
    }

    fn is_wide(&self) -> bool {
        self.missing == u32::MAX
    }

    /// The value that a rank stands for.
    #[inline]
    pub fn value(&self, rank: u32) -> f32 {
        if self.is_wide() { unordered(rank) } else { self.values[rank as usize] }
    }

    /// The rank of missing values: larger than all others.
    #[inline]
    pub fn missing(&self) -> u32 {
        self.missing
    }

    /// Whether a value is missing in some row.
    #[inline]
    pub fn has_missing(&self) -> bool {
        self.has_missing
    }

    /// Whether rows share values so often that ties among them shape the order of samples.
    pub fn is_coarse(&self) -> bool {
        self.is_coarse
    }

    /// Whether a split may fall between two ranks, the lower first: scikit-learn takes close values for one.
    #[inline]
    pub fn apart(&self, low: u32, high: u32) -> bool {
        if self.is_wide() {
            return unordered(high) > unordered(low) + CLOSE;
        }
        let is_close = |rank: u32| self.close.get(rank as usize / 64).is_some_and(|word| word >> (rank % 64) & 1 == 1);
        low != high && (!is_close(low) || self.values[high as usize] > self.values[low as usize] + CLOSE)
    }

    /// The last rank whose value is at most `threshold`, given `least`, a rank of which that is true, and `most`, one of
    /// which it is not, or the largest.
    pub fn last_within(&self, threshold: f64, least: u32, most: u32) -> u32 {
        if self.is_wide() {
            let near = threshold as f32;
            return ordered(if f64::from(near) > threshold { near.next_down() } else { near });
        }
        let among = &self.values[least as usize..=most as usize];
        least + (among.partition_point(|&value| f64::from(value) <= threshold) as u32).saturating_sub(1)
    }

    /// The ranks of `samples` (rows), in their order; `at[row] - start` is where a row stands among them (anything
    /// beyond their number: it does not), asked for only if [`Columns::has_sparse`].
    pub fn gather(&self, samples: &[u32], at: &[u32], start: usize, out: &mut [u32]) {
        match &self.ranks {
            Ranks::Narrow(ranks) => {
                out.iter_mut().zip(samples).for_each(|(rank, &row)| *rank = u32::from(ranks[row as usize]));
            }
            Ranks::Wide(ranks) => out.iter_mut().zip(samples).for_each(|(rank, &row)| *rank = ranks[row as usize]),
            Ranks::Sparse { rows, ranks, zero } => {
                // Either every stored value asks whether its row is here, or every row looks for its value.
                let halvings = rows.len().checked_ilog2().unwrap_or(0) as usize + 1;
                if rows.len() <= samples.len() * halvings {
                    out.fill(*zero);
                    for (&row, &rank) in rows.iter().zip(ranks) {
                        if let Some(place) = out.get_mut((at[row as usize] as usize).wrapping_sub(start)) {
                            *place = rank;
                        }
                    }
                } else {
                    for (place, row) in out.iter_mut().zip(samples) {
                        *place = rows.binary_search(row).map_or(*zero, |found| ranks[found]);
                    }
                }
            }
        }
    }
}

fn check_rows(n_rows: usize) -> Result<()> {
    if n_rows < u32::MAX as usize { Ok(()) } else { Err(Error::InvalidArgument("more rows than a tree can number")) }
}

/// A value and its row as a number that sorts by value, NaN last.
fn key(value: f32, row: usize) -> u64 {
    u64::from(ordered(value)) << 32 | row as u64
}

/// The value in a [`key`].
fn value(key: u64) -> f32 {
    match (key >> 32) as u32 {
        u32::MAX => f32::NAN,
        bits => unordered(bits),
    }
}

/// The bits of a value, changed so that they sort as values do: those of negative numbers are turned over.
#[inline]
fn ordered(value: f32) -> u32 {
    if value.is_nan() {
        return u32::MAX;
    }
    let bits = if value == 0.0 { 0 } else { value.to_bits() };
    bits ^ (((bits as i32) >> 31) as u32 | 0x8000_0000)
}

/// The value that [`ordered`] was given.
#[inline]
fn unordered(bits: u32) -> f32 {
    f32::from_bits(bits ^ (!((bits as i32 >> 31) as u32) | 0x8000_0000))
}

/// Sorts keys by value.
fn sort_by_value(keys: &mut [u64], scratch: &mut Vec<u64>) -> Result<()> {
    if scratch.len() < keys.len() {
        *scratch = memory::filled(keys.len(), 0)?;
    }
    super::order::sort(keys, &mut scratch[..keys.len()]);
    Ok(())
}
