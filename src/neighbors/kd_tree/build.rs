//! Building the tree: parts of the rows, each with its own piece of every array, are cut until they are leaves.
//!
//! Rows are moved, not pointed to: whatever a cut reads lies in a row, and from some level on in the cache. Both sides of
//! a cut keep the order of the rows, so each part is in ascending order of index: ties need no second look at an index.

use crate::common::{Context, Float, Result, memory, parallel};
use crate::metrics::leaf::LEAF;

use super::KdTree;

/// Coordinates below which a part is built by one job: what stays in the cache of a core.
const JOB_VALUES: usize = 32_768;

/// The rows below one node, and where that node and what is below it are written.
struct Part<'a> {
    n_cols: usize,
    /// Indices of the rows, ascending.
    rows: &'a mut [u32],
    /// Their coordinates, row by row; what the last leaf has too many is at the end.
    values: &'a mut [f64],
    boxes: &'a mut [f64],
    least: &'a mut [u32],
}

/// What a cut needs besides.
#[derive(Default)]
struct Scratch {
    keys: Vec<u64>,
    rows: Vec<u32>,
    values: Vec<f64>,
}

pub(super) fn build<F: Float>(ctx: &Context, values: &[F], n_rows: usize, n_cols: usize) -> Result<KdTree> {
    let n_leaves = n_rows.div_ceil(LEAF);
    let n_nodes = (2 * n_leaves).saturating_sub(1);
    let mut rows = memory::try_with_capacity(n_rows)?;
    rows.extend(0..n_rows as u32);
    let size = memory::checked_len(n_leaves * LEAF, n_cols)?;
    let mut leaves = memory::try_with_capacity(size)?;
    leaves.extend(values.iter().map(|value| value.to_f64()));
    leaves.resize(size, 0.0);
    let mut boxes = memory::try_filled(memory::checked_len(2 * n_nodes, n_cols)?, 0.0)?;
    let mut least = memory::try_filled(n_nodes, 0)?;
    if n_rows > 0 {
        // Near the root parts are large and few, so the levels are done one after the other.
        let job_rows = (JOB_VALUES / n_cols).max(LEAF);
        let root = Part { n_cols, rows: &mut rows, values: &mut leaves, boxes: &mut boxes, least: &mut least };
        let mut parts = vec![root];
        while parts.iter().any(|part| part.rows.len() > job_rows) {
            let halves = parallel::map(ctx, parts, |part| part.cut(&mut Scratch::default()))?;
            parts = halves.into_iter().flatten().flat_map(|(first, second)| [first, second]).collect();
        }
        parallel::map_with(ctx, parts, || Ok(Scratch::default()), |scratch, part| part.grow(scratch))?;
    }
    Ok(KdTree { n_rows, n_cols, rows, leaves, boxes, least })
}

impl<'a> Part<'a> {
    /// Builds the tree below this node. Each level halves the rows: recursion is as deep as the logarithm of their number.
    fn grow(self, scratch: &mut Scratch) -> Result<()> {
        if let Some((first, second)) = self.cut(scratch)? {
            first.grow(scratch)?;
            second.grow(scratch)?;
        }
        Ok(())
    }

    /// Writes this node, and the leaf if it is one; otherwise returns its halves.
    fn cut(mut self, scratch: &mut Scratch) -> Result<Option<(Part<'a>, Part<'a>)>> {
        let n_cols = self.n_cols;
        let mut column = 0;
        while column < n_cols {
            column += match n_cols - column {
                1 => self.bound::<1>(column),
                2 => self.bound::<2>(column),
                3 => self.bound::<3>(column),
                _ => self.bound::<4>(column),
            };
        }
        self.least[0] = self.rows[0];
        let n_leaves = self.rows.len().div_ceil(LEAF);
        if n_leaves == 1 {
            self.write_leaf(scratch)?;
            return Ok(None);
        }
        let (low, high) = self.boxes[..2 * n_cols].split_at(n_cols);
        let column = widest(low, high);
        let first_leaves = n_leaves.div_ceil(2);
        let count = first_leaves * LEAF;
        match n_cols {
            1 => self.divide::<1>(column, count, scratch)?,
            2 => self.divide::<2>(column, count, scratch)?,
            3 => self.divide::<3>(column, count, scratch)?,
            4 => self.divide::<4>(column, count, scratch)?,
            _ => self.divide::<0>(column, count, scratch)?,
        }
        let nodes = 2 * first_leaves - 1;
        let (rows, other_rows) = self.rows.split_at_mut(count);
        let (values, other_values) = self.values.split_at_mut(count * n_cols);
        let (boxes, other_boxes) = self.boxes[2 * n_cols..].split_at_mut(2 * nodes * n_cols);
        let (least, other_least) = self.least[1..].split_at_mut(nodes);
        let second = Part { n_cols, rows: other_rows, values: other_values, boxes: other_boxes, least: other_least };
        Ok(Some((Part { n_cols, rows, values, boxes, least }, second)))
    }

    /// Writes the box in the `W` features from `column`; returns `W`.
    fn bound<const W: usize>(&mut self, column: usize) -> usize {
        let (mut low, mut high) = ([f64::INFINITY; W], [f64::NEG_INFINITY; W]);
        for row in self.values.chunks_exact(self.n_cols).take(self.rows.len()) {
            for (w, &value) in row[column..column + W].iter().enumerate() {
                low[w] = if value < low[w] { value } else { low[w] };
                high[w] = if value > high[w] { value } else { high[w] };
            }
        }
        self.boxes[column..column + W].copy_from_slice(&low);
        self.boxes[self.n_cols + column..][..W].copy_from_slice(&high);
        W
    }

    /// Moves the `count` rows that are first by (value in a feature, index) to the front; both parts keep their order.
    /// `N` is the number of features, or 0 for any.
    fn divide<const N: usize>(&mut self, column: usize, count: usize, scratch: &mut Scratch) -> Result<()> {
        let n_cols = if N == 0 { self.n_cols } else { N };
        let n_rows = self.rows.len();
        let Scratch { keys, rows, values } = scratch;
        // One place more than the second part has: every row is written there first.
        let spare = n_rows - count + 1;
        reserve(keys, n_rows)?;
        reserve(rows, spare)?;
        reserve(values, memory::checked_len(spare, n_cols)?)?;
        let keys = &mut keys[..n_rows];
        for (place, row) in keys.iter_mut().zip(self.values.chunks_exact(n_cols)) {
            *place = key(row[column]);
        }
        let (below, &mut middle, _) = keys.select_nth_unstable(count);
        // Rows with the middle's key belong to the front as long as there is room for them.
        let mut capacity = below.iter().filter(|&&key| key == middle).count();
        let (mut front, mut back) = (0, 0);
        for row in 0..n_rows {
            let key = key(self.values[row * n_cols + column]);
            let fits = usize::from(key == middle) & usize::from(capacity > 0);
            let is_first = usize::from(key < middle) | fits;
            capacity -= fits;
            (self.rows[front], rows[back]) = (self.rows[row], self.rows[row]);
            for column in 0..n_cols {
                let value = self.values[row * n_cols + column];
                (self.values[front * n_cols + column], values[back * n_cols + column]) = (value, value);
            }
            front += is_first;
            back += 1 - is_first;
        }
        self.rows[count..].copy_from_slice(&rows[..back]);
        self.values[count * n_cols..n_rows * n_cols].copy_from_slice(&values[..back * n_cols]);
        Ok(())
    }

    /// Turns the rows of a leaf into lanes.
    fn write_leaf(&mut self, scratch: &mut Scratch) -> Result<()> {
        reserve(&mut scratch.values, self.values.len())?;
        let values = &mut scratch.values[..self.values.len()];
        values.copy_from_slice(self.values);
        for (column, lanes) in self.values.chunks_exact_mut(LEAF).enumerate() {
            for (lane, value) in lanes.iter_mut().enumerate() {
                *value = values[lane * self.n_cols + column];
            }
        }
        Ok(())
    }
}

/// Makes a vector at least so long.
fn reserve<T: Copy + Default>(scratch: &mut Vec<T>, len: usize) -> Result<()> {
    if scratch.len() < len {
        *scratch = memory::try_filled(len, T::default())?;
    }
    Ok(())
}

/// The feature in which the box is widest, the first of several.
fn widest(low: &[f64], high: &[f64]) -> usize {
    let width = |column: usize| high[column] - low[column];
    (1..low.len()).fold(0, |best, column| if width(column) > width(best) { column } else { best })
}

/// An integer that orders like the value.
fn key(value: f64) -> u64 {
    let bits = (value + 0.0).to_bits(); // -0 is 0
    bits ^ ((bits as i64 >> 63) as u64 | 1 << 63)
}
