//! One feature as trees see it: what is needed to compare values, without the values.
//!
//! A split asks of a feature only how its values are ordered, so a column holds a *rank* for each row: a number that sorts
//! as the value does. The bits of a number, changed so that they sort as the numbers do, are such a rank, had without
//! sorting. Where a column has at most 65,535 distinct values, the position of a value among them is a shorter one, which
//! sorts by counting.
//!
//! Values are compared in f32, as scikit-learn compares them; -0 and 0 are one value; NaN is missing and ranks after all.

use super::columns::Places;
use crate::common::{Error, Result, memory};

/// Largest number of ranks (with the one for missing values) that two bytes tell apart.
const NARROW: usize = 1 << 16;
/// Values closer than this are one value to scikit-learn, wherever a split looks at two neighbours.
const CLOSE: f32 = 1e-7;
/// Rows per distinct value from which on a column is coarse.
const COARSE: usize = 2;
/// The bits of 0.
pub(super) const ZERO: u32 = 0x8000_0000;

/// One feature.
#[derive(Debug)]
pub(super) struct Column {
    ranks: Ranks,
    /// The distinct values, ascending; empty if ranks are bits of values. A missing value has the rank `missing`.
    values: Vec<f32>,
    missing: u32,
    has_missing: bool,
    /// A bit for each position among `values`: whether the next value is so close that they count as one. Empty if none
    /// is.
    close: Vec<u64>,
}

/// The rank of each row.
#[derive(Debug)]
enum Ranks {
    /// Positions among the distinct values.
    Narrow(Vec<u16>),
    /// Bits of the values.
    Wide(Vec<u32>),
    /// The rows that differ from zero, ascending, and the bits of their values.
    Sparse { rows: Vec<u32>, bits: Vec<u32> },
}

impl Column {
    /// From the [`ordered`] bits of the value of each row.
    pub(super) fn dense(bits: Vec<u32>) -> Self {
        let has_missing = bits.contains(&u32::MAX);
        Self { ranks: Ranks::Wide(bits), values: Vec::new(), missing: u32::MAX, has_missing, close: Vec::new() }
    }

    /// From (row, [`ordered`] bits) of the rows that differ from zero, each once.
    pub(super) fn sparse(entries: &mut [(u32, u32)], n_rows: usize) -> Result<Self> {
        // Bits of all rows are found faster; they are kept where they are not longer.
        if size_of::<u32>() * n_rows <= size_of_val(entries) {
            let mut bits = memory::try_filled(n_rows, ZERO)?;
            entries.iter().for_each(|&(row, rank)| bits[row as usize] = rank);
            return Ok(Self::dense(bits));
        }
        entries.sort_unstable();
        let (mut rows, mut bits) =
            (memory::try_with_capacity(entries.len())?, memory::try_with_capacity(entries.len())?);
        rows.extend(entries.iter().map(|entry| entry.0));
        bits.extend(entries.iter().map(|entry| entry.1));
        let has_missing = bits.contains(&u32::MAX);
        let ranks = Ranks::Sparse { rows, bits };
        Ok(Self { ranks, values: Vec::new(), missing: u32::MAX, has_missing, close: Vec::new() })
    }

    /// The column of `rows`, in their order, of which `places` says where each stands. Ranks stay what they are.
    pub(super) fn take(&self, rows: &[u32], places: &Places) -> Result<Self> {
        fn picked<R: Copy>(ranks: &[R], rows: &[u32]) -> Result<Vec<R>> {
            let mut found = memory::try_with_capacity(rows.len())?;
            found.extend(rows.iter().map(|&row| ranks[row as usize]));
            Ok(found)
        }
        let ranks = match &self.ranks {
            Ranks::Narrow(ranks) => Ranks::Narrow(picked(ranks, rows)?),
            Ranks::Wide(bits) => Ranks::Wide(picked(bits, rows)?),
            Ranks::Sparse { rows: known, bits } => {
                let mut entries = memory::try_with_capacity(known.iter().map(|&row| places.of(row).len()).sum())?;
                for (&row, &bits) in known.iter().zip(bits) {
                    entries.extend(places.of(row).iter().map(|&place| (place, bits)));
                }
                return Self::sparse(&mut entries, rows.len());
            }
        };
        let (values, close) = (memory::try_copied(&self.values)?, memory::try_copied(&self.close)?);
        Ok(Self { ranks, values, missing: self.missing, has_missing: self.has_missing, close })
    }

    /// The same column with positions among its distinct values as ranks, if two bytes hold them; `keys` are its
    /// [`Column::keys`], sorted.
    pub(super) fn narrowed(&self, keys: &[u64]) -> Result<Option<Self>> {
        let Ranks::Wide(bits) = &self.ranks else { return Ok(None) };
        let n_values = n_distinct(keys);
        if n_values >= NARROW {
            return Ok(None);
        }
        let mut values = memory::try_with_capacity(n_values)?;
        let mut ranks = memory::try_filled(bits.len(), n_values as u16)?;
        let mut last = u32::MAX;
        for &key in keys {
            let bits = (key >> 32) as u32;
            if bits == u32::MAX {
                break;
            }
            if values.is_empty() || bits != last {
                values.push(unordered(bits));
                last = bits;
            }
            ranks[key as u32 as usize] = (values.len() - 1) as u16;
        }
        let are_close = |pair: &[f32]| pair[1] <= pair[0] + CLOSE;
        let mut close = Vec::new();
        if values.windows(2).any(are_close) {
            close = memory::try_filled(values.len().div_ceil(64), 0)?;
            for (rank, _) in values.windows(2).enumerate().filter(|(_, pair)| are_close(pair)) {
                close[rank / 64] |= 1 << (rank % 64);
            }
        }
        let missing = n_values as u32;
        Ok(Some(Self { ranks: Ranks::Narrow(ranks), values, missing, has_missing: self.has_missing, close }))
    }

    /// Fills `keys` with bits above and row below, for each row that is kept, if ranks are bits.
    pub(super) fn keys(&self, keys: &mut Vec<u64>) -> Result<()> {
        let key = |(row, &bits): (u32, &u32)| u64::from(bits) << 32 | u64::from(row);
        keys.clear();
        let (Ranks::Wide(bits) | Ranks::Sparse { bits, .. }) = &self.ranks else { return Ok(()) };
        keys.try_reserve(bits.len()).map_err(|_| Error::OutOfMemory { bytes: size_of::<u64>() * bits.len() })?;
        match &self.ranks {
            Ranks::Sparse { rows, .. } => keys.extend(rows.iter().copied().zip(bits).map(key)),
            _ => keys.extend((0..).zip(bits).map(key)),
        }
        Ok(())
    }

    /// Whether rows share values so often that ties among them shape the order of samples; `keys` as in
    /// [`Column::narrowed`], of `n_rows` rows.
    pub(super) fn is_coarse(keys: &[u64], n_rows: usize) -> bool {
        (n_distinct(keys) + usize::from(keys.len() < n_rows)) * COARSE <= n_rows
    }

    fn is_wide(&self) -> bool {
        self.missing == u32::MAX
    }

    /// The ranks by row, if bits of all rows are kept.
    pub(super) fn bits(&self) -> Option<&[u32]> {
        match &self.ranks {
            Ranks::Wide(bits) => Some(bits),
            _ => None,
        }
    }

    /// Whether only what differs from zero is kept.
    pub(super) fn is_sparse(&self) -> bool {
        self.stored().is_some()
    }

    /// The rows that differ from zero, ascending, and their ranks, if only those are kept.
    pub(super) fn stored(&self) -> Option<(&[u32], &[u32])> {
        match &self.ranks {
            Ranks::Sparse { rows, bits } => Some((rows, bits)),
            _ => None,
        }
    }

    /// The value that a rank stands for.
    #[inline]
    pub(super) fn value(&self, rank: u32) -> f32 {
        if self.is_wide() { unordered(rank) } else { self.values[rank as usize] }
    }

    /// The rank of missing values: larger than all others.
    #[inline]
    pub(super) fn missing(&self) -> u32 {
        self.missing
    }

    /// Whether a value is missing in some row.
    #[inline]
    pub(super) fn has_missing(&self) -> bool {
        self.has_missing
    }

    /// Whether a split may fall between two ranks, the lower first: scikit-learn takes close values for one.
    #[inline]
    pub(super) fn apart(&self, low: u32, high: u32) -> bool {
        if self.is_wide() {
            return unordered(high) > unordered(low) + CLOSE;
        }
        let is_close = |rank: u32| self.close.get(rank as usize / 64).is_some_and(|word| word >> (rank % 64) & 1 == 1);
        low != high && (!is_close(low) || self.values[high as usize] > self.values[low as usize] + CLOSE)
    }

    /// The last rank whose value is at most `threshold`, given `least`, a rank of which that is true, and `most`, one of
    /// which it is not, or the largest.
    pub(super) fn last_within(&self, threshold: f64, least: u32, most: u32) -> u32 {
        if self.is_wide() {
            let near = threshold as f32;
            return ordered(if f64::from(near) > threshold { near.next_down() } else { near });
        }
        let among = &self.values[least as usize..=most as usize];
        least + (among.partition_point(|&value| f64::from(value) <= threshold) as u32).saturating_sub(1)
    }

    /// The ranks of `samples` (rows), in their order; `at[row] - start` is where a row stands among them (anything
    /// beyond their number: it does not), asked for only if the column [is sparse](Column::is_sparse).
    pub(super) fn gather(&self, samples: &[u32], at: &[u32], start: usize, out: &mut [u32]) {
        match &self.ranks {
            Ranks::Narrow(ranks) => {
                out.iter_mut().zip(samples).for_each(|(rank, &row)| *rank = u32::from(ranks[row as usize]));
            }
            Ranks::Wide(ranks) => out.iter_mut().zip(samples).for_each(|(rank, &row)| *rank = ranks[row as usize]),
            Ranks::Sparse { .. } => {
                out.fill(ZERO);
                self.each_stored(samples, at, start, |i, bits| out[i] = bits);
            }
        }
    }

    /// Tells the place of each of `samples` that differs from zero, and its rank; all as in [`Column::gather`].
    pub(super) fn each_stored(&self, samples: &[u32], at: &[u32], start: usize, mut tell: impl FnMut(usize, u32)) {
        let Some((rows, bits)) = self.stored() else { return };
        // Either every stored value asks whether its row is here, or every row looks for its value.
        let halvings = rows.len().checked_ilog2().unwrap_or(0) as usize + 1;
        if rows.len() <= samples.len() * halvings {
            for (&row, &bits) in rows.iter().zip(bits) {
                let i = (at[row as usize] as usize).wrapping_sub(start);
                if i < samples.len() {
                    tell(i, bits);
                }
            }
        } else {
            for (i, row) in samples.iter().enumerate() {
                if let Ok(found) = rows.binary_search(row) {
                    tell(i, bits[found]);
                }
            }
        }
    }
}

/// The number of distinct values among sorted keys, NaN aside.
fn n_distinct(keys: &[u64]) -> usize {
    let values = keys.partition_point(|&key| key >> 32 != u64::from(u32::MAX));
    let steps = keys[..values].windows(2).filter(|pair| pair[0] >> 32 != pair[1] >> 32).count();
    steps + usize::from(values > 0)
}

/// The bits of a value, changed so that they sort as values do: those of negative numbers are turned over.
#[inline]
pub(super) fn ordered(value: f32) -> u32 {
    if value.is_nan() {
        return u32::MAX;
    }
    let bits = if value == 0.0 { 0 } else { value.to_bits() };
    bits ^ (((bits as i32) >> 31) as u32 | ZERO)
}

/// The value that [`ordered`] was given; NaN for all that no number is.
#[inline]
fn unordered(bits: u32) -> f32 {
    f32::from_bits(bits ^ (!((bits as i32 >> 31) as u32) | ZERO))
}

#[cfg(test)]
mod tests {
    use super::super::order;
    use super::*;

    /// The column of these values, and the same by positions.
    fn both(values: &[f32]) -> (Column, Column, Vec<u64>) {
        let column = Column::dense(values.iter().copied().map(ordered).collect());
        let mut keys = Vec::new();
        column.keys(&mut keys).unwrap();
        order::sort(&mut keys, &mut vec![0; values.len()]);
        let narrow = column.narrowed(&keys).unwrap().unwrap();
        (column, narrow, keys)
    }

    #[test]
    fn ranks_sort_as_values_and_stand_for_them() {
        let values = [3.0, -0.0, f32::NAN, -1.5, 0.0, 1e-8, 3.0, f32::MAX, f32::MIN, -1e-40];
        let (wide, narrow, keys) = both(&values);
        let rows: Vec<u32> = (0..values.len() as u32).collect();
        for column in [&wide, &narrow] {
            assert!(column.has_missing());
            let mut ranks = vec![0; values.len()];
            column.gather(&rows, &[], 0, &mut ranks);
            for (&one, &a) in ranks.iter().zip(&values) {
                assert_eq!(one == column.missing(), a.is_nan());
                assert!(a.is_nan() || column.value(one) == a);
                for (&other, &b) in ranks.iter().zip(&values).filter(|(_, b)| !a.is_nan() && !b.is_nan()) {
                    assert_eq!(one < other, a < b, "{a} {b}");
                    assert_eq!(one <= other && column.apart(one, other), b > a + CLOSE, "{a} {b}");
                }
            }
        }
        assert!(!Column::is_coarse(&keys, values.len()));
        assert!(Column::is_coarse(&keys, 20));
    }

    #[test]
    fn thresholds_part_ranks_as_values() {
        let values = [-2.5, -1.0, 0.0, 0.1, 0.3, 7.0];
        let (wide, narrow, _) = both(&values);
        for column in [&wide, &narrow] {
            let mut ranks = [0; 6];
            column.gather(&[0, 1, 2, 3, 4, 5], &[], 0, &mut ranks);
            for threshold in [-2.5, -1.7, -0.5, 0.0, 0.1, f64::from(0.1_f32), 0.2, 0.3, 6.9] {
                let last = column.last_within(threshold, ranks[0], ranks[5]);
                for (&rank, &value) in ranks.iter().zip(&values) {
                    assert_eq!(rank <= last, f64::from(value) <= threshold, "{value} {threshold}");
                }
            }
        }
    }

    #[test]
    fn what_is_not_stored_is_zero() {
        let mut entries = [(7, ordered(2.0)), (2, ordered(-1.0)), (4, ordered(f32::NAN))];
        let column = Column::sparse(&mut entries, 9).unwrap();
        assert!(column.is_sparse() && column.has_missing());
        let at = [9, 0, 1, 9, 2, 3, 9, 4, 9]; // rows 1, 2, 4, 5, 7
        for samples in [&[1, 2, 4, 5, 7][..], &[1]] {
            let mut ranks = vec![0; samples.len()];
            column.gather(samples, &at, 0, &mut ranks);
            let expected = [0.0, -1.0, f32::NAN, 0.0, 2.0].map(ordered);
            assert_eq!(ranks, expected[..samples.len()]);
        }
        assert!(!Column::sparse(&mut [(1, ordered(1.0)), (0, ordered(2.0))], 4).unwrap().is_sparse());
    }
}
