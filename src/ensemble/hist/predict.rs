//! Predictions of stored trees.
//!
//! Stored nodes are bytes that anybody may have written to, before or meanwhile: children must follow their parent, so
//! that every walk ends, and each step checks where it leads. For many rows trees are packed first, 16 bytes to a node,
//! and eight rows go down side by side.

use super::bins::Table;
use super::predictor::{RECORD_BYTES, Record};
use crate::common::context::{Blocks, Context};
use crate::common::error::check_length;
use crate::common::simd::{Loops, compiled};
use crate::common::{Error, Result, memory, parallel};

/// Rows for which trees are packed.
const MANY: usize = 32;
/// Rows that go down side by side.
const LANES: usize = 8;
/// Rows that are copied together, and go down all trees before the next.
const GROUP: usize = 64;
/// Rows of a block at least, and blocks at most.
const BLOCK_ROWS: usize = 256;
const BLOCKS: usize = 64;
/// Flags beside the feature of a packed node.
const MISSING_LEFT: u32 = 1 << 31;
const CATEGORICAL: u32 = 1 << 30;
const FLAGS: u32 = MISSING_LEFT | CATEGORICAL;

const NO_FEATURE: Error = Error::Corrupt("a node names a feature that there is not");
const NO_CHILD: Error = Error::Corrupt("a child does not follow its node");
const NO_SET: Error = Error::Corrupt("a node names a set of categories that there is not");

/// A tree as it is stored.
#[derive(Debug, Clone, Copy)]
pub struct Stored<'a> {
    /// Its nodes: see [`Record`].
    pub nodes: &'a [u8],
    /// Sets of category codes that go left, eight words each.
    pub sets: &'a [u32],
}

/// The categories that the features had when the trees were grown.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Sets of codes, eight words each.
    pub sets: &'a [u32],
    /// Which of them belongs to each feature.
    pub places: &'a [u32],
}

impl Known<'_> {
    fn has(&self, feature: usize, code: u8) -> Result<bool> {
        is_member(self.sets, *self.places.get(feature).ok_or(NO_FEATURE)?, code)
    }
}

fn is_member(sets: &[u32], set: u32, code: u8) -> Result<bool> {
    let word = sets.get(set as usize * 8 + usize::from(code / 32)).ok_or(NO_SET)?;
    Ok(word >> (code % 32) & 1 == 1)
}

impl Stored<'_> {
    fn node(&self, place: u32) -> Result<Record> {
        let start = (place as usize).saturating_mul(RECORD_BYTES);
        let bytes = self.nodes.get(start..).and_then(|rest| rest.first_chunk()).ok_or(NO_CHILD)?;
        Ok(Record::unpacked(bytes))
    }

    /// Where a value goes from a node with children.
    fn below(&self, node: &Record, place: u32, value: f64, known: Known) -> Result<u32> {
        let goes_left = if value.is_nan() {
            node.missing_left
        } else if node.is_categorical {
            // As in scikit-learn, negative codes and unknown ones are missing; a code is its last eight bits.
            let code = value as i64 as u8;
            if value < 0.0 {
                node.missing_left
            } else if is_member(self.sets, node.set, code)? {
                true
            } else {
                !known.has(node.feature as usize, code)? && node.missing_left
            }
        } else {
            value <= node.threshold
        };
        let next = if goes_left { node.left } else { node.right };
        if next > place { Ok(next) } else { Err(NO_CHILD) }
    }

    /// What the tree says of a row.
    fn value(&self, row: impl Fn(usize) -> Option<f64>, known: Known) -> Result<f64> {
        let mut place = 0;
        loop {
            let node = self.node(place)?;
            if node.is_leaf {
                return Ok(node.value);
            }
            let value = usize::try_from(node.feature).ok().and_then(&row).ok_or(NO_FEATURE)?;
            place = self.below(&node, place, value, known)?;
        }
    }
}

/// Adds to `raw`, of shape (rows, `n_columns`), what the trees say of the rows of a table: tree i to column i modulo
/// `n_columns`.
///
/// # Errors
/// [`Error::Corrupt`] for trees that are none, arguments that do not fit together, memory refused, or an interruption.
pub fn add<F: Copy + Into<f64> + Sync>(
    ctx: &Context,
    trees: &[Stored],
    known: Known,
    table: &Table<F>,
    n_columns: usize,
    raw: &mut [f64],
) -> Result<()> {
    check_length("predictions", raw.len(), memory::checked_len(table.n_rows, n_columns)?)?;
    if table.n_rows < MANY {
        for (row, raw) in raw.chunks_mut(n_columns).enumerate() {
            let value = |feature| (feature < table.n_cols).then(|| table.get(row, feature));
            for (i, tree) in trees.iter().enumerate() {
                raw[i % n_columns] += tree.value(value, known)?;
            }
        }
        return Ok(());
    }
    let packed = parallel::map(ctx, trees.to_vec(), |tree| Packed::new(&tree, table.n_cols))?;
    let blocks = Blocks::new(table.n_rows, BLOCK_ROWS, BLOCKS);
    let jobs = blocks.ranges().zip(raw.chunks_mut((blocks.rows() * n_columns).max(1))).collect();
    parallel::map(ctx, jobs, |(range, raw): (std::ops::Range<usize>, &mut [f64])| {
        let mut values = memory::try_filled(GROUP.max(LANES) * table.n_cols, 0.0)?;
        for (first, raw) in range.step_by(GROUP).zip(raw.chunks_mut(GROUP * n_columns)) {
            ctx.check()?;
            let n = raw.len() / n_columns;
            for (row, values) in values.chunks_mut(table.n_cols.max(1)).take(n).enumerate() {
                values.iter_mut().enumerate().for_each(|(f, value)| *value = table.get(first + row, f));
            }
            compiled(Walk { trees, packed: &packed, known, values: &values, n_cols: table.n_cols, n_columns, raw })?;
        }
        Ok(())
    })?;
    Ok(())
}

/// A node with children has what goes left as its threshold; its left child follows it. A leaf sends every value to itself.
#[derive(Debug, Clone, Copy)]
struct PackedNode {
    threshold: f64,
    feature: u32,
    right: u32,
}

/// A tree whose nodes all lead to nodes of it, in preorder.
#[derive(Debug)]
struct Packed {
    nodes: Vec<PackedNode>,
    values: Vec<f64>,
    has_categories: bool,
}

impl Packed {
    fn new(tree: &Stored, n_features: usize) -> Result<Self> {
        let n = tree.nodes.len() / RECORD_BYTES;
        let (mut nodes, mut values) = (memory::try_with_capacity(n)?, memory::try_with_capacity(n)?);
        let mut has_categories = false;
        for place in 0..n as u32 {
            let node = tree.node(place)?;
            values.push(node.value);
            if node.is_leaf {
                nodes.push(PackedNode { threshold: f64::NAN, feature: 0, right: place });
                continue;
            }
            if node.feature < 0 || node.feature >= n_features as i64 || n_features >= CATEGORICAL as usize {
                return Err(NO_FEATURE);
            }
            if node.left != place + 1 || node.right <= place || node.right as usize >= n || node.left as usize >= n {
                return Err(NO_CHILD);
            }
            has_categories |= node.is_categorical;
            let flags = u32::from(node.missing_left) * MISSING_LEFT + u32::from(node.is_categorical) * CATEGORICAL;
            let feature = node.feature as u32 | flags;
            nodes.push(PackedNode { threshold: node.threshold, feature, right: node.right });
        }
        if nodes.is_empty() {
            return Err(Error::Corrupt("a tree has no nodes"));
        }
        Ok(Self { nodes, values, has_categories })
    }
}

/// The walk of a group of rows down all trees.
struct Walk<'a, 'b> {
    trees: &'a [Stored<'b>],
    packed: &'a [Packed],
    known: Known<'a>,
    values: &'a [f64],
    n_cols: usize,
    n_columns: usize,
    raw: &'a mut [f64],
}

impl Loops for Walk<'_, '_> {
    type Output = Result<()>;

    #[inline(always)]
    fn run(self) -> Result<()> {
        let Self { trees, packed, known, values, n_cols, n_columns, raw } = self;
        for (i, (tree, packed)) in trees.iter().zip(packed).enumerate() {
            let column = i % n_columns;
            if packed.has_categories {
                let rows = raw.chunks_mut(n_columns).zip(values.chunks(n_cols.max(1)));
                for (raw, values) in rows {
                    raw[column] += tree.value(|feature| values.get(feature).copied(), known)?;
                }
                continue;
            }
            let lanes = raw.chunks_mut(LANES * n_columns).zip(values.chunks(LANES * n_cols.max(1)));
            for (raw, values) in lanes {
                let leaves = leaves(&packed.nodes, values, n_cols);
                for (raw, leaf) in raw.iter_mut().skip(column).step_by(n_columns).zip(leaves) {
                    *raw += packed.values[leaf];
                }
            }
        }
        Ok(())
    }
}

/// The leaves of eight rows.
#[inline(always)]
fn leaves(nodes: &[PackedNode], values: &[f64], n_cols: usize) -> [usize; LANES] {
    let mut places = [0; LANES];
    loop {
        let mut moved = 0;
        for (lane, place) in places.iter_mut().enumerate() {
            let node = nodes[*place];
            let value = values[lane * n_cols + (node.feature & !FLAGS) as usize];
            let goes_left = (value <= node.threshold) | (value.is_nan() & (node.feature & MISSING_LEFT != 0));
            let next = if goes_left { *place + 1 } else { node.right as usize };
            moved |= next ^ *place;
            *place = next;
        }
        if moved == 0 {
            return places;
        }
    }
}
