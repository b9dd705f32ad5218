//! The data as trees see them, made ready once for any number of trees.
//!
//! What a tree needs depends on how it splits. Random thresholds need no more than values that compare fast, column by
//! column for nodes of many samples and row by row for those of few, whose rows stay in the cache. The best
//! split of a few features drawn per node needs ranks that sort fast. Where nodes look at many of the features, nothing is
//! sorted but the columns, once. The first tree that needs the one or the other has it made, and it stays.

use std::sync::OnceLock;

use super::column::{Column, ordered};
use super::stored::Stored;
use super::{CriterionKind, Params, SplitterKind, order};
use crate::common::error::check_length;
use crate::common::{Context, Error, Float, Result, memory, parallel};

/// Columns converted together: one pass over the rows serves them all.
const TOGETHER: usize = 8;

/// Rows turned to row order together.
const BLOCK: usize = 128;
/// Up to this many features for each that a node looks at, parting the lists of all is faster than sorting those few.
const LISTED: usize = 8;

/// All features of a data set, prepared for growing any number of trees.
#[derive(Debug)]
pub struct Columns {
    n_rows: usize,
    plain: Vec<Column>,
    ranked: OnceLock<Vec<Ranked>>,
    ordered: OnceLock<Vec<Ordered>>,
    stored: OnceLock<Stored>,
    cells: OnceLock<Vec<u32>>,
}

/// What sorting a column has brought: shorter ranks, if they can be had.
#[derive(Debug)]
struct Ranked {
    narrow: Option<Column>,
    is_coarse: bool,
}

/// What sorting a column has brought: its rows in the order of their values.
#[derive(Debug)]
struct Ordered {
    rows: Vec<u32>,
    is_coarse: bool,
}

/// How a tree finds its splits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Nothing is sorted.
    Values,
    /// Each node sorts.
    Ranks,
    /// All is sorted before.
    Lists,
}

/// One feature, for one tree.
#[derive(Debug, Clone, Copy)]
pub(super) struct Feature<'a> {
    pub(super) column: &'a Column,
    /// Whether rows share values so often that ties among them shape the order of samples; false if nothing is sorted.
    pub(super) is_coarse: bool,
    /// The rows by value, of [`Form::Lists`].
    pub(super) rows: &'a [u32],
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
        let groups = parallel::map(ctx, groups, |group| {
            let columns = group.clone().map(|_| memory::filled(n_rows, 0)).collect::<Result<Vec<_>>>();
            let mut columns = columns?;
            for (row, cells) in values.chunks_exact(n_columns).enumerate() {
                for (column, cell) in columns.iter_mut().zip(&cells[group.clone()]) {
                    column[row] = ordered(cell.to_f64() as f32);
                }
            }
            Ok(columns.into_iter().map(Column::dense).collect::<Vec<_>>())
        })?;
        Ok(Self::new(n_rows, groups.into_iter().flatten().collect()))
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
        let ordered_starts =
            starts.windows(2).all(|pair| pair[0] <= pair[1]) && starts.first().is_none_or(|&start| start == 0);
        if !ordered_starts || starts.last().is_some_and(|&end| end != rows.len()) {
            return Err(Error::InvalidCsr("column starts out of order"));
        }
        if rows.iter().any(|&row| row as usize >= n_rows) {
            return Err(Error::InvalidCsr("row out of range"));
        }
        let ranges: Vec<_> = starts.windows(2).map(|pair| pair[0]..pair[1]).collect();
        let columns = parallel::map(ctx, ranges, |range| {
            let mut entries = memory::with_capacity(range.len())?;
            for (value, &row) in values[range.clone()].iter().zip(&rows[range]) {
                let value = value.to_f64() as f32;
                if value != 0.0 {
                    entries.push((row, ordered(value)));
                }
            }
            Column::sparse(&mut entries, n_rows)
        })?;
        Ok(Self::new(n_rows, columns))
    }

    fn new(n_rows: usize, plain: Vec<Column>) -> Self {
        Self {
            n_rows,
            plain,
            ranked: OnceLock::new(),
            ordered: OnceLock::new(),
            stored: OnceLock::new(),
            cells: OnceLock::new(),
        }
    }

    /// Rows of the data set.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Number of features.
    pub fn len(&self) -> usize {
        self.plain.len()
    }

    /// Whether there is no feature.
    pub fn is_empty(&self) -> bool {
        self.plain.is_empty()
    }

    /// Whether some column keeps only what differs from zero: then [`Column::gather`] wants to know where rows stand.
    pub(super) fn has_sparse(&self) -> bool {
        self.plain.iter().any(Column::is_sparse)
    }

    pub(super) fn form(&self, params: &Params) -> Form {
        if params.splitter == SplitterKind::Random {
            Form::Values
        } else if self.len() <= params.max_features.saturating_mul(LISTED) && !self.has_sparse() {
            Form::Lists
        } else {
            Form::Ranks
        }
    }

    /// Whether criteria that heed the order of samples number them by row.
    pub(super) fn numbers_rows(&self, form: Form) -> bool {
        form == Form::Lists || (form == Form::Values && !self.has_sparse())
    }

    /// Makes what trees with these parameters need and is not there yet. Growing asks for it; whoever grows many trees
    /// at once asks before, lest each of them make it.
    ///
    /// # Errors
    /// Memory refused, or an interruption.
    pub fn prepare(&self, ctx: &Context, params: &Params) -> Result<()> {
        match self.form(params) {
            Form::Ranks if self.ranked.get().is_none() => {
                let ranked = self.sorted(ctx, |column, keys| {
                    let is_coarse = Column::is_coarse(keys, self.n_rows);
                    Ok(Ranked { narrow: column.narrowed(keys)?, is_coarse })
                })?;
                let counts = matches!(params.criterion, CriterionKind::Gini | CriterionKind::Entropy);
                if counts && self.has_sparse() {
                    let stored = Stored::new(&self.plain, self.n_rows)?;
                    self.stored.get_or_init(|| stored);
                }
                self.ranked.get_or_init(|| ranked);
            }
            Form::Lists if self.ordered.get().is_none() => {
                let ordered = self.sorted(ctx, |_, keys| {
                    let mut rows = memory::with_capacity(keys.len())?;
                    rows.extend(keys.iter().map(|&key| key as u32));
                    Ok(Ordered { rows, is_coarse: Column::is_coarse(keys, self.n_rows) })
                })?;
                self.ordered.get_or_init(|| ordered);
            }
            Form::Values if self.cells.get().is_none() && !self.has_sparse() => {
                let cells = self.by_row()?;
                self.cells.get_or_init(|| cells);
            }
            _ => {}
        }
        Ok(())
    }

    /// The bits of all dense columns, row after row.
    fn by_row(&self) -> Result<Vec<u32>> {
        let mut cells = memory::filled(memory::area(self.n_rows, self.len())?, 0)?;
        let blocks = cells.chunks_mut((BLOCK * self.len()).max(1)).zip((0..).step_by(BLOCK));
        for (block, start) in blocks {
            for (j, bits) in self.plain.iter().map(|column| column.bits().unwrap_or(&[])).enumerate() {
                let cells = block.iter_mut().skip(j).step_by(self.len());
                cells.zip(&bits[start..]).for_each(|(cell, &bits)| *cell = bits);
            }
        }
        Ok(cells)
    }

    /// What `make` makes of each column and its sorted [keys](Column::keys).
    fn sorted<T: Send>(&self, ctx: &Context, make: impl Fn(&Column, &[u64]) -> Result<T> + Sync) -> Result<Vec<T>> {
        let scratch = || Ok((Vec::new(), Vec::new()));
        parallel::map_with(ctx, self.plain.iter().collect(), scratch, |(keys, spare), column| {
            column.keys(keys)?;
            if spare.len() < keys.len() {
                *spare = memory::filled(keys.len(), 0)?;
            }
            let n = keys.len();
            order::sort(keys, &mut spare[..n]);
            make(column, keys)
        })
    }

    /// Ranks of shape (`n_rows`, `len`) for [`Form::Values`], unless some column is sparse.
    pub(super) fn cells(&self) -> Option<&[u32]> {
        self.cells.get().map(Vec::as_slice)
    }

    /// What differs from zero in sparse columns, by row, if a tree that looks for the best split is prepared for.
    pub(super) fn stored(&self) -> Option<&Stored> {
        self.stored.get()
    }

    /// The features for a tree of a form that is [prepared](Columns::prepare).
    pub(super) fn features(&self, form: Form) -> Result<Vec<Feature<'_>>> {
        let mut features = memory::with_capacity(self.len())?;
        features.extend(self.plain.iter().map(|column| Feature { column, is_coarse: false, rows: &[] }));
        match form {
            Form::Values => {}
            Form::Ranks => {
                for (feature, ranked) in features.iter_mut().zip(self.ranked.get().into_iter().flatten()) {
                    feature.is_coarse = ranked.is_coarse;
                    feature.column = ranked.narrow.as_ref().unwrap_or(feature.column);
                }
            }
            Form::Lists => {
                for (feature, ordered) in features.iter_mut().zip(self.ordered.get().into_iter().flatten()) {
                    (feature.is_coarse, feature.rows) = (ordered.is_coarse, &ordered.rows);
                }
            }
        }
        Ok(features)
    }
}

fn check_rows(n_rows: usize) -> Result<()> {
    if n_rows < u32::MAX as usize { Ok(()) } else { Err(Error::InvalidArgument("more rows than a tree can number")) }
}
