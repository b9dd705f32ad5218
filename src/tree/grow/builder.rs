//! From nodes to a tree: depth first, or the most promising leaf first.
//!
//! Both number the nodes and draw features in scikit-learn's order. Nodes wait on a stack or in a heap of our own, so a
//! tree may be as deep as there are samples.

use super::criteria::Criterion;
use super::frontier::Frontier;
use super::splitter::{Split, Splitter, Task};
use super::{Params, Targets};
use crate::common::{Context, Error, Result, memory};
use crate::tree::nodes::{NO_CHILD, Node, Tree, UNDEFINED};

/// Samples between two looks at whether to go on.
const PATIENCE: usize = 1 << 14;

/// A node that waits to be looked at.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    task: Task,
    depth: usize,
    /// The parent's number, and whether this is its left child.
    parent: Option<(usize, bool)>,
}

/// A node that is a leaf unless it comes to be expanded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expandable {
    id: usize,
    task: Task,
    depth: usize,
    split: Option<Split>,
}

impl Expandable {
    /// What expanding the node would gain.
    pub(super) fn improvement(&self) -> f64 {
        self.split.map_or(0.0, |split| split.improvement)
    }
}

/// A tree being grown.
pub(super) struct Builder<'a, C: Criterion> {
    ctx: &'a Context<'a>,
    params: &'a Params<'a>,
    splitter: Splitter<'a, C>,
    tree: Tree,
    /// Samples looked at since the last check.
    patience: usize,
}

impl<'a, C: Criterion> Builder<'a, C> {
    pub(super) fn new(
        ctx: &'a Context<'a>,
        params: &'a Params<'a>,
        splitter: Splitter<'a, C>,
        targets: &Targets,
    ) -> Self {
        let tree = Tree {
            nodes: Vec::new(),
            values: Vec::new(),
            n_outputs: targets.n_outputs(),
            max_n_classes: targets.max_n_classes(),
            max_depth: 0,
        };
        Self { ctx, params, splitter, tree, patience: 0 }
    }

    /// The tree with as many leaves as `max_leaf_nodes` allows, or all.
    pub(super) fn build(mut self) -> Result<Tree> {
        match self.params.max_leaf_nodes {
            None => self.depth_first()?,
            Some(most) => self.best_first(most)?,
        }
        self.tree.nodes.shrink_to_fit();
        self.tree.values.shrink_to_fit();
        Ok(self.tree)
    }

    fn root(&self) -> Waiting {
        let task = Task {
            start: 0,
            end: self.splitter.n_samples(),
            impurity: f64::INFINITY,
            lower: f64::NEG_INFINITY,
            upper: f64::INFINITY,
            n_constants: 0,
        };
        Waiting { task, depth: 0, parent: None }
    }

    /// Left subtrees are finished before right ones are begun.
    fn depth_first(&mut self) -> Result<()> {
        let mut stack = vec![self.root()];
        while let Some(waiting) = stack.pop() {
            let node = self.add(waiting)?;
            self.tree.max_depth = self.tree.max_depth.max(node.depth);
            if let Some(split) = node.split {
                let [left, right] = self.children(&node, &split);
                stack.try_reserve(2).map_err(|_| Error::MemoryShort)?;
                stack.extend([right, left]);
            }
        }
        Ok(())
    }

    /// The leaf whose split gains most is expanded first, until there are `most` leaves.
    fn best_first(&mut self, most: usize) -> Result<()> {
        let mut frontier = Frontier::default();
        let mut splits_left = most.saturating_sub(1);
        let root = self.root();
        frontier.push(self.add(root)?)?;
        while let Some(node) = frontier.pop() {
            self.tree.max_depth = self.tree.max_depth.max(node.depth);
            match node.split.filter(|_| splits_left > 0) {
                None => {
                    // Where missing values would have gone stays, as in scikit-learn.
                    let leaf = &mut self.tree.nodes[node.id];
                    (leaf.left_child, leaf.right_child) = (NO_CHILD, NO_CHILD);
                    (leaf.feature, leaf.threshold) = (UNDEFINED, UNDEFINED as f64);
                }
                Some(split) => {
                    splits_left -= 1;
                    let [mut left, mut right] = self.children(&node, &split);
                    // Constants are not handed down: nodes are not visited in the order of the tree.
                    (left.task.n_constants, right.task.n_constants) = (0, 0);
                    let (left, right) = (self.add(left)?, self.add(right)?);
                    frontier.push(left)?;
                    frontier.push(right)?;
                }
            }
        }
        Ok(())
    }

    /// Splits a node if it may and can be split, and adds it to the tree.
    fn add(&mut self, Waiting { mut task, depth, parent }: Waiting) -> Result<Expandable> {
        let n = task.end - task.start;
        self.patience += n;
        if self.patience >= PATIENCE {
            self.patience = 0;
            self.ctx.check()?;
        }
        let weight = self.splitter.enter(task.start, task.end);
        if parent.is_none() {
            task.impurity = self.splitter.impurity();
        }
        let is_leaf = self.params.ends(depth, n, task.impurity) || weight < 2.0 * self.params.min_weight_leaf;
        let split = if is_leaf { None } else { self.splitter.split(self.ctx, &task, depth)? };
        let split = split.filter(|split| {
            // An improvement that is no number splits: that is how scikit-learn compares.
            let too_little = split.improvement + f64::EPSILON < self.params.min_impurity_decrease;
            !too_little
        });

        let id = self.tree.nodes.len();
        let mut node = Node::leaf(task.impurity, n, weight);
        if let Some(split) = split {
            (node.feature, node.threshold) = (split.feature as i64, split.threshold);
            node.missing_go_to_left = split.missing_go_to_left.into();
        }
        let stride = self.tree.n_outputs * self.tree.max_n_classes;
        grown(&mut self.tree.nodes, 1)?.push(node);
        grown(&mut self.tree.values, stride)?.resize((id + 1) * stride, 0.0);
        let value = &mut self.tree.values[id * stride..];
        self.splitter.value(value);
        if self.params.monotonic.is_some() {
            self.splitter.criterion.clip(value, task.lower, task.upper);
        }
        if let Some((parent, is_left)) = parent {
            let parent = &mut self.tree.nodes[parent];
            *(if is_left { &mut parent.left_child } else { &mut parent.right_child }) = id as i64;
        }
        Ok(Expandable { id, task, depth, split })
    }

    /// The children of a node that is split, left and right.
    fn children(&self, node: &Expandable, split: &Split) -> [Waiting; 2] {
        let Task { start, end, lower, upper, .. } = node.task;
        let middle = split.middle_value;
        let (left, right) = match self.params.monotonic.map_or(0, |signs| signs[split.feature]) {
            0 => ((lower, upper), (lower, upper)),
            1 => ((lower, middle), (middle, upper)),
            _ => ((middle, upper), (lower, middle)),
        };
        let child = |start, end, impurity, (lower, upper), is_left| Waiting {
            task: Task { start, end, impurity, lower, upper, n_constants: split.n_constants },
            depth: node.depth + 1,
            parent: Some((node.id, is_left)),
        };
        [
            child(start, split.middle, split.left_impurity, left, true),
            child(split.middle, end, split.right_impurity, right, false),
        ]
    }
}

/// The vector with room for `more`, doubled when it is full.
fn grown<T>(vec: &mut Vec<T>, more: usize) -> Result<&mut Vec<T>> {
    let wanted = memory::checked_len(vec.len().max(more), size_of::<T>())?;
    vec.try_reserve(more).map_err(|_| Error::OutOfMemory { bytes: wanted })?;
    Ok(vec)
}
