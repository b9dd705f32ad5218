//! A tree as rows of a table: what growing makes and everything else reads.
//!
//! Field for field the record that scikit-learn keeps of a node (its `NODE_DTYPE`), so that a tree crosses to Python
//! without being translated.

/// Child of a leaf.
pub const NO_CHILD: i64 = -1;
/// Feature and threshold of a leaf.
pub const UNDEFINED: i64 = -2;

/// One node. A sample goes left if its feature is at most the threshold; NaN goes where `missing_go_to_left` says.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Node {
    /// Position of the left child, [`NO_CHILD`] in a leaf.
    pub left_child: i64,
    /// Position of the right child, [`NO_CHILD`] in a leaf.
    pub right_child: i64,
    /// The feature that decides, [`UNDEFINED`] in a leaf.
    pub feature: i64,
    /// What the feature is compared with, [`UNDEFINED`] in a leaf.
    pub threshold: f64,
    /// The criterion over the samples of the node.
    pub impurity: f64,
    /// Samples of the node.
    pub n_node_samples: i64,
    /// Sum of their weights.
    pub weighted_n_node_samples: f64,
    /// 1 if samples whose feature is missing go left, else 0.
    pub missing_go_to_left: u8,
    /// Zeros, so that every byte of a node is known.
    pub padding: [u8; 7],
}

impl Node {
    /// A leaf of `n_node_samples` samples.
    pub fn leaf(impurity: f64, n_node_samples: usize, weighted_n_node_samples: f64) -> Self {
        Self {
            left_child: NO_CHILD,
            right_child: NO_CHILD,
            feature: UNDEFINED,
            threshold: UNDEFINED as f64,
            impurity,
            n_node_samples: n_node_samples as i64,
            weighted_n_node_samples,
            missing_go_to_left: 0,
            padding: [0; 7],
        }
    }

    /// Whether the node has no children.
    pub fn is_leaf(&self) -> bool {
        self.left_child == NO_CHILD
    }
}

/// A whole tree; node 0 is the root, and a child comes after its parent.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    /// The nodes.
    pub nodes: Vec<Node>,
    /// What each node says of each output, of shape (nodes, `n_outputs`, `max_n_classes`) in row order: the fraction of each
    /// class, or (with one "class") the mean or median of the targets.
    pub values: Vec<f64>,
    /// Outputs of the tree.
    pub n_outputs: usize,
    /// Most classes that an output has; 1 in regression.
    pub max_n_classes: usize,
    /// Edges between the root and the deepest leaf.
    pub max_depth: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_has_the_size_and_order_of_the_record_in_python() {
        assert_eq!(size_of::<Node>(), 64);
        assert_eq!(std::mem::offset_of!(Node, threshold), 24);
        assert_eq!(std::mem::offset_of!(Node, missing_go_to_left), 56);
    }
}
