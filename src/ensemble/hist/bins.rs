//! Rows with a small integer, the bin, in the place of each value.
//!
//! Bin i of a feature holds the values above edge i - 1 and up to edge i; missing values have a bin of their own. The bins
//! lie in memory twice: by rows, eight features to a word, for histograms, which read all features of a row; and by
//! features, for the split of a node, which reads one feature of many rows.

use crate::common::context::{Blocks, Context};
use crate::common::error::check_length;
use crate::common::simd::{Loops, compiled};
use crate::common::{Result, memory, parallel};

/// Features to a word.
pub const WORD: usize = 8;
/// Edges that one feature may have at most, and one more.
const SLOTS: usize = 256;
/// Rows that are binned at a time at least.
const BLOCK_ROWS: usize = 1024;
/// Blocks of rows at most.
const BLOCKS: usize = 64;

/// Values of shape (`n_rows`, `n_cols`), in C order or in Fortran's.
#[derive(Debug, Clone, Copy)]
pub struct Table<'a, F> {
    /// All values.
    pub values: &'a [F],
    /// Rows.
    pub n_rows: usize,
    /// Features.
    pub n_cols: usize,
    /// Whether column follows column, and not row row.
    pub is_fortran: bool,
}

impl<F: Copy + Into<f64>> Table<'_, F> {
    /// A value.
    pub fn get(&self, row: usize, col: usize) -> f64 {
        let at = if self.is_fortran { col * self.n_rows + row } else { row * self.n_cols + col };
        self.values[at].into()
    }
}

/// How one feature is binned.
#[derive(Debug, Clone, Copy)]
pub struct Feature<'a> {
    /// The edges, ascending; of a category feature the codes of the categories. At most 255.
    pub edges: &'a [f64],
    /// Whether it is one of categories, whose negative values count as missing.
    pub is_categorical: bool,
}

/// The bins of a set of rows.
#[derive(Debug)]
pub struct Bins {
    n_rows: usize,
    n_features: usize,
    n_words: usize,
    by_row: Vec<[u8; WORD]>,
    by_feature: Vec<u8>,
}

impl Bins {
    /// Bins of the rows `rows` of a table, in that order; None: of all.
    ///
    /// # Errors
    /// Features that are not those of the table, memory refused, or an interruption.
    pub fn new<F: Copy + Into<f64> + Sync>(
        ctx: &Context,
        table: &Table<F>,
        rows: Option<&[u32]>,
        features: &[Feature],
        missing: u8,
    ) -> Result<Self> {
        let (n_features, n_rows) = (table.n_cols, rows.map_or(table.n_rows, <[u32]>::len));
        check_length("features", features.len(), n_features)?;
        check_length("values", table.values.len(), memory::checked_len(table.n_rows, n_features)?)?;
        let n_words = n_features.div_ceil(WORD);
        let mut by_row = memory::try_filled(memory::checked_len(n_rows, n_words)?, [0; WORD])?;
        let mut by_feature = memory::try_filled(memory::checked_len(n_rows, n_features)?, 0_u8)?;
        let padded = padded(features)?;
        let blocks = Blocks::new(n_rows, BLOCK_ROWS, BLOCKS);
        let mut jobs = memory::try_with_capacity(blocks.count())?;
        let mut columns: Vec<_> = by_feature.chunks_mut(n_rows.max(1)).map(|c| c.chunks_mut(blocks.rows())).collect();
        let words = by_row.chunks_mut((blocks.rows() * n_words).max(1));
        for (range, words) in blocks.ranges().zip(words) {
            let own: Vec<&mut [u8]> = columns.iter_mut().filter_map(Iterator::next).collect();
            jobs.push((range, words, own));
        }
        parallel::map(ctx, jobs, |(range, words, mut columns)| {
            for (f, (column, feature)) in columns.iter_mut().zip(features).enumerate() {
                let values = range.clone().map(|i| table.get(rows.map_or(i, |rows| rows[i] as usize), f));
                compiled(Binning { values, edges: &padded[f], feature, missing, bins: column });
                let cells = words.iter_mut().skip(f / WORD).step_by(n_words);
                cells.zip(&**column).for_each(|(word, &bin)| word[f % WORD] = bin);
            }
            Ok(())
        })?;
        Ok(Self { n_rows, n_features, n_words, by_row, by_feature })
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Number of features.
    pub fn n_features(&self) -> usize {
        self.n_features
    }

    /// Words per row.
    pub fn n_words(&self) -> usize {
        self.n_words
    }

    /// All words, row after row.
    pub fn words(&self) -> &[[u8; WORD]] {
        &self.by_row
    }

    /// The bins of one feature, in row order.
    pub fn column(&self, feature: usize) -> &[u8] {
        &self.by_feature[feature * self.n_rows..][..self.n_rows]
    }
}

/// The edges of each feature, filled up with infinity, above which no value is.
fn padded(features: &[Feature]) -> Result<Vec<[f64; SLOTS]>> {
    let mut all = memory::try_filled(features.len(), [f64::INFINITY; SLOTS])?;
    for (slots, feature) in all.iter_mut().zip(features) {
        check_length("edges", feature.edges.len().max(SLOTS - 1), SLOTS - 1)?;
        slots[..feature.edges.len()].copy_from_slice(feature.edges);
    }
    Ok(all)
}

struct Binning<'a, V> {
    values: V,
    edges: &'a [f64; SLOTS],
    feature: &'a Feature<'a>,
    missing: u8,
    bins: &'a mut [u8],
}

impl<V: Iterator<Item = f64>> Loops for Binning<'_, V> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let steps = (self.feature.edges.len() + 1).next_power_of_two() / 2;
        for (bin, value) in self.bins.iter_mut().zip(self.values) {
            // How many edges lie below the value, by halves of what is left.
            let (mut below, mut step) = (0_usize, steps);
            while step > 0 {
                below += if value > self.edges[(below + step - 1) % SLOTS] { step } else { 0 };
                step /= 2;
            }
            let is_missing = value.is_nan() || (self.feature.is_categorical && value < 0.0);
            *bin = if is_missing { self.missing } else { below as u8 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_up_to_an_edge_are_in_its_bin() -> Result<()> {
        let edges: Vec<f64> = (0..20).map(f64::from).collect();
        for n in [0, 1, 2, 3, 4, 7, 8, 9, 20] {
            let values: Vec<f64> = (-1..25).map(f64::from).flat_map(|v| [v, v + 0.5]).chain([f64::NAN]).collect();
            let table = Table { values: &values, n_rows: values.len(), n_cols: 1, is_fortran: false };
            let feature = Feature { edges: &edges[..n], is_categorical: false };
            let bins = Bins::new(&Context::serial(), &table, None, &[feature], 255)?;
            for (&value, &bin) in values.iter().zip(bins.column(0)) {
                let expected = edges[..n].iter().filter(|&&edge| edge < value).count();
                assert_eq!(usize::from(bin), if value.is_nan() { 255 } else { expected });
            }
        }
        Ok(())
    }

    #[test]
    fn both_layouts_and_both_orders_agree() -> Result<()> {
        let (n_rows, n_cols) = (3000, 11);
        let values: Vec<f32> = (0..n_rows * n_cols).map(|i| ((i * 7919) % 1013) as f32).collect();
        let flipped: Vec<f32> = (0..n_rows * n_cols).map(|i| values[i % n_rows * n_cols + i / n_rows]).collect();
        let edges = [100.0, 500.0, 900.0];
        let features = [Feature { edges: &edges, is_categorical: false }; 11];
        let table = Table { values: &values, n_rows, n_cols, is_fortran: false };
        let bins = Bins::new(&Context::serial(), &table, None, &features, 255)?;
        let table = Table { values: &flipped, is_fortran: true, ..table };
        let other = Bins::new(&Context::serial(), &table, None, &features, 255)?;
        assert_eq!((&bins.by_row, &bins.by_feature), (&other.by_row, &other.by_feature));
        for (row, f) in [(0, 0), (17, 8), (2999, 10)] {
            assert_eq!(bins.words()[row * bins.n_words() + f / WORD][f % WORD], bins.column(f)[row]);
        }
        let some = Bins::new(&Context::serial(), &table, Some(&[5, 2999]), &features, 255)?;
        assert_eq!(some.column(3), [bins.column(3)[5], bins.column(3)[2999]]);
        Ok(())
    }
}
