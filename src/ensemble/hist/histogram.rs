//! Sums of gradients and hessians by bin, in fixed point.
//!
//! Sums of integers do not depend on the order of the terms: any threads, and any parts of the rows, give the same
//! histogram, and a histogram less that of one child is exactly that of the other child.
//!
//! A cell has two words: the sum of the gradients, and the sum of the hessians above the number of rows in its low bits.
//! So one addition of a pair of words counts a row. Gradients in single precision lose nothing as integers, but for digits
//! that double precision would lose in the sum too; hessians of more than some ten thousand rows lose their last digits.

use super::bins::{Bins, WORD};
use crate::common::simd::{Loops, compiled, prefetch};
use crate::common::{Context, Result, memory, parallel};

/// Bins of a feature at most, and one more so that equal bins of neighbouring features do not share a cache set.
pub const SLOTS: usize = 257;
/// Rows that are summed feature by feature while they are in the cache.
const BLOCK_ROWS: usize = 1024;
/// Rows ahead that are asked for.
const AHEAD: usize = 16;
/// Updates of a cell below which one thread is faster.
const MIN_UPDATES: usize = 60_000;

/// Sum of gradients; sum of hessians and number of rows.
pub type Cell = [i64; 2];
/// The cells of one feature.
pub type FeatureCells = [Cell; SLOTS];

/// A set of bins, one bit each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BinSet([u64; 4]);

impl BinSet {
    /// The bins below `n`.
    pub fn below(n: usize) -> Self {
        Self(std::array::from_fn(|i| match n.saturating_sub(64 * i) {
            0 => 0,
            left @ 1..64 => (1 << left) - 1,
            _ => u64::MAX,
        }))
    }

    /// Whether it has a bin.
    #[inline(always)]
    pub fn contains(&self, bin: u8) -> bool {
        self.0[usize::from(bin / 64)] >> (bin % 64) & 1 == 1
    }

    /// Adds a bin.
    #[inline(always)]
    pub fn insert(&mut self, bin: u8) {
        self.0[usize::from(bin / 64)] |= 1 << (bin % 64);
    }

    /// Keeps the bins for which `keep` says so.
    #[inline(always)]
    pub fn retain(&mut self, mut keep: impl FnMut(u8) -> bool) {
        for (first, word) in (0..).step_by(64).zip(&mut self.0) {
            let mut left = *word;
            while left != 0 {
                let bit = left.trailing_zeros();
                left &= left - 1;
                *word &= !(u64::from(!keep((first + bit) as u8)) << bit);
            }
        }
    }

    /// The set without one bin.
    #[inline(always)]
    pub fn without(mut self, bin: u8) -> Self {
        self.0[usize::from(bin / 64)] &= !(1 << (bin % 64));
        self
    }

    /// Calls `visit` with each bin, from the last down.
    #[inline(always)]
    pub fn for_each_from_above(&self, mut visit: impl FnMut(u8)) {
        for (first, &word) in (0..4).map(|i| 64 * i).zip(&self.0).rev() {
            let mut left = word;
            while left != 0 {
                let bit = 63 - left.leading_zeros();
                visit((first + bit) as u8);
                left ^= 1 << bit;
            }
        }
    }

    /// Calls `visit` with each bin, in order.
    #[inline(always)]
    pub fn for_each(&self, mut visit: impl FnMut(u8)) {
        for (first, &word) in (0..).step_by(64).zip(&self.0) {
            let mut left = word;
            while left != 0 {
                visit((first + left.trailing_zeros()) as u8);
                left &= left - 1;
            }
        }
    }

    /// Halves of the words, as scikit-learn stores a set.
    pub fn halves(&self) -> [u32; 8] {
        std::array::from_fn(|i| (self.0[i / 2] >> (32 * (i % 2))) as u32)
    }
}

/// The cells of all features, and which of them may be other than zero.
#[derive(Debug)]
pub struct Histogram {
    /// The cells, by feature.
    pub cells: Vec<FeatureCells>,
    /// Bins with rows, and perhaps others, by feature.
    pub used: Vec<BinSet>,
}

impl Histogram {
    /// All zero.
    ///
    /// # Errors
    /// Memory refused.
    pub fn new(n_features: usize) -> Result<Self> {
        let cells = memory::try_filled(n_features, [[0; 2]; SLOTS])?;
        Ok(Self { cells, used: memory::try_filled(n_features, BinSet::default())? })
    }

    /// All zero again.
    pub fn clear(&mut self) {
        for (cells, used) in self.cells.iter_mut().zip(&mut self.used) {
            used.for_each(|bin| cells[usize::from(bin)] = [0; 2]);
            *used = BinSet::default();
        }
    }

    /// Finds which of the bins `candidates` have rows.
    pub fn find_used(&mut self, candidates: &[BinSet]) {
        for ((cells, used), candidates) in self.cells.iter().zip(&mut self.used).zip(candidates) {
            *used = *candidates;
            used.retain(|bin| cells[usize::from(bin)][1] != 0);
        }
    }
}

/// Takes the cells of one child from those of the parent.
#[inline(always)]
pub fn subtract(cells: &mut FeatureCells, used: &mut BinSet, others: &FeatureCells, used_by_others: &BinSet) {
    used_by_others.for_each(|bin| {
        let (cell, other) = (&mut cells[usize::from(bin)], others[usize::from(bin)]);
        *cell = [cell[0] - other[0], cell[1] - other[1]];
    });
    used.retain(|bin| cells[usize::from(bin)][1] != 0);
}

/// Added to a number below 2^51, it rounds it to an integer, which then stands in the lowest bits.
const ROUND: f64 = 6_755_399_441_055_744.0;
/// Bits of a fixed-point number at most.
const MAX_BITS: u32 = 51;

/// Gradients and hessians, and how they become integers.
#[derive(Debug)]
pub struct Gradients {
    /// For each row, the gradient and the hessian.
    pub pairs: Vec<[f32; 2]>,
    /// What gradients are multiplied by, a power of two, and its inverse.
    gradient_scale: f64,
    gradient_unit: f64,
    /// The same of hessians.
    hessian_scale: f64,
    hessian_unit: f64,
    /// Whether each hessian is 1, and none is summed.
    has_unit_hessian: bool,
    /// Low bits of a second word that count rows.
    count_bits: u32,
}

/// What a cell, or a sum of cells, stands for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sums {
    /// Sum of the gradients.
    pub gradient: f64,
    /// Sum of the hessians.
    pub hessian: f64,
    /// Rows.
    pub count: usize,
}

impl Gradients {
    /// Zeros.
    ///
    /// # Errors
    /// Memory refused.
    pub fn new(n_rows: usize, has_unit_hessian: bool) -> Result<Self> {
        let mut own = Self {
            pairs: memory::try_filled(n_rows, [0.0; 2])?,
            gradient_scale: 1.0,
            gradient_unit: 1.0,
            hessian_scale: 1.0,
            hessian_unit: 1.0,
            has_unit_hessian,
            count_bits: usize::BITS - n_rows.leading_zeros(),
        };
        own.set_largest([0.0; 2]);
        Ok(own)
    }

    /// Sets the largest magnitudes of `pairs`: integers get as many bits as their sums over all rows have room for, the
    /// hessians' beside the number of rows.
    pub fn set_largest(&mut self, [gradient, hessian]: [f32; 2]) {
        self.gradient_scale = scale(gradient, MAX_BITS.min(62 - self.count_bits));
        self.gradient_unit = 1.0 / self.gradient_scale;
        self.hessian_scale =
            if self.has_unit_hessian { 0.0 } else { scale(hessian, MAX_BITS.min(63 - 2 * self.count_bits)) };
        self.hessian_unit = if self.has_unit_hessian { 1.0 } else { 1.0 / self.hessian_scale };
    }

    /// The values of a cell.
    #[inline(always)]
    pub fn sums(&self, cell: Cell) -> Sums {
        let hessian = if self.has_unit_hessian { self.count(cell) as i64 } else { cell[1] >> self.count_bits };
        Sums {
            gradient: cell[0] as f64 * self.gradient_unit,
            hessian: hessian as f64 * self.hessian_unit,
            count: self.count(cell),
        }
    }

    /// The rows of a cell.
    #[inline(always)]
    pub fn count(&self, cell: Cell) -> usize {
        (cell[1] & ((1 << self.count_bits) - 1)) as usize
    }

    /// The sums of some rows.
    pub fn total(&self, rows: Option<&[u32]>) -> Cell {
        let add = |sum: Cell, &pair: &[f32; 2]| {
            let term = self.term(pair);
            [sum[0] + term[0], sum[1] + term[1]]
        };
        match rows {
            None => self.pairs.iter().fold([0; 2], add),
            Some(rows) => rows.iter().map(|&row| &self.pairs[row as usize]).fold([0; 2], add),
        }
    }

    /// What one row adds to a cell.
    #[inline(always)]
    fn term(&self, pair: [f32; 2]) -> Cell {
        let integer = |value: f32, scale: f64| {
            let rounded = f64::from(value) * scale + ROUND;
            rounded.to_bits() as i64 - ROUND.to_bits() as i64
        };
        let gradient = integer(pair[0], self.gradient_scale);
        [gradient, (integer(pair[1], self.hessian_scale) << self.count_bits) + 1]
    }
}

/// The power of two that brings numbers up to `largest` below 2^`bits`.
fn scale(largest: f32, bits: u32) -> f64 {
    if largest == 0.0 {
        return 1.0;
    }
    let exponent = ((f64::from(largest).to_bits() >> 52) & 0x7ff) as i32 - 1022;
    2f64.powi(bits as i32 - exponent)
}

/// Adds the rows `rows` (None: all) to the cells of all features.
///
/// # Errors
/// Memory refused, or an interruption.
pub fn add(
    ctx: &Context,
    bins: &Bins,
    gradients: &Gradients,
    rows: Option<&[u32]>,
    cells: &mut [FeatureCells],
) -> Result<()> {
    let n_rows = rows.map_or(bins.n_rows(), <[u32]>::len);
    if ctx.threads() == 1 || n_rows * bins.n_features() < MIN_UPDATES {
        ctx.check()?;
        compiled(Adding { bins, gradients, rows, range: 0..n_rows, words: 0..bins.n_words(), cells });
        return Ok(());
    }
    if bins.n_words() >= 2 * ctx.threads() {
        let jobs = cells.chunks_mut(WORD).enumerate().collect();
        parallel::map(ctx, jobs, |(word, cells)| {
            compiled(Adding { bins, gradients, rows, range: 0..n_rows, words: word..word + 1, cells });
            Ok(())
        })?;
        return Ok(());
    }
    // Few features: each thread takes a part of the rows, into cells of its own.
    let part = n_rows.div_ceil(ctx.threads());
    let jobs: Vec<_> = (0..n_rows).step_by(part).map(|start| start..(start + part).min(n_rows)).collect();
    let parts = parallel::map(ctx, jobs, |range| {
        let mut own = memory::try_filled(bins.n_features(), [[0; 2]; SLOTS])?;
        compiled(Adding { bins, gradients, rows, range, words: 0..bins.n_words(), cells: &mut own });
        Ok(own)
    })?;
    for part in parts {
        for (cells, own) in cells.iter_mut().zip(&part) {
            for (cell, term) in cells.iter_mut().zip(own) {
                *cell = [cell[0] + term[0], cell[1] + term[1]];
            }
        }
    }
    Ok(())
}

struct Adding<'a> {
    bins: &'a Bins,
    gradients: &'a Gradients,
    rows: Option<&'a [u32]>,
    range: std::ops::Range<usize>,
    words: std::ops::Range<usize>,
    /// Of the features of `words`.
    cells: &'a mut [FeatureCells],
}

impl Loops for Adding<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { bins, gradients, rows, range, words, cells } = self;
        let mut terms = [[0; 2]; BLOCK_ROWS];
        for start in range.clone().step_by(BLOCK_ROWS) {
            let block = start..(start + BLOCK_ROWS).min(range.end);
            let terms = &mut terms[..block.len()];
            match rows {
                None => {
                    let pairs = &gradients.pairs[block.clone()];
                    terms.iter_mut().zip(pairs).for_each(|(term, &pair)| *term = gradients.term(pair));
                }
                Some(rows) => {
                    let pairs = rows[block.clone()].iter().map(|&row| gradients.pairs[row as usize]);
                    terms.iter_mut().zip(pairs).for_each(|(term, pair)| *term = gradients.term(pair));
                }
            }
            for (word, cells) in words.clone().zip(cells.chunks_mut(WORD)) {
                let at = |row: usize| bins.words()[row * bins.n_words() + word];
                match rows {
                    None => add_by_width(block.clone().map(at), terms, cells),
                    Some(rows) => {
                        let rows = &rows[block.clone()];
                        let ahead = rows.iter().skip(AHEAD).chain(rows.last().into_iter().cycle());
                        let found = rows.iter().zip(ahead).map(|(&row, &ahead)| {
                            prefetch(std::ptr::from_ref(&bins.words()[ahead as usize * bins.n_words() + word]));
                            at(row as usize)
                        });
                        add_by_width(found, terms, cells);
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn add_by_width(words: impl Iterator<Item = [u8; WORD]>, terms: &[Cell], cells: &mut [FeatureCells]) {
    match cells.len() {
        1 => add_rows::<1>(words, terms, cells),
        2 => add_rows::<2>(words, terms, cells),
        3 => add_rows::<3>(words, terms, cells),
        4 => add_rows::<4>(words, terms, cells),
        5 => add_rows::<5>(words, terms, cells),
        6 => add_rows::<6>(words, terms, cells),
        7 => add_rows::<7>(words, terms, cells),
        _ => add_rows::<8>(words, terms, cells),
    }
}

#[inline(always)]
fn add_rows<const W: usize>(words: impl Iterator<Item = [u8; WORD]>, terms: &[Cell], cells: &mut [FeatureCells]) {
    let Some(cells) = cells.first_chunk_mut::<W>() else { return };
    for (word, term) in words.zip(terms) {
        for k in 0..W {
            let cell = &mut cells[k][usize::from(word[k])];
            *cell = [cell[0] + term[0], cell[1] + term[1]];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::bins::{Feature, Table};
    use super::*;

    #[test]
    fn any_rows_and_threads_give_the_plain_sums() -> Result<()> {
        for n_cols in [1, 5, 8, 13] {
            let n_rows = 5000;
            let values: Vec<f64> = (0..n_rows * n_cols).map(|i| ((i * 7919) % 251) as f64).collect();
            let edges: Vec<f64> = (0..200).map(f64::from).collect();
            let table = Table { values: &values, n_rows, n_cols, is_fortran: false };
            let features = vec![Feature { edges: &edges, is_categorical: false }; n_cols];
            let bins = Bins::new(&Context::serial(), &table, None, &features, 255)?;
            let mut gradients = Gradients::new(n_rows, false)?;
            gradients
                .pairs
                .iter_mut()
                .zip(0..)
                .for_each(|(pair, i)| *pair = [(i * 31 % 1000 - 500) as f32, (i % 77) as f32]);
            gradients.set_largest([500.0, 76.0]);
            let some: Vec<u32> = (0..n_rows as u32).filter(|row| row % 3 != 0).collect();
            for rows in [None, Some(&*some)] {
                let mut cells = vec![[[0; 2]; SLOTS]; n_cols];
                let ctx = Context::outside_pool(3, &crate::common::context::Unmonitored);
                add(&ctx, &bins, &gradients, rows, &mut cells)?;
                for (f, cells) in cells.iter().enumerate() {
                    let mut plain = [(0.0, 0.0, 0); SLOTS];
                    let all: Vec<u32> = (0..n_rows as u32).collect();
                    for &row in rows.unwrap_or(&all) {
                        let bin = usize::from(bins.column(f)[row as usize]);
                        let [g, h] = gradients.pairs[row as usize].map(f64::from);
                        let sums: &mut (f64, f64, usize) = &mut plain[bin];
                        *sums = (sums.0 + g, sums.1 + h, sums.2 + 1);
                    }
                    for (&cell, &(gradient, hessian, count)) in cells.iter().zip(&plain) {
                        assert_eq!(gradients.sums(cell), Sums { gradient, hessian, count });
                    }
                    let total = cells.iter().fold([0; 2], |s: Cell, c| [s[0] + c[0], s[1] + c[1]]);
                    assert_eq!(total, gradients.total(rows));
                    assert_eq!(gradients.sums(total).count, rows.map_or(n_rows, <[u32]>::len));
                }
            }
        }
        Ok(())
    }
}
