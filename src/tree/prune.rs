//! Cost-complexity pruning: the weakest branch becomes a leaf, again and again.
//!
//! The cost of a node is its fraction of the samples' weight times its impurity; that of a branch is the sum over its
//! leaves. A branch of L leaves is worth alpha = (cost of its node - cost of the branch) / (L - 1) for each leaf that it
//! has over one; the branch of the smallest alpha (of equals: the first node) goes first. A tournament over the nodes
//! has the smallest at hand, where a scan would look at every node for every cut.
//!
//! Sums are taken in the order in which scikit-learn takes them, so that alphas and costs are the same to the last bit.
//!
//! Reference: L. Breiman, J. Friedman, R. Olshen, C. Stone, *Classification and Regression Trees* (1984), chapter 3.

use super::check;
use super::nodes::{Node, Tree};
use crate::common::{Context, Error, Result, memory};

/// The trees that pruning passes through, from the whole tree to the root alone.
#[derive(Debug, Default, PartialEq)]
pub struct Path {
    /// The alpha at which each tree appears, the first one 0.
    pub alphas: Vec<f64>,
    /// The cost of each tree.
    pub impurities: Vec<f64>,
}

/// The alphas and costs of all trees that pruning passes through.
///
/// # Errors
/// [`Error::Corrupt`], [`Error::OutOfMemory`], [`Error::Interrupted`].
pub fn path(ctx: &Context, nodes: &[Node], n_features: usize) -> Result<Path> {
    let mut pruning = Pruning::new(ctx, nodes, n_features)?;
    let mut path =
        Path { alphas: memory::try_with_capacity(nodes.len())?, impurities: memory::try_with_capacity(nodes.len())? };
    path.alphas.push(0.0);
    path.impurities.push(pruning.branch_costs[0]);
    while let Some((alpha, node)) = pruning.weakest() {
        pruning.cut(ctx, node)?;
        path.alphas.push(alpha);
        path.impurities.push(pruning.branch_costs[0]);
    }
    Ok(path)
}

/// The tree that is left when every branch whose alpha is at most `alpha` has gone. `values` has shape (nodes,
/// `n_outputs`, `n_classes`).
///
/// # Errors
/// As [`path`].
pub fn prune(
    ctx: &Context,
    nodes: &[Node],
    values: &[f64],
    (n_outputs, max_n_classes): (usize, usize),
    n_features: usize,
    alpha: f64,
) -> Result<Tree> {
    let mut pruning = Pruning::new(ctx, nodes, n_features)?;
    while let Some((weakest, node)) = pruning.weakest() {
        if alpha < weakest {
            break;
        }
        pruning.cut(ctx, node)?;
    }
    let (nodes, values, max_depth) = kept(nodes, values, n_outputs * max_n_classes, &pruning.places)?;
    Ok(Tree { nodes, values, n_outputs, max_n_classes, max_depth })
}

/// What a node is in the pruned tree.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    Inner,
    Leaf,
    Gone,
}

struct Pruning<'a> {
    nodes: &'a [Node],
    parents: Vec<Option<usize>>,
    places: Vec<Place>,
    /// Cost of each node.
    costs: Vec<f64>,
    /// Cost of the leaves of each branch.
    branch_costs: Vec<f64>,
    /// Leaves of each branch, 0 for a leaf.
    leaf_counts: Vec<usize>,
    alphas: Tournament,
}

impl<'a> Pruning<'a> {
    fn new(ctx: &Context, nodes: &'a [Node], n_features: usize) -> Result<Self> {
        check::check(nodes, n_features, nodes.len())?;
        let total = nodes[0].weighted_n_node_samples;
        let mut costs = memory::try_with_capacity(nodes.len())?;
        costs.extend(nodes.iter().map(|node| node.weighted_n_node_samples * node.impurity / total));
        let mut places = memory::try_filled(nodes.len(), Place::Gone)?;
        let mut parents = memory::try_filled(nodes.len(), None)?;
        places[0] = Place::Leaf;
        for at in 0..nodes.len() {
            if places[at] == Place::Gone {
                continue; // nothing leads to it
            }
            if let Some(children) = check::children(nodes, at)? {
                places[at] = Place::Inner;
                for child in children {
                    (parents[child], places[child]) = (Some(at), Place::Leaf);
                }
            }
        }
        let (mut branch_costs, mut leaf_counts) =
            (memory::try_filled(nodes.len(), 0.0)?, memory::try_filled(nodes.len(), 0)?);
        for leaf in (0..nodes.len()).filter(|&at| places[at] == Place::Leaf) {
            ctx.check()?;
            branch_costs[leaf] = costs[leaf];
            let mut above = parents[leaf];
            while let Some(at) = above {
                branch_costs[at] += costs[leaf];
                leaf_counts[at] += 1;
                above = parents[at];
            }
        }
        let alphas = Tournament::new(nodes.len())?;
        let mut pruning = Self { nodes, parents, places, costs, branch_costs, leaf_counts, alphas };
        for at in (0..nodes.len()).filter(|&at| pruning.places[at] == Place::Inner) {
            pruning.alphas.keys[pruning.alphas.width + at] = pruning.alpha(at);
        }
        pruning.alphas.play_all();
        Ok(pruning)
    }

    fn alpha(&self, at: usize) -> f64 {
        let alpha = (self.costs[at] - self.branch_costs[at]) / (self.leaf_counts[at] - 1) as f64;
        if alpha < f64::MAX { alpha } else { f64::INFINITY } // no number, or too large: never the weakest
    }

    /// The smallest alpha and its node, unless only the root is left.
    fn weakest(&self) -> Option<(f64, usize)> {
        self.alphas.smallest()
    }

    /// Makes a node a leaf.
    fn cut(&mut self, ctx: &Context, node: usize) -> Result<()> {
        ctx.check()?;
        let mut below = vec![node];
        while let Some(at) = below.pop() {
            if self.places[at] == Place::Inner {
                self.alphas.set(at, f64::INFINITY);
                below.extend(check::children(self.nodes, at)?.into_iter().flatten());
            }
            self.places[at] = Place::Gone;
        }
        self.places[node] = Place::Leaf;
        let lost = self.leaf_counts[node] - 1;
        self.leaf_counts[node] = 0;
        let rise = self.costs[node] - self.branch_costs[node];
        self.branch_costs[node] = self.costs[node];
        let mut above = self.parents[node];
        while let Some(at) = above {
            self.leaf_counts[at] -= lost;
            self.branch_costs[at] += rise;
            self.alphas.set(at, self.alpha(at));
            above = self.parents[at];
        }
        Ok(())
    }
}

/// Keys of which the smallest, and of equals the first, is known: a binary tree of pairwise winners.
struct Tournament {
    /// Winners' keys; those of the players begin at `width`. Infinite: out of the game.
    keys: Vec<f64>,
    width: usize,
}

impl Tournament {
    fn new(n_players: usize) -> Result<Self> {
        let width = n_players.next_power_of_two();
        Ok(Self { keys: memory::try_filled(2 * width, f64::INFINITY)?, width })
    }

    fn play_all(&mut self) {
        for game in (1..self.width).rev() {
            self.keys[game] = self.keys[2 * game].min(self.keys[2 * game + 1]);
        }
    }

    fn set(&mut self, player: usize, key: f64) {
        let mut at = self.width + player;
        self.keys[at] = key;
        while at > 1 {
            at /= 2;
            let winner = self.keys[2 * at].min(self.keys[2 * at + 1]);
            if winner == self.keys[at] {
                return; // the games above stay as they were
            }
            self.keys[at] = winner;
        }
    }

    fn smallest(&self) -> Option<(f64, usize)> {
        let smallest = self.keys[1];
        if smallest == f64::INFINITY {
            return None;
        }
        let mut at = 1;
        while at < self.width {
            at = if self.keys[2 * at] == smallest { 2 * at } else { 2 * at + 1 };
        }
        // A zero has two signs; the player's own key keeps its.
        Some((self.keys[at], at - self.width))
    }
}

/// The nodes that are not gone, in the order of a walk that goes left first, their `width` values each, and the depth.
fn kept(nodes: &[Node], values: &[f64], width: usize, places: &[Place]) -> Result<(Vec<Node>, Vec<f64>, usize)> {
    let count = places.iter().filter(|&&place| place != Place::Gone).count();
    let mut kept: Vec<Node> = memory::try_with_capacity(count)?;
    let mut their_values = memory::try_with_capacity(memory::checked_len(count, width)?)?;
    let mut max_depth = 0;
    let mut pending = vec![(0, 0, None)];
    while let Some((at, depth, parent)) = pending.pop() {
        let new = kept.len();
        if let Some((parent, is_left)) = parent {
            let parent: &mut Node = &mut kept[parent];
            *(if is_left { &mut parent.left_child } else { &mut parent.right_child }) = new as i64;
        }
        let node = nodes[at];
        match check::children(nodes, at)? {
            Some([left, right]) if places[at] == Place::Inner => {
                kept.push(Node { padding: [0; 7], ..node });
                pending.extend([(right, depth + 1, Some((new, false))), (left, depth + 1, Some((new, true)))]);
            }
            _ => kept.push(Node::leaf(node.impurity, node.n_node_samples as usize, node.weighted_n_node_samples)),
        }
        let own = values.get(at * width..(at + 1) * width);
        their_values.extend_from_slice(own.ok_or(Error::Corrupt("a tree has fewer values than nodes"))?);
        max_depth = max_depth.max(depth);
    }
    Ok((kept, their_values, max_depth))
}

#[cfg(test)]
mod tests {
    use super::super::check::tests::split;
    use super::*;

    fn node(impurity: f64, samples: usize) -> Node {
        Node::leaf(impurity, samples, samples as f64)
    }

    /// Root 0 with the branches 1 (leaves 2, 3) and 4 (leaves 5, 6); the second is the weaker.
    fn nodes() -> Vec<Node> {
        let inner = |left, impurity, samples| {
            let right = if left == 1 { 4 } else { left + 1 };
            Node {
                impurity,
                n_node_samples: samples,
                weighted_n_node_samples: samples as f64,
                ..split(0, 0.0, left, right)
            }
        };
        vec![
            inner(1, 0.5, 8),
            inner(2, 0.5, 4),
            node(0.0, 2),
            node(0.0, 2),
            inner(5, 0.25, 4),
            node(0.0, 2),
            node(0.25, 2),
        ]
    }

    #[test]
    fn the_weakest_branch_goes_first() -> Result<()> {
        let (ctx, nodes) = (Context::serial(), nodes());
        let values: Vec<f64> = (0..7).map(f64::from).collect();
        let path = path(&ctx, &nodes, 1)?;
        assert_eq!(path.alphas, [0.0, 0.0625, 0.1875]);
        assert_eq!(path.impurities, [0.0625, 0.125, 0.5]);
        let expected =
            [(0.05, 7, 2, vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), (0.0625, 5, 2, vec![0.0, 1.0, 2.0, 3.0, 4.0])];
        for (alpha, count, depth, kept) in expected.into_iter().chain([(0.2, 1, 0, vec![0.0])]) {
            let pruned = prune(&ctx, &nodes, &values, (1, 1), 1, alpha)?;
            assert_eq!((pruned.nodes.len(), pruned.max_depth, &pruned.values), (count, depth, &kept), "{alpha}");
            assert!(check::check(&pruned.nodes, 1, depth).is_ok());
        }
        Ok(())
    }

    #[test]
    fn a_root_alone_stays() -> Result<()> {
        let path = path(&Context::serial(), &[node(0.5, 3)], 1)?;
        assert_eq!((path.alphas, path.impurities), (vec![0.0], vec![0.5]));
        Ok(())
    }
}
