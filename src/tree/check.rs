//! Whether a table of nodes is a tree: asked before a stored model is believed.
//!
//! In every tree of scikit-learn a child stands behind its parent, which rules cycles out. Nodes that nothing leads to
//! are allowed: cutting a branch off by hand leaves them.

use super::nodes::{NO_CHILD, Node};
use crate::common::{Error, Result, memory};

/// Checks that every path from the root ends in a leaf, at most `max_depth` edges below it, that no node has two
/// parents, and that every decision asks for one of `n_features` features.
///
/// # Errors
/// [`Error::Corrupt`] says what is wrong; [`Error::OutOfMemory`].
pub fn check(nodes: &[Node], n_features: usize, max_depth: usize) -> Result<()> {
    if nodes.is_empty() {
        return Err(Error::Corrupt("a tree has no root"));
    }
    let mut depths = memory::try_filled(nodes.len(), None)?;
    depths[0] = Some(0);
    for (at, node) in nodes.iter().enumerate() {
        if node.n_node_samples < 0 {
            return Err(Error::Corrupt("a node of a tree has a negative number of samples"));
        }
        if node.missing_go_to_left > 1 {
            return Err(Error::Corrupt("missing_go_to_left of a tree must be 0 or 1"));
        }
        let Some(children) = children(nodes, at)? else { continue };
        feature(node, n_features)?;
        let depth = depths[at].map(|depth| depth + 1);
        if depth.is_some_and(|depth| depth > max_depth) {
            return Err(Error::Corrupt("a tree is deeper than its max_depth"));
        }
        for child in children {
            if depth.is_some() && depths[child].is_some() {
                return Err(Error::Corrupt("a node of a tree has two parents"));
            }
            depths[child] = depths[child].or(depth);
        }
    }
    Ok(())
}

/// The children of a node, `None` for a leaf.
///
/// # Errors
/// [`Error::Corrupt`] unless they are two nodes that stand behind it.
pub fn children(nodes: &[Node], at: usize) -> Result<Option<[usize; 2]>> {
    let Node { left_child, right_child, .. } = nodes[at];
    if left_child == NO_CHILD && right_child == NO_CHILD {
        return Ok(None);
    }
    let behind = |child: i64| usize::try_from(child).ok().filter(|&child| child > at && child < nodes.len());
    match (behind(left_child), behind(right_child)) {
        (Some(left), Some(right)) if left != right => Ok(Some([left, right])),
        _ => Err(Error::Corrupt("the children of a node of a tree are not two nodes behind it")),
    }
}

/// The feature that a node asks for.
///
/// # Errors
/// [`Error::Corrupt`] unless it is one of `n_features`, and is compared with a number.
pub fn feature(node: &Node, n_features: usize) -> Result<usize> {
    if node.threshold.is_nan() {
        return Err(Error::Corrupt("a threshold of a tree is no number"));
    }
    usize::try_from(node.feature)
        .ok()
        .filter(|&feature| feature < n_features)
        .ok_or(Error::Corrupt("a node of a tree asks for a feature that is not there"))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::nodes::UNDEFINED;
    use super::*;

    /// A node that splits.
    pub(crate) fn split(feature: i64, threshold: f64, left_child: i64, right_child: i64) -> Node {
        Node { left_child, right_child, feature, threshold, ..Node::leaf(0.5, 4, 4.0) }
    }

    /// A leaf.
    pub(crate) fn leaf() -> Node {
        Node::leaf(0.0, 2, 2.0)
    }

    /// A chain: node 2i splits off the leaf 2i + 1 to the left.
    pub(crate) fn chain(depth: usize) -> Vec<Node> {
        let splits = (0..depth).flat_map(|i| {
            let at = 2 * i as i64;
            [split(0, i as f64, at + 1, at + 2), leaf()]
        });
        splits.chain([leaf()]).collect()
    }

    #[test]
    fn trees_pass() {
        assert!(check(&[leaf()], 1, 0).is_ok());
        assert!(check(&chain(1), 1, 1).is_ok());
        assert!(check(&chain(100_000), 1, 100_000).is_ok());
        // A branch that was cut off by hand.
        assert!(check(&[leaf(), split(0, 0.0, 2, 3), leaf(), leaf()], 1, 1).is_ok());
    }

    #[test]
    fn other_tables_do_not() {
        let node = split(0, 0.5, 1, 2);
        for wrong in [
            Node { left_child: 0, ..node },
            Node { left_child: 3, ..node },
            Node { left_child: 2, ..node },
            Node { left_child: NO_CHILD, ..node },
            Node { right_child: i64::MIN, ..node },
            Node { left_child: i64::MAX, ..node },
            Node { feature: 1, ..node },
            Node { feature: UNDEFINED, ..node },
            Node { threshold: f64::NAN, ..node },
            Node { missing_go_to_left: 7, ..node },
            Node { n_node_samples: -1, ..node },
        ] {
            assert!(matches!(check(&[wrong, leaf(), leaf()], 1, 1), Err(Error::Corrupt(_))), "{wrong:?}");
        }
        assert!(check(&[], 1, 0).is_err());
        assert!(check(&chain(2), 1, 1).is_err());
        // Node 2 is a child of both 0 and 1.
        assert!(check(&[split(0, 0.0, 1, 2), split(0, 0.0, 2, 3), leaf(), leaf()], 1, 2).is_err());
    }
}
