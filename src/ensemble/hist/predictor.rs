//! Grown trees as scikit-learn stores them.

use super::bins::Bins;
use super::grow::{Node, Tree};
use super::histogram::BinSet;
use super::split::Side;
use crate::common::{Result, memory};

/// A node, field for field scikit-learn's.
#[derive(Debug, Clone, Copy, Default)]
pub struct Record {
    /// What it predicts.
    pub value: f64,
    /// Rows that it was grown on.
    pub count: u32,
    /// Feature of the split; 0 for a leaf.
    pub feature: i64,
    /// Largest value that goes left; infinite if all but missing ones do.
    pub threshold: f64,
    /// Whether missing values go left.
    pub missing_left: bool,
    /// Left child.
    pub left: u32,
    /// Right child.
    pub right: u32,
    /// What the split gains, or would have gained; -1 if there is none.
    pub gain: f64,
    /// Edges from the root.
    pub depth: u32,
    /// Whether it has no children.
    pub is_leaf: bool,
    /// Last bin that goes left.
    pub bin: u8,
    /// Whether the split is one of categories.
    pub is_categorical: bool,
    /// Which of the sets has the categories that go left.
    pub set: u32,
}

/// Bytes of a stored node.
pub const RECORD_BYTES: usize = 56;

impl Record {
    /// The fields one after the other, as NumPy stores them.
    pub fn packed(&self) -> [u8; RECORD_BYTES] {
        let mut bytes = [0; RECORD_BYTES];
        let mut place = 0;
        let mut put = |field: &[u8]| {
            bytes[place..place + field.len()].copy_from_slice(field);
            place += field.len();
        };
        put(&self.value.to_ne_bytes());
        put(&self.count.to_ne_bytes());
        put(&self.feature.to_ne_bytes());
        put(&self.threshold.to_ne_bytes());
        put(&[u8::from(self.missing_left)]);
        put(&self.left.to_ne_bytes());
        put(&self.right.to_ne_bytes());
        put(&self.gain.to_ne_bytes());
        put(&self.depth.to_ne_bytes());
        put(&[u8::from(self.is_leaf), self.bin, u8::from(self.is_categorical)]);
        put(&self.set.to_ne_bytes());
        bytes
    }

    /// What was [`packed`](Self::packed).
    pub fn unpacked(bytes: &[u8; RECORD_BYTES]) -> Self {
        fn at<const N: usize>(bytes: &[u8; RECORD_BYTES], start: usize) -> [u8; N] {
            std::array::from_fn(|i| bytes[start + i])
        }
        Self {
            value: f64::from_ne_bytes(at(bytes, 0)),
            count: u32::from_ne_bytes(at(bytes, 8)),
            feature: i64::from_ne_bytes(at(bytes, 12)),
            threshold: f64::from_ne_bytes(at(bytes, 20)),
            missing_left: bytes[28] != 0,
            left: u32::from_ne_bytes(at(bytes, 29)),
            right: u32::from_ne_bytes(at(bytes, 33)),
            gain: f64::from_ne_bytes(at(bytes, 37)),
            depth: u32::from_ne_bytes(at(bytes, 45)),
            is_leaf: bytes[49] != 0,
            bin: bytes[50],
            is_categorical: bytes[51] != 0,
            set: u32::from_ne_bytes(at(bytes, 52)),
        }
    }
}

/// A tree to predict with: nodes in preorder.
#[derive(Debug, Default)]
pub struct Predictor {
    /// The nodes.
    pub nodes: Vec<Record>,
    /// Bins that go left, by split of categories.
    pub bins: Vec<BinSet>,
    /// Category codes that go left.
    pub codes: Vec<BinSet>,
}

impl Predictor {
    /// From a grown tree. `edges` are those of the features.
    ///
    /// # Errors
    /// Memory refused.
    pub fn new(tree: &Tree, edges: &[&[f64]]) -> Result<Self> {
        let mut own = Self { nodes: memory::try_with_capacity(tree.nodes.len())?, ..Self::default() };
        // Nodes to come, and whose right child each is.
        let mut stack = vec![(0, None)];
        while let Some((node, right_of)) = stack.pop() {
            let place = own.nodes.len() as u32;
            if let Some(parent) = right_of {
                own.nodes[parent as usize].right = place;
            }
            let node = &tree.nodes[node];
            own.push(node, edges);
            if let Some((left, right)) = node.children {
                own.nodes[place as usize].left = place + 1;
                stack.push((right, Some(place)));
                stack.push((left, None));
            }
        }
        Ok(own)
    }

    fn push(&mut self, node: &Node, edges: &[&[f64]]) {
        let mut record = Record {
            value: node.value,
            count: node.rows.len() as u32,
            gain: node.split.map_or(-1.0, |split| split.gain),
            depth: node.depth as u32,
            is_leaf: node.children.is_none(),
            ..Record::default()
        };
        if let (Some(split), Some(_)) = (node.split, node.children) {
            let edges = edges[split.feature];
            record.feature = split.feature as i64;
            record.missing_left = split.missing_left;
            match split.side {
                Side::UpTo(bin) => {
                    record.bin = bin;
                    record.threshold = edges.get(usize::from(bin)).copied().unwrap_or(f64::INFINITY);
                }
                Side::Among(bins) => {
                    record.is_categorical = true;
                    record.set = self.bins.len() as u32;
                    let mut codes = BinSet::default();
                    let chosen = edges.iter().enumerate().filter(|&(bin, _)| bins.contains(bin as u8));
                    chosen.for_each(|(_, &code)| codes.insert(code as u8));
                    self.bins.push(bins);
                    self.codes.push(codes);
                }
            }
        }
        self.nodes.push(record);
    }
}

/// Adds what a tree says of binned rows to their predictions; `first` is the first of these rows.
pub fn add_binned(tree: &Tree, bins: &Bins, missing: u8, first: usize, raw: &mut [f64]) {
    for (row, raw) in (first..).zip(raw) {
        let mut node = &tree.nodes[0];
        while let (Some(split), Some((left, right))) = (&node.split, node.children) {
            let bin = bins.column(split.feature)[row];
            let goes_left = match split.side {
                Side::UpTo(_) if bin == missing => split.missing_left,
                _ => split.goes_left(bin, missing),
            };
            node = &tree.nodes[if goes_left { left } else { right }];
        }
        *raw += node.value;
    }
}
