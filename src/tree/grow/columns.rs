//! The data as trees see them, made ready once for any number of trees.
//!
//! What a tree needs depends on how it splits. Random thresholds need no more than values that compare fast, column by
//! column for nodes of many samples and row by row for those of few, whose rows stay in the cache. The best
//! split of a few features drawn per node needs ranks that sort fast. Where nodes look at many of the features, nothing is
//! sorted but the columns, once. The first tree that needs the one or the other has it made, and it stays.

use std::sync::{Arc, OnceLock};

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
    plain: Vec<Arc<Column>>,
    ranked: OnceLock<Vec<Arc<Ranked>>>,
    ordered: OnceLock<Vec<Arc<Ordered>>>,
    stored: OnceLock<Stored>,
    cells: OnceLock<Vec<u32>>,
}

/// What sorting a column has brought: shorter ranks, if they can be had.
#[derive(Debug)]
struct Ranked {
    narrow: Option<Column>,
    is_coarse: bool,
}

/// What sorting a column has brought: its [keys](Column::keys).
#[derive(Debug)]
struct Ordered {
    keys: Vec<u64>,
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
    /// The sorted [keys](Column::keys), of [`Form::Lists`].
    pub(super) keys: &'a [u64],
}

impl Columns {
    /// From `values` of shape (`n_rows`, `n_columns`) in row order; f64 is rounded to f32.
    ///
    /// # Errors
    /// A shape that does not fit, memory refused, or an interruption.
    pub fn dense<F: Float>(ctx: &Context, values: &[F], n_rows: usize, n_columns: usize) -> Result<Self> {
        check_length("values", values.len(), memory::checked_len(n_rows, n_columns)?)?;
        check_rows(n_rows)?;
        let groups: Vec<_> = (0..n_columns).step_by(TOGETHER).map(|j| j..(j + TOGETHER).min(n_columns)).collect();
        let groups = parallel::map(ctx, groups, |group| {
            let columns = group.clone().map(|_| memory::try_filled(n_rows, 0)).collect::<Result<Vec<_>>>();
            let mut columns = columns?;
            for (row, cells) in values.chunks_exact(n_columns).enumerate() {
                for (column, cell) in columns.iter_mut().zip(&cells[group.clone()]) {
                    column[row] = ordered(cell.to_f64() as f32);
                }
            }
            Ok(columns.into_iter().map(Column::dense).collect::<Vec<_>>())
        })?;
        Ok(Self::new(n_rows, groups.into_iter().flatten().map(Arc::new).collect()))
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
            let mut entries = memory::try_with_capacity(range.len())?;
            for (value, &row) in values[range.clone()].iter().zip(&rows[range]) {
                let value = value.to_f64() as f32;
                if value != 0.0 {
                    entries.push((row, ordered(value)));
                }
            }
            Column::sparse(&mut entries, n_rows).map(Arc::new)
        })?;
        Ok(Self::new(n_rows, columns))
    }

    fn new(n_rows: usize, plain: Vec<Arc<Column>>) -> Self {
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
        self.plain.iter().any(|column| column.is_sparse())
    }

    pub(super) fn form(&self, params: &Params) -> Form {
        self.form_for(params, self.len())
    }

    fn form_for(&self, params: &Params, n_features: usize) -> Form {
        if params.splitter == SplitterKind::Random {
            Form::Values
        } else if n_features <= params.max_features.saturating_mul(LISTED) && !self.has_sparse() {
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
        self.prepare_for(ctx, params, self.len())
    }

    /// Makes what [`Columns::select`] of `n_features` features can hand on to trees with these parameters.
    ///
    /// # Errors
    /// As [`Columns::prepare`].
    pub fn prepare_for(&self, ctx: &Context, params: &Params, n_features: usize) -> Result<()> {
        match self.form_for(params, n_features) {
            Form::Ranks if self.ranked.get().is_none() => {
                let ranked = self.sorted(ctx, |column, keys| {
                    let is_coarse = Column::is_coarse(keys, self.n_rows);
                    Ok(Arc::new(Ranked { narrow: column.narrowed(keys)?, is_coarse }))
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
                    Ok(Arc::new(Ordered {
                        keys: memory::try_copied(keys)?,
                        is_coarse: Column::is_coarse(keys, self.n_rows),
                    }))
                })?;
                self.ordered.get_or_init(|| ordered);
            }
            Form::Values if n_features == self.len() && self.cells.get().is_none() && !self.has_sparse() => {
                let cells = self.by_row()?;
                self.cells.get_or_init(|| cells);
            }
            _ => {}
        }
        Ok(())
    }

    /// The data set of some features; a feature may be there more than once. Nothing is copied.
    ///
    /// # Errors
    /// A feature that is not there.
    pub fn select(&self, features: &[usize]) -> Result<Self> {
        fn picked<T>(all: &[Arc<T>], features: &[usize]) -> Option<Vec<Arc<T>>> {
            features.iter().map(|&feature| all.get(feature).cloned()).collect()
        }
        let plain = picked(&self.plain, features).ok_or(Error::InvalidArgument("a feature is not there"))?;
        let selected = Self::new(self.n_rows, plain);
        if !selected.has_sparse() {
            self.ranked.get().and_then(|all| picked(all, features)).map(|ranked| selected.ranked.set(ranked));
            self.ordered.get().and_then(|all| picked(all, features)).map(|ordered| selected.ordered.set(ordered));
        }
        Ok(selected)
    }

    /// The data set that has row `rows[i]` of this one as its row `i`, prepared for trees with these parameters; a row may
    /// be there more than once. Nothing is sorted that was sorted here.
    ///
    /// # Errors
    /// A row that is not there, memory refused, or an interruption.
    pub fn take(&self, ctx: &Context, params: &Params, rows: &[u32]) -> Result<Self> {
        check_rows(rows.len())?;
        let places = Places::new(rows, self.n_rows)?;
        if self.form(params) != Form::Values {
            self.prepare(ctx, params)?;
        }
        let plain = parallel::map(ctx, self.plain.iter().collect(), |column| column.take(rows, &places).map(Arc::new))?;
        let taken = Self::new(rows.len(), plain);
        if taken.has_sparse() || self.has_sparse() {
            return Ok(taken);
        }
        if let Some(ranked) = self.ranked.get() {
            let ranked = parallel::map(ctx, ranked.iter().collect(), |ranked| {
                let narrow = ranked.narrow.as_ref().map(|column| column.take(rows, &places)).transpose()?;
                Ok(Arc::new(Ranked { narrow, is_coarse: ranked.is_coarse }))
            })?;
            taken.ranked.get_or_init(|| ranked);
        }
        if let Some(ordered) = self.ordered.get() {
            let ordered = parallel::map(ctx, ordered.iter().collect(), |ordered| {
                let mut own = memory::try_with_capacity(rows.len())?;
                for key in &ordered.keys {
                    own.extend(places.of(*key as u32).iter().map(|&place| key >> 32 << 32 | u64::from(place)));
                }
                Ok(Arc::new(Ordered { keys: own, is_coarse: ordered.is_coarse }))
            })?;
            taken.ordered.get_or_init(|| ordered);
        }
        Ok(taken)
    }

    /// The bits of all dense columns, row after row.
    fn by_row(&self) -> Result<Vec<u32>> {
        let mut cells = memory::try_filled(memory::checked_len(self.n_rows, self.len())?, 0)?;
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
        parallel::map_with(ctx, self.plain.iter().collect(), scratch, |(keys, spare), column: &Arc<Column>| {
            column.keys(keys)?;
            if spare.len() < keys.len() {
                *spare = memory::try_filled(keys.len(), 0)?;
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
        let mut features = memory::try_with_capacity(self.len())?;
        features.extend(self.plain.iter().map(|column| Feature { column, is_coarse: false, keys: &[] }));
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
                    (feature.is_coarse, feature.keys) = (ordered.is_coarse, &ordered.keys);
                }
            }
        }
        Ok(features)
    }
}

/// Where each row of a data set stands among rows taken from it.
pub(super) struct Places {
    /// By row, where its places start; one more than there are rows.
    starts: Vec<u32>,
    places: Vec<u32>,
}

impl Places {
    /// Of `taken` in a data set of `n_rows` rows.
    fn new(taken: &[u32], n_rows: usize) -> Result<Self> {
        let mut starts = memory::try_filled(n_rows + 1, 0)?;
        for &row in taken {
            *starts[1..].get_mut(row as usize).ok_or(Error::InvalidArgument("a row to take is not there"))? += 1;
        }
        (0..n_rows).for_each(|row| starts[row + 1] += starts[row]);
        let (mut places, mut next) = (memory::try_filled(taken.len(), 0)?, memory::try_copied(&starts)?);
        for (place, &row) in (0..).zip(taken) {
            places[next[row as usize] as usize] = place;
            next[row as usize] += 1;
        }
        Ok(Self { starts, places })
    }

    /// The places of a row, ascending.
    pub(super) fn of(&self, row: u32) -> &[u32] {
        &self.places[self.starts[row as usize] as usize..self.starts[row as usize + 1] as usize]
    }
}

fn check_rows(n_rows: usize) -> Result<()> {
    if n_rows < u32::MAX as usize { Ok(()) } else { Err(Error::InvalidArgument("more rows than a tree can number")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Tree;
    use crate::tree::grow::{Targets, grow};

    const ROWS: usize = 90;
    const COLUMNS: usize = 3;

    /// Columns of many values, of few with gaps, and of few that are mostly zero; and as sparse columns.
    fn data(ctx: &Context) -> Result<(Vec<f32>, [Columns; 2])> {
        let cell = |row: usize, column: usize| match column {
            0 => (row * 37 % 101) as f32,
            1 if row % 7 == 3 => f32::NAN,
            1 => (row * 11 % 5) as f32,
            _ => (row * 13 % 29).saturating_sub(26) as f32,
        };
        let values: Vec<f32> = (0..ROWS).flat_map(|row| (0..COLUMNS).map(move |column| cell(row, column))).collect();
        let (mut stored, mut rows, mut starts) = (Vec::new(), Vec::new(), vec![0]);
        for column in 0..COLUMNS {
            let differ = (0..ROWS).filter(|&row| cell(row, column) != 0.0);
            differ.for_each(|row| {
                stored.push(cell(row, column));
                rows.push(row as u32);
            });
            starts.push(rows.len());
        }
        let dense = Columns::dense(ctx, &values, ROWS, COLUMNS)?;
        Ok((values, [dense, Columns::sparse(ctx, &stored, &rows, &starts, ROWS)?]))
    }

    fn ways() -> impl Iterator<Item = Params<'static>> {
        [(SplitterKind::Best, COLUMNS), (SplitterKind::Best, 1), (SplitterKind::Random, 2)].into_iter().map(
            |(splitter, max_features)| Params {
                criterion: CriterionKind::Gini,
                splitter,
                max_depth: 6,
                min_samples_split: 2,
                min_samples_leaf: 2,
                min_weight_leaf: 0.0,
                max_features,
                max_leaf_nodes: None,
                min_impurity_decrease: 0.0,
                monotonic: None,
            },
        )
    }

    fn tree(ctx: &Context, columns: &Columns, rows: &[u32], params: &Params) -> Result<Tree> {
        let codes: Vec<u32> = rows.iter().map(|row| row * row % 3).collect();
        grow(ctx, columns, &Targets::Classes { codes: &codes, n_classes: &[3] }, None, params, 5)
    }

    #[test]
    fn rows_that_are_taken_are_data_of_their_own() -> Result<()> {
        let ctx = Context::serial();
        let (values, forms) = data(&ctx)?;
        let rows: Vec<u32> = (0..100).map(|i| i * i % ROWS as u32).collect();
        let taken = rows.iter().flat_map(|&row| &values[row as usize * COLUMNS..][..COLUMNS]);
        let expected = Columns::dense(&ctx, &taken.copied().collect::<Vec<_>>(), rows.len(), COLUMNS)?;
        for columns in forms {
            for params in ways() {
                let own = columns.take(&ctx, &params, &rows)?;
                assert_eq!(tree(&ctx, &own, &rows, &params)?, tree(&ctx, &expected, &rows, &params)?);
            }
            assert!(columns.take(&ctx, &ways().next().ok_or(Error::Interrupted)?, &[ROWS as u32]).is_err());
        }
        Ok(())
    }

    #[test]
    fn features_that_are_selected_are_data_of_their_own() -> Result<()> {
        let ctx = Context::serial();
        let (values, forms) = data(&ctx)?;
        let (rows, features): (Vec<u32>, _) = ((0..ROWS as u32).collect(), [2, 0, 2]);
        let picked = values.chunks(COLUMNS).flat_map(|row| features.map(|feature| row[feature]));
        let expected = Columns::dense(&ctx, &picked.collect::<Vec<_>>(), ROWS, features.len())?;
        for columns in forms {
            assert!(columns.select(&[COLUMNS]).is_err());
            for params in ways() {
                columns.prepare_for(&ctx, &params, features.len())?;
                let own = columns.select(&features)?;
                assert_eq!(tree(&ctx, &own, &rows, &params)?, tree(&ctx, &expected, &rows, &params)?);
            }
        }
        Ok(())
    }
}
